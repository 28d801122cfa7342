//! The sort values of rows that come without them: taken from the members of the row that `operations.tsv` names for each
//! criterion. Dates become Unix milliseconds, as nodes give them.
use crate::{
    scan::{self, Found},
    text::query_values,
};
use rest_api::{date, operations::Operation};
use serde_json::{Map, Value};
use std::{collections::HashMap, sync::LazyLock};

/// Column of the criteria in the table.
const SORT: usize = 11;

/// The criteria of each operation, by its id.
static CRITERIA: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let rows = include_str!("../../../crates/rest-api/operations.tsv")
        .lines()
        .skip(1);
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.split('\t').collect();
        Some((
            *cells.first()?,
            cells.get(SORT)?.split(',').filter(|c| !c.is_empty()).collect(),
        ))
    })
    .collect()
});

/// The members of a row by which a list is sorted, in order.
///
/// # Errors
/// A criterion whose value the row doesn't carry.
pub fn members(operation: &Operation, query: Option<&str>, body: &[u8]) -> Result<Vec<String>, String> {
    let mut asked = query_values(query, "sortBy");
    let found = scan::members(body, &["sorting", "sortBy"]);
    if let Some(Found::Nested(raw)) = &found[0]
        && let Ok(criteria) = serde_json::from_slice::<Vec<Map<String, Value>>>(raw)
    {
        let names = criteria.iter().filter_map(|one| one.get("sortBy")?.as_str());
        asked.extend(names.map(str::to_owned));
    }
    asked.extend(found[1].as_ref().and_then(Found::text).map(str::to_owned));
    let known = CRITERIA.get(operation.id).map_or(&[][..], Vec::as_slice);
    let member = |name: String| {
        let own = known.iter().find_map(|criterion| {
            let (criterion, member) = criterion.split_once('>').unwrap_or((criterion, criterion));
            (criterion.trim_end_matches('!') == name).then_some(member)
        });
        match own {
            Some(member) if !member.ends_with('!') && !member.starts_with('~') => Ok(member.to_owned()),
            _ => Err(name),
        }
    };
    asked.into_iter().map(member).collect()
}

/// Gives a row its sort values, as a node does: those of the members, then the id.
pub fn put_sort(row: &mut Map<String, Value>, members: &[String]) {
    let value = |value: &Value| match value.as_str() {
        Some(text) if text.len() == 28 && text.as_bytes()[10] == b'T' => {
            date::parse(text).map_or_else(|| value.clone(), Value::from)
        }
        _ => value.clone(),
    };
    let mut sort: Vec<Value> = members
        .iter()
        .map(|member| row.get(member).map_or(Value::Null, value))
        .collect();
    sort.push(row.get("id").cloned().unwrap_or(Value::Null));
    row.insert("_sort".to_owned(), sort.into());
}

/// The rows with their sort values.
pub fn with_sort(mut rows: Vec<Map<String, Value>>, members: &[String]) -> Vec<u8> {
    rows.iter_mut().for_each(|row| put_sort(row, members));
    let rows = rows.into_iter().map(Value::Object);
    Value::Array(rows.collect()).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rest_api::operations::find;
    use serde_json::json;

    #[test]
    fn rows_get_the_values_that_their_order_asks_for() {
        let list = find("GET", "/task").unwrap().operation;
        assert_eq!(
            members(list, Some("sortBy=dueDate&sortOrder=asc"), b"").unwrap(),
            ["due"]
        );
        assert_eq!(members(list, None, b"").unwrap(), [""; 0]);
        for hidden in ["processVariable", "nameCaseInsensitive", "nonsense"] {
            assert_eq!(
                members(list, Some(&format!("sortBy={hidden}")), b"").unwrap_err(),
                hidden
            );
        }
        let list = find("POST", "/task").unwrap().operation;
        let body =
            br#"{"sorting":[{"sortBy":"created","sortOrder":"desc"},{"sortBy":"name","sortOrder":"asc"}]}"#;
        let wanted = members(list, None, body).unwrap();
        assert_eq!(wanted, ["created", "name"]);
        let row = json!({"id": "1", "created": "2026-01-02T03:04:05.678+0000", "name": null});
        let sorted: Value =
            serde_json::from_slice(&with_sort(vec![row.as_object().unwrap().clone()], &wanted)).unwrap();
        assert_eq!(sorted[0]["_sort"], json!([1_767_323_045_678_i64, null, "1"]));
    }
}
