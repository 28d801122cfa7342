//! Moves of slots: one record each, whose state alone decides what databases may do.
use crate::{
    Error, Result, keys,
    log::TRIES,
    shards,
    store::{Entry, Guard, Op, Store},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::SystemTime};
use topology::{ShardName, Slot, SlotTable};

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoveState {
    /// Units are copied while the source works.
    Copying,
    /// The source rejects writes of the slots.
    Fenced,
    /// The target owns the slots. There is no way back, only a new move.
    Flipped,
    /// Given up; the source keeps the slots and lifts its fence.
    Aborted,
    /// The source has dropped its copy.
    Released,
}

impl MoveState {
    /// Whether a move may go from this state to that one. A fence is never lifted within a move, only by aborting
    /// it: an admin that stalled between last delta and flip must not find a second fence in place of its own.
    pub fn may_become(self, next: MoveState) -> bool {
        use MoveState::*;
        matches!(
            (self, next),
            (Copying, Fenced)
                | (Copying, Aborted)
                | (Fenced, Aborted)
                | (Fenced, Flipped)
                | (Flipped, Released)
        )
    }

    /// Neither side has finished: the move still holds its slots.
    pub fn is_open(self) -> bool {
        matches!(self, MoveState::Copying | MoveState::Fenced)
    }

    const NAMES: [(MoveState, &'static str); 5] = [
        (MoveState::Copying, "copying"),
        (MoveState::Fenced, "fenced"),
        (MoveState::Flipped, "flipped"),
        (MoveState::Aborted, "aborted"),
        (MoveState::Released, "released"),
    ];
}

impl fmt::Display for MoveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = MoveState::NAMES
            .iter()
            .find(|(state, _)| state == self)
            .map_or("?", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for MoveState {
    type Err = Error;
    fn from_str(text: &str) -> Result<MoveState> {
        let found = MoveState::NAMES.iter().find(|(_, name)| *name == text);
        found
            .map(|(state, _)| *state)
            .ok_or_else(|| Error::Refused(format!("'{text}' isn't a state of a move")))
    }
}

/// The record of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotMove {
    /// Its id; ids grow with time.
    pub id: String,
    /// The shard that gives.
    pub from: ShardName,
    /// The shard that receives.
    pub to: ShardName,
    /// The slots it moves together, ascending.
    pub slots: Vec<Slot>,
    /// How far it is.
    pub state: MoveState,
    /// When it was recorded, Unix milliseconds.
    pub created: u64,
}

fn key(id: &str) -> String {
    format!("{}{id}", keys::MOVES)
}

async fn read(store: &impl Store, id: &str) -> Result<(Entry, SlotMove)> {
    let entry = store
        .get(&key(id))
        .await?
        .ok_or_else(|| Error::UnknownMove(id.to_owned()))?;
    let found = entry.decode()?;
    Ok((entry, found))
}

pub(crate) async fn get(store: &impl Store, id: &str) -> Result<SlotMove> {
    Ok(read(store, id).await?.1)
}

pub(crate) async fn all(store: &impl Store) -> Result<Vec<SlotMove>> {
    let stored = store.range(keys::MOVES, &keys::end_of(keys::MOVES), 0).await?;
    stored.iter().map(Entry::decode).collect()
}

pub(crate) async fn create(
    store: &impl Store,
    from: &ShardName,
    to: &ShardName,
    mut slots: Vec<Slot>,
) -> Result<SlotMove> {
    slots.sort();
    slots.dedup();
    for _ in 0..TRIES {
        let guard = store.get(keys::MOVE_GUARD).await?;
        let stored = store.get(keys::TABLE).await?;
        let table = shards::require(&stored)?;
        check(&table, &all(store).await?, from, to, &slots)?;
        let created = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as u64);
        let new = SlotMove {
            id: topology::IdGenerator::default().next(slots[0]).to_string(),
            from: from.clone(),
            to: to.clone(),
            slots: slots.clone(),
            state: MoveState::Copying,
            created,
        };
        let guards = vec![
            Guard::unchanged(keys::MOVE_GUARD, &guard),
            Guard::unchanged(keys::TABLE, &stored),
            Guard(key(&new.id), 0),
        ];
        let ops = vec![Op::put(keys::MOVE_GUARD, &new.id), Op::put(key(&new.id), &new)];
        if store.write(guards, ops).await?.is_some() {
            return Ok(new);
        }
    }
    Err(Error::Busy("the list of moves"))
}

