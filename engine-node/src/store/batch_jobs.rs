//! The jobs of batches as rows: seeding what waits, what is changed of one or of many, and what history is told of their
//! ends and failures. The batch's own jobs and what is set for its job definitions lie with one part of it, in that
//! part's slot; whoever runs a seed or monitor job asks all parts (`rest::batch::own_jobs`).
use super::{
    backend::{Backend, Transaction},
    batches::{OWNED, TRIES, WORK, any, job_row, read_work},
    cell::Cell,
    load::VISIBLE,
    schema::{BATCH_WORK, HISTORY_JOB, INCIDENT, Type},
    sql::Sql,
    sql_store::{SqlStore, each},
    *,
};
use bpmn_core::instance::RunState;
use rest_api::batch::JobDefinition;
use serde::{Deserialize, Serialize};
use topology::IdGenerator;

/// Ids of what history is told.
static IDS: std::sync::LazyLock<IdGenerator> = std::sync::LazyLock::new(IdGenerator::default);

/// What is set for a job definition of a batch: its jobs begin with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSetting {
    pub suspended: bool,
    pub priority: Option<i64>,
}

/// What is set for the job definitions of a batch, and the deployment that its first seed job is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchJobs {
    pub seed: JobSetting,
    pub monitor: JobSetting,
    pub work: JobSetting,
    pub deployment_id: Option<Id>,
}

impl BatchJobs {
    /// What is set for jobs of a kind.
    pub fn of(&self, kind: JobDefinition) -> JobSetting {
        match kind {
            JobDefinition::Seed => self.seed,
            JobDefinition::Monitor => self.monitor,
            JobDefinition::Work => self.work,
        }
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, kind: JobDefinition) -> &mut JobSetting {
        match kind {
            JobDefinition::Seed => &mut self.seed,
            JobDefinition::Monitor => &mut self.monitor,
            JobDefinition::Work => &mut self.work,
        }
    }

    /// Suspends or activates all of them.
    pub fn suspend(&mut self, suspended: bool) {
        for kind in JobDefinition::ALL {
            self.of_mut(kind).suspended = suspended;
        }
    }

    /// The job that a batch begins with.
    pub fn first_seed(&self, id: Id, batch_id: Id, created: Millis) -> NewJob {
        NewJob {
            id,
            batch_id,
            kind: JobDefinition::Seed,
            deployment_id: self.deployment_id,
            created,
            due: None,
            setting: self.seed,
        }
    }

    /// As it is stored.
    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what is stored.
    pub fn read(text: &str) -> BatchJobs {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Which of the jobs of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichJobs {
    One(Id),
    /// Those of a batch that are here, of a kind or all.
    Of(Id, Option<JobDefinition>),
}

/// A change of such jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchJobChange {
    Suspended(bool),
    Priority(i64),
    Due(Option<Millis>),
    /// With another due date if there is one; `failed`: of those alone that have none left.
    Retries {
        retries: i32,
        due: Option<Option<Millis>>,
        failed: bool,
    },
    Delete,
}

/// What is left to be done of a batch, here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    pub all: i64,
    /// What no seed job has come to.
    pub waiting: i64,
    /// Whose turn it is among them: those of the first deployment, of none at last.
    pub next: Option<Id>,
}

/// Part of [`super::Store`].
#[async_trait]
pub trait JobsOfBatches: Send + Sync {
    /// Makes this shard's part the one that has the batch's own jobs, and writes the first; false if it has them already,
    /// or there is no such part.
    async fn lead_batch(&self, id: Id, deployment_id: Option<Id>) -> Result<bool, StoreError>;
    /// What is set for a batch's jobs, if its own are here, and whether it still runs here.
    async fn batch_jobs(&self, id: Id) -> Result<Option<BatchJobs>, StoreError>;
    /// Changes what is set for a batch's jobs; false if its own are elsewhere.
    async fn set_batch_jobs(
        &self,
        id: Id,
        set: &(dyn for<'j> Fn(&'j mut BatchJobs) + Send + Sync),
    ) -> Result<bool, StoreError>;
    /// What is left to be done of a batch, here.
    async fn remains_of_batch(&self, id: Id) -> Result<Remains, StoreError>;
    /// Makes jobs of what waits for that deployment's turn, at most `most`; gives their number.
    async fn seed_batch(
        &self,
        id: Id,
        deployment_id: Option<Id>,
        most: i64,
        setting: JobSetting,
    ) -> Result<i64, StoreError>;
    /// Sets or clears the annotation of an incident that belongs to no instance; false if there is none of that id.
    async fn annotate_alone(&self, incident: Id, text: Option<&str>) -> Result<bool, StoreError>;
    /// Changes jobs of batches; gives their number.
    async fn change_jobs_of_batches(
        &self,
        which: WhichJobs,
        change: BatchJobChange,
    ) -> Result<u64, StoreError>;
}

