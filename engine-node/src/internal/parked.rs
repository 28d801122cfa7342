//! Messages that wait for their receiver, for operators: what waits, delivering one by hand, dropping one.
use super::api;
use crate::{App, app::writer::now, rest::parked, store::ParkedMessage};
use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use bpmn_core::Id;
use http::StatusCode;
use rest_api::{ApiError, ApiResult};
use serde::Serialize;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/parked", get(list))
        .route("/parked/{id}", axum::routing::delete(remove))
        .route("/parked/{id}/replay", post(replay))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: Id,
    name: String,
    business_key: Option<String>,
    process_instance_id: Option<Id>,
    created: i64,
    expires: i64,
    /// Its time has passed: it is delivered by hand only.
    dead: bool,
    error: Option<String>,
}

async fn list(State(app): State<App>) -> ApiResult<Json<Vec<Row>>> {
    let now = now();
    let row = |m: ParkedMessage| Row {
        id: m.id,
        name: m.name,
        business_key: m.business_key,
        process_instance_id: m.instance,
        created: m.created,
        expires: m.expires,
        dead: m.expires <= now,
        error: m.error,
    };
    let parked = app.engine.store().parked().await.map_err(api)?;
    Ok(Json(parked.into_iter().map(row).collect()))
}

fn found(found: bool, id: Id) -> ApiResult<StatusCode> {
    match found {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::not_found(format!("no message of id {id} waits here"))),
    }
}

async fn replay(State(app): State<App>, Path(id): Path<Id>) -> ApiResult<StatusCode> {
    found(parked::replay(&app, id).await?, id)
}

async fn remove(State(app): State<App>, Path(id): Path<Id>) -> ApiResult<StatusCode> {
    found(app.engine.store().unpark(id).await.map_err(api)?, id)
}
