//! External tasks over shards: fair, never too many, parked in the router, given back when the client has left.
mod support;

use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::*;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Notify, Semaphore},
    time::Instant,
};

/// A shard with a stock of tasks; locks no more than it is asked for.
struct Stock {
    node: FakeNode,
    tasks: Arc<Mutex<Vec<Value>>>,
}

async fn stock(slot: u16, count: u64) -> Stock {
    let task = |n| json!({"id": id_in(slot, n), "topicName": "t", "_lockRevision": n});
    let tasks = Arc::new(Mutex::new((0..count).map(task).collect::<Vec<Value>>()));
    let shared = tasks.clone();
    let node = FakeNode::start(move |seen: Seen| {
        let tasks = shared.clone();
        async move {
            match seen.path.as_str() {
                "/internal/external-task/unlock" => no_content(),
                "/internal/external-task/peek" => {
                    let mut places: Vec<i64> = tasks
                        .lock()
                        .unwrap()
                        .iter()
                        .map(|task| task["priority"].as_i64().unwrap())
                        .collect();
                    places.sort_unstable_by_key(|priority| -priority);
                    places.truncate(seen.json()["maxTasks"].as_u64().unwrap() as usize);
                    ok(places
                        .into_iter()
                        .map(|p| json!({"priority": p, "created": 0}))
                        .collect())
                }
                _ => {
                    let mut tasks = tasks.lock().unwrap();
                    if seen.json()["usePriority"] == true {
                        tasks.sort_by_key(|task| -task["priority"].as_i64().unwrap());
                    }
                    let wanted = seen.json()["maxTasks"].as_u64().unwrap() as usize;
                    let taken = wanted.min(tasks.len());
                    ok(tasks.drain(..taken).collect())
                }
            }
        }
    })
    .await;
    Stock { node, tasks }
}

impl Stock {
    fn put(&self, slot: u16, n: u64) {
        self.tasks
            .lock()
            .unwrap()
            .push(json!({"id": id_in(slot, n), "topicName": "t", "_lockRevision": n}));
    }

    fn asked(&self) -> usize {
        self.node
            .paths()
            .iter()
            .filter(|path| path.ends_with("/fetchAndLock"))
            .count()
    }

    fn unlocked(&self) -> Vec<Value> {
        let unlocks = self
            .node
            .seen()
            .into_iter()
            .filter(|seen| seen.path.ends_with("/unlock"));
        unlocks
            .flat_map(|seen| seen.json().as_array().unwrap().clone())
            .collect()
    }
}

fn body(max_tasks: u64, wait: Option<u64>) -> String {
    json!({
        "workerId": "w", "maxTasks": max_tasks, "asyncResponseTimeout": wait,
        "topics": [{"topicName": "t", "lockDuration": 10_000}],
    })
    .to_string()
}

const PATH: &str = "/external-task/fetchAndLock";

fn task(slot: u16, n: u64, priority: i64) -> Value {
    json!({
        "id": id_in(slot, n), "topicName": "t", "_lockRevision": n, "priority": priority,
        "createTime": "2026-01-01T00:00:00.000+0000",
    })
}

fn by_priority(max_tasks: u64, wait: Option<u64>) -> String {
    let mut body: Value = serde_json::from_str(&body(max_tasks, wait)).unwrap();
    body["usePriority"] = true.into();
    body.to_string()
}

#[tokio::test]
async fn the_highest_priorities_of_all_shards_come_first() {
    let (a, b, c) = (
        stock(FIRST, 0).await,
        stock(SECOND, 0).await,
        stock(SECOND, 0).await,
    );
    let cluster = Cluster::start(&[("a", &[&a.node]), ("b", &[&b.node]), ("c", &[&c.node])]).await;
    for (shard, priorities) in [(&a, [5, 0, 7]), (&b, [9, 1, 5]), (&c, [0, 0, 0])] {
        let tasks = priorities
            .iter()
            .enumerate()
            .map(|(n, p)| task(FIRST, n as u64, *p));
        shard.tasks.lock().unwrap().extend(tasks);
    }
    for expected in [vec![9, 7], vec![5, 5], vec![1, 0], vec![0, 0], vec![0], vec![]] {
        let got = cluster.post(PATH, &by_priority(2, None)).await.json();
        let priorities: Vec<i64> = got
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["priority"].as_i64().unwrap())
            .collect();
        assert_eq!(priorities, expected);
    }
    // A shard that has none of the first is not asked to lock.
    let asked = |stock: &Stock| stock.asked();
    assert!(
        asked(&a) + asked(&b) + asked(&c) <= 9,
        "{} {} {}",
        asked(&a),
        asked(&b),
        asked(&c)
    );
}

