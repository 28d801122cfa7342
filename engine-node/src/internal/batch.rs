//! What another shard has to do for a batch: of a thing whose slot has come here since, or of the part of it that is here;
//! and the router's word, which part is to have the batch's own jobs.
use crate::{
    App,
    app::batches::Request,
    query::batch::Led,
    rest::{
        batch::{
            ToldOfWork, for_other,
            parts::{self, Ask, Told},
        },
        error,
    },
};
use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use bpmn_core::Id;
use rest_api::{ApiError, ApiResult};
use serde::Deserialize;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/batch/work", post(work))
        .route("/batch/part", post(part))
        .route("/batch/led", post(led))
        .route("/batch/lead", post(lead))
}

#[derive(Deserialize)]
struct Part {
    batch: Id,
    ask: Ask,
}

async fn part(State(app): State<App>, body: Bytes) -> ApiResult<Json<Told>> {
    let asked: Part = serde_json::from_slice(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    let told = parts::here(&app, asked.batch, asked.ask).await;
    Ok(Json(told.map_err(error::store)?))
}

async fn led(State(app): State<App>) -> ApiResult<Json<Vec<Led>>> {
    Ok(Json(parts::led_here(&app).await.map_err(error::store)?))
}

#[derive(Deserialize)]
struct Lead {
    batch: Id,
}

async fn lead(State(app): State<App>, body: Bytes) -> ApiResult<Json<bool>> {
    let asked: Lead = serde_json::from_slice(&body).map_err(|e| ApiError::invalid_request(e.to_string()))?;
    Ok(Json(parts::lead(&app, asked.batch).await?))
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
