//! JSON paths: names, indexes, slices, wildcards, `..name`, `length()` and simple filters.

use std::borrow::Cow;

use serde_json::Value as Node;
use winnow::ascii::{dec_int, multispace0};
use winnow::combinator::{alt, delimited, opt, preceded, repeat, separated};
use winnow::token::{take_till, take_while};
use winnow::{ModalResult, Parser};

use crate::EvalError;

const PATH_ERROR: &str = "org.camunda.spin.json.SpinJsonPathException";

/// The most filters in one path, nested ones included.
const MAX_FILTERS: usize = 8;

/// The most nodes one query may visit.
const MAX_NODES: usize = 100_000;

#[derive(Clone)]
enum Step {
    Name(String),
    Names(Vec<String>),
    Index(i64),
    Indexes(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    All,
    /// Every node below, itself included.
    Deep,
    Length,
    Filter(Vec<Step>, Option<(String, Node)>),
}

impl Step {
    fn is_definite(&self) -> bool {
        matches!(self, Step::Name(_) | Step::Index(_) | Step::Length)
    }
}

/// The node a path leads to; paths that may match several give an array of the matches.
pub(crate) fn evaluate(node: &Node, path: &str) -> Result<Node, EvalError> {
    let steps = compile(path)?;
    let definite = steps.iter().all(Step::is_definite);
    let mut found = vec![Cow::Borrowed(node)];
    for step in &steps {
        let next = advanced(step, &found);
        if next.len() > MAX_NODES {
            return Err(EvalError::new(format!(
                "the JSON path '{path}' visits more than {MAX_NODES} nodes"
            )));
        }
        found = next;
    }
    if !definite {
        return Ok(Node::Array(found.into_iter().map(Cow::into_owned).collect()));
    }
    found.pop().map(Cow::into_owned).ok_or_else(|| {
        EvalError::thrown(
            PATH_ERROR,
            "SPIN/JACKSON-JSON-01013 Unable to evaluate JsonPath expression on element \
             'org.camunda.spin.impl.json.jackson.JacksonJsonNode'",
        )
    })
}

fn compile(path: &str) -> Result<Vec<Step>, EvalError> {
    let path = path.trim();
    if path.matches('?').count() > MAX_FILTERS {
        return Err(EvalError::new(format!(
            "the JSON path '{path}' has more than {MAX_FILTERS} filters"
        )));
    }
    // A path without a root starts at the root.
    let rooted = if path.starts_with('$') {
        path.to_owned()
    } else {
        format!("$.{path}")
    };
    preceded('$', steps).parse(rooted.as_str()).map_err(|_| {
        EvalError::thrown(
            PATH_ERROR,
            format_args!("SPIN/JACKSON-JSON-01014 Unable to compile '{path}'!"),
        )
    })
}

fn steps(input: &mut &str) -> ModalResult<Vec<Step>> {
    let groups: Vec<Vec<Step>> = repeat(0.., step).parse_next(input)?;
    Ok(groups.into_iter().flatten().collect())
}

fn step(input: &mut &str) -> ModalResult<Vec<Step>> {
    let dotted = || {
        alt((
            "length()".value(Step::Length),
            '*'.value(Step::All),
            name.map(Step::Name),
        ))
    };
    alt((
        preceded("..", alt((dotted(), bracket))).map(|step| vec![Step::Deep, step]),
        preceded('.', dotted()).map(|step| vec![step]),
        bracket.map(|step| vec![step]),
    ))
    .parse_next(input)
}

fn name(input: &mut &str) -> ModalResult<String> {
    take_while(1.., |c: char| !".[]()*?@,:'\" =<>!&|".contains(c))
        .map(str::to_owned)
        .parse_next(input)
}

fn bracket(input: &mut &str) -> ModalResult<Step> {
    let close = (multispace0, ']');
    delimited(
        ('[', multispace0),
        alt((filter, '*'.value(Step::All), slice, indexes, names)),
        close,
    )
    .parse_next(input)
}

fn slice(input: &mut &str) -> ModalResult<Step> {
    (opt(dec_int), ':', opt(dec_int))
        .map(|(from, _, to)| Step::Slice(from, to))
        .parse_next(input)
}

fn comma(input: &mut &str) -> ModalResult<()> {
    (multispace0, ',', multispace0).void().parse_next(input)
}

fn indexes(input: &mut &str) -> ModalResult<Step> {
    let found: Vec<i64> = separated(1.., dec_int::<_, i64, _>, comma).parse_next(input)?;
    Ok(if let [only] = found[..] {
        Step::Index(only)
    } else {
        Step::Indexes(found)
    })
}

fn names(input: &mut &str) -> ModalResult<Step> {
    let mut found: Vec<String> = separated(1.., quoted, comma).parse_next(input)?;
    Ok(if found.len() == 1 {
        Step::Name(found.remove(0))
    } else {
        Step::Names(found)
    })
}

fn quoted(input: &mut &str) -> ModalResult<String> {
    alt((
        delimited('\'', take_till(0.., '\''), '\''),
        delimited('"', take_till(0.., '"'), '"'),
    ))
    .map(str::to_owned)
    .parse_next(input)
}

/// `?(@.name == literal)` or `?(@.name)`.
fn filter(input: &mut &str) -> ModalResult<Step> {
    let operator = alt(("==", "!=", "<=", ">=", "<", ">")).map(str::to_owned);
    let test = (delimited(multispace0, operator, multispace0), literal);
    let inner = (preceded(('@', multispace0), steps), opt(test));
    delimited(("?(", multispace0), inner, (multispace0, ')'))
        .map(|(path, test)| Step::Filter(path, test))
        .parse_next(input)
}

fn literal(input: &mut &str) -> ModalResult<Node> {
    let other = take_till(1.., [')', ' ']).verify_map(|text: &str| serde_json::from_str::<Node>(text).ok());
    alt((quoted.map(Node::String), other)).parse_next(input)
}

/// What one step finds below the nodes. Computed nodes are numbers; nothing is below them.
fn advanced<'a>(step: &Step, nodes: &[Cow<'a, Node>]) -> Vec<Cow<'a, Node>> {
    let mut found = Vec::new();
    for node in nodes {
        if let Cow::Borrowed(node) = node {
            follow(step, node, &mut found);
        }
    }
    found
}

