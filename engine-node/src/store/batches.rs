//! Batches of a shard: a row each, and a row for each thing still to be done, both in slots. Whoever does something locks
//! its row first; what is done has no row any more. Rows of slots that are being moved are left alone: the slot's next
//! owner goes on with them. What its jobs are, and how they are changed: [`super::batch_jobs`].
use super::{
    backend::{Backend, Cells},
    batch_jobs::{BatchJobs, JobSetting, WhichJobs},
    cell::{Cell, Reader},
    load::VISIBLE,
    schema::{BATCH, BATCH_WORK, Type},
    sql::{Dialect, Sql, columns},
    sql_store::{SqlStore, each},
    units::numbers,
    *,
};
use bpmn_core::instance::RunState;
use rest_api::batch::JobDefinition;

/// That a row's slot is owned here, and not being moved.
pub(super) const OWNED: &str = "\"slot\" NOT IN (SELECT \"slot\" FROM slot WHERE \"state\" <> 0)";
/// Rows of one statement.
const ROWS: usize = 500;
/// What could not be done now is tried again after that time, ms.
const LATER: Millis = 1_000;

/// A batch that begins on this shard.
#[derive(Clone, Debug, PartialEq)]
pub struct NewBatch {
    pub id: Id,
    /// Where its row lies here.
    pub slot: Slot,
    pub kind: String,
    pub started: Millis,
    /// Whether history shows it.
    pub recorded: bool,
    pub create_user: Option<String>,
    /// Of the definition that all its things belong to.
    pub tenant_id: Option<String>,
    /// Of the request that makes it under an idempotency key.
    pub digest: Option<String>,
    /// Its own jobs, where they are here: what is set for them, and the id of the first seed job.
    pub jobs: Option<(BatchJobs, Id)>,
    pub work: Vec<NewWork>,
}

/// One thing to be done, in the slot that its id carries.
#[derive(Clone, Debug, PartialEq)]
pub struct NewWork {
    pub id: Id,
    pub slot: Slot,
    /// What to do, as its reader wrote it.
    pub request: String,
    /// Of the definition that the thing belongs to.
    pub deployment_id: Option<Id>,
}

/// What became of a new batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    Done,
    /// One of that id was here already.
    Known,
    /// One of that id was here already, made by another request.
    Other,
    NotOwner(Slot),
}

/// One thing that this node has locked to do it.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchWork {
    pub id: Id,
    pub batch_id: Id,
    pub request: String,
    pub retries: i32,
    pub kind: JobDefinition,
    pub deployment_id: Option<Id>,
    pub due: Option<Millis>,
    pub priority: i64,
    pub created: Millis,
    /// Whether history tells of it.
    pub recorded: bool,
    /// What its last failure has raised.
    pub incident_id: Option<Id>,
}

/// What became of things that were locked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes {
    pub done: Vec<BatchWork>,
    /// They cost a try; with what to tell of each.
    pub failed: Vec<(BatchWork, String)>,
    /// They didn't come to their turn, and cost nothing.
    pub later: Vec<BatchWork>,
    /// The batch's own jobs that follow those that are done.
    pub next: Vec<NewJob>,
}

/// A job of the batch's own that follows another.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// In the slot of the batch's part.
    pub id: Id,
    pub batch_id: Id,
    pub kind: JobDefinition,
    pub deployment_id: Option<Id>,
    pub created: Millis,
    pub due: Option<Millis>,
    pub setting: JobSetting,
}

/// Which of the things to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The oldest that are ready.
    Ready,
    /// This one, whether or not it has tries left.
    One(Id),
}

/// A change of a batch, of what this shard has of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchChange {
    Suspended(bool),
    /// What isn't done won't be; history stays.
    Stop,
    /// The same, and history goes.
    Delete,
    /// History goes.
    Forget,
    Removal(Option<Millis>),
}

