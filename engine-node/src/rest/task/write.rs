//! Making tasks, setting all of a task's fields, and deleting tasks that no process has made.
use super::{
    no_content, no_match,
    people::{change, tell_change},
};
use crate::{
    App,
    app::{
        EngineError,
        operations::{self, text},
        tasks::PERSISTENCE,
    },
    query::task,
    rest::{
        call::{self, Call, answer},
        error, lists,
    },
    store::{Entity, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{post, put},
};
use bpmn_core::{
    Id,
    command::{Command, NewTask, Rejection, TaskChange},
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, filters::Filters};

/// Longest id of a client's, in characters: as long as the reference's column.
const ID_MAX: usize = 64;

/// Routes under `root`.
pub fn routes(root: &str) -> Router<App> {
    Router::new()
        .route(&format!("{root}/create"), post(create))
        .route(&format!("{root}/{{id}}"), put(update).delete(delete))
}

/// All fields of a task as a body gives them: what it lacks is null.
fn fields(body: &Filters) -> ApiResult<TaskChange> {
    // What a client may send and can't set.
    body.date("created")?;
    body.flag("suspended")?;
    let delegation = body.text("delegationState")?;
    Ok(TaskChange {
        assignee: Some(body.text("assignee")?),
        owner: Some(body.text("owner")?),
        delegation: Some(delegation),
        name: Some(body.text("name")?),
        description: Some(body.text("description")?),
        priority: Some(body.int("priority")?.unwrap_or(0)),
        due: Some(body.date("due")?),
        follow_up: Some(body.date("followUp")?),
        case_instance_id: Some(body.text("caseInstanceId")?),
        parent: None,
        parent_name: None,
        variables: Vec::new(),
    })
}

/// The word for a state of delegation.
fn delegation(fields: TaskChange) -> ApiResult<TaskChange> {
    let state = match fields.delegation.clone().flatten() {
        None => None,
        Some(state) if matches!(state.to_uppercase().as_str(), "PENDING" | "RESOLVED") => {
            Some(state.to_uppercase())
        }
        Some(state) => {
            return Err(ApiError::invalid_request(format!(
                "Valid values for property 'delegationState' are 'PENDING' or 'RESOLVED', but was '{state}'"
            )));
        }
    };
    Ok(TaskChange {
        delegation: Some(state),
        ..fields
    })
}

fn no_parent(id: &str) -> ApiError {
    ApiError::invalid_request(format!(
        "Could not save task: Parent task with id '{id}' does not exist: parentTask is null"
    ))
    .with_code(0)
}

async fn create(mut call: Call) -> ApiResult<Response> {
    call.tell(operations::task_created);
    let body = call.body()?;
    // An empty id is one in the reference, under which nobody can reach the task.
    let name = body.text("id")?.filter(|id| !id.is_empty());
    let parent = body.text("parentTaskId")?;
    if name.as_ref().is_some_and(|id| id.chars().count() > ID_MAX) {
        let EngineError::Invalid { message, .. } = crate::app::tasks::taken() else {
            return Err(ApiError::invalid_request(""));
        };
        return Err(persistence(message).with_code(10_002));
    }
    let new = NewTask {
        id: None,
        name,
        parent: parent.as_deref().map(Id::of_text),
        tenant_id: body.text("tenantId")?,
        fields: delegation(fields(&body)?)?,
    };
    let missing = || no_parent(parent.as_deref().unwrap_or_default());
    let result = call.app.engine.create_task(&call.caller, new).await;
    result.map(answer).map_err(error::unknown(missing, failed))
}

fn persistence(message: String) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, PERSISTENCE, message).with_code(0)
}

fn failed(cause: EngineError) -> ApiError {
    match cause {
        EngineError::Invalid {
            kind: PERSISTENCE,
            message,
        } => persistence(message),
        other => error::api(other),
    }
}

/// Sets all of a task's fields: what the body lacks becomes null.
async fn update(mut call: Call) -> ApiResult<Response> {
    tell_change(&mut call, "Update");
    let body = call.body()?;
    let tenant = body.text("tenantId")?;
    let parent_name = body.text("parentTaskId")?;
    let parent = parent_name.as_deref().map(Id::of_text);
    let wanted = fields(&body)?;
    let wanted = match delegation(wanted) {
        Ok(wanted) => wanted,
        Err(refused) => {
            // Said of a task that is there.
            let missing = || no_match(call.param("id"));
            lists::one(&call, call.id("id"), task::by_id, task::row, missing).await?;
            return Err(refused);
        }
    };
    let parent_name = match (parent, call.id("id")) {
        (Some(parent), Some(id)) if same_unit(&call, id, parent).await? => None,
        _ => parent_name,
    };
    change(&call, no_match, move |task| {
        if task.tenant_id != tenant {
            let or_null = |tenant: &Option<String>| tenant.clone().unwrap_or_else(|| "null".to_owned());
            return Err(EngineError::Rejected(Rejection::Failure {
                message: format!(
                    "ENGINE-03072 Cannot change tenantId of Task '{}'. Current tenant id '{}', Tenant id to set '{}'",
                    task.id,
                    or_null(&task.tenant_id),
                    or_null(&tenant)
                ),
                element: None,
            }));
        }
        Ok(TaskChange {
            parent: (task.parent_id != parent).then_some(parent),
            parent_name: parent_name.clone().filter(|_| task.parent_id != parent),
            ..wanted.clone()
        })
    })
    .await
}

/// Whether a task is stored with another one; refuses to make it a part of one that is stored apart from it. One that
/// isn't there is nobody's concern, in the reference too.
async fn same_unit(call: &Call, task: Id, parent: Id) -> ApiResult<bool> {
    let unit = |id: Id| async move {
        let found = call.app.engine.load_entity(Entity::Task, id).await;
        found.map_err(error::api)
    };
    let own = call.app.engine.load_task(&call.caller, task).await;
    let Some(own) = own.map_err(error::api)? else {
        return Ok(false);
    };
    if own.tasks.get(parent).is_some() {
        return Ok(true);
    }
    match unit(parent).await {
        Ok(None) => Ok(false),
        _ => Err(ApiError::not_implemented(
            "making a task a part of another one after it has been made",
        )),
    }
}

/// Refuses a task of a process; one that isn't there may be deleted, as in the reference.
async fn delete(mut call: Call) -> ApiResult<Response> {
    if let Some(id) = call.id("id") {
        let told = Told::task_worker("Task", "Delete").changed("delete", text(false), text(true));
        call.tell(|| operations::at_task(id, told));
    }
    let gone = || no_match(call.param("id"));
    let found = lists::one(&call, call.id("id"), task::by_id, task::row, gone).await;
    let row = match found {
        Ok(row) => row,
        Err(error) if error.status == StatusCode::NOT_FOUND => return Ok(call::no_content()),
        Err(error) => return Err(error),
    };
    let command = Command::DeleteTask {
        task: row.id,
        reason: None,
    };
    let engine = &call.app.engine;
    let result = engine
        .entity_command(&call.caller, Entity::Task, row.id, command, no_content())
        .await;
    match result.map(answer).map_err(error::unknown(gone, error::api)) {
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(call::no_content()),
        other => other,
    }
}
