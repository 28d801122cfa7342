//! Dates, times and durations: reading and writing them as the reference does.
mod text;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Dst, Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use regex::Regex;
use std::sync::LazyLock;
pub use text::*;

const NANOS: i128 = 1_000_000_000;

/// A time of day with an offset and perhaps the zone that it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct ZonedTime {
    pub time: Time,
    /// Seconds east of Greenwich.
    pub offset: i32,
    pub zone: Option<String>,
}

impl ZonedTime {
    /// Nanoseconds since midnight in Greenwich; negative where the day began earlier.
    pub fn nanos(&self) -> i128 {
        nano_of_day(self.time) - i128::from(self.offset) * NANOS
    }

    /// At a date; `None` where the zone is unknown or the date out of range.
    pub fn on(&self, date: Date) -> Option<Zoned> {
        let zone = match &self.zone {
            Some(name) => time_zone(name)?,
            None => fixed(self.offset)?,
        };
        date.to_datetime(self.time).to_zoned(zone).ok()
    }

    /// The time of a moment, with its offset and zone.
    pub fn of(moment: &Zoned) -> ZonedTime {
        ZonedTime {
            time: moment.time(),
            offset: moment.offset().seconds(),
            zone: zone_name(moment),
        }
    }
}

/// A duration of days, hours, minutes and seconds, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayTime(pub i128);

impl DayTime {
    /// Whole seconds, rounded towards the past.
    pub fn seconds(self) -> i128 {
        self.0.div_euclid(NANOS)
    }

    /// Whole milliseconds, rounded towards zero.
    pub fn millis(self) -> i128 {
        self.0 / 1_000_000
    }

    /// Days, hours, minutes and seconds as the reference's properties show them.
    pub fn parts(self) -> [i128; 4] {
        let seconds = self.seconds();
        [
            seconds / 86_400,
            seconds / 3_600 % 24,
            seconds / 60 % 60,
            seconds % 60,
        ]
    }

    pub(crate) fn signed(self) -> Option<jiff::SignedDuration> {
        let seconds = i64::try_from(self.0 / NANOS).ok()?;
        Some(jiff::SignedDuration::new(seconds, (self.0 % NANOS) as i32))
    }
}

/// Nanoseconds since midnight.
pub fn nano_of_day(time: Time) -> i128 {
    let seconds =
        i128::from(time.hour()) * 3_600 + i128::from(time.minute()) * 60 + i128::from(time.second());
    seconds * NANOS + i128::from(time.subsec_nanosecond())
}

/// Nanoseconds on the local time line.
pub fn local_nanos(at: DateTime) -> i128 {
    at.to_zoned(TimeZone::UTC)
        .map_or(0, |z| z.timestamp().as_nanosecond())
}

/// A zone by its region or offset (`Europe/Berlin`, `Z`, `+01:00`).
pub fn time_zone(name: &str) -> Option<TimeZone> {
    match offset_seconds(name) {
        Some(seconds) => fixed(seconds),
        None if name == "UTC" => utc_region(),
        None => TimeZone::get(name).ok(),
    }
}

fn fixed(seconds: i32) -> Option<TimeZone> {
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

/// The region of a moment's zone; an offset has none.
pub fn zone_name(moment: &Zoned) -> Option<String> {
    let zone = moment.time_zone();
    if *zone == TimeZone::UTC {
        return None;
    }
    zone.iana_name().filter(|n| !n.is_empty()).map(str::to_owned)
}

/// The region `UTC`, which is not the offset `Z`.
fn utc_region() -> Option<TimeZone> {
    // A time zone file with one type of local time: no offset, called UTC.
    let block = |head: &mut Vec<u8>| {
        head.extend(b"TZif2");
        head.extend([0; 15]);
        head.extend([0u32, 0, 0, 0, 1, 4].into_iter().flat_map(u32::to_be_bytes));
        head.extend([0; 6]);
        head.extend(b"UTC\0");
    };
    let mut file = Vec::new();
    block(&mut file);
    block(&mut file);
    file.extend(b"\nUTC0\n");
    TimeZone::tzif("UTC", &file).ok()
}

/// Seconds of `Z` or `±hh:mm`.
fn offset_seconds(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 18 && minutes < 60).then(|| sign * (hours * 3_600 + minutes * 60))
}

