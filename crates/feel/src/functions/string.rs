//! Functions on strings. Positions and lengths count UTF-16 units, as Java does.
use super::{Builtin, Reply, error, function};
use crate::eval::{Interpreter, Thrown};
use crate::value::Val;
use fancy_regex::{Captures, Regex};

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("substring", &["string", "start position"], substring),
    function("substring", &["string", "start position", "length"], substring),
    function("string length", &["string"], |_, args| {
        on_text(args, |text| Val::whole(text.encode_utf16().count() as i64))
    }),
    function("upper case", &["string"], |_, args| {
        on_text(args, |text| Val::text(text.to_uppercase()))
    }),
    function("lower case", &["string"], |_, args| {
        on_text(args, |text| Val::text(text.to_lowercase()))
    }),
    function("substring before", &["string", "match"], |_, args| {
        on_texts(args, |text, part| {
            Val::text(text.find(part).map_or("", |at| &text[..at]))
        })
    }),
    function("substring after", &["string", "match"], |_, args| {
        on_texts(args, |text, part| {
            Val::text(text.find(part).map_or("", |at| &text[at + part.len()..]))
        })
    }),
    function("replace", &["input", "pattern", "replacement"], replace),
    function("replace", &["input", "pattern", "replacement", "flags"], replace),
    function("contains", &["string", "match"], |_, args| {
        on_texts(args, |text, part| text.contains(part).into())
    }),
    function("starts with", &["string", "match"], |_, args| {
        on_texts(args, |text, part| text.starts_with(part).into())
    }),
    function("ends with", &["string", "match"], |_, args| {
        on_texts(args, |text, part| text.ends_with(part).into())
    }),
    function("matches", &["input", "pattern"], matches),
    function("matches", &["input", "pattern", "flags"], matches),
    function("split", &["string", "delimiter"], split),
    function("extract", &["input", "pattern"], extract),
    function("trim", &["string"], |_, args| {
        on_text(args, |text| Val::text(text.trim_matches(|c: char| c <= ' ')))
    }),
    function("uuid", &[], uuid),
    function("to base64", &["value"], |_, args| {
        on_text(args, |text| Val::text(base64(text.as_bytes())))
    }),
    function("is blank", &["string"], |_, args| {
        on_text(args, |text| {
            // Java's white space has no non-breaking spaces.
            let blank = |c: char| {
                matches!(c, '\u{9}'..='\u{d}' | '\u{1c}'..='\u{1f}')
                    || (c.is_whitespace() && !matches!(c, '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}'))
            };
            text.chars().all(blank).into()
        })
    }),
];

fn on_text(args: &[Val], run: impl Fn(&str) -> Val) -> Reply {
    Ok(match args {
        [Val::String(text)] => Some(run(text)),
        _ => None,
    })
}

fn on_texts(args: &[Val], run: impl Fn(&str, &str) -> Val) -> Reply {
    Ok(match args {
        [Val::String(text), Val::String(part)] => Some(run(text, part)),
        _ => None,
    })
}

fn substring(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let (text, start, length) = match args {
        [Val::String(text), Val::Number(start)] => (text, start.to_i32(), None),
        [Val::String(text), Val::Number(start), Val::Number(length)] => {
            (text, start.to_i32(), Some(length.to_i32()))
        }
        _ => return Ok(None),
    };
    let units: Vec<u16> = text.encode_utf16().collect();
    let size = units.len() as i64;
    let start = i64::from(start);
    let from = if start > 0 { start - 1 } else { size + start };
    let to = length.map_or(size, |length| (from + i64::from(length)).min(size));
    let part = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    match part.and_then(|(from, to)| units.get(from..to)) {
        Some(part) => Ok(Some(Val::text(String::from_utf16_lossy(part)))),
        None if length.is_some() => Err(Thrown(format!(
            "java.lang.StringIndexOutOfBoundsException: begin {from}, end {to}, length {size}"
        ))),
        None => {
            let at = if from < 0 { from } else { size - from };
            Err(Thrown(format!(
                "java.lang.StringIndexOutOfBoundsException: String index out of range: {at}"
            )))
        }
    }
}

