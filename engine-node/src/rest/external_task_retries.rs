//! `PUT /external-task/retries`: of all tasks that a body names, at once.
use super::{
    batch::targets::{Finds, INSTANCES, named},
    call::{Call, no_content},
    error, selection,
};
use crate::{
    App,
    app::{Answer, EngineError, writer::now},
    query::external_task,
    store::{Entity, operations::Told},
};
use axum::{Router, response::Response, routing::put};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
};
use http::HeaderValue;
use rest_api::{ApiError, ApiResult, filters::Filters};
use serde_json::json;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new().route("/external-task/retries", put(set))
}

/// Ids of the tasks, each once; a text that is no id of ours as it is.
async fn tasks(call: &Call, body: &Filters) -> ApiResult<Vec<Result<Id, String>>> {
    let view = call.catalog();
    let mut found: Vec<Result<Id, String>> = Vec::new();
    let listed = body.array("externalTaskIds")?;
    if listed.is_some_and(|ids| ids.iter().any(serde_json::Value::is_null)) {
        return Err(ApiError::invalid_request(
            "External task id cannot be null: externalTaskIds contains null value",
        ));
    }
    for text in body.list("externalTaskIds")?.unwrap_or_default() {
        found.push(text.parse().map_err(|_| text));
    }
    if let Some(query) = body.object("externalTaskQuery")? {
        let filters = Filters::from_body(query.clone());
        let listing = external_task::listing(call.sees(&filters, &view), now())?;
        found.extend(selection::ids(call, &listing).await?.into_iter().map(Ok));
    }
    let instances = [
        "processInstanceIds",
        "processInstanceQuery",
        "historicProcessInstanceQuery",
    ];
    let given = |name: &&str| match body.raw(name) {
        Some(serde_json::Value::Array(ids)) => !ids.is_empty(),
        other => other.is_some(),
    };
    if instances.iter().any(given) {
        let of = named(call, body, "processInstanceIds", &INSTANCES).await?.ids;
        // An empty list would be no condition at all.
        if !of.is_empty() {
            let mut members = serde_json::Map::new();
            members.insert("processInstanceIdIn".into(), json!(of));
            let filters = Filters::from_body(members);
            let listing = external_task::listing(call.sees(&filters, &view), now())?;
            found.extend(selection::ids(call, &listing).await?.into_iter().map(Ok));
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|id| seen.insert(id.clone()));
    Ok(found)
}

async fn set(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    selection::check(&call, &body, &[("externalTaskQuery", Finds::ExternalTasks)])?;
    selection::check(&call, &body, &INSTANCES)?;
    selection::unsorted(&body)?;
    let retries = body.int("retries")?;
    let retries =
        retries.ok_or_else(|| ApiError::invalid_request("The number of retries cannot be null."))?;
    let found = tasks(&call, &body).await.map_err(selection::hide)?;
    if found.is_empty() {
        let error = ApiError::invalid_request("externalTaskIds is empty");
        return Err(error.with_header(selection::NOTHING_HERE, HeaderValue::from_static("1")));
    }
    if retries < 0 {
        return Err(ApiError::invalid_request(
            "The number of retries cannot be negative: retries is not greater than or equal to 0",
        ));
    }
    let missing = |id: &str| {
        ApiError::not_found(format!(
            "Cannot find external task with id {id}: externalTask is null"
        ))
    };
    let number = found.len();
    for task in found {
        let task = task.map_err(|text| missing(&text))?;
        call.demand_of_task(task).await?;
        let command = Command::SetExternalTaskRetries { task, retries };
        let render = Box::new(|_: &_, _: &_| Answer::no_content());
        let engine = &call.app.engine;
        match engine
            .entity_command(&call.caller, Entity::ExternalTask, task, command, render)
            .await
        {
            Ok(_) => {}
            Err(EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. })) => {
                return Err(missing(&task.to_string()));
            }
            Err(error) => return Err(error::api(error)),
        }
    }
    let base = Told::operator("ExternalTask", "SetExternalTaskRetries");
    call.log(|| {
        vec![
            base.said("nrOfInstances", number),
            base.said("async", false),
            base.said("retries", retries),
        ]
    })
    .await?;
    Ok(no_content())
}
