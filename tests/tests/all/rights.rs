//! What who asks may do, as Camunda 7.24 answered it with authorizations on: asked of one node alone, and of shards behind
//! a router, where a revocation holds on every node.
use super::compat::{NODE, QUIET, against};
use anyhow::{Result, ensure};
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use testkit::{cluster::Cluster, compat::replay, process::wait_for};

/// The user of the recorded scenarios who may do everything.
const DEMO: (&str, &str) = ("demo", "demo");

fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rights")
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_authorizations_on_one_node_are_asked_as_by_the_reference() -> Result<()> {
    let password = std::env::temp_dir().join(format!("stellwerk-password-{}", std::process::id()));
    std::fs::write(&password, DEMO.1)?;
    let path = password.display().to_string();
    let admin = ["--admin-user", DEMO.0, "--admin-password-file", &path];
    let rights = ["--auth", "basic", "--authorization-enabled"];
    let arguments = [&NODE[..], &QUIET[..], &rights[..], &admin[..]].concat();
    let result = against("rights-alone", &arguments, async |base| {
        replay(&scenarios(), &base).await
    })
    .await;
    std::fs::remove_file(&password)?;
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_authorizations_behind_a_router_are_asked_on_every_shard() -> Result<()> {
    let options = ["--authorization-enabled", "--job-executor-activate", "false"];
    let mut cluster = Cluster::start_with("rights", 2, 1, 1, &options).await?;
    let base = cluster.routers[0].base();
    let user = json!({"profile": {"id": DEMO.0}, "credentials": {"password": DEMO.1}});
    for (method, path, body) in [
        ("POST", "/user/create", Some(&user)),
        ("PUT", "/group/camunda-admin/members/demo", None),
    ] {
        let (status, answer) = cluster.call(method, &format!("{base}{path}"), body).await?;
        ensure!(status == 204, "{path}: {status} {answer}");
    }
    replay(&scenarios(), &base).await?;
    // What is taken away on one node is gone on all of them, a moment later at the latest.
    for shard in ["a", "b"] {
        cluster.start_node(shard)?;
    }
    let user = json!({"profile": {"id": "ines"}, "credentials": {"password": "i"}});
    cluster
        .call("POST", &format!("{base}/user/create"), Some(&user))
        .await?;
    let grant =
        json!({"type": 1, "permissions": ["READ"], "userId": "ines", "resourceType": 1, "resourceId": "*"});
    let (_, made) = cluster
        .call("POST", &format!("{base}/authorization/create"), Some(&grant))
        .await?;
    let id = made["id"].as_str().unwrap_or_default();
    let everywhere = async |count: u64| {
        wait_for("the right on every node", Duration::from_secs(30), async || {
            for node in cluster.nodes.values().flatten() {
                let url = format!("{}/user/count", node.base());
                let asked = reqwest::Client::new().get(url).basic_auth("ines", Some("i"));
                let answer: serde_json::Value = asked.send().await?.json().await?;
                if answer["count"] != count {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    };
    everywhere(3).await?;
    let (status, _) = cluster
        .call("DELETE", &format!("{base}/authorization/{id}"), None)
        .await?;
    ensure!(status == 204);
    everywhere(1).await
}
