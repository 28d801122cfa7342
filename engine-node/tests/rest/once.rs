//! Requests that are repeated with their `Idempotency-Key`: the same answer, one effect; and 422 for another request with it.
use crate::api::{Api, MANY, Reply};
use axum::body::Body;
use bpmn_core::Slot;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const DECISION: &str = "<definitions xmlns='https://www.omg.org/spec/DMN/20191111/MODEL/' \
    xmlns:camunda='http://camunda.org/schema/1.0/dmn' id='d' name='d' namespace='n'>\
    <decision id='grade' name='Grade' camunda:historyTimeToLive='5'><variable id='v' name='v' typeRef='integer'/><literalExpression><text>1 + 1</text></literalExpression></decision></definitions>";
const HEARS: &str = "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='t'>\
    <signal id='g' name='alarm'/><message id='m' name='ask'/><process id='alarmed' isExecutable='true'>\
    <startEvent id='s'><signalEventDefinition signalRef='g'/></startEvent><sequenceFlow id='a' sourceRef='s' targetRef='u'/>\
    <userTask id='u'/></process><process id='asked' isExecutable='true'>\
    <startEvent id='t'><messageEventDefinition messageRef='m'/></startEvent><sequenceFlow id='b' sourceRef='t' targetRef='w'/>\
    <userTask id='w'/></process></definitions>";

async fn once(api: &Api, key: &str, method: &str, path: &str, body: &Value) -> Reply {
    api.with_headers(method, path, &[("idempotency-key", key)], body.clone())
        .await
}

async fn id_of(api: &Api, path: &str) -> String {
    let rows = api.get(path).await;
    rows[0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{path}: {rows}"))
        .to_owned()
}

async fn count(api: &Api, path: &str) -> usize {
    api.get(path).await.as_array().unwrap().len()
}

/// Sends a request three times: as it is, again, and with another body. The second answer is the first one's.
async fn repeated(api: &Api, key: &str, method: &str, path: &str, body: Value) -> Value {
    let first = once(api, key, method, path, &body).await;
    assert!(
        first.status < 300,
        "{method} {path}: {} {}",
        first.status,
        first.body
    );
    let again = once(api, key, method, path, &body).await;
    assert_eq!(
        (again.status, &again.body),
        (first.status, &first.body),
        "{method} {path}"
    );
    let mut other = body.as_object().cloned().unwrap_or_default();
    other.insert("another".into(), json!(1));
    let refused = once(api, key, method, path, &other.into()).await;
    assert_eq!(refused.status, 422, "{method} {path}: {}", refused.body);
    assert_eq!(refused.body["type"], "IdempotencyKeyException");
    first.body
}

#[tokio::test]
async fn every_kind_of_request_has_its_effect_once_for_its_key() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    api.deploy(HEARS).await;
    assert_eq!(api.upload(&[("d", Some("d.dmn"), DECISION)]).await.status, 200);
    let start = "/process-definition/key/Many/start";
    let id = repeated(&api, "start", "POST", start, json!({"businessKey": "b"})).await["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(
        count(&api, "/process-instance?processDefinitionKey=Many").await,
        1
    );

    let variable = format!("/process-instance/{id}/variables/x");
    repeated(&api, "variable", "PUT", &variable, json!({"value": 1})).await;
    let suspended = format!("/process-instance/{id}/suspended");
    repeated(&api, "suspend", "PUT", &suspended, json!({"suspended": true})).await;
    let all = json!({"suspended": false, "processInstanceIds": [id]});
    repeated(&api, "activate", "PUT", "/process-instance/suspended", all).await;
    // The first key's answer undoes nothing.
    once(&api, "suspend", "PUT", &suspended, &json!({"suspended": true})).await;
    assert_eq!(
        api.get(&format!("/process-instance/{id}")).await["suspended"],
        false
    );

    let task = id_of(&api, "/task").await;
    let comment = format!("/task/{task}/comment");
    repeated(
        &api,
        "comment",
        "POST",
        &format!("{comment}/create"),
        json!({"message": "m"}),
    )
    .await;
    assert_eq!(count(&api, &comment).await, 1);
    repeated(
        &api,
        "claim",
        "POST",
        &format!("/task/{task}/assignee"),
        json!({"userId": "u"}),
    )
    .await;
    repeated(
        &api,
        "alone",
        "POST",
        "/task/create",
        json!({"id": "chosen", "name": "n"}),
    )
    .await;

    let topics = json!([{"topicName": "work", "lockDuration": 100_000}]);
    let fetch = json!({"workerId": "w", "maxTasks": 5, "topics": topics});
    let locked = repeated(&api, "fetch", "POST", "/external-task/fetchAndLock", fetch).await;
    assert_eq!(locked.as_array().unwrap().len(), 1);
    let work = locked[0]["id"].as_str().unwrap();
    let retries = json!({"retries": 7, "externalTaskIds": [work]});
    repeated(&api, "retries", "PUT", "/external-task/retries", retries).await;
    let failure = json!({"workerId": "w", "retries": 3, "retryTimeout": 0});
    repeated(
        &api,
        "failure",
        "POST",
        &format!("/external-task/{work}/failure"),
        failure,
    )
    .await;
    assert_eq!(api.get(&format!("/external-task/{work}")).await["retries"], 3);
    once(
        &api,
        "fetch 2",
        "POST",
        "/external-task/fetchAndLock",
        &json!({"workerId": "w", "maxTasks": 5, "topics": topics}),
    )
    .await;
    repeated(
        &api,
        "complete",
        "POST",
        &format!("/external-task/{work}/complete"),
        json!({"workerId": "w"}),
    )
    .await;

    let job = id_of(&api, "/job").await;
    repeated(
        &api,
        "job",
        "PUT",
        &format!("/job/{job}/retries"),
        json!({"retries": 9}),
    )
    .await;
    repeated(
        &api,
        "due",
        "PUT",
        "/job/suspended",
        json!({"suspended": true, "processDefinitionKey": "Many"}),
    )
    .await;
    repeated(&api, "job gone", "DELETE", &format!("/job/{job}"), Value::Null).await;

    let message = json!({"messageName": "paid", "businessKey": "b", "resultEnabled": true});
    let row = repeated(&api, "message", "POST", "/message", message).await;
    assert_eq!(row[0]["execution"]["processInstanceId"], id);
    let message = json!({"messageName": "ask", "resultEnabled": true});
    let row = repeated(&api, "ask", "POST", "/message", message).await;
    assert!(row[0]["processInstance"]["id"].is_string());
    let message = json!({"messageName": "ask", "resultEnabled": true, "all": true});
    repeated(&api, "ask all", "POST", "/message", message).await;
    assert_eq!(
        count(&api, "/process-instance?processDefinitionKey=asked").await,
        2
    );
    repeated(&api, "signal", "POST", "/signal", json!({"name": "alarm"})).await;
    assert_eq!(
        count(&api, "/process-instance?processDefinitionKey=alarmed").await,
        1
    );

    let evaluate = "/decision-definition/key/grade/evaluate";
    repeated(&api, "evaluate", "POST", evaluate, json!({"variables": {}})).await;
    assert_eq!(count(&api, "/history/decision-instance").await, 1);

    repeated(
        &api,
        "complete task",
        "POST",
        &format!("/task/{task}/complete"),
        json!({}),
    )
    .await;
    let other = id_of(&api, "/process-instance?processDefinitionKey=asked").await;
    repeated(
        &api,
        "cancel",
        "DELETE",
        &format!("/process-instance/{other}"),
        Value::Null,
    )
    .await;
    repeated(
        &api,
        "forget",
        "DELETE",
        &format!("/history/process-instance/{other}"),
        Value::Null,
    )
    .await;
    repeated(
        &api,
        "group",
        "POST",
        "/group/create",
        json!({"id": "g", "name": "g"}),
    )
    .await;
    repeated(
        &api,
        "filter",
        "POST",
        "/filter/create",
        json!({"resourceType": "Task", "name": "f", "owner": null, "query": {}, "properties": {}}),
    )
    .await;
}