/// Part of [`super::Store`].
#[async_trait]
pub trait Batches: Send + Sync {
    /// Whether there is anything to do about batches: cheap, for who asks often.
    async fn batches_wait(&self, now: Millis) -> Result<bool, StoreError>;
    /// Writes a batch with all that is to be done, in one transaction.
    async fn begin_batch(&self, batch: &NewBatch) -> Result<Begun, StoreError>;
    /// Locks what is to be done for `ms`, at most `most`.
    async fn lock_batch_work(
        &self,
        owner: &str,
        which: Which,
        most: usize,
        ms: Millis,
    ) -> Result<Vec<BatchWork>, StoreError>;
    /// Tells what became of what was locked.
    async fn end_batch_work(&self, outcomes: &Outcomes) -> Result<(), StoreError>;
    /// Ends the batches that have nothing left to do here; deletes those that history doesn't show, and those whose
    /// removal time is before `now`: how many of these there were.
    async fn settle_batches(&self, now: Millis) -> Result<u64, StoreError>;
    /// Changes a batch; false while one of its slots is being moved, and then nothing was done.
    async fn change_batch(&self, id: Id, change: BatchChange) -> Result<bool, StoreError>;
    /// Gives back what a node has locked.
    async fn release_batch_work(&self, owner: &str) -> Result<(), StoreError>;
}

pub(super) fn read_work(r: &mut Reader) -> Result<BatchWork, StoreError> {
    Ok(BatchWork {
        id: r.id()?,
        batch_id: r.id()?,
        request: r.text()?,
        retries: r.i32()?,
        kind: job_kind(r.i16()?)?,
        deployment_id: r.id_opt()?,
        due: r.int_opt()?,
        priority: r.int()?,
        created: r.int()?,
        recorded: r.bool()?,
        incident_id: r.id_opt()?,
    })
}

pub(super) fn job_kind(number: i16) -> Result<JobDefinition, StoreError> {
    JobDefinition::from_number(number)
        .ok_or_else(|| StoreError::Internal(format!("a batch's job of kind {number}")))
}

/// Columns that [`read_work`] reads.
pub(super) const WORK: &str = "\"id\", \"batch_id\", \"request\", \"retries\", \"kind\", \"deployment_id\", \"due\", \
     \"priority\", \"created\", \
     coalesce((SELECT b.\"recorded\" FROM batch b WHERE b.\"id\" = batch_work.\"batch_id\" LIMIT 1), false) AS recorded, \
     \"incident_id\"";

fn ids(work: &[BatchWork]) -> Vec<Id> {
    work.iter().map(|w| w.id).collect()
}

