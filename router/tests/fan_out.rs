//! Requests that several shards answer together.
mod support;

use router::{LiveOptions, Options};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::*;
use topology::{Coverage, ShardName, Slot};

/// One of two shards that has these rows of tasks, in its order.
async fn lists(index: usize, rows: Vec<Value>) -> FakeNode {
    let covered = coverage(index, 2);
    FakeNode::start(move |seen: Seen| {
        let rows = rows.clone();
        async move {
            let number = |name: &str| {
                seen.query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix(&format!("{name}="))?.parse::<usize>().ok())
            };
            let answer = match seen.path.ends_with("/count") {
                true => ok(json!({"count": rows.len()})),
                false => {
                    let (first, max) = (
                        number("firstResult").unwrap_or(0),
                        number("maxResults").unwrap_or(999),
                    );
                    ok(rows.into_iter().skip(first).take(max).collect())
                }
            };
            answer.with("x-stellwerk-coverage", covered)
        }
    })
    .await
}

fn row(name: &str) -> Value {
    json!({"id": name, "name": name, "_sort": [name, name]})
}

#[tokio::test]
async fn lists_are_sorted_and_paged_over_all_shards_and_counts_are_summed() {
    let a = lists(0, ["a", "d", "e"].map(row).into()).await;
    let b = lists(1, ["b", "c", "f"].map(row).into()).await;
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let got = cluster
        .get("/task?sortBy=name&sortOrder=asc&firstResult=1&maxResults=3")
        .await;
    assert_eq!(
        (got.status, got.header("content-type")),
        (200, "application/json")
    );
    let expected = ["b", "c", "d"].map(|name| json!({"id": name, "name": name}));
    assert_eq!(got.json(), json!(expected));
    assert!(
        got.headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-stellwerk"))
    );
    let seen = &a.seen()[0];
    assert_eq!(seen.query, "sortBy=name&sortOrder=asc&firstResult=0&maxResults=4");
    assert_eq!(
        (
            seen.header("x-stellwerk-fanout"),
            seen.header("x-stellwerk-log-index")
        ),
        ("1", "7")
    );
    assert_eq!(cluster.get("/task").await.json().as_array().unwrap().len(), 6);
    assert_eq!(cluster.get("/task?maxResults=0").await.json(), json!([]));
    assert_eq!(
        cluster
            .post("/task?maxResults=2", "{}")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(cluster.get("/task/count").await.json(), json!({"count": 6}));
    assert_eq!(
        cluster.post("/task/count", "{}").await.json(),
        json!({"count": 6})
    );
    let head = cluster.send("HEAD", "/task/count", &[], "").await;
    assert_eq!(
        (head.status, head.body.len(), head.header("content-length")),
        (200, 0, "11")
    );
    let class = router::metrics::ClassLabel { class: "fanout-sum" };
    assert_eq!(cluster.metrics.fanouts.get_or_create(&class).get(), 3);
}

#[tokio::test]
async fn pages_that_are_too_deep_or_no_numbers_are_refused() {
    let (a, b) = (lists(0, vec![]).await, lists(1, vec![]).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let got = cluster.get("/task?firstResult=9000&maxResults=1001").await;
    assert!(
        got.status == 400 && got.json()["message"].as_str().unwrap().contains("10000"),
        "{got:?}"
    );
    let got = cluster.get("/task?maxResults=abc").await;
    assert_eq!(
        (got.status, got.json()["type"].as_str()),
        (404, Some("QueryParamException"))
    );
    assert!(a.seen().is_empty());
}

#[tokio::test]
async fn a_missing_shard_makes_it_503_unless_a_part_is_wanted() {
    let a = lists(0, vec![row("a")]).await;
    let b = lists(1, vec![row("b")]).await;
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    b.kill().await;
    for path in ["/task", "/task/count", "/process-definition/statistics"] {
        let got = cluster.get(path).await;
        assert_eq!((got.status, got.header("retry-after")), (503, "1"), "{path}");
        assert_eq!(got.json()["shards"], json!(["b"]));
        assert!(
            got.json()["message"].as_str().unwrap().contains("shard b"),
            "{got:?}"
        );
    }
    let allow = [("x-stellwerk-partial", "allow")];
    let got = cluster.send("GET", "/task", &allow, "").await;
    assert_eq!((got.status, got.header("x-stellwerk-missing")), (200, "b"));
    assert_eq!(got.json(), json!([{"id": "a", "name": "a"}]));
    let got = cluster.send("GET", "/task/count", &allow, "").await;
    assert_eq!(
        (got.header("x-stellwerk-missing"), got.json()),
        ("b", json!({"count": 1}))
    );
}

#[tokio::test]
async fn a_shard_s_refusal_is_the_answer() {
    let refuse = async |_| {
        status(
            400,
            json!({"type": "InvalidRequestException", "message": "no", "code": null}),
        )
    };
    let (a, b) = (FakeNode::start(refuse).await, FakeNode::start(refuse).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let got = cluster.get("/task?sortBy=nonsense&sortOrder=asc").await;
    assert_eq!((got.status, got.json()["message"].as_str()), (400, Some("no")));
    let challenge = async |_| {
        Act::Answer(
            401,
            vec![("www-authenticate", "Basic realm=\"x\"".into())],
            vec![],
        )
    };
    let c = FakeNode::start(challenge).await;
    let cluster = Cluster::start(&[("a", &[&c])]).await;
    let got = cluster.get("/task").await;
    assert_eq!(
        (got.status, got.header("www-authenticate")),
        (401, "Basic realm=\"x\"")
    );
}

/// A slot that moves while the shards are asked is seen by both or by none; then they are asked again.
#[tokio::test]
async fn parts_that_see_a_slot_twice_are_asked_again() {
    let wandering = Slot::new(100).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let b = FakeNode::start(move |_| {
        let double = count.fetch_add(1, Ordering::SeqCst) < 2;
        let seen: Coverage = [
            coverage(1, 2),
            if double {
                Coverage::of(wandering)
            } else {
                Coverage::default()
            },
        ]
        .into_iter()
        .sum();
        async move { ok(json!({"count": 10})).with("x-stellwerk-coverage", seen) }
    })
    .await;
    let a = lists(0, vec![row("a")]).await;
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    assert_eq!(cluster.get("/task/count").await.json(), json!({"count": 11}));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(cluster.metrics.coverage_retries.get(), 2);
}

#[tokio::test]
async fn parts_that_never_add_up_are_503() {
    let (a, b) = (lists(0, vec![]).await, lists(0, vec![]).await);
    let options = live(LiveOptions {
        fanout_deadline: Duration::from_millis(100),
        ..LiveOptions::default()
    });
    let cluster = Cluster::with(&[("a", &[&a]), ("b", &[&b])], options).await;
    let got = cluster.get("/task/count").await;
    assert_eq!((got.status, got.header("retry-after")), (503, "1"));
    let silent = FakeNode::start(async |_| ok(json!({"count": 1}))).await;
    let options = live(LiveOptions {
        fanout_deadline: Duration::from_millis(100),
        ..LiveOptions::default()
    });
    let cluster = Cluster::with(&[("a", &[&silent])], options).await;
    assert!(
        cluster.get("/task/count").await.json()["message"]
            .as_str()
            .unwrap()
            .contains("X-Stellwerk-Coverage")
    );
}

#[tokio::test]
async fn a_read_part_is_asked_of_another_node_when_one_breaks_off() {
    let dying = FakeNode::start(async |_| Act::Die).await;
    let (a, b) = (lists(0, vec![row("a")]).await, lists(1, vec![row("b")]).await);
    let cluster = Cluster::start(&[("a", &[&dying, &a]), ("b", &[&b])]).await;
    for _ in 0..10 {
        assert_eq!(
            cluster.post("/task/count", "{}").await.json(),
            json!({"count": 2})
        );
    }
}

#[tokio::test]
async fn too_large_a_list_is_refused_and_not_held() {
    let rows: Vec<Value> = (0..100).map(|i| row(&format!("{i:03}"))).collect();
    let (a, b) = (lists(0, rows.clone()).await, lists(1, rows).await);
    let cluster = Cluster::with(
        &[("a", &[&a]), ("b", &[&b])],
        live(LiveOptions {
            fanout_memory: 2_000,
            ..LiveOptions::default()
        }),
    )
    .await;
    let got = cluster.get("/task").await;
    assert!(
        got.status == 400 && got.json()["message"].as_str().unwrap().contains("maxResults"),
        "{got:?}"
    );
    assert_eq!(cluster.get("/task?maxResults=5").await.status, 200);
}

#[tokio::test]
async fn s0_28_statistics_are_summed_over_shards() {
    let statistics = |index: usize, n: u32| {
        FakeNode::start(move |_| async move {
            ok(json!([{"id": "Create_Invoice", "instances": n, "failedJobs": 0, "incidents": []}]))
                .with("x-stellwerk-coverage", coverage(index, 2))
        })
    };
    let (a, b) = (statistics(0, 1).await, statistics(1, 2).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let got = cluster
        .get("/process-definition/Order_Process:1:x/statistics")
        .await
        .json();
    assert_eq!(
        got,
        json!([{"id": "Create_Invoice", "instances": 3, "failedJobs": 0, "incidents": []}])
    );
}

#[tokio::test]
async fn a_signal_reaches_every_shard_once_and_failures_are_named() {
    let a = FakeNode::start(async |_| no_content()).await;
    let b = FakeNode::start(async |seen: Seen| match seen.json()["name"].as_str() {
        Some("bad") => status(500, json!({"type": "X", "message": "broken", "code": 0})),
        _ => no_content(),
    })
    .await;
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    assert_eq!(cluster.post("/signal", r#"{"name":"s"}"#).await.status, 204);
    assert_eq!((a.seen().len(), b.seen().len()), (1, 1));
    let got = cluster.post("/signal", r#"{"name":"bad"}"#).await;
    assert_eq!(
        (got.status, &got.json()["done"], &got.json()["notDone"]),
        (500, &json!(["a"]), &json!(["b"]))
    );
    assert_eq!(b.seen().len(), 2);
    // To one execution only its shard is asked.
    let body = json!({"name": "s", "executionId": id_in(SECOND, 1)}).to_string();
    assert_eq!(cluster.post("/signal", &body).await.status, 204);
    assert_eq!((a.seen().len(), b.seen().len()), (2, 3));
    // With a shard missing nobody has acted.
    b.kill().await;
    let down = cluster.views.borrow().clone();
    drop(down);
    let mut got = cluster.post("/signal", r#"{"name":"s"}"#).await;
    while got.status != 503
        || !got.json()["message"]
            .as_str()
            .unwrap()
            .contains("nothing was done")
    {
        got = cluster.post("/signal", r#"{"name":"s"}"#).await;
    }
    let before = a.seen().len();
    assert_eq!(cluster.post("/signal", r#"{"name":"s"}"#).await.status, 503);
    assert_eq!(a.seen().len(), before);
}

#[tokio::test]
async fn ids_in_a_body_go_to_their_owners_and_queries_to_all() {
    let (a, b) = (
        FakeNode::start(async |_| no_content()).await,
        FakeNode::start(async |_| no_content()).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let send = async |body: Value| {
        assert_eq!(
            cluster
                .send("PUT", "/process-instance/suspended", &[], &body.to_string())
                .await
                .status,
            204
        );
        let last = |node: &FakeNode| {
            node.seen
                .lock()
                .unwrap()
                .drain(..)
                .next_back()
                .map(|seen| seen.json())
        };
        (last(&a), last(&b))
    };
    let (one, two, three) = (id_in(FIRST, 1), id_in(SECOND, 2), id_in(FIRST, 3));
    let (to_a, to_b) = send(json!({"processInstanceIds": [one, two, three], "suspended": true})).await;
    assert_eq!(
        to_a.unwrap(),
        json!({"processInstanceIds": [one, three], "suspended": true})
    );
    assert_eq!(
        to_b.unwrap(),
        json!({"processInstanceIds": [two], "suspended": true})
    );
    let (to_a, to_b) = send(json!({"processInstanceIds": [one], "suspended": true})).await;
    assert!(to_a.is_some() && to_b.is_none());
    let (to_a, to_b) = send(json!({"processDefinitionKey": "k", "suspended": true})).await;
    assert_eq!(to_a, to_b);
    let query =
        json!({"processInstanceIds": [one], "processInstanceQuery": {"active": true}, "suspended": true});
    let (to_a, to_b) = send(query.clone()).await;
    assert_eq!(to_a.unwrap(), query);
    assert_eq!(to_b.unwrap()["processInstanceIds"], Value::Null);
}

/// A shard where these subscriptions and start events match any message.
async fn correlates(index: usize, executions: Vec<String>, starts: usize) -> FakeNode {
    FakeNode::start(move |seen: Seen| {
        let executions: Vec<Value> = executions
            .iter()
            .map(|s| json!({"subscription": s, "instance": s}))
            .collect();
        async move {
            match seen.path.as_str() {
                "/internal/correlate/probe" => {
                    let starts: Vec<Value> = (0..starts)
                        .map(|i| json!({"definition": format!("d{i}"), "element": "s"}))
                        .collect();
                    ok(json!({"executions": executions, "starts": starts}))
                        .with("x-stellwerk-coverage", coverage(index, 2))
                }
                "/internal/correlate/deliver" => match seen.json()["message"]["messageName"].as_str() {
                    Some("gone") => status(
                        400,
                        json!({"type": "RestException", "message": "gone", "code": 0}),
                    ),
                    _ => ok(json!({"resultType": "Execution", "execution": seen.json()["subscription"]})),
                },
                _ => no_content(),
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_message_goes_to_the_one_match_over_all_shards() {
    let waiting = id_in(SECOND, 9);
    let (a, b) = (
        correlates(0, vec![], 1).await,
        correlates(1, vec![waiting.clone()], 1).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    assert_eq!(
        cluster.post("/message", r#"{"messageName":"m"}"#).await.status,
        204
    );
    assert_eq!(a.paths(), ["POST /internal/correlate/probe"]);
    assert_eq!(
        b.paths(),
        [
            "POST /internal/correlate/probe",
            "POST /internal/correlate/deliver"
        ]
    );
    let delivered = &b.seen()[1];
    assert_eq!(
        delivered.json(),
        json!({"subscription": waiting, "message": {"messageName": "m"}})
    );
    assert_eq!(delivered.header("x-stellwerk-slot"), SECOND.to_string());
    let got = cluster
        .post("/message", r#"{"messageName":"m","resultEnabled":true}"#)
        .await;
    assert_eq!(
        got.json(),
        json!([{"resultType": "Execution", "execution": waiting}])
    );
    // It may vanish between the two steps.
    let got = cluster.post("/message", r#"{"messageName":"gone"}"#).await;
    assert_eq!((got.status, got.json()["message"].as_str()), (400, Some("gone")));
    // With an instance there is nothing to search.
    let before = (a.seen().len(), b.seen().len());
    let body = json!({"messageName": "m", "processInstanceId": id_in(FIRST, 1)}).to_string();
    assert_eq!(cluster.post("/message", &body).await.status, 204);
    assert_eq!((a.seen().len(), b.seen().len()), (before.0 + 1, before.1));
    assert_eq!(a.paths().last().unwrap(), "POST /engine-rest/message");
}

#[tokio::test]
async fn no_match_and_several_are_the_reference_s_400() {
    let (a, b) = (correlates(0, vec![], 0).await, correlates(1, vec![], 0).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let got = cluster.post("/message", r#"{"messageName":"zzz"}"#).await;
    let expected = concat!(
        r#"{"type":"RestException","message":"org.camunda.bpm.engine.MismatchingMessageCorrelationException: "#,
        r#"Cannot correlate message 'zzz': No process definition or execution matches the parameters","code":0}"#
    );
    assert_eq!(
        (got.status, std::str::from_utf8(&got.body).unwrap()),
        (400, expected)
    );
    assert_eq!(
        cluster
            .post("/message", r#"{"messageName":"z","all":true}"#)
            .await
            .status,
        204
    );
    let got = cluster
        .post(
            "/message",
            r#"{"messageName":"z","all":true,"resultEnabled":true}"#,
        )
        .await;
    assert_eq!((got.status, got.json()), (200, json!([])));

    let (a, b) = (
        correlates(0, vec![id_in(FIRST, 1)], 0).await,
        correlates(1, vec![id_in(SECOND, 1)], 0).await,
    );
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let got = cluster.post("/message", r#"{"messageName":"m"}"#).await;
    let expected = "org.camunda.bpm.engine.MismatchingMessageCorrelationException: ENGINE-13031 Cannot correlate a \
                    message with name 'm' to a single execution. 2 executions match the correlation keys: \
                    CorrelationSet [businessKey=null, processInstanceId=null, processDefinitionId=null, \
                    correlationKeys=null, localCorrelationKeys=null, tenantId=null, isTenantIdSet=false, \
                    isExecutionsOnly=false]";
    assert_eq!(
        (got.status, got.json()["message"].as_str()),
        (400, Some(expected))
    );
    assert_eq!(a.paths(), ["POST /internal/correlate/probe"]);
    let got = cluster
        .post(
            "/message",
            r#"{"messageName":"m","all":true,"resultEnabled":true}"#,
        )
        .await;
    assert_eq!(got.json().as_array().unwrap().len(), 2);
    // Without one shard neither "none" nor "the only one" can be told.
    b.kill().await;
    let got = cluster
        .send(
            "POST",
            "/message",
            &[("x-stellwerk-partial", "allow")],
            r#"{"messageName":"m"}"#,
        )
        .await;
    assert_eq!((got.status, &got.json()["shards"]), (503, &json!(["b"])));
}

#[tokio::test]
async fn a_message_that_nobody_waits_for_starts_once_in_the_slot_of_its_business_key() {
    let (a, b) = (correlates(0, vec![], 1).await, correlates(1, vec![], 1).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let key = key_for(true);
    let body = json!({"messageName": "m", "businessKey": key}).to_string();
    assert_eq!(cluster.post("/message", &body).await.status, 204);
    assert_eq!(a.paths(), ["POST /internal/correlate/probe"]);
    assert_eq!(
        b.paths(),
        ["POST /internal/correlate/probe", "POST /engine-rest/message"]
    );
    assert_eq!(
        b.seen()[1].header("x-stellwerk-slot"),
        Slot::of_key(&key).number().to_string()
    );
    assert_eq!(b.seen()[1].header("x-stellwerk-fanout"), "");
    assert_eq!(
        cluster.post("/message", r#"{"messageName":"m"}"#).await.status,
        204
    );
    let starts = |node: &FakeNode| {
        node.paths()
            .iter()
            .filter(|p| p.ends_with("/engine-rest/message"))
            .count()
    };
    assert_eq!(starts(&a) + starts(&b), 2);
}

#[tokio::test]
async fn a_new_shard_is_asked_as_soon_as_the_topology_names_it() {
    let (a, b) = (lists(0, vec![row("a")]).await, lists(1, vec![row("b")]).await);
    let whole =
        FakeNode::start(async |_| ok(json!({"count": 1})).with("x-stellwerk-coverage", Coverage::whole()))
            .await;
    let cluster = Cluster::start(&[("a", &[&whole])]).await;
    assert_eq!(cluster.get("/task/count").await.json(), json!({"count": 1}));
    let new = view_of(&[("a", &[&a]), ("b", &[&b])]);
    cluster.change(|view| *view = new);
    eventually("both shards are known", || cluster.views.receiver_count() > 0).await;
    let mut got = cluster.get("/task/count").await.json();
    while got != json!({"count": 2}) {
        got = cluster.get("/task/count").await.json();
    }
    assert_eq!(
        cluster.get("/engine").await.json()[2],
        json!({"name": ShardName::new("b").as_str()})
    );
}

/// Nodes of a fixed list are engines on their own: each takes every slot for its own, and none can replicate.
#[tokio::test]
async fn a_fixed_list_of_shards_serves_and_refuses_what_all_would_share() {
    let own = async |_| ok(json!({"count": 2})).with("x-stellwerk-coverage", Coverage::whole());
    let (a, b) = (FakeNode::start(own).await, FakeNode::start(own).await);
    let shard = |name: &str, node: &FakeNode| format!("{name}={}", node.url).parse().unwrap();
    let options = Options {
        shard: vec![shard("a", &a), shard("b", &b)],
        ..Options::default()
    };
    let cluster = Cluster::with(&[("a", &[&a]), ("b", &[&b])], options).await;
    assert_eq!(cluster.get("/task/count").await.json(), json!({"count": 4}));
    let got = cluster.post("/deployment/create", "x").await;
    assert!(
        got.status == 503
            && got.json()["message"]
                .as_str()
                .unwrap()
                .contains("--topology etcd"),
        "{got:?}"
    );
}

#[tokio::test]
async fn s3_43_what_a_message_starts_goes_where_its_definition_s_rule_says() {
    let answer = |of: usize| {
        move |seen: Seen| async move {
            match seen.path.as_str() {
                "/internal/correlate/probe" => {
                    let start = json!({"definition": "invoice:1:018b", "element": "S"});
                    ok(json!({"executions": [], "starts": [start]}))
                        .with("x-stellwerk-coverage", coverage(of, 2))
                }
                _ => no_content(),
            }
        }
    };
    let (a, b) = (FakeNode::start(answer(0)).await, FakeNode::start(answer(1)).await);
    let options = Options {
        routing_key: vec!["invoice=variable:customer".parse().unwrap()],
        ..Options::default()
    };
    let cluster = Cluster::with(&[("a", &[&a]), ("b", &[&b])], options).await;
    for (body, placed_by) in [
        (
            r#"{"messageName":"m","businessKey":"k","processVariables":{"customer":{"value":"c"}}}"#,
            "c",
        ),
        (
            r#"{"messageName":"m","businessKey":"k","correlationKeys":{"customer":{"value":"d"}},"all":true}"#,
            "d",
        ),
    ] {
        let sent = (a.seen().len(), b.seen().len());
        assert_eq!(cluster.post("/message", body).await.status, 204, "{body}");
        let seen = [a.seen().split_off(sent.0), b.seen().split_off(sent.1)].concat();
        let started = seen
            .iter()
            .find(|seen| seen.path == "/engine-rest/message")
            .unwrap();
        assert_eq!(
            started.header("x-stellwerk-slot"),
            Slot::of_key(placed_by).number().to_string()
        );
        assert_eq!(started.header("x-stellwerk-placed"), "1");
    }
}
