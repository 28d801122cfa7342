//! Nodes on SQLite: alone, and as shards of a cluster in one process.
use bpmn_core::Slot;
use cluster::{Cluster, in_process};
use engine_node::{
    Node, Options,
    app::{Caller, EngineError, IdempotencyKey},
    options::AuthKind,
    replication::NewDeployment,
    store::{DefinitionRow, DeploymentRow, FilterChange, FilterRow, IdentityChange},
};
use service::{Secret, Shutdown};
use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::net::TcpListener;
use topology::{ShardName, SlotTable, table::Shard};

/// A directory that is removed at the end of the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        let path = std::env::temp_dir().join(format!(
            "stellwerk-node-{}-{:016x}",
            std::process::id(),
            rand::random::<u64>()
        ));
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    fn database(&self, name: &str) -> String {
        format!("sqlite://{}", self.0.join(format!("{name}.db")).display())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A node on that database, and what stops it.
async fn try_node(options: Options, cluster: Option<&Arc<dyn Cluster>>) -> anyhow::Result<(Node, Shutdown)> {
    let shutdown = Shutdown::new(Duration::from_secs(5));
    let node = engine_node::start(options, listener().await, cluster.cloned(), shutdown.clone()).await?;
    Ok((node, shutdown))
}

async fn alone(url: &str) -> (Node, Shutdown) {
    try_node(Options::on_database(url), None).await.unwrap()
}

async fn shard(dir: &Dir, name: &str, cluster: &Arc<dyn Cluster>) -> (Node, Shutdown) {
    let options = Options {
        shard: Some(name.into()),
        ..Options::on_database(&dir.database(name))
    };
    try_node(options, Some(cluster)).await.unwrap()
}

async fn end((node, shutdown): (Node, Shutdown)) {
    shutdown.start();
    node.finished().await.unwrap();
}

async fn cluster_of(names: &[&str]) -> Arc<dyn Cluster> {
    let cluster = in_process();
    let shards = names
        .iter()
        .map(|n| Shard {
            name: ShardName::new(n),
            weight: 100,
        })
        .collect();
    cluster.cas_table(0, SlotTable::split(shards)).await.unwrap();
    cluster
}

fn model(key: &str, start: &str) -> Vec<u8> {
    format!(
        r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
             xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
             <process id="{key}" isExecutable="true" camunda:historyTimeToLive="5">
               <startEvent id="start">{start}</startEvent>
               <sequenceFlow id="f" sourceRef="start" targetRef="task"/>
               <userTask id="task"/>
             </process></definitions>"#
    )
    .into_bytes()
}

fn files(name: &str, files: &[(&str, Vec<u8>)]) -> NewDeployment {
    NewDeployment {
        name: Some(name.into()),
        resources: files.iter().map(|(n, c)| (n.to_string(), c.clone())).collect(),
        ..NewDeployment::default()
    }
}

async fn deploy(node: &Node, new: NewDeployment) -> (DeploymentRow, Vec<DefinitionRow>) {
    let deployed = node.app.replication.deploy(&Caller::default(), new).await;
    let (row, made) = deployed.unwrap();
    let definitions = if made { row.definitions.clone() } else { Vec::new() };
    (row, definitions)
}

/// Id, version and whether it may be started, of every definition a node knows.
fn known(node: &Node) -> Vec<(String, i32, bool)> {
    let view = node.app.engine.catalog().view();
    view.all()
        .map(|d| (d.row.rest_id.clone(), d.row.version, d.published))
        .collect()
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), met)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn s0_12_versions_grow_and_duplicates_are_filtered_across_a_restart() {
    let dir = Dir::new();
    let url = dir.database("one");
    let node = alone(&url).await;
    let (first, definitions) = deploy(&node.0, files("d", &[("a.bpmn", model("a", ""))])).await;
    let id = &definitions[0].id;
    assert_eq!(definitions[0].rest_id, format!("a:1:{id}"));
    assert_eq!(
        (id.slot(), definitions[0].home),
        (Some(Slot::of_key("a")), Slot::of_key("a"))
    );
    let again = NewDeployment {
        duplicate_filtering: true,
        ..files("d", &[("a.bpmn", model("a", ""))])
    };
    let (same, none) = deploy(&node.0, again.clone()).await;
    assert_eq!((same.id, none), (first.id, Vec::new()));
    end(node).await;

    let node = alone(&url).await;
    assert_eq!(known(&node.0), [(format!("a:1:{id}"), 1, true)]);
    assert_eq!(deploy(&node.0, again).await.0.id, first.id);
    let mut changed = files(
        "d",
        &[
            ("a.bpmn", model("a", "<documentation/>")),
            ("b.bpmn", model("b", "")),
        ],
    );
    assert_eq!(
        deploy(&node.0, changed.clone())
            .await
            .1
            .iter()
            .map(|d| d.version)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    changed.changed_only = true;
    changed.resources[0].1 = model("a", "");
    let (_, definitions) = deploy(&node.0, changed).await;
    assert_eq!(
        definitions
            .iter()
            .map(|d| (d.key.as_str(), d.version))
            .collect::<Vec<_>>(),
        [("a", 3)]
    );
    end(node).await;
}

#[tokio::test]
async fn a_model_with_problems_deploys_nothing() {
    let dir = Dir::new();
    let node = alone(&dir.database("one")).await;
    let new = files(
        "d",
        &[
            ("good.bpmn", model("good", "")),
            ("bad.bpmn", b"<definitions".to_vec()),
        ],
    );
    let refused = node
        .0
        .app
        .replication
        .deploy(&Caller::default(), new)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, EngineError::Parse { problems, .. } if problems[0].0 == "bad.bpmn"),
        "{refused}"
    );
    let twice = files("d", &[("a.bpmn", model("a", "")), ("b.bpmn", model("a", ""))]);
    let cycle = "<timerEventDefinition><timeCycle>hello</timeCycle></timerEventDefinition>";
    let never = files("d", &[("a.bpmn", model("a", cycle))]);
    for (new, words) in [(twice, "definitions with the same key 'a'"), (never, "'hello'")] {
        let refused = node
            .0
            .app
            .replication
            .deploy(&Caller::default(), new)
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains(words), "{refused}");
    }
    assert_eq!(known(&node.0), []);
    end(node).await;
}

