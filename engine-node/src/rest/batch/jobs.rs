//! Jobs of batches and their job definitions, as `/job` and `/job-definition` show and change them.
use super::{
    parts::{self, Ask},
    run,
};
use crate::{
    query::{
        batch::{self, Led},
        job::{self, BatchJob, Found},
        job_definition::Found as FoundDefinition,
    },
    rest::{
        call::{Call, json},
        error,
    },
    store::{BatchJobChange, JobDefinitionRow, StoreError, Subject, WhichJobs},
};
use axum::response::Response;
use bpmn_core::{
    Id,
    command::JobChange,
    instance::{Job as JobRow, JobKind},
};
use rest_api::{
    ApiError, ApiResult, Date,
    batch::{JobDefinition, Part},
    job::Job,
};

/// A batch's job on the wire.
pub fn job_dto(row: BatchJob) -> Job {
    Job {
        job_definition_id: Some(row.kind.of(row.batch_id).to_string()),
        exception_message: row.error_message,
        retries: row.retries,
        due_date: row.due.map(Date),
        suspended: row.suspended,
        priority: row.priority,
        tenant_id: row.tenant_id,
        batch_id: Some(row.batch_id.to_string()),
        ..Job::of_no_instance(row.id.to_string(), Date(row.created))
    }
}

/// A batch's job as the user log looks at jobs.
pub fn row(job: &BatchJob) -> JobRow {
    JobRow {
        id: job.id,
        root_id: job.batch_id,
        instance_id: None,
        token_id: None,
        execution_id: None,
        definition_id: Id::NIL,
        element: String::new(),
        kind: JobKind::Event,
        due: job.due,
        retries: job.retries,
        exclusive: true,
        priority: job.priority,
        suspended: job.suspended,
        created: job.created,
        lock_owner: None,
        lock_expires: None,
        error_message: job.error_message.clone(),
        stacktrace: None,
        failed_element: None,
        made: Default::default(),
        repeat: None,
        tenant_id: None,
        recorded: false,
    }
}

/// A change of several jobs, for those of batches.
pub fn change(change: &JobChange) -> BatchJobChange {
    match change {
        JobChange::Suspended(suspended) => BatchJobChange::Suspended(*suspended),
        JobChange::Priority(priority) => BatchJobChange::Priority(*priority),
        JobChange::Retries { retries, due } => BatchJobChange::Retries {
            retries: *retries,
            due: *due,
            failed: true,
        },
    }
}

/// A batch's job by its id.
///
/// # Errors
/// Those of the database.
pub async fn found_job(call: &Call, id: Id) -> ApiResult<Option<BatchJob>> {
    let snapshot = call.select(&job::of_batch_by_id(id)).await?;
    let row = snapshot.rows.first().map(|row| job::found(&**row));
    let row: Option<Result<Found, StoreError>> = row;
    Ok(match row.transpose().map_err(error::store)? {
        Some(Found::OfBatch(job)) => Some(job),
        _ => None,
    })
}

/// The reference's `jobType` of a batch's job.
///
/// # Errors
/// Those of the database.
pub async fn type_of(call: &Call, job: &BatchJob) -> ApiResult<String> {
    let snapshot = call.select(&batch::parts(Some(job.batch_id))).await?;
    let part = snapshot.rows.first().map(|row| batch::part(&**row));
    let part: Option<Result<Part, StoreError>> = part;
    let part = part.transpose().map_err(error::store)?;
    let of = part.and_then(|part| part.kind).unwrap_or_default();
    Ok(job.kind.job_type(&of).to_owned())
}

/// The answer about a batch's job.
///
/// # Errors
/// Those of the database.
pub async fn one_job(call: &Call, id: Id) -> ApiResult<Option<Response>> {
    Ok(found_job(call, id).await?.map(|job| json(&job_dto(job))))
}

/// Changes a batch's job; false if there is none of that id.
///
/// # Errors
/// Those of the database.
pub async fn change_job(call: &Call, id: Id, change: BatchJobChange) -> ApiResult<bool> {
    let store = call.app.engine.store();
    let is_gone = matches!(change, BatchJobChange::Delete);
    let changed = store.change_jobs_of_batches(WhichJobs::One(id), change).await;
    let changed = changed.map_err(error::store)? > 0;
    if changed {
        if is_gone {
            // It may have been the last of its part, which nothing else would end.
            run::settle(&call.app).await.map_err(error::store)?;
        }
        call.app.engine.news().heard(Subject::Batches);
    }
    Ok(changed)
}

fn could_not(why: String) -> ApiError {
    ApiError::unavailable(format!("not all shards could be asked about batches: {why}"))
}

/// The job definitions of batches that run, on all shards.
///
/// # Errors
/// 503 if a shard can't be asked.
pub async fn definitions(call: &Call) -> ApiResult<Vec<FoundDefinition>> {
    let led = parts::led(&call.app).await.map_err(could_not)?;
    Ok(led.iter().flat_map(of_batch).collect())
}

/// What the job definitions of a batch are.
fn of_batch(led: &Led) -> [FoundDefinition; 3] {
    JobDefinition::ALL.map(|kind| {
        let setting = led.jobs.of(kind);
        let row = JobDefinitionRow {
            id: kind.of(led.id),
            definition_id: Id::NIL,
            element: String::new(),
            // None of a process's: nothing asks for it.
            kind: JobKind::Event,
            job_type: kind.job_type(&led.kind).to_owned(),
            configuration: led.id.to_string(),
            suspended: setting.suspended,
            priority: setting.priority,
        };
        FoundDefinition {
            row,
            of: None,
            tenant_id: led.tenant_id.clone(),
            deployment_id: led.jobs.deployment_id.filter(|_| kind == JobDefinition::Seed),
        }
    })
}

/// Which job definition of which batch has that id, if it is one's.
///
/// # Errors
/// 503 if a shard can't be asked.
pub async fn definition(call: &Call, id: Id) -> ApiResult<Option<(Id, JobDefinition)>> {
    let led = parts::led(&call.app).await.map_err(could_not)?;
    let of = |led: &Led| JobDefinition::ALL.into_iter().find(|kind| kind.of(led.id) == id);
    Ok(led.iter().find_map(|led| Some((led.id, of(led)?))))
}

/// Sets something for the jobs of a definition of a batch, wherever its own jobs are.
///
/// # Errors
/// 503 if a shard can't be asked.
pub async fn set(
    call: &Call,
    (batch, kind): (Id, JobDefinition),
    suspended: Option<bool>,
    priority: Option<Option<i64>>,
) -> ApiResult<()> {
    let ask = Ask::Set {
        kind,
        suspended,
        priority,
    };
    let done = parts::everywhere(&call.app, batch, ask).await;
    done.map(drop).map_err(could_not)
}

/// Changes all jobs of a definition of a batch.
///
/// # Errors
/// 503 if a shard can't be asked.
pub async fn change_jobs(
    call: &Call,
    (batch, kind): (Id, JobDefinition),
    change: BatchJobChange,
) -> ApiResult<()> {
    let ask = Ask::Change { kind, change };
    let done = parts::everywhere(&call.app, batch, ask).await;
    done.map(drop).map_err(could_not)
}
