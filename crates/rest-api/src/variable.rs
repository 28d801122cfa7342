//! Typed variables on the wire: `{"value":…,"type":…,"valueInfo":{…}}`.
use crate::{ApiError, date};
use base64::{Engine, engine::general_purpose::STANDARD};
use bpmn_core::{
    Id,
    value::{TypedValue, Variables},
};
use serde_json::{Map, Value, json};
use std::borrow::Borrow;

/// Why a variable in a request is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum VariableError {
    /// The JSON has another shape: the reference answers with an empty message.
    Shape,
    /// The reference's text, to be put behind a prefix that names the command.
    Message(String),
}

impl VariableError {
    /// The answer; `prefix` is the reference's, such as `Cannot complete task X`.
    pub fn api(self, prefix: &str) -> ApiError {
        match self {
            VariableError::Shape => ApiError::invalid_request(""),
            VariableError::Message(text) => ApiError::invalid_request(format!("{prefix}: {text}")),
        }
    }
}

/// What a client sends for one variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    pub value: TypedValue,
    /// `valueInfo.transient`: lives for the command only.
    pub transient: bool,
}

/// Reads `{"name":{"value":…}}`; null or a missing member is no variables. Transient ones are refused: storing them
/// would be wrong, and so would be leaving them out.
pub fn read_all(value: Option<&Value>) -> Result<Variables, VariableError> {
    let map = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(VariableError::Shape),
    };
    let mut variables = Vec::with_capacity(map.len());
    for (name, dto) in map {
        let Incoming { value, transient } = read(dto)?;
        if transient {
            return Err(VariableError::Message(format!(
                "variable '{name}': transient variables are not served yet"
            )));
        }
        // The content of a large one is copied no more from here on.
        variables.push((name.clone(), value.folded()));
    }
    Ok(variables)
}

/// Reads one variable.
pub fn read(dto: &Value) -> Result<Incoming, VariableError> {
    let Value::Object(dto) = dto else {
        return Err(VariableError::Shape);
    };
    let value = dto.get("value").unwrap_or(&Value::Null);
    let info = match dto.get("valueInfo") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(info)) => info.clone(),
        Some(_) => return Err(VariableError::Shape),
    };
    let transient = match info.get("transient") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(on)) => *on,
        Some(other) => {
            return Err(VariableError::Message(format!(
                "The property 'transient' should have a value of type 'boolean', but is {other}"
            )));
        }
    };
    let kind = match dto.get("type") {
        None | Some(Value::Null) => None,
        Some(Value::String(kind)) if kind.is_empty() => None,
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(_) => return Err(VariableError::Shape),
    };
    let value = match kind {
        None => implicit(value),
        Some(kind) => typed(kind, value, &info)?,
    };
    Ok(Incoming { value, transient })
}

/// A plain JSON value as the type it implies: filters and untyped variables.
pub fn implicit(value: &Value) -> TypedValue {
    match value {
        Value::Null => TypedValue::Null,
        Value::Bool(b) => TypedValue::Boolean(*b),
        Value::String(text) => TypedValue::String(text.clone()),
        Value::Number(n) => match n.as_i64() {
            Some(i) => i32::try_from(i).map_or(TypedValue::Long(i), TypedValue::Integer),
            None => TypedValue::Double(n.as_f64().unwrap_or_default()),
        },
        Value::Array(_) => object(value, "java.util.ArrayList"),
        Value::Object(_) => object(value, "java.util.LinkedHashMap"),
    }
}

fn object(value: &Value, class: &str) -> TypedValue {
    TypedValue::Object {
        text: Some(value.to_string()),
        type_name: class.into(),
        format: "application/json".into(),
    }
}

/// The null of a type, whose word begins with a small letter here.
fn null(word: &str) -> TypedValue {
    let (first, rest) = word.split_at(word.len().min(1));
    TypedValue::null_of(&(first.to_uppercase() + rest))
}