#[tokio::test]
async fn a_deployment_with_the_same_idempotency_key_is_made_once() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1"]).await;
    for node in [
        alone(&dir.database("one")).await,
        shard(&dir, "s1", &cluster).await,
    ] {
        let caller = |digest: &str| Caller {
            idempotency: Some(IdempotencyKey {
                key: "k".into(),
                digest: digest.into(),
            }),
            ..Caller::default()
        };
        let new = files("d", &[("a.bpmn", model("a", ""))]);
        let replication = &node.0.app.replication;
        let first = replication.deploy(&caller("x"), new.clone()).await.unwrap();
        let second = replication.deploy(&caller("x"), new.clone()).await.unwrap();
        assert_eq!((first.0.id, first.1), (second.0.id, second.1));
        let reused = replication.deploy(&caller("y"), new).await.unwrap_err();
        assert!(matches!(reused, EngineError::KeyReused(_)), "{reused}");
        assert_eq!(known(&node.0).len(), 1);
        end(node).await;
    }
}

#[tokio::test]
async fn s0_12_every_shard_has_the_same_definition_and_one_added_later_catches_up_before_it_serves() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    let (one, two) = (
        shard(&dir, "s1", &cluster).await,
        shard(&dir, "s2", &cluster).await,
    );
    let (_, first) = deploy(&one.0, files("d", &[("a.bpmn", model("a", ""))])).await;
    let (_, second) = deploy(&two.0, files("e", &[("a.bpmn", model("a", ""))])).await;
    assert_eq!((first[0].version, second[0].version), (1, 2));
    until("both shards show both versions", async || {
        known(&one.0).len() == 2 && known(&one.0) == known(&two.0)
    })
    .await;
    assert!(known(&one.0).iter().all(|d| d.2));

    cluster
        .add_shard(Shard {
            name: ShardName::new("s3"),
            weight: 100,
        })
        .await
        .unwrap();
    let three = shard(&dir, "s3", &cluster).await;
    assert_eq!(known(&three.0), known(&one.0));
    let view = cluster.view();
    assert!(!view.shards[&ShardName::new("s3")].behind);
    assert!(three.0.app.engine.owned().slots().is_empty());
    assert_eq!(
        one.0.app.engine.owned().slots().len() + two.0.app.engine.owned().slots().len(),
        16_384
    );
    for node in [one, two, three] {
        end(node).await;
    }
    assert!(cluster.view().shards.values().all(|s| s.nodes.is_empty()));
}

