//! What a unit means in rows: its guards, and the rows to insert, replace and delete. Both stores apply this.
use super::{
    AliasKind, StoreError, Unit,
    cell::{Cell, refusal},
    codec::{self, Place},
    codec_history::{self, Kept},
    operations,
    schema::*,
};
use bpmn_core::{
    Id, Slot,
    tracked::{Entity, Tracked},
};
use std::collections::{HashMap, HashSet};

/// What is done with rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verb {
    /// They are new.
    Insert,
    /// They are there, or come back: all columns are set.
    Put,
    /// By the first key column.
    Delete,
    /// By the whole key.
    Remove,
}

/// A kind of write; statements are made of those that have rows, in this order (deletions last, so that a row's
/// locks are taken in the same order by everyone).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Group {
    pub verb: Verb,
    /// Index in [`WRITTEN`].
    pub table: usize,
}

/// The tables that units write, as positions in [`WRITTEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Process,
    Token,
    Variable,
    Task,
    TaskUnit,
    Candidate,
    Link,
    ExternalTask,
    Job,
    Subscription,
    Incident,
    HistoryProcess,
    HistoryActivity,
    HistoryTask,
    HistoryVariable,
    HistoryDetail,
    HistoryIncident,
    HistoryJob,
    HistoryExternalTask,
    HistoryIdentityLink,
    HistoryDecision,
    HistoryDecisionInput,
    HistoryDecisionOutput,
    Idempotency,
    LargeValue,
    Outbox,
    Alias,
    Comment,
    Attachment,
    HistoryOperation,
    HistoryFormField,
}

/// The tables that units write, in the order of [`Written`].
pub(crate) const WRITTEN: &[Table] = &[
    PROCESS_INSTANCE,
    TOKEN,
    VARIABLE,
    TASK,
    TASK_UNIT,
    TASK_CANDIDATE,
    TASK_LINK,
    EXTERNAL_TASK,
    JOB,
    EVENT_SUBSCRIPTION,
    INCIDENT,
    HISTORY_PROCESS,
    HISTORY_ACTIVITY,
    HISTORY_TASK,
    HISTORY_VARIABLE,
    HISTORY_DETAIL,
    HISTORY_INCIDENT,
    HISTORY_JOB,
    HISTORY_EXTERNAL_TASK,
    HISTORY_IDENTITY_LINK,
    HISTORY_DECISION,
    HISTORY_DECISION_INPUT,
    HISTORY_DECISION_OUTPUT,
    IDEMPOTENCY,
    LARGE_VALUE,
    OUTBOX,
    ALIAS,
    COMMENT,
    ATTACHMENT,
    HISTORY_OPERATION,
    HISTORY_FORM_FIELD,
];

const PROCESS_I: usize = Written::Process as usize;
const TOKEN_I: usize = Written::Token as usize;
const VARIABLE_I: usize = Written::Variable as usize;
const TASK_I: usize = Written::Task as usize;
const TASK_UNIT_I: usize = Written::TaskUnit as usize;
const CANDIDATE_I: usize = Written::Candidate as usize;
const LINK_I: usize = Written::Link as usize;
pub(crate) const EXTERNAL_I: usize = Written::ExternalTask as usize;
const JOB_I: usize = Written::Job as usize;
const SUBSCRIPTION_I: usize = Written::Subscription as usize;
const INCIDENT_I: usize = Written::Incident as usize;
const IDEMPOTENCY_I: usize = Written::Idempotency as usize;
const LARGE_I: usize = Written::LargeValue as usize;

/// A unit in rows.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub slots: Vec<Slot>,
    /// Stored instances and the revision they must have.
    pub revisions: Vec<(Id, i64)>,
    /// The same of units of tasks that no process has made.
    pub task_units: Vec<(Id, i64)>,
    /// Idempotency keys that must be new.
    pub keys: Vec<(Slot, Vec<u8>)>,
    /// External tasks and the lock revision they must have.
    pub locks: Vec<(Id, i64)>,
    /// Standalone jobs that must be there.
    pub gone_jobs: Vec<Id>,
    /// Rows, for `Delete` of one cell.
    pub rows: Vec<(Group, Vec<Cell>)>,
}

/// Something two units of one statement may not both touch.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Touched {
    Instance(Id),
    Key(Slot, Vec<u8>),
    Job(Id),
    Lock(Id),
    Incident(Id),
}

/// A unit that a statement can hold, or why none may.
pub(crate) enum Prepared {
    Change(Change),
    Refused(String),
}

