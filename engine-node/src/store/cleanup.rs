//! Deleting expired history, tree by tree, and the few numbers that the clean-up keeps in `applied`.
use super::{
    backend::{Backend, Transaction},
    cell::Reader,
    housekeeping::{Cleaned, CleanupJob, Expired},
    schema::*,
    sql::Sql,
    sql_store::{SqlStore, each},
    units::{Units, numbers},
    *,
};
use std::collections::BTreeMap;

/// Conditions of a tree that may be deleted: its slot is owned, so that no move is reading or writing it.
const OWNED: &str = "\"slot\" NOT IN (SELECT \"slot\" FROM slot WHERE \"state\" <> 0)";

/// A tree: its root, slot, class, and when it ended.
struct Tree {
    root: Id,
    slot: Slot,
    retention: i16,
    ended: Millis,
}

fn read_tree(r: &mut Reader) -> Result<Tree, StoreError> {
    let damaged = |_| StoreError::Internal("a row names no slot".to_string());
    Ok(Tree {
        root: r.id()?,
        slot: Slot::new(r.i16()? as u16).map_err(damaged)?,
        retention: r.i16()?,
        ended: r.int()?,
    })
}

/// Ids of what the job log tells of the clean-up's job.
static RUNS: std::sync::LazyLock<topology::IdGenerator> =
    std::sync::LazyLock::new(topology::IdGenerator::default);

impl<B: Backend> SqlStore<B> {
    /// The oldest expired trees.
    pub(crate) fn expired_sql(&self, expired: Expired, most: usize) -> Sql {
        let (table, ended) = match expired {
            Expired::Decision { .. } => ("history_decision", "evaluated"),
            _ => ("history_process", "ended"),
        };
        let sql = self.sql(&format!(
            "SELECT \"root_id\", \"slot\", \"retention\", \"{ended}\" FROM {table} WHERE \"root_id\" = \"id\" AND "
        ));
        let (sql, order) = match expired {
            Expired::Decision { id, from, before } => (
                sql.push("\"decision_id\" = ")
                    .bind(Type::Uuid, id)
                    .push(" AND \"evaluated\" >= ")
                    .bind(Type::Big, from)
                    .push(" AND \"evaluated\" < ")
                    .bind(Type::Big, before)
                    .push(" AND \"instance_id\" IS NULL AND \"removal\" IS NULL"),
                "\"evaluated\"",
            ),
            Expired::Definition { id, from, before } => (
                sql.push("\"definition_id\" = ")
                    .bind(Type::Uuid, id)
                    .push(" AND \"ended\" >= ")
                    .bind(Type::Big, from)
                    .push(" AND \"ended\" < ")
                    .bind(Type::Big, before)
                    .push(" AND \"removal\" IS NULL"),
                "\"ended\"",
            ),
            Expired::Removal { before, ended } => (
                sql.push("\"removal\" IS NOT NULL AND \"removal\" < ")
                    .bind(Type::Big, before)
                    .push(" AND \"ended\" < ")
                    .bind(Type::Big, ended),
                "\"removal\"",
            ),
        };
        sql.push(&format!(" AND {OWNED} ORDER BY {order} LIMIT {most}"))
    }

