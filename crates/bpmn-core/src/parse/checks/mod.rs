//! What the reference's own parser refuses or warns of, beyond the schema: the same walk over the file in the same
//! order, so that the same problems come out in the same order with the same ids. It knows no behaviour: definitions are
//! read by the element files once nothing is wrong here.
//!
//! Where the reference fails with an exception in the middle of its walk, the walk ends there ([`Stop`]): the problems
//! noted so far are the answer, or the exception's message if there are none.
mod activities;
mod diagram;
mod event_definitions;
mod events;
mod expressions;
mod flows;
mod forms;
mod listeners;
mod parameters;
mod scope;
mod service;
mod starts;
mod subscriptions;
mod tasks;

use self::scope::{Activity, Ix};
use super::Abilities;
use crate::xml::Reader;
use roxmltree::Node as Xml;
use std::collections::{HashMap, HashSet};

/// Why the walk ends early.
pub(super) enum Stop<'x> {
    /// A problem of the file that ends the reading of what it stands in.
    Problem(String, Xml<'x, 'x>),
    /// An exception inside the reference, with its message.
    Unexpected(String),
}

type Check<'x, T = ()> = Result<T, Stop<'x>>;

/// An exception whose message nobody sees, as a problem has been noted just before it.
fn after_problem<'x>() -> Stop<'x> {
    Stop::Unexpected(String::new())
}

/// An expression that isn't there where the reference doesn't ask.
fn no_expression<'x>() -> Stop<'x> {
    Stop::Unexpected("Cannot invoke \"String.length()\" because \"this.input\" is null".to_owned())
}

/// An `error` or `escalation` of the file.
struct Code<'x> {
    code: Option<&'x str>,
}

/// The walk through one file.
struct Checks<'r, 'x> {
    reader: &'r mut Reader<'x>,
    root: Xml<'x, 'x>,
    abilities: Abilities,
    target_namespace: Option<&'x str>,
    /// The ids of all elements, and `None` if there is one without.
    ids: HashSet<Option<&'x str>>,
    /// Names of messages and signals by their expanded id.
    messages: HashMap<String, Option<&'x str>>,
    signals: HashMap<String, &'x str>,
    errors: HashMap<Option<&'x str>, Code<'x>>,
    escalations: HashMap<&'x str, Code<'x>>,
    link_targets: HashMap<&'x str, Option<&'x str>>,
    link_sources: HashMap<Option<&'x str>, &'x str>,
    /// The processes read so far, each with its activities, beginning with the process itself.
    processes: Vec<Process<'x>>,
}

/// A process and its activities; index 0 is the process.
#[derive(Default)]
struct Process<'x> {
    key: Option<&'x str>,
    activities: Vec<Activity<'x>>,
    by_id: HashMap<String, Ix>,
    flows: HashSet<&'x str>,
    lanes: HashSet<&'x str>,
}

/// Notes what is wrong with a file; the message is of an exception that isn't about the file's problems.
pub(super) fn check<'x>(
    reader: &mut Reader<'x>,
    root: Xml<'x, 'x>,
    abilities: Abilities,
) -> Result<(), String> {
    let elements = root.descendants().filter(|n| n.is_element());
    let ids = elements.map(|n| n.attribute("id")).collect();
    let mut checks = Checks {
        reader,
        root,
        abilities,
        target_namespace: root.attribute("targetNamespace"),
        ids,
        messages: HashMap::new(),
        signals: HashMap::new(),
        errors: HashMap::new(),
        escalations: HashMap::new(),
        link_targets: HashMap::new(),
        link_sources: HashMap::new(),
        processes: Vec::new(),
    };
    match checks.definitions() {
        Ok(()) => Ok(()),
        Err(Stop::Problem(message, at)) => {
            checks.error(message, at);
            Ok(())
        }
        Err(Stop::Unexpected(message)) => Err(message),
    }
}

