//! `/task/{id}/identity-links`: assignee, owner, candidates and other links of running tasks.
use super::{
    call::{Call, json},
    error, task,
};
use crate::{
    App,
    app::{EngineError, operations},
    store::operations::Told,
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::{
    command::{Command, TaskChange},
    instance::UserTask,
    note::TaskLink,
};
use rest_api::{ApiError, ApiResult, filters::Filters};
use serde_json::{Value, json};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/task/{id}/identity-links";
    Router::new()
        .route(root, get(list).post(add))
        .route(&format!("{root}/delete"), post(delete))
}

/// A task's links, as they are shown.
pub(super) fn links(task: &UserTask) -> Vec<Value> {
    let link = |group: bool, name: &str, kind: &str| {
        let (user, group) = match group {
            true => (None, Some(name)),
            false => (Some(name), None),
        };
        json!({"userId": user, "groupId": group, "type": kind})
    };
    let candidates = task
        .candidates
        .iter()
        .map(|(group, name)| link(*group, name, "candidate"));
    let others = task.links.iter().map(|l| link(l.group, &l.name, &l.kind));
    let assignee = task.assignee.iter().map(|user| link(false, user, "assignee"));
    let owner = task.owner.iter().map(|user| link(false, user, "owner"));
    candidates.chain(others).chain(assignee).chain(owner).collect()
}

async fn list(call: Call) -> ApiResult<Response> {
    let missing = || task::null_value(call.param("id"));
    let id = call.id("id").ok_or_else(missing)?;
    let instance = call.app.engine.load_task(&call.caller, id).await;
    let instance = instance.map_err(error::api)?.ok_or_else(missing)?;
    let mut links = links(instance.tasks.get(id).ok_or_else(missing)?);
    if let Some(kind) = call.filters().text("type")? {
        links.retain(|link| link["type"] == kind.as_str());
    }
    Ok(json(&links))
}

/// The link that a body names.
fn link(body: &Filters) -> ApiResult<(Option<String>, bool, String)> {
    let (user, group) = (body.text("userId")?, body.text("groupId")?);
    let kind = body.text("type")?;
    let (group, name) = match (user, group) {
        (Some(_), Some(_)) => {
            let text = "Identity Link requires userId or groupId, but not both.";
            return Err(ApiError::invalid_request(text));
        }
        (None, None) => {
            return Err(ApiError::invalid_request(
                "Identity Link requires userId or groupId.",
            ));
        }
        (Some(user), None) => (false, user),
        (None, Some(group)) => (true, group),
    };
    Ok((kind, group, name))
}

/// The user log tells of the link, even where nothing changes.
fn tell(call: &mut Call, link: &TaskLink, add: bool) {
    let operation = match (add, link.group) {
        (true, false) => "AddUserLink",
        (true, true) => "AddGroupLink",
        (false, false) => "DeleteUserLink",
        (false, true) => "DeleteGroupLink",
    };
    if let Some(id) = call.id("id") {
        let told = Told::task_worker("IdentityLink", operation);
        call.tell(|| operations::at_task(id, told.said(link.kind.clone(), &link.name)));
    }
}

async fn add(mut call: Call) -> ApiResult<Response> {
    let (kind, group, name) = link(&call.body()?)?;
    let Some(kind) = kind else {
        // The reference adds it, and can't show the task's links from then on.
        let id = call.id("id").ok_or_else(|| task::not_found(call.param("id")))?;
        let instance = call.app.engine.load_task(&call.caller, id).await;
        instance
            .map_err(error::api)?
            .ok_or_else(|| task::not_found(call.param("id")))?;
        return Err(untyped());
    };
    let link = TaskLink { kind, group, name };
    if link.kind == "assignee" && link.group {
        let text = "Incompatible usage: cannot use ASSIGNEE together with a groupId";
        return Err(ApiError::bad_user_request("BadUserRequestException", text));
    }
    tell(&mut call, &link, true);
    change(&call, link, true, task::not_found).await
}

async fn delete(mut call: Call) -> ApiResult<Response> {
    let (kind, group, name) = link(&call.body()?)?;
    let kind = kind.ok_or_else(untyped)?;
    let link = TaskLink { kind, group, name };
    if matches!(link.kind.as_str(), "assignee" | "owner") && link.group {
        let kind = link.kind;
        let text = format!("Incompatible usage: cannot use type '{kind}' together with a groupId");
        return Err(ApiError::engine(text));
    }
    tell(&mut call, &link, false);
    change(&call, link, false, task::null_value).await
}

/// A link must say of which kind it is.
fn untyped() -> ApiError {
    ApiError::null_value("type is required when adding a new task identity link: type is null")
}

async fn change(
    call: &Call,
    link: TaskLink,
    add: bool,
    missing: impl Fn(&str) -> ApiError,
) -> ApiResult<Response> {
    let user = (add && !link.group).then(|| link.name.clone());
    task::decide(call, missing, move |task| {
        let field = match link.kind.as_str() {
            "assignee" => TaskChange {
                assignee: Some(user.clone()),
                ..TaskChange::default()
            },
            "owner" => TaskChange {
                owner: Some(user.clone()),
                ..TaskChange::default()
            },
            _ => {
                return Ok::<_, EngineError>(Command::ChangeLink {
                    task: task.id,
                    link: link.clone(),
                    add,
                });
            }
        };
        Ok(Command::UpdateTask {
            task: task.id,
            change: field,
        })
    })
    .await
}
