//! `/decision-definition`: list, models, evaluation, time to live of history.
use super::{
    call::{Call, json, no_content},
    error,
    process_definition::image,
};
use crate::{
    App,
    app::{decisions::DeployedDecision, operations::option},
    query::{self, memory},
    rights::need::resource,
    store::{DecisionRow, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post, put},
};
use feel::dmn::{Entries, Typed};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult, date,
    decision::{DecisionDefinition, DmnXml},
    filters::{Filters, sorting},
    variable::{self, VariableError},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/decision-definition";
    let mut router = Router::new()
        .route(root, get(list))
        .route(&format!("{root}/count"), get(count));
    for place in ["{id}", "key/{key}", "key/{key}/tenant-id/{tenant}"] {
        router = router
            .route(&format!("{root}/{place}"), get(one))
            .route(&format!("{root}/{place}/xml"), get(xml))
            .route(&format!("{root}/{place}/diagram"), get(diagram))
            .route(&format!("{root}/{place}/evaluate"), post(evaluate))
            .route(&format!("{root}/{place}/history-time-to-live"), put(history_ttl));
    }
    router
}

/// A decision on the wire.
pub fn dto(row: &DecisionRow) -> DecisionDefinition {
    let requirements = row.requirements.as_ref();
    DecisionDefinition {
        id: row.rest_id.clone(),
        key: row.key.clone(),
        category: row.category.clone(),
        name: row.name.clone(),
        version: row.version,
        resource: row.resource_name.clone(),
        deployment_id: row.deployment_id.to_string(),
        tenant_id: row.tenant_id.clone(),
        decision_requirements_definition_id: requirements.map(|r| r.rest_id.clone()),
        decision_requirements_definition_key: requirements.map(|r| r.key.clone()),
        history_time_to_live: row.history_ttl_days,
        version_tag: row.version_tag.clone(),
    }
}

fn unknown_text(id: &str) -> String {
    format!("no deployed decision definition found with id '{id}': decisionDefinition is null")
}

fn unknown_id(id: &str) -> ApiError {
    ApiError::not_found(unknown_text(id)).with_code(0)
}

/// The decision that the path names by id, or by key and perhaps tenant; `missing` words an unknown id.
fn named(call: &Call, missing: impl Fn(&str) -> ApiError) -> ApiResult<Arc<DeployedDecision>> {
    let view = call.catalog();
    let (id, key, tenant) = (call.param("id"), call.param("key"), call.param("tenant"));
    if !id.is_empty() {
        return view.decisions.by_rest_id(id).cloned().ok_or_else(|| missing(id));
    }
    let tenant = Some(tenant).filter(|t| !t.is_empty());
    let found = view.decisions.latest(key, tenant).filter(|_| !call.hidden);
    found.cloned().ok_or_else(|| {
        let of = tenant.map_or("no tenant-id".to_owned(), |t| format!("tenant-id: {t}"));
        let message = format!("No matching decision definition with key: {key} and {of}");
        ApiError::new(StatusCode::NOT_FOUND, "RestException", message)
    })
}

/// The decision that the path names; a key that names none is refused at once, an id only when it matters.
fn named_first(
    call: &Call,
    missing: impl Fn(&str) -> ApiError,
) -> ApiResult<ApiResult<Arc<DeployedDecision>>> {
    match named(call, missing) {
        Err(error) if call.param("id").is_empty() => Err(error),
        found => Ok(found),
    }
}

/// Decisions that meet the filters and may be read.
fn found(call: &Call, filters: &Filters) -> ApiResult<Vec<Arc<DeployedDecision>>> {
    let mut rows = query::decision::find(filters, &call.catalog())?;
    call.keep(&mut rows, resource::DECISION_DEFINITION, "READ", |d| {
        (d.row.key.clone(), d.row.tenant_id.clone())
    });
    Ok(rows)
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let sortings = sorting(&filters, &|by| query::decision::SORTS.contains(&by))?;
    let rows = found(&call, &filters)?;
    let key = |d: &Arc<DeployedDecision>, by: &str| query::decision::key(&view, d, by);
    let rows = memory::page(rows, &sortings, call.paging()?, key, |d| d.row.rest_id.clone());
    Ok(json(&rows.iter().map(|d| dto(&d.row)).collect::<Vec<_>>()))
}

async fn count(call: Call) -> ApiResult<Response> {
    let filters = call.filters();
    let count = found(&call, &filters)?.len();
    sorting(&filters, &|by| query::decision::SORTS.contains(&by))?;
    Ok(json(&json!({ "count": count })))
}

async fn one(call: Call) -> ApiResult<Response> {
    Ok(json(&dto(&named(&call, unknown_id)?.row)))
}

async fn xml(call: Call) -> ApiResult<Response> {
    let decision = named(&call, unknown_id)?;
    let row = &decision.row;
    let resource = call
        .app
        .engine
        .store()
        .resource(row.deployment_id, &row.resource_name)
        .await;
    let resource = resource
        .map_err(error::store)?
        .ok_or_else(|| unknown_id(&row.rest_id))?;
    Ok(json(&DmnXml {
        id: row.rest_id.clone(),
        dmn_xml: String::from_utf8_lossy(&resource.content).into_owned(),
    }))
}

/// The image that was deployed with the model; 204 without one.
async fn diagram(call: Call) -> ApiResult<Response> {
    let decision = named(&call, |id| {
        ApiError::bad_user_request("NotFoundException", unknown_text(id))
    })?;
    let row = &decision.row;
    image(&call, row.deployment_id, &row.resource_name, &row.key).await
}