fn typed(kind: &str, value: &Value, info: &Map<String, Value>) -> Result<TypedValue, VariableError> {
    let mut letters = kind.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase()).into_iter();
    let word: String = first.chain(letters).collect();
    let class = match word.as_str() {
        "boolean" => "java.lang.Boolean",
        "short" => "java.lang.Short",
        "integer" => "java.lang.Integer",
        "long" => "java.lang.Long",
        "double" => "java.lang.Double",
        "string" => "java.lang.String",
        "date" => "java.util.Date",
        "bytes" => "[B",
        "null" => return Ok(TypedValue::Null),
        "json" | "xml" | "object" => return serializable(kind, &word, value, info),
        "file" => return file(value, info),
        _ => return Err(VariableError::Message(format!("Unsupported value type '{kind}'"))),
    };
    if value.is_null() {
        return Ok(null(&word));
    }
    primitive(&word, value).ok_or_else(|| {
        let shown = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        VariableError::Message(format!(
            "Cannot convert value '{shown}' of type '{kind}' to java type {class}"
        ))
    })
}

/// The value if it is, or its text converts to, that type.
fn primitive(word: &str, value: &Value) -> Option<TypedValue> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(_) | Value::Object(_) => return None,
        other => other.to_string(),
    };
    let whole = |n: &Value| n.as_i64().or_else(|| text.parse::<i64>().ok());
    Some(match word {
        "boolean" => match text.as_str() {
            "true" | "True" | "TRUE" => TypedValue::Boolean(true),
            "false" | "False" | "FALSE" => TypedValue::Boolean(false),
            _ => return None,
        },
        "short" => TypedValue::Short(i16::try_from(whole(value)?).ok()?),
        "integer" => TypedValue::Integer(i32::try_from(whole(value)?).ok()?),
        "long" => TypedValue::Long(whole(value)?),
        "double" => TypedValue::Double(value.as_f64().or_else(|| text.parse().ok())?),
        "string" => match value {
            Value::String(text) => TypedValue::String(text.clone()),
            _ => TypedValue::String(text),
        },
        "date" => TypedValue::Date(date::parse(&text)?),
        "bytes" => TypedValue::Bytes(STANDARD.decode(text).ok()?),
        _ => return None,
    })
}

fn info_text(info: &Map<String, Value>, name: &str) -> Option<String> {
    info.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn serializable(
    kind: &str,
    word: &str,
    value: &Value,
    info: &Map<String, Value>,
) -> Result<TypedValue, VariableError> {
    let text = match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        _ => {
            return Err(VariableError::Message(format!(
                "Must provide 'null' or String value for value of SerializableValue type '{kind}'."
            )));
        }
    };
    Ok(match (word, text) {
        ("object", text) => {
            let type_name = info_text(info, "objectTypeName").unwrap_or_default();
            let format = info_text(info, "serializationDataFormat").unwrap_or_default();
            if text.is_some() && type_name.is_empty() {
                return Err(VariableError::Message(
                    "Cannot create serialized value for variable: no 'objectTypeName' specified".into(),
                ));
            }
            TypedValue::Object {
                text,
                type_name,
                format,
            }
        }
        (word, None) => null(word),
        ("json", Some(text)) => TypedValue::Json(text),
        (_, Some(text)) => TypedValue::Xml(text),
    })
}

fn file(value: &Value, info: &Map<String, Value>) -> Result<TypedValue, VariableError> {
    let content = match value {
        Value::Null => Vec::new(),
        Value::String(text) => STANDARD
            .decode(text.trim())
            .map_err(|_| VariableError::Message("Cannot decode the file's content: not base64".into()))?,
        _ => {
            return Err(VariableError::Message(
                "Provided value is not of File, InputStream or byte[] type.".into(),
            ));
        }
    };
    let filename = info_text(info, "filename").ok_or_else(|| {
        VariableError::Message(
            "Cannot create file without filename! Please set a name into ValueInfo with key filename".into(),
        )
    })?;
    let mime_type = info_text(info, "mimeType").or_else(|| info_text(info, "mimetype"));
    Ok(TypedValue::File {
        content,
        filename,
        mime_type,
        encoding: info_text(info, "encoding"),
    })
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `deserializeValues`: objects as JSON instead of their text.
    pub deserialize: bool,
    /// Content of `Bytes` variables; lists leave it out.
    pub binary: bool,
}

