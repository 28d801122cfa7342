//! A node's place in its cluster: its database's stamp, its registration, and the slots of a fresh shard.
use crate::{
    app::Engine,
    hosts::Sharers,
    store::{SlotRow, SlotState, Stamp, Store, StoreError, Subject},
};
use anyhow::{Context, bail};
use cluster::{Cluster, NodeInfo, NodeLease, View};
use service::Readiness;
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use topology::{ShardName, Slot};

/// How long the database may take to answer before the node is not ready: with the pause, within 2 s (S0-03).
const NO_ANSWER: Duration = Duration::from_millis(1_500);

/// Checks that this database is the one of this cluster and shard, and marks a fresh one as such.
///
/// # Errors
/// It belongs to another cluster or shard, or was used by a node alone.
pub async fn check_stamp(
    store: &dyn Store,
    cluster: Option<&Arc<dyn Cluster>>,
    shard: &ShardName,
) -> anyhow::Result<()> {
    // A node alone: opening the database has refused a stamped one.
    let Some(cluster) = cluster else { return Ok(()) };
    // Looked at before the stamp: another node of the shard that starts just now stamps the database, and then uses it.
    let is_used = store.applied_index().await? > 0 || !store.slots().await?.is_empty();
    let stamp = store.stamp().await?;
    let id = cluster.cluster_id().await?;
    match stamp {
        Some(stamp) if stamp.cluster == id && stamp.shard == shard.as_str() => Ok(()),
        Some(stamp) => bail!(
            "this database is shard '{}' of cluster {}, not shard '{shard}' of cluster {id} ({})",
            stamp.shard,
            stamp.cluster,
            cluster.describe()
        ),
        None if is_used => {
            bail!(
                "this database was used by a node alone; `shard-admin shard add --adopt` takes it into a cluster"
            )
        }
        None => {
            let stamp = Stamp {
                cluster: id,
                shard: shard.to_string(),
                generation: 1,
            };
            store.set_stamp(&stamp).await.context("stamping the database")?;
            Ok(())
        }
    }
}

/// The slots that a fresh database may take: the table gives them to this shard at epoch 1, so that nobody owned them
/// before, and the database knows nothing of them.
fn first_assignment(view: &View, shard: &ShardName, known: impl Fn(Slot) -> bool) -> Vec<SlotRow> {
    let Some(table) = &view.table else {
        return Vec::new();
    };
    table
        .slots_of(shard)
        .into_iter()
        .filter(|(slot, epoch)| *epoch == 1 && !known(*slot))
        .map(|(slot, epoch)| SlotRow {
            slot,
            state: SlotState::Owned,
            epoch,
            move_id: None,
            armed: 0,
        })
        .collect()
}

/// Takes the slots of the first assignment. Later ones come by moves only.
///
/// # Errors
/// The database or the topology can't be reached.
pub async fn adopt(engine: &Engine, cluster: &Arc<dyn Cluster>, shard: &ShardName) -> anyhow::Result<()> {
    let seen = engine.owned();
    if first_assignment(&cluster.view(), shard, |slot| seen.epoch(slot) > 0).is_empty() {
        return Ok(());
    }
    let known: HashSet<Slot> = engine
        .store()
        .slots()
        .await?
        .into_iter()
        .map(|row| row.slot)
        .collect();
    let moving: HashSet<Slot> = cluster
        .get_moves()
        .await?
        .into_iter()
        .flat_map(|m| m.slots)
        .collect();
    let rows = first_assignment(&cluster.view(), shard, |slot| {
        known.contains(&slot) || moving.contains(&slot)
    });
    if !rows.is_empty() && engine.store().change_slots(&[], &rows).await? {
        tracing::info!(shard = %shard, slots = rows.len(), "slots of the first assignment taken");
    }
    engine.refresh_owned().await;
    Ok(())
}

