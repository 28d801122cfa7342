//! Several routers before the same shards.
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};
use testkit::cluster::{Cluster, USER};

/// Starts an instance, or asks for one: gives the answer and the shard that gave it.
async fn ask(request: reqwest::RequestBuilder) -> Result<(Value, String)> {
    let request = request
        .basic_auth(USER.0, Some(USER.1))
        .header("X-Stellwerk-Where", "1");
    let answer = request.send().await?;
    let shard = answer.headers().get("x-stellwerk-shard").cloned();
    let status = answer.status();
    let body = answer.text().await?;
    ensure!(status.is_success(), "{status} {body}");
    let shard = shard.context("no shard is named")?.to_str()?.to_owned();
    Ok((serde_json::from_str(&body)?, shard))
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_26_two_routers_place_each_key_alike_while_slots_move_and_one_of_them_may_die() -> Result<()> {
    let mut cluster = Cluster::start("routers", 2, 1, 2).await?;
    let bases = [cluster.routers[0].base(), cluster.routers[1].base()];
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/receive.bpmn");
    cluster.deploy(&bases[0], &model).await?;
    let client = reqwest::Client::new();
    let start = |base: &str, key: &str| {
        let url = format!("{base}/process-definition/key/receive/start");
        ask(client.post(url).json(&json!({"businessKey": key})))
    };
    let keys: Vec<String> = (0..40).map(|n| format!("key-{n}")).collect();
    let placed = async |bases: &[String]| {
        let mut shards = BTreeMap::new();
        for key in &keys {
            for base in bases {
                let (_, shard) = start(base, key).await?;
                let known = shards.entry(key.clone()).or_insert_with(|| shard.clone());
                ensure!(*known == shard, "{key}: {known} and {shard}");
            }
        }
        anyhow::Ok(shards)
    };
    let before = placed(&bases).await?;

    // While a third shard takes its slots over, whatever one router has started the other one finds.
    cluster.start_shard("c", 1).await?;
    let mut adding = tokio::process::Command::from(cluster.admin_command(&["shard", "add", "c"])?)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let mut meanwhile = 0;
    let added = loop {
        let key = &keys[meanwhile % keys.len()];
        let (one, other) = (&bases[meanwhile % 2], &bases[(meanwhile + 1) % 2]);
        let (started, _) = start(one, key).await?;
        let id = started["id"].as_str().context("an id")?;
        ask(client.get(format!("{other}/process-instance/{id}"))).await?;
        meanwhile += 1;
        if let Some(status) = adding.try_wait()? {
            break status;
        }
    };
    ensure!(added.success(), "shard add: {added}");
    let after = placed(&bases).await?;
    ensure!(after != before, "no key has moved: {after:?}");

    // One router is gone; the other one's answer is the same.
    cluster.routers[0].process.kill()?;
    ensure!(placed(&bases[1..]).await? == after);
    let count = format!("{}/process-instance/count?processDefinitionKey=receive", bases[1]);
    let (status, count) = cluster.call("GET", &count, None).await?;
    let expected = 5 * keys.len() + meanwhile;
    ensure!(
        status == 200 && count["count"] == expected,
        "{count}, not {expected}"
    );
    Ok(())
}
