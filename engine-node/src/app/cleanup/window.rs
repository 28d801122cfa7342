//! When the clean-up runs by itself: hours of the day, in UTC.
use bpmn_core::Millis;
use jiff::{Timestamp, tz::TimeZone};
use std::str::FromStr;

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Begin and end of a window in minutes of the day that it begins on; the end may lie on the next day.
type Hours = (i64, i64);

/// A window for each day of the week, from Monday; a day may have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows([Option<Hours>; 7]);

impl FromStr for Windows {
    type Err = String;

    /// Reads `22:00-06:00`, which is every day's, and `sat=00:00-24:00`, which is one day's, between commas.
    fn from_str(text: &str) -> Result<Windows, String> {
        let (mut every, mut named) = (None, [None; 7]);
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => every = Some(hours(part)?),
                Some((day, part)) => {
                    let at = DAYS.iter().position(|d| day.trim().eq_ignore_ascii_case(d));
                    let at = at.ok_or_else(|| format!("'{day}' is none of {}", DAYS.join(", ")))?;
                    named[at] = Some(hours(part)?);
                }
            }
        }
        Ok(Windows(named.map(|day| day.or(every))))
    }
}

fn hours(text: &str) -> Result<Hours, String> {
    let bad = || format!("'{text}' is not a window such as 22:00-06:00");
    let minutes = |time: &str| {
        let (hour, minute) = time.trim().split_once(':').ok_or_else(bad)?;
        let (hour, minute): (i64, i64) = (
            hour.parse().map_err(|_| bad())?,
            minute.parse().map_err(|_| bad())?,
        );
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute) || (hour, minute) == (24, 0);
        fits.then_some(hour * 60 + minute).ok_or_else(bad)
    };
    let (from, to) = text.split_once('-').ok_or_else(bad)?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    Ok((from, if to > from { to } else { to + 24 * 60 }))
}

impl Windows {
    /// The window that a time lies in, or else the next one: its begin and end in Unix ms; `None` if there is none.
    pub fn at_or_after(&self, now: Millis) -> Option<(Millis, Millis)> {
        let day = now.div_euclid(DAY);
        let weekday = Timestamp::from_millisecond(now)
            .ok()?
            .to_zoned(TimeZone::UTC)
            .weekday();
        let today = i64::from(weekday.to_monday_zero_offset());
        // Yesterday's may still be open.
        let windows = (-1..8).filter_map(|ahead| {
            let (from, to) = self.0[(today + ahead).rem_euclid(7) as usize]?;
            let start = (day + ahead) * DAY;
            Some((start + from * MINUTE, start + to * MINUTE))
        });
        windows.filter(|(_, to)| *to > now).min()
    }

    /// The end of the window that a time lies in.
    pub fn open_until(&self, now: Millis) -> Option<Millis> {
        self.at_or_after(now)
            .filter(|(from, _)| *from <= now)
            .map(|(_, to)| to)
    }

    /// Begin of the first window after a time.
    pub fn next_start(&self, now: Millis) -> Option<Millis> {
        match self.at_or_after(now)? {
            (from, to) if from <= now => self.at_or_after(to).map(|(from, _)| from),
            (from, _) => Some(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_window_over_midnight_is_open_on_both_sides_of_it() {
        let every: Windows = "22:00-06:00".parse().unwrap();
        assert_eq!(
            every.open_until(at("2026-11-21T05:59:00Z")),
            Some(at("2026-11-21T06:00:00Z"))
        );
        assert_eq!(every.open_until(at("2026-11-21T06:00:00Z")), None);
        assert_eq!(
            every.next_start(at("2026-11-21T06:00:00Z")),
            Some(at("2026-11-21T22:00:00Z"))
        );
        assert_eq!(
            every.next_start(at("2026-11-21T23:00:00Z")),
            Some(at("2026-11-22T22:00:00Z"))
        );
    }

    #[test]
    fn days_have_windows_of_their_own() {
        let windows: Windows = "sat=00:00-24:00, sun=10:00-11:30".parse().unwrap();
        // The 21st of November 2026 is a Saturday.
        assert_eq!(
            windows.open_until(at("2026-11-21T12:00:00Z")),
            Some(at("2026-11-22T00:00:00Z"))
        );
        assert_eq!(
            windows.next_start(at("2026-11-21T12:00:00Z")),
            Some(at("2026-11-22T10:00:00Z"))
        );
        assert_eq!(
            windows.next_start(at("2026-11-22T11:30:00Z")),
            Some(at("2026-11-28T00:00:00Z"))
        );
        assert_eq!(Windows::default().at_or_after(0), None);
        for bad in ["22-06", "22:00", "x=1:00-2:00", "25:00-26:00", "1:60-2:00"] {
            assert!(bad.parse::<Windows>().is_err(), "{bad}");
        }
    }
}
