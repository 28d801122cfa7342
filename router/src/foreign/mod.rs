//! Foreign shards: clusters of real Camunda 7 or Operaton servers beside our own (`--foreign-shard`), so that a team can
//! move off its engine gradually. They speak the plain REST API: no slots, no internal headers, no idempotency keys.
//!
//! A share of the new instances goes to them, by the key that places a start (`place`); what has an id of theirs is found by
//! `ids`; lists and counts take them in (`fan_out`); `deploy` gives them what is deployed. What can't be right with them is
//! refused and says so, rather than answered from our own shards alone.
pub mod batch;
pub mod commands;
pub mod deploy;
pub mod fan_out;
pub mod fetch;
pub mod filter;
pub mod ids;
pub mod once;
pub mod order;
pub mod place;

use crate::{
    admit::Admitted,
    classify::{ROOT, Scope},
    fan_out::Stop,
    forward::to_shard,
    headers,
    respond::{self, Answer},
    snapshot::{Node, Shard},
    state::App,
    upstream::Outgoing,
};
use bytes::Bytes;
use cluster::FixedShard;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ids::Ids;
use once::{Known, Sides};
use rest_api::{
    ApiError,
    operations::{Class, Merge},
};
use service::ConfigError;
use std::{str::FromStr, sync::Arc};
use tokio::time::Instant;

/// Largest answer whose ids are learned, in bytes; of a larger one they are asked for when they come.
const LEARNED: u64 = 4 << 20;

/// `NAME=PERCENT@URL[,URL…]`: a value of `--foreign-shard`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignShard {
    /// Its name and its servers' REST roots, such as `http://HOST:8080/engine-rest`.
    pub servers: FixedShard,
    /// Its share of the new instances, 0 to 100.
    pub percent: u32,
}

impl FromStr for ForeignShard {
    type Err = String;
    fn from_str(text: &str) -> Result<ForeignShard, String> {
        let bad = || format!("'{text}' isn't NAME=PERCENT@URL[,URL…]");
        let (name, rest) = text.split_once('=').ok_or_else(bad)?;
        let (percent, urls) = rest.split_once('@').ok_or_else(bad)?;
        let percent = percent
            .parse()
            .ok()
            .filter(|percent| *percent <= 100)
            .ok_or_else(bad)?;
        let servers: FixedShard = format!("{name}={urls}")
            .parse()
            .map_err(|e: cluster::Error| e.to_string())?;
        Ok(ForeignShard { servers, percent })
    }
}

/// All foreign shards of a router.
#[derive(Debug, Default)]
pub struct Foreign {
    /// In the order of the options.
    pub shards: Vec<Shard>,
    /// Of the new instances, how many per cent each gets.
    pub percents: Vec<u32>,
    /// Which ids are whose.
    pub ids: Ids,
}