impl<'x> Checks<'_, 'x> {
    fn definitions(&mut self) -> Check<'x> {
        self.imports()?;
        self.messages()?;
        self.signals()?;
        self.errors()?;
        self.escalations();
        for process in elements(self.root, "process") {
            let executable = process.attribute("isExecutable");
            if executable.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
                self.process(process)?;
            }
        }
        self.diagrams()
    }

    fn imports(&mut self) -> Check<'x> {
        for import in elements(self.root, "import") {
            let Some(kind) = import.attribute("importType") else {
                return Err(after_problem());
            };
            if kind == "http://schemas.xmlsoap.org/wsdl/" {
                self.error(format!("Could not find importer for type {kind}"), import);
            }
            self.error(format!("Could not import item of type {kind}"), import);
        }
        Ok(())
    }

    fn messages(&mut self) -> Check<'x> {
        for message in elements(self.root, "message") {
            let name = message.attribute("name");
            if let Some(name) = name {
                self.expression(name)?;
            }
            let id = self.expanded(message.attribute("id"));
            self.messages.insert(id, name);
        }
        Ok(())
    }

    fn signals(&mut self) -> Check<'x> {
        for signal in elements(self.root, "signal") {
            let (id, name) = (signal.attribute("id"), signal.attribute("name"));
            for _ in self.signals.values().filter(|known| Some(**known) == name) {
                self.reader.problem(
                    format!("duplicate signal name '{}'.", text(name)),
                    Some(signal),
                    &[],
                );
            }
            match (id, name) {
                (None, _) => self.error("signal must have an id", signal),
                (Some(id), None) => self.error(format!("signal with id '{id}' has no name"), signal),
                (Some(_), Some(name)) => {
                    self.expression(name)?;
                    let id = self.expanded(id);
                    self.signals.insert(id, name);
                }
            }
        }
        Ok(())
    }

    fn errors(&mut self) -> Check<'x> {
        for error in elements(self.root, "error") {
            let id = error.attribute("id");
            if id.is_none() {
                self.error("'id' is mandatory on error definition", error);
            }
            if let Some(message) = crate::xml::extension(error, "errorMessage") {
                self.expression(message)?;
            }
            let code = error.attribute("errorCode");
            self.errors.insert(id, Code { code });
        }
        Ok(())
    }

    fn escalations(&mut self) {
        for escalation in elements(self.root, "escalation") {
            match escalation.attribute("id") {
                None => self.error("escalation must have an id", escalation),
                Some(id) => {
                    let code = escalation
                        .attribute("escalationCode")
                        .filter(|code| !code.is_empty());
                    self.escalations.insert(id, Code { code });
                }
            }
        }
    }

    /// An id of a message or signal together with the file's namespace.
    fn expanded(&self, id: Option<&str>) -> String {
        format!("{}:{}", text(self.target_namespace), text(id))
    }

    /// What a reference to a message or signal means: prefixes are those of the root element.
    fn resolved(&self, reference: &str) -> String {
        match reference.split_once(':') {
            Some((prefix, name)) => format!("{}:{name}", text(self.root.lookup_namespace_uri(Some(prefix)))),
            None => self.expanded(Some(reference)),
        }
    }

    /// Notes a problem of an element.
    fn error(&mut self, message: impl Into<String>, at: Xml<'x, 'x>) {
        self.reader.problem(message.into(), Some(at), &[]);
    }

    /// Notes a problem of an element that stands in the elements with these ids.
    fn error_in(&mut self, message: impl Into<String>, at: Xml<'x, 'x>, ids: &[Option<&str>]) {
        self.reader.problem(message.into(), Some(at), ids);
    }

    fn warning(&mut self, message: impl Into<String>, at: Option<Xml<'x, 'x>>, ids: &[Option<&str>]) {
        self.reader.warning(message.into(), at, ids);
    }
}

/// The word that the reference puts into messages for what is missing.
fn text(value: Option<&str>) -> &str {
    value.unwrap_or("null")
}

/// Children with a local name, whatever their namespace: the reference's parser looks no closer.
fn elements<'x>(node: Xml<'x, 'x>, tag: &'static str) -> impl Iterator<Item = Xml<'x, 'x>> + use<'x> {
    node.children()
        .filter(move |n| n.is_element() && n.tag_name().name() == tag)
}

/// The only child with a local name.
fn element<'x>(node: Xml<'x, 'x>, tag: &'static str) -> Check<'x, Option<Xml<'x, 'x>>> {
    single(elements(node, tag), tag)
}

/// Camunda's children with a local name; those of the older namespace count where there are none of the newer.
fn camunda_elements<'x>(node: Xml<'x, 'x>, tag: &'static str) -> Vec<Xml<'x, 'x>> {
    let of = |namespace: &'static str| {
        elements(node, tag)
            .filter(move |n| n.tag_name().namespace() == Some(namespace))
            .collect::<Vec<_>>()
    };
    let [newer, older] = crate::xml::EXTENSIONS.map(of);
    if newer.is_empty() { older } else { newer }
}

/// Camunda's only child with a local name.
fn camunda_element<'x>(node: Xml<'x, 'x>, tag: &'static str) -> Check<'x, Option<Xml<'x, 'x>>> {
    single(camunda_elements(node, tag).into_iter(), tag)
}

fn single<'x>(mut found: impl Iterator<Item = Xml<'x, 'x>>, tag: &str) -> Check<'x, Option<Xml<'x, 'x>>> {
    let first = found.next();
    if found.next().is_some() {
        let message = format!("Parsing exception: multiple elements with tag name {tag} found");
        return Err(Stop::Unexpected(message));
    }
    Ok(first)
}

/// The text directly inside an element, with its white space.
fn text_of(node: Xml<'_, '_>) -> String {
    let texts = node.children().filter(|c| c.is_text());
    texts.filter_map(|c| c.text()).collect()
}

/// Whether a text as the reference's parser reads it is a truth value, and which.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "enabled" | "on" | "active" | "yes" => Some(true),
        "false" | "disabled" | "off" | "inactive" | "no" => Some(false),
        _ => None,
    }
}
