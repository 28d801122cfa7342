//! `/external-task`: list, read, and what workers report. Fetching is in [`super::fetch`].
use super::{
    call::{Call, answer, json, no_content, typed},
    error, instance_view, lists,
};
use crate::{
    App,
    app::{
        Answer, CatalogView,
        operations::{self, Entry, Tell, option, text},
        writer::now,
    },
    query::external_task,
    store::{Entity, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post, put},
};
use bpmn_core::{
    command::{Command, Rejection},
    instance::ExternalTask as Task,
    tree::activity_instance_id,
    value::Variables,
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult, Date,
    external_task::ExternalTask,
    filters::Filters,
    variable::{self, VariableError},
};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/external-task";
    Router::new()
        .route(root, get(list).post(list_post))
        .route(&format!("{root}/count"), get(count).post(count_post))
        .route(&format!("{root}/topic-names"), get(topic_names))
        .route(&format!("{root}/{{id}}"), get(one))
        .route(&format!("{root}/{{id}}/errorDetails"), get(error_details))
        .route(&format!("{root}/{{id}}/complete"), post(complete))
        .route(&format!("{root}/{{id}}/failure"), post(failure))
        .route(&format!("{root}/{{id}}/bpmnError"), post(bpmn_error))
        .route(&format!("{root}/{{id}}/extendLock"), post(extend_lock))
        .route(&format!("{root}/{{id}}/lock"), post(lock))
        .route(&format!("{root}/{{id}}/unlock"), post(unlock))
        .route(&format!("{root}/{{id}}/retries"), put(retries))
        .route(&format!("{root}/{{id}}/priority"), put(priority))
}

fn dto(view: &CatalogView, task: Task) -> ExternalTask {
    let deployed = view.by_id(task.definition_id);
    ExternalTask {
        activity_instance_id: activity_instance_id(&task.element, task.activity_id),
        activity_id: task.element,
        error_message: task.error_message,
        execution_id: task.execution_id.to_string(),
        id: task.id.to_string(),
        lock_expiration_time: task.lock_expires.map(Date),
        create_time: Date(task.created),
        process_definition_id: instance_view::definition_id(view, task.definition_id),
        process_definition_key: deployed.map(|d| d.row.key.clone()).unwrap_or_default(),
        process_definition_version_tag: deployed.and_then(|d| d.row.version_tag.clone()),
        process_instance_id: task.instance_id.to_string(),
        retries: task.retries,
        suspended: task.suspended,
        worker_id: task.worker_id,
        topic_name: task.topic,
        tenant_id: task.tenant_id,
        priority: task.priority,
        business_key: task.business_key,
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
    let listing = external_task::listing(call.sees(filters, &view), now())?;
    lists::page(call, &listing, external_task::row, |row| dto(&view, row)).await
}

async fn topic_names(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let query = external_task::topics(call.sees(&filters, &view), now())?;
    let snapshot = call.select(&query).await?;
    let names = snapshot.rows.iter().map(|row| row.text(0));
    let names: Vec<String> = names.collect::<Result<_, _>>().map_err(error::store)?;
    Ok(call.covered(&names, &snapshot))
}

async fn count(call: Call) -> ApiResult<Response> {
    number(&call, &call.filters()).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    number(&call, &call.body()?).await
}

async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &external_task::listing(call.sees(filters, &view), now())?).await
}

fn missing_text(id: &str) -> String {
    format!("External task with id {id} does not exist")
}

/// What commands answer for an unknown task.
fn missing(id: &str) -> ApiError {
    ApiError::rest(StatusCode::NOT_FOUND, missing_text(id))
}

async fn row(call: &Call, missing: impl Fn() -> ApiError) -> ApiResult<Task> {
    lists::one(
        call,
        call.id("id"),
        external_task::by_id,
        external_task::row,
        missing,
    )
    .await
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "RestException",
            missing_text(call.param("id")),
        )
    };
    let task = row(&call, missing).await?;
    Ok(json(&dto(&call.catalog(), task)))
}

