//! Storage of one shard, behind one interface: PostgreSQL ([`postgres`]) and SQLite ([`sqlite`]), which pass the
//! same contract tests ([`contract`]). Knows rows, slots and locks; knows nothing of BPMN or HTTP.
//!
//! Every table is declared in [`schema`] as slot-bound, replicated or shard-local; slot moves copy whatever is
//! declared slot-bound.
mod backend;
mod batch_jobs;
mod batches;
mod cell;
mod change;
mod cleanup;
pub mod codec;
mod codec_history;
mod codec_notes;
#[cfg(test)]
mod contract;
pub(crate) mod decision_rows;
mod filters;
pub mod forget;
mod gone;
pub mod housekeeping;
mod identity;
mod jobs;
mod load;
mod locks;
mod open;
pub mod operations;
mod outbox;
mod parked;
mod partitions;
mod postgres;
mod reference;
pub mod removal;
pub mod schema;
mod slots;
mod sql;
mod sql_store;
mod sqlite;
pub mod stats;
mod subject;
mod thrown;
mod units;
pub mod value;

pub use batch_jobs::{BATCH_JOB, BatchJobChange, BatchJobs, JobSetting, JobsOfBatches, Remains, WhichJobs};
pub use batches::{BatchChange, BatchWork, Batches, Begun, NewBatch, NewJob, NewWork, Outcomes, Which};
pub use decision_rows::{DecisionRow, RequirementsRef, RequirementsRow};
pub use filters::{FilterChange, FilterRow};
pub use gone::Gone;
pub use housekeeping::Housekeeping;
pub use identity::{AuthorizationRow, GroupMember, GroupRow, IdentityChange, TenantMember, TenantRow};
pub use open::{OpenError, OpenOptions, open};
pub use parked::{ParkedMessage, Parking};
pub use schema::visible;
pub(crate) use sql::is_connection;
pub use subject::Subject;

use async_trait::async_trait;
use bpmn_core::{Id, Millis, Slot, instance::*, value::TypedValue};
use serde::{Deserialize, Serialize};
use topology::Coverage;

/// Why the store could not do its work. A refusal of one unit is no error: see [`Applied`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, is shutting down, timed out, or gave up after retries: 503, try again.
    #[error("the database of this shard is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Whether a commit took place could not be found out: 503, never repeated.
    #[error("the outcome of a commit is unknown")]
    UnknownOutcome(#[source] sqlx::Error),
    /// Too much waits for the database, or a query took too long: 503, later or with less.
    #[error("{0}")]
    Overloaded(String),
    /// Our bug or a damaged row.
    #[error("{0}")]
    Internal(String),
}

impl StoreError {
    /// A client's query was ended.
    pub(crate) fn too_slow(limit: std::time::Duration) -> StoreError {
        let limit = limit.as_secs_f32();
        StoreError::Overloaded(format!(
            "the query took longer than {limit} s; ask for less, or by an indexed filter (docs/query-plans.tsv)"
        ))
    }
}

/// One instance's change: all or nothing, independent of the other units of its batch.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// Slots whose ownership the write depends on (`state = 'owned'` in this database); usually one.
    pub slots: Vec<Slot>,
    /// Instances written, each guarded by its revision.
    pub instances: Vec<InstanceWrite>,
    /// Rows that make a retried request answer what the first did; a conflict refuses the unit.
    pub idempotency: Vec<IdempotencyRow>,
    /// External tasks that must still have that lock revision.
    pub lock_guards: Vec<LockGuard>,
    /// Jobs outside an instance (timer starts): inserted or replaced, and deleted (a missing one refuses the unit).
    /// A job in both lists is replaced, and refuses the unit if it is missing.
    pub start_jobs: Vec<Job>,
    pub start_jobs_gone: Vec<Id>,
    /// Standalone incidents (of timer start jobs).
    pub start_incidents: Vec<Incident>,
    pub start_incidents_gone: Vec<Id>,
    /// What the log of jobs tells of those jobs: rows of jobs without an instance, kept for ever.
    pub start_history: Vec<HistoricJob>,
    /// What history tells of what belongs to no process instance, below a root of its own: of a decision that no process
    /// asked for (the root is its evaluation), of a definition's candidates (the root is the definition).
    pub alone: Option<(Id, Vec<HistoryRow>)>,
    /// Ids that clients have chosen; one that is taken makes a conflict.
    pub aliases: Vec<AliasRow>,
    /// Comments and attachments of what has ended.
    pub notes: Vec<bpmn_core::note::NoteChange>,
    /// What the user operation log is told.
    pub operations: Vec<operations::OperationRow>,
    /// What is to be told to others once this is committed, until all have heard.
    pub outbox: Vec<OutboxRow>,
}

