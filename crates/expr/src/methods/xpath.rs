//! XPath 1.0 for Spin's `xPath(path)`: location paths with predicates, operators and the usual functions.

use roxmltree::{Document, Node};

use super::{Called, xml};
use crate::numbers::double_text;
use crate::{EvalError, Java, Value};

const PATH_ERROR: &str = "org.camunda.spin.xml.SpinXPathException";

/// The deepest nesting of parentheses and predicates accepted.
const MAX_NESTING: usize = 32;

/// The most nodes one path may visit.
const MAX_NODES: usize = 100_000;

/// A query on an element, not evaluated yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    source: String,
    path: String,
    /// Prefixes the path uses, with their namespaces.
    namespaces: Vec<(String, String)>,
}

impl Query {
    /// A query on the element in `source`.
    pub(crate) fn new(source: &str, path: &str) -> Query {
        Query {
            source: source.to_owned(),
            path: path.to_owned(),
            namespaces: Vec::new(),
        }
    }

    /// A method of a query.
    pub(crate) fn call(&self, name: &str, arguments: &[Value]) -> Called {
        match (name, arguments) {
            ("ns", [prefix, uri]) => return Ok(Some(self.with([(prefix.to_text(), uri.to_text())]))),
            ("ns", [Value::Map(entries)]) => {
                let all = entries
                    .iter()
                    .map(|(prefix, uri)| (prefix.clone(), uri.to_text()));
                return Ok(Some(self.with(all)));
            }
            (_, []) => {}
            _ => return Ok(None),
        }
        let document = Document::parse(&self.source).map_err(|_| self.failed(None))?;
        let root = document.root_element();
        let evaluate = || self.evaluated(root);
        Ok(Some(match name {
            "element" | "elementList" | "attribute" | "attributeList" => {
                let Answer::Nodes(nodes) = evaluate()? else {
                    return Err(self.failed(Some(root)));
                };
                if nodes.is_empty() {
                    let message = format!(
                        "SPIN/DOM-XML-01035 Unable to find XPath expression '{}'",
                        self.path
                    );
                    return Err(EvalError::thrown(PATH_ERROR, message));
                }
                let values: Vec<Value> = nodes.iter().map(|node| self.value(node)).collect();
                if name.ends_with("List") {
                    Value::List(values)
                } else {
                    values.into_iter().next().unwrap_or(Value::Null)
                }
            }
            "string" => Value::Str(evaluate()?.text()),
            "number" => Value::Double(evaluate()?.number()),
            "bool" => Value::Bool(evaluate()?.truth()),
            _ => return Ok(None),
        }))
    }

    fn with(&self, namespaces: impl IntoIterator<Item = (String, String)>) -> Value {
        let mut query = self.clone();
        query.namespaces.extend(namespaces);
        Java::XPath(query).into()
    }

    fn value(&self, node: &Found<'_>) -> Value {
        match node {
            Found::Attribute(attribute) => Java::Attribute(xml::attribute(&self.source, attribute)).into(),
            Found::Node(node) if node.is_element() => xml::extracted(&self.source, *node),
            Found::Node(_) => Value::Str(node.text()),
        }
    }

    fn failed(&self, at: Option<Node<'_, '_>>) -> EvalError {
        let name = at.map(|node| node.tag_name());
        let namespace = name.and_then(|name| name.namespace()).unwrap_or("null");
        let local = name.map_or("null", |name| name.name());
        let message = format!(
            "SPIN/DOM-XML-01024 Unable to evaluate XPath expression on element '{namespace}:{local}'"
        );
        EvalError::thrown(PATH_ERROR, message)
    }

