//! The slot table: who owns each slot now, and at which epoch. One immutable value; a change is a new value.
use crate::slot::{SLOTS, Slot};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// The name of a shard: what operators type. Letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardName(pub Arc<str>);

impl ShardName {
    /// From text, unchecked.
    pub fn new(name: &str) -> ShardName {
        ShardName(name.into())
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A shard as the table knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its name, unique in the cluster.
    pub name: ShardName,
    /// Its share of new slots relative to the others; 100 is normal.
    pub weight: u32,
}

/// A run of neighbouring slots with one owner and epoch: the stored form of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// First slot of the run.
    pub first: u16,
    /// Last slot of the run, included.
    pub last: u16,
    /// Index into `shards`.
    pub shard: u16,
    /// Epoch of every slot in the run. An epoch never falls; it rises by one with each move.
    pub epoch: u32,
}

/// The whole table. Serialized as shards and runs, well under etcd's value limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct SlotTable {
    shards: Vec<Shard>,
    owners: Vec<(u16, u32)>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    shards: Vec<Shard>,
    runs: Vec<Run>,
}

/// A stored table that doesn't cover every slot exactly once or names an unknown shard.
#[derive(Debug, thiserror::Error)]
#[error("slot table is damaged: {0}")]
pub struct Damaged(String);

impl SlotTable {
    /// The slots split evenly over the given shards in order, at epoch 1. Empty list: nobody owns anything is
    /// impossible, so it must not be empty.
    pub fn split(shards: Vec<Shard>) -> SlotTable {
        assert!(!shards.is_empty(), "a slot table needs a shard");
        let n = shards.len();
        let owners = (0..SLOTS as usize)
            .map(|slot| ((slot * n / SLOTS as usize) as u16, 1))
            .collect();
        SlotTable { shards, owners }
    }

    /// A table at epoch 1 in which slot `i` belongs to the shard with index `owners[i]`.
    pub(crate) fn with_owners(shards: Vec<Shard>, owners: Vec<u16>) -> SlotTable {
        assert!(!shards.is_empty(), "a slot table needs a shard");
        assert_eq!(owners.len(), SLOTS as usize, "every slot needs an owner");
        SlotTable {
            shards,
            owners: owners.into_iter().map(|shard| (shard, 1)).collect(),
        }
    }

    /// The shards in the order they joined.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Owner and epoch of a slot: one array look-up.
    pub fn owner(&self, slot: Slot) -> (&ShardName, u32) {
        let (shard, epoch) = self.owners[slot.number() as usize];
        (&self.shards[shard as usize].name, epoch)
    }

    /// The slots a shard owns, in order, with their epochs.
    pub fn slots_of(&self, shard: &ShardName) -> Vec<(Slot, u32)> {
        Slot::all()
            .filter(|s| self.owner(*s).0 == shard)
            .map(|s| (s, self.owner(s).1))
            .collect()
    }

    /// A new table with one more shard that owns nothing yet. A known name changes its weight only.
    pub fn with_shard(&self, shard: Shard) -> SlotTable {
        let mut table = self.clone();
        match table.shards.iter_mut().find(|s| s.name == shard.name) {
            Some(known) => known.weight = shard.weight,
            None => table.shards.push(shard),
        }
        table
    }

    /// A new table in which `to` owns the slots, each at its epoch plus one.
    ///
    /// # Panics
    /// If `to` is not a shard of the table.
    pub fn with_owner(&self, slots: &[Slot], to: &ShardName) -> SlotTable {
        let index = self
            .shards
            .iter()
            .position(|s| s.name == *to)
            .expect("target shard is in the table") as u16;
        let mut table = self.clone();
        for slot in slots {
            let entry = &mut table.owners[slot.number() as usize];
            *entry = (index, entry.1 + 1);
        }
        table
    }

    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (slot, (shard, epoch)) in self.owners.iter().copied().enumerate() {
            match runs.last_mut() {
                Some(run) if run.shard == shard && run.epoch == epoch => run.last = slot as u16,
                _ => runs.push(Run {
                    first: slot as u16,
                    last: slot as u16,
                    shard,
                    epoch,
                }),
            }
        }
        runs
    }
}

