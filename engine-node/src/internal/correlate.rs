//! The two halves of correlating a message over shards: what matches here, and delivery to the one that was chosen.
use super::api;
use crate::{
    App,
    app::Answer,
    rest::{
        call::{Call, answer},
        instance_view,
        message::read,
    },
    rights::need::UPDATE_INSTANCE,
    store::Entity,
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{Id, command::Outcome, instance::Instance};
use rest_api::{
    ApiError, ApiResult,
    filters::Filters,
    runtime::{Correlated, Execution},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Whole paths: they stand for a client's `POST /message`, so they are served behind the same authentication.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/internal/correlate/probe", post(probe))
        .route("/internal/correlate/deliver", post(deliver))
}

fn body<T: DeserializeOwned>(call: &Call) -> ApiResult<T> {
    serde_json::from_slice(&call.body).map_err(|e| ApiError::invalid_request(e.to_string()))
}

async fn probe(call: Call) -> ApiResult<Response> {
    let (mut message, may_match) = read(&Filters::from_body(body::<Map<String, Value>>(&call)?))?;
    message.own_tenants = call.own_tenants();
    let found = call.app.engine.probe(&message).await.map_err(api)?;
    if !may_match {
        return Ok(call.covering(&json!({"executions": [], "starts": []}), found.coverage));
    }
    let executions = found.executions.iter().map(
        |one| json!({"subscription": one.subscription, "instance": one.instance, "revision": one.revision}),
    );
    let starts = found
        .starts
        .iter()
        .map(|(d, element)| json!({"definition": d.row.rest_id, "element": element}));
    let answer = json!({"executions": Vec::from_iter(executions), "starts": Vec::from_iter(starts)});
    Ok(call.covering(&answer, found.coverage))
}

/// Which subscription, and the body that the client sent to `/message`.
#[derive(Deserialize)]
struct Delivery {
    subscription: Id,
    message: Map<String, Value>,
}

async fn deliver(call: Call) -> ApiResult<Response> {
    let delivery: Delivery = body(&call)?;
    let filters = Filters::from_body(delivery.message);
    let with_variables = filters.on("variablesInResultEnabled")?;
    let (message, _) = read(&filters)?;
    // Of a message to all, each receiver has a record of its own.
    let caller = call.caller.with_part(&delivery.subscription.to_string());
    let waiting = call
        .app
        .engine
        .load_entity(Entity::Subscription, delivery.subscription)
        .await
        .map_err(api)?;
    let execution = waiting
        .as_ref()
        .and_then(|i| i.subscriptions.get(delivery.subscription))
        .map(|s| s.execution_id);
    let Some(execution) = execution else {
        // With an idempotency key this may be the repetition of a delivery that was made: the engine knows.
        let render = Box::new(|_: &Instance, _: &Outcome| Answer::no_content());
        let again = call
            .app
            .engine
            .deliver(&caller, delivery.subscription, &message, render)
            .await;
        return again.map(answer).map_err(api);
    };
    if let (Some(instance), Some(rights)) = (&waiting, &call.caller.rights) {
        rights.demand_of(&call.subject_of(instance), UPDATE_INSTANCE, "update")?;
    }
    let render = Box::new(move |instance: &Instance, _: &Outcome| {
        let answer = Answer::json(&Correlated {
            result_type: "Execution",
            execution: Some(Execution {
                id: execution.to_string(),
                process_instance_id: instance.process.id.to_string(),
                ended: instance_view::execution_ended(instance, execution),
                tenant_id: instance.process.tenant_id.clone(),
            }),
            process_instance: None,
            variables: with_variables.then(|| instance_view::instance_variables(instance)),
        });
        let needs = match with_variables {
            true => instance_view::instance_needs(instance),
            false => Vec::new(),
        };
        Answer { needs, ..answer }
    });
    let delivered = call
        .app
        .engine
        .deliver(&caller, delivery.subscription, &message, render)
        .await;
    delivered.map(answer).map_err(api)
}
