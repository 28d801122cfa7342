//! A JMeter plan of the usual elements (S0-15), run by Debian's JMeter against a cluster behind a router.
use anyhow::{Context, Result, ensure};
use std::{fs, path::PathBuf, time::Duration};
use testkit::cluster::{Cluster, USER};

/// Threads of the plan, and how often each sends.
const THREADS: usize = 50;
const LOOPS: usize = 200;

/// How long JMeter may take; a run on two busy cores took a small part of it.
const LIMIT: Duration = Duration::from_secs(1800);

#[tokio::test(flavor = "multi_thread")]
async fn the_jmeter_plan_passes_without_a_failed_sample() -> Result<()> {
    let cluster = Cluster::start("jmeter", 2, 2, 1).await?;
    let result = plan(&cluster).await;
    result.with_context(|| cluster.last_words())
}

async fn plan(cluster: &Cluster) -> Result<()> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let router = &cluster.routers[0];
    let deployed = cluster
        .deploy(&router.base(), &tests.join("models/order.bpmn"))
        .await?;
    let definition = deployed["deployedProcessDefinitions"]
        .as_object()
        .and_then(|d| d.keys().next().cloned())
        .with_context(|| format!("no definition in {deployed}"))?;

    let samples = cluster.directory.join("result.jtl");
    let port = router.url.rsplit_once(':').context("the router's port")?.1;
    let run = tokio::process::Command::new(tests.join("jmeter/run"))
        .arg(&samples)
        .args([
            "-Jhost=127.0.0.1",
            &format!("-Jport={port}"),
            &format!("-Jdefinition={definition}"),
        ])
        .args([&format!("-Jthreads={THREADS}"), &format!("-Jloops={LOOPS}")])
        .args([&format!("-Juser={}", USER.0), &format!("-Jpassword={}", USER.1)])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, run)
        .await
        .context("JMeter takes too long")??;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(output.status.success(), "{said}");

    let text = fs::read_to_string(&samples).with_context(|| said.clone())?;
    let failed: Vec<&str> = text.lines().filter(|line| !passed(line)).collect();
    ensure!(
        failed.is_empty(),
        "{} failed samples, such as {:?}",
        failed.len(),
        &failed[..failed.len().min(5)]
    );
    ensure!(
        text.lines().count() == THREADS * LOOPS,
        "{} samples: {said}",
        text.lines().count()
    );

    // A start is sent once more with the password after each 401: that must not have made two of them.
    let url = format!(
        "{}/process-instance/count?processDefinitionId={definition}",
        router.base()
    );
    let (status, body) = cluster.call("GET", &url, None).await?;
    ensure!(
        status == 200 && body["count"] == THREADS * LOOPS,
        "instances: {status} {body}"
    );
    Ok(())
}

/// Whether a line of the .jtl is a sample that JMeter calls a success and that was answered 200:
/// `time stamp,elapsed,label,code,message,thread,type,success,…`.
fn passed(line: &str) -> bool {
    let columns: Vec<&str> = line.split(',').collect();
    columns.get(3) == Some(&"200") && columns.get(7) == Some(&"true")
}
