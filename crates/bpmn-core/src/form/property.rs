//! Form properties: the older kind of form fields (`camunda:formProperty`), with conversions and words of their own. Checked
//! against Camunda 7.24.
use super::{Constraint, Field, FieldKind, field::read_date};
use crate::{
    convert,
    parse::truth,
    value::TypedValue,
    xml::{Reader, extensions},
};
use expr::Expression;
use roxmltree::Node as Xml;

/// A `camunda:formProperty`.
#[derive(Debug)]
pub struct Property {
    /// As forms show it: `required` and `readonly` are its constraints.
    pub field: Field,
    /// Its name, which is no expression.
    pub(crate) label: Option<String>,
    /// Whether the model gives it a type: a form with one that has none can't be rendered.
    pub typed: bool,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) required: bool,
    /// The variable it stands for, if not that of its id.
    pub(crate) variable: Option<String>,
    /// What it stands for instead of a variable.
    pub(crate) expression: Option<Expression>,
}

impl Property {
    /// Reads the properties of a user task or start event; what is wrong with them is told by the checks of the file.
    pub(crate) fn read_all(reader: &mut Reader<'_>, owner: Xml<'_, '_>, id: &str) -> Vec<Property> {
        let properties = extensions(owner, "formProperty");
        properties
            .filter_map(|xml| {
                let flag = |name, default| xml.attribute(name).and_then(truth).unwrap_or(default);
                let (required, writable) = (flag("required", false), flag("writable", true));
                let mut constraints = Vec::new();
                let mut constrain = |name: &str| {
                    constraints.push(Constraint {
                        name: name.to_owned(),
                        config: None,
                    });
                };
                if required {
                    constrain("required");
                }
                if !writable {
                    constrain("readonly");
                }
                let mut expression = |name| {
                    let text = xml.attribute(name)?;
                    reader.expression(xml, id, text)
                };
                Some(Property {
                    label: xml.attribute("name").map(str::to_owned),
                    typed: xml.attribute("type").is_some(),
                    readable: flag("readable", true),
                    writable,
                    required,
                    variable: xml.attribute("variable").map(str::to_owned),
                    expression: expression("expression"),
                    field: Field {
                        id: xml.attribute("id")?.to_owned(),
                        label: None,
                        kind: FieldKind::read(xml),
                        default: expression("default"),
                        constraints,
                        business_key: false,
                    },
                })
            })
            .collect()
    }

    /// The variable that a submitted value or a default becomes.
    ///
    /// # Errors
    /// It can't be of that type.
    pub(crate) fn model_value(&self, value: TypedValue) -> Result<TypedValue, String> {
        let text = convert::to_value(&value).to_text();
        let none = value.is_null() || text.is_empty();
        Ok(match &self.field.kind {
            FieldKind::Other => value,
            FieldKind::Text if value.is_null() => {
                let cause = "Cannot invoke \"Object.toString()\" because \"propertyValue\" is null";
                return Err(cause.to_owned());
            }
            FieldKind::Text => TypedValue::String(text),
            FieldKind::Enum(_) if value.is_null() => TypedValue::Null,
            FieldKind::Enum(values) => match values.iter().any(|(id, _)| *id == text) {
                true => value,
                false => return Err(format!("Invalid value for enum form property: {text}")),
            },
            FieldKind::Long | FieldKind::Boolean | FieldKind::Date(_) if none => TypedValue::Null,
            FieldKind::Long => TypedValue::Long(
                text.parse()
                    .map_err(|_| format!("For input string: \"{text}\""))?,
            ),
            FieldKind::Boolean => TypedValue::Boolean(text.eq_ignore_ascii_case("true")),
            FieldKind::Date(pattern) => TypedValue::Date(
                read_date(&text, pattern).ok_or_else(|| format!("invalid date value {text}"))?,
            ),
        })
    }

    /// The text that a form shows of a value; `None` shows nothing.
    ///
    /// # Errors
    /// It isn't of the property's type.
    pub(crate) fn form_value(&self, value: TypedValue) -> Result<Option<String>, String> {
        let text = convert::to_value(&value).to_text();
        match (&self.field.kind, &value) {
            (_, TypedValue::Null | TypedValue::NullOf(_)) => Ok(None),
            (_, TypedValue::String(_)) | (FieldKind::Other | FieldKind::Long, _) => Ok(Some(text)),
            (FieldKind::Boolean, TypedValue::Boolean(_)) => Ok(Some(text)),
            (FieldKind::Boolean, other) => Err(format!(
                "Model value is not of type boolean, but of type {}",
                convert::to_value(other).class_name()
            )),
            (FieldKind::Date(pattern), TypedValue::Date(date)) => {
                Ok(super::field::write_date(*date, pattern))
            }
            (FieldKind::Date(_), _) => Err("Cannot format given Object as a Date".to_owned()),
            (FieldKind::Enum(_), _) => Err("Model value should be a String".to_owned()),
            (FieldKind::Text, other) => Err(format!(
                "class {} cannot be cast to class java.lang.String",
                convert::to_value(other).class_name()
            )),
        }
    }

    /// The name of the variable it stands for; `None`: it stands for an expression.
    pub(crate) fn variable_name(&self) -> Option<&str> {
        match (&self.variable, &self.expression) {
            (Some(name), _) => Some(name),
            (None, None) => Some(&self.field.id),
            (None, Some(_)) => None,
        }
    }
}
