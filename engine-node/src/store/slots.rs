//! What this database owns, and moving the rows of a slot.
use super::{
    backend::{Backend, Transaction},
    cell::{self, Cell, Reader},
    schema::*,
    sql::{Sql, columns, on_conflict_put},
    sql_store::{SqlStore, each},
    *,
};
use std::collections::{HashMap, HashSet};

/// Rows of one page of an export, and of one statement of an import.
const PAGE: usize = 500;

const STATES: [SlotState; 4] = [
    SlotState::Owned,
    SlotState::Fenced,
    SlotState::Incoming,
    SlotState::Released,
];

fn number(state: SlotState) -> i16 {
    STATES.iter().position(|s| *s == state).unwrap_or(0) as i16
}

fn read_slot(r: &mut Reader) -> Result<SlotRow, StoreError> {
    let damaged = || StoreError::Internal("a stored slot row is damaged".to_string());
    Ok(SlotRow {
        slot: Slot::new(r.i16()? as u16).map_err(|_| damaged())?,
        state: *STATES.get(r.i16()? as usize).ok_or_else(damaged)?,
        epoch: r.int()?.try_into().map_err(|_| damaged())?,
        move_id: r.text_opt()?,
        armed: r.int()? as u64,
    })
}

fn slot_cells(row: &SlotRow) -> Vec<Cell> {
    vec![
        row.slot.into(),
        number(row.state).into(),
        i64::from(row.epoch).into(),
        (&row.move_id).into(),
        (row.armed as i64).into(),
    ]
}

