//! `/history/job-log` and `/history/external-task-log`: list, count, read, the long text of a failure.
use super::{
    call::{Call, json, no_content, typed},
    history::removal,
    instance_view::{definition_id, definition_key},
    lists,
};
use crate::{
    App,
    app::{CatalogView, batches::Request},
    query::{
        history_log::{CREATED, Log, LogRow},
        job::CLEAN_UP,
    },
    store::{BATCH_JOB, Row},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{
    Id,
    instance::{JobKind, RunState},
    tree::activity_instance_id,
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult, Date,
    batch::JobDefinition,
    filters::Filters,
    history_log::{HistoricExternalTaskLog, HistoricJobLog},
};

/// Routes of these resources.
pub fn routes() -> Router<App> {
    of(Log::Job, "/history/job-log", "stacktrace").merge(of(
        Log::ExternalTask,
        "/history/external-task-log",
        "error-details",
    ))
}

fn of(log: Log, path: &str, text: &str) -> Router<App> {
    Router::new()
        .route(
            path,
            get(move |call: Call| async move { list(&call, log, &call.filters()).await })
                .post(move |call: Call| async move { list(&call, log, &call.body()?).await }),
        )
        .route(
            &format!("{path}/count"),
            get(move |call: Call| async move { count(&call, log, &call.filters()).await })
                .post(move |call: Call| async move { count(&call, log, &call.body()?).await }),
        )
        .route(&format!("{path}/{{id}}"), get(move |call: Call| one(call, log)))
        .route(
            &format!("{path}/{{id}}/{text}"),
            get(move |call: Call| details(call, log)),
        )
}

fn job_dto(call: &Call, view: &CatalogView, row: LogRow) -> HistoricJobLog {
    let kind = i16::try_from(row.kind).ok().and_then(JobKind::from_i16);
    let deployed = view.by_id(row.definition_id);
    let of = kind.and_then(|kind| deployed?.job_definition(&row.element, kind));
    let failed = row.state == RunState::Failed as i64;
    let of_batch =
        JobDefinition::from_number((row.kind - i64::from(BATCH_JOB)).try_into().unwrap_or_default());
    if let Some(kind) = of_batch {
        let word = row.batch_type.as_deref().map(|of| kind.job_type(of).to_owned());
        return of_no_process(call, word, Some((row.root_id, kind)), row);
    }
    if row.kind == i64::from(CLEAN_UP) {
        return of_no_process(call, Some("history-cleanup".to_owned()), None, row);
    }
    if kind == Some(JobKind::Suspension) {
        return of_no_process(call, suspension_type(&row.element), None, row);
    }
    HistoricJobLog {
        id: shown(&row).to_string(),
        timestamp: Date(row.time),
        removal_time: removal(view, row.definition_id, row.root_end),
        job_id: row.subject.to_string(),
        job_due_date: row.due.map(Date),
        job_retries: row.retries,
        job_priority: row.priority,
        job_exception_message: row.error_message.filter(|_| failed),
        job_definition_id: of.map(|j| j.id.to_string()),
        job_definition_type: match kind {
            Some(JobKind::Event) => Some("event".to_owned()),
            _ => of.map(|j| j.job_type.clone()),
        },
        job_definition_configuration: of.map(|j| j.configuration.clone()),
        failed_activity_id: row.failed_element,
        activity_id: Some(row.element),
        execution_id: row.execution_id.map(|id| id.to_string()),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        process_definition_id: Some(definition_id(view, row.definition_id)),
        process_definition_key: definition_key(view, row.definition_id),
        deployment_id: deployed.map(|d| d.row.deployment_id.to_string()),
        tenant_id: row.tenant_id,
        // What no node has run this one tells of, which is as true.
        hostname: row.node.or_else(|| Some(call.app.engine.settings().node.clone())),
        // A timer start belongs to no tree.
        root_process_instance_id: row.instance_id.map(|_| row.root_id.to_string()),
        batch_id: None,
        creation_log: row.state == CREATED,
        failure_log: failed,
        success_log: row.state == RunState::Successful as i64,
        deletion_log: row.state == RunState::Deleted as i64,
    }
}

/// The reference's word for the job of a suspension, from the request that it sends.
fn suspension_type(request: &str) -> Option<String> {
    let request: Request = serde_json::from_str(request).ok()?;
    let verb = match request.body["suspended"] == true {
        true => "suspend",
        false => "activate",
    };
    let what = match request.path.starts_with("/job-definition") {
        true => "job-definition",
        false => "processdefinition",
    };
    Some(format!("{verb}-{what}"))
}

/// An entry about a job of no process: perhaps of a batch. The deployment stands where an execution would.
fn of_no_process(
    call: &Call,
    job_type: Option<String>,
    batch: Option<(Id, JobDefinition)>,
    row: LogRow,
) -> HistoricJobLog {
    let failed = row.state == RunState::Failed as i64;
    HistoricJobLog {
        id: shown(&row).to_string(),
        timestamp: Date(row.time),
        removal_time: None,
        job_id: row.subject.to_string(),
        job_due_date: row.due.map(Date),
        job_retries: row.retries,
        job_priority: row.priority,
        job_exception_message: row.error_message.filter(|_| failed),
        job_definition_id: batch.map(|(batch, kind)| kind.of(batch).to_string()),
        job_definition_type: job_type,
        job_definition_configuration: batch.map(|(batch, _)| batch.to_string()),
        failed_activity_id: None,
        activity_id: None,
        execution_id: None,
        process_instance_id: None,
        process_definition_id: None,
        process_definition_key: None,
        deployment_id: row.execution_id.map(|id| id.to_string()),
        tenant_id: None,
        hostname: row.node.or_else(|| Some(call.app.engine.settings().node.clone())),
        root_process_instance_id: None,
        batch_id: batch.map(|(batch, _)| batch.to_string()),
        creation_log: row.state == CREATED,
        failure_log: failed,
        success_log: row.state == RunState::Successful as i64,
        deletion_log: row.state == RunState::Deleted as i64,
    }
}

fn task_dto(view: &CatalogView, row: LogRow) -> HistoricExternalTaskLog {
    let failed = row.state == RunState::Failed as i64;
    HistoricExternalTaskLog {
        id: shown(&row).to_string(),
        timestamp: Date(row.time),
        removal_time: removal(view, row.definition_id, row.root_end),
        external_task_id: row.subject.to_string(),
        topic_name: row.topic,
        worker_id: row.worker_id,
        priority: row.priority,
        retries: row.retries,
        error_message: row.error_message.filter(|_| failed),
        activity_instance_id: row.activity_id.map(|id| activity_instance_id(&row.element, id)),
        activity_id: row.element,
        execution_id: row.execution_id.map(|id| id.to_string()),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        process_definition_id: definition_id(view, row.definition_id),
        process_definition_key: definition_key(view, row.definition_id),
        tenant_id: row.tenant_id,
        root_process_instance_id: row.root_id.to_string(),
        creation_log: row.state == CREATED,
        failure_log: failed,
        success_log: row.state == RunState::Successful as i64,
        deletion_log: row.state == RunState::Deleted as i64,
    }
}

async fn list(call: &Call, log: Log, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = log.listing(call.sees(filters, &view))?;
    match log {
        Log::Job => {
            lists::page(
                call,
                &listing,
                |row| log.row(row),
                |row| job_dto(call, &view, row),
            )
            .await
        }
        Log::ExternalTask => {
            lists::page(call, &listing, |row| log.row(row), |row| task_dto(&view, row)).await
        }
    }
}

async fn count(call: &Call, log: Log, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &log.listing(call.sees(filters, &view))?).await
}

