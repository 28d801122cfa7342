//! What ends a task: completing it, submitting its form, reporting an error or an escalation.
use super::{gone, no_content};
use crate::{
    App,
    app::{Answer, EngineError, commands::Render, operations},
    rest::{
        call::{Call, answer},
        error, instance_view,
    },
    store::Entity,
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
    instance::Instance,
    value::Variables,
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, filters::Filters, variable};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};

/// Routes of one task under `root`.
pub fn routes(root: &str) -> Router<App> {
    Router::new()
        .route(&format!("{root}/{{id}}/complete"), post(complete))
        .route(&format!("{root}/{{id}}/submit-form"), post(submit_form))
        .route(&format!("{root}/{{id}}/bpmnError"), post(bpmn_error))
        .route(&format!("{root}/{{id}}/bpmnEscalation"), post(bpmn_escalation))
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
    completed(call, prefix, false, |task, variables| Command::CompleteTask {
        task,
        variables,
        local_variables: Vec::new(),
    })
    .await
}

/// What the reference shows of the variables of a task that no process has made and that has just been completed: which
/// there were, without their values.
fn emptied(instance: &Instance, task: Id) -> Option<Value> {
    instance.tasks.get(task).filter(|task| task.is_standalone())?;
    let shown = instance_view::local_to_task(instance, task).map(|v| {
        let empty = json!({"type": v.value.name(), "value": null, "valueInfo": {}});
        (v.name.clone(), empty)
    });
    Some(Value::Object(shown.collect::<Map<_, _>>()))
}

/// Completes a task, or resolves a delegated one, with the variables of its form.
async fn submit_form(call: Call) -> ApiResult<Response> {
    let prefix = format!("Cannot submit task form {}", call.param("id"));
    completed(call, prefix, true, |task, variables| Command::SubmitTask {
        task,
        variables,
    })
    .await
}

async fn completed(
    mut call: Call,
    prefix: String,
    form: bool,
    command: impl Fn(Id, Variables) -> Command + Send + Sync + 'static,
) -> ApiResult<Response> {
    if let Some(id) = call.id("id") {
        call.tell(|| operations::task_completed(id));
    }
    let body = call.body()?;
    let variables = variable::read_all(body.raw("variables")).map_err(|e| e.api(&prefix))?;
    let with_variables = body.on("withVariablesInReturn")?;
    let missing = || {
        let text = format!("{prefix}: {}", gone(call.param("id")));
        ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text)
    };
    let id = call.id("id").ok_or_else(missing)?;
    // What a task without a process has is seen before it ends.
    let alone: Arc<Mutex<Option<Value>>> = Arc::default();
    let seen = alone.clone();
    let decide = move |instance: &Instance| {
        *seen.lock().unwrap_or_else(|e| e.into_inner()) = emptied(instance, id);
        Ok(command(id, variables.clone()))
    };
    let shown = alone.clone();
    let render: Render = Box::new(move |instance, _| {
        match (with_variables, &*shown.lock().unwrap_or_else(|e| e.into_inner())) {
            (true, Some(variables)) => Answer::json(variables),
            _ => instance_view::done(instance, with_variables),
        }
    });
    let engine = &call.app.engine;
    let result = engine
        .decide_entity(&call.caller, Entity::Task, id, Box::new(decide), render)
        .await;
    let other = error::wrapped(prefix.clone(), StatusCode::INTERNAL_SERVER_ERROR);
    let answered = result.map_err(error::unknown(missing, other))?;
    let is_alone = alone.lock().unwrap_or_else(|e| e.into_inner()).is_some();
    if form && with_variables && is_alone {
        // Its form is submitted all the same.
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.variable.VariableMap.keySet()\" because \"variables\" is null",
        ));
    }
    Ok(answer(answered))
}

async fn bpmn_error(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let code = body.text("errorCode")?;
    let message = body.text("errorMessage")?;
    let variables = reported_variables(&body)?;
    let code = reported_code(code, "errorCode")?;
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
    let code = body.text("escalationCode")?;
    let variables = reported_variables(&body)?;
    let code = reported_code(code, "escalationCode")?;
    let missing = || ApiError::rest(StatusCode::NOT_FOUND, gone(call.param("id")));
    let command = |task| Command::TaskEscalation {
        task,
        code: code.clone(),
        variables: variables.clone(),
    };
    run(&call, command, missing, reported, no_content()).await
}

/// The variables of a report; the reference names no command in its errors about them.
fn reported_variables(body: &Filters) -> ApiResult<Variables> {
    variable::read_all(body.raw("variables")).map_err(variable::VariableError::bare)
}

fn reported_code(code: Option<String>, name: &str) -> ApiResult<String> {
    let refused = |why: &str| ApiError::rest(StatusCode::BAD_REQUEST, format!("{name} is {why}"));
    let code = code.ok_or_else(|| refused("null"))?;
    match code.is_empty() {
        true => Err(refused("empty")),
        false => Ok(code),
    }
}

/// Why an error or an escalation can't be reported.
fn reported(cause: EngineError) -> ApiError {
    match cause {
        EngineError::Rejected(Rejection::Suspended(text)) => ApiError::rest(StatusCode::BAD_REQUEST, text),
        other => error::api(other),
    }
}
