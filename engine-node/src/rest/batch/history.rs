//! Batches over history: process instances and decisions deleted, batches given a removal time.
use super::{
    bad_user_request, begin, later, nothing_here,
    targets::{Finds, each, named},
};
use crate::{
    App,
    app::{batches::Request, operations::option},
    query::{batch, history_decision},
    rest::{call::Call, error},
    store::{BatchChange, forget::Forget, operations::Told},
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::Id;
use rest_api::{
    ApiError, ApiResult,
    batch::{Part, Question},
    filters::{Filters, Paging},
};
use serde_json::{Value, json};

/// Routes of these operations.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/history/process-instance/delete", post(delete_instances))
        .route("/history/decision-instance/delete", post(delete_decisions))
        .route("/history/batch/set-removal-time", post(set_removal))
}

async fn delete_instances(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let queries = [("historicProcessInstanceQuery", Finds::HistoricInstances)];
    let mut named = named(&call, &body, "historicProcessInstanceIds", &queries).await?;
    if named.null {
        named.ids.push("null".to_owned());
    }
    if named.ids.is_empty() {
        let text = "historicProcessInstanceIds is empty";
        return Err(nothing_here(ApiError::invalid_request(text)));
    }
    let path = "/history/process-instance/ID?failIfNotExists=false";
    let mut work = each(&named.ids, "DELETE", path, |_| Value::Null);
    for (_, request) in &mut work {
        let text = "Process instance is still running, cannot delete historic process instance";
        request.unknown = Some(text.to_owned());
    }
    let reason = body.text("deleteReason")?;
    begin(&call, "historic-instance-deletion", work, |n| {
        deleted("ProcessInstance", n, reason)
    })
    .await
}

/// What these batches do that the API has no operation for: methods of requests that go no further than this node.
const FORGET_DECISION: &str = "FORGET-DECISION";
const SET_REMOVAL: &str = "SET-REMOVAL-TIME";

/// What the user log is told of a deletion.
fn deleted(entity: &'static str, number: usize, reason: Option<String>) -> Vec<Told> {
    let base = Told::operator(entity, "DeleteHistory");
    let mut told = later(&base, number);
    told.extend(reason.map(|reason| base.said("deleteReason", reason)));
    told
}

async fn delete_decisions(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let queries = [("historicDecisionInstanceQuery", Finds::Decisions)];
    let named = named(&call, &body, "historicDecisionInstanceIds", &queries).await?;
    if named.null {
        let text = "decisionInstanceIdIn contains null value";
        return Err(ApiError::null_value(text));
    }
    if named.ids.is_empty() {
        let text = "historicDecisionInstanceIds is empty";
        return Err(nothing_here(ApiError::invalid_request(text)));
    }
    let work = each(&named.ids, FORGET_DECISION, "ID", |_| Value::Null);
    let reason = body.text("deleteReason")?;
    begin(&call, "historic-decision-instance-deletion", work, |n| {
        deleted("DecisionInstance", n, reason)
    })
    .await
}

/// The time that a body sets; within, `None` is no time.
fn removal(body: &Filters) -> ApiResult<Option<Option<i64>>> {
    let absolute = body.date("absoluteRemovalTime")?;
    let (cleared, calculated) = (body.on("clearedRemovalTime")?, body.on("calculatedRemovalTime")?);
    let modes = [absolute.is_some(), cleared, calculated];
    if modes.iter().filter(|given| **given).count() > 1 {
        let text = "The removal time modes are mutually exclusive: mode is not null";
        return Err(bad_user_request(text));
    }
    // There is no time to live of batches to calculate with.
    Ok(modes.contains(&true).then_some(absolute))
}

/// How a body sets it, in the reference's word.
fn mode(body: &Filters) -> ApiResult<&'static str> {
    Ok(if body.on("clearedRemovalTime")? {
        "CLEARED_REMOVAL_TIME"
    } else if body.on("calculatedRemovalTime")? {
        "CALCULATED_REMOVAL_TIME"
    } else {
        "ABSOLUTE_REMOVAL_TIME"
    })
}

async fn set_removal(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let removal = removal(&body)?;
    let ids = body.list("historicBatchIds")?;
    let query = body.object("historicBatchQuery")?;
    if ids.is_none() && query.is_none() {
        return Err(bad_user_request("Neither query nor ids provided."));
    }
    let Some(removal) = removal else {
        return Err(bad_user_request("removalTime is null"));
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    };
    let pairs = query.into_iter().flatten();
    let pairs: Vec<(String, String)> = pairs.map(|(name, value)| (name.clone(), text(value))).collect();
    let snapshot = call.select(&batch::parts(None)).await?;
    let parts = snapshot.rows.iter().map(|row| batch::part(&**row));
    let parts: Vec<Part> = parts.collect::<Result<_, _>>().map_err(error::store)?;
    let question = Question::of("/history/batch").ok_or_else(ApiError::unknown_path)?;
    let found = question.answer(parts, "", &pairs)?;
    let found = found.as_array().into_iter().flatten();
    let found = found.filter_map(|row| row["id"].as_str().map(str::to_owned));
    let wanted = |id: &String| ids.as_ref().is_none_or(|ids| ids.contains(id));
    let found: Vec<String> = found.filter(wanted).collect();
    if found.is_empty() {
        return Err(nothing_here(bad_user_request("historicBatches is empty")));
    }
    let work = each(&found, SET_REMOVAL, "ID", |_| json!({"time": removal}));
    let mode = mode(&body)?;
    begin(&call, "batch-set-removal-time", work, |n| {
        let base = Told::operator("Batch", "SetRemovalTime");
        let mut told = vec![
            base.said("mode", mode),
            base.changed("removalTime", None, option(removal)),
        ];
        told.extend(later(&base, n));
        told
    })
    .await
}

/// Deletes an evaluation; one that isn't there is no error, as in the reference.
async fn forget_decision(app: &App, id: Id) -> ApiResult<()> {
    let store = app.engine.store();
    let query = history_decision::by_id(&id.to_string()).page(Paging::default());
    let found = store.select(&query).await;
    let found = found.map_err(error::store)?;
    let Some(row) = found.rows.first() else {
        return Ok(());
    };
    let row = history_decision::row(&**row).map_err(error::store)?;
    let what = Forget::Decision {
        root: row.root_id,
        evaluation: row.id,
    };
    match store.forget(what).await.map_err(error::store)? {
        true => Ok(()),
        false => Err(ApiError::unavailable("the slot of this history is being moved")),
    }
}

/// Does what goes no further than this node; `None` for a request to the API.
pub async fn own(app: &App, request: &Request) -> Option<ApiResult<()>> {
    let id = request.path.parse::<Id>().ok();
    let done = match (request.method.as_str(), id) {
        (FORGET_DECISION, Some(id)) => forget_decision(app, id).await,
        (SET_REMOVAL, Some(id)) => {
            let change = BatchChange::Removal(request.body["time"].as_i64());
            app.engine.change_batch(id, change).await.map_err(error::api)
        }
        // The reference has nothing to do for what isn't there.
        (FORGET_DECISION | SET_REMOVAL, None) => Ok(()),
        _ => return None,
    };
    Some(done)
}
