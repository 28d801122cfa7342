//! Lists of decisions and of their requirements, from the catalog.
use super::{matches, memory::Key};
use crate::{
    app::{CatalogView, decisions::DeployedDecision},
    store::RequirementsRow,
};
use rest_api::{
    ApiError, ApiResult,
    decision::{DEFINITION_FILTERS, REQUIREMENTS_FILTERS},
    filters::Filters,
};
use std::sync::Arc;

/// Criteria that decisions can be sorted by.
pub const SORTS: &[&str] = &[
    "category",
    "key",
    "id",
    "name",
    "version",
    "deploymentId",
    "deployTime",
    "tenantId",
    "versionTag",
    "decisionRequirementsDefinitionKey",
];

/// Criteria that requirements can be sorted by.
pub const REQUIREMENTS_SORTS: &[&str] = &[
    "category",
    "key",
    "id",
    "name",
    "version",
    "deploymentId",
    "tenantId",
];

/// Name of the filter, of its pattern, and the member they are about.
type Field<T> = (&'static str, &'static str, fn(&T) -> Option<&str>);

/// Keeps the rows whose members meet the filters of that name. A pattern compares letters as they are.
fn keep_fields<R, T>(
    rows: &mut Vec<R>,
    filters: &Filters,
    of: impl Fn(&R) -> &T,
    fields: &[Field<T>],
) -> ApiResult<()> {
    for (equal, like, field) in fields {
        if let Some(text) = filters.text(equal)? {
            rows.retain(|r| field(of(r)) == Some(text.as_str()));
        }
        if !like.is_empty()
            && let Some(pattern) = filters.text(like)?
        {
            rows.retain(|r| field(of(r)).is_some_and(|text| matches(&pattern, text)));
        }
    }
    Ok(())
}

/// Keeps the rows of the tenants that the filters name.
fn keep_tenants<R>(
    rows: &mut Vec<R>,
    filters: &Filters,
    include_none: &str,
    tenant: impl Fn(&R) -> Option<&str>,
) -> ApiResult<()> {
    let with_none = filters.on(include_none)?;
    if let Some(tenants) = filters.tenants()? {
        rows.retain(|r| tenant(r).map_or(with_none, |t| tenants.iter().any(|wanted| wanted == t)));
    }
    if filters.on("withoutTenantId")? {
        rows.retain(|r| tenant(r).is_none());
    }
    Ok(())
}

/// Published decisions that meet the filters.
pub fn find(filters: &Filters, view: &CatalogView) -> ApiResult<Vec<Arc<DeployedDecision>>> {
    let mut rows: Vec<_> = view.decisions.all().filter(|d| d.published).cloned().collect();
    let fields: [Field<DeployedDecision>; 8] = [
        ("name", "nameLike", |d| d.row.name.as_deref()),
        ("key", "keyLike", |d| Some(&d.row.key)),
        ("category", "categoryLike", |d| d.row.category.as_deref()),
        ("resourceName", "resourceNameLike", |d| Some(&d.row.resource_name)),
        ("versionTag", "versionTagLike", |d| d.row.version_tag.as_deref()),
        ("decisionDefinitionId", "", |d| Some(&d.row.rest_id)),
        ("decisionRequirementsDefinitionId", "", |d| {
            Some(d.row.requirements.as_ref()?.rest_id.as_str())
        }),
        ("decisionRequirementsDefinitionKey", "", |d| {
            Some(d.row.requirements.as_ref()?.key.as_str())
        }),
    ];
    keep_fields(&mut rows, filters, |d| d, &fields)?;
    if let Some(ids) = filters.list("decisionDefinitionIdIn")?.filter(|l| !l.is_empty()) {
        rows.retain(|d| ids.contains(&d.row.rest_id));
    }
    if let Some(id) = filters.text("deploymentId")? {
        rows.retain(|d| d.row.deployment_id.to_string() == id);
    }
    if let Some(version) = version(filters)? {
        rows.retain(|d| d.row.version == version);
    }
    let deployed = |d: &DeployedDecision| view.deployments.get(&d.row.deployment_id).map(|row| row.deployed);
    if let Some(after) = filters.date("deployedAfter")? {
        rows.retain(|d| deployed(d).is_some_and(|at| at > after));
    }
    if let Some(at) = filters.date("deployedAt")? {
        rows.retain(|d| deployed(d) == Some(at));
    }
    if filters.on("withoutDecisionRequirementsDefinition")? {
        rows.retain(|d| d.row.requirements.is_none());
    }
    keep_tenants(
        &mut rows,
        filters,
        "includeDecisionDefinitionsWithoutTenantId",
        |d| d.row.tenant_id.as_deref(),
    )?;
    if filters.on("latestVersion")? {
        only_with_keys(filters, "decisionDefinitionId")?;
        let newest = |d: &DeployedDecision| view.decisions.latest(&d.row.key, d.row.tenant_id.as_deref());
        rows.retain(|d| newest(d).is_some_and(|newest| newest.row.id == d.row.id));
    }
    filters.refuse_rest(DEFINITION_FILTERS)?;
    Ok(rows)
}

