//! Where things lie in the store, relative to the prefix. Everything in a [`crate::View`] starts with [`TOPOLOGY`],
//! so that one watch (and one read) covers exactly that.
use crate::{Error, Result};
use topology::ShardName;

pub const CLUSTER_ID: &str = "cluster-id";
pub const TOPOLOGY: &str = "topology/";
pub const TABLE: &str = "topology/table";
pub const SHARDS: &str = "topology/shards/";
pub const NODES: &str = "topology/nodes/";
pub const LOG_HEAD: &str = "topology/log-head";
pub const PUBLISHED: &str = "topology/published";
pub const LOG: &str = "log/";
pub const LOG_KEYS: &str = "log-keys/";
pub const MOVES: &str = "moves/";
/// Written by every new move, so that two moves can't take the same slot at once.
pub const MOVE_GUARD: &str = "move-guard";
pub const META: &str = "meta/";

/// The record of a shard: how far it is.
pub fn shard(name: &ShardName) -> String {
    format!("{SHARDS}{name}")
}

/// The registration of a node.
pub fn node(shard: &ShardName, id: &str) -> String {
    format!("{NODES}{shard}/{id}")
}

/// An entry of the log; padded, so that the order of keys is the order of indexes.
pub fn entry(index: u64) -> String {
    format!("{LOG}{index:020}")
}

/// The index behind an entry's key.
pub fn entry_index(key: &str) -> Option<u64> {
    key.strip_prefix(LOG)?.parse().ok()
}

/// Names become parts of keys and of command lines: letters, digits, `-` and `_` (a node's id also `.` and `:`).
pub fn check_name(kind: &str, name: &str, more: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || more.contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(fits) {
        return Err(Error::Refused(format!(
            "{kind} '{name}' isn't a name: 1 to 128 letters, digits, '-' and '_'"
        )));
    }
    Ok(())
}

/// The first key after every key that starts with `prefix` (our prefixes are ASCII, never empty).
pub fn end_of(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    let last = end.pop().unwrap_or('\0');
    end.push(char::from_u32(last as u32 + 1).unwrap_or(char::MAX));
    end
}
