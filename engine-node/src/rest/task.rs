//! `/task`: list, read, claim, complete, delegate, and the variables of tasks.
use super::{
    call::{Call, answer, json},
    error, instance_view, lists,
    scope_variables::{self, Place},
    task_expressions::evaluated,
};
use crate::{
    App,
    app::{Answer, CatalogView, Deployed, EngineError, commands::Render, writer::now},
    query::task,
    store::{Entity, Row},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::{
    Id,
    command::{Command, Rejection, TaskChange},
    form,
    instance::{Instance, UserTask},
    value::Variables,
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult, Date,
    filters::{Filters, Paging},
    task::{FormRef, Task},
    variable,
};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/task";
    Router::new()
        .route(root, get(list).post(list_post))
        .route(&format!("{root}/count"), get(count).post(count_post))
        .route(&format!("{root}/{{id}}"), get(one).put(update).delete(delete))
        .route(&format!("{root}/{{id}}/claim"), post(claim))
        .route(&format!("{root}/{{id}}/unclaim"), post(unclaim))
        .route(&format!("{root}/{{id}}/assignee"), post(assign))
        .route(&format!("{root}/{{id}}/delegate"), post(delegate))
        .route(&format!("{root}/{{id}}/resolve"), post(resolve))
        .route(&format!("{root}/{{id}}/complete"), post(complete))
        .route(&format!("{root}/{{id}}/submit-form"), post(submit_form))
        .route(&format!("{root}/{{id}}/bpmnError"), post(bpmn_error))
        .route(&format!("{root}/{{id}}/bpmnEscalation"), post(bpmn_escalation))
        .merge(scope_variables::routes(
            &format!("{root}/{{id}}/variables"),
            Place::Task,
        ))
        .merge(scope_variables::routes(
            &format!("{root}/{{id}}/localVariables"),
            Place::TaskLocal,
        ))
}

/// What a task's row says of its form: a key, or which Camunda form it is.
pub fn form_of(view: &CatalogView, task: &UserTask) -> (Option<String>, Option<FormRef>) {
    let key = task.form_key.clone();
    let definition = task.definition_id.and_then(|id| view.by_id(id));
    let node = definition.and_then(|d| d.definition.node(task.element.as_deref()?));
    let Some(binding) = node.and_then(|node| node.form.key.as_ref()?.binding.as_ref()) else {
        return (key, None);
    };
    let reference = FormRef {
        key,
        binding: binding.kind,
        version: binding.version(),
    };
    (None, Some(reference))
}

/// Tasks with the keys of their forms as they are now.
///
/// # Errors
/// An expression fails: then none of the tasks is shown, as in the reference.
async fn keyed(call: &Call, mut tasks: Vec<UserTask>) -> ApiResult<Vec<UserTask>> {
    let view = call.catalog();
    let deployed = |task: &UserTask| Some(view.by_id(task.definition_id?)?.clone());
    let varies = |task: &UserTask| {
        let node = view
            .by_id(task.definition_id?)?
            .definition
            .node(task.element.as_deref()?)?;
        let key = node.form.key.as_ref()?;
        task.instance_id.filter(|_| key.varies())
    };
    let mut ids: Vec<Id> = tasks.iter().filter_map(varies).collect();
    if ids.is_empty() {
        return Ok(tasks);
    }
    ids.sort_unstable();
    ids.dedup();
    let loaded = call.app.engine.store().load(&ids).await.map_err(error::store)?;
    for task in tasks.iter_mut().filter(|task| varies(task).is_some()) {
        // One that has ended since keeps the key that it had.
        let instance = loaded.iter().find(|i| Some(i.process.id) == task.instance_id);
        let (Some(instance), Some(deployed)) = (instance, deployed(task)) else {
            continue;
        };
        task.form_key = key_now(call, &deployed, instance, task)?;
    }
    Ok(tasks)
}

/// The key of a task's form as it is now.
///
/// # Errors
/// Its expression fails.
pub fn key_now(
    call: &Call,
    deployed: &Deployed,
    instance: &Instance,
    task: &UserTask,
) -> ApiResult<Option<String>> {
    let node = task
        .element
        .as_deref()
        .and_then(|element| deployed.definition.node(element));
    let Some(node) = node.filter(|_| instance.tasks.get(task.id).is_some()) else {
        return Ok(task.form_key.clone());
    };
    let user = call.caller.user.as_deref();
    match form::key(&deployed.reference(), node, instance, task.id, now(), user) {
        Ok(key) => Ok(key),
        // A key that is longer than any: as it was when the task began.
        Err(Rejection::NeedsValues(_)) => Ok(task.form_key.clone()),
        Err(cause) => Err(ApiError::engine(cause.to_string())),
    }
}

