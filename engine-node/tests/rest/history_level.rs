//! The history level of a shard: kept by its database, changed while its nodes run.
use crate::api::{Api, MANY, ORDER};
use engine_node::{
    Options,
    app::history::{Drop, LevelName, Rules, Told},
};
use serde_json::json;
use service::Shutdown;
use std::time::Duration;
use testkit::postgres::Server;
use tokio::net::TcpListener;

async fn on(url: &str, level: Option<LevelName>) -> Api {
    Api::with(|options| {
        options.job_executor_activate = false;
        options.database_url = Some(url.to_owned());
        options.history = level;
    })
    .await
}

async fn count(api: &Api, what: &str) -> u64 {
    let body = api.get(&format!("/history/{what}/count")).await;
    body["count"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_14_a_level_changes_on_all_nodes_of_a_shard_while_they_run() {
    let server = Server::durable().unwrap();
    let url = server.create("history").unwrap();
    let first = on(&url, Some(LevelName::Full)).await;
    let second = on(&url, None).await;
    assert_eq!(second.app.engine.history().level, LevelName::Full);
    first.deploy(ORDER).await;
    let before = first
        .start("Order_Process", json!({"variables": {"a": {"value": "1"}}}))
        .await;
    assert_eq!(
        (
            count(&second, "variable-instance").await,
            count(&second, "detail").await
        ),
        (1, 1)
    );

    let told = Told::level(LevelName::Activity);
    first.app.engine.set_history(told.clone()).await.unwrap();
    let taken_over = async {
        while *second.app.engine.history() != told {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), taken_over)
        .await
        .expect("the other node takes the level over");
    second
        .until("/process-definition/count", |c| c["count"] == 1)
        .await;
    let after = second
        .start("Order_Process", json!({"variables": {"a": {"value": "2"}}}))
        .await;
    // The old instance is told to its end, the new one only by what the new level tells.
    for id in [before, after] {
        second
            .done("DELETE", &format!("/process-instance/{id}"), json!({}))
            .await;
    }
    assert_eq!(count(&first, "process-instance").await, 2);
    assert_eq!(count(&first, "variable-instance").await, 1);
    assert_eq!(count(&first, "external-task-log").await, 2);

    // Configured differently from the database: both values and the way out are named.
    let mut options = Options::on_database(&url);
    options.history = Some(LevelName::Full);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = engine_node::start(options, listener, None, Shutdown::new(Duration::from_secs(1))).await;
    let message = format!("{:#}", refused.err().expect("a mismatch"));
    for word in ["full", "activity", "history-level set full"] {
        assert!(message.contains(word), "{message}");
    }
}

#[tokio::test]
async fn s3_04_rules_drop_what_they_name_from_the_lists() {
    let api = Api::quiet().await;
    let drop = vec![
        Drop {
            variables: Some("secret*".into()),
            ..Drop::default()
        },
        Drop {
            events: vec!["IDENTITY_LINK_*".into()],
            ..Drop::default()
        },
    ];
    let told = Told {
        level: LevelName::Custom,
        rules: Some(Rules {
            base: LevelName::Full,
            drop,
        }),
    };
    api.app.engine.set_history(told).await.unwrap();
    api.deploy(MANY).await;
    let variables = json!({"variables": {"open": {"value": "1"}, "secret_pin": {"value": "MARK"}}});
    let id = api.start("Many", variables).await;
    for _ in 0..2 {
        let names = api.get("/history/variable-instance").await;
        assert_eq!(
            (names.as_array().unwrap().len(), &names[0]["name"]),
            (1, &json!("open"))
        );
        assert!(!api.get("/history/detail").await.to_string().contains("MARK"));
        assert_eq!(count(&api, "task").await, 1);
        assert_eq!(api.get("/history/identity-link-log").await, json!([]));
        // Once running, once ended.
        api.call("DELETE", &format!("/process-instance/{id}")).await;
    }
}