fn follow<'a>(step: &Step, node: &'a Node, found: &mut Vec<Cow<'a, Node>>) {
    match step {
        Step::Name(name) => found.extend(node.get(name).map(Cow::Borrowed)),
        Step::Names(names) => found.extend(names.iter().filter_map(|name| node.get(name)).map(Cow::Borrowed)),
        Step::Index(index) => found.extend(element(node, *index).map(Cow::Borrowed)),
        Step::Indexes(indexes) => {
            found.extend(
                indexes
                    .iter()
                    .filter_map(|index| element(node, *index))
                    .map(Cow::Borrowed),
            );
        }
        Step::Slice(from, to) => {
            let Node::Array(items) = node else { return };
            let bound = |at: i64| place(items, at).unwrap_or(0).min(items.len());
            let (from, to) = (from.map_or(0, bound), to.map_or(items.len(), bound));
            found.extend(items.get(from..to).unwrap_or_default().iter().map(Cow::Borrowed));
        }
        Step::All => found.extend(children(node).map(Cow::Borrowed)),
        Step::Deep => deep(node, found),
        Step::Length => match node {
            Node::Array(items) => found.push(Cow::Owned(Node::from(items.len()))),
            Node::Object(fields) => found.push(Cow::Owned(Node::from(fields.len()))),
            _ => {}
        },
        Step::Filter(path, test) => {
            let passing = children(node).filter(|child| passes(child, path, test.as_ref()));
            found.extend(passing.map(Cow::Borrowed));
        }
    }
}

/// The index counted from the front; a negative one counts from the end.
fn place(items: &[Node], index: i64) -> Option<usize> {
    let length = i64::try_from(items.len()).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

fn element(node: &Node, index: i64) -> Option<&Node> {
    let Node::Array(items) = node else { return None };
    items.get(place(items, index)?)
}

fn children(node: &Node) -> Box<dyn Iterator<Item = &Node> + '_> {
    match node {
        Node::Array(items) => Box::new(items.iter()),
        Node::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn deep<'a>(node: &'a Node, found: &mut Vec<Cow<'a, Node>>) {
    if found.len() > MAX_NODES {
        return;
    }
    found.push(Cow::Borrowed(node));
    for child in children(node) {
        deep(child, found);
    }
}

fn passes(node: &Node, path: &[Step], test: Option<&(String, Node)>) -> bool {
    let mut found = vec![Cow::Borrowed(node)];
    for step in path {
        found = advanced(step, &found);
    }
    let Some(value) = found.first().map(Cow::as_ref) else {
        return false;
    };
    let Some((operator, wanted)) = test else {
        return true;
    };
    let order = match (value, wanted) {
        (Node::Number(left), Node::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Node::String(left), Node::String(right)) => Some(left.cmp(right)),
        _ => (value == wanted).then_some(std::cmp::Ordering::Equal),
    };
    match operator.as_str() {
        "==" => order.is_some_and(|order| order.is_eq()),
        "!=" => order.is_none_or(|order| order.is_ne()),
        "<" => order.is_some_and(|order| order.is_lt()),
        "<=" => order.is_some_and(|order| order.is_le()),
        ">" => order.is_some_and(|order| order.is_gt()),
        _ => order.is_some_and(|order| order.is_ge()),
    }
}
