//! What the rules need from a store: ordered keys with revisions, and writes that happen only if nothing they depend
//! on has changed.
use crate::{Error, NodeLease, Result};
use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key, without the store's prefix.
    pub key: String,
    /// Its bytes.
    pub value: Vec<u8>,
    /// The revision that wrote it; revisions of one store only grow.
    pub revision: u64,
}

impl Entry {
    /// The value from JSON.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.value).map_err(|e| Error::Damaged {
            key: self.key.clone(),
            reason: e.to_string(),
        })
    }
}

/// One change of a write.
#[derive(Clone, Debug)]
pub enum Op {
    /// Sets a key.
    Put(String, Vec<u8>),
    /// Removes a key; one that isn't there is fine.
    Delete(String),
}

impl Op {
    /// Sets a key to a value as JSON.
    pub fn put(key: impl Into<String>, value: &impl Serialize) -> Op {
        // Our types have text keys and no failing serializers, so this can't fail.
        Op::Put(key.into(), serde_json::to_vec(value).unwrap_or_default())
    }

    /// The key it changes.
    pub fn key(&self) -> &str {
        match self {
            Op::Put(key, _) | Op::Delete(key) => key,
        }
    }
}

/// "This key was last written at this revision"; 0 stands for "isn't there".
#[derive(Clone, Debug)]
pub struct Guard(pub String, pub u64);

impl Guard {
    /// The key is still as it was read.
    pub fn unchanged(key: &str, read: &Option<Entry>) -> Guard {
        Guard(key.to_owned(), read.as_ref().map_or(0, |e| e.revision))
    }
}

/// An ordered key-value store with guarded writes.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The newest value of a key.
    async fn get(&self, key: &str) -> Result<Option<Entry>>;

    /// Values with `from <= key < end` in order, at most `limit` (0: all).
    async fn range(&self, from: &str, end: &str, limit: usize) -> Result<Vec<Entry>>;

    /// Does every change in one transaction if every guard holds, and gives its revision; `None` if one doesn't.
    async fn write(&self, guards: Vec<Guard>, ops: Vec<Op>) -> Result<Option<u64>>;

    /// Sets a key for as long as the lease lives.
    async fn hold(&self, key: String, value: Vec<u8>) -> Result<NodeLease>;

    /// Waits (within a bound) until this handle's view shows what revision `revision` wrote.
    async fn seen(&self, revision: u64);
}
