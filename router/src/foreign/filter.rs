//! Stored filters over foreign shards, which don't have them: one of our nodes tells the filter's query, extended by the body
//! and with its expressions evaluated, and they are asked that query of tasks.
use super::{ask, order, outgoing, refuse};
use crate::{
    fan_out::{Part, Question, Stop},
    forward::out_to_any,
    headers, respond,
    snapshot::Shard,
    state::App,
    text::encoded,
    upstream::Outgoing,
};
use http::{HeaderValue, Method, header};
use http_body_util::BodyExt;
use rest_api::{
    ApiError,
    accept::{self, HAL},
    operations::{Class, Operation, find},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Tasks that are asked for by their ids in one request: its line stays short enough for any server.
const IDS: usize = 50;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a filter stands for.
#[derive(Debug, Deserialize)]
pub struct Stored {
    /// Its query, as `POST /task` takes it.
    pub query: Map<String, Value>,
    /// The variables that its tasks are shown with in HAL.
    variables: Option<Vec<String>>,
}

/// Whether a question runs a filter in a way that foreign shards can take part in.
pub fn is_run(operation: &Operation) -> bool {
    operation.path.starts_with("/filter/") && matches!(operation.class, Class::FanoutList | Class::FanoutSum)
}

/// Whether a question's rows are to come as HAL.
pub fn in_hal(question: &Question) -> bool {
    question.request.call.operation.class == Class::FanoutList && accept::likes_hal(question.request.accept())
}

/// Asks one of our nodes for the query.
///
/// # Errors
/// What it refuses: a filter that isn't there, a body that extends nothing; 501 for variables in HAL, which lists of
/// foreign shards don't hold.
pub async fn stored(app: &App, question: &Question<'_>) -> Result<Stored, Stop> {
    let out = question
        .out
        .clone()
        .with(headers::QUERY, HeaderValue::from_static("1"));
    let answer = out_to_any(app, None, &out, true).await?;
    if !answer.status().is_success() {
        return Err(Stop(Box::new(respond::relay(answer))));
    }
    let lost = |e| ApiError::unavailable(format!("a node did not end its answer: {e}"));
    let body = answer.into_body().collect().await.map_err(lost)?.to_bytes();
    let stored: Stored = serde_json::from_slice(&body)
        .map_err(|e| ApiError::bad_gateway(format!("a node told something else of a filter: {e}")))?;
    match in_hal(question) && stored.variables.as_ref().is_some_and(|names| !names.is_empty()) {
        true => Err(refuse("a filter that shows variables, as HAL,")),
        false => Ok(stored),
    }
}

/// The members by which a filter sorts.
///
/// # Errors
/// A criterion whose value the rows don't carry.
pub fn members(stored: &Stored) -> Result<Vec<String>, String> {
    let body = Value::Object(stored.query.clone()).to_string();
    match find("POST", "/task") {
        Ok(found) => order::members(found.operation, None, body.as_bytes()),
        Err(_) => Ok(Vec::new()),
    }
}

/// Pure: what foreign shards are asked instead: the page is in the query, the rest in the body.
pub fn asked(stored: &Stored, out: &Outgoing, path: &str) -> Outgoing {
    let mut out = outgoing(out);
    let query = out.target.split_once('?').map(|(_, query)| format!("?{query}"));
    out.method = Method::POST;
    out.target = format!("{path}{}", query.unwrap_or_default());
    out.headers.insert(header::CONTENT_TYPE, JSON);
    out.headers.insert(header::ACCEPT, JSON);
    out.body = Value::Object(stored.query.clone()).to_string().into();
    out
}

/// A plain part with sort values as HAL: its tasks are asked for once more, by their ids, and all are counted.
///
/// # Errors
/// The shard doesn't answer.
pub async fn as_hal(
    app: &App,
    shard: &Shard,
    stored: &Stored,
    out: &Outgoing,
    part: &mut Part,
) -> Result<(), ApiError> {
    let damaged = |e| ApiError::bad_gateway(format!("foreign shard {} answered no list: {e}", shard.name));
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(&part.body).map_err(damaged)?;
    let mut count = asked(stored, out, "/task/count");
    count.target = "/task/count".to_owned();
    let total: Value = serde_json::from_slice(&read(app, shard, &count).await?).map_err(damaged)?;
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.get("id")?.as_str()).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(IDS) {
        let ids: Vec<String> = ids.iter().map(|id| encoded(id)).collect();
        let mut one = outgoing(out);
        one.method = Method::GET;
        one.target = format!("/task?taskIdIn={}", ids.join(","));
        one.headers.remove(header::CONTENT_TYPE);
        one.headers.insert(header::ACCEPT, HeaderValue::from_static(HAL));
        one.body = Default::default();
        found.push(serde_json::from_slice(&read(app, shard, &one).await?).map_err(damaged)?);
    }
    let inside = match stored.variables {
        Some(_) => json!({"variable": []}),
        None => Value::Null,
    };
    part.body = assemble(&rows, found, &total["count"], &inside)
        .to_string()
        .into();
    part.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(HAL));
    Ok(())
}

