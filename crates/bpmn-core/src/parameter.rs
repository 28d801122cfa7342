//! `camunda:in` and `camunda:out`: what is passed between instances, by call activities and signals.
use crate::xml::{Reader, extensions};
use expr::Expression;
use roxmltree::Node as Xml;

/// A `camunda:in` or `camunda:out`: what is passed between instances.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub source: Source,
    /// The variable's name over there.
    pub target: String,
    /// In: only the call activity's own variables are seen. Out: it is set as its own.
    pub local: bool,
}

/// What a [`Parameter`] takes.
#[derive(Debug)]
pub(crate) enum Source {
    /// Every variable, under its own name.
    All,
    Variable(String),
    Expression(Expression),
}

/// What is passed in: a business key, and variables in document order, of which a later one replaces an earlier one of
/// the same target.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub business_key: Option<Expression>,
    pub parameters: Vec<Parameter>,
}

impl Inputs {
    /// Reads the `camunda:in` elements of an element; `id` is what problems are told of.
    pub(crate) fn read<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>, id: &str) -> Option<Inputs> {
        let mut business_key = None;
        let mut parameters = Vec::new();
        for input in extensions(xml, "in") {
            match input.attribute("businessKey").filter(|key| !key.is_empty()) {
                Some(key) => business_key = Some(reader.expression(input, id, key)?),
                None => parameters.push(Parameter::read(reader, input, id)),
            }
        }
        Some(Inputs {
            business_key,
            parameters: parameters.into_iter().collect::<Option<_>>()?,
        })
    }
}

impl Parameter {
    /// Reads a `camunda:in` or `camunda:out`; `id` is that of the element that problems are told of.
    pub(crate) fn read<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>, id: &str) -> Option<Parameter> {
        let local = xml.attribute("local") == Some("true");
        if xml.attribute("variables") == Some("all") {
            return Some(Parameter {
                source: Source::All,
                target: String::new(),
                local,
            });
        }
        let source = xml.attribute("source");
        let expression = xml.attribute("sourceExpression");
        let read = match (source, expression) {
            (Some(""), _) => {
                reader.error(xml, id, "Empty attribute 'source' when passing variables");
                None
            }
            (Some(name), _) => Some(Source::Variable(name.to_owned())),
            (None, Some("")) => {
                reader.error(
                    xml,
                    id,
                    "Empty attribute 'sourceExpression' when passing variables",
                );
                None
            }
            (None, Some(text)) => reader.expression(xml, id, text).map(Source::Expression),
            (None, None) => {
                let message = "Missing parameter 'source' or 'sourceExpression' when passing variables";
                reader.error(xml, id, message);
                None
            }
        };
        let target = match xml.attribute("target") {
            None => {
                let message =
                    "Missing attribute 'target' when attribute 'source' or 'sourceExpression' is set";
                reader.error(xml, id, message);
                None
            }
            Some("") => {
                let message = "Empty attribute 'target' when attribute 'source' or 'sourceExpression' is set";
                reader.error(xml, id, message);
                None
            }
            Some(target) => Some(target.to_owned()),
        };
        Some(Parameter {
            source: read?,
            target: target?,
            local,
        })
    }
}
