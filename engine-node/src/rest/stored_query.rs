//! Queries for tasks as filters keep them: which members, what a stored one is extended by, in which order it lists.
use super::call::Call;
use crate::{
    app::CatalogView,
    query::{Where, task},
    store::FilterRow,
};
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use rest_api::{ApiError, ApiResult, filters::Filters, known, task_query};
use serde_json::{Map, Value, json};

/// The order of a list that its request doesn't name: `asc` and `desc`, by commas.
pub const ORDER: HeaderName = HeaderName::from_static("x-stellwerk-order");

/// Members that are lists: a query is extended by further items.
const LISTS: [&str; 4] = [
    "taskVariables",
    "processVariables",
    "caseInstanceVariables",
    "orQueries",
];
const SORTING: &str = "sorting";
const SUFFIX: &str = "Expression";

/// What is kept of a query: the members that the reference knows.
///
/// # Errors
/// 400 for a member of a wrong type.
pub fn kept(query: Map<String, Value>) -> ApiResult<Map<String, Value>> {
    let bad = || ApiError::invalid_request("");
    let query = task_query::typed(query)?;
    let mut kept = Map::new();
    for (name, value) in query {
        if name == SORTING {
            let Value::Array(items) = value else {
                return Err(bad());
            };
            let items: Vec<Value> = items.into_iter().filter(sorts).collect();
            if !items.is_empty() {
                kept.insert(name, Value::Array(items));
            }
        } else if known::TASK.contains(&name.as_str()) && !value.is_null() {
            if value.is_object() {
                return Err(bad());
            }
            kept.insert(name, value);
        }
    }
    for name in LISTS {
        kept.entry(name).or_insert_with(|| json!([]));
    }
    Ok(kept)
}

/// A criterion that names what it sorts by, and how.
fn sorts(item: &Value) -> bool {
    item.get("sortBy").is_some_and(Value::is_string) && item.get("sortOrder").is_some_and(Value::is_string)
}

/// What the reference keeps and doesn't show.
const HIDDEN: [&str; 9] = [
    "taskId",
    "taskIdIn",
    "processInstanceBusinessKeyIn",
    "tenantIdIn",
    "assigneeNotIn",
    "withCandidateGroups",
    "withoutCandidateGroups",
    "withCandidateUsers",
    "withoutCandidateUsers",
];

/// The query of a filter as it is shown.
pub fn shown(row: &FilterRow) -> Map<String, Value> {
    let mut query = read(row);
    query.retain(|name, _| !HIDDEN.contains(&name.as_str()));
    query
}

/// The query of a filter.
pub fn read(row: &FilterRow) -> Map<String, Value> {
    match serde_json::from_str(&row.query) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// Refuses a query that could not be run; its expressions are evaluated only when it is.
///
/// # Errors
/// As for a list of tasks.
pub fn check(row: &FilterRow, view: &CatalogView) -> ApiResult<()> {
    let mut members = read(row);
    members.retain(|name, _| !name.ends_with(SUFFIX));
    let filters = Filters::from_body(members);
    task::listing(Where::new(&filters, view)).map(drop)
}

/// A stored query and what it is extended by: further items of lists, other values in place of values. A stored
/// expression stays, and is stronger.
pub fn extended(mut query: Map<String, Value>, more: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in more {
        match (query.get_mut(&name), value) {
            (_, Value::Null) => {}
            (Some(Value::Array(items)), Value::Array(further))
                if name == SORTING || LISTS.contains(&name.as_str()) =>
            {
                items.extend(further);
            }
            (_, value) => {
                query.insert(name, value);
            }
        }
    }
    query
}

/// The answer with its order, within a fan-out.
pub fn told_order(call: &Call, filters: &Filters, mut answer: Response) -> Response {
    let sorting = filters.raw(SORTING).and_then(Value::as_array);
    let orders =
        sorting
            .into_iter()
            .flatten()
            .map(|item| match item.get("sortOrder").and_then(Value::as_str) {
                Some("desc") => "desc",
                _ => "asc",
            });
    let orders: Vec<&str> = orders.collect();
    if call.caller.fanout
        && let Ok(value) = HeaderValue::from_str(&orders.join(","))
    {
        answer.headers_mut().insert(ORDER, value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_query_keeps_what_is_known_and_has_its_lists() {
        let query = kept(map(json!({"assignee": "a", "nope": 1, "owner": null,
            "sorting": [{"sortBy": "x"}, {"sortBy": "name", "sortOrder": "asc"}]})));
        let expected = json!({"assignee": "a", "sorting": [{"sortBy": "name", "sortOrder": "asc"}],
            "taskVariables": [], "processVariables": [], "caseInstanceVariables": [], "orQueries": []});
        assert_eq!(Value::Object(query.unwrap()), expected);
        assert!(kept(map(json!({"assignee": {"a": 1}}))).is_err());
    }

    #[test]
    fn what_extends_a_query_replaces_values_and_adds_to_lists() {
        let stored = map(
            json!({"assigneeExpression": "${currentUser()}", "name": "a", "sorting": [1], "orQueries": []}),
        );
        let more =
            map(json!({"assignee": "b", "sorting": [2], "orQueries": [{}], "name": "c", "owner": null}));
        let expected = json!({"assigneeExpression": "${currentUser()}", "assignee": "b", "sorting": [1, 2],
            "orQueries": [{}], "name": "c"});
        assert_eq!(Value::Object(extended(stored, more)), expected);
    }
}
