//! Methods of lists and maps. Those that change a collection are apart: the evaluator writes what they leave back to
//! the variable the collection is in.

use super::{Called, int, number};
use crate::numbers::string_hash;
use crate::{EvalError, Java, Value};

const OUT_OF_BOUNDS: &str = "java.lang.IndexOutOfBoundsException";

/// The methods of Java's collections that change them.
const CHANGING: [&str; 16] = [
    "add",
    "addAll",
    "addFirst",
    "addLast",
    "clear",
    "put",
    "putAll",
    "putIfAbsent",
    "remove",
    "removeAll",
    "removeFirst",
    "removeLast",
    "replace",
    "retainAll",
    "set",
    "sort",
];

/// Whether a method of that name may change the collection it is called on.
pub(crate) fn is_changing(name: &str) -> bool {
    CHANGING.contains(&name)
}

/// Calls a method that changes a list or map, and gives what it returns; `None` when there is no such method.
pub(crate) fn change(collection: &mut Value, name: &str, arguments: &[Value]) -> Called {
    match collection {
        Value::List(items) => change_list(items, name, arguments),
        Value::Map(entries) => Ok(change_map(entries, name, arguments)),
        _ => Ok(None),
    }
}

fn change_list(items: &mut Vec<Value>, name: &str, arguments: &[Value]) -> Called {
    let length = items.len();
    Ok(Some(match (name, arguments) {
        ("add" | "addLast", [item]) => {
            items.push(item.clone());
            if name == "add" {
                Value::Bool(true)
            } else {
                Value::Null
            }
        }
        ("addFirst", [item]) => {
            items.insert(0, item.clone());
            Value::Null
        }
        ("add", [at, item]) => {
            let Some(at) = int(at) else { return Ok(None) };
            match usize::try_from(at) {
                Ok(index) if index <= length => items.insert(index, item.clone()),
                _ => {
                    let message = format!("Index: {at}, Size: {length}");
                    return Err(EvalError::thrown(OUT_OF_BOUNDS, message));
                }
            }
            Value::Null
        }
        ("addAll", [Value::List(others)]) => {
            items.extend(others.iter().cloned());
            Value::Bool(!others.is_empty())
        }
        ("clear", []) => {
            items.clear();
            Value::Null
        }
        // Only an `Integer` is an index; a number literal is a `Long` and thus an element.
        ("remove", [Value::Int(at)]) => {
            let found = element(items, *at)?;
            items.remove(usize::try_from(*at).unwrap_or_default());
            found
        }
        ("remove", [item]) => match items.iter().position(|own| own == item) {
            Some(at) => {
                items.remove(at);
                Value::Bool(true)
            }
            None => Value::Bool(false),
        },
        ("removeFirst" | "removeLast", []) if length > 0 => {
            items.remove(if name == "removeFirst" { 0 } else { length - 1 })
        }
        ("set", [at, item]) => {
            let Some(at) = int(at) else { return Ok(None) };
            let old = element(items, at)?;
            if let Some(place) = usize::try_from(at).ok().and_then(|at| items.get_mut(at)) {
                *place = item.clone();
            }
            old
        }
        ("removeAll" | "retainAll", [Value::List(others)]) => {
            items.retain(|item| others.contains(item) == (name == "retainAll"));
            Value::Bool(items.len() != length)
        }
        ("sort", [Value::Null]) => {
            items.sort_by(natural);
            Value::Null
        }
        _ => return Ok(None),
    }))
}

/// `Comparable` for the elements of a list.
fn natural(left: &Value, right: &Value) -> std::cmp::Ordering {
    match (left, right) {
        (Value::Str(left), Value::Str(right)) => left.encode_utf16().cmp(right.encode_utf16()),
        (Value::Date(left), Value::Date(right)) => left.cmp(right),
        _ => {
            let number = |value: &Value| crate::coerce::double(value).unwrap_or(f64::NAN);
            number(left).total_cmp(&number(right))
        }
    }
}

