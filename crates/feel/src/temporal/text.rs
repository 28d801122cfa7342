//! Dates, times and durations as FEEL writes them.
use super::{DayTime, ZonedTime, zone_name};
use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};

fn fraction(nanos: i32) -> String {
    if nanos == 0 {
        return String::new();
    }
    format!(".{}", format!("{nanos:09}").trim_end_matches('0'))
}

/// A time as FEEL writes it: always with seconds.
pub fn time_text(time: Time) -> String {
    format!(
        "{:02}:{:02}:{:02}{}",
        time.hour(),
        time.minute(),
        time.second(),
        fraction(time.subsec_nanosecond())
    )
}

/// A time with its zone or offset as FEEL writes it.
pub fn zoned_time_text(time: &ZonedTime) -> String {
    match &time.zone {
        Some(zone) => format!("{}@{zone}", time_text(time.time)),
        None => format!("{}{}", time_text(time.time), offset_text(time.offset)),
    }
}

/// A date as ISO 8601 has it.
pub fn date_text(date: Date) -> String {
    let year = date.year();
    let sign = if year < 0 { "-" } else { "" };
    format!(
        "{sign}{:04}-{:02}-{:02}",
        year.unsigned_abs(),
        date.month(),
        date.day()
    )
}

/// A date and time without zone as FEEL writes it.
pub fn date_time_text(at: DateTime) -> String {
    format!("{}T{}", date_text(at.date()), time_text(at.time()))
}

/// A date and time with its zone or offset as FEEL writes it.
pub fn zoned_text(at: &Zoned) -> String {
    let local = date_time_text(at.datetime());
    match zone_name(at) {
        Some(zone) => format!("{local}@{zone}"),
        None => format!("{local}{}", offset_text(at.offset().seconds())),
    }
}

/// An offset as `Z` or `±hh:mm[:ss]`.
pub fn offset_text(seconds: i32) -> String {
    if seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.abs();
    let mut text = format!("{sign}{:02}:{:02}", total / 3_600, total / 60 % 60);
    if total % 60 != 0 {
        text.push_str(&format!(":{:02}", total % 60));
    }
    text
}

/// A duration of years and months as FEEL writes it.
pub fn year_month_text(months: i64) -> String {
    let (years, rest) = (months / 12, months % 12);
    if months == 0 {
        return "P0Y".to_owned();
    }
    let sign = if months < 0 { "-" } else { "" };
    let part = |n: i64, unit: &str| {
        if n == 0 {
            String::new()
        } else {
            format!("{}{unit}", n.abs())
        }
    };
    format!("{sign}P{}{}", part(years, "Y"), part(rest, "M"))
}

/// A duration of days and time as FEEL writes it.
pub fn day_time_text(duration: DayTime) -> String {
    let parts = duration.parts();
    if parts.iter().all(|p| *p == 0) {
        return "P0D".to_owned();
    }
    let negative = parts.iter().all(|p| *p <= 0);
    let part = |n: i128, unit: &str| match n {
        0 => String::new(),
        n => format!("{}{unit}", if negative { -n } else { n }),
    };
    let [days, hours, minutes, seconds] = parts;
    let clock = format!("{}{}{}", part(hours, "H"), part(minutes, "M"), part(seconds, "S"));
    let time = if clock.is_empty() {
        String::new()
    } else {
        format!("T{clock}")
    };
    format!("{}P{}{time}", if negative { "-" } else { "" }, part(days, "D"))
}
