//! What a node asks its database while there is nothing to do (S4-03): nothing, because it hears of changes. The looks
//! for news that were lost are put off here, so that each statement and each change that is noticed is news.
use crate::api::{Api, ORDER};
use engine_node::{
    Options,
    app::history::{LevelName, Told},
};
use serde_json::json;
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use testkit::postgres::Server;

const HOUR: Duration = Duration::from_secs(3_600);
/// The requirement's: at most one statement in that time.
const WINDOW: Duration = Duration::from_secs(5);

fn without_looks(options: &mut Options) {
    options.idle_look = HOUR;
    options.jobs.job_executor_wait_time_in_millis = Some(HOUR.as_millis() as u64);
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), met)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

fn statements(api: &Api) -> u64 {
    let stats = api.app.engine.store().stats();
    stats.statements.load(Ordering::Relaxed)
}

/// Waits until the node has made no statement for a whole window.
async fn rests(api: &Api) {
    let (mut seen, mut since) = (statements(api), Instant::now());
    let window = async {
        while since.elapsed() < WINDOW {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = statements(api);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), window)
        .await
        .expect("a node without work rests");
}

async fn server() -> Server {
    tokio::task::spawn_blocking(Server::start).await.unwrap().unwrap()
}

async fn on(url: &str, executor: bool) -> Api {
    Api::with(|options| {
        without_looks(options);
        options.unsafe_durability = true;
        options.database_url = Some(url.to_owned());
        options.job_executor_activate = executor;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_03_a_node_without_work_leaves_its_database_alone() {
    let server = server().await;
    let nodes = [
        on(&server.create("idle").unwrap(), true).await,
        Api::with(without_looks).await,
    ];
    for api in &nodes {
        api.deploy(ORDER).await;
        api.start("Order_Process", json!({})).await;
        rests(api).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_03_nodes_hear_of_settings_deployments_and_batches_without_looking() {
    let server = server().await;
    let url = server.create("hears").unwrap();
    let (a, b) = (on(&url, false).await, on(&url, true).await);
    rests(&b).await;

    let told = Told::level(LevelName::Activity);
    a.app.engine.set_history(told.clone()).await.unwrap();
    until("the other node takes the level over", async || {
        *b.app.engine.history() == told
    })
    .await;

    a.deploy(ORDER).await;
    until("the other node has the definition", async || {
        b.app.engine.catalog().view().all().count() == 1
    })
    .await;

    let id = a.start("Order_Process", json!({})).await;
    let body = json!({"processInstanceIds": [id], "deleteReason": "r"});
    let batch = a.json("POST", "/process-instance/delete", body).await;
    assert_eq!(batch.status, 200, "{}", batch.body);
    until("the other node works on the batch", async || {
        a.get("/process-instance/count").await == json!({"count": 0})
    })
    .await;
}
