//! What another shard has to do for a batch, of a thing whose slot has come here since.
use crate::{
    App,
    app::batches::Request,
    rest::batch::{ToldOfWork, for_other},
};
use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use bpmn_core::Id;
use rest_api::{ApiError, ApiResult};
use serde::Deserialize;

pub fn routes() -> Router<App> {
    Router::new().route("/batch/work", post(work))
}

#[derive(Deserialize)]
struct Work {
    work: Id,
    request: Request,
}

async fn work(State(app): State<App>, body: Bytes) -> ApiResult<Json<ToldOfWork>> {
    let asked: Work = serde_json::from_slice(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    Ok(Json(for_other(&app, asked.work, asked.request).await))
}
