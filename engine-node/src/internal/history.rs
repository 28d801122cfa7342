//! The shard's history level, for operators.
use super::api;
use crate::{App, app::history::Told};
use axum::{Json, Router, extract::State, routing::get};
use rest_api::{ApiError, ApiResult};

pub fn routes() -> Router<App> {
    Router::new().route("/history-level", get(show).put(set))
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
