//! Mutual TLS inside a cluster: routers, nodes among themselves and operators.
use super::database_tls::make_certificates;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use testkit::cluster::{Cluster, USER};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_speaks_mutual_tls_inside_is_one_to_its_clients_and_closed_to_strangers() -> Result<()>
{
    let certificates = std::env::temp_dir().join(format!("stellwerk-node-tls-{}", std::process::id()));
    std::fs::create_dir_all(&certificates)?;
    make_certificates(&certificates)?;
    let cluster = Cluster::start_over_tls("node-tls", 2, 1, 1, &certificates).await?;
    let base = cluster.routers[0].base();

    // Its bytes go from the node that was asked to one of the other shard.
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/receive.bpmn");
    cluster.deploy(&base, &model).await?;
    let mut shards = std::collections::BTreeSet::new();
    for n in 0..20 {
        let start = json!({"businessKey": format!("key-{n}")});
        let url = format!("{base}/process-definition/key/receive/start");
        let (status, started) = cluster.call("POST", &url, Some(&start)).await?;
        ensure!(status == 200, "{status} {started}");
        let id = started["id"].as_str().unwrap_or_default();
        let shown = reqwest::Client::new()
            .get(format!("{base}/process-instance/{id}"))
            .basic_auth(USER.0, Some(USER.1))
            .header("X-Stellwerk-Where", "1")
            .send()
            .await?;
        let shard = shown.headers().get("x-stellwerk-shard").cloned();
        shards.insert(shard.and_then(|s| Some(s.to_str().ok()?.to_owned())));
    }
    ensure!(shards.len() == 2 && !shards.contains(&None), "{shards:?}");
    let (_, count) = cluster
        .call("GET", &format!("{base}/process-instance/count"), None)
        .await?;
    ensure!(count["count"] == 20, "{count}");

    let status = cluster.admin(&["--output", "json", "status"]).await?;
    ensure!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );
    let shown: Value = serde_json::from_slice(&status.stdout)?;
    ensure!(shown.to_string().contains("https://127.0.0.1"), "{shown}");
    let deployed = cluster.admin(&["deploy", &model.display().to_string()]).await?;
    ensure!(
        deployed.status.success(),
        "{}",
        String::from_utf8_lossy(&deployed.stderr)
    );

    // Neither without TLS nor without a certificate does a node answer.
    let port = cluster.nodes["a"][0].url.rsplit(':').next().unwrap_or_default();
    let plain = reqwest::get(format!("http://127.0.0.1:{port}/engine-rest/version")).await;
    ensure!(plain.is_err(), "{plain:?}");
    let stranger = tokio::process::Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-CAfile"])
        .arg(certificates.join("ca.pem"))
        .args(["-quiet", "-verify_return_error"])
        .stdin(std::process::Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&stranger.stderr);
    ensure!(said.contains("certificate required"), "{said}");
    std::fs::remove_dir_all(&certificates)?;
    Ok(())
}