    fn evaluated<'a>(&'a self, root: Node<'a, 'a>) -> Result<Answer<'a>, EvalError> {
        let mut parser = Parser {
            rest: &self.path,
            depth: 0,
        };
        let tree = parser.expression().filter(|_| parser.rest.trim().is_empty());
        let place = Place {
            node: Found::Node(root),
            position: 1,
            size: 1,
        };
        tree.and_then(|tree| self.answer(&tree, &place))
            .ok_or_else(|| self.failed(Some(root)))
    }

    fn uri(&self, prefix: &str) -> Option<&str> {
        let known = self.namespaces.iter().rev().find(|(known, _)| known == prefix);
        known.map(|(_, uri)| uri.as_str())
    }

    /// The value of an expression at a place; `None` if it can't be evaluated.
    fn answer<'a>(&'a self, tree: &Tree, place: &Place<'a>) -> Option<Answer<'a>> {
        Some(match tree {
            Tree::Number(number) => Answer::Number(*number),
            Tree::Text(text) => Answer::Text(text.clone()),
            Tree::Path(start, steps) => {
                let mut nodes = match start {
                    Start::Here => vec![place.node.clone()],
                    Start::Root => vec![place.node.root()],
                    Start::Of(inner) => match self.answer(inner, place)? {
                        Answer::Nodes(nodes) => nodes,
                        other if steps.is_empty() => return Some(other),
                        _ => return None,
                    },
                };
                for step in steps {
                    nodes = self.step(step, &nodes)?;
                }
                Answer::Nodes(nodes)
            }
            Tree::Call(name, arguments) => self.function(name, arguments, place)?,
            Tree::Binary(operator, left, right) => {
                let left = self.answer(left, place)?;
                match operator.as_str() {
                    "or" => Answer::Truth(left.truth() || self.answer(right, place)?.truth()),
                    "and" => Answer::Truth(left.truth() && self.answer(right, place)?.truth()),
                    _ => binary(operator, left, self.answer(right, place)?),
                }
            }
        })
    }

    fn step<'a>(&'a self, step: &Step, nodes: &[Found<'a>]) -> Option<Vec<Found<'a>>> {
        let mut all = Vec::new();
        for node in nodes {
            let mut found = Vec::new();
            for candidate in step.axis.nodes(node) {
                if self.passes(&step.test, &candidate)? {
                    found.push(candidate);
                }
            }
            for predicate in &step.predicates {
                let size = found.len();
                let mut kept = Vec::new();
                for (at, node) in found.into_iter().enumerate() {
                    let place = Place {
                        node,
                        position: at + 1,
                        size,
                    };
                    let holds = match self.answer(predicate, &place)? {
                        Answer::Number(number) => number == place.position as f64,
                        other => other.truth(),
                    };
                    if holds {
                        kept.push(place.node);
                    }
                }
                found = kept;
            }
            for node in found {
                if !all.contains(&node) {
                    all.push(node);
                }
            }
            if all.len() > MAX_NODES {
                return None;
            }
        }
        Some(all)
    }

    fn passes(&self, test: &Test, node: &Found<'_>) -> Option<bool> {
        Some(match test {
            Test::Any => !matches!(node, Found::Node(node) if !node.is_element()),
            Test::Node => true,
            Test::Text => matches!(node, Found::Node(node) if node.is_text()),
            Test::Name(prefix, local) => {
                let wanted = match prefix {
                    Some(prefix) => Some(self.uri(prefix)?),
                    None => None,
                };
                let (namespace, name) = node.name();
                name == Some(local.as_str()) && namespace == wanted
                    || local == "*" && name.is_some() && namespace == wanted
            }
        })
    }

    fn function<'a>(&'a self, name: &str, arguments: &[Tree], place: &Place<'a>) -> Option<Answer<'a>> {
        let values: Option<Vec<Answer<'a>>> = arguments.iter().map(|tree| self.answer(tree, place)).collect();
        let values = values?;
        let here = || Answer::Nodes(vec![place.node.clone()]);
        let first = || values.first().cloned().unwrap_or_else(here);
        let texts: Vec<String> = values.iter().map(Answer::text).collect();
        Some(match (name, texts.as_slice()) {
            ("position", []) => Answer::Number(place.position as f64),
            ("last", []) => Answer::Number(place.size as f64),
            ("true", []) => Answer::Truth(true),
            ("false", []) => Answer::Truth(false),
            ("count", [_]) => match first() {
                Answer::Nodes(nodes) => Answer::Number(nodes.len() as f64),
                _ => return None,
            },
            ("sum", [_]) => match first() {
                Answer::Nodes(nodes) => Answer::Number(nodes.iter().map(|node| number(&node.text())).sum()),
                _ => return None,
            },
            ("name" | "local-name" | "namespace-uri", [] | [_]) => match first() {
                Answer::Nodes(nodes) => {
                    let (namespace, local) = nodes.first().map(Found::name).unwrap_or_default();
                    let shown = if name == "namespace-uri" { namespace } else { local };
                    Answer::Text(shown.unwrap_or_default().to_owned())
                }
                _ => return None,
            },
            ("string", [] | [_]) => Answer::Text(first().text()),
            ("number", [] | [_]) => Answer::Number(first().number()),
            ("boolean", [_]) => Answer::Truth(first().truth()),
            ("not", [_]) => Answer::Truth(!first().truth()),
            ("concat", [_, _, ..]) => Answer::Text(texts.concat()),
            ("contains", [whole, part]) => Answer::Truth(whole.contains(part.as_str())),
            ("starts-with", [whole, part]) => Answer::Truth(whole.starts_with(part.as_str())),
            ("string-length", [] | [_]) => Answer::Number(first().text().chars().count() as f64),
            ("normalize-space", [] | [_]) => {
                Answer::Text(first().text().split_whitespace().collect::<Vec<_>>().join(" "))
            }
            ("substring-before", [whole, part]) => {
                let found = whole.split_once(part.as_str());
                Answer::Text(found.map_or_else(String::new, |(before, _)| before.to_owned()))
            }
            ("substring-after", [whole, part]) => {
                let found = whole.split_once(part.as_str());
                Answer::Text(found.map_or_else(String::new, |(_, after)| after.to_owned()))
            }
            ("floor", [_]) => Answer::Number(first().number().floor()),
            ("ceiling", [_]) => Answer::Number(first().number().ceil()),
            ("round", [_]) => Answer::Number((first().number() + 0.5).floor()),
            _ => return None,
        })
    }
}

