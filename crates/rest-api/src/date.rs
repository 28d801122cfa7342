//! The one date format of the API: `yyyy-MM-dd'T'HH:mm:ss.SSSZ`, milliseconds always, offset without colon.
use jiff::{Timestamp, civil, tz::Offset};
use serde::{Serialize, Serializer};

/// Unix milliseconds, written as the API's date in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub i64);

/// The text of Unix milliseconds; times outside years 1 to 9999 give an empty text.
pub fn format(millis: i64) -> String {
    let Ok(time) = Timestamp::from_millisecond(millis) else {
        return String::new();
    };
    let t = Offset::UTC.to_datetime(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
}

/// Unix milliseconds of a text in that format, read as the reference's `SimpleDateFormat` reads it: numbers of any length and
/// out of range run over (month 13 is next January), blanks before a number don't matter, the offset may be `UTC` or
/// `GMT+1:00`, and what follows is ignored (the first clients send `UTC+00:00`). `Z`, `+00:00`, missing milliseconds and
/// the like are refused. Names of other zones and years outside 1 to 9999, which the reference takes, are refused, too.
pub fn parse(text: &str) -> Option<i64> {
    let mut rest = Rest(text);
    let year = rest.number()?;
    let month = rest.after("-")?;
    let day = rest.after("-")?;
    let hour = rest.after("T")?;
    let minute = rest.after(":")?;
    let second = rest.after(":")?;
    let milli = rest.after(".")?;
    let offset = rest.offset()?;
    let months = year.checked_mul(12)?.checked_add(month)?.checked_sub(1)?;
    let year = i16::try_from(months.div_euclid(12)).ok()?;
    let first = civil::Date::new(year, months.rem_euclid(12) as i8 + 1, 1).ok()?;
    let start = Offset::UTC
        .to_timestamp(first.to_datetime(civil::Time::midnight()))
        .ok()?;
    let parts = [
        (day.checked_sub(1)?, 86_400_000),
        (hour, 3_600_000),
        (minute - offset, 60_000),
        (second, 1_000),
        (milli, 1),
    ];
    let mut millis = start.as_millisecond();
    for (count, length) in parts {
        millis = millis.checked_add(count.checked_mul(length)?)?;
    }
    let written = Offset::UTC.to_datetime(Timestamp::from_millisecond(millis).ok()?);
    (1..=9999).contains(&written.year()).then_some(millis)
}

/// What is left of a text.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// A number, perhaps negative; at most nine digits.
    fn number(&mut self) -> Option<i64> {
        self.skip_blanks();
        let digits = self.0.strip_prefix('-').unwrap_or(self.0);
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 || length > 9 {
            return None;
        }
        let (number, rest) = self.0.split_at(self.0.len() - digits.len() + length);
        self.0 = rest;
        number.parse().ok()
    }

    /// The number behind a literal.
    fn after(&mut self, literal: &str) -> Option<i64> {
        self.0 = self.0.strip_prefix(literal)?;
        self.number()
    }

    /// Minutes east of UTC: `+hhmm`, `GMT`, `UTC`, `GMT+h:mm`. What follows isn't looked at.
    fn offset(&mut self) -> Option<i64> {
        self.skip_blanks();
        let name = self.0.get(..3).map(str::to_ascii_uppercase);
        match name.as_deref() {
            Some("UTC") => Some(0),
            Some("GMT") => {
                self.0 = &self.0[3..];
                match self.sign() {
                    Some(sign) => Some(sign * self.hours_and_minutes(true)?),
                    None => Some(0),
                }
            }
            _ => Some(self.sign()? * self.hours_and_minutes(false)?),
        }
    }

    fn sign(&mut self) -> Option<i64> {
        let (sign, rest) = match self.0.strip_prefix('+') {
            Some(rest) => (1, rest),
            None => (-1, self.0.strip_prefix('-')?),
        };
        self.0 = rest;
        Some(sign)
    }

    /// `h:mm` or `hh:mm` with a colon, else `hhmm`, in minutes.
    fn hours_and_minutes(&self, colon: bool) -> Option<i64> {
        let digit = |at: usize| {
            self.0
                .as_bytes()
                .get(at)
                .filter(|c| c.is_ascii_digit())
                .map(|c| i64::from(c - b'0'))
        };
        let (hours, at) = match (digit(0)?, digit(1)) {
            (tens, Some(ones)) => (tens * 10 + ones, 2),
            (ones, None) if colon => (ones, 1),
            _ => return None,
        };
        let at = match (colon, self.0.as_bytes().get(at)) {
            (true, Some(b':')) => at + 1,
            (true, _) => return None,
            (false, _) => at,
        };
        let minutes = digit(at)? * 10 + digit(at + 1)?;
        (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_and_written_in_one_format_only() {
        let text = "2026-01-02T03:04:05.678+0000";
        assert_eq!(format(parse(text).unwrap()), text);
        assert_eq!(parse("2026-01-02T05:04:05.678+0200"), parse(text));
        let bad = [
            "2026-01-02T03:04:05.678Z",
            "2026-01-02T03:04:05.678+00:00",
            "2026-01-02T03:04:05.678+01",
            "2026-01-02T03:04:05.678+2400",
            "2026-01-02T03:04:05.678+0160",
            "2026-01-02T03:04:05.678GMT+1",
            "2026-01-02T03:04:05+0000",
            "2026-01-02t03:04:05.678+0000",
            "2026-01-02",
            "2026-01-02T03:04:05.678 0000",
            "2026-01-02T03:04:05.678",
            "-0001-01-02T03:04:05.678+0000",
            "99999999-01-02T03:04:05.678+0000",
            "",
        ];
        for text in bad {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    /// As recorded on 7.24.
    #[test]
    fn a_date_is_read_as_leniently_as_the_reference_reads_it() {
        let read = [
            ("2030-05-06T07:08:09.010UTC+00:00", "2030-05-06T07:08:09.010+0000"),
            ("2030-05-06T07:08:09.010+0000junk", "2030-05-06T07:08:09.010+0000"),
            ("2030-05-06T07:08:09.010GMT+1:00", "2030-05-06T06:08:09.010+0000"),
            ("2030-05-06T07:08:09.010gmt", "2030-05-06T07:08:09.010+0000"),
            ("2030-05-06T07:08:09.010+2359", "2030-05-05T07:09:09.010+0000"),
            ("2030-05-06T07:08:09.010+01000", "2030-05-06T06:08:09.010+0000"),
            ("2030-5-6T7:8:9.1+0000", "2030-05-06T07:08:09.001+0000"),
            ("2030-05-06T07:08:09.12345+0000", "2030-05-06T07:08:21.345+0000"),
            ("2030-13-45T27:08:09.010+0000", "2031-02-15T03:08:09.010+0000"),
            (" 2030-05-06T07:08:09.010 +0000", "2030-05-06T07:08:09.010+0000"),
            ("2030-05-06T07:08:09.-10+0000", "2030-05-06T07:08:08.990+0000"),
        ];
        for (text, expected) in read {
            assert_eq!(parse(text).map(format).as_deref(), Some(expected), "{text}");
        }
    }
}
