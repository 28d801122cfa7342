//! A database that breaks under a node: what clients see is success, or 503 with `Retry-After`; nothing acknowledged
//! is lost, nothing happens twice, no job loses a try, and the node finds back by itself.
use crate::api::Api;
use axum::body::Body;
use engine_node::options::Options;
use http::Request;
use serde_json::{Value, json};
use service::Shutdown;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::{
    postgres::Server,
    proxy::{Lose, Proxy},
};
use tokio::net::TcpListener;

/// Start, then a job, then the end.
const JOB: &str = r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="http://faults">
  <bpmn:process id="faults" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="start"/>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="later"/>
    <bpmn:serviceTask id="later" camunda:asyncBefore="true" camunda:expression="${1}"/>
    <bpmn:sequenceFlow id="f2" sourceRef="later" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process></bpmn:definitions>"#;

async fn server() -> Server {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    server.unwrap()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A node whose executor runs, on that database.
async fn node(url: &str) -> Api {
    Api::with(|options| {
        options.database_url = Some(url.to_owned());
        options.unsafe_durability = true;
        options.jobs.job_executor_wait_time_in_millis = Some(200);
        options.jobs.job_executor_lock_time_in_millis = Some(3_000);
    })
    .await
}

/// A start of the process with that business key.
fn start(key: &str) -> Request<Body> {
    Request::post("/process-definition/key/faults/start")
        .header("host", "front:8080")
        .header("content-type", "application/json")
        .body(Body::from(json!({"businessKey": key}).to_string()))
        .unwrap()
}

/// What clients got: instances by their business key, and how many answers of each other status.
#[derive(Default)]
struct Seen {
    started: BTreeMap<String, String>,
    refused: BTreeMap<u16, usize>,
}

/// Clients that start instances, and look at each, until told to stop.
fn load(api: &Arc<Api>, clients: usize, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<Seen>> {
    let client = |client: usize| {
        let (api, stop) = (api.clone(), stop.clone());
        async move {
            let mut seen = Seen::default();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("{client}-{number}");
                let reply = api.send(start(&key)).await;
                if reply.status == 200 {
                    let id = reply.body["id"].as_str().unwrap().to_owned();
                    seen.started.insert(key, id);
                    continue;
                }
                assert_eq!(reply.status, 503, "{}", reply.body);
                assert!(reply.headers.contains_key("retry-after"));
                let text = reply.body.to_string();
                assert!(!text.contains("sql") && !text.contains("persistence"), "{text}");
                *seen.refused.entry(reply.status).or_default() += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            seen
        }
    };
    (0..clients).map(|n| tokio::spawn(client(n))).collect()
}

/// Waits until starts succeed again; how long that took.
async fn until_served(api: &Api) -> Duration {
    let began = std::time::Instant::now();
    static PROBES: AtomicUsize = AtomicUsize::new(0);
    let served = async {
        loop {
            let number = PROBES.fetch_add(1, Ordering::Relaxed);
            if api.send(start(&format!("probe-{number}"))).await.status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), served)
        .await
        .expect("starts succeed again");
    began.elapsed()
}

/// Everything acknowledged is there once, under its id; it ends, and no job has lost a try or become an incident.
async fn nothing_is_lost(api: &Api, clients: Vec<tokio::task::JoinHandle<Seen>>) -> usize {
    let mut acknowledged = BTreeMap::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap().started);
    }
    assert!(!acknowledged.is_empty());
    let rows = api
        .get("/history/process-instance?processDefinitionKey=faults")
        .await;
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        let key = row["businessKey"].as_str().unwrap();
        found.entry(key).or_default().push(row["id"].as_str().unwrap());
    }
    for (key, id) in &acknowledged {
        assert_eq!(found.get(key.as_str()), Some(&vec![id.as_str()]), "{key}");
    }
    // What wasn't acknowledged may be there, but once: no command was repeated that had happened.
    let twice: Vec<_> = found.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    for job in api.get("/job").await.as_array().unwrap() {
        assert_eq!(job["retries"], 3, "{job}");
        assert_eq!(job["exceptionMessage"], Value::Null, "{job}");
    }
    api.until("/process-instance/count", |body| body["count"] == 0)
        .await;
    assert_eq!(api.get("/incident/count").await["count"], 0);
    acknowledged.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_26_a_database_that_restarts_under_load_costs_no_instance_and_no_try() {
    let server = Arc::new(server().await);
    let url = server.create("restart").unwrap();
    let api = Arc::new(node(&url).await);
    api.deploy(JOB).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(&api, 64, &stop);
    for _ in 0..2 {
        until_served(&api).await;
        let server = server.clone();
        blocking(move || {
            server.crash().unwrap();
            server.start_again().unwrap();
        })
        .await;
        let took = until_served(&api).await;
        println!("served again after {took:?}");
    }
    stop.store(true, Ordering::Relaxed);
    nothing_is_lost(&api, clients).await;
}

