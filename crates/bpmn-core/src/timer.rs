//! Timers: ISO 8601 dates, durations and repeats, and Quartz cron, read as Camunda 7 reads them. Pure; zone UTC.
use crate::Millis;
use croner::parser::{CronParser, Seconds, Year};
use jiff::{Span, Timestamp, Zoned, civil, tz::TimeZone};

/// Which of the three timer definitions it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    Date,
    Duration,
    Cycle,
}

/// A text that is no timer. The wording is the reference's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct TimerError(pub String);

/// The most steps a repeat with calendar units may take until it passes `now`.
const MAX_REPEATS: u64 = 1_000_000;

/// When a timer is due next, and what to pass as `repeat` after that firing.
///
/// `repeat` is `None` for the first due time; afterwards what the last call gave. Dates and durations fire once, so
/// they answer `None` for a second time; so does a cycle that has run out. Times are Unix milliseconds.
///
/// # Errors
/// The text is not of that kind.
pub fn next(
    kind: TimerKind,
    text: &str,
    now: Millis,
    repeat: Option<&str>,
) -> Result<Option<(Millis, Option<String>)>, TimerError> {
    let text = text.trim();
    match kind {
        TimerKind::Date if repeat.is_none() => Ok(Some((date(text)?, None))),
        TimerKind::Duration if repeat.is_none() => Ok(Some((duration(text, now)?, None))),
        TimerKind::Date | TimerKind::Duration => Ok(None),
        TimerKind::Cycle => {
            let cycle = repeat.unwrap_or(text);
            if !cycle.starts_with('R') {
                return Ok(cron(cycle, now)?.map(|due| (due, Some(cycle.to_owned()))));
            }
            // As the reference does, a repeat without a start gets the time of its first reading as its start.
            let parts: Vec<&str> = cycle.split('/').collect();
            let cycle = match parts[..] {
                [times, period] => format!("{times}/{}/{period}", zoned(now)?.datetime()),
                _ => cycle.to_owned(),
            };
            Ok(repeated(&cycle, now)?.map(|due| (due, Some(cycle))))
        }
    }
}

/// A date: `2030-01-01T10:00:00Z`, with an offset, without a zone (UTC), with hours and minutes only, or a day.
pub fn date(text: &str) -> Result<Millis, TimerError> {
    parse_date(text).ok_or_else(|| TimerError(format!("Invalid format: \"{text}\"")))
}

fn parse_date(text: &str) -> Option<Millis> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    // Camunda's own spelling of an offset has no colon; jiff's `%z` reads it.
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"] {
        if let Ok(instant) = Timestamp::strptime(format, text) {
            return Some(instant.as_millisecond());
        }
    }
    let civil = civil::DateTime::strptime("%Y-%m-%dT%H:%M", text)
        .or_else(|_| text.parse::<civil::DateTime>())
        .or_else(|_| text.parse::<civil::Date>().map(|day| day.at(0, 0, 0, 0)))
        .ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// `now` plus an ISO duration such as `PT5M` or `P1M2DT3H`.
pub fn duration(text: &str, now: Millis) -> Result<Millis, TimerError> {
    let span = span(text)?;
    let due = zoned(now)?
        .checked_add(span)
        .map_err(|e| TimerError(e.to_string()))?;
    Ok(due.timestamp().as_millisecond())
}

fn span(text: &str) -> Result<Span, TimerError> {
    if !text.starts_with('P') {
        return Err(not_a_duration(text));
    }
    text.parse().map_err(|_| not_a_duration(text))
}

fn not_a_duration(text: &str) -> TimerError {
    TimerError(format!("Cannot parse duration: {text}"))
}

fn zoned(at: Millis) -> Result<Zoned, TimerError> {
    let instant = Timestamp::from_millisecond(at).map_err(|e| TimerError(e.to_string()))?;
    Ok(instant.to_zoned(TimeZone::UTC))
}