/// The batches that things belong to, each once.
fn batches<'w>(work: impl Iterator<Item = &'w BatchWork>) -> Vec<Id> {
    let mut ids: Vec<Id> = work.map(|w| w.batch_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn batch_row(batch: &NewBatch) -> Vec<Cell> {
    vec![
        batch.slot.into(),
        batch.id.into(),
        batch.id.into(),
        (&batch.kind).into(),
        (batch.work.len() as i64).into(),
        false.into(),
        false.into(),
        true.into(),
        batch.recorded.into(),
        batch.started.into(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        (&batch.create_user).into(),
        (&batch.tenant_id).into(),
        (&batch.digest).into(),
        batch
            .jobs
            .as_ref()
            .map_or(Cell::Null, |(jobs, _)| (&jobs.written()).into()),
    ]
}

/// What is to be done, before a seed job has come to it.
fn work_row(batch: &NewBatch, work: &NewWork) -> Vec<Cell> {
    vec![
        work.slot.into(),
        work.id.into(),
        batch.id.into(),
        batch.id.into(),
        (&work.request).into(),
        TRIES.into(),
        false.into(),
        batch.started.into(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        JobDefinition::Work.number().into(),
        false.into(),
        work.deployment_id.into(),
        Cell::Null,
        0i64.into(),
        Cell::Null,
    ]
}

/// A job of the batch's own.
pub(super) fn job_row(job: &NewJob) -> Vec<Cell> {
    vec![
        job.id.slot().unwrap_or(Slot::from_bits(0)).into(),
        job.id.into(),
        job.batch_id.into(),
        job.batch_id.into(),
        "".into(),
        TRIES.into(),
        job.setting.suspended.into(),
        job.created.into(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        job.kind.number().into(),
        true.into(),
        job.deployment_id.into(),
        job.due.into(),
        job.setting.priority.unwrap_or(0).into(),
        Cell::Null,
    ]
}

/// Tries of everything, as the reference's `defaultNumberOfRetries`.
pub(super) const TRIES: i32 = 3;

impl<B: Backend> SqlStore<B> {
    pub(super) fn inserting(&self, table: &schema::Table, rows: &[Vec<Cell>]) -> Sql {
        let sql = format!("INSERT INTO {} ({}) VALUES ", table.name, columns(table, ""));
        self.sql(&sql).rows(table.columns, rows)
    }

    async fn write_batch(&self, batch: &NewBatch) -> Result<Begun, StoreError> {
        let mut slots: Vec<Slot> = batch.work.iter().map(|w| w.slot).chain([batch.slot]).collect();
        slots.sort_unstable();
        slots.dedup();
        let mut transaction = self.backend.begin().await?;
        let known = self
            .sql("SELECT \"digest\" FROM batch WHERE \"id\" = ")
            .bind(Type::Uuid, batch.id);
        let known = each(transaction.run(known).await?, |r| r.text_opt())?;
        if let Some(known) = known.first() {
            transaction.commit().await?;
            let other = known.is_some() && batch.digest.is_some() && *known != batch.digest;
            return Ok(if other { Begun::Other } else { Begun::Known });
        }
        let sql = self.sql(&format!(
            "SELECT \"slot\" FROM slot WHERE \"state\" = 0 AND \"slot\" IN ({}) ORDER BY \"slot\"",
            numbers(&slots)
        ));
        let owned = each(transaction.run(sql.postgres(" FOR SHARE")).await?, |r| r.i16())?;
        if let Some(other) = slots.iter().find(|slot| !owned.contains(&(slot.number() as i16))) {
            return Ok(Begun::NotOwner(*other));
        }
        transaction
            .run(self.inserting(&BATCH, &[batch_row(batch)]))
            .await?;
        for part in batch.work.chunks(ROWS) {
            let rows: Vec<_> = part.iter().map(|work| work_row(batch, work)).collect();
            transaction.run(self.inserting(&BATCH_WORK, &rows)).await?;
        }
        if let Some((jobs, seed)) = &batch.jobs {
            let seed = jobs.first_seed(*seed, batch.id, batch.started);
            transaction
                .run(self.inserting(&BATCH_WORK, &[job_row(&seed)]))
                .await?;
        }
        transaction.commit().await?;
        Ok(Begun::Done)
    }

    /// The statement that locks what is ready.
    fn locking_work(&self, owner: &str, which: Which, most: usize, ms: Millis) -> Sql {
        let sql = self
            .sql("UPDATE batch_work SET \"lock_owner\" = ")
            .bind(Type::Text, owner)
            .push(", \"lock_expires\" = ")
            .now()
            .push(" + ")
            .bind(Type::Big, ms)
            .push(" WHERE \"id\" ");
        let (open, close) = match self.backend.dialect() {
            Dialect::Postgres => ("= ANY(ARRAY(", " FOR UPDATE SKIP LOCKED))"),
            Dialect::Sqlite => ("IN (", ")"),
        };
        let sql = sql.push(open).push("SELECT \"id\" FROM batch_work WHERE ");
        let sql = match which {
            // The batch ends as soon as it can, whenever its monitor job is due.
            Which::Ready => sql
                .push(&format!(
                    "\"retries\" > 0 AND \"suspended\" = false AND \"seeded\" = true AND CASE WHEN \"kind\" = {} THEN NOT EXISTS \
                     (SELECT 1 FROM batch_work o WHERE o.\"batch_id\" = batch_work.\"batch_id\" AND o.\"kind\" = {}) \
                     ELSE coalesce(\"due\", 0) <= ",
                    JobDefinition::Monitor.number(),
                    JobDefinition::Work.number()
                ))
                .now()
                .push(" END"),
            Which::One(id) => sql.push("\"seeded\" = true AND \"id\" = ").bind(Type::Uuid, id),
        };
        sql.push(" AND coalesce(\"lock_expires\", 0) < ")
            .now()
            .push(&format!(" AND {OWNED} ORDER BY \"created\" LIMIT {most}"))
            .push(close)
            .push(&format!(" RETURNING {WORK}"))
    }

    async fn tell_outcomes(&self, outcomes: &Outcomes) -> Result<(), StoreError> {
        let mut transaction = self.backend.begin().await?;
        if !outcomes.done.is_empty() {
            let sql = self
                .sql("DELETE FROM batch_work WHERE \"id\"")
                .among(&ids(&outcomes.done));
            let sql = sql.push(&format!(" AND {OWNED} RETURNING \"id\""));
            let gone = each(transaction.run(sql).await?, |r| r.id())?;
            let done = outcomes.done.iter().filter(|work| gone.contains(&work.id));
            let done: Vec<BatchWork> = done.cloned().collect();
            self.tell_ends(&mut *transaction, &done, RunState::Successful)
                .await?;
            let things = done.iter().filter(|work| work.kind == JobDefinition::Work);
            let sql = self
                .sql("UPDATE batch SET \"executed\" = ")
                .now()
                .push(" WHERE \"executed\" IS NULL AND \"id\"");
            let sql = sql.among(&batches(things));
            transaction.run(sql.push(&format!(" AND {OWNED}"))).await?;
        }
        for (work, why) in &outcomes.failed {
            self.tell_failure(&mut *transaction, work, why).await?;
        }
        if !outcomes.next.is_empty() {
            let rows: Vec<_> = outcomes.next.iter().map(job_row).collect();
            transaction.run(self.inserting(&BATCH_WORK, &rows)).await?;
        }
        if !outcomes.later.is_empty() {
            let sql = self
                .sql("UPDATE batch_work SET \"lock_owner\" = NULL, \"lock_expires\" = ")
                .now()
                .push(&format!(" + {LATER} WHERE \"id\""))
                .among(&ids(&outcomes.later));
            transaction.run(sql.push(&format!(" AND {OWNED}"))).await?;
        }
        transaction.commit().await
    }

    async fn settle(&self, now: Millis) -> Result<u64, StoreError> {
        let sql = self
            .sql("UPDATE batch SET \"running\" = false, \"ended\" = ")
            .now()
            .push(&format!(
                " WHERE \"running\" AND {OWNED} AND NOT EXISTS \
                 (SELECT 1 FROM batch_work WHERE \"batch_id\" = batch.\"id\" AND {VISIBLE})"
            ));
        self.backend.run(sql).await?;
        let sql = self
            .sql(&format!(
                "DELETE FROM batch WHERE \"running\" = false AND {OWNED} AND (\"recorded\" = false OR \"removal\" < "
            ))
            .bind(Type::Big, now)
            .push(") RETURNING \"id\", \"recorded\"");
        let gone = each(self.backend.run(sql).await?, |r| Ok((r.id()?, r.bool()?)))?;
        let ids: Vec<Id> = gone.iter().map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            for sql in self.forgetting_jobs(&ids) {
                self.backend.run(sql).await?;
            }
        }
        Ok(gone.into_iter().filter(|(_, recorded)| *recorded).count() as u64)
    }

    /// The statements that a change is.
    fn changing(&self, id: Id, change: BatchChange) -> Vec<Sql> {
        let of = |text: &str, column: &str| {
            self.sql(&format!("{text} WHERE {OWNED} AND \"{column}\" = "))
                .bind(Type::Uuid, id)
        };
        let stop = |sql: &str| {
            self.sql("UPDATE batch SET \"running\" = false, \"ended\" = ")
                .now()
                .push(&format!("{sql} WHERE {OWNED} AND \"running\" AND \"id\" = "))
                .bind(Type::Uuid, id)
        };
        match change {
            BatchChange::Suspended(suspended) => ["batch", "batch_work"]
                .map(|table| {
                    let column = if table == "batch" { "id" } else { "batch_id" };
                    of(&format!("UPDATE {table} SET \"suspended\" = {suspended}"), column)
                })
                .to_vec(),
            BatchChange::Stop => vec![stop("")],
            BatchChange::Delete => {
                let mut all = vec![of("DELETE FROM batch", "id")];
                all.extend(self.forgetting_jobs(&[id]));
                all
            }
            BatchChange::Forget => {
                let mut all = vec![of("UPDATE batch SET \"recorded\" = false", "id")];
                all.extend(self.forgetting_jobs(&[id]));
                all
            }
            BatchChange::Removal(at) => vec![
                self.sql("UPDATE batch SET \"removal\" = ")
                    .bind(Type::Big, at)
                    .push(&format!(" WHERE {OWNED} AND \"id\" = "))
                    .bind(Type::Uuid, id),
            ],
        }
    }

    async fn apply_change(&self, id: Id, change: BatchChange) -> Result<bool, StoreError> {
        let mut transaction = self.backend.begin().await?;
        // Neither a slot's old owner nor its new one may miss the change.
        let moving = |table: &str, column: &str| {
            self.sql(&format!(
                "SELECT count(*) FROM {table} WHERE \"slot\" IN (SELECT \"slot\" FROM slot WHERE \"state\" IN (1, 2)) AND \"{column}\" = "
            ))
            .bind(Type::Uuid, id)
        };
        for (table, column) in [("batch", "id"), ("batch_work", "batch_id")] {
            let found = each(transaction.run(moving(table, column)).await?, |r| r.int())?;
            if found.first().is_some_and(|n| *n > 0) {
                return Ok(false);
            }
        }
        match change {
            BatchChange::Stop | BatchChange::Delete => {
                let of = WhichJobs::Of(id, None);
                self.delete_jobs(&mut *transaction, of).await?;
            }
            BatchChange::Suspended(suspended) => {
                let set = |jobs: &mut BatchJobs| jobs.suspend(suspended);
                self.set_jobs(&mut *transaction, id, &set).await?;
            }
            BatchChange::Forget | BatchChange::Removal(_) => {}
        }
        for sql in self.changing(id, change) {
            transaction.run(sql).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

pub(super) fn any(rows: Cells) -> bool {
    !rows.is_empty()
}

#[async_trait]
impl<B: Backend> Batches for SqlStore<B> {
    async fn batches_wait(&self, now: Millis) -> Result<bool, StoreError> {
        let sql = self
            .sql(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM batch_work WHERE \"retries\" > 0 AND \"suspended\" = false) \
                 OR EXISTS (SELECT 1 FROM batch WHERE \"running\") \
                 OR EXISTS (SELECT 1 FROM batch WHERE \"recorded\" = false) \
                 OR EXISTS (SELECT 1 FROM batch WHERE \"removal\" < ",
            )
            .bind(Type::Big, now)
            .push(")");
        Ok(any(self.backend.read(sql).await?))
    }

    async fn begin_batch(&self, batch: &NewBatch) -> Result<Begun, StoreError> {
        let begun = self.write_batch(batch).await?;
        self.tell(Subject::Batches).await;
        Ok(begun)
    }

    async fn lock_batch_work(
        &self,
        owner: &str,
        which: Which,
        most: usize,
        ms: Millis,
    ) -> Result<Vec<BatchWork>, StoreError> {
        let locked = self
            .backend
            .run(self.locking_work(owner, which, most, ms))
            .await?;
        each(locked, read_work)
    }

    async fn end_batch_work(&self, outcomes: &Outcomes) -> Result<(), StoreError> {
        self.tell_outcomes(outcomes).await
    }

    async fn settle_batches(&self, now: Millis) -> Result<u64, StoreError> {
        self.settle(now).await
    }

    async fn change_batch(&self, id: Id, change: BatchChange) -> Result<bool, StoreError> {
        let changed = self.apply_change(id, change).await?;
        self.tell(Subject::Batches).await;
        Ok(changed)
    }

    async fn release_batch_work(&self, owner: &str) -> Result<(), StoreError> {
        let sql = self
            .sql("UPDATE batch_work SET \"lock_owner\" = NULL, \"lock_expires\" = NULL WHERE \"lock_owner\" = ")
            .bind(Type::Text, owner)
            .push(&format!(" AND {OWNED}"));
        self.backend.run(sql).await.map(drop)
    }
}
