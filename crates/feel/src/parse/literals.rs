//! Literals: null, truth values, strings, numbers, dates and times, lists and contexts.
use super::cursor::unescaped;
use super::{Parsed, Parser, is_whitespace};
use crate::syntax::{Exp, Node};
use crate::temporal::{self, Temporal};

fn node(exp: Exp) -> Node {
    Node::new(exp)
}

impl Parser {
    pub(super) fn constant(&mut self, at: usize) -> Parsed<Node> {
        if let Some(end) = self.literal(at, "null") {
            return Some((end, node(Exp::Null)));
        }
        self.boolean(at)
            .or_else(|| {
                let (at, text) = self.quoted(at)?;
                Some((at, node(Exp::String(unescaped(&text)))))
            })
            .or_else(|| self.number(at))
            .or_else(|| self.list(at))
            .or_else(|| self.context(at))
    }

    pub(super) fn boolean(&mut self, at: usize) -> Parsed<Node> {
        [("true", true), ("false", false)]
            .into_iter()
            .find_map(|(word, value)| Some((self.literal(at, word)?, node(Exp::Boolean(value)))))
    }

    fn digits(&self, at: usize) -> Option<usize> {
        let length = self
            .chars
            .get(at..)?
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count();
        (length > 0).then_some(at + length)
    }

    fn number(&mut self, at: usize) -> Parsed<Node> {
        let start = self.literal(at, "-").unwrap_or(at);
        let fraction = |at: usize| self.digits(self.literal(at, ".")?);
        let end = match self.digits(start) {
            Some(whole) => fraction(whole).unwrap_or(whole),
            None => fraction(start)?,
        };
        let number = self.slice(at, end).parse().ok()?;
        Some((end, node(Exp::Number(number))))
    }

    /// `date("…")` and its like, and `@"…"`. What names no date, time or duration is null.
    pub(super) fn temporal(&mut self, at: usize) -> Parsed<Node> {
        type Reader = fn(&str) -> Option<Temporal>;
        let kinds: [(&str, Reader); 4] = [
            ("duration", temporal::duration_literal),
            ("date and time", temporal::date_and_time),
            ("date", |text| temporal::date(text).map(Temporal::Date)),
            ("time", temporal::time),
        ];
        let found = kinds
            .into_iter()
            .find_map(|(word, read)| Some((self.literal(at, word)?, read)));
        let called = found.and_then(|(at, read)| {
            let at = self.token(at, "(")?;
            let (at, text) = self.quoted(at)?;
            Some((self.closing(at, ")")?, read(&text)))
        });
        let (at, value) = called.or_else(|| {
            let at = self.token(at, "@")?;
            let (at, text) = self.quoted(at)?;
            Some((at, temporal::any(&text)))
        })?;
        Some((at, node(value.map_or(Exp::Null, Exp::Temporal))))
    }

    fn list(&mut self, at: usize) -> Parsed<Node> {
        let at = self.token(at, "[")?;
        let (at, items) = self.separated(at, 0, ",", Parser::expression)?;
        Some((self.closing(at, "]")?, node(Exp::List(items))))
    }

    fn context(&mut self, at: usize) -> Parsed<Node> {
        let at = self.token(at, "{")?;
        let (at, entries) = self.separated(at, 0, ",", Parser::entry)?;
        Some((self.closing(at, "}")?, node(Exp::Context(entries))))
    }

    fn entry(&mut self, at: usize) -> Parsed<(String, Node)> {
        let at = self.space(at)?;
        let keyed = |key: Parsed<String>| {
            let (at, key) = key?;
            Some((self.token(at, ":")?, key))
        };
        let (at, key) = keyed(self.key(at))
            .or_else(|| keyed(self.name(at)))
            .or_else(|| keyed(self.quoted(at)))?;
        let (at, value) = self.expression(at)?;
        Some((at, (key, value)))
    }

    /// A key of any characters but those that structure a context.
    fn key(&self, at: usize) -> Parsed<String> {
        let reserved = |c: char| matches!(c, '"' | '{' | '}' | ':' | ',' | '[' | ']' | '`');
        let length = self
            .chars
            .get(at..)?
            .iter()
            .take_while(|c| !reserved(**c))
            .count();
        let text = self.slice(at, at + length);
        let key = text.trim_end_matches(is_whitespace);
        (!key.is_empty()).then(|| (at + length, key.to_owned()))
    }
}
