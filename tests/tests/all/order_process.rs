//! The real thing: PostgreSQL, etcd, two routers, two shards of two nodes, the order process, two workers of the
//! unmodified npm package, and in the middle of a thousand starts a node of each shard and a router are killed and
//! a third shard is added.
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::{
    cluster::{Cluster, USER},
    process::{Process, wait_for},
};

/// What the clients of the load have seen.
#[derive(Default)]
struct Seen {
    /// Ids of instances whose start was answered 200.
    started: Vec<String>,
    /// Business keys of starts that ended without a clear answer: 502, 503, 504 or a broken connection.
    unclear: Vec<String>,
    /// Any other answer: (status, body).
    wrong: Vec<String>,
    /// Every text that an optimistic-locking or persistence problem would show.
    leaked: Vec<String>,
}

fn starts() -> usize {
    std::env::var("STELLWERK_TEST_STARTS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000)
}

fn worker(cluster: &Cluster, base: &str, name: &str) -> Result<Process> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/node");
    let mut command = Command::new("node");
    command
        .current_dir(&directory)
        .arg("worker.mjs")
        .args([base, name, "invoiceCreator", USER.0, USER.1]);
    Process::start(&cluster.directory, name, command)
}

/// Tasks that a worker says it has completed.
fn completed(worker: &Process) -> Vec<String> {
    let log = std::fs::read_to_string(&worker.log).unwrap_or_default();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter_map(|line| Some(line["completed"].as_str()?.to_owned()))
        .collect()
}

/// Sends starts until the counter reaches the total; half of them with a business key.
async fn client(
    bases: Arc<Mutex<Vec<String>>>,
    definition: String,
    next: Arc<AtomicUsize>,
    total: usize,
    seen: Arc<Mutex<Seen>>,
) {
    let client = reqwest::Client::new();
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        if number >= total {
            return;
        }
        // A plain balancer in front of the routers: round robin over those that live.
        let base = {
            let bases = bases.lock().unwrap();
            bases[number % bases.len()].clone()
        };
        let key = format!("order-{number}");
        let body = if number.is_multiple_of(2) {
            json!({"businessKey": key, "variables": {"number": {"value": number}}})
        } else {
            json!({"variables": {"number": {"value": number}}})
        };
        let sent = client
            .post(format!("{base}/process-definition/{definition}/start"))
            .basic_auth(USER.0, Some(USER.1))
            .json(&body)
            .send()
            .await;
        let answer = match sent {
            Ok(response) => {
                let status = response.status().as_u16();
                response.text().await.map(|text| (status, text))
            }
            Err(error) => Err(error),
        };
        let mut seen = seen.lock().unwrap();
        match answer {
            Ok((200, text)) => match serde_json::from_str::<Value>(&text) {
                Ok(instance) => seen
                    .started
                    .push(instance["id"].as_str().unwrap_or_default().to_owned()),
                Err(_) => seen.wrong.push(format!("200 {text}")),
            },
            Ok((502..=504, text)) => {
                note_leak(&mut seen, &text);
                seen.unclear.push(key);
            }
            Ok((status, text)) => {
                note_leak(&mut seen, &text);
                seen.wrong.push(format!("{status} {text}"));
            }
            Err(_) => seen.unclear.push(key),
        }
    }
}

