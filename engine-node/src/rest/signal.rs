//! `POST /signal`: to one execution, or to everybody who waits for it.
use super::{
    call::{Call, no_content},
    error,
};
use crate::{
    App,
    app::{
        Answer, EngineError,
        signals::{Signal, Tenants},
    },
    rights::{Subject, need::UPDATE_INSTANCE},
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
use rest_api::{
    ApiError, ApiResult,
    variable::{self, VariableError},
};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new().route("/signal", post(signal))
}

async fn signal(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let name = body.text("name")?;
    let name = name.ok_or_else(|| ApiError::invalid_request("No signal name given"))?;
    let variables = variable::read_all(body.raw("variables")).map_err(VariableError::bare)?;
    let tenant = body.text("tenantId")?;
    let without = body.on("withoutTenantId")?;
    if let Some(execution) = body.text("executionId")? {
        if tenant.is_some() || without {
            return Err(ApiError::bad_user_request(
                "BadUserRequestException",
                "ENGINE-13027 Cannot specify a tenant-id when deliver a signal to a single execution.",
            ));
        }
        return to_execution(&call, &execution, name, variables).await;
    }
    let signal = Signal {
        name,
        business_key: None,
        variables,
        tenants: match (tenant, without) {
            (Some(tenant), _) => Tenants::Only(tenant),
            (None, true) => Tenants::Without,
            (None, false) => Tenants::Any,
        },
        thrown: None,
        later: false,
        above: Vec::new(),
    };
    call.app
        .engine
        .signal(&call.caller, &signal)
        .await
        .map_err(error::api)?;
    Ok(no_content())
}

/// The reference's errors (7.24) for an execution that isn't there, or that waits for something else.
async fn to_execution(call: &Call, text: &str, name: String, variables: Variables) -> ApiResult<Response> {
    let missing = || {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "NullValueException",
            format!("Cannot find execution with id '{text}': execution is null"),
        )
        .with_code(0)
    };
    let execution: Id = text.parse().map_err(|_| missing())?;
    let engine = &call.app.engine;
    let rights = call.caller.rights.clone();
    let view = call.catalog();
    let decide = Box::new(move |instance: &Instance| {
        if let Some(rights) = &rights {
            let process = &instance.process;
            let deployed = view.by_id(process.definition_id);
            let subject = Subject {
                instance: Some(process.id),
                key: deployed.map(|d| d.row.key.clone()).unwrap_or_default(),
                tenant: process.tenant_id.clone(),
            };
            let asked = rights.demand_of(&subject, UPDATE_INSTANCE, "update");
            asked.map_err(|refusal| EngineError::Refused(Box::new(refusal)))?;
        }
        let mut all = instance.subscriptions.iter();
        let found = all.find(|s| {
            s.execution_id == execution && s.kind == EventKind::Signal && s.name.as_deref() == Some(&name)
        });
        let found = found.ok_or_else(|| {
            let message = format!(
                "Execution '{execution}' has not subscribed to a signal event with name '{name}'. is empty"
            );
            EngineError::Rejected(Rejection::Failure {
                message,
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
    let done = engine
        .decide_entity(&call.caller, Entity::Execution, execution, decide, render)
        .await;
    match done {
        Ok(_) => Ok(no_content()),
        Err(EngineError::NotFound { .. }) => Err(missing()),
        Err(EngineError::Rejected(Rejection::Failure { message, .. })) if message.ends_with(". is empty") => {
            Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, message))
        }
        Err(other) => Err(error::api(other)),
    }
}