/// A node a path has come to.
#[derive(Clone, PartialEq)]
enum Found<'a> {
    Node(Node<'a, 'a>),
    Attribute(roxmltree::Attribute<'a, 'a>),
}

impl<'a> Found<'a> {
    fn text(&self) -> String {
        match self {
            Found::Attribute(attribute) => attribute.value().to_owned(),
            Found::Node(node) if node.is_text() => node.text().unwrap_or_default().to_owned(),
            Found::Node(node) => {
                let texts = node
                    .descendants()
                    .filter(Node::is_text)
                    .filter_map(|node| node.text());
                texts.collect()
            }
        }
    }

    /// Namespace and local name.
    fn name(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Found::Attribute(attribute) => (attribute.namespace(), Some(attribute.name())),
            Found::Node(node) if node.is_element() => {
                (node.tag_name().namespace(), Some(node.tag_name().name()))
            }
            Found::Node(_) => (None, None),
        }
    }

    fn root(&self) -> Found<'a> {
        match self {
            Found::Node(node) => Found::Node(node.document().root()),
            attribute => attribute.clone(),
        }
    }
}

struct Place<'a> {
    node: Found<'a>,
    position: usize,
    size: usize,
}

#[derive(Clone)]
enum Answer<'a> {
    Nodes(Vec<Found<'a>>),
    Text(String),
    Number(f64),
    Truth(bool),
}

impl Answer<'_> {
    fn text(&self) -> String {
        match self {
            Answer::Nodes(nodes) => nodes.first().map(Found::text).unwrap_or_default(),
            Answer::Text(text) => text.clone(),
            Answer::Number(number) => {
                let shown = double_text(*number);
                shown.strip_suffix(".0").map_or(shown.clone(), str::to_owned)
            }
            Answer::Truth(truth) => truth.to_string(),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Answer::Number(number) => *number,
            Answer::Truth(truth) => f64::from(u8::from(*truth)),
            other => number(&other.text()),
        }
    }

    fn truth(&self) -> bool {
        match self {
            Answer::Nodes(nodes) => !nodes.is_empty(),
            Answer::Text(text) => !text.is_empty(),
            Answer::Number(number) => *number != 0.0 && !number.is_nan(),
            Answer::Truth(truth) => *truth,
        }
    }
}

fn number(text: &str) -> f64 {
    text.trim().parse().unwrap_or(f64::NAN)
}

