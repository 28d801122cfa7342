//! Requests with an `Idempotency-Key` whose part foreign shards have: done once, and remembered by our own shards.
mod support;

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};
use support::*;

const THEIRS: &str = "5b28a61c-afea-11ea-a71f-0200170287af";
const START: &str = "/process-definition/key/Order/start";
const KEY: [(&str, &str); 1] = [("idempotency-key", "k")];

/// What is kept under the name of each record: digest, targets, answer.
type Kept = Arc<Mutex<HashMap<String, (String, Value, Value)>>>;

/// A shard of ours that keeps records as nodes do.
async fn native(kept: &Kept) -> FakeNode {
    let kept = kept.clone();
    FakeNode::start(move |seen: Seen| {
        let act = match seen.path.as_str() {
            "/internal/once" => keep(&kept, &seen),
            "/internal/correlate/probe" => {
                let waits = json!([{"subscription": id_in(FIRST, 1)}]);
                let found = if seen.json()["messageName"] == "ours" {
                    waits
                } else {
                    json!([])
                };
                ok(json!({"executions": found, "starts": []}))
                    .with("x-stellwerk-coverage", topology::Coverage::whole())
            }
            path if path.ends_with("/start") => started(),
            _ => no_content(),
        };
        async move { act }
    })
    .await
}

fn keep(kept: &Kept, seen: &Seen) -> Act {
    let mut kept = kept.lock().unwrap();
    let digest = seen.header("x-stellwerk-digest").to_owned();
    let name = seen.header("idempotency-key").to_owned();
    let (known, targets, answer) = kept
        .entry(name)
        .or_insert((digest.clone(), Value::Null, Value::Null));
    if *known != digest {
        return status(
            422,
            json!({"type": "IdempotencyKeyException", "message": "reused", "code": null}),
        );
    }
    let body = seen.json();
    match seen.method.as_str() {
        "PUT" => {
            *answer = body;
            return no_content();
        }
        _ if !answer.is_null() => return ok(json!({ "answer": answer })),
        _ if targets.is_null() => *targets = body["targets"].clone(),
        _ => {}
    }
    ok(match targets.is_null() {
        true => json!({}),
        false => json!({ "targets": targets }),
    })
}

/// A foreign server that answers what changes something with this status, or (0) breaks off. Its instance is gone once
/// something has been done to it.
async fn camunda(answers: &Arc<AtomicU16>) -> FakeNode {
    let (answers, done) = (answers.clone(), Arc::new(AtomicU16::new(0)));
    FakeNode::start(move |seen: Seen| {
        let act = match (
            seen.method.as_str(),
            seen.path.strip_prefix("/engine-rest").unwrap_or_default(),
        ) {
            ("GET", "/version") => ok(json!({"version": "7.24.0"})),
            ("GET", _) if done.load(Ordering::SeqCst) == 0 => ok(json!({"id": THEIRS})),
            ("GET", _) => status(404, json!({"type": "InvalidRequestException", "message": "none"})),
            ("POST", "/execution") if done.load(Ordering::SeqCst) > 0 => ok(json!([])),
            ("POST", "/execution") => ok(json!([{"id": "e", "processInstanceId": THEIRS, "tenantId": null}])),
            _ => match answers.load(Ordering::SeqCst) {
                0 => Act::Die,
                200 => {
                    done.fetch_add(1, Ordering::SeqCst);
                    ok(json!({"id": THEIRS, "n": done.load(Ordering::SeqCst)}))
                }
                other => status(
                    other,
                    json!({"type": "ProcessEngineException", "message": "no", "code": 0}),
                ),
            },
        };
        async move { act }
    })
    .await
}

/// What changed something, or would have.
fn sent(node: &FakeNode, end: &str) -> usize {
    node.seen()
        .iter()
        .filter(|seen| seen.method == "POST" && seen.path.ends_with(end))
        .count()
}

