//! The list of job definitions: those of the catalog, and those of batches.
use super::memory::Key;
use crate::{
    app::{CatalogView, Deployed},
    store::{DefinitionRow, JobDefinitionRow},
};
use bpmn_core::Id;
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

/// A job definition with what it belongs to.
#[derive(Clone, Debug)]
pub struct Found {
    pub row: JobDefinitionRow,
    /// Its process definition; none of a batch's.
    pub of: Option<Arc<Deployed>>,
    /// Of its process definition or batch.
    pub tenant_id: Option<String>,
    /// The deployment that a batch's seed job is for.
    pub deployment_id: Option<Id>,
}

impl Found {
    /// That of a process definition.
    pub fn of_process(of: &Arc<Deployed>, row: &JobDefinitionRow) -> Found {
        Found {
            row: row.clone(),
            of: Some(of.clone()),
            tenant_id: of.row.tenant_id.clone(),
            deployment_id: None,
        }
    }

    fn definition(&self) -> Option<&DefinitionRow> {
        self.of.as_ref().map(|deployed| &deployed.row)
    }

    /// Its tenant.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant_id.as_deref()
    }
}

/// Job definitions of published definitions, and those `of_batches`, that meet the filters.
pub fn find(filters: &Filters, view: &CatalogView, of_batches: Vec<Found>) -> ApiResult<Vec<Found>> {
    let published = view.all().filter(|d| d.published);
    let mut rows: Vec<Found> = published
        .flat_map(|d| d.job_definitions.iter().map(|j| Found::of_process(d, j)))
        .chain(of_batches)
        .collect();
    let mut keep =
        |test: &dyn Fn(&Found, &JobDefinitionRow) -> bool| rows.retain(|found| test(found, &found.row));
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
        keep(&|found, _| found.definition().is_some_and(|d| d.rest_id == id));
    }
    if let Some(key) = filters.text("processDefinitionKey")? {
        keep(&|found, _| found.definition().is_some_and(|d| d.key == key));
    }
    if let Some(word) = filters.text("jobType")? {
        keep(&|_, j| j.job_type == word);
    }
    if let Some(text) = filters.text("jobConfiguration")? {
        keep(&|_, j| j.configuration == text);
    }
    type Test = fn(&Found, &JobDefinitionRow) -> bool;
    // `suspended` counts if both are on.
    filters.on("active")?;
    let switches: [(&str, Test); 3] = [
        match filters.on("suspended")? {
            true => ("suspended", |_, j| j.suspended),
            false => ("active", |_, j| !j.suspended),
        },
        ("withOverridingJobPriority", |_, j| j.priority.is_some()),
        ("withoutTenantId", |found, _| found.tenant().is_none()),
    ];
    for (name, test) in switches {
        if filters.on(name)? {
            keep(&test);
        }
    }
    let with_none = filters.on("includeJobDefinitionsWithoutTenantId")?;
    if let Some(tenants) = filters.tenants()? {
        keep(&|found, _| match found.tenant() {
            Some(tenant) => tenants.iter().any(|one| one == tenant),
            None => with_none,
        });
    }
    filters.refuse_rest(known::JOB_DEFINITION)?;
    Ok(rows)
}

/// The sort value of a job definition.
pub fn key(found: &Found, by: &str) -> Key {
    let (job, of) = (&found.row, found.definition());
    match by {
        "activityId" => Key::text(of.map(|_| job.element.as_str())),
        "processDefinitionId" => Key::text(of.map(|d| d.rest_id.as_str())),
        "processDefinitionKey" => Key::text(of.map(|d| d.key.as_str())),
        "jobType" => Key::Text(job.job_type.clone()),
        "jobConfiguration" => Key::Text(job.configuration.clone()),
        "tenantId" => Key::text(found.tenant()),
        _ => Key::Text(job.id.to_string()),
    }
}
