//! `/internal/…`: what routers, nodes of other shards and shard-admin ask of a node. See `docs/internal-protocol.md`.
mod batch;
pub mod correlate;
pub mod external_task;
mod history;
mod jobs;
mod operations;
mod parked;
mod signals;
mod slots;
mod storage;
pub mod trust;

use crate::{
    App,
    app::{
        Caller, EngineError,
        sweep::Sweep,
        tasks::{Reservation, Reserved},
    },
    replication::{self, Subject},
    rest::error,
    store::SlotState,
};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use bpmn_core::Id;
use http::{StatusCode, header};
use rest_api::{ApiError, ApiResult};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, convert::Infallible, time::Duration};
use tokio::{sync::broadcast::error::RecvError, time::timeout};

/// Largest body: a page of exported rows, or a deployment's files.
const BODY_MAX: usize = 256 << 20;
/// How often an idle wake-up stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The routes; paths start behind `/internal`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/info", get(info))
        .route("/health", get(health))
        .route("/wakeups", get(wakeups))
        .route("/external-task/unlock", post(unlock))
        .route("/alias", post(alias))
        .route("/payload/{digest}", put(put_payload).get(get_payload))
        .merge(instances("deployment", Subject::Deployment))
        .merge(instances("definition", Subject::Definition))
        .route("/definition/{id}", get(definition))
        .route("/sweep", post(sweep))
        .merge(jobs::routes())
        .merge(operations::routes())
        .merge(batch::routes())
        .merge(history::routes())
        .merge(parked::routes())
        .merge(signals::routes())
        .merge(slots::routes())
        .merge(storage::routes())
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

fn api(error: impl Into<EngineError>) -> ApiError {
    error::api(error.into())
}

async fn info(State(app): State<App>) -> ApiResult<Json<Value>> {
    let store = app.engine.store();
    let rows = store.slots().await.map_err(api)?;
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    let stamp = store
        .stamp()
        .await
        .map_err(api)?
        .map(|s| json!({"cluster": s.cluster, "shard": s.shard, "generation": s.generation}));
    Ok(Json(json!({
        "shard": app.node.shard.as_str(),
        "node": app.node.name,
        "version": env!("CARGO_PKG_VERSION"),
        "schema": {"current": app.node.schema.current, "min": app.node.schema.min, "max": app.node.schema.max},
        "applied": app.engine.catalog().view().applied,
        "published": app.replication.published(),
        "stamp": stamp,
        "slots": {
            "owned": count(SlotState::Owned),
            "fenced": count(SlotState::Fenced),
            "incoming": count(SlotState::Incoming),
            "released": count(SlotState::Released),
        },
    })))
}

/// Lets an id that a client has chosen lead to a slot.
async fn alias(State(app): State<App>, body: Bytes) -> ApiResult<Json<Reserved>> {
    let asked: Reservation =
        serde_json::from_slice(&body).map_err(|error| ApiError::invalid_request(error.to_string()))?;
    Ok(Json(app.engine.reserve(asked).await.map_err(api)?))
}

async fn health(State(app): State<App>) -> Response {
    match app.ready.check() {
        Ok(()) => StatusCode::OK.into_response(),
        Err(why) => ApiError::unavailable(why).into_response(),
    }
}

/// Topics with work, one JSON object a line, until the node drains.
async fn wakeups(State(app): State<App>) -> Response {
    let state = (app.engine.wakeups(), app.drain.clone());
    let lines = futures_util::stream::unfold(state, |(mut news, drain)| async move {
        let line = tokio::select! {
            () = drain.cancelled() => return None,
            news = timeout(HEARTBEAT, news.recv()) => match news {
                Ok(Ok(topics)) => json!({"topics": &*topics}),
                Ok(Err(RecvError::Closed)) => return None,
                // Some were missed: a router looks by itself now and then.
                Ok(Err(RecvError::Lagged(_))) | Err(_) => json!({}),
            },
        };
        Some((
            Ok::<_, Infallible>(Bytes::from(format!("{line}\n"))),
            (news, drain),
        ))
    });
    (
        [(header::CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(lines),
    )
        .into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fetched {
    id: Id,
    lock_revision: i64,
}

async fn unlock(State(app): State<App>, Json(tasks): Json<Vec<Fetched>>) -> ApiResult<StatusCode> {
    let tasks: Vec<(Id, i64)> = tasks.into_iter().map(|t| (t.id, t.lock_revision)).collect();
    app.engine.unlock_fetched(&tasks).await.map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn put_payload(
    State(app): State<App>,
    Path(digest): Path<String>,
    bytes: Bytes,
) -> ApiResult<StatusCode> {
    if replication::digest(&bytes) != digest {
        return Err(ApiError::invalid_request("the bytes do not have that digest"));
    }
    app.engine
        .store()
        .put_payload(&digest, &bytes)
        .await
        .map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn get_payload(State(app): State<App>, Path(digest): Path<String>) -> ApiResult<Vec<u8>> {
    let found = app.engine.store().payload(&digest).await.map_err(api)?;
    found.ok_or_else(|| ApiError::not_found(format!("no payload {digest}")))
}

/// Counting and canceling what runs of something that another node is about to delete.
fn instances(kind: &str, subject: fn(Id) -> Subject) -> Router<App> {
    let count = move |State(app): State<App>, Path(id): Path<Id>| count_instances(app, subject(id));
    let cancel = move |State(app): State<App>, Path(id): Path<Id>| cancel_instances(app, subject(id));
    Router::new().route(&format!("/{kind}/{{id}}/instances"), get(count).delete(cancel))
}

/// What a definition's id stands for: for a router that places starts by it.
async fn definition(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let view = app.engine.catalog().view();
    let row = view.by_rest_id(&id).map(|deployed| &deployed.row);
    let row = row.ok_or_else(|| ApiError::not_found(format!("no definition {id}")))?;
    Ok(Json(json!({"key": row.key, "tenantId": row.tenant_id})))
}

async fn count_instances(app: App, subject: Subject) -> ApiResult<Json<BTreeMap<String, u64>>> {
    app.replication.ensure_applied().await.map_err(api)?;
    app.replication.running(subject).await.map(Json).map_err(api)
}

async fn sweep(State(app): State<App>, body: Bytes) -> ApiResult<StatusCode> {
    let sweep: Sweep = serde_json::from_slice(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    app.replication.ensure_applied().await.map_err(api)?;
    app.engine.sweep(&Caller::default(), &sweep).await.map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cancel_instances(app: App, subject: Subject) -> ApiResult<StatusCode> {
    app.replication.ensure_applied().await.map_err(api)?;
    app.replication
        .cancel_here(&Caller::default(), subject)
        .await
        .map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}
