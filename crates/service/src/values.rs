//! Option values with units.
use std::{str::FromStr, time::Duration};

/// Reads a duration: `500ms`, `30s`, `10m`, `2h`, `7d`; `0` needs no unit. Only whole numbers.
///
/// # Errors
/// A text for the user when there is no number, no unit or an unknown one.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 => 0,
        "" => return Err(format!("'{text}' has no unit: ms, s, m, h or d")),
        _ => return Err(format!("unknown unit '{unit}': ms, s, m, h or d")),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("'{text}' is too long"))
}

/// Reads a size in bytes: `1024`, `64k`, `16M`, `2G` (powers of 1024; `KiB`, `MiB`, `GiB` mean the same).
///
/// # Errors
/// A text for the user when there is no number or an unknown unit.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(format!("unknown unit '{unit}': k, M or G")),
    };
    number
        .checked_mul(bytes)
        .ok_or_else(|| format!("'{text}' is too large"))
}

/// So many requests in such a time: `100/s`, `600/m`, `5000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    per: Duration,
}

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Rate, String> {
        let bad = || format!("'{text}' is not a rate such as 100/s, 600/m or 5000/h");
        let (requests, per) = text.split_once('/').ok_or_else(bad)?;
        let requests: u32 = requests.parse().map_err(|_| bad())?;
        let per = match per {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(bad()),
        };
        match requests {
            0 => Err(format!(
                "'{text}' lets nothing pass; leave the option out for no limit"
            )),
            _ => Ok(Rate {
                requests,
                per: Duration::from_secs(per),
            }),
        }
    }
}

impl Rate {
    /// The time that falls to each request.
    pub fn interval(self) -> Duration {
        self.per / self.requests
    }
}

fn split(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number
        .parse()
        .map_err(|_| format!("'{text}' does not start with a whole number"))?;
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_zero_does_not() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("0", 0),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["30", "s", "", "1.5s", "-1s", "3 weeks", "99999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("16MiB"), Ok(16 << 20));
        assert_eq!(size("7"), Ok(7));
        assert!(size("7x").is_err());
    }

    #[test]
    fn rates_are_a_number_and_a_time() {
        let rate: Rate = "90/m".parse().unwrap();
        assert_eq!(rate.interval(), Duration::from_secs(60) / 90);
        assert_eq!(
            "100/s".parse::<Rate>().unwrap().interval(),
            Duration::from_millis(10)
        );
        for text in ["", "100", "100/d", "0/s", "-1/s", "1.5/s", "/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
