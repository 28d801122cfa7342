//! Methods of `java.util.Date` and of Joda's `DateTime`, all in UTC.

use jiff::civil::Weekday;
use jiff::{Span, Timestamp, Zoned, tz::TimeZone};

use super::{Called, int, long};
use crate::{EvalError, Java, Value, text};

/// The difference between a year and the one `Date.getYear` gives.
const DATE_YEAR_BASE: i32 = 1900;

/// A method of a date.
pub(crate) fn date(ms: i64, name: &str, arguments: &[Value]) -> Called {
    let time = zoned(ms)?;
    Ok(Some(match (name, arguments) {
        ("getTime", []) => Value::Long(ms),
        ("before", [Value::Date(other)]) => Value::Bool(ms < *other),
        ("after", [Value::Date(other)]) => Value::Bool(ms > *other),
        ("compareTo", [Value::Date(other)]) => Value::Int(ms.cmp(other) as i32),
        ("hashCode", []) => Value::Int((ms ^ (((ms as u64) >> 32) as i64)) as i32),
        ("getYear", []) => Value::Int(i32::from(time.year()) - DATE_YEAR_BASE),
        ("getMonth", []) => Value::Int(i32::from(time.month()) - 1),
        ("getDate", []) => Value::Int(i32::from(time.day())),
        ("getDay", []) => Value::Int(i32::from(time.weekday().to_sunday_zero_offset())),
        ("getHours", []) => Value::Int(i32::from(time.hour())),
        ("getMinutes", []) => Value::Int(i32::from(time.minute())),
        ("getSeconds", []) => Value::Int(i32::from(time.second())),
        ("getTimezoneOffset", []) => Value::Int(0),
        ("clone", []) => Value::Date(ms),
        ("setTime", [_]) => Value::Null,
        ("toInstant", []) => Java::Instant(ms).into(),
        ("toLocaleString", []) => Value::Str(text::at(ms, "%b %-d, %Y, %-I:%M:%S %p")),
        ("toGMTString", []) => Value::Str(text::at(ms, "%-d %b %Y %H:%M:%S GMT")),
        _ => return Ok(None),
    }))
}

/// A property of a `DateTime`.
pub(crate) fn field(ms: i64, name: &str) -> Called {
    let time = zoned(ms)?;
    let of_day = i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60 + i32::from(time.second());
    Ok(Some(match name {
        "millis" => Value::Long(ms),
        "zone" => Java::Zone.into(),
        "year" => Value::Int(i32::from(time.year())),
        "monthOfYear" => Value::Int(i32::from(time.month())),
        "dayOfMonth" => Value::Int(i32::from(time.day())),
        "dayOfWeek" => Value::Int(i32::from(time.weekday().to_monday_one_offset())),
        "dayOfYear" => Value::Int(i32::from(time.day_of_year())),
        "weekOfWeekyear" => Value::Int(i32::from(time.date().iso_week_date().week())),
        "weekyear" => Value::Int(i32::from(time.date().iso_week_date().year())),
        "hourOfDay" => Value::Int(i32::from(time.hour())),
        "minuteOfHour" => Value::Int(i32::from(time.minute())),
        "secondOfMinute" => Value::Int(i32::from(time.second())),
        "millisOfSecond" => Value::Int(i32::from(time.millisecond())),
        "minuteOfDay" => Value::Int(of_day / 60),
        "secondOfDay" => Value::Int(of_day),
        "millisOfDay" => Value::Int(of_day * 1000 + i32::from(time.millisecond())),
        _ => return Ok(None),
    }))
}