fn dto(view: &CatalogView, task: UserTask) -> Task {
    let (form_key, camunda_form_ref) = form_of(view, &task);
    Task {
        id: task.id.to_string(),
        name: task.name,
        assignee: task.assignee,
        created: Date(task.created),
        due: task.due.map(Date),
        follow_up: task.follow_up.map(Date),
        last_updated: task.last_updated.map(Date),
        delegation_state: task.delegation,
        description: task.description,
        execution_id: task.execution_id.map(|id| id.to_string()),
        owner: task.owner,
        parent_task_id: None,
        priority: task.priority,
        process_definition_id: task
            .definition_id
            .map(|id| instance_view::definition_id(view, id)),
        process_instance_id: task.instance_id.map(|id| id.to_string()),
        task_definition_key: task.element,
        case_execution_id: None,
        case_instance_id: None,
        case_definition_id: None,
        suspended: task.suspended,
        form_key,
        camunda_form_ref,
        tenant_id: task.tenant_id,
        attachment: None,
        comment: None,
        task_state: if task.last_updated.is_some() {
            "Updated"
        } else {
            "Created"
        },
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, call.filters(), false).await?;
    find(&call, &filters).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, call.body()?, false).await?;
    find(&call, &filters).await
}

/// One page of the tasks that meet the filters.
pub(super) async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let noted = filters.on(task::WITH_NOTES)?;
    let listing = task::listing(call.sees(filters, &view))?;
    let read = |row: &dyn Row| Ok((task::row(row)?, task::notes(row, noted)?));
    lists::completed(call, &listing, read, async |rows: Vec<_>| {
        let (tasks, notes): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let tasks = keyed(call, tasks).await?.into_iter().zip(notes);
        Ok(tasks
            .map(|(task, notes)| with_notes(dto(&view, task), notes))
            .collect())
    })
    .await
}

/// The one task that meets the filters, or 204.
///
/// # Errors
/// 400 for more than one.
pub(super) async fn single(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = task::listing(call.sees(filters, &view))?;
    let two = Paging {
        first: 0,
        max: Some(2),
    };
    let snapshot = call.select(&listing.page(two)).await?;
    match &snapshot.rows[..] {
        [] => Ok(call.with_coverage(super::call::no_content(), snapshot.coverage)),
        [row] => {
            let row = task::row(&**row).map_err(error::store)?;
            let found = keyed(call, vec![row]).await?.pop().map(|row| dto(&view, row));
            Ok(call.covered(&found, &snapshot))
        }
        _ => Err(ApiError::invalid_request("Filter does not returns a valid single result").with_code(0)),
    }
}

fn with_notes(task: Task, notes: Option<(bool, bool)>) -> Task {
    Task {
        attachment: notes.map(|n| n.0),
        comment: notes.map(|n| n.1),
        ..task
    }
}

async fn count(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, call.filters(), false).await?;
    number(&call, &filters).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, call.body()?, false).await?;
    number(&call, &filters).await
}

/// How many tasks meet the filters.
pub(super) async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &task::listing(call.sees(filters, &view))?).await
}

fn no_match(id: &str) -> ApiError {
    ApiError::not_found(format!("No matching task with id {id}"))
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || no_match(call.param("id"));
    let noted = call.filters().on(task::WITH_NOTES)?;
    let query = match noted {
        true => task::by_id_with_notes,
        false => task::by_id,
    };
    let read = |row: &dyn Row| Ok((task::row(row)?, task::notes(row, noted)?));
    let (row, notes) = lists::one(&call, call.id("id"), query, read, missing).await?;
    let found = keyed(&call, vec![row]).await?.pop();
    Ok(json(
        &found.map(|row| with_notes(dto(&call.catalog(), row), notes)),
    ))
}

/// The reference's words for a task that isn't there.
fn gone(id: &str) -> String {
    format!("Cannot find task with id {id}: task is null")
}

pub(super) fn null_value(id: &str) -> ApiError {
    ApiError::null_value(gone(id))
}

pub(super) fn not_found(id: &str) -> ApiError {
    ApiError::bad_user_request("NotFoundException", gone(id))
}

