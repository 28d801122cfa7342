//! Deleting history by hand: a process instance that has ended, variables with their values.
use super::{
    call::{Call, no_content},
    error, lists,
};
use crate::{
    App,
    app::{Answer, EngineError, operations::option},
    query::{history_process, history_variable},
    store::{Entity, forget::Forget, operations::Told},
};
use axum::{Router, response::Response, routing::delete};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
    history::retention,
};
use rest_api::{ApiError, ApiResult};

/// Routes of this resource; the reads of these paths are elsewhere.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/history/process-instance/{id}", delete(instance))
        .route(
            "/history/process-instance/{id}/variable-instances",
            delete(variables),
        )
        .route("/history/variable-instance/{id}", delete(variable))
}

/// Deletes, or says that the slot is elsewhere.
async fn forget(call: &Call, what: Forget) -> ApiResult<Response> {
    let engine = &call.app.engine;
    if engine.store().forget(what).await.map_err(error::store)? {
        return Ok(no_content());
    }
    Err(ApiError::unavailable("the slot of this history is being moved"))
}

async fn instance(call: Call) -> ApiResult<Response> {
    let id = call.param("id");
    let gone =
        || ApiError::not_found(format!("Historic process instance with id {id} does not exist")).with_code(0);
    // Whatever isn't `true` counts as false.
    let must_exist = call
        .query_param("failIfNotExists")
        .is_none_or(|text| text.eq_ignore_ascii_case("true"));
    let found = lists::one(
        &call,
        call.id("id"),
        history_process::by_id,
        history_process::row,
        gone,
    )
    .await;
    let row = match found {
        Err(error) if error.status == http::StatusCode::NOT_FOUND && !must_exist => return Ok(no_content()),
        other => other?,
    };
    let what = format!("delete the historic process instance '{id}'");
    call.demand_history(
        "DELETE_HISTORY",
        row.definition_id,
        row.tenant_id.as_deref(),
        &what,
    )?;
    if row.ended.is_none() {
        return Err(gone());
    }
    let (root, instance) = (row.root_id, row.id);
    let answer = forget(&call, Forget::Instance { root, instance }).await?;
    let base = Told::operator("ProcessInstance", "DeleteHistory");
    call.log(|| vec![base.said("nrOfInstances", 1), base.said("async", false)])
        .await?;
    Ok(answer)
}

/// What still runs is told from its runtime rows: they forget first, then the rows of history go.
fn ended(result: Result<Answer, EngineError>) -> ApiResult<()> {
    match result {
        Ok(_) | Err(EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. })) => {
            Ok(())
        }
        Err(error) => Err(error::api(error)),
    }
}

async fn variables(call: Call) -> ApiResult<Response> {
    let id = call.param("id");
    let gone = || {
        ApiError::not_found(format!(
            "No historic process instance found with id: {id}: instance is null"
        ))
    };
    let row = lists::one(
        &call,
        call.id("id"),
        history_process::by_id,
        history_process::row,
        gone,
    )
    .await?;
    let what = format!("delete the historic variable instances of process instance '{id}'");
    call.demand_history(
        "DELETE_HISTORY",
        row.definition_id,
        row.tenant_id.as_deref(),
        &what,
    )?;
    let (root, instance) = (row.root_id, row.id);
    if row.ended.is_none() {
        let command = Command::ForgetVariables { variable: None };
        let render = Box::new(|_: &_, _: &_| Answer::no_content());
        ended(
            call.app
                .engine
                .command(&call.caller, instance, command, render)
                .await,
        )?;
    }
    let answer = forget(&call, Forget::Variables { root, instance }).await?;
    let told = Told::operator("Variable", "DeleteHistory");
    log(&call, told, Some(row.definition_id), root, instance).await?;
    Ok(answer)
}

async fn variable(call: Call) -> ApiResult<Response> {
    let id = call.param("id");
    let gone = || {
        let message = format!("No historic variable instance found with id: {id}: variable is null");
        ApiError::not_found(message).with_code(0)
    };
    let row = lists::one(
        &call,
        call.id("id"),
        history_variable::by_id,
        history_variable::row,
        gone,
    )
    .await?;
    if let Some(definition) = row.definition_id {
        let what = format!("delete the historic variable instance '{id}'");
        call.demand_history("DELETE_HISTORY", definition, row.tenant_id.as_deref(), &what)?;
    }
    let (root, variable) = (row.root_id, row.id);
    let command = Command::ForgetVariables {
        variable: Some(variable),
    };
    let render = Box::new(|_: &_, _: &_| Answer::no_content());
    let engine = &call.app.engine;
    ended(
        engine
            .entity_command(&call.caller, Entity::Variable, variable, command, render)
            .await,
    )?;
    let answer = forget(&call, Forget::Variable { root, variable }).await?;
    let mut told = Told::operator("Variable", "DeleteHistory").said("name", &row.name);
    told.execution_id = option(row.execution_id);
    if let Some(instance) = row.instance_id {
        log(&call, told, row.definition_id, root, instance).await?;
    }
    Ok(answer)
}

/// Tells the user log of something in the tree of an instance, be it one that has ended.
async fn log(call: &Call, told: Told, definition: Option<Id>, root: Id, instance: Id) -> ApiResult<()> {
    let view = call.catalog();
    let deployed = definition.and_then(|id| view.by_id(id));
    let told = match deployed {
        Some(deployed) => told.of_definition(&deployed.row),
        None => told,
    };
    let class = retention(deployed.and_then(|d| d.row.history_ttl_days));
    let tree = Some((root, class, instance));
    let written = call.app.engine.log(&call.caller, vec![told], tree).await;
    written.map_err(error::api)
}
