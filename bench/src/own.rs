//! Stellwerk nodes that this command starts itself, each alone on a scratch database: what concerns Stellwerk alone.
use crate::{
    cpu::{self, Watched},
    database,
    measure::{self, Load, Seen, Subject},
    runs::Measured,
    target,
    workload::Workload,
};
use anyhow::{Context, Result};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use testkit::process::{Process, free_port, stellwerk, wait_for};

/// A running node. It ends when it is dropped; its database stays until [`Node::remove`].
#[derive(Debug)]
pub struct Node {
    pub process: Process,
    pub subject: Subject,
    /// From the start of the process to its first answer.
    pub boot: Duration,
}

/// Where nodes keep their logs.
fn directory() -> Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("stellwerk-bench-own-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Starts a node on a database and waits for its first answer.
///
/// # Errors
/// It doesn't answer within a minute; the message holds the end of its log.
pub async fn start(name: &str, url: &str, history: &str, postmasters: &[u32]) -> Result<Node> {
    start_with(name, url, history, postmasters, &[]).await
}

/// Starts a node with further options.
///
/// # Errors
/// As for [`start`].
pub async fn start_with(
    name: &str,
    url: &str,
    history: &str,
    postmasters: &[u32],
    options: &[&str],
) -> Result<Node> {
    let (port, admin) = (free_port()?, free_port()?);
    let mut command = stellwerk()?;
    command
        .args(["engine-node", "--database-url", url, "--history", history])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--admin-listen", &format!("127.0.0.1:{admin}")])
        .args(options);
    let target =
        target::engine(&format!("{name}=http://127.0.0.1:{port}/engine-rest")).map_err(anyhow::Error::msg)?;
    let began = Instant::now();
    let process = Process::start(&directory()?, name, command)?;
    // A tight look: what is measured is a few hundred milliseconds.
    while target.call("GET", "/process-definition/count", "").await.is_err() {
        if began.elapsed() > Duration::from_secs(60) {
            anyhow::bail!("{name} doesn't answer: {}", process.last_words());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let boot = began.elapsed();
    let metrics = format!("http://127.0.0.1:{admin}");
    wait_for("the node to be ready", Duration::from_secs(60), async || {
        let ready = reqwest::get(format!("{metrics}/health/ready")).await;
        Ok(ready.is_ok_and(|r| r.status().is_success()).then_some(()))
    })
    .await
    .with_context(|| process.last_words())?;
    let mut pids = postmasters.to_vec();
    pids.push(process.id());
    let watched = Watched::new(&pids, database::name(url));
    let subject = Subject {
        target,
        watched,
        database: Some(url.to_owned()),
        metrics: Some(metrics),
    };
    Ok(Node {
        process,
        subject,
        boot,
    })
}

/// Time from process start to first answer on a migrated database, and memory of the idle node in KiB.
///
/// # Errors
/// The node doesn't start, or the database server refuses a scratch database.
pub async fn idle(beside: &str) -> Result<(Duration, u64)> {
    let scratch = "stellwerk_bench_idle";
    let url = database::create_beside(beside, scratch).await?;
    let measured = async {
        let mut first = start("idle", &url, "full", &[]).await?;
        first.process.terminate().await?;
        let mut boots = Vec::new();
        for _ in 0..2 {
            let mut node = start("idle", &url, "full", &[]).await?;
            boots.push(node.boot);
            node.process.terminate().await?;
        }
        let mut node = start("idle", &url, "full", &[]).await?;
        boots.push(node.boot);
        boots.sort();
        // What starting took is given back within seconds.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let memory = cpu::resident_kib(node.process.id()).context("the node is gone")?;
        node.process.terminate().await?;
        Ok((boots[1], memory))
    }
    .await;
    database::drop_beside(beside, scratch).await?;
    measured
}

/// Starts at each history level on a node of its own, in turn.
///
/// # Errors
/// A node doesn't start or a round fails.
pub async fn levels(
    beside: &str,
    levels: &[&str],
    load: &Load,
    rounds: usize,
    postmasters: &[u32],
) -> Result<Vec<Measured>> {
    let scratch = |level: &str| format!("stellwerk_bench_{level}");
    let measured = async {
        let mut nodes = Vec::new();
        for level in levels {
            let url = database::create_beside(beside, &scratch(level)).await?;
            nodes.push(start(level, &url, level, postmasters).await?);
        }
        let mut results: Vec<Measured> = levels
            .iter()
            .map(|level| Measured {
                engine: (*level).to_owned(),
                workload: load.workload.name(),
                connections: load.connections,
                ..Measured::default()
            })
            .collect();
        let mut seen = Seen::default();
        for node in &nodes {
            measure::prepare(&node.subject, load.workload).await?;
            let warm = Load {
                time: load.time / 4,
                bytes: false,
                ..load.clone()
            };
            measure::round(&node.subject, &warm, &mut seen).await?;
        }
        for _ in 0..rounds {
            for (node, result) in nodes.iter().zip(&mut results) {
                result
                    .rounds
                    .push(measure::round(&node.subject, load, &mut seen).await?);
            }
        }
        for node in &mut nodes {
            node.process.terminate().await?;
        }
        Ok(results)
    }
    .await;
    for level in levels {
        database::drop_beside(beside, &scratch(level)).await?;
    }
    measured
}

/// Full against none: the share of the rate that is left (S2-40).
pub fn share(results: &[Measured]) -> Option<f64> {
    let rate = |level: &str| {
        results
            .iter()
            .find(|m| m.engine == level)?
            .median(|f| Some(f.rate))
    };
    Some(rate("full")? / rate("none")?)
}

/// The load that levels are compared by: a start that writes history of every kind.
pub fn level_load(time: Duration) -> Load {
    Load {
        workload: Workload::StartWait,
        connections: 64,
        time,
        rate: None,
        max_tasks: 10,
        bytes: true,
        instances: None,
    }
}
