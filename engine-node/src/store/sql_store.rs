//! The store over either database: what is the same in both. Parts of the trait that need some room are in
//! [`super::jobs`], [`super::load`], [`super::locks`], [`super::reference`] and [`super::slots`].
use super::{
    backend::{Backend, Cells},
    cell::{CellRow, Reader},
    change::{Change, Prepared, prepare, waves},
    codec,
    schema::{IDEMPOTENCY, JOB, Type},
    sql::{Sql, columns},
    *,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// Batches are remembered that long: far longer than anyone asks about one.
const BATCH_MEMORY_MS: u64 = 15 * 60_000;
/// How often old ones are deleted.
const CLEAN_EVERY_MS: u64 = 60_000;
/// Most units of one statement.
const BATCH: usize = 512;

/// [`Store`] over a [`Backend`].
pub(crate) struct SqlStore<B> {
    pub backend: Arc<B>,
    /// What was owned at which version of the slot rows.
    pub coverage: Mutex<Option<(i64, Coverage)>>,
    cleaned: AtomicU64,
}

impl<B: Backend> SqlStore<B> {
    pub fn new(backend: B) -> SqlStore<B> {
        SqlStore {
            backend: Arc::new(backend),
            coverage: Mutex::new(None),
            cleaned: AtomicU64::new(0),
        }
    }

    /// A statement to build on.
    pub fn sql(&self, text: &str) -> Sql {
        Sql::new(self.backend.dialect(), text)
    }

    async fn write_units(&self, units: &[Unit]) -> Result<Vec<Applied>, StoreError> {
        let mut results: Vec<Option<Applied>> = units.iter().map(|_| None).collect();
        let mut changes: Vec<(usize, Change)> = Vec::with_capacity(units.len());
        for (index, unit) in units.iter().enumerate() {
            match prepare(unit)? {
                Prepared::Change(change) => changes.push((index, change)),
                Prepared::Refused(reason) => results[index] = Some(Applied::Refused(reason)),
            }
        }
        for wave in waves(&changes) {
            for part in wave.chunks(BATCH) {
                let batch: Vec<&Change> = part.iter().map(|at| &changes[*at].1).collect();
                let applied = self.backend.write(&batch).await?;
                part.iter()
                    .zip(applied)
                    .for_each(|(at, a)| results[changes[*at].0] = Some(a));
            }
        }
        self.clean_batches();
        let missing = || StoreError::Internal("a unit was not written".to_string());
        results.into_iter().map(|r| r.ok_or_else(missing)).collect()
    }

    /// Tells the nodes of the shard of a change that has been committed. Whoever doesn't hear looks by itself later.
    pub(super) async fn tell(&self, subject: Subject) {
        if let Err(error) = self.backend.announce(subject.line()).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, subject = subject.line(), "other nodes were not told");
        }
    }

    /// Deletes old rows of the commit table now and then, beside the work.
    fn clean_batches(&self) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as u64);
        let last = self.cleaned.load(Ordering::Relaxed);
        let due = self.backend.dialect() == sql::Dialect::Postgres && now > last + CLEAN_EVERY_MS;
        if !due
            || self
                .cleaned
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        // Batches are named by time.
        let oldest = Id::from_parts(now.saturating_sub(BATCH_MEMORY_MS), 0, Slot::from_bits(0), 0);
        let sql = self
            .sql("DELETE FROM commit_batch WHERE \"id\" < ")
            .bind(Type::Uuid, oldest);
        let backend = self.backend.clone();
        tokio::spawn(async move {
            if let Err(error) = backend.run(sql).await {
                tracing::warn!(error = %error, "old rows of the commit table were not deleted");
            }
        });
    }

    /// The first cell of the first row as a number.
    pub async fn number(&self, sql: Sql) -> Result<Option<i64>, StoreError> {
        self.backend
            .read(sql)
            .await?
            .into_iter()
            .next()
            .map(|row| CellRow(row).i64(0))
            .transpose()
    }
}

/// Reads each row with `read`.
pub(crate) fn each<T>(
    rows: Cells,
    read: impl Fn(&mut Reader) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(|row| read(&mut Reader::new(row))).collect()
}

#[async_trait]
impl<B: Backend> Store for SqlStore<B> {
    async fn write(&self, units: &[Unit]) -> Result<Vec<Applied>, StoreError> {
        self.write_units(units).await
    }

    async fn load(&self, instances: &[Id]) -> Result<Vec<Loaded>, StoreError> {
        self.load_instances(instances).await
    }

    async fn large_values(
        &self,
        of: &[(Id, Id)],
    ) -> Result<Vec<(Id, bpmn_core::large::Content)>, StoreError> {
        self.read_large(of).await
    }

    async fn instance_of(&self, entity: Entity, id: Id) -> Result<Option<Id>, StoreError> {
        Ok(self.owners(entity, &[id]).await?.pop().flatten())
    }

