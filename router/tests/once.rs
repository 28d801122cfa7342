//! Commands over several shards that are repeated with their `Idempotency-Key`.
mod support;

use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use support::*;
use topology::Slot;

/// What the slot of a key keeps, as nodes do it.
#[derive(Default)]
struct Kept {
    digest: Option<String>,
    targets: Option<Value>,
    answer: Option<Value>,
}

type Slots = Arc<Mutex<Kept>>;

fn keep(kept: &Slots, seen: &Seen) -> Act {
    let mut kept = kept.lock().unwrap();
    let digest = seen.header("x-stellwerk-digest").to_owned();
    if kept.digest.get_or_insert(digest.clone()) != &digest {
        return status(
            422,
            json!({"type": "IdempotencyKeyException", "message": "reused", "code": null}),
        );
    }
    if seen.method == "PUT" {
        kept.answer = Some(seen.json());
        return no_content();
    }
    if let Some(answer) = &kept.answer {
        return ok(json!({ "answer": answer }));
    }
    if let (None, targets @ Value::Object(_)) = (&kept.targets, seen.json()["targets"].clone()) {
        kept.targets = Some(targets);
    }
    ok(kept
        .targets
        .as_ref()
        .map_or(json!({}), |targets| json!({ "targets": targets })))
}

fn sent(node: &FakeNode, path: &str) -> Vec<Seen> {
    node.seen().into_iter().filter(|seen| seen.path == path).collect()
}

const KEY: [(&str, &str); 1] = [("idempotency-key", "k")];

