//! Variables as expressions see them, and back.
use crate::value::TypedValue;
use expr::Value;

/// The element type of a Java list or map of ours; lists and maps that came as JSON are that again in expressions.
fn collection(type_name: &str) -> Option<&str> {
    let (class, elements) = type_name
        .split_once('<')
        .unwrap_or((type_name, "java.lang.Object>"));
    let known = class.starts_with("java.util.") && (class.ends_with("List") || class.ends_with("Map"));
    known.then(|| elements.trim_end_matches('>'))
}

/// A variable as expressions see it.
pub(crate) fn to_value(value: &TypedValue) -> Value {
    match value {
        TypedValue::Null => Value::Null,
        TypedValue::Boolean(v) => Value::Bool(*v),
        TypedValue::Short(v) => Value::Short(*v),
        TypedValue::Integer(v) => Value::Int(*v),
        TypedValue::Long(v) => Value::Long(*v),
        TypedValue::Double(v) => Value::Double(*v),
        TypedValue::String(v) => Value::Str(v.clone()),
        TypedValue::Date(v) => Value::Date(*v),
        TypedValue::Bytes(v) => Value::Bytes(v.clone()),
        TypedValue::File { content, .. } => Value::Bytes(content.clone()),
        TypedValue::Json(text) => match serde_json::from_str(text) {
            Ok(json) => Value::Json(json),
            Err(_) => Value::Str(text.clone()),
        },
        TypedValue::Xml(text) => Value::Xml(text.clone()),
        // Without its content; [`crate::ctx::Ctx`] gives expressions the whole value.
        TypedValue::Large(large) => to_value(large.shape()),
        TypedValue::Object {
            text,
            type_name,
            format,
        } => {
            if let Some(text) = text
                && format.contains("json")
                && let Some(elements) = collection(type_name)
                && let Ok(json) = serde_json::from_str(text)
            {
                return match from_json(json) {
                    Value::List(items) => {
                        Value::List(items.into_iter().map(|i| retyped(i, elements)).collect())
                    }
                    other => other,
                };
            }
            Value::Object {
                type_name: type_name.clone(),
                text: text.clone(),
                format: format.clone(),
            }
        }
    }
}

/// What an expression gave, as a variable. Lists and maps become objects serialized as JSON, typed as the reference
/// types them: a list by its first element.
pub(crate) fn from_value(value: Value) -> TypedValue {
    match value {
        Value::Null => TypedValue::Null,
        Value::Bool(v) => TypedValue::Boolean(v),
        Value::Short(v) => TypedValue::Short(v),
        Value::Int(v) => TypedValue::Integer(v),
        Value::Long(v) => TypedValue::Long(v),
        Value::Double(v) => TypedValue::Double(v),
        Value::Str(v) => TypedValue::String(v),
        Value::Date(v) | Value::DateTime(v) => TypedValue::Date(v),
        Value::Bytes(v) => TypedValue::Bytes(v),
        Value::Json(v) => TypedValue::Json(v.to_string()),
        Value::Xml(v) => TypedValue::Xml(v),
        Value::Object {
            type_name,
            text,
            format,
        } => TypedValue::Object {
            text,
            type_name,
            format,
        },
        Value::List(items) => {
            let elements = items.first().map_or("java.lang.Object", Value::class_name);
            let type_name = format!("java.util.ArrayList<{elements}>");
            object(type_name, Value::List(items))
        }
        Value::Map(mut entries) => {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            object(
                "java.util.TreeMap<java.lang.Object,java.lang.Object>".to_owned(),
                Value::Map(entries),
            )
        }
        Value::Bean(name) => TypedValue::String(name),
    }
}

fn object(type_name: String, value: Value) -> TypedValue {
    let text = Some(into_json(value).to_string());
    TypedValue::Object {
        text,
        type_name,
        format: "application/json".to_owned(),
    }
}

/// An element of a list as the reference reads it back: all of the type of the first.
fn retyped(value: Value, class: &str) -> Value {
    match (class, value) {
        (
            "java.lang.String",
            value @ (Value::Int(_) | Value::Long(_) | Value::Double(_) | Value::Bool(_)),
        ) => Value::Str(value.to_text()),
        ("java.lang.Long", Value::Int(number)) => Value::Long(number.into()),
        ("java.util.Date", Value::Long(at)) => Value::Date(at),
        (_, value) => value,
    }
}

fn into_json(value: Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Null => Json::Null,
        Value::Bool(v) => v.into(),
        Value::Short(v) => v.into(),
        Value::Int(v) => v.into(),
        Value::Long(v) | Value::Date(v) | Value::DateTime(v) => v.into(),
        Value::Double(v) => v.into(),
        Value::List(items) => Json::Array(items.into_iter().map(into_json).collect()),
        Value::Map(entries) => Json::Object(entries.into_iter().map(|(k, v)| (k, into_json(v))).collect()),
        Value::Json(v) => v,
        other => Json::String(other.to_text()),
    }
}

fn from_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(v) => Value::Bool(v),
        Json::Number(n) => match n.as_i64() {
            Some(v) => i32::try_from(v).map_or(Value::Long(v), Value::Int),
            None => Value::Double(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(v) => Value::Str(v),
        Json::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        Json::Object(entries) => Value::Map(entries.into_iter().map(|(k, v)| (k, from_json(v))).collect()),
    }
}
