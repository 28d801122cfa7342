//! What both engines have told so far: which id of one is which of the other, and values by name to ask about.
use super::rng::Rng;
use crate::compat::is_uuid;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// More values of one name are forgotten, the oldest first.
const KEPT: usize = 60;

#[derive(Default)]
pub struct Pool {
    /// Ids of the reference, with ours.
    to: HashMap<String, String>,
    ours: HashSet<String>,
    values: BTreeMap<String, Vec<String>>,
}

impl Pool {
    /// Takes two ids as names of one thing; false if either is known as another's.
    pub fn pair(&mut self, reference: &str, ours: &str) -> bool {
        if let Some(known) = self.to.get(reference) {
            return known == ours;
        }
        if !self.ours.insert(ours.to_owned()) {
            return false;
        }
        self.to.insert(reference.to_owned(), ours.to_owned());
        true
    }

    pub fn knows_ours(&self, id: &str) -> bool {
        self.ours.contains(id)
    }

    pub fn ours(&self, reference: &str) -> Option<&String> {
        self.to.get(reference)
    }

    /// A text of the reference with its ids replaced by ours; ids nobody knows stay.
    pub fn translated(&self, text: &str) -> String {
        each_id(text, |id| {
            self.to.get(id).cloned().unwrap_or_else(|| id.to_owned())
        })
    }

    /// Keeps a value that the reference has told under a name.
    pub fn remember(&mut self, name: &str, value: &str) {
        let values = self.values.entry(name.to_owned()).or_default();
        if values.iter().any(|v| v == value) || value.len() > 300 {
            return;
        }
        if values.len() == KEPT {
            values.remove(0);
        }
        values.push(value.to_owned());
    }

    pub fn pick(&self, name: &str, rng: &mut Rng) -> Option<&str> {
        let values = self.values.get(name)?;
        Some(rng.pick::<String>(values))
    }

    /// Remembers what an answer of the reference tells, asked at a path of the document.
    pub fn harvest(&mut self, path: &str, body: &Value) {
        match body {
            Value::Array(rows) => rows.iter().take(40).for_each(|row| self.harvest(path, row)),
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) => self.remember(&name_of(path, name), text),
                        Value::Object(_) | Value::Array(_) if name != "links" => {
                            self.harvest("/nested", value)
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// The text with every UUID in it replaced.
pub fn each_id(text: &str, mut by: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match rest.get(..36).filter(|head| is_uuid(head)) {
            Some(id) => {
                out.push_str(&by(id));
                rest = &rest[36..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// The resource that a path is of: its literal parts before the first parameter.
fn resource(path: &str) -> String {
    let parts = path.trim_start_matches('/').split('/');
    let fixed: Vec<&str> = parts.take_while(|part| !part.starts_with('{')).collect();
    let kept = match fixed.first() {
        Some(&"history") => fixed.get(1..2),
        _ => fixed.get(..1),
    };
    kept.unwrap_or(&[]).join("/")
}

/// Names that say something only with the resource whose they are.
const OF_A_RESOURCE: [&str; 12] = [
    "id",
    "key",
    "name",
    "type",
    "description",
    "category",
    "version",
    "value",
    "source",
    "title",
    "message",
    "topicName",
];

/// The name under which values of a member or parameter are kept: those that mean the same share one.
pub fn name_of(path: &str, name: &str) -> String {
    let plain = [
        "NotIn",
        "In",
        "NotLike",
        "Like",
        "NotEqual",
        "Expression",
        "Equals",
        "IgnoreCase",
    ]
    .iter()
    .find_map(|suffix| name.strip_suffix(suffix).filter(|rest| !rest.is_empty()))
    .unwrap_or(name);
    let plain = plain
        .strip_suffix("Ids")
        .map_or_else(|| plain.to_owned(), |rest| format!("{rest}Id"));
    let plain = plain.strip_suffix("sIn").unwrap_or(&plain);
    let resource = resource(path);
    let ends = |what: &str| {
        plain.len() >= what.len() && plain[plain.len() - what.len()..].eq_ignore_ascii_case(what)
    };
    if plain == "id" || plain == "ids" {
        return match resource.as_str() {
            "" | "nested" => "nested/id".into(),
            other => id_of(other),
        };
    }
    if plain == "key" || plain == "keys" {
        return match resource.as_str() {
            "process-definition" => "processDefinitionKey".into(),
            "decision-definition" => "decisionDefinitionKey".into(),
            "decision-requirements-definition" => "decisionRequirementsDefinitionKey".into(),
            other => format!("{other}/key"),
        };
    }
    if OF_A_RESOURCE.contains(&plain) && resource != "nested" {
        if resource == "external-task" && plain == "topicName" {
            return "topicName".into();
        }
        if (resource == "variable-instance" || resource == "variable") && plain == "name" {
            return "variableName".into();
        }
        return format!("{resource}/{plain}");
    }
    for (ending, kind) in [
        ("processInstanceId", "processInstanceId"),
        ("processInstance", "processInstanceId"),
        ("processDefinitionId", "processDefinitionId"),
        ("processDefinitionKey", "processDefinitionKey"),
        ("decisionDefinitionId", "decisionDefinitionId"),
        ("decisionDefinitionKey", "decisionDefinitionKey"),
        ("activityInstanceId", "activityInstanceId"),
        ("jobDefinitionId", "jobDefinitionId"),
        ("taskId", "taskId"),
        ("businessKey", "businessKey"),
        ("activityId", "activityId"),
        ("taskDefinitionKey", "activityId"),
        ("incidentId", "incidentId"),
        ("assignee", "userId"),
        ("owner", "userId"),
        ("userId", "userId"),
        ("user", "userId"),
        ("candidateGroups", "groupId"),
        ("candidateGroup", "groupId"),
        ("groupId", "groupId"),
        ("group", "groupId"),
        ("tenantId", "tenantId"),
        ("tenant-id", "tenantId"),
        ("tenant", "tenantId"),
        ("createdBy", "userId"),
        ("startedBy", "userId"),
        ("member", "userId"),
        ("varName", "variableName"),
        ("variableName", "variableName"),
        ("processDefinitionName", "process-definition/name"),
        ("taskName", "task/name"),
        ("eventName", "eventName"),
        ("messageName", "eventName"),
        ("eventSubscriptionName", "eventName"),
    ] {
        if ends(ending) {
            return kind.into();
        }
    }
    plain.to_owned()
}

/// The name of the ids of a resource.
pub fn id_of(resource: &str) -> String {
    match resource {
        "process-instance" => "processInstanceId".into(),
        "identity-link-log" | "detail" | "job-log" | "external-task-log" | "user-operation"
        | "activity-instance" => {
            format!("{resource}/id")
        }
        other => {
            let mut parts = other.split('-');
            let mut name = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (head, tail) = part.split_at(part.len().min(1));
                name.push_str(&head.to_uppercase());
                name.push_str(tail);
            }
            name + "Id"
        }
    }
}
