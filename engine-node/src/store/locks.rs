//! Work that is handed out: jobs to this node's executor, external tasks to workers. Locks end by the database's
//! clock. Both are one statement that skips what others are locking.
use super::{
    backend::Backend,
    cell::Cell,
    codec,
    load::WORKING,
    schema::{EXTERNAL_TASK, JOB, Type},
    sql::{Sql, columns, now},
    sql_store::{SqlStore, each},
    *,
};

// Limits are literal: a plan for any limit would not stop early.

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

    /// See [`Store::fetch_and_lock`].
    pub(crate) async fn lock_tasks(
        &self,
        worker: &str,
        max: u32,
        topics: &[TopicRequest],
        order: FetchOrder,
    ) -> Result<Vec<ExternalTask>, StoreError> {
        if topics.is_empty() || max == 0 {
            return Ok(Vec::new());
        }
        let now = now(self.backend.dialect());
        let free = format!(
            " AND coalesce(e.\"lock_expires\", 0) <= {now} AND (e.\"retries\" IS NULL OR e.\"retries\" > 0) \
             AND e.\"suspended\" = false AND e.{WORKING}"
        );
        let sorted = match (order.by_priority, order.created_ascending) {
            (true, Some(true)) => " ORDER BY e.\"priority\" DESC, e.\"created\", e.\"id\"",
            (true, Some(false)) => " ORDER BY e.\"priority\" DESC, e.\"created\" DESC, e.\"id\" DESC",
            (true, None) => " ORDER BY e.\"priority\" DESC",
            (false, Some(true)) => " ORDER BY e.\"created\", e.\"id\"",
            (false, Some(false)) => " ORDER BY e.\"created\" DESC, e.\"id\" DESC",
            (false, None) => "",
        };
        // One topic is read from the index in order. Of several the first of each are gathered, some more than are
        // wanted because others may be locking them, and the best of those are taken.
        let mut sql = self.sql("WITH ");
        if topics.len() > 1 {
            let window = (i64::from(max) * WINDOW).max(64);
            sql = sql.push("near AS (");
            for (i, topic) in topics.iter().enumerate() {
                sql = sql.push(if i > 0 { " UNION ALL " } else { "" });
                sql = matching(
                    sql.push("SELECT * FROM (SELECT e.\"id\" FROM external_task e WHERE "),
                    topic,
                );
                sql = sql.push(&format!("{free}{sorted} LIMIT {window}) t{i}"));
            }
            sql = sql.push("), ");
        }
        sql = sql
            .push("taken AS ")
            .postgres("MATERIALIZED ")
            .push("(SELECT e.\"id\" FROM external_task e WHERE ");
        sql = match topics {
            [topic] => matching(sql, topic),
            _ => sql.push("e.\"id\" IN (SELECT \"id\" FROM near)"),
        };
        sql = sql
            .push(&format!("{free}{sorted} LIMIT {max}"))
            .postgres(" FOR UPDATE OF e SKIP LOCKED");
        sql = sql
            .push(") UPDATE external_task SET \"worker_id\" = ")
            .bind(Type::Text, worker);
        sql = sql.push(&format!(", \"lock_expires\" = {now} + CASE \"topic\""));
        for topic in topics {
            sql = sql
                .push(" WHEN ")
                .bind(Type::Text, topic.topic.as_str())
                .push(" THEN ");
            sql = sql.bind(Type::Big, topic.lock_duration);
        }
        sql = sql.push(" END, \"lock_revision\" = \"lock_revision\" + 1 WHERE \"id\" IN (SELECT \"id\" FROM taken) RETURNING ");
        sql = sql.push(&columns(&EXTERNAL_TASK, ""));
        let mut tasks = each(self.backend.run(sql).await?, codec::read_external_task)?;
        tasks.sort_by_key(|t| t.id);
        if let Some(ascending) = order.created_ascending {
            tasks.sort_by_key(|t| if ascending { t.created } else { -t.created });
        }
        if order.by_priority {
            tasks.sort_by_key(|t| std::cmp::Reverse(t.priority));
        }
        Ok(tasks)
    }

    /// See [`Store::unlock_fetched`].
    pub(crate) async fn unlock_tasks(&self, tasks: &[(Id, i64)]) -> Result<(), StoreError> {
        if tasks.is_empty() {
            return Ok(());
        }
        let mut sql = self.sql(
            "UPDATE external_task SET \"worker_id\" = NULL, \"lock_expires\" = NULL, \
             \"lock_revision\" = \"lock_revision\" + 1 WHERE (",
        );
        for (i, (id, revision)) in tasks.iter().enumerate() {
            sql = sql
                .push(if i > 0 { " OR " } else { "" })
                .push("(\"id\" = ")
                .bind(Type::Uuid, *id);
            sql = sql
                .push(" AND \"lock_revision\" = ")
                .bind(Type::Big, *revision)
                .push(")");
        }
        self.backend.run(sql.push(")")).await.map(drop)
    }
}

/// The condition of one topic.
fn matching(mut sql: Sql, topic: &TopicRequest) -> Sql {
    sql = sql.push("e.\"topic\" = ").bind(Type::Text, topic.topic.as_str());
    if let Some(key) = &topic.business_key {
        sql = sql.push(" AND e.\"business_key\" = ").bind(Type::Text, key);
    }
    if let Some(definitions) = &topic.definitions {
        sql = match definitions.is_empty() {
            true => sql.push(" AND false"),
            false => sql.push(" AND e.\"definition_id\"").among(definitions),
        };
    }
    if topic.without_tenant {
        sql = sql.push(" AND e.\"tenant_id\" IS NULL");
    }
    if let Some(tenants) = &topic.tenants {
        sql = sql.push(" AND (false");
        for tenant in tenants {
            sql = sql.push(" OR e.\"tenant_id\" = ").bind(Type::Text, tenant);
        }
        sql = sql.push(")");
    }
    for (name, value) in &topic.process_variables {
        sql = sql.push(
            " AND EXISTS (SELECT 1 FROM variable v WHERE v.\"instance_id\" = e.\"instance_id\" \
             AND v.\"scope_id\" = e.\"instance_id\" AND v.\"task_id\" IS NULL AND v.\"name\" = ",
        );
        sql = sql
            .bind(Type::Text, name)
            .push(" AND v.\"type\" = ")
            .bind(Type::Text, value.name());
        let [text, number, float, bytes, _] = super::value::value(value);
        let columns = [
            ("text", Type::Text, text),
            ("number", Type::Big, number),
            ("float", Type::Float, float),
            ("bytes", Type::Bytes, bytes),
        ];
        for (column, ty, cell) in columns {
            if cell != Cell::Null {
                sql = sql.push(&format!(" AND v.\"{column}\" = ")).bind(ty, cell);
            }
        }
        sql = sql.push(")");
    }
    sql
}
