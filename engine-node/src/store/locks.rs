//! External tasks handed out to workers: one statement that skips what others are locking. Locks end by the database's
//! clock. Jobs are in [`super::jobs`].
use super::{
    backend::Backend,
    cell::Cell,
    codec,
    load::WORKING,
    schema::{EXTERNAL_TASK, Type},
    sql::{Sql, columns, now},
    sql_store::{SqlStore, each},
    *,
};

// Limits are literal: a plan for any limit would not stop early.

/// How many more tasks of each topic are looked at than taken, where several topics are asked for.
const WINDOW: i64 = 8;

impl<B: Backend> SqlStore<B> {
    /// See [`Store::fetch_and_lock`].
    pub(crate) async fn lock_tasks(
        &self,
        worker: &str,
        max: u32,
        topics: &[TopicRequest],
        order: FetchOrder,
    ) -> Result<Vec<Fetched>, StoreError> {
        if topics.is_empty() || max == 0 {
            return Ok(Vec::new());
        }
        let now = now(self.backend.dialect());
        let mut sql = self.free_tasks(max, topics, order);
        sql = sql.postgres(" FOR UPDATE OF e SKIP LOCKED");
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
        sql = sql.push(
            ", (SELECT p.\"revision\" FROM process_instance p WHERE p.\"id\" = external_task.\"instance_id\")",
        );
        let mut tasks = each(self.backend.run(sql).await?, |r| {
            Ok(Fetched {
                task: codec::read_external_task(r)?,
                revision: r.int_opt()?,
            })
        })?;
        tasks.sort_by_key(|t| t.id);
        if let Some(ascending) = order.created_ascending {
            tasks.sort_by_key(|t| if ascending { t.created } else { -t.created });
        }
        if order.by_priority {
            tasks.sort_by_key(|t| std::cmp::Reverse(t.priority));
        }
        Ok(tasks)
    }

    /// `WITH … taken AS (SELECT …`, unclosed: ids of the first tasks that a worker could lock, in the order asked for.
    fn free_tasks(&self, max: u32, topics: &[TopicRequest], order: FetchOrder) -> Sql {
        let now = now(self.backend.dialect());
        let free = format!(
            " AND coalesce(e.\"lock_expires\", 0) <= {now} AND (e.\"retries\" IS NULL OR e.\"retries\" > 0) \
             AND e.\"suspended\" = false AND e.{WORKING}"
        );
        let sorted = sorting(order, "e.");
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
        sql.push(&format!("{free}{sorted} LIMIT {max}"))
    }

    /// See [`Store::peek_tasks`].
    pub(crate) async fn free_places(
        &self,
        max: u32,
        topics: &[TopicRequest],
        order: FetchOrder,
    ) -> Result<Vec<Place>, StoreError> {
        if topics.is_empty() || max == 0 {
            return Ok(Vec::new());
        }
        let mut sql = self.free_tasks(max, topics, order);
        sql = sql.push(
            ") SELECT \"priority\", \"created\" FROM external_task WHERE \"id\" IN (SELECT \"id\" FROM taken)",
        );
        sql = sql.push(&sorting(order, ""));
        each(self.backend.run(sql).await?, |r| {
            Ok(Place {
                priority: r.int()?,
                created: r.int()?,
            })
        })
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

/// The order of a fetch; the id decides where only the time does.
fn sorting(order: FetchOrder, table: &str) -> String {
    let (priority, created, id) = (
        format!("{table}\"priority\" DESC"),
        format!("{table}\"created\""),
        format!("{table}\"id\""),
    );
    match (order.by_priority, order.created_ascending) {
        (true, Some(true)) => format!(" ORDER BY {priority}, {created}, {id}"),
        (true, Some(false)) => format!(" ORDER BY {priority}, {created} DESC, {id} DESC"),
        (true, None) => format!(" ORDER BY {priority}"),
        (false, Some(true)) => format!(" ORDER BY {created}, {id}"),
        (false, Some(false)) => format!(" ORDER BY {created} DESC, {id} DESC"),
        (false, None) => String::new(),
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
        // Large values are compared by their digest.
        let value = value.clone().folded();
        let [text, number, float, bytes, _] = super::value::value(&value);
        if matches!(value, bpmn_core::value::TypedValue::Large(_)) {
            sql = sql.push(" AND v.\"large_id\" IS NOT NULL");
        }
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