async fn error_details(call: Call) -> ApiResult<Response> {
    let missing = || {
        let id = call.param("id");
        ApiError::null_value(format!(
            "No external task found with id {id}: externalTask is null"
        ))
    };
    match row(&call, missing).await?.error_details {
        Some(details) => Ok(typed("text/plain", details.into_bytes())),
        None => Ok(no_content()),
    }
}

/// Sends a command to the task of the path.
async fn run(call: &Call, command: impl Fn(bpmn_core::Id) -> Command) -> ApiResult<Response> {
    let gone = || missing(call.param("id"));
    let id = call.id("id").ok_or_else(gone)?;
    let render =
        Box::new(|_: &bpmn_core::instance::Instance, _: &bpmn_core::command::Outcome| Answer::no_content());
    let result = call
        .app
        .engine
        .entity_command(&call.caller, Entity::ExternalTask, id, command(id), render)
        .await;
    let other = |failure| match failure {
        // The caller's mistakes come as RestException; what fails in the process as what it is.
        crate::app::EngineError::Rejected(rejection) if !matches!(rejection, Rejection::Failure { .. }) => {
            ApiError::rest(StatusCode::BAD_REQUEST, rejection.to_string())
        }
        other => error::api(other),
    };
    result.map(answer).map_err(error::unknown(gone, other))
}

fn worker(body: &Filters) -> ApiResult<String> {
    body.text("workerId")?
        .ok_or_else(|| ApiError::null_value("workerId is null"))
}

fn variables(body: &Filters, member: &str) -> ApiResult<Variables> {
    variable::read_all(body.raw(member)).map_err(VariableError::bare)
}

/// Variables and local ones of what a worker reports.
async fn reported(call: &Call, body: &Filters, action: &'static str) -> ApiResult<(Variables, Variables)> {
    let mut both = [Variables::new(), Variables::new()];
    for (member, read) in ["variables", "localVariables"].into_iter().zip(&mut both) {
        *read = match variable::read_all(body.raw(member)) {
            Ok(read) => read,
            // What can't be stored is seen when it is to be: not before the task is looked at.
            Err(error @ VariableError::Engine(_)) => {
                held(call, &worker(body)?, action).await?;
                return Err(error.bare());
            }
            Err(error) => return Err(error.bare()),
        };
    }
    let [set, local] = both;
    Ok((set, local))
}

/// Refuses a task that isn't there, or that another worker has locked.
async fn held(call: &Call, worker: &str, action: &'static str) -> ApiResult<()> {
    let task = row(call, || missing(call.param("id"))).await?;
    if task.worker_id.as_deref() == Some(worker) {
        return Ok(());
    }
    let refused = Rejection::WrongWorker {
        task: task.id,
        action,
        worker: worker.to_owned(),
        owner: task.worker_id.unwrap_or_else(|| "null".to_owned()),
    };
    Err(ApiError::rest(StatusCode::BAD_REQUEST, refused.to_string()))
}

async fn complete(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (set, local) = reported(&call, &body, "completed").await?;
    let worker = worker(&body)?;
    run(&call, |task| Command::CompleteExternalTask {
        task,
        worker: worker.clone(),
        variables: set.clone(),
        local_variables: local.clone(),
    })
    .await
}

/// Most characters of a failure's message.
const MESSAGE_MAX: usize = 666;

async fn failure(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (set, local) = (
        variables(&body, "variables")?,
        variables(&body, "localVariables")?,
    );
    let worker = worker(&body)?;
    let retries = body.int("retries")?.unwrap_or(0);
    if retries < 0 {
        return Err(ApiError::engine("retries is not greater than or equal to 0"));
    }
    let retry_timeout = body.long("retryTimeout")?.unwrap_or(0);
    if retry_timeout < 0 {
        return Err(ApiError::engine(
            "retryDuration is not greater than or equal to 0",
        ));
    }
    // The reference keeps so much of a message.
    let error_message = body.text("errorMessage")?;
    let error_message = error_message.map(|text| text.chars().take(MESSAGE_MAX).collect::<String>());
    let error_details = body.text("errorDetails")?;
    run(&call, |task| Command::FailExternalTask {
        task,
        worker: worker.clone(),
        error_message: error_message.clone(),
        error_details: error_details.clone(),
        retries,
        retry_timeout,
        variables: set.clone(),
        local_variables: local.clone(),
    })
    .await
}