/// A method of a `DateTime`; `now` is the current time in milliseconds.
pub(crate) fn call(ms: i64, name: &str, arguments: &[Value], now: i64) -> Called {
    let made = |ms: i64| Ok(Some(Value::DateTime(ms)));
    match (name, arguments) {
        ("toDate", []) => return Ok(Some(Value::Date(ms))),
        ("toDateTime" | "toInstant", []) => return made(ms),
        ("toLocalDate", []) => return Ok(Some(Java::LocalDate(ms).into())),
        ("toLocalTime", []) => return Ok(Some(Java::LocalTime(ms).into())),
        ("toLocalDateTime", []) => return Ok(Some(Java::LocalDateTime(ms).into())),
        ("toGregorianCalendar", []) | ("toCalendar", [_]) => return Ok(Some(Java::Calendar(ms).into())),
        ("getZone", []) => return Ok(Some(Java::Zone.into())),
        ("now", []) => return made(now),
        ("parse", [Value::Str(text)]) => return parsed(text).map(|ms| Some(Value::DateTime(ms))),
        ("isAfterNow", []) => return Ok(Some(Value::Bool(ms > now))),
        ("isBeforeNow", []) => return Ok(Some(Value::Bool(ms < now))),
        ("isEqualNow", []) => return Ok(Some(Value::Bool(ms == now))),
        ("withTimeAtStartOfDay", []) => return made(start_of_day(ms)),
        ("toString", [Value::Str(pattern)]) => {
            return joda_text(ms, pattern).map(|text| Some(Value::Str(text)));
        }
        ("isBefore", [other]) => return Ok(instant(other).map(|other| Value::Bool(ms < other))),
        ("isAfter", [other]) => return Ok(instant(other).map(|other| Value::Bool(ms > other))),
        ("isEqual", [other]) => return Ok(instant(other).map(|other| Value::Bool(ms == other))),
        ("compareTo", [Value::DateTime(other)]) => return Ok(Some(Value::Int(ms.cmp(other) as i32))),
        _ => {}
    }
    if arguments.is_empty() {
        if let Some(field) = FIELDS.iter().find(|field| **field == name) {
            return Ok(Some(Java::Field(ms, field).into()));
        }
        return match name
            .strip_prefix("get")
            .and_then(|rest| Some((rest.chars().next()?, rest)))
        {
            Some((first, rest)) if first.is_ascii_uppercase() => {
                field(ms, &format!("{}{}", first.to_ascii_lowercase(), &rest[1..]))
            }
            _ => Ok(None),
        };
    }
    if let [amount] = arguments
        && let Some((sign, unit)) = shift(name)
    {
        let Some(amount) = long(amount) else {
            return Ok(None);
        };
        return made(moved(ms, unit, amount.saturating_mul(sign))?);
    }
    let numbers: Option<Vec<i32>> = arguments.iter().map(int).collect();
    let Some(numbers) = numbers else { return Ok(None) };
    let fields: &[&str] = match name {
        "withTime" => &["hourOfDay", "minuteOfHour", "secondOfMinute", "millisOfSecond"],
        "withDate" => &["year", "monthOfYear", "dayOfMonth"],
        "withYear" => &["year"],
        "withMonthOfYear" => &["monthOfYear"],
        "withDayOfMonth" => &["dayOfMonth"],
        "withDayOfWeek" => &["dayOfWeek"],
        "withDayOfYear" => &["dayOfYear"],
        "withHourOfDay" => &["hourOfDay"],
        "withMinuteOfHour" => &["minuteOfHour"],
        "withSecondOfMinute" => &["secondOfMinute"],
        "withMillisOfSecond" => &["millisOfSecond"],
        "withMillisOfDay" => &["millisOfDay"],
        "withMillis" => return Ok(arguments.first().and_then(long).map(Value::DateTime)),
        _ => return Ok(None),
    };
    if fields.len() != numbers.len() {
        return Ok(None);
    }
    // A whole date is set from a day every month has.
    let mut ms = if name == "withDate" {
        with(ms, "dayOfMonth", 1)?
    } else {
        ms
    };
    for (field, number) in fields.iter().zip(numbers) {
        ms = with(ms, field, number)?;
    }
    made(ms)
}

