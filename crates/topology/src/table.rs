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

/// The whole table. Serialized as shards and runs of neighbouring slots: under 128 KiB, as long as indexes and epochs
/// together have at most 6 digits, even if no two neighbours have the same owner.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct SlotTable {
    shards: Vec<Shard>,
    owners: Vec<(u16, u32)>,
}

/// The stored form. `runs` lists the slots in order, separated by spaces: `SHARD.EPOCH` for one slot,
/// `SHARD.EPOCH*COUNT` for several, where `SHARD` is an index into `shards`.
#[derive(Serialize, Deserialize)]
struct Stored {
    shards: Vec<Shard>,
    runs: String,
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

    /// The same with the owner as an index into [`SlotTable::shards`], for whoever keeps a list of his own beside them.
    pub fn owner_index(&self, slot: Slot) -> (usize, u32) {
        let (shard, epoch) = self.owners[slot.number() as usize];
        (shard as usize, epoch)
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

    fn runs(&self) -> String {
        let run = |part: &[(u16, u32)]| match (part[0], part.len()) {
            ((shard, epoch), 1) => format!("{shard}.{epoch}"),
            ((shard, epoch), count) => format!("{shard}.{epoch}*{count}"),
        };
        self.owners
            .chunk_by(|a, b| a == b)
            .map(run)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl fmt::Debug for SlotTable {
    /// Shards and the beginning of the runs: 16 384 owners help nobody in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.shards.iter().map(|s| s.name.as_str()).collect();
        let runs = self.runs();
        write!(
            f,
            "SlotTable({names:?} {:.200}{})",
            runs,
            if runs.len() > 200 { "…" } else { "" }
        )
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
        for run in stored.runs.split(' ') {
            let parsed = || {
                let (owner, count) = run.split_once('*').unwrap_or((run, "1"));
                let (shard, epoch) = owner.split_once('.')?;
                Some((
                    shard.parse::<u16>().ok()?,
                    epoch.parse::<u32>().ok()?,
                    count.parse::<u16>().ok()?,
                ))
            };
            let (shard, epoch, count) =
                parsed().ok_or_else(|| Damaged(format!("run '{run}' isn't readable")))?;
            if shard as usize >= stored.shards.len() {
                return Err(Damaged(format!("run '{run}' names an unknown shard")));
            }
            owners.extend(std::iter::repeat_n((shard, epoch), count as usize));
            if owners.len() > SLOTS as usize {
                return Err(Damaged(format!("it has more than {SLOTS} slots")));
            }
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
    fn the_stored_form_is_short_and_never_changes() {
        // Golden: it lies in etcd and is read by other builds.
        let table = SlotTable::split(shards(2)).with_owner(&[Slot::new(5).unwrap()], &ShardName::new("s1"));
        let text = r#"{"shards":[{"name":"s0","weight":100},{"name":"s1","weight":100}],"runs":"0.1*5 1.2 0.1*8186 1.1*8192"}"#;
        assert_eq!(serde_json::to_string(&table).unwrap(), text);
        let shards = shards(100);
        let mut scattered = SlotTable::with_owners(shards, (0..SLOTS).map(|slot| slot % 100).collect());
        scattered.owners.iter_mut().for_each(|owner| owner.1 = 999);
        assert!(serde_json::to_vec(&scattered).unwrap().len() < 128 * 1024);
    }

    #[test]
    fn a_damaged_stored_form_is_refused() {
        let one = r#"[{"name":"s0","weight":100}]"#;
        for runs in [
            "",
            "0.1*16383",
            "0.1*16385",
            "0.1*16384 0.1",
            "1.1*16384",
            "0*16384",
            "0.1*x",
            "0.1*70000",
        ] {
            let text = format!(r#"{{"shards":{one},"runs":"{runs}"}}"#);
            assert!(serde_json::from_str::<SlotTable>(&text).is_err(), "{runs}");
        }
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
