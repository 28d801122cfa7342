//! What a fetchAndLock over shards asks before it locks: where the tasks stand that this shard would give.
use super::api;
use crate::{
    App,
    rest::{
        call::{Call, json},
        fetch,
    },
};
use axum::{Router, response::Response, routing::post};
use rest_api::ApiResult;

/// Whole paths: they stand for a client's `fetchAndLock`, so they are served behind the same authentication.
pub fn routes() -> Router<App> {
    Router::new().route("/internal/external-task/peek", post(peek))
}

async fn peek(call: Call) -> ApiResult<Response> {
    let fetch = fetch::asked(&call)?;
    let places = call.app.engine.peek(&fetch).await.map_err(api)?;
    Ok(json(&places))
}
