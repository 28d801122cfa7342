//! Typed process variables, as clients give and stores keep them.
use crate::large::Large;
use topology::Id;

/// A variable's value with its Camunda type. `name()` is the type's word in REST and in the store.
#[derive(Clone, Debug, PartialEq)]
pub enum TypedValue {
    Null,
    /// A null of a type, by its word.
    NullOf(&'static str),
    Boolean(bool),
    Short(i16),
    Integer(i32),
    Long(i64),
    Double(f64),
    String(String),
    /// Unix milliseconds.
    Date(i64),
    Bytes(Vec<u8>),
    /// A file: content and its description.
    File {
        content: Vec<u8>,
        filename: String,
        mime_type: Option<String>,
        encoding: Option<String>,
    },
    /// A serialized object, kept as the client wrote it.
    Object {
        text: Option<String>,
        type_name: String,
        format: String,
    },
    Json(String),
    Xml(String),
    /// Any of those with texts or bytes, its content kept apart.
    Large(Large),
    /// Any of those, as a command gives it to a variable that lives no longer than the command. No variable holds it.
    Transient(Box<TypedValue>),
}

impl TypedValue {
    /// Camunda's word for the type, as in REST: `String`, `Integer`, … `Null`.
    pub fn name(&self) -> &'static str {
        match self {
            TypedValue::Null => "Null",
            TypedValue::NullOf(name) => name,
            TypedValue::Boolean(_) => "Boolean",
            TypedValue::Short(_) => "Short",
            TypedValue::Integer(_) => "Integer",
            TypedValue::Long(_) => "Long",
            TypedValue::Double(_) => "Double",
            TypedValue::String(_) => "String",
            TypedValue::Date(_) => "Date",
            TypedValue::Bytes(_) => "Bytes",
            TypedValue::File { .. } => "File",
            TypedValue::Object { .. } => "Object",
            TypedValue::Json(_) => "Json",
            TypedValue::Xml(_) => "Xml",
            TypedValue::Large(large) => large.shape().name(),
            TypedValue::Transient(value) => value.name(),
        }
    }
}

/// Types of which there is a null without anything else.
const BARE: [&str; 10] = [
    "Boolean", "Short", "Integer", "Long", "Double", "String", "Date", "Bytes", "Json", "Xml",
];

impl TypedValue {
    /// The null of a type that is known by its word and says nothing but that; else that of no type.
    pub fn null_of(name: &str) -> TypedValue {
        let found = BARE.into_iter().find(|known| *known == name);
        found.map_or(TypedValue::Null, TypedValue::NullOf)
    }

    /// Whether it is a null of some type, or of none.
    pub fn is_null(&self) -> bool {
        matches!(self, TypedValue::Null | TypedValue::NullOf(_))
    }

    /// What history keeps of it when its variable is removed: its type.
    pub(crate) fn emptied(&self) -> TypedValue {
        match self {
            TypedValue::Large(large) => large.shape().emptied(),
            TypedValue::Object { format, .. } => TypedValue::Object {
                text: None,
                type_name: String::new(),
                format: format.clone(),
            },
            TypedValue::File { .. } => TypedValue::File {
                content: Vec::new(),
                filename: String::new(),
                mime_type: None,
                encoding: None,
            },
            other => TypedValue::null_of(other.name()),
        }
    }

    /// The row of a large value that a variable has.
    pub fn large_id(&self) -> Option<Id> {
        match self {
            TypedValue::Large(large) => large.id,
            _ => None,
        }
    }
}

impl TypedValue {
    /// The value itself, and whether it lives for the command only.
    pub fn lasting(self) -> (TypedValue, bool) {
        match self {
            TypedValue::Transient(value) => (*value, true),
            value => (value, false),
        }
    }
}

/// Variables by name, in the client's order.
pub type Variables = Vec<(String, TypedValue)>;

/// A `java.util.HashMap` of texts, as the reference writes one.
pub fn string_map(entries: Vec<(String, String)>) -> TypedValue {
    let entries = entries
        .into_iter()
        .map(|(name, text)| (name, expr::Value::Str(text)));
    crate::collections::written("java.util.HashMap", expr::Value::Map(entries.collect()))
}