fn note_leak(seen: &mut Seen, text: &str) {
    let lower = text.to_lowercase();
    if [
        "persistence exception",
        "optimistic",
        "serialize access",
        "deadlock",
    ]
    .iter()
    .any(|w| lower.contains(w))
    {
        seen.leaked.push(text.to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_14_order_process_survives_killed_nodes_a_killed_router_and_a_new_shard() -> Result<()> {
    let mut cluster = Cluster::start("order", 2, 2, 2).await?;
    let result = scenario(&mut cluster).await;
    result.with_context(|| cluster.last_words())
}

async fn scenario(cluster: &mut Cluster) -> Result<()> {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    let bases = Arc::new(Mutex::new(
        cluster.routers.iter().map(|r| r.base()).collect::<Vec<_>>(),
    ));
    let first = cluster.routers[0].base();
    let second = cluster.routers[1].base();
    let deployed = cluster.deploy(&first, &models.join("order.bpmn")).await?;
    let definition = deployed["deployedProcessDefinitions"]
        .as_object()
        .and_then(|d| d.keys().next().cloned())
        .with_context(|| format!("no definition in {deployed}"))?;
    // Any router knows it, and any node of any shard, under the same id (S0-12).
    for base in [
        &second,
        &cluster.nodes["a"][1].base(),
        &cluster.nodes["b"][0].base(),
    ] {
        let (status, _) = cluster
            .call("GET", &format!("{base}/process-definition/{definition}"), None)
            .await?;
        ensure!(status == 200, "definition at {base}: {status}");
    }
    // The workers stay with the second router, the one that lives on.
    let workers = [
        worker(cluster, &second, "Client_1")?,
        worker(cluster, &second, "Client_2")?,
    ];

    let total = starts();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let next = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn(client(
                bases.clone(),
                definition.clone(),
                next.clone(),
                total,
                seen.clone(),
            ))
        })
        .collect();

    let reached = async |share: usize| {
        wait_for("the load to go on", Duration::from_secs(600), async || {
            Ok((next.load(Ordering::SeqCst) >= total * share / 10).then_some(()))
        })
        .await
    };
    reached(2).await?;
    cluster.nodes.get_mut("a").context("shard a")?[0].process.kill()?;
    reached(3).await?;
    cluster.nodes.get_mut("b").context("shard b")?[1].process.kill()?;
    reached(4).await?;
    bases.lock().unwrap().retain(|base| *base != first);
    cluster.routers[0].process.kill()?;
    reached(5).await?;
    cluster.start_shard("c", 2).await?;
    cluster.add_shard("c").await?;
    for client in clients {
        client.await?;
    }

    let seen = Arc::into_inner(seen)
        .context("clients have ended")?
        .into_inner()?;
    ensure!(
        seen.wrong.is_empty(),
        "wrong answers: {:?}",
        &seen.wrong[..seen.wrong.len().min(5)]
    );
    ensure!(seen.leaked.is_empty(), "leaked: {:?}", seen.leaked);
    ensure!(
        seen.started.len() + seen.unclear.len() == total,
        "every start is accounted for"
    );
    ensure!(
        seen.started.len() >= total * 8 / 10,
        "only {} of {total} starts succeeded",
        seen.started.len()
    );

    // Everything that was started ends; the definition id works on the third shard, too.
    let url = format!("{second}/process-instance/count?processDefinitionId={definition}");
    wait_for("all instances to end", Duration::from_secs(300), async || {
        let (status, body) = cluster.call("GET", &url, None).await?;
        ensure!(status == 200, "{status} {body}");
        Ok((body["count"] == 0).then_some(()))
    })
    .await?;
    let third = cluster.nodes["c"][0].base();
    let (status, body) = cluster
        .call(
            "POST",
            &format!("{third}/process-definition/{definition}/start"),
            Some(&json!({})),
        )
        .await?;
    ensure!(status == 200, "start on the third shard: {status} {body}");
    let extra = body["id"].as_str().context("id")?.to_owned();

    // Each started instance has ended exactly once in history, and nothing exists that nobody asked for.
    let mut ended: BTreeMap<String, usize> = BTreeMap::new();
    wait_for("the last instance to end", Duration::from_secs(60), async || {
        let (_, body) = cluster
            .call("GET", &format!("{second}/history/process-instance/{extra}"), None)
            .await?;
        Ok((body["state"] == "COMPLETED").then_some(()))
    })
    .await?;
    let mut first_result = 0;
    loop {
        let url = format!(
            "{second}/history/process-instance?processDefinitionId={definition}&finished=true\
             &sortBy=instanceId&sortOrder=asc&firstResult={first_result}&maxResults=500"
        );
        let (status, body) = cluster.call("GET", &url, None).await?;
        ensure!(status == 200, "{status} {body}");
        let rows = body.as_array().context("rows")?;
        for row in rows {
            ensure!(row["state"] == "COMPLETED", "{row}");
            *ended
                .entry(row["id"].as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        if rows.len() < 500 {
            break;
        }
        first_result += rows.len();
    }
    for id in &seen.started {
        ensure!(
            ended.get(id) == Some(&1),
            "instance {id} ended {:?} times",
            ended.get(id)
        );
    }
    let known = seen.started.len() + 1;
    ensure!(
        ended.len() >= known && ended.len() <= known + seen.unclear.len(),
        "{} instances ended, {known} starts were answered, {} were unclear",
        ended.len(),
        seen.unclear.len()
    );

    // Both workers did their share, and no task was completed twice.
    let shares: Vec<Vec<String>> = workers.iter().map(completed).collect();
    let mut all: Vec<&String> = shares.iter().flatten().collect();
    all.sort();
    let count = all.len();
    all.dedup();
    ensure!(
        all.len() == count,
        "{} tasks were completed twice",
        count - all.len()
    );
    for share in &shares {
        ensure!(
            share.len() * 10 >= count * 3,
            "shares of work: {} and {}",
            shares[0].len(),
            shares[1].len()
        );
    }
    let log = std::fs::read_to_string(&workers[0].log)?;
    ensure!(
        log.contains("subscribed to topic invoiceCreator"),
        "the worker's log: {log}"
    );
    ensure!(
        log.contains("completed task"),
        "the worker's log has no completed task"
    );

    // The third shard has taken its fair share of slots, about a third.
    let output = cluster.admin(&["slots", "show", "--output", "json"]).await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
