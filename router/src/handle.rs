//! One request from end to end: classify → admit → locate → forward | fan out → respond.
use crate::{
    access::{self, Served},
    admit::{Admitted, admit},
    classify::{Call, Classified, Scope, classify},
    cors::Cors,
    definition_ids::learn,
    fan_out::{
        Stop, batch, command, correlate, definitions, fair, item_count, list, once, report, single, sum,
    },
    foreign,
    forward::{to_any, to_drawn_slot, to_slot},
    headers,
    locate::{Located, Target, locate_by},
    metrics::{LimitLabel, RequestLabels},
    rates::{self, Asker, Entry, Refused, Ticket},
    respond::{self, Answer},
    spans::{RequestSpan, Traced},
    state::{App, Exposure},
};
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, header, request};
use hyper::body::{Body, Bytes};
use rest_api::{
    ApiError, accept,
    operations::{Class, Merge},
};
use serde_json::{Value, json};
use service::trace::Parent;
use std::{fmt::Display, panic::AssertUnwindSafe, sync::Arc};
use topology::{ShardName, Slot};

/// Where a request came from: goes with it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// The other end of the connection.
    pub address: std::net::SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
}

/// Answers a request. Never fails: every error is an answer.
pub async fn handle<B>(app: Arc<App>, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let (mut parts, body) = request.into_parts();
    let mut entry = match parts.extensions.remove::<Entry>() {
        Some(entry) => entry,
        None => enter(&app, &parts),
    };
    let origin = parts.headers.get(header::ORIGIN).cloned();
    let mut span = begin_span(&app, &mut parts);
    let asks_where = parts.headers.contains_key(&headers::WHERE);
    let began = std::time::Instant::now();
    let told = app.access_log.as_ref().map(|log| {
        let client = parts.extensions.get::<Client>().map(|client| client.address);
        let traceparent = access::traceparent(&parts.headers).map(<[u8]>::to_vec);
        (log, client, parts.method.clone(), parts.uri.clone(), traceparent)
    });
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let classified = classify(&parts.method, parts.uri.path(), parts.uri.query());
    let mut class = "none";
    let answered = async {
        if let Some(preflight) = preflight(&app, &parts) {
            return Ok(preflight?);
        }
        entry.map_err(|refused| refuse(&app, refused))?;
        let classified = classified?;
        may_serve(&app)?;
        match classified {
            Classified::Engines => Ok(engines(&app)),
            Classified::Options(methods) => Ok(allow(&methods)),
            Classified::Call(call) => {
                class = call.operation.class.name();
                if let Some(span) = &mut span {
                    span.is(&call);
                }
                let theirs = matches!(&call.scope, Scope::Shard(name)
                    if app.foreign.shards.iter().any(|shard| shard.name.as_str() == name));
                let only = if theirs { Ok(None) } else { restrict(&app, &call) };
                let path = parts.uri.path().to_owned();
                let mut admitted = admit(&app, call, parts, body).await?;
                if let (Ok(ticket), Some(rates)) = (&mut entry, &app.live().rates) {
                    rates
                        .enter_body(ticket, &path, &admitted.out.body, rates::now())
                        .map_err(|refused| refuse(&app, refused))?;
                }
                if only.is_err() {
                    admitted.has_body()?;
                }
                dispatch(&app, &mut admitted, only?).await
            }
        }
    };
    // Our own mistakes cost one request, not the connection's others.
    let mut answer = match AssertUnwindSafe(answered).catch_unwind().await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Stop(answer))) => *answer,
        Err(_) => respond::error(ApiError::internal(
            "the router failed at this request; its log says where",
        )),
    };
    if let Some(span) = span {
        span.answered(answer.status());
    }
    if let Ok(ticket) = entry
        && let Some(rates) = &app.live().rates
    {
        rates.answered(ticket, answer.status().as_u16(), class != "none", rates::now());
    }
    if let Some((origin, cors)) = origin.as_ref().zip(app.live().cors.as_ref())
        && !answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    {
        cors.mark(origin, answer.headers_mut());
    }
    if let Some((log, client, method, uri, traceparent)) = &told {
        let served = answer.extensions().get::<Served>();
        log.tell(access::Line {
            client: *client,
            method: method.as_str(),
            path: uri.path(),
            status: answer.status().as_u16(),
            took: began.elapsed(),
            served: served.map(|served| (served.shard.as_str(), served.node.as_str())),
            traceparent: traceparent.as_deref(),
        });
    }
    if let Some(Served { shard, node }) = answer.extensions_mut().remove::<Served>().filter(|_| asks_where) {
        for (name, value) in [(headers::SHARD, shard), (headers::NODE, node)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                answer.headers_mut().insert(name, value);
            }
        }
    }
    if !reads {
        // The reference says it of GETs alone.
        answer.headers_mut().remove(header::CACHE_CONTROL);
    }
    let labels = RequestLabels {
        class,
        status: u32::from(answer.status().as_u16()),
    };
    app.metrics.requests.get_or_create(&labels).inc();
    answer
}

