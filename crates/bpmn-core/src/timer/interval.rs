//! `R3/PT10S`, `R/2030-01-01T00:00:00/P1D`, `R2/PT1H/2030-01-01T12:00:00`, `PT5M`: what durations, repeats and waits
//! between retries are written in, read as the reference's `DurationHelper` reads it.
use super::{TimerError, date, period::Period};
use crate::Millis;

/// The most steps of calendar units that are made to get past a time.
const MAX_STEPS: i64 = 1_000_000;

/// A period with what it is counted from or to, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    /// How often it repeats; `None`: it is no repeat.
    pub times: Option<i32>,
    anchor: Anchor,
    period: Period,
}

#[derive(Clone, Copy, Debug)]
enum Anchor {
    Start(Millis),
    /// Both were given, or the end only: a repeat is counted back from it only then.
    End {
        at: Millis,
        start: Option<Millis>,
    },
}

impl Interval {
    /// Reads a text; one that says neither start nor end starts now.
    ///
    /// # Errors
    /// The reference's words.
    pub(crate) fn read(text: &str, now: Millis) -> Result<Interval, TimerError> {
        let mut parts: Vec<&str> = text.split('/').collect();
        // As Java splits.
        while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        if parts.len() > 3 || (parts == [""] && !text.is_empty()) {
            return Err(TimerError(format!(
                "ENGINE-09028 Cannot parse duration '{text}'."
            )));
        }
        let mut times = None;
        let mut parts = &parts[..];
        if let Some((number, rest)) = parts
            .split_first()
            .and_then(|(first, rest)| Some((first.strip_prefix('R')?, rest)))
        {
            times = Some(match number {
                "" => i32::MAX,
                number => number
                    .parse()
                    .map_err(|_| TimerError(format!("For input string: \"{number}\"")))?,
            });
            parts = rest;
        }
        let missing = |at: usize| TimerError(format!("Index {at} out of bounds for length {at}"));
        let first = parts.first().ok_or_else(|| missing(0))?;
        let (anchor, period) = if first.starts_with('P') {
            let period = Period::xml(first)?;
            let anchor = match parts.get(1) {
                Some(end) => Anchor::End {
                    at: date(end)?,
                    start: None,
                },
                None => Anchor::Start(now),
            };
            (anchor, period)
        } else {
            let start = date(first)?;
            let second = parts.get(1).ok_or_else(|| missing(1))?;
            if second.starts_with('P') {
                (Anchor::Start(start), Period::xml(second)?)
            } else {
                let at = date(second)?;
                let anchor = Anchor::End {
                    at,
                    start: Some(start),
                };
                (anchor, Period::fixed(at - start))
            }
        };
        Ok(Interval {
            times,
            anchor,
            period,
        })
    }

    /// Its end, or the next time of a repeat that is not before `now`; `None`: there is none any more.
    pub(crate) fn due(&self, now: Millis) -> Result<Option<Millis>, TimerError> {
        match (self.times, self.anchor) {
            (None, Anchor::Start(start)) => self.period.after(start).map(Some),
            (None, Anchor::End { at, .. }) => Ok(Some(at)),
            (
                Some(times),
                Anchor::Start(start)
                | Anchor::End {
                    start: Some(start), ..
                },
            ) => self.forward(start, times.into(), now),
            (Some(times), Anchor::End { at, start: None }) => self.backward(at, times.into(), now),
        }
    }

    /// The first of the times from a start on that is after now, or the last of them if it is not before now.
    fn forward(&self, start: Millis, times: i64, now: Millis) -> Result<Option<Millis>, TimerError> {
        let mut at = start;
        match self.period.length() {
            Some(length) if start <= now => {
                let steps = match length {
                    ..=0 => 0,
                    _ => ((now - start) / length + 1).min(times.max(0)),
                };
                at = start.saturating_add(steps.saturating_mul(length));
            }
            Some(_) => {}
            None => {
                let mut steps = 0;
                while steps < times.min(MAX_STEPS) && at <= now {
                    at = self.period.after(at)?;
                    steps += 1;
                }
            }
        }
        Ok(Some(at).filter(|&at| at >= now))
    }

    /// The earliest of the last times before an end that is after now.
    fn backward(&self, end: Millis, times: i64, now: Millis) -> Result<Option<Millis>, TimerError> {
        let back = self.period.negated();
        let mut next = end;
        match self.period.length() {
            Some(length) if length > 0 => {
                let steps = ((end - now + length - 1) / length - 1).clamp(0, times.max(0));
                next = end - steps * length;
            }
            Some(_) => {}
            None => {
                let mut at = back.after(end)?;
                let mut steps = 0;
                while steps < times.min(MAX_STEPS) && at > now {
                    next = at;
                    at = back.after(at)?;
                    steps += 1;
                }
            }
        }
        Ok(Some(next).filter(|&next| next >= now))
    }
}
