//! History rows as cells, in the order of the columns in [`super::schema`]. They are read by queries only.
use super::{
    cell::Cell,
    change::Written,
    codec::{Place, made},
    value::{self, large_id, value},
};
use bpmn_core::{Id, instance::*, large::Content};

macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$(Cell::from($value)),*] };
}

/// Slot, retention class and root of a tree: what every history row carries after its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub at: Place,
    pub retention: i16,
}

/// The table and the cells of a history row.
pub(crate) fn row(row: &HistoryRow, kept: Kept) -> (Written, Vec<Cell>) {
    match row {
        HistoryRow::Process(h) => (Written::HistoryProcess, process(h, kept)),
        HistoryRow::Activity(a) => (Written::HistoryActivity, activity(a, kept)),
        HistoryRow::Task(t) => (Written::HistoryTask, task(t, kept)),
        HistoryRow::Variable(v) => (Written::HistoryVariable, variable(v, kept)),
        HistoryRow::Detail(v) => (Written::HistoryDetail, detail(v, kept)),
        HistoryRow::Incident(i) => (Written::HistoryIncident, incident(i, kept)),
        HistoryRow::Job(j) => (Written::HistoryJob, job(j, kept)),
        HistoryRow::ExternalTask(t) => (Written::HistoryExternalTask, external_task(t, kept)),
        HistoryRow::IdentityLink(l) => (Written::HistoryIdentityLink, identity_link(l, kept)),
        HistoryRow::Decision(d) => (Written::HistoryDecision, decision(d, kept)),
        HistoryRow::DecisionInput(i) => (Written::HistoryDecisionInput, decision_input(i, kept)),
        HistoryRow::DecisionOutput(o) => (Written::HistoryDecisionOutput, decision_output(o, kept)),
        HistoryRow::FormField(f) => (Written::HistoryFormField, form_field(f, kept)),
    }
}

/// The row of a large value.
pub(crate) fn large(id: Id, content: &Content, kept: Kept) -> Vec<Cell> {
    let mut row = cells![id, kept.at.slot, kept.retention, kept.at.root];
    row.extend(value::content(content));
    row
}

/// Null where it says nothing new, to keep rows short.
fn unless(id: Id, known: Id) -> Option<Id> {
    (id != known).then_some(id)
}

fn process(h: &HistoricProcessInstance, kept: Kept) -> Vec<Cell> {
    let p = &h.process;
    cells![
        p.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        p.super_token_id,
        p.super_instance_id,
        p.definition_id,
        &p.business_key,
        p.started,
        &p.start_user,
        &p.start_element,
        &p.tenant_id,
        h.ended,
        &h.end_element,
        h.state as i16,
        &h.delete_reason,
        Cell::Null,
        p.restarted_id,
        &p.case_instance_id,
    ]
}

fn activity(a: &HistoricActivity, kept: Kept) -> Vec<Cell> {
    cells![
        a.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        a.instance_id,
        a.definition_id,
        unless(a.parent_id, a.instance_id),
        unless(a.execution_id, a.instance_id),
        &a.element,
        a.task_id,
        &a.assignee,
        a.called_instance_id,
        a.started,
        a.ended,
        a.canceled,
        a.complete_scope,
        &a.tenant_id,
        &a.begun_as,
    ]
}

fn task(h: &HistoricTask, kept: Kept) -> Vec<Cell> {
    let t = &h.task;
    cells![
        t.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        t.process_id(),
        t.execution_id,
        t.activity_id,
        t.definition_id,
        &t.element,
        &t.name,
        &t.description,
        &t.assignee,
        &t.owner,
        t.priority,
        t.created,
        t.due,
        t.follow_up,
        h.ended,
        &h.delete_reason,
        &t.tenant_id,
        t.parent_id,
        h.went_along.then_some(i16::from(t.last_updated.is_some())),
        &t.case_instance_id,
    ]
}

fn variable(h: &HistoricVariable, kept: Kept) -> Vec<Cell> {
    let v = &h.variable;
    let mut row = cells![
        v.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        v.instance_id,
        v.scope_id,
        h.activity_id,
        v.task_id,
        &v.name,
        v.value.name(),
    ];
    row.extend(value(&v.value));
    row.extend(cells![
        large_id(&v.value),
        v.version.created,
        v.version.updated,
        v.version.revision,
        v.version.version_id,
        v.version.writer_id,
        v.version.shown_id,
        v.version.recorded as i16,
        v.version.initial,
        h.ended,
        h.deleted,
    ]);
    row
}

