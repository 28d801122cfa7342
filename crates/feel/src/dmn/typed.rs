//! Values with a type, as inputs and outputs of decisions have them.
use crate::host::Value;

/// A value of a decision. One that was converted to a type is of that type for clients too; others are "untyped".
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    pub value: Value,
    /// Whether a type of the model made it what it is.
    pub typed: bool,
}

impl Typed {
    pub(super) fn untyped(value: Value) -> Typed {
        Typed { value, typed: false }
    }

    /// The value as history and variables keep it.
    ///
    /// # Errors
    /// What the reference can't store: dates, times and durations that no type made a date or a text, also inside of
    /// lists and contexts, and lists that begin with null.
    pub fn stored(&self) -> Result<Stored, String> {
        Ok(match &self.value {
            Value::Null => Stored::Null,
            Value::Boolean(v) => Stored::Boolean(*v),
            Value::Short(v) => Stored::Integer((*v).into()),
            Value::Integer(v) => Stored::Integer(*v),
            Value::Long(v) => Stored::Long(*v),
            Value::Double(v) => Stored::Double(*v),
            Value::String(v) => Stored::String(v.clone()),
            Value::Instant(v) => Stored::Date(*v),
            value @ (Value::List(_) | Value::Map(_) | Value::Function(_)) => Stored::Object {
                type_name: class(value)?,
                json: json(value)?.to_string(),
            },
            other => return Err(not_storable(other)),
        })
    }

    fn of(value: Value) -> Typed {
        Typed { value, typed: true }
    }

    /// Java's text of the typed value.
    pub(super) fn java_text(&self) -> String {
        let name = match (&self.value, self.typed) {
            (Value::Null, _) => return "Untyped 'null' value, isTransient = false".to_owned(),
            (value, false) => {
                return format!("Untyped value '{}', isTransient = false", value.java_text());
            }
            (Value::Boolean(_), true) => "boolean",
            (Value::Integer(_), true) => "integer",
            (Value::Long(_), true) => "long",
            (Value::Double(_), true) => "double",
            (Value::Instant(_), true) => "date",
            _ => "string",
        };
        format!(
            "Value '{}' of type 'PrimitiveValueType[{name}]', isTransient=false",
            self.value.java_text()
        )
    }
}

/// A value of a decision in a form that can be stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    Null,
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Double(f64),
    String(String),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Date(i64),
    /// A list or a context.
    Object {
        /// The class that the reference names.
        type_name: String,
        json: String,
    },
}

fn not_storable(value: &Value) -> String {
    format!(
        "SPIN/JACKSON-JSON-01009 Unable to map object '{}' to json node",
        value.java_text()
    )
}

/// The class of a value: a list's by its first item.
fn class(value: &Value) -> Result<String, String> {
    const WRAPPERS: &str = "camundajar.impl.scala.collection.convert.JavaCollectionWrappers";
    Ok(match value {
        Value::Boolean(_) => "java.lang.Boolean".to_owned(),
        Value::Short(_) | Value::Integer(_) => "java.lang.Integer".to_owned(),
        Value::Long(_) => "java.lang.Long".to_owned(),
        Value::Double(_) => "java.lang.Double".to_owned(),
        Value::String(_) => "java.lang.String".to_owned(),
        Value::Instant(_) => "java.util.Date".to_owned(),
        Value::List(items) => {
            let of = items.first().map_or(Ok("java.lang.Object".to_owned()), class)?;
            format!("{WRAPPERS}$SeqWrapper<{of}>")
        }
        Value::Map(_) => format!("{WRAPPERS}$MapWrapper<java.lang.Object,java.lang.Object>"),
        Value::Function(_) => "org.camunda.feel.syntaxtree.ValFunction".to_owned(),
        other => return Err(not_storable(other)),
    })
}

