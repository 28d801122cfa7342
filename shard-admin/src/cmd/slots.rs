//! `slots show` and `slots move --resume`.
use crate::{
    connect::Admin,
    mover,
    options::{Options, OutputFormat},
    output, plan,
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{collections::BTreeMap, io::Write};
use topology::{Slot, SlotTable};

/// Neighbouring slots with one owner and epoch.
#[derive(Serialize, Debug, PartialEq, Eq)]
struct Run {
    first: u16,
    last: u16,
    shard: String,
    epoch: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    version: u64,
    slots: Vec<Run>,
    open_moves: Vec<super::status::Move>,
}

fn runs(table: &SlotTable, only: Option<Slot>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for slot in Slot::all().filter(|slot| only.is_none_or(|only| only == *slot)) {
        let (shard, epoch) = table.owner(slot);
        match runs.last_mut() {
            Some(run) if run.shard == shard.as_str() && run.epoch == epoch => run.last = slot.number(),
            _ => runs.push(Run {
                first: slot.number(),
                last: slot.number(),
                shard: shard.to_string(),
                epoch,
            }),
        }
    }
    runs
}

/// Prints the slot table, or the slot of one key or number.
///
/// # Errors
/// etcd doesn't answer, or the cluster has no shard yet.
pub async fn show(
    options: &Options,
    key: Option<&str>,
    slot: Option<u16>,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let stored = admin
        .cluster
        .table()
        .await?
        .context("the cluster has no shard yet")?;
    let only = match (key, slot) {
        (Some(key), _) => Some(Slot::of_key(key)),
        (None, Some(number)) => Some(Slot::new(number)?),
        (None, None) => None,
    };
    let open_moves = super::status::open_moves(admin.cluster.get_moves().await?);
    let shown = Shown {
        version: stored.version,
        slots: runs(&stored.table, only),
        open_moves,
    };
    let rows = summary(&shown.slots);
    let header = ["SHARD", "EPOCH", "COUNT", "SLOTS"];
    output::print(out, options.output, &shown, &header, rows)?;
    if options.output == OutputFormat::Table {
        super::status::print_moves(&shown.open_moves, out)?;
    }
    Ok(())
}

/// For people: a line for each shard and epoch. The whole list is thousands of lines once slots have moved.
fn summary(runs: &[Run]) -> Vec<Vec<String>> {
    let mut slots: BTreeMap<(&str, u32), Vec<u16>> = BTreeMap::new();
    for run in runs {
        slots
            .entry((&run.shard, run.epoch))
            .or_default()
            .extend(run.first..=run.last);
    }
    let line = |((shard, epoch), slots): ((&str, u32), Vec<u16>)| {
        vec![
            shard.to_owned(),
            epoch.to_string(),
            slots.len().to_string(),
            plan::short(&slots),
        ]
    };
    slots.into_iter().map(line).collect()
}

/// Takes back or finishes interrupted moves.
///
/// # Errors
/// A shard or etcd doesn't answer, or databases contradict the records.
pub async fn resume(options: &Options, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let resumed = mover::resume(&admin).await?;
    let result = serde_json::json!({ "resumed": resumed });
    Ok(output::print(
        out,
        options.output,
        &result,
        &["RESUMED"],
        vec![vec![resumed.to_string()]],
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::{ShardName, table::Shard};

    #[test]
    fn neighbours_with_one_owner_are_one_line() {
        let shards = ["a", "b"].map(|name| Shard {
            name: ShardName::new(name),
            weight: 100,
        });
        let table =
            SlotTable::split(shards.into()).with_owner(&[Slot::new(9).unwrap()], &ShardName::new("b"));
        let shown = runs(&table, None);
        let short: Vec<_> = shown
            .iter()
            .map(|r| (r.first, r.last, r.shard.as_str(), r.epoch))
            .collect();
        assert_eq!(
            short,
            [
                (0, 8, "a", 1),
                (9, 9, "b", 2),
                (10, 8191, "a", 1),
                (8192, 16383, "b", 1)
            ]
        );
        assert_eq!(
            runs(&table, Some(Slot::new(9).unwrap())),
            [Run {
                first: 9,
                last: 9,
                shard: "b".into(),
                epoch: 2
            }]
        );
    }
}
