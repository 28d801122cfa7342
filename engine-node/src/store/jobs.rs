//! Jobs handed out to the executors of a shard's nodes. Locks end by the database's clock.
//!
//! Two partial indexes hold the jobs that could be taken, and only those: by priority and time, and by time alone. A
//! locked job is in neither, so an acquisition reads what it takes, whatever waits behind it and whatever is due
//! later. A job's time is its due date, or when it was written if it has none.
//!
//! An acquisition is one transaction of two statements. The first finds candidates in order and takes an advisory
//! lock for each one's instance, passing over those that another node holds at that moment. The second has a fresh
//! snapshot, sees what others had locked before, and locks. So no two nodes hold exclusive jobs of one instance.
use super::{
    backend::Backend,
    codec,
    load::WORKING,
    schema::{JOB, Type},
    sql::{Dialect, Sql, columns, now},
    sql_store::{SqlStore, each},
    *,
};

/// A job that may be taken once its time has come. The indexes `job_ready…` have the same condition.
const READY: &str = "j.\"retries\" > 0 AND j.\"suspended\" = false AND j.\"lock_expires\" IS NULL";
/// A job's time.
const TIME: &str = "coalesce(j.\"due\", j.\"created\")";
/// Its slot is owned here: few slots are not, and an index lists them.
const OWNED: &str = "NOT EXISTS (SELECT 1 FROM slot s WHERE s.\"slot\" = j.\"slot\" AND s.\"state\" <> 0)";
/// Judges a job as it is now, not as it was when the statement began: one that another node has locked meanwhile is
/// passed over at once.
const FRESH: &str = " FOR UPDATE OF j SKIP LOCKED";
/// Most different priorities that one acquisition looks at; by age every job is seen.
const PRIORITIES: u32 = 64;
/// Due jobs are counted up to this many.
const COUNTED: u32 = 100_000;

impl<B: Backend> SqlStore<B> {
    /// See [`Store::acquire_jobs`].
    pub(crate) async fn lock_jobs(
        &self,
        owner: &str,
        max: u32,
        by_age: u32,
        lock_ms: Millis,
    ) -> Result<Acquired, StoreError> {
        let max = max.max(1);
        let mut transaction = self.backend.begin_in_order().await?;
        let found = transaction
            .run(self.candidates(owner, max, by_age.min(max)))
            .await?;
        let mut wanted: Vec<Id> = Vec::with_capacity(max as usize);
        for id in each(found, |r| r.id())? {
            if wanted.len() < max as usize && !wanted.contains(&id) {
                wanted.push(id);
            }
        }
        if wanted.is_empty() {
            transaction.commit().await?;
            return Ok(Acquired::default());
        }
        let sql = self.locking(owner, &wanted, lock_ms);
        let mut jobs = each(transaction.run(sql).await?, codec::read_job)?;
        transaction.commit().await?;
        jobs.sort_by_key(|j| (std::cmp::Reverse(j.priority), j.due.unwrap_or(j.created), j.id));
        let missed = (wanted.len() - jobs.len()) as u32;
        let jobs = jobs.into_iter().map(|job| AcquiredJob { job }).collect();
        Ok(Acquired { jobs, missed })
    }

    /// Locks those of the wanted that are still free.
    pub(crate) fn locking(&self, owner: &str, wanted: &[Id], lock_ms: Millis) -> Sql {
        let dialect = self.backend.dialect();
        let now = now(dialect);
        let sql = self
            .sql("UPDATE job AS j SET \"lock_owner\" = ")
            .bind(Type::Text, owner)
            .push(&format!(", \"lock_expires\" = {now} + "))
            .bind(Type::Big, lock_ms);
        let sql = match dialect {
            Dialect::Postgres => sql
                .push(" FROM unnest(")
                .uuids(wanted)
                .push(") w(wanted) WHERE j.\"id\" = w.wanted"),
            Dialect::Sqlite => sql.push(" WHERE j.\"id\"").among(wanted),
        };
        // Ready, in words that no partial index has: by the key alone.
        let ready = "j.\"retries\" > 0 AND j.\"suspended\" = false AND coalesce(j.\"lock_expires\", 0) = 0";
        alone(sql.push(&format!(" AND {ready} AND {OWNED} AND ")), owner)
            .push(&format!(" RETURNING {}", columns(&JOB, "")))
    }

