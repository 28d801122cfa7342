//! `POST /execution/{id}/messageSubscriptions/{messageName}/trigger`: a message to one execution.
use super::{
    call::{Call, no_content},
    error,
};
use crate::{
    App,
    app::{Answer, EngineError},
    store::Entity,
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
    instance::{EventKind, Instance},
    value::Variables,
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, variable};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let path = "/execution/{id}/messageSubscriptions/{messageName}/trigger";
    Router::new().route(path, post(trigger))
}

async fn trigger(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (text, name) = (call.param("id").to_owned(), call.param("messageName").to_owned());
    let prefix = format!("Cannot trigger message {name} for execution {text}");
    let variables = variable::read_all(body.raw("variables")).map_err(|e| e.api(&prefix))?;
    // The reference's words, for an execution that isn't there too.
    let unsubscribed = format!(
        "Execution with id '{text}' does not have a subscription to a message event with name '{name}': \
         eventSubscriptions is empty"
    );
    let missing = || {
        let message = format!("{prefix}: {unsubscribed}");
        ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, message)
    };
    let execution: Id = text.parse().map_err(|_| missing())?;
    let not_there = unsubscribed.clone();
    let decide = Box::new(move |instance: &Instance| {
        let mut all = instance.subscriptions.iter();
        let found = all.find(|s| {
            s.execution_id == execution && s.kind == EventKind::Message && s.name.as_deref() == Some(&name)
        });
        let found = found.ok_or_else(|| {
            EngineError::Rejected(Rejection::Failure {
                message: not_there.clone(),
                element: None,
            })
        })?;
        Ok(Command::Trigger {
            subscription: found.id,
            variables: variables.clone(),
            local_variables: Variables::new(),
            scoped_variables: Variables::new(),
        })
    });
    let render = Box::new(|_: &Instance, _: &_| Answer::no_content());
    let done = call
        .app
        .engine
        .decide_entity(&call.caller, Entity::Execution, execution, decide, render)
        .await;
    match done {
        Ok(_) => Ok(no_content()),
        Err(EngineError::NotFound { .. }) => Err(missing()),
        Err(other) => Err(error::wrapped(&prefix, StatusCode::INTERNAL_SERVER_ERROR)(other)),
    }
}