/// Begins the span of a request that is traced; what nodes are asked in it belongs to it.
fn begin_span(app: &App, parts: &mut request::Parts) -> Option<RequestSpan> {
    let tracer = app.upstream.tracer()?;
    let parent = access::traceparent(&parts.headers).and_then(Parent::read);
    let traced = match parts.extensions.remove::<Traced>() {
        Some(Traced(traced)) => traced,
        None => tracer.samples(parent),
    };
    if !traced {
        return None;
    }
    let span = RequestSpan::begin(tracer, parent, parts);
    let traceparent = HeaderValue::from_str(&span.traceparent()).ok()?;
    parts.headers.insert(access::TRACEPARENT, traceparent);
    Some(span)
}

/// Asks the rate limits, unless a preflight does: that costs no node anything.
fn enter(app: &App, parts: &request::Parts) -> Entry {
    let live = app.live();
    let Some(rates) = &live.rates else {
        return Ok(Ticket::default());
    };
    if live.cors.is_some() && Cors::is_preflight(&parts.method, &parts.headers) {
        return Ok(Ticket::default());
    }
    let asker = Asker {
        credentials: parts
            .headers
            .get(header::AUTHORIZATION)
            .map(HeaderValue::as_bytes),
        address: parts.extensions.get::<Client>().map(|client| client.address.ip()),
        path: parts.uri.path(),
        query: parts.uri.query(),
    };
    rates.enter(asker, rates::now())
}

fn refuse(app: &App, refused: Refused) -> ApiError {
    let labels = LimitLabel { limit: refused.whose };
    app.metrics.rate_limited.get_or_create(&labels).inc();
    refused.into()
}

/// The answer to a browser that asks whether it may ask, where CORS is on.
fn preflight(app: &App, parts: &request::Parts) -> Option<Result<Answer, ApiError>> {
    let live = app.live();
    let cors = live.cors.as_ref()?;
    let answer = |headers| {
        let mut answer = respond::no_content();
        *answer.headers_mut() = headers;
        answer
    };
    Cors::is_preflight(&parts.method, &parts.headers).then(|| cors.preflight(&parts.headers).map(answer))
}

/// Refuses strangers where nodes would let anybody in.
fn may_serve(app: &App) -> Result<(), ApiError> {
    match app.exposure() {
        Exposure::Fine => Ok(()),
        Exposure::Unknown => Err(ApiError::unavailable(
            "no node has told yet whether it asks for a password",
        )),
        Exposure::Open => Err(ApiError::unavailable(
            "this address is open to other machines and the nodes ask for no password: start them with --auth basic, \
             or the router with --insecure-no-auth if that is meant",
        )),
    }
}

/// `[{"name":"default"}]` and the shards, each of which may be asked alone.
fn engines(app: &App) -> Answer {
    let snapshot = app.snapshot();
    let shards = snapshot.shards.iter().chain(&app.foreign.shards);
    let names = std::iter::once("default").chain(shards.map(|shard| shard.name.as_str()));
    let list: Vec<Value> = names.map(|name| json!({"name": name})).collect();
    respond::json(Value::from(list).to_string(), &[])
}

