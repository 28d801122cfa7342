//! `/openapi.json`, what this node serves as an OpenAPI document, and `/openapi.html`, a page to read it.
use super::call::{Call, json, typed};
use crate::App;
use axum::{Router, response::Response, routing::get};
use rest_api::{ApiResult, openapi, operations::Operation};
use std::{collections::HashMap, sync::LazyLock};

/// What is served: the table that a test compares with a running node.
const CONTRACT: &str = include_str!("../../../docs/rest-contract.tsv");

/// Why operations are refused, by method and path.
static REFUSED: LazyLock<HashMap<(&str, &str), &str>> = LazyLock::new(|| {
    let rows = CONTRACT.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter_map(|cells| match cells[..] {
        [method, path, "refused", why, ..] => Some(((method, path), why)),
        _ => None,
    })
    .collect()
});

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(document))
        .route("/openapi.html", get(page))
}

async fn document(_: Call) -> ApiResult<Response> {
    let refused = |operation: &Operation| {
        let why = REFUSED.get(&(operation.method, operation.path))?;
        Some((*why).to_owned())
    };
    Ok(json(&openapi::document(env!("CARGO_PKG_VERSION"), refused)))
}

async fn page(_: Call) -> ApiResult<Response> {
    let page = include_bytes!("openapi/page.html").to_vec();
    Ok(typed("text/html; charset=utf-8", page))
}