/// What an alias row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum AliasKind {
    /// In the slot of the text's hash: leads to the entity.
    Place = 0,
    /// Beside the entity, where that is in another slot: how it is called.
    Name = 1,
}

/// An id that a client has chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct AliasRow {
    pub slot: Slot,
    pub kind: AliasKind,
    pub text: String,
    /// Where the entity lives.
    pub unit_slot: Slot,
    /// The root of its unit, once that is known.
    pub root_id: Option<Id>,
    /// What stands for the text inside.
    pub entity_id: Id,
}

/// Something thrown that other instances, on any shard, have to be told: kept with its cause until all have heard.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    pub slot: Slot,
    /// Unique within the slot; grows with time.
    pub sequence: i64,
    /// Root of the instance that threw it.
    pub root_id: Option<Id>,
    pub created: Millis,
    /// What is told, as its reader wrote it.
    pub body: String,
}

/// The rows of one instance that changed. `instance` holds them as tracked changes.
#[derive(Clone, Debug)]
pub struct InstanceWrite {
    pub instance: Instance,
}

/// The memory of a request that carried an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq)]
pub struct IdempotencyRow {
    pub slot: Slot,
    /// User and key, as `USER\nKEY` (a header value has no line feed).
    pub key: String,
    /// Digest of method, path and body.
    pub digest: String,
    /// The answer to give again.
    pub status: u16,
    pub body: String,
    pub created: Millis,
    /// Instance it belongs to, so that it lives at least as long.
    pub instance_id: Option<Id>,
}

/// An external task's lock as the command saw it.
#[derive(Clone, Copy, Debug)]
pub struct LockGuard {
    pub task: Id,
    pub lock_revision: i64,
}

/// What became of a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// Committed.
    Done,
    /// A revision, lock or row was not as expected: load again and repeat the command.
    Conflict,
    /// This shard doesn't own the slot (any more): 421.
    NotOwner(Slot),
    /// A row with that idempotency key exists.
    Duplicate,
    /// A value the database refuses (found by splitting the batch): 400.
    Refused(String),
}

/// A slot's row in this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Accepts writes.
    Owned,
    /// Writes refused, still read here: a move is about to flip.
    Fenced,
    /// Being copied in; invisible.
    Incoming,
    /// Moved away, rows may be left over; invisible.
    Released,
}

/// Slot, state, epoch, and the move it is part of.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotRow {
    pub slot: Slot,
    pub state: SlotState,
    pub epoch: u32,
    pub move_id: Option<String>,
    /// Up to which log index its start events are armed.
    pub armed: u64,
}

/// A job this node has just locked.
#[derive(Clone, Debug, PartialEq)]
pub struct AcquiredJob {
    pub job: Job,
}

/// What an acquisition came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acquired {
    /// By priority, then age.
    pub jobs: Vec<AcquiredJob>,
    /// Jobs that were free when looked at and another node's when they were to be locked.
    pub missed: u32,
}

/// When there will be something to acquire. Times in Unix ms by the database's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JobOutlook {
    pub now: Millis,
    /// Time of the first job that isn't locked, in the past if it is due; `None` if there is none.
    pub ready: Option<Millis>,
    /// When the first lock of any node ends.
    pub lock_ends: Option<Millis>,
}

/// Jobs of a shard by who has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobLoad {
    /// Nodes with locked jobs, by name.
    pub owners: Vec<OwnerLoad>,
    /// Jobs that are due and that nobody has locked; counted up to 100 000.
    pub due_unlocked: u64,
    /// How long the oldest of those has been due, ms.
    pub oldest_due_ms: Option<Millis>,
}

