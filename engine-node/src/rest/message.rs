//! `POST /message` correlates.
use super::{
    call::{Call, json, no_content},
    error, instance_view, parked,
};
use crate::{
    App,
    app::{
        EngineError,
        correlate::{self, Message},
    },
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{Id, instance::Instance, value::TypedValue};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    filters::Filters,
    runtime::{Correlated, Execution},
    variable::{self, VariableError},
};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new().route("/message", post(message))
}

/// What of its variables a message refuses: the engine's own errors come as they are.
fn unreadable(error: VariableError) -> ApiError {
    match error {
        VariableError::Engine(_) => error.bare(),
        other => other.api("Cannot deliver message"),
    }
}

/// Why no query compares with a value.
fn unasked(key: &TypedValue) -> Option<&'static str> {
    match key {
        TypedValue::Bytes(_) | TypedValue::File { .. } => {
            Some("Variables of type ByteArray cannot be used to query")
        }
        TypedValue::Json(_) | TypedValue::Xml(_) => Some("Object values cannot be used to query"),
        _ => None,
    }
}

/// The body of `/message`, and whether anything can match it: not if its `processInstanceId` is no id of ours.
///
/// # Errors
/// As the reference words them.
pub fn read(body: &Filters) -> ApiResult<(Message, bool)> {
    let name = body.text("messageName")?;
    let name = name.ok_or_else(|| ApiError::invalid_request("No message name supplied"))?;
    let (tenant_id, without_tenant) = (body.text("tenantId")?, body.on("withoutTenantId")?);
    if tenant_id.is_some() && without_tenant {
        let text = "Parameter 'tenantId' cannot be used together with parameter 'withoutTenantId'.";
        return Err(ApiError::invalid_request(text));
    }
    if body.on("variablesInResultEnabled")? && !body.on("resultEnabled")? {
        return Err(ApiError::invalid_request(
            "Parameter 'variablesInResultEnabled' cannot be used without 'resultEnabled' set to true.",
        ));
    }
    let instance = body.text("processInstanceId")?;
    let known = instance.as_ref().map(|id| id.parse::<Id>());
    let variables = |member: &str| variable::read_all(body.raw(member)).map_err(unreadable);
    let keys = |member: &str| variable::read_values(body.raw(member)).map_err(unreadable);
    let message = Message {
        name,
        business_key: body.text("businessKey")?,
        instance: known.clone().and_then(Result::ok),
        correlation_keys: keys("correlationKeys")?,
        local_correlation_keys: keys("localCorrelationKeys")?,
        variables: variables("processVariables")?,
        local_variables: variables("processVariablesLocal")?,
        scoped_variables: variables("processVariablesToTriggeredScope")?,
        tenant_id,
        without_tenant,
        all: body.on("all")?,
        variables_in_result: false,
        own_tenants: None,
    };
    let all_keys = message
        .correlation_keys
        .iter()
        .chain(&message.local_correlation_keys);
    let all_keys: Vec<&TypedValue> = all_keys.map(|(_, value)| value).collect();
    if all_keys
        .iter()
        .any(|key| matches!(key, TypedValue::Object { .. }))
    {
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "IllegalStateException",
            "Object is not deserialized.",
        ));
    }
    if instance.is_some() && (message.tenant_id.is_some() || message.without_tenant) {
        return Err(ApiError::bad_user_request(
            "BadUserRequestException",
            "ENGINE-13028 Cannot specify a tenant-id when correlate a message to a single process instance.",
        ));
    }
    if let Some(why) = all_keys.into_iter().find_map(unasked) {
        return Err(ApiError::engine(why));
    }
    Ok((message, known.is_none_or(|id| id.is_ok())))
}

async fn message(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (result, with_variables) = (body.on("resultEnabled")?, body.on("variablesInResultEnabled")?);
    let (mut message, may_match) = read(&body)?;
    message.variables_in_result = result && with_variables;
    message.own_tenants = call.own_tenants();
    let found = if may_match {
        match call.app.engine.correlate(&call.caller, &message).await {
            Ok(found) => found,
            Err(EngineError::Mismatch(text)) => {
                let mismatch = EngineError::Mismatch(text);
                // Several matches are no reason to wait.
                let nobody = mismatch.to_string() == correlate::no_match(&message.name).to_string();
                return match parked::keep(&call, &message).await? {
                    Some(kept) if nobody => Ok(kept),
                    _ => Err(error::api(mismatch)),
                };
            }
            Err(error) => return Err(error::api(error)),
        }
    } else if message.all {
        Vec::new()
    } else {
        return Err(error::api(correlate::no_match(&message.name)));
    };
    if !result {
        return Ok(no_content());
    }
    if found.is_empty() && !message.all {
        // A repetition: what it found has gone on since.
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "IdempotencyKeyException",
            "the message was correlated by an earlier request with this idempotency key; its result is not kept",
        ));
    }
    let rows: Vec<Correlated> = found.iter().map(|one| row(&call, one, with_variables)).collect();
    Ok(json(&rows))
}

/// One result on the wire.
pub fn row(call: &Call, correlated: &correlate::Correlated, with_variables: bool) -> Correlated {
    let variables = |instance: &Instance| with_variables.then(|| instance_view::instance_variables(instance));
    match correlated {
        correlate::Correlated::Execution { execution, instance } => Correlated {
            result_type: "Execution",
            execution: Some(Execution {
                id: execution.to_string(),
                process_instance_id: instance.process.id.to_string(),
                ended: instance_view::execution_ended(instance, *execution),
                tenant_id: instance.process.tenant_id.clone(),
            }),
            process_instance: None,
            variables: variables(instance),
        },
        correlate::Correlated::Started { instance } => Correlated {
            result_type: "ProcessDefinition",
            execution: None,
            process_instance: Some({
                let mut started = instance_view::started(&call.catalog(), instance, &call.caller.base_url);
                started.links.clear();
                started
            }),
            variables: variables(instance),
        },
    }
}
