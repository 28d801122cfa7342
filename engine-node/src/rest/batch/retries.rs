//! Batches that give tries to jobs and external tasks.
use super::{
    begin, engine_error, later, nothing_here,
    targets::{Finds, HISTORIC, INSTANCES, RUNNING, each, named, of_instances},
};
use crate::{
    App,
    rest::{
        call::Call,
        selection::{self, hide},
    },
    store::operations::Told,
};
use axum::{Router, response::Response, routing::post};
use rest_api::{ApiError, ApiResult, filters::Filters};
use serde_json::{Value, json};

/// Routes of these operations.
pub fn routes() -> Router<App> {
    let root = "/process-instance";
    Router::new()
        .route("/job/retries", post(of_jobs))
        .route(
            &format!("{root}/job-retries"),
            post(|call: Call| by_instance(call, RUNNING)),
        )
        .route(
            &format!("{root}/job-retries-historic-query-based"),
            post(by_history),
        )
        .route("/external-task/retries-async", post(of_external_tasks))
}

async fn of_jobs(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let retries = given(&call)?;
    let queries = [("jobQuery", Finds::Jobs)];
    selection::check(&call, &body, &queries)?;
    let named = named(&call, &body, "jobIds", &queries).await;
    let mut named = named.map_err(hide)?;
    if named.null {
        named.ids.push("null".to_owned());
    }
    if named.ids.is_empty() && !body.has("jobQuery") {
        let text = "ENGINE-13050 You must specify at least one of jobIds or jobQuery.";
        return Err(engine_error(text));
    }
    jobs(&call, &body, &named.ids, retries).await
}

async fn by_history(call: Call) -> ApiResult<Response> {
    selection::check(&call, &call.body()?, HISTORIC)?;
    selection::unsorted(&call.body()?)?;
    if call.body()?.int("retries")?.is_none() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"java.lang.Integer.intValue()\" because the return value of \
             \"org.camunda.bpm.engine.rest.dto.runtime.SetJobRetriesByProcessDto.getRetries()\" is null",
        ));
    }
    by_instance(call, HISTORIC).await
}

async fn by_instance(call: Call, queries: &[(&str, Finds)]) -> ApiResult<Response> {
    let body = call.body()?;
    let retries = given(&call)?;
    selection::check(&call, &body, queries)?;
    let named = named(&call, &body, "processInstances", queries).await;
    let named = named.map_err(hide)?;
    if named.ids.is_empty() && !queries.iter().any(|(member, _)| body.has(member)) {
        // Another shard may have been given the ids.
        return Err(nothing_here(engine_error(
            "ENGINE-13051 You must specify at least one of or one of processInstanceIds, processInstanceQuery, or \
             historicProcessInstanceQuery.",
        )));
    }
    let found = of_instances(&call, &named.ids, Finds::Jobs).await?;
    jobs(&call, &body, &found, retries).await
}

fn given(call: &Call) -> ApiResult<i32> {
    if call.without_body() {
        return Err(ApiError::invalid_request("setJobRetriesDto is null"));
    }
    let body = call.body()?;
    body.date("dueDate")?;
    let retries = body.int("retries")?;
    retries.ok_or_else(|| ApiError::invalid_request("retries is null"))
}

async fn jobs(call: &Call, body: &Filters, ids: &[String], retries: i32) -> ApiResult<Response> {
    if ids.is_empty() {
        return Err(nothing_here(ApiError::invalid_request("jobIds is empty")));
    }
    if retries < 0 {
        let text = "Retries count is not greater than or equal to 0";
        return Err(engine_error(text));
    }
    let mut set = json!({"retries": retries});
    if let Some(due) = body.raw("dueDate") {
        set["dueDate"] = due.clone();
    }
    let work = each(ids, "PUT", "/job/ID/retries", |_| set.clone());
    begin(call, "set-job-retries", work, |n| {
        told("Job", "SetJobRetries", n, retries)
    })
    .await
}

/// What the user log is told of it.
fn told(entity: &'static str, operation: &'static str, number: usize, retries: i32) -> Vec<Told> {
    let base = Told::operator(entity, operation);
    let mut told = later(&base, number);
    told.push(base.said("retries", retries));
    told
}

async fn of_external_tasks(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let queries = [("externalTaskQuery", Finds::ExternalTasks)];
    selection::check(&call, &body, &queries)?;
    selection::check(&call, &body, &INSTANCES)?;
    selection::unsorted(&body)?;
    let Some(retries) = body.int("retries")? else {
        let text = "The number of retries cannot be null.";
        return Err(ApiError::invalid_request(text));
    };
    let tasks = named(&call, &body, "externalTaskIds", &queries).await;
    let mut tasks = tasks.map_err(hide)?;
    let instances = named(&call, &body, "processInstanceIds", &INSTANCES).await;
    let instances = instances.map_err(hide)?;
    if tasks.null || instances.null {
        let text = "External task id cannot be null: externalTaskIds contains null value";
        return Err(ApiError::invalid_request(text));
    }
    for id in of_instances(&call, &instances.ids, Finds::ExternalTasks).await? {
        if !tasks.ids.contains(&id) {
            tasks.ids.push(id);
        }
    }
    if tasks.ids.is_empty() {
        let text = "externalTaskIds is empty";
        return Err(nothing_here(ApiError::invalid_request(text)));
    }
    let set: Value = json!({"retries": retries});
    let mut work = each(&tasks.ids, "PUT", "/external-task/ID/retries", |_| set.clone());
    for ((_, request), id) in work.iter_mut().zip(&tasks.ids) {
        let text = format!("Cannot find external task with id {id}: externalTask is null");
        request.unknown = Some(text);
    }
    begin(&call, "set-external-task-retries", work, |n| {
        told("ExternalTask", "SetExternalTaskRetries", n, retries)
    })
    .await
}
