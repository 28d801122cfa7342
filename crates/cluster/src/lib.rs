//! The cluster's shared truth behind one interface: who owns which slot, which nodes live, how far each shard has
//! applied the reference log, which moves are under way.
//!
//! Three implementations of [`Cluster`]: [`in_process`] (one process, for `stellwerk dev` and tests),
//! [`etcd`] (a production cluster) and [`fixed`] (a router with `--shard NAME=URL`, which refuses every write).
//! The first two run the same rules ([`log`], [`moves`], [`shards`]) over a small key-value [`store`] with guarded
//! writes, so they differ only in where keys live.
pub mod error;
pub mod etcd;
mod file;
pub mod fixed;
pub mod in_process;
mod keys;
pub mod lease;
pub mod log;
pub mod moves;
pub mod option;
mod shards;
mod store;
mod stored;
pub mod view;

pub use error::{Error, Result};
pub use fixed::{FixedShard, fixed};
pub use in_process::{in_process, in_process_at};
pub use lease::NodeLease;
pub use log::LogEntry;
pub use moves::{MoveState, SlotMove};
pub use option::{TopologyOption, open};
pub use shards::VersionedTable;
pub use view::{Contact, NodeInfo, NodeView, ShardView, View};

use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;
use topology::{ShardName, Slot, SlotTable, table::Shard};

/// What the keys of users' own indexes begin with ([`Cluster::meta`]): declared by operators, made by nodes.
pub const USER_INDEXES: &str = "user-index/";

/// The topology and the reference log. Reads of [`Cluster::view`] are local and never wait; everything else asks the
/// store. A handle's own writes are in its view when the call returns (unless the store's feed is interrupted).
///
/// Every write that answers [`Error::Unavailable`] may have happened all the same: read before repeating it.
#[async_trait]
pub trait Cluster: Send + Sync + 'static {
    /// Where the topology lives, for messages: `etcd at 10.0.0.1:2379`, `this process`, `fixed list of 2 shards`.
    fn describe(&self) -> String;

    /// The newest known view, without waiting, also while the store is away.
    fn view(&self) -> Arc<View>;

    /// A receiver that always holds the newest view and wakes on each change.
    fn watch(&self) -> watch::Receiver<Arc<View>>;

    /// Gives the shards of a fixed list other nodes. Refuses a list with other shards: their slots would change hands without
    /// what is in them; and a topology that isn't a list.
    fn relist(&self, _: Vec<FixedShard>) -> Result<()> {
        Err(Error::Refused("the topology is not a list in the options".into()))
    }

    /// The id of the cluster, made once at its first start. A UUID as text.
    async fn cluster_id(&self) -> Result<String>;

    /// Registers a node of a shard for as long as the lease lives. Answers once the registration stands.
    async fn register_node(&self, shard: &ShardName, node: NodeInfo) -> Result<NodeLease>;

    /// The slot table as it stands in the store, with its version; `None` before the first shard.
    async fn table(&self) -> Result<Option<VersionedTable>>;

    /// Replaces the table if it still has the expected version (0: there is none yet), and gives the new version.
    /// Refuses a table in which an epoch falls or an owner changes at the same epoch.
    async fn cas_table(&self, expected_version: u64, table: SlotTable) -> Result<u64>;

    /// Adds a shard: the first one ever gets every slot at epoch 1, a later one none. For a shard that is there
    /// already it sets the weight. A later shard counts as behind until it has applied the log.
    async fn add_shard(&self, shard: Shard) -> Result<VersionedTable>;

    /// Records a new move in state `copying`. Refuses slots that `from` doesn't own or another open move holds.
    async fn create_move(&self, from: &ShardName, to: &ShardName, slots: Vec<Slot>) -> Result<SlotMove>;

    /// Every recorded move, oldest first.
    async fn get_moves(&self) -> Result<Vec<SlotMove>>;

    /// One move.
    async fn get_move(&self, id: &str) -> Result<SlotMove>;

    /// Changes a move's state by compare-and-set along [`MoveState::may_become`]. `flipped` is reached by
    /// [`Cluster::flip`] only.
    async fn cas_move(&self, id: &str, expected: MoveState, new: MoveState) -> Result<SlotMove>;

    /// Makes the move's target the owner of its slots: one transaction changes the move from `fenced` to `flipped`
    /// and the table (owner, epoch plus one). Gives the table's new version. Repeating it on a flipped move changes
    /// nothing and gives the present version.
    async fn flip(&self, id: &str) -> Result<u64>;

    /// Appends an entry at `expected_head + 1` and gives that index; [`Error::HeadMoved`] if the head is elsewhere,
    /// [`Error::AlreadyAppended`] if an entry with this idempotency key stands in the log.
    async fn append(&self, expected_head: u64, entry: LogEntry) -> Result<u64>;

    /// Publishes everything up to and including `index` by an entry of kind [`log::PUBLISH`], and gives the new
    /// published index. What is published already stays so.
    async fn publish(&self, index: u64) -> Result<u64>;

    /// At most `limit` entries from `from_index` (included) on, in order. The first index is 1.
    async fn entries(&self, from_index: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>>;

    /// Says that a shard's database has applied the log up to `index`. Never falls. A shard that has reached the
    /// head is no longer behind.
    async fn set_applied(&self, shard: &ShardName, index: u64) -> Result<()>;

    /// Marks a shard as behind (or not): routers send it no starts and no reads that any shard may answer.
    async fn mark_behind(&self, shard: &ShardName, behind: bool) -> Result<()>;

    /// Small administrative values whose key starts with `prefix`: key, version, value.
    async fn meta(&self, prefix: &str) -> Result<Vec<(String, u64, serde_json::Value)>>;

    /// Sets (or with `None` deletes) an administrative value if it still has the expected version (0: absent), and
    /// gives the new version (0 after a delete). [`Error::MetaChanged`] otherwise.
    async fn cas_meta(
        &self,
        key: &str,
        expected_version: u64,
        value: Option<serde_json::Value>,
    ) -> Result<u64>;
}
