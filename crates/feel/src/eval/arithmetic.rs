//! Arithmetic on numbers, strings, dates, times and durations.
use super::{Evaluated, Thrown};
use crate::number::Number;
use crate::syntax::Operator;
use crate::temporal::{self, DayTime, ZonedTime};
use crate::value::Val;
use jiff::Span;
use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};

/// The result of an operator; what doesn't fit together is an error value.
pub(super) fn operate(operator: Operator, a: Val, b: Val) -> Evaluated {
    if a.is_error() {
        return Ok(a);
    }
    if b.is_error() {
        return Ok(b);
    }
    match operator {
        Operator::Add => add(a, b),
        Operator::Subtract => subtract(a, b),
        Operator::Multiply => Ok(multiply(a, b)),
        Operator::Divide => Ok(divide(a, b)),
        Operator::Power => power(a, b),
    }
}

pub(super) fn negate(value: Val) -> Val {
    match value {
        Val::Number(number) => Val::Number(number.negated()),
        error if error.is_error() => error,
        other => Val::Error(format!("Expected number but found '{other}'")),
    }
}

fn out_of_range() -> Thrown {
    Thrown("java.time.DateTimeException: Invalid value for a date".to_owned())
}

fn months(count: i64) -> Result<Span, Thrown> {
    Span::new().try_months(count).map_err(|_| out_of_range())
}

fn date_plus_months(date: Date, count: i64) -> Result<Date, Thrown> {
    date.checked_add(months(count)?).map_err(|_| out_of_range())
}

fn local_plus_months(at: DateTime, count: i64) -> Result<DateTime, Thrown> {
    at.checked_add(months(count)?).map_err(|_| out_of_range())
}

fn zoned_plus_months(at: &Zoned, count: i64) -> Evaluated {
    let moved = at.checked_add(months(count)?).map_err(|_| out_of_range())?;
    Ok(Val::DateTime(Box::new(moved)))
}

fn local_plus(at: DateTime, duration: DayTime) -> Result<DateTime, Thrown> {
    let signed = duration.signed().ok_or_else(out_of_range)?;
    at.checked_add(signed).map_err(|_| out_of_range())
}

fn zoned_plus(at: &Zoned, duration: DayTime) -> Evaluated {
    let signed = duration.signed().ok_or_else(out_of_range)?;
    let moved = at.checked_add(signed).map_err(|_| out_of_range())?;
    Ok(Val::DateTime(Box::new(moved)))
}

fn time_plus(time: Time, duration: DayTime) -> Result<Time, Thrown> {
    Ok(time.wrapping_add(duration.signed().ok_or_else(out_of_range)?))
}

/// A date and a duration of days and time: the time of day is lost.
fn date_plus(date: Date, duration: DayTime) -> Result<Date, Thrown> {
    Ok(local_plus(date.to_datetime(Time::midnight()), duration)?.date())
}

fn add(a: Val, b: Val) -> Evaluated {
    Ok(match (a, b) {
        (Val::Number(a), Val::Number(b)) => Val::Number(a.plus(&b)),
        (Val::String(a), Val::String(b)) => Val::text(format!("{a}{b}")),
        (Val::YearMonth(a), Val::YearMonth(b)) => Val::YearMonth(a.checked_add(b).ok_or_else(out_of_range)?),
        (Val::DayTime(a), Val::DayTime(b)) => Val::DayTime(DayTime(a.0 + b.0)),
        (a, b) => match (moved(&a, &b), moved(&b, &a)) {
            (Some(result), _) | (None, Some(result)) => result?,
            (None, None) => Val::Error(format!("Can't add '{b}' to '{a}'")),
        },
    })
}

/// A date or time moved by a duration; `None` if the two aren't that.
fn moved(at: &Val, by: &Val) -> Option<Evaluated> {
    Some(match (at, by) {
        (Val::LocalTime(t), Val::DayTime(d)) => time_plus(*t, *d).map(Val::LocalTime),
        (Val::Time(t), Val::DayTime(d)) => {
            time_plus(t.time, *d).map(|time| Val::Time(ZonedTime { time, ..t.clone() }))
        }
        (Val::LocalDateTime(t), Val::YearMonth(m)) => local_plus_months(*t, *m).map(Val::LocalDateTime),
        (Val::LocalDateTime(t), Val::DayTime(d)) => local_plus(*t, *d).map(Val::LocalDateTime),
        (Val::DateTime(t), Val::YearMonth(m)) => zoned_plus_months(t, *m),
        (Val::DateTime(t), Val::DayTime(d)) => zoned_plus(t, *d),
        (Val::Date(t), Val::YearMonth(m)) => date_plus_months(*t, *m).map(Val::Date),
        (Val::Date(t), Val::DayTime(d)) => date_plus(*t, *d).map(Val::Date),
        _ => return None,
    })
}

