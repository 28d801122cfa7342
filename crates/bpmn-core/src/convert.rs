//! Variables as expressions see them, and back.
use crate::{collections, value::TypedValue};
use expr::{Java, Value};

/// A variable as expressions see it.
pub(crate) fn to_value(value: &TypedValue) -> Value {
    match value {
        TypedValue::Null | TypedValue::NullOf(_) => Value::Null,
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
        TypedValue::Transient(value) => to_value(value),
        TypedValue::Object {
            text,
            type_name,
            format,
        } => {
            if let Some(text) = text
                && format.contains("json")
                && collections::is_collection(type_name)
                && let Ok(json) = serde_json::from_str(text)
            {
                let elements = collections::elements(type_name);
                return match collections::iterated(type_name, from_json(json)) {
                    Value::List(items) => {
                        let items = items.into_iter().map(|i| retyped(i, elements)).collect();
                        match type_name.as_str() {
                            "[Ljava.lang.String;" => Java::Array("[Ljava.lang.String;", items).into(),
                            "[Ljava.lang.Object;" => Java::Array("[Ljava.lang.Object;", items).into(),
                            _ => Value::List(items),
                        }
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

/// What an expression gave, as a variable. Lists and maps become objects serialized as JSON.
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
        Value::List(_) => collections::written("java.util.ArrayList", value),
        Value::Map(_) => collections::written("java.util.LinkedHashMap", value),
        Value::Java(object) => match *object {
            Java::Typed(value) => from_value(*value),
            Java::Array(class, items) => collections::written(class, Value::List(items)),
            other => match other.to_json() {
                Some(json) => json_object(other.class_name(), &json),
                None => TypedValue::String(Value::from(other).to_text()),
            },
        },
        Value::Bean(name) => TypedValue::String(name),
    }
}

/// What an expression gave, as the variable of that name. `at` is the element that sets it.
///
/// # Errors
/// The reference can't store it either; its text, with the type and the element.
pub(crate) fn storable(name: &str, value: Value, at: Option<&str>) -> Result<TypedValue, String> {
    let refused = match &value {
        Value::DateTime(_) | Value::Bean(_) => true,
        Value::Java(object) => !matches!(**object, Java::Typed(_)) && object.to_json().is_none(),
        _ => false,
    };
    if refused {
        return Err(format!(
            "Cannot serialize object in variable '{name}': SPIN/JACKSON-JSON-01009 Unable to map object '{}' to json node; \
             it is of type {}, set in activity '{}'",
            value.to_text(),
            value.class_name(),
            at.unwrap_or_default()
        ));
    }
    // As the reference does: an XML element that an expression gives is not taken for XML.
    if let Value::Xml(_) = value {
        let json = serde_json::json!({"dataFormatName": "application/xml"});
        return Ok(json_object(value.class_name(), &json));
    }
    Ok(from_value(value))
}

fn json_object(class: &str, json: &serde_json::Value) -> TypedValue {
    TypedValue::Object {
        text: Some(json.to_string()),
        type_name: class.to_owned(),
        format: collections::FORMAT.to_owned(),
    }
}

/// The class of Spin's JSON nodes: what elements of a JSON array are.
const JSON_NODE: &str = "org.camunda.spin.impl.json.jackson.JacksonJsonNode";

/// An element of a list as the reference reads it back: all of the type of the first.
fn retyped(value: Value, class: &str) -> Value {
    match (class, value) {
        (
            "java.lang.String",
            value @ (Value::Int(_) | Value::Long(_) | Value::Double(_) | Value::Bool(_)),
        ) => Value::Str(value.to_text()),
        (JSON_NODE, value) => Value::Json(into_json(value)),
        ("java.lang.Long", Value::Int(number)) => Value::Long(number.into()),
        ("java.util.Date", Value::Long(at)) => Value::Date(at),
        (_, value) => value,
    }
}

pub(crate) fn into_json(value: Value) -> serde_json::Value {
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
        Value::Java(object) => match object.to_json() {
            Some(json) => json,
            None => Json::String(Value::Java(object).to_text()),
        },
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