/// A compiled pattern. Backtracking has a limit, so that no pattern runs for ever.
fn pattern(text: &str, flags: Option<&str>) -> Option<Regex> {
    let known: String = flags
        .unwrap_or_default()
        .chars()
        .filter(|c| "smix".contains(*c))
        .collect();
    let text = if known.is_empty() {
        text.to_owned()
    } else {
        format!("(?{known}){text}")
    };
    Regex::new(&text).ok()
}

fn too_slow() -> Thrown {
    Thrown("the pattern takes too long on this text".to_owned())
}

fn matches(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let (text, source, flags) = match args {
        [Val::String(text), Val::String(source)] => (text, source, None),
        [Val::String(text), Val::String(source), Val::String(flags)] => (text, source, Some(&**flags)),
        _ => return Ok(None),
    };
    let Some(pattern) = pattern(source, flags) else {
        return error(format!("Invalid pattern '{source}'"));
    };
    Ok(Some(pattern.is_match(&**text).map_err(|_| too_slow())?.into()))
}

fn replace(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let (text, source, replacement, flags) = match args {
        [Val::String(text), Val::String(source), Val::String(with)] => (text, source, with, None),
        [
            Val::String(text),
            Val::String(source),
            Val::String(with),
            Val::String(flags),
        ] => (text, source, with, Some(&**flags)),
        _ => return Ok(None),
    };
    let invalid = || error(format!("Invalid pattern '{source}'"));
    let Some(pattern) = pattern(source, flags) else {
        return invalid();
    };
    let mut result = String::new();
    let mut end = 0;
    for found in pattern.captures_iter(&**text) {
        let found = found.map_err(|_| too_slow())?;
        let Some(whole) = found.get(0) else { break };
        result.push_str(&text[end..whole.start()]);
        match expanded(replacement, &found) {
            Some(text) => result.push_str(&text),
            None => return invalid(),
        }
        end = whole.end();
    }
    result.push_str(&text[end..]);
    Ok(Some(Val::text(result)))
}

/// A replacement with its groups put in, as Java's `Matcher` does; `None` where it names a group that isn't there.
fn expanded(replacement: &str, found: &Captures<'_, str>) -> Option<String> {
    let mut result = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => result.push(chars.next()?),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                result.push_str(found.name(&name)?.as_str());
            }
            '$' => {
                let mut group = chars.next()?.to_digit(10)? as usize;
                if group >= found.len() {
                    return None;
                }
                // More digits belong to the number as long as there is such a group.
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= found.len() {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                result.push_str(found.get(group).map_or("", |m| m.as_str()));
            }
            c => result.push(c),
        }
    }
    Some(result)
}

fn split(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::String(text), Val::String(source)] = args else {
        return Ok(None);
    };
    let Some(pattern) = pattern(source, None) else {
        return error(format!("Invalid pattern for delimiter '{source}'"));
    };
    let mut parts = Vec::new();
    let mut end = 0;
    for found in pattern.find_iter(&**text) {
        let found = found.map_err(|_| too_slow())?;
        // Nothing found at the very start divides nothing.
        if found.end() == 0 {
            continue;
        }
        parts.push(Val::text(&text[end..found.start()]));
        end = found.end();
    }
    parts.push(Val::text(&text[end..]));
    Ok(Some(Val::list(parts)))
}

fn extract(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::String(text), Val::String(source)] = args else {
        return Ok(None);
    };
    let Some(pattern) = pattern(source, None) else {
        return error(format!("Invalid pattern '{source}'"));
    };
    let mut parts = Vec::new();
    for found in pattern.find_iter(&**text) {
        parts.push(Val::text(found.map_err(|_| too_slow())?.as_str()));
    }
    Ok(Some(Val::list(parts)))
}

/// A time-ordered identifier (version 7).
fn uuid(interpreter: &Interpreter<'_>, _: &[Val]) -> Reply {
    let millis = interpreter.host.now() as u64;
    let (a, b) = (interpreter.host.random(), interpreter.host.random());
    Ok(Some(Val::text(format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        millis >> 16 & 0xffff_ffff,
        millis & 0xffff,
        a & 0xfff,
        0x8000 | (a >> 12 & 0x3fff),
        b & 0xffff_ffff_ffff
    ))))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0u32, |word, (i, b)| word | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
