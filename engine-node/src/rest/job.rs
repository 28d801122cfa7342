//! `/job`: list, read, execute, retries, suspension, deletion.
use super::{
    batch::{self, jobs as of_batches},
    call::{Call, answer, json, no_content, typed},
    error, history_cleanup, instance_view, lists, suspension,
};
use crate::{
    App,
    app::{
        Answer, CatalogView, EngineError,
        operations::{self, Tell, option, text},
        sweep::{Jobs, StartJobChange},
        writer::now,
    },
    query::job::{self, BatchJob, Found},
    rights::need::UPDATE_INSTANCE,
    store::{BatchJobChange, Entity, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post, put},
};
use bpmn_core::{
    Id,
    command::{Command, JobChange},
    instance::{Job as JobRow, JobKind, RunState},
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, Date, filters::Filters, job::Job};
use std::sync::Arc;

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
        .route("/job/suspended", put(suspend_by))
        .route("/job/{id}/duedate", put(due))
        .route("/job/{id}/duedate/recalculate", post(recalculate))
        .route("/job/{id}/priority", put(priority))
}

fn dto(view: &CatalogView, job: JobRow) -> Job {
    Job {
        id: job.id.to_string(),
        job_definition_id: instance_view::job_definition_id(
            view,
            job.definition_id,
            &job.element,
            Some(job.kind),
        ),
        process_instance_id: job.instance_id.map(|id| id.to_string()),
        // A suspension at a later time belongs to none.
        process_definition_id: (job.definition_id != Id::NIL)
            .then(|| instance_view::definition_id(view, job.definition_id)),
        process_definition_key: instance_view::definition_key(view, job.definition_id),
        // Of a suspension the deployment stands there.
        execution_id: job
            .execution_id
            .filter(|_| job.kind != JobKind::Suspension)
            .map(|id| id.to_string()),
        failed_activity_id: job.failed_element,
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
        &job::listing(
            call.sees(filters, &view),
            now(),
            history_cleanup::listed(call).await?,
        )?,
        job::found,
        |row| match row {
            Found::OfProcess(job) => dto(&view, *job),
            Found::OfBatch(job) => of_batches::job_dto(job),
            Found::OfHistory(job) => history_cleanup::dto(job),
        },
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
    let clean_up = history_cleanup::listed(call).await?;
    lists::count(call, &job::listing(call.sees(filters, &view), now(), clean_up)?).await
}

async fn row(call: &Call, missing: impl Fn() -> ApiError) -> ApiResult<JobRow> {
    lists::one(call, call.id("id"), job::by_id, job::row, missing).await
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || ApiError::not_found(format!("Job with id {} does not exist", call.param("id")));
    match row(&call, missing).await {
        Ok(job) => Ok(json(&dto(&call.catalog(), job))),
        Err(error) => match call.id("id") {
            Some(id) => match history_cleanup::of_id(&call, id).await? {
                Some(job) => Ok(json(&history_cleanup::dto(job))),
                None => of_batches::one_job(&call, id).await?.ok_or(error),
            },
            None => Err(error),
        },
    }
}

fn none(call: &Call) -> ApiError {
    ApiError::not_found(format!(
        "No job found with id '{}': job is null",
        call.param("id")
    ))
}

async fn stacktrace(call: Call) -> ApiResult<Response> {
    let missing = || ApiError::not_found(format!("No job found with id {}: job is null", call.param("id")));
    let trace = match row(&call, missing).await {
        Ok(job) => job.stacktrace,
        Err(error) => match call.id("id") {
            Some(id) => {
                let found = of_batches::found_job(&call, id).await?;
                found.ok_or(error)?.error_message
            }
            None => return Err(error),
        },
    };
    match trace {
        Some(text) => Ok(typed("text/plain", traced(text).into_bytes())),
        None => Ok(no_content()),
    }
}

/// What went wrong, named as the reference's stack trace begins: by the class of the exception.
pub fn traced(text: String) -> String {
    let class = match text.as_str() {
        text if text.starts_with("Unable to evaluate script") => "ScriptEvaluationException",
        text if text.starts_with("Unable to compile script") => "ScriptCompilationException",
        _ => "ProcessEngineException",
    };
    let named = text.split_once(':').is_some_and(|(head, _)| {
        !head.contains(' ') && (head.ends_with("Exception") || head.ends_with("Error"))
    });
    match named {
        true => text,
        false => format!("org.camunda.bpm.engine.{class}: {text}"),
    }
}

/// What went wrong while a job ran by hand: 404 as in the reference, and 500 where one of Java's own exceptions went
/// through.
fn failed(message: String) -> ApiError {
    let of_java = ["Cannot invoke \"", "For input string: "];
    match of_java.iter().any(|words| message.starts_with(words)) {
        true => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "RestException", message),
        false => ApiError::not_found(message),
    }
}

