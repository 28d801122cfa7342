//! The job executor of one node, and of two on one database.
use crate::api::Api;
use engine_node::{app::executor::Counters, internal, job_options::JobOptions};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use testkit::postgres::Server;
use tower::ServiceExt;

/// Three continuations in a row, then the end.
const CHAIN: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <process id="Chain" isExecutable="true" camunda:historyTimeToLive="5">
    <startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="a"/>
    <task id="a" camunda:asyncBefore="true"/><sequenceFlow id="f1" sourceRef="a" targetRef="b"/>
    <task id="b" camunda:asyncBefore="true"/><sequenceFlow id="f2" sourceRef="b" targetRef="c"/>
    <task id="c" camunda:asyncBefore="true"/><sequenceFlow id="f3" sourceRef="c" targetRef="end"/>
    <endEvent id="end"/>
  </process></definitions>"#;

/// Five branches at once.
const FORK: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <process id="Fork" isExecutable="true" camunda:historyTimeToLive="5">
    <startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="fork"/><parallelGateway id="fork"/>
    <sequenceFlow id="f1" sourceRef="fork" targetRef="t1"/><task id="t1" camunda:asyncBefore="true"/>
    <sequenceFlow id="f2" sourceRef="fork" targetRef="t2"/><task id="t2" camunda:asyncBefore="true"/>
    <sequenceFlow id="f3" sourceRef="fork" targetRef="t3"/><task id="t3" camunda:asyncBefore="true"/>
    <sequenceFlow id="f4" sourceRef="fork" targetRef="t4"/><task id="t4" camunda:asyncBefore="true"/>
    <sequenceFlow id="f5" sourceRef="fork" targetRef="t5"/><task id="t5" camunda:asyncBefore="true"/>
  </process></definitions>"#;

fn counters(api: &Api) -> &Counters {
    &api.app.engine.executor().counters
}

