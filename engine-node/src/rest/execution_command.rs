//! Commands to an execution: signal, incident; and what it waits for.
use super::{
    call::{Call, answer, json},
    error, incident,
};
use crate::{
    App,
    app::{Answer, EngineError, commands::Render, operations::Tell, writer::Decide},
    query::{self},
    store::{Entity, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::{Id, command::Command, value::Variables};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, filters::Filters, variable};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/execution/{id}/signal", post(signal))
        .route("/execution/{id}/create-incident", post(create_incident))
        .route(
            "/execution/{id}/messageSubscriptions/{messageName}",
            get(subscribed),
        )
}

fn nothing() -> Render {
    Box::new(|_, _| Answer::no_content())
}

fn variables(body: &Filters, member: &str, prefix: &str) -> ApiResult<Variables> {
    variable::read_all(body.raw(member)).map_err(|e| e.api(prefix))
}

/// Sends a command to an execution's instance: to that of the id itself, else to that of the execution.
async fn send(
    call: &Call,
    decide: impl Fn() -> Decide,
    render: impl Fn() -> Render,
) -> Result<Answer, EngineError> {
    let Some(id) = call.id("id") else {
        let id = Id::NIL;
        return Err(EngineError::NotFound {
            entity: Entity::Execution,
            id,
        });
    };
    let engine = &call.app.engine;
    match engine.decide(&call.caller, id, decide(), render()).await {
        Err(EngineError::NotFound { .. }) => {
            engine
                .decide_entity(&call.caller, Entity::Execution, id, decide(), render())
                .await
        }
        result => result,
    }
}

async fn signal(call: Call) -> ApiResult<Response> {
    let id = call.param("id");
    let prefix = format!("Cannot signal execution {id}");
    let variables = variables(&call.body()?, "variables", &prefix)?;
    let missing = || {
        let text = format!("{prefix}: execution {id} doesn't exist: execution is null");
        ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text)
    };
    let execution = call.id("id").ok_or_else(missing)?;
    let decide = || -> Decide {
        let variables = variables.clone();
        Box::new(move |_| {
            Ok(Command::SignalExecution {
                execution,
                variables: variables.clone(),
            })
        })
    };
    let result = send(&call, decide, nothing).await;
    let other = error::wrapped(prefix.clone(), StatusCode::INTERNAL_SERVER_ERROR);
    result.map(answer).map_err(error::unknown(missing, other))
}

async fn subscribed(call: Call) -> ApiResult<Response> {
    let (id, name) = (call.param("id"), call.name("messageName")?);
    let missing = || {
        ApiError::not_found(format!(
            "Message event subscription for execution {id} named {name} does not exist"
        ))
    };
    call.id("id").ok_or_else(missing)?;
    let members = [
        ("executionId", id),
        ("eventType", "message"),
        ("eventName", &name),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let filters = Filters::from_query(&members);
    let view = call.catalog();
    let listing = query::event_subscription::listing(call.sees(&filters, &view))?;
    let snapshot = call.select(&listing.page(call.paging()?)).await?;
    let row = snapshot
        .rows
        .first()
        .map(|row| query::event_subscription::row(&**row));
    match row.transpose().map_err(error::store)? {
        Some(row) => Ok(json(&super::event_subscription::dto(row))),
        None => Err(call.missing(call.id("id"), missing()).await),
    }
}

async fn create_incident(mut call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let id = call.param("id").to_owned();
    let Some(kind) = body.text("incidentType")? else {
        return Err(ApiError::invalid_request("incidentType is null"));
    };
    let missing = || {
        ApiError::invalid_request(format!(
            "Cannot find an execution with executionId '{id}': execution is null"
        ))
    };
    let execution = call.id("id").ok_or_else(missing)?;
    let (configuration, message) = (body.text("configuration")?, body.text("message")?);
    let base = Told::operator("ProcessInstance", "CreateIncident");
    let told = vec![
        base.said("incidentType", &kind),
        base.changed("configuration", None, configuration.clone()),
    ];
    call.tell(|| Tell::just(told));
    let decide = || -> Decide {
        let (kind, configuration, message) = (kind.clone(), configuration.clone(), message.clone());
        Box::new(move |_| {
            Ok(Command::CreateIncident {
                execution,
                kind: kind.clone(),
                configuration: configuration.clone(),
                message: message.clone(),
            })
        })
    };
    let view = call.catalog();
    let render = || -> Render {
        let view = view.clone();
        Box::new(move |instance, _| {
            // The newest is the one just made.
            let made = instance.incidents.iter().next_back();
            made.map_or_else(Answer::no_content, |row| {
                Answer::json(&incident::dto(&view, row.clone()))
            })
        })
    };
    let result = send(&call, decide, render).await;
    let other = super::modification::hidden;
    result.map(answer).map_err(error::unknown(missing, other))
}