/// A value as JSON; a function is what the reference makes of its Java object.
pub(super) fn json(value: &Value) -> Result<serde_json::Value, String> {
    use serde_json::Value as Json;
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(v) => (*v).into(),
        Value::Short(v) => (*v).into(),
        Value::Integer(v) => (*v).into(),
        Value::Long(v) | Value::Instant(v) => (*v).into(),
        Value::Double(v) => (*v).into(),
        Value::String(v) => v.clone().into(),
        Value::Function(_) => serde_json::json!({"comparable": false}),
        Value::List(items) => Json::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(k, v)| Ok((k.clone(), json(v)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => return Err(not_storable(other)),
    })
}

/// A value converted to the type that a model names; types that aren't known change nothing.
///
/// # Errors
/// What can't be converted, with the reference's message.
pub(super) fn transform(value: Value, type_name: Option<&str>) -> Result<Typed, String> {
    let Some(name) = type_name else {
        return Ok(Typed::untyped(value));
    };
    if value == Value::Null {
        return Ok(Typed::untyped(Value::Null));
    }
    let converted = match name.to_lowercase().as_str() {
        "string" => Some(Value::String(value.java_text())),
        "boolean" => boolean(&value),
        "integer" => whole(&value)
            .and_then(|n| i32::try_from(n).ok())
            .map(Value::Integer),
        "long" => whole(&value).map(Value::Long),
        "double" => double(&value).map(Value::Double),
        "date" => date(&value)?,
        _ => return Ok(Typed::untyped(value)),
    };
    converted.map(Typed::of).ok_or_else(|| {
        format!(
            "DMN-01005 Invalid value '{}' for clause with type '{name}'.",
            value.java_text()
        )
    })
}

fn boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Boolean(_) => Some(value.clone()),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(Value::Boolean(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(Value::Boolean(false)),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Short(n) => Some((*n).into()),
        Value::Integer(n) => Some((*n).into()),
        Value::Long(n) => Some(*n),
        Value::Double(n) => (n.fract() == 0.0 && n.abs() < i64::MAX as f64).then_some(*n as i64),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Double(n) => Some(*n),
        Value::String(text) => text.trim().parse().ok(),
        other => whole(other).map(|n| n as f64),
    }
}

/// A moment, from a date and time or the text `yyyy-MM-ddTHH:mm:ss`.
fn date(value: &Value) -> Result<Option<Value>, String> {
    let class = match value {
        Value::Instant(_) => return Ok(Some(value.clone())),
        Value::DateTime(at) => return Ok(Some(Value::Instant(at.timestamp().as_millisecond()))),
        Value::LocalDateTime(at) => return Ok(utc_millis(*at).map(Value::Instant)),
        Value::String(text) => return Ok(date_text(text).map(Value::Instant)),
        Value::Date(_) => "java.time.LocalDate",
        Value::LocalTime(_) => "java.time.LocalTime",
        Value::Duration(_) => "java.time.Duration",
        Value::Period(_) => "java.time.Period",
        _ => return Ok(None),
    };
    Err(format!(
        "Unsupported type: '{class}' cannot be converted to 'java.util.Date'"
    ))
}

fn utc_millis(at: jiff::civil::DateTime) -> Option<i64> {
    at.to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|z| z.timestamp().as_millisecond())
}

/// Reads as Java's lenient `SimpleDateFormat`: what follows the seconds is ignored.
fn date_text(text: &str) -> Option<i64> {
    let (day, clock) = text.split_once('T')?;
    let mut parts = day.splitn(3, '-').map(|p| p.parse::<i64>().ok());
    let (year, month, date) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = clock.splitn(3, ':');
    let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let seconds = parts.next()?;
    let digits = seconds.bytes().take_while(u8::is_ascii_digit).count();
    let second: i64 = seconds[..digits].parse().ok()?;
    let first = jiff::civil::Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
    let month = jiff::Span::new().try_months(month - 1).ok()?;
    let start = first
        .checked_add(month)
        .ok()?
        .to_datetime(jiff::civil::Time::midnight());
    let rest = ((date - 1) * 86_400 + hour * 3_600 + minute * 60 + second).checked_mul(1_000)?;
    utc_millis(start)?.checked_add(rest)
}
