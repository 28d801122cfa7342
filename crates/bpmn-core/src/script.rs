//! Scripts in a model: how they are read. [`crate::moves`] has them run.
use crate::xml::{Reader, extension, raw_text};
use expr::Expression;
use roxmltree::Node as Xml;

/// A script of a model.
#[derive(Debug)]
pub struct Script {
    /// As the model writes it.
    pub(crate) language: String,
    pub(crate) source: Source,
}

/// Where its text comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Text(String),
    /// An expression that gives the text: a source that begins with `${` or `#{`.
    Computed(Expression),
    /// JUEL is evaluated here; an error of its syntax is one of running it, as in the reference.
    Juel(Result<Expression, String>),
    /// The path of a resource, perhaps an expression.
    Resource(Expression),
}

/// The language of a script task that names none.
const DEFAULT_LANGUAGE: &str = "juel";

impl Script {
    /// Reads the script of a script task.
    pub(crate) fn of_task(reader: &mut Reader<'_>, task: Xml<'_, '_>, id: &str) -> Option<Script> {
        let language = task.attribute("scriptFormat").unwrap_or(DEFAULT_LANGUAGE);
        let source = crate::xml::bpmn_child(task, "script").map(raw_text);
        match Script::new(language, source, extension(task, "resource")) {
            Ok(script) => Some(script),
            Err(Problem::NoSource) => {
                let message =
                    "Unable to process ScriptTask: No script source or resource was given".to_owned();
                reader.error_without_position(message, &[id]);
                None
            }
            Err(Problem::Other(cause)) => {
                reader.error(task, id, format!("Unable to process ScriptTask: {cause}"));
                None
            }
        }
    }

    /// Reads a `camunda:script` element.
    pub(crate) fn of_element(reader: &mut Reader<'_>, script: Xml<'_, '_>, id: &str) -> Option<Script> {
        let Some(language) = script.attribute("scriptFormat").filter(|l| !l.is_empty()) else {
            reader.error(
                script,
                id,
                "Missing attribute 'scriptFormat' for 'script' element",
            );
            return None;
        };
        let source = Some(raw_text(script));
        match Script::new(language, source, script.attribute("resource")) {
            Ok(script) => Some(script),
            Err(cause) => {
                reader.error(script, id, cause.text());
                None
            }
        }
    }

    /// Reads a condition that names a language.
    pub(crate) fn of_condition(
        reader: &mut Reader<'_>,
        condition: Xml<'_, '_>,
        id: &str,
        language: &str,
    ) -> Option<Script> {
        let source = Some(raw_text(condition));
        match Script::new(language, source, extension(condition, "resource")) {
            Ok(script) => Some(script),
            Err(cause) => {
                let message = format!("Unable to process condition expression:{}", cause.text());
                reader.error(condition, id, message);
                None
            }
        }
    }

    fn new(language: &str, source: Option<String>, resource: Option<&str>) -> Result<Script, Problem> {
        if language.is_empty() {
            return Err(Problem::Other("Script language is empty".to_owned()));
        }
        let parsed = |text: &str| Expression::parse(text).map_err(|cause| cause.message);
        let source = match (resource.filter(|path| !path.is_empty()), source) {
            (Some(path), _) => Source::Resource(parsed(path).map_err(Problem::Other)?),
            (None, None) => return Err(Problem::NoSource),
            (None, Some(text)) if language.eq_ignore_ascii_case("juel") => Source::Juel(parsed(&text)),
            (None, Some(text)) if text.starts_with("${") || text.starts_with("#{") => {
                Source::Computed(parsed(&text).map_err(Problem::Other)?)
            }
            (None, Some(text)) => Source::Text(text),
        };
        Ok(Script {
            language: language.to_owned(),
            source,
        })
    }
}

/// Why a script can't be read.
enum Problem {
    NoSource,
    Other(String),
}

impl Problem {
    fn text(self) -> String {
        match self {
            Problem::NoSource => "No script source or resource was given".to_owned(),
            Problem::Other(cause) => cause,
        }
    }
}

/// What decides on a flow or an event.
#[derive(Debug)]
pub enum Condition {
    Expression(Expression),
    Script(Script),
}

impl Condition {
    /// Reads a `conditionExpression` or `condition`.
    pub(crate) fn read(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Option<Condition> {
        match xml.attribute("language") {
            Some(language) => Script::of_condition(reader, xml, id, language).map(Condition::Script),
            None => {
                let text = crate::xml::text(xml);
                reader.expression(xml, id, &text).map(Condition::Expression)
            }
        }
    }
}
