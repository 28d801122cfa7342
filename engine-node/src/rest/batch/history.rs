//! Batches over history: process instances and decisions deleted, batches given a removal time.
use super::{
    bad_user_request, begin, later, nothing_here,
    targets::{Finds, HISTORIC, Named, each, existing, named},
};
use crate::{
    App,
    app::{Answer, Caller, EngineError, IdempotencyKey, batches::Request, operations::option},
    query::{
        batch, history_decision,
        history_process::{self, NEVER},
    },
    rest::{
        call::Call,
        error,
        selection::{self, hide},
    },
    store::{BatchChange, forget::Forget, operations::Told, removal::Removable},
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
    instance::EventKind,
};
use rest_api::{
    ApiError, ApiResult,
    batch::{Part, Question},
    filters::{Filters, Paging},
    variable,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Routes of these operations.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/history/process-instance/delete", post(delete_instances))
        .route("/history/decision-instance/delete", post(delete_decisions))
        .route("/history/batch/set-removal-time", post(set_removal))
        .route("/history/process-instance/set-removal-time", post(of_instances))
        .route("/history/decision-instance/set-removal-time", post(of_decisions))
}

async fn delete_instances(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    selection::check(&call, &body, HISTORIC)?;
    let named = named(&call, &body, "historicProcessInstanceIds", HISTORIC).await;
    let mut named = named.map_err(hide)?;
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
pub const TRIGGER: &str = "TRIGGER";
const FORGET_DECISION: &str = "FORGET-DECISION";
pub const SET_REMOVAL: &str = "SET-REMOVAL-TIME";
const SET_REMOVAL_OF_INSTANCE: &str = "SET-REMOVAL-TIME-OF-INSTANCE";
const SET_REMOVAL_OF_DECISION: &str = "SET-REMOVAL-TIME-OF-DECISION";

/// What the user log is told of a deletion.
fn deleted(entity: &'static str, number: usize, reason: Option<String>) -> Vec<Told> {
    let base = Told::operator(entity, "DeleteHistory");
    let mut told = later(&base, number);
    told.push(base.changed("deleteReason", None, reason));
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
    let all_of_query = query.is_some();
    let snapshot = call.select(&batch::parts(None)).await?;
    let parts = snapshot.rows.iter().map(|row| batch::part(&**row));
    let parts: Vec<Part> = parts.collect::<Result<_, _>>().map_err(error::store)?;
    let question = Question::of("/history/batch").ok_or_else(ApiError::unknown_path)?;
    // Those that the query finds, and those of the ids that there are.
    let listed = |pairs: &[(String, String)]| -> ApiResult<Vec<String>> {
        let rows = question.answer(parts.clone(), "", pairs)?;
        let rows = rows.as_array().into_iter().flatten();
        Ok(rows
            .filter_map(|row| row["id"].as_str().map(str::to_owned))
            .collect())
    };
    let mut found = match all_of_query {
        true => listed(&pairs)?,
        false => Vec::new(),
    };
    for id in listed(&[])? {
        if ids.iter().flatten().any(|wanted| *wanted == id) && !found.contains(&id) {
            found.push(id);
        }
    }
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

/// Chunks that the reference works in; here a tree's removal time is one value.
const CHUNKS: std::ops::RangeInclusive<i32> = 1..=500;

/// The column's value for a body that has been checked ([`removal`]).
fn stored(body: &Filters, removal: Option<i64>) -> ApiResult<Option<i64>> {
    Ok(match body.on("clearedRemovalTime")? {
        true => Some(NEVER),
        false => removal,
    })
}

/// What the user log is told of removal times.
fn set_told(
    entity: &'static str,
    mode: &'static str,
    removal: Option<i64>,
    hierarchical: bool,
    n: usize,
) -> Vec<Told> {
    let base = Told::operator(entity, "SetRemovalTime");
    let mut told = vec![
        base.said("mode", mode),
        base.changed("removalTime", None, option(removal)),
        base.said("hierarchical", hierarchical),
    ];
    told.extend(later(&base, n));
    told
}

async fn of_instances(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let queries = [("historicProcessInstanceQuery", Finds::HistoricInstances)];
    selection::check(&call, &body, &queries)?;
    let wanted = removal(&body)?;
    let chunk = body.int("updateChunkSize")?;
    let in_bounds = chunk.is_none_or(|size| CHUNKS.contains(&size));
    let named = match named(&call, &body, "historicProcessInstanceIds", &queries).await {
        // It is looked at before a query that can't be sorted.
        Err(error) if in_bounds || wanted.is_none() => return Err(error),
        named => named.unwrap_or_else(|_| Named {
            given: true,
            ..Named::default()
        }),
    };
    if !named.given {
        return Err(bad_user_request("Neither query nor ids provided."));
    }
    let Some(removal) = wanted else {
        return Err(bad_user_request("removalTime is null"));
    };
    if !in_bounds {
        return Err(bad_user_request(
            "The value for chunk size should be between 1 and 500",
        ));
    }
    let found = existing(&call, &named.ids, "processInstanceIds", Finds::HistoricInstances).await?;
    if found.is_empty() {
        return Err(nothing_here(bad_user_request(
            "historicProcessInstances is empty",
        )));
    }
    let (hierarchical, chunks) = (body.on("hierarchical")?, body.on("updateInChunks")?);
    let set = json!({"time": stored(&body, removal)?, "hierarchical": hierarchical});
    let work = each(&found, SET_REMOVAL_OF_INSTANCE, "ID", |_| set.clone());
    let mode = mode(&body)?;
    begin(&call, "process-set-removal-time", work, |n| {
        let base = Told::operator("ProcessInstance", "SetRemovalTime");
        let mut told = set_told("ProcessInstance", mode, removal, hierarchical, n);
        told.push(base.said("updateInChunks", chunks));
        told.push(base.changed("chunkSize", None, option(chunk)));
        told
    })
    .await
}

async fn of_decisions(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let queries = [("historicDecisionInstanceQuery", Finds::Decisions)];
    selection::check(&call, &body, &queries)?;
    let wanted = removal(&body)?;
    let named = named(&call, &body, "historicDecisionInstanceIds", &queries).await?;
    if !named.given {
        return Err(bad_user_request("Neither query nor ids provided."));
    }
    let Some(removal) = wanted else {
        return Err(bad_user_request("removalTime is null"));
    };
    if named.null {
        return Err(ApiError::null_value("decisionInstanceIdIn contains null value"));
    }
    let found = existing(&call, &named.ids, "decisionInstanceIdIn", Finds::Decisions).await?;
    if found.is_empty() {
        return Err(nothing_here(bad_user_request(
            "historicDecisionInstances is empty",
        )));
    }
    let hierarchical = body.on("hierarchical")?;
    let set = json!({"time": stored(&body, removal)?, "hierarchical": hierarchical});
    let work = each(&found, SET_REMOVAL_OF_DECISION, "ID", |_| set.clone());
    let mode = mode(&body)?;
    begin(&call, "decision-set-removal-time", work, |n| {
        set_told("DecisionInstance", mode, removal, hierarchical, n)
    })
    .await
}

/// Delivers to every execution of an instance that waits for a message, whichever it is: once, however often it is sent.
async fn trigger(app: &App, work: Id, id: Id, request: &Request) -> ApiResult<()> {
    let variables = variable::read_all(Some(&request.body)).map_err(|e| e.api("Cannot set variables"))?;
    let instance = app.engine.load(id).await.map_err(error::api)?;
    let waiting = instance.iter().flat_map(|instance| instance.subscriptions.iter());
    let mut told = BTreeSet::new();
    for row in waiting.filter(|row| row.kind == EventKind::Message) {
        if !told.insert(row.execution_id) {
            continue;
        }
        let caller = Caller {
            user: request.user.clone(),
            idempotency: Some(IdempotencyKey {
                key: format!("{} {}", Request::key(work), row.id),
                digest: String::new(),
            }),
            ..Caller::default()
        };
        let command = Command::Trigger {
            subscription: row.id,
            variables: variables.clone(),
            local_variables: Vec::new(),
            scoped_variables: Vec::new(),
        };
        let render = Box::new(|_: &_, _: &_| Answer::no_content());
        match app.engine.command(&caller, id, command, render).await {
            // Another one that was told has taken it away.
            Ok(_) | Err(EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. })) => {
            }
            Err(failed) => return Err(error::api(failed)),
        }
    }
    Ok(())
}

