//! Values as text: what Java's `toString` and JUEL's coercion to `String` give.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::numbers::{double_text, string_hash};
use crate::{Java, Value};

/// The text of a value; null gives the empty string.
pub(crate) fn of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Short(number) => number.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Long(number) => number.to_string(),
        Value::Double(number) => double_text(*number),
        Value::Str(text) => text.clone(),
        Value::Xml(text) => crate::methods::xml::pretty(text),
        Value::Date(ms) => date(*ms),
        Value::DateTime(ms) => at(*ms, "%Y-%m-%dT%H:%M:%S.%3fZ"),
        Value::List(items) => format!("[{}]", joined(items.iter().map(nested))),
        Value::Map(entries) => {
            format!(
                "{{{}}}",
                joined(
                    entries
                        .iter()
                        .map(|(key, value)| format!("{key}={}", nested(value)))
                )
            )
        }
        Value::Json(node) => json(node),
        // Java shows an address here; a digest of the content is at least repeatable.
        Value::Bytes(bytes) => format!("[B@{:x}", string_hash(&format!("{bytes:?}"))),
        Value::Object { text: Some(text), .. } => text.clone(),
        Value::Object { type_name, .. } => type_name.clone(),
        Value::Bean(name) => name.clone(),
        Value::Java(object) => java(object),
    }
}

/// `toString` of other objects; where Java shows an address there is only the class.
fn java(object: &Java) -> String {
    match object {
        Java::Char(unit) => String::from_utf16_lossy(&[*unit]),
        Java::Byte(number) => number.to_string(),
        Java::Float(number) => double_text(f64::from(*number)),
        Java::Class(name) => format!("class {name}"),
        Java::Instant(ms) => instant(*ms),
        Java::LocalDate(ms) => at(*ms, "%Y-%m-%d"),
        Java::LocalTime(ms) => at(*ms, "%H:%M:%S.%3f"),
        Java::LocalDateTime(ms) => at(*ms, "%Y-%m-%dT%H:%M:%S.%3f"),
        Java::Array(_, items) => format!("[{}]", joined(items.iter().map(nested))),
        Java::Zone => "Etc/UTC".to_owned(),
        Java::Entry(key, value) => format!("{key}={}", nested(value)),
        Java::Attribute(attribute) => attribute.value.clone(),
        Java::Typed(_)
        | Java::Field(..)
        | Java::Iterator(_)
        | Java::Calendar(_)
        | Java::JsonPath(..)
        | Java::XPath(_) => object.class_name().to_owned(),
    }
}

/// `Instant.toString`: a fraction only where there is one.
fn instant(ms: i64) -> String {
    let format = if ms.rem_euclid(1000) == 0 {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%M:%S.%3fZ"
    };
    at(ms, format)
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A value inside a collection, where null shows.
fn nested(value: &Value) -> String {
    if *value == Value::Null {
        "null".to_owned()
    } else {
        of(value)
    }
}

/// `Date.toString` in UTC.
pub(crate) fn date(ms: i64) -> String {
    at(ms, "%a %b %d %H:%M:%S UTC %Y")
}

/// A time in milliseconds in jiff's strftime notation, in UTC.
pub(crate) fn at(ms: i64, format: &str) -> String {
    let shown = Timestamp::from_millisecond(ms)
        .map(|time| time.to_zoned(TimeZone::UTC))
        .and_then(|zoned| strtime::format(format, &zoned));
    // Years beyond 9999 have no calendar form here.
    shown.unwrap_or_else(|_| ms.to_string())
}

/// A JSON node the way Jackson writes it: compact, doubles as Java writes them.
pub(crate) fn json(node: &serde_json::Value) -> String {
    use serde_json::Value as Node;
    match node {
        Node::Number(number) => match number.as_f64() {
            Some(double) if number.is_f64() => double_text(double),
            _ => number.to_string(),
        },
        Node::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Node::Object(fields) => {
            let field =
                |(name, value): (&String, &Node)| format!("{}:{}", Node::from(name.as_str()), json(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        _ => node.to_string(),
    }
}
