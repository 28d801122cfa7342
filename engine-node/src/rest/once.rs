//! Requests that carry an `Idempotency-Key` are answered once (protocols 3).
//!
//! Starts, commands on one instance and entries of the reference log keep their record in the transaction of their effect
//! (`app::commands`, `replication`). What this file adds is the whole answer of everything else that changes something: operations
//! of many instances, of what has ended, filters and definitions, correlations, `fetchAndLock`. It is written after the effect, so a node that
//! dies between the two runs the request again when it is repeated: parts of it that have records of their own are not
//! done twice.
//!
//! For operations over several shards a router keeps the record itself, through `/internal/once`: first which targets it chose,
//! then the answer. Both lie in the slot hashed from the key and move with it.
use super::{
    call::{BODY_MAX, Call, json, no_content},
    caller::{Silent, caller},
    error,
};
use crate::{
    App,
    app::{Caller, EngineError, IdempotencyKey, writer::now},
    store::{Applied, IdempotencyRow, Unit},
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
    routing::post,
};
use bpmn_core::Slot;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use rest_api::{
    ApiError, ApiResult,
    operations::{self, Class, Operation},
};
use serde::Deserialize;
use serde_json::{Value, json as value};
use tower::ServiceExt;

/// What of a request a record is about: part of its key.
#[derive(Clone, Copy)]
enum Kind {
    /// The answer that one node gave.
    Answer,
    /// What a router chose to do.
    Targets,
    /// The answer that a router made of all shards'.
    Whole,
}

impl Kind {
    fn key(self, caller: &Caller, key: &IdempotencyKey) -> String {
        let kind = match self {
            Kind::Answer => "answer",
            Kind::Targets => "targets",
            Kind::Whole => "whole",
        };
        // No header value holds a line feed, so a record of a request is never one of a command.
        format!(
            "{}\n{}\n{kind}",
            caller.user.as_deref().unwrap_or_default(),
            key.key
        )
    }
}

/// Whether the answer of an operation is to be kept here: it changes something, and the record of its one write (a start, a
/// completion) isn't all that it answers.
fn concerns(operation: &Operation) -> bool {
    let commands = matches!(
        operation.class,
        Class::Id | Class::BroadcastWrite | Class::BroadcastCommand | Class::FanoutFirst | Class::FanoutFair
    );
    let completes = operation.path.ends_with("/complete");
    (commands && operation.method != "GET" && !completes) || operation.path.ends_with("/evaluate")
}

/// Answers a request, or again what its first try was answered.
pub async fn answer(app: &App, request: Request, resources: Router) -> Response {
    let run = |request: Request| async move {
        let response = resources.oneshot(request).await;
        response.unwrap_or_else(|never| match never {})
    };
    let keyed = request.headers().contains_key("idempotency-key");
    if !keyed || request.extensions().get::<Silent>().is_some() {
        return run(request).await;
    }
    let found = operations::find(request.method().as_str(), request.uri().path());
    if !found.is_ok_and(|found| concerns(found.operation)) {
        return run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, BODY_MAX).await {
        Ok(body) => body,
        Err(_) => return ApiError::too_large(BODY_MAX as u64).into_response(),
    };
    let record = match first(app, &parts, &body).await {
        Ok(First::Before(response)) => return response,
        Ok(First::Now(record)) => record,
        Err(error) => return error.into_response(),
    };
    let response = run(Request::from_parts(parts, Body::from(body))).await;
    match record {
        Some(record) if response.status().is_success() => keep(app, record, response).await,
        _ => response,
    }
}

enum First {
    /// It was answered before, with this.
    Before(Response),
    /// It is to be done, and this to be written; nothing if its slot isn't here: then a handler refuses it.
    Now(Option<IdempotencyRow>),
}

async fn first(app: &App, parts: &Parts, body: &Bytes) -> ApiResult<First> {
    let caller = caller(parts, body)?;
    let Some(key) = &caller.idempotency else {
        return Ok(First::Now(None));
    };
    let slot = caller.slot.unwrap_or_else(|| Slot::of_key(&key.key));
    if app.engine.check_slot(slot).await.is_err() {
        return Ok(First::Now(None));
    }
    let record = row(&caller, key, Kind::Answer, slot);
    Ok(match read(app, &record, key).await? {
        Some(before) => First::Before(shown(before.status, before.body)),
        None => First::Now(Some(record)),
    })
}

fn row(caller: &Caller, key: &IdempotencyKey, kind: Kind, slot: Slot) -> IdempotencyRow {
    IdempotencyRow {
        slot,
        key: kind.key(caller, key),
        digest: key.digest.clone(),
        status: 0,
        body: String::new(),
        created: now(),
        instance_id: None,
    }
}

