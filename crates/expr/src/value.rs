//! The values expressions work on.

use crate::Java;

/// A value of the expression language. Each number width of Java is its own kind, so that a result keeps
/// the variable type Camunda would give it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// `java.lang.Short`
    Short(i16),
    /// `java.lang.Integer`
    Int(i32),
    /// `java.lang.Long`
    Long(i64),
    Double(f64),
    Str(String),
    /// `java.util.Date`: milliseconds since 1970-01-01T00:00:00Z.
    Date(i64),
    /// Joda `DateTime` as `dateTime()` gives it: milliseconds since 1970-01-01T00:00:00Z, zone UTC.
    DateTime(i64),
    List(Vec<Value>),
    /// A `java.util.LinkedHashMap` with string keys, in insertion order.
    Map(Vec<(String, Value)>),
    /// A Spin JSON node.
    Json(serde_json::Value),
    Bytes(Vec<u8>),
    /// A serialized Java object.
    Object {
        /// The Java class.
        type_name: String,
        /// The serialized form when it is text.
        text: Option<String>,
        /// The serialization format, e.g. `application/json`.
        format: String,
    },
    /// A Spin XML element as its text.
    Xml(String),
    /// A built-in object such as `execution` or `task`, by its name; the context implements it. What it leads to
    /// is named by the way there: `execution.processDefinition`.
    Bean(String),
    /// Any other Java object.
    Java(Box<Java>),
}

impl Value {
    /// The value JUEL's coercion to `String` gives; null gives the empty string.
    pub fn to_text(&self) -> String {
        crate::text::of(self)
    }

    /// The Java class Camunda would hold the value in; `null` for null.
    pub fn class_name(&self) -> &str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "java.lang.Boolean",
            Value::Short(_) => "java.lang.Short",
            Value::Int(_) => "java.lang.Integer",
            Value::Long(_) => "java.lang.Long",
            Value::Double(_) => "java.lang.Double",
            Value::Str(_) => "java.lang.String",
            Value::Date(_) => "java.util.Date",
            Value::DateTime(_) => "org.joda.time.DateTime",
            Value::List(_) => "java.util.ArrayList",
            Value::Map(_) => "java.util.LinkedHashMap",
            Value::Json(_) => "org.camunda.spin.impl.json.jackson.JacksonJsonNode",
            Value::Bytes(_) => "[B",
            Value::Object { type_name, .. } => type_name,
            Value::Xml(_) => "org.camunda.spin.impl.xml.dom.DomXmlElement",
            Value::Bean(name) => bean_class(name),
            Value::Java(object) => object.class_name(),
        }
    }
}

/// The class of a built-in object.
fn bean_class(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or(name) {
        "task" => "org.camunda.bpm.engine.impl.persistence.entity.TaskEntity",
        "externalTask" => "org.camunda.bpm.engine.impl.persistence.entity.ExternalTaskEntity",
        "processDefinition" => "org.camunda.bpm.engine.impl.persistence.entity.ProcessDefinitionEntity",
        "processEngineServices" | "processEngine" => "org.camunda.bpm.engine.impl.ProcessEngineImpl",
        "bpmnModelElementInstance" => "org.camunda.bpm.model.bpmn.impl.instance.FlowNodeImpl",
        _ => "org.camunda.bpm.engine.impl.persistence.entity.ExecutionEntity",
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Value::Int(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Long(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Str(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Str(value)
    }
}
