//! Functions that make a value of another type.
use super::{Builtin, Reply, error, function};
use crate::eval::{Interpreter, Thrown};
use crate::number::Number;
use crate::temporal::{self, DayTime, ZonedTime};
use crate::value::Val;
use jiff::civil::{Date, Time};

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("date", &["from"], date),
    function("date", &["year", "month", "day"], date_of_parts),
    function("date and time", &["from"], date_and_time),
    function("date and time", &["date", "time"], date_with_time),
    function("time", &["from"], time),
    function("time", &["hour", "minute", "second"], time_of_parts),
    function("time", &["hour", "minute", "second", "offset"], time_of_parts),
    function("number", &["from"], number),
    function("number", &["from", "grouping separator"], number),
    function(
        "number",
        &["from", "grouping separator", "decimal separator"],
        number,
    ),
    function("string", &["from"], string),
    function("duration", &["from"], duration),
    function("years and months duration", &["from", "to"], months_between),
];

/// The date in a date, or in a date and time.
fn date_in(value: &Val) -> Option<Date> {
    Some(match value {
        Val::Date(date) => *date,
        Val::LocalDateTime(at) => at.date(),
        Val::DateTime(at) => at.date(),
        _ => return None,
    })
}

fn date(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    match args {
        [Val::String(text)] => match temporal::date(text) {
            Some(date) => Ok(Some(Val::Date(date))),
            None => error(format!("Failed to parse date from '{text}'")),
        },
        [value] => Ok(date_in(value).map(Val::Date)),
        _ => Ok(None),
    }
}

fn date_of_parts(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::Number(year), Val::Number(month), Val::Number(day)] = args else {
        return Ok(None);
    };
    let small = |n: &Number| i8::try_from(n.to_i32()).ok();
    let date = i16::try_from(year.to_i32())
        .ok()
        .and_then(|y| Date::new(y, small(month)?, small(day)?).ok());
    match date {
        Some(date) => Ok(Some(Val::Date(date))),
        None => error(format!(
            "Failed to parse date from: year={year}, month={month}, day={day}"
        )),
    }
}

fn date_and_time(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::String(text)] = args else {
        return Ok(None);
    };
    match temporal::date_and_time_strict(text) {
        Some(value) => Ok(Some(value.into())),
        None => error(format!("Failed to parse date-time from '{text}'")),
    }
}

