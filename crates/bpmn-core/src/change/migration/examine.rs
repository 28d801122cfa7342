//! What of a running instance keeps it from being migrated by a plan, in the words of the reference 7.24.
use super::{MigrationPlan, classes::is_supported, mapping::Mapping};
use crate::{
    definition::{Definition, DefinitionRef, Node},
    instance::{EventKind, Instance, Job, JobKind, Token, TokenState},
    tracked::By,
    tree::{self, ActivityInstance, TransitionInstance},
};
use std::collections::HashMap;
use topology::Id;

const NO_INSTRUCTION: &str = "There is no migration instruction for this instance's activity";
const INNER_START: &str =
    "A transition instance that instantiates the process can only be migrated to a process-level flow node";

/// What keeps an instance from being migrated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Of the instance as a whole.
    pub failures: Vec<String>,
    pub activities: Vec<Refused>,
    pub transitions: Vec<Refused>,
}

impl Report {
    /// Whether nothing does.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.activities.is_empty() && self.transitions.is_empty()
    }
}

/// An activity or transition instance that can't be migrated.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// REST's id of it.
    pub id: String,
    pub element: String,
    pub failures: Vec<String>,
}

/// Looks at an instance of the definition `source`.
pub fn examine(
    source: &DefinitionRef<'_>,
    target: &Definition,
    inst: &Instance,
    plan: &MigrationPlan,
) -> Report {
    let mapping = Mapping::new(source.definition, target, plan);
    let mut report = Report::default();
    // The reference has no place for jobs of what has completed.
    let kept = |token: &Token| token.state == TokenState::EventScope;
    let jobs = inst.jobs.iter().filter(|job| {
        let token = job.token_id.and_then(|id| inst.tokens.get(id));
        token.is_some_and(kept)
    });
    let jobs: Vec<String> = jobs.map(|job| job.id.to_string()).collect();
    if !jobs.is_empty() {
        let jobs = jobs.join(", ");
        report
            .failures
            .push(format!("Process instance contains not migrated jobs: [{jobs}]"));
    }
    let incidents = lost_incidents(&mapping, inst);
    if !incidents.is_empty() {
        let incidents = incidents.join(", ");
        let message = format!("Process instance contains not migrated incidents: [{incidents}]");
        report.failures.push(message);
    }
    let root = tree::activity_instance_tree(source, inst);
    let remembered = Remembered {
        inst,
        mapping: &mapping,
    };
    // Looked up for each part of the tree, which may have very many.
    let mut scopes: HashMap<String, Id> = HashMap::new();
    for token in inst.tokens.iter() {
        scopes.entry(token.shown()).or_insert(token.id);
    }
    let mut waiting: HashMap<Id, &Job> = HashMap::new();
    for job in inst.jobs.iter() {
        if let (JobKind::AsyncBefore | JobKind::AsyncAfter, Some(execution)) = (job.kind, job.execution_id) {
            waiting.entry(execution).or_insert(job);
        }
    }
    let failures = remembered.within(None);
    if !failures.is_empty() {
        report.activities.push(Refused {
            id: root.id.clone(),
            element: source.rest_id.to_owned(),
            failures,
        });
    }
    let mut open = vec![&root];
    while let Some(around) = open.pop() {
        for child in &around.children {
            let scope = scopes.get(&child.id).copied();
            activity(&remembered, scope, child, &mut report);
        }
        for child in &around.transitions {
            // What is shown so without a job is an iteration that has ended.
            if let Some(job) = waiting.get(&child.execution_id) {
                transition(&remembered, job, child, &mut report);
            }
        }
        open.extend(around.children.iter().rev());
    }
    report
}

/// The ids of incidents of continuations that have no instruction.
fn lost_incidents(mapping: &Mapping<'_>, inst: &Instance) -> Vec<String> {
    let lost = inst.incidents.iter().filter(|incident| {
        let job = incident
            .configuration
            .as_deref()
            .and_then(|id| inst.jobs.get(id.parse().ok()?));
        job.is_some_and(|job| !job.kind.is_timer() && mapping.of(&job.element).is_none())
    });
    lost.map(|incident| incident.id.to_string()).collect()
}

