//! An instance as text, with ids replaced by short names in the order they appear.
use crate::twin::Twin;
use bpmn_core::{
    Id,
    instance::{EndState, HistoryRow, Instance},
    tree::{ActivityInstance, activity_instance_tree, executions},
    value::TypedValue,
};
use std::{collections::HashMap, fmt::Write};

/// Short names of ids, kept over a scenario.
#[derive(Default)]
pub struct Names(HashMap<Id, String>);

impl Names {
    fn of(&mut self, id: Id) -> String {
        let next = format!("#{}", self.0.len());
        self.0.entry(id).or_insert(next).clone()
    }

    /// Replaces ids in a text.
    pub fn replace(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (id, name)| {
            text.replace(&id.to_string(), name)
        })
    }
}

fn text(value: &Option<String>) -> String {
    value.as_deref().map_or("-".to_owned(), |v| format!("{v:?}"))
}

fn tree(out: &mut String, names: &mut Names, node: &ActivityInstance, depth: usize) {
    let indent = "  ".repeat(depth);
    for transition in &node.transitions {
        let execution = names.of(transition.execution_id);
        let _ = writeln!(
            out,
            "{indent}~ {} {} in {execution}",
            transition.activity_id, transition.activity_type
        );
    }
    for child in &node.children {
        let executions: Vec<String> = child.execution_ids.iter().map(|&id| names.of(id)).collect();
        let incidents = if child.incidents.is_empty() {
            ""
        } else {
            " incident"
        };
        let (id, kind) = (&child.activity_id, &child.activity_type);
        let _ = writeln!(out, "{indent}{id} {kind} in {}{incidents}", executions.join(" "));
        tree(out, names, child, depth + 1);
    }
}

