//! `/history/user-operation`: what users have done, and notes on it.
use super::{
    call::{Call, no_content},
    error,
    history::removal,
    identity, lists, selection,
};
use crate::{
    App,
    app::CatalogView,
    query::{
        history_process::NEVER,
        operation::{self, LoggedRow},
    },
    rights::need::{Need, resource},
    store::operations::Told,
};
use axum::{
    Router,
    response::Response,
    routing::{get, put},
};
use bpmn_core::Id;
use http::HeaderValue;
use rest_api::{ApiError, ApiResult, Date, operation_log::UserOperationLogEntry};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/history/user-operation";
    Router::new()
        .route(root, get(list))
        .route(&format!("{root}/count"), get(count))
        .route(&format!("{root}/{{operationId}}/set-annotation"), put(annotate))
        .route(&format!("{root}/{{operationId}}/clear-annotation"), put(clear))
}

fn dto(view: &CatalogView, row: LoggedRow) -> UserOperationLogEntry {
    let told = row.told;
    // What happens to history after the end of its tree has none, as in the reference.
    let of_tree = row.root_definition.filter(|_| told.operation != "DeleteHistory");
    let of_root = of_tree.and_then(|id| removal(view, id, row.root_end));
    UserOperationLogEntry {
        id: row.id.to_string(),
        deployment_id: told.deployment_id,
        process_definition_id: told.definition_id,
        process_definition_key: told.definition_key,
        process_instance_id: row.instance_id.map(|id| id.to_string()).or(told.process_instance),
        execution_id: told.execution_id,
        case_definition_id: None,
        case_instance_id: None,
        case_execution_id: None,
        task_id: told.task_id,
        job_id: told.job_id,
        job_definition_id: told.job_definition_id,
        batch_id: told.batch_id,
        user_id: row.user_id,
        timestamp: Date(row.time),
        operation_id: row.operation_id.to_string(),
        external_task_id: told.external_task_id,
        operation_type: told.operation.into_owned(),
        entity_type: told.entity.into_owned(),
        property: told.property.map(|property| property.into_owned()),
        org_value: told.old,
        new_value: told.new,
        removal_time: row.removal.filter(|at| *at != NEVER).map(Date).or(of_root),
        root_process_instance_id: row.instance_id.map(|_| row.root_id.to_string()),
        category: told.category.into_owned(),
        annotation: told.annotation,
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = operation::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, operation::row, |row| dto(&view, row)).await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &operation::listing(call.sees(&filters, &view))?).await
}

async fn annotate(call: Call) -> ApiResult<Response> {
    let text = call.body()?.text("annotation")?;
    set(&call, text).await
}

async fn clear(call: Call) -> ApiResult<Response> {
    set(&call, None).await
}

/// Refuses whoever may change neither what is told in that category nor the history of that definition; what isn't here
/// is nobody's concern.
///
/// # Errors
/// 403 in the reference's words.
async fn demand(call: &Call, operation: Id) -> ApiResult<()> {
    let Some(rights) = call.caller.rights.as_ref().filter(|rights| rights.asks()) else {
        return Ok(());
    };
    let store = call.app.engine.store();
    let found = identity::first(store, &operation::told_by(operation), operation::row).await?;
    let Some(told) = found.map(|row| row.told) else {
        return Ok(());
    };
    let definition = told
        .definition_key
        .map(|key| Need::on(resource::PROCESS_DEFINITION, "UPDATE_HISTORY", key));
    let category = Need::on(resource::OPERATION_LOG_CATEGORY, "UPDATE", told.category);
    let needs: Vec<Need> = definition.into_iter().chain([category]).collect();
    match rights.allows(&needs) {
        true => Ok(()),
        false => Err(rights.refusal_of_any(&needs)),
    }
}

/// What one operation has told may lie in several slots: the router asks every shard.
async fn set(call: &Call, text: Option<String>) -> ApiResult<Response> {
    let unknown = || {
        let error = ApiError::bad_user_request("BadUserRequestException", "operation is null").with_code(0);
        error.with_header(selection::NOTHING_HERE, HeaderValue::from_static("1"))
    };
    let id = call.id("operationId").ok_or_else(unknown)?;
    demand(call, id).await?;
    let store = call.app.engine.store();
    match store
        .annotate_operation(id, text.as_deref())
        .await
        .map_err(error::store)?
    {
        Some(true) => {}
        Some(false) => return Err(unknown()),
        None => return Err(ApiError::unavailable("a slot of this operation is being moved")),
    }
    let operation = match text {
        Some(_) => "SetAnnotation",
        None => "ClearAnnotation",
    };
    let told = Told::operator("OperationLog", operation).said("operationId", id);
    call.log(|| vec![told]).await?;
    Ok(no_content())
}