/// A comparison or a calculation. Of several nodes one that fits is enough.
fn binary<'a>(operator: &str, left: Answer<'a>, right: Answer<'a>) -> Answer<'a> {
    let calculated = |f: fn(f64, f64) -> f64| Answer::Number(f(left.number(), right.number()));
    match operator {
        "+" => return calculated(|a, b| a + b),
        "-" => return calculated(|a, b| a - b),
        "*" => return calculated(|a, b| a * b),
        "div" => return calculated(|a, b| a / b),
        "mod" => return calculated(|a, b| a % b),
        "|" => {
            let (Answer::Nodes(mut all), Answer::Nodes(others)) = (left, right) else {
                return Answer::Nodes(Vec::new());
            };
            all.extend(others);
            return Answer::Nodes(all);
        }
        _ => {}
    }
    let each = |answer: &Answer<'a>| match answer {
        Answer::Nodes(nodes) => nodes.iter().map(|node| Answer::Text(node.text())).collect(),
        other => vec![other.clone()],
    };
    let (lefts, rights) = (each(&left), each(&right));
    let holds = lefts
        .iter()
        .any(|left| rights.iter().any(|right| compared(operator, left, right)));
    Answer::Truth(holds)
}

fn compared(operator: &str, left: &Answer<'_>, right: &Answer<'_>) -> bool {
    let equal = match (left, right) {
        (Answer::Truth(_), _) | (_, Answer::Truth(_)) => left.truth() == right.truth(),
        (Answer::Number(_), _) | (_, Answer::Number(_)) => left.number() == right.number(),
        _ => left.text() == right.text(),
    };
    match operator {
        "=" => equal,
        "!=" => !equal,
        "<" => left.number() < right.number(),
        "<=" => left.number() <= right.number(),
        ">" => left.number() > right.number(),
        _ => left.number() >= right.number(),
    }
}

enum Tree {
    Number(f64),
    Text(String),
    Path(Start, Vec<Step>),
    Call(String, Vec<Tree>),
    Binary(String, Box<Tree>, Box<Tree>),
}

enum Start {
    Here,
    Root,
    Of(Box<Tree>),
}

struct Step {
    axis: Axis,
    test: Test,
    predicates: Vec<Tree>,
}

#[derive(Clone, Copy)]
enum Axis {
    Child,
    Attribute,
    Itself,
    Parent,
    Deep,
    Descendant,
    Ancestor,
    Following,
    Preceding,
}

impl Axis {
    fn named(name: &str) -> Option<Axis> {
        Some(match name {
            "child" => Axis::Child,
            "attribute" => Axis::Attribute,
            "self" => Axis::Itself,
            "parent" => Axis::Parent,
            "descendant" => Axis::Descendant,
            "descendant-or-self" => Axis::Deep,
            "ancestor" => Axis::Ancestor,
            "following-sibling" => Axis::Following,
            "preceding-sibling" => Axis::Preceding,
            _ => return None,
        })
    }

    fn nodes<'a>(self, from: &Found<'a>) -> Vec<Found<'a>> {
        let Found::Node(node) = from else {
            return if matches!(self, Axis::Itself | Axis::Deep) {
                vec![from.clone()]
            } else {
                Vec::new()
            };
        };
        match self {
            Axis::Child => node.children().map(Found::Node).collect(),
            Axis::Attribute => node.attributes().map(Found::Attribute).collect(),
            Axis::Itself => vec![from.clone()],
            Axis::Parent => node.parent().map(Found::Node).into_iter().collect(),
            Axis::Deep => node.descendants().map(Found::Node).collect(),
            Axis::Descendant => node.descendants().skip(1).map(Found::Node).collect(),
            Axis::Ancestor => node.ancestors().skip(1).map(Found::Node).collect(),
            Axis::Following => node.next_siblings().skip(1).map(Found::Node).collect(),
            Axis::Preceding => node.prev_siblings().skip(1).map(Found::Node).collect(),
        }
    }
}

enum Test {
    Any,
    Node,
    Text,
    Name(Option<String>, String),
}