#[tokio::test]
async fn nodes_that_deploy_at_once_make_different_versions() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    let (one, two) = (
        shard(&dir, "s1", &cluster).await,
        shard(&dir, "s2", &cluster).await,
    );
    let new = || files("d", &[("a.bpmn", model("a", ""))]);
    let (a, b, c, d) = tokio::join!(
        deploy(&one.0, new()),
        deploy(&two.0, new()),
        deploy(&one.0, new()),
        deploy(&two.0, new())
    );
    let mut versions: Vec<i32> = [a, b, c, d].iter().map(|(_, d)| d[0].version).collect();
    versions.sort();
    assert_eq!(versions, [1, 2, 3, 4]);
    until("both shards show all", async || {
        known(&one.0).len() == 4 && known(&one.0) == known(&two.0)
    })
    .await;
    end(one).await;
    end(two).await;
}

#[tokio::test]
async fn a_deployment_that_no_second_shard_can_keep_is_refused() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    let one = shard(&dir, "s1", &cluster).await;
    let new = files("d", &[("a.bpmn", model("a", ""))]);
    let refused = one
        .0
        .app
        .replication
        .deploy(&Caller::default(), new)
        .await
        .unwrap_err();
    assert!(matches!(refused, EngineError::NotReplicated(_)), "{refused}");
    assert_eq!(known(&one.0), []);
    end(one).await;
}

#[tokio::test]
async fn a_start_timer_is_armed_once_in_the_cluster_and_replaced_by_the_next_version() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    let nodes = [
        shard(&dir, "s1", &cluster).await,
        shard(&dir, "s2", &cluster).await,
    ];
    let timer =
        |cycle: &str| format!("<timerEventDefinition><timeCycle>{cycle}</timeCycle></timerEventDefinition>");
    let first = deploy(
        &nodes[0].0,
        files("d", &[("a.bpmn", model("a", &timer("R/PT1H")))]),
    )
    .await
    .1[0]
        .id;
    let jobs = async || {
        let mut jobs = Vec::new();
        for (node, _) in &nodes {
            let columns = ["definition_id", "suspended"];
            let query = sea_query::Query::select().columns(columns).from("job").to_owned();
            for row in node.app.engine.store().select(&query).await.unwrap().rows {
                jobs.push((row.id(0).unwrap(), row.bool(1).unwrap()));
            }
        }
        jobs
    };
    until("armed", async || jobs().await == [(first, false)]).await;
    let (row, next) = deploy(
        &nodes[1].0,
        files("d", &[("a.bpmn", model("a", &timer("R/PT2H")))]),
    )
    .await;
    until("replaced", async || jobs().await == [(next[0].id, false)]).await;
    for (node, _) in &nodes {
        node.app.replication.arm_start_timers().await.unwrap();
    }
    assert_eq!(jobs().await, [(next[0].id, false)]);
    // The older version is the newest again once this one is deleted.
    let replication = &nodes[0].0.app.replication;
    replication
        .delete_deployment(&Caller::default(), row.id, false)
        .await
        .unwrap();
    until("armed again", async || jobs().await == [(first, false)]).await;
    replication
        .suspend_definitions(&Caller::default(), vec![first], true, false)
        .await
        .unwrap();
    until("suspended", async || jobs().await == [(first, true)]).await;
    for node in nodes {
        end(node).await;
    }
}