/// A decision as the user log names it.
fn named_in_log(base: &Told, decision: &DeployedDecision) -> Vec<Told> {
    let row = &decision.row;
    vec![
        base.said("decisionDefinitionId", &row.rest_id),
        base.said("decisionDefinitionKey", &row.key),
    ]
}

/// The variables of an evaluation. Nothing is stored: a number of the abstract type is what it is written as.
fn variables(call: &Call) -> ApiResult<bpmn_core::value::Variables> {
    let body = call.body()?;
    let mut given = body.raw("variables").cloned();
    let each = given
        .as_mut()
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten();
    for (_, variable) in each {
        let abstract_number = matches!(variable["type"].as_str(), Some("Number" | "number"));
        if abstract_number && variable["value"].is_number() {
            variable["type"] = Value::Null;
        }
    }
    variable::read_values(given.as_ref()).map_err(VariableError::bare)
}

async fn evaluate(call: Call) -> ApiResult<Response> {
    if !call.param("id").is_empty() {
        // Of a decision by its id the variables are looked at first.
        variables(&call)?;
    }
    let decision = named_first(&call, |id| {
        let message = format!("Cannot evaluate decision {id}: {}", unknown_text(id));
        ApiError::not_found(message).with_code(0)
    })?;
    let decision = decision?;
    let prefix = format!("Cannot evaluate decision {}", decision.row.rest_id);
    let variables = variables(&call)?;
    match call
        .app
        .engine
        .evaluate(&call.caller, &decision, variables)
        .await
        .map_err(error::api)?
    {
        Ok(results) => {
            let base = Told::operator("DecisionDefinition", "Evaluate");
            call.log(|| named_in_log(&base, &decision)).await?;
            Ok(json(&results.iter().map(entries).collect::<ApiResult<Vec<_>>>()?))
        }
        Err(reason) => {
            // The reference tells clients no more than this.
            tracing::info!(decision = decision.row.rest_id, %reason, "decision not evaluated");
            let message = format!("{prefix}: Exception while evaluating decision with key 'null'");
            Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, message))
        }
    }
}

/// The entries of one result by name.
fn entries(entries: &Entries) -> ApiResult<Value> {
    let mut map = Map::new();
    for (name, typed) in entries {
        let Some(name) = name else {
            // The reference can't write it, and says nothing about it.
            let (status, kind) = (StatusCode::BAD_REQUEST, "InvalidRequestException");
            return Err(ApiError::new(status, kind, String::new()));
        };
        map.insert(name.clone(), shown(typed));
    }
    Ok(Value::Object(map))
}

/// A value with its type; one that the model gives none is shown without.
fn shown(typed: &Typed) -> Value {
    use feel::Value as Feel;
    let name = match (&typed.value, typed.typed) {
        (Feel::Null, _) => "Null",
        (_, false) => {
            return json!({"type": null, "value": plain(&typed.value), "valueInfo": null});
        }
        (Feel::Boolean(_), true) => "Boolean",
        (Feel::Integer(_), true) => "Integer",
        (Feel::Long(_), true) => "Long",
        (Feel::Double(_), true) => "Double",
        (Feel::Instant(_), true) => "Date",
        (_, true) => "String",
    };
    json!({"type": name, "value": plain(&typed.value), "valueInfo": {}})
}

fn plain(value: &feel::Value) -> Value {
    use feel::Value as Feel;
    match value {
        Feel::Null => Value::Null,
        Feel::Boolean(v) => json!(v),
        Feel::Short(v) => json!(v),
        Feel::Integer(v) => json!(v),
        Feel::Long(v) => json!(v),
        Feel::Double(v) => json!(v),
        Feel::String(v) => json!(v),
        Feel::Instant(v) => json!(date::format(*v)),
        Feel::List(items) => items.iter().map(plain).collect(),
        Feel::Map(entries) => entries
            .iter()
            .map(|(k, v)| (k.clone(), plain(v)))
            .collect::<Map<_, _>>()
            .into(),
        // The bean properties of the reference's object.
        Feel::Function(_) => json!({"comparable": false}),
        other => json!(other.java_text()),
    }
}

async fn history_ttl(call: Call) -> ApiResult<Response> {
    let decision = named_first(&call, |_| {
        let message = "Cannot invoke \"org.camunda.bpm.engine.impl.dmn.entity.repository.DecisionDefinitionEntity\
                       .getHistoryTimeToLive()\" because \"decisionDefinitionEntity\" is null";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "NullPointerException", message)
    })?;
    let days = call.body()?.int("historyTimeToLive")?;
    if days.is_some_and(|days| days < 0) {
        let text = "historyTimeToLive is not greater than or equal to 0";
        return Err(ApiError::bad_user_request("BadUserRequestException", text));
    }
    let decision = decision?;
    let before = decision.row.history_ttl_days;
    if before != days {
        let set = call
            .app
            .replication
            .set_decision_history_ttl(decision.row.id, days)
            .await;
        set.map_err(error::api)?;
    }
    let base = Told::operator("DecisionDefinition", "UpdateHistoryTimeToLive");
    call.log(|| {
        let mut all = vec![base.changed("historyTimeToLive", option(before), option(days))];
        all.extend(named_in_log(&base, &decision));
        all
    })
    .await?;
    Ok(no_content())
}
