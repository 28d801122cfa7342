//! `/history/task` and `/history/identity-link-log`: list, count.
use super::{
    call::Call,
    history::removal,
    instance_view::{definition_id, definition_key},
    lists,
};
use crate::{
    App,
    app::CatalogView,
    query::history_task::{
        self, TaskRow,
        links::{self, LinkRow},
    },
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::tree::activity_instance_id;
use rest_api::{
    ApiError, ApiResult, Date,
    filters::Filters,
    history_log::{HistoricIdentityLink, HistoricTaskInstance},
};

/// Routes of these resources.
pub fn routes() -> Router<App> {
    let (task, log) = ("/history/task", "/history/identity-link-log");
    Router::new()
        .route(
            task,
            get(|call: Call| async move { tasks(&call, &call.filters()).await })
                .post(|call: Call| async move { tasks(&call, &call.body()?).await }),
        )
        .route(
            &format!("{task}/count"),
            get(|call: Call| async move { task_count(&call, &call.filters()).await })
                .post(|call: Call| async move { task_count(&call, &call.body()?).await }),
        )
        .route(log, get(link_list))
        .route(&format!("{log}/count"), get(link_count))
}

fn task_dto(view: &CatalogView, row: TaskRow) -> HistoricTaskInstance {
    let definition = row.definition_id;
    let activity = row.element.as_deref().zip(row.activity_id);
    HistoricTaskInstance {
        task_state: row.word(),
        id: row.id.to_string(),
        process_definition_key: definition.and_then(|id| definition_key(view, id)),
        process_definition_id: definition.map(|id| definition_id(view, id)),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        execution_id: row.execution_id.map(|id| id.to_string()),
        case_definition_key: None,
        case_definition_id: None,
        case_instance_id: row.case_instance_id,
        case_execution_id: None,
        activity_instance_id: activity.map(|(element, id)| activity_instance_id(element, id)),
        name: row.name,
        description: row.description,
        delete_reason: row.delete_reason,
        owner: row.owner,
        assignee: row.assignee,
        start_time: Date(row.created),
        end_time: row.ended.map(Date),
        duration: row.ended.map(|ended| ended - row.created),
        task_definition_key: row.element,
        priority: row.priority,
        due: row.due.map(Date),
        parent_task_id: row.parent_id.map(|id| id.to_string()),
        follow_up: row.follow_up.map(Date),
        tenant_id: row.tenant_id,
        removal_time: definition.and_then(|id| removal(view, id, row.root_end)),
        root_process_instance_id: row.instance_id.map(|_| row.root_id.to_string()),
    }
}

fn link_dto(view: &CatalogView, row: LinkRow) -> HistoricIdentityLink {
    let definition = row.definition_id;
    HistoricIdentityLink {
        id: row.id.to_string(),
        time: Date(row.time),
        kind: row.kind,
        user_id: row.user_id,
        group_id: row.group_id,
        task_id: row.task_id.map(|id| id.to_string()),
        process_definition_id: definition.map(|id| definition_id(view, id)),
        process_definition_key: definition.and_then(|id| definition_key(view, id)),
        operation_type: if row.added { "add" } else { "delete" },
        assigner_id: row.operator,
        tenant_id: row.tenant_id,
        removal_time: definition.and_then(|id| removal(view, id, row.root_end)),
        // What a definition's model says of it belongs to no tree; nor does a task that no process has made.
        root_process_instance_id: definition.and(row.task_id).map(|_| row.root_id.to_string()),
    }
}

async fn tasks(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = history_task::listing(call.sees(filters, &view))?;
    if history_task::sorted_by_case(filters)? {
        // The reference sorts by columns that it doesn't select.
        return Err(ApiError::persistence());
    }
    lists::page(call, &listing, history_task::row, |row| task_dto(&view, row)).await
}

async fn task_count(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &history_task::listing(call.sees(filters, &view))?).await
}

async fn link_list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = links::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, links::row, |row| link_dto(&view, row)).await
}

async fn link_count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &links::listing(call.sees(&filters, &view))?).await
}