/// Binary operators by how tightly they bind, the loosest first.
const LEVELS: [&[&str]; 7] = [
    &["or"],
    &["and"],
    &["!=", "="],
    &["<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "div", "mod"],
    &["|"],
];

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Option<Tree> {
        self.depth += 1;
        let found = (self.depth <= MAX_NESTING).then(|| self.binary(0)).flatten();
        self.depth -= 1;
        found
    }

    fn binary(&mut self, level: usize) -> Option<Tree> {
        let Some(operators) = LEVELS.get(level) else {
            return self.operand();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.operator(operator)) {
            let right = self.binary(level + 1)?;
            left = Tree::Binary((*operator).to_owned(), Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn operator(&mut self, operator: &str) -> bool {
        let before = self.rest;
        let is_word = operator.starts_with(char::is_alphabetic);
        let ends = |rest: &str| !is_word || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
        if self.take(operator) && ends(self.rest) {
            return true;
        }
        self.rest = before;
        false
    }

    fn take(&mut self, symbol: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(symbol);
        if let Some(after) = after {
            self.rest = after;
        }
        after.is_some()
    }

    fn operand(&mut self) -> Option<Tree> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        if first == '-' {
            self.rest = &self.rest[1..];
            let operand = self.operand()?;
            return Some(Tree::Binary(
                "-".to_owned(),
                Box::new(Tree::Number(0.0)),
                Box::new(operand),
            ));
        }
        if first == '\'' || first == '"' {
            let (text, after) = self.rest[1..].split_once(first)?;
            self.rest = after;
            return Some(Tree::Text(text.to_owned()));
        }
        if first.is_ascii_digit() {
            let end = self
                .rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(self.rest.len());
            let (digits, after) = self.rest.split_at(end);
            self.rest = after;
            return digits.parse().ok().map(Tree::Number);
        }
        if self.take("(") {
            let inner = self.expression()?;
            self.take(")").then_some(())?;
            let steps = self.further(Vec::new())?;
            return Some(Tree::Path(Start::Of(Box::new(inner)), steps));
        }
        self.path()
    }

    fn path(&mut self) -> Option<Tree> {
        if self.rest.starts_with('/') {
            let mut steps = Vec::new();
            if self.take("//") {
                steps.push(deep());
            } else {
                self.take("/");
                if !self.starts_step() {
                    return Some(Tree::Path(Start::Root, steps));
                }
            }
            steps.push(self.step()?);
            let steps = self.further(steps)?;
            return Some(Tree::Path(Start::Root, steps));
        }
        let before = self.rest;
        if let Some(name) = self.name()
            && self.take("(")
            && name != "text"
            && name != "node"
        {
            let mut arguments = Vec::new();
            if !self.take(")") {
                loop {
                    arguments.push(self.expression()?);
                    if self.take(")") {
                        break;
                    }
                    self.take(",").then_some(())?;
                }
            }
            let steps = self.further(Vec::new())?;
            let call = Tree::Call(name, arguments);
            return Some(Tree::Path(Start::Of(Box::new(call)), steps));
        }
        self.rest = before;
        let first = self.step()?;
        let steps = self.further(vec![first])?;
        Some(Tree::Path(Start::Here, steps))
    }

    fn further(&mut self, mut steps: Vec<Step>) -> Option<Vec<Step>> {
        loop {
            if self.take("//") {
                steps.push(deep());
            } else if !self.take("/") {
                return Some(steps);
            }
            steps.push(self.step()?);
        }
    }

    fn starts_step(&self) -> bool {
        let start = |c: char| c.is_alphabetic() || "_@.*".contains(c);
        self.rest.trim_start().starts_with(start)
    }

    fn step(&mut self) -> Option<Step> {
        let plain = |axis| Step {
            axis,
            test: Test::Node,
            predicates: Vec::new(),
        };
        if self.take("..") {
            return Some(plain(Axis::Parent));
        }
        if self.take(".") {
            return Some(plain(Axis::Itself));
        }
        let mut axis = if self.take("@") {
            Axis::Attribute
        } else {
            Axis::Child
        };
        let before = self.rest;
        match self.name() {
            Some(name) if self.take("::") => axis = Axis::named(&name)?,
            _ => self.rest = before,
        }
        let test = if self.take("*") {
            Test::Any
        } else {
            let name = self.name()?;
            if self.take("(") {
                self.take(")").then_some(())?;
                match name.as_str() {
                    "text" => Test::Text,
                    "node" => Test::Node,
                    _ => return None,
                }
            } else if self.rest.starts_with(':') && !self.rest.starts_with("::") {
                self.take(":");
                let local = if self.take("*") {
                    "*".to_owned()
                } else {
                    self.name()?
                };
                Test::Name(Some(name), local)
            } else {
                Test::Name(None, name)
            }
        };
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.expression()?);
            self.take("]").then_some(())?;
        }
        Some(Step {
            axis,
            test,
            predicates,
        })
    }

    fn name(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        self.rest = after;
        Some(name.to_owned())
    }
}

fn deep() -> Step {
    Step {
        axis: Axis::Deep,
        test: Test::Node,
        predicates: Vec::new(),
    }
}