/// The jobs a node has locked.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnerLoad {
    pub owner: String,
    pub locked: u64,
    /// How long the oldest of them has been due, ms.
    pub oldest_ms: Millis,
}

/// One topic of a fetchAndLock, filters as REST gives them, already resolved to definition row ids.
#[derive(Clone, Debug, Default)]
pub struct TopicRequest {
    pub topic: String,
    pub lock_duration: Millis,
    pub business_key: Option<String>,
    /// Definition row ids; `None` is no filter.
    pub definitions: Option<Vec<Id>>,
    /// `Some(list)`: only these tenants; an empty list matches none.
    pub tenants: Option<Vec<String>>,
    pub without_tenant: bool,
    /// `processVariables`: all must equal.
    pub process_variables: Vec<(String, TypedValue)>,
}

/// An external task that a fetch has locked.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    pub task: ExternalTask,
    /// Revision of its instance in the statement that locked it: tells whether a cached copy is the present state.
    pub revision: Option<i64>,
}

impl std::ops::Deref for Fetched {
    type Target = ExternalTask;
    fn deref(&self) -> &ExternalTask {
        &self.task
    }
}

/// A message subscription that a name and a business key match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub subscription: Id,
    pub instance: Id,
    /// Revision of the instance.
    pub revision: i64,
    /// REST's execution id of what waits.
    pub execution: Id,
}

/// The order of a fetch: none is unordered.
#[derive(Clone, Copy, Debug, Default)]
pub struct FetchOrder {
    pub by_priority: bool,
    /// `Some(true)`: oldest first.
    pub created_ascending: Option<bool>,
}

/// Where an external task stands in the queue of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    pub priority: i64,
    pub created: Millis,
}

/// Identity of a database: which cluster and shard it belongs to. A stand-alone database has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamp {
    pub cluster: String,
    pub shard: String,
    pub generation: i64,
}

/// A deployment as applied on every shard alike.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentRow {
    pub id: Id,
    pub name: Option<String>,
    pub source: Option<String>,
    pub tenant_id: Option<String>,
    pub deployed: Millis,
    pub resources: Vec<ResourceRow>,
    pub definitions: Vec<DefinitionRow>,
    pub decisions: Vec<DecisionRow>,
    pub requirements: Vec<RequirementsRow>,
}

impl DeploymentRow {
    /// The image of a model's definition: `FILE.KEY.png` or `FILE.png`, or as JPEG, GIF or SVG (the reference's rule).
    pub fn diagram(&self, model: &str, key: &str) -> Option<&ResourceRow> {
        let suffixes = ["bpmn20.xml", "bpmn", "dmn11.xml", "dmn"];
        let base = suffixes.iter().find_map(|suffix| model.strip_suffix(suffix))?;
        ["png", "jpg", "gif", "svg"]
            .iter()
            .flat_map(|suffix| [format!("{base}{key}.{suffix}"), format!("{base}{suffix}")])
            .find_map(|name| self.resources.iter().find(|resource| resource.name == name))
    }
}

/// A file of a deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceRow {
    pub id: Id,
    pub name: String,
    pub content: Vec<u8>,
}

/// A process definition: what lists need without parsing its model.
#[derive(Clone, Debug, PartialEq)]
pub struct DefinitionRow {
    pub id: Id,
    /// `key:version:uuid`, or the bare uuid where that would pass 64 characters.
    pub rest_id: String,
    pub key: String,
    pub version: i32,
    pub name: Option<String>,
    pub category: Option<String>,
    pub description: Option<String>,
    pub version_tag: Option<String>,
    pub tenant_id: Option<String>,
    pub history_ttl_days: Option<i32>,
    pub startable_in_tasklist: bool,
    pub suspended: bool,
    pub resource_name: String,
    pub deployment_id: Id,
    /// Slot of the key's hash: where its start events are armed.
    pub home: Slot,
}

/// The jobs of one kind at one element of a definition, with what operators have set for them.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDefinitionRow {
    /// The same on every shard: it follows from definition, element and kind.
    pub id: Id,
    pub definition_id: Id,
    pub element: String,
    pub kind: JobKind,
    pub job_type: String,
    pub configuration: String,
    /// New jobs come suspended.
    pub suspended: bool,
    /// Priority of new jobs, whatever the model says.
    pub priority: Option<i64>,
}

