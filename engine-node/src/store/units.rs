//! Moving the rows of a slot (protocol 7). A unit is a root instance with all its rows and history, a standalone task
//! or job, or a row that is keyed by its slot. Roots and instances are found by slot in the few tables that have an
//! index by it; everything else is read, counted and deleted by root (history) or by instance (what runs).
use super::{
    backend::Backend,
    cell::{self, Cell},
    schema::*,
    sql::{Arg, Dialect, Sql, columns, on_conflict_put},
    sql_store::{SqlStore, each},
    *,
};
use serde_json::Value;

/// Rows of one page of an export, and of one statement of an import.
const PAGE: usize = 500;
/// Bytes of JSON after which a page ends early: well below a node's limit for bodies.
const PAGE_BYTES: usize = 16 << 20;
/// Rows of large values read at once.
const LARGE_PAGE: usize = 16;
/// Roots whose rows are read together.
const ROOTS: usize = 200;
/// Roots whose rows are counted or deleted by one statement.
const MANY_ROOTS: usize = 4_000;
/// Slots looked at by one statement.
const SLOTS_AT_ONCE: usize = 256;

/// Where roots are found by slot, and of which rows: instances that run and that have ended, and what has no
/// instance (standalone tasks, timer starts, evaluations for clients). Every tree has a row in one of them as long as it has any.
const HEADS: [(&str, bool); 13] = [
    ("process_instance", false),
    ("history_process", false),
    ("task_unit", false),
    ("task", true),
    ("job", true),
    ("incident", true),
    ("history_task", true),
    ("history_job", true),
    ("history_incident", true),
    ("history_decision", true),
    // Whatever became of their tasks.
    ("comment", false),
    ("attachment", false),
    // Of no tree, or of one whose own history somebody has deleted.
    ("history_operation", false),
];

/// Whether a table's rows are units of their own, found by slot.
fn keyed_by_slot(table: &Table) -> bool {
    table.key[0] == "slot"
}

fn rooted() -> impl Iterator<Item = &'static Table> {
    slot_bound().filter(|table| !keyed_by_slot(table))
}

fn keyed() -> impl Iterator<Item = &'static Table> {
    slot_bound().filter(|table| keyed_by_slot(table))
}

/// Where an export goes on.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Cursor {
    /// Roots up to this one are done.
    after: Option<Id>,
    /// The last root of those being read.
    last: Option<Id>,
    /// The table being read, after that key of it.
    table: Option<String>,
    key: Vec<Value>,
}

/// Units whose rows are handled together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units {
    pub slots: Vec<Slot>,
    pub roots: Vec<Id>,
    /// The running instances of those roots.
    pub instances: Vec<Id>,
}

impl Units {
    /// Parts that one statement handles; `instances` are pairs of root and instance.
    fn parts(slots: &[Slot], roots: &[Id], mut instances: Vec<(Id, Id)>) -> Vec<Units> {
        instances.sort_unstable();
        let of = |roots: &[Id]| {
            let from = instances.partition_point(|(root, _)| *root < roots[0]);
            let to = instances.partition_point(|(root, _)| *root <= roots[roots.len() - 1]);
            instances[from..to].iter().map(|(_, id)| *id).collect()
        };
        let part = |roots: &[Id]| Units {
            slots: slots.to_vec(),
            instances: of(roots),
            roots: roots.to_vec(),
        };
        roots.chunks(MANY_ROOTS).map(part).collect()
    }
}

/// What has been gathered for a page.
#[derive(Default)]
struct Page {
    lines: Vec<String>,
    bytes: usize,
}

impl Page {
    fn room(&self, table: &Table) -> usize {
        let most = if table.name == LARGE_VALUE.name {
            LARGE_PAGE
        } else {
            PAGE
        };
        most.min(PAGE - self.lines.len())
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= PAGE || self.bytes >= PAGE_BYTES
    }
}