fn activity(
    remembered: &Remembered<'_, '_>,
    scope: Option<Id>,
    shown: &ActivityInstance,
    report: &mut Report,
) {
    let mapping = remembered.mapping;
    let mut failures = Vec::new();
    let is_leaf = shown.children.is_empty() && shown.transitions.is_empty();
    if is_leaf && mapping.of(&shown.activity_id).is_none() && !remembered.any(scope) {
        failures.push(NO_INSTRUCTION.to_owned());
    }
    let node = mapping.source.node(&shown.activity_id);
    if node.is_some_and(|node| !is_supported(node)) {
        let message = "The type of the source activity is not supported for activity instance migration";
        failures.push(message.to_owned());
    }
    if scope.is_some() {
        failures.extend(remembered.within(scope));
    }
    if !failures.is_empty() {
        report.activities.push(Refused {
            id: shown.id.clone(),
            element: shown.activity_id.clone(),
            failures,
        });
    }
}

fn transition(remembered: &Remembered<'_, '_>, job: &Job, shown: &TransitionInstance, report: &mut Report) {
    let mapping = remembered.mapping;
    let target = mapping
        .of(&shown.activity_id)
        .map(|(to, _)| &mapping.target.nodes[to]);
    let failures = match target {
        None => vec![NO_INSTRUCTION],
        Some(target) if job.kind == JobKind::AsyncAfter => {
            let lost = lost_flow(mapping, remembered.inst, job, target);
            let other = (!target.async_after).then_some("Target activity is not asyncAfter");
            lost.into_iter().chain(other).collect()
        }
        Some(target) => {
            let source = mapping.source.node(&shown.activity_id);
            let starts = source.is_some_and(|node| node.parent.is_none() && node.behavior.start().is_some());
            let inner = (starts && target.parent.is_some()).then_some(INNER_START);
            let other = (!target.async_before).then_some("Target activity is not asyncBefore");
            inner.into_iter().chain(other).collect()
        }
    };
    if !failures.is_empty() {
        report.transitions.push(Refused {
            id: shown.id.clone(),
            element: shown.activity_id.clone(),
            failures: failures.into_iter().map(str::to_owned).collect(),
        });
    }
}

/// Why what waits after an activity doesn't know which flow of the target to take.
fn lost_flow(mapping: &Mapping<'_>, inst: &Instance, job: &Job, target: &Node) -> Option<&'static str> {
    if target.outgoing.len() < 2 {
        return None;
    }
    let token = job.token_id.and_then(|id| inst.tokens.get(id));
    let remembered = token.filter(|token| token.ended().is_none());
    let flow = job
        .repeat
        .as_ref()
        .or(remembered.and_then(|token| token.data.as_ref()));
    let mut flows = target.outgoing.iter().map(|&flow| &mapping.target.flows[flow].id);
    match flow {
        None => Some(
            "Transition instance is assigned to no sequence flow and target activity has more than one outgoing sequence flow",
        ),
        Some(flow) if !flows.any(|id| id == flow) => Some(
            "Transition instance is assigned to a sequence flow that cannot be matched in the target activity",
        ),
        Some(_) => None,
    }
}

/// What scopes remember for their compensation.
struct Remembered<'m, 'd> {
    inst: &'m Instance,
    mapping: &'m Mapping<'d>,
}

impl Remembered<'_, '_> {
    fn host(&self, scope: Option<Id>) -> Id {
        scope.unwrap_or(self.inst.process.id)
    }

    /// Whether a scope remembers anything.
    fn any(&self, scope: Option<Id>) -> bool {
        let mut all = self.inst.subscriptions.by(By::Token(self.host(scope)));
        all.any(|row| row.kind == EventKind::Compensation)
    }

    /// What is wrong with what a scope remembers, and with what that remembers.
    fn within(&self, scope: Option<Id>) -> Vec<String> {
        let mut failures = Vec::new();
        let mut open = vec![scope];
        while let Some(scope) = open.pop() {
            let rows = self.inst.subscriptions.by(By::Token(self.host(scope)));
            for row in rows.filter(|row| row.kind == EventKind::Compensation) {
                let text = row.id.to_string();
                let mut scopes = self.inst.tokens.by(By::EventScopes(scope));
                let kept = scopes.find(|token| token.data.as_deref() == Some(&text));
                let trigger = self.mapping.trigger(&row.element);
                let mapped = trigger.is_some_and(|node| self.mapping.of(&node.id).is_some());
                let event = match kept {
                    None => "boundary",
                    Some(_) => "start",
                };
                let starts = self
                    .mapping
                    .source
                    .node(&row.element)
                    .is_some_and(|n| n.event_subprocess);
                let refused = match kept {
                    None => !mapped,
                    Some(token) => !mapped && (starts || !self.any(Some(token.id))),
                };
                if refused {
                    failures.push(format!(
                        "Cannot migrate subscription for compensation handler '{}'. There is no migration instruction for \
                         the compensation {event} event",
                        row.element
                    ));
                }
                open.extend(kept.map(|token| Some(token.id)));
            }
        }
        failures
    }
}