    /// Ids of due jobs: the oldest, then by priority and age.
    pub(crate) fn candidates(&self, owner: &str, max: u32, by_age: u32) -> Sql {
        let now = now(self.backend.dialect());
        let due = |sql: Sql| {
            let sql = sql.push(&format!("{READY} AND {TIME} <= {now} AND {OWNED} AND "));
            alone(sql, owner)
        };
        // Each priority there is, from the highest: a step in the index, not a scan.
        let mut sql = self.sql(&format!(
            "WITH RECURSIVE p(\"priority\", n) AS (SELECT * FROM (SELECT j.\"priority\", 1 FROM job j WHERE {READY} \
             ORDER BY j.\"priority\" DESC LIMIT 1) highest UNION ALL SELECT (SELECT j.\"priority\" FROM job j WHERE {READY} \
             AND j.\"priority\" < p.\"priority\" ORDER BY j.\"priority\" DESC LIMIT 1), p.n + 1 FROM p \
             WHERE p.\"priority\" IS NOT NULL AND p.n < {PRIORITIES}) "
        ));
        let free =
            " WHERE pg_try_advisory_xact_lock(uuid_hash_extended(coalesce(x.\"instance_id\", x.\"id\"), 20))";
        // Others may hold what comes first: some more are looked at. (A limit also makes the planner walk the index.)
        let near = (u64::from(max) * 64).max(4_096);
        if by_age > 0 {
            sql = sql.push(
                "SELECT * FROM (SELECT x.\"id\" FROM (SELECT j.\"id\", j.\"instance_id\" FROM job j WHERE ",
            );
            sql = due(sql).push(&format!(" ORDER BY {TIME} LIMIT {near}"));
            sql = sql.postgres(FRESH).push(") x");
            sql = sql.postgres(free).push(&format!(" LIMIT {by_age}) a UNION ALL "));
        }
        sql = match self.backend.dialect() {
            Dialect::Postgres => {
                sql = sql.push(
                    "SELECT * FROM (SELECT x.\"id\" FROM p CROSS JOIN LATERAL (SELECT j.\"id\", j.\"instance_id\" \
                     FROM job j WHERE j.\"priority\" = p.\"priority\" AND ",
                );
                due(sql).push(&format!(" ORDER BY {TIME} LIMIT {near}{FRESH}) x{free}"))
            }
            // Rows come as the loops run: priorities in turn, each in the order of its index.
            Dialect::Sqlite => due(sql.push(
                "SELECT * FROM (SELECT j.\"id\" FROM p CROSS JOIN job j ON j.\"priority\" = p.\"priority\" AND ",
            )),
        };
        sql.push(&format!(" LIMIT {max}) b"))
    }