fn no_content() -> Render {
    Box::new(|_, _| Answer::no_content())
}

/// Changes the task as `decide` says of its present state; `missing` words an unknown task.
async fn change(
    call: &Call,
    missing: impl Fn(&str) -> ApiError,
    decide: impl Fn(&UserTask) -> Result<TaskChange, EngineError> + Send + Sync + 'static,
) -> ApiResult<Response> {
    let command = move |task: &UserTask| {
        Ok(Command::UpdateTask {
            task: task.id,
            change: decide(task)?,
        })
    };
    self::decide(call, missing, command).await
}

/// Carries out what `decide` makes of the task's present state; `missing` words an unknown task.
pub(super) async fn decide(
    call: &Call,
    missing: impl Fn(&str) -> ApiError,
    decide: impl Fn(&UserTask) -> Result<Command, EngineError> + Send + Sync + 'static,
) -> ApiResult<Response> {
    let missing = || missing(call.param("id"));
    let id = call.id("id").ok_or_else(missing)?;
    let decide = move |instance: &Instance| {
        let task = instance.tasks.get(id).ok_or(EngineError::NotFound {
            entity: Entity::Task,
            id,
        })?;
        let command = decide(task)?;
        if task.suspended {
            let text = format!("ENGINE-03043 task with id '{id}' is suspended.");
            return Err(EngineError::Rejected(Rejection::Suspended(text)));
        }
        Ok(command)
    };
    let engine = &call.app.engine;
    let result = engine
        .decide_entity(&call.caller, Entity::Task, id, Box::new(decide), no_content())
        .await;
    let claimed = |error| match error {
        EngineError::Invalid {
            kind: CLAIMED,
            message,
        } => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, CLAIMED, message).with_code(0),
        other => error::api(other),
    };
    result.map(answer).map_err(error::unknown(missing, claimed))
}

const CLAIMED: &str = "TaskAlreadyClaimedException";

async fn claim(call: Call) -> ApiResult<Response> {
    let user = call.body()?.text("userId")?;
    change(&call, null_value, move |task| {
        match (&task.assignee, &user) {
            (Some(owner), Some(user)) if owner != user => {
                let message = format!("Task '{}' is already claimed by someone else.", task.id);
                return Err(EngineError::Invalid {
                    kind: CLAIMED,
                    message,
                });
            }
            _ => {}
        }
        // Whoever has it already doesn't get it once more.
        let sets = task.assignee.is_none() || user.is_none();
        Ok(TaskChange {
            assignee: sets.then(|| user.clone()),
            ..TaskChange::default()
        })
    })
    .await
}

async fn unclaim(call: Call) -> ApiResult<Response> {
    change(&call, not_found, |_| {
        Ok(TaskChange {
            assignee: Some(None),
            ..TaskChange::default()
        })
    })
    .await
}

async fn assign(call: Call) -> ApiResult<Response> {
    let user = call.body()?.text("userId")?;
    change(&call, not_found, move |_| {
        Ok(TaskChange {
            assignee: Some(user.clone()),
            ..TaskChange::default()
        })
    })
    .await
}

async fn delegate(call: Call) -> ApiResult<Response> {
    let user = call.body()?.text("userId")?;
    change(&call, null_value, move |task| {
        // Whoever delegates stays the owner and gets it back.
        let owner = task.owner.is_none().then(|| task.assignee.clone());
        Ok(TaskChange {
            assignee: Some(user.clone()),
            owner,
            delegation: Some(Some("PENDING".into())),
            ..TaskChange::default()
        })
    })
    .await
}

async fn resolve(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let prefix = format!("Cannot resolve task {}", call.param("id"));
    let variables = variable::read_all(body.raw("variables")).map_err(|e| e.api(&prefix))?;
    change(&call, null_value, move |task| {
        Ok(TaskChange {
            assignee: Some(task.owner.clone()),
            delegation: Some(Some("RESOLVED".into())),
            variables: variables.clone(),
            ..TaskChange::default()
        })
    })
    .await
}

