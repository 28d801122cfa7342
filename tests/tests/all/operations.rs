//! A day in a cluster's life, on PostgreSQL and etcd: two shards of two nodes, two routers.
use super::messages;
use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use testkit::{cluster::Cluster, process::wait_for};

fn model(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(name)
}

async fn ok(cluster: &Cluster, method: &str, url: String, body: Option<Value>) -> Result<Value> {
    let (status, answer) = cluster.call(method, &url, body.as_ref()).await?;
    ensure!((200..300).contains(&status), "{method} {url}: {status} {answer}");
    Ok(answer)
}

async fn until_count(cluster: &Cluster, url: String, count: u64) -> Result<()> {
    wait_for(
        &format!("{url} to be {count}"),
        Duration::from_secs(90),
        async || {
            let (status, body) = cluster.call("GET", &url, None).await?;
            ensure!(status == 200, "{status} {body}");
            Ok((body["count"] == count).then_some(()))
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_01_nodes_routers_workers_and_operators_share_one_cluster() -> Result<()> {
    let mut cluster = Cluster::start("day", 2, 2, 2).await?;
    let result = day(&mut cluster).await;
    result.with_context(|| cluster.last_words())
}

async fn day(cluster: &mut Cluster) -> Result<()> {
    let routers: Vec<String> = cluster.routers.iter().map(|r| r.base()).collect();
    let output = cluster
        .admin(&["deploy", &model("order.bpmn").display().to_string()])
        .await?;
    ensure!(
        output.status.success(),
        "deploy: {}",
        String::from_utf8_lossy(&output.stderr)
    );

    what_one_node_starts_every_node_shows(cluster, &routers).await?;
    workers_at_routers_and_nodes_get_each_task_once(cluster, &routers).await?;
    incidents_of_all_shards_are_listed_and_retried(cluster, &routers[0]).await?;
    messages::deploy(cluster, &routers[0]).await?;
    messages::s4_14_keys_alone_find_the_one_instance_on_any_shard(cluster, &routers).await?;
    messages::s4_13_a_message_that_comes_twice_at_once_is_taken_once(cluster, &routers).await?;
    start_timers_fire_once_in_the_cluster(cluster, &routers[1]).await?;
    schemas_are_known(cluster).await?;
    a_restarting_database_leaks_nothing(cluster, &routers[0]).await?;
    the_cluster_serves_on_without_etcd(cluster, &routers[1]).await?;
    a_router_drains_at_sigterm(cluster).await
}

/// S0-01, S0-04: a started instance is there at once on the shard's other node and behind any router, and nobody
/// sets a cookie.
async fn what_one_node_starts_every_node_shows(cluster: &Cluster, routers: &[String]) -> Result<()> {
    let client = reqwest::Client::new();
    for number in 0..60 {
        let shard = if number % 2 == 0 { "a" } else { "b" };
        let nodes: Vec<String> = cluster.nodes[shard].iter().map(|n| n.base()).collect();
        let start = format!("{}/process-definition/key/Order_Process/start", nodes[number % 2]);
        let started = ok(cluster, "POST", start, Some(json!({}))).await?;
        let id = started["id"].as_str().context("id")?;
        for base in [
            &nodes[1 - number % 2],
            &routers[number % 2],
            &routers[1 - number % 2],
        ] {
            let seen = ok(cluster, "GET", format!("{base}/process-instance/{id}"), None).await?;
            ensure!(seen["id"] == id, "{seen}");
        }
        let answer = client
            .get(format!("{}/process-instance/{id}", routers[0]))
            .basic_auth(testkit::cluster::USER.0, Some(testkit::cluster::USER.1))
            .send()
            .await?;
        ensure!(answer.headers().get("set-cookie").is_none(), "a cookie is set");
    }
    Ok(())
}

/// S0-20, S0-22: what waited is worked off once, whoever asks where.
async fn workers_at_routers_and_nodes_get_each_task_once(
    cluster: &Cluster,
    routers: &[String],
) -> Result<()> {
    for number in 0..140 {
        let start = format!(
            "{}/process-definition/key/Order_Process/start",
            routers[number % 2]
        );
        ok(
            cluster,
            "POST",
            start,
            Some(json!({"businessKey": format!("late-{number}")})),
        )
        .await?;
    }
    let waiting = format!(
        "{}/process-instance/count?processDefinitionKey=Order_Process",
        routers[0]
    );
    until_count(cluster, waiting.clone(), 200).await?;
    let bases: Vec<String> = routers
        .iter()
        .cloned()
        .chain(cluster.nodes.values().flatten().map(|n| n.base()))
        .collect();
    let handed_out: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let workers = (0..20).map(|number| {
        let base = bases[number % bases.len()].clone();
        let handed_out = handed_out.clone();
        async move {
            let worker = format!("worker-{number}");
            let fetch = json!({"workerId": worker, "maxTasks": 3,
                "topics": [{"topicName": "invoiceCreator", "lockDuration": 600_000}]});
            loop {
                let url = format!("{base}/external-task/fetchAndLock");
                let tasks = ok(cluster, "POST", url, Some(fetch.clone())).await?;
                let tasks = tasks.as_array().context("tasks")?;
                if tasks.is_empty() {
                    return Ok::<(), anyhow::Error>(());
                }
                for task in tasks {
                    let id = task["id"].as_str().context("id")?.to_owned();
                    let first = handed_out.lock().unwrap().insert(id.clone());
                    ensure!(first, "task {id} was handed out twice");
                    let url = format!("{base}/external-task/{id}/complete");
                    ok(cluster, "POST", url, Some(json!({"workerId": worker}))).await?;
                }
            }
        }
    });
    for result in join_all(workers).await {
        result?;
    }
    until_count(cluster, waiting, 0).await?;
    ensure!(
        handed_out.lock().unwrap().len() == 200,
        "every task was handed out"
    );
    Ok(())
}

/// Three tries, then an incident; the operator sees one group over all shards and retries it.
async fn incidents_of_all_shards_are_listed_and_retried(cluster: &Cluster, router: &str) -> Result<()> {
    cluster.deploy(router, &model("failing.bpmn")).await?;
    let mut ids = Vec::new();
    for number in 0..6 {
        let start = format!("{router}/process-definition/key/failing/start");
        let body = json!({"businessKey": format!("failing-{number}")});
        let started = ok(cluster, "POST", start, Some(body)).await?;
        ids.push(started["id"].as_str().context("id")?.to_owned());
    }
    let count = format!("{router}/incident/count");
    until_count(cluster, count.clone(), 6).await?;
    let listed = cluster.admin(&["incidents", "list", "--output", "json"]).await?;
    ensure!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let text = String::from_utf8(listed.stdout)?;
    ensure!(
        text.contains("failing") && text.contains("Cannot resolve identifier 'missing'"),
        "{text}"
    );
    for id in ids {
        let url = format!("{router}/process-instance/{id}/variables/missing");
        ok(cluster, "PUT", url, Some(json!({"value": "found"}))).await?;
    }
    let retried = cluster
        .admin(&[
            "incidents",
            "retry",
            "--definition",
            "failing",
            "--activity",
            "work",
        ])
        .await?;
    let said = String::from_utf8_lossy(&retried.stderr).into_owned();
    ensure!(retried.status.success(), "retry: {said}");
    until_count(cluster, count, 0).await?;
    until_count(
        cluster,
        format!("{router}/process-instance/count?processDefinitionKey=failing"),
        0,
    )
    .await
}

/// Every shard has the definition; its home slot's owner alone arms the timer, three times in all.
async fn start_timers_fire_once_in_the_cluster(cluster: &Cluster, router: &str) -> Result<()> {
    cluster.deploy(router, &model("ticking.bpmn")).await?;
    let ended = format!("{router}/history/process-instance/count?processDefinitionKey=ticking&finished=true");
    until_count(cluster, ended.clone(), 3).await?;
    until_count(
        cluster,
        format!("{router}/job/count?processDefinitionKey=ticking"),
        0,
    )
    .await?;
    until_count(cluster, ended, 3).await
}

async fn schemas_are_known(cluster: &Cluster) -> Result<()> {
    let (a, b) = (cluster.postgres.url("shard_a"), cluster.postgres.url("shard_b"));
    let (a, b) = (format!("a={a}"), format!("b={b}"));
    let output = cluster
        .admin(&[
            "schema",
            "status",
            "--database",
            &a,
            "--database",
            &b,
            "--output",
            "json",
        ])
        .await?;
    ensure!(
        output.status.success(),
        "schema status: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = cluster.admin(&["status", "--output", "json"]).await?;
    ensure!(
        output.status.success(),
        "status: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// S0-26: the database crashes and returns under load: no lost start, no leaked text, nodes reconnect by themselves.
async fn a_restarting_database_leaks_nothing(cluster: &mut Cluster, router: &str) -> Result<()> {
    let start = format!("{router}/process-definition/key/Order_Process/start");
    let mut started = Vec::new();
    cluster.postgres.crash()?;
    let (status, body) = cluster.call("POST", &start, Some(&json!({}))).await?;
    ensure!(matches!(status, 502..=504), "without a database: {status} {body}");
    let text = body.to_string();
    ensure!(!text.contains("sql") && !text.contains("persistence"), "{text}");
    cluster.postgres.start_again()?;
    wait_for("starts to succeed again", Duration::from_secs(60), async || {
        let (status, body) = cluster.call("POST", &start, Some(&json!({}))).await?;
        ensure!(status == 200 || matches!(status, 502..=504), "{status} {body}");
        if status == 200 {
            started.push(body["id"].as_str().unwrap_or_default().to_owned());
        }
        Ok((started.len() >= 20).then_some(()))
    })
    .await?;
    for id in started {
        ok(cluster, "GET", format!("{router}/process-instance/{id}"), None).await?;
    }
    Ok(())
}

/// What has been learned is enough to go on; what changes replicated state is refused until etcd is back.
async fn the_cluster_serves_on_without_etcd(cluster: &mut Cluster, router: &str) -> Result<()> {
    cluster.etcd.kill()?;
    for number in 0..20 {
        let body = json!({"businessKey": format!("no-etcd-{number}")});
        let started = ok(
            cluster,
            "POST",
            format!("{router}/process-definition/key/Order_Process/start"),
            Some(body),
        )
        .await?;
        let id = started["id"].as_str().context("id")?;
        ok(cluster, "GET", format!("{router}/process-instance/{id}"), None).await?;
    }
    let refused = cluster.deploy(router, &model("failing.bpmn")).await;
    let text = format!(
        "{:#}",
        refused.err().context("a deployment succeeded without etcd")?
    );
    ensure!(text.contains("503"), "{text}");
    Ok(())
}

async fn a_router_drains_at_sigterm(cluster: &mut Cluster) -> Result<()> {
    let status = cluster.routers[0].process.terminate().await?;
    ensure!(status.code() == Some(0), "the router ended with {status}");
    let node = &mut cluster.nodes.get_mut("a").context("shard a")?[0];
    let status = node.process.terminate().await?;
    ensure!(
        status.code() == Some(0),
        "the node ended with {status}: {}",
        node.process.last_words()
    );
    Ok(())
}
