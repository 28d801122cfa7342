//! `status`: every shard, its nodes, what they say of themselves, and open moves.
use crate::{connect::Admin, options::Options, output, plan};
use anyhow::{Result, bail};
use cluster::{MoveState, SlotMove};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io::Write};

/// What a node says of itself.
#[derive(Deserialize, Serialize)]
struct Info {
    version: String,
    schema: Schema,
    applied: u64,
    #[serde(default)]
    slots: BTreeMap<String, u64>,
}

#[derive(Deserialize, Serialize)]
struct Schema {
    current: i64,
    min: i64,
    max: i64,
}

#[derive(Serialize)]
struct Node {
    shard: String,
    node: String,
    url: String,
    #[serde(flatten)]
    info: Option<Info>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    topology: String,
    table_version: u64,
    log_head: u64,
    published: u64,
    shards: Vec<super::shard::ShardLine>,
    nodes: Vec<Node>,
    open_moves: Vec<Move>,
}

/// A move that isn't finished.
#[derive(Serialize)]
pub struct Move {
    id: String,
    from: String,
    to: String,
    state: MoveState,
    slots: String,
    #[serde(skip)]
    short: String,
}

/// The moves that hold slots or whose source still has a copy.
pub fn open_moves(moves: Vec<SlotMove>) -> Vec<Move> {
    let open = |m: &SlotMove| m.state.is_open() || m.state == MoveState::Flipped;
    let line = |m: SlotMove| {
        let slots: Vec<u16> = m.slots.iter().map(|s| s.number()).collect();
        Move {
            id: m.id,
            from: m.from.to_string(),
            to: m.to.to_string(),
            state: m.state,
            short: plan::short(&slots),
            slots: plan::runs(slots),
        }
    };
    moves.into_iter().filter(open).map(line).collect()
}

/// Prints the state of the cluster.
///
/// # Errors
/// etcd doesn't answer; or, after printing, a node doesn't answer or a shard has none.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let view = admin.cluster.view();
    let registered = view
        .shards
        .iter()
        .flat_map(|(shard, s)| s.nodes.iter().map(move |n| (shard.clone(), n.clone())));
    let nodes: Vec<Node> = stream::iter(registered.collect::<Vec<_>>())
        .map(|(shard, node)| {
            let client = admin.node(&shard, &node.url);
            async move {
                let (info, error) = match client.get::<Info>("/internal/info").await {
                    Ok(info) => (Some(info), None),
                    Err(error) => (None, Some(format!("{error:#}"))),
                };
                Node {
                    shard: shard.to_string(),
                    node: node.id,
                    url: node.url,
                    info,
                    error,
                }
            }
        })
        .buffered(16)
        .collect()
        .await;
    let status = Status {
        topology: admin.cluster.describe(),
        table_version: view.version,
        log_head: view.log_head,
        published: view.published,
        shards: super::shard::lines(&view),
        open_moves: open_moves(admin.cluster.get_moves().await?),
        nodes,
    };
    print(options, &status, out)?;
    let silent = status.nodes.iter().filter(|n| n.error.is_some()).count();
    let empty = status.shards.iter().filter(|s| s.nodes == 0).count();
    if silent + empty > 0 {
        bail!("{silent} nodes don't answer, {empty} shards have no node");
    }
    Ok(())
}

fn print(options: &Options, status: &Status, out: &mut (dyn Write + Send)) -> Result<()> {
    if options.output == crate::options::OutputFormat::Table {
        writeln!(
            out,
            "topology {}, slot table version {}, reference log {} of {} published\n",
            status.topology, status.table_version, status.published, status.log_head
        )?;
        super::shard::print_table(options, &status.shards, out)?;
        writeln!(out)?;
    }
    let mut rows = Vec::new();
    for node in &status.nodes {
        let mut row = vec![node.shard.clone(), node.node.clone(), node.url.clone()];
        match &node.info {
            Some(info) => row.extend([
                info.version.clone(),
                format!(
                    "{} ({} to {})",
                    info.schema.current, info.schema.min, info.schema.max
                ),
                info.applied.to_string(),
                "ok".to_owned(),
            ]),
            None => row.extend(["", "", "", node.error.as_deref().unwrap_or_default()].map(str::to_owned)),
        }
        rows.push(row);
    }
    output::print(
        out,
        options.output,
        status,
        &["SHARD", "NODE", "URL", "VERSION", "SCHEMA", "APPLIED", "STATE"],
        rows,
    )?;
    if options.output == crate::options::OutputFormat::Table {
        print_moves(&status.open_moves, out)?;
    }
    Ok(())
}

/// A line for every open move.
///
/// # Errors
/// stdout is closed.
pub fn print_moves(moves: &[Move], out: &mut (dyn Write + Send)) -> Result<()> {
    for open in moves {
        let Move {
            id,
            from,
            to,
            state,
            short,
            ..
        } = open;
        writeln!(out, "open move {id}: {state} from {from} to {to}, slots {short}")?;
    }
    Ok(())
}
