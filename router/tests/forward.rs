//! Requests that one shard answers: by key, by id, to any shard.
mod support;

use router::{LiveOptions, Options};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use topology::{ShardName, Slot};

const START: &str = "/process-definition/Order_Process:1:5b28a61c-afea-11ea-a71f-0200170287af/start";

#[tokio::test]
async fn a_start_goes_to_the_shard_of_its_business_key() {
    let (a, b) = (
        FakeNode::start(async |_| started()).await,
        FakeNode::start(async |_| started()).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let key = key_for(true);
    let headers = [
        ("x-stellwerk-slot", "3"),
        ("x-stellwerk-epoch", "9"),
        ("host", "engine.example"),
        ("cookie", "c=1"),
    ];
    let got = cluster
        .send("POST", START, &headers, &json!({"businessKey": key}).to_string())
        .await;
    assert_eq!((got.status, got.json()["id"].as_str()), (200, Some("x")));
    assert!(a.seen().is_empty());
    let seen = &b.seen()[0];
    assert_eq!(seen.path, format!("/engine-rest{START}"));
    assert_eq!(
        seen.header("x-stellwerk-slot"),
        Slot::of_key(&key).number().to_string()
    );
    assert_eq!(seen.header("x-stellwerk-log-index"), "7");
    assert!(!seen.headers.contains_key("x-stellwerk-epoch"));
    assert_eq!(
        (seen.header("x-forwarded-host"), seen.header("x-forwarded-proto")),
        ("engine.example", "http")
    );
    assert!(
        got.headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-stellwerk") && name != "set-cookie")
    );
}

#[tokio::test]
async fn s0_13_keyless_starts_spread_and_an_idempotency_key_keeps_its_slot() {
    let (a, b) = (
        FakeNode::start(async |_| started()).await,
        FakeNode::start(async |_| started()).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    for _ in 0..40 {
        assert_eq!(cluster.post(START, "{}").await.status, 200);
    }
    assert!(
        a.seen().len() > 5 && b.seen().len() > 5,
        "{} {}",
        a.seen().len(),
        b.seen().len()
    );
    let before = (a.seen().len(), b.seen().len());
    for _ in 0..3 {
        cluster
            .send("POST", START, &[("idempotency-key", "i-1")], "{}")
            .await;
    }
    let slots: Vec<String> = [a.seen().split_off(before.0), b.seen().split_off(before.1)]
        .concat()
        .iter()
        .map(|seen| seen.header("x-stellwerk-slot").to_owned())
        .collect();
    assert_eq!(slots, vec![Slot::of_key("i-1").number().to_string(); 3]);
}

#[tokio::test]
async fn s0_27_calls_by_id_go_straight_to_one_shard() {
    let (a, b) = (
        FakeNode::start(async |_| no_content()).await,
        FakeNode::start(async |_| ok(json!([]))).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    assert_eq!(
        cluster
            .post(&format!("/external-task/{}/complete", id_in(FIRST, 1)), "{}")
            .await
            .status,
        204
    );
    assert_eq!(
        cluster
            .get(&format!("/history/task?processInstanceId={}", id_in(SECOND, 1)))
            .await
            .status,
        200
    );
    assert_eq!(
        cluster.get(&format!("/task/{}", id_in(SECOND, 1))).await.status,
        200
    );
    assert_eq!((a.seen().len(), b.seen().len()), (1, 2));
    assert_eq!(b.seen()[0].header("x-stellwerk-fanout"), "");
    for class in ["id", "fanout-list"] {
        assert_eq!(
            cluster
                .metrics
                .fanouts
                .get_or_create(&router::metrics::ClassLabel { class })
                .get(),
            0
        );
    }
}

#[tokio::test]
async fn s0_14_a_post_that_may_have_run_is_not_sent_twice() {
    let calls = Arc::new(AtomicU64::new(0));
    let dying = |calls: Arc<AtomicU64>| {
        FakeNode::start(move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            async { Act::Die }
        })
    };
    let (one, two) = (dying(calls.clone()).await, dying(calls.clone()).await);
    let cluster = Cluster::start(&[("a", &[&one, &two])]).await;
    for path in [
        START.to_owned(),
        format!("/task/{}/complete", id_in(FIRST, 1)),
        "/deployment/create".to_owned(),
    ] {
        let before = calls.load(Ordering::SeqCst);
        let got = cluster.post(&path, "{}").await;
        assert!(
            got.status == 502 && got.json()["type"] == "BadGatewayException",
            "{got:?}"
        );
        assert_eq!(calls.load(Ordering::SeqCst), before + 1, "{path}");
    }
    // Reads, and commands that say under which key they may be repeated, go to the other node.
    let before = calls.load(Ordering::SeqCst);
    let got = cluster.get(&format!("/task/{}", id_in(FIRST, 1))).await;
    assert_eq!((got.status, calls.load(Ordering::SeqCst)), (503, before + 2));
    assert_eq!(got.header("retry-after"), "1");
    let got = cluster
        .send("POST", START, &[("idempotency-key", "k")], "{}")
        .await;
    assert_eq!((got.status, calls.load(Ordering::SeqCst)), (503, before + 4));
}

#[tokio::test]
async fn s0_14_a_post_that_was_never_written_goes_to_another_node() {
    let (one, two) = (
        FakeNode::start(async |_| started()).await,
        FakeNode::start(async |_| started()).await,
    );
    let cluster = Cluster::start(&[("a", &[&one, &two])]).await;
    for _ in 0..20 {
        assert_eq!(cluster.post(START, "{}").await.status, 200);
    }
    assert!(!one.seen().is_empty() && !two.seen().is_empty());
    one.kill().await;
    let before = two.seen().len();
    let mut answered = 0;
    for _ in 0..20 {
        let got = cluster.post(START, "{}").await;
        // A connection that broke as it was used may have carried the request: that one is unknown, never doubled.
        assert!(got.status == 200 || got.status == 502, "{got:?}");
        answered += usize::from(got.status == 200);
    }
    assert!(answered >= 19, "{answered}");
    assert_eq!(two.seen().len(), before + answered);
}

#[tokio::test]
async fn a_dead_shard_costs_its_own_keys_and_nothing_else() {
    let (a, b) = (
        FakeNode::start(async |_| started()).await,
        FakeNode::start(async |_| started()).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    b.kill().await;
    let got = cluster
        .post(START, &json!({"businessKey": key_for(true)}).to_string())
        .await;
    assert_eq!((got.status, got.header("retry-after")), (503, "1"));
    assert!(
        got.json()["message"].as_str().unwrap().contains("shard b"),
        "{got:?}"
    );
    for _ in 0..20 {
        assert_eq!(cluster.post(START, "{}").await.status, 200);
        assert_eq!(cluster.get("/process-definition").await.status, 200);
    }
    assert_eq!(
        cluster
            .post(START, &json!({"businessKey": key_for(false)}).to_string())
            .await
            .status,
        200
    );
    assert!(cluster.readiness.check().is_ok());
}

#[tokio::test]
async fn s0_03_a_node_that_is_not_ready_gets_no_requests_until_it_recovers() {
    let (one, two) = (
        FakeNode::start(async |_| started()).await,
        FakeNode::start(async |_| started()).await,
    );
    let cluster = Cluster::start(&[("a", &[&one, &two])]).await;
    *one.healthy.lock().unwrap() = 503;
    let id = |slot| id_in(slot, 1);
    let mut quiet = 0;
    for slot in (0..16_000).cycle().step_by(7) {
        let before = one.seen().len();
        assert_eq!(cluster.get(&format!("/task/{}", id(slot))).await.status, 200);
        quiet = if one.seen().len() == before { quiet + 1 } else { 0 };
        if quiet == 50 {
            break;
        }
    }
    *one.healthy.lock().unwrap() = 200;
    let before = one.seen().len();
    for slot in (0..16_000).cycle().step_by(7) {
        assert_eq!(cluster.get(&format!("/task/{}", id(slot))).await.status, 200);
        if one.seen().len() > before {
            break;
        }
    }
}

#[tokio::test]
async fn a_421_is_sent_on_to_the_new_owner_once_it_is_known() {
    let a = FakeNode::start(async |_| status(421, json!({})).with("x-stellwerk-epoch", 2)).await;
    let b = FakeNode::start(async |_| started()).await;
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let key = key_for(false);
    let body = json!({"businessKey": key}).to_string();
    let (got, ()) = tokio::join!(cluster.post(START, &body), async {
        eventually("the first owner is asked", || !a.seen().is_empty()).await;
        cluster.change(|view| {
            let table = view
                .table
                .as_ref()
                .unwrap()
                .with_owner(&[Slot::of_key(&key)], &ShardName::new("b"));
            view.table = Some(Arc::new(table));
        });
    });
    assert_eq!(got.status, 200);
    assert_eq!(b.seen().len(), 1);
    assert_eq!(&b.seen()[0].body[..], body.as_bytes());
}

#[tokio::test]
async fn a_slot_that_finds_no_owner_is_503_past_the_parking_bounds() {
    let a = FakeNode::start(async |_| status(421, json!({}))).await;
    let options = live(LiveOptions {
        park_timeout: Duration::from_millis(50),
        ..LiveOptions::default()
    });
    let cluster = Cluster::with(&[("a", &[&a])], options).await;
    let got = cluster.post(START, "{}").await;
    assert_eq!((got.status, got.header("retry-after")), (503, "1"));
    let options = live(LiveOptions {
        park_limit: 0,
        ..LiveOptions::default()
    });
    let cluster = Cluster::with(&[("a", &[&a])], options).await;
    let before = a.seen().len();
    assert_eq!(cluster.post(START, "{}").await.status, 503);
    // Once on the short way, once on the general one.
    assert_eq!(a.seen().len(), before + 2);
}

#[tokio::test]
async fn answers_pass_through_byte_for_byte() {
    let a = FakeNode::start(async |seen: Seen| match seen.path.as_str() {
        "/engine-rest/identity/password-policy" => Act::Answer(
            404,
            vec![("content-type", "text/html;charset=utf-8".into())],
            b"<html>\xff</html>".to_vec(),
        ),
        "/engine-rest/user" => Act::Answer(
            401,
            vec![("www-authenticate", "Basic realm=\"default\"".into())],
            vec![],
        ),
        _ => no_content().with("x-stellwerk-coverage", "1:0"),
    })
    .await;
    let cluster = Cluster::start(&[("a", &[&a])]).await;
    let got = cluster.get("/identity/password-policy").await;
    assert_eq!(
        (got.status, &got.body[..]),
        (404, b"<html>\xff</html>".as_slice())
    );
    assert_eq!(
        (got.header("content-type"), got.header("content-length")),
        ("text/html;charset=utf-8", "14")
    );
    let got = cluster.get("/user?firstName=%C3%A4+b").await;
    assert_eq!(
        (got.status, got.header("www-authenticate")),
        (401, "Basic realm=\"default\"")
    );
    assert_eq!(a.seen().last().unwrap().query, "firstName=%C3%A4+b");
    let got = cluster
        .post(&format!("/task/{}/complete", id_in(FIRST, 1)), "{}")
        .await;
    assert_eq!(
        (
            got.status,
            got.header("content-type"),
            got.header("x-stellwerk-coverage")
        ),
        (204, "", "")
    );
}

#[tokio::test]
async fn s0_08_unknown_paths_are_404_and_a_wrong_root_names_the_right_one() {
    let a = FakeNode::start(async |_| ok(json!({"version": "7.24.0"}))).await;
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&a])]).await;
    let got = cluster.get("/nope").await;
    let expected = r#"{"type":"NotFoundException","message":"HTTP 404 Not Found","code":null}"#;
    assert_eq!((got.status, &got.body[..]), (404, expected.as_bytes()));
    let got = cluster.get("/../version").await;
    assert!(got.status == 404, "{got:?}");
    assert_eq!(
        cluster.get("/engine").await.json(),
        json!([{"name": "default"}, {"name": "a"}, {"name": "b"}])
    );
    let got = cluster.get("/engine/nope/task").await;
    assert_eq!(
        (got.status, got.json()["message"].as_str()),
        (400, Some("No process engine available"))
    );
    assert_eq!(cluster.get("/engine/nope/version").await.status, 200);
    assert_eq!(cluster.get("/engine/default/version").await.status, 200);
    assert_eq!(a.seen().last().unwrap().path, "/engine-rest/version");
}

