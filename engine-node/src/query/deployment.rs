//! The list of deployments, from the catalog.
use super::{matches, memory::Key};
use crate::{app::CatalogView, store::DeploymentRow};
use rest_api::{ApiError, ApiResult, filters::Filters, known};

/// Criteria that deployments can be sorted by.
pub const SORTS: &[&str] = &["id", "name", "deploymentTime", "tenantId"];

/// Deployments that meet the filters.
pub fn find<'a>(filters: &Filters, view: &'a CatalogView) -> ApiResult<Vec<&'a DeploymentRow>> {
    let mut rows: Vec<&DeploymentRow> = view.deployments.values().collect();
    if let Some(id) = filters.text("id")? {
        rows.retain(|d| d.id.to_string() == id);
    }
    if let Some(name) = filters.text("name")? {
        rows.retain(|d| d.name.as_deref() == Some(name.as_str()));
    }
    if let Some(pattern) = filters.text("nameLike")? {
        rows.retain(|d| d.name.as_deref().is_some_and(|name| matches(&pattern, name)));
    }
    if let Some(source) = filters.text("source")? {
        rows.retain(|d| d.source.as_deref() == Some(source.as_str()));
    }
    if filters.on("withoutSource")? {
        if filters.has("source") {
            return Err(ApiError::invalid_request(
                "The query parameters \"withoutSource\" and \"source\" cannot be used in combination.",
            ));
        }
        rows.retain(|d| d.source.is_none());
    }
    if let Some(before) = filters.date("before")? {
        rows.retain(|d| d.deployed < before);
    }
    if let Some(after) = filters.date("after")? {
        rows.retain(|d| d.deployed > after);
    }
    let with_none = filters.on("includeDeploymentsWithoutTenantId")?;
    if let Some(tenants) = filters.tenants()? {
        rows.retain(|d| {
            d.tenant_id
                .as_ref()
                .map_or(with_none, |tenant| tenants.contains(tenant))
        });
    }
    if filters.on("withoutTenantId")? {
        rows.retain(|d| d.tenant_id.is_none());
    }
    filters.refuse_rest(known::DEPLOYMENT)?;
    Ok(rows)
}

/// The sort value of a deployment.
pub fn key(d: &DeploymentRow, by: &str) -> Key {
    match by {
        "name" => Key::text(d.name.as_deref()),
        "deploymentTime" => Key::Number(d.deployed),
        "tenantId" => Key::text(d.tenant_id.as_deref()),
        _ => Key::Text(d.id.to_string()),
    }
}
