//! `/history/process-instance` and `/history/activity-instance`: list, count, read.
use super::{
    call::{Call, json},
    instance_view, lists,
};
use crate::{
    App,
    app::CatalogView,
    query::{
        history_activity::{self, ActivityRow},
        history_process::{self, NEVER, ProcessRow},
    },
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{Id, tree::activity_instance_id};
use rest_api::{
    ApiError, ApiResult, Date,
    filters::Filters,
    history::{HistoricActivityInstance, HistoricProcessInstance},
};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let (process, activity) = ("/history/process-instance", "/history/activity-instance");
    Router::new()
        .route(process, get(processes).post(processes_post))
        .route(
            &format!("{process}/count"),
            get(process_count).post(process_count_post),
        )
        .route(&format!("{process}/{{id}}"), get(process_one))
        .route(activity, get(activities).post(activities_post))
        .route(
            &format!("{activity}/count"),
            get(activity_count).post(activity_count_post),
        )
        .route(&format!("{activity}/{{id}}"), get(activity_one))
}

const DAY: i64 = 86_400_000;

/// When history may go: the definition's time to live after the end of the whole tree, or when somebody has set
/// (`root_end` as [`history_process::root_end`] gives it).
pub(super) fn removal(view: &CatalogView, definition: Id, root_end: Option<i64>) -> Option<Date> {
    match root_end? {
        set if set < 0 => (set != -NEVER).then_some(Date(-set)),
        ended => {
            let days = view.told(definition)?.history_ttl_days?;
            Some(Date(ended + i64::from(days) * DAY))
        }
    }
}

fn process_dto(view: &CatalogView, row: ProcessRow) -> HistoricProcessInstance {
    let deployed = view.by_id(row.definition_id);
    HistoricProcessInstance {
        state: row.word(),
        id: row.id.to_string(),
        business_key: row.business_key,
        process_definition_id: instance_view::definition_id(view, row.definition_id),
        process_definition_key: instance_view::definition_key(view, row.definition_id),
        process_definition_name: deployed.and_then(|d| d.row.name.clone()),
        process_definition_version: deployed.map(|d| d.row.version),
        start_time: Date(row.started),
        end_time: row.ended.map(Date),
        removal_time: removal(view, row.definition_id, row.root_end),
        duration_in_millis: row.ended.map(|ended| ended - row.started),
        start_user_id: row.start_user,
        start_activity_id: row.start_element,
        delete_reason: row.delete_reason,
        root_process_instance_id: row.root_id.to_string(),
        super_process_instance_id: row.super_instance.map(|id| id.to_string()),
        super_case_instance_id: None,
        case_instance_id: row.case_instance_id,
        tenant_id: row.tenant_id,
        restarted_process_instance_id: row.restarted.map(|id| id.to_string()),
    }
}

fn activity_dto(view: &CatalogView, row: ActivityRow) -> HistoricActivityInstance {
    let deployed = view.by_id(row.definition_id);
    let node = deployed.and_then(|d| d.definition.node(&row.element));
    let begun = row.begun_as.as_ref().unwrap_or(&row.element);
    let scope = deployed.and_then(|d| d.definition.node(begun)?.parent);
    // The parent is the process instance or the scope that it began in; or, where one compensates, itself.
    let parent = match scope.zip(deployed) {
        _ if row.parent_id == row.id => activity_instance_id(begun, row.id),
        Some((scope, deployed)) if row.parent_id != row.instance_id => {
            activity_instance_id(&deployed.definition.nodes[scope].id, row.parent_id)
        }
        _ => row.parent_id.to_string(),
    };
    let gone = view
        .gone(row.definition_id)
        .and_then(|g| g.elements.get(&row.element));
    let (activity_name, activity_type) = match node {
        Some(node) => (node.name.clone(), node.activity_type.to_owned()),
        None => gone.cloned().unwrap_or_default(),
    };
    HistoricActivityInstance {
        id: activity_instance_id(begun, row.id),
        parent_activity_instance_id: parent,
        activity_name,
        activity_type,
        activity_id: row.element,
        process_definition_key: instance_view::definition_key(view, row.definition_id),
        process_definition_id: instance_view::definition_id(view, row.definition_id),
        process_instance_id: row.instance_id.to_string(),
        execution_id: row.execution_id.to_string(),
        task_id: row.task_id.map(|id| id.to_string()),
        called_process_instance_id: row.called_instance_id.map(|id| id.to_string()),
        called_case_instance_id: None,
        assignee: row.assignee,
        start_time: Date(row.started),
        end_time: row.ended.map(Date),
        duration_in_millis: row.ended.map(|ended| ended - row.started),
        canceled: row.canceled,
        complete_scope: row.complete_scope,
        tenant_id: row.tenant_id,
        removal_time: removal(view, row.definition_id, row.root_end),
        root_process_instance_id: row.root_id.to_string(),
    }
}

async fn processes(call: Call) -> ApiResult<Response> {
    find_processes(&call, &call.filters()).await
}

async fn processes_post(call: Call) -> ApiResult<Response> {
    find_processes(&call, &call.body()?).await
}

async fn find_processes(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = history_process::listing(call.sees(filters, &view))?;
    lists::page(call, &listing, history_process::row, |row| {
        process_dto(&view, row)
    })
    .await
}

async fn process_count(call: Call) -> ApiResult<Response> {
    count_processes(&call, &call.filters()).await
}

async fn process_count_post(call: Call) -> ApiResult<Response> {
    count_processes(&call, &call.body()?).await
}

async fn count_processes(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &history_process::listing(call.sees(filters, &view))?).await
}

async fn process_one(call: Call) -> ApiResult<Response> {
    let id = call.param("id");
    let missing = || ApiError::not_found(format!("Historic process instance with id {id} does not exist"));
    let row = lists::one(
        &call,
        call.id("id"),
        history_process::by_id,
        history_process::row,
        missing,
    )
    .await?;
    if !call.shows_history(Some(row.definition_id), row.tenant_id.as_deref()) {
        return Err(missing());
    }
    Ok(json(&process_dto(&call.catalog(), row)))
}

async fn activities(call: Call) -> ApiResult<Response> {
    find_activities(&call, &call.filters()).await
}

async fn activities_post(call: Call) -> ApiResult<Response> {
    find_activities(&call, &call.body()?).await
}

async fn find_activities(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = history_activity::listing(call.sees(filters, &view))?;
    lists::page(call, &listing, history_activity::row, |row| {
        activity_dto(&view, row)
    })
    .await
}

async fn activity_count(call: Call) -> ApiResult<Response> {
    count_activities(&call, &call.filters()).await
}

async fn activity_count_post(call: Call) -> ApiResult<Response> {
    count_activities(&call, &call.body()?).await
}

async fn count_activities(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &history_activity::listing(call.sees(filters, &view))?).await
}

async fn activity_one(call: Call) -> ApiResult<Response> {
    let text = call.param("id");
    let missing = || {
        ApiError::not_found(format!(
            "Historic activity instance with id '{text}' does not exist"
        ))
    };
    // A process instance's id has no row here.
    let id = text.rsplit(':').next().and_then(|id| id.parse().ok());
    let row = lists::one(&call, id, history_activity::by_id, history_activity::row, missing).await?;
    if !call.shows_history(Some(row.definition_id), row.tenant_id.as_deref()) {
        return Err(missing());
    }
    Ok(json(&activity_dto(&call.catalog(), row)))
}
