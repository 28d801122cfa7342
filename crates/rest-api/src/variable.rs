//! Typed variables on the wire: `{"value":…,"type":…,"valueInfo":{…}}`.
use crate::{ApiError, date};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use bpmn_core::{
    Id,
    value::{TypedValue, Variables},
};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::borrow::Borrow;

/// Why a variable in a request is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum VariableError {
    /// The JSON has another shape: the reference answers with an empty message.
    Shape,
    /// The value doesn't convert; the reference's text, to be put behind a prefix that names the command.
    Message(String),
    /// There is no such type; the same.
    Unknown(String),
    /// The engine refuses to store it; the same, 500.
    Engine(String),
    /// One of Java's own exceptions, which no command puts a prefix before: its class and text.
    Java(&'static str, String),
}

impl VariableError {
    /// The answer of a command that wraps errors; `prefix` is the reference's, such as `Cannot complete task X`.
    pub fn api(self, prefix: &str) -> ApiError {
        match self {
            VariableError::Message(text) | VariableError::Unknown(text) => {
                ApiError::invalid_request(format!("{prefix}: {text}"))
            }
            VariableError::Engine(text) => {
                ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, format!("{prefix}: {text}"))
            }
            other => other.bare(),
        }
    }

    /// The answer of a command that doesn't.
    pub fn bare(self) -> ApiError {
        match self {
            VariableError::Shape => ApiError::invalid_request(""),
            VariableError::Message(text) => ApiError::invalid_request(text),
            VariableError::Unknown(text) => ApiError::new(StatusCode::BAD_REQUEST, "RestException", text),
            VariableError::Engine(text) => ApiError::engine(text),
            VariableError::Java(class, text) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, class, text),
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

/// [`read_all`] where no variable is made of them, so that none can be transient.
pub fn read_values(value: Option<&Value>) -> Result<Variables, VariableError> {
    let variables = read_all(value)?.into_iter();
    Ok(variables.map(|(name, value)| (name, value.lasting().0)).collect())
}

/// Reads `{"name":{"value":…}}`; null or a missing member is no variables.
pub fn read_all(value: Option<&Value>) -> Result<Variables, VariableError> {
    let map = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(VariableError::Shape),
    };
    let mut variables = Vec::with_capacity(map.len());
    for (name, dto) in map {
        let Incoming { value, transient } = read(name, dto)?;
        // The content of a large one is copied no more from here on.
        let value = value.folded();
        let value = match transient {
            true => TypedValue::Transient(Box::new(value)),
            false => value,
        };
        variables.push((name.clone(), value));
    }
    Ok(variables)
}

/// Reads one variable of that name.
pub fn read(name: &str, dto: &Value) -> Result<Incoming, VariableError> {
    let dto = match dto {
        Value::Object(dto) => dto,
        Value::Null => {
            return Err(VariableError::Java(
                "NullPointerException",
                "Cannot invoke \"org.camunda.bpm.engine.rest.dto.VariableValueDto.toTypedValue(org.camunda.bpm.engine.\
                 ProcessEngine, com.fasterxml.jackson.databind.ObjectMapper)\" because the return value of \
                 \"java.util.Map$Entry.getValue()\" is null"
                    .into(),
            ));
        }
        _ => return Err(VariableError::Shape),
    };
    let value = dto.get("value").unwrap_or(&Value::Null);
    let nothing = Map::new();
    let info = match dto.get("valueInfo") {
        None | Some(Value::Null) => None,
        Some(Value::Object(info)) => Some(info),
        Some(_) => return Err(VariableError::Shape),
    };
    let transient = info.and_then(|info| info.get("transient")) == Some(&Value::Bool(true));
    let value = match dto.get("type") {
        None | Some(Value::Null) => implicit(value),
        Some(Value::String(kind)) if kind.is_empty() => {
            let text = "begin 0, end 1, length 0".to_owned();
            return Err(VariableError::Java("StringIndexOutOfBoundsException", text));
        }
        Some(Value::String(kind)) if info.is_none() && kind.eq_ignore_ascii_case("file") => {
            let text = "Cannot create file without valueInfo.".to_owned();
            return Err(VariableError::Java("IllegalArgumentException", text));
        }
        Some(Value::String(kind)) => typed(name, kind, value, info.unwrap_or(&nothing))?,
        Some(_) => return Err(VariableError::Shape),
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
            None if n.is_u64() => object(value),
            None => TypedValue::Double(n.as_f64().unwrap_or_default()),
        },
        Value::Array(_) | Value::Object(_) => object(value),
    }
}

