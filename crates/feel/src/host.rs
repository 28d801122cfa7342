//! Values as the host of an evaluation gives and gets them: Java's types in the reference.
use crate::number::Number;
use crate::temporal::{self, DayTime};
use crate::value::{Entries, Val};
use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::rc::Rc;

/// What an evaluation may ask of the place it runs in.
pub trait Host {
    /// A variable's value; `None` if there is none (one with the value null is `Some(Value::Null)`).
    fn variable(&self, name: &str) -> Option<Value>;

    /// What it puts before the variables of the place that asks, by name; later ones hide earlier ones.
    fn named(&self) -> Vec<(String, Value)> {
        Vec::new()
    }

    /// The time, in milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// Random bits, for `uuid()` and `random number()`.
    fn random(&self) -> u64;
}

/// A value outside of FEEL.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Short(i16),
    Integer(i32),
    Long(i64),
    Double(f64),
    String(String),
    /// `java.util.Date`: milliseconds since 1970-01-01T00:00:00Z.
    Instant(i64),
    /// `java.time.LocalDate`
    Date(Date),
    /// `java.time.LocalTime`
    LocalTime(Time),
    /// `java.time.OffsetTime`: the time and the seconds east of Greenwich.
    OffsetTime(Time, i32),
    /// `java.time.LocalDateTime`
    LocalDateTime(DateTime),
    /// `java.time.ZonedDateTime`
    DateTime(Box<Zoned>),
    /// `java.time.Period` in months.
    Period(i64),
    /// `java.time.Duration` in nanoseconds.
    Duration(i128),
    List(Vec<Value>),
    /// Entries in their order.
    Map(Vec<(String, Value)>),
    /// A function of FEEL: a result that nothing can be done with. Its text.
    Function(String),
    /// A value that isn't there as what it stands for, such as a serialized object: reading it fails the evaluation
    /// with this message.
    Unreadable(String),
}

impl Value {
    /// What Java's `String.valueOf` gives.
    pub fn java_text(&self) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Boolean(v) => v.to_string(),
            Value::Short(v) => v.to_string(),
            Value::Integer(v) => v.to_string(),
            Value::Long(v) => v.to_string(),
            Value::Double(v) => expr::Value::Double(*v).to_text(),
            Value::String(v) | Value::Function(v) | Value::Unreadable(v) => v.clone(),
            Value::Instant(v) => expr::Value::Date(*v).to_text(),
            Value::Date(v) => temporal::date_text(*v),
            Value::LocalTime(v) => java_time(*v),
            Value::OffsetTime(v, offset) => format!("{}{}", java_time(*v), temporal::offset_text(*offset)),
            Value::LocalDateTime(v) => java_date_time(*v),
            Value::DateTime(v) => {
                let text = format!(
                    "{}{}",
                    java_date_time(v.datetime()),
                    temporal::offset_text(v.offset().seconds())
                );
                match temporal::zone_name(v) {
                    Some(zone) => format!("{text}[{zone}]"),
                    None => text,
                }
            }
            Value::Period(0) => "P0D".to_owned(),
            Value::Period(months) => {
                let part = |n: i64, unit: char| {
                    if n == 0 {
                        String::new()
                    } else {
                        format!("{n}{unit}")
                    }
                };
                format!("P{}{}", part(months / 12, 'Y'), part(months % 12, 'M'))
            }
            Value::Duration(nanos) => java_duration(*nanos),
            Value::List(items) => {
                let texts: Vec<String> = items.iter().map(Value::java_text).collect();
                format!("[{}]", texts.join(", "))
            }
            Value::Map(entries) => {
                let texts: Vec<String> = entries
                    .iter()
                    .map(|(k, v)| format!("{k}={}", v.java_text()))
                    .collect();
                format!("{{{}}}", texts.join(", "))
            }
        }
    }
}

fn java_fraction(nanos: i32) -> String {
    match nanos {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => format!(".{:06}", n / 1_000),
        n => format!(".{n:09}"),
    }
}

/// Without the seconds where they are zero.
fn java_time(time: Time) -> String {
    let minutes = format!("{:02}:{:02}", time.hour(), time.minute());
    if time.second() == 0 && time.subsec_nanosecond() == 0 {
        return minutes;
    }
    format!(
        "{minutes}:{:02}{}",
        time.second(),
        java_fraction(time.subsec_nanosecond())
    )
}

