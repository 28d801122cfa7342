//! `/schema/log`: since when the database has the schema whose views and operations this API shows.
use super::{call::Call, engine::VERSION, error};
use crate::{App, query::col};
use axum::{Router, response::Response, routing::get};
use rest_api::{ApiResult, Date, filters::Filters};
use sea_query::{Expr, ExprTrait, Query};
use serde_json::{Value, json};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new().route("/schema/log", get(list).post(list_post))
}

async fn list(call: Call) -> ApiResult<Response> {
    find(&call, &call.filters()).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    find(&call, &call.body()?).await
}

/// One row, of the reference's version: what is below is `shard-admin schema status`'s to tell.
async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let paging = call.paging()?;
    let version = filters.text("version")?;
    let sorted = !rest_api::filters::sorting(filters, &|name| name == "timestamp")?.is_empty();
    let query = Query::select()
        .expr(Expr::cust("MIN(\"sv\".\"applied_at\")"))
        .from_as("schema_version", "sv")
        .and_where(col("sv", "version").is_not_null())
        .take();
    let snapshot = call.select(&query).await?;
    let since = snapshot.rows.first().map_or(Ok(None), |row| row.i64_opt(0));
    let since = since.map_err(error::store)?.unwrap_or_default();
    let mut row = json!({"id": "0", "timestamp": Date(since), "version": VERSION});
    if call.caller.fanout {
        row["_sort"] = if sorted { json!([since, "0"]) } else { json!(["0"]) };
    }
    let shown = version.is_none_or(|version| version == VERSION)
        && paging.first == 0
        && paging.max.is_none_or(|max| max > 0);
    let rows: Vec<Value> = shown.then_some(row).into_iter().collect();
    Ok(call.covered(&rows, &snapshot))
}