/// Turns a unit into rows.
///
/// # Errors
/// If an id that has to carry a slot doesn't: our bug.
pub(crate) fn prepare(unit: &Unit) -> Result<Prepared, StoreError> {
    let mut change = Change {
        slots: unit.slots.clone(),
        ..Change::default()
    };
    change.slots.sort_unstable();
    change.slots.dedup();
    for write in &unit.instances {
        change.instance(&write.instance)?;
    }
    for row in &unit.idempotency {
        let owner = unit
            .instances
            .iter()
            .find(|w| Some(w.instance.process.id) == row.instance_id);
        let root = owner.map(|w| w.instance.process.root_id).or(row.instance_id);
        change.keys.push((row.slot, row.key.clone().into_bytes()));
        change.add(Verb::Insert, IDEMPOTENCY_I, codec::idempotency(row, root));
    }
    for row in &unit.aliases {
        let verb = match row.kind {
            AliasKind::Place => Verb::Insert,
            AliasKind::Name => Verb::Put,
        };
        change.add(verb, Written::Alias as usize, codec::alias(row));
    }
    for row in &unit.outbox {
        change.add(Verb::Insert, Written::Outbox as usize, codec::outbox(row));
    }
    change.locks = locks(unit);
    for job in &unit.start_jobs {
        let place = Place::of(job.root_id)?;
        change.add(Verb::Put, JOB_I, codec::job(job, place.slot));
    }
    change.gone_jobs = unit.start_jobs_gone.clone();
    // One that is named on both sides is replaced, if it is still there.
    for id in unit
        .start_jobs_gone
        .iter()
        .filter(|id| !unit.start_jobs.iter().any(|job| job.id == **id))
    {
        change.delete(JOB_I, *id);
    }
    for incident in &unit.start_incidents {
        // Its unit is the job it is about.
        let job = incident
            .configuration
            .as_deref()
            .and_then(|c| c.parse::<Id>().ok())
            .filter(|c| c.slot().is_some());
        let place = Place::of(job.unwrap_or(incident.id))?;
        change.add(Verb::Put, INCIDENT_I, codec::incident(incident, place));
    }
    for id in &unit.start_incidents_gone {
        change.delete(INCIDENT_I, *id);
    }
    for entry in &unit.start_history {
        let kept = Kept {
            at: Place::of(entry.job.root_id)?,
            retention: 0,
        };
        change.add(
            Verb::Insert,
            Written::HistoryJob as usize,
            codec_history::job(entry, kept),
        );
    }
    if let Some((root, rows)) = &unit.alone {
        let kept = Kept {
            at: Place::of(*root)?,
            retention: 0,
        };
        for row in rows {
            let (table, row) = codec_history::row(row, kept);
            change.add(Verb::Insert, table as usize, row);
        }
    }
    for note in &unit.notes {
        change.note(note)?;
    }
    for operation in &unit.operations {
        change.add(
            Verb::Insert,
            Written::HistoryOperation as usize,
            operations::cells(operation)?,
        );
    }
    let bad = change.rows.iter().filter(|(g, _)| g.verb != Verb::Delete);
    let refused = bad
        .map(|(g, row)| refusal(&WRITTEN[g.table], row))
        .find_map(|r| r);
    Ok(match refused {
        Some(reason) => Prepared::Refused(reason),
        None => Prepared::Change(change),
    })
}

/// The lock guards that the database can judge: of a task named more than once the first, which is of the stored
/// state (later commands of the unit saw what earlier ones made of it), and none of a task the unit itself makes.
fn locks(unit: &Unit) -> Vec<(Id, i64)> {
    let mut seen = HashSet::new();
    let made_here = |task: Id| {
        let instances = unit.instances.iter().map(|w| &w.instance);
        instances
            .map(|i| &i.external_tasks)
            .any(|all| all.get(task).is_some() && !all.is_stored(task))
    };
    let guards = unit
        .lock_guards
        .iter()
        .filter(|g| seen.insert(g.task) && !made_here(g.task));
    guards.map(|g| (g.task, g.lock_revision)).collect()
}

impl Change {
    pub(super) fn add(&mut self, verb: Verb, table: usize, row: Vec<Cell>) {
        self.rows.push((Group { verb, table }, row));
    }

    pub(super) fn delete(&mut self, table: usize, id: Id) {
        self.add(Verb::Delete, table, vec![id.into()]);
    }

