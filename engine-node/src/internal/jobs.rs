//! The node's job executor and its shard's jobs, for operators.
use super::api;
use crate::{
    App,
    app::executor::{Status, settings::Given},
};
use axum::{Json, Router, extract::State, routing::get};
use rest_api::{ApiError, ApiResult};
use serde::Deserialize;
use serde_json::{Value, json};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/executor", get(show).post(change))
        .route("/jobs", get(jobs))
}

async fn show(State(app): State<App>) -> Json<Status> {
    Json(app.engine.executor().status())
}

/// What to change; all of it is optional.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    active: Option<bool>,
    settings: Option<Given>,
}

async fn change(State(app): State<App>, body: String) -> ApiResult<Json<Status>> {
    let change: Change = serde_json::from_str(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    if let Some(given) = change.settings {
        let settings = app.engine.set_job_settings(given);
        tracing::info!(?settings, "settings of the job executor changed");
    }
    if let Some(active) = change.active {
        app.engine.set_executor_active(active).await.map_err(api)?;
        tracing::info!(active, "job executor switched");
    }
    Ok(show(State(app)).await)
}

async fn jobs(State(app): State<App>) -> ApiResult<Json<Value>> {
    let load = app.engine.store().job_load().await.map_err(api)?;
    let owners: Vec<Value> = load
        .owners
        .iter()
        .map(|o| json!({"owner": o.owner, "locked": o.locked, "oldestMs": o.oldest_ms}))
        .collect();
    Ok(Json(json!({
        "owners": owners,
        "dueUnlocked": load.due_unlocked,
        "oldestDueMs": load.oldest_due_ms,
    })))
}
