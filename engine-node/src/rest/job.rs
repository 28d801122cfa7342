//! `/job`: list, read, execute, retries, suspension, deletion.
use super::{
    call::{Call, answer, json, no_content, typed},
    error, instance_view, lists,
};
use crate::{
    App,
    app::{Answer, CatalogView, EngineError, writer::now},
    query::{Where, job},
    store::Entity,
};
use axum::{
    Router,
    response::Response,
    routing::{get, post, put},
};
use bpmn_core::{Id, command::Command, instance::Job as JobRow};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, Date, filters::Filters, job::Job};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/job", get(list).post(list_post))
        .route("/job/count", get(count).post(count_post))
        .route("/job/{id}", get(one).delete(delete))
        .route("/job/{id}/execute", post(execute))
        .route("/job/{id}/retries", put(retries))
        .route("/job/{id}/suspended", put(suspend))
        .route("/job/{id}/stacktrace", get(stacktrace))
        .route("/job/{id}/duedate", put(not_served))
        .route("/job/{id}/duedate/recalculate", post(not_served))
        .route("/job/{id}/priority", put(not_served))
}

async fn not_served(_: Call) -> ApiError {
    ApiError::not_implemented("changing due date or priority of a job")
}

fn dto(view: &CatalogView, job: JobRow) -> Job {
    Job {
        id: job.id.to_string(),
        job_definition_id: None,
        process_instance_id: job.instance_id.map(|id| id.to_string()),
        process_definition_id: Some(instance_view::definition_id(view, job.definition_id)),
        process_definition_key: instance_view::definition_key(view, job.definition_id),
        execution_id: job.execution_id.map(|id| id.to_string()),
        failed_activity_id: job.error_message.is_some().then(|| job.element.clone()),
        exception_message: job.error_message,
        retries: job.retries,
        due_date: job.due.map(Date),
        suspended: job.suspended,
        priority: job.priority,
        tenant_id: job.tenant_id,
        create_time: Date(job.created),
        batch_id: None,
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    find(&call, &call.filters()).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    find(&call, &call.body()?).await
}

async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::page(
        call,
        &job::listing(Where::new(filters, &view), now())?,
        job::row,
        |row| dto(&view, row),
    )
    .await
}

async fn count(call: Call) -> ApiResult<Response> {
    number(&call, &call.filters()).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    number(&call, &call.body()?).await
}

async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &job::listing(Where::new(filters, &view), now())?).await
}

async fn row(call: &Call, missing: impl Fn() -> ApiError) -> ApiResult<JobRow> {
    lists::one(call, call.id("id"), job::by_id, job::row, missing).await
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || ApiError::not_found(format!("Job with id {} does not exist", call.param("id")));
    let job = row(&call, missing).await?;
    Ok(json(&dto(&call.catalog(), job)))
}

fn none(call: &Call) -> ApiError {
    ApiError::not_found(format!(
        "No job found with id '{}': job is null",
        call.param("id")
    ))
}

async fn stacktrace(call: Call) -> ApiResult<Response> {
    let missing = || ApiError::not_found(format!("No job found with id {}: job is null", call.param("id")));
    match row(&call, missing).await?.stacktrace {
        Some(text) => Ok(typed("text/plain", text.into_bytes())),
        None => Ok(no_content()),
    }
}

/// The reference answers 404 to whatever goes wrong while a job runs by hand.
async fn execute(call: Call) -> ApiResult<Response> {
    let missing = || {
        ApiError::not_found(format!(
            "ENGINE-14026 No job found with id '{}'",
            call.param("id")
        ))
    };
    let id = call.id("id").ok_or_else(missing)?;
    let failed = |error| match error {
        EngineError::Rejected(rejection) => ApiError::not_found(rejection.to_string()),
        other => error::api(other),
    };
    let executed = call.app.engine.execute_job(&call.caller, id).await;
    executed.map_err(error::unknown(missing, failed))?;
    Ok(no_content())
}

async fn run(
    call: &Call,
    command: impl Fn(Id) -> Command,
    missing: impl Fn() -> ApiError,
) -> ApiResult<Response> {
    let id = call.id("id").ok_or_else(&missing)?;
    let render =
        Box::new(|_: &bpmn_core::instance::Instance, _: &bpmn_core::command::Outcome| Answer::no_content());
    let result = call
        .app
        .engine
        .entity_command(&call.caller, Entity::Job, id, command(id), render)
        .await;
    result.map(answer).map_err(error::unknown(missing, error::api))
}

/// 500 with a type of the REST layer: the reference's own mixture for retries.
fn retries_error(message: String) -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InvalidRequestException",
        message,
    )
}

async fn retries(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let Some(retries) = body.int("retries")? else {
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "NullPointerException",
            "Cannot invoke \"java.lang.Integer.intValue()\" because the return value of \
             \"org.camunda.bpm.engine.rest.dto.runtime.RetriesDto.getRetries()\" is null",
        ));
    };
    if retries < 0 {
        return Err(retries_error(format!(
            "ENGINE-13054 The number of job retries must be a non-negative Integer, but '{retries}' has been provided."
        )));
    }
    let due = match body.has("dueDate") {
        true => Some(body.date("dueDate")?),
        false => None,
    };
    let missing = || {
        retries_error(format!(
            "ENGINE-13053 No job found with id '{}'.'",
            call.param("id")
        ))
    };
    run(&call, |job| Command::SetJobRetries { job, retries, due }, missing).await
}

async fn suspend(call: Call) -> ApiResult<Response> {
    let suspended = call.body()?.on("suspended")?;
    let unknown = || ApiError::new(StatusCode::NO_CONTENT, "", "");
    match run(&call, |job| Command::SetJobSuspended { job, suspended }, unknown).await {
        // The reference answers 204 for an id that it doesn't know.
        Err(error) if error.status == StatusCode::NO_CONTENT => Ok(no_content()),
        result => result,
    }
}

async fn delete(call: Call) -> ApiResult<Response> {
    run(&call, |job| Command::DeleteJob { job }, || none(&call)).await
}