/// The fields of a `DateTime`.
const FIELDS: [&str; 13] = [
    "year",
    "monthOfYear",
    "dayOfMonth",
    "dayOfWeek",
    "dayOfYear",
    "weekOfWeekyear",
    "weekyear",
    "hourOfDay",
    "minuteOfHour",
    "secondOfMinute",
    "millisOfSecond",
    "minuteOfDay",
    "secondOfDay",
];

/// `DateTime.parse`: an ISO date, perhaps with a time and an offset.
fn parsed(text: &str) -> Result<i64, EvalError> {
    let zoned = text.parse::<Timestamp>().ok();
    let local = || {
        text.parse::<jiff::civil::DateTime>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
    };
    let found = zoned.or_else(|| local().map(|zoned| zoned.timestamp()));
    found.map(Timestamp::as_millisecond).ok_or_else(|| {
        let message = format!("Invalid format: \"{text}\"");
        EvalError::thrown("java.lang.IllegalArgumentException", message)
    })
}

fn zoned(ms: i64) -> Result<Zoned, EvalError> {
    let time = Timestamp::from_millisecond(ms).map_err(|_| out_of_range())?;
    Ok(time.to_zoned(TimeZone::UTC))
}

fn out_of_range() -> EvalError {
    EvalError::new("the date is outside of the supported years -9999 to 9999")
}

const DAY: i64 = 86_400_000;

fn start_of_day(ms: i64) -> i64 {
    ms - ms.rem_euclid(DAY)
}

fn instant(value: &Value) -> Option<i64> {
    match value {
        Value::DateTime(ms) => Some(*ms),
        Value::Null | Value::Long(_) | Value::Int(_) => long(value),
        _ => None,
    }
}

/// `plusDays` as a sign and a unit.
fn shift(name: &str) -> Option<(i64, &str)> {
    match (name.strip_prefix("plus"), name.strip_prefix("minus")) {
        (Some(unit), _) => Some((1, unit)),
        (_, Some(unit)) => Some((-1, unit)),
        _ => None,
    }
    .filter(|(_, unit)| {
        [
            "", "Years", "Months", "Weeks", "Days", "Hours", "Minutes", "Seconds", "Millis",
        ]
        .contains(unit)
    })
}

fn moved(ms: i64, unit: &str, amount: i64) -> Result<i64, EvalError> {
    let span = Span::new();
    let span = match unit {
        "Years" => span.try_years(amount),
        "Months" => span.try_months(amount),
        "Weeks" => span.try_weeks(amount),
        "Days" => span.try_days(amount),
        "Hours" => span.try_hours(amount),
        "Minutes" => span.try_minutes(amount),
        "Seconds" => span.try_seconds(amount),
        _ => span.try_milliseconds(amount),
    };
    let moved = span.and_then(|span| zoned_or_jiff(ms)?.checked_add(span));
    Ok(moved.map_err(|_| out_of_range())?.timestamp().as_millisecond())
}

fn zoned_or_jiff(ms: i64) -> Result<Zoned, jiff::Error> {
    Ok(Timestamp::from_millisecond(ms)?.to_zoned(TimeZone::UTC))
}

/// The highest value of a field at that time.
pub(crate) fn highest(ms: i64, field: &str) -> Result<i32, EvalError> {
    let date = zoned(ms)?.date();
    Ok(match field {
        "monthOfYear" => 12,
        "dayOfMonth" => i32::from(date.days_in_month()),
        "dayOfWeek" => 7,
        "dayOfYear" => i32::from(date.days_in_year()),
        "hourOfDay" => 23,
        "minuteOfHour" | "secondOfMinute" => 59,
        "millisOfSecond" => 999,
        "millisOfDay" => 86_399_999,
        _ => 9999,
    })
}

/// The lowest value of a field.
pub(crate) fn lowest(field: &str) -> i32 {
    match field {
        "monthOfYear" | "dayOfMonth" | "dayOfWeek" | "dayOfYear" => 1,
        "year" => -9999,
        _ => 0,
    }
}

