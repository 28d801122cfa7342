//! A fixed list of shards: for a router without a topology store. Nothing can be added, moved or replicated.
use crate::{
    Cluster, Error, LogEntry, MoveState, NodeInfo, NodeLease, NodeView, Result, ShardView, SlotMove,
    VersionedTable, View, keys,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, str::FromStr, sync::Arc};
use tokio::sync::watch;
use topology::{ShardName, Slot, SlotTable, table::Shard};

/// A shard of a fixed list: `NAME=URL[,URL…]`, the value of the router's `--shard`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedShard {
    /// Its name.
    pub name: ShardName,
    /// Its nodes, `http://HOST:PORT`, without a slash at the end.
    pub urls: Vec<String>,
}

impl FromStr for FixedShard {
    type Err = Error;
    fn from_str(text: &str) -> Result<FixedShard> {
        let bad = |why: &str| Error::Refused(format!("'{text}' isn't NAME=URL[,URL…]: {why}"));
        let (name, urls) = text.split_once('=').ok_or_else(|| bad("there is no '='"))?;
        keys::check_name("shard", name, "")?;
        let urls: Vec<String> = urls
            .split(',')
            .map(|url| url.trim().trim_end_matches('/').to_owned())
            .collect();
        for url in &urls {
            let host = url
                .strip_prefix("http://")
                .or_else(|| url.strip_prefix("https://"));
            if host.is_none_or(str::is_empty) {
                return Err(bad(&format!(
                    "'{url}' doesn't start with http:// or https:// and a host"
                )));
            }
        }
        Ok(FixedShard {
            name: ShardName::new(name),
            urls,
        })
    }
}

impl FixedShard {
    fn view(&self) -> ShardView {
        let node = |url: &String| NodeView {
            id: url.clone(),
            url: url.clone(),
            version: String::new(),
        };
        ShardView {
            nodes: self.urls.iter().map(node).collect(),
            ..ShardView::default()
        }
    }
}

/// A cluster of exactly these shards, in this order: the slots are split evenly over them at epoch 1. Every router
/// of the cluster must be given the same list in the same order. Refuses an empty list and a name given twice.
pub fn fixed(shards: Vec<FixedShard>) -> Result<Arc<dyn Cluster>> {
    if shards.is_empty() {
        return Err(Error::Refused(
            "a fixed topology needs at least one --shard NAME=URL".into(),
        ));
    }
    let mut known = BTreeMap::new();
    for shard in &shards {
        keys::check_name("shard", shard.name.as_str(), "")?;
        if known.insert(shard.name.clone(), shard.view()).is_some() {
            return Err(Error::Refused(format!("shard {} is listed twice", shard.name)));
        }
    }
    let place = format!(
        "a fixed list of {} shard{}",
        shards.len(),
        if shards.len() == 1 { "" } else { "s" }
    );
    let listed = shards
        .into_iter()
        .map(|shard| Shard {
            name: shard.name,
            weight: 100,
        })
        .collect();
    let table = Some(Arc::new(SlotTable::split(listed)));
    let view = View {
        version: 1,
        table,
        shards: known,
        connected: true,
        ..View::default()
    };
    Ok(Arc::new(Fixed {
        views: watch::Sender::new(Arc::new(view)),
        place,
    }))
}

struct Fixed {
    views: watch::Sender<Arc<View>>,
    place: String,
}

fn refuse<T>(what: &'static str) -> Result<T> {
    Err(Error::Fixed { what })
}

#[async_trait]
impl Cluster for Fixed {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn view(&self) -> Arc<View> {
        self.views.borrow().clone()
    }

    fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.views.subscribe()
    }

    fn relist(&self, shards: Vec<FixedShard>) -> Result<()> {
        let view = self.view();
        let table = view.table.iter().flat_map(|table| table.shards());
        if !table
            .map(|shard| &shard.name)
            .eq(shards.iter().map(|shard| &shard.name))
        {
            return Err(Error::Refused(
                "the shards of a fixed list, and their order, can't change: slots would change hands without what is in them".into(),
            ));
        }
        let listed: BTreeMap<_, _> = shards
            .iter()
            .map(|shard| (shard.name.clone(), shard.view()))
            .collect();
        if listed != view.shards {
            self.views.send_modify(|view| {
                *view = Arc::new(View {
                    shards: listed,
                    ..(**view).clone()
                });
            });
        }
        Ok(())
    }

    async fn cluster_id(&self) -> Result<String> {
        refuse("asking for the cluster's id")
    }

    async fn register_node(&self, _: &ShardName, _: NodeInfo) -> Result<NodeLease> {
        refuse("registering a node")
    }

    async fn table(&self) -> Result<Option<VersionedTable>> {
        let view = self.view();
        Ok(view.table.clone().map(|table| VersionedTable {
            version: view.version,
            table,
        }))
    }

    async fn cas_table(&self, _: u64, _: SlotTable) -> Result<u64> {
        refuse("changing the slot table")
    }

    async fn add_shard(&self, _: Shard) -> Result<VersionedTable> {
        refuse("adding a shard")
    }

    async fn create_move(&self, _: &ShardName, _: &ShardName, _: Vec<Slot>) -> Result<SlotMove> {
        refuse("moving slots")
    }

    async fn get_moves(&self) -> Result<Vec<SlotMove>> {
        Ok(Vec::new())
    }

    async fn get_move(&self, id: &str) -> Result<SlotMove> {
        Err(Error::UnknownMove(id.to_owned()))
    }

    async fn cas_move(&self, _: &str, _: MoveState, _: MoveState) -> Result<SlotMove> {
        refuse("moving slots")
    }

    async fn flip(&self, _: &str) -> Result<u64> {
        refuse("moving slots")
    }

    async fn append(&self, _: u64, _: LogEntry) -> Result<u64> {
        refuse("a replicated change")
    }

    async fn publish(&self, _: u64) -> Result<u64> {
        refuse("a replicated change")
    }

    async fn entries(&self, _: u64, _: usize) -> Result<Vec<(u64, LogEntry)>> {
        Ok(Vec::new())
    }

    async fn set_applied(&self, _: &ShardName, _: u64) -> Result<()> {
        refuse("a replicated change")
    }

    async fn mark_behind(&self, _: &ShardName, _: bool) -> Result<()> {
        refuse("marking a shard as behind")
    }

    async fn meta(&self, _: &str) -> Result<Vec<(String, u64, serde_json::Value)>> {
        Ok(Vec::new())
    }

    async fn cas_meta(&self, _: &str, _: u64, _: Option<serde_json::Value>) -> Result<u64> {
        refuse("storing administrative data")
    }
}
