//! [`Cluster`] over any [`Store`]: the rules live in `log`, `moves` and `shards`; here they are only put together.
use crate::{
    Cluster, Error, LogEntry, MoveState, NodeInfo, NodeLease, Result, SlotMove, VersionedTable, View, keys,
    log, moves, shards,
    store::{Guard, Op, Store},
};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;
use topology::{ShardName, Slot, SlotTable, table::Shard};

/// A cluster whose keys lie in `store` and whose view is fed by whoever holds the sender of `views`.
pub(crate) struct Stored<S> {
    pub store: S,
    pub views: watch::Receiver<Arc<View>>,
    pub place: String,
    pub cluster_id: String,
}

/// A new id for a cluster: a UUID that nobody else makes.
pub(crate) fn new_id() -> String {
    topology::IdGenerator::default()
        .next(Slot::from_bits(0))
        .to_string()
}

/// Reads the cluster's id, or makes it if this is the first start ever.
pub(crate) async fn cluster_id(store: &impl Store) -> Result<String> {
    for _ in 0..log::TRIES {
        if let Some(entry) = store.get(keys::CLUSTER_ID).await? {
            return entry.decode();
        }
        let id = new_id();
        let guards = vec![Guard(keys::CLUSTER_ID.into(), 0)];
        if store
            .write(guards, vec![Op::put(keys::CLUSTER_ID, &id)])
            .await?
            .is_some()
        {
            return Ok(id);
        }
    }
    Err(Error::Busy("the cluster's id"))
}

#[async_trait]
impl<S: Store> Cluster for Stored<S> {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn view(&self) -> Arc<View> {
        self.views.borrow().clone()
    }

    fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }

    async fn cluster_id(&self) -> Result<String> {
        Ok(self.cluster_id.clone())
    }

    async fn register_node(&self, shard: &ShardName, node: NodeInfo) -> Result<NodeLease> {
        keys::check_name("shard", shard.as_str(), "")?;
        keys::check_name("node", &node.id, ".:")?;
        let Op::Put(key, value) = Op::put(keys::node(shard, &node.id), &node) else {
            return Err(Error::Refused("a registration is a put".into()));
        };
        self.store.hold(key, value).await
    }

    async fn table(&self) -> Result<Option<VersionedTable>> {
        shards::table(&self.store).await
    }

    async fn cas_table(&self, expected_version: u64, table: SlotTable) -> Result<u64> {
        shards::cas_table(&self.store, expected_version, table).await
    }

    async fn add_shard(&self, shard: Shard) -> Result<VersionedTable> {
        shards::add(&self.store, shard).await
    }

    async fn create_move(&self, from: &ShardName, to: &ShardName, slots: Vec<Slot>) -> Result<SlotMove> {
        moves::create(&self.store, from, to, slots).await
    }

    async fn get_moves(&self) -> Result<Vec<SlotMove>> {
        moves::all(&self.store).await
    }

    async fn get_move(&self, id: &str) -> Result<SlotMove> {
        moves::get(&self.store, id).await
    }

    async fn cas_move(&self, id: &str, expected: MoveState, new: MoveState) -> Result<SlotMove> {
        moves::cas(&self.store, id, expected, new).await
    }

    async fn flip(&self, id: &str) -> Result<u64> {
        moves::flip(&self.store, id).await
    }

    async fn append(&self, expected_head: u64, entry: LogEntry) -> Result<u64> {
        log::append(&self.store, expected_head, entry).await
    }

    async fn publish(&self, index: u64) -> Result<u64> {
        log::publish(&self.store, index).await
    }

    async fn entries(&self, from_index: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        log::entries(&self.store, from_index, limit).await
    }

    async fn set_applied(&self, shard: &ShardName, index: u64) -> Result<()> {
        log::set_applied(&self.store, shard, index).await
    }

    async fn mark_behind(&self, shard: &ShardName, behind: bool) -> Result<()> {
        log::mark_behind(&self.store, shard, behind).await
    }

    async fn meta(&self, prefix: &str) -> Result<Vec<(String, u64, serde_json::Value)>> {
        let prefix = format!("{}{prefix}", keys::META);
        let stored = self.store.range(&prefix, &keys::end_of(&prefix), 0).await?;
        stored
            .iter()
            .map(|e| Ok((e.key[keys::META.len()..].to_owned(), e.revision, e.decode()?)))
            .collect()
    }

    async fn cas_meta(
        &self,
        key: &str,
        expected_version: u64,
        value: Option<serde_json::Value>,
    ) -> Result<u64> {
        let key = format!("{}{key}", keys::META);
        let deletes = value.is_none();
        let op = value.map_or_else(|| Op::Delete(key.clone()), |value| Op::put(key.clone(), &value));
        match self
            .store
            .write(vec![Guard(key.clone(), expected_version)], vec![op])
            .await?
        {
            Some(revision) => Ok(if deletes { 0 } else { revision }),
            None => Err(Error::MetaChanged {
                version: self.store.get(&key).await?.map_or(0, |e| e.revision),
            }),
        }
    }
}
