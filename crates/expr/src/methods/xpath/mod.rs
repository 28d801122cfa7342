//! XPath 1.0 for Spin's `xPath(path)`: location paths with predicates, operators and the usual functions.

use roxmltree::{Document, Node};

use super::{Called, xml};
use crate::{EvalError, Java, Value};

mod parse;
mod values;

use parse::{Parser, Start, Step, Test, Tree};
use values::{Answer, Found, Place, binary, number};

const PATH_ERROR: &str = "org.camunda.spin.xml.SpinXPathException";

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
