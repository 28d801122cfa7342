//! Bodies that suspend or activate, shared by definitions, instances, job definitions and jobs.
use super::{call::Call, error};
use crate::{
    app::{CatalogView, Deployed, batches::Request},
    rights::need::{Need, Pairs, needs, resource},
};
use bpmn_core::{Id, Millis};
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

/// The time of a suspension that has an `executionDate`.
///
/// # Errors
/// One that can't be read, behind the reference's words.
pub fn later(body: &Filters, could_not: &str) -> ApiResult<Option<Millis>> {
    let Some(text) = body.text("executionDate")?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let due = date::parse(&text).or_else(|| bpmn_core::timer::date(&text).ok());
    due.map(Some)
        .ok_or_else(|| ApiError::invalid_request(format!("{could_not} due to: Invalid format: \"{text}\"")))
}

/// Makes the job of a suspension of definitions that is to come: it sends the same body to `path` then.
///
/// # Errors
/// 503 if it can't be written.
pub async fn schedule(
    call: &Call,
    body: &Filters,
    path: &str,
    deployment: Option<Id>,
    due: Millis,
) -> ApiResult<()> {
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
    let made = call.app.engine.suspend_later(&request, deployment, due).await;
    made.map_err(error::api)
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

/// Refuses, to whoever lacks what `needs` says of a definition's key, what is done by definitions; a key in the body counts
/// whether it is known or not.
///
/// # Errors
/// 403; 500 for a definition of another tenant.
pub fn demand(
    call: &Call,
    body: &Filters,
    definitions: &[Arc<Deployed>],
    needs: impl Fn(&str) -> Vec<Need>,
) -> ApiResult<()> {
    let Some(rights) = &call.caller.rights else {
        return Ok(());
    };
    let mut keys: Vec<String> = definitions.iter().map(|d| d.row.key.clone()).collect();
    keys.extend(body.text("processDefinitionKey")?);
    keys.dedup();
    keys.iter().try_for_each(|key| rights.demand(&needs(key)))?;
    definitions.iter().try_for_each(|d| {
        let what = format!("update the process definition '{}'", d.row.rest_id);
        rights.demand_tenant(d.row.tenant_id.as_deref(), &what)
    })
}

/// What is needed for instances of a definition's key as a whole.
pub fn of_instances(pairs: Pairs, key: &str) -> Vec<Need> {
    needs(pairs, resource::PROCESS_INSTANCE, None, key)
}

/// Row ids of definitions.
pub fn ids(definitions: &[Arc<Deployed>]) -> Vec<Id> {
    definitions.iter().map(|d| d.row.id).collect()
}
