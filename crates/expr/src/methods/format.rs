//! `String.format` for the usual conversions.

use super::within_limit;
use crate::{EvalError, Value, coerce};

/// The text with its conversions (`%s`, `%05d`, `%.2f` …) filled in.
pub(crate) fn formatted(pattern: &str, arguments: &[Value]) -> Result<String, EvalError> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut next = 0;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_ascii_alphabetic() || c == '%')
            .ok_or_else(|| unknown("%"))?;
        let (flags, conversion) = after.split_at(end);
        let mut letters = conversion.chars();
        let kind = letters.next().unwrap_or('%');
        rest = letters.as_str();
        match kind {
            'n' => out.push('\n'),
            '%' => out.push('%'),
            _ => {
                let (index, flags) = match flags.split_once('$') {
                    Some((index, flags)) => {
                        (index.parse::<usize>().ok().and_then(|n| n.checked_sub(1)), flags)
                    }
                    None => (None, flags),
                };
                let at = index.unwrap_or_else(|| {
                    next += 1;
                    next - 1
                });
                let Some(argument) = arguments.get(at) else {
                    let class = "java.util.MissingFormatArgumentException";
                    return Err(EvalError::thrown(
                        class,
                        format_args!("Format specifier '%{flags}{kind}'"),
                    ));
                };
                let shown = one(flags, kind, argument)?;
                within_limit(out.len() + shown.len())?;
                out.push_str(&shown);
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn one(flags: &str, kind: char, argument: &Value) -> Result<String, EvalError> {
    let digits_at = flags
        .find(|c: char| c.is_ascii_digit() && c != '0')
        .unwrap_or(flags.len());
    let (marks, numbers) = flags.split_at(digits_at.min(flags.find('.').unwrap_or(flags.len())));
    let (width, precision) = numbers.split_once('.').unwrap_or((numbers, ""));
    let width: usize = width.parse().unwrap_or(0);
    let precision: Option<usize> = precision.parse().ok();
    within_limit(width.max(precision.unwrap_or(0)))?;
    let wrong = || {
        let class = "java.util.IllegalFormatConversionException";
        EvalError::thrown(class, format_args!("{kind} != {}", argument.class_name()))
    };
    let plain = if *argument == Value::Null {
        "null".to_owned()
    } else {
        argument.to_text()
    };
    let text = match kind.to_ascii_lowercase() {
        's' => plain.chars().take(precision.unwrap_or(usize::MAX)).collect(),
        'b' => match argument {
            Value::Bool(truth) => truth.to_string(),
            other => (*other != Value::Null).to_string(),
        },
        'c' => plain,
        'd' => match argument {
            Value::Short(_) | Value::Int(_) | Value::Long(_) => {
                let number = coerce::long(argument)?;
                signed(
                    marks,
                    grouped(marks, number.unsigned_abs().to_string()),
                    number < 0,
                )
            }
            _ => return Err(wrong()),
        },
        'x' => match argument {
            Value::Int(number) => format!("{number:x}"),
            Value::Long(number) => format!("{number:x}"),
            _ => return Err(wrong()),
        },
        'f' => match argument {
            Value::Double(number) => {
                let whole = format!(
                    "{:.*}",
                    precision.unwrap_or(6),
                    half_up(number.abs(), precision.unwrap_or(6))
                );
                signed(marks, grouped(marks, whole), *number < 0.0)
            }
            _ => return Err(wrong()),
        },
        _ => return Err(unknown(&kind.to_string())),
    };
    let text = if kind.is_ascii_uppercase() {
        text.to_uppercase()
    } else {
        text
    };
    let missing = width.saturating_sub(text.chars().count());
    Ok(if marks.contains('-') {
        format!("{text}{}", " ".repeat(missing))
    } else if marks.contains('0') {
        let sign = usize::from(text.starts_with(['-', '+']));
        format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..])
    } else {
        format!("{}{text}", " ".repeat(missing))
    })
}

/// Java rounds the decimal digits of a double half up, where Rust rounds its exact value.
fn half_up(number: f64, precision: usize) -> f64 {
    let shown = format!("{number}");
    let decimals = shown.split_once('.').map_or("", |(_, decimals)| decimals);
    match decimals.get(precision..) {
        Some("5") => number + number * f64::EPSILON,
        _ => number,
    }
}

fn signed(marks: &str, digits: String, negative: bool) -> String {
    match (negative, marks.contains('+')) {
        (true, _) => format!("-{digits}"),
        (false, true) => format!("+{digits}"),
        (false, false) => digits,
    }
}

fn grouped(marks: &str, digits: String) -> String {
    if !marks.contains(',') {
        return digits;
    }
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits.as_str(), ""), |(whole, rest)| (whole, rest));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

fn unknown(conversion: &str) -> EvalError {
    EvalError::thrown(
        "java.util.UnknownFormatConversionException",
        format_args!("Conversion = '{conversion}'"),
    )
}