/// The members `type`, `value`, `valueInfo`.
pub fn write(value: &TypedValue, style: Style) -> Value {
    json!({"type": value.name(), "value": plain(value, style), "valueInfo": info(value)})
}

/// A map of variables by name.
pub fn write_all<'a, V: Borrow<TypedValue>>(
    variables: impl IntoIterator<Item = (&'a str, V)>,
    style: Style,
) -> Value {
    let map = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), write(value.borrow(), style)));
    Value::Object(map.collect())
}

/// The row of a large value whose content [`plain`] shows: files and bytes in lists are shown without.
pub fn content_shown(value: &TypedValue, style: Style) -> Option<Id> {
    let TypedValue::Large(large) = value else {
        return None;
    };
    match large.shape() {
        TypedValue::File { .. } => None,
        TypedValue::Bytes(_) if !style.binary => None,
        TypedValue::Xml(_) if style.deserialize => None,
        _ => large.id,
    }
}

/// The `value` member. Of a large value the content has to be put in before, if [`content_shown`] says so.
pub fn plain(value: &TypedValue, style: Style) -> Value {
    match value {
        TypedValue::Null | TypedValue::NullOf(_) | TypedValue::File { .. } => Value::Null,
        TypedValue::Boolean(b) => json!(b),
        TypedValue::Short(n) => json!(n),
        TypedValue::Integer(n) => json!(n),
        TypedValue::Long(n) => json!(n),
        // As the reference's JSON writer: `NaN`, `Infinity`, `-Infinity`.
        TypedValue::Double(n) if n.is_nan() => json!("NaN"),
        TypedValue::Double(n) if n.is_infinite() => json!(if *n > 0.0 { "Infinity" } else { "-Infinity" }),
        TypedValue::Double(n) => json!(n),
        TypedValue::String(text) => json!(text),
        TypedValue::Date(millis) => json!(date::format(*millis)),
        TypedValue::Bytes(_) if !style.binary => Value::Null,
        TypedValue::Bytes(bytes) => json!(STANDARD.encode(bytes)),
        TypedValue::Object {
            text,
            type_name,
            format,
        } => {
            let known = style.deserialize && format == "application/json" && type_name.starts_with("java.");
            match text {
                Some(text) if known => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
                Some(text) => json!(text),
                None => Value::Null,
            }
        }
        TypedValue::Json(text) if style.deserialize => spin_json(text),
        TypedValue::Xml(_) if style.deserialize => json!({"dataFormatName": "application/xml"}),
        TypedValue::Json(text) | TypedValue::Xml(text) => json!(text),
        TypedValue::Large(large) => match large.content() {
            Some(content) => plain(&large.whole((**content).clone()), style),
            None => plain(large.shape(), style),
        },
    }
}

/// What the reference makes of a deserialized JSON node: the bean properties of its wrapper.
fn spin_json(text: &str) -> Value {
    let Ok(node) = serde_json::from_str::<Value>(text) else {
        return json!(text);
    };
    let kind = match node {
        Value::Null => "NULL",
        Value::Bool(_) => "BOOLEAN",
        Value::Number(_) => "NUMBER",
        Value::String(_) => "STRING",
        Value::Array(_) => "ARRAY",
        Value::Object(_) => "OBJECT",
    };
    json!({
        "boolean": node.is_boolean(), "object": node.is_object(), "nodeType": kind, "array": node.is_array(),
        "null": node.is_null(), "number": node.is_number(), "dataFormatName": "application/json",
        "string": node.is_string(), "value": !node.is_object() && !node.is_array(),
    })
}

