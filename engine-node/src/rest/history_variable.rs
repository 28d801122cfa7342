//! `/history/variable-instance` and `/history/detail`: list, count, read, content.
use super::{
    call::{Call, json, typed},
    deployment::attachment,
    history::removal,
    instance_view::{definition_id, definition_key},
    lists,
};
use crate::{
    App,
    app::CatalogView,
    query::{
        history_detail::{self, DetailRow},
        history_variable::{self, VariableRow},
    },
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{Id, tree::activity_instance_id, value::TypedValue};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult, Date,
    filters::Filters,
    history_log::{DetailOf, HistoricDetail, HistoricVariableInstance},
    variable::{self, Style},
};

/// Routes of these resources.
pub fn routes() -> Router<App> {
    let (variable, detail) = ("/history/variable-instance", "/history/detail");
    Router::new()
        .route(
            variable,
            get(|call: Call| async move { variables(&call, &call.filters()).await })
                .post(|call: Call| async move { variables(&call, &call.body()?).await }),
        )
        .route(
            &format!("{variable}/count"),
            get(|call: Call| async move { variable_count(&call, &call.filters()).await })
                .post(|call: Call| async move { variable_count(&call, &call.body()?).await }),
        )
        .route(&format!("{variable}/{{id}}"), get(variable_one))
        .route(&format!("{variable}/{{id}}/data"), get(variable_data))
        .route(
            detail,
            get(|call: Call| async move { details(&call, &call.filters()).await })
                .post(|call: Call| async move { details(&call, &call.body()?).await }),
        )
        .route(&format!("{detail}/count"), get(detail_count))
        .route(&format!("{detail}/{{id}}"), get(detail_one))
        .route(&format!("{detail}/{{id}}/data"), get(detail_data))
}

/// `ELEMENT:UUID`, or the process instance's own id.
fn activity(element: Option<String>, id: Option<Id>, instance: Option<Id>) -> Option<String> {
    match (element, id) {
        (Some(element), Some(id)) => Some(activity_instance_id(&element, id)),
        (None, Some(Id::NIL)) => None,
        // Its row isn't kept (any more).
        (None, Some(id)) => Some(id.to_string()),
        _ => instance.map(|id| id.to_string()),
    }
}

/// Content of files and bytes has a path of its own.
fn style(call: &Call, name: &str) -> Style {
    Style {
        deserialize: call.filters().java_flag(name) != Some(false),
        binary: false,
    }
}

fn variable_dto(view: &CatalogView, row: VariableRow, style: Style) -> HistoricVariableInstance {
    let definition = row.definition_id;
    HistoricVariableInstance {
        kind: row.value.name(),
        value: variable::plain(&row.value, style),
        value_info: variable::info(&row.value),
        id: row.id.to_string(),
        name: row.name,
        process_definition_key: definition.and_then(|id| definition_key(view, id)),
        process_definition_id: definition.map(|id| definition_id(view, id)),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        execution_id: row.execution_id.map(|id| id.to_string()),
        activity_instance_id: activity(row.element, row.activity_id, row.instance_id),
        case_definition_key: None,
        case_definition_id: None,
        case_instance_id: None,
        case_execution_id: None,
        task_id: row.task_id.map(|id| id.to_string()),
        error_message: None,
        tenant_id: row.tenant_id,
        state: if row.deleted { "DELETED" } else { "CREATED" },
        create_time: Date(row.created),
        removal_time: definition.and_then(|id| removal(view, id, row.root_end)),
        root_process_instance_id: row.instance_id.map(|_| row.root_id.to_string()),
    }
}

/// The id of a detail on the wire: a variable's present value has no row of its own, and another id than the variable.
fn shown(row: &DetailRow) -> Id {
    match Some(row.id) == row.variable_id {
        true => row.id.twin(),
        false => row.id,
    }
}

