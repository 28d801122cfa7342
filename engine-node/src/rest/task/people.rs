//! Who works on a task: claim, unclaim, assign, delegate, resolve; and how a change of a task is decided.
use super::{no_content, not_found, null_value};
use crate::{
    App,
    app::{EngineError, operations},
    rest::{
        call::{Call, answer},
        error,
    },
    store::Entity,
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{
    command::{Command, Rejection, TaskChange},
    instance::{Instance, UserTask},
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, variable};

/// Routes of one task under `root`.
pub fn routes(root: &str) -> Router<App> {
    Router::new()
        .route(&format!("{root}/{{id}}/claim"), post(claim))
        .route(&format!("{root}/{{id}}/unclaim"), post(unclaim))
        .route(&format!("{root}/{{id}}/assignee"), post(assign))
        .route(&format!("{root}/{{id}}/delegate"), post(delegate))
        .route(&format!("{root}/{{id}}/resolve"), post(resolve))
}

/// Changes the task as `decide` says of its present state; `missing` words an unknown task.
pub(super) async fn change(
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
pub(in crate::rest) async fn decide(
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

/// Has the user log told how the task of the path has changed.
pub(super) fn tell_change(call: &mut Call, operation: &'static str) {
    if let Some(id) = call.id("id") {
        call.tell(|| operations::task(operation, id));
    }
}

async fn claim(mut call: Call) -> ApiResult<Response> {
    let user = call.body()?.text("userId")?;
    tell_change(&mut call, "Claim");
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

async fn unclaim(mut call: Call) -> ApiResult<Response> {
    tell_change(&mut call, "Assign");
    change(&call, not_found, |_| {
        Ok(TaskChange {
            assignee: Some(None),
            ..TaskChange::default()
        })
    })
    .await
}

async fn assign(mut call: Call) -> ApiResult<Response> {
    tell_change(&mut call, "Assign");
    let user = call.body()?.text("userId")?;
    change(&call, not_found, move |_| {
        Ok(TaskChange {
            assignee: Some(user.clone()),
            ..TaskChange::default()
        })
    })
    .await
}

async fn delegate(mut call: Call) -> ApiResult<Response> {
    tell_change(&mut call, "Delegate");
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

async fn resolve(mut call: Call) -> ApiResult<Response> {
    tell_change(&mut call, "Resolve");
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
