//! Methods of lists and maps. Values are immutable here, so methods that change them are errors.

use super::{Called, int};
use crate::{EvalError, Value};

const OUT_OF_BOUNDS: &str = "java.lang.IndexOutOfBoundsException";

/// The methods of Java's collections that change them.
const CHANGING: [&str; 20] = [
    "add",
    "addAll",
    "addFirst",
    "addLast",
    "clear",
    "compute",
    "computeIfAbsent",
    "computeIfPresent",
    "merge",
    "put",
    "putAll",
    "putIfAbsent",
    "remove",
    "removeAll",
    "removeIf",
    "replace",
    "replaceAll",
    "retainAll",
    "set",
    "sort",
];

/// A method of a list.
pub(crate) fn list(items: &[Value], name: &str, arguments: &[Value]) -> Called {
    unchanged(name)?;
    let at = |found: Option<usize>| Value::Int(found.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1));
    Ok(Some(match (name, arguments) {
        ("size", []) => length(items.len()),
        ("isEmpty", []) => Value::Bool(items.is_empty()),
        ("contains", [item]) => Value::Bool(items.contains(item)),
        ("containsAll", [Value::List(others)]) => Value::Bool(others.iter().all(|item| items.contains(item))),
        ("indexOf", [item]) => at(items.iter().position(|own| own == item)),
        ("lastIndexOf", [item]) => at(items.iter().rposition(|own| own == item)),
        ("toArray", []) => Value::List(items.to_vec()),
        ("get", [index]) => match int(index) {
            Some(index) => element(items, index)?,
            None => return Ok(None),
        },
        ("subList", [from, to]) => match (int(from), int(to)) {
            (Some(from), Some(to)) => sub_list(items, from, to)?,
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// A method of a map.
pub(crate) fn map(entries: &[(String, Value)], name: &str, arguments: &[Value]) -> Called {
    unchanged(name)?;
    let keyed = |key: &Value| match key {
        Value::Str(key) => entries
            .iter()
            .find(|(own, _)| own == key)
            .map(|(_, value)| value.clone()),
        _ => None,
    };
    Ok(Some(match (name, arguments) {
        ("size", []) => length(entries.len()),
        ("isEmpty", []) => Value::Bool(entries.is_empty()),
        ("get", [key]) => keyed(key).unwrap_or(Value::Null),
        ("getOrDefault", [key, other]) => keyed(key).unwrap_or_else(|| other.clone()),
        ("containsKey", [key]) => Value::Bool(keyed(key).is_some()),
        ("containsValue", [value]) => Value::Bool(entries.iter().any(|(_, own)| own == value)),
        ("keySet", []) => Value::List(entries.iter().map(|(key, _)| Value::from(key.as_str())).collect()),
        ("values", []) => Value::List(entries.iter().map(|(_, value)| value.clone()).collect()),
        ("entrySet", []) => Value::List(entries.iter().map(pair).collect()),
        _ => return Ok(None),
    }))
}

/// The value of a key; null when it is missing.
pub(crate) fn entry(entries: &[(String, Value)], key: &str) -> Value {
    entries
        .iter()
        .find(|(own, _)| own == key)
        .map_or(Value::Null, |(_, value)| value.clone())
}

/// An entry with what its getters give.
fn pair((key, value): &(String, Value)) -> Value {
    Value::Map(vec![
        ("key".to_owned(), Value::from(key.as_str())),
        ("value".to_owned(), value.clone()),
    ])
}

fn unchanged(name: &str) -> Result<(), EvalError> {
    if CHANGING.contains(&name) {
        return Err(EvalError::new(format!(
            "the method '{name}' would change the collection, which expressions cannot do here; set a new variable"
        )));
    }
    Ok(())
}

fn length(length: usize) -> Value {
    Value::Int(i32::try_from(length).unwrap_or(i32::MAX))
}

fn element(items: &[Value], index: i32) -> Result<Value, EvalError> {
    let found = usize::try_from(index).ok().and_then(|index| items.get(index));
    found.cloned().ok_or_else(|| {
        let length = items.len();
        EvalError::thrown(
            OUT_OF_BOUNDS,
            format_args!("Index {index} out of bounds for length {length}"),
        )
    })
}

fn sub_list(items: &[Value], from: i32, to: i32) -> Result<Value, EvalError> {
    let (Ok(start), Ok(end)) = (usize::try_from(from), usize::try_from(to.max(0))) else {
        return Err(EvalError::thrown(
            OUT_OF_BOUNDS,
            format_args!("fromIndex = {from}"),
        ));
    };
    if end > items.len() {
        return Err(EvalError::thrown(OUT_OF_BOUNDS, format_args!("toIndex = {to}")));
    }
    match items.get(start..end) {
        Some(found) if from <= to => Ok(Value::List(found.to_vec())),
        _ => {
            let message = format!("fromIndex({from}) > toIndex({to})");
            Err(EvalError::thrown("java.lang.IllegalArgumentException", message))
        }
    }
}
