//! Methods of strings. Positions count UTF-16 units, as in Java.

use regex::Regex;

use super::{Called, int, text, within_limit};
use crate::numbers::string_hash;
use crate::{EvalError, Java, Value};

const OUT_OF_BOUNDS: &str = "java.lang.StringIndexOutOfBoundsException";

/// A method of a string.
pub(crate) fn call(own: &str, name: &str, arguments: &[Value]) -> Called {
    Ok(match arguments {
        [] => plain(own, name),
        [argument] => one(own, name, argument)?,
        [first, second] => match two(own, name, first, second)? {
            None => many(name, arguments)?,
            found => found,
        },
        [
            Value::Int(_) | Value::Long(_),
            other,
            Value::Int(_) | Value::Long(_),
            _,
        ] if name == "regionMatches" => {
            let number = |at: usize| {
                arguments
                    .get(at)
                    .and_then(int)
                    .and_then(|n| usize::try_from(n).ok())
            };
            let part = |text: &str, from: Option<usize>| units(text, from?, from? + number(3)?);
            let (own, other) = (part(own, number(0)), part(&other.to_text(), number(2)));
            Some(Value::Bool(own.is_some() && own == other))
        }
        _ => many(name, arguments)?,
    })
}

/// The static methods of `String` that take any number of arguments.
fn many(name: &str, arguments: &[Value]) -> Called {
    let Some((Value::Str(first), rest)) = arguments.split_first() else {
        return Ok(None);
    };
    Ok(Some(match name {
        "format" => Value::Str(super::format::formatted(first, rest)?),
        "join" => joined(first, rest)?,
        _ => return Ok(None),
    }))
}

fn plain(own: &str, name: &str) -> Option<Value> {
    Some(match name {
        "length" => Value::Int(utf16_len(own)),
        "isEmpty" => Value::Bool(own.is_empty()),
        "isBlank" => Value::Bool(own.chars().all(char::is_whitespace)),
        "toUpperCase" => Value::Str(own.to_uppercase()),
        "toLowerCase" => Value::Str(own.to_lowercase()),
        "trim" => Value::from(own.trim_matches(|c: char| c <= ' ')),
        "strip" => Value::from(own.trim()),
        "stripLeading" => Value::from(own.trim_start()),
        "stripTrailing" => Value::from(own.trim_end()),
        "hashCode" => Value::Int(string_hash(own)),
        "getBytes" => Value::Bytes(own.as_bytes().to_vec()),
        "intern" | "describeConstable" => Value::from(own),
        "toCharArray" => {
            let letters = own.encode_utf16().map(|unit| Java::Char(unit).into()).collect();
            Java::Array("[C", letters).into()
        }
        "lines" => Value::List(own.lines().map(Value::from).collect()),
        "stripIndent" => Value::from(own),
        _ => return None,
    })
}

