//! The parser: the reference's grammar, alternative by alternative, because what its order of alternatives accepts
//! is what counts. Like the reference's, it goes back on failure and takes the first alternative that fits; key words
//! are not set apart from the names behind them.
mod cursor;
mod literals;
mod operators;
mod unary;
mod values;

use crate::syntax::{Exp, Node};
use cursor::is_whitespace;
use std::collections::HashMap;

/// The longest text of an expression, in characters.
const MAX_LENGTH: usize = 64 * 1024;
/// The deepest nesting of rules whose results are kept; a pair of brackets takes three.
const MAX_DEPTH: usize = 90;
/// The longest chain of operators, keys or filters: each makes the tree deeper.
const MAX_CHAIN: usize = 100;
/// Most steps of the parser on one text.
const MAX_STEPS: usize = 4_000_000;

/// What a rule gives: the position behind what it read, and that.
type Parsed<T> = Option<(usize, T)>;

/// The rules whose results are kept: they are tried at the same place by several alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rule {
    Expression,
    Math,
    Value,
    PositiveTest,
}

struct Parser {
    chars: Vec<char>,
    kept: HashMap<(Rule, usize), Parsed<Node>>,
    depth: usize,
    steps: usize,
    exhausted: bool,
}

/// Parses an expression.
pub(crate) fn expression(text: &str) -> Result<Node, String> {
    let mut parser = Parser::new(text);
    let start = parser.space(0);
    let parsed = start.and_then(|at| parser.expression(at));
    parser.finish(text, parsed, "ifOp | forOp | quantifiedOp | disjunction")
}

/// Parses the tests of a decision table's cell.
pub(crate) fn unary_tests(text: &str) -> Result<Node, String> {
    let mut parser = Parser::new(text);
    let start = parser.space(0);
    let parsed = start.and_then(|at| parser.unary_tests(at));
    parser.finish(text, parsed, "negation | positiveUnaryTests | anyInput")
}

impl Parser {
    fn new(text: &str) -> Parser {
        Parser {
            chars: text.chars().collect(),
            kept: HashMap::new(),
            depth: 0,
            steps: 0,
            exhausted: text.len() > MAX_LENGTH,
        }
    }

    /// The tree, or the reference's message with where it went wrong.
    fn finish(&self, text: &str, parsed: Parsed<Node>, expected: &str) -> Result<Node, String> {
        if self.exhausted {
            return Err("failed to parse expression: it is too long or nested too deeply".to_owned());
        }
        let behind = parsed.as_ref().map(|(at, _)| *at);
        let end = behind.and_then(|at| self.space(at));
        match (parsed, end) {
            (Some((_, node)), Some(end)) if end == self.chars.len() => {
                if has_external(&node) {
                    return Err(format!(
                        "validation of expression '{text}' failed: External functions are disabled. Use the \
                         FunctionProvider SPI (recommended) or enable external function in the configuration."
                    ));
                }
                Ok(node)
            }
            (_, end) => {
                let at = end.or_else(|| self.space(0)).unwrap_or(0);
                let expected = if end.is_some() {
                    "end-of-input".to_owned()
                } else {
                    format!("({expected})")
                };
                Err(format!(
                    "failed to parse expression '{text}': Expected {expected}:{}, found {}",
                    self.position(at),
                    self.found(at)
                ))
            }
        }
    }

    fn position(&self, at: usize) -> String {
        let before = &self.chars[..at.min(self.chars.len())];
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let column = before.iter().rev().take_while(|c| **c != '\n').count() + 1;
        format!("{line}:{column}")
    }

    fn found(&self, at: usize) -> String {
        let text: String = self.chars[at.min(self.chars.len())..].iter().take(10).collect();
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }

    /// A rule whose result at a place is kept.
    fn once(&mut self, rule: Rule, at: usize, run: impl FnOnce(&mut Parser) -> Parsed<Node>) -> Parsed<Node> {
        if let Some(parsed) = self.kept.get(&(rule, at)) {
            return parsed.clone();
        }
        self.steps += 1;
        if self.exhausted || self.depth >= MAX_DEPTH || self.steps > MAX_STEPS {
            self.exhausted = true;
            return None;
        }
        self.depth += 1;
        let parsed = run(self);
        self.depth -= 1;
        self.kept.insert((rule, at), parsed.clone());
        parsed
    }

    /// Whether a chain may grow; where it may not, nothing is parsed any more.
    fn may_chain(&mut self, length: &mut usize) -> bool {
        *length += 1;
        self.exhausted |= *length > MAX_CHAIN;
        !self.exhausted
    }

    /// `rule (separator rule)*`, at least `least` times.
    fn separated<T>(
        &mut self,
        at: usize,
        least: usize,
        separator: &str,
        mut rule: impl FnMut(&mut Parser, usize) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        let mut end = at;
        let mut next = Some(at);
        while let Some(start) = next {
            let Some((behind, item)) = rule(self, start) else {
                break;
            };
            items.push(item);
            end = behind;
            next = self.token(behind, separator);
        }
        (items.len() >= least).then_some((end, items))
    }
}

/// Whether a Java function is defined anywhere.
fn has_external(node: &Node) -> bool {
    match &**node {
        Exp::ExternalFunction => true,
        Exp::Function(_, body) => has_external(body),
        Exp::Context(entries) => entries.iter().any(|(_, v)| has_external(v)),
        Exp::List(items) => items.iter().any(has_external),
        Exp::UnaryTest(inner) => has_external(inner),
        _ => false,
    }
}