    /// See [`super::Housekeeping::clean`].
    pub(crate) async fn clean_trees(&self, expired: Expired, most: usize) -> Result<Cleaned, StoreError> {
        let mut transaction = self.backend.begin().await?;
        if let Expired::Removal { before, .. } = expired {
            // What users did in trees whose own history is gone already.
            let gone = self
                .sql("DELETE FROM history_operation WHERE \"removal\" IS NOT NULL AND \"removal\" < ")
                .bind(Type::Big, before)
                .push(&format!(" AND {OWNED}"));
            transaction.run(gone).await?;
            self.delete_decisions(transaction.as_mut(), before, most).await?;
        }
        let trees = each(transaction.run(self.expired_sql(expired, most)).await?, read_tree)?;
        let Some(last) = trees.last() else {
            transaction.commit().await?;
            return Ok(Cleaned::default());
        };
        let mut cleaned = Cleaned {
            trees: 0,
            upto: last.ended,
            more: trees.len() == most,
        };
        // A move that fences one of the slots waits for this transaction; one that has fenced it is left alone.
        let mut slots: Vec<Slot> = trees.iter().map(|tree| tree.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        let sql = self.sql(&format!(
            "SELECT \"slot\" FROM slot WHERE \"state\" = 0 AND \"slot\" IN ({}) ORDER BY \"slot\"",
            numbers(&slots)
        ));
        let owned = each(transaction.run(sql.postgres(" FOR SHARE")).await?, |r| r.i16())?;
        let mut classes: BTreeMap<i16, Vec<Id>> = BTreeMap::new();
        for tree in trees.iter().filter(|t| owned.contains(&(t.slot.number() as i16))) {
            classes.entry(tree.retention).or_default().push(tree.root);
            cleaned.trees += 1;
        }
        for (class, roots) in classes {
            self.delete_trees(transaction.as_mut(), class, &roots).await?;
        }
        transaction.commit().await?;
        Ok(cleaned)
    }

    /// Evaluations of no process whose removal time, set by hand, has come.
    async fn delete_decisions(
        &self,
        transaction: &mut dyn Transaction,
        before: Millis,
        most: usize,
    ) -> Result<(), StoreError> {
        let sql = self
            .sql(
                "SELECT \"root_id\", \"slot\", \"retention\", \"evaluated\" FROM history_decision WHERE \"root_id\" = \
                 \"id\" AND \"instance_id\" IS NULL AND \"removal\" IS NOT NULL AND \"removal\" < ",
            )
            .bind(Type::Big, before)
            .push(&format!(" AND {OWNED} LIMIT {most}"));
        let trees = each(transaction.run(sql).await?, read_tree)?;
        let roots: Vec<Id> = trees.iter().map(|tree| tree.root).collect();
        match trees.first() {
            Some(tree) => self.delete_trees(transaction, tree.retention, &roots).await,
            None => Ok(()),
        }
    }

    async fn delete_trees(
        &self,
        transaction: &mut dyn Transaction,
        class: i16,
        roots: &[Id],
    ) -> Result<(), StoreError> {
        let units = Units {
            roots: roots.to_vec(),
            ..Units::default()
        };
        for table in history() {
            let sql = self.purging(table, &units);
            transaction
                .run(sql.push(&format!(" AND \"retention\" = {class}")))
                .await?;
        }
        for table in [&COMMENT, &ATTACHMENT] {
            transaction.run(self.purging(table, &units)).await?;
        }
        Ok(())
    }

    /// Values of `applied` whose names begin so.
    pub(crate) async fn noted(&self, prefix: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let sql = self
            .sql("SELECT \"name\", \"value\" FROM applied WHERE \"name\" LIKE ")
            .bind(Type::Text, format!("{prefix}%").as_str());
        let rows = each(self.backend.read(sql).await?, |r| Ok((r.text()?, r.int()?)))?;
        Ok(rows.into_iter().collect())
    }

    /// See [`super::Housekeeping::cleanup_job`].
    pub(crate) async fn read_cleanup_job(&self) -> Result<CleanupJob, StoreError> {
        let noted = self.noted("cleanup.").await?;
        Ok(CleanupJob {
            created: noted.get("cleanup.created").copied(),
            due: noted.get("cleanup.due").copied().filter(|due| *due > 0),
            suspended: noted.get("cleanup.suspended") == Some(&1),
        })
    }

    /// See [`super::Housekeeping::set_cleanup_job`].
    pub(crate) async fn write_cleanup_job(&self, job: CleanupJob) -> Result<(), StoreError> {
        let sql = self
            .sql("INSERT INTO applied (\"name\", \"value\") VALUES ('cleanup.created', ")
            .bind(Type::Big, job.created.unwrap_or(0))
            .push("), ('cleanup.due', ")
            .bind(Type::Big, job.due.unwrap_or(0))
            .push("), ('cleanup.suspended', ")
            .bind(Type::Big, i64::from(job.suspended))
            .push(
                ") ON CONFLICT (\"name\") DO UPDATE SET \"value\" = CASE WHEN applied.\"name\" = 'cleanup.created' \
                 THEN applied.\"value\" ELSE excluded.\"value\" END",
            );
        self.backend.run(sql).await.map(drop)
    }

    /// See [`super::Housekeeping::forget_cleanup_job`].
    pub(crate) async fn delete_cleanup_job(&self) -> Result<(), StoreError> {
        let sql = self.sql("DELETE FROM applied WHERE \"name\" LIKE 'cleanup.%'");
        self.backend.run(sql).await.map(drop)
    }

    /// See [`super::Housekeeping::tell_of_cleanup`].
    pub(crate) async fn log_cleanup(&self, id: Id, job: &CleanupJob, state: i16) -> Result<(), StoreError> {
        let slot = id.slot().unwrap_or(Slot::from_bits(0));
        let entry = RUNS.next(slot);
        let sql = self
            .sql(
                "INSERT INTO history_job (\"id\", \"slot\", \"retention\", \"root_id\", \"job_id\", \"definition_id\", \
                 \"element\", \"kind\", \"due\", \"retries\", \"priority\", \"created\", \"time\", \"state\") VALUES (",
            )
            .bind(Type::Uuid, entry)
            .push(", ")
            .bind(Type::Small, slot)
            .push(", 0, ")
            .bind(Type::Uuid, id)
            .push(", ")
            .bind(Type::Uuid, id)
            .push(", ")
            .bind(Type::Uuid, Id::NIL)
            .push(&format!(", '', {}, ", crate::query::job::CLEAN_UP))
            .bind(Type::Big, job.due)
            .push(", 3, 0, ")
            .now()
            .push(", ")
            .now()
            .push(&format!(", {state})"));
        self.backend.run(sql).await.map(drop)
    }

    /// See [`super::Housekeeping::lease`].
    pub(crate) async fn take_lease(
        &self,
        name: &str,
        held: Option<i64>,
        ms: Millis,
    ) -> Result<Option<i64>, StoreError> {
        let sql = self
            .sql("INSERT INTO applied (\"name\", \"value\") VALUES (")
            .bind(Type::Text, format!("lease.{name}").as_str())
            .push(", ")
            .now()
            .push(" + ")
            .bind(Type::Big, ms)
            .push(") ON CONFLICT (\"name\") DO UPDATE SET \"value\" = excluded.\"value\" WHERE applied.\"value\" < ")
            .now()
            .push(" OR applied.\"value\" = ")
            .bind(Type::Big, held.unwrap_or(-1))
            .push(" RETURNING \"value\"");
        Ok(each(self.backend.run(sql).await?, |r| r.int())?.pop())
    }

    /// See [`super::Housekeeping::end_lease`].
    pub(crate) async fn give_lease_back(&self, name: &str, held: i64) -> Result<(), StoreError> {
        let sql = self
            .sql("UPDATE applied SET \"value\" = 0 WHERE \"name\" = ")
            .bind(Type::Text, format!("lease.{name}").as_str())
            .push(" AND \"value\" = ")
            .bind(Type::Big, held);
        self.backend.run(sql).await.map(drop)
    }
}

/// The tables that hold trees of history.
pub(crate) fn history() -> impl DoubleEndedIterator<Item = &'static Table> {
    TABLES.iter().filter(|table| table.class == Class::History)
}