#[tokio::test]
async fn s0_16_the_same_users_work_on_every_shard_and_others_get_401() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    let mut nodes = Vec::new();
    for name in ["s1", "s2"] {
        let options = Options {
            shard: Some(name.into()),
            auth: AuthKind::Basic,
            admin_user: Some("jonny".into()),
            admin_password: Some(Secret::new("s3cret")),
            ..Options::on_database(&dir.database(name))
        };
        nodes.push(try_node(options, Some(&cluster)).await.unwrap());
    }
    let client = reqwest::Client::new();
    for (node, _) in &nodes {
        let url = format!("{}/version", node.base_url);
        let get = async |password: Option<&str>| {
            let request = client.get(&url);
            let request = match password {
                Some(password) => request.basic_auth("jonny", Some(password)),
                None => request,
            };
            request.send().await.unwrap()
        };
        assert_eq!(get(Some("s3cret")).await.status(), 200);
        for wrong in [None, Some("other")] {
            let answer = get(wrong).await;
            assert_eq!(answer.status(), 401);
            assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"default\"");
            assert!(!answer.headers().contains_key("set-cookie"));
            assert_eq!(answer.text().await.unwrap(), "");
        }
        assert_eq!(get(Some("s3cret")).await.status(), 200);
        assert_eq!(node.app.engine.store().user_count().await.unwrap(), 1);
    }
    let changed = engine_node::auth::new_user("jonny", "changed").unwrap();
    let change = move |_| {
        let changed = changed.clone();
        async move { Ok::<_, engine_node::app::EngineError>(vec![IdentityChange::PutUser(changed)]) }
    };
    nodes[0]
        .0
        .app
        .replication
        .change_identity(&engine_node::app::Caller::default(), String::new(), change)
        .await
        .unwrap();
    until("the other shard knows the new password", async || {
        let request = client
            .get(format!("{}/version", nodes[1].0.base_url))
            .basic_auth("jonny", Some("changed"));
        request.send().await.unwrap().status() == 200
    })
    .await;
    for node in nodes {
        end(node).await;
    }
}

#[tokio::test]
async fn s0_16_authentication_is_off_by_default_and_only_on_loopback() {
    let dir = Dir::new();
    let node = alone(&dir.database("one")).await;
    assert_eq!(
        reqwest::get(format!("{}/version", node.0.base_url))
            .await
            .unwrap()
            .status(),
        200
    );
    end(node).await;
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let options = Options::on_database(&dir.database("two"));
    let refused = engine_node::start(options, open, None, Shutdown::new(Duration::ZERO)).await;
    assert!(refused.err().unwrap().to_string().contains("--insecure-no-auth"));
}

#[tokio::test]
async fn s0_08_a_wrong_base_path_is_told_where_the_api_is() {
    let dir = Dir::new();
    let node = alone(&dir.database("one")).await;
    let base = node.0.base_url.trim_end_matches("/engine-rest").to_owned();
    for path in ["/rest/engine/default/version", "/", "/version"] {
        let answer = reqwest::get(format!("{base}{path}")).await.unwrap();
        assert_eq!(answer.status(), 404);
        assert!(answer.text().await.unwrap().contains("/engine-rest"));
    }
    end(node).await;
}

#[tokio::test]
async fn internal_calls_and_headers_need_the_secret() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1"]).await;
    let options = Options {
        shard: Some("s1".into()),
        cluster_secret: Some(Secret::new("s3cret")),
        ..Options::on_database(&dir.database("s1"))
    };
    let node = try_node(options, Some(&cluster)).await.unwrap();
    let url = format!("{}/internal/info", node.0.app.node.url);
    let client = reqwest::Client::new();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 403);
    let info = client
        .get(&url)
        .header("X-Stellwerk-Secret", "s3cret")
        .send()
        .await
        .unwrap();
    assert_eq!(info.status(), 200);
    let info: serde_json::Value = info.json().await.unwrap();
    assert_eq!(
        (&info["shard"], &info["slots"]["owned"]),
        (&"s1".into(), &16_384.into())
    );
    // A slot that can't be: believed, it is refused; from a stranger it isn't even read.
    let version = |secret: &'static str| {
        let request = client.get(format!("{}/version", node.0.base_url));
        request
            .header("X-Stellwerk-Slot", "99999")
            .header("X-Stellwerk-Secret", secret)
            .send()
    };
    assert_eq!(version("other").await.unwrap().status(), 200);
    assert_eq!(version("s3cret").await.unwrap().status(), 400);
    end(node).await;
}

#[tokio::test]
async fn a_database_serves_only_the_cluster_and_shard_it_belongs_to() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    end(shard(&dir, "s1", &cluster).await).await;
    let url = dir.database("s1");
    let wrong_shard = Options {
        shard: Some("s2".into()),
        ..Options::on_database(&url)
    };
    let other = cluster_of(&["s1"]).await;
    let right_shard = Options {
        shard: Some("s1".into()),
        ..Options::on_database(&url)
    };
    for (options, cluster) in [
        (Options::on_database(&url), None),
        (wrong_shard, Some(&cluster)),
        (right_shard, Some(&other)),
    ] {
        let refused = format!("{:#}", try_node(options, cluster).await.err().unwrap());
        assert!(refused.contains("shard 's1' of cluster"), "{refused}");
    }
}

