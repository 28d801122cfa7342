//! `shard add` and `shard list`.
use crate::{
    connect::Admin,
    mover,
    options::{Options, ShardAdd},
    output, plan,
};
use anyhow::{Context, Result, bail};
use cluster::View;
use serde::Serialize;
use std::{collections::BTreeMap, io::Write, time::Duration};
use tokio::time::timeout;
use topology::{ShardName, Slot, SlotTable, placement, table::Shard};

/// A shard in a listing.
#[derive(Serialize)]
pub struct ShardLine {
    name: String,
    /// None: nodes run, but it hasn't been added.
    weight: Option<u32>,
    slots: usize,
    pub nodes: usize,
    applied: u64,
    behind: bool,
}

/// A line for every shard of the view.
pub fn lines(view: &View) -> Vec<ShardLine> {
    let mut owned: BTreeMap<&ShardName, usize> = BTreeMap::new();
    let table = view.table.as_deref();
    if let Some(table) = table {
        Slot::all().for_each(|slot| *owned.entry(table.owner(slot).0).or_default() += 1);
    }
    let weight = |name: &ShardName| {
        table
            .and_then(|t| t.shards().iter().find(|s| s.name == *name))
            .map(|s| s.weight)
    };
    let line = |(name, shard): (&ShardName, &cluster::ShardView)| ShardLine {
        name: name.to_string(),
        weight: weight(name),
        slots: owned.get(name).copied().unwrap_or_default(),
        nodes: shard.nodes.len(),
        applied: shard.applied,
        behind: shard.behind,
    };
    view.shards.iter().map(line).collect()
}

/// Prints the lines.
///
/// # Errors
/// stdout is closed.
pub fn print_table(options: &Options, shards: &[ShardLine], out: &mut (dyn Write + Send)) -> Result<()> {
    let row = |s: &ShardLine| {
        let weight = s.weight.map_or("not added".to_owned(), |w| w.to_string());
        let behind = if s.behind { "behind" } else { "" };
        vec![
            s.name.clone(),
            weight,
            s.slots.to_string(),
            s.nodes.to_string(),
            s.applied.to_string(),
            behind.to_owned(),
        ]
    };
    let header = ["SHARD", "WEIGHT", "SLOTS", "NODES", "APPLIED", ""];
    Ok(output::print(
        out,
        options.output,
        &shards,
        &header,
        shards.iter().map(row).collect(),
    )?)
}

/// Lists the shards.
///
/// # Errors
/// etcd doesn't answer.
pub async fn list(options: &Options, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    print_table(options, &lines(&admin.cluster.view()), out)
}

#[derive(Serialize)]
struct Added {
    shard: String,
    slots: usize,
    moved: usize,
    resumed: usize,
}

/// Adds a shard and moves its share of the slots to it. May be run again after any interruption.
///
/// # Errors
/// The shard has no node within the wait, doesn't catch up with the reference log, or a move can't be done.
pub async fn add(options: &Options, add: &ShardAdd, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let added = add_to(&admin, add).await?;
    let row = vec![
        added.shard.clone(),
        added.slots.to_string(),
        added.moved.to_string(),
    ];
    Ok(output::print(
        out,
        options.output,
        &added,
        &["SHARD", "SLOTS", "MOVED NOW"],
        vec![row],
    )?)
}

async fn add_to(admin: &Admin, add: &ShardAdd) -> Result<Added> {
    let name = ShardName::new(&add.name);
    let registered = |view: &View| view.shards.get(&name).is_some_and(|s| !s.nodes.is_empty());
    wait_for(admin, add.wait, "its nodes to register", registered)
        .await
        .with_context(|| {
            format!(
                "start a node with `--shard {name} --topology …` on an empty database first: shard {name}"
            )
        })?;
    let resumed = mover::resume(admin).await?;

    let shard = Shard {
        name: name.clone(),
        weight: add.weight,
    };
    let table = admin.cluster.add_shard(shard).await?.table;
    if table.shards().len() == 1 {
        claim_all(admin, &name, &table, add.wait).await?;
    }
    let caught_up = |view: &View| {
        view.shards
            .get(&name)
            .is_some_and(|s| !s.behind && s.applied >= view.published)
    };
    wait_for(admin, add.wait, "it to apply the reference log", caught_up)
        .await
        .with_context(|| format!("shard {name}"))?;

    let moved = move_share(admin, add).await?;
    let table = admin
        .cluster
        .table()
        .await?
        .context("the cluster has no slot table")?
        .table;
    Ok(Added {
        shard: name.to_string(),
        slots: table.slots_of(&name).len(),
        moved,
        resumed,
    })
}

/// The slots of a cluster's first shard come from nowhere: its database takes them all as its own. Its nodes may do
/// the same by themselves; whoever is first, the other finds it done.
async fn claim_all(admin: &Admin, name: &ShardName, table: &SlotTable, wait: Duration) -> Result<()> {
    let owned: Vec<(u16, u32)> = table
        .slots_of(name)
        .iter()
        .map(|(slot, epoch)| (slot.number(), *epoch))
        .collect();
    let numbers: Vec<u16> = owned.iter().map(|(slot, _)| *slot).collect();
    let claim = async {
        loop {
            let shard = admin.shard(name);
            let rows = shard.slots(&numbers).await;
            let change = match &rows {
                Ok(rows) => plan::claim(&owned, rows),
                Err(error) => {
                    tracing::info!(error = format!("{error:#}"), "waiting for a node");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            if change.to.is_empty() {
                return Ok(());
            }
            match mover::change_rows(&shard, change).await {
                Err(error) if crate::node::status(&error) == Some(reqwest::StatusCode::CONFLICT) => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                result => result?,
            }
        }
    };
    timeout(wait, claim)
        .await
        .unwrap_or_else(|_| bail!("shard {name} did not take its slots within {wait:?}"))
}

async fn move_share(admin: &Admin, add: &ShardAdd) -> Result<usize> {
    let table = admin
        .cluster
        .table()
        .await?
        .context("the cluster has no slot table")?
        .table;
    let target = ShardName::new(&add.name);
    let mut by_source: BTreeMap<ShardName, Vec<Slot>> = BTreeMap::new();
    for planned in placement::plan(&table, table.shards()) {
        // Other shards' imbalances are not this verb's business.
        if planned.to == target {
            by_source.entry(planned.from).or_default().push(planned.slot);
        }
    }
    let total: usize = by_source.values().map(Vec::len).sum();
    let bar = output::progress("slots moved", total as u64);
    for (source, slots) in &by_source {
        let numbers: Vec<u16> = slots.iter().map(|slot| slot.number()).collect();
        let filled = admin.shard(source).filled(&numbers).await?;
        let is_filled = |slot: &Slot| filled.contains_key(&slot.number());
        for batch in plan::batches(slots, is_filled, add.moving.batch as usize) {
            mover::move_slots(admin, source, &target, batch, &add.moving)
                .await
                .inspect_err(|_| bar.abandon())?;
            bar.inc(batch.len() as u64);
        }
    }
    bar.finish();
    Ok(total)
}

/// Waits until the view says so.
async fn wait_for(admin: &Admin, wait: Duration, what: &str, there: impl FnMut(&View) -> bool) -> Result<()> {
    let mut watch = admin.cluster.watch();
    let mut there = there;
    let arrived = watch.wait_for(|view| there(view));
    match timeout(wait, arrived).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => bail!("the connection to the topology is gone"),
        Err(_) => bail!("waited {wait:?} for {what}"),
    }
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
