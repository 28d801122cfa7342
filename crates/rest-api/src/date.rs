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

/// Unix milliseconds of a text in exactly that format; `Z`, `+00:00`, missing milliseconds and the like are refused.
pub fn parse(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    if b.len() != 28 || !text.is_ascii() {
        return None;
    }
    let fixed = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
    ];
    if fixed.iter().any(|(at, c)| b[*at] != *c) || !matches!(b[23], b'+' | b'-') {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = &text[from..to];
        part.bytes()
            .all(|c| c.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let date = civil::Date::new(number(0, 4)? as i16, number(5, 7)? as i8, number(8, 10)? as i8).ok()?;
    let (hour, minute, second, milli) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    let time = civil::Time::new(hour as i8, minute as i8, second as i8, milli as i32 * 1_000_000).ok()?;
    let (hours, minutes) = (number(24, 26)?, number(26, 28)?);
    if minutes > 59 || hours > 23 {
        return None;
    }
    let offset = (hours * 60 + minutes) * 60_000 * if b[23] == b'-' { -1 } else { 1 };
    let utc = Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    Some(utc.as_millisecond() - offset)
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
            "2026-01-02T03:04:05+0000",
            "2026-01-02",
            "2026-13-02T03:04:05.678+0000",
            "2026-01-02T03:04:05.678 0000",
        ];
        for text in bad {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