/// What the user log is told of a job that is changed.
#[derive(Clone)]
struct Change {
    operation: &'static str,
    /// Its properties, from the job before and after; after it is gone there is none.
    properties: Arc<Properties>,
}

type Property = (&'static str, Option<String>, Option<String>);
type Properties = dyn Fn(&JobRow, Option<&JobRow>) -> Vec<Property> + Send + Sync;

impl Change {
    /// Has the log told of the path's job.
    fn told(
        call: &mut Call,
        operation: &'static str,
        properties: impl Fn(&JobRow, Option<&JobRow>) -> Vec<Property> + Send + Sync + 'static,
    ) -> Change {
        let change = Change {
            operation,
            properties: Arc::new(properties),
        };
        if let Some(id) = call.id("id") {
            let (view, properties) = (call.catalog(), change.properties.clone());
            call.tell(|| {
                operations::job(&view, operation, id, move |before, after| {
                    properties(before, after)
                })
            });
        }
        change
    }

    /// Tells of a batch's job.
    async fn of_batch(&self, call: &Call, before: &BatchJob) -> ApiResult<()> {
        let after = of_batches::found_job(call, before.id).await?;
        let after = after.as_ref().map(of_batches::row);
        let properties = (self.properties)(&of_batches::row(before), after.as_ref());
        let base = Told {
            job_id: text(before.id),
            job_definition_id: text(before.kind.of(before.batch_id)),
            ..Told::operator("Job", self.operation)
        };
        call.log(|| operations::each(&base, properties)).await
    }

    /// Tells of a job that has no instance.
    async fn of_start(&self, call: &Call, before: Option<JobRow>) -> ApiResult<()> {
        let Some(before) = before else {
            return Ok(());
        };
        let after = call.app.engine.store().start_job(before.id).await;
        let properties = (self.properties)(&before, after.map_err(error::store)?.as_ref());
        let base = Told::operator("Job", self.operation).of_start_job(&call.catalog(), &before);
        call.log(|| operations::each(&base, properties)).await
    }
}

/// A job without an instance as it is, where the user log has to be told of it.
async fn start_job(call: &Call, id: Id) -> ApiResult<Option<JobRow>> {
    match call.logs() {
        true => call.app.engine.store().start_job(id).await.map_err(error::store),
        false => Ok(None),
    }
}

async fn execute(mut call: Call) -> ApiResult<Response> {
    let change = Change::told(&mut call, "Execute", |_, _| Vec::new());
    let missing = || {
        ApiError::not_found(format!(
            "ENGINE-14026 No job found with id '{}'",
            call.param("id")
        ))
    };
    let id = call.id("id").ok_or_else(missing)?;
    let failed = |error| match error {
        EngineError::Rejected(rejection) => failed(rejection.to_string()),
        other => error::api(other),
    };
    if history_cleanup::of_id(&call, id).await?.is_some() {
        return history_cleanup::run(&call, id).await;
    }
    let before = start_job(&call, id).await?;
    let executed = call.app.engine.execute_job(&call.caller, id).await;
    if let Err(EngineError::NotFound { .. }) = &executed
        && let Some(before) = of_batches::found_job(&call, id).await?
        && batch::execute(&call.app, id).await?
    {
        change.of_batch(&call, &before).await?;
        return Ok(no_content());
    }
    executed.map_err(error::unknown(missing, failed))?;
    change.of_start(&call, before).await?;
    Ok(no_content())
}

/// The same change of a batch's job.
fn of_batch(change: &StartJobChange) -> BatchJobChange {
    match change {
        StartJobChange::Job(change) => of_batches::change(change),
        StartJobChange::Retries(retries, due) => BatchJobChange::Retries {
            retries: *retries,
            due: *due,
            failed: false,
        },
        StartJobChange::Due { due, .. } => BatchJobChange::Due(*due),
        StartJobChange::Gone(_) => BatchJobChange::Delete,
    }
}

/// Sends a change: to the job's instance, to a batch's job, or to the job itself while it has none.
async fn run(
    call: &Call,
    told: Change,
    command: impl Fn(Id) -> Command,
    of_start: Option<StartJobChange>,
    missing: impl Fn() -> ApiError,
) -> ApiResult<Response> {
    let id = call.id("id").ok_or_else(&missing)?;
    let render =
        Box::new(|_: &bpmn_core::instance::Instance, _: &bpmn_core::command::Outcome| Answer::no_content());
    let engine = &call.app.engine;
    let result = engine
        .entity_command(&call.caller, Entity::Job, id, command(id), render)
        .await;
    if let (Err(EngineError::NotFound { .. }), Some(change)) = (&result, of_start) {
        let before = start_job(call, id).await?;
        if engine.change_start_job(id, &change).await.map_err(error::api)? {
            told.of_start(call, before).await?;
            return Ok(no_content());
        }
        if let Some(before) = of_batches::found_job(call, id).await?
            && of_batches::change_job(call, id, of_batch(&change)).await?
        {
            told.of_batch(call, &before).await?;
            return Ok(no_content());
        }
    }
    result.map(answer).map_err(error::unknown(missing, error::api))
}

/// 500 with a type of the REST layer: the reference's own mixture.
fn server_error(message: String) -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InvalidRequestException",
        message,
    )
}