/// A user of the engine, replicated by the reference log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRow {
    pub id: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    /// argon2 PHC string; empty for a user without a password.
    pub password_hash: String,
    /// How often it was unlocked.
    #[serde(default)]
    pub unlocks: i64,
}

/// What one entry of the reference log does to this database. Applying is deterministic and repeatable.
#[derive(Clone, Debug)]
pub enum Reference {
    Deploy(Box<DeploymentRow>),
    /// The deployment's definitions may be started and are "latest" from now on.
    Publish {
        deployment: Id,
    },
    /// Deletes a deployment; without `cascade` what history needs of its definitions stays ([`Gone`]).
    DeleteDeployment {
        deployment: Id,
        cascade: bool,
    },
    /// Takes one definition out of its deployment, which stays.
    DeleteDefinition {
        definition: Id,
        cascade: bool,
    },
    /// Suspends or activates a definition and its job definitions.
    SuspendDefinition {
        definition: Id,
        suspended: bool,
    },
    /// Suspends or activates one job definition, or all of a definition.
    SuspendJobs {
        definition: Id,
        job_definition: Option<Id>,
        suspended: bool,
    },
    /// Sets the priority of a job definition's new jobs; `None`: the model's.
    SetJobPriority {
        job_definition: Id,
        priority: Option<i64>,
    },
    /// Days that a definition's history is kept after its end; `None`: for ever.
    SetHistoryTtl {
        definition: Id,
        days: Option<i32>,
    },
    /// The same of a decision.
    SetDecisionHistoryTtl {
        decision: Id,
        days: Option<i32>,
    },
    Identity(Vec<IdentityChange>),
    Filter(FilterChange),
}

/// The rows of one instance, and which revision they are of.
pub type Loaded = Instance;

