//! `POST /message` without an instance: ask all shards what matches, then deliver to the one match (protocols 10).
//! Executions come before start events over all shards together. A shard that can't be asked makes it 503: neither
//! "no match" nor "the only match" can be told without it.
use super::{Question, Stop, gather, once::Keyed};
use crate::{
    admit::Admitted,
    forward::{to_drawn_slot, to_slot},
    headers,
    locate::slot_of_id,
    respond::{self, Answer},
    routing_key,
    scan::{self, Found},
    state::App,
    upstream::Outgoing,
};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rest_api::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use topology::{ShardName, Slot};

/// What matches on a shard.
#[derive(Debug, Default, Deserialize)]
struct Probe {
    #[serde(default)]
    executions: Vec<Execution>,
    #[serde(default)]
    starts: Vec<Start>,
}

/// What is to be done: kept under an idempotency key before anything is.
#[derive(Debug, Serialize, Deserialize)]
struct Chosen {
    executions: Vec<Execution>,
    start: Option<Place>,
}

/// Where what the message starts goes.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
struct Place {
    /// `None`: anywhere.
    slot: Option<Slot>,
    /// The router's rules say so.
    placed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Execution {
    subscription: String,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    definition: String,
    #[serde(default)]
    element: String,
}

/// Answers a correlation.
///
/// # Errors
/// The answer to give instead; the reference's 400 for no match or several.
pub async fn answer(
    app: &App,
    request: &Admitted,
    only: Option<ShardName>,
    keyed: Option<&Keyed<'_>>,
) -> Result<Answer, Stop> {
    let wanted = ["messageName", "businessKey", "all", "resultEnabled"];
    let found = scan::members(&request.out.body, &wanted);
    let text = |i: usize| found[i].as_ref().and_then(Found::text).map(str::to_owned);
    let is_true = |i: usize| text(i).as_deref() == Some("true");
    let (name, key, all, with_result) = (text(0).unwrap_or_default(), text(1), is_true(2), is_true(3));

    let read = |chosen: &Value| Chosen::deserialize(chosen).map_err(|e| ApiError::internal(e.to_string()));
    let chosen = match keyed.and_then(|keyed| keyed.chosen.as_ref()) {
        Some(chosen) => read(chosen)?,
        None => {
            let chosen = choose(app, request, &only, &name, key.as_deref(), all).await?;
            match keyed {
                Some(keyed) => read(&keyed.choose(json!(chosen)).await?)?,
                None => chosen,
            }
        }
    };
    if all {
        return deliver_to_all(app, request, only, chosen, with_result).await;
    }
    let Some(one) = chosen.executions.first() else {
        let place = chosen.start.unwrap_or_default();
        return Ok(respond::relay(start(app, request, only.as_ref(), &place).await?));
    };
    let delivered = deliver(app, request, one).await?;
    if !delivered.status().is_success() {
        return Ok(respond::relay(delivered));
    }
    if !with_result {
        return Ok(respond::no_content());
    }
    let row = bytes_of(delivered).await?;
    Ok(respond::json([b"[", row.as_ref(), b"]"].concat(), &[]))
}

/// How many executions of our own shards wait for the message.
///
/// # Errors
/// As [`answer`].
pub async fn waiting(app: &App, request: &Admitted) -> Result<usize, Stop> {
    Ok(probe(app, request, &None).await?.0.len())
}

/// Asks all shards what matches, and decides.
async fn choose(
    app: &App,
    request: &Admitted,
    only: &Option<ShardName>,
    name: &str,
    key: Option<&str>,
    all: bool,
) -> Result<Chosen, Stop> {
    let (executions, starts) = probe(app, request, only).await?;
    // Executions come before start events; a message to all reaches both.
    match (executions.len(), starts.first()) {
        (0, None) if !all => Err(mismatch(format!(
            "Cannot correlate message '{name}': No process definition or execution matches the parameters"
        ))
        .into()),
        (many @ 2.., _) if !all => Err(ambiguous(name, many, request).into()),
        // Definitions are the same everywhere: the shard that would start it refuses several in the engine's words.
        (found, Some(first)) if all || found == 0 => Ok(Chosen {
            start: Some(placed(app, request, only.as_ref(), first, key).await?),
            executions,
        }),
        _ => Ok(Chosen {
            executions,
            start: None,
        }),
    }
}

/// What matches on all shards.
async fn probe(
    app: &App,
    request: &Admitted,
    only: &Option<ShardName>,
) -> Result<(Vec<Execution>, BTreeSet<Start>), Stop> {
    let probe = request
        .out
        .internal("/internal/correlate/probe", request.out.body.to_vec());
    // A partial answer can't be judged, whatever the client allows.
    let question = Question {
        request,
        out: probe,
        only: only.clone(),
        reads: true,
    };
    let gathered = gather(app, &question).await?;
    if !gathered.missing.is_empty() {
        return Err(super::missing(
            &gathered.missing,
            "a match there would not be seen; nothing was done",
        )
        .into());
    }
    let mut executions: Vec<Execution> = Vec::new();
    let mut starts: BTreeSet<Start> = BTreeSet::new();
    for part in &gathered.parts {
        let probe: Probe = serde_json::from_slice(&part.body).map_err(|error| {
            ApiError::bad_gateway(format!(
                "shard {} answered a probe with something else: {error}",
                part.shard
            ))
        })?;
        executions.extend(probe.executions);
        starts.extend(probe.starts);
    }

    Ok((executions, starts))
}

fn mismatch(text: String) -> ApiError {
    let class = "org.camunda.bpm.engine.MismatchingMessageCorrelationException";
    ApiError::rest(StatusCode::BAD_REQUEST, format!("{class}: {text}"))
}

pub fn ambiguous(name: &str, count: usize, request: &Admitted) -> ApiError {
    mismatch(format!(
        "ENGINE-13031 Cannot correlate a message with name '{name}' to a single execution. \
         {count} executions match the correlation keys: {}",
        correlation_set(&request.out.body)
    ))
}

/// The reference's print of what was asked for.
fn correlation_set(body: &[u8]) -> String {
    let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .unwrap_or("null")
            .to_owned()
    };
    let map = |name: &str| match body.get(name).and_then(Value::as_object) {
        None => "null".to_owned(),
        Some(members) => {
            let line = |(key, value): (&String, &Value)| {
                let value = value.get("value").unwrap_or(&Value::Null);
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("\n  {key} => Untyped value '{value}', isTransient = false")
            };
            format!("{{{}\n}}", members.iter().map(line).collect::<String>())
        }
    };
    let without_tenant = body.get("withoutTenantId").and_then(Value::as_bool) == Some(true);
    let tenant_set = without_tenant || body.get("tenantId").is_some_and(|tenant| !tenant.is_null());
    format!(
        "CorrelationSet [businessKey={}, processInstanceId={}, processDefinitionId=null, correlationKeys={}, \
         localCorrelationKeys={}, tenantId={}, isTenantIdSet={tenant_set}, isExecutionsOnly=false]",
        text("businessKey"),
        text("processInstanceId"),
        map("correlationKeys"),
        map("localCorrelationKeys"),
        text("tenantId"),
    )
}