/// What history is told of a run: `why` it failed.
fn run_row(work: &BatchWork, state: RunState, time: Millis, why: Option<&str>) -> Vec<Cell> {
    let slot = slot_of(work);
    let due_when_made = work.due.filter(|_| work.kind == JobDefinition::Monitor);
    vec![
        IDS.next(slot).into(),
        slot.into(),
        0i16.into(),
        work.batch_id.into(),
        work.id.into(),
        Cell::Null,
        // The deployment that it is for, in the place of an execution.
        work.deployment_id.into(),
        Id::NIL.into(),
        "".into(),
        (BATCH_JOB + work.kind.number()).into(),
        work.due.into(),
        work.retries.into(),
        work.priority.into(),
        work.created.into(),
        time.into(),
        (state as i16).into(),
        why.into(),
        why.into(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        TRIES.into(),
        due_when_made.into(),
        work.priority.into(),
    ]
}

/// Where a job's row lies, and what is told of it: its id carries the slot.
fn slot_of(work: &BatchWork) -> Slot {
    work.id.slot().unwrap_or(Slot::from_bits(0))
}

/// Kinds of jobs of batches in history and lists: this and the number of [`JobDefinition`].
pub const BATCH_JOB: i16 = 100;

impl<B: Backend> SqlStore<B> {
    /// The statements that take away what history tells of batches' jobs.
    pub(super) fn forgetting_jobs(&self, batches: &[Id]) -> Vec<Sql> {
        ["history_job", "history_incident"]
            .map(|table| {
                self.sql(&format!("DELETE FROM {table} WHERE \"root_id\""))
                    .among(batches)
                    .push(&format!(" AND {OWNED}"))
            })
            .to_vec()
    }

    async fn now_in(&self, transaction: &mut dyn Transaction) -> Result<Millis, StoreError> {
        let found = transaction.run(self.sql("SELECT ").now()).await?;
        let found = each(found, |r| r.int())?;
        Ok(found.first().copied().unwrap_or_default())
    }

    /// Tells history of jobs that are gone, and resolves what they had raised.
    pub(super) async fn tell_ends(
        &self,
        transaction: &mut dyn Transaction,
        jobs: &[BatchWork],
        state: RunState,
    ) -> Result<(), StoreError> {
        let time = self.now_in(transaction).await?;
        let told: Vec<_> = jobs
            .iter()
            .filter(|job| job.recorded)
            .map(|job| run_row(job, state, time, None))
            .collect();
        for rows in told.chunks(ROWS) {
            transaction.run(self.inserting(&HISTORY_JOB, rows)).await?;
        }
        let raised: Vec<Id> = jobs.iter().filter_map(|job| job.incident_id).collect();
        self.end_incidents(transaction, &raised, state == RunState::Deleted)
            .await
    }

    /// Incidents of jobs are over: resolved, or deleted with their jobs.
    async fn end_incidents(
        &self,
        transaction: &mut dyn Transaction,
        incidents: &[Id],
        deleted: bool,
    ) -> Result<(), StoreError> {
        if incidents.is_empty() {
            return Ok(());
        }
        let same = "\"id\", \"slot\", \"root_id\", \"instance_id\", \"execution_id\", \"definition_id\", \"kind\", \"element\", \
                    \"message\", \"configuration\", \"created\", \"cause_id\", \"root_cause_id\", \"tenant_id\", \"job_kind\", \
                    \"annotation\", \"failed_element\"";
        let sql = self
            .sql(&format!(
                "INSERT INTO history_incident ({same}, \"retention\", \"ended\", \"state\") SELECT {same}, 0, "
            ))
            .now()
            .push(&format!(", {} FROM incident WHERE", if deleted { 2 } else { 1 }))
            .push(" \"recorded\" = true AND \"id\"")
            .among(incidents)
            .push(&format!(" AND {OWNED}"));
        transaction.run(sql).await?;
        let sql = self.sql("DELETE FROM incident WHERE \"id\"").among(incidents);
        transaction.run(sql.push(&format!(" AND {OWNED}"))).await?;
        Ok(())
    }

    /// A try that has failed: it costs one, and the last one raises an incident.
    pub(super) async fn tell_failure(
        &self,
        transaction: &mut dyn Transaction,
        work: &BatchWork,
        why: &str,
    ) -> Result<(), StoreError> {
        let left = (work.retries - 1).max(0);
        let sql = self
            .sql(&format!(
                "UPDATE batch_work SET \"retries\" = {left}, \"lock_owner\" = NULL, \"lock_expires\" = NULL, \"failed\" = "
            ))
            .now()
            .push(", \"error_message\" = ")
            .bind(Type::Text, why)
            .push(" WHERE \"id\" = ")
            .bind(Type::Uuid, work.id)
            .push(&format!(" AND {OWNED} RETURNING \"id\""));
        if !any(transaction.run(sql).await?) {
            return Ok(());
        }
        if work.recorded {
            let time = self.now_in(transaction).await?;
            let row = run_row(work, RunState::Failed, time, Some(why));
            transaction.run(self.inserting(&HISTORY_JOB, &[row])).await?;
        }
        match left == 0 && work.incident_id.is_none() {
            true => self.raise(transaction, work, Some(why)).await,
            false => Ok(()),
        }
    }

    /// Raises an incident: the job has no tries left.
    async fn raise(
        &self,
        transaction: &mut dyn Transaction,
        work: &BatchWork,
        why: Option<&str>,
    ) -> Result<(), StoreError> {
        let slot = slot_of(work);
        let id = IDS.next(slot);
        let row: Vec<Cell> = vec![
            id.into(),
            slot.into(),
            work.batch_id.into(),
            Cell::Null,
            Cell::Null,
            Id::NIL.into(),
            "failedJob".into(),
            // The job definition, in the place of an element.
            (&work.kind.of(work.batch_id).to_string()).into(),
            why.into(),
            (&work.id.to_string()).into(),
            self.now_in(transaction).await?.into(),
            id.into(),
            id.into(),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            work.recorded.into(),
            Cell::Null,
        ];
        transaction.run(self.inserting(&INCIDENT, &[row])).await?;
        let sql = self
            .sql("UPDATE batch_work SET \"incident_id\" = ")
            .bind(Type::Uuid, id);
        let sql = sql.push(" WHERE \"id\" = ").bind(Type::Uuid, work.id);
        transaction.run(sql).await.map(drop)
    }

    fn which(&self, sql: Sql, which: WhichJobs) -> Sql {
        let sql = sql.push(&format!(" WHERE {OWNED} AND \"seeded\" = true AND "));
        match which {
            WhichJobs::One(id) => sql.push("\"id\" = ").bind(Type::Uuid, id),
            WhichJobs::Of(batch, kind) => {
                let sql = sql.push("\"batch_id\" = ").bind(Type::Uuid, batch);
                match kind {
                    Some(kind) => sql.push(&format!(" AND \"kind\" = {}", kind.number())),
                    None => sql,
                }
            }
        }
    }

    /// Takes jobs away: of a whole batch with what has not become a job.
    pub(super) async fn delete_jobs(
        &self,
        transaction: &mut dyn Transaction,
        which: WhichJobs,
    ) -> Result<u64, StoreError> {
        let sql = self.which(self.sql("DELETE FROM batch_work"), which);
        let gone = transaction.run(sql.push(&format!(" RETURNING {WORK}"))).await?;
        let gone = each(gone, read_work)?;
        self.tell_ends(transaction, &gone, RunState::Deleted).await?;
        if let WhichJobs::Of(batch, None) = which {
            let sql = self.sql(&format!(
                "DELETE FROM batch_work WHERE {OWNED} AND \"batch_id\" = "
            ));
            transaction.run(sql.bind(Type::Uuid, batch)).await?;
        }
        Ok(gone.len() as u64)
    }

    async fn give_tries(
        &self,
        transaction: &mut dyn Transaction,
        which: WhichJobs,
        retries: i32,
        due: Option<Option<Millis>>,
        failed: bool,
    ) -> Result<u64, StoreError> {
        let failed = if failed { " AND \"retries\" = 0" } else { "" };
        let sql = self
            .which(self.sql(&format!("SELECT {WORK} FROM batch_work")), which)
            .push(failed);
        let found = each(transaction.run(sql).await?, read_work)?;
        let sql = self.sql(&format!(
            "UPDATE batch_work SET \"retries\" = {retries}, \"lock_expires\" = NULL"
        ));
        let sql = match due {
            Some(due) => sql.push(", \"due\" = ").bind(Type::Big, due),
            None => sql,
        };
        let sql = match retries > 0 {
            true => sql.push(", \"incident_id\" = NULL"),
            false => sql,
        };
        transaction.run(self.which(sql, which).push(failed)).await?;
        if retries > 0 {
            let raised: Vec<Id> = found.iter().filter_map(|job| job.incident_id).collect();
            self.end_incidents(transaction, &raised, false).await?;
        } else {
            for job in found.iter().filter(|job| job.incident_id.is_none()) {
                self.raise(transaction, job, None).await?;
            }
        }
        Ok(found.len() as u64)
    }

    /// Changes what is set for a batch's jobs; false if its own are elsewhere.
    pub(super) async fn set_jobs(
        &self,
        transaction: &mut dyn Transaction,
        id: Id,
        set: &(dyn for<'j> Fn(&'j mut BatchJobs) + Send + Sync),
    ) -> Result<bool, StoreError> {
        let sql = self
            .sql(&format!(
                "SELECT \"jobs\" FROM batch WHERE {OWNED} AND \"jobs\" IS NOT NULL AND \"id\" = "
            ))
            .bind(Type::Uuid, id)
            .postgres(" FOR UPDATE");
        let found = each(transaction.run(sql).await?, |r| r.text())?;
        let Some(text) = found.first() else {
            return Ok(false);
        };
        let mut jobs = BatchJobs::read(text);
        set(&mut jobs);
        let sql = self
            .sql("UPDATE batch SET \"jobs\" = ")
            .bind(Type::Text, &jobs.written())
            .push(&format!(" WHERE {OWNED} AND \"jobs\" IS NOT NULL AND \"id\" = "))
            .bind(Type::Uuid, id);
        transaction.run(sql).await?;
        Ok(true)
    }
}

