//! Batches over three shards while nodes are killed.
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};
use testkit::{
    cluster::{Cluster, USER},
    process::wait_for,
};

/// Instances of each batch.
const MANY: u64 = 240;

async fn get(cluster: &Cluster, path: &str) -> Result<Value> {
    let url = format!("{}{path}", cluster.routers[0].base());
    let (status, body) = cluster.call("GET", &url, None).await?;
    ensure!(status == 200, "GET {path}: {status} {body}");
    Ok(body)
}

async fn post(cluster: &Cluster, path: &str, body: Value) -> Result<Value> {
    let url = format!("{}{path}", cluster.routers[0].base());
    let (status, body) = cluster.call("POST", &url, Some(&body)).await?;
    ensure!(status == 200, "POST {path}: {status} {body}");
    Ok(body)
}

/// With an `Idempotency-Key`.
async fn keyed(cluster: &Cluster, path: &str, body: &Value) -> Result<(u16, Value)> {
    let request = reqwest::Client::new()
        .post(format!("{}{path}", cluster.routers[0].base()))
        .basic_auth(USER.0, Some(USER.1))
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", "once")
        .body(body.to_string());
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// Kills the first node of a shard while the batch is under way, and waits until it has ended nonetheless.
async fn ends_without(cluster: &mut Cluster, shard: &str, batch: &Value) -> Result<Value> {
    let id = batch["id"].as_str().context("id")?.to_owned();
    ensure!(batch["totalJobs"] == MANY, "{batch}");
    let nodes = cluster.nodes.get_mut(shard).context("shard")?;
    nodes.remove(0).process.kill()?;
    wait_for("the batch to end", Duration::from_secs(120), async || {
        let batch = get(cluster, &format!("/history/batch/{id}")).await?;
        Ok((batch["endTime"] != Value::Null).then_some(batch))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_go_on_when_nodes_die_and_do_nothing_twice() -> Result<()> {
    let mut cluster = Cluster::start("batches", 3, 2, 1).await?;
    let run = async {
        let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("compat/models/batch.bpmn");
        let base = cluster.routers[0].base();
        cluster.deploy(&base, &model).await?;
        for _ in 0..MANY {
            post(&cluster, "/process-definition/key/compat_batch/start", json!({})).await?;
        }
        let all = json!({"processInstanceQuery": {"processDefinitionKey": "compat_batch"}});
        let (status, deletion) = keyed(&cluster, "/process-instance/delete", &all).await?;
        ensure!(status == 200, "{status} {deletion}");
        let again = keyed(&cluster, "/process-instance/delete", &all).await?;
        ensure!(again.0 == 200 && again.1["id"] == deletion["id"], "{again:?}");
        let other = json!({"deleteReason": "other", "processInstanceQuery": {}});
        let other = keyed(&cluster, "/process-instance/delete", &other).await?;
        ensure!(other.0 == 422, "{other:?}");
        ends_without(&mut cluster, "a", &deletion).await?;
        let left = get(&cluster, "/process-instance/count").await?;
        ensure!(left["count"] == 0, "{left}");

        let again = json!({
            "historicProcessInstanceQuery": {"processDefinitionKey": "compat_batch", "finished": true},
            "instructions": [{"type": "startBeforeActivity", "activityId": "work"}],
        });
        let path = "/process-definition/key/compat_batch/restart-async";
        let restart = post(&cluster, path, again).await?;
        ends_without(&mut cluster, "b", &restart).await?;
        let running = get(&cluster, "/process-instance/count").await?;
        ensure!(running["count"] == MANY, "each is restarted once: {running}");
        let batches = get(&cluster, "/history/batch/count?completed=true").await?;
        ensure!(batches["count"] == 2, "{batches}");
        ensure!(get(&cluster, "/batch/count").await?["count"] == 0);

        let user = |id: &str| json!({"profile": {"id": id}, "credentials": {"password": "secret"}});
        for (id, status) in [("mary", 204), ("mary", 204), ("peter", 422)] {
            let answer = keyed(&cluster, "/user/create", &user(id)).await?;
            ensure!(answer.0 == status, "{id}: {answer:?}");
        }
        Ok(())
    };
    let result: Result<()> = run.await;
    result.with_context(|| cluster.last_words())
}
