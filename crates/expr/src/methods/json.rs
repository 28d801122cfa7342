//! Spin's JSON nodes. Methods that change a node give the changed copy.

use serde_json::Value as Node;

use super::{Called, int, json_path};
use crate::{EvalError, Java, Value};

const FORMAT_ERROR: &str = "org.camunda.spin.json.SpinJsonDataFormatException";
const PROPERTY_ERROR: &str = "org.camunda.spin.json.SpinJsonPropertyException";

/// The node `JSON` makes of a value.
///
/// # Errors
/// The value is null, or a text that is not JSON.
pub(crate) fn parse(input: &Value) -> Result<Value, EvalError> {
    let unreadable = || {
        EvalError::thrown(
            FORMAT_ERROR,
            "SPIN/JACKSON-JSON-01001 Unable to parse input into json node",
        )
    };
    match input {
        Value::Null => Err(super::functions::null_input()),
        Value::Str(text) => serde_json::from_str(text)
            .map(Value::Json)
            .map_err(|_| unreadable()),
        other => node_of(other).map(Value::Json).ok_or_else(unreadable),
    }
}

/// A value as a JSON node.
pub(crate) fn node_of(value: &Value) -> Option<Node> {
    Some(match value {
        Value::Null => Node::Null,
        Value::Bool(truth) => Node::from(*truth),
        Value::Short(number) => Node::from(*number),
        Value::Int(number) => Node::from(*number),
        Value::Long(number) => Node::from(*number),
        Value::Double(number) => Node::from(*number),
        Value::Str(text) => Node::from(text.as_str()),
        Value::Date(ms) => Node::from(*ms),
        Value::List(items) => Node::Array(items.iter().map(node_of).collect::<Option<_>>()?),
        Value::Map(entries) => {
            let field = |(key, value): &(String, Value)| Some((key.clone(), node_of(value)?));
            Node::Object(entries.iter().map(field).collect::<Option<_>>()?)
        }
        Value::Json(node) => node.clone(),
        Value::Object { .. } => return super::object::view(value).and_then(|view| node_of(&view)),
        Value::Java(object) => return object.to_json(),
        Value::DateTime(_) | Value::Bytes(_) | Value::Xml(_) | Value::Bean(_) => return None,
    })
}

/// A node as maps, lists and plain values.
pub(crate) fn plain(node: &Node) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(truth) => Value::Bool(*truth),
        Node::Number(_) => number(node).unwrap_or(Value::Null),
        Node::String(text) => Value::from(text.as_str()),
        Node::Array(items) => Value::List(items.iter().map(plain).collect()),
        Node::Object(fields) => Value::Map(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), plain(value)))
                .collect(),
        ),
    }
}

/// A number in the narrowest class Jackson picks: `Integer`, `Long`, `Double`.
fn number(node: &Node) -> Option<Value> {
    let Node::Number(number) = node else { return None };
    Some(match number.as_i64() {
        Some(long) => i32::try_from(long).map_or(Value::Long(long), Value::Int),
        None => Value::Double(number.as_f64()?),
    })
}

/// A property of the node object itself (its content is read with `prop`).
pub(crate) fn property(node: &Node, name: &str) -> Option<Value> {
    Some(match name {
        "object" => Value::Bool(node.is_object()),
        "value" if !node.is_object() && !node.is_array() => plain(node),
        "dataFormatName" => Value::from("application/json"),
        _ => return None,
    })
}

/// `prop(name)`: the field, taken out of the node without copying it.
pub(crate) fn prop(mut node: Node, name: &str) -> Result<Value, EvalError> {
    let found = node
        .as_object_mut()
        .and_then(|fields| fields.get_mut(name))
        .map(Node::take);
    found.map(Value::Json).ok_or_else(|| missing(name))
}

/// A method of a node, except for `prop(name)`.
pub(crate) fn call(node: &Node, name: &str, arguments: &[Value]) -> Called {
    Ok(match arguments {
        [] => plain_call(node, name)?,
        [Value::Null] if name == "prop" => return Err(missing("")),
        [Value::Null] => None,
        [argument] => one(node, name, argument)?,
        [_, Value::Null] if name == "prop" => {
            return Err(EvalError::unknown_method(
                "Unable to find unambiguous method: class \
                 org.camunda.spin.impl.json.jackson.JacksonJsonNode.prop(java.lang.String, null)",
            ));
        }
        [key, value] if name == "prop" => Some(with_prop(node, &key.to_text(), value)?),
        [place, value] => inserted(node, name, place, value)?,
        _ => None,
    })
}

