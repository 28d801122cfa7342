//! The order of merged rows: that of the nodes' database. Strings compare by bytes, numbers by value, null comes last
//! ascending and first descending; the id, at the end, ascends.
use crate::{
    scan,
    text::{query_value, query_values},
};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use std::cmp::Ordering;

/// For each criterion asked for, whether it descends. Source: `sortOrder` beside `sortBy` in query or body, `sorting`
/// in the body.
pub fn directions(query: Option<&str>, body: &[u8]) -> Vec<bool> {
    #[derive(Deserialize)]
    struct Criterion {
        #[serde(rename = "sortOrder")]
        sort_order: Option<Value>,
    }
    let descends = |order: Option<&str>| order.is_some_and(|order| order.eq_ignore_ascii_case("desc"));
    let found = scan::members(body, &["sorting", "sortBy", "sortOrder"]);
    if let Some(scan::Found::Nested(raw)) = &found[0]
        && let Ok(criteria) = serde_json::from_slice::<Vec<Criterion>>(raw)
        && !criteria.is_empty()
    {
        // Nodes pass over criteria without a direction.
        let orders = criteria
            .iter()
            .filter_map(|criterion| criterion.sort_order.as_ref()?.as_str());
        let known = orders.filter(|order| matches!(*order, "asc" | "desc"));
        return known.map(|order| order == "desc").collect();
    }
    if found[1].as_ref().and_then(scan::Found::text).is_some() {
        return vec![descends(found[2].as_ref().and_then(scan::Found::text))];
    }
    if !query_values(query, "sortBy").is_empty() {
        return vec![descends(query_value(query, "sortOrder").as_deref())];
    }
    Vec::new()
}

/// The directions that a node tells, of a list whose order its request doesn't name: a stored filter's.
pub fn told(headers: &HeaderMap) -> Option<Vec<bool>> {
    let text = headers.get(crate::headers::ORDER)?.to_str().ok()?;
    let orders = text.split(',').filter(|order| !order.is_empty());
    Some(orders.map(|order| order == "desc").collect())
}

/// Compares the `_sort` values of two rows; what lies beyond the directions ascends.
pub fn compare(a: &[Value], b: &[Value], directions: &[bool]) -> Ordering {
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let order = ascending(a, b);
        let order = if directions.get(i) == Some(&true) {
            order.reverse()
        } else {
            order
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

fn ascending(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (integer(a), integer(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)),
        },
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn integer(number: &serde_json::Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

/// Types don't mix within a criterion, but for null; a fixed order keeps the comparison total.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sorted(mut rows: Vec<Value>, directions: &[bool]) -> Vec<Value> {
        rows.sort_by(|a, b| compare(a.as_array().unwrap(), b.as_array().unwrap(), directions));
        rows
    }

    #[test]
    fn nulls_are_last_ascending_and_first_descending_and_the_id_always_ascends() {
        let rows = vec![
            json!([null, "2"]),
            json!(["b", "1"]),
            json!(["B", "3"]),
            json!(["ä", "4"]),
            json!([null, "1"]),
        ];
        let up = sorted(rows.clone(), &[false]);
        assert_eq!(
            up,
            [
                json!(["B", "3"]),
                json!(["b", "1"]),
                json!(["ä", "4"]),
                json!([null, "1"]),
                json!([null, "2"])
            ]
        );
        let down = sorted(rows, &[true]);
        assert_eq!(
            down,
            [
                json!([null, "1"]),
                json!([null, "2"]),
                json!(["ä", "4"]),
                json!(["b", "1"]),
                json!(["B", "3"])
            ]
        );
        let numbers = vec![
            json!([10]),
            json!([9]),
            json!([9.5]),
            json!([-1]),
            json!([i64::MAX]),
            json!([i64::MAX - 1]),
        ];
        let expected = [
            json!([-1]),
            json!([9]),
            json!([9.5]),
            json!([10]),
            json!([i64::MAX - 1]),
            json!([i64::MAX]),
        ];
        assert_eq!(sorted(numbers, &[]), expected);
    }

    #[test]
    fn a_node_may_tell_the_directions() {
        let told = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(crate::headers::ORDER, text.parse().unwrap());
            super::told(&headers)
        };
        assert_eq!(told("desc,asc"), Some(vec![true, false]));
        assert_eq!(told(""), Some(Vec::new()));
        assert_eq!(super::told(&HeaderMap::new()), None);
    }

    #[test]
    fn directions_are_read_from_query_and_body() {
        assert_eq!(directions(Some("sortBy=x&sortOrder=desc"), b""), [true]);
        assert_eq!(directions(Some("sortBy=x&sortOrder=asc"), b""), [false]);
        assert!(directions(Some("maxResults=1"), b"{}").is_empty());
        assert_eq!(directions(None, br#"{"sortBy":"x","sortOrder":"desc"}"#), [true]);
        let body = br#"{"sorting":[{"sortBy":"a","sortOrder":"desc"},{"sortBy":"b","sortOrder":"asc","parameters":{}}]}"#;
        assert_eq!(directions(None, body), [true, false]);
        assert!(directions(None, br#"{"sorting":null}"#).is_empty());
    }
}