impl<B: Backend> SqlStore<B> {
    /// The statement that finds roots of slots, in order of their ids. Slots are the engine's own numbers, so they
    /// stand in the statement as they are.
    pub(crate) fn roots_sql(
        &self,
        slots: &[Slot],
        after: Option<Id>,
        upto: Option<Id>,
        most: Option<usize>,
    ) -> Sql {
        let list = numbers(slots);
        let one = |(table, alone): &(&str, bool)| {
            let alone = if *alone {
                " AND \"instance_id\" IS NULL"
            } else {
                ""
            };
            format!("SELECT \"slot\", \"root_id\" FROM {table} WHERE \"slot\" IN ({list}){alone}")
        };
        let heads: Vec<String> = HEADS.iter().map(one).collect();
        let mut sql = self.sql(&format!(
            "SELECT DISTINCT \"slot\", \"root_id\" FROM ({}) x WHERE true",
            heads.join(" UNION ALL ")
        ));
        if let Some(after) = after {
            sql = sql.push(" AND \"root_id\" > ").bind(Type::Uuid, after);
        }
        if let Some(upto) = upto {
            sql = sql.push(" AND \"root_id\" <= ").bind(Type::Uuid, upto);
        }
        sql = sql.push(" ORDER BY \"root_id\"");
        match most {
            Some(most) => sql.push(&format!(" LIMIT {most}")),
            None => sql,
        }
    }

    /// The statement that finds the instances of slots with their roots.
    fn instances_sql(&self, slots: &[Slot], after: Option<Id>, upto: Option<Id>) -> Sql {
        let mut sql = self.sql(&format!(
            "SELECT \"root_id\", \"id\" FROM (SELECT \"root_id\", \"id\" FROM process_instance WHERE \"slot\" IN ({0}) \
             UNION ALL SELECT \"root_id\", \"id\" FROM task_unit WHERE \"slot\" IN ({0})) i WHERE true",
            numbers(slots)
        ));
        if let Some(after) = after {
            sql = sql.push(" AND \"root_id\" > ").bind(Type::Uuid, after);
        }
        if let Some(upto) = upto {
            sql = sql.push(" AND \"root_id\" <= ").bind(Type::Uuid, upto);
        }
        sql
    }

    async fn roots(&self, slot: Slot, after: Option<Id>, upto: Option<Id>) -> Result<Units, StoreError> {
        let roots = self.roots_sql(&[slot], after, upto, Some(ROOTS));
        let roots = read_roots(self.backend.read(roots).await?)?;
        let instances = match roots.last() {
            Some(last) => {
                self.backend
                    .read(self.instances_sql(&[slot], after, Some(*last)))
                    .await?
            }
            None => Vec::new(),
        };
        let instances = each(instances, |r| {
            r.next();
            r.id()
        })?;
        Ok(Units {
            slots: vec![slot],
            roots,
            instances,
        })
    }

    /// See [`Store::export_slot`].
    pub(crate) async fn export_page(
        &self,
        slot: Slot,
        cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        let mut at: Cursor = match &cursor {
            Some(cursor) => serde_json::from_str(cursor).map_err(|_| bad_line())?,
            None => Cursor::default(),
        };
        let mut page = Page::default();
        let by_slot = at
            .table
            .as_ref()
            .is_some_and(|name| keyed().any(|t| t.name == name));
        while !by_slot && !page.is_full() {
            let units = self.roots(slot, at.after, at.last).await?;
            let Some(last) = units.roots.last().copied() else {
                break;
            };
            at.last = Some(last);
            if self
                .read_tables(slot, rooted(), Some(&units), &mut at, &mut page)
                .await?
            {
                return page_and_cursor(page, &at);
            }
            at = Cursor {
                after: Some(last),
                ..Cursor::default()
            };
        }
        if page.is_full() || self.read_tables(slot, keyed(), None, &mut at, &mut page).await? {
            return page_and_cursor(page, &at);
        }
        Ok((page.lines, None))
    }