fn change_map(entries: &mut Vec<(String, Value)>, name: &str, arguments: &[Value]) -> Option<Value> {
    let at = |entries: &[(String, Value)], key: &Value| {
        let key = key.to_text();
        entries.iter().position(|(own, _)| *own == key)
    };
    let put = |entries: &mut Vec<(String, Value)>, key: &Value, value: &Value| match at(entries, key) {
        Some(at) => std::mem::replace(&mut entries[at].1, value.clone()),
        None => {
            entries.push((key.to_text(), value.clone()));
            Value::Null
        }
    };
    Some(match (name, arguments) {
        ("put", [key, value]) => put(entries, key, value),
        ("putIfAbsent", [key, value]) => match at(entries, key).map(|at| entries[at].1.clone()) {
            None | Some(Value::Null) => put(entries, key, value),
            Some(old) => old,
        },
        ("replace", [key, value]) if at(entries, key).is_some() => put(entries, key, value),
        ("replace", [_, _]) => Value::Null,
        ("putAll", [Value::Map(others)]) => {
            for (key, value) in others {
                put(entries, &Value::from(key.as_str()), value);
            }
            Value::Null
        }
        ("remove", [key]) => match at(entries, key) {
            Some(at) => entries.remove(at).1,
            None => Value::Null,
        },
        ("clear", []) => {
            entries.clear();
            Value::Null
        }
        _ => return None,
    })
}

/// A method of a list.
pub(crate) fn list(items: &[Value], name: &str, arguments: &[Value]) -> Called {
    let at = |found: Option<usize>| Value::Int(found.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1));
    Ok(Some(match (name, arguments) {
        ("size", []) => length(items.len()),
        ("isEmpty", []) => Value::Bool(items.is_empty()),
        ("contains", [item]) => Value::Bool(items.contains(item)),
        ("containsAll", [Value::List(others)]) => Value::Bool(others.iter().all(|item| items.contains(item))),
        ("indexOf", [item]) => at(items.iter().position(|own| own == item)),
        ("lastIndexOf", [item]) => at(items.iter().rposition(|own| own == item)),
        ("toArray", []) => Java::Array("[Ljava.lang.Object;", items.to_vec()).into(),
        ("stream", []) => Value::List(items.to_vec()),
        ("iterator" | "listIterator", []) => Java::Iterator(items.to_vec()).into(),
        ("count", []) => Value::Long(i64::try_from(items.len()).unwrap_or(i64::MAX)),
        ("hashCode", []) => Value::Int(items.iter().fold(1_i32, |hash, item| {
            hash.wrapping_mul(31).wrapping_add(hash_of(item))
        })),
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
    let keyed = |key: &Value| match key {
        Value::Str(key) => entries
            .iter()
            .find(|(own, _)| own == key)
            .map(|(_, value)| value.clone()),
        _ => None,
    };
    Ok(Some(match (name, arguments) {
        ("size", []) => length(entries.len()),
        ("hashCode", []) => Value::Int(entries.iter().fold(0_i32, |hash, (key, value)| {
            hash.wrapping_add(string_hash(key) ^ hash_of(value))
        })),
        ("isEmpty", []) => Value::Bool(entries.is_empty()),
        ("get", [key]) => keyed(key).unwrap_or(Value::Null),
        ("getOrDefault", [key, other]) => keyed(key).unwrap_or_else(|| other.clone()),
        ("containsKey", [key]) => Value::Bool(keyed(key).is_some()),
        ("containsValue", [value]) => Value::Bool(entries.iter().any(|(_, own)| own == value)),
        ("keySet", []) => Value::List(entries.iter().map(|(key, _)| Value::from(key.as_str())).collect()),
        ("values", []) => Value::List(entries.iter().map(|(_, value)| value.clone()).collect()),
        ("entrySet", []) => Value::List(
            entries
                .iter()
                .map(|(key, value)| Java::Entry(key.clone(), Box::new(value.clone())).into())
                .collect(),
        ),
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

/// `hashCode` of an element; of other objects Java's is an address.
fn hash_of(value: &Value) -> i32 {
    match value {
        Value::Str(text) => string_hash(text),
        Value::Bool(truth) => {
            if *truth {
                1231
            } else {
                1237
            }
        }
        Value::Null => 0,
        other => number::hash(other).unwrap_or_default(),
    }
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
