//! Methods and properties of Java objects that expressions meet on their way.

use super::{Called, datetime, json, number};
use crate::{Java, Value, numbers::string_hash, text};

/// A method of the object.
pub(crate) fn call(object: &Java, name: &str, arguments: &[Value]) -> Called {
    Ok(match (object, name, arguments) {
        (Java::JsonPath(node, path), _, _) => return json::query(node, path, name, arguments).map(Some),
        (Java::XPath(query), _, _) => return query.call(name, arguments),
        (Java::Attribute(attribute), _, _) => attribute.call(name, arguments),
        (Java::Iterator(_) | Java::Typed(_) | Java::Entry(..) | Java::Class(_), _, []) => {
            property(object, &field(name))
        }
        (Java::Char(unit), "charValue", []) => Some(Java::Char(*unit).into()),
        (Java::Char(unit), "hashCode", []) => Some(Value::Int(i32::from(*unit))),
        (Java::Byte(_) | Java::Float(_), _, _) => {
            let wide = match object {
                Java::Float(number) => Value::Double(f64::from(*number)),
                Java::Byte(number) => Value::Int(i32::from(*number)),
                _ => return Ok(None),
            };
            return number::call(&wide, name, arguments);
        }
        (Java::Calendar(ms), "getTime", []) => Some(Value::Date(*ms)),
        (Java::Calendar(ms), "getTimeInMillis", []) => Some(Value::Long(*ms)),
        (Java::Instant(ms), "toEpochMilli", []) => Some(Value::Long(*ms)),
        (Java::Instant(ms), "getEpochSecond", []) => Some(Value::Long(ms.div_euclid(1000))),
        (Java::LocalDate(ms) | Java::LocalTime(ms) | Java::LocalDateTime(ms), _, _) => {
            return local(object, *ms, name, arguments);
        }
        (Java::Field(ms, of), _, _) => return of_field(*ms, of, name, arguments),
        (Java::Zone, "getID" | "toString", []) => Some(Value::from("Etc/UTC")),
        _ => None,
    })
}

/// The property a getter reads: `getKey` is `key`, `next` itself.
fn field(getter: &str) -> String {
    let rest = getter.strip_prefix("get").unwrap_or(getter);
    let mut letters = rest.chars();
    let first = letters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// A property of the object.
pub(crate) fn property(object: &Java, name: &str) -> Option<Value> {
    Some(match (object, name) {
        (Java::Class(class), "name" | "typeName" | "canonicalName") => Value::from(class.as_str()),
        (Java::Class(class), "simpleName") => {
            let simple = class.rsplit(['.', '$']).next().unwrap_or_default();
            Value::from(simple)
        }
        (Java::Calendar(ms), "time") => Value::Date(*ms),
        (Java::Calendar(ms), "timeInMillis") => Value::Long(*ms),
        (Java::Entry(key, _), "key") => Value::from(key.as_str()),
        (Java::Entry(_, value), "value") => (**value).clone(),
        (Java::Iterator(rest), "next") => rest.first()?.clone(),
        (Java::Iterator(rest), "hasNext") => Value::Bool(!rest.is_empty()),
        (Java::Typed(value), "value") => (**value).clone(),
        (Java::Typed(value), "type") => Value::Map(vec![("name".to_owned(), Value::from(type_name(value)))]),
        (Java::Zone, "iD" | "ID") => Value::from("Etc/UTC"),
        _ => return None,
    })
}

/// The name of a variable's type.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Short(_) => "short",
        Value::Int(_) => "integer",
        Value::Long(_) => "long",
        Value::Double(_) => "double",
        Value::Str(_) => "string",
        Value::Date(_) => "date",
        Value::Bytes(_) => "bytes",
        Value::Json(_) => "json",
        Value::Xml(_) => "xml",
        _ => "object",
    }
}

/// A method of Joda's local dates and times: those of a `DateTime`, giving the same kind again.
fn local(object: &Java, ms: i64, name: &str, arguments: &[Value]) -> Called {
    let same_kind = |ms: i64| -> Value {
        match object {
            Java::LocalDate(_) => Java::LocalDate(ms),
            Java::LocalTime(_) => Java::LocalTime(ms),
            _ => Java::LocalDateTime(ms),
        }
        .into()
    };
    match (name, arguments) {
        ("toString" | "hashCode", []) => {
            let shown = text::of(&same_kind(ms));
            return Ok(Some(match name {
                "toString" => Value::Str(shown),
                _ => Value::Int(string_hash(&shown)),
            }));
        }
        ("toDate", []) => return Ok(Some(Value::Date(ms))),
        ("isBefore" | "isAfter" | "isEqual" | "compareTo", [Value::Java(other)]) => {
            let (Java::LocalDate(other) | Java::LocalTime(other) | Java::LocalDateTime(other)) = **other
            else {
                return Ok(None);
            };
            let order = ms.cmp(&other);
            return Ok(Some(match name {
                "isBefore" => Value::Bool(order.is_lt()),
                "isAfter" => Value::Bool(order.is_gt()),
                "isEqual" => Value::Bool(order.is_eq()),
                _ => Value::Int(order as i32),
            }));
        }
        _ => {}
    }
    Ok(match datetime::call(ms, name, arguments, ms)? {
        Some(Value::DateTime(ms)) => Some(same_kind(ms)),
        other => other,
    })
}

/// A method of a field of a `DateTime`, such as `dateTime().dayOfWeek().getAsText()`.
fn of_field(ms: i64, of: &str, name: &str, arguments: &[Value]) -> Called {
    let shown = |pattern: &str| -> Called { datetime::call(ms, "toString", &[Value::from(pattern)], ms) };
    let number = datetime::field(ms, of)?;
    match (name, arguments) {
        ("get", []) => Ok(number),
        ("getAsText", []) if of == "dayOfWeek" => shown("EEEE"),
        ("getAsText", []) if of == "monthOfYear" => shown("MMMM"),
        ("getAsShortText", []) if of == "dayOfWeek" => shown("EEE"),
        ("getAsShortText", []) if of == "monthOfYear" => shown("MMM"),
        ("getAsText" | "getAsShortText" | "getAsString", []) => {
            Ok(number.map(|number| Value::Str(number.to_text())))
        }
        ("withMaximumValue", []) => {
            let highest = datetime::highest(ms, of)?;
            datetime::with(ms, of, highest).map(|ms| Some(Value::DateTime(ms)))
        }
        ("withMinimumValue", []) => {
            datetime::with(ms, of, datetime::lowest(of)).map(|ms| Some(Value::DateTime(ms)))
        }
        ("setCopy", [Value::Int(_) | Value::Long(_)]) => {
            let number = arguments.first().and_then(super::int).unwrap_or_default();
            datetime::with(ms, of, number).map(|ms| Some(Value::DateTime(ms)))
        }
        ("roundFloorCopy", []) if of == "dayOfMonth" || of == "dayOfWeek" => {
            datetime::call(ms, "withTimeAtStartOfDay", &[], ms)
        }
        _ => Ok(None),
    }
}

/// `getClass()` of a value; classes are asked for their names.
pub(crate) fn class_of(value: &Value) -> Value {
    Java::Class(value.class_name().to_owned()).into()
}
