//! `executor`: switches the job executors of the cluster's nodes on and off, shows and changes their settings.
use crate::{
    connect::Admin,
    options::{ExecutorNodes, ExecutorSet, Options},
    output,
};
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::Write;

/// What a node says of its executor.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    active: bool,
    settings: Settings,
    limit: u64,
    running: u64,
    queued: u64,
    #[serde(default)]
    backlog: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    core_threads: u64,
    max_threads: u64,
    queue_length: u64,
    max_jobs_per_acquisition: u64,
    lock_time_in_millis: u64,
    wait_time_in_millis: u64,
}

#[derive(Serialize)]
struct Line {
    shard: String,
    node: String,
    #[serde(flatten)]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Shows the executors.
///
/// # Errors
/// etcd doesn't answer; or, after printing, a node doesn't.
pub async fn show(options: &Options, which: &ExecutorNodes, out: &mut (dyn Write + Send)) -> Result<()> {
    each(options, which, None, out).await
}

/// Switches them on or off. Off: running jobs end, waiting ones are given back before a node answers.
///
/// # Errors
/// As [`show`].
pub async fn switch(
    options: &Options,
    which: &ExecutorNodes,
    active: bool,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    each(options, which, Some(json!({ "active": active })), out).await
}

/// Changes settings until the nodes are started again.
///
/// # Errors
/// As [`show`]; nothing is to be changed.
pub async fn set(options: &Options, set: &ExecutorSet, out: &mut (dyn Write + Send)) -> Result<()> {
    let given = [
        ("coreThreads", set.core_threads),
        ("maxThreads", set.max_threads),
        ("queueLength", set.queue_length),
        ("maxJobsPerAcquisition", set.max_jobs_per_acquisition),
        ("lockTimeInMillis", set.lock_time_in_millis),
        ("waitTimeInMillis", set.wait_time_in_millis),
    ];
    let given = given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    let given: serde_json::Map<String, Value> = given.collect();
    if given.is_empty() {
        bail!(service::ConfigError::usage(
            "executor set: name a setting, for instance --max-threads 64".to_owned()
        ));
    }
    each(options, &set.which, Some(json!({ "settings": given })), out).await
}

async fn each(
    options: &Options,
    which: &ExecutorNodes,
    change: Option<Value>,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let view = admin.cluster.view();
    let nodes = view
        .shards
        .iter()
        .flat_map(|(shard, s)| s.nodes.iter().map(move |n| (shard, n)));
    let asked: Vec<_> = nodes
        .filter(|(shard, _)| which.shard.as_ref().is_none_or(|s| s == shard.as_str()))
        .filter(|(_, node)| which.node.as_ref().is_none_or(|n| *n == node.id))
        .map(|(shard, node)| (shard.clone(), node.clone()))
        .collect();
    if asked.is_empty() {
        bail!("no such node is registered");
    }
    let method = if change.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let lines: Vec<Line> = stream::iter(asked)
        .map(|(shard, node)| {
            let client = admin.node(&shard, &node.url);
            let (method, change) = (method.clone(), change.clone());
            async move {
                let answer = client
                    .ask::<Status>(method, "/internal/executor", change.as_ref())
                    .await;
                let (status, error) = match answer {
                    Ok(status) => (Some(status), None),
                    Err(error) => (None, Some(format!("{error:#}"))),
                };
                Line {
                    shard: shard.to_string(),
                    node: node.id,
                    status,
                    error,
                }
            }
        })
        .buffered(16)
        .collect()
        .await;
    print(options, &lines, out)?;
    match lines.iter().filter(|line| line.error.is_some()).count() {
        0 => Ok(()),
        silent => bail!("{silent} nodes don't answer"),
    }
}

fn print(options: &Options, lines: &[Line], out: &mut (dyn Write + Send)) -> Result<()> {
    let row = |line: &Line| {
        let mut row = vec![line.shard.clone(), line.node.clone()];
        match &line.status {
            Some(s) => row.extend([
                if s.active { "on" } else { "off" }.to_owned(),
                s.running.to_string(),
                s.queued.to_string(),
                s.limit.to_string(),
                format!("{}/{}", s.settings.core_threads, s.settings.max_threads),
                s.settings.queue_length.to_string(),
                s.settings.max_jobs_per_acquisition.to_string(),
                s.settings.lock_time_in_millis.to_string(),
                s.settings.wait_time_in_millis.to_string(),
            ]),
            None => row.push(line.error.clone().unwrap_or_default()),
        }
        row
    };
    let header = [
        "SHARD", "NODE", "STATE", "RUNNING", "QUEUED", "LIMIT", "CORE/MAX", "QUEUE", "BATCH", "LOCK MS",
        "WAIT MS",
    ];
    let rows = lines.iter().map(row).collect();
    output::print(out, options.output, &lines, &header, rows)?;
    Ok(())
}
