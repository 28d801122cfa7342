//! What a router's picture of a large cluster costs: look-up, update, memory. No network.
use crate::cpu;
use ::topology::{ShardName, Slot, SlotTable, table::Shard};
use anyhow::{Context, Result};
use cluster::{NodeInfo, ShardView, View};
use router::snapshot::Snapshot;
use std::{hint::black_box, sync::Arc, time::Instant};

const SHARDS: usize = 1_000;
const NODES: usize = 10;
const LOOK_UPS: u64 = 2_000_000;

fn view(version: u64) -> View {
    let name = |i: usize| ShardName::new(&format!("shard-{i:04}"));
    let shards = (0..SHARDS).map(|i| Shard {
        name: name(i),
        weight: 100,
    });
    let nodes = |shard: usize| {
        let node = |i: usize| NodeInfo {
            id: format!("node-{shard:04}-{i}"),
            url: format!("http://10.{}.{}.{i}:8080", shard / 256, shard % 256),
            version: "0.1.0".to_owned(),
        };
        (0..NODES).map(node).collect()
    };
    let views = (0..SHARDS).map(|i| {
        let view = ShardView {
            nodes: nodes(i),
            ..ShardView::default()
        };
        (name(i), view)
    });
    View {
        version,
        table: Some(Arc::new(SlotTable::split(shards.collect()))),
        shards: views.collect(),
        ..View::default()
    }
}

/// Measures and prints.
///
/// # Errors
/// The process can't be looked at.
pub fn run() -> Result<()> {
    let resident = || cpu::resident_kib(std::process::id()).context("no /proc");
    let before = resident()?;
    let first = Snapshot::build(&view(1), &Snapshot::default(), 4_096);
    let mib = (resident()? - before) as f64 / 1024.0;
    let next = view(2);
    let began = Instant::now();
    let snapshot = Snapshot::build(&next, &first, 4_096);
    let update = began.elapsed();
    let began = Instant::now();
    let mut bits = 1u64;
    for _ in 0..LOOK_UPS {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let slot = Slot::from_bits(bits >> 40);
        black_box(snapshot.owner(slot).map_err(|e| anyhow::anyhow!(e.message))?);
    }
    let owner = began.elapsed().as_nanos() as f64 / LOOK_UPS as f64;
    let began = Instant::now();
    for _ in 0..LOOK_UPS {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let slot = Slot::from_bits(bits >> 40);
        let (shard, _) = snapshot.owner(slot).map_err(|e| anyhow::anyhow!(e.message))?;
        black_box(shard.preferred(u64::from(slot.number())));
    }
    let node = began.elapsed().as_nanos() as f64 / LOOK_UPS as f64;
    println!("{SHARDS} shards, {} nodes", SHARDS * NODES);
    println!("look-up of a slot's shard: {owner:.0} ns");
    println!("with the slot's node of {NODES}: {node:.0} ns");
    println!("update: {:.1} ms", update.as_secs_f64() * 1000.0);
    println!("memory of the picture: {mib:.1} MiB");
    Ok(())
}
