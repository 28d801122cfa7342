//! Forms of user tasks and start events: where a form is, its fields, and what a form shows.
mod field;
mod property;
mod view;

pub use self::{
    field::{Constraint, Field, FieldKind},
    property::Property,
    view::{Shown, key, shown, shown_properties},
};
use crate::xml::{Reader, extension};
use expr::Expression;
use roxmltree::Node as Xml;

/// The form of a user task or of a start.
#[derive(Debug, Default)]
pub struct Form {
    pub key: Option<FormKey>,
    pub fields: Vec<Field>,
    pub properties: Vec<Property>,
}

impl Form {
    /// Reads the form of a user task or start event.
    pub(crate) fn read(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Form {
        Form {
            key: FormKey::read(reader, xml, id),
            fields: Field::read_all(reader, xml, id),
            properties: Property::read_all(reader, xml, id),
        }
    }
}

/// Which form a task or a start has.
#[derive(Debug)]
pub struct FormKey {
    /// `camunda:formKey`, or the key of a Camunda form.
    pub(crate) key: Expression,
    /// For Camunda forms: which of their versions.
    pub binding: Option<Binding>,
}

/// Which version of a Camunda form is meant.
#[derive(Debug)]
pub struct Binding {
    /// `deployment`, `latest` or `version`.
    pub kind: &'static str,
    pub(crate) version: Option<Expression>,
}

const BINDINGS: [&str; 3] = ["deployment", "latest", "version"];

impl FormKey {
    /// Reads `formKey` or `formRef` of a user task or start event.
    pub(crate) fn read(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Option<FormKey> {
        let (key, reference) = (extension(xml, "formKey"), extension(xml, "formRef"));
        if key.is_some() && reference.is_some() {
            let message =
                "Invalid element definition: only one of the attributes formKey and formRef is allowed.";
            reader.error(xml, id, message);
        }
        let Some(reference) = reference else {
            return Some(FormKey {
                key: reader.expression(xml, id, key?)?,
                binding: None,
            });
        };
        let written = extension(xml, "formRefBinding");
        let Some(kind) = BINDINGS.into_iter().find(|kind| Some(*kind) == written) else {
            let message = format!(
                "Invalid element definition: value for formRefBinding attribute has to be one of [deployment, latest, \
                 version] but was {}",
                written.unwrap_or("null")
            );
            reader.error(xml, id, message);
            return None;
        };
        let version = match extension(xml, "formRefVersion") {
            Some(version) if kind == "version" => Some(reader.expression(xml, id, version)?),
            None if kind == "version" => {
                // Java's words for what it does with a version that isn't there.
                let cause = "Cannot invoke \"String.length()\" because \"this.input\" is null";
                reader.error(xml, id, format!("Error while parsing process. {cause}."));
                return None;
            }
            _ => None,
        };
        Some(FormKey {
            key: reader.expression(xml, id, reference)?,
            binding: Some(Binding { kind, version }),
        })
    }
}

impl FormKey {
    /// The key as it is written.
    pub fn text(&self) -> &str {
        self.key.text()
    }

    /// Whether an expression gives the key.
    pub fn varies(&self) -> bool {
        !self.key.is_literal()
    }
}

impl Binding {
    /// The version that is meant, if it is a number.
    pub fn version(&self) -> Option<i64> {
        self.version.as_ref().and_then(crate::eval::number)
    }
}
