//! Commands of several shards that carry an `Idempotency-Key` (protocols 3): the slot hashed from the key keeps what was chosen
//! for the command, before any shard acts, and then its answer. A repeated request gets that answer; one whose first try broke
//! off goes on with what was chosen and never searches again. What each shard does has a record of its own there, so it
//! is done once however often it is asked for.
use super::{Stop, command, correlate, fair};
use crate::{
    admit::Admitted,
    forward::to_slot,
    headers,
    respond::{self, Answer},
    snapshot::{Shard, Snapshot},
    state::App,
    upstream::Outgoing,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use rest_api::{
    ApiError,
    operations::{Class, Merge, Operation},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use topology::{ShardName, Slot};

/// Whether the slot of a key keeps the answer of the operation.
pub fn concerns(operation: &Operation) -> bool {
    match operation.class {
        Class::BroadcastCommand | Class::FanoutFair => true,
        Class::FanoutFirst => operation.merge == Merge::Correlate,
        Class::Batch => operation.merge == Merge::AckParts,
        _ => false,
    }
}

/// What the slot of a request's key knows of it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Known {
    /// Its answer.
    pub(crate) answer: Option<Before>,
    /// What was chosen for it.
    pub(crate) targets: Option<Value>,
}

/// An answer that was given before.
#[derive(Debug, Deserialize)]
pub(crate) struct Before {
    status: u16,
    body: String,
}

impl Before {
    /// Whether it was done, not refused.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Given again.
    pub(crate) fn shown(self) -> Answer {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::NO_CONTENT);
        let mut answer = match self.body.is_empty() {
            true => respond::no_content(),
            false => respond::json(self.body, &[]),
        };
        *answer.status_mut() = status;
        answer
    }
}

/// A request with its key.
pub struct Keyed<'a> {
    app: &'a App,
    slot: Slot,
    out: Outgoing,
    /// What an earlier try has chosen.
    pub chosen: Option<Value>,
}