fn java_date_time(at: DateTime) -> String {
    format!("{}T{}", temporal::date_text(at.date()), java_time(at.time()))
}

fn java_duration(nanos: i128) -> String {
    if nanos == 0 {
        return "PT0S".to_owned();
    }
    // Java keeps hours and minutes of the seconds rounded towards zero.
    let seconds = nanos / 1_000_000_000;
    let fraction = (nanos % 1_000_000_000).abs();
    let part = |n: i128, unit: char| {
        if n == 0 {
            String::new()
        } else {
            format!("{n}{unit}")
        }
    };
    let mut text = format!("PT{}{}", part(seconds / 3_600, 'H'), part(seconds / 60 % 60, 'M'));
    let rest = seconds % 60;
    if rest != 0 || fraction != 0 {
        let sign = if nanos < 0 { "-" } else { "" };
        let fraction = match fraction {
            0 => String::new(),
            f => format!(".{}", format!("{f:09}").trim_end_matches('0')),
        };
        text.push_str(&format!("{sign}{}{fraction}S", rest.abs()));
    }
    text
}

impl From<Value> for Val {
    fn from(value: Value) -> Val {
        match value {
            Value::Null => Val::Null,
            Value::Boolean(v) => Val::Boolean(v),
            Value::Short(v) => Val::whole(v),
            Value::Integer(v) => Val::whole(v),
            Value::Long(v) => Val::whole(v),
            Value::Double(v) => Val::double(v),
            Value::String(v) | Value::Function(v) | Value::Unreadable(v) => Val::text(v),
            Value::Instant(v) => match Timestamp::from_millisecond(v) {
                Ok(at) => Val::LocalDateTime(at.to_zoned(TimeZone::UTC).datetime()),
                Err(_) => Val::Null,
            },
            Value::Date(v) => Val::Date(v),
            Value::LocalTime(v) => Val::LocalTime(v),
            Value::OffsetTime(time, offset) => Val::Time(temporal::ZonedTime {
                time,
                offset,
                zone: None,
            }),
            Value::LocalDateTime(v) => Val::LocalDateTime(v),
            Value::DateTime(v) => Val::DateTime(v),
            Value::Period(months) => Val::YearMonth(months),
            Value::Duration(nanos) => Val::DayTime(DayTime(nanos)),
            Value::List(items) => Val::list(items.into_iter().map(Val::from).collect()),
            Value::Map(entries) => Val::Context(Rc::new(Entries {
                list: entries.into_iter().map(|(k, v)| (k, v.into())).collect(),
                literal: false,
            })),
        }
    }
}

fn number(number: &Number) -> Value {
    match number.to_i64().filter(|_| number.is_whole()) {
        Some(whole) => Value::Long(whole),
        None => Value::Double(number.to_f64()),
    }
}

/// A result as Java sees it; `Err` holds what Java has no value for.
pub(crate) fn unpacked(value: &Val) -> Result<Value, String> {
    Ok(match value {
        Val::Null => Value::Null,
        Val::Number(v) => number(v),
        Val::Boolean(v) => Value::Boolean(*v),
        Val::String(v) => Value::String(v.to_string()),
        Val::Date(v) => Value::Date(*v),
        Val::LocalTime(v) => Value::LocalTime(*v),
        Val::Time(v) => Value::OffsetTime(v.time, v.offset),
        Val::LocalDateTime(v) => Value::LocalDateTime(*v),
        Val::DateTime(v) => Value::DateTime(v.clone()),
        Val::YearMonth(months) => Value::Period(*months),
        Val::DayTime(duration) => Value::Duration(duration.0),
        Val::List(items) => Value::List(items.iter().map(unpacked).collect::<Result<_, _>>()?),
        Val::Context(entries) => Value::Map(
            entries
                .variables()
                .map(|(k, v)| Ok((k.clone(), unpacked(v)?)))
                .collect::<Result<_, String>>()?,
        ),
        Val::Function(_) => Value::Function(value.to_string()),
        Val::Range(_) => return Err(format!("no value mapper found for '{value}'")),
        Val::Error(_) | Val::Fatal(_) => Value::Function(value.to_string()),
    })
}
