//! Lists of tasks as HAL: the tasks are merged like the plain list, the counts added, and what the tasks of the page
//! refer to is embedded once.
use super::{Part, sort};
use crate::respond::{self, Answer};
use http::{HeaderValue, header};
use rest_api::{ApiError, accept::HAL, filters::Paging};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use topology::ShardName;

/// What is embedded beside the tasks, and the member of a task that refers to it.
const REFERRED: [(&str, &str); 3] = [
    ("assignee", "assignee"),
    ("owner", "owner"),
    ("processDefinition", "processDefinitionId"),
];

/// Whether a part is such a list.
pub fn is(part: &Part) -> bool {
    let kind = part.headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with(HAL))
}

/// The whole answer.
pub fn answer(body: Value, missing: &[ShardName]) -> Answer {
    let mut answer = respond::json(body.to_string(), missing);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(HAL));
    answer
}

/// What stands for no task.
pub fn none() -> Answer {
    answer(json!({"_links": {}, "_embedded": {}}), &[])
}

/// A page of merged tasks.
#[derive(Debug, PartialEq)]
pub struct Merged {
    /// The whole list.
    pub body: Value,
    /// The sort values of the last task, if the page is full.
    pub last: Option<Vec<Value>>,
}

/// Pure: merges parts whose tasks carry `_sort`, and cuts the page out.
///
/// # Errors
/// 502 for a part that is no such list, or whose tasks don't say where they belong.
pub fn merge(parts: &[Part], directions: &[bool], page: Paging) -> Result<Merged, ApiError> {
    let mut merged: Vec<(Vec<Value>, Map<String, Value>)> = Vec::new();
    let mut known: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    let mut count = 0;
    let mut links = Value::Null;
    for part in parts {
        let damaged = || ApiError::bad_gateway(format!("shard {} answered no list of tasks", part.shard));
        let mut body: Value = serde_json::from_slice(&part.body).map_err(|_| damaged())?;
        links = body["_links"].take();
        count += body["count"].as_i64().ok_or_else(damaged)?;
        let Value::Array(tasks) = body["_embedded"]["task"].take() else {
            return Err(damaged());
        };
        for task in tasks {
            let Value::Object(mut task) = task else {
                return Err(damaged());
            };
            let Some(Value::Array(key)) = task.shift_remove("_sort") else {
                return Err(damaged());
            };
            merged.push((key, task));
        }
        for (rel, _) in REFERRED {
            let Value::Array(found) = body["_embedded"][rel].take() else {
                continue;
            };
            let found = found
                .into_iter()
                .filter_map(|one| Some((one["id"].as_str()?.to_owned(), one)));
            known.entry(rel).or_default().extend(found);
        }
    }
    merged.sort_by(|(a, _), (b, _)| sort::compare(a, b, directions));
    let mut last = None;
    let mut tasks: Vec<Value> = Vec::new();
    for (key, task) in page.cut(merged) {
        last = Some(key);
        tasks.push(task.into());
    }
    let last = last.filter(|_| page.max == Some(tasks.len() as u64));
    let mut embedded = Map::new();
    for (rel, member) in REFERRED {
        let wanted: BTreeSet<&str> = tasks.iter().filter_map(|task| task[member].as_str()).collect();
        let all = known.remove(rel).unwrap_or_default();
        let found = all.into_iter().filter(|(id, _)| wanted.contains(id.as_str()));
        let found: Vec<Value> = found.map(|(_, one)| one).collect();
        if !found.is_empty() {
            embedded.insert(rel.to_owned(), found.into());
        }
    }
    embedded.insert("task".to_owned(), tasks.into());
    let mut body = Map::new();
    body.insert("_links".to_owned(), links);
    body.insert("_embedded".to_owned(), embedded.into());
    body.insert("count".to_owned(), count.into());
    Ok(Merged {
        body: body.into(),
        last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    fn part(body: Value) -> Part {
        Part {
            shard: ShardName::new("s"),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            memory: None,
            body: body.to_string().into(),
        }
    }

    #[test]
    fn a_page_embeds_what_its_tasks_refer_to_and_counts_all() {
        let user = |id: &str| json!({"id": id});
        let parts = [
            part(
                json!({"_links": {"self": {"href": "/task"}}, "_embedded": {"assignee": [user("a"), user("b")],
                "task": [{"id": "1", "assignee": "b", "_sort": [1]}, {"id": "3", "assignee": "a", "_sort": [3]}]}, "count": 2}),
            ),
            part(
                json!({"_links": {"self": {"href": "/task"}}, "_embedded": {"assignee": [user("b")],
                "task": [{"id": "2", "assignee": "b", "_sort": [2]}]}, "count": 1}),
            ),
        ];
        let page = Paging {
            first: 0,
            max: Some(2),
        };
        let expected = json!({"_links": {"self": {"href": "/task"}}, "_embedded": {"assignee": [user("b")],
            "task": [{"id": "1", "assignee": "b"}, {"id": "2", "assignee": "b"}]}, "count": 3});
        let merged = merge(&parts, &[false], page).unwrap();
        assert_eq!((merged.body, merged.last), (expected, Some(vec![json!(2)])));
        let damaged = [part(json!({"_embedded": {"task": [{"id": "1"}]}, "count": 1}))];
        assert_eq!(merge(&damaged, &[], page).unwrap_err().status, 502);
    }
}
