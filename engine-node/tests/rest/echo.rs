//! The building blocks publish, receive and echo, as they would be deployed (`tests/models`). Where no HTTP server
//! answers, a stand-in for the HTTP call waits for a worker: the test is the worker, and the echo.
use crate::api::{Api, error, only_id};
use serde_json::{Value, json};

const ECHO: &str = include_str!("../../../tests/models/echo.bpmn");
const PUBLISH: &str = include_str!("../../../tests/models/publish.bpmn");
const RECEIVE: &str = include_str!("../../../tests/models/receive.bpmn");

/// Stands in for `http_call.bpmn`.
const CALL: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <process id="http_call" isExecutable="true" camunda:historyTimeToLive="5">
    <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="call"/>
    <serviceTask id="call" camunda:type="external" camunda:topic="http"/>
    <sequenceFlow id="f2" sourceRef="call" targetRef="done"/><endEvent id="done"/>
  </process></definitions>"#;

/// A job that fails, with a retry cycle.
fn failing(expression: &str, cycle: &str) -> String {
    format!(
        r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
        xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
        <process id="Failing" isExecutable="true" camunda:historyTimeToLive="5">
        <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="a"/>
        <serviceTask id="a" camunda:asyncBefore="true" camunda:expression="{expression}" camunda:resultVariable="r">
        <extensionElements><camunda:failedJobRetryTimeCycle>{cycle}</camunda:failedJobRetryTimeCycle></extensionElements>
        </serviceTask></process></definitions>"#
    )
}

/// Runs all jobs that are due, one after the other.
async fn run_jobs(api: &Api) {
    for job in api.get("/job").await.as_array().unwrap() {
        let id = job["id"].as_str().unwrap();
        api.done("POST", &format!("/job/{id}/execute"), json!({})).await;
    }
}

/// The request that waits for the worker: its id and variables.
async fn request(api: &Api) -> Option<(String, Value)> {
    let topic = json!([{"topicName": "http", "lockDuration": 60_000}]);
    let body = json!({"workerId": "w", "maxTasks": 1, "topics": topic});
    let tasks = api.json("POST", "/external-task/fetchAndLock", body).await.body;
    let task = tasks.as_array()?.first()?;
    Some((task["id"].as_str()?.to_owned(), task["variables"].clone()))
}

async fn answer(api: &Api, task: &str, status: i32, response: &str) {
    let variables =
        json!({"statusCode": {"value": status, "type": "Integer"}, "response": {"value": response}});
    let body = json!({"workerId": "w", "variables": variables});
    api.done("POST", &format!("/external-task/{task}/complete"), body)
        .await;
}

async fn start_chain(api: &Api, chain: &str, rounds: i32) -> String {
    let variables = json!({
        "round": {"value": 0, "type": "Integer"}, "rounds": {"value": rounds, "type": "Integer"},
        "tokenUrl": {"value": "http://token"}, "publishUrl": {"value": "http://publish"},
    });
    api.start("echo", json!({"businessKey": chain, "variables": variables}))
        .await
}

async fn deployed() -> Api {
    let api = Api::quiet().await;
    for model in [CALL, PUBLISH, ECHO] {
        api.deploy(model).await;
    }
    api
}

#[tokio::test]
async fn s4_11_a_receive_task_and_a_catch_event_wait_for_posted_messages() {
    let api = Api::quiet().await;
    api.deploy(RECEIVE).await;
    let id = api.start("receive", json!({"businessKey": "a"})).await;
    let body = json!({"messageName": "order", "businessKey": "a", "resultEnabled": true});
    let reply = api.json("POST", "/message", body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body[0]["resultType"], "Execution");
    assert_eq!(reply.body[0]["execution"]["processInstanceId"], *id);
    let waiting = api.get("/event-subscription").await;
    assert_eq!(waiting[0]["activityId"], "wait_for_payment");
    api.done(
        "POST",
        "/message",
        json!({"messageName": "payment", "processInstanceId": id}),
    )
    .await;
    assert_eq!(api.get("/process-instance/count").await["count"], 0);
}

#[tokio::test]
async fn s4_12_accepted_is_2xx_and_delivered_twice_or_to_nobody_is_400() {
    let api = Api::quiet().await;
    api.deploy(RECEIVE).await;
    api.start("receive", json!({"businessKey": "a"})).await;
    let order = json!({"messageName": "order", "businessKey": "a"});
    api.done("POST", "/message", order.clone()).await;
    let message = "org.camunda.bpm.engine.MismatchingMessageCorrelationException: Cannot correlate message 'order': No \
                   process definition or execution matches the parameters";
    for body in [order, json!({"messageName": "order", "businessKey": "nobody"})] {
        let reply = api.json("POST", "/message", body).await;
        assert_eq!(
            (reply.status, reply.body),
            (400, error("RestException", message, 0))
        );
    }
}

#[tokio::test]
async fn s4_15_a_cycle_of_999999_tries_counts_down_and_waits_thirty_seconds() {
    let api = Api::quiet().await;
    api.deploy(&failing("${nope}", "R999999/PT30S")).await;
    api.start("Failing", json!({})).await;
    let id = only_id(&api.get("/job").await);
    for left in [999_998, 999_997, 999_996] {
        let failed = api.call("POST", &format!("/job/{id}/execute")).await;
        assert_eq!(failed.status, 404, "{}", failed.body);
        let job = api.get(&format!("/job/{id}")).await;
        assert_eq!(job["retries"], left);
        assert!(job["dueDate"].is_string(), "{job}");
    }
    assert_eq!(api.get("/incident/count").await["count"], 0);
}

