//! Lengths of time, of two grammars: that of XML Schema, which repeats and durations use, and Joda's, which dates use.
//! Both count years and months by the calendar. Zone UTC.
use super::{TimerError, malformed, zoned};
use crate::Millis;
use jiff::{Span, Zoned};

/// A length of time; its parts are added one after the other, the largest first, as Java does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Period {
    years: i64,
    months: i64,
    /// Weeks, days, hours, minutes and seconds: all of fixed length.
    rest: Millis,
}

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;
const WEEK: Millis = 7 * DAY;

impl Period {
    /// A length that doesn't depend on the calendar.
    pub(super) fn fixed(rest: Millis) -> Period {
        Period {
            rest,
            ..Period::default()
        }
    }

    /// Its milliseconds, if it doesn't depend on the calendar.
    pub(super) fn length(&self) -> Option<Millis> {
        (self.years == 0 && self.months == 0).then_some(self.rest)
    }

    pub(super) fn negated(self) -> Period {
        Period {
            years: -self.years,
            months: -self.months,
            rest: -self.rest,
        }
    }

    /// `P1Y2M3DT4H5M6.7S` as XML Schema has it, or `P2W`, which Camunda adds.
    ///
    /// # Errors
    /// It is none: Java's whole message is the text, or names a number that may have no fraction.
    pub(super) fn xml(text: &str) -> Result<Period, TimerError> {
        let weeks = text.strip_prefix('P').and_then(|t| t.strip_suffix('W'));
        if let Some(weeks) = weeks.filter(|weeks| is_number(weeks)) {
            let length = weeks.parse::<i64>().ok().and_then(|n| n.checked_mul(WEEK));
            return length
                .map(Period::fixed)
                .ok_or_else(|| TimerError(text.to_owned()));
        }
        let found = Grammar { joda: false }.read(text);
        found.map_err(|wrong| match wrong {
            Wrong::Fraction(number) => TimerError(format!("For input string: \"{number}\"")),
            Wrong::At(_) => TimerError(text.to_owned()),
        })
    }

    /// `P1Y2M3W4DT5H6M7.8S` as Joda has it: each number may have a sign, and nothing at all is no time.
    ///
    /// # Errors
    /// Joda's words.
    pub(super) fn joda(text: &str) -> Result<Period, TimerError> {
        let found = Grammar { joda: true }.read(text);
        found.map_err(|wrong| match wrong {
            Wrong::Fraction(number) => malformed(text, number.as_ptr() as usize - text.as_ptr() as usize),
            Wrong::At(at) => malformed(text, at),
        })
    }

    /// A time and this length.
    pub(super) fn after(&self, at: Millis) -> Result<Millis, TimerError> {
        let wrong = |cause: jiff::Error| TimerError(cause.to_string());
        let mut time: Zoned = zoned(at)?;
        if self.years != 0 {
            let years = Span::new().try_years(self.years).map_err(wrong)?;
            time = time.checked_add(years).map_err(wrong)?;
        }
        if self.months != 0 {
            let months = Span::new().try_months(self.months).map_err(wrong)?;
            time = time.checked_add(months).map_err(wrong)?;
        }
        let time = time.timestamp().as_millisecond();
        let out = || TimerError("the time is out of range".to_owned());
        time.checked_add(self.rest).ok_or_else(out)
    }
}

/// Why a text is no period.
enum Wrong<'t> {
    /// From there on.
    At(usize),
    /// This number may have no fraction.
    Fraction(&'t str),
}

struct Grammar {
    joda: bool,
}

impl Grammar {
    fn read<'t>(&self, text: &'t str) -> Result<Period, Wrong<'t>> {
        let mut rest = text.strip_prefix('P').ok_or(Wrong::At(0))?;
        let at = |rest: &str| text.len() - rest.len();
        let mut period = Period::default();
        let mut parts = 0;
        let mut in_time = false;
        let units = [
            ('Y', 0),
            ('M', 0),
            ('W', WEEK),
            ('D', DAY),
            ('T', 0),
            ('H', HOUR),
            ('M', MINUTE),
            ('S', SECOND),
        ];
        for (unit, length) in units {
            if unit == 'T' {
                let Some(time) = rest.strip_prefix('T') else { break };
                (rest, in_time, parts) = (time, true, 0);
                continue;
            }
            let Some(number) = self.number(rest, unit).filter(|_| self.joda || unit != 'W') else {
                continue;
            };
            if unit != 'S' && !number.fraction.is_empty() {
                return Err(Wrong::Fraction(number.text));
            }
            let out = || Wrong::At(at(rest));
            match unit {
                'Y' => period.years = number.value,
                'M' if !in_time => period.months = number.value,
                _ => {
                    let whole = number.value.checked_mul(length);
                    let whole = whole.and_then(|whole| whole.checked_add(number.thousandths()));
                    let sum = whole.and_then(|whole| period.rest.checked_add(whole));
                    period.rest = sum.ok_or_else(out)?;
                }
            }
            (rest, parts) = (number.after, parts + 1);
        }
        let nothing = parts == 0 && (in_time || !self.joda);
        match rest.is_empty() && !nothing {
            true => Ok(period),
            false => Err(Wrong::At(at(rest))),
        }
    }

    /// A number before a unit.
    fn number<'t>(&self, text: &'t str, unit: char) -> Option<Number<'t>> {
        let at = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, rest) = text.split_at(at);
        let after = rest.strip_prefix(unit)?;
        let unsigned = match self.joda {
            true => number.strip_prefix(['-', '+']).unwrap_or(number),
            false => number,
        };
        let point = unsigned.find(|c| c == '.' || (self.joda && c == ','));
        let (whole, fraction) = match point {
            Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
            None => (unsigned, ""),
        };
        let digits = is_number(whole) && (point.is_none() || is_number(fraction));
        let value: i64 = whole.parse().ok().filter(|_| digits)?;
        let negative = number.starts_with('-');
        Some(Number {
            text: number,
            value: if negative { -value } else { value },
            negative,
            fraction,
            after,
        })
    }
}

struct Number<'t> {
    text: &'t str,
    value: i64,
    negative: bool,
    /// The digits behind its point.
    fraction: &'t str,
    /// What follows its unit.
    after: &'t str,
}

impl Number<'_> {
    fn thousandths(&self) -> Millis {
        let digits: String = self.fraction.chars().chain("000".chars()).take(3).collect();
        let below = digits.parse().unwrap_or(0);
        if self.negative { -below } else { below }
    }
}

/// Whether a text is digits, at least one.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
