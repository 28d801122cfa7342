//! The functions Camunda adds to the language.

use super::{json, xml};
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
        ("S", [input]) => spin(input),
        ("JSON", [input]) => json::parse(input),
        ("XML", [input]) => match input {
            Value::Xml(_) => Ok(input.clone()),
            Value::Str(text) => xml::parse(text),
            Value::Null => Err(null_input()),
            _ => Err(unsupported(input)),
        },
        _ => Err(EvalError::new(format!("Could not resolve function '{name}'"))),
    }
}

/// `S` tells JSON objects and arrays from XML by the first character.
fn spin(input: &Value) -> Result<Value, EvalError> {
    match input {
        Value::Json(_) | Value::Xml(_) => Ok(input.clone()),
        Value::Null => Err(null_input()),
        Value::Str(text) => match text.trim_start().chars().next() {
            Some('{' | '[') => json::parse(input),
            Some('<') => xml::parse(text),
            _ => Err(EvalError::thrown(
                "org.camunda.spin.spi.SpinDataFormatException",
                "SPIN-01004 No matching data format detected",
            )),
        },
        _ => Err(unsupported(input)),
    }
}

/// Spin's error for null.
pub(crate) fn null_input() -> EvalError {
    EvalError::thrown(
        "java.lang.IllegalArgumentException",
        "UTILS-02001 Parameter 'parameter' is null",
    )
}

/// Spin's error for values it has no format for.
fn unsupported(input: &Value) -> EvalError {
    EvalError::thrown(
        "java.lang.IllegalArgumentException",
        format_args!("SPIN-01001 Unsupported input of type '{}'", input.class_name()),
    )
}
