//! Timers: ISO 8601 dates, durations and repeats, and cron, read as Camunda 7 reads them. Pure; zone UTC.
mod cron;

use self::cron::cron;
use crate::Millis;
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

impl TimerError {
    /// The reference's message for a timer of that kind and text.
    pub fn explained(&self, kind: TimerKind, text: &str) -> String {
        match kind {
            TimerKind::Cycle => {
                format!("ENGINE-09026 Exception while parsing cycle expression '{text}': {self}")
            }
            _ => format!("ENGINE-09027 Exception while resolving duedate '{text}': {self}"),
        }
    }
}

/// The most steps a repeat with calendar units may take until it passes `now`.
const MAX_REPEATS: u64 = 1_000_000;

/// When a timer is due next, and what to pass as `repeat` after that firing.
///
/// `repeat` is `None` for the first due time; afterwards what the last call gave. Dates and durations fire once, so
/// they answer `None` for a second time; so does a cycle that has run out. Times are Unix milliseconds. As the
/// reference does, a date may be given where a duration is expected and the other way round. An expression is
/// evaluated with no variables to look at, as for start events.
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
    if repeat.is_none() && (text.contains("${") || text.contains("#{")) {
        return match crate::eval::without_scope(text, now).map_err(TimerError)? {
            Ok(date) => Ok(Some((date, None))),
            Err(text) => next_of_text(kind, text.trim(), now, None),
        };
    }
    next_of_text(kind, text, now, repeat)
}

fn next_of_text(
    kind: TimerKind,
    text: &str,
    now: Millis,
    repeat: Option<&str>,
) -> Result<Option<(Millis, Option<String>)>, TimerError> {
    if kind == TimerKind::Cycle {
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
        return Ok(repeated(&cycle, now, repeat.is_none())?.map(|due| (due, Some(cycle))));
    }
    if repeat.is_some() {
        return Ok(None);
    }
    let due = if text.starts_with('P') {
        duration(text, now)?
    } else {
        date(text)?
    };
    Ok(Some((due, None)))
}

/// A date: `2030-01-01T10:00:00Z`, with an offset, or without a zone (UTC); parts may be missing from the end.
pub fn date(text: &str) -> Result<Millis, TimerError> {
    parse_date(text).ok_or_else(|| TimerError(format!("Invalid format: \"{text}\"")))
}

fn parse_date(text: &str) -> Option<Millis> {
    if let Ok(instant) = text.parse::<Timestamp>()
        && text.contains('T')
    {
        return Some(instant.as_millisecond());
    }
    // Camunda's own spelling of an offset has no colon; jiff's `%z` reads it.
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"] {
        if let Ok(instant) = Timestamp::strptime(format, text) {
            return Some(instant.as_millisecond());
        }
    }
    // Only the forms of the standard that Joda reads: no space, no form without separators.
    if text.contains(' ') || (text.len() > 4 && text.as_bytes()[4] != b'-') {
        return None;
    }
    let filled = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        13 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let civil = civil::DateTime::strptime("%Y-%m-%dT%H:%M", &filled)
        .or_else(|_| filled.parse::<civil::DateTime>())
        .or_else(|_| filled.parse::<civil::Date>().map(|day| day.at(0, 0, 0, 0)))
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
    // The reference's whole message is the text.
    let wrong = TimerError(text.to_owned());
    if !text.starts_with('P') {
        return Err(wrong);
    }
    text.parse().map_err(|_| wrong)
}

fn zoned(at: Millis) -> Result<Zoned, TimerError> {
    let instant = Timestamp::from_millisecond(at).map_err(|e| TimerError(e.to_string()))?;
    Ok(instant.to_zoned(TimeZone::UTC))
}