    async fn instances_of(&self, entity: Entity, ids: &[Id]) -> Result<Vec<Option<Id>>, StoreError> {
        self.owners(entity, ids).await
    }

    async fn waiting(
        &self,
        asked: &[(String, String)],
        most: usize,
    ) -> Result<(Coverage, Vec<Vec<Waiting>>), StoreError> {
        self.waiting_for(asked, most).await
    }

    async fn start_job(&self, id: Id) -> Result<Option<Job>, StoreError> {
        let sql = self.sql(&format!("SELECT {} FROM job WHERE \"id\" = ", columns(&JOB, "")));
        let sql = sql
            .bind(Type::Uuid, id)
            .push(" AND \"instance_id\" IS NULL AND ")
            .push(load::VISIBLE);
        Ok(each(self.backend.read(sql).await?, codec::read_job)?.pop())
    }

    async fn idempotency(&self, slot: Slot, key: &str) -> Result<Option<IdempotencyRow>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT {} FROM idempotency WHERE \"slot\" = ",
            columns(&IDEMPOTENCY, "")
        ));
        let sql = sql
            .bind(Type::Small, slot)
            .push(" AND \"key\" = ")
            .bind(Type::Bytes, key.as_bytes().to_vec());
        let sql = sql.push(" AND ").push(load::VISIBLE);
        Ok(each(self.backend.read(sql).await?, codec::read_idempotency)?.pop())
    }

    async fn acquire_jobs(
        &self,
        owner: &str,
        max: u32,
        by_age: u32,
        lock_ms: Millis,
    ) -> Result<Acquired, StoreError> {
        self.lock_jobs(owner, max, by_age, lock_ms).await
    }

    async fn renew_jobs(&self, owner: &str, jobs: &[Id], lock_ms: Millis) -> Result<Vec<Id>, StoreError> {
        self.extend_jobs(owner, jobs, lock_ms).await
    }

    async fn release_jobs(&self, owner: &str, jobs: &[Id]) -> Result<(), StoreError> {
        self.unlock_jobs(owner, jobs).await
    }

    async fn release_owner(&self, owner: &str) -> Result<u64, StoreError> {
        self.release_batch_work(owner).await?;
        self.unlock_owner(owner).await
    }

    async fn free_expired_jobs(&self) -> Result<u64, StoreError> {
        self.unlock_expired().await
    }

    async fn job_outlook(&self) -> Result<JobOutlook, StoreError> {
        self.outlook().await
    }

    async fn job_load(&self) -> Result<JobLoad, StoreError> {
        self.load_of_jobs().await
    }

    async fn announce(&self, line: &str) -> Result<(), StoreError> {
        self.backend.announce(line).await
    }

    fn announcements(&self) -> tokio::sync::mpsc::Receiver<Option<String>> {
        self.backend.announcements()
    }

    async fn fetch_and_lock(
        &self,
        worker: &str,
        max: u32,
        topics: &[TopicRequest],
        order: FetchOrder,
    ) -> Result<Vec<Fetched>, StoreError> {
        self.lock_tasks(worker, max, topics, order).await
    }

    async fn peek_tasks(
        &self,
        max: u32,
        topics: &[TopicRequest],
        order: FetchOrder,
    ) -> Result<Vec<Place>, StoreError> {
        self.free_places(max, topics, order).await
    }

    async fn unlock_fetched(&self, tasks: &[(Id, i64)]) -> Result<(), StoreError> {
        self.unlock_tasks(tasks).await
    }

    async fn select(&self, query: &sea_query::SelectStatement) -> Result<Snapshot, StoreError> {
        self.snapshot(query).await
    }

    async fn apply_reference(&self, index: u64, entries: &[Reference]) -> Result<(), StoreError> {
        crate::failpoint::hit("log.before");
        if self.apply_entry(index, entries).await? {
            self.tell(Subject::Log).await;
        }
        crate::failpoint::hit("log.after");
        Ok(())
    }

    async fn applied_index(&self) -> Result<u64, StoreError> {
        let sql = self.sql("SELECT \"value\" FROM applied WHERE \"name\" = 'log'");
        Ok(self.number(sql).await?.unwrap_or(0) as u64)
    }

    async fn put_payload(&self, digest: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let sql = self
            .sql("INSERT INTO payload (\"digest\", \"bytes\") VALUES (")
            .bind(Type::Text, digest);
        let sql = sql
            .push(", ")
            .bind(Type::Bytes, bytes.to_vec())
            .push(") ON CONFLICT DO NOTHING");
        self.backend.run(sql).await.map(drop)
    }

    async fn payload(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = self
            .sql("SELECT \"bytes\" FROM payload WHERE \"digest\" = ")
            .bind(Type::Text, digest);
        Ok(each(self.backend.read(sql).await?, |r| r.bytes_opt())?
            .pop()
            .flatten())
    }

    async fn job_definitions(&self) -> Result<Vec<JobDefinitionRow>, StoreError> {
        self.all_job_definitions().await
    }
    async fn deployments(&self) -> Result<Vec<(DeploymentRow, bool)>, StoreError> {
        self.all_deployments().await
    }
    async fn gone_definitions(&self) -> Result<Vec<Gone>, StoreError> {
        self.all_gone().await
    }

    async fn resource(&self, deployment: Id, name: &str) -> Result<Option<ResourceRow>, StoreError> {
        let sql = self.sql("SELECT \"id\", \"name\", \"content\" FROM resource WHERE \"deployment_id\" = ");
        let sql = sql
            .bind(Type::Uuid, deployment)
            .push(" AND \"name\" = ")
            .bind(Type::Text, name);
        let read = |r: &mut Reader| {
            Ok(ResourceRow {
                id: r.id()?,
                name: r.text()?,
                content: r.bytes_opt()?.unwrap_or_default(),
            })
        };
        Ok(each(self.backend.read(sql).await?, read)?.pop())
    }

    async fn user(&self, id: &str) -> Result<Option<UserRow>, StoreError> {
        self.read_user(id).await
    }

    async fn identity_holds(&self, changes: &[IdentityChange]) -> Result<bool, StoreError> {
        self.holds_identity(changes).await
    }

    async fn user_count(&self) -> Result<u64, StoreError> {
        Ok(self
            .number(self.sql("SELECT count(*) FROM engine_user"))
            .await?
            .unwrap_or(0) as u64)
    }

    async fn stamp(&self) -> Result<Option<Stamp>, StoreError> {
        self.read_stamp().await
    }

    async fn set_stamp(&self, stamp: &Stamp) -> Result<(), StoreError> {
        self.write_stamp(stamp).await
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read_setting(name).await
    }

    async fn put_setting(&self, name: &str, value: &str, replace: bool) -> Result<String, StoreError> {
        let set = self.write_setting(name, value, replace).await?;
        if replace {
            self.tell(Subject::Settings).await;
        }
        Ok(set)
    }

    async fn slots_version(&self) -> Result<i64, StoreError> {
        self.read_slots_version().await
    }

    async fn slots(&self) -> Result<Vec<SlotRow>, StoreError> {
        self.slot_rows().await
    }

    async fn change_slots(&self, from: &[SlotRow], to: &[SlotRow]) -> Result<bool, StoreError> {
        let changed = self.swap_slots(from, to).await?;
        if changed {
            self.tell(Subject::Slots).await;
        }
        Ok(changed)
    }

    async fn wait_for_writers(&self, budget_ms: Millis) -> Result<bool, StoreError> {
        self.backend.wait_for_writers(budget_ms).await
    }

    async fn export_slot(
        &self,
        slot: Slot,
        cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        self.export_page(slot, cursor).await
    }

    async fn import_slot(&self, slot: Slot, lines: &[String]) -> Result<(), StoreError> {
        self.import_lines(slot, lines).await
    }

    async fn count_slot(&self, slot: Slot) -> Result<Vec<(String, u64)>, StoreError> {
        self.count_rows(slot).await
    }

    async fn filled_slots(&self, slots: &[Slot]) -> Result<Vec<(Slot, String, u64)>, StoreError> {
        self.filled(slots).await
    }

    async fn slot(&self, slot: Slot) -> Result<Option<SlotRow>, StoreError> {
        self.read_slot_row(slot).await
    }

    async fn purge_slot(&self, slot: Slot) -> Result<(), StoreError> {
        self.purge_rows(slot).await
    }

    async fn outbox(&self, before: Millis, most: usize) -> Result<Vec<OutboxRow>, StoreError> {
        self.read_outbox(before, most).await
    }

    async fn outbox_told(&self, rows: &[(Slot, i64)]) -> Result<(), StoreError> {
        self.clear_outbox(rows).await
    }

    async fn fold_counters(&self) -> Result<(), StoreError> {
        // SQLite's triggers keep one row each. In PostgreSQL two that fold at once each add what they have deleted.
        if self.backend.dialect() == sql::Dialect::Sqlite {
            return Ok(());
        }
        let sql = "WITH gone AS (DELETE FROM counter RETURNING \"kind\", \"definition_id\", \"delta\") \
                   INSERT INTO counter (\"kind\", \"definition_id\", \"delta\") \
                   SELECT \"kind\", \"definition_id\", sum(\"delta\") FROM gone GROUP BY 1, 2 HAVING sum(\"delta\") <> 0";
        self.backend.run(self.sql(sql)).await.map(drop)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        if self.backend.stats().answered_lately() {
            return Ok(());
        }
        self.backend.ping().await
    }

    fn stats(&self) -> Arc<stats::Stats> {
        self.backend.stats().clone()
    }

    fn lost_connections(&self) -> u64 {
        self.backend.lost_connections()
    }

    async fn close(&self) {
        self.backend.close().await;
    }
}