/// A zone's offset without summer time.
fn standard_offset(zone: &TimeZone) -> i32 {
    // A moment in each half of a year: one of them has no summer time.
    let moments =
        [1_704_067_200, 1_719_792_000].map(|s| Timestamp::from_second(s).unwrap_or(Timestamp::UNIX_EPOCH));
    let infos = moments.map(|at| zone.to_offset_info(at));
    infos
        .iter()
        .find(|i| i.dst() == Dst::No)
        .unwrap_or(&infos[0])
        .offset()
        .seconds()
}

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        fn $name(text: &str) -> bool {
            static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());
            PATTERN.as_ref().is_some_and(|p| p.is_match(text))
        }
    };
}

pattern!(is_date, r"^-?([1-9][0-9]{0,4})?[0-9]{4}-[01][0-9]-[0-3][0-9]$");
pattern!(
    is_offset_time,
    r"^T?[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([+-][0-9]{2}:[0-9]{2}|Z|@.*)$"
);
pattern!(
    is_offset_date_time,
    r"^-?([1-9][0-9]{0,4})?[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?(\.[0-9]{1,9})?([+-][01][0-9]:[0-5][0-9]|Z|@.*)$"
);
pattern!(
    is_local_date_time,
    r"^-?([1-9][0-9]{0,4})?[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?(\.[0-9]{1,9})?$"
);
pattern!(is_year_month_duration, r"^-?P-?([0-9]+Y)?-?([0-9]+M)?$");
pattern!(
    is_day_time_duration,
    r"^-?P(-?([0-9]+D)?(T-?([0-9]+H)?-?([0-9]+M)?-?([0-9]+(.[0-9]*)?S)?)?)$"
);

/// Reads `yyyy-MM-dd`.
pub fn date(text: &str) -> Option<Date> {
    if !is_date(text) {
        return None;
    }
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut parts = digits.split('-');
    let year: i16 = parts.next()?.parse().ok()?;
    let (month, day): (i8, i8) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Date::new(if negative { -year } else { year }, month, day).ok()
}

/// Reads `[T]HH:mm[:ss][.fraction]`.
fn local_time(text: &str) -> Option<Time> {
    let text = text.strip_prefix('T').unwrap_or(text);
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (text, "0"),
    };
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    let mut parts = clock.split(':').map(two_digits);
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = match parts.next() {
        Some(second) => second?,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, nanos).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// What a text of a temporal kind names.
#[derive(Clone, Debug, PartialEq)]
pub enum Temporal {
    Date(Date),
    LocalTime(Time),
    Time(ZonedTime),
    LocalDateTime(DateTime),
    DateTime(Zoned),
    /// Months.
    YearMonth(i64),
    DayTime(DayTime),
}

/// The text without its offset or zone, and that.
fn split_zone(text: &str) -> Option<(&str, &str)> {
    if let Some((clock, zone)) = text.split_once('@') {
        return Some((clock, zone));
    }
    let at = if text.ends_with('Z') {
        text.len() - 1
    } else {
        text.len().checked_sub(6)?
    };
    text.is_char_boundary(at).then(|| text.split_at(at))
}

/// Reads a time of day, with or without an offset or zone.
pub fn time(text: &str) -> Option<Temporal> {
    if !is_offset_time(text) {
        return local_time(text).map(Temporal::LocalTime);
    }
    let (clock, zone) = split_zone(text)?;
    let time = local_time(clock)?;
    let zoned = match offset_seconds(zone) {
        Some(offset) => ZonedTime {
            time,
            offset,
            zone: None,
        },
        None => {
            let rules = time_zone(zone)?;
            ZonedTime {
                time,
                offset: standard_offset(&rules),
                zone: Some(zone.to_owned()),
            }
        }
    };
    Some(Temporal::Time(zoned))
}

fn local_date_time(text: &str) -> Option<DateTime> {
    let (day, clock) = text.split_once('T')?;
    Some(date(day)?.to_datetime(local_time(clock)?))
}

fn offset_date_time(text: &str) -> Option<Zoned> {
    let (local, zone) = split_zone(text)?;
    local_date_time(local)?.to_zoned(time_zone(zone)?).ok()
}

/// Reads a date and time; a mere date is its midnight.
pub fn date_and_time(text: &str) -> Option<Temporal> {
    if let Some(day) = date(text) {
        Some(Temporal::LocalDateTime(day.to_datetime(Time::midnight())))
    } else if is_offset_date_time(text) {
        offset_date_time(text).map(Temporal::DateTime)
    } else {
        local_date_time(text).map(Temporal::LocalDateTime)
    }
}