fn one(own: &str, name: &str, argument: &Value) -> Called {
    // Parameters of type `String` take any value as text; `CharSequence` only strings.
    let as_text = || argument.to_text();
    Ok(Some(match name {
        "equalsIgnoreCase" => {
            Value::Bool(*argument != Value::Null && own.to_lowercase() == as_text().to_lowercase())
        }
        "contains" => match (argument, text(argument)) {
            (_, Some(part)) => Value::Bool(own.contains(part)),
            (Value::Null, None) => return Err(null_argument("java.lang.CharSequence", "s")),
            _ => return Ok(None),
        },
        "contentEquals" => match text(argument) {
            Some(other) => Value::Bool(own == other),
            None => return Ok(None),
        },
        "startsWith" => Value::Bool(own.starts_with(&as_text())),
        "endsWith" => Value::Bool(own.ends_with(&as_text())),
        "concat" => {
            within_limit(own.len() + as_text().len())?;
            Value::Str(format!("{own}{}", as_text()))
        }
        "codePointAt" => match int(argument).and_then(|at| usize::try_from(at).ok()) {
            Some(at) => match units(own, at, at + 1).and_then(|unit| unit.chars().next()) {
                Some(found) => Value::Int(found as i32),
                None => return char_at(own, i32::try_from(at).unwrap_or(i32::MAX)).map(Some),
            },
            None => return Ok(None),
        },
        "format" => Value::Str(super::format::formatted(&as_text(), &[])?),
        "indent" => match int(argument).map(usize::try_from) {
            Some(Ok(width)) => {
                within_limit(
                    own.len()
                        .saturating_add(own.lines().count().saturating_mul(width)),
                )?;
                Value::Str(
                    own.lines()
                        .map(|line| format!("{}{line}\n", " ".repeat(width)))
                        .collect(),
                )
            }
            _ => return Ok(None),
        },
        "indexOf" | "lastIndexOf" if matches!(argument, Value::Int(_) | Value::Long(_)) => {
            let wanted = int(argument)
                .and_then(|code| char::from_u32(code as u32))
                .map(String::from);
            let wanted = wanted.unwrap_or_default();
            match name {
                "indexOf" => Value::Int(index_of(own, &wanted, 0)),
                _ => Value::Int(own.rfind(&wanted).map_or(-1, |at| utf16_len(&own[..at]))),
            }
        }
        "indexOf" => Value::Int(index_of(own, &as_text(), 0)),
        "lastIndexOf" => Value::Int(own.rfind(&as_text()).map_or(-1, |at| utf16_len(&own[..at]))),
        "compareTo" => Value::Int(compare(own, &as_text())),
        "compareToIgnoreCase" => Value::Int(compare(&own.to_lowercase(), &as_text().to_lowercase())),
        "matches" => Value::Bool(regex(&format!("^(?:{})$", as_text()), &as_text())?.is_match(own)),
        "split" => split(own, &as_text(), 0)?,
        "valueOf" => Value::Str(as_text()),
        "repeat" => match int(argument).map(usize::try_from) {
            Some(Ok(count)) if own.len().saturating_mul(count) <= crate::MAX_RESULT => {
                Value::Str(own.repeat(count))
            }
            Some(_) => {
                return Err(EvalError::new(format!(
                    "cannot repeat a string {} times",
                    as_text()
                )));
            }
            None => return Ok(None),
        },
        "substring" => match int(argument) {
            Some(begin) => substring(own, begin, utf16_len(own))?,
            None => return Ok(None),
        },
        "charAt" => match int(argument) {
            Some(at) => char_at(own, at)?,
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn two(own: &str, name: &str, first: &Value, second: &Value) -> Called {
    let (a, b) = (first.to_text(), second.to_text());
    let number = int(second);
    Ok(Some(match (name, number) {
        ("substring", Some(end)) => match int(first) {
            Some(begin) => substring(own, begin, end)?,
            None => return Ok(None),
        },
        ("indexOf", Some(from)) => Value::Int(index_of(own, &a, from)),
        ("startsWith", Some(from)) => {
            let units: Vec<u16> = own.encode_utf16().collect();
            let start: Vec<u16> = a.encode_utf16().collect();
            let rest = usize::try_from(from).ok().and_then(|from| units.get(from..));
            Value::Bool(rest.is_some_and(|rest| rest.starts_with(&start)))
        }
        ("lastIndexOf", Some(from)) => {
            let end = usize::try_from(from).map_or(0, |from| from.saturating_add(a.encode_utf16().count()));
            let shown = units(own, 0, end.min(own.encode_utf16().count())).unwrap_or_default();
            Value::Int(shown.rfind(&a).map_or(-1, |at| utf16_len(&shown[..at])))
        }
        ("split", Some(limit)) => split(own, &a, limit)?,
        ("join", _) => match second {
            Value::List(items) => joined(&a, items)?,
            other => Value::Str(other.to_text()),
        },
        ("replace", _) => match (text(first), text(second)) {
            (Some(old), Some(new)) => replaced(own, old, new)?,
            (Some(_), None) if *second == Value::Null => {
                return Err(null_argument("java.lang.CharSequence", "replacement"));
            }
            _ => return Ok(None),
        },
        ("replaceAll", _) => replaced_matches(own, &a, &b, usize::MAX)?,
        ("replaceFirst", _) => replaced_matches(own, &a, &b, 1)?,
        _ => return Ok(None),
    }))
}

/// The text with each occurrence replaced.
fn replaced(own: &str, old: &str, new: &str) -> Result<Value, EvalError> {
    within_limit(own.len() + own.matches(old).count().saturating_mul(new.len()))?;
    Ok(Value::Str(own.replace(old, new)))
}

/// The text with up to that many matches replaced.
fn replaced_matches(own: &str, pattern: &str, java: &str, count: usize) -> Result<Value, EvalError> {
    let pattern = regex(pattern, pattern)?;
    let new = replacement(java);
    let references = new.matches('$').count();
    let mut result = String::new();
    let mut start = 0;
    for captures in pattern.captures_iter(own).take(count) {
        let Some(found) = captures.get(0) else { continue };
        let most = new.len() + references.saturating_mul(found.len());
        within_limit(result.len().saturating_add(most))?;
        result.push_str(&own[start..found.start()]);
        captures.expand(&new, &mut result);
        start = found.end();
    }
    result.push_str(&own[start..]);
    Ok(Value::Str(result))
}

/// The items as text with a separator between them.
fn joined(separator: &str, items: &[Value]) -> Result<Value, EvalError> {
    let mut result = String::new();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            result.push_str(separator);
        }
        result.push_str(if *item == Value::Null { "null" } else { "" });
        result.push_str(&item.to_text());
        within_limit(result.len())?;
    }
    Ok(Value::Str(result))
}

fn utf16_len(text: &str) -> i32 {
    i32::try_from(text.encode_utf16().count()).unwrap_or(i32::MAX)
}

fn units(text: &str, begin: usize, end: usize) -> Option<String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    units.get(begin..end).map(String::from_utf16_lossy)
}

fn substring(own: &str, begin: i32, end: i32) -> Result<Value, EvalError> {
    let range = (usize::try_from(begin), usize::try_from(end));
    let found = match range {
        (Ok(begin), Ok(end)) if begin <= end => units(own, begin, end),
        _ => None,
    };
    found.map(Value::Str).ok_or_else(|| {
        let length = utf16_len(own);
        EvalError::thrown(
            OUT_OF_BOUNDS,
            format_args!("begin {begin}, end {end}, length {length}"),
        )
    })
}

fn char_at(own: &str, at: i32) -> Result<Value, EvalError> {
    let found = usize::try_from(at).ok().and_then(|at| own.encode_utf16().nth(at));
    found
        .map(|unit| Java::Char(unit).into())
        .ok_or_else(|| EvalError::thrown(OUT_OF_BOUNDS, format_args!("String index out of range: {at}")))
}

fn index_of(own: &str, part: &str, from: i32) -> i32 {
    let own: Vec<u16> = own.encode_utf16().collect();
    let part: Vec<u16> = part.encode_utf16().collect();
    let from = usize::try_from(from).unwrap_or(0).min(own.len());
    let found = (from..=own.len()).find(|at| own[*at..].starts_with(&part));
    found.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1)
}

/// Java's `compareTo`: the first differing unit decides, then the length.
fn compare(left: &str, right: &str) -> i32 {
    let differing = left
        .encode_utf16()
        .zip(right.encode_utf16())
        .find(|(a, b)| a != b);
    differing.map_or_else(
        || utf16_len(left) - utf16_len(right),
        |(a, b)| i32::from(a) - i32::from(b),
    )
}

/// A compiled pattern. The engine has no look-around and no back-references; such patterns are an error.
fn regex(pattern: &str, written: &str) -> Result<Regex, EvalError> {
    Regex::new(pattern).map_err(|_| {
        EvalError::thrown(
            "java.util.regex.PatternSyntaxException",
            format_args!("the pattern {written} is not valid or not supported"),
        )
    })
}

/// Java's replacement syntax (`$1`, `\$`) in the notation of the regex engine.
fn replacement(java: &str) -> String {
    let mut found = String::new();
    let mut letters = java.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next() {
                Some('$') => found.push_str("$$"),
                Some(other) => found.push(other),
                None => {}
            },
            '$' if letters.peek().is_some_and(char::is_ascii_digit) => {
                found.push_str("${");
                found.extend(letters.next());
                found.push('}');
            }
            other => found.push(other),
        }
    }
    found
}