fn detail_dto(view: &CatalogView, row: DetailRow, style: Style) -> HistoricDetail {
    let definition = row.definition_id;
    let id = shown(&row).to_string();
    let (kind, of) = match (row.variable_id, row.value) {
        (None, TypedValue::String(field_value)) => {
            let field_id = row.name;
            (
                "formField",
                DetailOf::Field {
                    field_id,
                    field_value,
                },
            )
        }
        (variable, value) => {
            let of = DetailOf::Variable {
                variable_name: row.name,
                variable_instance_id: variable.unwrap_or(row.id).to_string(),
                variable_type: value.name(),
                value: variable::plain(&value, style),
                value_info: variable::info(&value),
                initial: row.initial,
                revision: row.revision,
                error_message: None,
            };
            ("variableUpdate", of)
        }
    };
    HistoricDetail {
        kind,
        id,
        of,
        process_definition_key: definition.and_then(|id| definition_key(view, id)),
        process_definition_id: definition.map(|id| definition_id(view, id)),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        activity_instance_id: activity(row.element, row.writer_id, row.instance_id),
        execution_id: row.execution_id.map(|id| id.to_string()),
        case_definition_key: None,
        case_definition_id: None,
        case_instance_id: None,
        case_execution_id: None,
        task_id: row.task_id.map(|id| id.to_string()),
        tenant_id: row.tenant_id,
        user_operation_id: None,
        time: Date(row.time),
        removal_time: definition.and_then(|id| removal(view, id, row.root_end)),
        root_process_instance_id: row.instance_id.map(|_| row.root_id.to_string()),
    }
}

async fn variables(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let (view, style) = (call.catalog(), style(call, "deserializeValues"));
    let listing = history_variable::listing(call.sees(filters, &view))?;
    lists::page(call, &listing, history_variable::row, |row| {
        variable_dto(&view, row, style)
    })
    .await
}

async fn variable_count(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &history_variable::listing(call.sees(filters, &view))?).await
}

async fn variable_row(call: &Call) -> ApiResult<VariableRow> {
    let id = call.param("id");
    let missing = || {
        ApiError::not_found(format!(
            "Historic variable instance with Id '{id}' does not exist."
        ))
    };
    let (query, read) = (history_variable::by_id, history_variable::row);
    let row = lists::one(call, call.id("id"), query, read, missing).await?;
    match call.shows_history(row.definition_id, row.tenant_id.as_deref()) {
        true => Ok(row),
        false => Err(missing()),
    }
}

async fn variable_one(call: Call) -> ApiResult<Response> {
    let style = style(&call, "deserializeValue");
    let row = variable_row(&call).await?;
    Ok(json(&variable_dto(&call.catalog(), row, style)))
}

async fn variable_data(call: Call) -> ApiResult<Response> {
    content(&call, variable_row(&call).await?.value)
}

async fn details(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let (view, style) = (call.catalog(), style(call, "deserializeValues"));
    let listing = history_detail::listing(call.sees(filters, &view))?;
    lists::page(call, &listing, history_detail::row, |row| {
        detail_dto(&view, row, style)
    })
    .await
}

async fn detail_count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &history_detail::listing(call.sees(&filters, &view))?).await
}

async fn detail_row(call: &Call) -> ApiResult<DetailRow> {
    let id = call.param("id");
    let missing = || ApiError::not_found(format!("Historic detail with Id '{id}' does not exist."));
    let Some(id) = call.id("id") else {
        return Err(missing());
    };
    for stored in [id, id.twin()] {
        let (query, read) = (history_detail::by_id, history_detail::row);
        let row = lists::one(call, Some(stored), query, read, missing).await;
        match row {
            Ok(row) if shown(&row) == id => {
                return match call.shows_history(row.definition_id, row.tenant_id.as_deref()) {
                    true => Ok(row),
                    false => Err(missing()),
                };
            }
            Err(error) if error.status != StatusCode::NOT_FOUND => return Err(error),
            _ => {}
        }
    }
    Err(missing())
}

async fn detail_one(call: Call) -> ApiResult<Response> {
    let style = style(&call, "deserializeValue");
    let row = detail_row(&call).await?;
    Ok(json(&detail_dto(&call.catalog(), row, style)))
}

async fn detail_data(call: Call) -> ApiResult<Response> {
    let row = detail_row(&call).await?;
    if row.variable_id.is_none() {
        let id = call.param("id");
        let text = format!("Historic detail with Id '{id}' is not a variable update.");
        return Err(ApiError::invalid_request(text));
    }
    content(&call, row.value)
}

/// The bytes of a file or of a variable of bytes.
pub(super) fn content(call: &Call, value: TypedValue) -> ApiResult<Response> {
    match value {
        TypedValue::Bytes(bytes) => Ok(typed("application/octet-stream", bytes)),
        TypedValue::File {
            content,
            filename,
            mime_type,
            encoding,
        } => {
            let mut media_type = mime_type.unwrap_or_else(|| "application/octet-stream".into());
            if let Some(encoding) = encoding {
                media_type = format!("{media_type};charset={encoding}");
            }
            Ok(attachment(&filename, &media_type, content))
        }
        _ => Err(ApiError::invalid_request(format!(
            "Value of variable with id {} is not a binary value.",
            call.param("id")
        ))),
    }
}