fn object(value: &Value) -> TypedValue {
    TypedValue::Object {
        text: Some(value.to_string()),
        type_name: java_type(value),
        format: "application/json".into(),
    }
}

/// The Java type that the reference (Spin) finds for what its JSON parser makes: of a list by its first element.
fn java_type(value: &Value) -> String {
    match value {
        Value::Null => "java.lang.Object".into(),
        Value::Bool(_) => "java.lang.Boolean".into(),
        Value::String(_) => "java.lang.String".into(),
        Value::Number(n) => match n.as_i64() {
            Some(i) if i32::try_from(i).is_ok() => "java.lang.Integer".into(),
            Some(_) => "java.lang.Long".into(),
            None if n.is_u64() => "java.math.BigInteger".into(),
            None => "java.lang.Double".into(),
        },
        Value::Array(items) => {
            let of = items.first().map_or_else(|| java_type(&Value::Null), java_type);
            format!("java.util.ArrayList<{of}>")
        }
        Value::Object(_) => "java.util.LinkedHashMap<java.lang.Object,java.lang.Object>".into(),
    }
}

/// The null of a type, whose word begins with a small letter here.
fn null(word: &str) -> TypedValue {
    let (first, rest) = word.split_at(word.len().min(1));
    TypedValue::null_of(&(first.to_uppercase() + rest))
}