/// The first time after `now` of `Rn/start/period` or `Rn/period/end`.
fn repeated(cycle: &str, now: Millis) -> Result<Option<Millis>, TimerError> {
    let parts: Vec<&str> = cycle.split('/').collect();
    let [times, first, second] = parts[..] else {
        return Err(not_a_duration(cycle));
    };
    let times = match &times[1..] {
        "" => u64::MAX,
        number => number.parse().map_err(|_| not_a_duration(cycle))?,
    };
    if times == 0 {
        return Ok(None);
    }
    let now_at = zoned(now)?;
    if first.starts_with('P') {
        // Counted back from the end: the earliest of the last `times` points that is after now.
        let (period, end) = (span(first)?, zoned(date(second)?)?);
        let mut next = None;
        for count in 0..times.min(MAX_REPEATS) {
            let point = step(&end, period, -(count as i64))?;
            if point <= now_at {
                break;
            }
            next = Some(point);
        }
        return Ok(next.map(|at| at.timestamp().as_millisecond()));
    }
    let (start, period) = (zoned(date(first)?)?, span(second)?);
    if start > now_at {
        return Ok(Some(start.timestamp().as_millisecond()));
    }
    // Near the right repetition by the period's length, then exactly: months differ in length.
    let length = step(&start, period, 1)?.timestamp().as_millisecond() - start.timestamp().as_millisecond();
    if length <= 0 {
        return Err(not_a_duration(cycle));
    }
    let passed = (now - start.timestamp().as_millisecond()) / length;
    let mut count = (passed - passed / 10 - 1).max(0) as u64;
    for _ in 0..MAX_REPEATS {
        if count > times {
            return Ok(None);
        }
        let point = step(&start, period, count as i64)?;
        if point > now_at {
            return Ok(Some(point.timestamp().as_millisecond()));
        }
        count += 1;
    }
    Ok(None)
}

/// `from` plus `count` periods.
fn step(from: &Zoned, period: Span, count: i64) -> Result<Zoned, TimerError> {
    let span = period.checked_mul(count).map_err(|e| TimerError(e.to_string()))?;
    from.checked_add(span).map_err(|e| TimerError(e.to_string()))
}

/// The first time after `now` of a Quartz cron expression; `None` when it never comes again.
fn cron(text: &str, now: Millis) -> Result<Option<Millis>, TimerError> {
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Optional)
        .alternative_weekdays(true)
        .build();
    let cron = parser.parse(&quartz(text)).map_err(|cause| {
        TimerError(format!(
            "Exception while parsing cron expression '{text}': {cause}"
        ))
    })?;
    // An error means that no date matches within croner's bounds, such as a year that has passed.
    Ok(cron
        .find_next_occurrence(&zoned(now)?, false)
        .ok()
        .map(|at| at.timestamp().as_millisecond()))
}

/// Months and weekdays by name, numbered from 1 as Quartz does.
const NAMES: [(usize, &[&str]); 2] = [
    (
        4,
        &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    ),
    (5, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
];
/// Lowest and highest value of seconds, minutes, hours, days, months, weekdays.
const BOUNDS: [(u32, u32); 6] = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (1, 7)];

/// Rewrites what Quartz knows and croner doesn't: steps from a number (`0/5`), ranges that wrap around (`22-2`), and
/// the weekday `L` alone, which is Saturday.
fn quartz(text: &str) -> String {
    let mut fields: Vec<String> = text.split_whitespace().map(str::to_ascii_uppercase).collect();
    for (at, names) in NAMES {
        if let Some(field) = fields.get_mut(at) {
            for (number, name) in names.iter().enumerate() {
                *field = field.replace(name, &(number + 1).to_string());
            }
        }
    }
    for (field, (low, top)) in fields.iter_mut().zip(BOUNDS) {
        let items: Vec<String> = field.split(',').map(|item| rewritten(item, low, top)).collect();
        *field = items.join(",");
    }
    if let Some(weekday) = fields.get_mut(5)
        && weekday == "L"
    {
        *weekday = "7".to_owned();
    }
    fields.join(" ")
}