impl<'a> Keyed<'a> {
    /// The record of a request under its key.
    pub(crate) fn of(app: &'a App, request: &Admitted, key: &str) -> Keyed<'a> {
        Keyed {
            app,
            slot: Slot::of_key(key),
            out: request.out.clone().with(headers::DIGEST, digest(request)),
            chosen: None,
        }
    }

    /// Another record of the same request, in the same slot.
    pub(crate) fn named(app: &'a App, request: &Admitted, key: &str, name: &HeaderValue) -> Keyed<'a> {
        let mut keyed = Keyed::of(app, request, key);
        keyed.out.headers.insert(headers::IDEMPOTENCY_KEY, name.clone());
        keyed
    }

    /// Whether anything is known of it.
    ///
    /// # Errors
    /// The slot's shard doesn't answer.
    pub(crate) async fn is_known(&self) -> Result<bool, ApiError> {
        let known = self.ask(Method::POST, json!({})).await?;
        Ok(known.answer.is_some() || known.targets.is_some())
    }

    /// Keeps what is to be done; gives what counts, which is what another try was faster to choose.
    ///
    /// # Errors
    /// The slot's shard doesn't answer: nothing was done.
    pub async fn choose(&self, targets: Value) -> Result<Value, ApiError> {
        let known = self.ask(Method::POST, json!({ "targets": targets })).await?;
        Ok(known.targets.unwrap_or(targets))
    }

    /// Asks for the record, or (`PUT`) ends it with an answer.
    ///
    /// # Errors
    /// The slot's shard doesn't answer, or refuses the key.
    pub(crate) async fn ask(&self, method: Method, body: Value) -> Result<Known, ApiError> {
        let out = Outgoing {
            method,
            ..self.out.internal("/internal/once", body.to_string().into_bytes())
        };
        let answer = to_slot(self.app, self.slot, &out, true).await?;
        let status = answer.status();
        let body = bytes_of(answer).await?;
        match status {
            StatusCode::NO_CONTENT => Ok(Known::default()),
            status if status.is_success() => serde_json::from_slice(&body).map_err(|e| {
                ApiError::bad_gateway(format!("a node told something else of an Idempotency-Key: {e}"))
            }),
            // Another request's key, a user who isn't known: as the node words it.
            status => Err(refusal(status, &body)),
        }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> ApiError {
    let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let kind = match text("type").as_deref() {
        Some("IdempotencyKeyException") => "IdempotencyKeyException",
        _ => "RestException",
    };
    let error = ApiError::new(
        status,
        kind,
        text("message").unwrap_or_else(|| status.to_string()),
    );
    match status {
        StatusCode::SERVICE_UNAVAILABLE => error.retry_after(1),
        _ => error,
    }
}

/// Answers a command that carries a key.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(
    app: &Arc<App>,
    request: &Admitted,
    key: &str,
    only: Option<ShardName>,
) -> Result<Answer, Stop> {
    let mut keyed = Keyed::of(app, request, key);
    let known = keyed.ask(Method::POST, json!({})).await?;
    if let Some(before) = known.answer {
        return Ok(before.shown());
    }
    keyed.chosen = known.targets;
    let told = request.with(keyed.out.clone());
    let answered = match request.call.operation.class {
        // Its parts are tried again and again while it waits: they have no key.
        Class::FanoutFair => {
            let mut out = request.out.clone();
            out.headers.remove(&headers::IDEMPOTENCY_KEY);
            fair::answer(app, &request.with(out), only).await
        }
        Class::FanoutFirst => correlate::answer(app, &told, only, Some(&keyed)).await,
        Class::Batch => super::batch::answer(app, &told, only).await,
        _ => command::answer_once(app, &told, only, Some(&keyed)).await,
    };
    let (parts, body) = answered?.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| ApiError::bad_gateway(format!("it was done, its answer was lost: {error}")))?;
    let body = body.to_bytes();
    if parts.status.is_success() {
        let whole = json!({"status": parts.status.as_u16(), "body": String::from_utf8_lossy(&body)});
        keyed.ask(Method::PUT, whole).await?;
    }
    Ok(Response::from_parts(parts, respond::full(body)))
}

/// Gives each shard's part a slot of that shard, which keeps the part's record.
///
/// # Errors
/// Slots have moved since the first try, so that nobody can tell what of it was done where.
pub async fn parts(
    keyed: &Keyed<'_>,
    snapshot: &Snapshot,
    each: &mut [(Shard, Outgoing)],
) -> Result<(), ApiError> {
    let mut slots = Map::new();
    for (shard, _) in each.iter() {
        slots.insert(
            shard.name.to_string(),
            snapshot.slot_of(shard, keyed.slot)?.number().into(),
        );
    }
    let targets = json!({"version": snapshot.version, "slots": slots});
    let chosen = match &keyed.chosen {
        Some(chosen) => chosen.clone(),
        None => keyed.choose(targets.clone()).await?,
    };
    if chosen != targets {
        let message = "the first try with this Idempotency-Key broke off and slots have moved since: which part of it was done \
                       can't be told any more; look, and send what is missing with another key";
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "IdempotencyKeyException",
            message,
        ));
    }
    for (shard, out) in each {
        let slot = slots
            .get(shard.name.as_str())
            .and_then(Value::as_u64)
            .unwrap_or_default();
        out.headers.insert(headers::SLOT, HeaderValue::from(slot));
    }
    Ok(())
}

/// What tells a client's request from another with its key, as nodes make it.
pub fn digest(request: &Admitted) -> HeaderValue {
    let call = &request.call;
    let path = call
        .path
        .strip_prefix(crate::classify::ROOT)
        .unwrap_or(&call.path);
    let mut hash = Sha256::new();
    for part in [
        call.operation.method,
        path,
        call.query.as_deref().unwrap_or_default(),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(&request.out.body);
    let text: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

async fn bytes_of(answer: Response<hyper::body::Incoming>) -> Result<Bytes, ApiError> {
    let collected = answer.into_body().collect().await;
    let lost = |error| ApiError::unavailable(format!("a node did not end its answer: {error}"));
    Ok(collected.map_err(lost)?.to_bytes())
}