#[tokio::test]
async fn s4_16_a_cycle_without_a_number_repeats_without_limit() {
    let api = Api::quiet().await;
    api.deploy(&failing("${nope}", "R/PT30S")).await;
    api.start("Failing", json!({})).await;
    let job = api.get("/job").await;
    assert_eq!(job[0]["retries"], i32::MAX);
    let id = only_id(&job);
    for tries in 1..5 {
        api.call("POST", &format!("/job/{id}/execute")).await;
        assert_eq!(api.get(&format!("/job/{id}")).await["retries"], i32::MAX - tries);
    }
}

#[tokio::test]
async fn s4_20_a_value_that_can_not_be_stored_fails_the_job_and_is_named() {
    let api = Api::quiet().await;
    let expression = "${execution.setVariable('before', 1) == null ? dateTime() : 1}";
    api.deploy(&failing(expression, "R2/PT0S")).await;
    let instance = api.start("Failing", json!({})).await;
    let id = only_id(&api.get("/job").await);
    for _ in 0..2 {
        let failed = api.call("POST", &format!("/job/{id}/execute")).await;
        let message = failed.body["message"].as_str().unwrap_or_default().to_owned();
        for named in ["variable 'r'", "org.joda.time.DateTime", "activity 'a'"] {
            assert!(message.contains(named), "{message}");
        }
    }
    let variables = api.get(&format!("/process-instance/{instance}/variables")).await;
    assert_eq!(variables, json!({}), "rolled back");
    let incident = api.get("/incident").await;
    assert_eq!(incident[0]["activityId"], "a");
    assert_eq!(incident[0]["configuration"], *id);
}

#[tokio::test]
async fn s4_17_a_reply_that_is_faster_than_the_publisher_is_not_lost() {
    let api = deployed().await;
    let id = start_chain(&api, "chain", 20).await;
    for round in 0..20 {
        // Both are there before anything has been published.
        let waiting = api.get("/event-subscription?eventType=message").await;
        assert_eq!(waiting.as_array().map(Vec::len), Some(1), "{waiting}");
        assert_eq!(api.get("/job/count").await["count"], 1);
        run_jobs(&api).await;
        let (token, asked) = request(&api).await.expect("the token is asked for");
        assert_eq!(asked["method"]["value"], "GET");
        answer(&api, &token, 200, r#"{"access_token": "secret"}"#).await;
        let (post, asked) = request(&api).await.expect("the message is published");
        let headers: Value = serde_json::from_str(asked["headers"]["value"].as_str().unwrap_or("null"))
            .unwrap_or_else(|_| asked["headers"]["value"].clone());
        assert_eq!(headers["Authorization"], "Bearer secret", "{asked}");
        let payload = format!(r#"{{"chain":"chain","round":{round}}}"#);
        assert_eq!(asked["payload"]["value"], payload);
        // The echo comes while the publisher still waits for its answer.
        api.done(
            "POST",
            "/message",
            json!({"messageName": "echo", "businessKey": "chain"}),
        )
        .await;
        answer(&api, &post, 200, "{}").await;
        run_jobs(&api).await;
        let variables = api
            .call("GET", &format!("/process-instance/{id}/variables"))
            .await;
        if round < 19 {
            assert_eq!(variables.body["round"]["value"], round + 1);
        }
    }
    assert_eq!(api.get("/process-instance/count").await["count"], 0);
    assert_eq!(api.get("/incident/count").await["count"], 0);
}

#[tokio::test]
async fn s4_19_a_publish_that_has_succeeded_is_not_repeated_when_both_branches_join_at_once() {
    let api = deployed().await;
    start_chain(&api, "chain", 30).await;
    let mut published = 0;
    for _ in 0..30 {
        run_jobs(&api).await;
        let (token, _) = request(&api).await.expect("the token is asked for");
        answer(&api, &token, 200, r#"{"access_token": "secret"}"#).await;
        let (post, _) = request(&api).await.expect("the message is published");
        published += 1;
        let echo = api.done(
            "POST",
            "/message",
            json!({"messageName": "echo", "businessKey": "chain"}),
        );
        let finish = async {
            answer(&api, &post, 200, "{}").await;
            run_jobs(&api).await;
        };
        tokio::join!(echo, finish);
        assert!(request(&api).await.is_none(), "nothing is published twice");
    }
    assert_eq!(published, 30);
    assert_eq!(api.get("/process-instance/count").await["count"], 0);
}

#[tokio::test]
async fn chains_beside_each_other_neither_break_nor_multiply() {
    let api = deployed().await;
    let chains: Vec<String> = (0..10).map(|n| format!("chain-{n}")).collect();
    for chain in &chains {
        start_chain(&api, chain, 5).await;
    }
    for round in 0..5 {
        run_jobs(&api).await;
        let mut published = 0;
        while published < chains.len() {
            let (task, asked) = request(&api).await.expect("every chain publishes");
            if asked["method"]["value"] == "GET" {
                answer(&api, &task, 200, r#"{"access_token": "secret"}"#).await;
                continue;
            }
            let message: Value =
                serde_json::from_str(asked["payload"]["value"].as_str().unwrap_or_default()).expect("JSON");
            assert_eq!(message["round"], round, "each chain counts up by one");
            answer(&api, &task, 200, "{}").await;
            let echo = json!({"messageName": "echo", "businessKey": message["chain"]});
            api.done("POST", "/message", echo).await;
            published += 1;
        }
        run_jobs(&api).await;
        let left = if round < 4 { chains.len() } else { 0 };
        let running = api.get("/process-instance/count?processDefinitionKey=echo").await;
        assert_eq!(running["count"], left, "one instance a chain");
    }
}
