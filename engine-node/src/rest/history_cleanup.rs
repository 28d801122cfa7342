//! `/history/cleanup`: asking for the clean-up, its job, its window.
use super::{
    call::{Call, json},
    error,
};
use crate::{
    App,
    app::writer::now,
    store::{housekeeping::CleanupJob, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::{Id, Slot};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, Date, job::Job};
use sea_query::{Expr, Query};
use serde::Serialize;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/history/cleanup", post(start))
        .route("/history/cleanup/job", get(one))
        .route("/history/cleanup/jobs", get(list))
        .route("/history/cleanup/configuration", get(configuration))
}

/// The job of this shard; its id follows from its creation and the shard's name.
fn dto(call: &Call, job: CleanupJob) -> Option<Job> {
    let created = job.created?;
    let shard = Slot::of_key(call.app.node.shard.as_str());
    Some(Job {
        id: Id::from_parts(created.max(0) as u64, 0, shard, 0).to_string(),
        job_definition_id: None,
        process_instance_id: None,
        process_definition_id: None,
        process_definition_key: None,
        execution_id: None,
        exception_message: None,
        failed_activity_id: None,
        retries: 3,
        due_date: job.due.map(Date),
        suspended: job.suspended,
        priority: 0,
        tenant_id: None,
        create_time: Date(created),
        batch_id: None,
    })
}

async fn start(call: Call) -> ApiResult<Response> {
    // As the reference reads it: whatever isn't true is false, nothing is true.
    let at_once = call.filters().java_flag("immediatelyDue") != Some(false);
    let windows = &call.app.engine.settings().cleanup.windows;
    if !at_once && windows.at_or_after(now()).is_none() {
        // Without a window the reference makes no job, and stumbles over it.
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.runtime.Job.getId()\" because \"job\" is null",
        ));
    }
    let job = call
        .app
        .engine
        .ask_for_cleanup(at_once)
        .await
        .map_err(error::store)?;
    let told = Told::operator("Job", "CreateHistoryCleanupJobs").said("immediatelyDue", at_once);
    call.log(|| vec![told]).await?;
    Ok(json(&dto(&call, job)))
}

async fn job(call: &Call) -> ApiResult<Option<Job>> {
    let job = call
        .app
        .engine
        .store()
        .cleanup_job()
        .await
        .map_err(error::store)?;
    Ok(dto(call, job))
}

fn missing(message: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "RestException", message)
}

async fn one(call: Call) -> ApiResult<Response> {
    let job = job(&call).await?;
    let job = job.ok_or_else(|| missing("History cleanup job does not exist"))?;
    covered(&call, &job).await
}

async fn list(call: Call) -> ApiResult<Response> {
    let job = job(&call).await?;
    let jobs = [job.ok_or_else(|| missing("History cleanup jobs are empty"))?];
    covered(&call, &jobs).await
}

/// The answer with what it covers, which the router wants to know.
async fn covered(call: &Call, value: &impl Serialize) -> ApiResult<Response> {
    let snapshot = call
        .select(&Query::select().expr(Expr::value(1)).to_owned())
        .await?;
    Ok(call.covered(value, &snapshot))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    batch_window_start_time: Option<Date>,
    batch_window_end_time: Option<Date>,
    enabled: bool,
}

async fn configuration(call: Call) -> ApiResult<Response> {
    let window = call.app.engine.settings().cleanup.windows.at_or_after(now());
    Ok(json(&Configuration {
        batch_window_start_time: window.map(|(from, _)| Date(from)),
        batch_window_end_time: window.map(|(_, to)| Date(to)),
        enabled: true,
    }))
}
