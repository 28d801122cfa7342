//! Reading BPMN XML: namespaces, positions, expressions, and collecting what is wrong.
use crate::problem::{Problem, Severity};
use expr::Expression;
use roxmltree::{Document, Node as Xml};
use std::{cell::Cell, collections::HashMap, ops::Range};

pub(crate) const BPMN: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";
/// Camunda's extension namespace and its older name.
pub(crate) const EXTENSIONS: [&str; 2] = ["http://camunda.org/schema/1.0/bpmn", "http://activiti.org/bpmn"];

/// Most problems noted of a file: each costs time to find its position, and nobody reads more.
const MAX_PROBLEMS: usize = 1_000;

/// An `error` of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorDefinition {
    pub code: Option<String>,
    /// `camunda:errorMessage`; it may hold an expression.
    pub message: Option<String>,
}

/// A file being read, with its messages and errors by id and the problems found so far.
pub(crate) struct Reader<'x> {
    doc: &'x Document<'x>,
    lines: Lines,
    pub messages: HashMap<&'x str, Option<&'x str>>,
    pub errors: HashMap<&'x str, ErrorDefinition>,
    /// Names of signals by id.
    pub signals: HashMap<&'x str, Option<&'x str>>,
    /// Codes of escalations by id.
    pub escalations: HashMap<&'x str, Option<&'x str>>,
    pub problems: Vec<Problem>,
}

impl<'x> Reader<'x> {
    pub fn new(doc: &'x Document<'x>) -> Reader<'x> {
        let mut reader = Reader {
            doc,
            lines: Lines::of(doc.input_text()),
            messages: HashMap::new(),
            errors: HashMap::new(),
            signals: HashMap::new(),
            escalations: HashMap::new(),
            problems: Vec::new(),
        };
        for node in bpmn_children(doc.root_element()) {
            let Some(id) = node.attribute("id") else { continue };
            match node.tag_name().name() {
                "message" => drop(reader.messages.insert(id, node.attribute("name"))),
                "signal" => drop(reader.signals.insert(id, node.attribute("name"))),
                "escalation" => {
                    let code = node.attribute("escalationCode").filter(|code| !code.is_empty());
                    reader.escalations.insert(id, code);
                }
                "error" => {
                    let code = node
                        .attribute("errorCode")
                        .filter(|c| !c.is_empty())
                        .map(str::to_owned);
                    let message = extension(node, "errorMessage").map(str::to_owned);
                    reader.errors.insert(id, ErrorDefinition { code, message });
                }
                _ => {}
            }
        }
        reader
    }

    /// Line and column behind the opening tag, counted from 1.
    pub fn position(&self, node: Xml<'_, '_>) -> (u32, u32) {
        let start = node.range().start;
        let mut quote = None;
        let end = self
            .source(start..node.range().end)
            .char_indices()
            .find(|&(_, c)| {
                match (quote, c) {
                    (None, '>') => return true,
                    (None, '"' | '\'') => quote = Some(c),
                    (Some(open), _) if open == c => quote = None,
                    _ => {}
                }
                false
            });
        self.lines.position(
            self.doc.input_text(),
            end.map_or(start, |(offset, _)| start + offset + 1),
        )
    }

    /// Line and column behind the closing tag, counted from 1.
    pub fn end_position(&self, node: Xml<'_, '_>) -> (u32, u32) {
        self.lines.position(self.doc.input_text(), node.range().end)
    }

    /// A part of the file.
    pub fn source(&self, range: Range<usize>) -> &'x str {
        self.doc.input_text().get(range).unwrap_or_default()
    }

    /// The name of an element with its prefix.
    pub fn qualified_name(&self, node: Xml<'_, '_>) -> &'x str {
        let tag = self.source(node.range().start + 1..node.range().end);
        let end = tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        tag.get(..end.unwrap_or(tag.len())).unwrap_or_default()
    }

    /// Reads a priority: a whole number or an expression.
    pub fn priority(&mut self, node: Xml<'_, '_>, id: &str, name: &str) -> Option<Expression> {
        let text = extension(node, name)?;
        if !text.contains('{') && text.trim().parse::<i64>().is_err() {
            let message = format!("Value '{text}' for attribute '{name}' is not a valid number");
            self.error(node, id, message);
        }
        self.expression(node, id, text)
    }

    /// Whether no more problems are noted.
    pub fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// Notes an error at a node.
    pub fn error(&mut self, node: Xml<'_, '_>, id: &str, message: impl Into<String>) {
        if !self.is_full() {
            let (line, column) = self.position(node);
            self.push(message.into(), line, column, id, &[id]);
        }
    }

    /// Notes an error that the reference gives without a position.
    pub fn error_without_position(&mut self, message: String, ids: &[&str]) {
        self.push(message, 0, 0, ids[0], ids);
    }

    /// Notes an error with everything given.
    pub fn push(&mut self, message: String, line: u32, column: u32, main: &str, ids: &[&str]) {
        let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(*id)).collect();
        let main = Some(main).filter(|id| !id.is_empty());
        self.note(Severity::Error, message, (line, column), main, &ids);
    }

    /// Notes an error as the reference does: at an element if there is one, whose own id comes before those given, and
    /// about the first of these.
    pub fn problem(&mut self, message: String, at: Option<Xml<'_, '_>>, ids: &[Option<&str>]) {
        self.note_at(Severity::Error, message, at, ids);
    }

    /// Notes a warning in the same way.
    pub fn warning(&mut self, message: String, at: Option<Xml<'_, '_>>, ids: &[Option<&str>]) {
        self.note_at(Severity::Warning, message, at, ids);
    }

    /// Notes a warning about no element.
    pub fn warning_at(&mut self, message: String, position: (u32, u32)) {
        self.note(Severity::Warning, message, position, None, &[]);
    }

    /// Whether the file is refused.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    fn note_at(
        &mut self,
        severity: Severity,
        message: String,
        at: Option<Xml<'_, '_>>,
        ids: &[Option<&str>],
    ) {
        if self.is_full() {
            return;
        }
        let own = at.and_then(|at| at.attribute("id")).filter(|id| !id.is_empty());
        let position = at.map_or((0, 0), |at| self.position(at));
        let main = ids.first().copied().unwrap_or(own);
        let ids: Vec<Option<&str>> = std::iter::once(own).chain(ids.iter().copied()).collect();
        self.note(severity, message, position, main, &ids);
    }

    fn note(
        &mut self,
        severity: Severity,
        message: String,
        (line, column): (u32, u32),
        main: Option<&str>,
        ids: &[Option<&str>],
    ) {
        if self.is_full() {
            return;
        }
        self.problems.push(Problem {
            message,
            line,
            column,
            main_element: main.map(str::to_owned),
            element_ids: ids
                .iter()
                .flatten()
                .filter(|id| !id.is_empty())
                .map(|id| (*id).to_owned())
                .collect(),
            severity,
        });
    }

    /// Compiles an expression; a syntax error is noted at the node.
    pub fn expression(&mut self, node: Xml<'_, '_>, id: &str, text: &str) -> Option<Expression> {
        match Expression::parse(text) {
            Ok(expression) => Some(expression),
            Err(cause) => {
                self.error(node, id, cause.message);
                None
            }
        }
    }

    /// The expression of a Camunda attribute.
    pub fn expression_attribute(&mut self, node: Xml<'_, '_>, name: &str) -> Option<Expression> {
        let text = extension(node, name)?;
        self.expression(node, node.attribute("id").unwrap_or_default(), text)
    }
}

