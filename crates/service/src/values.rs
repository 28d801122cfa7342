//! Option values with units.
use std::time::Duration;

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
}