/// Whether the move may be recorded, given what stands in the store.
fn check(
    table: &SlotTable,
    moves: &[SlotMove],
    from: &ShardName,
    to: &ShardName,
    slots: &[Slot],
) -> Result<()> {
    let refused = |text: String| Err(Error::Refused(text));
    if slots.is_empty() {
        return refused("a move needs at least one slot".into());
    }
    if from == to {
        return refused(format!("a move from {from} to itself moves nothing"));
    }
    for shard in [from, to] {
        if !table.shards().iter().any(|s| s.name == *shard) {
            return refused(format!("there is no shard {shard}"));
        }
    }
    if let Some(slot) = slots.iter().find(|slot| table.owner(**slot).0 != from) {
        return refused(format!(
            "slot {slot} belongs to {}, not to {from}",
            table.owner(*slot).0
        ));
    }
    for other in moves.iter().filter(|m| m.state.is_open()) {
        if let Some(slot) = other.slots.iter().find(|slot| slots.binary_search(slot).is_ok()) {
            return refused(format!("slot {slot} is being moved already ({})", other.id));
        }
    }
    Ok(())
}

pub(crate) async fn cas(
    store: &impl Store,
    id: &str,
    expected: MoveState,
    new: MoveState,
) -> Result<SlotMove> {
    if new == MoveState::Flipped {
        return Err(Error::Refused("only flip() makes a move flipped".into()));
    }
    if !expected.may_become(new) {
        return Err(Error::Refused(format!(
            "a move can't go from {expected} to {new}"
        )));
    }
    let (entry, found) = read(store, id).await?;
    let conflict = |state| Error::MoveConflict {
        id: id.to_owned(),
        state,
    };
    if found.state != expected {
        return Err(conflict(found.state));
    }
    let changed = SlotMove { state: new, ..found };
    match store
        .write(
            vec![Guard(key(id), entry.revision)],
            vec![Op::put(key(id), &changed)],
        )
        .await?
    {
        Some(_) => Ok(changed),
        // A record is only ever written to change its state.
        None => Err(conflict(get(store, id).await?.state)),
    }
}

pub(crate) async fn flip(store: &impl Store, id: &str) -> Result<u64> {
    for _ in 0..TRIES {
        let (entry, found) = read(store, id).await?;
        let stored = store.get(keys::TABLE).await?;
        match found.state {
            MoveState::Fenced => {}
            MoveState::Flipped => return Ok(stored.map_or(0, |e| e.revision)),
            state => {
                return Err(Error::MoveConflict {
                    id: id.to_owned(),
                    state,
                });
            }
        }
        let table = shards::require(&stored)?;
        if let Some(slot) = found
            .slots
            .iter()
            .find(|slot| *table.owner(**slot).0 != found.from)
        {
            let owner = table.owner(*slot).0;
            return Err(Error::Refused(format!(
                "slot {slot} of move {id} belongs to {owner} now; abort the move"
            )));
        }
        if !table.shards().iter().any(|s| s.name == found.to) {
            return Err(Error::Refused(format!(
                "there is no shard {}; abort move {id}",
                found.to
            )));
        }
        let flipped = table.with_owner(&found.slots, &found.to);
        let guards = vec![
            Guard(key(id), entry.revision),
            Guard::unchanged(keys::TABLE, &stored),
        ];
        let ops = vec![
            Op::put(
                key(id),
                &SlotMove {
                    state: MoveState::Flipped,
                    ..found
                },
            ),
            Op::put(keys::TABLE, &flipped),
        ];
        if let Some(revision) = store.write(guards, ops).await? {
            store.seen(revision).await;
            return Ok(revision);
        }
        // The table (another move) or this move changed in between: look again.
    }
    Err(Error::Busy("the slot table"))
}