async fn bpmn_error(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let set = variables(&body, "variables")?;
    let worker = worker(&body)?;
    let code = body
        .text("errorCode")?
        .ok_or_else(|| ApiError::null_value("errorCode is null"))?;
    if code.is_empty() {
        return Err(ApiError::engine("Error Code is empty"));
    }
    let message = body.text("errorMessage")?;
    if message.as_deref() == Some("") {
        return Err(ApiError::engine("Error Message is empty"));
    }
    run(&call, |task| Command::ExternalTaskError {
        task,
        worker: worker.clone(),
        code: code.clone(),
        message: message.clone(),
        variables: set.clone(),
    })
    .await
}

async fn extend_lock(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let duration = body.long("newDuration")?.unwrap_or(0);
    if duration <= 0 {
        return Err(ApiError::rest(
            StatusCode::BAD_REQUEST,
            "lockTime is not greater than 0",
        ));
    }
    let worker = worker(&body)?;
    run(&call, |task| Command::ExtendLock {
        task,
        worker: worker.clone(),
        duration,
    })
    .await
}

async fn lock(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let worker = worker(&body)?;
    let duration = body.long("lockDuration")?.unwrap_or(0);
    if duration <= 0 {
        return Err(ApiError::rest(
            StatusCode::BAD_REQUEST,
            "lockDuration is not greater than 0",
        ));
    }
    run(&call, |task| Command::LockExternalTask {
        task,
        worker: worker.clone(),
        duration,
    })
    .await
}

type Changed = Vec<(&'static str, Option<String>, Option<String>)>;

/// Has the user log told how the task of the path has changed.
fn tell(call: &mut Call, operation: &'static str, changed: fn(&Task, &Task) -> Changed) {
    let Some(id) = call.id("id") else { return };
    call.tell(|| {
        Tell::new(move |before, after| {
            let both = before.external_tasks.get(id).zip(after.external_tasks.get(id));
            let Some((before, after)) = both else {
                return Vec::new();
            };
            let base = Told {
                external_task_id: text(id),
                ..Told::operator("ExternalTask", operation)
            };
            let all = operations::each(&base, changed(before, after)).into_iter();
            all.map(Entry::Here).collect()
        })
    });
}

async fn unlock(mut call: Call) -> ApiResult<Response> {
    tell(&mut call, "Unlock", |_, _| Vec::new());
    run(&call, |task| Command::UnlockExternalTask { task }).await
}

async fn retries(mut call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let retries = body.int("retries")?;
    let retries =
        retries.ok_or_else(|| ApiError::invalid_request("The number of retries cannot be null."))?;
    if retries < 0 {
        return Err(ApiError::bad_user_request(
            "BadUserRequestException",
            "The number of retries cannot be negative: retries is not greater than or equal to 0",
        ));
    }
    tell(&mut call, "SetExternalTaskRetries", |before, after| {
        vec![("retries", option(before.retries), option(after.retries))]
    });
    run(&call, |task| Command::SetExternalTaskRetries { task, retries }).await
}

async fn priority(mut call: Call) -> ApiResult<Response> {
    let Some(priority) = call.body()?.long("priority")? else {
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "NullPointerException",
            "Cannot invoke \"java.lang.Long.longValue()\" because the return value of \
             \"org.camunda.bpm.engine.rest.dto.runtime.PriorityDto.getPriority()\" is null",
        ));
    };
    tell(&mut call, "SetPriority", |before, after| {
        vec![("priority", text(before.priority), text(after.priority))]
    });
    run(&call, |task| Command::SetExternalTaskPriority { task, priority }).await
}