fn allow(methods: &[&'static str]) -> Answer {
    let mut answer = respond::no_content();
    let mut allowed = vec!["OPTIONS"];
    allowed.extend(methods);
    if methods.contains(&"GET") {
        allowed.push("HEAD");
    }
    if let Ok(value) = HeaderValue::from_str(&allowed.join(",")) {
        answer.headers_mut().insert(header::ALLOW, value);
    }
    answer
}

/// The one shard that a request names as its engine.
///
/// # Errors
/// 400 in the reference's words for a name that nobody has. `version` never looks at the engine, as in the reference.
fn restrict(app: &App, call: &Call) -> Result<Option<ShardName>, ApiError> {
    let Scope::Shard(name) = &call.scope else {
        return Ok(None);
    };
    match app.snapshot().shard(name) {
        Some(shard) => Ok(Some(shard.name.clone())),
        None if call.operation.path == "/version" => Ok(None),
        None => Err(ApiError::invalid_request("No process engine available")),
    }
}

async fn dispatch(app: &Arc<App>, request: &mut Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    if let (None, Some(answer)) = (&only, foreign::answer(app, request).await?) {
        return Ok(answer);
    }
    let operation = request.call.operation;
    if operation.class == Class::BroadcastWrite && app.options.is_fixed() {
        return Err(ApiError::unavailable(format!(
            "{} changes what all shards share, which a fixed list of shards can't: use --topology etcd://HOST:PORT",
            operation.id
        ))
        .into());
    }
    if only.is_none() && app.snapshot().shards.len() > 1 && definitions::concerns(&request.call) {
        return definitions::answer(app, request).await;
    }
    match located(app, request).await? {
        Target::Slot(slot) => one_slot(app, request, only, slot).await,
        Target::AnySlot => Ok(respond::relay(to_drawn_slot(app, only.as_ref(), request).await?)),
        Target::AnyShard if item_count::is_asked(request) => item_count::answer(app, request, only).await,
        Target::AnyShard => Ok(respond::relay(to_any(app, only.as_ref(), request).await?)),
        Target::Many => {
            request.has_body()?;
            many(app, request, only).await
        }
    }
}

/// Where the request goes; marks one that the router's own rules placed.
async fn located(app: &App, request: &mut Admitted) -> Result<Target, ApiError> {
    let ask = |request: &Admitted| {
        let header = |name: &str| request.out.headers.get(name)?.to_str().ok();
        locate_by(
            &app.routing_keys,
            &app.definitions,
            &request.call,
            &request.out.body,
            request.idempotency_key.as_deref(),
            &header,
        )
    };
    let located = match ask(request) {
        Err(definition) => match learn(app, &request.out, &definition).await? {
            Some(_) => ask(request).ok(),
            // A node refuses it in the engine's own words.
            None => None,
        },
        known => known.ok(),
    };
    let Located { target, placed } = located.unwrap_or(Located {
        target: Target::AnySlot,
        placed: true,
    });
    if placed {
        request
            .out
            .headers
            .insert(headers::PLACED, HeaderValue::from_static("1"));
    }
    Ok(target)
}

/// An operation that several shards take part in.
async fn many(app: &Arc<App>, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let operation = request.call.operation;
    if let Some(key) = request
        .idempotency_key
        .as_deref()
        .filter(|_| once::concerns(operation))
    {
        return once::answer(app, request, key, only).await;
    }
    match (operation.class, &operation.merge) {
        (Class::FanoutList | Class::FanoutSum, _) if wants_hal(request) && !offers_hal(request) => {
            Err(ApiError::not_acceptable().into())
        }
        (Class::FanoutList, _) => list::answer(app, request, only).await,
        (Class::FanoutSum, Merge::Report(_)) => report::answer(app, request, only).await,
        (Class::FanoutSum, _) => sum::answer(app, request, only).await,
        (Class::FanoutFair, _) => fair::answer(app, request, only).await,
        (Class::FanoutFirst, Merge::Correlate) => correlate::answer(app, request, only, None).await,
        (Class::FanoutFirst, _) => single::answer(app, request, only).await,
        (Class::BroadcastCommand, _) => command::answer(app, request, only).await,
        // With one shard there is nothing to divide.
        (Class::Batch, _) if only.is_some() || app.snapshot().shards.len() == 1 => {
            Ok(respond::relay(to_any(app, only.as_ref(), request).await?))
        }
        (Class::Batch, _) => batch::answer(app, request, only).await,
        _ => Err(ApiError::not_implemented(&format!("{} over several shards", operation.id)).into()),
    }
}

async fn one_slot(
    app: &App,
    request: &Admitted,
    only: Option<ShardName>,
    slot: Slot,
) -> Result<Answer, Stop> {
    let Some(only) = only else {
        let answer = to_slot(app, slot, &request.out, request.repeatable())
            .await
            .map_err(ApiError::from)?;
        return Ok(respond::relay(answer));
    };
    let owner = app.snapshot().owner(slot)?.0.name.clone();
    if owner == only {
        let answer = to_slot(app, slot, &request.out, request.repeatable())
            .await
            .map_err(ApiError::from)?;
        return Ok(respond::relay(answer));
    }
    if request.call.operation.class == Class::Key {
        let message = format!("the key that places it belongs to engine {owner}, not to {only}");
        return Err(ApiError::invalid_request(message).into());
    }
    // The named shard doesn't have it, and says so in the engine's own words.
    Ok(respond::relay(to_any(app, Some(&only), request).await?))
}

/// The lists that exist as HAL too.
fn offers_hal(request: &Admitted) -> bool {
    matches!(
        request.call.operation.id,
        "getTasks" | "executeFilterList" | "postExecuteFilterList"
    )
}

/// Whether the client takes nothing but HAL.
fn wants_hal(request: &Admitted) -> bool {
    let accept = request.accept();
    accept::likes_hal(accept) && !accept::takes(accept, &["application/json", "application/*"])
}
