//! `/history/incident`: list, count.
use super::{
    call::Call,
    history::removal,
    instance_view::{definition_id, definition_key, job_definition_id},
    lists,
};
use crate::{
    App,
    app::CatalogView,
    query::history_incident::{self, DELETED, IncidentRow, OPEN, RESOLVED},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::Id;
use rest_api::{ApiResult, Date, history_log::HistoricIncident};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/history/incident", get(list))
        .route("/history/incident/count", get(count))
}

fn dto(view: &CatalogView, row: IncidentRow) -> HistoricIncident {
    // That of a batch stands where an element of a process would.
    let of_process = row.definition_id != Id::NIL;
    let job_definition = match of_process {
        true => job_definition_id(view, row.definition_id, &row.element, row.job_kind),
        false => Some(row.element.clone()),
    };
    HistoricIncident {
        id: row.id.to_string(),
        process_definition_key: definition_key(view, row.definition_id),
        process_definition_id: of_process.then(|| definition_id(view, row.definition_id)),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        execution_id: row.execution_id.map(|id| id.to_string()),
        // A failed timer start belongs to no tree.
        root_process_instance_id: row.instance_id.map(|_| row.root_id.to_string()),
        create_time: Date(row.created),
        end_time: row.ended.map(Date),
        removal_time: removal(view, row.definition_id, row.root_end),
        failed_activity_id: row.failed_element,
        incident_type: row.kind,
        activity_id: Some(row.element).filter(|_| of_process),
        cause_incident_id: row.cause_id.to_string(),
        root_cause_incident_id: row.root_cause_id.to_string(),
        configuration: row.configuration,
        history_configuration: row.log_id.map(|id| id.to_string()),
        incident_message: row.message,
        tenant_id: row.tenant_id,
        job_definition_id: job_definition,
        open: row.state == OPEN,
        deleted: row.state == DELETED,
        resolved: row.state == RESOLVED,
        annotation: row.annotation,
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = history_incident::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, history_incident::row, |row| dto(&view, row)).await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &history_incident::listing(call.sees(&filters, &view))?).await
}
