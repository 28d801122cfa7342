//! Size of the groups of tables of this shard's database, for operators (S3-39).
use super::api;
use crate::{App, store::housekeeping::GroupSize};
use axum::{Json, Router, extract::State, routing::get};
use rest_api::ApiResult;

pub fn routes() -> Router<App> {
    Router::new().route("/storage", get(storage))
}

async fn storage(State(app): State<App>) -> ApiResult<Json<Vec<GroupSize>>> {
    Ok(Json(app.engine.store().storage().await.map_err(api)?))
}
