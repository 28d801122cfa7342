//! Bodies that suspend or activate, shared by definitions, instances, job definitions and jobs.
use super::{call::Call, error};
use crate::app::{CatalogView, Deployed, batches::Request};
use bpmn_core::Id;
use rest_api::{ApiError, ApiResult, date, filters::Filters};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Refuses more or fewer than one of these members, in the reference's words; `words` names them all.
pub fn one_of(body: &Filters, members: &[&str], words: &str) -> ApiResult<()> {
    let given = members.iter().filter(|name| body.has(name)).count();
    let (verb, tail) = match given {
        1 => return Ok(()),
        0 => ("Either", "should be set to update the suspension state."),
        _ => ("Only one of", "should be set to update the suspension state."),
    };
    Err(ApiError::invalid_request(format!("{verb} {words} {tail}")))
}

/// Makes the job of a suspension that has an `executionDate`, which sends the same body to `path` then; false where
/// there is none.
///
/// # Errors
/// One that can't be read, behind the reference's words.
pub async fn later(call: &Call, body: &Filters, path: &str, could_not: &str) -> ApiResult<bool> {
    let Some(text) = body.text("executionDate")?.filter(|text| !text.is_empty()) else {
        return Ok(false);
    };
    let due = date::parse(&text).or_else(|| bpmn_core::timer::date(&text).ok());
    let due = due.ok_or_else(|| {
        ApiError::invalid_request(format!("{could_not} due to: Invalid format: \"{text}\""))
    })?;
    let mut then: Map<String, Value> = Map::new();
    for name in body.names().filter(|name| *name != "executionDate") {
        then.insert(name.to_owned(), body.raw(name).cloned().unwrap_or_default());
    }
    let request = Request {
        method: "PUT".to_owned(),
        path: path.to_owned(),
        body: Value::Object(then),
        user: call.caller.user.clone(),
        unknown: None,
    };
    let made = call.app.engine.suspend_later(&request, due).await;
    made.map_err(error::api)?;
    Ok(true)
}

/// Published definitions that `processDefinitionId` or `processDefinitionKey` (with its tenant) names.
pub fn definitions(body: &Filters, view: &CatalogView) -> ApiResult<Vec<Arc<Deployed>>> {
    if let Some(id) = body.text("processDefinitionId")? {
        return Ok(view.by_rest_id(&id).cloned().into_iter().collect());
    }
    let key = body.text("processDefinitionKey")?.unwrap_or_default();
    let tenant = body.text("processDefinitionTenantId")?;
    let without = body.on("processDefinitionWithoutTenantId")?;
    let of_tenant = |d: &&Arc<Deployed>| match &tenant {
        Some(tenant) => d.row.tenant_id.as_ref() == Some(tenant),
        None => !without || d.row.tenant_id.is_none(),
    };
    let versions = view.versions(&key).filter(|d| d.published);
    Ok(versions.filter(of_tenant).cloned().collect())
}

/// Row ids of definitions.
pub fn ids(definitions: &[Arc<Deployed>]) -> Vec<Id> {
    definitions.iter().map(|d| d.row.id).collect()
}
