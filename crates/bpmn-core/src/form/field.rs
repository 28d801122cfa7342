//! Form fields: their types, what is made of a submitted value, and what refuses it. The words are the reference's.
use crate::{
    Millis,
    value::TypedValue,
    xml::{Reader, extensions, is_extension},
};
use expr::Expression;
use roxmltree::Node as Xml;

/// How dates are written where a field doesn't say.
const DATE_PATTERN: &str = "dd/MM/yyyy";

/// A `camunda:formField`.
#[derive(Debug)]
pub struct Field {
    pub id: String,
    pub(crate) label: Option<Expression>,
    pub kind: FieldKind,
    pub(crate) default: Option<Expression>,
    pub constraints: Vec<Constraint>,
    /// Whether it holds the business key: it isn't a variable then.
    pub business_key: bool,
}

/// A field's type.
#[derive(Debug)]
pub enum FieldKind {
    Text,
    Long,
    Boolean,
    /// With its pattern.
    Date(String),
    /// With ids and names of its values.
    Enum(Vec<(String, String)>),
    /// One that is taken as it comes.
    Other,
}

/// A `camunda:constraint`.
#[derive(Debug)]
pub struct Constraint {
    pub name: String,
    pub config: Option<String>,
}

impl Field {
    /// Reads the fields of a user task or start event; what is wrong with them is told by the checks of the file.
    pub(crate) fn read_all(reader: &mut Reader<'_>, owner: Xml<'_, '_>, id: &str) -> Vec<Field> {
        let data = extensions(owner, "formData").next();
        let business_key = data.and_then(|data| data.attribute("businessKey"));
        let fields = data.into_iter().flat_map(|data| children(data, "formField"));
        fields
            .filter_map(|xml| {
                let field = xml.attribute("id")?;
                let mut expression = |name| {
                    let text = xml.attribute(name)?;
                    reader.expression(xml, id, text)
                };
                Some(Field {
                    id: field.to_owned(),
                    label: expression("label"),
                    default: expression("defaultValue"),
                    kind: FieldKind::read(xml),
                    constraints: constraints(xml),
                    business_key: business_key == Some(field),
                })
            })
            .collect()
    }
}

fn children<'a, 'i>(node: Xml<'a, 'i>, tag: &'static str) -> impl Iterator<Item = Xml<'a, 'i>> + use<'a, 'i> {
    node.children()
        .filter(move |n| is_extension(*n) && n.tag_name().name() == tag)
}

fn constraints(field: Xml<'_, '_>) -> Vec<Constraint> {
    let validation = children(field, "validation").next();
    let constraints = validation.into_iter().flat_map(|v| children(v, "constraint"));
    constraints
        .filter_map(|xml| {
            Some(Constraint {
                name: xml.attribute("name")?.to_owned(),
                config: xml.attribute("config").map(str::to_owned),
            })
        })
        .collect()
}

impl FieldKind {
    pub(super) fn read(xml: Xml<'_, '_>) -> FieldKind {
        match xml.attribute("type") {
            Some("string") => FieldKind::Text,
            Some("long") => FieldKind::Long,
            Some("boolean") => FieldKind::Boolean,
            Some("date") => FieldKind::Date(xml.attribute("datePattern").unwrap_or(DATE_PATTERN).to_owned()),
            Some("enum") => {
                let attribute = |xml: Xml<'_, '_>, name| xml.attribute(name).unwrap_or_default().to_owned();
                let values = children(xml, "value");
                FieldKind::Enum(
                    values
                        .map(|v| (attribute(v, "id"), attribute(v, "name")))
                        .collect(),
                )
            }
            _ => FieldKind::Other,
        }
    }

    /// The variable that a submitted value or a default becomes.
    ///
    /// # Errors
    /// It can't be of that type.
    pub(crate) fn variable(&self, value: TypedValue) -> Result<TypedValue, String> {
        let text = crate::convert::to_value(&value).to_text();
        Ok(match (self, value) {
            (_, TypedValue::Null | TypedValue::NullOf(_)) => TypedValue::Null,
            (FieldKind::Other, value)
            | (FieldKind::Text, value @ TypedValue::String(_))
            | (FieldKind::Long, value @ TypedValue::Long(_))
            | (FieldKind::Boolean, value @ TypedValue::Boolean(_))
            | (FieldKind::Date(_), value @ TypedValue::Date(_)) => value,
            (FieldKind::Text, _) => TypedValue::String(text),
            (
                FieldKind::Long,
                TypedValue::String(_) | TypedValue::Integer(_) | TypedValue::Short(_) | TypedValue::Double(_),
            ) => TypedValue::Long(
                text.parse()
                    .map_err(|_| format!("For input string: \"{text}\""))?,
            ),
            (FieldKind::Long, _) => return Err(format!("Value '{text}' is not of type Long.")),
            (FieldKind::Boolean, TypedValue::String(_)) => {
                TypedValue::Boolean(text.eq_ignore_ascii_case("true"))
            }
            (FieldKind::Boolean, _) => return Err(format!("Value '{text}' is not of type Boolean.")),
            (FieldKind::Date(pattern), TypedValue::String(_)) => match text.trim() {
                "" => TypedValue::Null,
                trimmed => TypedValue::Date(read_date(trimmed, pattern).ok_or_else(|| {
                    format!("Could not parse value '{text}' as date using date format '{pattern}'.")
                })?),
            },
            (FieldKind::Date(_), _) => {
                return Err(format!("Value '{text}' cannot be transformed into a Date."));
            }
            (FieldKind::Enum(values), TypedValue::String(_)) => {
                if !values.iter().any(|(id, _)| *id == text) {
                    return Err(format!("Invalid value for enum form property: {text}"));
                }
                TypedValue::String(text)
            }
            (FieldKind::Enum(_), _) => return Err(format!("Value '{text}' is not of type String.")),
        })
    }