/// `latestVersion` goes with keys only.
fn only_with_keys(filters: &Filters, id: &str) -> ApiResult<()> {
    let others = [id, "name", "nameLike", "version", "deploymentId"];
    match others.into_iter().any(|name| filters.has(name)) {
        true => Err(ApiError::bad_user_request(
            "NotValidException",
            "Calling latest() can only be used in combination with key(String) and keyLike(String)",
        )),
        false => Ok(()),
    }
}

/// `version`, which counts from 1.
fn version(filters: &Filters) -> ApiResult<Option<i32>> {
    match filters.int("version")? {
        Some(..=0) => Err(ApiError::bad_user_request(
            "NotValidException",
            "version is not greater than 0",
        )),
        version => Ok(version),
    }
}

/// The sort value of a decision.
pub fn key(view: &CatalogView, d: &DeployedDecision, by: &str) -> Key {
    match by {
        "category" => Key::text(d.row.category.as_deref()),
        "key" => Key::Text(d.row.key.clone()),
        "name" => Key::text(d.row.name.as_deref()),
        "version" => Key::Number(d.row.version.into()),
        "deploymentId" => Key::Text(d.row.deployment_id.to_string()),
        "deployTime" => view
            .deployments
            .get(&d.row.deployment_id)
            .map_or(Key::Null, |row| Key::Number(row.deployed)),
        "tenantId" => Key::text(d.row.tenant_id.as_deref()),
        "versionTag" => Key::text(d.row.version_tag.as_deref()),
        "decisionRequirementsDefinitionKey" => Key::text(d.row.requirements.as_ref().map(|r| r.key.as_str())),
        _ => Key::Text(d.row.rest_id.clone()),
    }
}

/// Published requirements that meet the filters.
pub fn find_requirements<'a>(
    filters: &Filters,
    view: &'a CatalogView,
) -> ApiResult<Vec<&'a RequirementsRow>> {
    let mut rows: Vec<&RequirementsRow> = view.decisions.requirements().collect();
    let fields: [Field<RequirementsRow>; 5] = [
        ("name", "nameLike", |r| r.name.as_deref()),
        ("key", "keyLike", |r| Some(&r.key)),
        ("category", "categoryLike", |r| r.category.as_deref()),
        ("resourceName", "resourceNameLike", |r| Some(&r.resource_name)),
        ("decisionRequirementsDefinitionId", "", |r| Some(&r.rest_id)),
    ];
    keep_fields(&mut rows, filters, |r| *r, &fields)?;
    if let Some(ids) = filters
        .list("decisionRequirementsDefinitionIdIn")?
        .filter(|l| !l.is_empty())
    {
        rows.retain(|r| ids.contains(&r.rest_id));
    }
    if let Some(id) = filters.text("deploymentId")? {
        rows.retain(|r| r.deployment_id.to_string() == id);
    }
    if let Some(version) = version(filters)? {
        rows.retain(|r| r.version == version);
    }
    let include_none = "includeDecisionRequirementsDefinitionsWithoutTenantId";
    keep_tenants(&mut rows, filters, include_none, |r| r.tenant_id.as_deref())?;
    if filters.on("latestVersion")? {
        only_with_keys(filters, "decisionRequirementsDefinitionId")?;
        let newest = |r: &RequirementsRow| view.decisions.latest_requirements(&r.key, r.tenant_id.as_deref());
        rows.retain(|r| newest(r).is_some_and(|newest| newest.id == r.id));
    }
    filters.refuse_rest(REQUIREMENTS_FILTERS)?;
    Ok(rows)
}

/// The sort value of requirements.
pub fn requirements_key(r: &RequirementsRow, by: &str) -> Key {
    match by {
        "category" => Key::text(r.category.as_deref()),
        "key" => Key::Text(r.key.clone()),
        "name" => Key::text(r.name.as_deref()),
        "version" => Key::Number(r.version.into()),
        "deploymentId" => Key::Text(r.deployment_id.to_string()),
        "tenantId" => Key::text(r.tenant_id.as_deref()),
        _ => Key::Text(r.rest_id.clone()),
    }
}