#[tokio::test]
async fn what_failed_is_tried_again_and_what_is_old_is_forgotten() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let start = "/process-definition/key/Many/start";
    let runs = once(&api, "runs", "POST", start, &json!({})).await.body["id"].clone();
    let ended = once(&api, "ended", "POST", start, &json!({})).await.body["id"].clone();
    let task = id_of(&api, "/task").await;
    let comment = format!("/task/{task}/comment/create");
    let missing = once(&api, "c", "POST", &comment, &json!({})).await;
    assert_eq!(missing.status, 400, "{}", missing.body);
    let made = once(&api, "c", "POST", &comment, &json!({"message": "m"}))
        .await
        .body["id"]
        .clone();
    let path = format!("/process-instance/{}", ended.as_str().unwrap());
    assert_eq!(api.call("DELETE", &path).await.status, 204);

    let store = api.app.engine.store();
    let (ages_ago, later) = (0, i64::MAX / 2);
    assert_eq!(store.forget_keys(ages_ago).await.unwrap(), 0);
    // Of the two starts one still runs.
    assert_eq!(store.forget_keys(later).await.unwrap(), 2);
    assert_eq!(
        once(&api, "runs", "POST", start, &json!({})).await.body["id"],
        runs
    );
    assert_ne!(
        once(&api, "ended", "POST", start, &json!({})).await.body["id"],
        ended
    );
    // What a running instance answered is kept with it.
    let again = once(&api, "c", "POST", &comment, &json!({"message": "m"})).await;
    assert_eq!(again.body["id"], made);
}

#[tokio::test]
async fn a_router_keeps_what_it_chose_and_what_it_answered_in_the_slot_of_the_key() {
    let api = Api::quiet().await;
    let slot = Slot::of_key("k").number().to_string();
    let routes = engine_node::rest::once::internal().with_state(api.app.clone());
    let asks = |digest: &'static str| {
        let (slot, routes) = (slot.clone(), routes.clone());
        move |method: &'static str, body: Value| {
            let request = Request::builder()
                .method(method)
                .uri("/internal/once")
                .header("content-type", "application/json")
                .header("idempotency-key", "k")
                .header("x-stellwerk-slot", &slot)
                .header("x-stellwerk-digest", digest);
            let request = request.body(Body::from(body.to_string())).unwrap();
            let routes = routes.clone();
            async move {
                let response = routes.oneshot(request).await.unwrap();
                let status = response.status().as_u16();
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
            }
        }
    };
    let ours = asks("a");
    assert_eq!(ours("POST", json!({})).await.1, json!({}));
    let chosen = json!({"targets": {"slots": {"s": 5}}});
    assert_eq!(ours("POST", chosen.clone()).await.1, chosen);
    // The first choice counts.
    assert_eq!(ours("POST", json!({"targets": [2]})).await.1, chosen);
    assert_eq!(asks("b")("POST", json!({})).await.0, 422);
    assert_eq!(ours("PUT", json!({"status": 200, "body": "[]"})).await.0, 204);
    assert_eq!(ours("PUT", json!({"status": 204, "body": ""})).await.0, 204);
    let answer = json!({"answer": {"status": 200, "body": "[]"}});
    assert_eq!(ours("POST", json!({})).await.1, answer);
}