fn detail(v: &Variable, kept: Kept) -> Vec<Cell> {
    let mut row = cells![
        v.version.version_id.unwrap_or(v.id),
        kept.at.slot,
        kept.retention,
        kept.at.root,
        v.instance_id,
        v.id,
        v.scope_id,
        v.task_id,
        &v.name,
        v.value.name(),
    ];
    row.extend(value(&v.value));
    row.extend(cells![
        large_id(&v.value),
        v.version.updated.unwrap_or(v.version.created),
        v.version.revision,
        v.version.writer_id,
        v.version.initial,
    ]);
    row
}

fn incident(h: &HistoricIncident, kept: Kept) -> Vec<Cell> {
    let i = &h.incident;
    cells![
        i.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        i.instance_id,
        i.execution_id,
        i.definition_id,
        &i.kind,
        &i.element,
        &i.message,
        &i.configuration,
        i.created,
        i.cause_id,
        i.root_cause_id,
        &i.tenant_id,
        i.job_kind.map(JobKind::number),
        &i.annotation,
        h.ended,
        if h.resolved { 1i16 } else { 2 },
        &i.failed_element,
    ]
}

pub(super) fn job(h: &HistoricJob, kept: Kept) -> Vec<Cell> {
    let j = &h.job;
    cells![
        h.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        j.id,
        j.instance_id,
        j.execution_id,
        j.definition_id,
        &j.element,
        j.kind.number(),
        j.due,
        j.retries,
        j.priority,
        j.created,
        h.time,
        h.state as i16,
        &h.error_message,
        &h.stacktrace,
        &j.lock_owner,
        &j.tenant_id,
        &j.failed_element,
        made(j).map(|made| made.retries),
        made(j).and_then(|made| made.due),
        made(j).map(|made| made.priority),
    ]
}

fn external_task(h: &HistoricExternalTask, kept: Kept) -> Vec<Cell> {
    let t = &h.task;
    cells![
        h.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        t.id,
        t.instance_id,
        unless(t.execution_id, t.instance_id),
        t.activity_id,
        t.definition_id,
        &t.element,
        &t.topic,
        &t.worker_id,
        t.retries,
        t.priority,
        t.created,
        h.time,
        h.state as i16,
        &t.error_message,
        &t.error_details,
        &t.tenant_id,
        t.made_priority,
    ]
}

fn identity_link(l: &HistoricIdentityLink, kept: Kept) -> Vec<Cell> {
    cells![
        l.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        l.task_id,
        l.instance_id,
        l.definition_id,
        &l.kind,
        &l.user_id,
        &l.group_id,
        l.added,
        &l.operator,
        l.time,
        &l.tenant_id,
    ]
}

fn form_field(f: &HistoricFormField, kept: Kept) -> Vec<Cell> {
    cells![
        f.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        f.instance_id,
        f.execution_id,
        f.activity_id,
        f.task_id,
        &f.field,
        &f.value,
        f.time,
    ]
}

pub(super) fn decision(d: &HistoricDecision, kept: Kept) -> Vec<Cell> {
    cells![
        d.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        d.decision_id,
        d.definition_id,
        d.instance_id,
        d.activity_id,
        &d.element,
        &d.user_id,
        d.evaluated,
        d.collected.map_or(Cell::Null, Cell::Float),
        d.parent_id,
        &d.tenant_id,
        Cell::Null,
    ]
}

fn decision_input(i: &HistoricDecisionInput, kept: Kept) -> Vec<Cell> {
    let mut row = cells![
        i.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        i.evaluation_id,
        &i.clause_id,
        &i.clause_name,
        i.value.name(),
    ];
    row.extend(value(&i.value));
    row.push(i.created.into());
    row
}

fn decision_output(o: &HistoricDecisionOutput, kept: Kept) -> Vec<Cell> {
    let rule = o.rule.as_ref();
    let mut row = cells![
        o.id,
        kept.at.slot,
        kept.retention,
        kept.at.root,
        o.evaluation_id,
        &o.clause_id,
        &o.clause_name,
        rule.map(|(id, _)| id.as_str()),
        rule.map(|(_, order)| *order),
        &o.name,
        o.value.name(),
    ];
    row.extend(value(&o.value));
    row.push(o.created.into());
    row
}