async fn read(app: &App, shard: &Shard, out: &Outgoing) -> Result<bytes::Bytes, ApiError> {
    let answer = ask(app, shard, out, true).await?;
    match answer.status.is_success() {
        true => Ok(answer.body),
        false => Err(crate::fan_out::missing(
            std::slice::from_ref(&shard.name),
            &format!("it answered {}", answer.status.as_u16()),
        )),
    }
}

/// Pure: one HAL list of the tasks of several, in the order of the rows. A task that has ended meanwhile is left out.
fn assemble(rows: &[Map<String, Value>], found: Vec<Value>, count: &Value, inside: &Value) -> Value {
    let mut tasks: HashMap<String, Map<String, Value>> = HashMap::new();
    let mut embedded: Map<String, Value> = Map::new();
    for mut list in found {
        let Value::Object(parts) = list["_embedded"].take() else {
            continue;
        };
        for (rel, more) in parts {
            let Value::Array(more) = more else { continue };
            match rel.as_str() {
                "task" => tasks.extend(more.into_iter().filter_map(|task| match task {
                    Value::Object(task) => Some((task.get("id")?.as_str()?.to_owned(), task)),
                    _ => None,
                })),
                _ => match embedded.entry(rel).or_insert_with(|| json!([])) {
                    Value::Array(known) => known.extend(more),
                    other => *other = more.into(),
                },
            }
        }
    }
    let listed = rows.iter().filter_map(|row| {
        let mut task = tasks.remove(row.get("id")?.as_str()?)?;
        task.insert("_embedded".to_owned(), inside.clone());
        task.insert("_sort".to_owned(), row.get("_sort")?.clone());
        Some(Value::Object(task))
    });
    let listed: Vec<Value> = listed.collect();
    embedded.insert("task".to_owned(), listed.into());
    json!({"_links": {"self": {"href": "/task"}}, "_embedded": embedded, "count": count})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_several_requests_are_one_list_in_the_order_of_the_rows() {
        let rows: Vec<Map<String, Value>> = serde_json::from_value(json!([
            {"id": "b", "_sort": [1]}, {"id": "gone", "_sort": [2]}, {"id": "a", "_sort": [3]},
        ]))
        .unwrap();
        let list =
            |id: &str| json!({"_embedded": {"assignee": [{"id": id}], "task": [{"id": id}]}, "count": 1});
        let whole = assemble(&rows, vec![list("a"), list("b")], &json!(7), &Value::Null);
        let expected = json!({"_links": {"self": {"href": "/task"}}, "_embedded": {
            "assignee": [{"id": "a"}, {"id": "b"}],
            "task": [{"id": "b", "_embedded": null, "_sort": [1]}, {"id": "a", "_embedded": null, "_sort": [3]}],
        }, "count": 7});
        assert_eq!(whole, expected);
    }
}
