//! The queue of a history sink, and the rest of [`Housekeeping`].
//!
//! While a sink is configured, triggers note which rows each writing statement has added to history, in the same
//! transaction; what the sink has acknowledged is deleted from the queue. So nothing depends on the order in which
//! transactions commit (a cursor over ids or times would pass by what commits late), nothing is noted for a sink
//! that isn't there, and rows that a slot move brings are noted like any other.
use super::{
    backend::{Backend, Cells},
    batches::OWNED,
    cell::{self, Cell},
    cleanup::history,
    forget::Forget,
    housekeeping::*,
    removal::Removable,
    schema::*,
    sql::{Dialect, columns},
    sql_store::{SqlStore, each},
    units::typed,
    *,
};
use std::collections::{BTreeMap, BTreeSet};

const FUNCTION: &str = "CREATE OR REPLACE FUNCTION stellwerk_note_history() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    INSERT INTO history_outbox (\"created\", \"source\", \"rows\") \
    SELECT (extract(epoch FROM now()) * 1000)::bigint, TG_ARGV[0], string_agg(\"root_id\"::text || \"id\"::text, ',') \
    FROM new_rows HAVING count(*) > 0; RETURN NULL; END $$";

/// Root and id of the rows of a batch; parts that can't be read are left out.
fn keys(text: &str) -> impl Iterator<Item = (Id, Id)> + '_ {
    text.split(',').filter_map(|pair| {
        let digits = pair.replace('-', "");
        let id = |text: Option<&str>| uuid::Uuid::try_parse(text?).ok().map(Id);
        Some((id(digits.get(..32))?, id(digits.get(32..))?))
    })
}

fn json(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::Float(f) => serde_json::json!(f),
        other => cell::to_json(other),
    }
}

impl<B: Backend> SqlStore<B> {
    async fn note_history(&self, on: bool) -> Result<(), StoreError> {
        let postgres = self.backend.dialect() == Dialect::Postgres;
        let there = match postgres {
            true => {
                "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = 'note_history' AND c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition"
            }
            false => "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'note_%'",
        };
        let wanted = if on { history().count() as i64 } else { 0 };
        if self.number(self.sql(there)).await? == Some(wanted) {
            return Ok(());
        }
        let mut transaction = self.backend.begin().await?;
        if postgres && on {
            transaction.run(self.sql(FUNCTION)).await?;
        }
        for table in history() {
            let name = table.name;
            let statements = match (postgres, on) {
                (true, true) => vec![
                    format!("DROP TRIGGER IF EXISTS note_history ON {name}"),
                    format!(
                        "CREATE TRIGGER note_history AFTER INSERT ON {name} REFERENCING NEW TABLE AS new_rows \
                         FOR EACH STATEMENT EXECUTE FUNCTION stellwerk_note_history('{name}')"
                    ),
                ],
                (true, false) => vec![format!("DROP TRIGGER IF EXISTS note_history ON {name}")],
                (false, true) => vec![format!(
                    "CREATE TRIGGER IF NOT EXISTS note_{name} AFTER INSERT ON {name} BEGIN \
                     INSERT INTO history_outbox (\"created\", \"source\", \"rows\") VALUES \
                     (CAST(unixepoch('subsec') * 1000 AS INTEGER), '{name}', lower(hex(NEW.\"root_id\")) || lower(hex(NEW.\"id\"))); END"
                )],
                (false, false) => vec![format!("DROP TRIGGER IF EXISTS note_{name}")],
            };
            for statement in statements {
                transaction.run(self.sql(&statement)).await?;
            }
        }
        if !on {
            transaction.run(self.sql("DELETE FROM history_outbox")).await?;
        }
        transaction.commit().await
    }

