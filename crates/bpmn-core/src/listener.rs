//! Execution and task listeners: what they run and how they are read. [`crate::moves`] runs them.
use crate::{
    script::Script,
    xml::{Reader, is_extension},
};
use expr::Expression;
use roxmltree::Node as Xml;

/// What a listener runs.
#[derive(Debug)]
pub(crate) enum Listener {
    /// Evaluates an expression; its value is not looked at.
    Expression(Expression),
    /// A Java class.
    Class(String),
    /// An expression that gives a Java object, and the first field that would be set in that.
    Delegate(Expression, Option<String>),
    /// Runs a script; its value is not looked at.
    Script(Script),
}

/// The execution listeners of a process or flow node, in document order.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub start: Vec<Listener>,
    pub end: Vec<Listener>,
}

impl Listeners {
    /// Reads the execution listeners of a process or flow node.
    pub(crate) fn read(reader: &mut Reader<'_>, owner: Xml<'_, '_>, id: &str) -> Listeners {
        let mut listeners = Listeners::default();
        for xml in crate::xml::extensions(owner, "executionListener") {
            let list = match xml.attribute("event").filter(|event| !event.trim().is_empty()) {
                Some("start") => &mut listeners.start,
                Some("end") => &mut listeners.end,
                Some(_) => {
                    reader.error(xml, id, "Attribute 'event' must be one of {start|end}");
                    continue;
                }
                None => {
                    reader.error(xml, id, "Attribute 'event' is mandatory on listener");
                    continue;
                }
            };
            list.extend(read_listener(reader, xml, id));
        }
        listeners
    }
}

/// Reads the listeners of a sequence flow. Whatever their `event` says, they run when the flow is taken.
pub(crate) fn read_take(reader: &mut Reader<'_>, flow: Xml<'_, '_>, id: &str) -> Vec<Listener> {
    crate::xml::extensions(flow, "executionListener")
        .filter_map(|xml| read_listener(reader, xml, id))
        .collect()
}

/// Reads what a listener runs; `kind` is the element's name in messages.
pub(crate) fn read_listener(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Option<Listener> {
    let kind = xml.tag_name().name();
    // A task listener may be empty where an execution listener may not, as in the reference.
    let strict = kind == "executionListener";
    if let Some(class) = xml.attribute("class") {
        if class.is_empty() && strict {
            reader.error(xml, id, "Attribute 'class' cannot be empty");
            return None;
        }
        return Some(Listener::Class(class.to_owned()));
    }
    if let Some(text) = xml.attribute("expression") {
        return reader.expression(xml, id, text).map(Listener::Expression);
    }
    if let Some(text) = xml.attribute("delegateExpression") {
        if text.is_empty() && strict {
            reader.error(xml, id, "Attribute 'delegateExpression' cannot be empty");
            return None;
        }
        let field = xml
            .children()
            .find(|n| is_extension(*n) && n.tag_name().name() == "field");
        let field = field.and_then(|field| field.attribute("name")).map(str::to_owned);
        let expression = reader.expression(xml, id, text)?;
        return Some(Listener::Delegate(expression, field));
    }
    if let Some(script) = xml
        .children()
        .find(|n| is_extension(*n) && n.tag_name().name() == "script")
    {
        return Script::of_element(reader, script, id).map(Listener::Script);
    }
    let message =
        format!("Element 'class', 'expression', 'delegateExpression' or 'script' is mandatory on {kind}");
    reader.error(xml, id, message);
    None
}

/// What happens to a user task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskEvent {
    Create,
    /// Its assignee has changed.
    Assignment,
    Update,
    Complete,
    Delete,
    /// A time has come while it waits.
    Timeout,
}

impl TaskEvent {
    const ALL: [TaskEvent; 6] = {
        use TaskEvent::*;
        [Create, Assignment, Update, Complete, Delete, Timeout]
    };

    /// The reference's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            TaskEvent::Create => "create",
            TaskEvent::Assignment => "assignment",
            TaskEvent::Update => "update",
            TaskEvent::Complete => "complete",
            TaskEvent::Delete => "delete",
            TaskEvent::Timeout => "timeout",
        }
    }
}

/// A listener of a user task.
#[derive(Debug)]
pub(crate) struct TaskListener {
    pub event: TaskEvent,
    pub run: Listener,
}

impl TaskListener {
    /// Reads the listeners of a user task.
    pub(crate) fn read_all(reader: &mut Reader<'_>, task: Xml<'_, '_>, id: &str) -> Vec<TaskListener> {
        let mut listeners = Vec::new();
        for xml in crate::xml::extensions(task, "taskListener") {
            let Some(name) = xml.attribute("event") else {
                reader.error(task, id, "Attribute 'event' is mandatory on taskListener");
                continue;
            };
            let Some(event) = TaskEvent::ALL.into_iter().find(|event| event.word() == name) else {
                let message =
                    "Attribute 'event' must be one of {create|assignment|complete|update|delete|timeout}";
                reader.error(task, id, message);
                continue;
            };
            listeners.extend(read_listener(reader, xml, id).map(|run| TaskListener { event, run }));
        }
        listeners
    }
}