    /// Reads tables from where the cursor stands; true if the page is full before their end.
    async fn read_tables(
        &self,
        slot: Slot,
        tables: impl Iterator<Item = &'static Table>,
        units: Option<&Units>,
        at: &mut Cursor,
        page: &mut Page,
    ) -> Result<bool, StoreError> {
        let tables: Vec<&Table> = tables.collect();
        let first = match &at.table {
            Some(name) => tables.iter().position(|t| t.name == name).ok_or_else(bad_line)?,
            None => 0,
        };
        for table in &tables[first..] {
            let mut after = match (&at.table, at.key.is_empty()) {
                (Some(name), false) if name == table.name => Some(read_key(table, &at.key)?),
                _ => None,
            };
            loop {
                let room = page.room(table);
                let rows = self
                    .backend
                    .read(self.page(table, slot, units, after.take(), room))
                    .await?;
                let more = rows.len() == room;
                for row in rows {
                    let row = typed(table, row)?;
                    let cells: Vec<Value> = row.iter().map(cell::to_json).collect();
                    let line = serde_json::json!({ "t": table.name, "r": cells }).to_string();
                    page.bytes += line.len();
                    page.lines.push(line);
                    let key: Vec<Cell> = table.key.iter().map(|k| row[table.position(k)].clone()).collect();
                    if page.is_full() {
                        at.table = Some(table.name.to_string());
                        at.key = key.iter().map(cell::to_json).collect();
                        return Ok(true);
                    }
                    after = Some(key);
                }
                if !more {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// A page of one table's rows of those roots, or of the slot where the table is keyed by it.
    pub(crate) fn page(
        &self,
        table: &Table,
        slot: Slot,
        units: Option<&Units>,
        after: Option<Vec<Cell>>,
        room: usize,
    ) -> Sql {
        let key: Vec<String> = table.key.iter().map(|k| format!("\"{k}\"")).collect();
        let key = key.join(", ");
        let select = format!("SELECT {} FROM {} WHERE ", columns(table, ""), table.name);
        let mut sql = match units {
            Some(units) => self.about(units).push(&select).push(&self.of(table, units)),
            None => self.sql(&select).push("\"slot\" = ").bind(Type::Small, slot),
        };
        if let Some(after) = after {
            sql = sql
                .push(&format!(" AND ({key}) > "))
                .rows(&key_columns(table), &[after]);
        }
        sql.push(&format!(" ORDER BY {key} LIMIT "))
            .bind(Type::Big, room as i64)
    }

    /// See [`Store::import_slot`].
    pub(crate) async fn import_lines(&self, slot: Slot, lines: &[String]) -> Result<(), StoreError> {
        let mut transaction = self.in_state(slot, &[SlotState::Incoming]).await?;
        let mut rows: Vec<(&Table, Vec<Cell>)> = Vec::with_capacity(lines.len());
        for line in lines {
            rows.push(read_line(line, slot)?);
        }
        for same in rows.chunk_by(|a, b| a.0.name == b.0.name) {
            for part in same.chunks(PAGE) {
                let table = part[0].0;
                let cells: Vec<Vec<Cell>> = part.iter().map(|(_, row)| row.clone()).collect();
                let again = if table.class == Class::History {
                    transaction.run(self.clear(table, &cells)).await?;
                    String::new()
                } else {
                    on_conflict_put(table)
                };
                let sql = self.sql(&format!(
                    "INSERT INTO {} ({}) VALUES ",
                    table.name,
                    columns(table, "")
                ));
                transaction
                    .run(sql.rows(table.columns, &cells).push(" ").push(&again))
                    .await?;
            }
        }
        transaction.commit().await
    }

    /// Deletes what lies between the first and the last of those history rows, of their roots: what an earlier try
    /// has left, and nothing of other pages.
    fn clear(&self, table: &Table, rows: &[Vec<Cell>]) -> Sql {
        let id = |row: &[Cell], column: &str| match row[table.position(column)] {
            Cell::Uuid(id) => Id(id),
            _ => Id(uuid::Uuid::nil()),
        };
        let mut keys: Vec<(Id, Id)> = rows.iter().map(|r| (id(r, "root_id"), id(r, "id"))).collect();
        keys.sort_unstable();
        let mut roots: Vec<Id> = keys.iter().map(|(root, _)| *root).collect();
        roots.dedup();
        let key = key_columns(table);
        let bound = |at: usize| vec![vec![keys[at].0.into(), keys[at].1.into()]];
        let units = Units {
            roots,
            ..Units::default()
        };
        self.purging(table, &units)
            .push(" AND (\"root_id\", \"id\") >= ")
            .rows(&key, &bound(0))
            .push(" AND (\"root_id\", \"id\") <= ")
            .rows(&key, &bound(keys.len() - 1))
    }

    /// See [`Store::count_slot`].
    pub(crate) async fn count_rows(&self, slot: Slot) -> Result<Vec<(String, u64)>, StoreError> {
        let found = self.filled(&[slot]).await?;
        let rows = |name: &str| {
            let one = found.iter().find(|(_, table, _)| table == name);
            one.map_or(0, |(_, _, rows)| *rows)
        };
        Ok(slot_bound()
            .map(|table| (table.name.to_string(), rows(table.name)))
            .collect())
    }

    /// See [`Store::filled_slots`].
    pub(crate) async fn filled(&self, slots: &[Slot]) -> Result<Vec<(Slot, String, u64)>, StoreError> {
        let mut found: std::collections::BTreeMap<(Slot, String), u64> = Default::default();
        for slots in slots.chunks(SLOTS_AT_ONCE) {
            let roots = read_roots(self.backend.read(self.roots_sql(slots, None, None, None)).await?)?;
            let instances = self.backend.read(self.instances_sql(slots, None, None)).await?;
            let units = Units::parts(slots, &roots, each(instances, |r| Ok((r.id()?, r.id()?)))?);
            let of_roots = units.iter().map(|units| self.counting(units));
            for sql in of_roots.chain([self.counting_keyed(slots)]) {
                for (slot, table, rows) in each(self.backend.read(sql).await?, |r| {
                    let damaged = |_| StoreError::Internal("a row names no slot".to_string());
                    Ok((
                        Slot::new(r.i16()? as u16).map_err(damaged)?,
                        r.text()?,
                        r.int()? as u64,
                    ))
                })? {
                    *found.entry((slot, table)).or_default() += rows;
                }
            }
        }
        Ok(found
            .into_iter()
            .map(|((slot, table), rows)| (slot, table, rows))
            .collect())
    }

    /// Rows per slot and table of those units.
    pub(crate) fn counting(&self, units: &Units) -> Sql {
        let one = |table: &Table| {
            format!(
                "SELECT \"slot\", '{0}' AS name, count(*) AS rows FROM {0} WHERE {1} GROUP BY \"slot\"",
                table.name,
                self.of(table, units)
            )
        };
        let all: Vec<String> = rooted().map(one).collect();
        self.about(units).push(&all.join(" UNION ALL "))
    }

    /// A statement whose first two values are the roots and the instances; SQLite, which has no arrays and few
    /// parameters, gets them as text.
    pub(crate) fn about(&self, units: &Units) -> Sql {
        let mut sql = self.sql("");
        if sql.dialect == Dialect::Postgres {
            let uuids = |ids: &[Id]| Arg::Uuids(ids.iter().map(|id| id.0).collect());
            sql.args = vec![uuids(&units.roots), uuids(&units.instances)];
        }
        sql
    }

    /// Condition of a table's rows that belong to those units; for statements that [`SqlStore::about`] began.
    pub(crate) fn of(&self, table: &Table, units: &Units) -> String {
        let (roots, instances) = match self.backend.dialect() {
            Dialect::Postgres => ("= ANY($1)".to_string(), "= ANY($2)".to_string()),
            Dialect::Sqlite => (
                format!("IN ({})", blobs(&units.roots)),
                format!("IN ({})", blobs(&units.instances)),
            ),
        };
        let slots = numbers(&units.slots);
        // Without an instance they are found by slot: few rows, in indexes of their own.
        let alone = format!("\"instance_id\" IS NULL AND \"slot\" IN ({slots}) AND \"root_id\" {roots}");
        match table.name {
            // Its heads are found by their own id, the others by an index that has only those.
            "history_process" => {
                format!("(\"id\" {roots} OR (\"root_id\" <> \"id\" AND \"root_id\" {roots}))")
            }
            _ if table.class == Class::History => format!("\"root_id\" {roots}"),
            "process_instance" | "task_unit" => format!("\"id\" {instances}"),
            "task" | "job" | "incident" => format!("(\"instance_id\" {instances} OR ({alone}))"),
            "comment" | "attachment" => format!("\"root_id\" {roots}"),
            "task_candidate" | "task_link" => format!(
                "\"task_id\" IN (SELECT \"id\" FROM task WHERE \"instance_id\" {instances} UNION ALL \
                 SELECT \"id\" FROM task WHERE {alone})"
            ),
            _ => format!("\"instance_id\" {instances}"),
        }
    }

    fn counting_keyed(&self, slots: &[Slot]) -> Sql {
        let list = numbers(slots);
        let one = |table: &Table| {
            format!(
                "SELECT \"slot\", '{0}' AS name, count(*) AS rows FROM {0} WHERE \"slot\" IN ({list}) GROUP BY \"slot\"",
                table.name
            )
        };
        self.sql(&keyed().map(one).collect::<Vec<_>>().join(" UNION ALL "))
    }

    /// See [`Store::purge_slot`].
    pub(crate) async fn purge_rows(&self, slot: Slot) -> Result<(), StoreError> {
        let mut transaction = self
            .in_state(slot, &[SlotState::Incoming, SlotState::Released])
            .await?;
        let roots = read_roots(transaction.run(self.roots_sql(&[slot], None, None, None)).await?)?;
        let instances = transaction.run(self.instances_sql(&[slot], None, None)).await?;
        let units = Units::parts(&[slot], &roots, each(instances, |r| Ok((r.id()?, r.id()?)))?);
        for units in &units {
            // Candidates are found by their tasks, so they go first.
            for table in rooted().collect::<Vec<_>>().into_iter().rev() {
                transaction.run(self.purging(table, units)).await?;
            }
        }
        for table in keyed() {
            let sql = self
                .sql(&format!("DELETE FROM {} WHERE \"slot\" = ", table.name))
                .bind(Type::Small, slot);
            transaction.run(sql).await?;
        }
        transaction.commit().await
    }

    /// Deletes a table's rows of those units.
    pub(crate) fn purging(&self, table: &Table, units: &Units) -> Sql {
        self.about(units).push(&format!(
            "DELETE FROM {} WHERE {}",
            table.name,
            self.of(table, units)
        ))
    }
}

fn read_roots(rows: super::backend::Cells) -> Result<Vec<Id>, StoreError> {
    let mut roots = each(rows, |r| {
        r.next();
        r.id()
    })?;
    roots.dedup();
    Ok(roots)
}

fn page_and_cursor(page: Page, at: &Cursor) -> Result<(Vec<String>, Option<String>), StoreError> {
    let cursor = serde_json::to_string(at).map_err(|e| StoreError::Internal(e.to_string()))?;
    Ok((page.lines, Some(cursor)))
}

/// Slots as a list for a statement.
pub(crate) fn numbers(slots: &[Slot]) -> String {
    let numbers: Vec<String> = slots.iter().map(|slot| slot.number().to_string()).collect();
    numbers.join(", ")
}

fn blobs(ids: &[Id]) -> String {
    let blobs: Vec<String> = ids.iter().map(|id| format!("x'{}'", id.0.simple())).collect();
    blobs.join(",")
}

fn key_columns(table: &Table) -> Vec<Column> {
    table
        .key
        .iter()
        .map(|k| table.columns[table.position(k)])
        .collect()
}

pub(crate) fn typed(table: &Table, row: Vec<Cell>) -> Result<Vec<Cell>, StoreError> {
    table
        .columns
        .iter()
        .zip(row)
        .map(|(c, cell)| cell::as_type(c.ty, cell))
        .collect()
}

fn bad_line() -> StoreError {
    StoreError::Internal("an exported line or cursor can't be read".to_string())
}

fn read_key(table: &Table, key: &[Value]) -> Result<Vec<Cell>, StoreError> {
    let columns = key_columns(table);
    if columns.len() != key.len() {
        return Err(bad_line());
    }
    let cells = columns.iter().zip(key);
    cells
        .map(|(c, value)| cell::from_json(c.ty, value.clone()))
        .collect()
}

#[derive(serde::Deserialize)]
struct Line {
    t: String,
    r: Vec<Value>,
}

/// A line as a row; one of another slot or table is refused.
fn read_line(line: &str, slot: Slot) -> Result<(&'static Table, Vec<Cell>), StoreError> {
    let Line { t, r } = serde_json::from_str(line).map_err(|_| bad_line())?;
    let table = slot_bound().find(|table| table.name == t).ok_or_else(bad_line)?;
    if table.columns.len() != r.len() {
        return Err(bad_line());
    }
    let row: Vec<Cell> = table
        .columns
        .iter()
        .zip(r)
        .map(|(c, value)| cell::from_json(c.ty, value))
        .collect::<Result<_, _>>()?;
    if row[table.position("slot")] != Cell::from(slot) {
        return Err(StoreError::Internal(format!(
            "an exported line is not of slot {slot}"
        )));
    }
    Ok((table, row))
}
