//! What this database owns: the rows of slots and its stamp. Moving a slot's rows: [`super::units`].
use super::{
    backend::{Backend, Transaction},
    cell::{Cell, Reader},
    schema::*,
    sql::{columns, on_conflict_put},
    sql_store::{SqlStore, each},
    *,
};
use std::collections::{HashMap, HashSet};

/// Rows of one statement.
const PAGE: usize = 500;
/// Slots that are read by one statement.
const PORTION: i16 = 1024;

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
        let mut rows = Vec::new();
        // What a driver holds of a row is many times the row, and memory once taken stays with the process.
        for from in (0..topology::SLOTS as i16).step_by(PORTION as usize) {
            let sql = self
                .sql(&format!(
                    "SELECT {} FROM slot WHERE \"slot\" >= ",
                    columns(&SLOT, "")
                ))
                .bind(Type::Small, from)
                .push(" AND \"slot\" < ")
                .bind(Type::Small, from + PORTION)
                .push(" ORDER BY \"slot\"");
            rows.extend(each(self.backend.read(sql).await?, read_slot)?);
        }
        Ok(rows)
    }

    /// See [`Store::slots_version`].
    pub(crate) async fn read_slots_version(&self) -> Result<i64, StoreError> {
        let sql = self.sql("SELECT \"value\" FROM applied WHERE \"name\" = 'slots'");
        Ok(self.number(sql).await?.unwrap_or(0))
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

    /// A transaction that keeps the slot in one of those states until it ends.
    pub(crate) async fn in_state(
        &self,
        slot: Slot,
        states: &[SlotState],
    ) -> Result<Box<dyn Transaction>, StoreError> {
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

    /// See [`Store::slot`].
    pub(crate) async fn read_slot_row(&self, slot: Slot) -> Result<Option<SlotRow>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT {} FROM slot WHERE \"slot\" = ",
            columns(&SLOT, "")
        ));
        Ok(each(self.backend.read(sql.bind(Type::Small, slot)).await?, read_slot)?.pop())
    }
}