    /// See [`Store::renew_jobs`]. A lock that has ended is renewed if nobody else has taken the job.
    pub(crate) async fn extend_jobs(
        &self,
        owner: &str,
        jobs: &[Id],
        lock_ms: Millis,
    ) -> Result<Vec<Id>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let sql = self
            .sql("UPDATE job SET \"lock_expires\" = ")
            .now()
            .push(" + ")
            .bind(Type::Big, lock_ms);
        let sql = sql
            .push(" WHERE \"id\"")
            .among(jobs)
            .push(" AND \"lock_owner\" = ")
            .bind(Type::Text, owner);
        let sql = sql.push(&format!(" AND {WORKING} RETURNING \"id\""));
        each(self.backend.run(sql).await?, |r| r.id())
    }

    /// See [`Store::release_jobs`].
    pub(crate) async fn unlock_jobs(&self, owner: &str, jobs: &[Id]) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let sql = self
            .sql("UPDATE job SET \"lock_owner\" = NULL, \"lock_expires\" = NULL WHERE \"id\"")
            .among(jobs);
        self.backend
            .run(sql.push(" AND \"lock_owner\" = ").bind(Type::Text, owner))
            .await
            .map(drop)
    }

    /// See [`Store::release_owner`].
    pub(crate) async fn unlock_owner(&self, owner: &str) -> Result<u64, StoreError> {
        let sql = self
            .sql(
                "UPDATE job SET \"lock_owner\" = NULL, \"lock_expires\" = NULL WHERE \"lock_expires\" IS NOT NULL \
                 AND \"lock_owner\" = ",
            )
            .bind(Type::Text, owner);
        let sql = sql.push(&format!(" AND {WORKING} RETURNING \"id\""));
        Ok(self.backend.run(sql).await?.len() as u64)
    }

    /// See [`Store::free_expired_jobs`].
    pub(crate) async fn unlock_expired(&self) -> Result<u64, StoreError> {
        let now = now(self.backend.dialect());
        let sql = self.sql(&format!(
            "UPDATE job SET \"lock_owner\" = NULL, \"lock_expires\" = NULL WHERE \"lock_expires\" <= {now} AND {WORKING} \
             RETURNING \"id\""
        ));
        Ok(self.backend.run(sql).await?.len() as u64)
    }

    /// See [`Store::job_outlook`].
    pub(crate) async fn outlook(&self) -> Result<JobOutlook, StoreError> {
        let read = |r: &mut super::cell::Reader| {
            Ok(JobOutlook {
                now: r.int()?,
                ready: r.int_opt()?,
                lock_ends: r.int_opt()?,
            })
        };
        each(self.backend.read(self.outlook_sql()).await?, read)?
            .pop()
            .ok_or_else(|| StoreError::Internal("no outlook on jobs".to_string()))
    }

    pub(crate) fn outlook_sql(&self) -> Sql {
        let now = now(self.backend.dialect());
        self.sql(&format!(
            "SELECT {now}, (SELECT {TIME} FROM job j WHERE {READY} AND {OWNED} ORDER BY {TIME} LIMIT 1), \
             (SELECT j.\"lock_expires\" FROM job j WHERE j.\"lock_expires\" IS NOT NULL AND {OWNED} \
             ORDER BY j.\"lock_expires\" LIMIT 1)"
        ))
    }

    /// See [`Store::job_load`].
    pub(crate) async fn load_of_jobs(&self) -> Result<JobLoad, StoreError> {
        let now = now(self.backend.dialect());
        let locked = self.sql(&format!(
            "SELECT {now}, j.\"lock_owner\", count(*), min({TIME}) FROM job j WHERE j.\"lock_expires\" IS NOT NULL \
             AND {OWNED} GROUP BY j.\"lock_owner\" ORDER BY j.\"lock_owner\""
        ));
        let owners = each(self.backend.read(locked).await?, |r| {
            let now = r.int()?;
            Ok(OwnerLoad {
                owner: r.text_opt()?.unwrap_or_default(),
                locked: r.int()? as u64,
                oldest_ms: (now - r.int_opt()?.unwrap_or(now)).max(0),
            })
        })?;
        let due = self.sql(&format!(
            "SELECT {now}, count(*), min(d.t) FROM (SELECT {TIME} AS t FROM job j WHERE {READY} AND {TIME} <= {now} \
             AND {OWNED} ORDER BY {TIME} LIMIT {COUNTED}) d"
        ));
        let due = each(self.backend.read(due).await?, |r| {
            let (now, count, oldest) = (r.int()?, r.int()?, r.int_opt()?);
            Ok((count as u64, oldest.map(|t| (now - t).max(0))))
        })?;
        let (due_unlocked, oldest_due_ms) = due.first().copied().unwrap_or_default();
        Ok(JobLoad {
            owners,
            due_unlocked,
            oldest_due_ms,
        })
    }
}

/// Appends the condition that no exclusive job of the instance is locked by another node. All locked ones have the
/// same owner, so one is looked at.
fn alone(sql: Sql, owner: &str) -> Sql {
    let now = now(sql.dialect);
    sql.push(&format!(
        "(j.\"exclusive\" = false OR j.\"instance_id\" IS NULL OR coalesce((SELECT o.\"lock_owner\" FROM job o \
         WHERE o.\"instance_id\" = j.\"instance_id\" AND o.\"lock_expires\" > {now} AND o.\"exclusive\" = true \
         ORDER BY o.\"lock_expires\" LIMIT 1), '') IN ('', "
    ))
    .bind(Type::Text, owner)
    .push("))")
}
