//! What a model needs that an engine may lack: Java code and script languages. A deployment is not refused for it,
//! as in the reference; the operator is warned, or has it refused.
use crate::xml::{BPMN, Reader, extension, is_extension};
use expr::Expression;
use roxmltree::Node as Xml;

/// A need of a model, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The id of the BPMN element.
    pub element: String,
    /// Line and column behind the opening tag, counted from 1.
    pub line: u32,
    pub column: u32,
    pub what: Needed,
}

/// What is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// A class that carries out an activity.
    Class(String),
    /// A delegate expression that carries out an activity, as written.
    Delegate(String),
    /// A name whose method an activity's expression calls: a variable, or else a bean.
    Bean(String),
    /// A class or delegate expression of a listener, which must run within the engine.
    Listener(String),
    /// A script in that language.
    Script(String),
}

/// Elements that carry out what their attributes name.
const ACTIVE: [&str; 4] = [
    "serviceTask",
    "sendTask",
    "businessRuleTask",
    "messageEventDefinition",
];

/// Everything a process needs, in document order.
pub(crate) fn read(reader: &Reader<'_>, process: Xml<'_, '_>) -> Vec<Need> {
    let mut needs = Vec::new();
    for node in process.descendants().filter(|n| n.is_element()) {
        let Some(what) = needed(node) else { continue };
        let element = node
            .ancestors()
            .filter(|n| n.tag_name().namespace() == Some(BPMN))
            .find_map(|n| n.attribute("id"));
        let (line, column) = reader.position(node);
        needs.push(Need {
            element: element.unwrap_or_default().to_owned(),
            line,
            column,
            what,
        });
    }
    needs
}

fn needed(node: Xml<'_, '_>) -> Option<Needed> {
    let tag = node.tag_name().name();
    let filled = |text: Option<&str>| text.filter(|text| !text.trim().is_empty()).map(str::to_owned);
    if is_extension(node) {
        return match tag {
            "executionListener" | "taskListener" => filled(node.attribute("class"))
                .or_else(|| filled(node.attribute("delegateExpression")))
                .map(Needed::Listener),
            "script" => filled(node.attribute("scriptFormat")).map(Needed::Script),
            _ => None,
        };
    }
    match tag {
        "scriptTask" => filled(node.attribute("scriptFormat")).map(Needed::Script),
        "conditionExpression" => filled(node.attribute("language")).map(Needed::Script),
        _ if ACTIVE.contains(&tag) => filled(extension(node, "class"))
            .map(Needed::Class)
            .or_else(|| filled(extension(node, "delegateExpression")).map(Needed::Delegate))
            .or_else(|| {
                let expression = Expression::parse(extension(node, "expression")?).ok()?;
                Some(Needed::Bean(expression.bean_call()?.bean.to_owned()))
            }),
        _ => None,
    }
}

impl std::fmt::Display for Needed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Needed::Class(class) => write!(f, "the Java class '{class}'"),
            Needed::Delegate(expression) => write!(f, "the delegate expression '{expression}'"),
            Needed::Bean(bean) => write!(f, "the variable or Java bean '{bean}'"),
            Needed::Listener(code) => write!(f, "the Java listener '{code}'"),
            Needed::Script(language) => write!(f, "a script in '{language}'"),
        }
    }
}
