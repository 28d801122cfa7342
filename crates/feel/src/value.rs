//! What FEEL expressions compute with.
use crate::number::Number;
use crate::syntax::Exp;
use crate::temporal::{self, DayTime, Temporal, ZonedTime};
use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

/// A value. Errors are values too, as in the reference: what meets them decides whether they become null.
#[derive(Clone, Debug)]
pub(crate) enum Val {
    Null,
    Number(Number),
    Boolean(bool),
    String(Rc<str>),
    Date(Date),
    LocalTime(Time),
    Time(ZonedTime),
    LocalDateTime(DateTime),
    DateTime(Box<Zoned>),
    /// Months.
    YearMonth(i64),
    DayTime(DayTime),
    List(Rc<Vec<Val>>),
    Context(Rc<Entries>),
    Function(Rc<Closure>),
    Range(Rc<Range>),
    /// Becomes null where a result is asked for, a failure at the top.
    Error(String),
    /// `?` without an input: told apart so that a unary test can be tried again with one.
    Fatal(String),
}

/// The entries of a context, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    pub list: Vec<(String, Val)>,
    /// Written as `{…}`: such a context is the same as itself only where lists are searched.
    pub literal: bool,
}

impl Entries {
    pub fn get(&self, key: &str) -> Option<&Val> {
        self.list.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub fn put(&mut self, key: String, value: Val) {
        match self.list.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.list.push((key, value)),
        }
    }

    /// The entries that are no functions: a function can be called but isn't a variable.
    pub fn variables(&self) -> impl Iterator<Item = &(String, Val)> {
        self.list.iter().filter(|(_, v)| !matches!(v, Val::Function(_)))
    }
}

/// A function written in FEEL with the scope it was written in.
#[derive(Debug)]
pub(crate) struct Closure {
    pub params: Vec<String>,
    pub body: std::sync::Arc<Exp>,
    pub scope: crate::eval::Scope,
}

/// One end of a range.
#[derive(Clone, Debug)]
pub(crate) struct Boundary {
    pub value: Val,
    pub closed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub start: Boundary,
    pub end: Boundary,
}

impl Val {
    pub fn text(text: impl AsRef<str>) -> Val {
        Val::String(Rc::from(text.as_ref()))
    }

    pub fn list(items: Vec<Val>) -> Val {
        Val::List(Rc::new(items))
    }

    pub fn context(entries: Vec<(String, Val)>) -> Val {
        Val::Context(Rc::new(Entries {
            list: entries,
            literal: false,
        }))
    }

    pub fn whole(number: impl Into<i64>) -> Val {
        Val::Number(Number::from(number.into()))
    }

