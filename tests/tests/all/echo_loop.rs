//! Chains that keep themselves going: each round publishes a message over HTTP and waits for its echo, which comes at
//! once. Nodes, a router and the database are killed meanwhile, and a shard is added.
use anyhow::{Context, Result, ensure};
use axum::{Json, Router, extract::State, routing};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use testkit::{
    cluster::{Cluster, USER},
    process::wait_for,
};

const CHAINS: usize = 50;
const ROUNDS: i64 = 8;

/// The other system: it echoes what is published, and keeps the rounds that it saw of each chain.
#[derive(Clone, Default)]
struct Echo {
    /// Bases of the routers that live.
    routers: Arc<Mutex<Vec<String>>>,
    rounds: Arc<Mutex<BTreeMap<String, i64>>>,
    wrong: Arc<Mutex<Vec<String>>>,
    client: reqwest::Client,
}

impl Echo {
    async fn start(self) -> Result<String> {
        let routes = Router::new()
            .route(
                "/token",
                routing::get(async || Json(json!({"access_token": "secret"}))),
            )
            .route("/publish", routing::post(published))
            .with_state(self);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(url)
    }

    /// How many rounds all chains have published.
    fn progress(&self) -> i64 {
        self.rounds.lock().unwrap().values().map(|round| round + 1).sum()
    }

    /// Waits for that share of all rounds.
    async fn reached(&self, cluster: &Cluster, base: &str, tenths: i64) -> Result<()> {
        let rounds = CHAINS as i64 * ROUNDS;
        let what = format!("{tenths} tenths of all rounds");
        wait_for(&what, Duration::from_secs(120), async || {
            Ok((self.progress() * 10 >= rounds * tenths).then_some(()))
        })
        .await?;
        each_chain_lives_at_most_once(cluster, base).await
    }

    /// Posts the echo until somebody takes it, or it turns out that nobody waits: for an echo that came before.
    async fn answer(self, chain: String) {
        let body = json!({"messageName": "echo", "businessKey": chain});
        for turn in chain.len().. {
            let base = {
                let routers = self.routers.lock().unwrap();
                routers[turn % routers.len()].clone()
            };
            let sent = self.client.post(format!("{base}/message")).json(&body);
            if let Ok(response) = sent.basic_auth(USER.0, Some(USER.1)).send().await {
                match response.status().as_u16() {
                    204 | 400 => return,
                    502..=504 => {}
                    other => {
                        let text = response.text().await.unwrap_or_default();
                        let wrong = format!("echo of {chain}: {other} {text}");
                        return self.wrong.lock().unwrap().push(wrong);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn published(State(echo): State<Echo>, Json(message): Json<Value>) -> Json<Value> {
    let chain = message["chain"].as_str().unwrap_or_default().to_owned();
    let round = message["round"].as_i64().unwrap_or(-1);
    let last = echo.rounds.lock().unwrap().insert(chain.clone(), round);
    // A publish whose answer was lost with its node is repeated; no round is left out, none comes back.
    if round != last.map_or(0, |last| last + 1) && Some(round) != last {
        let wrong = format!("{chain}: round {round} after {last:?}");
        echo.wrong.lock().unwrap().push(wrong);
    }
    tokio::spawn(echo.answer(chain));
    Json(json!({}))
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_21_s4_22_chains_neither_break_nor_multiply_while_everything_is_killed_once() -> Result<()> {
    let mut cluster = Cluster::start_with("echo", 2, 2, 2, &["--connector-allow", "127.0.0.1"]).await?;
    let result = scenario(&mut cluster).await;
    result.with_context(|| cluster.last_words())
}

async fn scenario(cluster: &mut Cluster) -> Result<()> {
    let routers: Vec<String> = cluster.routers.iter().map(|r| r.base()).collect();
    let base = routers[1].clone();
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    for model in ["http_call", "publish", "echo"] {
        cluster
            .deploy(&base, &models.join(model).with_extension("bpmn"))
            .await?;
    }
    let echo = Echo::default();
    *echo.routers.lock().unwrap() = routers;
    let url = echo.clone().start().await?;
    for chain in 0..CHAINS {
        let variables = json!({
            "round": {"value": 0, "type": "Integer"}, "rounds": {"value": ROUNDS, "type": "Integer"},
            "tokenUrl": {"value": format!("{url}/token")}, "publishUrl": {"value": format!("{url}/publish")},
        });
        let body = json!({"businessKey": format!("chain-{chain}"), "variables": variables});
        let start = format!("{base}/process-definition/key/echo/start");
        let (status, answer) = cluster.call("POST", &start, Some(&body)).await?;
        ensure!(status == 200, "{status} {answer}");
    }

    echo.reached(cluster, &base, 1).await?;
    cluster.nodes.get_mut("a").context("shard a")?[0].process.kill()?;
    echo.reached(cluster, &base, 2).await?;
    cluster.start_node("a")?;
    cluster.nodes.get_mut("b").context("shard b")?[1].process.kill()?;
    echo.reached(cluster, &base, 4).await?;
    echo.routers.lock().unwrap().remove(0);
    cluster.routers[0].process.kill()?;
    echo.reached(cluster, &base, 5).await?;
    cluster.postgres.crash()?;
    cluster.postgres.start_again()?;
    echo.reached(cluster, &base, 6).await?;
    cluster.start_shard("c", 1).await?;
    cluster.add_shard("c").await?;
    echo.reached(cluster, &base, 10).await?;

    wait_for("all chains to end", Duration::from_secs(120), async || {
        let (_, body) = cluster
            .call("GET", &format!("{base}/process-instance/count"), None)
            .await?;
        Ok((body["count"] == 0).then_some(()))
    })
    .await?;
    let path = "history/process-instance?processDefinitionKey=echo&finished=true";
    let (_, ended) = cluster.call("GET", &format!("{base}/{path}"), None).await?;
    let ended: Vec<&str> = ended
        .as_array()
        .context("rows")?
        .iter()
        .filter(|row| row["state"] == "COMPLETED")
        .filter_map(|row| row["businessKey"].as_str())
        .collect();
    let chains: BTreeSet<&str> = ended.iter().copied().collect();
    ensure!(
        (ended.len(), chains.len()) == (CHAINS, CHAINS),
        "ended: {ended:?}"
    );
    let wrong = echo.wrong.lock().unwrap().clone();
    ensure!(wrong.is_empty(), "{wrong:?}");
    let rounds = echo.rounds.lock().unwrap().clone();
    for (chain, last) in &rounds {
        ensure!(*last == ROUNDS - 1, "{chain} ended with round {last}");
    }
    let (_, incidents) = cluster
        .call("GET", &format!("{base}/incident/count"), None)
        .await?;
    ensure!(incidents["count"] == 0, "{incidents}");
    Ok(())
}

/// A chain that has ended isn't there; none is there twice.
async fn each_chain_lives_at_most_once(cluster: &Cluster, base: &str) -> Result<()> {
    let url = format!("{base}/process-instance?processDefinitionKey=echo");
    let rows = wait_for("a list of all shards", Duration::from_secs(60), async || {
        let (status, rows) = cluster.call("GET", &url, None).await?;
        Ok((status == 200).then_some(rows))
    })
    .await?;
    let live: Vec<&str> = rows
        .as_array()
        .context("rows")?
        .iter()
        .filter_map(|row| row["businessKey"].as_str())
        .collect();
    let distinct: BTreeSet<&str> = live.iter().copied().collect();
    ensure!(distinct.len() == live.len(), "{live:?}");
    Ok(())
}