    async fn events(&self, batches: usize) -> Result<Events, StoreError> {
        let sql = self.sql(&format!(
            "SELECT \"id\", \"source\", \"rows\" FROM history_outbox ORDER BY \"id\" LIMIT {batches}"
        ));
        let mut events = Events::default();
        let mut wanted: BTreeMap<String, BTreeSet<(Id, Id)>> = BTreeMap::new();
        for (id, source, rows) in each(self.backend.read(sql).await?, |r| {
            Ok((r.int()?, r.text()?, r.text()?))
        })? {
            events.batches.push(id);
            wanted.entry(source).or_default().extend(keys(&rows));
        }
        for (source, keys) in &wanted {
            let Some(table) = history().find(|table| table.name == source) else {
                continue;
            };
            let keys: Vec<(Id, Id)> = keys.iter().copied().collect();
            for part in keys.chunks(1_000) {
                let mut roots: Vec<Id> = part.iter().map(|(root, _)| *root).collect();
                roots.dedup();
                let ids: Vec<Id> = part.iter().map(|(_, id)| *id).collect();
                let sql = self.sql(&format!(
                    "SELECT {} FROM {} WHERE \"root_id\"",
                    columns(table, ""),
                    table.name
                ));
                let sql = sql.among(&roots).push(" AND \"id\"").among(&ids);
                events.events.extend(rows(table, self.backend.read(sql).await?)?);
            }
        }
        Ok(events)
    }

    async fn group_sizes(&self) -> Result<Vec<GroupSize>, StoreError> {
        const GROUPS: [&str; 4] = ["runtime", "history", "bytes", "reference"];
        let group = |table: &Table| match table.class {
            Class::History if table.name == LARGE_VALUE.name => "bytes",
            Class::History => "history",
            Class::SlotBound => "runtime",
            Class::Replicated | Class::ShardLocal => "reference",
        };
        let mut sizes: BTreeMap<&str, (i64, Option<i64>, Option<i64>)> = BTreeMap::new();
        for table in TABLES {
            let name = table.name;
            let sql = match self.backend.dialect() {
                Dialect::Postgres => format!(
                    "SELECT coalesce(sum(CASE WHEN c.reltuples < 0 THEN s.n_live_tup ELSE greatest(c.reltuples::bigint, s.n_live_tup) END), 0)::bigint, \
                     coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint, \
                     coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::bigint \
                     FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE c.relkind = 'r' AND c.oid IN \
                     (SELECT '{name}'::regclass UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = '{name}'::regclass)"
                ),
                Dialect::Sqlite => format!("SELECT count(*), NULL, NULL FROM {name}"),
            };
            let row = each(self.backend.read(self.sql(&sql)).await?, |r| {
                Ok((r.int()?, r.int_opt()?, r.int_opt()?))
            })?;
            for (rows, bytes, written) in row {
                let sum = sizes.entry(group(table)).or_insert((0, Some(0), Some(0)));
                sum.0 += rows;
                sum.1 = sum.1.zip(bytes).map(|(a, b)| a + b);
                sum.2 = sum.2.zip(written).map(|(a, b)| a + b);
            }
        }
        let of = |group| {
            let (rows, bytes, written) = sizes.get(group).copied().unwrap_or_default();
            GroupSize {
                group,
                rows,
                bytes,
                written,
            }
        };
        Ok(GROUPS.map(of).to_vec())
    }
}

fn rows(table: &'static Table, found: Cells) -> Result<Vec<Event>, StoreError> {
    let event = |row: Vec<Cell>| {
        let row = typed(table, row)?;
        let id = |column: &str| match row[table.position(column)] {
            Cell::Uuid(id) => Ok(Id(id)),
            _ => Err(StoreError::Internal("a row without an id".to_string())),
        };
        Ok(Event {
            table: table.name,
            root_id: id("root_id")?,
            id: id("id")?,
            row: table
                .columns
                .iter()
                .zip(&row)
                .map(|(column, cell)| (column.name.to_string(), json(cell)))
                .collect(),
        })
    };
    found.into_iter().map(event).collect()
}

#[async_trait]
impl<B: Backend> Housekeeping for SqlStore<B> {
    async fn lease(&self, name: &str, held: Option<i64>, ms: Millis) -> Result<Option<i64>, StoreError> {
        self.take_lease(name, held, ms).await
    }

    async fn end_lease(&self, name: &str, held: i64) -> Result<(), StoreError> {
        self.give_lease_back(name, held).await
    }

    async fn cleanup_job(&self) -> Result<CleanupJob, StoreError> {
        self.read_cleanup_job().await
    }

    async fn set_cleanup_job(&self, job: CleanupJob) -> Result<(), StoreError> {
        self.write_cleanup_job(job).await
    }

    async fn forget_cleanup_job(&self) -> Result<(), StoreError> {
        self.delete_cleanup_job().await
    }