fn count(number: &AtomicU64) -> u64 {
    number.load(Relaxed)
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

/// No instance runs any more.
async fn all_ended(api: &Api) {
    until("all instances end", async || {
        api.get("/process-instance/count").await == json!({"count": 0})
    })
    .await;
}

/// What an operator asks the node itself.
async fn internal(api: &Api, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .body(axum::body::Body::from(body.to_string()))
        .unwrap();
    let answer = internal::routes()
        .with_state(api.app.clone())
        .oneshot(request)
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let bytes = http_body_util::BodyExt::collect(answer.into_body())
        .await
        .unwrap()
        .to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn s2_20_continuations_run_at_once_without_an_acquisition() {
    let api = Api::running().await;
    api.deploy(CHAIN).await;
    api.deploy(FORK).await;
    until("the first acquisition", async || count(&counters(&api).looks) > 0).await;
    let (acquisitions, looks) = (count(&counters(&api).acquisitions), count(&counters(&api).looks));
    for _ in 0..10 {
        api.start("Chain", json!({})).await;
        api.start("Fork", json!({})).await;
    }
    all_ended(&api).await;
    until("all are counted", async || count(&counters(&api).executed) == 80).await;
    let c = counters(&api);
    assert_eq!(
        (count(&c.claimed), count(&c.acquired), count(&c.rejected)),
        (80, 0, 0)
    );
    // S2-22: no statement asked for jobs meanwhile, and none was asked what is due, but for the longest wait's.
    assert_eq!(count(&c.acquisitions), acquisitions);
    assert!(count(&c.looks) <= looks + 1, "{} {looks}", count(&c.looks));
    let status = api.app.engine.executor().status();
    assert_eq!((status.running, status.queued), (0, 0));
}

#[tokio::test]
async fn s1_26_the_executor_is_switched_and_shows_its_settings() {
    let api = Api::with(|options| {
        options.job_executor_activate = false;
        options.jobs.job_executor_profile = engine_node::app::executor::settings::Profile::Compat;
    })
    .await;
    api.deploy(CHAIN).await;
    api.start("Chain", json!({})).await;
    let (status, shown) = internal(&api, "GET", "/executor", Value::Null).await;
    let settings = json!({
        "coreThreads": 3, "maxThreads": 5, "queueLength": 10, "maxJobsPerAcquisition": 3,
        "lockTimeInMillis": 300_000, "waitTimeInMillis": 5_000,
    });
    assert_eq!(
        (status, &shown["active"], &shown["settings"]),
        (200, &json!(false), &settings)
    );
    let (_, jobs) = internal(&api, "GET", "/jobs", Value::Null).await;
    assert_eq!((&jobs["owners"], &jobs["dueUnlocked"]), (&json!([]), &json!(1)));
    assert_eq!(count(&counters(&api).executed), 0);
    // On, changed while it runs, and off again.
    let changed = json!({"active": true, "settings": {"maxPoolSize": 50, "waitTimeInMillis": 100}});
    let (status, shown) = internal(&api, "POST", "/executor", changed).await;
    assert_eq!(
        (status, &shown["active"], &shown["settings"]["maxThreads"]),
        (200, &json!(true), &json!(50))
    );
    all_ended(&api).await;
    until("all are counted", async || count(&counters(&api).executed) == 3).await;
    assert_eq!(
        internal(&api, "POST", "/executor", json!({"active": false}))
            .await
            .0,
        200
    );
    api.start("Chain", json!({})).await;
    let jobs = api.get("/job").await;
    assert_eq!(jobs.as_array().unwrap().len(), 1);
    assert_eq!(count(&counters(&api).executed), 3);
    for wrong in [json!({"settings": {"threads": 1}}), json!({"aktive": true})] {
        assert_eq!(internal(&api, "POST", "/executor", wrong).await.0, 400);
    }
    assert_eq!(
        internal(&api, "POST", "/executor", json!({"active": true}))
            .await
            .0,
        200
    );
    all_ended(&api).await;
}

/// Two nodes on a PostgreSQL database of their own; the first has deployed the models.
async fn two(
    first: impl FnOnce(&mut JobOptions) -> bool,
    second: impl FnOnce(&mut JobOptions) -> bool,
) -> (Server, String, Api, Api) {
    let server = tokio::task::spawn_blocking(|| Server::start().unwrap())
        .await
        .unwrap();
    let url = server.create("two").unwrap();
    let a = Api::with(|options| {
        options.unsafe_durability = true;
        options.database_url = Some(url.clone());
        options.job_executor_activate = first(&mut options.jobs);
    })
    .await;
    a.deploy(CHAIN).await;
    let b = Api::with(|options| {
        options.unsafe_durability = true;
        options.database_url = Some(url.clone());
        options.job_executor_activate = second(&mut options.jobs);
    })
    .await;
    (server, url, a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_11_a_node_hears_of_anothers_jobs_without_looking() {
    let minute = |jobs: &mut JobOptions| jobs.job_executor_wait_time_in_millis = Some(60_000);
    let (_server, _, a, b) = two(
        |jobs| {
            minute(jobs);
            false
        },
        |jobs| {
            minute(jobs);
            true
        },
    )
    .await;
    // The other node listens, and sleeps for a minute.
    until("the second node has looked", async || {
        count(&counters(&b).looks) >= 1
    })
    .await;
    let looks = count(&counters(&b).looks);
    for n in 1..=3 {
        a.start("Chain", json!({})).await;
        until("the other node runs them", async || {
            count(&counters(&b).executed) == 3 * n
        })
        .await;
    }
    all_ended(&a).await;
    let c = counters(&b);
    // One acquisition for what the other wrote; what follows is written here. After it one look at what comes next.
    assert_eq!((count(&c.acquired), count(&c.claimed)), (3, 6));
    assert!(count(&c.looks) <= looks + 6, "{} {looks}", count(&c.looks));
    assert_eq!(count(&counters(&a).executed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_13_a_lock_is_renewed_while_its_job_runs() {
    let brief = |jobs: &mut JobOptions| {
        jobs.job_executor_lock_time_in_millis = Some(3_000);
        jobs.job_executor_wait_time_in_millis = Some(100);
        false
    };
    let (_server, url, a, b) = two(brief, brief).await;
    a.start("Chain", json!({})).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut held = connection.begin().await.unwrap();
    // The job can't end while somebody holds its instance.
    sqlx::query("SELECT 1 FROM process_instance FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    a.app.engine.set_executor_active(true).await.unwrap();
    until("the job runs", async || {
        a.app.engine.executor().status().running == 1
    })
    .await;
    b.app.engine.set_executor_active(true).await.unwrap();
    until("its lock is renewed again and again", async || {
        count(&counters(&a).renewed) >= 2
    })
    .await;
    let (of_a, of_b) = (counters(&a), counters(&b));
    assert_eq!(count(&of_b.acquired), 0, "{of_a:?}\n{of_b:?}");
    held.rollback().await.unwrap();
    all_ended(&a).await;
    until("all are counted", async || {
        count(&counters(&a).executed) + count(&counters(&b).executed) == 3
    })
    .await;
    // The continuation was written with a lock that had ended when its commit got through: either node took it.
    assert_eq!(count(&counters(&a).put_back) + count(&counters(&b).put_back), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_14_jobs_of_a_node_that_is_gone_are_taken_over() {
    let patient = |jobs: &mut JobOptions| {
        // Only the end of the lock wakes it.
        jobs.job_executor_wait_time_in_millis = Some(60_000);
        false
    };
    let (_server, _, a, b) = two(patient, patient).await;
    for _ in 0..5 {
        a.start("Chain", json!({})).await;
    }
    // A node takes them and is never heard of again.
    let taken = a
        .app
        .engine
        .store()
        .acquire_jobs("gone", 50, 0, 1_500)
        .await
        .unwrap();
    assert_eq!(taken.jobs.len(), 5);
    b.app.engine.set_executor_active(true).await.unwrap();
    all_ended(&b).await;
    until("all are counted", async || count(&counters(&b).executed) == 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_24_two_nodes_share_a_backlog_and_hardly_meet() {
    let (_server, _, a, b) = two(|_| false, |_| false).await;
    for _ in 0..15 {
        futures_util::future::join_all((0..100).map(|_| a.start("Chain", json!({})))).await;
    }
    for node in [&a, &b] {
        node.app.engine.set_executor_active(true).await.unwrap();
    }
    all_ended(&a).await;
    let sum = |number: fn(&Counters) -> &AtomicU64| count(number(counters(&a))) + count(number(counters(&b)));
    until("all are counted", async || sum(|c| &c.executed) == 4_500).await;
    assert_eq!(sum(|c| &c.failed) + sum(|c| &c.put_back) + sum(|c| &c.stale), 0);
    let (acquired, missed) = (sum(|c| &c.acquired), sum(|c| &c.missed));
    assert!(missed * 100 <= acquired, "{missed} of {acquired}");
    for node in [&a, &b] {
        assert!(count(&counters(node).executed) > 450);
    }
}

/// A continuation, then a timer that was due long ago.
const ASLEEP: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <process id="Asleep" isExecutable="true" camunda:historyTimeToLive="5">
    <startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="work"/>
    <serviceTask id="work" camunda:asyncBefore="true" camunda:expression="${n + 1}" camunda:resultVariable="n"/>
    <sequenceFlow id="f1" sourceRef="work" targetRef="wait"/>
    <intermediateCatchEvent id="wait"><timerEventDefinition>
      <timeDate>2020-01-01T00:00:00</timeDate></timerEventDefinition></intermediateCatchEvent>
    <sequenceFlow id="f2" sourceRef="wait" targetRef="end"/><endEvent id="end"/>
  </process></definitions>"#;

/// The last node of a shard went with work left; the one that an inbound call starts does it at once, and once.
#[tokio::test(flavor = "multi_thread")]
async fn s4_02_a_node_that_wakes_up_does_what_was_due_meanwhile() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap().unwrap();
    let url = server.create("asleep").unwrap();
    let on = |executor: bool| {
        let url = url.clone();
        Api::with(move |options| {
            options.database_url = Some(url);
            options.unsafe_durability = true;
            options.job_executor_activate = executor;
        })
    };
    let before = on(false).await;
    before.deploy(ASLEEP).await;
    for _ in 0..20 {
        let variables = json!({"n": {"value": 0, "type": "Integer"}});
        before.start("Asleep", json!({"variables": variables})).await;
    }
    // Some are waiting at their timer already, and one has failed and waits for its next try.
    let jobs = before.get("/job?maxResults=6").await;
    for job in jobs.as_array().unwrap() {
        let id = job["id"].as_str().unwrap();
        before
            .done("POST", &format!("/job/{id}/execute"), Value::Null)
            .await;
    }
    let failed = before.get("/job?messages=true&maxResults=1").await[0]["id"].clone();
    let (id, due) = (
        failed.as_str().unwrap(),
        json!({"duedate": "2020-01-01T00:00:00.000+0000"}),
    );
    before
        .done("PUT", &format!("/job/{id}/retries"), json!({"retries": 1}))
        .await;
    before.done("PUT", &format!("/job/{id}/duedate"), due).await;
    drop(before);

    let awake = on(true).await;
    all_ended(&awake).await;
    let runs = awake.get("/history/job-log/count?successLog=true").await;
    assert_eq!(runs, json!({"count": 40}));
    let once = awake.get("/history/variable-instance?variableName=n").await;
    let values: Vec<&Value> = once.as_array().unwrap().iter().map(|row| &row["value"]).collect();
    assert_eq!(values, vec![&json!(1); 20]);
}