/// Delivers to one subscription. If it is gone meanwhile, the node's 400 is the answer.
async fn deliver(app: &App, request: &Admitted, to: &Execution) -> Result<Response<Incoming>, ApiError> {
    let slot = slot_of_id(&to.subscription).ok_or_else(|| {
        ApiError::bad_gateway(format!(
            "a shard named subscription '{}', which carries no slot",
            to.subscription
        ))
    })?;
    let message: Value =
        serde_json::from_slice(&request.out.body).map_err(|e| ApiError::json_text(e.to_string()))?;
    let body = json!({"subscription": to.subscription, "message": message}).to_string();
    let out = request
        .out
        .internal("/internal/correlate/deliver", body.into_bytes());
    Ok(to_slot(app, slot, &out, request.idempotency_key.is_some()).await?)
}

/// Starts an instance by message: any shard knows the definition, so it goes to the instance's own slot.
async fn start(
    app: &App,
    request: &Admitted,
    only: Option<&ShardName>,
    place: &Place,
) -> Result<Response<Incoming>, ApiError> {
    let out = place.told(request);
    match place.slot {
        Some(slot) => Ok(to_slot(app, slot, &out, request.repeatable()).await?),
        None => to_drawn_slot(app, only, &request.with(out)).await,
    }
}

impl Place {
    /// The request, which says so if the router's rules placed what it starts.
    fn told(&self, request: &Admitted) -> Outgoing {
        let out = request.out.clone();
        match self.placed {
            true => out.with(headers::PLACED, HeaderValue::from_static("1")),
            false => out,
        }
    }
}