#[tokio::test]
async fn two_nodes_alone_on_one_database_see_each_other_s_deployments() {
    let dir = Dir::new();
    let url = dir.database("one");
    let (one, two) = (alone(&url).await, alone(&url).await);
    let (_, definitions) = deploy(&one.0, files("d", &[("a.bpmn", model("a", ""))])).await;
    let found = two
        .0
        .app
        .replication
        .definition(&definitions[0].rest_id)
        .await
        .unwrap();
    assert!(found.is_some_and(|d| d.published));
    assert_eq!(
        deploy(&two.0, files("d", &[("a.bpmn", model("a", ""))])).await.1[0].version,
        2
    );
    end(one).await;
    end(two).await;
}

#[tokio::test]
async fn a_shard_that_does_not_apply_is_marked_named_and_caught_up_later() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2", "s3"]).await;
    let options = |name: &str| Options {
        shard: Some(name.into()),
        replication_timeout: Duration::from_secs(1),
        ..Options::on_database(&dir.database(name))
    };
    let one = try_node(options("s1"), Some(&cluster)).await.unwrap();
    let two = try_node(options("s2"), Some(&cluster)).await.unwrap();
    let form = || {
        let part = reqwest::multipart::Part::bytes(model("a", "")).file_name("a.bpmn");
        reqwest::multipart::Form::new()
            .text("deployment-name", "d")
            .part("a.bpmn", part)
    };
    let url = format!("{}/deployment/create", one.0.base_url);
    let answer = reqwest::Client::new()
        .post(&url)
        .multipart(form())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-stellwerk-behind"]),
        (200, &"s3".parse().unwrap())
    );
    assert!(cluster.view().shards[&ShardName::new("s3")].behind);
    let three = try_node(options("s3"), Some(&cluster)).await.unwrap();
    assert_eq!(known(&three.0), known(&one.0));
    assert!(!cluster.view().shards[&ShardName::new("s3")].behind);
    let answer = reqwest::Client::new()
        .post(&url)
        .multipart(form())
        .send()
        .await
        .unwrap();
    assert!(!answer.headers().contains_key("x-stellwerk-behind"));
    for node in [one, two, three] {
        end(node).await;
    }
}

#[tokio::test]
async fn a_deployment_is_deleted_on_every_shard_only_without_instances_or_with_cascade() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    let nodes = [
        shard(&dir, "s1", &cluster).await,
        shard(&dir, "s2", &cluster).await,
    ];
    let (row, definitions) = deploy(&nodes[0].0, files("d", &[("a.bpmn", model("a", ""))])).await;
    let client = reqwest::Client::new();
    let start = async |node: &Node| {
        let url = format!(
            "{}/process-definition/{}/start",
            node.base_url, definitions[0].rest_id
        );
        client
            .post(url)
            .json(&serde_json::json!({}))
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(start(&nodes[1].0).await, 200);
    let url = format!("{}/deployment/{}", nodes[0].0.base_url, row.id);
    let refused = client.delete(&url).send().await.unwrap();
    assert_eq!(refused.status(), 500);
    assert!(
        refused
            .text()
            .await
            .unwrap()
            .contains("there are 1 dependent process instances.")
    );
    assert_eq!(start(&nodes[0].0).await, 200);
    assert_eq!(
        client
            .delete(format!("{url}?cascade=true"))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    for (node, _) in &nodes {
        let gone = format!("{}/process-definition/{}", node.base_url, definitions[0].rest_id);
        assert_eq!(client.get(gone).send().await.unwrap().status(), 404);
        let count = reqwest::get(format!("{}/process-instance/count", node.base_url))
            .await
            .unwrap();
        assert_eq!(count.text().await.unwrap(), "{\"count\":0}");
    }
    let (_, definitions) = deploy(&nodes[1].0, files("d", &[("a.bpmn", model("a", ""))])).await;
    assert_eq!(definitions[0].version, 1);
    for node in nodes {
        end(node).await;
    }
}

#[tokio::test]
async fn a_node_that_stops_withdraws_and_answers_its_long_polls() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1"]).await;
    let (node, shutdown) = shard(&dir, "s1", &cluster).await;
    let url = format!("{}/external-task/fetchAndLock", node.base_url);
    let body = serde_json::json!({"workerId": "w", "maxTasks": 1, "asyncResponseTimeout": 600_000,
        "topics": [{"topicName": "t", "lockDuration": 1000}]});
    let poll = tokio::spawn(async move { reqwest::Client::new().post(url).json(&body).send().await });
    until("ready", async || node.app.ready.check().is_ok()).await;
    shutdown.start();
    let answer = poll.await.unwrap().unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
        (200, "[]")
    );
    let ready = node.app.ready.clone();
    node.finished().await.unwrap();
    assert!(ready.check().unwrap_err().contains("process: stopping"));
    assert!(cluster.view().shards.values().all(|s| s.nodes.is_empty()));
}