fn plain_call(node: &Node, name: &str) -> Called {
    let is_value = !node.is_object() && !node.is_array();
    Ok(Some(match name {
        "isObject" => Value::Bool(node.is_object()),
        "isArray" => Value::Bool(node.is_array()),
        "isValue" => Value::Bool(is_value),
        "isString" => Value::Bool(node.is_string()),
        "isNumber" => Value::Bool(node.is_number()),
        "isBoolean" => Value::Bool(node.is_boolean()),
        "isNull" => Value::Bool(node.is_null()),
        "stringValue" => match node {
            Node::String(text) => Value::from(text.as_str()),
            _ => return Err(wrong_type("String", node)),
        },
        "numberValue" => number(node).ok_or_else(|| wrong_type("Number", node))?,
        "boolValue" => Value::Bool(node.as_bool().ok_or_else(|| wrong_type("Boolean", node))?),
        "value" if is_value => plain(node),
        "value" => return Err(wrong_type("String/Number/Boolean/Null", node)),
        "elements" => match node {
            Node::Array(items) => Value::List(items.iter().cloned().map(Value::Json).collect()),
            _ => return Err(wrong_type("SpinList", node)),
        },
        "fieldNames" => match node {
            Node::Object(fields) => Value::List(fields.keys().map(|key| Value::from(key.as_str())).collect()),
            Node::Array(_) => Value::List(Vec::new()),
            _ => return Err(wrong_type("Array/Object", node)),
        },
        "unwrap" => Value::Json(node.clone()),
        "getDataFormatName" => Value::from("application/json"),
        _ => return Ok(None),
    }))
}

fn one(node: &Node, name: &str, argument: &Value) -> Called {
    let text = argument.to_text();
    let place = |last: bool| -> Result<Option<usize>, EvalError> {
        let Node::Array(items) = node else {
            return Err(wrong_type("Array", node));
        };
        let wanted = node_of(argument);
        let is_it = |item: &Node| Some(item) == wanted.as_ref();
        Ok(if last {
            items.iter().rposition(is_it)
        } else {
            items.iter().position(is_it)
        })
    };
    Ok(Some(match name {
        "hasProp" => Value::Bool(node.get(&text).is_some()),
        "deleteProp" => match node {
            Node::Object(fields) if fields.contains_key(&text) => {
                let mut fields = fields.clone();
                fields.shift_remove(&text);
                Value::Json(Node::Object(fields))
            }
            _ => return Err(missing(&text)),
        },
        "contains" => Value::Bool(place(false)?.is_some()),
        "indexOf" | "lastIndexOf" => {
            let found = place(name == "lastIndexOf")?.ok_or_else(|| missing(&text))?;
            Value::Int(i32::try_from(found).unwrap_or(i32::MAX))
        }
        "append" => changed(node, |items| {
            items.push(node_of(argument).ok_or_else(|| missing(&text))?);
            Ok(())
        })?,
        "remove" => {
            let at = place(false)?.ok_or_else(|| missing(&text))?;
            changed(node, |items| {
                items.remove(at);
                Ok(())
            })?
        }
        "removeAt" => {
            let Some(at) = int(argument) else { return Ok(None) };
            changed(node, |items| match usize::try_from(at) {
                Ok(at) if at < items.len() => {
                    items.remove(at);
                    Ok(())
                }
                _ => Err(out_of_bounds(i64::from(at), items.len())),
            })?
        }
        "jsonPath" => Java::JsonPath(node.clone(), text).into(),
        "removeLast" => {
            let at = place(true)?.ok_or_else(|| missing(&text))?;
            changed(node, |items| {
                items.remove(at);
                Ok(())
            })?
        }
        "mapTo" => mapped(node, &text)?,
        _ => return Ok(None),
    }))
}

/// `mapTo(class)` for Java's own maps and lists.
fn mapped(node: &Node, class: &str) -> Result<Value, EvalError> {
    let class = class.split('<').next().unwrap_or(class);
    if class == "java.lang.Object" || class.starts_with("java.util.") {
        return Ok(plain(node));
    }
    let message = format!("SPIN/JACKSON-JSON-01007 Cannot construct java type from string '{class}'");
    Err(EvalError::thrown(FORMAT_ERROR, message))
}

