//! Serialized Java objects: those stored as JSON text can be read as collections.

use crate::{Context, EvalError, Value};

/// The content of an object serialized as JSON, as maps, lists and plain values.
pub(crate) fn view(object: &Value) -> Option<Value> {
    match object {
        Value::Object {
            text: Some(text),
            format,
            ..
        } if format.contains("json") => serde_json::from_str(text)
            .ok()
            .map(|node| super::json::plain(&node)),
        _ => None,
    }
}

/// Calls a method on the content.
pub(crate) fn call(
    object: &Value,
    name: &str,
    arguments: Vec<Value>,
    ctx: &mut dyn Context,
) -> Result<Value, EvalError> {
    let Some(view) = view(object) else {
        return Err(unreadable(object));
    };
    // A bean's getter reads the field of that name.
    if let (Value::Map(entries), [], Some(field)) = (&view, arguments.as_slice(), field_of(name))
        && let Some((_, value)) = entries.iter().find(|(key, _)| *key == field)
    {
        return Ok(value.clone());
    }
    super::call(view, name, arguments, ctx)
}

fn field_of(getter: &str) -> Option<String> {
    let rest = getter.strip_prefix("get").or_else(|| getter.strip_prefix("is"))?;
    let first = rest.chars().next().filter(|c| c.is_uppercase())?;
    Some(format!("{}{}", first.to_lowercase(), &rest[first.len_utf8()..]))
}

/// The error for objects whose serialized form cannot be read here.
pub(crate) fn unreadable(object: &Value) -> EvalError {
    let (class, format) = match object {
        Value::Object {
            type_name, format, ..
        } => (type_name.as_str(), format.as_str()),
        other => (other.class_name(), ""),
    };
    EvalError::new(format!(
        "Cannot deserialize object of class '{class}' from format '{format}' in an expression"
    ))
}