/// The place of what a message starts; of several definitions that of the first.
async fn placed(
    app: &App,
    request: &Admitted,
    only: Option<&ShardName>,
    first: &Start,
    key: Option<&str>,
) -> Result<Place, ApiError> {
    let (slot, placed) = routing_key::of_message(app, request, &first.definition, key).await?;
    let slot = match placed {
        true => Some(slot.map_or_else(|| app.snapshot().draw(only), Ok)?),
        false => slot,
    };
    Ok(Place { slot, placed })
}

/// `all=true`: every execution that matches and, once, the start events. The start goes first and as a whole request,
/// because its shard then serves its own executions in the same transaction.
async fn deliver_to_all(
    app: &App,
    request: &Admitted,
    only: Option<ShardName>,
    chosen: Chosen,
    with_result: bool,
) -> Result<Answer, Stop> {
    let Chosen { executions, start } = chosen;
    let mut rows: Vec<Bytes> = Vec::new();
    let mut served: Option<ShardName> = None;
    let snapshot = app.snapshot();
    if let Some(place) = start {
        let slot = place.slot.map_or_else(|| snapshot.draw(only.as_ref()), Ok)?;
        let started = to_slot(app, slot, &place.told(request), request.repeatable())
            .await
            .map_err(ApiError::from)?;
        if !started.status().is_success() {
            return Ok(respond::relay(started));
        }
        served = snapshot.owner(slot).ok().map(|(shard, _)| shard.name.clone());
        let body = bytes_of(started).await?;
        let list: Vec<Box<serde_json::value::RawValue>> = serde_json::from_slice(&body).unwrap_or_default();
        rows.extend(list.into_iter().map(|row| Bytes::from(row.get().to_owned())));
    }
    let total = executions.len();
    let mut done = 0;
    for execution in executions {
        let owner = slot_of_id(&execution.subscription).and_then(|slot| snapshot.owner(slot).ok());
        if served.is_some() && owner.map(|(shard, _)| shard.name.clone()) == served {
            done += 1;
            continue;
        }
        let delivered = match deliver(app, request, &execution).await {
            Ok(delivered) => delivered,
            Err(error) => {
                let message = format!(
                    "delivered to {done} of {total} executions, then: {}",
                    error.message
                );
                return Err(ApiError { message, ..error }.into());
            }
        };
        match delivered.status() {
            status if status.is_success() => {
                done += 1;
                rows.push(bytes_of(delivered).await?);
            }
            // Gone meanwhile: it no longer matches.
            StatusCode::BAD_REQUEST => {}
            _ => return Ok(respond::relay(delivered)),
        }
    }
    if !with_result {
        return Ok(respond::no_content());
    }
    let rows: Vec<&[u8]> = rows.iter().map(Bytes::as_ref).collect();
    Ok(respond::json(
        [b"[".as_slice(), &rows.join(&b','), b"]"].concat(),
        &[],
    ))
}

async fn bytes_of(answer: Response<Incoming>) -> Result<Bytes, ApiError> {
    let collected = answer.into_body().collect().await;
    let lost =
        |error| ApiError::bad_gateway(format!("the message was delivered, its result was lost: {error}"));
    Ok(collected.map_err(lost)?.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_for_several_matches_is_the_reference_s() {
        let set = "CorrelationSet [businessKey=null, processInstanceId=null, processDefinitionId=null, \
                   correlationKeys=null, localCorrelationKeys=null, tenantId=null, isTenantIdSet=false, \
                   isExecutionsOnly=false]";
        assert_eq!(correlation_set(br#"{"messageName":"rtr-msg"}"#), set);
        let body =
            br#"{"businessKey":"k","correlationKeys":{"a":{"value":1},"b":{"value":"x","type":"String"}}}"#;
        let set = correlation_set(body);
        assert!(
            set.contains("businessKey=k,")
                && set.contains("correlationKeys={\n  a => Untyped value '1', isTransient = false\n  b"),
            "{set}"
        );
    }
}