/// `insertAt`, `insertBefore` and `insertAfter`.
fn inserted(node: &Node, name: &str, place: &Value, value: &Value) -> Called {
    let shown = place.to_text();
    let wanted = node_of(place);
    let found = |items: &[Node]| {
        let at = items.iter().position(|item| Some(item) == wanted.as_ref());
        at.ok_or_else(|| missing(&shown))
    };
    let value = node_of(value).ok_or_else(|| missing(&shown))?;
    let index = int(place);
    let changed = changed(node, |items| {
        let at = match (name, index) {
            ("insertBefore", _) => found(items)?,
            ("insertAfter", _) => found(items)? + 1,
            (_, Some(at)) => match usize::try_from(at) {
                Ok(index) if index <= items.len() => index,
                _ => return Err(out_of_bounds(i64::from(at), items.len())),
            },
            _ => return Err(missing(&shown)),
        };
        items.insert(at, value);
        Ok(())
    });
    match name {
        "insertAt" | "insertBefore" | "insertAfter" => changed.map(Some),
        _ => Ok(None),
    }
}

fn out_of_bounds(at: i64, size: usize) -> EvalError {
    EvalError::thrown(
        "java.lang.IndexOutOfBoundsException",
        format_args!("SPIN/JACKSON-JSON-01012 Index is out of bound! Index: '{at}', Size: '{size}'"),
    )
}

/// A copy of an array after the change.
fn changed(
    node: &Node,
    change: impl FnOnce(&mut Vec<Node>) -> Result<(), EvalError>,
) -> Result<Value, EvalError> {
    let Node::Array(items) = node else {
        return Err(EvalError::thrown(
            "org.camunda.spin.json.SpinJsonException",
            format_args!(
                "SPIN/JACKSON-JSON-01010 Unable to modify node of type '{}'. Node is not a list.",
                type_name(node)
            ),
        ));
    };
    let mut items = items.clone();
    change(&mut items)?;
    Ok(Value::Json(Node::Array(items)))
}

/// A copy of an object with the property set.
fn with_prop(node: &Node, key: &str, value: &Value) -> Result<Value, EvalError> {
    let value = match value {
        Value::Date(_) | Value::DateTime(_) | Value::Xml(_) => Some(Node::from(value.to_text())),
        _ => node_of(value),
    };
    match (node, value) {
        (Node::Object(fields), Some(value)) => {
            let mut fields = fields.clone();
            fields.insert(key.to_owned(), value);
            Ok(Value::Json(Node::Object(fields)))
        }
        _ => Err(wrong_type("Object", node)),
    }
}

/// Reads the result of `jsonPath(path)` with a method.
pub(crate) fn query(node: &Node, path: &str, name: &str, arguments: &[Value]) -> Result<Value, EvalError> {
    let unknown = || {
        let class = "org.camunda.spin.impl.json.jackson.query.JacksonJsonPathQuery";
        EvalError::unknown_method(format!("Method not found: class {class}.{name}()"))
    };
    let found = json_path::evaluate(node, path)?;
    match (name, arguments) {
        ("element", []) => Ok(Value::Json(found)),
        ("elementList", []) => plain_call(&found, "elements")?.ok_or_else(unknown),
        ("stringValue" | "numberValue" | "boolValue", []) => plain_call(&found, name)?.ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

fn missing(name: &str) -> EvalError {
    EvalError::thrown(
        PROPERTY_ERROR,
        format_args!("SPIN/JACKSON-JSON-01004 Unable to find '{name}'"),
    )
}

fn wrong_type(expected: &str, node: &Node) -> EvalError {
    EvalError::thrown(
        FORMAT_ERROR,
        format_args!(
            "SPIN/JACKSON-JSON-01002 Expected '{expected}', got '{}'",
            type_name(node)
        ),
    )
}

fn type_name(node: &Node) -> &'static str {
    match node {
        Node::Null => "NULL",
        Node::Bool(_) => "BOOLEAN",
        Node::Number(_) => "NUMBER",
        Node::String(_) => "STRING",
        Node::Array(_) => "ARRAY",
        Node::Object(_) => "OBJECT",
    }
}