/// One row of a read query: cells by position.
pub trait Row: Send {
    fn id(&self, column: usize) -> Result<Id, StoreError>;
    fn id_opt(&self, column: usize) -> Result<Option<Id>, StoreError>;
    fn i64(&self, column: usize) -> Result<i64, StoreError>;
    fn i64_opt(&self, column: usize) -> Result<Option<i64>, StoreError>;
    fn f64_opt(&self, column: usize) -> Result<Option<f64>, StoreError>;
    fn bool(&self, column: usize) -> Result<bool, StoreError>;
    fn text(&self, column: usize) -> Result<String, StoreError>;
    fn text_opt(&self, column: usize) -> Result<Option<String>, StoreError>;
    fn bytes_opt(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Rows read in one snapshot, with what the shard owned in that snapshot.
pub struct Snapshot {
    pub rows: Vec<Box<dyn Row>>,
    pub coverage: Coverage,
}

/// The store of one shard.
#[async_trait]
pub trait Store: Batches + JobsOfBatches + Housekeeping + Parking {
    /// Writes a batch in one transaction; `result[i]` tells of `units[i]`. Each unit is applied whole or not at
    /// all. Returns after the commit. Deadlocks and serialization failures are repeated inside; a lost COMMIT
    /// answer is looked up in the commit table.
    async fn write(&self, units: &[Unit]) -> Result<Vec<Applied>, StoreError>;

    /// Instances by id, whole, each with its revision; unknown ones are absent. Slots not owned are absent too.
    async fn load(&self, instances: &[Id]) -> Result<Vec<Loaded>, StoreError>;

    /// Contents of large values by (root of their tree, id), in one statement for some hundred; those of slots not
    /// owned, and those deleted since their variables were read, are absent.
    async fn large_values(&self, of: &[(Id, Id)])
    -> Result<Vec<(Id, bpmn_core::large::Content)>, StoreError>;

    /// Which instance an entity belongs to: task, external task, job, incident, execution, subscription, variable.
    async fn instance_of(&self, entity: Entity, id: Id) -> Result<Option<Id>, StoreError>;

    /// [`Store::instance_of`] for several entities of one kind, in one statement; the answers are in their order.
    async fn instances_of(&self, entity: Entity, ids: &[Id]) -> Result<Vec<Option<Id>>, StoreError>;

    /// Message subscriptions of instances that aren't suspended, for several pairs of message name and business key
    /// in one statement: of each pair at most `most`, oldest first, and which slots were seen.
    async fn waiting(
        &self,
        asked: &[(String, String)],
        most: usize,
    ) -> Result<(Coverage, Vec<Vec<Waiting>>), StoreError>;

    /// A standalone job (timer start) by id.
    async fn start_job(&self, id: Id) -> Result<Option<Job>, StoreError>;

    /// The remembered answer of an idempotency key.
    async fn idempotency(&self, slot: Slot, key: &str) -> Result<Option<IdempotencyRow>, StoreError>;

    /// Locks up to `max` due jobs for `owner` until now + `lock_ms` (database clock): `by_age` of them those that
    /// have waited longest, the others by priority and age. Skips what other nodes lock, suspended jobs, retries 0,
    /// slots not owned, and exclusive jobs of instances of which another node has one. Costs the same whatever waits.
    async fn acquire_jobs(
        &self,
        owner: &str,
        max: u32,
        by_age: u32,
        lock_ms: Millis,
    ) -> Result<Acquired, StoreError>;

    /// Extends the locks this owner still holds; returns those it holds.
    async fn renew_jobs(&self, owner: &str, jobs: &[Id], lock_ms: Millis) -> Result<Vec<Id>, StoreError>;

    /// Gives locked jobs back (drain).
    async fn release_jobs(&self, owner: &str, jobs: &[Id]) -> Result<(), StoreError>;

    /// Gives back every job of an owner that is gone; tells how many.
    async fn release_owner(&self, owner: &str) -> Result<u64, StoreError>;

    /// Gives back jobs whose lock has ended, whoever held it; tells how many.
    async fn free_expired_jobs(&self) -> Result<u64, StoreError>;

    /// When the next job can be acquired: one cheap look.
    async fn job_outlook(&self) -> Result<JobOutlook, StoreError>;

    /// Who has which share of the jobs, for operators.
    async fn job_load(&self) -> Result<JobLoad, StoreError>;

    /// Tells a line of text to every node that works on this database, this one too; lost where the database keeps
    /// no connection to them. At most 7 000 bytes.
    async fn announce(&self, line: &str) -> Result<(), StoreError>;

    /// What any node announces from now on, changes told by the store itself ([`Subject`]) among it; `None` after a gap in which some may have been lost.
    fn announcements(&self) -> tokio::sync::mpsc::Receiver<Option<String>>;

    /// Locks up to `max` external tasks for a worker: fetchAndLock. Only owned slots are seen.
    async fn fetch_and_lock(
        &self,
        worker: &str,
        max: u32,
        topics: &[TopicRequest],
        order: FetchOrder,
    ) -> Result<Vec<Fetched>, StoreError>;

    /// The places in the queue of the first tasks that such a fetch would lock, in its order; locks nothing.
    async fn peek_tasks(
        &self,
        max: u32,
        topics: &[TopicRequest],
        order: FetchOrder,
    ) -> Result<Vec<Place>, StoreError>;

    /// Gives back tasks that a client never received: (task, lock revision of this fetch).
    async fn unlock_fetched(&self, tasks: &[(Id, i64)]) -> Result<(), StoreError>;

    /// Runs a query and tells what was owned in its snapshot. The statement hides slots by [`visible`].
    async fn select(&self, query: &sea_query::SelectStatement) -> Result<Snapshot, StoreError>;

    /// Applies entry `index` of the reference log, once, in order; a repeated index does nothing.
    async fn apply_reference(&self, index: u64, entries: &[Reference]) -> Result<(), StoreError>;
    /// Index of the last entry applied here.
    async fn applied_index(&self) -> Result<u64, StoreError>;
    /// Stores the bytes of a log entry's payload by digest, before the entry is appended.
    async fn put_payload(&self, digest: &str, bytes: &[u8]) -> Result<(), StoreError>;
    async fn payload(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Every deployment without contents; every definition; published or not.
    async fn deployments(&self) -> Result<Vec<(DeploymentRow, bool)>, StoreError>;
    /// What is known of definitions that were deleted without their history.
    async fn gone_definitions(&self) -> Result<Vec<Gone>, StoreError>;
    /// Every job definition, in the order in which the reference makes those of a definition.
    async fn job_definitions(&self) -> Result<Vec<JobDefinitionRow>, StoreError>;
    async fn resource(&self, deployment: Id, name: &str) -> Result<Option<ResourceRow>, StoreError>;
    async fn user(&self, id: &str) -> Result<Option<UserRow>, StoreError>;
    /// Whether this database shows what these changes do.
    async fn identity_holds(&self, changes: &[IdentityChange]) -> Result<bool, StoreError>;
    async fn user_count(&self) -> Result<u64, StoreError>;

    /// The database's stamp, and setting it once.
    async fn stamp(&self) -> Result<Option<Stamp>, StoreError>;
    async fn set_stamp(&self, stamp: &Stamp) -> Result<(), StoreError>;
    /// What is set for all nodes of this database under a name.
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// Sets it; without `replace` only if nothing is set yet. Gives what is set now.
    async fn put_setting(&self, name: &str, value: &str, replace: bool) -> Result<String, StoreError>;
    /// Raised with every change of slot rows.
    async fn slots_version(&self) -> Result<i64, StoreError>;
    /// Slot rows. A fresh stand-alone database owns every slot at epoch 1.
    async fn slots(&self) -> Result<Vec<SlotRow>, StoreError>;
    /// One slot's row; stores override this with a read of that row alone.
    async fn slot(&self, slot: Slot) -> Result<Option<SlotRow>, StoreError> {
        Ok(self.slots().await?.into_iter().find(|row| row.slot == slot))
    }
    /// Changes slot rows by compare-and-set on (state, epoch, move); all or none; false if one was different. Epochs never fall.
    async fn change_slots(&self, from: &[SlotRow], to: &[SlotRow]) -> Result<bool, StoreError>;
    /// Waits until every writer transaction open now has ended, at most `budget_ms`; false if some still runs.
    async fn wait_for_writers(&self, budget_ms: Millis) -> Result<bool, StoreError>;
    /// All slot-bound rows of a slot as lines of JSON (`{"t":TABLE,"r":[CELLS]}`), a page at a time after `cursor`.
    async fn export_slot(
        &self,
        slot: Slot,
        cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), StoreError>;
    /// Inserts exported lines; the slot must be `Incoming`. Repeatable.
    async fn import_slot(&self, slot: Slot, lines: &[String]) -> Result<(), StoreError>;
    /// Rows per slot-bound table of a slot, whatever its state: to verify a copy.
    async fn count_slot(&self, slot: Slot) -> Result<Vec<(String, u64)>, StoreError>;
    /// Those of the slots that have slot-bound rows here, with the number per table: to leave empty slots alone.
    async fn filled_slots(&self, slots: &[Slot]) -> Result<Vec<(Slot, String, u64)>, StoreError>;
    /// Deletes every row of a slot that is `Released` or `Incoming`.
    async fn purge_slot(&self, slot: Slot) -> Result<(), StoreError>;

    /// Rows of the outbox made before `before`, of slots owned here, at most `most`, oldest first within a slot.
    async fn outbox(&self, before: Millis, most: usize) -> Result<Vec<OutboxRow>, StoreError>;
    /// Everybody has heard: takes rows, by slot and sequence, out of the outbox.
    async fn outbox_told(&self, rows: &[(Slot, i64)]) -> Result<(), StoreError>;

    /// Adds up the rows of the counter table; its sums stay what they are.
    async fn fold_counters(&self) -> Result<(), StoreError>;

    /// Cheap liveness: one round trip that carries no statement.
    async fn ping(&self) -> Result<(), StoreError>;
    /// What the store sees of its database, for metrics.
    fn stats(&self) -> std::sync::Arc<stats::Stats>;
    /// How often a connection was lost since the start: behind the next one may be another server (a failover).
    fn lost_connections(&self) -> u64;
    /// Closes the pool.
    async fn close(&self);
}

/// Kinds of entity that have an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    Task,
    ExternalTask,
    Job,
    Incident,
    Execution,
    Subscription,
    Variable,
}
