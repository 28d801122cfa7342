//! Jobs of a node that is gone: when a node of this shard has left the topology and its port refuses connections, its
//! locks are given back, so that its jobs don't wait until those end (S3-14). A node that is only cut off from etcd
//! still answers, and one whose machine is gone answers nothing: both keep their locks until they end.
use crate::app::Engine;
use cluster::{Cluster, View};
use std::{collections::BTreeMap, io::ErrorKind, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;
use topology::ShardName;

/// How often a node that has left must refuse a connection, and the pause between: one that is stopping closes its
/// port a moment before its last jobs have ended.
const REFUSALS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Tries after which a node is left to the end of its locks.
const TRIES: u32 = 60;

/// A node that has left.
struct Gone {
    url: String,
    refused: u32,
    tries: u32,
}

/// The other nodes of the shard: URL by id.
fn others(view: &View, shard: &ShardName, own: &str) -> BTreeMap<String, String> {
    let nodes = view.shards.get(shard).into_iter().flat_map(|s| &s.nodes);
    nodes
        .filter(|node| node.id != own)
        .map(|node| (node.id.clone(), node.url.clone()))
        .collect()
}

/// Watches the nodes of the shard until `stop`; does nothing without a cluster.
pub async fn watch(
    engine: Engine,
    cluster: Option<Arc<dyn Cluster>>,
    shard: ShardName,
    stop: CancellationToken,
) {
    let Some(cluster) = cluster else { return };
    let own = engine.settings().node.clone();
    let mut news = cluster.watch();
    let mut known = BTreeMap::new();
    let mut gone: BTreeMap<String, Gone> = BTreeMap::new();
    loop {
        let now = others(&news.borrow_and_update(), &shard, &own);
        for (id, url) in std::mem::replace(&mut known, now.clone()) {
            let left = Gone {
                url,
                refused: 0,
                tries: 0,
            };
            gone.entry(id).or_insert(left);
        }
        gone.retain(|id, _| !now.contains_key(id));
        for (id, node) in &mut gone {
            node.tries += 1;
            node.refused = if refuses(&node.url).await {
                node.refused + 1
            } else {
                0
            };
            if node.refused == REFUSALS {
                take_over(&engine, id).await;
            }
        }
        gone.retain(|_, node| node.refused < REFUSALS && node.tries < TRIES);
        let pause = async {
            match gone.is_empty() {
                true => std::future::pending().await,
                false => tokio::time::sleep(PAUSE).await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = pause => {}
            changed = news.changed() => if changed.is_err() { return },
        }
    }
}

async fn take_over(engine: &Engine, node: &str) {
    match engine.store().release_owner(node).await {
        Ok(0) => {}
        Ok(jobs) => {
            tracing::warn!(
                node,
                jobs,
                "a node of this shard is gone; its jobs are free again"
            );
            engine.executor().wake();
        }
        Err(error) => tracing::warn!(
            node,
            error = &error as &dyn std::error::Error,
            "jobs of a node that is gone wait until its locks end"
        ),
    }
}

/// Whether nobody listens where the node was.
async fn refuses(url: &str) -> bool {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.split('/').next().unwrap_or(address);
    matches!(
        timeout(PAUSE, TcpStream::connect(address)).await,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused
    )
}
