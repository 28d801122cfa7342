//! What paths evaluate to, and the operators on it.

use roxmltree::Node;

use crate::numbers::double_text;

/// A node a path has come to.
#[derive(Clone, PartialEq)]
pub(super) enum Found<'a> {
    Node(Node<'a, 'a>),
    Attribute(roxmltree::Attribute<'a, 'a>),
}

impl<'a> Found<'a> {
    pub(super) fn text(&self) -> String {
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
    pub(super) fn name(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Found::Attribute(attribute) => (attribute.namespace(), Some(attribute.name())),
            Found::Node(node) if node.is_element() => {
                (node.tag_name().namespace(), Some(node.tag_name().name()))
            }
            Found::Node(_) => (None, None),
        }
    }

    pub(super) fn root(&self) -> Found<'a> {
        match self {
            Found::Node(node) => Found::Node(node.document().root()),
            attribute => attribute.clone(),
        }
    }
}

pub(super) struct Place<'a> {
    pub(super) node: Found<'a>,
    pub(super) position: usize,
    pub(super) size: usize,
}

#[derive(Clone)]
pub(super) enum Answer<'a> {
    Nodes(Vec<Found<'a>>),
    Text(String),
    Number(f64),
    Truth(bool),
}

impl Answer<'_> {
    pub(super) fn text(&self) -> String {
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

    pub(super) fn number(&self) -> f64 {
        match self {
            Answer::Number(number) => *number,
            Answer::Truth(truth) => f64::from(u8::from(*truth)),
            other => number(&other.text()),
        }
    }

    pub(super) fn truth(&self) -> bool {
        match self {
            Answer::Nodes(nodes) => !nodes.is_empty(),
            Answer::Text(text) => !text.is_empty(),
            Answer::Number(number) => *number != 0.0 && !number.is_nan(),
            Answer::Truth(truth) => *truth,
        }
    }
}

pub(super) fn number(text: &str) -> f64 {
    text.trim().parse().unwrap_or(f64::NAN)
}

/// A comparison or a calculation. Of several nodes one that fits is enough.
pub(super) fn binary<'a>(operator: &str, left: Answer<'a>, right: Answer<'a>) -> Answer<'a> {
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
