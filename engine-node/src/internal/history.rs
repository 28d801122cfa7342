//! The shard's history level, for operators; and its clean-up, where another shard is told of it.
use super::api;
use crate::rest::history_cleanup::{Asked, here};
use crate::{App, app::history::Told};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    routing::{get, post},
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/history-level", get(show).put(set))
        .route("/history-cleanup", post(clean_up))
}

async fn clean_up(State(app): State<App>, body: Bytes) -> ApiResult<StatusCode> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    here(&app, asked).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn show(State(app): State<App>) -> Json<Told> {
    Json((*app.engine.history()).clone())
}

async fn set(State(app): State<App>, body: String) -> ApiResult<Json<Told>> {
    let told: Told = serde_json::from_str(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    told.history().map_err(ApiError::invalid_request)?;
    app.engine.set_history(told.clone()).await.map_err(api)?;
    Ok(Json(told))
}