#[tokio::test]
async fn a_signal_whose_first_try_broke_off_goes_to_the_same_slots_and_then_is_only_answered() {
    let (kept, broken) = (Slots::default(), Arc::new(AtomicBool::new(true)));
    let node = |breaks: bool| {
        let (kept, broken) = (kept.clone(), broken.clone());
        FakeNode::start(move |seen: Seen| {
            let act = match seen.path.as_str() {
                "/internal/once" => keep(&kept, &seen),
                _ if breaks && broken.load(Ordering::SeqCst) => Act::Die,
                _ => no_content(),
            };
            async move { act }
        })
    };
    let (a, b) = (node(false).await, node(true).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let signal = |body: &'static str| cluster.send("POST", "/signal", &KEY, body);
    let first = signal(r#"{"name":"s"}"#).await;
    assert_eq!(first.status, 503, "{first:?}");
    broken.store(false, Ordering::SeqCst);
    eventually("the router sees the node again", || {
        cluster.readiness.check().is_ok()
    })
    .await;
    let mut second = signal(r#"{"name":"s"}"#).await;
    while second.status == 503 && sent(&b, "/engine-rest/signal").len() < 2 {
        second = signal(r#"{"name":"s"}"#).await;
    }
    assert_eq!(second.status, 204, "{second:?}");
    let parts: Vec<Seen> = [sent(&a, "/engine-rest/signal"), sent(&b, "/engine-rest/signal")].concat();
    let slots = |shard: &FakeNode| {
        let slots = sent(shard, "/engine-rest/signal");
        slots
            .iter()
            .map(|seen| seen.header("x-stellwerk-slot").parse::<u16>().unwrap())
            .collect::<Vec<_>>()
    };
    for (shard, first) in [(&a, true), (&b, false)] {
        let slots = slots(shard);
        assert!(
            slots.len() > 1 && slots.windows(2).all(|pair| pair[0] == pair[1]),
            "{slots:?}"
        );
        assert_eq!(slots[0] < 8_192, first);
    }
    assert!(parts.iter().all(|seen| seen.header("idempotency-key") == "k"));
    assert!(
        parts
            .windows(2)
            .all(|two| two[0].header("x-stellwerk-digest") == two[1].header("x-stellwerk-digest"))
    );
    let before = parts.len();
    assert_eq!(signal(r#"{"name":"s"}"#).await.status, 204);
    assert_eq!(
        sent(&a, "/engine-rest/signal").len() + sent(&b, "/engine-rest/signal").len(),
        before
    );
    let other = signal(r#"{"name":"other"}"#).await;
    assert_eq!(
        (other.status, other.json()["type"].as_str()),
        (422, Some("IdempotencyKeyException"))
    );
    let asked = [sent(&a, "/internal/once"), sent(&b, "/internal/once")].concat();
    let home = Slot::of_key("k").number().to_string();
    assert!(asked.iter().all(|seen| seen.header("x-stellwerk-slot") == home));
}

#[tokio::test]
async fn a_repeated_correlation_delivers_to_whom_the_first_try_chose() {
    let (kept, broken) = (Slots::default(), Arc::new(AtomicBool::new(true)));
    let row = json!({"resultType": "Execution"});
    let node = |index: usize| {
        let (kept, broken, row) = (kept.clone(), broken.clone(), row.clone());
        FakeNode::start(move |seen: Seen| {
            let first_try = broken.load(Ordering::SeqCst);
            let act = match seen.path.as_str() {
                "/internal/once" => keep(&kept, &seen),
                "/internal/correlate/probe" => {
                    // After the first try somebody else waits, elsewhere.
                    let found: Vec<Value> = match (index, first_try) {
                        (0, true) => vec![json!({"subscription": id_in(FIRST, 1)})],
                        (1, false) => vec![json!({"subscription": id_in(SECOND, 2)})],
                        _ => vec![],
                    };
                    ok(json!({"executions": found, "starts": []}))
                        .with("x-stellwerk-coverage", coverage(index, 2))
                }
                _ if first_try => status(503, json!({})),
                _ => ok(row.clone()),
            };
            async move { act }
        })
    };
    let (a, b) = (node(0).await, node(1).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let body = r#"{"messageName":"m","resultEnabled":true}"#;
    assert_eq!(cluster.send("POST", "/message", &KEY, body).await.status, 503);
    broken.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        let got = cluster.send("POST", "/message", &KEY, body).await;
        assert_eq!((got.status, got.json()), (200, json!([row])));
    }
    let delivered = sent(&a, "/internal/correlate/deliver");
    assert!(
        delivered
            .iter()
            .all(|seen| seen.json()["subscription"] == id_in(FIRST, 1))
    );
    assert_eq!(delivered.last().unwrap().header("idempotency-key"), "k");
    assert!(sent(&b, "/internal/correlate/deliver").is_empty());
    assert_eq!(sent(&a, "/internal/correlate/probe").len(), 1);
}

#[tokio::test]
async fn a_repeated_fetch_gives_the_tasks_of_the_first() {
    let kept = Slots::default();
    let node = |n: u64| {
        let kept = kept.clone();
        FakeNode::start(move |seen: Seen| {
            let act = match seen.path.as_str() {
                "/internal/once" => keep(&kept, &seen),
                "/engine-rest/external-task/fetchAndLock" => {
                    ok(json!([{"id": id_in(FIRST, n), "_lockRevision": 1}]))
                }
                _ => no_content(),
            };
            async move { act }
        })
    };
    let (a, b) = (node(1).await, node(2).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let body = r#"{"workerId":"w","maxTasks":2,"topics":[{"topicName":"t","lockDuration":1000}]}"#;
    let fetch = || cluster.send("POST", "/external-task/fetchAndLock", &KEY, body);
    let first = fetch().await;
    assert_eq!(first.json().as_array().unwrap().len(), 2);
    assert_eq!(fetch().await.json(), first.json());
    let parts = [
        sent(&a, "/engine-rest/external-task/fetchAndLock"),
        sent(&b, "/engine-rest/external-task/fetchAndLock"),
    ]
    .concat();
    assert_eq!(parts.len(), 2);
    assert!(parts.iter().all(|seen| seen.header("idempotency-key").is_empty()));
    // What the record tells of stays locked.
    assert!(sent(&a, "/internal/external-task/unlock").is_empty());
}