/// Java's `split`: without a limit trailing empty pieces are dropped, a leading match of no width gives none.
fn split(own: &str, pattern: &str, limit: i32) -> Result<Value, EvalError> {
    let pattern = regex(pattern, pattern)?;
    let mut pieces = Vec::new();
    let mut start = 0;
    for found in pattern.find_iter(own) {
        let full = limit > 0 && usize::try_from(limit).is_ok_and(|limit| pieces.len() + 1 >= limit);
        if full {
            break;
        }
        if found.end() == 0 || found.is_empty() && found.start() == own.len() {
            continue;
        }
        pieces.push(&own[start..found.start()]);
        start = found.end();
    }
    pieces.push(&own[start..]);
    if limit == 0 {
        while pieces.len() > 1 && pieces.last().is_some_and(|piece| piece.is_empty()) {
            pieces.pop();
        }
        // When everything matched, nothing is left.
        if pieces.len() == 1 && pieces[0].is_empty() && !own.is_empty() {
            pieces.pop();
        }
    }
    let pieces = pieces.into_iter().map(Value::from).collect();
    Ok(Java::Array("[Ljava.lang.String;", pieces).into())
}

fn null_argument(class: &str, parameter: &str) -> EvalError {
    EvalError::thrown(
        "java.lang.NullPointerException",
        format_args!("Cannot invoke \"{class}.toString()\" because \"{parameter}\" is null"),
    )
}