fn date_with_time(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let out_of_range = || Thrown("java.time.DateTimeException: Invalid value".to_owned());
    let zone = |name: &str| {
        temporal::time_zone(name).ok_or_else(|| {
            Thrown(format!(
                "java.time.zone.ZoneRulesException: Unknown time-zone ID: {name}"
            ))
        })
    };
    Ok(Some(match args {
        [Val::LocalDateTime(at), Val::String(name)] => {
            Val::DateTime(Box::new(at.to_zoned(zone(name)?).map_err(|_| out_of_range())?))
        }
        [Val::DateTime(at), Val::String(name)] => Val::DateTime(Box::new(at.with_time_zone(zone(name)?))),
        [day, Val::LocalTime(time)] => match date_in(day) {
            Some(date) => Val::LocalDateTime(date.to_datetime(*time)),
            None => return Ok(None),
        },
        [day, Val::Time(time)] => match date_in(day) {
            Some(date) => Val::DateTime(Box::new(time.on(date).ok_or_else(out_of_range)?)),
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn time(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    Ok(Some(match args {
        [Val::String(text)] => match temporal::time(text) {
            Some(value) => value.into(),
            None => return error(format!("Failed to parse time from '{text}'")),
        },
        [Val::LocalDateTime(at)] => Val::LocalTime(at.time()),
        [Val::DateTime(at)] => Val::Time(ZonedTime::of(at)),
        // The reference gives midnight in the zone named by the offset itself, which prints as one.
        [Val::Date(_)] => Val::Time(ZonedTime {
            time: Time::midnight(),
            offset: 0,
            zone: None,
        }),
        _ => return Ok(None),
    }))
}

fn time_of_parts(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let (hour, minute, second, offset) = match args {
        [Val::Number(h), Val::Number(m), Val::Number(s)] => (h, m, s, None),
        [Val::Number(h), Val::Number(m), Val::Number(s), Val::Null] => (h, m, s, None),
        [
            Val::Number(h),
            Val::Number(m),
            Val::Number(s),
            Val::DayTime(offset),
        ] => (h, m, s, Some(*offset)),
        _ => return Ok(None),
    };
    let small = |n: &Number| i8::try_from(n.to_i32()).ok();
    let nanos = second
        .remainder(&Number::from(1))
        .map(|fraction| fraction.times(&Number::from(1_000_000_000)).to_i32())
        .unwrap_or_default();
    let nanos = if args.len() == 4 && offset.is_none() {
        0
    } else {
        nanos
    };
    let time = small(hour)
        .zip(small(minute))
        .zip(small(second))
        .and_then(|((h, m), s)| Time::new(h, m, s, nanos).ok());
    let seconds = offset.map(|o: DayTime| i32::try_from(o.seconds()).ok().filter(|s| s.abs() <= 64_800));
    match (time, seconds) {
        (Some(time), None) => Ok(Some(Val::LocalTime(time))),
        (Some(time), Some(Some(offset))) => Ok(Some(Val::Time(ZonedTime {
            time,
            offset,
            zone: None,
        }))),
        _ => error(format!(
            "Failed to parse time from: hour={hour}, minute={minute}, second={second}"
        )),
    }
}

fn number(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let grouping = |s: &str| [" ", ",", "."].contains(&s);
    let decimal = |s: &str| [",", "."].contains(&s);
    let text = match args {
        [Val::String(text)] => text.to_string(),
        [Val::String(text), Val::String(group)] | [Val::String(text), Val::String(group), Val::Null]
            if grouping(group) =>
        {
            text.replace(&**group, "")
        }
        [Val::String(text), Val::String(group), Val::String(point)]
            if grouping(group) && decimal(point) && group != point =>
        {
            text.replace(&**group, "").replace(&**point, ".")
        }
        [Val::String(text), Val::Null, Val::String(point)] if decimal(point) => text.replace(&**point, "."),
        [Val::String(_), Val::String(_)] => {
            return error("illegal argument for grouping. Must be one of ' ', ',' or '.'");
        }
        [Val::String(_), Val::String(_), Val::String(_)] => {
            return error(
                "illegal arguments for grouping or decimal. Must be one of ' ' (grouping only), ',' or '.'",
            );
        }
        _ => return Ok(None),
    };
    match text.parse::<Number>() {
        Ok(number) => Ok(Some(Val::Number(number))),
        Err(_) => error(format!("Can't parse '{text}' as a number")),
    }
}

fn string(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    Ok(match args {
        [Val::Null] => Some(Val::Null),
        [text @ Val::String(_)] => Some(text.clone()),
        [value] => Some(Val::text(value.to_string())),
        _ => None,
    })
}

fn duration(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::String(text)] = args else {
        return Ok(None);
    };
    match temporal::duration(text) {
        Some(value) => Ok(Some(value.into())),
        None => error(format!("Failed to parse duration from '{text}'")),
    }
}

fn months_between(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [from, to] = args else { return Ok(None) };
    let (Some(from), Some(to)) = (date_in(from), date_in(to)) else {
        return Ok(None);
    };
    let months = |d: Date| i64::from(d.year()) * 12 + i64::from(d.month());
    let mut between = months(to) - months(from);
    // A month that isn't over doesn't count.
    if between > 0 && to.day() < from.day() {
        between -= 1;
    } else if between < 0 && to.day() > from.day() {
        between += 1;
    }
    Ok(Some(Val::YearMonth(between)))
}
