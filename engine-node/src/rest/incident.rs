//! `/incident`: list, read, resolve.
use super::{
    call::{Call, answer, json, no_content},
    error, instance_view, lists,
};
use crate::{
    App,
    app::{
        Answer, CatalogView,
        operations::{Entry, Tell},
    },
    query::incident,
    store::{Entity, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, put},
};
use bpmn_core::{Id, command::Command, instance::Incident as IncidentRow};
use rest_api::{ApiError, ApiResult, Date, incident::Incident};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/incident", get(list))
        .route("/incident/count", get(count))
        .route("/incident/{id}", get(one).delete(resolve))
        .route(
            "/incident/{id}/annotation",
            put(annotate).delete(clear_annotation),
        )
}

/// An incident on the wire.
pub fn dto(view: &CatalogView, row: IncidentRow) -> Incident {
    // That of a batch stands where an element of a process would.
    let of_process = row.definition_id != Id::NIL;
    let job_definition = match of_process {
        true => instance_view::job_definition_id(view, row.definition_id, &row.element, row.job_kind),
        false => Some(row.element.clone()),
    };
    Incident {
        id: row.id.to_string(),
        process_definition_id: of_process.then(|| instance_view::definition_id(view, row.definition_id)),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        execution_id: row.execution_id.map(|id| id.to_string()),
        incident_timestamp: Date(row.created),
        activity_id: Some(row.element).filter(|_| of_process),
        failed_activity_id: row.failed_element,
        incident_type: row.kind,
        cause_incident_id: row.cause_id.to_string(),
        root_cause_incident_id: row.root_cause_id.to_string(),
        configuration: row.configuration,
        incident_message: row.message,
        tenant_id: row.tenant_id,
        job_definition_id: job_definition,
        annotation: row.annotation,
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = incident::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, incident::row, |row| dto(&view, row)).await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &incident::listing(call.sees(&filters, &view))?).await
}

async fn row(call: &Call, missing: impl Fn() -> ApiError) -> ApiResult<IncidentRow> {
    lists::one(call, call.id("id"), incident::by_id, incident::row, missing).await
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || ApiError::not_found(format!("No matching incident with id {}", call.param("id")));
    let found = row(&call, missing).await?;
    Ok(json(&dto(&call.catalog(), found)))
}

async fn resolve(mut call: Call) -> ApiResult<Response> {
    let id = call.param("id").to_owned();
    let missing = || {
        ApiError::not_found(format!(
            "Cannot find an incident with id '{id}': incident is null"
        ))
    };
    let found = row(&call, missing).await?;
    if matches!(found.kind.as_str(), "failedJob" | "failedExternalTask") {
        // These go when their job or task gets retries.
        return Err(ApiError::invalid_request(format!(
            "Cannot resolve an incident of type {}",
            found.kind
        )));
    }
    let told = Told::operator("ProcessInstance", "Resolve").said("incidentId", found.id);
    call.tell(|| Tell::just(vec![told]));
    let render =
        Box::new(|_: &bpmn_core::instance::Instance, _: &bpmn_core::command::Outcome| Answer::no_content());
    let command = Command::ResolveIncident { incident: found.id };
    let result = call
        .app
        .engine
        .entity_command(&call.caller, Entity::Incident, found.id, command, render)
        .await;
    result.map(answer).map_err(error::unknown(missing, error::api))
}

async fn annotate(mut call: Call) -> ApiResult<Response> {
    let text = call.body()?.text("annotation")?;
    set_annotation(&mut call, text).await
}

async fn clear_annotation(mut call: Call) -> ApiResult<Response> {
    set_annotation(&mut call, None).await
}

async fn set_annotation(call: &mut Call, text: Option<String>) -> ApiResult<Response> {
    let operation = match text {
        Some(_) => "SetAnnotation",
        None => "ClearAnnotation",
    };
    if let Some(id) = call.id("id") {
        let told = Told::operator("Incident", operation).said("incidentId", id);
        call.tell(|| Tell::new(move |_, _| vec![Entry::Apart(told.clone())]));
    }
    let missing = || ApiError::bad_user_request("BadUserRequestException", "incident is null").with_code(0);
    let incident = call.id("id").ok_or_else(missing)?;
    let render =
        Box::new(|_: &bpmn_core::instance::Instance, _: &bpmn_core::command::Outcome| Answer::no_content());
    let engine = &call.app.engine;
    let alone = engine.store().annotate_alone(incident, text.as_deref()).await;
    if alone.map_err(error::store)? {
        return Ok(no_content());
    }
    let command = Command::Annotate { incident, text };
    let result = engine
        .entity_command(&call.caller, Entity::Incident, incident, command, render)
        .await;
    result.map(answer).map_err(error::unknown(missing, error::api))
}