/// The record with this one's key.
///
/// # Errors
/// 422 if it is another request's.
async fn read(app: &App, like: &IdempotencyRow, key: &IdempotencyKey) -> ApiResult<Option<IdempotencyRow>> {
    let found = app.engine.store().idempotency(like.slot, &like.key).await;
    match found.map_err(error::store)? {
        Some(row) if row.digest != like.digest => Err(error::api(EngineError::KeyReused(key.key.clone()))),
        found => Ok(found),
    }
}

/// Writes a record; false if there is one already.
async fn write(app: &App, row: IdempotencyRow) -> ApiResult<bool> {
    let unit = Unit {
        slots: vec![row.slot],
        idempotency: vec![row],
        ..Unit::default()
    };
    match app
        .engine
        .store()
        .write(&[unit])
        .await
        .map_err(error::store)?
        .pop()
    {
        Some(Applied::Done) => Ok(true),
        Some(Applied::Duplicate) => Ok(false),
        Some(Applied::NotOwner(slot)) => Err(error::api(EngineError::Busy(format!(
            "slot {slot} is being moved"
        )))),
        other => Err(error::api(EngineError::Busy(format!(
            "the request was not recorded: {other:?}"
        )))),
    }
}

/// Keeps an answer and gives it. One that can't be kept is given all the same: its client has no reason to ask again.
async fn keep(app: &App, mut record: IdempotencyRow, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, BODY_MAX).await {
        Ok(body) => body,
        Err(error) => return ApiError::internal(format!("an answer broke off: {error}")).into_response(),
    };
    if let Ok(text) = std::str::from_utf8(&body) {
        record.status = parts.status.as_u16();
        record.body = text.to_owned();
        if let Err(error) = write(app, record).await {
            tracing::warn!(
                message = error.message,
                "the answer to an Idempotency-Key was not kept"
            );
        }
    }
    Response::from_parts(parts, Body::from(body))
}

fn shown(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT);
    let mut headers = HeaderMap::new();
    if !body.is_empty() {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
    }
    (status, headers, body).into_response()
}

/// Whole paths: they stand for a client's request, so they are served behind the same authentication.
pub fn internal() -> Router<App> {
    Router::new().route("/internal/once", post(begin).put(end))
}

/// What a router asks before it begins.
#[derive(Deserialize)]
struct Begin {
    /// What it has chosen; without it only what is known is asked for.
    targets: Option<Value>,
}

#[derive(Deserialize)]
struct End {
    status: u16,
    body: String,
}

fn keyed(call: &Call) -> ApiResult<(&IdempotencyKey, Slot)> {
    let key = call.caller.idempotency.as_ref();
    let key = key.ok_or_else(|| ApiError::invalid_request("there is no Idempotency-Key"))?;
    let slot = call.caller.slot;
    Ok((
        key,
        slot.ok_or_else(|| ApiError::invalid_request("there is no X-Stellwerk-Slot"))?,
    ))
}

/// What is known of a router's request: its answer, what was chosen for it, or nothing.
async fn begin(call: Call) -> ApiResult<Response> {
    let (key, slot) = keyed(&call)?;
    let begin: Begin =
        serde_json::from_slice(&call.body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    let whole = row(&call.caller, key, Kind::Whole, slot);
    if let Some(done) = read(&call.app, &whole, key).await? {
        return Ok(json(
            &value!({"answer": {"status": done.status, "body": done.body}}),
        ));
    }
    let mut targets = row(&call.caller, key, Kind::Targets, slot);
    if let Some(chosen) = &begin.targets
        && read(&call.app, &targets, key).await?.is_none()
    {
        targets.body = chosen.to_string();
        write(&call.app, targets.clone()).await?;
    }
    // Of two tries at the same time the first one's choice counts.
    Ok(json(&match read(&call.app, &targets, key).await? {
        Some(found) => {
            let chosen: Value =
                serde_json::from_str(&found.body).map_err(|e| ApiError::internal(e.to_string()))?;
            value!({"targets": chosen})
        }
        None => value!({}),
    }))
}

/// Keeps a router's answer.
async fn end(call: Call) -> ApiResult<Response> {
    let (key, slot) = keyed(&call)?;
    let end: End =
        serde_json::from_slice(&call.body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    let mut whole = row(&call.caller, key, Kind::Whole, slot);
    (whole.status, whole.body) = (end.status, end.body);
    write(&call.app, whole).await?;
    Ok(no_content())
}
