//! Deleting process definitions: one by id, the newest version of a key, or all versions.
use super::{
    call::{Call, no_content},
    error,
    process_definition::named,
};
use crate::{
    App,
    app::{Deployed, operations::text},
    store::operations::Told,
};
use axum::{Router, response::Response, routing::delete};
use http::StatusCode;
use rest_api::{ApiError, ApiResult};
use std::sync::Arc;

/// Routes of this resource; the reads of these paths are elsewhere.
pub fn routes() -> Router<App> {
    let root = "/process-definition";
    let mut router = Router::new().route(&format!("{root}/{{id}}"), delete(one));
    for place in ["key/{key}", "key/{key}/tenant-id/{tenant}"] {
        router = router
            .route(&format!("{root}/{place}"), delete(one))
            .route(&format!("{root}/{place}/delete"), delete(all));
    }
    router
}

async fn gone(call: &Call, definitions: Vec<Arc<Deployed>>) -> ApiResult<()> {
    let cascade = call
        .query_param("cascade")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let replication = &call.app.replication;
    let ids = definitions.iter().map(|d| d.row.id).collect();
    let done = replication.delete_definitions(&call.caller, ids, cascade).await;
    done.map_err(error::api)?;
    let told = |d: &Arc<Deployed>| {
        let told = Told::operator("ProcessDefinition", "Delete").of_definition(&d.row);
        told.changed("cascade", text(false), text(cascade))
    };
    call.log(|| definitions.iter().map(told).collect()).await
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = |id: &str| {
        let message = format!("No process definition found with id '{id}': processDefinition is null");
        ApiError::not_found(message).with_code(0)
    };
    let deployed = named(&call, missing)?;
    gone(&call, vec![deployed]).await?;
    // 200 without a body, as the reference.
    let mut response = no_content();
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

async fn all(call: Call) -> ApiResult<Response> {
    let (key, tenant) = (call.param("key"), call.param("tenant"));
    let tenant = Some(tenant).filter(|tenant| !tenant.is_empty());
    let view = call.catalog();
    let mut found: Vec<_> = view
        .versions(key)
        .filter(|d| d.published && d.row.tenant_id.as_deref() == tenant)
        .collect();
    if found.is_empty() {
        return Err(ApiError::not_found(format!(
            "No process definition found with key '{key}': processDefinitions is empty"
        )));
    }
    // The newest first: its instances are what the reference complains about first.
    found.sort_by_key(|d| std::cmp::Reverse(d.row.version));
    let found = found.into_iter().cloned().collect();
    gone(&call, found).await?;
    Ok(no_content())
}
