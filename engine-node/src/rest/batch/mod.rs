//! `/batch`, `/history/batch`, and the operations that make batches. A node alone answers for the whole batch; as a part
//! of a fan-out it gives what it has, and the router adds up (`rest_api::batch`).
mod history;
mod instances;
pub mod jobs;
pub mod parts;
mod retries;
mod run;
pub mod targets;

pub use run::{Told as ToldOfWork, execute, for_other, run, serve_jobs};
pub use targets::encoded;

use super::{
    call::{Call, json, no_content},
    error,
};
use crate::{
    App,
    app::operations,
    query::batch,
    rights::need::resource,
    store::{BatchChange, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, put},
};
use bpmn_core::Id;
use http::{HeaderValue, StatusCode};
use rest_api::{
    ApiError, ApiResult,
    batch::{Part, Question, Whole, wholes},
};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let history = "/history/batch";
    Router::new()
        .route("/batch", get(|call: Call| read(call, "/batch")))
        .route("/batch/count", get(|call: Call| read(call, "/batch/count")))
        .route(
            "/batch/statistics",
            get(|call: Call| read(call, "/batch/statistics")),
        )
        .route(
            "/batch/statistics/count",
            get(|call: Call| read(call, "/batch/statistics/count")),
        )
        .route(
            "/batch/{id}",
            get(|call: Call| read(call, "/batch/{id}")).delete(delete),
        )
        .route("/batch/{id}/suspended", put(suspend))
        .route(history, get(|call: Call| read(call, "/history/batch")))
        .route(
            &format!("{history}/count"),
            get(|call: Call| read(call, "/history/batch/count")),
        )
        .route(
            &format!("{history}/cleanable-batch-report"),
            get(|call: Call| read(call, "/history/batch/cleanable-batch-report")),
        )
        .route(
            &format!("{history}/cleanable-batch-report/count"),
            get(|call: Call| read(call, "/history/batch/cleanable-batch-report/count")),
        )
        .route(
            &format!("{history}/{{id}}"),
            get(|call: Call| read(call, "/history/batch/{id}")).delete(forget),
        )
        .merge(history::routes())
        .merge(instances::routes())
        .merge(retries::routes())
}

async fn read(call: Call, path: &'static str) -> ApiResult<Response> {
    let question = Question::of(path).ok_or_else(ApiError::unknown_path)?;
    let id = match question.one {
        true => Some(call.id("id").unwrap_or(Id::NIL)),
        false => None,
    };
    let snapshot = call.select(&batch::parts(id)).await?;
    let parts = snapshot.rows.iter().map(|row| batch::part(&**row));
    let mut parts: Vec<Part> = parts.collect::<Result<_, _>>().map_err(error::store)?;
    let permission = match path.starts_with("/history") {
        true => "READ_HISTORY",
        false => "READ",
    };
    call.keep(&mut parts, resource::BATCH, permission, |part| {
        (part.id.to_string(), None)
    });
    if call.caller.fanout {
        return Ok(call.covered(&parts, &snapshot));
    }
    Ok(json(&question.answer(parts, call.param("id"), &call.query)?))
}

/// Refuses, in a node alone, what the reference refuses; for a router this is the router's to decide, which has seen all
/// parts.
async fn must(call: &Call, holds: impl Fn(&Whole) -> bool, refusal: &str) -> ApiResult<Option<Id>> {
    let refused = || {
        let text = format!("{refusal} with id '{}'", call.param("id"));
        ApiError::invalid_request(text).with_code(0)
    };
    let Some(id) = call.id("id") else {
        return Err(refused());
    };
    if call.caller.fanout {
        return Ok(Some(id));
    }
    let snapshot = call.select(&batch::parts(Some(id))).await?;
    let parts = snapshot.rows.iter().map(|row| batch::part(&**row));
    let parts: Vec<Part> = parts.collect::<Result<_, _>>().map_err(error::store)?;
    match wholes(parts).iter().any(holds) {
        true => Ok(Some(id)),
        false => Err(refused()),
    }
}

fn told(call: &Call, operation: &'static str) -> Told {
    Told {
        batch_id: Some(call.param("id").to_owned()),
        ..Told::operator("Batch", operation)
    }
}

async fn change(call: &Call, id: Option<Id>, change: BatchChange, told: Told) -> ApiResult<Response> {
    if let Some(id) = id {
        let changed = call.app.engine.change_batch(id, change).await;
        changed.map_err(error::api)?;
    }
    call.log(|| vec![told]).await?;
    Ok(no_content())
}

async fn delete(call: Call) -> ApiResult<Response> {
    let how = match call.filters().java_flag("cascade") {
        Some(true) => BatchChange::Delete,
        _ => BatchChange::Stop,
    };
    let id = must(&call, Whole::runs, "Unable to delete batch").await?;
    let told = told(&call, "Delete").said("cascadeToHistory", how == BatchChange::Delete);
    change(&call, id, how, told).await
}

async fn suspend(call: Call) -> ApiResult<Response> {
    let suspended = call.body()?.on("suspended")?;
    let refusal = match suspended {
        true => "Unable to suspend batch",
        false => "Unable to activate batch",
    };
    let id = must(&call, Whole::runs, refusal).await?;
    let operation = if suspended {
        "SuspendBatch"
    } else {
        "ActivateBatch"
    };
    let told = told(&call, operation).changed("suspensionState", None, operations::suspension(suspended));
    change(&call, id, BatchChange::Suspended(suspended), told).await
}

async fn forget(call: Call) -> ApiResult<Response> {
    let refusal = "Unable to delete historic batch";
    let id = must(&call, Whole::is_recorded, refusal).await?;
    let told = told(&call, "DeleteHistory");
    change(&call, id, BatchChange::Forget, told).await
}

/// Answers with the batch that has just been made of these requests.
async fn begin(
    call: &Call,
    kind: &str,
    work: Vec<(Option<Id>, crate::app::batches::Request)>,
    told: impl FnOnce(usize) -> Vec<Told>,
) -> ApiResult<Response> {
    let number = work.len();
    let (work, tenant) = targets::with_deployments(call, kind, work).await?;
    let begun = call
        .app
        .engine
        .begin_batch(&call.caller, kind, tenant, work)
        .await;
    let part = begun.map_err(error::api)?;
    call.log(|| told(number)).await?;
    match wholes([part]).first() {
        Some(whole) => Ok(json(&whole.batch())),
        None => Err(ApiError::internal("a batch without a type")),
    }
}

/// What the user log is told of every batch: how many things, and that they are done later.
fn later(base: &Told, number: usize) -> Vec<Told> {
    vec![base.said("nrOfInstances", number), base.said("async", true)]
}

/// Says, within a fan-out, that this shard refuses only because it has nothing of what was asked for.
fn nothing_here(error: ApiError) -> ApiError {
    error.with_header(super::selection::NOTHING_HERE, HeaderValue::from_static("1"))
}

/// 400 with the engine's own exception, as the REST layer passes it on.
fn bad_user_request(text: impl Into<String>) -> ApiError {
    ApiError::bad_user_request("BadUserRequestException", text).with_code(0)
}

/// 500 with a type of the REST layer's.
fn engine_error(text: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "ProcessEngineException", text).with_code(0)
}
