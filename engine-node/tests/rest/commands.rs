//! What holds for every command: done once, in order, all or nothing.
use crate::api::{Api, MANY, ORDER, only_id};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn a_completion_sent_again_with_its_key_gets_the_first_answer() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    api.start("Order_Process", json!({})).await;
    let fetch = json!({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "invoiceCreator", "lockDuration": 60000}]});
    let task = only_id(&api.json("POST", "/external-task/fetchAndLock", fetch).await.body);
    let path = format!("/external-task/{task}/complete");
    let key = [("idempotency-key", "done-1")];
    for _ in 0..2 {
        let reply = api
            .with_headers("POST", &path, &key, json!({"workerId": "w"}))
            .await;
        assert_eq!(reply.status, 204, "{}", reply.body);
    }
    // Without the key the task is gone, and so it is for another request under the same key.
    assert_eq!(
        api.json("POST", &path, json!({"workerId": "w"})).await.status,
        404
    );
    let other = api
        .with_headers("POST", &path, &key, json!({"workerId": "v"}))
        .await;
    assert_eq!(other.status, 422, "{}", other.body);
}

#[tokio::test]
async fn commands_that_meet_at_one_instance_are_all_applied() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let id = api.start("Many", json!({})).await;
    let writes = (0..200).map(|number| {
        let path = format!("/process-instance/{id}/variables/v{number}");
        let api = &api;
        async move {
            api.done("PUT", &path, json!({"value": number, "type": "Integer"}))
                .await
        }
    });
    join_all(writes).await;
    let variables = api.get(&format!("/process-instance/{id}/variables")).await;
    assert_eq!(variables.as_object().map(|v| v.len()), Some(200));
    let batches = &api.app.engine.counters().batches;
    assert!(
        batches.load(std::sync::atomic::Ordering::Relaxed) < 150,
        "commands that wait share a batch"
    );
}

#[tokio::test]
async fn a_start_that_fails_leaves_nothing_and_harms_no_other() {
    let api = Api::quiet().await;
    let model = ORDER.replace(
        r#"<bpmn:task id="store" name="Store invoice"/>"#,
        r#"<bpmn:serviceTask id="store" camunda:expression="${amount + 1}"/>"#,
    );
    let model = model.replace(
        r#"camunda:type="external" camunda:topic="invoiceCreator""#,
        r#"camunda:expression="${amount}""#,
    );
    api.deploy(&model).await;
    let starts = (0..40).map(|number| {
        let body = if number % 2 == 0 {
            json!({"variables": {"amount": {"value": number}}})
        } else {
            json!({})
        };
        api.json("POST", "/process-definition/key/Order_Process/start", body)
    });
    let statuses: Vec<u16> = join_all(starts)
        .await
        .into_iter()
        .map(|reply| reply.status)
        .collect();
    for (number, status) in statuses.into_iter().enumerate() {
        assert_eq!(status, if number % 2 == 0 { 200 } else { 500 });
    }
    assert_eq!(api.get("/process-instance/count").await, json!({"count": 0}));
    assert_eq!(
        api.get("/history/process-instance/count").await,
        json!({"count": 20})
    );
}

#[tokio::test]
async fn level_none_writes_no_history() {
    let api = Api::with(|options| options.history = Some(engine_node::app::history::LevelName::None)).await;
    api.deploy(ORDER).await;
    let id = api.start("Order_Process", json!({})).await;
    api.done("DELETE", &format!("/process-instance/{id}"), json!({}))
        .await;
    assert_eq!(
        api.get("/history/process-instance/count").await,
        json!({"count": 0})
    );
    assert_eq!(
        api.get("/history/activity-instance/count").await,
        json!({"count": 0})
    );
}
