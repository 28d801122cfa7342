//! What a process knows of the cluster at one moment: one immutable value.
use crate::{Error, Result, keys, store::Entry};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use topology::{ShardName, Slot, SlotTable};

/// The cluster as last seen. Taken once per request; never changes.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Version of the slot table: grows with each change of it, 0 before the first.
    pub version: u64,
    /// The slot table; `None` before the first shard.
    pub table: Option<Arc<SlotTable>>,
    /// Every shard that the table names or a node has registered for.
    pub shards: BTreeMap<ShardName, ShardView>,
    /// Index of the last entry of the reference log; 0 if it is empty.
    pub log_head: u64,
    /// Entries up to this index are published.
    pub published: u64,
    /// Whether the store's feed is up; if not, this view is the last good one.
    pub connected: bool,
    /// When the store was last heard of.
    pub contact: Contact,
    /// The store's revision that this view shows.
    pub revision: u64,
}

/// A shard in a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardView {
    /// Index up to which its database has applied the reference log.
    pub applied: u64,
    /// It didn't confirm in time: no starts, no reads that any shard may answer.
    pub behind: bool,
    /// Its nodes that are registered now, by id.
    pub nodes: Vec<NodeView>,
}

/// A node as it registers itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Unique within its shard; letters, digits, `-`, `_`, `.` and `:`.
    pub id: String,
    /// Where routers reach it: `http://HOST:PORT`.
    pub url: String,
    /// Version of its program.
    pub version: String,
}

/// A registered node; the same facts as it gave.
pub type NodeView = NodeInfo;

/// How far a shard is: the stored form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub applied: u64,
    pub behind: bool,
}

impl View {
    /// Time since the store was last heard of; zero where there is no store to lose.
    pub fn age(&self) -> Duration {
        self.contact.age()
    }

    /// Owner and epoch of a slot; `None` before the first shard.
    pub fn owner(&self, slot: Slot) -> Option<(&ShardName, u32)> {
        self.table.as_ref().map(|table| table.owner(slot))
    }

    /// The view that the keys below [`keys::TOPOLOGY`] amount to. A table that `previous` has at the same version is
    /// taken from there instead of being parsed again.
    pub(crate) fn build(keys: &BTreeMap<String, Entry>, previous: &View, revision: u64) -> Result<View> {
        let mut view = View {
            connected: true,
            contact: previous.contact.clone(),
            revision,
            ..View::default()
        };
        for (key, entry) in keys {
            if key == keys::TABLE {
                view.version = entry.revision;
                view.table = match &previous.table {
                    Some(table) if previous.version == entry.revision => Some(table.clone()),
                    _ => Some(Arc::new(entry.decode()?)),
                };
            } else if key == keys::LOG_HEAD {
                view.log_head = entry.decode()?;
            } else if key == keys::PUBLISHED {
                view.published = entry.decode()?;
            } else if let Some(name) = key.strip_prefix(keys::SHARDS) {
                let progress: Progress = entry.decode()?;
                let shard = view.shards.entry(ShardName::new(name)).or_default();
                (shard.applied, shard.behind) = (progress.applied, progress.behind);
            } else if let Some(rest) = key.strip_prefix(keys::NODES) {
                let (name, _) = rest.split_once('/').ok_or_else(|| Error::Damaged {
                    key: key.clone(),
                    reason: "a node's key is SHARD/ID".into(),
                })?;
                view.shards
                    .entry(ShardName::new(name))
                    .or_default()
                    .nodes
                    .push(entry.decode()?);
            }
        }
        let named = view
            .table
            .iter()
            .flat_map(|t| t.shards())
            .map(|s| s.name.clone())
            .collect::<Vec<_>>();
        for name in named {
            view.shards.entry(name).or_default();
        }
        Ok(view)
    }
}

/// When the store was last heard of, shared by all views of a handle so that it needs no new view. The default
/// belongs to a topology that can't be lost: its age is always zero.
#[derive(Clone, Debug, Default)]
pub struct Contact(Option<Arc<AtomicU64>>);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Contact {
    /// Contact with a store that may go away, heard of now.
    pub fn lossy() -> Contact {
        let contact = Contact(Some(Arc::default()));
        contact.heard();
        contact
    }

    /// The store was heard of now.
    pub fn heard(&self) {
        if let Some(last) = &self.0 {
            last.store(START.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// Time since it was last heard of.
    pub fn age(&self) -> Duration {
        match &self.0 {
            None => Duration::ZERO,
            Some(last) => START
                .elapsed()
                .saturating_sub(Duration::from_millis(last.load(Ordering::Relaxed))),
        }
    }
}