/// The `valueInfo` member.
pub fn info(value: &TypedValue) -> Value {
    if let TypedValue::Large(large) = value {
        return self::info(large.shape());
    }
    let mut info = Map::new();
    match value {
        TypedValue::Object {
            type_name, format, ..
        } => {
            if !type_name.is_empty() {
                info.insert("objectTypeName".into(), json!(type_name));
            }
            info.insert("serializationDataFormat".into(), json!(format));
        }
        TypedValue::File {
            filename,
            mime_type,
            encoding,
            ..
        } => {
            if let Some(encoding) = encoding {
                info.insert("encoding".into(), json!(encoding));
            }
            info.insert("filename".into(), json!(filename));
            if let Some(mime_type) = mime_type {
                info.insert("mimeType".into(), json!(mime_type));
            }
        }
        _ => {}
    }
    Value::Object(info)
}

#[cfg(test)]
mod tests {
    use super::*;
    const AS_STORED: Style = Style {
        deserialize: false,
        binary: true,
    };

    /// What the reference gives back for a variable sent to it.
    #[test]
    fn variables_come_back_as_the_reference_writes_them() {
        let cases = [
            (
                json!({"value": "x"}),
                json!({"type":"String","value":"x","valueInfo":{}}),
            ),
            (
                json!({"value": 5}),
                json!({"type":"Integer","value":5,"valueInfo":{}}),
            ),
            (
                json!({"value": 3_000_000_000_i64}),
                json!({"type":"Long","value":3_000_000_000_i64,"valueInfo":{}}),
            ),
            (
                json!({"value": 1.5}),
                json!({"type":"Double","value":1.5,"valueInfo":{}}),
            ),
            (
                json!({"value": "5", "type": "integer"}),
                json!({"type":"Integer","value":5,"valueInfo":{}}),
            ),
            (
                json!({"value": null}),
                json!({"type":"Null","value":null,"valueInfo":{}}),
            ),
            (json!({}), json!({"type":"Null","value":null,"valueInfo":{}})),
            (
                json!({"value": null, "type": "integer"}),
                json!({"type":"Integer","value":null,"valueInfo":{}}),
            ),
            (
                json!({"value": null, "type": "Json"}),
                json!({"type":"Json","value":null,"valueInfo":{}}),
            ),
            (
                json!({"value": "2026-01-02T03:04:05.678+0000", "type": "Date"}),
                json!({"type":"Date","value":"2026-01-02T03:04:05.678+0000","valueInfo":{}}),
            ),
            (
                json!({"value": "{\"a\":1}", "type": "Json"}),
                json!({"type":"Json","value":"{\"a\":1}","valueInfo":{}}),
            ),
            (
                json!({"value": "YWJj", "type": "Bytes"}),
                json!({"type":"Bytes","value":"YWJj","valueInfo":{}}),
            ),
            (
                json!({"value": "YWJj", "type": "File", "valueInfo": {"filename": "a.txt", "mimeType": "text/plain"}}),
                json!({"type":"File","value":null,"valueInfo":{"filename":"a.txt","mimeType":"text/plain"}}),
            ),
        ];
        for (sent, expected) in cases {
            assert_eq!(write(&read(&sent).unwrap().value, AS_STORED), expected, "{sent}");
        }
    }

    #[test]
    fn a_value_that_does_not_convert_is_named_with_its_java_type() {
        let error = |dto: Value| match read(&dto) {
            Err(VariableError::Message(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            error(json!({"value": "x", "type": "Integer"})),
            "Cannot convert value 'x' of type 'Integer' to java type java.lang.Integer"
        );
        assert_eq!(
            error(json!({"value": 300_000_000_000_i64, "type": "Integer"})),
            "Cannot convert value '300000000000' of type 'Integer' to java type java.lang.Integer"
        );
        assert_eq!(
            error(json!({"value": "x", "type": "Foo"})),
            "Unsupported value type 'Foo'"
        );
        assert_eq!(
            error(json!({"value": 5, "type": "Json"})),
            "Must provide 'null' or String value for value of SerializableValue type 'Json'."
        );
        assert_eq!(read(&json!(5)), Err(VariableError::Shape));
    }
}
