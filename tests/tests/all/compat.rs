//! What Camunda 7.24 answered, asked of one node alone and of three shards behind a router.
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use testkit::{
    cluster::Cluster,
    compat::{replay, replay_with_jobs},
    differential,
    process::{Process, free_port, stellwerk, wait_for},
};

fn cases() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("differential")
}

pub(super) fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("compat")
}

/// A node alone.
pub(super) const NODE: [&str; 7] = [
    "engine-node",
    "--database-url",
    "DATABASE",
    "--listen",
    "127.0.0.1:PORT",
    "--admin-listen",
    "none",
];

/// Three shards behind a router.
const THREE: [&str; 6] = ["dev", "--shards", "3", "--port", "PORT", "--no-sample"];
/// The same without a running job executor.
pub(super) const THREE_QUIET: [&str; 8] = [
    "dev",
    "--shards",
    "3",
    "--port",
    "PORT",
    "--no-sample",
    "--job-executor-activate",
    "false",
];
/// For a node that runs no job by itself.
pub(super) const QUIET: [&str; 3] = ["--job-executor-activate", "false", "--unsafe-durability"];

/// Starts a role of the binary in a directory of its own and replays against it.
pub(super) async fn against(
    name: &str,
    arguments: &[&str],
    replay: impl AsyncFnOnce(String) -> Result<usize>,
) -> Result<()> {
    let directory = std::env::temp_dir().join(format!("stellwerk-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let port = free_port()?.to_string();
    let mut command = stellwerk()?;
    let database = format!("sqlite://{}", directory.join("node.db").display());
    command.args(
        arguments
            .iter()
            .map(|a| a.replace("PORT", &port).replace("DATABASE", &database)),
    );
    let server = Process::start(&directory, name, command)?;
    let base = format!("http://127.0.0.1:{port}/engine-rest");
    let result = async {
        wait_for("the engine", Duration::from_secs(60), async || {
            let status = reqwest::get(format!("{base}/version")).await?.status();
            // One that asks who asks is up, too.
            Ok((status.is_success() || status == 401).then_some(()))
        })
        .await?;
        replay(base).await
    }
    .await;
    let result = result.map(drop).with_context(|| server.last_words());
    drop(server);
    std::fs::remove_dir_all(&directory)?;
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_one_node_alone_answers_as_the_reference() -> Result<()> {
    against("alone", &[&NODE[..], &QUIET].concat(), async |base| {
        replay_with_jobs(&scenarios(), &base, false).await
    })
    .await
}

/// The reference was recorded without a job executor but for these.
#[tokio::test(flavor = "multi_thread")]
async fn compat_jobs_that_run_by_themselves_go_as_on_the_reference() -> Result<()> {
    against("jobs", &NODE, async |base| {
        replay_with_jobs(&scenarios(), &base, true).await
    })
    .await?;
    against("three-jobs", &THREE, async |base| {
        replay_with_jobs(&scenarios(), &base, true).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_three_shards_behind_a_router_answer_as_the_reference() -> Result<()> {
    against("three", &THREE_QUIET, async |base| {
        replay_with_jobs(&scenarios(), &base, false).await
    })
    .await
}

/// What users did, and what the log says of it.
pub(super) fn of_users() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("users")
}

/// Who speaks in the scenarios that say so.
const USER: (&str, &str) = ("demo", "demo");

#[tokio::test(flavor = "multi_thread")]
async fn compat_one_node_alone_tells_what_users_do_as_the_reference() -> Result<()> {
    let password = std::env::temp_dir().join(format!("stellwerk-user-password-{}", std::process::id()));
    std::fs::write(&password, USER.1)?;
    let file = password.display().to_string();
    let admin = ["--admin-user", USER.0, "--admin-password-file", &file];
    let node = [&NODE[..], &QUIET, &["--auth", "basic"], &admin].concat();
    let replayed = against("users", &node, async |base| replay(&of_users(), &base).await).await;
    std::fs::remove_file(&password)?;
    replayed
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_three_shards_behind_a_router_tell_what_users_do_as_the_reference() -> Result<()> {
    let quiet = ["--job-executor-activate", "false"];
    let cluster = Cluster::start_with("users", 3, 1, 1, &quiet).await?;
    let base = cluster.routers[0].base();
    let user = json!({"profile": {"id": USER.0}, "credentials": {"password": USER.1}});
    let url = format!("{base}/user/create");
    let (status, answer) = cluster.call("POST", &url, Some(&user)).await?;
    ensure!(status == 204, "{status} {answer}");
    let replayed = replay(&of_users(), &base).await;
    replayed.map(drop).with_context(|| cluster.last_words())
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_recorded_cases_go_on_one_node_as_on_the_reference() -> Result<()> {
    let directory = cases();
    let pending = differential::pending(&directory)?;
    against("cases", &[&NODE[..], &QUIET].concat(), async |base| {
        differential::replay(&base, differential::read_all(&directory)?, &pending).await
    })
    .await
}

/// Every fourth: nothing of an instance outlasts a step but what was stored.
#[tokio::test(flavor = "multi_thread")]
async fn compat_recorded_cases_go_on_when_instances_are_reloaded_for_every_step() -> Result<()> {
    let node = [&NODE[..], &QUIET, &["--instance-cache", "0"]].concat();
    let directory = cases();
    let pending = differential::pending(&directory)?;
    let cases = differential::read_all(&directory)?;
    let sample = cases
        .into_iter()
        .skip(1)
        .step_by(4)
        .filter(|c| !pending.contains(&c.name))
        .collect();
    against("reloaded-cases", &node, async |base| {
        differential::replay(&base, sample, &pending).await
    })
    .await
}

/// What fails on one of several shards says which of them have done it, so it isn't the reference's error alone.
const FAILS_ON_ONE_SHARD: [&str; 1] = ["boundary 55"];

/// Every tenth.
#[tokio::test(flavor = "multi_thread")]
async fn compat_recorded_cases_go_on_three_shards_as_on_the_reference() -> Result<()> {
    let directory = cases();
    let pending = differential::pending(&directory)?;
    let cases = differential::read_all(&directory)?;
    let sample = cases
        .into_iter()
        .step_by(10)
        .filter(|c| !pending.contains(&c.name) && !FAILS_ON_ONE_SHARD.contains(&c.name.as_str()))
        .collect();
    against("three-cases", &THREE_QUIET, async |base| {
        differential::replay(&base, sample, &pending).await
    })
    .await
}