fn subtract(a: Val, b: Val) -> Evaluated {
    let between = |nanos: i128| Ok(Val::DayTime(DayTime(nanos)));
    match (&a, &b) {
        (Val::Number(a), Val::Number(b)) => Ok(Val::Number(a.minus(b))),
        (Val::LocalTime(a), Val::LocalTime(b)) => {
            between(temporal::nano_of_day(*a) - temporal::nano_of_day(*b))
        }
        (Val::Time(a), Val::Time(b)) => between((a.nanos() - b.nanos()).abs()),
        (Val::LocalDateTime(a), Val::LocalDateTime(b)) => {
            between(temporal::local_nanos(*a) - temporal::local_nanos(*b))
        }
        (Val::DateTime(a), Val::DateTime(b)) => {
            between(a.timestamp().as_nanosecond() - b.timestamp().as_nanosecond())
        }
        (Val::Date(a), Val::Date(b)) => {
            let start = |d: &Date| temporal::local_nanos(d.to_datetime(Time::midnight()));
            between(start(a) - start(b))
        }
        (Val::YearMonth(a), Val::YearMonth(b)) => {
            Ok(Val::YearMonth(a.checked_sub(*b).ok_or_else(out_of_range)?))
        }
        (Val::DayTime(a), Val::DayTime(b)) => between(a.0 - b.0),
        (_, Val::YearMonth(months)) => moved_back(&a, Val::YearMonth(-months), &b),
        (_, Val::DayTime(duration)) => moved_back(&a, Val::DayTime(DayTime(-duration.0)), &b),
        _ => Ok(Val::Error(format!("Can't subtract '{b}' from '{a}'"))),
    }
}

fn moved_back(at: &Val, by: Val, duration: &Val) -> Evaluated {
    moved(at, &by).unwrap_or_else(|| Ok(Val::Error(format!("Can't subtract '{duration}' from '{at}'"))))
}

fn multiply(a: Val, b: Val) -> Val {
    match (a, b) {
        (Val::Number(a), Val::Number(b)) => Val::Number(a.times(&b)),
        (Val::Number(n), Val::YearMonth(months)) | (Val::YearMonth(months), Val::Number(n)) => {
            Val::YearMonth(months.saturating_mul(i64::from(n.to_i32())))
        }
        (Val::Number(n), Val::DayTime(d)) | (Val::DayTime(d), Val::Number(n)) => {
            Val::DayTime(DayTime(d.0.saturating_mul(i128::from(n.to_i32()))))
        }
        (a, b) => Val::Error(format!("Can't multiply '{a}' by '{b}'")),
    }
}

fn divide(a: Val, b: Val) -> Val {
    let error = format!("Can't divide '{a}' by '{b}'");
    let quotient = match (a, b) {
        (Val::Number(a), Val::Number(b)) => a.over(&b).map(Val::Number),
        (Val::YearMonth(months), Val::Number(n)) => Number::from(months)
            .over(&n)
            .map(|q| Val::YearMonth(i64::from(q.to_i32()))),
        (Val::YearMonth(a), Val::YearMonth(b)) => a.checked_div(b).map(Val::whole),
        (Val::DayTime(a), Val::DayTime(b)) => a
            .millis()
            .checked_div(b.millis())
            .and_then(|q| i64::try_from(q).ok())
            .map(Val::whole),
        (Val::DayTime(a), Val::Number(n)) => i64::try_from(a.millis())
            .ok()
            .and_then(|millis| Number::from(millis).over(&n))
            .map(|q| Val::DayTime(DayTime(i128::from(q.to_i32()) * 1_000_000))),
        _ => None,
    };
    quotient.unwrap_or(Val::Error(error))
}

fn power(a: Val, b: Val) -> Evaluated {
    let (Val::Number(base), Val::Number(exponent)) = (&a, &b) else {
        return Ok(Val::Error("Expected number".to_owned()));
    };
    base.power(exponent)
        .map(Val::Number)
        .ok_or_else(|| Thrown("java.lang.ArithmeticException: Invalid operation".to_owned()))
}
