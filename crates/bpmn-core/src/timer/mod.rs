//! Timers: ISO 8601 dates, durations and repeats, and cron, read as Camunda 7 reads them. Pure; zone UTC.
mod cron;
mod date;
mod interval;
mod period;
#[cfg(test)]
mod tests;

use self::{cron::cron, period::Period};
use crate::Millis;
use jiff::{Timestamp, Zoned, tz::TimeZone};

pub(crate) use self::interval::Interval;

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
            // An expression that can't be evaluated speaks for itself.
            _ if self.0.contains(" used in expression: ") => self.0.clone(),
            TimerKind::Cycle => {
                format!("ENGINE-09026 Exception while parsing cycle expression '{text}': {self}")
            }
            _ => format!("ENGINE-09027 Exception while resolving duedate '{text}': {self}"),
        }
    }
}

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
    if repeat.is_none() && (text.contains("${") || text.contains("#{")) {
        return match crate::eval::without_scope(text, now).map_err(TimerError)? {
            Ok(date) => Ok(Some((date, None))),
            Err(text) => next_of_text(kind, &text, now, None),
        };
    }
    next_of_text(kind, text, now, repeat)
}

/// What begins the repeat of a timer whose firings are shifted: `@MILLISECONDS `.
const SHIFT: char = '@';

/// A repeat as [`next`] gave it, all of whose firings come that much later (or earlier), besides earlier shifts.
pub fn shifted(repeat: &str, by: Millis) -> String {
    match split_shift(repeat) {
        Some((shift, repeat)) => format!("{SHIFT}{} {repeat}", shift + by),
        None => format!("{SHIFT}{by} {repeat}"),
    }
}

fn split_shift(repeat: &str) -> Option<(Millis, &str)> {
    let (shift, repeat) = repeat.strip_prefix(SHIFT)?.split_once(' ')?;
    Some((shift.parse().ok()?, repeat))
}

fn next_of_text(
    kind: TimerKind,
    text: &str,
    now: Millis,
    repeat: Option<&str>,
) -> Result<Option<(Millis, Option<String>)>, TimerError> {
    if let Some((shift, plain)) = repeat.and_then(split_shift) {
        // As the reference: the firing after now of the plain timer, shifted.
        let next = next_of_text(kind, text, now, Some(plain))?;
        return Ok(next.map(|(due, repeat)| (due + shift, repeat.map(|repeat| shifted(&repeat, shift)))));
    }
    if kind == TimerKind::Cycle {
        let cycle = repeat.unwrap_or(text);
        if !cycle.starts_with('R') {
            // A first date that never comes is now, as in the reference; but it isn't repeated for ever.
            let due = cron(cycle, now)?.or_else(|| repeat.is_none().then_some(now));
            return Ok(due.map(|due| (due, Some(cycle.to_owned()))));
        }
        // What fires at the very time that it is due must not be due again at that time.
        let due = Interval::read(cycle, now)?.due(now)?;
        let due = due.filter(|&due| repeat.is_none() || due > now);
        return Ok(due.map(|due| (due, Some(started(cycle, now)))));
    }
    if repeat.is_some() {
        return Ok(None);
    }
    let due = match kind {
        TimerKind::Duration => Interval::read(text, now)?.due(now)?,
        _ if text.starts_with('P') => Some(duration(text, now)?),
        _ => Some(date(text)?),
    };
    Ok(due.map(|due| (due, None)))
}

/// A repeat without a start gets the time of its first reading as its start, in whole seconds as in the reference.
fn started(cycle: &str, now: Millis) -> String {
    let parts: Vec<&str> = cycle.split('/').collect();
    match (&parts[..], zoned(now - now.rem_euclid(1_000))) {
        ([times, period], Ok(start)) => format!("{times}/{}/{period}", start.datetime()),
        _ => cycle.to_owned(),
    }
}

/// A date: `2030-01-01T10:00:00Z`, with an offset, or without a zone (UTC); parts may be missing from the end.
///
/// # Errors
/// It is none, in the words of the reference.
pub fn date(text: &str) -> Result<Millis, TimerError> {
    date::read(text)
}

/// `now` plus an ISO duration such as `PT5M` or `P1M2DT3H`, as a date may be given.
///
/// # Errors
/// It is none, in the words of the reference.
pub fn duration(text: &str, now: Millis) -> Result<Millis, TimerError> {
    Period::joda(text)?.after(now)
}

fn zoned(at: Millis) -> Result<Zoned, TimerError> {
    let instant = Timestamp::from_millisecond(at).map_err(|e| TimerError(e.to_string()))?;
    Ok(instant.to_zoned(TimeZone::UTC))
}

/// Joda's words for a text that it can't read from a place on.
fn malformed(text: &str, at: usize) -> TimerError {
    let end = at + 32;
    let mut sample = text.to_owned();
    if text.len() > end + 3
        && let Some(start) = text.get(..end)
    {
        sample = format!("{start}...");
    }
    TimerError(match at {
        0 => format!("Invalid format: \"{sample}\""),
        _ if at >= text.len() => format!("Invalid format: \"{sample}\" is too short"),
        _ => format!(
            "Invalid format: \"{sample}\" is malformed at \"{}\"",
            sample.get(at..).unwrap_or_default()
        ),
    })
}
