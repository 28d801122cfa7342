//! Characters: white space, key words, names and strings.
use super::{Parsed, Parser};

/// What the language takes for white space.
pub(super) fn is_whitespace(c: char) -> bool {
    matches!(
        c,
        '\u{9}'..='\u{d}'
            | ' '
            | '\u{85}'
            | '\u{a0}'
            | '\u{1680}'
            | '\u{180e}'
            | '\u{2000}'..='\u{200b}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

/// Words that are no names.
const RESERVED: [&str; 11] = [
    "function",
    "satisfies",
    "return",
    "false",
    "null",
    "true",
    "then",
    "else",
    "and",
    "in",
    "or",
];

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || is_currency(c)
}

fn continues_name(c: char) -> bool {
    (c.is_alphanumeric() || c == '_' || is_currency(c) || is_mark(c)) && !is_whitespace(c)
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20c0}')
}

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{203f}' | '\u{2040}'
    )
}

impl Parser {
    pub(super) fn peek(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    /// Behind white space and comments; `None` where a comment has no end.
    pub(super) fn space(&self, mut at: usize) -> Option<usize> {
        loop {
            match (self.peek(at), self.peek(at + 1)) {
                (Some(c), _) if is_whitespace(c) => at += 1,
                (Some('/'), Some('/')) => {
                    while self.peek(at).is_some_and(|c| c != '\n') {
                        at += 1;
                    }
                }
                (Some('/'), Some('*')) => {
                    at += 2;
                    while (self.peek(at), self.peek(at + 1)) != (Some('*'), Some('/')) {
                        self.peek(at)?;
                        at += 1;
                    }
                    at += 2;
                }
                _ => return Some(at),
            }
        }
    }

    /// A text right here.
    pub(super) fn literal(&self, at: usize, text: &str) -> Option<usize> {
        let mut end = at;
        for c in text.chars() {
            if self.peek(end) != Some(c) {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// A text behind white space, and the white space behind it.
    pub(super) fn token(&self, at: usize, text: &str) -> Option<usize> {
        let behind = self.literal(self.space(at)?, text)?;
        self.space(behind)
    }

    fn reserved(&self, at: usize) -> Option<usize> {
        RESERVED.iter().find_map(|word| self.literal(at, word))
    }

    fn name_part(&self, at: usize) -> Option<usize> {
        let length = self
            .chars
            .get(at..)?
            .iter()
            .take_while(|c| continues_name(**c))
            .count();
        (length > 0).then_some(at + length)
    }

    /// A name of letters and digits. It may begin with a reserved word but not be one.
    pub(super) fn identifier_end(&self, at: usize) -> Option<usize> {
        if let Some(end) = self.reserved(at).and_then(|behind| self.name_part(behind)) {
            return Some(end);
        }
        let start = self.reserved(at).unwrap_or(at);
        if !self.peek(start).is_some_and(starts_name) {
            return None;
        }
        Some(self.name_part(start + 1).unwrap_or(start + 1))
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> String {
        self.chars[from..to].iter().collect()
    }

    /// A name, perhaps in backticks.
    pub(super) fn name(&self, at: usize) -> Parsed<String> {
        if let Some(end) = self.identifier_end(at) {
            return Some((end, self.slice(at, end)));
        }
        let start = self.literal(at, "`")?;
        let length = self.chars.get(start..)?.iter().position(|c| *c == '`')?;
        (length > 0).then(|| (start + length + 1, self.slice(start, start + length)))
    }

    /// At least two names with spaces between them.
    pub(super) fn spaced_name(&self, at: usize) -> Parsed<String> {
        let first = self.identifier_end(at)?;
        let mut end = first;
        loop {
            let mut next = end;
            while self.peek(next) == Some(' ') {
                next += 1;
            }
            match (next > end).then(|| self.identifier_end(next)).flatten() {
                Some(behind) => end = behind,
                None => break,
            }
        }
        (end > first).then(|| (end, self.slice(at, end)))
    }

    /// The one property that is written with a space.
    pub(super) fn property(&self, at: usize) -> Parsed<String> {
        match self.literal(at, "time offset") {
            Some(end) => Some((end, "time offset".to_owned())),
            None => self.name(at),
        }
    }

    /// Names with dots between them.
    pub(super) fn qualified_name(&mut self, at: usize) -> Parsed<Vec<String>> {
        self.separated(at, 1, ".", |parser, at| parser.property(at))
    }

    /// What is between double quotes, as it is written.
    pub(super) fn quoted(&self, at: usize) -> Parsed<String> {
        let start = self.literal(at, "\"")?;
        let mut end = start;
        loop {
            match self.peek(end)? {
                '"' => return Some((end + 1, self.slice(start, end))),
                '\\' => end += 2,
                _ => end += 1,
            }
        }
    }
}

/// Replaces what is escaped in a string.
pub(super) fn unescaped(text: &str) -> String {
    let mut result = text.to_owned();
    let escapes = [
        ('n', '\n'),
        ('r', '\r'),
        ('t', '\t'),
        ('b', '\u{8}'),
        ('f', '\u{c}'),
        ('\'', '\''),
        ('"', '"'),
    ];
    for (letter, value) in escapes {
        if result.contains('\\') {
            result = replaced(&result, letter, value);
        }
    }
    result.replace("\\\\", "\\")
}

/// Replaces a backslash and a letter, where no other backslash is before it.
fn replaced(text: &str, letter: char, value: char) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let escaped =
            chars[at] == '\\' && chars.get(at + 1) == Some(&letter) && (at == 0 || chars[at - 1] != '\\');
        result.push(if escaped { value } else { chars[at] });
        at += if escaped { 2 } else { 1 };
    }
    result
}
