//! Java objects that expressions meet on their way and that have no variable type of their own.

use crate::Value;
use crate::methods::xml::Attribute;
use crate::methods::xpath::Query;

/// A Java object between two calls of an expression, such as the attribute in `S(x).attr("a").value()`.
#[derive(Clone, Debug, PartialEq)]
pub enum Java {
    /// `java.lang.Character`, a UTF-16 unit.
    Char(u16),
    /// `java.lang.Byte`
    Byte(i8),
    /// `java.lang.Float`
    Float(f32),
    /// `java.lang.Class`, by its full name.
    Class(String),
    /// `java.time.Instant`: milliseconds since 1970-01-01T00:00:00Z.
    Instant(i64),
    /// `java.util.GregorianCalendar` (UTC).
    Calendar(i64),
    /// Joda `LocalDate`, by a time in that day (UTC).
    LocalDate(i64),
    /// Joda `LocalTime`, by a time in some day (UTC).
    LocalTime(i64),
    /// Joda `LocalDateTime` (UTC).
    LocalDateTime(i64),
    /// A field of a Joda `DateTime`: the time and the field's name.
    Field(i64, &'static str),
    /// Joda `DateTimeZone`; it is always UTC.
    Zone,
    /// An array, by its class.
    Array(&'static str, Vec<Value>),
    /// An entry of a map.
    Entry(String, Box<Value>),
    /// `java.util.Iterator`: what is still to come.
    Iterator(Vec<Value>),
    /// A typed value as `execution.getVariableTyped(name)` gives it.
    Typed(Box<Value>),
    /// Spin's `jsonPath(path)`.
    JsonPath(serde_json::Value, String),
    /// An attribute of a Spin XML element.
    Attribute(Attribute),
    /// Spin's `xPath(path)`.
    XPath(Query),
}

impl Java {
    /// The Java class.
    pub fn class_name(&self) -> &str {
        match self {
            Java::Char(_) => "java.lang.Character",
            Java::Byte(_) => "java.lang.Byte",
            Java::Float(_) => "java.lang.Float",
            Java::Class(_) => "java.lang.Class",
            Java::Instant(_) => "java.time.Instant",
            Java::Calendar(_) => "java.util.GregorianCalendar",
            Java::LocalDate(_) => "org.joda.time.LocalDate",
            Java::LocalTime(_) => "org.joda.time.LocalTime",
            Java::LocalDateTime(_) => "org.joda.time.LocalDateTime",
            Java::Field(..) => "org.joda.time.DateTime$Property",
            Java::Zone => "org.joda.time.UTCDateTimeZone",
            Java::Array(class, _) => class,
            Java::Entry(..) => "java.util.LinkedHashMap$Entry",
            Java::Iterator(_) => "java.util.ArrayList$Itr",
            Java::Typed(_) => "org.camunda.bpm.engine.variable.impl.value.PrimitiveTypeValueImpl",
            Java::JsonPath(..) => "org.camunda.spin.impl.json.jackson.query.JacksonJsonPathQuery",
            Java::Attribute(_) => "org.camunda.spin.impl.xml.dom.DomXmlAttribute",
            Java::XPath(_) => "org.camunda.spin.impl.xml.dom.query.DomXPathQuery",
        }
    }

    /// The object as a variable keeps it: as JSON. `None`: the reference can't store it either.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        Some(match self {
            Java::Char(unit) => String::from_utf16_lossy(&[*unit]).into(),
            Java::Byte(number) => (*number).into(),
            Java::Calendar(ms) => (*ms).into(),
            Java::Float(number) => f64::from(*number).into(),
            Java::Class(name) => name.as_str().into(),
            Java::Iterator(_) => serde_json::json!([]),
            Java::Array(_, items) => {
                let items: Option<Vec<_>> = items.iter().map(crate::methods::json::node_of).collect();
                items?.into()
            }
            Java::Entry(key, value) => {
                let value = crate::methods::json::node_of(value)?;
                serde_json::Value::Object([(key.clone(), value)].into_iter().collect())
            }
            Java::Attribute(_) => serde_json::json!({"dataFormatName": "application/xml"}),
            _ => return None,
        })
    }
}

impl From<Java> for Value {
    fn from(object: Java) -> Self {
        Value::Java(Box::new(object))
    }
}
