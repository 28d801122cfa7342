//! A signal that a process of another shard has thrown.
use super::api;
use crate::{
    App,
    app::{Caller, EngineError, signals::Told},
};
use axum::{Router, body::Bytes, extract::State, routing::post};
use http::StatusCode;
use rest_api::{ApiError, ApiResult};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/signal", post(hear))
}

/// 204 once everybody here has heard it; a recipient that fails for good counts.
async fn hear(State(app): State<App>, body: Bytes) -> ApiResult<StatusCode> {
    let told: Told = serde_json::from_slice(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    app.replication.ensure_applied().await.map_err(api)?;
    let signal = told.signal().map_err(api)?;
    match app.engine.signal(&Caller::default(), &signal).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(EngineError::Rejected(cause)) => {
            tracing::warn!(signal = signal.name, %cause, "a thrown signal has failed");
            Ok(StatusCode::NO_CONTENT)
        }
        Err(other) => Err(api(other)),
    }
}
