//! Identifiers that carry their slot: a UUID of version 8 made of 48 bits of milliseconds, 12 bits of sequence,
//! the 14 bits beside the variant for the slot (the fourth group reads `8000 + slot`), and 48 random bits.
use crate::slot::Slot;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Mutex, time::SystemTime};
use uuid::Uuid;

/// The id of anything the engine made: instance, token, task, job, incident, variable, deployment, definition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub Uuid);

/// The milliseconds of ids that stand for a client's text.
const NAMED: u64 = (1 << 48) - 1;
/// Another hash than the one that names the slot: together they tell texts apart.
const NAMED_SEED: u32 = 0x7461_736b;

impl Id {
    /// No entity's id.
    pub const NIL: Id = Id(Uuid::nil());

    /// Builds an id from its parts; `sequence` keeps its low 12 bits, `random` its low 48.
    pub fn from_parts(millis: u64, sequence: u16, slot: Slot, random: u64) -> Id {
        let high = (millis << 16) | 0x8000 | u64::from(sequence & 0xfff);
        let low = (0b10 << 62) | (u64::from(slot.number()) << 48) | (random & 0xffff_ffff_ffff);
        Id(Uuid::from_u64_pair(high, low))
    }

    /// The slot it carries, or `None` for an id that isn't ours (not version 8).
    pub fn slot(self) -> Option<Slot> {
        let (high, low) = self.0.as_u64_pair();
        ((high >> 12) & 0xf == 8 && low >> 62 == 0b10).then(|| Slot::from_bits((low >> 48) & 0x3fff))
    }

    /// The id under which history tells of this entity where it keeps no row of its own: that the entity was made, or
    /// which value it has now. Of the same slot and time; the twin's twin is the id itself.
    pub fn twin(self) -> Id {
        let (high, low) = self.0.as_u64_pair();
        Id(Uuid::from_u64_pair(high, low ^ 0xffff_ffff_ffff))
    }

    /// The id of what a client has named itself: the same for the same text, in the slot of the text's hash. Its
    /// milliseconds are ones that no clock reaches, its other bits a hash of the text.
    pub fn named(text: &str) -> Id {
        let hash = xxhash_rust::xxh64::xxh64(text.as_bytes(), u64::from(NAMED_SEED));
        Id::from_parts(NAMED, (hash >> 48) as u16, Slot::of_key(text), hash)
    }

    /// Whether it stands for a text of a client's ([`Id::named`]).
    pub fn is_named(self) -> bool {
        self.millis() == NAMED && self.slot().is_some()
    }

    /// The id that a client means by a text: one of ours, or what it has named.
    pub fn of_text(text: &str) -> Id {
        let ours = text.parse::<Id>().ok();
        ours.filter(|id| id.slot().is_some() && !id.is_named())
            .unwrap_or_else(|| Id::named(text))
    }

    /// Unix milliseconds at which it was made.
    pub fn millis(self) -> u64 {
        self.0.as_u64_pair().0 >> 16
    }
}

impl FromStr for Id {
    type Err = uuid::Error;
    /// Takes the 36-character form only: `Uuid`'s other spellings would give one entity several names.
    fn from_str(text: &str) -> Result<Id, uuid::Error> {
        if text.len() != 36 {
            return Err(Uuid::parse_str("").unwrap_err());
        }
        Uuid::parse_str(text).map(Id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where new ids come from; tests give a counter, nodes an [`IdGenerator`].
pub trait IdSource {
    /// A new id in that slot, greater than every id this source gave before within the slot and millisecond.
    fn next(&mut self, slot: Slot) -> Id;
}

/// Ids by the wall clock. The millisecond never goes back within a process, even if the clock does.
#[derive(Debug, Default)]
pub struct IdGenerator {
    last: Mutex<(u64, u16)>,
}

impl IdGenerator {
    /// A new id in that slot.
    pub fn next(&self, slot: Slot) -> Id {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as u64);
        let (millis, sequence) = {
            let mut last = self.last.lock().unwrap_or_else(|e| e.into_inner());
            *last = match *last {
                (millis, _) if now > millis => (now, 0),
                (millis, 0xfff) => (millis + 1, 0),
                (millis, sequence) => (millis, sequence + 1),
            };
            *last
        };
        Id::from_parts(millis, sequence, slot, rand::random())
    }
}

impl IdSource for &IdGenerator {
    fn next(&mut self, slot: Slot) -> Id {
        IdGenerator::next(self, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s0_27_an_id_is_a_36_character_uuid_that_carries_its_slot() {
        let slot = Slot::new(4711).unwrap();
        let id = Id::from_parts(1_700_000_000_123, 7, slot, 0xabc);
        assert_eq!(id.to_string(), "018bcfe5-687b-8007-9267-000000000abc");
        assert_eq!((id.slot(), id.millis()), (Some(slot), 1_700_000_000_123));
        assert_eq!(id.to_string().parse::<Id>().unwrap(), id);
        assert_eq!(
            "5b28a61c-afea-11ea-a71f-0200170287af"
                .parse::<Id>()
                .unwrap()
                .slot(),
            None
        );
        assert!("018bcfe5687b80079267000000000abc".parse::<Id>().is_err());
    }

    #[test]
    fn a_twin_is_another_id_of_the_same_slot() {
        let id = Id::from_parts(1_700_000_000_123, 7, Slot::new(4711).unwrap(), 0xabc);
        let twin = id.twin();
        assert_ne!(twin, id);
        assert_eq!(
            (twin.slot(), twin.millis(), twin.twin()),
            (id.slot(), id.millis(), id)
        );
    }

    #[test]
    fn what_a_client_names_has_an_id_in_the_slot_of_its_hash() {
        // Stored: what stands for a text may never change.
        let id = Id::named("mine");
        assert_eq!(id.slot(), Some(Slot::of_key("mine")));
        assert!(id.is_named() && id.to_string().starts_with("ffffffff-ffff-8"));
        assert_eq!(Id::of_text("mine"), id);
        assert_ne!(Id::named("yours"), id);
        let ours = Id::from_parts(1, 2, Slot::from_bits(3), 4);
        assert_eq!(Id::of_text(&ours.to_string()), ours);
        // Neither another one's uuid nor what stands inside means itself.
        for text in ["5b28a61c-afea-11ea-a71f-0200170287af".to_owned(), id.to_string()] {
            assert_eq!(Id::of_text(&text), Id::named(&text));
        }
    }

    #[test]
    fn ids_of_one_generator_grow() {
        let ids = IdGenerator::default();
        let slot = Slot::new(3).unwrap();
        let made: Vec<Id> = (0..10_000).map(|_| ids.next(slot)).collect();
        assert!(made.windows(2).all(|w| w[0] < w[1]));
    }
}