    /// A number from a double; none becomes null, as in the reference.
    pub fn double(number: f64) -> Val {
        Number::from_f64(number).map_or(Val::Null, Val::Number)
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Val::Error(_) | Val::Fatal(_))
    }

    /// Null instead of an error; a fatal one stays.
    pub fn or_null(self) -> Val {
        match self {
            Val::Error(_) => Val::Null,
            other => other,
        }
    }

    /// The type's name, as `instance of` and error texts have it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null",
            Val::Number(_) => "number",
            Val::Boolean(_) => "boolean",
            Val::String(_) => "string",
            Val::Date(_) => "date",
            Val::LocalTime(_) | Val::Time(_) => "time",
            Val::LocalDateTime(_) | Val::DateTime(_) => "date and time",
            Val::YearMonth(_) => "years and months duration",
            Val::DayTime(_) => "days and time duration",
            Val::List(_) => "list",
            Val::Context(_) => "context",
            Val::Function(_) => "function",
            Val::Range(_) => "range",
            Val::Error(_) => "error",
            Val::Fatal(_) => "fatal error",
        }
    }

    /// Whether both are of one kind; a time with an offset and one without are two.
    pub fn same_kind(&self, other: &Val) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Whether there is an order for values of this kind.
    pub fn is_comparable(&self) -> bool {
        match self {
            Val::Number(_)
            | Val::String(_)
            | Val::Date(_)
            | Val::LocalTime(_)
            | Val::Time(_)
            | Val::LocalDateTime(_)
            | Val::DateTime(_)
            | Val::YearMonth(_)
            | Val::DayTime(_) => true,
            Val::List(items) => items
                .first()
                .is_some_and(|f| f.is_comparable() && items.iter().all(|i| i.same_kind(f))),
            _ => false,
        }
    }

    /// The order of two comparable values of one kind; `None` for anything else.
    pub fn order(&self, other: &Val) -> Option<Ordering> {
        Some(match (self, other) {
            (Val::Number(a), Val::Number(b)) => a.cmp(b),
            (Val::String(a), Val::String(b)) => a.encode_utf16().cmp(b.encode_utf16()),
            (Val::Date(a), Val::Date(b)) => a.cmp(b),
            (Val::LocalTime(a), Val::LocalTime(b)) => a.cmp(b),
            (Val::Time(a), Val::Time(b)) => a.nanos().cmp(&b.nanos()),
            (Val::LocalDateTime(a), Val::LocalDateTime(b)) => a.cmp(b),
            (Val::DateTime(a), Val::DateTime(b)) => {
                let key = |z: &Zoned| (z.timestamp(), z.datetime(), temporal::zone_name(z));
                key(a).cmp(&key(b))
            }
            (Val::YearMonth(a), Val::YearMonth(b)) => a.cmp(b),
            (Val::DayTime(a), Val::DayTime(b)) => a.cmp(b),
            _ => return None,
        })
    }

    /// FEEL's equality: `None` where the two can't be compared.
    pub fn feel_equal(&self, other: &Val) -> Option<bool> {
        let null = |v: &Val| matches!(v, Val::Null | Val::Error(_));
        Some(match (self, other) {
            (Val::Null, b) => null(b),
            (a, Val::Null) => null(a),
            (Val::List(a), Val::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.feel_equal(b) == Some(true))
            }
            (Val::Context(a), Val::Context(b)) => {
                a.variables().count() == b.variables().count()
                    && a.variables()
                        .all(|(k, v)| b.get(k).is_some_and(|other| v.feel_equal(other) == Some(true)))
            }
            (Val::List(_) | Val::Context(_) | Val::Function(_) | Val::Range(_), _) => return None,
            (a, b) if a.same_kind(b) && !a.is_error() => a == b,
            _ => return None,
        })
    }

    /// A property of a date, time or duration.
    pub fn property(&self, name: &str) -> Option<Val> {
        let date = |d: Date| {
            Some(match name {
                "year" => Val::whole(d.year()),
                "month" => Val::whole(d.month()),
                "day" => Val::whole(d.day()),
                "weekday" => Val::whole(d.weekday().to_monday_one_offset()),
                _ => return None,
            })
        };
        let time = |t: Time| {
            Some(match name {
                "hour" => Val::whole(t.hour()),
                "minute" => Val::whole(t.minute()),
                "second" => Val::whole(t.second()),
                _ => return None,
            })
        };
        let zone = |offset: Option<i32>, zone: Option<String>| {
            Some(match name {
                "time offset" => offset.map_or(Val::Null, |s| {
                    Val::DayTime(DayTime(i128::from(s) * 1_000_000_000))
                }),
                "timezone" => zone.map_or(Val::Null, Val::text),
                _ => return None,
            })
        };
        match self {
            Val::Date(d) => date(*d),
            Val::LocalTime(t) => time(*t).or_else(|| zone(None, None)),
            Val::Time(t) => time(t.time).or_else(|| zone(Some(t.offset), t.zone.clone())),
            Val::LocalDateTime(at) => date(at.date())
                .or_else(|| time(at.time()))
                .or_else(|| zone(None, None)),
            Val::DateTime(at) => date(at.date())
                .or_else(|| time(at.time()))
                .or_else(|| zone(Some(at.offset().seconds()), temporal::zone_name(at))),
            Val::YearMonth(months) => Some(match name {
                "years" => Val::whole(months / 12),
                "months" => Val::whole(months % 12),
                _ => return None,
            }),
            Val::DayTime(duration) => {
                let names = ["days", "hours", "minutes", "seconds"];
                let at = names.iter().position(|n| *n == name)?;
                i64::try_from(duration.parts()[at]).ok().map(Val::whole)
            }
            _ => None,
        }
    }
}

