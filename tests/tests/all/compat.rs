//! What Camunda 7.24 answered, asked of one node alone and of three shards behind a router.
use anyhow::{Context, Result};
use std::{path::PathBuf, time::Duration};
use testkit::{
    compat::replay,
    process::{Process, free_port, stellwerk, wait_for},
};

fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("compat")
}

/// Starts a role of the binary in a directory of its own and replays every scenario against it.
async fn replay_against(name: &str, arguments: &[&str]) -> Result<()> {
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
            Ok(reqwest::get(format!("{base}/version"))
                .await?
                .status()
                .is_success()
                .then_some(()))
        })
        .await?;
        replay(&scenarios(), &base).await
    }
    .await;
    let result = result.map(drop).with_context(|| server.last_words());
    drop(server);
    std::fs::remove_dir_all(&directory)?;
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_one_node_alone_answers_as_the_reference() -> Result<()> {
    let node = [
        "engine-node",
        "--database-url",
        "DATABASE",
        "--listen",
        "127.0.0.1:PORT",
        "--admin-listen",
        "none",
    ];
    replay_against("alone", &node).await
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_three_shards_behind_a_router_answer_as_the_reference() -> Result<()> {
    replay_against(
        "three",
        &["dev", "--shards", "3", "--port", "PORT", "--no-sample"],
    )
    .await
}
