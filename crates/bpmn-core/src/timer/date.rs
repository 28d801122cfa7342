//! Dates as Joda's `ISODateTimeFormat.dateTimeParser()` reads them, which is what the reference reads dates with: by
//! month, by week or by day of the year, with parts missing from the end, a fraction of the last one, and any offset.
use super::{TimerError, malformed};
use crate::Millis;

const SECOND: f64 = 1_000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: i64 = 86_400_000;

/// Reads a date; without an offset it is UTC.
///
/// # Errors
/// Joda's words.
pub(super) fn read(text: &str) -> Result<Millis, TimerError> {
    let mut reader = Reader { text, furthest: 0 };
    let (fields, end) = match reader.literal(0, 'T') {
        Some(after) => {
            let time = reader.time(after);
            let (time, at) = time.ok_or_else(|| malformed(text, reader.furthest))?;
            (
                Fields {
                    time,
                    ..Fields::default()
                },
                at,
            )
        }
        None => reader.date(0).ok_or_else(|| malformed(text, reader.furthest))?,
    };
    let (mut fields, mut end) = (fields, end);
    if fields.day != Day::Epoch
        && let Some(after) = reader.literal(end, 'T')
    {
        end = after;
        if let Some((time, at)) = reader.time(after) {
            (fields.time, end) = (time, at);
        }
        fields.has_time = true;
    }
    if (fields.has_time || fields.day == Day::Epoch)
        && let Some((offset, at)) = reader.offset(end)
    {
        (fields.offset, end) = (offset, at);
    }
    if end < text.len() {
        return Err(malformed(text, end.max(reader.furthest)));
    }
    let wrong = |cause: String| TimerError(format!("Cannot parse \"{text}\": {cause}"));
    fields.millis().map_err(wrong)
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Day {
    /// There is only a time.
    #[default]
    Epoch,
    Month(i64, i64, i64),
    Ordinal(i64, i64),
    Week(i64, i64, i64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    day: Day,
    has_time: bool,
    time: Time,
    /// Milliseconds east of UTC.
    offset: Millis,
}

#[derive(Clone, Copy, Debug, Default)]
struct Time {
    hour: i64,
    minute: i64,
    second: i64,
    /// Milliseconds of a fraction of the last of them.
    fraction: Millis,
}

impl Fields {
    fn millis(&self) -> Result<Millis, String> {
        let in_range = |name: &str, value: i64, low: i64, high: i64| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(format!(
                "Value {value} for {name} must be in the range [{low},{high}]"
            )),
        };
        let days = match self.day {
            Day::Epoch => 0,
            Day::Month(year, month, day) => {
                in_range("monthOfYear", month, 1, 12)?;
                in_range("dayOfMonth", day, 1, month_length(year, month))?;
                days(year, month, day)
            }
            Day::Ordinal(year, day) => {
                in_range("dayOfYear", day, 1, days(year + 1, 1, 1) - days(year, 1, 1))?;
                days(year, 1, 1) + day - 1
            }
            Day::Week(year, week, day) => {
                let weeks = (first_week(year + 1) - first_week(year)) / 7;
                in_range("weekOfWeekyear", week, 1, weeks)?;
                in_range("dayOfWeek", day, 1, 7)?;
                first_week(year) + (week - 1) * 7 + day - 1
            }
        };
        let Time {
            hour,
            minute,
            second,
            fraction,
        } = self.time;
        in_range("hourOfDay", hour, 0, 23)?;
        in_range("minuteOfHour", minute, 0, 59)?;
        in_range("secondOfMinute", second, 0, 59)?;
        Ok(days * DAY + ((hour * 60 + minute) * 60 + second) * 1_000 + fraction - self.offset)
    }
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, which is taken to be as old as time.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years are counted from March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The Monday of the first week of a year, which holds its fourth of January.
fn first_week(year: i64) -> i64 {
    let fourth = days(year, 1, 4);
    fourth - (fourth + 3).rem_euclid(7)
}

struct Reader<'t> {
    text: &'t str,
    /// How far anything got.
    furthest: usize,
}

impl Reader<'_> {
    fn reached(&mut self, at: usize) -> usize {
        self.furthest = self.furthest.max(at);
        at
    }

    fn literal(&mut self, at: usize, letter: char) -> Option<usize> {
        let next = self.text.get(at..)?.chars().next()?;
        next.eq_ignore_ascii_case(&letter).then(|| self.reached(at + 1))
    }

    /// Up to `most` digits.
    fn digits(&mut self, at: usize, most: usize) -> Option<(i64, usize)> {
        let rest = self.text.as_bytes().get(at..)?;
        let count = rest.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let number = self.text.get(at..at + count)?.parse().ok()?;
        Some((number, self.reached(at + count)))
    }

    /// A literal and up to `most` digits.
    fn part(&mut self, at: usize, letter: char, most: usize) -> Option<(i64, usize)> {
        let after = self.literal(at, letter)?;
        self.digits(after, most)
    }

    /// A year, then the way that takes the most of the text.
    fn date(&mut self, at: usize) -> Option<(Fields, usize)> {
        let rest = &self.text[at..];
        let signed = rest.starts_with(['-', '+']);
        let (year, end) = self.digits(at + usize::from(signed), 9).or_else(|| {
            // A sign alone is nothing.
            self.furthest = 0;
            None
        })?;
        let year = if rest.starts_with('-') { -year } else { year };
        let mut best = (Day::Month(year, 1, 1), end);
        if let Some((month, at)) = self.part(end, '-', 2) {
            best = (Day::Month(year, month, 1), at);
            if let Some((day, at)) = self.part(at, '-', 2) {
                best = (Day::Month(year, month, day), at);
            }
        }
        if let Some((day, at)) = self.part(end, '-', 3).filter(|(_, at)| *at > best.1) {
            best = (Day::Ordinal(year, day), at);
        }
        if let Some(at) = self.literal(end, '-')
            && let Some((week, at)) = self.part(at, 'W', 2)
        {
            let (day, at) = self.part(at, '-', 1).unwrap_or((1, at));
            best = (Day::Week(year, week, day), at);
        }
        let day = best.0;
        Some((
            Fields {
                day,
                ..Fields::default()
            },
            best.1,
        ))
    }

    /// Hour, minute and second, the last of them with a fraction.
    fn time(&mut self, at: usize) -> Option<(Time, usize)> {
        let mut time = Time::default();
        let (hour, mut end) = self.digits(at, 2)?;
        time.hour = hour;
        let mut unit = HOUR;
        if let Some((minute, at)) = self.part(end, ':', 2) {
            (time.minute, end, unit) = (minute, at, MINUTE);
            if let Some((second, at)) = self.part(end, ':', 2) {
                (time.second, end, unit) = (second, at, SECOND);
            }
        }
        let point = self.literal(end, '.').or_else(|| self.literal(end, ','));
        if let Some(after) = point
            && let Some((_, at)) = self.digits(after, usize::MAX)
        {
            let fraction: f64 = format!("0.{}", &self.text[after..at]).parse().unwrap_or(0.0);
            // Rounded a little up, since 0.1 has no exact binary form.
            time.fraction = (fraction * unit + 1e-6) as Millis;
            end = at;
        }
        Some((time, end))
    }

    /// `Z`, `+02`, `+0200`, `+02:00`, with seconds too; in milliseconds.
    fn offset(&mut self, at: usize) -> Option<(Millis, usize)> {
        if let Some(end) = self.literal(at, 'Z') {
            return Some((0, end));
        }
        let sign = match self.text.as_bytes().get(at)? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let two = |reader: &mut Self, at: usize, most: i64| {
            let (number, end) = reader.digits(at, 2)?;
            (end == at + 2 && number <= most).then_some((number, end))
        };
        let (hours, mut end) = two(self, at + 1, 23)?;
        let colons = self.text[end..].starts_with(':');
        let mut offset = hours * 3_600_000;
        for length in [60_000, 1_000] {
            let from = end + usize::from(colons);
            if colons && !self.text[end..].starts_with(':') {
                break;
            }
            let Some((number, at)) = two(self, from, 59) else {
                break;
            };
            offset += number * length;
            end = at;
        }
        Some((sign * offset, end))
    }
}
