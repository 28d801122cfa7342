//! `/version` and `/engine`.
use super::call::{Call, json};
use crate::App;
use axum::{Router, response::Response, routing::get};
use rest_api::ApiResult;
use serde_json::json;

/// The version of the API: clients check it.
pub const VERSION: &str = "7.24.0";

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/version", get(version))
        .route("/engine", get(engines))
}

async fn version(_: Call) -> ApiResult<Response> {
    Ok(json(&json!({"version": VERSION})))
}

async fn engines(_: Call) -> ApiResult<Response> {
    Ok(json(&json!([{"name": "default"}])))
}
