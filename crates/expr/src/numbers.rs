//! Numbers as Java writes and reads them.

/// `Double.toString`: the shortest digits that read back the same, with an exponent from 1e7 and below 1e-3.
pub(crate) fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = number.abs();
    if number == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let written = format!("{number:e}");
    match written.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => written,
    }
}

/// `Double.valueOf` for decimal notation: surrounding blanks and a type suffix are fine.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return text.parse().ok();
    }
    let body = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    if !body.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
        return None;
    }
    body.parse().ok()
}

/// `Long.valueOf`: an optional sign and digits.
pub(crate) fn parse_long(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The narrowing of Java's `(int)` and `(long)` casts of doubles saturates, as Rust's `as` does.
pub(crate) fn double_to_long(number: f64) -> i64 {
    number as i64
}

/// Java's `String.hashCode`.
pub(crate) fn string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}
