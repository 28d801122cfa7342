//! `/decision-requirements-definition`: list and models.
use super::{
    call::{Call, json, no_content},
    error,
};
use crate::{
    App,
    query::{self, memory},
    rights::need::resource,
    store::RequirementsRow,
};
use axum::{Router, response::Response, routing::get};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    decision::{DecisionRequirementsDefinition, DmnXml},
    filters::sorting,
};
use serde_json::json;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/decision-requirements-definition";
    let mut router = Router::new()
        .route(root, get(list))
        .route(&format!("{root}/count"), get(count));
    for place in ["{id}", "key/{key}", "key/{key}/tenant-id/{tenant}"] {
        router = router
            .route(&format!("{root}/{place}"), get(one))
            .route(&format!("{root}/{place}/xml"), get(xml))
            .route(&format!("{root}/{place}/diagram"), get(diagram));
    }
    router
}

/// Requirements on the wire.
pub fn dto(row: &RequirementsRow) -> DecisionRequirementsDefinition {
    DecisionRequirementsDefinition {
        id: row.rest_id.clone(),
        key: row.key.clone(),
        category: row.category.clone(),
        name: row.name.clone(),
        version: row.version,
        resource: row.resource_name.clone(),
        deployment_id: row.deployment_id.to_string(),
        tenant_id: row.tenant_id.clone(),
    }
}

/// The requirements that the path names; an unknown id is an exception of that kind.
fn named(call: &Call, unknown: &'static str) -> ApiResult<RequirementsRow> {
    let view = call.catalog();
    let (id, key, tenant) = (call.param("id"), call.param("key"), call.param("tenant"));
    if !id.is_empty() {
        return view.decisions.requirements_by_rest_id(id).cloned().ok_or_else(|| {
            let message = format!(
                "no deployed decision requirements definition found with id '{id}': decisionRequirementsDefinition \
                 is null"
            );
            ApiError::bad_user_request(unknown, message)
        });
    }
    let tenant = Some(tenant).filter(|t| !t.is_empty());
    view.decisions
        .latest_requirements(key, tenant)
        .filter(|_| !call.hidden)
        .cloned()
        .ok_or_else(|| {
            let of = tenant.map_or("no tenant-id".to_owned(), |t| format!("tenant-id: {t}"));
            let message = format!("No matching decision requirements definition with key: {key} and {of}");
            ApiError::new(StatusCode::NOT_FOUND, "RestException", message)
        })
}

/// Keeps the requirements that may be read.
fn readable(call: &Call, rows: &mut Vec<&RequirementsRow>) {
    let number = resource::DECISION_REQUIREMENTS_DEFINITION;
    call.keep(rows, number, "READ", |r| (r.key.clone(), r.tenant_id.clone()));
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let sortings = sorting(&filters, &|by| query::decision::REQUIREMENTS_SORTS.contains(&by))?;
    let mut rows = query::decision::find_requirements(&filters, &view)?;
    readable(&call, &mut rows);
    let key = |r: &&RequirementsRow, by: &str| query::decision::requirements_key(r, by);
    let rows = memory::page(rows, &sortings, call.paging()?, key, |r| r.rest_id.clone());
    Ok(json(&rows.into_iter().map(dto).collect::<Vec<_>>()))
}

async fn count(call: Call) -> ApiResult<Response> {
    let view = call.catalog();
    let mut rows = query::decision::find_requirements(&call.filters(), &view)?;
    readable(&call, &mut rows);
    Ok(json(&json!({ "count": rows.len() })))
}

async fn one(call: Call) -> ApiResult<Response> {
    Ok(json(&dto(&named(&call, "InvalidRequestException")?)))
}

async fn xml(call: Call) -> ApiResult<Response> {
    let row = named(&call, "InvalidRequestException")?;
    let resource = call
        .app
        .engine
        .store()
        .resource(row.deployment_id, &row.resource_name)
        .await;
    let missing = || ApiError::internal(format!("file '{}' is not stored", row.resource_name));
    let resource = resource.map_err(error::store)?.ok_or_else(missing)?;
    Ok(json(&DmnXml {
        id: row.rest_id,
        dmn_xml: String::from_utf8_lossy(&resource.content).into_owned(),
    }))
}

/// Models carry no image: 204, as the reference without one.
async fn diagram(call: Call) -> ApiResult<Response> {
    named(&call, "NotValidException")?;
    Ok(no_content())
}
