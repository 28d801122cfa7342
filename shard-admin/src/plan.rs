//! Decisions, without I/O: what a move needs next, given its record and both databases.
//!
//! The record in etcd decides, databases follow (`aborted` and `flipped` exclude each other). Every step looks at the
//! rows as they are, so a run that was interrupted anywhere goes on with the same function.
use crate::node::{SlotRow, SlotState};
use cluster::{MoveState, SlotMove};
use std::collections::BTreeMap;
use topology::Slot;

/// Slot rows of a database, by slot; a slot that was never there is absent.
pub type Rows = BTreeMap<u16, SlotRow>;

/// The source or the target of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The shard that gives.
    Source,
    /// The shard that receives.
    Target,
}

/// A compare-and-set of slot rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Rows as they must be; a slot that is only in `to` must be absent.
    pub from: Vec<SlotRow>,
    /// Rows as they become.
    pub to: Vec<SlotRow>,
}

impl Change {
    fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    fn add(&mut self, from: Option<&SlotRow>, to: SlotRow) {
        self.from.extend(from.cloned());
        self.to.push(to);
    }
}

/// What a move needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Change slot rows.
    Rows(Side, Change),
    /// The fence stands: wait for the writers that had begun before it, then record `fenced`.
    Settle,
    /// Copy every slot, compare counts, flip.
    CopyAndFlip,
    /// Delete the target's copy of the slots in `from`, then change the rows.
    Clear(Change),
    /// Delete the source's copy, then record `released`.
    Purge,
    /// Nothing is left to do.
    Done,
}

/// The next step of a move.
///
/// `epochs` holds the epoch in the slot table of every slot of the move.
///
/// # Errors
/// The databases contradict the record: the text says how. Nobody may guess then.
pub fn next(
    record: &SlotMove,
    epochs: &BTreeMap<u16, u32>,
    source: &Rows,
    target: &Rows,
) -> Result<Step, String> {
    let mine = |row: &SlotRow, state| row.state == state && row.move_id.as_deref() == Some(&record.id);
    let slots = || record.slots.iter().map(|slot| slot.number());
    let mut on_source = Change::default();
    let mut on_target = Change::default();
    match record.state {
        MoveState::Copying => {
            for slot in slots() {
                let epoch = epochs.get(&slot).copied().unwrap_or_default();
                let row = |state, armed| SlotRow {
                    slot,
                    state,
                    epoch,
                    move_id: Some(record.id.clone()),
                    armed,
                };
                match target.get(&slot) {
                    Some(there) if mine(there, SlotState::Incoming) => {}
                    Some(there) if there.state != SlotState::Released => return Err(odd("target", there)),
                    there => on_target.add(there, row(SlotState::Incoming, 0)),
                }
                match source.get(&slot) {
                    Some(there) if mine(there, SlotState::Fenced) => {}
                    Some(there) if there.state == SlotState::Owned && there.epoch == epoch => {
                        on_source.add(Some(there), row(SlotState::Fenced, there.armed));
                    }
                    Some(there) => return Err(odd("source", there)),
                    None => return Err(format!("slot {slot}: the source has never heard of it")),
                }
            }
            Ok(match (on_target.is_empty(), on_source.is_empty()) {
                (false, _) => Step::Rows(Side::Target, on_target),
                (true, false) => Step::Rows(Side::Source, on_source),
                (true, true) => Step::Settle,
            })
        }
        MoveState::Fenced => {
            for slot in slots() {
                match (source.get(&slot), target.get(&slot)) {
                    (Some(s), Some(t)) if mine(s, SlotState::Fenced) && mine(t, SlotState::Incoming) => {}
                    (Some(s), _) if !mine(s, SlotState::Fenced) => return Err(odd("source", s)),
                    (_, Some(t)) => return Err(odd("target", t)),
                    _ => return Err(format!("slot {slot}: its row is gone")),
                }
            }
            Ok(Step::CopyAndFlip)
        }
        MoveState::Flipped => {
            for slot in slots() {
                let fenced = source.get(&slot).filter(|row| mine(row, SlotState::Fenced));
                if let Some(there) = target.get(&slot).filter(|row| mine(row, SlotState::Incoming)) {
                    // The source's mark is read behind the fence, so nothing is armed twice or never.
                    let armed = fenced.map_or(there.armed, |row| row.armed);
                    let owned = SlotRow {
                        state: SlotState::Owned,
                        epoch: there.epoch + 1,
                        move_id: None,
                        armed,
                        slot,
                    };
                    on_target.add(Some(there), owned);
                }
                if let Some(there) = fenced {
                    let released = SlotRow {
                        state: SlotState::Released,
                        epoch: there.epoch + 1,
                        move_id: None,
                        ..there.clone()
                    };
                    on_source.add(Some(there), released);
                }
            }
            Ok(match (on_target.is_empty(), on_source.is_empty()) {
                (false, _) => Step::Rows(Side::Target, on_target),
                (true, false) => Step::Rows(Side::Source, on_source),
                (true, true) => Step::Purge,
            })
        }
        MoveState::Aborted => {
            for slot in slots() {
                if let Some(there) = source.get(&slot).filter(|row| mine(row, SlotState::Fenced)) {
                    on_source.add(
                        Some(there),
                        SlotRow {
                            state: SlotState::Owned,
                            move_id: None,
                            ..there.clone()
                        },
                    );
                }
                if let Some(there) = target.get(&slot).filter(|row| mine(row, SlotState::Incoming)) {
                    on_target.add(
                        Some(there),
                        SlotRow {
                            state: SlotState::Released,
                            move_id: None,
                            ..there.clone()
                        },
                    );
                }
            }
            Ok(match (on_source.is_empty(), on_target.is_empty()) {
                (false, _) => Step::Rows(Side::Source, on_source),
                (true, false) => Step::Clear(on_target),
                (true, true) => Step::Done,
            })
        }
        MoveState::Released => Ok(Step::Done),
    }
}