#[tokio::test]
async fn a_start_is_done_once_whatever_the_shares_are_by_then() {
    let (kept, answers) = (Kept::default(), Arc::new(AtomicU16::new(200)));
    let (own, old) = (native(&kept).await, camunda(&answers).await);
    let all = mixed(100, &own, &[("old", &old)]).await;
    let none = mixed(0, &own, &[("old", &old)]).await;
    let first = all.send("POST", START, &KEY, "{}").await;
    assert_eq!((first.status, first.json()["id"].as_str()), (200, Some(THEIRS)));
    for cluster in [&all, &none] {
        let again = cluster.send("POST", START, &KEY, "{}").await;
        assert_eq!((again.status, again.json()), (200, first.json()));
    }
    assert_eq!((sent(&old, "/start"), sent(&own, "/start")), (1, 0));
    // Another request with that key.
    assert_eq!(
        all.send("POST", START, &KEY, r#"{"businessKey":"b"}"#)
            .await
            .status,
        422
    );
    // What began here stays here when the share grows.
    let other = [("idempotency-key", "other")];
    for cluster in [&none, &all] {
        assert_eq!(cluster.send("POST", START, &other, "{}").await.json()["id"], "x");
    }
    assert_eq!((sent(&old, "/start"), sent(&own, "/start")), (1, 2));
    assert!(
        old.seen()
            .iter()
            .all(|seen| seen.header("idempotency-key").is_empty())
    );
}

#[tokio::test]
async fn what_broke_off_is_never_sent_again_and_what_was_refused_may_be() {
    let (kept, answers) = (Kept::default(), Arc::new(AtomicU16::new(400)));
    let (own, old) = (native(&kept).await, camunda(&answers).await);
    let cluster = mixed(100, &own, &[("old", &old)]).await;
    let start = || cluster.send("POST", START, &KEY, "{}");
    for (answer, expected) in [(400, 400), (500, 500), (0, 502), (200, 409)] {
        answers.store(answer, Ordering::SeqCst);
        let got = start().await;
        assert_eq!(got.status, expected, "{got:?}");
    }
    let got = start().await;
    assert_eq!(
        (got.status, got.json()["type"].as_str()),
        (409, Some("IdempotencyKeyException"))
    );
    assert!(
        got.json()["message"]
            .as_str()
            .unwrap()
            .contains("foreign shard old")
    );
    assert_eq!(sent(&old, "/start"), 3);
}

#[tokio::test]
async fn one_that_no_server_took_is_sent_when_there_is_one() {
    let (kept, answers) = (Kept::default(), Arc::new(AtomicU16::new(200)));
    let (own, old) = (native(&kept).await, camunda(&answers).await);
    let dead = camunda(&answers).await;
    dead.kill().await;
    let down = mixed(100, &own, &[("old", &dead)]).await;
    assert_eq!(down.send("POST", START, &KEY, "{}").await.status, 503);
    let up = mixed(100, &own, &[("old", &old)]).await;
    assert_eq!(up.send("POST", START, &KEY, "{}").await.status, 200);
    // Without a shard of ours nobody remembers: nothing is sent.
    own.kill().await;
    let got = up.send("POST", START, &[("idempotency-key", "l")], "{}").await;
    assert_eq!(got.status, 503, "{got:?}");
    assert_eq!(sent(&old, "/start"), 1);
}

#[tokio::test]
async fn a_repetition_is_answered_although_what_it_named_is_gone() {
    let (kept, answers) = (Kept::default(), Arc::new(AtomicU16::new(200)));
    let own = native(&kept).await;
    let complete = format!("/task/{THEIRS}/complete");
    for (path, body) in [
        (complete.as_str(), "{}"),
        ("/message", r#"{"messageName":"m","resultEnabled":true}"#),
    ] {
        let old = camunda(&answers).await;
        let cluster = mixed(0, &own, &[("old", &old)]).await;
        let key = [("idempotency-key", path)];
        let first = cluster.send("POST", path, &key, body).await;
        assert_eq!(
            (first.status, first.json()["n"].as_i64()),
            (200, Some(1)),
            "{path}"
        );
        // Another router, which has learned no ids.
        let other = mixed(0, &own, &[("old", &old)]).await;
        assert_eq!(other.send("POST", path, &key, body).await.json(), first.json());
        assert_eq!(sent(&old, path), 1);
    }
    // A message that was ours is so again, although somebody waits there by then.
    let nobody = FakeNode::start(async |_: Seen| ok(json!([]))).await;
    let key = [("idempotency-key", "ours")];
    let message = r#"{"messageName":"ours"}"#;
    let before = mixed(0, &own, &[("old", &nobody)]).await;
    assert_eq!(before.send("POST", "/message", &key, message).await.status, 204);
    let waits = camunda(&answers).await;
    let after = mixed(0, &own, &[("old", &waits)]).await;
    assert_eq!(after.send("POST", "/message", &key, message).await.status, 204);
    assert_eq!(sent(&waits, "/message"), 0);
}

#[tokio::test]
async fn a_signal_to_both_sides_is_thrown_once() {
    let (kept, answers) = (Kept::default(), Arc::new(AtomicU16::new(200)));
    let (own, old) = (native(&kept).await, camunda(&answers).await);
    let cluster = mixed(0, &own, &[("old", &old)]).await;
    let router = &cluster;
    let signal = |key: &'static str| async move {
        let headers = [("idempotency-key", key)];
        router
            .send("POST", "/signal", &headers, r#"{"name":"s"}"#)
            .await
            .status
    };
    assert_eq!((signal("a").await, signal("a").await), (204, 204));
    assert_eq!((sent(&old, "/signal"), sent(&own, "/signal")), (1, 1));
    answers.store(0, Ordering::SeqCst);
    assert_eq!((signal("b").await, signal("b").await), (503, 409));
    assert_eq!((sent(&old, "/signal"), sent(&own, "/signal")), (2, 2));
}