    fn instance(&mut self, i: &bpmn_core::instance::Instance) -> Result<(), StoreError> {
        let at = Place::of(i.process.root_id)?;
        let alone = i.is_standalone();
        let (head, guards) = match alone {
            true => (TASK_UNIT_I, &mut self.task_units),
            false => (PROCESS_I, &mut self.revisions),
        };
        if i.stored {
            guards.push((i.process.id, i.process.revision));
        }
        match (i.stored, i.ended) {
            (true, true) => self.delete(head, i.process.id),
            (false, true) => {}
            (stored, false) => {
                let mut process = i.process.clone();
                process.revision += 1;
                let verb = if stored { Verb::Put } else { Verb::Insert };
                let row = match alone {
                    true => codec::task_unit(&process, at),
                    false => codec::process(&process, at),
                };
                self.add(verb, head, row);
            }
        }
        let ended = i.ended;
        self.entities(&i.tokens, TOKEN_I, ended, |e| codec::token(e, at));
        self.entities(&i.variables, VARIABLE_I, ended, |e| codec::variable(e, at));
        self.entities(&i.tasks, TASK_I, ended, |e| codec::task(e, at));
        self.entities(&i.external_tasks, EXTERNAL_I, ended, |e| {
            codec::external_task(e, at)
        });
        self.entities(&i.jobs, JOB_I, ended, |e| codec::job(e, at.slot));
        self.entities(&i.subscriptions, SUBSCRIPTION_I, ended, |e| {
            codec::subscription(e, at)
        });
        self.entities(&i.incidents, INCIDENT_I, ended, |e| codec::incident(e, at));
        if !ended {
            for task in i.tasks.upserts() {
                self.links(task, i.tasks.is_stored(task.id), at);
            }
        }
        let gone: Vec<Id> = self.deleted(TASK_I).collect();
        for id in gone {
            self.delete(CANDIDATE_I, id);
            self.delete(LINK_I, id);
        }
        let kept = Kept {
            at,
            retention: i.process.retention,
        };
        for row in &i.history {
            let (table, row) = codec_history::row(row, kept);
            self.add(Verb::Insert, table as usize, row);
        }
        for change in &i.notes {
            self.note(change)?;
        }
        for (id, content) in i.large.new_rows() {
            self.add(Verb::Insert, LARGE_I, codec_history::large(id, content, kept));
        }
        for id in i.large.gone() {
            self.delete(LARGE_I, id);
        }
        Ok(())
    }

    fn deleted(&self, table: usize) -> impl Iterator<Item = Id> + '_ {
        self.rows
            .iter()
            .filter(move |(g, _)| {
                *g == Group {
                    verb: Verb::Delete,
                    table,
                }
            })
            .filter_map(|(_, row)| match row.first() {
                Some(Cell::Uuid(uuid)) => Some(Id(*uuid)),
                _ => None,
            })
    }

    /// Rows of one kind of entity. An ended instance leaves none: it was loaded whole, so every stored row is known.
    fn entities<E: Entity>(
        &mut self,
        all: &Tracked<E>,
        table: usize,
        ended: bool,
        row: impl Fn(&E) -> Vec<Cell>,
    ) {
        if ended {
            for entity in all.iter().filter(|e| all.is_stored(e.id())) {
                self.delete(table, entity.id());
            }
        } else {
            for entity in all.upserts() {
                let verb = if all.is_stored(entity.id()) {
                    Verb::Put
                } else {
                    Verb::Insert
                };
                self.add(verb, table, row(entity));
            }
        }
        for id in all.deletes() {
            self.delete(table, id);
        }
    }

    /// What it touches that another unit of the same statement may not.
    pub fn touches(&self) -> impl Iterator<Item = Touched> + '_ {
        let uuid = |row: &Vec<Cell>| match row.first() {
            Some(Cell::Uuid(uuid)) => Some(Id(*uuid)),
            _ => None,
        };
        self.rows
            .iter()
            .filter_map(move |(g, row)| match g.table {
                PROCESS_I | TASK_UNIT_I => uuid(row).map(Touched::Instance),
                JOB_I => uuid(row).map(Touched::Job),
                INCIDENT_I => uuid(row).map(Touched::Incident),
                _ => None,
            })
            .chain(self.revisions.iter().map(|(id, _)| Touched::Instance(*id)))
            .chain(self.task_units.iter().map(|(id, _)| Touched::Instance(*id)))
            .chain(
                self.keys
                    .iter()
                    .map(|(slot, key)| Touched::Key(*slot, key.clone())),
            )
            .chain(self.locks.iter().map(|(id, _)| Touched::Lock(*id)))
    }
}

/// Parts a batch into waves in which no two units touch the same thing; a unit of a later wave sees what those
/// before it did. Gives the indexes of each wave.
pub(crate) fn waves(changes: &[(usize, Change)]) -> Vec<Vec<usize>> {
    let mut waves: Vec<Vec<usize>> = Vec::new();
    let mut last: HashMap<Touched, usize> = HashMap::new();
    for (position, (_, change)) in changes.iter().enumerate() {
        // After the last wave that touches the same.
        let before = change.touches().filter_map(|touched| last.get(&touched)).max();
        let wave = before.map_or(0, |wave| wave + 1);
        if wave == waves.len() {
            waves.push(Vec::new());
        }
        waves[wave].push(position);
        last.extend(change.touches().map(|touched| (touched, wave)));
    }
    waves
}
