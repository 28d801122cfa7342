//! What a router has gathered for the user operation log.
use super::api;
use crate::{App, store::operations::OperationRow};
use axum::{Router, body::Bytes, extract::State, routing::post};
use bpmn_core::Id;
use http::StatusCode;
use rest_api::{ApiError, ApiResult};
use serde::Deserialize;

pub fn routes() -> Router<App> {
    Router::new().route("/operations", post(write))
}

#[derive(Deserialize)]
struct Gathered {
    operation: Id,
    rows: Vec<OperationRow>,
}

async fn write(State(app): State<App>, body: Bytes) -> ApiResult<StatusCode> {
    let told: Gathered =
        serde_json::from_slice(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    let written = app.engine.log_gathered(told.operation, told.rows).await;
    written.map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}