impl PartialEq for Val {
    /// The plain equality that lists are searched with: of one kind and the same.
    fn eq(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::Number(a), Val::Number(b)) => a == b,
            (Val::Boolean(a), Val::Boolean(b)) => a == b,
            (Val::String(a), Val::String(b)) => a == b,
            (Val::Date(a), Val::Date(b)) => a == b,
            (Val::LocalTime(a), Val::LocalTime(b)) => a == b,
            (Val::Time(a), Val::Time(b)) => a == b,
            (Val::LocalDateTime(a), Val::LocalDateTime(b)) => a == b,
            (Val::DateTime(a), Val::DateTime(b)) => {
                a.datetime() == b.datetime()
                    && a.offset() == b.offset()
                    && temporal::zone_name(a) == temporal::zone_name(b)
            }
            (Val::YearMonth(a), Val::YearMonth(b)) => a == b,
            (Val::DayTime(a), Val::DayTime(b)) => a == b,
            (Val::List(a), Val::List(b)) => a == b,
            (Val::Context(a), Val::Context(b)) => {
                Rc::ptr_eq(a, b) || (!a.literal && !b.literal && a.list == b.list)
            }
            (Val::Range(a), Val::Range(b)) => {
                let same = |a: &Boundary, b: &Boundary| a.closed == b.closed && a.value == b.value;
                same(&a.start, &b.start) && same(&a.end, &b.end)
            }
            (Val::Error(a), Val::Error(b)) | (Val::Fatal(a), Val::Fatal(b)) => a == b,
            _ => false,
        }
    }
}

impl From<Temporal> for Val {
    fn from(value: Temporal) -> Val {
        match value {
            Temporal::Date(v) => Val::Date(v),
            Temporal::LocalTime(v) => Val::LocalTime(v),
            Temporal::Time(v) => Val::Time(v),
            Temporal::LocalDateTime(v) => Val::LocalDateTime(v),
            Temporal::DateTime(v) => Val::DateTime(Box::new(v)),
            Temporal::YearMonth(v) => Val::YearMonth(v),
            Temporal::DayTime(v) => Val::DayTime(v),
        }
    }
}

impl From<bool> for Val {
    fn from(value: bool) -> Val {
        Val::Boolean(value)
    }
}

impl fmt::Display for Val {
    /// As the reference shows values in texts; strings in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::Null => f.write_str("null"),
            Val::Number(v) => write!(f, "{v}"),
            Val::Boolean(v) => write!(f, "{v}"),
            Val::String(v) => write!(f, "\"{v}\""),
            Val::Date(v) => f.write_str(&temporal::date_text(*v)),
            Val::LocalTime(v) => f.write_str(&temporal::time_text(*v)),
            Val::Time(v) => f.write_str(&temporal::zoned_time_text(v)),
            Val::LocalDateTime(v) => f.write_str(&temporal::date_time_text(*v)),
            Val::DateTime(v) => f.write_str(&temporal::zoned_text(v)),
            Val::YearMonth(v) => f.write_str(&temporal::year_month_text(*v)),
            Val::DayTime(v) => f.write_str(&temporal::day_time_text(*v)),
            Val::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Val::Context(entries) => {
                f.write_str("{")?;
                for (i, (key, value)) in entries.variables().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}:{value}")?;
                }
                f.write_str("}")
            }
            Val::Function(closure) => write!(f, "function({})", closure.params.join(", ")),
            Val::Range(range) => {
                let (open, close) = (
                    if range.start.closed { "[" } else { "(" },
                    if range.end.closed { "]" } else { ")" },
                );
                write!(f, "{open}{}..{}{close}", range.start.value, range.end.value)
            }
            Val::Error(message) => write!(f, "error(\"{message}\")"),
            Val::Fatal(message) => write!(f, "fatal error(\"{message}\")"),
        }
    }
}