/// `retries` and perhaps `dueDate` of a body.
pub fn given_retries(body: &Filters) -> ApiResult<(i32, Option<Option<i64>>)> {
    let Some(retries) = body.int("retries")? else {
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "NullPointerException",
            "Cannot invoke \"java.lang.Integer.intValue()\" because the return value of \
             \"org.camunda.bpm.engine.rest.dto.runtime.RetriesDto.getRetries()\" is null",
        ));
    };
    if retries < 0 {
        return Err(server_error(format!(
            "ENGINE-13054 The number of job retries must be a non-negative Integer, but '{retries}' has been provided."
        )));
    }
    let due = match body.mentions("dueDate") {
        true => Some(body.date("dueDate")?),
        false => None,
    };
    Ok((retries, due))
}

async fn retries(mut call: Call) -> ApiResult<Response> {
    let (retries, due) = given_retries(&call.body()?)?;
    let told = Change::told(&mut call, "SetJobRetries", move |before, after| {
        let old = text(before.retries);
        let mut all = vec![("retries", old, option(after.map(|job| job.retries)))];
        if due.is_some() {
            all.push((
                "dueDate",
                option(before.due),
                option(after.and_then(|job| job.due)),
            ));
        }
        all
    });
    let missing = || {
        server_error(format!(
            "ENGINE-13053 No job found with id '{}'.'",
            call.param("id")
        ))
    };
    let of_start = StartJobChange::Retries(retries, due);
    let command = |job| Command::SetJobRetries { job, retries, due };
    run(&call, told, command, Some(of_start), missing).await
}

fn suspension_of_jobs(suspended: bool) -> &'static str {
    if suspended { "SuspendJob" } else { "ActivateJob" }
}

/// Names of what one job or several are found by, as the reference lists them.
const BY: &str = "jobId, jobDefinitionId, processInstanceId, processDefinitionId or processDefinitionKey";
const OTHERS: [&str; 4] = [
    "jobDefinitionId",
    "processInstanceId",
    "processDefinitionId",
    "processDefinitionKey",
];

async fn suspend(mut call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    if OTHERS.iter().any(|name| body.has(name)) {
        let text = format!("Only one of {BY} should be set to update the suspension state.");
        return Err(ApiError::invalid_request(text));
    }
    let suspended = body.on("suspended")?;
    let (operation, state) = (suspension_of_jobs(suspended), operations::suspension(suspended));
    let told = Change::told(&mut call, operation, move |_, _| {
        vec![("suspensionState", None, state.clone())]
    });
    let unknown = || ApiError::new(StatusCode::NO_CONTENT, "", "");
    let of_start = StartJobChange::Job(JobChange::Suspended(suspended));
    let command = |job| Command::SetJobSuspended { job, suspended };
    match run(&call, told, command, Some(of_start), unknown).await {
        // The reference answers 204 for an id that it doesn't know.
        Err(error) if error.status == StatusCode::NO_CONTENT => Ok(no_content()),
        result => result,
    }
}

