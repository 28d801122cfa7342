//! Call activities: trees of instances.
use crate::api::{Api, only_id};
use futures_util::future::join_all;
use serde_json::{Value, json};

const BLOCKS: &str = include_str!("../../../tests/models/building_blocks.bpmn");
const HANDOVER: &str = include_str!("../../../tests/models/error_handover.bpmn");

async fn fetch(api: &Api, topic: &str) -> Vec<Value> {
    let topics = json!([{"topicName": topic, "lockDuration": 60000}]);
    let body = json!({"workerId": "w", "maxTasks": 100, "topics": topics});
    let reply = api.json("POST", "/external-task/fetchAndLock", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.as_array().unwrap().clone()
}

fn complete<'a>(api: &'a Api, task: &Value) -> impl Future<Output = ()> + use<'a> {
    let path = format!("/external-task/{}/complete", task["id"].as_str().unwrap());
    let body = json!({"workerId": "w", "variables": {"status": {"value": "sent"}}});
    async move { api.done("POST", &path, body).await }
}

async fn count(api: &Api, path: &str) -> u64 {
    api.get(path).await["count"].as_u64().unwrap()
}

/// The values of a variable in history, sorted.
async fn values(api: &Api, name: &str) -> Vec<String> {
    let rows = api
        .get(&format!("/history/variable-instance?variableName={name}"))
        .await;
    let rows = rows.as_array().unwrap().iter();
    let mut values: Vec<String> = rows
        .map(|row| row["value"].as_str().unwrap().to_owned())
        .collect();
    values.sort();
    values
}

#[tokio::test]
async fn s4_06_building_blocks_called_two_deep_pass_named_variables_in_and_out() {
    let api = Api::quiet().await;
    api.deploy(BLOCKS).await;
    let variables = json!({"rounds": {"value": 8}, "channel": {"value": "news"}});
    let root = api
        .start(
            "Blocks",
            json!({"businessKey": "order-1", "variables": variables}),
        )
        .await;
    assert_eq!(count(&api, "/process-instance/count").await, 17);
    for (filter, found) in [
        (format!("rootProcessInstanceId={root}"), 17),
        (format!("superProcessInstance={root}"), 8),
        ("rootProcessInstances=true".to_owned(), 1),
        ("leafProcessInstances=true".to_owned(), 8),
        ("businessKey=order-1".to_owned(), 9),
    ] {
        let path = format!("/process-instance/count?{filter}");
        assert_eq!(count(&api, &path).await, found, "{filter}");
    }

    // Whatever order they come in, and however many of them share a write: nobody is lost on the way up.
    let tasks = fetch(&api, "news").await;
    assert_eq!(tasks.len(), 8);
    join_all(tasks.iter().map(|task| complete(&api, task))).await;
    let last = fetch(&api, "news").await;
    assert_eq!(last.len(), 1);
    complete(&api, &last[0]).await;

    assert_eq!(count(&api, "/process-instance/count").await, 0);
    let root = api.get(&format!("/history/process-instance/{root}")).await;
    assert_eq!(root["state"], "COMPLETED");
    let all = format!(
        "/history/process-instance/count?rootProcessInstanceId={}",
        root["id"].as_str().unwrap()
    );
    assert_eq!(count(&api, &format!("{all}&completed=true")).await, 19);
    let calls = api
        .get("/history/activity-instance?activityType=callActivity&finished=true")
        .await;
    for call in calls.as_array().unwrap() {
        let called = call["calledProcessInstanceId"].as_str().unwrap();
        let called = api.get(&format!("/history/process-instance/{called}")).await;
        assert_eq!(called["superProcessInstanceId"], call["processInstanceId"]);
    }
    assert_eq!(calls.as_array().unwrap().len(), 18);
    let mut receipts: Vec<String> = (0..8).map(|n| format!("sent-no. {n}")).collect();
    receipts.push("sent-summary".to_owned());
    // Each in its publisher and where that passed it out.
    let mut expected = [receipts.clone(), receipts].concat();
    expected.sort();
    assert_eq!(values(&api, "receipt").await, expected);
}

#[tokio::test]
async fn a_tree_is_deleted_from_above_and_from_below() {
    let api = Api::quiet().await;
    api.deploy(BLOCKS).await;
    let variables = json!({"rounds": {"value": 2}, "channel": {"value": "news"}});
    let root = api.start("Blocks", json!({"variables": variables})).await;
    let below = api
        .get(&format!("/process-instance?superProcessInstance={root}"))
        .await;
    let first = below[0]["id"].as_str().unwrap();
    api.done("DELETE", &format!("/process-instance/{first}"), Value::Null)
        .await;
    assert_eq!(count(&api, "/process-instance/count").await, 3);
    api.done("DELETE", &format!("/process-instance/{root}"), Value::Null)
        .await;
    assert_eq!(count(&api, "/process-instance/count").await, 0);
    let all =
        format!("/history/process-instance/count?rootProcessInstanceId={root}&externallyTerminated=true");
    assert_eq!(count(&api, &all).await, 5);
}

async fn run_job(api: &Api, instance: &str) -> u16 {
    let job = only_id(&api.get(&format!("/job?processInstanceId={instance}")).await);
    api.call("POST", &format!("/job/{job}/execute")).await.status
}

async fn task_of(api: &Api, instance: &str) -> Value {
    api.get(&format!("/task?processInstanceId={instance}")).await[0]["taskDefinitionKey"].clone()
}

#[tokio::test]
async fn s4_07_an_error_end_event_hands_over_to_the_caller() {
    let api = Api::quiet().await;
    api.deploy(HANDOVER).await;
    let caught = api.start("Catching", json!({})).await;
    assert_eq!(run_job(&api, &caught).await, 204);
    assert_eq!(task_of(&api, &caught).await, "handled");
    // Nobody catches it: the child just ends, and the caller goes on as if all were well.
    let ignored = api.start("Trusting", json!({})).await;
    assert_eq!(run_job(&api, &ignored).await, 204);
    assert_eq!(task_of(&api, &ignored).await, "t_went_on");
}

#[tokio::test]
async fn s4_07_an_error_that_nobody_catches_fails_the_callers_job_where_that_is_set() {
    let api = Api::with(|options| {
        options.job_executor_activate = false;
        options.exceptions_after_unhandled_bpmn_error = true;
    })
    .await;
    api.deploy(HANDOVER).await;
    let caught = api.start("Catching", json!({})).await;
    assert_eq!(run_job(&api, &caught).await, 204);
    assert_eq!(task_of(&api, &caught).await, "handled");
    let failing = api.start("Trusting", json!({})).await;
    let job = only_id(&api.get(&format!("/job?processInstanceId={failing}")).await);
    let failed = api.call("POST", &format!("/job/{job}/execute")).await;
    // The reference says 404 for whatever the engine refuses there.
    assert_eq!(failed.status, 404, "{}", failed.body);
    let jobs = api.get(&format!("/job?processInstanceId={failing}")).await;
    assert_eq!(jobs[0]["retries"], 4);
    assert_eq!(
        jobs[0]["exceptionMessage"],
        "ENGINE-02042 Execution with id 'refuse' throws an error event with errorCode 'refused' and errorMessage \
         'null', but no error handler was defined. "
    );
}