fn odd(side: &str, row: &SlotRow) -> String {
    let of = row
        .move_id
        .as_deref()
        .map(|id| format!(" in move {id}"))
        .unwrap_or_default();
    format!(
        "slot {} is {:?} at epoch {}{of} at the {side}",
        row.slot, row.state, row.epoch
    )
    .to_lowercase()
}

/// Rows that make a shard the owner of slots that its database has never heard of: only for a cluster's first shard,
/// whose slots come from nowhere. `owned` are slots and epochs of the table.
pub fn claim(owned: &[(u16, u32)], rows: &Rows) -> Change {
    let mut change = Change::default();
    for (slot, epoch) in owned
        .iter()
        .filter(|(slot, epoch)| *epoch == 1 && !rows.contains_key(slot))
    {
        change.add(
            None,
            SlotRow {
                slot: *slot,
                state: SlotState::Owned,
                epoch: *epoch,
                move_id: None,
                armed: 0,
            },
        );
    }
    change
}

/// Cuts a change into parts that fit a request.
pub fn parts(change: Change, size: usize) -> Vec<Change> {
    let mut parts: Vec<Change> = Vec::new();
    let mut from = change.from.into_iter().peekable();
    for chunk in change.to.chunks(size.max(1)) {
        let last = chunk.last().map_or(0, |row| row.slot);
        let mut part = Change {
            from: Vec::new(),
            to: chunk.to_vec(),
        };
        while let Some(row) = from.next_if(|row| row.slot <= last) {
            part.from.push(row);
        }
        parts.push(part);
    }
    parts
}

/// Runs of neighbouring numbers, for people: `0-63,70`.
pub fn runs(slots: impl IntoIterator<Item = u16>) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for slot in slots {
        match runs.last_mut() {
            Some(run) if run.1.checked_add(1) == Some(slot) => run.1 = slot,
            _ => runs.push((slot, slot)),
        }
    }
    let text = |(first, last): (u16, u16)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    runs.into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// The same, cut after 60 characters, with the number of slots.
pub fn short(slots: &[u16]) -> String {
    let runs = runs(slots.iter().copied());
    match runs.char_indices().nth(60) {
        Some((end, _)) => format!("{}… ({} slots)", &runs[..end], slots.len()),
        None => runs,
    }
}

/// Empty slots cost a fence next to nothing: this many share one with a full batch.
const MOST_SLOTS_PER_FENCE: usize = 2_048;

/// Cuts slots into batches of at most `most` slots that have rows, and empty ones between them.
pub fn batches(slots: &[Slot], filled: impl Fn(&Slot) -> bool, most: usize) -> Vec<&[Slot]> {
    let mut batches = Vec::new();
    let (mut first, mut full) = (0, 0);
    for (at, slot) in slots.iter().enumerate() {
        let more = usize::from(filled(slot));
        if at > first && (full + more > most || at - first >= MOST_SLOTS_PER_FENCE) {
            batches.push(&slots[first..at]);
            (first, full) = (at, 0);
        }
        full += more;
    }
    if first < slots.len() {
        batches.push(&slots[first..]);
    }
    batches
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