#[tokio::test]
async fn s0_19_an_idle_poll_by_priority_looks_once_and_locks_what_is_born() {
    let (a, b) = (stock(FIRST, 0).await, stock(SECOND, 0).await);
    let cluster = Cluster::start(&[("a", &[&a.node]), ("b", &[&b.node])]).await;
    a.node.heard().await;
    b.node.heard().await;
    let request = by_priority(1, Some(20_000));
    let (got, ()) = tokio::join!(cluster.post(PATH, &request), async {
        eventually("parked", || cluster.metrics.long_polls.get() == 1).await;
        let looks = |stock: &Stock| stock.node.paths().iter().filter(|p| p.ends_with("/peek")).count();
        eventually("looked", || looks(&a) >= 1 && looks(&b) >= 1).await;
        assert_eq!((a.asked(), b.asked()), (0, 0));
        b.tasks.lock().unwrap().push(task(SECOND, 1, 3));
        b.node.announce("t").await;
    });
    assert_eq!(got.json()[0]["priority"], 3);
    assert_eq!(a.asked(), 0);
}

#[tokio::test]
async fn a_shard_that_is_gone_costs_a_fetch_by_priority_its_own_tasks_only() {
    let (a, b) = (stock(FIRST, 0).await, stock(SECOND, 0).await);
    let cluster = Cluster::start(&[("a", &[&a.node]), ("b", &[&b.node])]).await;
    a.tasks.lock().unwrap().push(task(FIRST, 1, 3));
    b.node.kill().await;
    let got = cluster.post(PATH, &by_priority(2, None)).await;
    assert_eq!((got.status, got.json().as_array().unwrap().len()), (200, 1));
    assert_eq!(got.header("x-stellwerk-missing"), "b");
}

#[tokio::test]
async fn s0_19_max_tasks_holds_over_all_shards_and_every_shard_gets_its_turn() {
    let (a, b) = (stock(FIRST, 30).await, stock(SECOND, 30).await);
    let cluster = Cluster::start(&[("a", &[&a.node]), ("b", &[&b.node])]).await;
    let mut fetched = 0;
    while fetched < 60 {
        let got = cluster.post(PATH, &body(7, None)).await.json();
        let tasks = got.as_array().unwrap();
        assert!(tasks.len() == 7 || fetched + tasks.len() == 60, "{}", tasks.len());
        assert!(
            tasks
                .iter()
                .all(|task| task.get("_lockRevision").is_none() && task["topicName"] == "t")
        );
        fetched += tasks.len();
    }
    for shard in [&a, &b] {
        let seen = shard.node.seen();
        assert!(
            seen.iter()
                .all(|seen| seen.json()["maxTasks"].as_u64().unwrap() <= 7)
        );
        assert!(
            seen.iter()
                .all(|seen| seen.json().get("asyncResponseTimeout").is_none())
        );
        assert!(seen.iter().all(|seen| seen.header("x-stellwerk-fanout") == "1"));
        assert!(shard.unlocked().is_empty());
    }
    // Whoever begins is drawn: neither shard waits until the other is empty.
    assert_eq!(cluster.post(PATH, &body(7, None)).await.json(), json!([]));
}

#[tokio::test]
async fn s0_19_an_idle_poll_waits_in_the_router_and_ends_with_an_empty_list() {
    let (a, b) = (stock(FIRST, 0).await, stock(SECOND, 0).await);
    let cluster = Cluster::start(&[("a", &[&a.node]), ("b", &[&b.node])]).await;
    let start = Instant::now();
    let got = cluster.post(PATH, &body(1, Some(300))).await;
    assert_eq!(
        (got.status, got.json(), got.header("content-type")),
        (200, json!([]), "application/json")
    );
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(cluster.metrics.long_polls.get(), 0);
}

