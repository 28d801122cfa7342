//! History's clean-up as asked for over the API, and the sink.
use crate::api::{Api, ORDER};
use engine_node::sink::Target;
use serde_json::{Value, json};

async fn ended(api: &Api) -> String {
    let id = api.start("Order_Process", json!({})).await;
    api.done("DELETE", &format!("/process-instance/{id}"), json!({}))
        .await;
    id
}

#[tokio::test]
async fn s3_07_what_has_expired_is_gone_after_a_cleanup_was_asked_for() {
    // The clean-up is a job: it runs where jobs do.
    let api = Api::running().await;
    api.deploy(ORDER).await;
    let missing = api
        .with_headers("GET", "/history/cleanup/job", &[], Value::Null)
        .await;
    let jobs = api
        .with_headers("GET", "/history/cleanup/jobs", &[], Value::Null)
        .await;
    let answer = |message: &str| json!({"type": "RestException", "message": message, "code": null});
    assert_eq!(
        (missing.status, missing.body),
        (404, answer("History cleanup job does not exist"))
    );
    assert_eq!(
        (jobs.status, jobs.body),
        (404, answer("History cleanup jobs are empty"))
    );
    let configuration = json!({"batchWindowStartTime": null, "batchWindowEndTime": null, "enabled": true});
    assert_eq!(api.get("/history/cleanup/configuration").await, configuration);

    let running = api.start("Order_Process", json!({})).await;
    ended(&api).await;
    ended(&api).await;
    let ttl = "/process-definition/key/Order_Process/history-time-to-live";
    let refused = api
        .with_headers("PUT", ttl, &[], json!({"historyTimeToLive": -3}))
        .await;
    let message = "historyTimeToLive is not greater than or equal to 0";
    let expected = json!({"type": "BadUserRequestException", "message": message, "code": 0});
    assert_eq!((refused.status, refused.body), (400, expected));

    // There is no window in which it would run: the reference stumbles over that.
    let later = api
        .with_headers("POST", "/history/cleanup?immediatelyDue=false", &[], Value::Null)
        .await;
    assert_eq!(
        (later.status, &later.body["type"]),
        (500, &json!("NullPointerException"))
    );
    api.done("PUT", ttl, json!({"historyTimeToLive": 0})).await;
    assert_eq!(
        api.get("/process-definition/key/Order_Process").await["historyTimeToLive"],
        0
    );
    let job = api
        .with_headers("POST", "/history/cleanup", &[], Value::Null)
        .await;
    assert_eq!((job.status, &job.body["retries"]), (200, &json!(3)));
    api.until("/history/process-instance/count", |c| c["count"] == 1)
        .await;
    assert_eq!(api.get("/history/process-instance").await[0]["id"], running);
    let done = api.until("/history/cleanup/job", |job| job["suspended"] == true);
    done.await;
    assert_eq!(api.get("/history/cleanup/jobs").await[0]["id"], job.body["id"]);
}

#[tokio::test]
async fn s2_37_a_sink_gets_what_was_written_and_the_cleanup_waits_for_it() {
    let directory = std::env::temp_dir().join(format!("stellwerk-sink-{}", std::process::id()));
    let file = directory.join("history.ndjson");
    let target = Target::File(file.clone());
    let api = Api::with(|options| options.history_care.history_sink = Some(target)).await;
    api.deploy(ORDER).await;
    // The sink is down: its directory isn't there.
    while api.app.engine.store().history_backlog().await.unwrap().batches == 0 {
        ended(&api).await;
    }
    let noted = api.app.engine.store().history_events(1_000).await.unwrap();
    let id = noted.events[0].root_id.to_string();
    api.done(
        "PUT",
        "/process-definition/key/Order_Process/history-time-to-live",
        json!({"historyTimeToLive": 0}),
    )
    .await;
    api.done_any("POST", "/history/cleanup").await;
    api.until("/history/cleanup/job", |job| job["suspended"] == true)
        .await;
    let there = api.get(&format!("/history/process-instance/{id}")).await;
    assert_eq!(there["id"], id, "spared for the sink");

    std::fs::create_dir_all(&directory).unwrap();
    while api.app.engine.store().history_backlog().await.unwrap().batches > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let head = lines
        .iter()
        .find(|line| line["event"] == format!("history_process/{id}"))
        .unwrap();
    assert_eq!(
        (&head["shard"], &head["data"]["id"]),
        (&json!("default"), &json!(id))
    );
    let mut events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let all = events.len();
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), all);
    api.done_any("POST", "/history/cleanup").await;
    api.until("/history/process-instance/count", |c| c["count"] == 0)
        .await;
    std::fs::remove_dir_all(&directory).unwrap();
}

impl Api {
    async fn done_any(&self, method: &str, path: &str) {
        let reply = self.with_headers(method, path, &[], Value::Null).await;
        assert!(reply.status < 300, "{path}: {}", reply.body);
    }
}