/// The time with one field set.
pub(crate) fn with(ms: i64, field: &str, number: i32) -> Result<i64, EvalError> {
    let time = zoned(ms)?;
    let (lowest, highest) = (lowest(field), highest(ms, field)?);
    if !(lowest..=highest).contains(&number) {
        return Err(EvalError::thrown(
            "org.joda.time.IllegalFieldValueException",
            format_args!("Value {number} for {field} must be in the range [{lowest},{highest}]"),
        ));
    }
    let days = |count: i32| i64::from(count) * DAY;
    let small = number as i16;
    let set = match field {
        "dayOfWeek" => return Ok(ms + days(number - i32::from(time.weekday().to_monday_one_offset()))),
        "dayOfYear" => return Ok(ms + days(number - i32::from(time.day_of_year()))),
        "millisOfDay" => return Ok(start_of_day(ms) + i64::from(number)),
        // The last day of a shorter month replaces a day that does not exist.
        "year" => return moved(ms, "Years", i64::from(number) - i64::from(time.year())),
        "monthOfYear" => return moved(ms, "Months", i64::from(number) - i64::from(time.month())),
        "dayOfMonth" => time.with().day(small as i8),
        "hourOfDay" => time.with().hour(small as i8),
        "minuteOfHour" => time.with().minute(small as i8),
        "secondOfMinute" => time.with().second(small as i8),
        _ => time.with().millisecond(small),
    };
    Ok(set
        .build()
        .map_err(|_| out_of_range())?
        .timestamp()
        .as_millisecond())
}

/// `DateTime.toString(pattern)` for the usual letters of Joda's patterns.
fn joda_text(ms: i64, pattern: &str) -> Result<String, EvalError> {
    let time = zoned(ms)?;
    let mut shown = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\'' {
            let quoted: String = letters.by_ref().take_while(|c| *c != '\'').collect();
            shown.push_str(if quoted.is_empty() { "'" } else { &quoted });
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            shown.push(letter);
            continue;
        }
        let mut width = 1;
        while letters.next_if_eq(&letter).is_some() {
            width += 1;
        }
        shown.push_str(&joda_field(ms, &time, letter, width)?);
    }
    Ok(shown)
}

fn joda_field(ms: i64, time: &Zoned, letter: char, width: usize) -> Result<String, EvalError> {
    let number = |value: i64| Ok(format!("{value:0width$}"));
    let hour = i64::from(time.hour());
    match letter {
        'y' | 'Y' if width == 2 => Ok(format!("{:02}", time.year().rem_euclid(100))),
        'y' | 'Y' => number(i64::from(time.year())),
        'x' => number(i64::from(time.date().iso_week_date().year())),
        'w' => number(i64::from(time.date().iso_week_date().week())),
        'M' if width > 3 => Ok(text::at(ms, "%B")),
        'M' if width == 3 => Ok(text::at(ms, "%b")),
        'M' => number(i64::from(time.month())),
        'd' => number(i64::from(time.day())),
        'D' => number(i64::from(time.day_of_year())),
        'e' => number(i64::from(time.weekday().since(Weekday::Monday)) + 1),
        'E' if width > 3 => Ok(text::at(ms, "%A")),
        'E' => Ok(text::at(ms, "%a")),
        'H' => number(hour),
        'k' => number(if hour == 0 { 24 } else { hour }),
        'K' => number(hour % 12),
        'h' => number(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'a' => Ok(if hour < 12 { "AM" } else { "PM" }.to_owned()),
        'm' => number(i64::from(time.minute())),
        's' => number(i64::from(time.second())),
        'S' => {
            let digits = format!("{:03}", time.millisecond());
            Ok(format!("{digits:0<width$}").chars().take(width).collect())
        }
        'z' => Ok("UTC".to_owned()),
        'Z' => Ok(["+0000", "+00:00", "UTC"][width.clamp(1, 3) - 1].to_owned()),
        other => Err(EvalError::thrown(
            "java.lang.IllegalArgumentException",
            format_args!("Illegal pattern component: {other}"),
        )),
    }
}