#[tokio::test]
async fn s0_19_a_task_born_on_any_shard_reaches_the_waiting_worker() {
    let (a, b) = (stock(FIRST, 0).await, stock(SECOND, 0).await);
    let cluster = Cluster::start(&[("a", &[&a.node]), ("b", &[&b.node])]).await;
    for (shard, slot) in [(&a, FIRST), (&b, SECOND)] {
        let before = (a.asked(), b.asked());
        let (got, ()) = tokio::join!(
            async { cluster.post(PATH, &body(5, Some(20_000))).await },
            async {
                eventually("it has asked both", || {
                    a.asked() > before.0 && b.asked() > before.1
                })
                .await;
                shard.put(slot, 77);
                shard.node.announce("t").await;
            }
        );
        assert_eq!(got.json()[0]["id"], id_in(slot, 77));
    }
}

#[tokio::test]
async fn work_that_nobody_announces_is_found_too() {
    let a = stock(FIRST, 0).await;
    let cluster = Cluster::start(&[("a", &[&a.node])]).await;
    let (got, ()) = tokio::join!(
        async { cluster.post(PATH, &body(1, Some(20_000))).await },
        async {
            eventually("it has asked", || a.asked() > 0).await;
            a.put(FIRST, 1);
        }
    );
    assert_eq!(got.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_announcement_serves_as_many_workers_as_there_is_work_for() {
    let a = stock(FIRST, 0).await;
    let cluster = Arc::new(Cluster::start(&[("a", &[&a.node])]).await);
    let polls: Vec<_> = (0..6)
        .map(|_| {
            let cluster = cluster.clone();
            tokio::spawn(async move { cluster.post(PATH, &body(1, Some(20_000))).await.json() })
        })
        .collect();
    eventually("all wait", || {
        cluster.metrics.long_polls.get() == 6 && a.asked() >= 6
    })
    .await;
    (0..6).for_each(|n| a.put(FIRST, n));
    a.node.announce("t").await;
    let mut ids = Vec::new();
    for poll in polls {
        ids.push(poll.await.unwrap()[0]["id"].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn a_shard_that_fails_costs_only_its_own_tasks() {
    let (a, b) = (stock(FIRST, 50).await, stock(SECOND, 0).await);
    let cluster = Cluster::start(&[("a", &[&a.node]), ("b", &[&b.node])]).await;
    b.node.kill().await;
    let got = cluster.post(PATH, &body(40, None)).await;
    assert_eq!((got.status, got.json().as_array().unwrap().len()), (200, 40));
    let got = cluster.post(PATH, &body(40, None)).await;
    assert_eq!(
        (
            got.json().as_array().unwrap().len(),
            got.header("x-stellwerk-missing")
        ),
        (10, "b")
    );
    let got = cluster.post(PATH, &body(1, Some(50))).await;
    assert_eq!(
        (got.status, got.json(), got.header("x-stellwerk-missing")),
        (200, json!([]), "b")
    );
    a.node.kill().await;
    assert_eq!(cluster.post(PATH, &body(1, Some(50))).await.status, 503);
}

async fn raw(cluster: &Cluster, body: &str) -> TcpStream {
    let address = cluster
        .url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/engine-rest")
        .unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /engine-rest{PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

#[tokio::test]
async fn s0_19_a_parked_client_that_leaves_locks_nothing_afterwards() {
    let a = stock(FIRST, 0).await;
    let cluster = Cluster::start(&[("a", &[&a.node])]).await;
    let socket = raw(&cluster, &body(1, Some(60_000))).await;
    eventually("it is parked", || {
        a.asked() > 0 && cluster.metrics.long_polls.get() == 1
    })
    .await;
    drop(socket);
    eventually("the router notices", || cluster.metrics.long_polls.get() == 0).await;
    let asked = a.asked();
    a.put(FIRST, 1);
    a.node.announce("t").await;
    // The next one gets the task, and the one that left has asked nothing more.
    assert_eq!(
        cluster
            .post(PATH, &body(1, Some(20_000)))
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(a.asked(), asked + 1);
}

#[tokio::test]
async fn s0_19_what_was_locked_for_a_client_that_left_meanwhile_is_given_back() {
    let (locking, go) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let unlocked = Arc::new(Mutex::new(Vec::new()));
    let shared = (locking.clone(), go.clone(), unlocked.clone());
    let node = FakeNode::start(move |seen: Seen| {
        let (locking, go, unlocked) = shared.clone();
        async move {
            if seen.path.ends_with("/unlock") {
                assert_eq!(seen.header("authorization"), "");
                unlocked.lock().unwrap().push(seen.json());
                return no_content();
            }
            locking.notify_one();
            go.acquire().await.unwrap().forget();
            ok(json!([{"id": "one", "_lockRevision": 3}, {"id": "two", "_lockRevision": 8}]))
        }
    })
    .await;
    let cluster = Cluster::start(&[("a", &[&node])]).await;
    let socket = raw(&cluster, &body(2, Some(60_000))).await;
    locking.notified().await;
    drop(socket);
    eventually("the router notices", || cluster.metrics.long_polls.get() == 0).await;
    go.add_permits(1);
    eventually("both are given back", || !unlocked.lock().unwrap().is_empty()).await;
    let expected = json!([{"id": "one", "lockRevision": 3}, {"id": "two", "lockRevision": 8}]);
    assert_eq!(unlocked.lock().unwrap()[0], expected);
    eventually("it is counted", || cluster.metrics.tasks_given_back.get() == 2).await;
    // A client that stays keeps its tasks.
    go.add_permits(1);
    assert_eq!(
        cluster.post(PATH, &body(2, None)).await.json(),
        json!([{"id": "one"}, {"id": "two"}])
    );
    assert_eq!(unlocked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn errors_are_the_engine_s_own() {
    let refuse = async |_| {
        status(
            500,
            json!({"type": "NullValueException", "message": "workerId is null", "code": 0}),
        )
    };
    let (a, b) = (FakeNode::start(refuse).await, FakeNode::start(refuse).await);
    let cluster = Cluster::start(&[("a", &[&a]), ("b", &[&b])]).await;
    let got = cluster.post(PATH, &body(1, Some(10_000))).await;
    assert_eq!(
        (got.status, got.json()["type"].as_str()),
        (500, Some("NullValueException"))
    );
    assert_eq!(a.seen().len() + b.seen().len(), 1);
    let got = cluster.post(PATH, "{x").await;
    assert_eq!(got.status, 400);
    let got = cluster.post(PATH, &body(1, Some(1_800_001))).await;
    assert_eq!(
        (got.status, got.json()["message"].as_str()),
        (
            400,
            Some(
                "The asynchronous response timeout cannot be set to a value greater than 1800000 milliseconds"
            )
        )
    );
}

#[tokio::test]
async fn parked_polls_are_answered_when_the_router_stops() {
    let a = stock(FIRST, 0).await;
    let cluster = Cluster::start(&[("a", &[&a.node])]).await;
    let (got, ()) = tokio::join!(
        async { cluster.post(PATH, &body(1, Some(1_000_000))).await },
        async {
            eventually("it is parked", || {
                a.asked() > 0 && cluster.metrics.long_polls.get() == 1
            })
            .await;
            cluster.shutdown.start();
        }
    );
    assert_eq!((got.status, got.json()), (200, json!([])));
    cluster.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn s0_23_workers_that_wait_take_turns() {
    let a = stock(FIRST, 0).await;
    let cluster = Arc::new(Cluster::start(&[("a", &[&a.node])]).await);
    let counts: Vec<Arc<AtomicUsize>> = (0..2).map(|_| Arc::default()).collect();
    let workers: Vec<_> = counts
        .iter()
        .map(|count| {
            let (cluster, count) = (cluster.clone(), count.clone());
            tokio::spawn(async move {
                loop {
                    let got = cluster.post(PATH, &body(1, Some(20_000))).await;
                    count.fetch_add(got.json().as_array().unwrap().len(), Ordering::SeqCst);
                }
            })
        })
        .collect();
    let done = || {
        counts
            .iter()
            .map(|count| count.load(Ordering::SeqCst))
            .sum::<usize>()
    };
    for n in 0..20 {
        eventually("both wait", || cluster.metrics.long_polls.get() == 2).await;
        a.put(FIRST, n);
        a.node.announce("t").await;
        eventually("the task is taken", || done() > n as usize).await;
    }
    let shares: Vec<usize> = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    assert!(shares.iter().all(|share| *share >= 6), "{shares:?}");
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}
