//! More work than a node can do: bounded numbers wait, the rest is told at once to come again, and when the load is
//! gone everything is as before.
use crate::api::{Api, ORDER};
use http::Request;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use testkit::postgres::Server;

async fn server() -> Server {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    server.unwrap()
}

async fn node(url: &str, pool: u32) -> Api {
    Api::with(|options| {
        options.database_url = Some(url.to_owned());
        options.unsafe_durability = true;
        options.pool_size = pool;
        options.job_executor_activate = false;
        options.pool_acquire_timeout = Duration::from_secs(2);
        options.query_timeout = Duration::from_secs(4);
    })
    .await
}

/// Sends all at once: how many got each status. Every refusal says when to come again.
async fn at_once(
    api: &Arc<Api>,
    count: usize,
    what: impl Fn(usize) -> Request<axum::body::Body>,
) -> BTreeMap<u16, usize> {
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (api, request) = (api.clone(), what(number));
            tokio::spawn(async move { api.send(request).await })
        })
        .collect();
    let mut statuses = BTreeMap::new();
    for task in tasks {
        let reply = task.await.unwrap();
        if reply.status == 503 {
            assert!(reply.headers.contains_key("retry-after"));
        }
        *statuses.entry(reply.status).or_default() += 1;
    }
    statuses
}

fn request(number: usize) -> Request<axum::body::Body> {
    let request = match number % 4 {
        0 => Request::get("/process-instance?maxResults=10"),
        1 => Request::get("/external-task/count"),
        2 => Request::get("/history/process-instance/count"),
        _ => Request::post("/process-definition/key/Order_Process/start")
            .header("content-type", "application/json"),
    };
    let body = match number % 4 {
        3 => json!({"businessKey": format!("load-{number}")}).to_string(),
        _ => String::new(),
    };
    request.header("host", "front:8080").body(body.into()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_10_five_connections_serve_500_clients_and_refuse_what_can_not_wait() {
    let server = server().await;
    let url = server.create("pool").unwrap();
    let api = Arc::new(node(&url, 5).await);
    api.deploy(ORDER).await;
    // The database works: all wait their turn and none is refused.
    let served = at_once(&api, 500, request).await;
    assert_eq!(served, BTreeMap::from([(200, 500)]));

    // The database stands still: 512 lists may wait, the others are refused, and nothing is an error of ours.
    let mut blocker = testkit::postgres::Session::open(&server, "pool").unwrap();
    blocker
        .run("BEGIN; LOCK TABLE process_instance IN ACCESS EXCLUSIVE MODE;")
        .unwrap();
    let lists = |_| {
        let list = Request::get("/process-instance?maxResults=10").header("host", "front:8080");
        list.body(axum::body::Body::empty()).unwrap()
    };
    let statuses = at_once(&api, 700, lists).await;
    assert_eq!(statuses, BTreeMap::from([(503, 700)]));
    let refused: u64 = api.app.engine.store().stats().refused_by("lists");
    assert!(refused >= 700 - 512 - 5, "{refused} were refused");
    // Liveness doesn't hang on what clients wait for.
    api.app.engine.store().ping().await.unwrap();
    blocker.run("ROLLBACK;").unwrap();

    let served = at_once(&api, 500, request).await;
    assert_eq!(served, BTreeMap::from([(200, 500)]));
    for pool in api.app.engine.store().stats().pools() {
        assert_eq!((pool.in_use, pool.waiting), (0, 0), "{pool:?}");
    }
    let (_, registry) = engine_node::metrics::Metrics::new(&api.app.engine, "default", "node");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for series in [
        "stellwerk_node_pool_wait_seconds_bucket{le=\"0.0001\",pool=\"lists\"",
        "stellwerk_node_pool_size{",
        "stellwerk_node_pool_in_use{",
        "stellwerk_node_pool_idle{",
        "stellwerk_node_pool_waiting{",
        "stellwerk_node_commands_waiting{",
        "stellwerk_node_pool_refused_total{",
    ] {
        assert!(
            text.contains(series.split('{').next().unwrap()),
            "{series} is missing:\n{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_10_a_list_that_takes_too_long_is_503_and_says_why() {
    let server = server().await;
    let url = server.create("slow").unwrap();
    let api = Api::with(|options| {
        options.database_url = Some(url);
        options.unsafe_durability = true;
        options.query_timeout = Duration::from_millis(100);
    })
    .await;
    let mut blocker = testkit::postgres::Session::open(&server, "slow").unwrap();
    blocker
        .run("BEGIN; LOCK TABLE process_instance IN ACCESS EXCLUSIVE MODE;")
        .unwrap();
    let reply = api.call("GET", "/process-instance").await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let message = reply.body["message"].as_str().unwrap();
    assert!(message.contains("took longer than 0.1 s"), "{message}");
    blocker.run("ROLLBACK;").unwrap();
    api.get("/process-instance").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_35_a_node_under_load_has_at_most_ten_connections() {
    let server = Arc::new(server().await);
    let url = server.create("ten").unwrap();
    let api = Arc::new(
        Api::with(|options| {
            options.database_url = Some(url.clone());
            options.unsafe_durability = true;
        })
        .await,
    );
    api.deploy(ORDER).await;
    let looking = tokio::task::spawn_blocking({
        let server = server.clone();
        move || {
            let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'ten'";
            let counts = (0..20).map(|_| {
                server
                    .psql("postgres", count)
                    .unwrap()
                    .trim()
                    .parse::<u32>()
                    .unwrap()
            });
            counts.max().unwrap()
        }
    });
    while !looking.is_finished() {
        at_once(&api, 400, request).await;
    }
    let most = looking.await.unwrap();
    assert!((2..=10).contains(&most), "{most} connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_30_the_database_s_time_is_counted_by_kind_of_statement() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    for number in 0..200 {
        api.start("Order_Process", json!({"businessKey": format!("b{number}")}))
            .await;
        api.get(&format!("/process-instance?businessKey=b{number}")).await;
    }
    let (_, registry) = engine_node::metrics::Metrics::new(&api.app.engine, "default", "node");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let series = |name: &str| text.lines().filter(|l| l.starts_with(name)).collect::<Vec<_>>();
    let counts = series("stellwerk_node_statement_seconds_count");
    assert!(
        counts
            .iter()
            .any(|l| l.contains("verb=\"write\",table=\"batch\"")),
        "{counts:?}"
    );
    let lists = counts
        .iter()
        .find(|l| l.contains("verb=\"list\",table=\"process_instance\""));
    assert!(lists.is_some_and(|l| l.ends_with(" 200")), "{counts:?}");
    // As many series as kinds of statements, whatever is asked.
    assert!(counts.len() < 40, "{counts:?}");
}