/// The next time of `Rn/start/period` or `Rn/period/end` after now; the first may be now itself.
fn repeated(cycle: &str, now: Millis, first_time: bool) -> Result<Option<Millis>, TimerError> {
    let parts: Vec<&str> = cycle.split('/').collect();
    let [times, first, second] = parts[..] else {
        return Err(TimerError(format!("'{cycle}' is no repeated interval")));
    };
    let times: i64 = match &times[1..] {
        "" => i64::MAX,
        number => number
            .parse::<i64>()
            .map_err(|_| TimerError(format!("For input string: \"{number}\"")))?
            .max(0),
    };
    let backwards = first.starts_with('P');
    let (period, anchor) = if backwards {
        (first, second)
    } else {
        (second, first)
    };
    let (period, anchor) = (span(period)?, zoned(date(anchor)?)?);
    let from = anchor.timestamp().as_millisecond();
    let length = step(&anchor, period, 1)?.timestamp().as_millisecond() - from;
    let point = |count: i64| -> Result<Millis, TimerError> {
        Ok(step(&anchor, period, if backwards { -count } else { count })?
            .timestamp()
            .as_millisecond())
    };
    let is_next = |at: Millis| at > now || (first_time && at == now);
    if length <= 0 || times == 0 {
        return Ok(Some(from).filter(|&at| is_next(at)));
    }
    // Near the right repetition by the period's length, then exactly: months differ in length.
    let passed = (if backwards { from - now } else { now - from }) / length;
    let mut count = (passed - passed / 10 - 1).clamp(0, times);
    if backwards {
        // Counted back from the end: the earliest of the last `times` points that is after now.
        let mut next = None;
        for _ in 0..MAX_REPEATS {
            let at = point(count)?;
            if count > times || !is_next(at) {
                break;
            }
            next = Some(at);
            count += 1;
        }
        return Ok(next);
    }
    for _ in 0..MAX_REPEATS {
        let at = point(count)?;
        if is_next(at) && (at > now || count == times) {
            return Ok(Some(at));
        }
        if count == times {
            break;
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
            "2030-01-01T12",
            "2030-01-01T14:00:00+02:00",
            "2030-01-01T14:00:00.000+0200",
        ] {
            assert_eq!(date(text), Ok(noon), "{text}");
        }
        for text in ["2030-01-01", "2030-01", "2030"] {
            assert_eq!(date(text), Ok(noon - 12 * 3_600_000), "{text}");
        }
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
    fn an_expression_is_evaluated_without_variables() {
        assert_eq!(next(TimerKind::Date, "${now()}", 7, None), Ok(Some((7, None))));
        assert_eq!(
            next(TimerKind::Duration, "PT${1+1}S", 7, None),
            Ok(Some((2_007, None)))
        );
        assert!(next(TimerKind::Duration, "${nope}", 7, None).is_err());
    }

    #[test]
    fn a_repeat_may_end_at_a_date() {
        let cycle = "R2/PT1H/2030-01-01T12:00:00";
        let due = |now| {
            next(TimerKind::Cycle, cycle, now, None)
                .unwrap()
                .map(|(due, _)| due)
        };
        assert_eq!(due(0), Some(at("2030-01-01T10:00:00")));
        assert_eq!(due(at("2030-01-01T10:30:00")), Some(at("2030-01-01T11:00:00")));
        assert_eq!(due(at("2030-01-01T12:00:01")), None);
    }

    #[test]
    fn wrong_texts_are_told_in_the_words_of_the_reference() {
        let wrong = |kind, text| next(kind, text, 0, None).unwrap_err().0;
        assert_eq!(wrong(TimerKind::Duration, "soon"), "Invalid format: \"soon\"");
        assert_eq!(wrong(TimerKind::Duration, "PT"), "PT");
        assert_eq!(
            wrong(TimerKind::Date, "2030-01-01 10:00"),
            "Invalid format: \"2030-01-01 10:00\""
        );
        assert_eq!(wrong(TimerKind::Cycle, "Rx/PT1H"), "For input string: \"x\"");
    }
}