#[tokio::test]
async fn an_engine_of_a_shard_s_name_is_that_shard_alone() {
    let (a, b) = (
        FakeNode::start(async |_| started()).await,
        FakeNode::start(async |_| ok(json!({"count": 4}))).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    assert_eq!(
        cluster.get("/engine/b/task/count").await.json(),
        json!({"count": 4})
    );
    for _ in 0..10 {
        assert_eq!(cluster.post(&format!("/engine/a{START}"), "{}").await.status, 200);
    }
    assert_eq!((a.seen().len(), b.seen().len()), (10, 1));
    let got = cluster
        .post(
            &format!("/engine/a{START}"),
            &json!({"businessKey": key_for(true)}).to_string(),
        )
        .await;
    assert_eq!(got.status, 400);
}

/// The JDK's HTTP client offers h2c on every request, and may send the body in a later packet than the head.
#[tokio::test]
async fn an_h2c_offer_is_ignored_and_a_late_body_is_waited_for() {
    let a = FakeNode::start(async |_| started()).await;
    let cluster = Cluster::start(&[("a", &[&a])]).await;
    let address = cluster
        .url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/engine-rest")
        .unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        let body = r#"{"businessKey":"k"}"#;
        let head = format!(
            "POST /engine-rest{START} HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHost: h:1\r\n\
             HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.flush().await.unwrap();
        tokio::task::yield_now().await;
        socket.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert_ne!(
                socket.read_buf(&mut answer).await.unwrap(),
                0,
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    let seen = a.seen();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|s| s.header("upgrade").is_empty() && s.header("http2-settings").is_empty())
    );
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let a = FakeNode::start(async |_| started()).await;
    let cluster = Cluster::with(
        &[("a", &[&a])],
        live(LiveOptions {
            body_limit: 10,
            ..LiveOptions::default()
        }),
    )
    .await;
    assert_eq!(cluster.post(START, r#"{"a":"0123456789"}"#).await.status, 413);
    assert_eq!(cluster.post(START, "{}").await.status, 200);
    assert_eq!(a.seen().len(), 1);
}

#[tokio::test]
async fn before_the_first_shard_everything_is_503() {
    let views = tokio::sync::watch::Sender::new(Arc::new(cluster::View::default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = service::Shutdown::new(Duration::from_secs(1));
    let router = router::Router::new(Options::default(), views.subscribe(), shutdown.clone()).unwrap();
    let readiness = router.readiness();
    let running = tokio::spawn(router.serve(listener));
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket
        .write_all(b"GET /engine-rest/task HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(readiness.check().is_err());
    shutdown.start();
    running.await.unwrap().unwrap();
}

async fn answer_at(address: std::net::SocketAddr) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket
        .write_all(b"GET /engine-rest/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_open_address_is_served_only_if_the_nodes_ask_for_a_password() {
    let open = FakeNode::start(async |_| ok(json!({"version": "7.24.0"}))).await;
    let guarded = FakeNode::start(async |_| Act::Answer(401, vec![], vec![])).await;
    for (node, insecure, expected, says) in [
        (&open, false, 503, "--insecure-no-auth"),
        (&open, true, 200, "7.24.0"),
        (&guarded, false, 401, ""),
    ] {
        let views = tokio::sync::watch::Sender::new(Arc::new(view_of(&[("a", &[node])])));
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = ([127, 0, 0, 1], listener.local_addr().unwrap().port()).into();
        let options = Options {
            insecure_no_auth: insecure,
            ..Options::default()
        };
        let shutdown = service::Shutdown::new(Duration::from_secs(1));
        let router = router::Router::new(options, views.subscribe(), shutdown.clone()).unwrap();
        let running = tokio::spawn(router.serve(listener));
        let mut answer = answer_at(address).await;
        while !(answer.starts_with(&format!("HTTP/1.1 {expected}")) && answer.contains(says)) {
            answer = answer_at(address).await;
        }
        shutdown.start();
        running.await.unwrap().unwrap();
    }
}

/// A frozen process keeps its connections: only the health probe notices.
#[tokio::test]
async fn a_read_does_not_wait_for_a_node_that_has_stopped() {
    let frozen = FakeNode::start(async |_| std::future::pending().await).await;
    let alive = FakeNode::start(async |_| ok(json!({}))).await;
    let cluster = Cluster::start(&[("a", &[&frozen, &alive])]).await;
    for slot in 0u16.. {
        let path = format!("/task/{}", id_in(slot, 1));
        let (got, ()) = tokio::join!(cluster.get(&path), async {
            eventually("a node is asked", || {
                frozen.seen().len() + alive.seen().len() > usize::from(slot)
            })
            .await;
            if !frozen.seen().is_empty() {
                *frozen.healthy.lock().unwrap() = 503;
            }
        });
        assert_eq!(got.status, 200);
        if !frozen.seen().is_empty() {
            break;
        }
    }
}

#[tokio::test]
async fn a_shard_that_is_full_refuses_at_once_and_the_others_serve_on() {
    let hold = Arc::new(tokio::sync::Semaphore::new(0));
    let held = hold.clone();
    let a = FakeNode::start(move |_| {
        let held = held.clone();
        async move {
            held.acquire().await.unwrap().forget();
            started()
        }
    })
    .await;
    let b = FakeNode::start(async |_| started()).await;
    let options = live(LiveOptions {
        shard_concurrency: 2,
        ..LiveOptions::default()
    });
    let cluster = Cluster::with(&[("a", &[&a]), ("b", &[&b])], options).await;
    let [slow, fine] = [false, true].map(|second| json!({"businessKey": key_for(second)}).to_string());
    let beside = async {
        eventually("both are under way", || a.seen().len() == 2).await;
        let refused = cluster.post(START, &slow).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
        assert_eq!(refused.json()["shards"], json!(["a"]));
        assert_eq!(cluster.post(START, &fine).await.status, 200);
        // What two shards answer isn't whole without the full one.
        assert_eq!(cluster.get("/task/count").await.status, 503);
        hold.add_permits(2);
    };
    let (first, second, ()) = tokio::join!(cluster.post(START, &slow), cluster.post(START, &slow), beside);
    assert_eq!((first.status, second.status, a.seen().len()), (200, 200, 2));
    hold.add_permits(1);
    assert_eq!(cluster.post(START, &slow).await.status, 200);
}

#[tokio::test]
async fn a_node_that_fails_request_after_request_is_left_out_though_it_says_that_it_is_well() {
    let bad = FakeNode::start(async |_| status(503, json!({}))).await;
    let good = FakeNode::start(async |_| started()).await;
    let cluster = Cluster::start(&[("a", &[&bad, &good])]).await;
    let mut asked = 0;
    // Whichever node the key prefers: until the bad one is out, its own keys get what it says.
    loop {
        let keys = (0..40).map(|n| json!({"businessKey": format!("key-{n}")}).to_string());
        let mut refused = 0;
        for body in keys {
            asked += 1;
            refused += u32::from(cluster.post(START, &body).await.status == 503);
        }
        if refused == 0 {
            break;
        }
        assert!(asked < 40_000, "never left out");
    }
    assert!(bad.seen().len() >= 5 && cluster.readiness.check().is_ok());
}

#[tokio::test]
async fn who_asked_and_who_answered_is_told_in_the_access_log_and_to_whoever_wants_to_know() {
    let a = FakeNode::start(async |_| started()).await;
    let path = std::env::temp_dir().join(format!("stellwerk-access-{}.log", std::process::id()));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for fast_path in [true, false] {
        let _ = std::fs::remove_file(&path);
        let options = Options {
            access_log: Some(path.clone()),
            fast_path,
            ..Options::default()
        };
        let cluster = Cluster::with(&[("a", &[&a])], options).await;
        let traced = [("traceparent", trace)];
        let plain = cluster
            .send("POST", START, &traced, r#"{"businessKey":"secret"}"#)
            .await;
        assert_eq!(
            (
                plain.header("x-stellwerk-shard"),
                plain.header("x-stellwerk-node")
            ),
            ("", "")
        );
        let told = cluster
            .send("POST", START, &[("x-stellwerk-where", "1")], "{}")
            .await;
        assert_eq!(
            (told.header("x-stellwerk-shard"), told.header("x-stellwerk-node")),
            ("a", "n0")
        );
        assert_eq!(cluster.get("/nope?name=secret").await.status, 404);
        let seen = a.seen();
        let traces = seen.iter().filter(|seen| seen.header("traceparent") == trace);
        assert!(
            traces.count() >= 1
                && seen
                    .iter()
                    .all(|seen| seen.header("x-stellwerk-where").is_empty())
        );
        let text = || std::fs::read_to_string(&path).unwrap_or_default();
        eventually("three lines are written", || text().lines().count() == 3).await;
        let lines: Vec<serde_json::Value> = text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["path"], format!("/engine-rest{START}"));
        assert_eq!(lines[0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        for line in &lines[..2] {
            assert_eq!(
                (&line["status"], &line["shard"], &line["node"]),
                (&json!(200), &json!("a"), &json!("n0"))
            );
            assert_eq!(
                (&line["method"], &line["client"]),
                (&json!("POST"), &json!("127.0.0.1"))
            );
        }
        assert_eq!(
            (&lines[2]["status"], &lines[2]["path"]),
            (&json!(404), &json!("/engine-rest/nope"))
        );
        assert!(!text().contains("secret"));
    }
    let _ = std::fs::remove_file(&path);
}

/// Options with these routing keys.
fn routed(rules: &[&str]) -> Options {
    Options {
        routing_key: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        ..Options::default()
    }
}

#[tokio::test]
async fn s3_43_starts_go_where_their_definition_s_rule_says_on_both_ways() {
    for fast_path in [true, false] {
        let answer = async |seen: Seen| match seen.path.as_str() {
            "/internal/definition/018bcfe5" => ok(json!({"key": "invoice", "tenantId": "t"})),
            path if path.starts_with("/internal/definition/") => status(404, json!({})),
            _ => started(),
        };
        let (a, b) = (FakeNode::start(answer).await, FakeNode::start(answer).await);
        let options = Options {
            fast_path,
            ..routed(&["invoice=variable:customer", "order=header:x-customer", "*=tenant"])
        };
        let cluster = Cluster::with(&[("a", &[&a]), ("b", &[&b])], options).await;
        let body = r#"{"businessKey":"k","variables":{"customer":{"value":7}}}"#;
        for (path, placed_by) in [
            ("/process-definition/key/invoice/start", "7"),
            ("/process-definition/invoice:1:018b/start", "7"),
            ("/process-definition/018bcfe5/start", "7"),
            ("/process-definition/key/order/start", "c"),
            ("/process-definition/key/other/tenant-id/t%201/start", "t 1"),
            // No tenant: the idempotency key's slot.
            ("/process-definition/key/other/start", "i"),
            ("/process-definition/018unknown/start", "i"),
        ] {
            let headers = [("x-customer", "c"), ("idempotency-key", "i")];
            let sent = (a.seen().len(), b.seen().len());
            assert_eq!(
                cluster.send("POST", path, &headers, body).await.status,
                200,
                "{path}"
            );
            let seen = [a.seen().split_off(sent.0), b.seen().split_off(sent.1)].concat();
            let started: Vec<&Seen> = seen.iter().filter(|seen| seen.path.ends_with("/start")).collect();
            assert_eq!(started.len(), 1, "{path}");
            assert_eq!(started[0].header("x-stellwerk-placed"), "1", "{path}");
            if path.contains("018unknown") {
                continue;
            }
            let slot = Slot::of_key(placed_by).number().to_string();
            assert_eq!(started[0].header("x-stellwerk-slot"), slot, "{path}");
        }
        let asked = |node: &FakeNode| {
            node.paths()
                .iter()
                .filter(|path| path.ends_with("/018bcfe5"))
                .count()
        };
        cluster.post("/process-definition/018bcfe5/start", body).await;
        assert_eq!(asked(&a) + asked(&b), 1);
        // A client can't say it.
        let before = (a.seen().len(), b.seen().len());
        let cluster = Cluster::with(
            &[("a", &[&a]), ("b", &[&b])],
            Options {
                fast_path,
                ..Options::default()
            },
        )
        .await;
        cluster
            .send("POST", START, &[("x-stellwerk-placed", "1")], body)
            .await;
        let seen = [a.seen().split_off(before.0), b.seen().split_off(before.1)].concat();
        assert_eq!(seen[0].header("x-stellwerk-placed"), "");
    }
}

#[tokio::test]
async fn s3_43_a_definition_that_no_node_can_name_is_not_placed_by_guessing() {
    let a = FakeNode::start(
        async |seen: Seen| match seen.path.starts_with("/internal/definition/") {
            true => status(503, json!({})),
            false => started(),
        },
    )
    .await;
    let cluster = Cluster::with(&[("a", &[&a])], routed(&["invoice=tenant"])).await;
    let got = cluster.post("/process-definition/018bcfe5/start", "{}").await;
    assert_eq!(got.status, 503);
    assert!(a.paths().iter().all(|path| !path.ends_with("/start")));
}
