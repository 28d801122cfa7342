//! `/execution`: list, read, local variables.
use super::{
    call::{Call, json},
    lists,
    scope_variables::{self, Place},
};
use crate::{
    App,
    query::execution::{self, ExecutionRow},
};
use axum::{Router, response::Response, routing::get};
use rest_api::{ApiError, ApiResult, filters::Filters, runtime::Execution};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/execution", get(list).post(list_post))
        .route("/execution/count", get(count).post(count_post))
        .route("/execution/{id}", get(one))
        .merge(scope_variables::routes(
            "/execution/{id}/localVariables",
            Place::Execution,
        ))
}

fn dto(row: ExecutionRow) -> Execution {
    Execution {
        id: row.id.to_string(),
        process_instance_id: row.instance_id.to_string(),
        ended: false,
        tenant_id: row.tenant_id,
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    find(&call, &call.filters()).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    find(&call, &call.body()?).await
}

async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::page(
        call,
        &execution::listing(call.sees(filters, &view))?,
        execution::row,
        dto,
    )
    .await
}

async fn count(call: Call) -> ApiResult<Response> {
    number(&call, &call.filters()).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    number(&call, &call.body()?).await
}

async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &execution::listing(call.sees(filters, &view))?).await
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || ApiError::not_found(format!("Execution with id {} does not exist", call.param("id")));
    let row = lists::one(&call, call.id("id"), execution::by_id, execution::row, missing).await?;
    Ok(json(&dto(row)))
}
