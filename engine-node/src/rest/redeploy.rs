//! `/deployment/{id}/redeploy`, which deploys files of an earlier deployment again, and `/deployment/registered`.
use super::{
    call::Call,
    deployment::{deploy, found},
    error,
};
use crate::{App, query::col, replication::NewDeployment};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use rest_api::{ApiError, ApiResult};
use sea_query::{ExprTrait, Query};
use std::collections::BTreeSet;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/deployment/registered", get(registered))
        .route("/deployment/{id}/redeploy", post(redeploy))
}

/// Every deployment: the job executor runs jobs of all.
async fn registered(call: Call) -> ApiResult<Response> {
    let view = call.catalog();
    let ids: Vec<String> = view.deployments.keys().map(ToString::to_string).collect();
    // A look at nothing, for which slots were there.
    let query = Query::select()
        .expr(col("s", "slot"))
        .from_as("slot", "s")
        .and_where(col("s", "slot").lt(0))
        .take();
    let snapshot = call.select(&query).await?;
    Ok(call.covered(&ids, &snapshot))
}

async fn redeploy(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let row = found(&call, |id| format!("Deployment with id '{id}' does not exist"))?;
    let wanted = |member: &str| Ok::<_, ApiError>(body.list(member)?.unwrap_or_default());
    let (ids, names) = (wanted("resourceIds")?, wanted("resourceNames")?);
    let unknown = |kind: &str, missing: Vec<&str>| {
        let mut seen = BTreeSet::new();
        let missing: Vec<&str> = missing.into_iter().filter(|one| seen.insert(*one)).collect();
        let (id, missing) = (row.id, missing.join(", "));
        ApiError::not_found(format!(
            "Cannot redeploy deployment '{id}': The deployment with id '{id}' does not contain the following resources \
             with {kind}: {missing}"
        ))
        .with_code(0)
    };
    let has_id = |id: &str| row.resources.iter().any(|r| r.id.to_string() == id);
    let has_name = |name: &str| row.resources.iter().any(|r| r.name == name);
    let missing: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !has_id(id)).collect();
    if !missing.is_empty() {
        return Err(unknown("id", missing));
    }
    let missing: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !has_name(name))
        .collect();
    if !missing.is_empty() {
        return Err(unknown("name", missing));
    }
    let all = ids.is_empty() && names.is_empty();
    let of =
        |r: &&crate::store::ResourceRow| all || ids.contains(&r.id.to_string()) || names.contains(&r.name);
    let files: BTreeSet<&str> = row.resources.iter().filter(of).map(|r| r.name.as_str()).collect();
    let mut resources = Vec::new();
    for name in files {
        let file = call
            .app
            .engine
            .store()
            .resource(row.id, name)
            .await
            .map_err(error::store)?;
        let file =
            file.ok_or_else(|| ApiError::unavailable(format!("the file {name} has not arrived yet")))?;
        resources.push((file.name, file.content));
    }
    let new = NewDeployment {
        name: row.name.clone(),
        source: body.text("source")?,
        tenant_id: row.tenant_id.clone(),
        resources,
        duplicate_filtering: false,
        changed_only: false,
        activation: None,
    };
    deploy(&call, new).await
}
