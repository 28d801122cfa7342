//! What a shard's database needs beside the work on instances: clean-up of expired history, partitions ahead of
//! time, and the queue of a history sink.
use super::StoreError;
use async_trait::async_trait;
use bpmn_core::{Id, Millis};

/// The clean-up "job" of a shard, as the API shows it. Times are Unix ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupJob {
    /// When the first one was asked for; `None`: there is none.
    pub created: Option<Millis>,
    /// When it runs next, or ran last if it is suspended.
    pub due: Option<Millis>,
    /// It waits for somebody to ask for it.
    pub suspended: bool,
}

/// Which trees of history have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Roots of this definition that ended from `from` to before `before`.
    Definition { id: Id, from: Millis, before: Millis },
    /// Roots whose removal time, set by hand, lies before that and that ended before `ended`.
    Removal { before: Millis, ended: Millis },
    /// Evaluations of this decision that no process asked for, from `from` to before `before`.
    Decision { id: Id, from: Millis, before: Millis },
}

/// What one portion of the clean-up has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Trees deleted.
    pub trees: u64,
    /// Where the next portion of the same definition begins.
    pub upto: Millis,
    /// There may be more.
    pub more: bool,
}

/// What waits for the sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Batches of rows that wait; counted up to 100 000.
    pub batches: u64,
    /// Time of the oldest, Unix ms.
    pub oldest: Option<Millis>,
}

/// A batch of history rows for the sink.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// What to acknowledge.
    pub batches: Vec<i64>,
    /// One row each.
    pub events: Vec<Event>,
}

/// A history row as the sink gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub table: &'static str,
    pub root_id: Id,
    pub id: Id,
    /// Columns by name.
    pub row: serde_json::Map<String, serde_json::Value>,
}

/// Rows and bytes of a group of tables.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GroupSize {
    /// `runtime`, `history`, `bytes` or `reference`.
    pub group: &'static str,
    /// Estimated by the database where it can, else counted.
    pub rows: i64,
    /// With indexes; `None` where the database can't tell.
    pub bytes: Option<i64>,
    /// Rows inserted, changed and deleted since the database's statistics began; `None` where it has none.
    pub written: Option<i64>,
}

/// Part of [`super::Store`].
#[async_trait]
pub trait Housekeeping: Send + Sync {
    /// Takes or renews a lease of that name for `ms` (database clock); gives what to renew it with, or `None` while
    /// another node has it.
    async fn lease(&self, name: &str, held: Option<i64>, ms: Millis) -> Result<Option<i64>, StoreError>;
    /// Gives a lease back.
    async fn end_lease(&self, name: &str, held: i64) -> Result<(), StoreError>;

    /// The clean-up job.
    async fn cleanup_job(&self) -> Result<CleanupJob, StoreError>;
    /// Makes the clean-up job, or sets when it runs; the time of its creation stays.
    async fn set_cleanup_job(&self, job: CleanupJob) -> Result<(), StoreError>;
    /// Takes the clean-up job away.
    async fn forget_cleanup_job(&self) -> Result<(), StoreError>;
    /// Has the job log tell of it, under its id.
    async fn tell_of_cleanup(&self, id: Id, job: &CleanupJob, state: i16) -> Result<(), StoreError>;
    /// Deletes at most `most` expired trees whole, in one transaction; trees of slots that are moving, or aren't
    /// owned, stay.
    async fn clean(&self, expired: Expired, most: usize) -> Result<Cleaned, StoreError>;

    /// Deletes a part of history, unless its slot is moving or elsewhere: then false.
    async fn forget(&self, what: super::forget::Forget) -> Result<bool, StoreError>;
    /// The job log tells no more that jobs of no instance were made: those of these definitions, those for that
    /// deployment. It will tell of their ends.
    async fn forget_making(&self, definitions: &[Id], deployment: Option<Id>) -> Result<(), StoreError>;
    /// Forgets the answers to idempotency keys that were given before that time, unless their instance runs or ended
    /// later; gives how many.
    async fn forget_keys(&self, before: Millis) -> Result<u64, StoreError>;
    /// Sets when a part of history is to go ([`crate::query::history_process::NEVER`]: never); `None`: as its definition
    /// says. False while its slot is moving or elsewhere.
    async fn set_removal(
        &self,
        of: super::removal::Removable,
        at: Option<Millis>,
    ) -> Result<bool, StoreError>;
    /// Sets or removes the note on what one operation has told the user log, all of it that is here. Whether there is
    /// any; `None` while some of it is in a slot that is moving: nothing is changed then.
    async fn annotate_operation(&self, operation: Id, text: Option<&str>)
    -> Result<Option<bool>, StoreError>;
    /// Adds to what a node has counted in the quarter of an hour that begins at `bucket`.
    async fn add_metrics(
        &self,
        reporter: &str,
        bucket: Millis,
        counts: &[(&str, i64)],
    ) -> Result<(), StoreError>;

    /// Makes the next partitions of those retention classes if they begin soon after `now`; gives how many were
    /// made. Does nothing on SQLite.
    async fn make_partitions(&self, classes: &[i16], now: Millis) -> Result<usize, StoreError>;
    /// Drops partitions all of whose trees have ended (before `ended`) and expired; gives the trees they held.
    async fn drop_partitions(&self, now: Millis, ended: Millis) -> Result<u64, StoreError>;

    /// Has history rows noted for the sink from now on, or no more.
    async fn watch_history(&self, on: bool) -> Result<(), StoreError>;
    /// The oldest rows that wait for the sink.
    async fn history_events(&self, batches: usize) -> Result<Events, StoreError>;
    /// Forgets batches that the sink has.
    async fn history_sent(&self, batches: &[i64]) -> Result<(), StoreError>;
    /// What waits for the sink.
    async fn history_backlog(&self) -> Result<Backlog, StoreError>;

    /// Size and writes of the groups of tables.
    async fn storage(&self) -> Result<Vec<GroupSize>, StoreError>;
}