/// Registers the node: routers send it requests from now on.
///
/// # Errors
/// The topology can't be reached or refuses the name.
pub async fn register(
    cluster: &Arc<dyn Cluster>,
    shard: &ShardName,
    node: &str,
    url: &str,
) -> anyhow::Result<NodeLease> {
    let info = NodeInfo {
        id: node.to_owned(),
        url: url.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(cluster.register_node(shard, info).await?)
}

/// Watches topology and database until `stop`: takes first slots, notices slots that have come or gone, and whether
/// the database answers.
pub async fn watch(
    engine: Engine,
    cluster: Option<Arc<dyn Cluster>>,
    shard: ShardName,
    stop: CancellationToken,
) {
    let mut view = cluster.as_ref().map(|c| c.watch());
    let mut told = false;
    let (mut slots, look) = (engine.news().of(Subject::Slots), engine.settings().idle_look);
    while !stop.is_cancelled() {
        if let Some(cluster) = &cluster {
            if let Err(error) = adopt(&engine, cluster, &shard).await {
                tracing::warn!(%error, "first slots not taken");
            }
            let view = cluster.view();
            let listed = view
                .table
                .as_ref()
                .is_some_and(|t| t.shards().iter().any(|s| s.name == shard));
            if !listed && !std::mem::replace(&mut told, true) {
                tracing::warn!(shard = %shard, "the topology doesn't list this shard: `shard-admin shard add` adds it");
            }
            if listed {
                told = false;
            }
        }
        engine.refresh_owned().await;
        let seen = cluster.as_ref().map_or(0, |c| c.view().version);
        let news = async {
            match &mut view {
                Some(view) => {
                    while view.borrow_and_update().version == seen && view.changed().await.is_ok() {}
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = slots.news() => {}
            _ = timeout(look, news) => {}
        }
    }
}

/// Keeps count until `stop` of the nodes of all shards, which share the rates of connectors.
pub async fn count_nodes(cluster: Option<Arc<dyn Cluster>>, sharers: Sharers, stop: CancellationToken) {
    let Some(cluster) = cluster else { return };
    let mut view = cluster.watch();
    loop {
        let nodes = view
            .borrow_and_update()
            .shards
            .values()
            .map(|s| s.nodes.len())
            .sum();
        sharers.set(nodes);
        tokio::select! {
            () = stop.cancelled() => return,
            changed = view.changed() => if changed.is_err() { return },
        }
    }
}

/// Asks the database until `stop` whether it answers: the part `database` of `ready`.
pub async fn watch_database(store: Arc<dyn Store>, ready: Readiness, stop: CancellationToken) {
    loop {
        match timeout(NO_ANSWER, store.ping()).await {
            Ok(Ok(())) => ready.ready("database"),
            // Busy is not away: routers would send the load of this node to the others.
            Ok(Err(StoreError::Overloaded(_))) => {}
            Ok(Err(error)) => ready.not_ready("database", error.to_string()),
            Err(_) => ready.not_ready("database", "it does not answer"),
        }
        let pause = tokio::time::sleep(Duration::from_millis(300));
        tokio::select! { () = stop.cancelled() => return, () = pause => {} }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::{SlotTable, table::Shard};

    #[test]
    fn only_slots_that_nobody_ever_owned_are_taken() {
        let names = ["a", "b"].map(ShardName::new);
        let shards = names
            .iter()
            .map(|name| Shard {
                name: name.clone(),
                weight: 100,
            })
            .collect();
        let slot = |n| Slot::new(n).unwrap();
        let table = SlotTable::split(shards).with_owner(&[slot(16_000)], &names[0]);
        let view = View {
            table: Some(Arc::new(table)),
            ..View::default()
        };
        let taken = first_assignment(&view, &names[0], |s| s == slot(0) || s == slot(1));
        assert_eq!((taken.len(), taken[0].slot), (8192 - 2, slot(2)));
        assert!(first_assignment(&View::default(), &names[0], |_| false).is_empty());
    }
}