impl Foreign {
    /// The foreign shards of the options.
    ///
    /// # Errors
    /// A name given twice; shares that are more than all.
    pub fn new(listed: &[ForeignShard], concurrency: u32) -> Result<Foreign, ConfigError> {
        let wrong = |why: String| Err(ConfigError::new("foreign-shard", why));
        let mut foreign = Foreign::default();
        for ForeignShard { servers, percent } in listed {
            let name = &servers.name;
            if foreign.shards.iter().any(|known| known.name == *name) {
                return wrong(format!("{name} is listed twice"));
            }
            let node = |url: &String| Arc::new(Node::foreign(name.clone(), url));
            let nodes = servers.urls.iter().map(node).collect();
            let gate = Arc::new(crate::gate::Gate::new(concurrency));
            foreign.shards.push(Shard::new(name.clone(), nodes, false, gate));
            foreign.percents.push(*percent);
        }
        match foreign.percents.iter().sum::<u32>() {
            sum if sum > 100 => wrong(format!("the shares add up to {sum} %")),
            _ => Ok(foreign),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// Every server, for whoever looks after them.
    pub fn nodes(&self) -> impl Iterator<Item = Arc<Node>> {
        self.shards.iter().flat_map(|shard| &shard.nodes).cloned()
    }
}

/// What a server that isn't ours gets of a request.
pub fn outgoing(out: &Outgoing) -> Outgoing {
    let mut out = out.clone();
    let target = out.target.strip_prefix(ROOT).unwrap_or(&out.target).to_owned();
    out.target = target;
    let internal = |name: &&http::HeaderName| name.as_str().starts_with("x-stellwerk-");
    let ours: Vec<_> = out.headers.keys().filter(internal).cloned().collect();
    ours.into_iter()
        .chain([headers::IDEMPOTENCY_KEY])
        .for_each(|name| {
            out.headers.remove(name);
        });
    out
}

/// Whether a request may be sent to another server although it may have run: only one that reads, since these servers
/// know no idempotency keys.
fn reads(request: &Admitted) -> bool {
    matches!(request.out.method, Method::GET | Method::HEAD | Method::OPTIONS)
        || matches!(request.call.operation.class, Class::FanoutList | Class::FanoutSum)
}

/// Sends a request to a foreign shard.
///
/// # Errors
/// No server gave an answer.
pub async fn send(
    app: &App,
    shard: &Shard,
    out: &Outgoing,
    reads: bool,
) -> Result<Response<Incoming>, ApiError> {
    let deadline = Instant::now() + app.live().options.upstream_timeout;
    Ok(to_shard(app, shard, rand::random(), &outgoing(out), reads, deadline).await?)
}

/// A whole answer.
pub struct Whole {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Sends a request and reads its whole answer, whose ids are learned.
///
/// # Errors
/// No server gave an answer, or it broke off.
pub async fn ask(app: &App, shard: &Shard, out: &Outgoing, reads: bool) -> Result<Whole, ApiError> {
    let answer = send(app, shard, out, reads).await?;
    let (parts, body) = answer.into_parts();
    let lost = |error| {
        let message = format!("the answer of foreign shard {} broke off: {error}", shard.name);
        match reads {
            true => ApiError::unavailable(message),
            false => ApiError::bad_gateway(message),
        }
    };
    let body = body.collect().await.map_err(lost)?.to_bytes();
    app.foreign.ids.learn(&body, &shard.name);
    Ok(Whole {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

/// Sends a request to a foreign shard and passes its answer on: once, if it carries a key.
///
/// # Errors
/// As [`send`]; as [`once::run`].
pub async fn forward(app: &App, shard: &Shard, request: &Admitted, out: &Outgoing) -> Result<Answer, Stop> {
    let run = pass(app, shard, request, out);
    once::run(app, request, shard.name.as_str(), Sides::One, run).await
}

async fn pass(app: &App, shard: &Shard, request: &Admitted, out: &Outgoing) -> Result<Answer, Stop> {
    let answer = send(app, shard, out, reads(request)).await?;
    let length = answer.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let json = answer.headers().get(header::CONTENT_TYPE);
    let json = json.is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.contains("json")));
    // Of unknown length are the answers of a server that compresses or streams: JSON all the same, and bounded by what it held.
    if !json || length.is_some_and(|length| length > LEARNED) {
        return Ok(respond::relay(answer));
    }
    let (mut parts, body) = answer.into_parts();
    let lost = |e| {
        ApiError::bad_gateway(format!(
            "the answer of foreign shard {} broke off: {e}",
            shard.name
        ))
    };
    let body = body.collect().await.map_err(lost)?.to_bytes();
    app.foreign.ids.learn(&body, &shard.name);
    headers::to_client(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    Ok(Response::from_parts(parts, respond::full(body)))
}

/// Refuses what can't be answered together with foreign shards.
pub fn refuse(what: &str) -> Stop {
    ApiError::not_implemented(&format!("{what} while there are foreign shards")).into()
}

/// Answers what foreign shards have a part in; `None` for what our own shards answer alone or `fan_out::gather` merges.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &Arc<App>, request: &Admitted) -> Result<Option<Answer>, Stop> {
    if app.foreign.is_empty() {
        return Ok(None);
    }
    if let Scope::Shard(name) = &request.call.scope {
        let named = app
            .foreign
            .shards
            .iter()
            .find(|shard| shard.name.as_str() == name);
        return match named {
            Some(shard) => forward(app, shard, request, &request.out).await.map(Some),
            None => Ok(None),
        };
    }
    match once::known(app, request).await? {
        Known::Nothing => {}
        Known::Answered(answer) => return Ok(Some(answer)),
        Known::Ours => return Ok(None),
    }
    let operation = request.call.operation;
    match (operation.class, &operation.merge) {
        (Class::Key, _) => place::start(app, request).await,
        (Class::Id | Class::Any, _) => by_id(app, request).await,
        (Class::BroadcastWrite, _) if operation.path == "/deployment/create" => {
            let run = deploy::create(app, request);
            once::run(app, request, "own and foreign", Sides::BothAgain, run)
                .await
                .map(Some)
        }
        (Class::BroadcastWrite, _) => match by_id(app, request).await? {
            Some(answer) => Ok(Some(answer)),
            None => commands::definitions(app, request).await,
        },
        (Class::BroadcastCommand, _) => commands::answer(app, request).await,
        (Class::Batch, _) => batch::answer(app, request).await,
        (Class::FanoutFair, _) => fetch::answer(app, request).await.map(Some),
        (Class::FanoutFirst, Merge::Correlate) => commands::correlate(app, request).await,
        _ => Ok(None),
    }
}

/// What the path names by an id of a foreign shard.
async fn by_id(app: &App, request: &Admitted) -> Result<Option<Answer>, Stop> {
    let Some(id) = ids::in_path(&request.call) else {
        return Ok(None);
    };
    match ids::owner(app, request, &id).await? {
        Some(shard) => forward(app, shard, request, &request.out).await.map(Some),
        None => Ok(None),
    }
}