/// A server with the empty database `flip`, and its replica.
async fn primary_and_replica() -> (Arc<Server>, Arc<Server>) {
    blocking(|| {
        let first = Server::durable().unwrap();
        first.psql("postgres", "CREATE DATABASE flip").unwrap();
        let second = first.replica().unwrap();
        (Arc::new(first), Arc::new(second))
    })
    .await
}

/// The primary dies, the replica takes over and waits for nobody.
async fn fail_over(first: &Arc<Server>, second: &Arc<Server>) {
    blocking({
        let (first, second) = (first.clone(), second.clone());
        move || {
            first.crash().unwrap();
            second.promote().unwrap();
            second
                .psql(
                    "postgres",
                    "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf();",
                )
                .unwrap();
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_28_nodes_move_to_the_promoted_replica_and_lose_nothing() {
    let (first, second) = primary_and_replica().await;
    // The replica stands first in the address: it takes no writes, so it isn't taken.
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/flip?target_session_attrs=read-write",
        second.port(),
        first.port()
    );
    let api = Arc::new(node(&url).await);
    api.deploy(JOB).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(&api, 64, &stop);
    until_served(&api).await;
    fail_over(&first, &second).await;
    let took = until_served(&api).await;
    println!("served again after {took:?}");
    stop.store(true, Ordering::Relaxed);
    nothing_is_lost(&api, clients).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_28_a_virtual_address_that_flips_to_a_replica_gets_no_stale_answers() {
    let (first, second) = primary_and_replica().await;
    let proxy = Proxy::to(first.port()).await.unwrap();
    let api = Arc::new(node(&format!("postgres://postgres@127.0.0.1:{}/flip", proxy.port())).await);
    api.deploy(JOB).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(&api, 16, &stop);
    until_served(&api).await;
    // The address points to the replica before that is promoted.
    proxy.point_to(second.port());
    let reply = api.call("GET", "/process-definition/count").await;
    assert!(matches!(reply.status, 200 | 503), "{}", reply.body);
    fail_over(&first, &second).await;
    let took = until_served(&api).await;
    println!("served again after {took:?}");
    stop.store(true, Ordering::Relaxed);
    nothing_is_lost(&api, clients).await;
}

/// After a power cut node and database start at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_before_its_database_waits_for_it() {
    let server = Arc::new(server().await);
    let url = server.create("late").unwrap();
    server.crash().unwrap();
    let impatient = Options {
        database_wait: Duration::ZERO,
        ..Options::on_database(&url)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = Shutdown::new(Duration::from_secs(1));
    let refused = engine_node::start(impatient, listener, None, shutdown)
        .await
        .err();
    assert!(format!("{:#}", refused.unwrap()).contains("the database can't be reached"));

    let database = {
        let server = server.clone();
        tokio::task::spawn_blocking(move || server.start_again())
    };
    let api = node(&url).await;
    api.deploy(JOB).await;
    until_served(&api).await;
    database.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_25_a_start_whose_commit_answer_was_lost_is_answered_and_exists_once() {
    let server = server().await;
    server.create("lost").unwrap();
    let proxy = Proxy::to(server.port()).await.unwrap();
    let api = node(&format!("postgres://postgres@127.0.0.1:{}/lost", proxy.port())).await;
    api.deploy(JOB).await;
    for (number, when) in [Lose::AfterAnswer, Lose::AtOnce, Lose::AfterAnswer, Lose::AtOnce]
        .into_iter()
        .enumerate()
    {
        let key = format!("lost-answer-{number}");
        proxy.lose_answer(&key, when);
        let reply = api.send(start(&key)).await;
        assert_eq!(reply.status, 200, "{when:?}: {}", reply.body);
        assert_eq!(proxy.lost(), number + 1);
        let path = format!("/history/process-instance?processInstanceBusinessKey={key}");
        let found = api.get(&path).await;
        assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
        assert_eq!(found[0]["id"], reply.body["id"]);
    }
    api.until("/process-instance/count", |body| body["count"] == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_25_backends_that_die_under_load_are_replaced_unseen() {
    let server = Arc::new(server().await);
    let url = server.create("dying").unwrap();
    let api = Arc::new(node(&url).await);
    api.deploy(JOB).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(&api, 32, &stop);
    blocking({
        let server = server.clone();
        move || {
            for _ in 0..20 {
                let one = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dying' \
                           ORDER BY random() LIMIT 2";
                server.psql("postgres", one).unwrap();
            }
        }
    })
    .await;
    until_served(&api).await;
    stop.store(true, Ordering::Relaxed);
    nothing_is_lost(&api, clients).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_11_dead_connections_are_replaced_without_a_failed_request() {
    let server = server().await;
    server.create("idle").unwrap();
    let proxy = Proxy::to(server.port()).await.unwrap();
    let api = node(&format!("postgres://postgres@127.0.0.1:{}/idle", proxy.port())).await;
    api.deploy(JOB).await;
    for number in 0..5 {
        proxy.cut();
        let reply = api.send(start(&format!("idle-{number}"))).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        proxy.cut();
        for path in [
            "/job/count",
            "/process-instance/count",
            "/history/process-instance",
        ] {
            api.get(path).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_25_a_server_that_takes_no_writes_is_503_until_it_does_again() {
    let server = server().await;
    let url = server.create("readonly").unwrap();
    let api = node(&url).await;
    api.deploy(JOB).await;
    server
        .psql(
            "postgres",
            "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();",
        )
        .unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(30), async {
        for number in 0.. {
            let reply = api.send(start(&format!("readonly-{number}"))).await;
            if reply.status != 200 {
                return reply;
            }
        }
        unreachable!()
    });
    let reply = refused.await.expect("the setting arrives");
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(reply.headers.contains_key("retry-after"));
    let over = "SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only;";
    for command in over.split_inclusive(';') {
        let all = format!("SET default_transaction_read_only = off; {command}");
        server.psql("postgres", &all).unwrap();
    }
    server.psql("postgres", "SELECT pg_reload_conf();").unwrap();
    until_served(&api).await;
    api.until("/process-instance/count", |body| body["count"] == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_25_a_server_without_free_connections_slows_a_node_and_fails_nothing_else() {
    let server = server().await;
    server.create("few").unwrap();
    server
        .psql(
            "few",
            "CREATE ROLE app LOGIN; ALTER DATABASE few OWNER TO app; ALTER SCHEMA public OWNER TO app; \
             ALTER ROLE app CONNECTION LIMIT 4;",
        )
        .unwrap();
    let api = Arc::new(node(&format!("postgres://app@127.0.0.1:{}/few", server.port())).await);
    api.deploy(JOB).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(&api, 16, &stop);
    for _ in 0..3 {
        let reply = api.call("GET", "/history/process-instance/count").await;
        assert!(matches!(reply.status, 200 | 503), "{}", reply.body);
    }
    server
        .psql("postgres", "ALTER ROLE app CONNECTION LIMIT -1;")
        .unwrap();
    until_served(&api).await;
    stop.store(true, Ordering::Relaxed);
    nothing_is_lost(&api, clients).await;
}

/// One bad request among many that share its transaction: a value that no column holds.
#[tokio::test(flavor = "multi_thread")]
async fn s0_25_one_bad_row_among_255_strangers_fails_alone() {
    let server = server().await;
    let url = server.create("bad").unwrap();
    let api = Arc::new(node(&url).await);
    api.deploy(JOB).await;
    let tasks: Vec<_> = (0..256)
        .map(|number| {
            let api = api.clone();
            // Too long for an index entry and not to be compressed; or NUL, which no text holds.
            let key = match number {
                77 => (0..9_000)
                    .map(|_| char::from(rand::random_range(b'a'..=b'z')))
                    .collect(),
                177 => "a\0b".to_owned(),
                n => format!("stranger-{n}"),
            };
            tokio::spawn(async move { (number, api.send(start(&key)).await) })
        })
        .collect();
    for task in tasks {
        let (number, reply) = task.await.unwrap();
        let expected = if number == 77 || number == 177 { 400 } else { 200 };
        assert_eq!(reply.status, expected, "{number}: {}", reply.body);
    }
    let count = api.get("/history/process-instance/count").await;
    assert_eq!(count["count"], 254);
}