#[tokio::test]
async fn s3_14_a_node_that_left_and_refuses_connections_loses_its_jobs_to_the_others() {
    let dir = Dir::new();
    let cluster = cluster_of(&["a"]).await;
    let (node, shutdown) = shard(&dir, "a", &cluster).await;
    let engine = &node.app.engine;
    engine.set_executor_active(false).await.unwrap();
    let model = String::from_utf8(model("p", "")).unwrap().replace(
        r#"<userTask id="task"/>"#,
        r#"<userTask id="task" camunda:asyncBefore="true"/>"#,
    );
    deploy(&node, files("d", &[("p.bpmn", model.into_bytes())])).await;
    let name = ShardName::new("a");
    // Another node of the shard takes the job for an hour, and dies: nobody listens at its port any more.
    let port = listener().await.local_addr().unwrap();
    let info = cluster::NodeInfo {
        id: "other".into(),
        url: format!("http://{port}"),
        version: "0".into(),
    };
    let lease = cluster.register_node(&name, info).await.unwrap();
    let view = engine.catalog().view();
    let deployed = view.all().next().unwrap().clone();
    let start = engine_node::app::commands::Start {
        by: None,
        deployed,
        element: None,
        business_key: None,
        case_instance_id: None,
        variables: Vec::new(),
        form: false,
    };
    let answer = Box::new(
        |_: &bpmn_core::instance::Instance, _: &bpmn_core::command::Outcome| {
            engine_node::app::Answer::no_content()
        },
    );
    engine.start(&Caller::default(), start, answer).await.unwrap();
    let taken = engine
        .store()
        .acquire_jobs("other", 9, 0, 3_600_000)
        .await
        .unwrap();
    assert_eq!(taken.jobs.len(), 1);
    engine.set_executor_active(true).await.unwrap();
    lease.revoke().await;
    let executed = &engine.executor().counters.executed;
    until("the job runs here", async || {
        executed.load(std::sync::atomic::Ordering::Relaxed) == 1
    })
    .await;
    end((node, shutdown)).await;
}

#[tokio::test]
async fn s3_45_only_a_change_of_users_makes_a_node_forget_whom_it_knows() {
    let dir = Dir::new();
    let cluster = cluster_of(&["s1", "s2"]).await;
    let mut nodes = Vec::new();
    for name in ["s1", "s2"] {
        let options = Options {
            shard: Some(name.into()),
            ..Options::on_database(&dir.database(name))
        };
        nodes.push(try_node(options, Some(&cluster)).await.unwrap());
    }
    let replication = &nodes[0].0.app.replication;
    let known = |node: &Node| node.app.replication.identity().load(Ordering::Acquire);
    let seen = |node: &Node| node.app.engine.catalog().view().applied;
    let before: Vec<u64> = nodes.iter().map(|(node, _)| known(node)).collect();
    let filter = FilterRow {
        id: nodes[0].0.app.engine.new_id(Slot::of_key("f")),
        name: "f".into(),
        owner: None,
        query: "{}".into(),
        properties: None,
    };
    replication
        .change_filter(FilterChange::Put(filter))
        .await
        .unwrap();
    let log = seen(&nodes[0].0);
    until("the other shard has it", async || seen(&nodes[1].0) >= log).await;
    let after: Vec<u64> = nodes.iter().map(|(node, _)| known(node)).collect();
    assert_eq!(before, after);
    let user = engine_node::auth::new_user("anna", "a").unwrap();
    let change = move |_| {
        let user = user.clone();
        async move { Ok::<_, engine_node::app::EngineError>(vec![IdentityChange::PutUser(user)]) }
    };
    let nobody = engine_node::app::Caller::default();
    replication
        .change_identity(&nobody, String::new(), change)
        .await
        .unwrap();
    for ((node, _), before) in nodes.iter().zip(before) {
        until("the node has forgotten", async || known(node) > before).await;
    }
    for node in nodes {
        end(node).await;
    }
}