/// Sets all of a task's fields: what the body lacks becomes null.
async fn update(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    for name in ["parentTaskId", "caseInstanceId"] {
        if body.has(name) {
            return Err(ApiError::not_implemented(&format!(
                "updating a task with '{name}'"
            )));
        }
    }
    let delegation = body.text("delegationState")?.map(|state| state.to_uppercase());
    if delegation
        .as_deref()
        .is_some_and(|state| !matches!(state, "PENDING" | "RESOLVED"))
    {
        return Err(ApiError::invalid_request(""));
    }
    let wanted = TaskChange {
        assignee: Some(body.text("assignee")?),
        owner: Some(body.text("owner")?),
        delegation: Some(delegation),
        name: Some(body.text("name")?),
        description: Some(body.text("description")?),
        priority: Some(body.int("priority")?.unwrap_or(0)),
        due: Some(body.date("due")?),
        follow_up: Some(body.date("followUp")?),
        variables: Vec::new(),
    };
    change(&call, no_match, move |_| Ok(wanted.clone())).await
}

/// Refuses a task of a process; one that isn't there may be deleted, as in the reference.
async fn delete(call: Call) -> ApiResult<Response> {
    let found = lists::one(&call, call.id("id"), task::by_id, task::row, || {
        no_match(call.param("id"))
    });
    match found.await {
        Ok(_) => Err(ApiError::engine(
            "The task cannot be deleted because is part of a running process",
        )),
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(super::call::no_content()),
        Err(error) => Err(error),
    }
}

async fn run(
    call: &Call,
    command: impl Fn(Id) -> Command,
    missing: impl Fn() -> ApiError,
    other: impl Fn(EngineError) -> ApiError,
    render: Render,
) -> ApiResult<Response> {
    let id = call.id("id").ok_or_else(&missing)?;
    let result = call
        .app
        .engine
        .entity_command(&call.caller, Entity::Task, id, command(id), render)
        .await;
    result.map(answer).map_err(error::unknown(missing, other))
}

async fn complete(call: Call) -> ApiResult<Response> {
    let prefix = format!("Cannot complete task {}", call.param("id"));
    completed(call, prefix, |task, variables| Command::CompleteTask {
        task,
        variables,
        local_variables: Vec::new(),
    })
    .await
}

/// Completes a task, or resolves a delegated one, with the variables of its form.
async fn submit_form(call: Call) -> ApiResult<Response> {
    let prefix = format!("Cannot submit task form {}", call.param("id"));
    completed(call, prefix, |task, variables| Command::SubmitTask {
        task,
        variables,
    })
    .await
}

async fn completed(
    call: Call,
    prefix: String,
    command: impl Fn(Id, Variables) -> Command,
) -> ApiResult<Response> {
    let body = call.body()?;
    let variables = variable::read_all(body.raw("variables")).map_err(|e| e.api(&prefix))?;
    let with_variables = body.on("withVariablesInReturn")?;
    let missing = || {
        let text = format!("{prefix}: {}", gone(call.param("id")));
        ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text)
    };
    let command = |task| command(task, variables.clone());
    let other = error::wrapped(prefix.clone(), StatusCode::INTERNAL_SERVER_ERROR);
    let render: Render = Box::new(move |instance, _| instance_view::done(instance, with_variables));
    run(&call, command, missing, other, render).await
}

async fn bpmn_error(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let code = body.text("errorCode")?.filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| ApiError::rest(StatusCode::BAD_REQUEST, "errorCode is null"))?;
    let prefix = format!("Cannot report an error of task {}", call.param("id"));
    let variables = variable::read_all(body.raw("variables")).map_err(|e| e.api(&prefix))?;
    let message = body.text("errorMessage")?;
    let missing = || ApiError::rest(StatusCode::NOT_FOUND, gone(call.param("id")));
    let command = |task| Command::TaskError {
        task,
        code: code.clone(),
        message: message.clone(),
        variables: variables.clone(),
    };
    run(&call, command, missing, reported, no_content()).await
}

async fn bpmn_escalation(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let code = body.text("escalationCode")?.filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| ApiError::rest(StatusCode::BAD_REQUEST, "escalationCode is null"))?;
    let prefix = format!("Cannot report an escalation of task {}", call.param("id"));
    let variables = variable::read_all(body.raw("variables")).map_err(|e| e.api(&prefix))?;
    let missing = || ApiError::rest(StatusCode::NOT_FOUND, gone(call.param("id")));
    let command = |task| Command::TaskEscalation {
        task,
        code: code.clone(),
        variables: variables.clone(),
    };
    run(&call, command, missing, reported, no_content()).await
}

/// Why an error or an escalation can't be reported.
fn reported(cause: EngineError) -> ApiError {
    match cause {
        EngineError::Rejected(Rejection::Suspended(text)) => ApiError::rest(StatusCode::BAD_REQUEST, text),
        other => error::api(other),
    }
}
