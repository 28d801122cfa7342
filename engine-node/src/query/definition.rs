//! The list of process definitions, from the catalog.
use super::{matches, memory::Key};
use crate::app::{CatalogView, Deployed};
use rest_api::{ApiError, ApiResult, filters::Filters, known};
use std::sync::Arc;

/// Criteria that definitions can be sorted by.
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
];

/// Published definitions that meet the filters. `groups`: those of the user whom `startableBy` names.
pub fn find(filters: &Filters, view: &CatalogView, groups: &[String]) -> ApiResult<Vec<Arc<Deployed>>> {
    let mut rows: Vec<Arc<Deployed>> = view.all().filter(|d| d.published).cloned().collect();
    let mut keep = |test: &dyn Fn(&Deployed) -> bool| rows.retain(|d| test(d));
    type Field = fn(&Deployed) -> Option<&str>;
    let fields: [(&str, &str, Field); 6] = [
        ("name", "nameLike", |d| d.row.name.as_deref()),
        ("key", "keyLike", |d| Some(&d.row.key)),
        ("category", "categoryLike", |d| d.row.category.as_deref()),
        ("resourceName", "resourceNameLike", |d| Some(&d.row.resource_name)),
        ("versionTag", "versionTagLike", |d| d.row.version_tag.as_deref()),
        ("processDefinitionId", "", |d| Some(&d.row.rest_id)),
    ];
    for (equal, like, field) in fields {
        if let Some(text) = filters.text(equal)? {
            keep(&|d| field(d) == Some(text.as_str()));
        }
        if let Some(pattern) = filters.text(like)? {
            // Names alone are compared in either case, as in the reference.
            let any_case = like == "nameLike";
            keep(&|d| {
                field(d).is_some_and(|text| match any_case {
                    true => matches(&pattern.to_lowercase(), &text.to_lowercase()),
                    false => matches(&pattern, text),
                })
            });
        }
    }
    if let Some(ids) = filters.list("processDefinitionIdIn")?.filter(|l| !l.is_empty()) {
        keep(&|d| ids.contains(&d.row.rest_id));
    }
    if let Some(keys) = filters.list("keysIn")?.filter(|l| !l.is_empty()) {
        keep(&|d| keys.contains(&d.row.key));
    }
    if let Some(id) = filters.text("deploymentId")? {
        keep(&|d| d.row.deployment_id.to_string() == id);
    }
    // `ver` is the reference's older name.
    for name in ["ver", "version"] {
        if let Some(version) = filters.int(name)? {
            if version <= 0 {
                return Err(ApiError::engine("version is not greater than 0"));
            }
            keep(&|d| d.row.version == version);
        }
    }
    let deployed = |d: &Deployed| view.deployments.get(&d.row.deployment_id).map(|row| row.deployed);
    if let Some(after) = filters.date("deployedAfter")? {
        keep(&|d| deployed(d).is_some_and(|at| at > after));
    }
    if let Some(at) = filters.date("deployedAt")? {
        keep(&|d| deployed(d) == Some(at));
    }
    type Test = fn(&Deployed) -> bool;
    // `suspended` counts if both are on.
    filters.on("active")?;
    let switches: [(&str, Test); 5] = [
        match filters.on("suspended")? {
            true => ("suspended", |d| d.row.suspended),
            false => ("active", |d| !d.row.suspended),
        },
        ("withoutTenantId", |d| d.row.tenant_id.is_none()),
        ("withoutVersionTag", |d| d.row.version_tag.is_none()),
        ("startableInTasklist", |d| d.row.startable_in_tasklist),
        ("notStartableInTasklist", |d| !d.row.startable_in_tasklist),
    ];
    for (name, test) in switches {
        if filters.on(name)? {
            keep(&test);
        }
    }
    let with_none = filters.on("includeProcessDefinitionsWithoutTenantId")?;
    if let Some(tenants) = filters.tenants()? {
        keep(&|d| {
            d.row
                .tenant_id
                .as_ref()
                .map_or(with_none, |tenant| tenants.contains(tenant))
        });
    }
    if let Some(user) = filters.text("startableBy")? {
        keep(&|d| {
            let starters = &mut d.definition.starters.iter();
            starters.any(|s| match s.group {
                true => groups.contains(&s.name),
                false => s.name == user,
            })
        });
    }
    // Says nothing where nobody's rights are checked, as in the reference without authorization.
    filters.on("startablePermissionCheck")?;
    if filters.on("latestVersion")? || filters.on("latest")? {
        let others = ["processDefinitionId", "version", "deploymentId"];
        if others.into_iter().any(|name| filters.has(name)) {
            return Err(ApiError::engine(
                "Calling latest() can only be used in combination with key(String) and keyLike(String) or name(String) and \
                 nameLike(String)",
            ));
        }
        keep(&|d| is_latest(view, d));
    }
    filters.refuse_rest(known::DEFINITION)?;
    Ok(rows)
}

fn is_latest(view: &CatalogView, d: &Deployed) -> bool {
    view.latest(&d.row.key, d.row.tenant_id.as_deref())
        .is_some_and(|newest| newest.row.id == d.row.id)
}

/// The sort value of a definition.
pub fn key(view: &CatalogView, d: &Deployed, by: &str) -> Key {
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
        _ => Key::Text(d.row.rest_id.clone()),
    }
}