/// Rows of one statement.
const ROWS: usize = 500;

#[async_trait]
impl<B: Backend> JobsOfBatches for SqlStore<B> {
    async fn lead_batch(&self, id: Id, deployment_id: Option<Id>) -> Result<bool, StoreError> {
        let jobs = BatchJobs {
            deployment_id,
            ..BatchJobs::default()
        };
        let mut transaction = self.backend.begin().await?;
        let sql = self
            .sql("UPDATE batch SET \"jobs\" = ")
            .bind(Type::Text, &jobs.written())
            .push(&format!(
                " WHERE {OWNED} AND \"jobs\" IS NULL AND \"running\" AND \"id\" = "
            ))
            .bind(Type::Uuid, id)
            .push(" RETURNING \"slot\", \"started\"");
        let led = each(transaction.run(sql).await?, |r| Ok((r.i16()?, r.int()?)))?;
        let led = led
            .first()
            .and_then(|(slot, started)| Some((Slot::new(*slot as u16).ok()?, *started)));
        if let Some((slot, started)) = led {
            let seed = jobs.first_seed(IDS.next(slot), id, started);
            transaction
                .run(self.inserting(&BATCH_WORK, &[job_row(&seed)]))
                .await?;
        }
        transaction.commit().await?;
        self.tell(Subject::Batches).await;
        Ok(led.is_some())
    }