/// Reads a duration of years and months.
fn year_month_duration(text: &str) -> Option<i64> {
    if !is_year_month_duration(text) {
        return None;
    }
    let (outer, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut rest = rest.strip_prefix('P')?;
    let mut months: Option<i64> = None;
    for (unit, factor) in [('Y', 12), ('M', 1)] {
        if let Some(at) = rest.find(unit) {
            let count: i64 = rest[..at].parse().ok()?;
            months = Some(months.unwrap_or(0).checked_add(count.checked_mul(factor)?)?);
            rest = &rest[at + 1..];
        }
    }
    if rest.is_empty() {
        months.map(|m| outer * m)
    } else {
        None
    }
}

/// Reads a duration of days and time as Java's `Duration.parse` does.
fn day_time_duration(text: &str) -> Option<DayTime> {
    let upper = text.to_ascii_uppercase();
    let (outer, rest) = match upper.as_bytes().first()? {
        b'-' => (-1, &upper[1..]),
        b'+' => (1, &upper[1..]),
        _ => (1, upper.as_str()),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, clock) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((days, clock)) => (days, clock),
        None => (rest, ""),
    };
    if days.is_empty() && clock.is_empty() {
        return None;
    }
    let mut nanos: i128 = 0;
    if !days.is_empty() {
        nanos += days.strip_suffix('D').and_then(whole)? * 86_400 * NANOS;
    }
    let mut rest = clock;
    for (unit, seconds) in [('H', 3_600), ('M', 60)] {
        if let Some(at) = rest.find(unit) {
            nanos += whole(&rest[..at])? * seconds * NANOS;
            rest = &rest[at + 1..];
        }
    }
    if !rest.is_empty() {
        let seconds = rest.strip_suffix('S')?;
        let (seconds, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
        if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
        let sign = if seconds.starts_with('-') { -1 } else { 1 };
        nanos += whole(seconds)? * NANOS + sign * fraction;
    }
    Some(DayTime(outer * nanos))
}

fn whole(text: &str) -> Option<i128> {
    text.parse::<i64>().ok().map(i128::from)
}

/// Reads a duration in an expression's own text (`duration("…")`).
pub fn duration_literal(text: &str) -> Option<Temporal> {
    if is_year_month_duration(text) {
        year_month_duration(text).map(Temporal::YearMonth)
    } else {
        day_time_duration(text).map(Temporal::DayTime)
    }
}

/// Reads a duration given to the function `duration`, which is stricter than the literal.
pub fn duration(text: &str) -> Option<Temporal> {
    (is_year_month_duration(text) || is_day_time_duration(text)).then(|| duration_literal(text))?
}

/// Reads what the function `date and time` is given, which is stricter than the literal.
pub fn date_and_time_strict(text: &str) -> Option<Temporal> {
    (is_date(text) || is_offset_date_time(text) || is_local_date_time(text)).then(|| date_and_time(text))?
}

/// Reads `@"…"`: whatever kind the text has.
pub fn any(text: &str) -> Option<Temporal> {
    if is_date(text) {
        date(text).map(Temporal::Date)
    } else if is_offset_time(text) {
        time(text)
    } else if is_offset_date_time(text) || is_local_date_time(text) {
        date_and_time(text)
    } else if is_year_month_duration(text) || is_day_time_duration(text) {
        duration_literal(text)
    } else {
        local_time(text).map(Temporal::LocalTime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for text in ["P1Y2M", "-P14M", "P0Y", "P1D", "PT1H30M", "-PT5S", "P2DT3H"] {
            match duration_literal(text) {
                Some(Temporal::YearMonth(months)) if text == "-P14M" => {
                    assert_eq!(year_month_text(months), "-P1Y2M");
                }
                Some(Temporal::YearMonth(months)) => assert_eq!(year_month_text(months), text),
                Some(Temporal::DayTime(duration)) => assert_eq!(day_time_text(duration), text),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(duration_literal("P"), None);
        assert_eq!(duration_literal("PT"), None);
        assert_eq!(duration("p1d"), None);
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        assert_eq!(date("2021-02-29"), None);
        assert_eq!(date("21-02-01"), None);
        assert_eq!(date_and_time("2021-02-01T25:00:00"), None);
        assert!(matches!(any("10:00"), Some(Temporal::LocalTime(_))));
        assert!(matches!(any("2021-02-01T10:00:00Z"), Some(Temporal::DateTime(_))));
    }
}
