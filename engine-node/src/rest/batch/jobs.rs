//! What is to be done for a batch, as `/job` shows it.
use crate::{
    query::{
        Listing,
        batch::{self, WorkRow},
    },
    rest::{
        call::{Call, json},
        error, lists,
    },
    store::StoreError,
};
use axum::response::Response;
use bpmn_core::Id;
use rest_api::{ApiResult, Date, batch::JobDefinition, filters::Filters, job::Job};

/// A list of a batch's jobs.
pub struct Found(Listing);

/// The jobs that filters mean if they name the job definition of a batch.
///
/// # Errors
/// What the filters give.
pub fn find(call: &Call, filters: &Filters) -> ApiResult<Option<Found>> {
    let view = call.catalog();
    let named = filters.text("jobDefinitionId")?;
    let Some(id) = named.and_then(|id| id.parse::<Id>().ok()) else {
        return Ok(None);
    };
    if view.job_definition(id).is_some() {
        return Ok(None);
    }
    let batch = JobDefinition::Work.batch(id);
    batch::work(call.sees(filters, &view), batch).map(|found| Some(Found(found)))
}

impl Found {
    /// One page of them.
    pub async fn page(&self, call: &Call) -> ApiResult<Response> {
        lists::page(call, &self.0, batch::work_row, dto).await
    }

    /// Their number.
    pub async fn count(&self, call: &Call) -> ApiResult<Response> {
        lists::count(call, &self.0).await
    }
}

/// A batch's job by its id.
pub async fn one(call: &Call, id: Id) -> ApiResult<Option<Response>> {
    let snapshot = call.select(&batch::work_by_id(id)).await?;
    let row = snapshot.rows.first().map(|row| batch::work_row(&**row));
    let row: Option<Result<WorkRow, StoreError>> = row;
    Ok(row.transpose().map_err(error::store)?.map(|row| json(&dto(row))))
}

fn dto(row: WorkRow) -> Job {
    Job {
        id: row.id.to_string(),
        job_definition_id: Some(JobDefinition::Work.of(row.batch_id).to_string()),
        process_instance_id: None,
        process_definition_id: None,
        process_definition_key: None,
        execution_id: None,
        failed_activity_id: None,
        exception_message: row.error_message,
        retries: row.retries,
        due_date: None,
        suspended: row.suspended,
        priority: 0,
        tenant_id: None,
        create_time: Date(row.created),
        batch_id: Some(row.batch_id.to_string()),
    }
}
