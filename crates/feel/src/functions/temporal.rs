//! Functions on dates, and the clock.
use super::{Builtin, Reply, function};
use crate::eval::{Interpreter, Thrown};
use crate::value::Val;
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, Zoned, tz::TimeZone};

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("now", &[], |interpreter, _| {
        Ok(Some(Val::DateTime(Box::new(now(interpreter)?))))
    }),
    function("today", &[], |interpreter, _| {
        Ok(Some(Val::Date(now(interpreter)?.date())))
    }),
    function("day of year", &["date"], |_, args| {
        Ok(date(args).map(|d| Val::whole(d.day_of_year())))
    }),
    function("day of week", &["date"], |_, args| {
        Ok(date(args).map(|d| Val::text(weekday(d.weekday()))))
    }),
    function("month of year", &["date"], |_, args| {
        Ok(date(args).map(|d| Val::text(month(d))))
    }),
    function("week of year", &["date"], |_, args| {
        Ok(date(args).map(|d| Val::whole(d.iso_week_date().week())))
    }),
    function("last day of month", &["date"], last_day_of_month),
];

fn now(interpreter: &Interpreter<'_>) -> Result<Zoned, Thrown> {
    let at = Timestamp::from_millisecond(interpreter.host.now())
        .map_err(|_| Thrown("java.time.DateTimeException: the clock is out of range".to_owned()))?;
    // The zone that a server in UTC has.
    Ok(at.to_zoned(TimeZone::get("Etc/UTC").unwrap_or(TimeZone::UTC)))
}

fn date(args: &[Val]) -> Option<Date> {
    match args {
        [Val::Date(date)] => Some(*date),
        [Val::DateTime(at)] => Some(at.date()),
        [Val::LocalDateTime(at)] => Some(at.date()),
        _ => None,
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn month(date: Date) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    NAMES.get(date.month() as usize - 1).copied().unwrap_or_default()
}

fn last_day_of_month(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    Ok(date(args).map(|d| Val::Date(d.last_of_month())))
}