fn typed(
    name: &str,
    kind: &str,
    value: &Value,
    info: &Map<String, Value>,
) -> Result<TypedValue, VariableError> {
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
        "null" if value.is_null() => return Ok(TypedValue::Null),
        "null" => "javax.lang.model.type.NullType",
        "number" if !value.is_null() => {
            let text = "Cannot serialize value of abstract type number".to_owned();
            return Err(VariableError::Engine(text));
        }
        "json" | "xml" | "object" => return serializable(name, kind, &word, value, info),
        "file" => return file(value, info),
        _ => return Err(VariableError::Unknown(format!("Unsupported value type '{kind}'"))),
    };
    // An empty text is the null of what isn't text.
    let empty = value.as_str() == Some("") && !matches!(word.as_str(), "string" | "bytes" | "null");
    if value.is_null() || empty {
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
        Value::Array(_) | Value::Object(_) if word != "string" => return None,
        other => other.to_string(),
    };
    let whole = |n: &Value| n.as_i64().or_else(|| text.parse::<i64>().ok());
    Some(match word {
        "boolean" => match text.as_str() {
            "true" => TypedValue::Boolean(true),
            "false" => TypedValue::Boolean(false),
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

fn serializable(
    name: &str,
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
    match (word, text) {
        ("object", text) => serialized(name, text, info),
        (word, None) => Ok(null(word)),
        ("json", Some(text)) => Ok(TypedValue::Json(text)),
        (_, Some(text)) => Ok(TypedValue::Xml(text)),
    }
}

/// An object, if the reference has a serializer for it.
fn serialized(
    name: &str,
    text: Option<String>,
    info: &Map<String, Value>,
) -> Result<TypedValue, VariableError> {
    let member = |member: &str| match info.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(VariableError::Java("ClassCastException", not_text(other))),
    };
    let (type_name, format) = (member("objectTypeName")?, member("serializationDataFormat")?);
    let Some(format) = format else {
        let length = text.as_ref().map_or("null".to_owned(), |text| {
            format!("{} chars", text.encode_utf16().count())
        });
        return Err(VariableError::Engine(format!(
            "Cannot find serializer for value 'ObjectValue [value=null, isDeserialized=false, \
             serializationDataFormat=null, objectTypeName={}, serializedValue={length}, isTransient=false]'.",
            type_name.as_deref().unwrap_or("null")
        )));
    };
    if format == "application/x-java-serialized-object" {
        return Err(VariableError::Engine(format!(
            "ENGINE-17007 Cannot set variable with name {name}. Java serialization format is prohibited"
        )));
    }
    if text.is_some() && type_name.as_deref().unwrap_or_default().is_empty() {
        return Err(VariableError::Engine(format!(
            "Cannot write serialized value for variable '{name}': no 'objectTypeName' provided for non-null value."
        )));
    }
    Ok(TypedValue::Object {
        text,
        type_name: type_name.unwrap_or_default(),
        format,
    })
}

/// What Java says of a value that should have been a text.
pub fn not_text(value: &Value) -> String {
    let class = match value {
        Value::Array(_) => "java.util.ArrayList".to_owned(),
        Value::Object(_) => "java.util.LinkedHashMap".to_owned(),
        other => java_type(other),
    };
    let modules = "are in module java.base of loader 'bootstrap'";
    format!("class {class} cannot be cast to class java.lang.String ({class} and java.lang.String {modules})")
}

fn file(value: &Value, info: &Map<String, Value>) -> Result<TypedValue, VariableError> {
    let refused = |text: &str| Err(VariableError::Java("IllegalArgumentException", text.to_owned()));
    let text = |name: &str| match info.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let Some(filename) = text("filename") else {
        return refused(
            "Cannot create file without filename! Please set a name into ValueInfo with key filename",
        );
    };
    let Value::String(content) = value else {
        return refused("Provided value is not of File, InputStream or byte[] type.");
    };
    Ok(TypedValue::File {
        content: lenient_base64(content),
        filename,
        mime_type: text("mimeType"),
        encoding: text("encoding"),
    })
}

/// Decodes what is base64 of a text and passes over the rest, as the reference does for files.
fn lenient_base64(text: &str) -> Vec<u8> {
    if let Ok(content) = STANDARD.decode(text.trim()) {
        return content;
    }
    let digits = text.bytes().take_while(|b| *b != b'=');
    let mut digits: Vec<u8> = digits
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        .collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    STANDARD_NO_PAD.decode(digits).unwrap_or_default()
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
    if let TypedValue::Transient(value) = value {
        let mut shown = write(value, style);
        shown["valueInfo"]["transient"] = true.into();
        return shown;
    }
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
        TypedValue::Transient(value) => plain(value, style),
        TypedValue::Large(large) => match large.content() {
            Some(content) => plain(&large.whole((**content).clone()), style),
            None => plain(large.shape(), style),
        },
    }
}

/// Why the reference, which deserializes what it shows in that style, can't show a variable: the class of its object is
/// nowhere.
pub fn unreadable(name: &str, value: &TypedValue, style: Style) -> Option<String> {
    let shape = match value {
        TypedValue::Large(large) => large.shape(),
        value => value,
    };
    match shape {
        TypedValue::Object {
            text: Some(_),
            type_name,
            format,
        } if style.deserialize && format == "application/json" && !type_name.starts_with("java.") => {
            Some(format!(
                "Cannot deserialize object in variable '{name}': SPIN/JACKSON-JSON-01007 Cannot construct java type from \
             string '{type_name}'"
            ))
        }
        _ => None,
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
                json!({"value": "", "type": "Integer"}),
                json!({"type":"Integer","value":null,"valueInfo":{}}),
            ),
            (
                json!({"value": [{"a": 1}]}),
                json!({"type":"Object","value":"[{\"a\":1}]","valueInfo":{
                    "objectTypeName":"java.util.ArrayList<java.util.LinkedHashMap<java.lang.Object,java.lang.Object>>",
                    "serializationDataFormat":"application/json"}}),
            ),
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
            assert_eq!(
                write(&read("v", &sent).unwrap().value, AS_STORED),
                expected,
                "{sent}"
            );
        }
    }

    #[test]
    fn a_value_that_does_not_convert_is_named_with_its_java_type() {
        let error = |dto: Value| match read("v", &dto) {
            Err(
                VariableError::Message(text) | VariableError::Unknown(text) | VariableError::Engine(text),
            ) => text,
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
        assert_eq!(
            error(json!({"value": "[1]", "type": "Object", "valueInfo": {"objectTypeName": "A"}})),
            "Cannot find serializer for value 'ObjectValue [value=null, isDeserialized=false, \
             serializationDataFormat=null, objectTypeName=A, serializedValue=3 chars, isTransient=false]'."
        );
        assert_eq!(
            error(json!({"value": 5, "type": "Null"})),
            "Cannot convert value '5' of type 'Null' to java type javax.lang.model.type.NullType"
        );
        assert_eq!(read("v", &json!(5)), Err(VariableError::Shape));
    }
}