/// Jobs of this shard; the router asks every shard that may have some.
async fn suspend_by(mut call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    if body.has("jobId") {
        let text = "Either jobDefinitionId, processInstanceId, processDefinitionId or processDefinitionKey can be set to \
                    update the suspension state.";
        return Err(ApiError::invalid_request(text));
    }
    suspension::one_of(&body, &OTHERS, BY)?;
    let suspended = body.on("suspended")?;
    let change = JobChange::Suspended(suspended);
    let told = Told::operator("Job", suspension_of_jobs(suspended));
    let told = told.changed("suspensionState", None, operations::suspension(suspended));
    let view = call.catalog();
    if let Some(instance) = body.text("processInstanceId")? {
        let Ok(instance) = instance.parse::<Id>() else {
            return Ok(no_content());
        };
        call.demand_of_all(&[instance], UPDATE_INSTANCE).await?;
        call.tell(|| Tell::just(vec![told]));
        let engine = &call.app.engine;
        let command = Command::ChangeJobs { at: None, change };
        let render = Box::new(|_: &_, _: &_| Answer::no_content());
        return match engine.command(&call.caller, instance, command, render).await {
            Err(EngineError::NotFound { .. }) => Ok(no_content()),
            result => result.map(answer).map_err(error::api),
        };
    }
    let engine = &call.app.engine;
    let (id, key) = (body.text(OTHERS[2])?, body.text(OTHERS[3])?);
    let mut told = told.of_named(&view, id.as_deref(), key.as_deref());
    let needs = |key: &str| suspension::of_instances(UPDATE_INSTANCE, key);
    let jobs = match body.text("jobDefinitionId")? {
        Some(id) => {
            let found = id.parse::<Id>().ok().and_then(|id| view.job_definition(id));
            let Some((deployed, job)) = found else {
                return of_batch_definition(&call, id.parse().ok(), suspended).await;
            };
            suspension::demand(&call, &body, std::slice::from_ref(deployed), needs)?;
            told = told.of_definition(&deployed.row);
            told.job_definition_id = text(job.id);
            Jobs {
                definitions: vec![deployed.row.id],
                at: Some((job.element.clone(), job.kind)),
            }
        }
        None => {
            let definitions = suspension::definitions(&body, &view)?;
            suspension::demand(&call, &body, &definitions, needs)?;
            Jobs {
                definitions: suspension::ids(&definitions),
                at: None,
            }
        }
    };
    if !jobs.definitions.is_empty() {
        let done = engine.change_jobs(&call.caller, &jobs, change).await;
        done.map_err(error::api)?;
    }
    call.log(|| vec![told]).await?;
    Ok(no_content())
}

/// Suspends or activates the jobs of a batch's job definition, if the id is one's.
async fn of_batch_definition(call: &Call, id: Option<Id>, suspended: bool) -> ApiResult<Response> {
    let of = match id {
        Some(id) => of_batches::definition(call, id).await?,
        None => None,
    };
    if let Some(of) = of {
        of_batches::change_jobs(call, of, BatchJobChange::Suspended(suspended)).await?;
    }
    Ok(no_content())
}

fn due_date(before: &JobRow, after: Option<&JobRow>) -> Vec<Property> {
    let new = after.and_then(|job| job.due);
    vec![("duedate", option(before.due), option(new))]
}

async fn due(mut call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let due = body.date("duedate")?;
    let cascade = body.on("cascade")?;
    let told = Change::told(&mut call, "SetDueDate", due_date);
    let missing = || server_error(format!("No job found with id '{}'.", call.param("id")));
    let command = |job| Command::SetJobDue { job, due, cascade };
    run(
        &call,
        told,
        command,
        Some(StartJobChange::Due { due, cascade }),
        missing,
    )
    .await
}

async fn recalculate(mut call: Call) -> ApiResult<Response> {
    let from_creation = call.filters().java_flag("creationDateBased") != Some(false);
    let told = Change::told(&mut call, "RecalculateDueDate", move |before, after| {
        let mut all = due_date(before, after);
        all.push(("creationDateBased", None, text(from_creation)));
        all
    });
    let missing = || none(&call).with_code(0);
    let failed = |error| match error {
        EngineError::Rejected(rejection) => server_error(rejection.to_string()),
        other => error::api(other),
    };
    let id = call.id("id").ok_or_else(missing)?;
    let engine = &call.app.engine;
    if let Some(job) = of_batches::found_job(&call, id).await? {
        let kind = of_batches::type_of(&call, &job).await?;
        return Err(server_error(format!(
            "Only timer jobs can be recalculated, but the job with id '{id}' is of type '{kind}'."
        )));
    }
    let before = start_job(&call, id).await?;
    let result = engine.recalculate_due(&call.caller, id, from_creation).await;
    result.map_err(error::unknown(missing, failed))?;
    told.of_start(&call, before).await?;
    Ok(no_content())
}

async fn priority(mut call: Call) -> ApiResult<Response> {
    let id = call.param("id").to_owned();
    let Some(priority) = call.body()?.long("priority")? else {
        let text = format!("Priority for job '{id}' cannot be null.");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "RestException", text));
    };
    let told = Change::told(&mut call, "SetPriority", |before, after| {
        let new = after.map(|job| job.priority);
        vec![("priority", text(before.priority), option(new))]
    });
    let of_start = StartJobChange::Job(JobChange::Priority(priority));
    let command = |job| Command::SetJobPriority { job, priority };
    run(&call, told, command, Some(of_start), || none(&call)).await
}

async fn delete(mut call: Call) -> ApiResult<Response> {
    let told = Change::told(&mut call, "Delete", |_, _| Vec::new());
    let command = |job| Command::DeleteJob { job };
    if let Some(id) = call.id("id")
        && history_cleanup::of_id(&call, id).await?.is_some()
    {
        return history_cleanup::delete(&call, id).await;
    }
    let gone = StartJobChange::Gone(RunState::Deleted);
    run(&call, told, command, Some(gone), || none(&call)).await
}