    async fn batch_jobs(&self, id: Id) -> Result<Option<BatchJobs>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT \"jobs\" FROM batch WHERE {VISIBLE} AND \"running\" AND \"jobs\" IS NOT NULL AND \"id\" = "
        ));
        let found = self.backend.read(sql.bind(Type::Uuid, id)).await?;
        Ok(each(found, |r| r.text())?
            .first()
            .map(|text| BatchJobs::read(text)))
    }

    async fn set_batch_jobs(
        &self,
        id: Id,
        set: &(dyn for<'j> Fn(&'j mut BatchJobs) + Send + Sync),
    ) -> Result<bool, StoreError> {
        let mut transaction = self.backend.begin().await?;
        let done = self.set_jobs(&mut *transaction, id, set).await?;
        transaction.commit().await?;
        Ok(done)
    }

    async fn remains_of_batch(&self, id: Id) -> Result<Remains, StoreError> {
        let of = |what: &str| {
            self.sql(&format!(
                "SELECT {what} FROM batch_work WHERE {VISIBLE} AND \"batch_id\" = "
            ))
            .bind(Type::Uuid, id)
        };
        let work = JobDefinition::Work.number();
        let counted = of("count(*), coalesce(sum(CASE WHEN \"seeded\" THEN 0 ELSE 1 END), 0)");
        let counted = counted.push(&format!(" AND \"kind\" = {work}"));
        let counted = each(self.backend.read(counted).await?, |r| Ok((r.int()?, r.int()?)))?;
        let (all, waiting) = counted.first().copied().unwrap_or_default();
        let next = of("\"deployment_id\"").push(
            " AND \"seeded\" = false AND \"deployment_id\" IS NOT NULL ORDER BY \"deployment_id\" LIMIT 1",
        );
        let next = each(self.backend.read(next).await?, |r| r.id_opt())?;
        Ok(Remains {
            all,
            waiting,
            next: next.first().copied().flatten(),
        })
    }

    async fn seed_batch(
        &self,
        id: Id,
        deployment_id: Option<Id>,
        most: i64,
        setting: JobSetting,
    ) -> Result<i64, StoreError> {
        let sql = self
            .sql(&format!(
                "UPDATE batch_work SET \"seeded\" = true, \"suspended\" = {}, \"priority\" = {}, \"created\" = ",
                setting.suspended,
                setting.priority.unwrap_or(0)
            ))
            .now()
            .push(&format!(
                " WHERE \"id\" IN (SELECT \"id\" FROM batch_work WHERE {OWNED} AND \"seeded\" = false AND \"batch_id\" = "
            ))
            .bind(Type::Uuid, id)
            .push(" AND \"deployment_id\" ");
        let sql = match deployment_id {
            Some(deployment) => sql.push("= ").bind(Type::Uuid, deployment),
            None => sql.push("IS NULL"),
        };
        let sql = sql.push(&format!(" ORDER BY \"id\" LIMIT {most}) RETURNING \"id\""));
        let seeded = each(self.backend.run(sql).await?, |r| r.id())?.len() as i64;
        if seeded > 0 {
            self.tell(Subject::Batches).await;
        }
        Ok(seeded)
    }

    async fn annotate_alone(&self, incident: Id, text: Option<&str>) -> Result<bool, StoreError> {
        let sql = self
            .sql("UPDATE incident SET \"annotation\" = ")
            .bind(Type::Text, text)
            .push(&format!(
                " WHERE {OWNED} AND \"instance_id\" IS NULL AND \"id\" = "
            ))
            .bind(Type::Uuid, incident)
            .push(" RETURNING \"id\"");
        Ok(any(self.backend.run(sql).await?))
    }

    async fn change_jobs_of_batches(
        &self,
        which: WhichJobs,
        change: BatchJobChange,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.backend.begin().await?;
        let transaction_ref = &mut *transaction;
        let set = |text: &str| self.sql(&format!("UPDATE batch_work SET {text}"));
        let update = match change {
            BatchJobChange::Suspended(suspended) => set(&format!("\"suspended\" = {suspended}")),
            BatchJobChange::Priority(priority) => set(&format!("\"priority\" = {priority}")),
            BatchJobChange::Due(due) => set("\"due\" = ").bind(Type::Big, due),
            BatchJobChange::Retries { retries, due, failed } => {
                let changed = self
                    .give_tries(transaction_ref, which, retries, due, failed)
                    .await?;
                transaction.commit().await?;
                self.tell(Subject::Batches).await;
                return Ok(changed);
            }
            BatchJobChange::Delete => {
                let changed = self.delete_jobs(transaction_ref, which).await?;
                transaction.commit().await?;
                self.tell(Subject::Batches).await;
                return Ok(changed);
            }
        };
        let update = self.which(update, which).push(" RETURNING \"id\"");
        let changed = each(transaction_ref.run(update).await?, |r| r.id())?.len() as u64;
        transaction.commit().await?;
        self.tell(Subject::Batches).await;
        Ok(changed)
    }
}
