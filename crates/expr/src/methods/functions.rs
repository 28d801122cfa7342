//! The functions Camunda adds to the language.

use super::json;
use crate::{Context, EvalError, Value};

/// Each function with the number of its parameters.
const FUNCTIONS: [(&str, usize); 7] = [
    ("currentUser", 0),
    ("currentUserGroups", 0),
    ("now", 0),
    ("dateTime", 0),
    ("S", 1),
    ("JSON", 1),
    ("XML", 1),
];

/// Whether the function exists and takes that many arguments; otherwise the message for it.
pub(crate) fn check(name: &str, arguments: usize) -> Result<(), String> {
    match FUNCTIONS.iter().find(|(known, _)| *known == name) {
        None => Err(format!("Could not resolve function '{name}'")),
        Some((_, wanted)) if *wanted != arguments => {
            Err(format!("Parameters for function '{name}' do not match"))
        }
        Some(_) => Ok(()),
    }
}

/// Calls a function.
pub(crate) fn call(name: &str, arguments: &[Value], ctx: &mut dyn Context) -> Result<Value, EvalError> {
    let optional = |value: Option<Value>| value.unwrap_or(Value::Null);
    match (name, arguments) {
        ("now", []) => Ok(Value::Date(ctx.now())),
        ("dateTime", []) => Ok(Value::DateTime(ctx.now())),
        ("currentUser", []) => Ok(optional(ctx.user().map(Value::Str))),
        ("currentUserGroups", []) => {
            let groups = ctx
                .groups()
                .map(|names| Value::List(names.into_iter().map(Value::Str).collect()));
            Ok(optional(groups))
        }
        ("S", [input]) => spin(input).ok_or_else(|| failed(name)),
        ("JSON", [input]) => json::parse(input).ok_or_else(|| failed(name)),
        ("XML", [input]) => xml(input).ok_or_else(|| failed(name)),
        _ => Err(EvalError::new(format!("Could not resolve function '{name}'"))),
    }
}

/// `S` tells JSON objects and arrays from XML by the first character.
fn spin(input: &Value) -> Option<Value> {
    match input {
        Value::Json(_) | Value::Xml(_) => Some(input.clone()),
        Value::Str(text) => match text.trim_start().chars().next()? {
            '{' | '[' => json::parse(input),
            '<' => xml(input),
            _ => None,
        },
        _ => None,
    }
}

fn xml(input: &Value) -> Option<Value> {
    match input {
        Value::Xml(_) => Some(input.clone()),
        Value::Str(text) if text.trim_start().starts_with('<') => Some(Value::Xml(text.clone())),
        _ => None,
    }
}

fn failed(name: &str) -> EvalError {
    EvalError::new(format!("Error invoking function '{name}'"))
}