    async fn tell_of_cleanup(&self, id: Id, job: &CleanupJob, state: i16) -> Result<(), StoreError> {
        self.log_cleanup(id, job, state).await
    }

    async fn clean(&self, expired: Expired, most: usize) -> Result<Cleaned, StoreError> {
        self.clean_trees(expired, most).await
    }

    async fn forget(&self, what: Forget) -> Result<bool, StoreError> {
        self.forget_rows(what).await
    }
    async fn forget_making(&self, definitions: &[Id], deployment: Option<Id>) -> Result<(), StoreError> {
        self.forget_jobs_made(definitions, deployment).await
    }

    async fn forget_keys(&self, before: Millis) -> Result<u64, StoreError> {
        // What the engine itself remembers (armed start timers, signals that were heard) has no digest, and stays.
        let sql = self
            .sql("DELETE FROM idempotency WHERE \"digest\" <> '' AND \"created\" < ")
            .bind(Type::Big, before)
            .push(&format!(
                " AND {OWNED} AND NOT EXISTS (SELECT 1 FROM process_instance p WHERE p.\"id\" = idempotency.\"instance_id\") \
                 AND NOT EXISTS (SELECT 1 FROM history_process h WHERE h.\"root_id\" = idempotency.\"root_id\" \
                 AND h.\"id\" = idempotency.\"instance_id\" AND h.\"ended\" >= "
            ))
            .bind(Type::Big, before)
            .push(") RETURNING 1");
        Ok(self.backend.run(sql).await?.len() as u64)
    }

    async fn set_removal(&self, of: Removable, at: Option<Millis>) -> Result<bool, StoreError> {
        self.write_removal(of, at).await
    }

    async fn annotate_operation(
        &self,
        operation: Id,
        text: Option<&str>,
    ) -> Result<Option<bool>, StoreError> {
        self.write_annotation(operation, text).await
    }

    async fn add_metrics(
        &self,
        reporter: &str,
        bucket: Millis,
        counts: &[(&str, i64)],
    ) -> Result<(), StoreError> {
        let mut sql = self.sql("INSERT INTO metric (\"reporter\", \"name\", \"bucket\", \"value\") VALUES ");
        for (at, (name, count)) in counts.iter().enumerate() {
            sql = sql
                .push(if at == 0 { "(" } else { ", (" })
                .bind(Type::Text, reporter)
                .push(", ")
                .bind(Type::Text, *name)
                .push(", ")
                .bind(Type::Big, bucket)
                .push(", ")
                .bind(Type::Big, *count)
                .push(")");
        }
        let sql = sql.push(
            " ON CONFLICT (\"bucket\", \"name\", \"reporter\") DO UPDATE SET \"value\" = metric.\"value\" + excluded.\"value\"",
        );
        self.backend.run(sql).await.map(drop)
    }

    async fn make_partitions(&self, classes: &[i16], now: Millis) -> Result<usize, StoreError> {
        self.partitions_ahead(classes, now).await
    }

    async fn drop_partitions(&self, now: Millis, ended: Millis) -> Result<u64, StoreError> {
        self.drop_expired(now, ended).await
    }

    async fn watch_history(&self, on: bool) -> Result<(), StoreError> {
        self.note_history(on).await
    }

    async fn history_events(&self, batches: usize) -> Result<Events, StoreError> {
        self.events(batches).await
    }

    async fn history_sent(&self, batches: &[i64]) -> Result<(), StoreError> {
        if batches.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = batches.iter().map(i64::to_string).collect();
        let sql = format!("DELETE FROM history_outbox WHERE \"id\" IN ({})", list.join(","));
        self.backend.run(self.sql(&sql)).await.map(drop)
    }

    async fn history_backlog(&self) -> Result<Backlog, StoreError> {
        let sql = self.sql(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM history_outbox LIMIT 100000) x), \
             (SELECT \"created\" FROM history_outbox ORDER BY \"id\" LIMIT 1)",
        );
        let found = each(self.backend.read(sql).await?, |r| {
            Ok(Backlog {
                batches: r.int()?.max(0) as u64,
                oldest: r.int_opt()?,
            })
        })?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    async fn storage(&self) -> Result<Vec<GroupSize>, StoreError> {
        self.group_sizes().await
    }
}