/// One item of a field's list.
fn rewritten(item: &str, low: u32, top: u32) -> String {
    let (range, step) = item
        .split_once('/')
        .map_or((item, None), |(range, step)| (range, Some(step)));
    let step = step.map_or(String::new(), |step| format!("/{step}"));
    if !step.is_empty() && range.parse::<u32>().is_ok() {
        return format!("{range}-{top}{step}");
    }
    let bounds = range
        .split_once('-')
        .and_then(|(from, to)| Some((from.parse::<u32>().ok()?, to.parse::<u32>().ok()?)));
    match bounds {
        Some((from, to)) if from > to && from <= top => format!("{from}-{top}{step},{low}-{to}{step}"),
        _ => item.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        date(text).unwrap()
    }

    #[test]
    fn dates_are_read_in_every_spelling_the_reference_reads() {
        let noon = 1_893_499_200_000;
        for text in [
            "2030-01-01T12:00:00Z",
            "2030-01-01T12:00:00",
            "2030-01-01T12:00",
            "2030-01-01T14:00:00+02:00",
            "2030-01-01T14:00:00.000+0200",
        ] {
            assert_eq!(date(text), Ok(noon), "{text}");
        }
        assert_eq!(date("2030-01-01"), Ok(noon - 12 * 3_600_000));
        assert!(date("tomorrow").is_err());
    }

    #[test]
    fn a_duration_is_added_by_the_calendar() {
        assert_eq!(duration("PT1H", 1_000), Ok(3_601_000));
        assert_eq!(duration("P1M", at("2028-01-31")), Ok(at("2028-02-29")));
        assert!(duration("1H", 0).is_err());
    }

    #[test]
    fn a_date_and_a_duration_fire_once() {
        assert_eq!(
            next(TimerKind::Date, "2030-01-01", 0, None),
            Ok(Some((at("2030-01-01"), None)))
        );
        assert_eq!(
            next(TimerKind::Duration, "PT1S", 5, None),
            Ok(Some((1_005, None)))
        );
        assert_eq!(next(TimerKind::Duration, "PT1S", 5, Some("")), Ok(None));
    }

    #[test]
    fn a_repeat_fires_as_often_as_it_says() {
        let start = at("2030-01-01T00:00:00");
        let mut fired = Vec::new();
        let mut coming = next(TimerKind::Cycle, "R3/PT10S", start, None).unwrap();
        while let Some((due, repeat)) = coming {
            fired.push(due - start);
            coming = next(TimerKind::Cycle, "R3/PT10S", due, repeat.as_deref()).unwrap();
        }
        assert_eq!(fired, [10_000, 20_000, 30_000]);
    }

    #[test]
    fn firings_that_were_missed_are_not_made_up_for() {
        let start = at("2030-01-01T00:00:00");
        let (_, repeat) = next(TimerKind::Cycle, "R/PT10S", start, None).unwrap().unwrap();
        let late = start + 86_400_000 * 365 + 3;
        let (due, _) = next(TimerKind::Cycle, "R/PT10S", late, repeat.as_deref())
            .unwrap()
            .unwrap();
        assert_eq!(due, start + 86_400_000 * 365 + 10_000);
        let months = next(
            TimerKind::Cycle,
            "R/2020-01-31T00:00:00/P1M",
            at("2030-02-01"),
            None,
        )
        .unwrap()
        .unwrap();
        assert_eq!(months.0, at("2030-02-28"));
    }

    #[test]
    fn a_repeat_may_end_at_a_date() {
        let cycle = "R2/PT1H/2030-01-01T12:00:00";
        assert_eq!(
            next(TimerKind::Cycle, cycle, 0, None).unwrap().unwrap().0,
            at("2030-01-01T11:00:00")
        );
        assert_eq!(
            next(TimerKind::Cycle, cycle, at("2030-01-01T12:00:00"), None),
            Ok(None)
        );
    }

    #[test]
    fn quartz_cron_counts_sunday_as_one() {
        let cron = |text: &str| {
            next(TimerKind::Cycle, text, at("2026-11-21T10:00:00"), None).map(|o| o.map(|d| d.0))
        };
        assert_eq!(cron("0 0/5 * * * ?"), Ok(Some(at("2026-11-21T10:05:00"))));
        assert_eq!(cron("0 0 12 ? * 1"), Ok(Some(at("2026-11-22T12:00:00"))));
        assert_eq!(cron("0 0 12 ? * MON-FRI"), Ok(Some(at("2026-11-23T12:00:00"))));
        assert_eq!(cron("0 0 12 ? * FRI-MON"), Ok(Some(at("2026-11-21T12:00:00"))));
        assert_eq!(cron("0 0 12 1 DEC-FEB ?"), Ok(Some(at("2026-12-01T12:00:00"))));
        assert_eq!(cron("0 0 12 ? * 6L"), Ok(Some(at("2026-11-27T12:00:00"))));
        assert_eq!(cron("0 0 12 ? * 6#3"), Ok(Some(at("2026-12-18T12:00:00"))));
        assert_eq!(cron("0 0 12 L * ?"), Ok(Some(at("2026-11-30T12:00:00"))));
        assert_eq!(cron("0 0 22-2 * * ?"), Ok(Some(at("2026-11-21T22:00:00"))));
        assert_eq!(cron("0 0 12 ? * L"), Ok(Some(at("2026-11-21T12:00:00"))));
        assert_eq!(cron("0 0 0 1 1 ? 2020"), Ok(None));
        assert!(cron("nonsense").is_err());
    }
}