impl<B: Backend> SqlStore<B> {
    /// See [`Store::slots`].
    pub(crate) async fn slot_rows(&self) -> Result<Vec<SlotRow>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT {} FROM slot ORDER BY \"slot\"",
            columns(&SLOT, "")
        ));
        each(self.backend.read(sql).await?, read_slot)
    }

    /// Gives an unstamped database without slot rows every slot at epoch 1.
    pub(crate) async fn own_all_if_fresh(&self) -> Result<(), StoreError> {
        let mut transaction = self.change_version().await?;
        let fresh =
            self.sql("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM slot) AND NOT EXISTS (SELECT 1 FROM stamp)");
        if transaction.run(fresh).await?.is_empty() {
            // Rolled back: nothing has changed.
            return Ok(());
        }
        let all: Vec<SlotRow> = Slot::all()
            .map(|slot| SlotRow {
                slot,
                state: SlotState::Owned,
                epoch: 1,
                move_id: None,
                armed: 0,
            })
            .collect();
        self.put_slots(transaction.as_mut(), &all).await?;
        transaction.commit().await
    }

    /// A transaction that has raised the version of the slot rows, and so is the only one that changes them.
    async fn change_version(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let mut transaction = self.backend.begin().await?;
        let raise = self.sql("UPDATE applied SET \"value\" = \"value\" + 1 WHERE \"name\" = 'slots'");
        transaction.run(raise).await?;
        Ok(transaction)
    }

    async fn put_slots(&self, transaction: &mut dyn Transaction, rows: &[SlotRow]) -> Result<(), StoreError> {
        for part in rows.chunks(PAGE) {
            let cells: Vec<Vec<Cell>> = part.iter().map(slot_cells).collect();
            let sql = self.sql(&format!("INSERT INTO slot ({}) VALUES ", columns(&SLOT, "")));
            transaction
                .run(
                    sql.rows(SLOT.columns, &cells)
                        .push(" ")
                        .push(&on_conflict_put(&SLOT)),
                )
                .await?;
        }
        Ok(())
    }

    /// See [`Store::change_slots`]. A slot in `to` that isn't in `from` must have no row yet.
    pub(crate) async fn swap_slots(&self, from: &[SlotRow], to: &[SlotRow]) -> Result<bool, StoreError> {
        let mut transaction = self.change_version().await?;
        let sql = self.sql(&format!("SELECT {} FROM slot", columns(&SLOT, "")));
        let rows = each(transaction.run(sql).await?, read_slot)?;
        let found: HashMap<Slot, &SlotRow> = rows.iter().map(|row| (row.slot, row)).collect();
        let named: HashSet<Slot> = from.iter().map(|row| row.slot).collect();
        let same = |want: &SlotRow| {
            found
                .get(&want.slot)
                .is_some_and(|r| (r.state, r.epoch, &r.move_id) == (want.state, want.epoch, &want.move_id))
        };
        let allowed = |new: &SlotRow| match found.get(&new.slot) {
            Some(old) => new.epoch >= old.epoch && named.contains(&new.slot),
            None => true,
        };
        if !from.iter().all(same) || !to.iter().all(allowed) {
            return Ok(false);
        }
        self.put_slots(transaction.as_mut(), to).await?;
        for sql in [
            "DELETE FROM hidden_slot WHERE \"slot\" NOT IN (SELECT \"slot\" FROM slot WHERE \"state\" IN (2, 3))",
            "INSERT INTO hidden_slot (\"slot\") SELECT \"slot\" FROM slot WHERE \"state\" IN (2, 3) ON CONFLICT DO NOTHING",
        ] {
            transaction.run(self.sql(sql)).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// See [`Store::stamp`].
    pub(crate) async fn read_stamp(&self) -> Result<Option<Stamp>, StoreError> {
        let sql = self.sql("SELECT \"cluster\", \"shard\", \"generation\" FROM stamp");
        let read = |r: &mut Reader| {
            Ok(Stamp {
                cluster: r.text()?,
                shard: r.text()?,
                generation: r.int()?,
            })
        };
        Ok(each(self.backend.read(sql).await?, read)?.pop())
    }

    /// See [`Store::setting`].
    pub(crate) async fn read_setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = self
            .sql("SELECT \"value\" FROM setting WHERE \"name\" = ")
            .bind(Type::Text, name);
        Ok(each(self.backend.read(sql).await?, |r: &mut Reader| r.text())?.pop())
    }

    /// See [`Store::put_setting`].
    pub(crate) async fn write_setting(
        &self,
        name: &str,
        value: &str,
        replace: bool,
    ) -> Result<String, StoreError> {
        // The one that is there keeps its value unless it is to be replaced; either way it is given back.
        let kept = if replace { "excluded" } else { "setting" };
        let sql = self
            .sql("INSERT INTO setting (\"name\", \"value\") VALUES ")
            .rows(SETTING.columns, &[vec![name.into(), value.into()]])
            .push(&format!(
                " ON CONFLICT (\"name\") DO UPDATE SET \"value\" = {kept}.\"value\" RETURNING setting.\"value\""
            ));
        let rows = each(self.backend.run(sql).await?, |r: &mut Reader| r.text())?;
        let stored = rows.into_iter().next();
        stored.ok_or_else(|| StoreError::Internal(format!("setting '{name}' not stored")))
    }

    /// See [`Store::set_stamp`]. The same stamp, or one of a later generation, may be set again.
    pub(crate) async fn write_stamp(&self, stamp: &Stamp) -> Result<(), StoreError> {
        let row = vec![
            1i16.into(),
            (&stamp.cluster).into(),
            (&stamp.shard).into(),
            stamp.generation.into(),
        ];
        let sql = self
            .sql("INSERT INTO stamp (\"one\", \"cluster\", \"shard\", \"generation\") VALUES ")
            .rows(STAMP.columns, &[row]);
        let sql = sql.push(
            " ON CONFLICT (\"one\") DO UPDATE SET \"generation\" = excluded.\"generation\" WHERE stamp.\"cluster\" = excluded.\"cluster\" \
             AND stamp.\"shard\" = excluded.\"shard\" AND stamp.\"generation\" <= excluded.\"generation\" RETURNING 1",
        );
        if self.backend.run(sql).await?.is_empty() {
            let found = self.read_stamp().await?;
            let found = found.map_or_else(String::new, |s| {
                format!("{}/{} generation {}", s.cluster, s.shard, s.generation)
            });
            return Err(StoreError::Internal(format!(
                "the database belongs to {found}, not to {}/{} generation {}",
                stamp.cluster, stamp.shard, stamp.generation
            )));
        }
        Ok(())
    }

    /// See [`Store::export_slot`]. The cursor is the table's number and the key of its last row.
    pub(crate) async fn export_page(
        &self,
        slot: Slot,
        cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        let tables: Vec<&Table> = slot_bound().collect();
        let (mut at, mut after): (usize, Option<Vec<Cell>>) = match &cursor {
            Some(cursor) => read_cursor(cursor, &tables)?,
            None => (0, None),
        };
        let mut lines = Vec::new();
        while let Some(table) = tables.get(at) {
            let room = PAGE - lines.len();
            let rows = self
                .backend
                .read(self.page(table, slot, after.take(), room))
                .await?;
            let full = rows.len() == room;
            for row in rows {
                let row = typed(table, row)?;
                let cells: Vec<serde_json::Value> = row.iter().map(cell::to_json).collect();
                lines.push(serde_json::json!({ "t": table.name, "r": cells }).to_string());
                if full && lines.len() == PAGE {
                    let key: Vec<serde_json::Value> = table
                        .key
                        .iter()
                        .map(|k| cell::to_json(&row[table.position(k)]))
                        .collect();
                    return Ok((lines, Some(serde_json::json!([table.name, key]).to_string())));
                }
            }
            at += 1;
        }
        Ok((lines, None))
    }

    fn page(&self, table: &Table, slot: Slot, after: Option<Vec<Cell>>, room: usize) -> Sql {
        let key: Vec<String> = table.key.iter().map(|k| format!("\"{k}\"")).collect();
        let key = key.join(", ");
        let mut sql = self.sql(&format!(
            "SELECT {} FROM {} WHERE \"slot\" = ",
            columns(table, ""),
            table.name
        ));
        sql = sql.bind(Type::Small, slot);
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
                    let key = key_columns(table);
                    let places: Vec<usize> = table.key.iter().map(|k| table.position(k)).collect();
                    let keys: Vec<Vec<Cell>> = cells
                        .iter()
                        .map(|row| places.iter().map(|at| row[*at].clone()).collect())
                        .collect();
                    let names: Vec<String> = table.key.iter().map(|k| format!("\"{k}\"")).collect();
                    let sql = self.sql(&format!(
                        "DELETE FROM {} WHERE ({}) IN (VALUES ",
                        table.name,
                        names.join(", ")
                    ));
                    transaction.run(sql.rows(&key, &keys).push(")")).await?;
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

    /// A transaction that keeps the slot in one of those states until it ends.
    async fn in_state(&self, slot: Slot, states: &[SlotState]) -> Result<Box<dyn Transaction>, StoreError> {
        let mut transaction = self.backend.begin().await?;
        let sql = self.sql(&format!(
            "SELECT {} FROM slot WHERE \"slot\" = ",
            columns(&SLOT, "")
        ));
        let found = each(
            transaction
                .run(sql.bind(Type::Small, slot).postgres(" FOR SHARE"))
                .await?,
            read_slot,
        )?
        .pop();
        match found {
            Some(row) if states.contains(&row.state) => Ok(transaction),
            Some(row) => Err(StoreError::Internal(format!(
                "slot {slot} is {:?}, not one of {states:?}",
                row.state
            ))),
            None => Err(StoreError::Internal(format!(
                "slot {slot} is unknown here, not one of {states:?}"
            ))),
        }
    }

    /// See [`Store::count_slot`].
    pub(crate) async fn count_rows(&self, slot: Slot) -> Result<Vec<(String, u64)>, StoreError> {
        let mut sql = self.sql("");
        for (i, table) in slot_bound().enumerate() {
            sql = sql.push(if i > 0 { " UNION ALL " } else { "" });
            sql = sql.push(&format!(
                "SELECT '{0}' AS name, count(*) AS rows FROM {0} WHERE \"slot\" = ",
                table.name
            ));
            sql = sql.bind(Type::Small, slot);
        }
        let found = each(self.backend.read(sql).await?, |r| {
            Ok((r.text()?, r.int()? as u64))
        })?;
        let rows = |name: &str| {
            found
                .iter()
                .find(|(table, _)| table == name)
                .map_or(0, |(_, rows)| *rows)
        };
        Ok(slot_bound()
            .map(|table| (table.name.to_string(), rows(table.name)))
            .collect())
    }

    /// See [`Store::slot`].
    pub(crate) async fn read_slot_row(&self, slot: Slot) -> Result<Option<SlotRow>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT {} FROM slot WHERE \"slot\" = ",
            columns(&SLOT, "")
        ));
        Ok(each(self.backend.read(sql.bind(Type::Small, slot)).await?, read_slot)?.pop())
    }

    /// See [`Store::filled_slots`]. The numbers are the engine's own, so they stand in the statement as they are.
    pub(crate) async fn filled(&self, slots: &[Slot]) -> Result<Vec<(Slot, String, u64)>, StoreError> {
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let list = slots
            .iter()
            .map(|slot| slot.number().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let one = |table: &Table| {
            format!(
                "SELECT \"slot\", '{0}' AS name, count(*) AS rows FROM {0} WHERE \"slot\" IN ({list}) GROUP BY \"slot\"",
                table.name
            )
        };
        let sql = self.sql(&slot_bound().map(one).collect::<Vec<_>>().join(" UNION ALL "));
        let damaged = || StoreError::Internal("a row names no slot".to_string());
        each(self.backend.read(sql).await?, |r| {
            let slot = Slot::new(r.i16()? as u16).map_err(|_| damaged())?;
            Ok((slot, r.text()?, r.int()? as u64))
        })
    }

    /// See [`Store::purge_slot`].
    pub(crate) async fn purge_rows(&self, slot: Slot) -> Result<(), StoreError> {
        let mut transaction = self
            .in_state(slot, &[SlotState::Incoming, SlotState::Released])
            .await?;
        for table in slot_bound() {
            let sql = self
                .sql(&format!("DELETE FROM {} WHERE \"slot\" = ", table.name))
                .bind(Type::Small, slot);
            transaction.run(sql).await?;
        }
        transaction.commit().await
    }
}

fn key_columns(table: &Table) -> Vec<Column> {
    table
        .key
        .iter()
        .map(|k| table.columns[table.position(k)])
        .collect()
}

fn typed(table: &Table, row: Vec<Cell>) -> Result<Vec<Cell>, StoreError> {
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

fn read_cursor(cursor: &str, tables: &[&Table]) -> Result<(usize, Option<Vec<Cell>>), StoreError> {
    let (name, key): (String, Vec<serde_json::Value>) =
        serde_json::from_str(cursor).map_err(|_| bad_line())?;
    let at = tables.iter().position(|t| t.name == name).ok_or_else(bad_line)?;
    let columns = key_columns(tables[at]);
    if columns.len() != key.len() {
        return Err(bad_line());
    }
    let key = columns
        .iter()
        .zip(key)
        .map(|(c, value)| cell::from_json(c.ty, value))
        .collect::<Result<_, _>>()?;
    Ok((at, Some(key)))
}

#[derive(serde::Deserialize)]
struct Line {
    t: String,
    r: Vec<serde_json::Value>,
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