/// Sets when an instance goes, or with it its whole tree; one that isn't there is no error, nor is one that still runs.
async fn set_of_instance(app: &App, id: Id, body: &Value) -> ApiResult<()> {
    let store = app.engine.store();
    let found = store
        .select(&history_process::by_id(id))
        .await
        .map_err(error::store)?;
    let Some(row) = found.rows.first() else {
        return Ok(());
    };
    let row = history_process::row(&**row).map_err(error::store)?;
    let root = row.root_id;
    let id = if body["hierarchical"] == true {
        root
    } else {
        row.id
    };
    set_in(app, Removable::Instance { root, id }, body).await
}

async fn set_of_decision(app: &App, id: Id, body: &Value) -> ApiResult<()> {
    let query = history_decision::by_id(&id.to_string()).page(Paging::default());
    let found = app.engine.store().select(&query).await.map_err(error::store)?;
    let Some(row) = found.rows.first() else {
        return Ok(());
    };
    let row = history_decision::row(&**row).map_err(error::store)?;
    let (root, all) = (row.root_id, body["hierarchical"] == true);
    let id = if all {
        row.parent_id.unwrap_or(row.id)
    } else {
        row.id
    };
    set_in(app, Removable::Decision { root, id, all }, body).await
}

async fn set_in(app: &App, of: Removable, body: &Value) -> ApiResult<()> {
    match app
        .engine
        .store()
        .set_removal(of, body["time"].as_i64())
        .await
        .map_err(error::store)?
    {
        true => Ok(()),
        false => Err(ApiError::unavailable("the slot of this history is being moved")),
    }
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
pub async fn own(app: &App, work: Id, request: &Request) -> Option<ApiResult<()>> {
    let id = request.path.parse::<Id>().ok();
    let done = match (request.method.as_str(), id) {
        (FORGET_DECISION, Some(id)) => forget_decision(app, id).await,
        (SET_REMOVAL, Some(id)) => {
            let change = BatchChange::Removal(request.body["time"].as_i64());
            app.engine.change_batch(id, change).await.map_err(error::api)
        }
        (TRIGGER, Some(id)) => trigger(app, work, id, request).await,
        (TRIGGER, None) => Ok(()),
        (SET_REMOVAL_OF_INSTANCE, Some(id)) => set_of_instance(app, id, &request.body).await,
        (SET_REMOVAL_OF_DECISION, Some(id)) => set_of_decision(app, id, &request.body).await,
        // The reference has nothing to do for what isn't there.
        (FORGET_DECISION | SET_REMOVAL | SET_REMOVAL_OF_INSTANCE | SET_REMOVAL_OF_DECISION, None) => Ok(()),
        _ => return None,
    };
    Some(done)
}
