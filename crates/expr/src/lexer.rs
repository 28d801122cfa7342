//! Splits an expression text into tokens, as JUEL's scanner does.

use winnow::Parser;
use winnow::ascii::{digit0, digit1};
use winnow::combinator::{alt, opt};
use winnow::error::ContextError;
use winnow::token::{any, one_of, take_while};

/// What a token is. The first group carries a text or a value, the rest is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Text,
    Identifier,
    String,
    Integer,
    Float,
    /// An operator, a bracket or a keyword, by its canonical form (`and` is `&&`).
    Fixed(&'static str),
    End,
    /// The text is not valid from here on; the token's image holds the message.
    Invalid,
}

/// A token with where it starts, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) symbol: Symbol,
    /// The content: characters as written, for strings without quotes and escapes.
    pub(crate) image: String,
    pub(crate) start: usize,
}

type Scan<T> = Result<T, ContextError>;

/// All tokens up to the end or the first invalid character; the last is `End` or `Invalid`.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut inside = false;
    loop {
        if inside {
            rest = rest.trim_start();
        }
        let start = text.len() - rest.len();
        let (symbol, image) = if rest.is_empty() {
            (Symbol::End, "null".to_owned())
        } else if inside {
            inner(&mut rest)
        } else {
            outer(&mut rest)
        };
        let stop = matches!(symbol, Symbol::End | Symbol::Invalid);
        inside = !matches!(symbol, Symbol::Text | Symbol::Fixed("}"));
        found.push(Token { symbol, image, start });
        if stop {
            return found;
        }
    }
}

/// A piece of literal text, or the start of an expression.
fn outer(rest: &mut &str) -> (Symbol, String) {
    for open in ["${", "#{"] {
        if let Some(after) = rest.strip_prefix(open) {
            *rest = after;
            return (Symbol::Fixed(open), open.to_owned());
        }
    }
    let mut text = String::new();
    let mut escaped = false;
    while let Some(c) = rest.chars().next() {
        let opens = rest.starts_with("${") || rest.starts_with("#{");
        if opens && !escaped {
            break;
        }
        *rest = &rest[c.len_utf8()..];
        if c == '\\' {
            // Of several backslashes all but the last stand for themselves.
            if escaped {
                text.push('\\');
            }
            escaped = true;
            continue;
        }
        if escaped && !opens {
            text.push('\\');
        }
        text.push(c);
        escaped = false;
    }
    if escaped {
        text.push('\\');
    }
    (Symbol::Text, text)
}

/// Operators and brackets, the longer ones first.
const FIXED: [&str; 23] = [
    "&&", "||", "==", "!=", "<=", ">=", "}", "+", "-", "*", "/", "%", "(", ")", "!", "<", ">", "?", ":", ",",
    "[", "]", ".",
];

/// Words that are never identifiers, with their canonical form.
const WORDS: [(&str, &str); 16] = [
    ("true", "true"),
    ("false", "false"),
    ("null", "null"),
    ("empty", "empty"),
    ("instanceof", "instanceof"),
    ("not", "!"),
    ("and", "&&"),
    ("or", "||"),
    ("div", "/"),
    ("mod", "%"),
    ("eq", "=="),
    ("ne", "!="),
    ("lt", "<"),
    ("gt", ">"),
    ("le", "<="),
    ("ge", ">="),
];

/// A token inside `${…}`.
fn inner(rest: &mut &str) -> (Symbol, String) {
    let Some(first) = rest.chars().next() else {
        return (Symbol::End, "null".to_owned());
    };
    if first == '"' || first == '\'' {
        return string(rest, first);
    }
    if let Ok(found) = number(rest) {
        return found;
    }
    if let Ok(word) = word(rest) {
        let symbol = WORDS
            .iter()
            .find(|(written, _)| *written == word)
            .map_or(Symbol::Identifier, |(_, canonical)| Symbol::Fixed(canonical));
        return (symbol, word);
    }
    for operator in FIXED {
        if let Some(after) = rest.strip_prefix(operator) {
            *rest = after;
            return (Symbol::Fixed(operator), operator.to_owned());
        }
    }
    (
        Symbol::Invalid,
        format!("invalid character '{first}', expected expression token"),
    )
}

fn word(rest: &mut &str) -> Scan<String> {
    let start = |c: char| c.is_alphabetic() || c == '_' || c == '$';
    let part = move |c: char| start(c) || c.is_numeric();
    (one_of(start), take_while(0.., part))
        .take()
        .map(str::to_owned)
        .parse_next(rest)
}

/// Digits with an optional fraction and exponent; a fraction may stand alone (`.5`).
fn number(rest: &mut &str) -> Scan<(Symbol, String)> {
    let fraction = alt(((digit1, '.', digit0).void(), ('.', digit1).void()));
    let float = alt(((fraction, opt(exponent)).take(), (digit1, exponent).take()));
    alt((
        float.map(|image| (Symbol::Float, image)),
        digit1.map(|image| (Symbol::Integer, image)),
    ))
    .map(|(symbol, image): (Symbol, &str)| (symbol, image.to_owned()))
    .parse_next(rest)
}

fn exponent(rest: &mut &str) -> Scan<()> {
    (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1)
        .void()
        .parse_next(rest)
}

/// A quoted string; a backslash may only precede a backslash or the quote.
fn string(rest: &mut &str, quote: char) -> (Symbol, String) {
    let mut body = &rest[quote.len_utf8()..];
    let mut value = String::new();
    let unterminated = |expected: String| {
        (
            Symbol::Invalid,
            format!("unterminated string, expected {expected}"),
        )
    };
    while let Ok(c) = next(&mut body) {
        if c == quote {
            *rest = body;
            return (Symbol::String, value);
        }
        if c != '\\' {
            value.push(c);
            continue;
        }
        match next(&mut body) {
            Ok(c) if c == '\\' || c == quote => value.push(c),
            Ok(c) => {
                let message = format!("invalid escape sequence \\{c}, expected \\{quote} or \\\\");
                return (Symbol::Invalid, message);
            }
            Err(_) => return unterminated(format!("{quote} or \\")),
        }
    }
    unterminated(quote.to_string())
}

fn next(rest: &mut &str) -> Scan<char> {
    any.parse_next(rest)
}