/// A Camunda attribute, under either namespace.
pub(crate) fn extension<'a>(node: Xml<'a, '_>, name: &str) -> Option<&'a str> {
    EXTENSIONS.iter().find_map(|ns| node.attribute((*ns, name)))
}

/// Children in the BPMN namespace.
pub(crate) fn bpmn_children<'a, 'i>(node: Xml<'a, 'i>) -> impl Iterator<Item = Xml<'a, 'i>> + use<'a, 'i> {
    node.children().filter(|n| n.tag_name().namespace() == Some(BPMN))
}

/// The first BPMN child of that tag.
pub(crate) fn bpmn_child<'a, 'i>(node: Xml<'a, 'i>, tag: &str) -> Option<Xml<'a, 'i>> {
    bpmn_children(node).find(|n| n.tag_name().name() == tag)
}

/// Camunda's elements inside `extensionElements` with that tag.
pub(crate) fn extensions<'a, 'i>(
    node: Xml<'a, 'i>,
    tag: &'static str,
) -> impl Iterator<Item = Xml<'a, 'i>> + use<'a, 'i> {
    bpmn_child(node, "extensionElements")
        .into_iter()
        .flat_map(|e| e.children())
        .filter(move |n| is_extension(*n) && n.tag_name().name() == tag)
}

/// Whether an element is one of Camunda's.
pub(crate) fn is_extension(node: Xml<'_, '_>) -> bool {
    node.tag_name()
        .namespace()
        .is_some_and(|ns| EXTENSIONS.contains(&ns))
}

/// All text directly inside a node, trimmed.
pub(crate) fn text(node: Xml<'_, '_>) -> String {
    raw_text(node).trim().to_owned()
}

/// All text directly inside a node, as it is.
pub(crate) fn raw_text(node: Xml<'_, '_>) -> String {
    let texts = node.children().filter(|c| c.is_text());
    texts.filter_map(|c| c.text()).collect()
}

/// Splits a list at commas outside of expressions, as the reference does: an expression begins with `$` or `{` and
/// goes on to the next `}`; an empty part counts, but not at the end.
pub(crate) fn split_list(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (at, c) in list.char_indices() {
        match c {
            '{' | '$' => inside = true,
            '}' => inside = false,
            ',' if !inside => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < list.len() {
        parts.push(list[start..].trim());
    }
    parts
}

/// Where the lines of a file begin, and the place asked for last: places of one line are mostly asked for in order, and
/// a file may be one line.
struct Lines {
    starts: Vec<usize>,
    last: Cell<(usize, usize)>,
}

impl Lines {
    fn of(text: &str) -> Lines {
        let bytes = text.as_bytes();
        let ends = (0..bytes.len()).filter(|&at| match bytes[at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        Lines {
            starts: std::iter::once(0).chain(ends.map(|at| at + 1)).collect(),
            last: Cell::new((0, 0)),
        }
    }

    /// Line and column of a place, counted from 1; columns count UTF-16 units as Java's strings do.
    fn position(&self, text: &str, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or_default();
        let (known, column) = self.last.get();
        let (from, before) = match known >= start && known <= offset {
            true => (known, column),
            false => (start, 0),
        };
        let column = before + text.get(from..offset).map_or(0, |t| t.encode_utf16().count());
        self.last.set((offset, column));
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (number(line), number(column + 1))
    }
}