impl From<SlotTable> for Stored {
    fn from(table: SlotTable) -> Stored {
        Stored {
            runs: table.runs(),
            shards: table.shards,
        }
    }
}

impl TryFrom<Stored> for SlotTable {
    type Error = Damaged;
    fn try_from(stored: Stored) -> Result<SlotTable, Damaged> {
        let mut owners = Vec::with_capacity(SLOTS as usize);
        for run in stored.runs {
            if run.first as usize != owners.len() || run.last < run.first || run.last >= SLOTS {
                return Err(Damaged(format!(
                    "run {}..{} is out of order",
                    run.first, run.last
                )));
            }
            if run.shard as usize >= stored.shards.len() {
                return Err(Damaged(format!(
                    "run {}..{} names an unknown shard",
                    run.first, run.last
                )));
            }
            owners.extend((run.first..=run.last).map(|_| (run.shard, run.epoch)));
        }
        if owners.len() != SLOTS as usize {
            return Err(Damaged(format!("{} of {SLOTS} slots are covered", owners.len())));
        }
        Ok(SlotTable {
            shards: stored.shards,
            owners,
        })
    }
}

/// Which slots an answer covered, small enough for a header: the number of slots and the XOR of a fixed 64-bit mix
/// of each. Parts of a fan-out cover every slot exactly once if they add up to [`Coverage::ALL`]'s value; a slot
/// seen twice with another missing keeps the count and changes the XOR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Number of slots.
    pub slots: u32,
    /// XOR of the mixed slot numbers.
    pub mix: u64,
}

impl Coverage {
    /// The coverage of one slot.
    pub fn of(slot: Slot) -> Coverage {
        Coverage {
            slots: 1,
            mix: xxhash_rust::xxh64::xxh64(&slot.number().to_le_bytes(), 1),
        }
    }

    /// The coverage of every slot once.
    pub fn whole() -> Coverage {
        Slot::all().map(Coverage::of).sum()
    }
}

impl std::iter::Sum for Coverage {
    fn sum<I: Iterator<Item = Coverage>>(parts: I) -> Coverage {
        parts.fold(Coverage::default(), |a, b| Coverage {
            slots: a.slots + b.slots,
            mix: a.mix ^ b.mix,
        })
    }
}

impl fmt::Display for Coverage {
    /// `SLOTS:MIX`, the mix as 16 hexadecimal digits: the value of `X-Stellwerk-Coverage`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:016x}", self.slots, self.mix)
    }
}

impl std::str::FromStr for Coverage {
    type Err = Damaged;
    fn from_str(text: &str) -> Result<Coverage, Damaged> {
        let bad = || Damaged(format!("coverage '{text}'"));
        let (slots, mix) = text.split_once(':').ok_or_else(bad)?;
        Ok(Coverage {
            slots: slots.parse().map_err(|_| bad())?,
            mix: u64::from_str_radix(mix, 16).map_err(|_| bad())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(n: usize) -> Vec<Shard> {
        (0..n)
            .map(|i| Shard {
                name: ShardName::new(&format!("s{i}")),
                weight: 100,
            })
            .collect()
    }

    #[test]
    fn a_table_survives_its_stored_form() {
        let table = SlotTable::split(shards(3)).with_owner(&[Slot::new(5).unwrap()], &ShardName::new("s2"));
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<SlotTable>(&text).unwrap(), table);
        assert_eq!(table.owner(Slot::new(5).unwrap()), (&ShardName::new("s2"), 2));
    }

    #[test]
    fn coverage_tells_a_double_slot_from_a_whole_table() {
        let whole = Coverage::whole();
        let mut parts: Vec<Coverage> = Slot::all().map(Coverage::of).collect();
        assert_eq!(parts.iter().copied().sum::<Coverage>(), whole);
        parts[7] = parts[8];
        let wrong: Coverage = parts.into_iter().sum();
        assert_eq!(wrong.slots, whole.slots);
        assert_ne!(wrong, whole);
        assert_eq!(whole.to_string().parse::<Coverage>().unwrap(), whole);
    }
}
