//! Foreign shards' parts of lists and counts, in the form of our own shards' parts.
use super::{filter, order, outgoing, refuse};
use crate::{
    fan_out::{Gathered, Part, Question, Stop, collect, hal, missing, sift},
    forward::to_shard,
    state::App,
    text::query_value,
    upstream::Outgoing,
};
use bytes::Bytes;
use futures_util::future::join_all;
use rest_api::{
    ApiError,
    operations::{Class, Merge},
};
use serde_json::{Map, Value};
use std::sync::atomic::AtomicU64;
use tokio::time::Instant;

/// Whether foreign shards have a part in the answer to a question.
pub fn concerns(app: &App, question: &Question) -> bool {
    !app.foreign.is_empty()
        && question.only.is_none()
        // `foreign::batch` asks them itself.
        && question.request.call.operation.class != Class::Batch
        && question.reads
        && !question.out.target.starts_with("/internal/")
}

/// What keeps an operation from being answered together with foreign shards.
fn obstacle(question: &Question) -> Option<&'static str> {
    let operation = question.request.call.operation;
    let listed = matches!(operation.class, Class::FanoutList | Class::FanoutSum);
    match &operation.merge {
        _ if operation.path.starts_with("/filter/") && !filter::is_run(operation) => {
            Some("the one task of a stored filter")
        }
        Merge::Report(_) if !is_counted(question) => Some("a report whose averages need weights"),
        _ if listed => None,
        _ => Some("this operation over all shards"),
    }
}

/// Whether a report holds nothing but counts, which add up.
fn is_counted(question: &Question) -> bool {
    let call = &question.request.call;
    let report = query_value(call.query.as_deref(), "reportType");
    call.operation.path == "/task/report/candidate-group-count"
        || (call.operation.path == "/history/task/report" && report.as_deref() == Some("count"))
}

/// Pure: a list with its rows' sort values, plain or as HAL.
///
/// # Errors
/// 502 for what is neither.
fn in_order(part: &Part, members: &[String]) -> Result<Bytes, ApiError> {
    let damaged = |e| ApiError::bad_gateway(format!("foreign shard {} answered no list: {e}", part.shard));
    if !hal::is(part) {
        let rows: Vec<Map<String, Value>> = serde_json::from_slice(&part.body).map_err(damaged)?;
        return Ok(order::with_sort(rows, members).into());
    }
    let mut body: Value = serde_json::from_slice(&part.body).map_err(damaged)?;
    let tasks = body["_embedded"]["task"].as_array_mut();
    for task in tasks.into_iter().flatten().filter_map(Value::as_object_mut) {
        order::put_sort(task, members);
    }
    Ok(body.to_string().into())
}

/// Asks all foreign shards.
///
/// # Errors
/// The answer to give instead: what can't be merged with theirs (unless the client takes a part), a refusal, or 503 for one
/// without an answer.
pub async fn gather(app: &App, question: &Question<'_>) -> Result<Gathered, Stop> {
    let partial = question.request.partial;
    let names = || {
        app.foreign
            .shards
            .iter()
            .map(|shard| shard.name.clone())
            .collect()
    };
    let without = || Gathered {
        parts: Vec::new(),
        missing: names(),
    };
    let call = &question.request.call;
    if let Some(obstacle) = obstacle(question) {
        return match partial {
            true => Ok(without()),
            false => Err(refuse(obstacle)),
        };
    }
    let ordered = matches!(call.operation.merge, Merge::Merge | Merge::MergeDedupe(_));
    let stored = match filter::is_run(call.operation) {
        false => None,
        true => match filter::stored(app, question).await {
            Err(_) if partial => return Ok(without()),
            stored => Some(stored?),
        },
    };
    let members = match &stored {
        Some(stored) => filter::members(stored),
        None => order::members(call.operation, call.query.as_deref(), &question.out.body),
    };
    let members = match members {
        Ok(members) => members,
        Err(_) if !ordered || call.operation.class != Class::FanoutList => Vec::new(),
        Err(_) if partial => return Ok(without()),
        Err(criterion) => {
            return Err(refuse(&format!(
                "sorting by {criterion}, which their rows don't carry,"
            )));
        }
    };
    let deadline = Instant::now() + app.live().options.fanout_deadline;
    let budget = AtomicU64::new(app.live().options.fanout_memory);
    let listed = call.operation.class == Class::FanoutList;
    let out: Outgoing = match &stored {
        Some(stored) if listed => filter::asked(stored, &question.out, "/task"),
        Some(stored) => filter::asked(stored, &question.out, "/task/count"),
        None => outgoing(&question.out),
    };
    let parts = app.foreign.shards.iter().map(|shard| {
        let (out, budget) = (&out, &budget);
        async move {
            let answer = to_shard(app, shard, rand::random(), out, true, deadline).await?;
            collect(app, &shard.name, answer, budget, true, deadline).await
        }
    });
    let (mut gathered, why) = sift(join_all(parts).await)?;
    for part in &mut gathered.parts {
        app.foreign.ids.learn(&part.body, &part.shard);
        if ordered && listed {
            part.body = in_order(part, &members)?;
        }
        let shard = app.foreign.shards.iter().find(|shard| shard.name == part.shard);
        if let (Some(stored), Some(shard), true) = (&stored, shard, filter::in_hal(question)) {
            filter::as_hal(app, shard, stored, &question.out, part).await?;
        }
    }
    if !gathered.missing.is_empty() && !partial {
        return Err(missing(&gathered.missing, &why).into());
    }
    Ok(gathered)
}
