//! Slots, identifiers and placement: where a business key or an id belongs. Pure: no I/O, no clock, no etcd.
//!
//! A business key hashes to one of [`SLOTS`] slots; a [`SlotTable`] says which shard owns each slot now and at
//! which epoch; every id the engine gives out carries its slot ([`id::Id`]).
pub mod id;
pub mod placement;
pub mod slot;
pub mod table;

pub use id::{Id, IdGenerator, IdSource};
pub use slot::{SLOTS, Slot};
pub use table::{Coverage, Shard, ShardName, SlotTable};