/// The id of a row on the wire. A creation has no row of its own, and another id than what was created.
fn shown(row: &LogRow) -> Id {
    match row.state {
        CREATED => row.id.twin(),
        _ => row.id,
    }
}

/// The row that the path names.
async fn found(call: &Call, log: Log, missing: impl Fn() -> ApiError) -> ApiResult<LogRow> {
    let Some(id) = call.id("id") else {
        return Err(missing());
    };
    for stored in [id, id.twin()] {
        let row = lists::one(
            call,
            Some(stored),
            |id| log.by_id(id),
            |row| log.row(row),
            &missing,
        )
        .await;
        match row {
            Ok(row) if shown(&row) == id => return Ok(row),
            Err(error) if error.status != StatusCode::NOT_FOUND => return Err(error),
            _ => {}
        }
    }
    Err(missing())
}

async fn one(call: Call, log: Log) -> ApiResult<Response> {
    let id = call.param("id");
    let missing = || {
        ApiError::not_found(match log {
            Log::Job => format!("Historic job log with id {id} does not exist"),
            Log::ExternalTask => format!("Historic external task log with id {id} does not exist"),
        })
    };
    let found = found(&call, log, missing).await?;
    if !call.shows_history(Some(found.definition_id), found.tenant_id.as_deref()) {
        return Err(missing());
    }
    let view = call.catalog();
    Ok(match log {
        Log::Job => json(&job_dto(&call, &view, found)),
        Log::ExternalTask => json(&task_dto(&view, found)),
    })
}

async fn details(call: Call, log: Log) -> ApiResult<Response> {
    let id = call.param("id");
    let missing = || {
        ApiError::not_found(match log {
            Log::Job => format!("No historic job log found with id {id}: historicJobLog is null"),
            Log::ExternalTask => {
                format!("No historic external task log found with id {id}: historicExternalTaskLog is null")
            }
        })
    };
    let found = found(&call, log, missing).await?;
    if call.caller.rights.is_some() {
        let kind = match log {
            Log::Job => "job",
            Log::ExternalTask => "external task",
        };
        let what = format!("get the historic {kind} log '{id}'");
        call.demand_history(
            "READ_HISTORY",
            found.definition_id,
            found.tenant_id.as_deref(),
            &what,
        )?;
    }
    let (query, read) = (|id| log.details(id), |row: &dyn Row| row.text_opt(0));
    let text = lists::one(&call, Some(found.id), query, read, missing).await?;
    Ok(match text {
        Some(text) if matches!(log, Log::Job) => typed("text/plain", super::job::traced(text).into_bytes()),
        Some(text) => typed("text/plain", text.into_bytes()),
        None => no_content(),
    })
}
