//! Properties and methods of values. They never change the value they are called on.

pub(crate) mod collection;
mod datetime;
mod format;
pub(crate) mod functions;
mod java;
pub(crate) mod json;
mod json_path;
pub(crate) mod number;
pub(crate) mod object;
mod string;
pub(crate) mod xml;
pub(crate) mod xpath;

use crate::numbers::parse_long;
use crate::{Context, EvalError, Java, MAX_RESULT, Value, coerce};

/// What a method call gives; `None` when the value has no such method.
type Called = Result<Option<Value>, EvalError>;

/// Calls a method of a value that is not null.
pub(crate) fn call(
    target: Value,
    name: &str,
    arguments: Vec<Value>,
    ctx: &mut dyn Context,
) -> Result<Value, EvalError> {
    if let Value::Bean(bean) = &target {
        let missing = unknown_method(&target, name, &arguments);
        return ctx.call(bean, name, arguments)?.ok_or(missing);
    }
    if let (Value::Json(_), "prop", [Value::Str(field)]) = (&target, name, arguments.as_slice())
        && let Value::Json(node) = target
    {
        return json::prop(node, field);
    }
    let found = match &target {
        Value::Str(text) => string::call(text, name, &arguments)?,
        Value::List(items) => collection::list(items, name, &arguments)?,
        Value::Map(entries) => collection::map(entries, name, &arguments)?,
        Value::Short(_) | Value::Int(_) | Value::Long(_) | Value::Double(_) => {
            number::call(&target, name, &arguments)?
        }
        Value::Bool(truth) => number::boolean(*truth, name, &arguments)?,
        Value::Date(ms) => datetime::date(*ms, name, &arguments)?,
        Value::DateTime(ms) => datetime::call(*ms, name, &arguments, ctx.now())?,
        Value::Json(node) => json::call(node, name, &arguments)?,
        Value::Object { .. } => return object::call(&target, name, arguments, ctx),
        Value::Xml(source) => xml::call(source, name, &arguments)?,
        Value::Java(object) => java::call(object, name, &arguments)?,
        Value::Null | Value::Bytes(_) | Value::Bean(_) => None,
    };
    if let Some(value) = found {
        return Ok(value);
    }
    match (name, arguments.as_slice()) {
        ("toString", []) => Ok(Value::Str(target.to_text())),
        ("getClass", []) => Ok(java::class_of(&target)),
        ("equals", [other]) => Ok(Value::Bool(target == *other)),
        _ => Err(unknown_method(&target, name, &arguments)),
    }
}

/// The property or element of a value; of null it is null.
pub(crate) fn property(base: &Value, key: &Value, ctx: &mut dyn Context) -> Result<Value, EvalError> {
    if *base == Value::Null || *key == Value::Null {
        return Ok(Value::Null);
    }
    let name = key.to_text();
    let found = match base {
        Value::Bean(bean) => ctx.property(bean, &name)?,
        Value::Map(entries) => Some(collection::entry(entries, &name)),
        Value::List(items) => {
            let found = index(key)?.and_then(|index| items.get(index).cloned());
            Some(found.unwrap_or(Value::Null))
        }
        Value::Java(object) if let Java::Array(_, items) = &**object => {
            let found = index(key)?.and_then(|index| items.get(index).cloned());
            Some(found.unwrap_or(Value::Null))
        }
        Value::Bytes(bytes) => {
            let found = index(key)?.and_then(|index| bytes.get(index).copied());
            Some(found.map_or(Value::Null, |byte| Java::Byte(byte as i8).into()))
        }
        Value::Object { .. } => match object::view(base) {
            Some(view) => return property(&view, key, ctx),
            None => return Err(object::unreadable(base)),
        },
        Value::Date(ms) => datetime::date(*ms, &getter(&name), &[])?,
        Value::DateTime(ms) => datetime::field(*ms, &name)?,
        Value::Str(text) if name == "blank" => Some(Value::Bool(text.chars().all(char::is_whitespace))),
        Value::Str(text) if name == "bytes" => Some(Value::Bytes(text.as_bytes().to_vec())),
        Value::Json(node) => json::property(node, &name),
        Value::Double(number) if name == "infinite" => Some(Value::Bool(number.is_infinite())),
        Value::Xml(_) if name == "dataFormatName" => Some(Value::from("application/xml")),
        Value::Java(object) => java::property(object, &name),
        _ => None,
    };
    if found.is_none() && name == "class" {
        return Ok(java::class_of(base));
    }
    found.ok_or_else(|| {
        EvalError::unknown_property(format!(
            "The class '{}' does not have the property '{name}'.",
            base.class_name()
        ))
    })
}

/// The index of a list element; `None` when it is negative.
fn index(key: &Value) -> Result<Option<usize>, EvalError> {
    let number = match key {
        Value::Str(text) => parse_long(text)
            .filter(|number| i32::try_from(*number).is_ok())
            .ok_or_else(|| EvalError::new(format!("For input string: \"{text}\"")))?,
        Value::Short(_) | Value::Int(_) | Value::Long(_) | Value::Double(_) => coerce::long(key)?,
        // What Java throws here has no message.
        _ => return Err(EvalError::new("null")),
    };
    Ok(usize::try_from(number).ok())
}

/// Refuses to build strings that are too long; the length is in bytes.
pub(crate) fn within_limit(length: usize) -> Result<(), EvalError> {
    if length > MAX_RESULT {
        return Err(EvalError::new(format!(
            "the result is longer than {MAX_RESULT} bytes"
        )));
    }
    Ok(())
}

/// The getter of a bean property.
fn getter(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(char::to_uppercase);
    format!(
        "get{}{}",
        first.into_iter().flatten().collect::<String>(),
        letters.as_str()
    )
}

fn unknown_method(target: &Value, name: &str, arguments: &[Value]) -> EvalError {
    let types: Vec<_> = arguments.iter().map(Value::class_name).collect();
    let class = target.class_name();
    EvalError::unknown_method(format!(
        "Method not found: class {class}.{name}({})",
        types.join(", ")
    ))
}

/// An argument for a parameter of type `int`; `None` when it does not fit the type.
fn int(argument: &Value) -> Option<i32> {
    match argument {
        Value::Null | Value::Short(_) | Value::Int(_) | Value::Long(_) | Value::Double(_) | Value::Str(_) => {
            coerce::long(argument).ok().map(|number| number as i32)
        }
        _ => None,
    }
}

/// An argument for a parameter of type `long`; `None` when it does not fit the type.
fn long(argument: &Value) -> Option<i64> {
    coerce::long(argument).ok()
}

/// An argument for a parameter of a type only strings have.
fn text(argument: &Value) -> Option<&str> {
    match argument {
        Value::Str(text) => Some(text),
        _ => None,
    }
}
