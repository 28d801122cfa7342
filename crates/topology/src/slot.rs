//! Slots and the hash from business key to slot.
use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of slots; fixed for the life of a cluster's data.
pub const SLOTS: u16 = 16_384;

/// One of [`SLOTS`] parts of the key space. Slots, not keys, belong to shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Slot(u16);

/// A number that is not below [`SLOTS`].
#[derive(Debug, thiserror::Error)]
#[error("slot {0} is not below {SLOTS}")]
pub struct SlotOutOfRange(pub u16);

impl Slot {
    /// The slot of that number.
    pub fn new(number: u16) -> Result<Slot, SlotOutOfRange> {
        if number < SLOTS {
            Ok(Slot(number))
        } else {
            Err(SlotOutOfRange(number))
        }
    }

    /// The low 14 bits of a hash.
    pub const fn from_bits(bits: u64) -> Slot {
        Slot((bits % SLOTS as u64) as u16)
    }

    /// The slot of a business key (or an idempotency key, or a definition key): xxHash64, seed 0, of the UTF-8
    /// bytes, modulo [`SLOTS`]. This is a contract with stored data, pinned by a golden test.
    pub fn of_key(key: &str) -> Slot {
        Slot::from_bits(xxhash_rust::xxh64::xxh64(key.as_bytes(), 0))
    }

    /// Its number, below [`SLOTS`].
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Every slot in order.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..SLOTS).map(Slot)
    }
}

impl TryFrom<u16> for Slot {
    type Error = SlotOutOfRange;
    fn try_from(number: u16) -> Result<Slot, SlotOutOfRange> {
        Slot::new(number)
    }
}

impl From<Slot> for u16 {
    fn from(slot: Slot) -> u16 {
        slot.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_of_a_key_never_changes() {
        // Golden: a change here sends every stored business key to another shard.
        // The first value is the low 14 bits of xxHash64's published 0xef46db3751d8e999 for no bytes.
        let golden = [
            ("", 10_649),
            ("order-1", 8_365),
            ("Bestellung Ä/ß & Söhne", 5_995),
            ("4711", 10_625),
        ];
        assert_eq!(golden.map(|(key, _)| (key, Slot::of_key(key).number())), golden);
    }
}
