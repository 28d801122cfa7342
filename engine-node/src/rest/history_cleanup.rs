//! `/history/cleanup`: asking for the clean-up, its job, its window.
use super::{
    call::{Call, json, no_content},
    error,
};
use crate::{
    App,
    app::writer::now,
    query::job::CleanUp,
    store::{housekeeping::CleanupJob, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::{Id, history::Kind, instance::RunState};
use http::{Method, StatusCode};
use rest_api::{ApiError, ApiResult, Date, job::Job};
use sea_query::{Expr, Query};
use serde::{Deserialize, Serialize};

/// `state` of the log's entry about its creation.
const CREATED: i16 = 0;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/history/cleanup", post(start))
        .route("/history/cleanup/job", get(one))
        .route("/history/cleanup/jobs", get(list))
        .route("/history/cleanup/configuration", get(configuration))
}

/// The job of this shard. Its id follows from its creation and lies in a slot of the shard, where `/job/{id}` finds it.
fn of_shard(call: &Call, job: CleanupJob) -> Option<CleanUp> {
    let created = job.created?;
    let owned = call.app.engine.owned();
    let slot = owned.slots().iter().min().copied()?;
    Some(CleanUp {
        id: Id::from_parts(created.max(0) as u64, 0, slot, 0),
        due: job.due,
        suspended: job.suspended,
        created,
    })
}

/// The clean-up's job as `/job` lists it: one of all shards, that of the first by name.
///
/// # Errors
/// Those of the database.
pub async fn listed(call: &Call) -> ApiResult<Option<CleanUp>> {
    let shard = &call.app.node.shard;
    let others = call.app.replication.peers().others();
    match others.iter().any(|(other, _)| other < shard) {
        true => Ok(None),
        false => job(call).await,
    }
}

/// Deletes the clean-up's job, of all shards.
///
/// # Errors
/// Those of the database; 503 if a shard can't be asked.
pub async fn delete(call: &Call, id: Id) -> ApiResult<Response> {
    everywhere(call, id, Asked::Delete, RunState::Deleted).await
}

/// Runs the clean-up now, on all shards.
///
/// # Errors
/// As [`delete`].
pub async fn run(call: &Call, id: Id) -> ApiResult<Response> {
    everywhere(call, id, Asked::Run, RunState::Successful).await
}

/// What a shard is asked about its clean-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    Delete,
    Run,
}

async fn everywhere(call: &Call, id: Id, asked: Asked, state: RunState) -> ApiResult<Response> {
    let before = stored(call).await?;
    let peers = call.app.replication.peers();
    let body = serde_json::to_vec(&asked).unwrap_or_default();
    for (shard, urls) in peers.others() {
        let path = "/internal/history-cleanup";
        let done = peers.ask(&shard, &urls, Method::POST, path, Some(&body)).await;
        done.map_err(ApiError::unavailable)?;
    }
    here(&call.app, asked).await?;
    tell(call, id, &before, state as i16).await?;
    Ok(no_content())
}

/// Does what is asked of this shard.
///
/// # Errors
/// Those of the database.
pub async fn here(app: &App, asked: Asked) -> ApiResult<()> {
    let done = match asked {
        Asked::Delete => app.engine.store().forget_cleanup_job().await,
        Asked::Run => app.engine.run_cleanup().await,
    };
    done.map_err(error::store)
}

/// Has the job log tell of it.
async fn tell(call: &Call, id: Id, job: &CleanupJob, state: i16) -> ApiResult<()> {
    let engine = &call.app.engine;
    if !engine.tells("", Kind::Job) {
        return Ok(());
    }
    let told = engine.store().tell_of_cleanup(id, job, state).await;
    told.map_err(error::store)
}

/// The clean-up's job of this shard, if it has that id.
///
/// # Errors
/// Those of the database.
pub async fn of_id(call: &Call, id: Id) -> ApiResult<Option<CleanUp>> {
    // Its id tells it from others without a look: nothing else has no random bits.
    match id.0.as_u64_pair().1 & 0xffff_ffff_ffff {
        0 => Ok(job(call).await?.filter(|job| job.id == id)),
        _ => Ok(None),
    }
}

/// The job on the wire.
pub fn dto(job: CleanUp) -> Job {
    Job {
        retries: 3,
        due_date: job.due.map(Date),
        suspended: job.suspended,
        ..Job::of_no_instance(job.id.to_string(), Date(job.created))
    }
}

async fn start(call: Call) -> ApiResult<Response> {
    // As the reference reads it: whatever isn't true is false, nothing is true.
    let at_once = call.filters().java_flag("immediatelyDue") != Some(false);
    let engine = &call.app.engine;
    let made = stored(&call).await?.created.is_none();
    let windows = &engine.settings().cleanup.windows;
    if made && !at_once && windows.at_or_after(now()).is_none() {
        // Without a window the reference makes no job, and stumbles over it; one that is there rests then.
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.runtime.Job.getId()\" because \"job\" is null",
        ));
    }
    let job = engine.ask_for_cleanup(at_once).await.map_err(error::store)?;
    if let Some(listed) = listed(&call).await?.filter(|_| made) {
        tell(&call, listed.id, &job, CREATED).await?;
    }
    let told = Told::operator("Job", "CreateHistoryCleanupJobs").said("immediatelyDue", at_once);
    call.log(|| vec![told]).await?;
    Ok(json(&of_shard(&call, job).map(dto)))
}

async fn job(call: &Call) -> ApiResult<Option<CleanUp>> {
    Ok(of_shard(call, stored(call).await?))
}

/// The job as this shard's database has it.
async fn stored(call: &Call) -> ApiResult<CleanupJob> {
    let store = call.app.engine.store();
    store.cleanup_job().await.map_err(error::store)
}

fn missing(message: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "RestException", message)
}

async fn one(call: Call) -> ApiResult<Response> {
    let job = job(&call).await?;
    let job = job.ok_or_else(|| missing("History cleanup job does not exist"))?;
    covered(&call, &dto(job)).await
}

async fn list(call: Call) -> ApiResult<Response> {
    let job = job(&call).await?;
    let jobs = [dto(job.ok_or_else(|| missing("History cleanup jobs are empty"))?)];
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
