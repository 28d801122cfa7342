//! `/metrics`: what nodes have counted, as sums and by interval, and how many people had tasks.
use super::{
    call::{Call, no_content},
    error,
};
use crate::{
    App,
    query::metric::{self, Wanted},
    store::{StoreError, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{delete, get},
};
use rest_api::{ApiError, ApiResult, Date, date};
use serde_json::{Value, json};

/// Until when the numbers of task workers have been deleted, Unix milliseconds.
const FORGOTTEN: &str = "metrics.task-worker.deleted";

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/metrics", get(intervals))
        .route("/metrics/{name}/sum", get(sum))
        .route("/metrics/task-worker", delete(forget))
}

/// Metrics have the errors of values without the words around them.
fn day(call: &Call, name: &str) -> ApiResult<Option<i64>> {
    let Some(text) = call.query_param(name).filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    date::parse(text).map(Some).ok_or_else(|| {
        ApiError::invalid_request(format!(
            "Cannot convert value \"{text}\" to java type java.util.Date"
        ))
    })
}

fn number(call: &Call, name: &str, class: &str) -> ApiResult<Option<i64>> {
    let Some(text) = call.query_param(name) else {
        return Ok(None);
    };
    let why = || {
        ApiError::invalid_request(format!(
            "Cannot convert value {text} to java type java.lang.{class}"
        ))
    };
    text.parse().map(Some).map_err(|_| why())
}

/// The name a metric is kept under: the old names of some are still asked for.
fn kept(name: &str) -> String {
    match name {
        "activity-instance-start" => "flow-node-instances",
        "root-process-instance-start" => "process-instances",
        "executed-decision-instances" => "decision-instances",
        "task-users" => "unique-task-workers",
        other => other,
    }
    .to_owned()
}

async fn sum(call: Call) -> ApiResult<Response> {
    let mut wanted = Wanted {
        name: Some(kept(call.param("name"))),
        reporter: None,
        from: day(&call, "startDate")?,
        to: day(&call, "endDate")?,
    };
    call.app.engine.meter().await.map_err(error::store)?;
    let query = match wanted.name.as_deref() {
        Some("unique-task-workers") => {
            let forgotten = call
                .app
                .engine
                .store()
                .setting(FORGOTTEN)
                .await
                .map_err(error::store)?;
            wanted.from = wanted.from.max(forgotten.and_then(|text| text.parse().ok()));
            metric::task_users(&wanted)
        }
        _ => metric::sum(&wanted),
    };
    let snapshot = call.select(&query).await?;
    let result = snapshot.rows.first().map_or(Ok(0), |row| row.i64(0));
    let result = result.map_err(error::store)?;
    Ok(call.covered(&json!({"result": result}), &snapshot))
}

async fn intervals(call: Call) -> ApiResult<Response> {
    let wanted = Wanted {
        name: call.query_param("name").map(kept),
        reporter: call.query_param("reporter").map(str::to_owned),
        from: day(&call, "startDate")?,
        to: day(&call, "endDate")?,
    };
    for name in ["startDate", "endDate"] {
        if call.query_param(name).is_some_and(|text| text.trim().is_empty()) {
            let why = format!("Cannot invoke \"java.util.Date.getTime()\" because \"{name}\" is null");
            return Err(ApiError::null_pointer(why));
        }
    }
    let first = number(&call, "firstResult", "Integer")?.unwrap_or(0);
    let mut max = number(&call, "maxResults", "Integer")?;
    if max.is_some_and(|max| max > 200) {
        let text = "Metrics interval query row limit can't be set larger than 200.";
        return Err(ApiError::engine(text));
    }
    let mut seconds = number(&call, "interval", "Long")?.unwrap_or(900);
    if seconds <= 0 {
        // No row lies in an interval of no length.
        (seconds, max) = (900, Some(0));
    }
    let added_up = call.query_param("aggregateByReporter").is_some();
    call.app.engine.meter().await.map_err(error::store)?;
    // Within a fan-out the router cuts the page out.
    let max = match call.caller.fanout {
        true => None,
        false => Some(max.unwrap_or(200).clamp(0, 200) as u64),
    };
    let query = metric::intervals(&wanted, seconds, !added_up, first.max(0) as u64, max);
    let snapshot = call.select(&query).await?;
    let rows = snapshot.rows.iter().map(|row| {
        Ok(json!({
            "timestamp": Date(row.i64(0)?),
            "name": row.text(1)?,
            "reporter": row.text_opt(2)?,
            "value": row.i64(3)?,
        }))
    });
    let rows: Vec<Value> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
    Ok(call.covered(&rows, &snapshot))
}

/// Task workers are counted from history, which stays: only the count begins anew.
async fn forget(call: Call) -> ApiResult<Response> {
    let asked = day(&call, "date")?;
    let upto = asked.unwrap_or_else(crate::app::writer::now);
    let store = call.app.engine.store();
    let before = store.setting(FORGOTTEN).await.map_err(error::store)?;
    let before: i64 = before.and_then(|text| text.parse().ok()).unwrap_or(i64::MIN);
    let upto = upto.max(before).to_string();
    store
        .put_setting(FORGOTTEN, &upto, true)
        .await
        .map_err(error::store)?;
    let told = Told::operator("TaskMetrics", "Delete");
    let told = match asked {
        Some(date) => told.said("timestamp", date),
        None => told,
    };
    call.log(|| vec![told]).await?;
    Ok(no_content())
}
