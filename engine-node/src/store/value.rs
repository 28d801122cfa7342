//! Variables' values as columns and back.
use super::{
    StoreError,
    cell::{Cell, Reader},
};
use bpmn_core::{
    large::{Content, Large},
    value::TypedValue,
};

/// What the column `info` says of a null of a type.
const NULL: &str = r#"{"null":true}"#;

/// A value as the columns text, number, float, bytes, info.
pub(crate) fn value(value: &TypedValue) -> [Cell; 5] {
    use Cell::Null;
    match value {
        TypedValue::Null => [Null, Null, Null, Null, Null],
        TypedValue::NullOf(_) => [Null, Null, Null, Null, Cell::Text(NULL.to_owned())],
        TypedValue::Boolean(b) => [Null, Cell::Int((*b).into()), Null, Null, Null],
        TypedValue::Short(n) => [Null, (*n).into(), Null, Null, Null],
        TypedValue::Integer(n) => [Null, (*n).into(), Null, Null, Null],
        TypedValue::Long(n) | TypedValue::Date(n) => [Null, (*n).into(), Null, Null, Null],
        // SQLite would store NaN as null; so do both.
        TypedValue::Double(f) if f.is_nan() => [Null, Null, Null, Null, Null],
        TypedValue::Double(f) => [Null, Null, Cell::Float(*f), Null, Null],
        TypedValue::String(s) | TypedValue::Json(s) | TypedValue::Xml(s) => {
            [s.into(), Null, Null, Null, Null]
        }
        TypedValue::Bytes(b) => [Null, Null, Null, Cell::Bytes(b.clone()), Null],
        TypedValue::File {
            content,
            filename,
            mime_type,
            encoding,
        } => {
            let info =
                serde_json::json!({ "filename": filename, "mimeType": mime_type, "encoding": encoding });
            [
                Null,
                Null,
                Null,
                Cell::Bytes(content.clone()),
                Cell::Text(info.to_string()),
            ]
        }
        TypedValue::Object {
            text,
            type_name,
            format,
        } => {
            let info = serde_json::json!({ "objectTypeName": type_name, "serializationDataFormat": format });
            [text.into(), Null, Null, Null, Cell::Text(info.to_string())]
        }
        // No variable holds one: of itself it would be stored as any other.
        TypedValue::Transient(value) => self::value(value),
        TypedValue::Large(large) => {
            let [.., info] = self::value(large.shape());
            [Null, Cell::Int(large.digest()), Null, Null, info]
        }
    }
}

/// The row that holds a value's content, as the column `large_id`.
pub(crate) fn large_id(value: &TypedValue) -> Cell {
    value.large_id().into()
}

/// A content as the columns text, bytes.
pub(crate) fn content(content: &Content) -> [Cell; 2] {
    match content {
        Content::Text(text) => [Cell::Text(text.clone()), Cell::Null],
        Content::Bytes(bytes) => [Cell::Null, Cell::Bytes(bytes.clone())],
    }
}

/// The reverse of [`content`].
pub(crate) fn read_content(r: &mut Reader) -> Result<Content, StoreError> {
    match (r.text_opt()?, r.bytes_opt()?) {
        (Some(text), _) => Ok(Content::Text(text)),
        (None, Some(bytes)) => Ok(Content::Bytes(bytes)),
        (None, None) => Err(StoreError::Internal("a stored large value is empty".to_string())),
    }
}

/// The value of a variable's row: the columns of [`value`] and, after them, `large_id`.
pub(crate) fn read_value(name: &str, r: &mut Reader) -> Result<TypedValue, StoreError> {
    let (text, number, float) = (r.text_opt()?, r.int_opt()?, r.float_opt()?);
    let (bytes, info, large) = (r.bytes_opt()?, r.text_opt()?, r.id_opt()?);
    let Some(id) = large else {
        return typed_value(name, text, number, float, bytes, info);
    };
    let shape = typed_value(name, Some(String::new()), None, None, Some(Vec::new()), info)?;
    let digest = number.unwrap_or_default();
    Ok(TypedValue::Large(Large::stored(id, shape, digest)))
}

/// A value from its type's word and the columns of [`value`]; for REST reads too.
///
/// # Errors
/// If the row doesn't fit its type.
pub fn typed_value(
    name: &str,
    text: Option<String>,
    number: Option<i64>,
    float: Option<f64>,
    bytes: Option<Vec<u8>>,
    info: Option<String>,
) -> Result<TypedValue, StoreError> {
    let damaged = || StoreError::Internal(format!("a stored variable of type {name} is damaged"));
    if info.as_deref() == Some(NULL) {
        return Ok(TypedValue::null_of(name));
    }
    let info = match info {
        Some(info) => serde_json::from_str(&info).map_err(|_| damaged())?,
        None => serde_json::Value::Null,
    };
    let word = |key: &str| info.get(key).and_then(|v| v.as_str()).map(str::to_string);
    let number = || number.ok_or_else(damaged);
    Ok(match name {
        "Null" => TypedValue::Null,
        "Boolean" => TypedValue::Boolean(number()? != 0),
        "Short" => TypedValue::Short(number()?.try_into().map_err(|_| damaged())?),
        "Integer" => TypedValue::Integer(number()?.try_into().map_err(|_| damaged())?),
        "Long" => TypedValue::Long(number()?),
        "Date" => TypedValue::Date(number()?),
        "Double" => TypedValue::Double(float.unwrap_or(f64::NAN)),
        "String" => TypedValue::String(text.ok_or_else(damaged)?),
        "Json" => TypedValue::Json(text.ok_or_else(damaged)?),
        "Xml" => TypedValue::Xml(text.ok_or_else(damaged)?),
        "Bytes" => TypedValue::Bytes(bytes.unwrap_or_default()),
        "File" => TypedValue::File {
            content: bytes.unwrap_or_default(),
            filename: word("filename").ok_or_else(damaged)?,
            mime_type: word("mimeType"),
            encoding: word("encoding"),
        },
        "Object" => TypedValue::Object {
            text,
            type_name: word("objectTypeName").ok_or_else(damaged)?,
            format: word("serializationDataFormat").ok_or_else(damaged)?,
        },
        _ => return Err(damaged()),
    })
}