    /// What a form shows of a variable.
    ///
    /// # Errors
    /// It isn't of that type.
    pub(crate) fn shown(&self, value: TypedValue) -> Result<TypedValue, String> {
        match (self, value) {
            (FieldKind::Date(_), TypedValue::Null | TypedValue::NullOf(_)) => {
                Ok(TypedValue::String(String::new()))
            }
            (FieldKind::Date(pattern), TypedValue::Date(date)) => {
                Ok(TypedValue::String(write_date(date, pattern).unwrap_or_default()))
            }
            (FieldKind::Date(_), other) => Err(format!(
                "Expected value to be of type 'PrimitiveValueType[date]' but got '{other:?}'."
            )),
            (kind, value) => kind.variable(value),
        }
    }

    /// REST's name of the type.
    pub fn word(&self) -> &'static str {
        match self {
            FieldKind::Text | FieldKind::Date(_) | FieldKind::Enum(_) | FieldKind::Other => "String",
            FieldKind::Long => "Long",
            FieldKind::Boolean => "Boolean",
        }
    }
}

impl Constraint {
    /// Whether a submitted value keeps to it; `required` and `readonly` are the caller's.
    ///
    /// # Errors
    /// It can't be applied to such a value, or its configuration can't be read.
    pub(crate) fn holds(&self, value: &TypedValue) -> Result<bool, String> {
        let config = self.config.as_deref().unwrap_or("null");
        let number = || config.trim().parse::<f64>().ok();
        let compared = |value: f64, kind: &str| match number() {
            Some(bound) if self.name == "min" => Ok(value >= bound),
            Some(bound) => Ok(value <= bound),
            None => Err(format!(
                "Cannot validate {kind} value {value}: configuration {config} cannot be parsed as {kind}."
            )),
        };
        match (self.name.as_str(), value) {
            (_, TypedValue::Null | TypedValue::NullOf(_)) => Ok(true),
            ("min" | "max", TypedValue::Long(n)) => compared(*n as f64, "Long"),
            ("min" | "max", TypedValue::Integer(n)) => compared((*n).into(), "Integer"),
            ("min" | "max", TypedValue::Short(n)) => compared((*n).into(), "Short"),
            ("min" | "max", TypedValue::Double(n)) => compared(*n, "Double"),
            ("min" | "max", _) => Ok(false),
            (name @ ("minlength" | "maxlength"), TypedValue::String(text)) => {
                let bound: usize = config.parse().map_err(|_| {
                    format!(
                        "Cannot validate \"{name}\": configuration {config} cannot be interpreted as Integer"
                    )
                })?;
                // Java counts UTF-16 units.
                let length = text.encode_utf16().count();
                Ok(if name == "minlength" {
                    length >= bound
                } else {
                    length <= bound
                })
            }
            (name @ ("minlength" | "maxlength"), other) => {
                let class = crate::convert::to_value(other).class_name().to_owned();
                let validator = if name == "minlength" {
                    "MinLengthValidator"
                } else {
                    "MaxLengthValidator"
                };
                Err(format!(
                    "String validator {validator} cannot be used on non-string value of type class {class}"
                ))
            }
            ("validator", _) => Err(format!(
                "Java validators can't be run here: '{config}'; --strict-deploy refuses such models at deployment"
            )),
            _ => Ok(true),
        }
    }
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.config {
            Some(config) => write!(f, "{}({config})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Java's letters of a date pattern in the spelling of jiff.
fn translated(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            // Quoted text; two quotes are one.
            if chars.peek() == Some(&'\'') {
                chars.next();
                out.push('\'');
                continue;
            }
            out.extend(chars.by_ref().take_while(|c| *c != '\''));
            continue;
        }
        if !c.is_ascii_alphabetic() {
            out.push(c);
            continue;
        }
        let mut count = 1;
        while chars.next_if_eq(&c).is_some() {
            count += 1;
        }
        out += match (c, count) {
            ('y', 2) => "%y",
            ('y', _) => "%Y",
            ('M', 1 | 2) => "%m",
            ('M', 3) => "%b",
            ('M', _) => "%B",
            ('d', _) => "%d",
            ('H', _) => "%H",
            ('h', _) => "%I",
            ('a', _) => "%p",
            ('m', _) => "%M",
            ('s', _) => "%S",
            ('S', _) => "%3f",
            ('E', _) => "%a",
            ('Z' | 'X', _) => "%z",
            _ => return None,
        };
    }
    Some(out)
}

pub(super) fn read_date(text: &str, pattern: &str) -> Option<Millis> {
    let format = translated(pattern)?;
    let parsed = jiff::fmt::strtime::parse(&format, text).ok()?;
    if let Ok(instant) = parsed.to_timestamp() {
        return Some(instant.as_millisecond());
    }
    let date = parsed.to_date().ok()?;
    let time = parsed.to_time().unwrap_or(jiff::civil::Time::midnight());
    let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

pub(super) fn write_date(date: Millis, pattern: &str) -> Option<String> {
    let zoned = jiff::Timestamp::from_millisecond(date)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(translated(pattern)?, &zoned).ok()
}
