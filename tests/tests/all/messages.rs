//! Messages through two routers to instances on two shards.
use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::path::PathBuf;
use testkit::cluster::Cluster;

/// Messages that are posted twice at once.
const TWICE: usize = 60;
const MISMATCH: &str = "org.camunda.bpm.engine.MismatchingMessageCorrelationException";

async fn post(cluster: &Cluster, base: &str, path: &str, body: Value) -> Result<(u16, Value)> {
    cluster.call("POST", &format!("{base}{path}"), Some(&body)).await
}

/// Starts an instance that waits for `order`, at that base.
async fn start(cluster: &Cluster, base: &str, key: Option<&str>, number: i64) -> Result<String> {
    let variables = json!({"number": {"value": number, "type": "Long"}});
    let body = json!({"businessKey": key, "variables": variables});
    let (status, answer) = post(cluster, base, "/process-definition/key/receive/start", body).await?;
    ensure!(status == 200, "{status} {answer}");
    Ok(answer["id"].as_str().context("id")?.to_owned())
}

async fn waiting(cluster: &Cluster, base: &str, message: &str) -> Result<u64> {
    let url = format!("{base}/event-subscription/count?eventName={message}");
    let (status, body) = cluster.call("GET", &url, None).await?;
    ensure!(status == 200, "{status} {body}");
    body["count"].as_u64().context("count")
}

pub async fn deploy(cluster: &Cluster, base: &str) -> Result<()> {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    cluster.deploy(base, &models.join("receive.bpmn")).await.map(drop)
}

/// S4-14: a message without a business key is looked for on every shard; of two that match on different shards none
/// gets it.
pub async fn s4_14_keys_alone_find_the_one_instance_on_any_shard(
    cluster: &Cluster,
    routers: &[String],
) -> Result<()> {
    let order = |number: i64| json!({"messageName": "order", "correlationKeys": {"number": {"value": number, "type": "Long"}}});
    let mut ids = Vec::new();
    for (number, shard) in (1..).zip(["a", "b", "a", "b"]) {
        ids.push(start(cluster, &cluster.nodes[shard][0].base(), None, number).await?);
    }
    for shard in ["a", "b"] {
        start(cluster, &cluster.nodes[shard][1].base(), None, 99).await?;
    }
    for router in routers {
        let (status, body) = post(cluster, router, "/message", order(99)).await?;
        let message = body["message"].as_str().unwrap_or_default();
        ensure!(status == 400 && message.contains(MISMATCH), "{status} {body}");
    }
    ensure!(
        waiting(cluster, &routers[0], "order").await? == 6,
        "nobody has gone on"
    );
    for (number, id) in (1..).zip(&ids) {
        let router = &routers[number as usize % routers.len()];
        let mut asked = order(number);
        asked["resultEnabled"] = json!(true);
        let (status, body) = post(cluster, router, "/message", asked).await?;
        ensure!(status == 200, "{number}: {status} {body}");
        ensure!(
            body[0]["execution"]["processInstanceId"] == **id,
            "{number}: {body}"
        );
        let (status, body) = post(cluster, router, "/message", order(number)).await?;
        ensure!(status == 400, "{number} again: {status} {body}");
    }
    let left = waiting(cluster, &routers[0], "order").await?;
    ensure!(left == 2, "{left} still wait");
    Ok(())
}

/// S4-13: of two equal messages at once through two routers one is taken and one refused.
pub async fn s4_13_a_message_that_comes_twice_at_once_is_taken_once(
    cluster: &Cluster,
    routers: &[String],
) -> Result<()> {
    let keys: Vec<String> = (0..TWICE).map(|number| format!("twice-{number}")).collect();
    for key in &keys {
        start(cluster, &routers[0], Some(key), 0).await?;
    }
    let before = waiting(cluster, &routers[0], "payment").await?;
    for keys in keys.chunks(10) {
        let sent = keys.iter().flat_map(|key| {
            let body = json!({"messageName": "order", "businessKey": key});
            routers[..2]
                .iter()
                .map(move |router| post(cluster, router, "/message", body.clone()))
        });
        let answers = join_all(sent).await.into_iter().collect::<Result<Vec<_>>>()?;
        for (key, pair) in keys.iter().zip(answers.chunks(2)) {
            let mut statuses = [pair[0].0, pair[1].0];
            statuses.sort_unstable();
            ensure!(statuses == [204, 400], "{key}: {pair:?}");
        }
    }
    let after = waiting(cluster, &routers[1], "payment").await?;
    ensure!(
        after == before + TWICE as u64,
        "{before} then {after} wait for payment"
    );
    Ok(())
}
