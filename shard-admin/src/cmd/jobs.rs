//! `jobs`: who holds which share of the jobs, what is due and nobody's, and how old the oldest of it is (S3-31).
use crate::{
    connect::Admin,
    options::{JobsArgs, Options, OutputFormat},
    output,
};
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::io::Write;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    owner: String,
    locked: u64,
    oldest_ms: i64,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Load {
    owners: Vec<Owner>,
    due_unlocked: u64,
    oldest_due_ms: Option<i64>,
}

#[derive(Serialize)]
struct Shard {
    shard: String,
    #[serde(flatten)]
    load: Load,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Prints a line for each shard, or with `--by-owner` for each node that holds jobs.
///
/// # Errors
/// etcd doesn't answer; or, after printing, a shard doesn't.
pub async fn run(options: &Options, args: &JobsArgs, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let wanted = |name: &str| args.shard.as_ref().is_none_or(|s| s == name);
    let shards: Vec<Shard> = stream::iter(admin.shards())
        .filter(|client| std::future::ready(wanted(client.name.as_str())))
        .map(|client| async move {
            let (load, error) = match client.get::<Load>("/internal/jobs").await {
                Ok(load) => (load, None),
                Err(error) => (Load::default(), Some(format!("{error:#}"))),
            };
            Shard {
                shard: client.name.to_string(),
                load,
                error,
            }
        })
        .buffered(16)
        .collect()
        .await;
    let seconds = |ms: i64| format!("{:.1}", ms as f64 / 1_000.0);
    let mut rows = Vec::new();
    for Shard { shard, load, error } in &shards {
        if let Some(error) = error {
            rows.push(vec![shard.clone(), error.clone()]);
            continue;
        }
        let locked: u64 = load.owners.iter().map(|o| o.locked).sum();
        if args.by_owner {
            let owner = |o: &Owner| {
                vec![
                    shard.clone(),
                    o.owner.clone(),
                    o.locked.to_string(),
                    seconds(o.oldest_ms),
                ]
            };
            rows.extend(load.owners.iter().map(owner));
        } else {
            rows.push(vec![
                shard.clone(),
                "locked".into(),
                locked.to_string(),
                String::new(),
            ]);
        }
        let oldest = load.oldest_due_ms.map(seconds).unwrap_or_default();
        let due = load.due_unlocked.to_string();
        rows.push(vec![shard.clone(), "(due, not locked)".into(), due, oldest]);
    }
    let header = ["SHARD", "OWNER", "JOBS", "OLDEST DUE, S"];
    output::print(out, options.output, &shards, &header, rows)?;
    if args.by_owner
        && options.output == OutputFormat::Table
        && shards.iter().all(|s| s.load.owners.is_empty())
    {
        writeln!(out, "no job is locked")?;
    }
    match shards.iter().filter(|s| s.error.is_some()).count() {
        0 => Ok(()),
        silent => bail!("{silent} shards don't answer"),
    }
}
