//! Jobs handed out to this node's executor. Locks end by the database's clock.
use super::{
    backend::Backend,
    codec,
    load::WORKING,
    schema::{JOB, Type},
    sql::{columns, now},
    sql_store::{SqlStore, each},
    *,
};

/// How many more due jobs are looked at than taken: priorities are compared among those that fell due first.
const WINDOW: i64 = 8;

impl<B: Backend> SqlStore<B> {
    /// See [`Store::acquire_jobs`].
    pub(crate) async fn lock_jobs(
        &self,
        owner: &str,
        max: u32,
        lock_ms: Millis,
    ) -> Result<Vec<AcquiredJob>, StoreError> {
        let now = now(self.backend.dialect());
        let free = format!("(j.\"lock_expires\" IS NULL OR j.\"lock_expires\" <= {now})");
        // Of an instance's exclusive jobs one runs at a time: none is taken beside a locked one, and one of a batch.
        // Two nodes that ask in the same moment can still hold two; the instance's revision then decides.
        let sql = self
            .sql(&format!(
                "WITH due AS (SELECT j.* FROM job j WHERE j.\"retries\" > 0 AND j.\"suspended\" = false \
                 AND coalesce(j.\"due\", 0) <= {now} AND {free} AND j.{WORKING} \
                 AND NOT (j.\"exclusive\" = true AND j.\"instance_id\" IS NOT NULL AND EXISTS (SELECT 1 FROM job o \
                 WHERE o.\"instance_id\" = j.\"instance_id\" AND o.\"id\" <> j.\"id\" AND o.\"exclusive\" = true \
                 AND o.\"lock_expires\" > {now})) ORDER BY coalesce(j.\"due\", 0) LIMIT "
            ))
            .push(&(i64::from(max) * WINDOW).max(64).to_string())
            .push("), ranked AS (SELECT d.*, row_number() OVER (PARTITION BY CASE WHEN d.\"exclusive\" = true \
                 THEN coalesce(d.\"instance_id\", d.\"id\") ELSE d.\"id\" END ORDER BY d.\"priority\" DESC, coalesce(d.\"due\", 0), d.\"id\") AS place \
                 FROM due d), taken AS ")
            .postgres("MATERIALIZED ")
            .push("(SELECT j.\"id\" FROM ranked r JOIN job j ON j.\"id\" = r.\"id\" WHERE r.place = 1 \
                 AND j.\"retries\" > 0 AND j.\"suspended\" = false AND ")
            .push(&free)
            .push(" ORDER BY j.\"priority\" DESC, coalesce(j.\"due\", 0), j.\"id\" LIMIT ")
            .push(&max.to_string())
            .postgres(" FOR UPDATE OF j SKIP LOCKED")
            .push(") UPDATE job SET \"lock_owner\" = ")
            .bind(Type::Text, owner)
            .push(&format!(", \"lock_expires\" = {now} + "))
            .bind(Type::Big, lock_ms)
            .push(&format!(" WHERE \"id\" IN (SELECT \"id\" FROM taken) RETURNING {}", columns(&JOB, "")));
        let mut jobs = each(self.backend.run(sql).await?, codec::read_job)?;
        jobs.sort_by_key(|j| (std::cmp::Reverse(j.priority), j.due.unwrap_or(0), j.id));
        Ok(jobs.into_iter().map(|job| AcquiredJob { job }).collect())
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

    /// See [`Store::next_job_due`]. A locked job counts from the end of its lock, when others may take it.
    pub(crate) async fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        // By the index on what is due: the first that isn't locked, and the first lock to end.
        let first = |condition: &str, value: &str| {
            format!(
                "SELECT * FROM (SELECT {value} AS due FROM job WHERE \"retries\" > 0 AND \"suspended\" = false AND {condition} \
                 AND {WORKING} ORDER BY coalesce(\"due\", 0) LIMIT 1) f"
            )
        };
        let unlocked = first("\"lock_expires\" IS NULL", "coalesce(\"due\", 0)");
        let greatest = "CASE WHEN coalesce(\"due\", 0) > \"lock_expires\" THEN coalesce(\"due\", 0) ELSE \"lock_expires\" END";
        let locked = format!(
            "SELECT min({greatest}) AS due FROM job WHERE \"retries\" > 0 AND \"suspended\" = false AND \"lock_expires\" IS NOT NULL \
             AND coalesce(\"due\", 0) <= {} + 600000 AND {WORKING}",
            now(self.backend.dialect())
        );
        let sql = self.sql(&format!("SELECT min(due) FROM ({unlocked} UNION ALL {locked}) d"));
        Ok(each(self.backend.read(sql).await?, |r| r.int_opt())?
            .into_iter()
            .flatten()
            .next())
    }
}
