//! Nodes that die at seeded points of the write path, again and again on one database. After each death everything
//! that was acknowledged is there exactly once, nothing is half there, and what was not acknowledged is there whole
//! or not at all; a request repeated with its idempotency key is answered as if nothing had happened.
//!
//! `STELLWERK_TEST_SEED` repeats a run, `STELLWERK_TEST_KILLS` says how many deaths (25; `./test long crash`: 1 000).
mod case;

use anyhow::{Context, Result, ensure};
use case::{Case, Node};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use testkit::{
    postgres,
    process::{Process, free_port, stellwerk, wait_for},
};

/// Where a node dies. `kill` is SIGKILL from outside, whenever that hits.
const POINTS: [&str; 10] = [
    "write.loaded",
    "write.before",
    "write.sent",
    "write.committed",
    "write.answered",
    "job.before",
    "job.after",
    "log.before",
    "log.after",
    "kill",
];
/// Clients at once.
const CLIENTS: usize = 6;
/// A node that hasn't met its point by then is killed from outside.
const LIFE: Duration = Duration::from_millis(1500);

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn split(&mut self) -> Dice {
        Dice(self.roll(u64::MAX))
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_21_a_node_on_postgresql_dies_anywhere_and_nothing_acknowledged_is_lost() -> Result<()> {
    let server = tokio::task::spawn_blocking(postgres::Server::start).await??;
    let url = server.create("crash")?;
    run("postgres", &url, &["--unsafe-durability"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_21_a_node_on_sqlite_dies_anywhere_and_nothing_acknowledged_is_lost() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("stellwerk-crash-db-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let url = format!("sqlite://{}", directory.join("crash.db").display());
    let result = run("sqlite", &url, &[]).await;
    if result.is_ok() {
        std::fs::remove_dir_all(&directory)?;
    }
    result
}

/// One database, and the nodes that die on it one after the other.
struct Life {
    directory: PathBuf,
    url: String,
    options: Vec<String>,
    client: reqwest::Client,
}

async fn run(store: &str, url: &str, options: &[&str]) -> Result<()> {
    let seed = number("STELLWERK_TEST_SEED").unwrap_or_else(|| std::process::id().into());
    let kills = number("STELLWERK_TEST_KILLS").unwrap_or(25);
    println!("{store}: {kills} kills, STELLWERK_TEST_SEED={seed}");
    let directory = std::env::temp_dir().join(format!("stellwerk-crash-{store}-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let life = Life {
        directory: directory.clone(),
        url: url.to_owned(),
        options: options.iter().map(|o| (*o).to_owned()).collect(),
        client: reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()?,
    };
    let mut dice = Dice(seed);
    life.rounds(&mut dice, kills).await.with_context(|| {
        format!(
            "STELLWERK_TEST_SEED={seed} ({store}); logs in {}",
            directory.display()
        )
    })?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

impl Life {
    async fn rounds(&self, dice: &mut Dice, kills: u64) -> Result<()> {
        let mut open: Vec<Case> = Vec::new();
        let (mut ended, mut born) = (0, 0);
        let mut died_at = std::collections::BTreeMap::new();
        {
            let (process, node) = self.start(None).await?;
            node.deploy("crash-0").await?;
            drop(process);
        }
        for round in 0..kills {
            // Each point in turn, in an order that differs from seed to seed.
            let point = POINTS[((round + dice.roll(2)) % POINTS.len() as u64) as usize];
            let count = match point {
                "log.before" | "log.after" => 1 + dice.roll(2),
                "job.before" | "job.after" => 1 + dice.roll(8),
                _ => 1 + dice.roll(60),
            };
            let context = || format!("round {round}: {point}=abort@{count}");
            let arm = (point != "kill").then(|| format!("{point}=abort@{count}"));
            let (mut process, node) = self.start(arm.as_deref()).await.with_context(context)?;
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let mine: Vec<Case> = open.drain(..open.len().min(4)).collect();
                    let first = born;
                    born += 1_000;
                    let (node, dice) = (node.clone(), dice.split());
                    tokio::spawn(case::work(node, mine, first, dice))
                })
                .collect();
            let deployer = (point.starts_with("log.")).then(|| {
                let (node, name) = (node.clone(), format!("crash-{round}"));
                tokio::spawn(async move { node.deploy(&name).await.is_ok() })
            });
            let life = match point {
                "kill" => Duration::from_millis(20 + dice.roll(400)),
                _ => LIFE,
            };
            let end = Instant::now() + life;
            while process.runs() && Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let by_itself = !process.runs();
            process.kill().ok();
            *died_at.entry(if by_itself { point } else { "kill" }).or_insert(0) += 1;
            for client in clients {
                open.extend(client.await?.with_context(context)?);
            }
            let (_process, node) = self.start(None).await.with_context(context)?;
            if let Some(deployed) = deployer {
                let acknowledged = deployed.await?;
                node.deployed_once_or_not(&format!("crash-{round}"), acknowledged)
                    .await
                    .with_context(context)?;
            }
            // Of those in no client's hands all but a few are brought to their end, so that rounds stay short.
            for (position, case) in open.iter_mut().enumerate() {
                case.settle(&node).await.with_context(context)?;
                if position >= 3 * CLIENTS {
                    case.finish(&node).await.with_context(context)?;
                }
            }
            ended += open.iter().filter(|c| c.has_ended()).count();
            open.retain(|c| !c.has_ended());
        }
        let (_process, node) = self.start(None).await?;
        for case in &mut open {
            case.settle(&node).await?;
            case.finish(&node).await?;
        }
        ended += open.len();
        node.nothing_is_left(ended as u64).await?;
        println!("{ended} instances, deaths: {died_at:?}");
        ensure!(ended > 0, "nothing was started");
        Ok(())
    }

    /// Starts a node and waits until it serves.
    async fn start(&self, failpoints: Option<&str>) -> Result<(Process, Node)> {
        let port = free_port()?;
        let mut command = stellwerk()?;
        command
            .args(["engine-node", "--database-url", &self.url, "--node-name", "crash"])
            .args(["--listen", &format!("127.0.0.1:{port}"), "--admin-listen", "none"])
            // A dead node's jobs are free again soon.
            .args(["--job-executor-lock-time-in-millis", "1000"])
            .args(["--job-executor-wait-time-in-millis", "100"])
            .args(&self.options);
        if let Some(failpoints) = failpoints {
            command.env("STELLWERK_FAILPOINTS", failpoints);
        }
        let mut process = Process::start(&self.directory, "node", command)?;
        let node = Node {
            client: self.client.clone(),
            base: format!("http://127.0.0.1:{port}/engine-rest"),
        };
        wait_for("the node to serve", Duration::from_secs(30), async || {
            // One that dies at its start has met its point.
            if !process.runs() {
                return Ok(Some(()));
            }
            Ok(node.get("/process-definition/count").await.is_ok().then_some(()))
        })
        .await
        .with_context(|| process.last_words())?;
        Ok((process, node))
    }
}