fn value(value: &TypedValue) -> String {
    match value {
        TypedValue::String(text) => format!("String {text:?}"),
        TypedValue::Object { text, type_name, .. } => {
            format!("{type_name} {}", text.as_deref().unwrap_or("-"))
        }
        TypedValue::Null => "Null".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The instance, and the history rows from `seen` on.
pub fn dump(twin: &Twin, names: &mut Names, seen: usize) -> String {
    let mut out = rows_of(twin, twin.instance(), names);
    for inst in twin.others.values() {
        let _ = writeln!(
            out,
            "called {}",
            twin.definition_of(inst.process.definition_id).definition.key
        );
        out += &rows_of(twin, inst, names);
    }
    out + &history(twin, names, seen)
}

/// An instance without its history.
fn rows_of(twin: &Twin, inst: &Instance, names: &mut Names) -> String {
    let mut out = String::new();
    let now = twin.now;
    if !inst.ended {
        let root = activity_instance_tree(&twin.definition_of(inst.process.definition_id), inst);
        let ids: Vec<String> = root.execution_ids.iter().map(|&id| names.of(id)).collect();
        let suspended = if inst.process.suspended { " suspended" } else { "" };
        let key = inst
            .process
            .business_key
            .as_deref()
            .map_or(String::new(), |k| format!(" key {k}"));
        let _ = writeln!(out, "instance in {}{key}{suspended}", ids.join(" "));
        tree(&mut out, names, &root, 1);
        let mut all: Vec<String> = Vec::new();
        for execution in executions(inst) {
            let parent = execution
                .parent_id
                .map(|p| format!("<{}", names.of(p)))
                .unwrap_or_default();
            all.push(format!("{}{parent}", names.of(execution.id)));
        }
        let _ = writeln!(out, "executions {}", all.join(" "));
    }
    for v in inst.variables.iter() {
        let scope = inst
            .tokens
            .get(v.scope_id)
            .map_or("the instance", |t| t.element.as_str());
        let task = if v.task_id.is_some() { " of its task" } else { "" };
        let _ = writeln!(out, "variable {} = {} of {scope}{task}", v.name, value(&v.value));
    }
    for t in inst.tasks.iter() {
        let execution = t.execution_id.map(|id| names.of(id)).unwrap_or_default();
        let _ = write!(out, "task {} in {execution}", t.element.as_deref().unwrap_or("-"));
        for (name, value) in [
            ("name", &t.name),
            ("description", &t.description),
            ("assignee", &t.assignee),
        ] {
            if value.is_some() {
                let _ = write!(out, " {name} {}", text(value));
            }
        }
        if t.priority != 50 {
            let _ = write!(out, " priority {}", t.priority);
        }
        for (name, date) in [("due", t.due), ("follow-up", t.follow_up)] {
            if let Some(date) = date {
                let _ = write!(out, " {name} {}", date - now);
            }
        }
        for (name, value) in [("form", &t.form_key), ("owner", &t.owner)] {
            if value.is_some() {
                let _ = write!(out, " {name} {}", text(value));
            }
        }
        for (group, name) in &t.candidates {
            let _ = write!(out, " {} {name:?}", if *group { "group" } else { "user" });
        }
        let _ = writeln!(out, "{}", if t.suspended { " suspended" } else { "" });
    }
    for t in inst.external_tasks.iter() {
        let _ = write!(
            out,
            "external task {} in {} topic {}",
            t.element,
            names.of(t.execution_id),
            t.topic
        );
        if let Some(worker) = &t.worker_id {
            let _ = write!(out, " held by {worker}");
        }
        if let Some(retries) = t.retries {
            let _ = write!(out, " retries {retries}");
        }
        if let Some(expires) = t.lock_expires {
            let _ = write!(out, " until {}", expires - now);
        }
        if t.error_message.is_some() {
            let _ = write!(out, " error {}", text(&t.error_message));
        }
        if t.priority != 0 {
            let _ = write!(out, " priority {}", t.priority);
        }
        let _ = writeln!(out, "{}", if t.suspended { " suspended" } else { "" });
    }
    for j in inst.jobs.iter() {
        let execution = j.execution_id.map(|id| names.of(id)).unwrap_or_default();
        let _ = write!(
            out,
            "job {} {:?} in {execution} retries {}",
            j.element, j.kind, j.retries
        );
        if let Some(due) = j.due {
            let _ = write!(out, " due {}", due - now);
        }
        if j.priority != 0 {
            let _ = write!(out, " priority {}", j.priority);
        }
        if !j.exclusive {
            let _ = write!(out, " not exclusive");
        }
        if j.error_message.is_some() {
            let _ = write!(out, " error {}", text(&j.error_message));
        }
        let _ = writeln!(out, "{}", if j.suspended { " suspended" } else { "" });
    }
    for s in inst.subscriptions.iter() {
        let execution = names.of(s.execution_id);
        let _ = writeln!(
            out,
            "subscription {} {:?} {} in {execution}",
            s.element,
            s.kind,
            text(&s.name)
        );
    }
    for i in inst.incidents.iter() {
        let execution = i.execution_id.map(|id| names.of(id)).unwrap_or_default();
        let _ = writeln!(
            out,
            "incident {} {} {} in {execution}",
            i.kind,
            i.element,
            text(&i.message)
        );
    }
    out
}

fn history(twin: &Twin, names: &mut Names, seen: usize) -> String {
    let mut out = String::new();
    let mut rows: Vec<&HistoryRow> = twin.history[seen..].iter().collect();
    rows.sort_by_key(|row| match row {
        HistoryRow::Activity(activity) => bpmn_core::sequence(activity.id),
        _ => i64::MAX,
    });
    for row in rows {
        match row {
            HistoryRow::Activity(a) => {
                let mut flags = String::new();
                for (on, word) in [(a.canceled, " canceled"), (a.complete_scope, " end")] {
                    if on {
                        flags += word;
                    }
                }
                let assignee = a
                    .assignee
                    .as_deref()
                    .map_or(String::new(), |who| format!(" by {who}"));
                let parent = if a.parent_id == a.instance_id {
                    ""
                } else {
                    " inside"
                };
                let execution = names.of(a.execution_id);
                let kind = twin
                    .definition_of(a.definition_id)
                    .definition
                    .node(&a.element)
                    .map_or("", |n| n.activity_type);
                let _ = writeln!(
                    out,
                    "done {} {} in {execution}{parent}{assignee}{flags}",
                    a.element, kind
                );
            }
            HistoryRow::Process(p) => {
                let state = match p.state {
                    EndState::Completed => "completed",
                    EndState::ExternallyTerminated => "externally terminated",
                    EndState::InternallyTerminated => "internally terminated",
                };
                let end = p
                    .end_element
                    .as_deref()
                    .map_or(String::new(), |e| format!(" at {e}"));
                let reason = p
                    .delete_reason
                    .as_deref()
                    .map_or(String::new(), |r| format!(" because {r:?}"));
                let called = match p.process.super_instance_id {
                    Some(_) => format!("{} ", twin.definition_of(p.process.definition_id).definition.key),
                    None => String::new(),
                };
                let _ = writeln!(out, "{called}{state}{end}{reason}");
            }
            // What else history holds has tests of its own.
            _ => {}
        }
    }
    out
}
