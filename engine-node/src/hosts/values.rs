//! Values as steps have them and as script hosts are told them.
use base64::{Engine, prelude::BASE64_STANDARD};
use bpmn_core::value::TypedValue;
use script_host::protocol::Value;
use serde_json::Value as Json;

/// A value for a script host.
pub fn to_wire(value: &TypedValue) -> Value {
    let plain = |value: Json| Value {
        value,
        ..Value::default()
    };
    let wire = match value {
        TypedValue::Null | TypedValue::NullOf(_) => plain(Json::Null),
        TypedValue::Boolean(v) => plain((*v).into()),
        TypedValue::Short(v) => plain((*v).into()),
        TypedValue::Integer(v) => plain((*v).into()),
        TypedValue::Long(v) | TypedValue::Date(v) => plain((*v).into()),
        TypedValue::Double(v) => plain(double(*v).into()),
        TypedValue::String(text) | TypedValue::Json(text) | TypedValue::Xml(text) => {
            plain(text.clone().into())
        }
        TypedValue::Bytes(bytes) | TypedValue::File { content: bytes, .. } => {
            plain(BASE64_STANDARD.encode(bytes).into())
        }
        TypedValue::Object {
            text,
            type_name,
            format,
        } => Value {
            type_name: Some(type_name.clone()),
            format: Some(format.clone()),
            ..plain(text.clone().into())
        },
        // Scripts are given whole values.
        TypedValue::Large(large) => return to_wire(large.shape()),
        TypedValue::Transient(value) => return to_wire(value),
    };
    let kind = match value {
        TypedValue::File { .. } => "Bytes",
        TypedValue::NullOf(_) => "Null",
        other => other.name(),
    };
    Value {
        kind: kind.to_owned(),
        ..wire
    }
}

fn double(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        v if v.is_infinite() && v > 0.0 => "Infinity".to_owned(),
        v if v.is_infinite() => "-Infinity".to_owned(),
        v => format!("{v:?}"),
    }
}

/// What a getter of `execution` or `task` gives: dates in milliseconds.
pub fn fact(value: &TypedValue) -> Json {
    to_wire(value).value
}

/// A value of a script host.
///
/// # Errors
/// It isn't of its type.
pub fn from_wire(wire: Value) -> Result<TypedValue, String> {
    let wrong = || format!("the script gave what is no {}", wire.kind);
    let text = || wire.value.as_str().map(str::to_owned).ok_or_else(wrong);
    let whole = || wire.value.as_i64().ok_or_else(wrong);
    Ok(match wire.kind.as_str() {
        "Null" | "" => TypedValue::Null,
        "Boolean" => TypedValue::Boolean(wire.value.as_bool().ok_or_else(wrong)?),
        "Short" => TypedValue::Short(whole()?.try_into().map_err(|_| wrong())?),
        "Integer" => TypedValue::Integer(whole()?.try_into().map_err(|_| wrong())?),
        "Long" => TypedValue::Long(whole()?),
        "Date" => TypedValue::Date(whole()?),
        "Double" => TypedValue::Double(text()?.parse().map_err(|_| wrong())?),
        "String" => TypedValue::String(text()?),
        "Json" => TypedValue::Json(text()?),
        "Xml" => TypedValue::Xml(text()?),
        "Bytes" => TypedValue::Bytes(BASE64_STANDARD.decode(text()?).map_err(|_| wrong())?),
        "Object" => TypedValue::Object {
            text: wire.value.as_str().map(str::to_owned),
            type_name: wire.type_name.clone().ok_or_else(wrong)?,
            format: wire.format.clone().ok_or_else(wrong)?,
        },
        other => return Err(format!("the script gave a value of type {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_out_and_come_back() {
        let values = [
            TypedValue::Null,
            TypedValue::Short(-3),
            TypedValue::Long(i64::MAX),
            TypedValue::Double(1e300),
            TypedValue::Double(f64::NEG_INFINITY),
            TypedValue::Bytes(vec![1, 255]),
            TypedValue::Object {
                text: Some("[1]".to_owned()),
                type_name: "java.util.ArrayList".to_owned(),
                format: "application/json".to_owned(),
            },
        ];
        for value in values {
            assert_eq!(from_wire(to_wire(&value)), Ok(value));
        }
    }
}
