//! The list of job definitions, from the catalog.
use super::memory::Key;
use crate::{
    app::{CatalogView, Deployed},
    store::JobDefinitionRow,
};
use rest_api::{ApiResult, filters::Filters, known};
use std::sync::Arc;

/// Criteria that job definitions can be sorted by.
pub const SORTS: &[&str] = &[
    "jobDefinitionId",
    "activityId",
    "processDefinitionId",
    "processDefinitionKey",
    "jobType",
    "jobConfiguration",
    "tenantId",
];

/// A job definition with its process definition.
pub type Found = (Arc<Deployed>, JobDefinitionRow);

/// Job definitions of published definitions that meet the filters.
pub fn find(filters: &Filters, view: &CatalogView) -> ApiResult<Vec<Found>> {
    let published = view.all().filter(|d| d.published);
    let mut rows: Vec<Found> = published
        .flat_map(|d| d.job_definitions.iter().map(|j| (d.clone(), j.clone())))
        .collect();
    let mut keep = |test: &dyn Fn(&Deployed, &JobDefinitionRow) -> bool| rows.retain(|(d, j)| test(d, j));
    if let Some(id) = filters.text("jobDefinitionId")? {
        keep(&|_, j| j.id.to_string() == id);
    }
    let elements = match filters.is_post() {
        true => filters.list_called("activityIdIn", "Activity ids")?,
        false => filters.exact_list("activityIdIn")?,
    };
    if let Some(elements) = elements.filter(|l| !l.is_empty()) {
        keep(&|_, j| elements.contains(&j.element));
    }
    if let Some(id) = filters.text("processDefinitionId")? {
        keep(&|d, _| d.row.rest_id == id);
    }
    if let Some(key) = filters.text("processDefinitionKey")? {
        keep(&|d, _| d.row.key == key);
    }
    if let Some(word) = filters.text("jobType")? {
        keep(&|_, j| j.job_type == word);
    }
    if let Some(text) = filters.text("jobConfiguration")? {
        keep(&|_, j| j.configuration == text);
    }
    type Test = fn(&Deployed, &JobDefinitionRow) -> bool;
    // `suspended` counts if both are on.
    filters.on("active")?;
    let switches: [(&str, Test); 3] = [
        match filters.on("suspended")? {
            true => ("suspended", |_, j| j.suspended),
            false => ("active", |_, j| !j.suspended),
        },
        ("withOverridingJobPriority", |_, j| j.priority.is_some()),
        ("withoutTenantId", |d, _| d.row.tenant_id.is_none()),
    ];
    for (name, test) in switches {
        if filters.on(name)? {
            keep(&test);
        }
    }
    let with_none = filters.on("includeJobDefinitionsWithoutTenantId")?;
    if let Some(tenants) = filters.tenants()? {
        keep(&|d, _| match &d.row.tenant_id {
            Some(tenant) => tenants.contains(tenant),
            None => with_none,
        });
    }
    filters.refuse_rest(known::JOB_DEFINITION)?;
    Ok(rows)
}

/// The sort value of a job definition.
pub fn key((deployed, job): &Found, by: &str) -> Key {
    match by {
        "activityId" => Key::Text(job.element.clone()),
        "processDefinitionId" => Key::Text(deployed.row.rest_id.clone()),
        "processDefinitionKey" => Key::Text(deployed.row.key.clone()),
        "jobType" => Key::Text(job.job_type.clone()),
        "jobConfiguration" => Key::Text(job.configuration.clone()),
        "tenantId" => Key::text(deployed.row.tenant_id.as_deref()),
        _ => Key::Text(job.id.to_string()),
    }
}
