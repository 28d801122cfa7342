//! Connectors over REST, against a server in this process. Expected answers are the reference's (Camunda 7.24).
use crate::api::{Api, error};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::Notify;

/// A server that keeps what it was asked, and answers with the codes it is given, then with 200.
#[derive(Clone, Default)]
struct Mock {
    seen: Arc<Mutex<Vec<Value>>>,
    codes: Arc<Mutex<Vec<u16>>>,
    /// Calls that wait for `gate` to be opened.
    held: Arc<AtomicU64>,
    gate: Arc<Notify>,
}

impl Mock {
    /// Serves; its URL and itself.
    async fn start() -> (String, Mock) {
        let mock = Mock::default();
        let routes = Router::new()
            .route(
                "/redirect",
                any(async || (StatusCode::FOUND, [("location", "/moved")])),
            )
            .route(
                "/token",
                any(async || axum::Json(json!({"access_token": "secret", "expires_in": 3599}))),
            )
            .route("/hang", any(async || std::future::pending::<()>().await))
            .route("/held", any(held))
            .route("/none/{*rest}", any(async || StatusCode::NO_CONTENT))
            .route("/{*path}", any(echo))
            .with_state(mock.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (url, mock)
    }

    fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}

async fn held(State(mock): State<Mock>) -> StatusCode {
    let opened = mock.gate.notified();
    tokio::pin!(opened);
    opened.as_mut().enable();
    mock.held.fetch_add(1, Ordering::SeqCst);
    opened.await;
    StatusCode::OK
}

async fn echo(
    State(mock): State<Mock>,
    Path(path): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).map(|v| v.to_str().unwrap());
    let seen = json!({"method": method.as_str(), "path": path, "query": uri.query(), "auth": header("authorization"),
        "own": header("x-own"), "body": String::from_utf8_lossy(&body)});
    mock.seen.lock().unwrap().push(seen.clone());
    let mut codes = mock.codes.lock().unwrap();
    let code = if codes.is_empty() { 200 } else { codes.remove(0) };
    let code = StatusCode::from_u16(code).unwrap();
    (code, [("x-answer", "yes")], seen.to_string()).into_response()
}

/// A node that may call servers on this machine.
async fn open() -> Api {
    Api::with(|options| {
        options.job_executor_activate = false;
        options.connectors.connector_allow = vec!["127.0.0.1".parse().unwrap()];
    })
    .await
}

fn call(inputs: &str, outputs: &str, attributes: &str) -> String {
    format!(
        r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <bpmn:process id="p" isExecutable="true" camunda:historyTimeToLive="1">
    <bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>
    <bpmn:serviceTask id="t" {attributes}><bpmn:extensionElements><camunda:connector>
      <camunda:inputOutput>{inputs}{outputs}</camunda:inputOutput>
      <camunda:connectorId>http-connector</camunda:connectorId>
    </camunda:connector></bpmn:extensionElements></bpmn:serviceTask>
    <bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="u"/><bpmn:userTask id="u"/>
  </bpmn:process>
</bpmn:definitions>"#
    )
}

fn input(name: &str, value: &str) -> String {
    format!(r#"<camunda:inputParameter name="{name}">{value}</camunda:inputParameter>"#)
}

fn output(name: &str, value: &str) -> String {
    format!(r#"<camunda:outputParameter name="{name}">{value}</camunda:outputParameter>"#)
}

async fn variable(api: &Api, name: &str) -> Value {
    let rows = api
        .get(&format!(
            "/variable-instance?variableName={name}&deserializeValues=false"
        ))
        .await;
    json!([rows[0]["type"], rows[0]["value"]])
}

async fn start(api: &Api, model: &str) -> (u16, Value) {
    api.deploy(model).await;
    let reply = api
        .json("POST", "/process-definition/key/p/start", json!({}))
        .await;
    (reply.status, reply.body)
}

#[tokio::test]
async fn s4_04_a_call_has_method_headers_and_payload_and_gives_status_headers_and_response() {
    let ((url, mock), api) = (Mock::start().await, open().await);
    let headers = r#"<camunda:map><camunda:entry key="X-Own">a</camunda:entry></camunda:map>"#;
    let payload = r#"<camunda:script scriptFormat="javascript">JSON.stringify({a: 1})</camunda:script>"#;
    let inputs = [
        input("url", &format!("{url}/x?q=1")),
        input("method", "POST"),
        input("headers", headers),
        input("payload", payload),
    ]
    .concat();
    let own = r#"<camunda:script scriptFormat="javascript">headers.get('X-Answer') + S(response).prop('own').stringValue() + connector.getVariable('statusCode')</camunda:script>"#;
    let outputs = output("status", "${statusCode}") + &output("text", "${response}") + &output("own", own);
    assert_eq!(start(&api, &call(&inputs, &outputs, "")).await.0, 200);
    let seen =
        json!({"method": "POST", "path": "x", "query": "q=1", "auth": null, "own": "a", "body": "{\"a\":1}"});
    assert_eq!(mock.seen(), std::slice::from_ref(&seen));
    assert_eq!(variable(&api, "status").await, json!(["Integer", 200]));
    assert_eq!(variable(&api, "text").await, json!(["String", seen.to_string()]));
    assert_eq!(variable(&api, "own").await, json!(["String", "yesa200"]));
}

#[tokio::test]
async fn what_a_model_says_wrong_is_told_as_by_the_reference() {
    let ((url, mock), api) = (Mock::start().await, open().await);
    let (to, get) = (input("url", &format!("{url}/x")), input("method", "GET"));
    let cast = "class java.lang.Integer cannot be cast to class java.lang.String (java.lang.Integer and java.lang.String \
                are in module java.base of loader 'bootstrap')";
    let request = "ConnectorRequestException";
    for (inputs, kind, message) in [
        (
            to.clone(),
            request,
            "HTCL-02006 Unknown or unsupported HTTP method 'null'",
        ),
        (
            to.clone() + &input("method", "get"),
            request,
            "HTCL-02006 Unknown or unsupported HTTP method 'get'",
        ),
        (get.clone(), request, "HTCL-02005 Request url required."),
        (
            to + &input("method", "POST")
                + &input(
                    "payload",
                    "<camunda:script scriptFormat=\"javascript\">1</camunda:script>",
                ),
            "ClassCastException",
            cast,
        ),
        (
            input("url", "http://127.0.0.1:1/x") + &get,
            request,
            "HTCL-02007 Unable to execute HTTP request",
        ),
    ] {
        let (status, body) = start(&api, &call(&inputs, "", "")).await;
        assert_eq!((status, body), (500, error(kind, message, None)), "{inputs}");
    }
    assert!(mock.seen().is_empty());
    let model = call(&get, "", "").replace("http-connector", "other-connector");
    let message = "No connector found for connector id 'other-connector'";
    assert_eq!(
        start(&api, &model).await.1,
        error("ConnectorException", message, None)
    );
}

#[tokio::test]
async fn internal_targets_are_closed_redirects_to_them_too() {
    let (url, mock) = Mock::start().await;
    let get = |to: &str| call(&(input("url", to) + &input("method", "GET")), "", "");
    let closed = Api::quiet().await;
    for to in [
        &format!("{url}/x"),
        "http://localhost:1/x",
        "http://169.254.169.254/x",
        "http://[::1]/x",
    ] {
        let (_, body) = start(&closed, &get(to)).await;
        let message = body["message"].as_str().unwrap();
        assert!(
            message.contains("internal; --connector-allow opens it"),
            "{message}"
        );
    }
    assert!(mock.seen().is_empty());
    let named = Api::with(|options| {
        options.job_executor_activate = false;
        let host = url.strip_prefix("http://").unwrap();
        options.connectors.connector_allow = vec![host.parse().unwrap()];
    })
    .await;
    assert_eq!(start(&named, &get(&format!("{url}/redirect"))).await.0, 200);
    assert_eq!(mock.seen()[0]["path"], "moved");
}

#[tokio::test]
async fn a_response_without_a_body_gives_no_response() {
    let ((url, _), api) = (Mock::start().await, open().await);
    let inputs = input("url", &format!("{url}/none/x")) + &input("method", "GET");
    let (_, body) = start(&api, &call(&inputs, &output("r", "${response}"), "")).await;
    let message = body["message"].as_str().unwrap();
    assert!(
        message.ends_with(
            "Unknown property used in expression: ${response}. Cause: Cannot resolve identifier 'response'"
        ),
        "{message}"
    );
    assert_eq!(
        start(&api, &call(&inputs, &output("r", "${statusCode}"), ""))
            .await
            .0,
        200
    );
    assert_eq!(variable(&api, "r").await, json!(["Integer", 204]));
}

#[tokio::test]
async fn s4_26_a_server_that_hangs_fails_the_job_and_holds_up_nobody() {
    let (url, _) = Mock::start().await;
    let api = Api::with(|options| {
        options.job_executor_activate = false;
        options.connectors.connector_allow = vec!["127.0.0.1".parse().unwrap()];
        options.connectors.connector_timeout = std::time::Duration::from_millis(300);
    })
    .await;
    let inputs = input("url", &format!("{url}/hang")) + &input("method", "GET");
    api.deploy(&call(&inputs, "", r#"camunda:asyncBefore="true""#))
        .await;
    api.start("p", json!({})).await;
    let job = crate::api::only_id(&api.get("/job").await);
    let execute = format!("/job/{job}/execute");
    // The same writer serves others while the call hangs.
    let others = async {
        let model = call(&input("method", "GET"), "", r#"camunda:asyncBefore="true""#)
            .replace("id=\"p\"", "id=\"q\"");
        api.deploy(&model).await;
        api.start("q", json!({})).await;
        api.get("/process-instance/count").await
    };
    let (hung, count) = tokio::join!(api.json("POST", &execute, json!({})), others);
    assert_eq!(count, json!({"count": 2}));
    assert!(hung.status >= 400, "{}", hung.body);
}

#[tokio::test]
async fn s4_08_a_token_is_fetched_and_used_to_publish() {
    let ((url, mock), api) = (Mock::start().await, open().await);
    let model = include_str!("../../../tests/models/token-then-publish.bpmn");
    let file = model.replace(
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default",
        &url,
    );
    let file = file.replace("https://pubsub.googleapis.com/v1", &url);
    api.deploy(&file).await;
    let given = json!({"variables": {"project": {"value": "p1"}, "topic": {"value": "t1"}, "message": {"value": "häl"}}});
    api.start("Publish", given).await;
    let seen = &mock.seen()[0];
    assert_eq!(
        json!([seen["method"], seen["path"]]),
        json!(["POST", "projects/p1/topics/t1:publish"])
    );
    assert_eq!(seen["auth"], "Bearer secret");
    assert_eq!(seen["body"], "{\"messages\":[{\"data\":\"aMOkbA==\"}]}");
}

#[tokio::test]
async fn s4_05_too_many_requests_are_tried_again_a_bad_one_is_not() {
    let (url, mock) = Mock::start().await;
    let api = Api::with(|options| {
        options.connectors.connector_allow = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let model =
        include_str!("../../../tests/models/decide-on-status.bpmn").replace("http://publish.example", &url);
    api.deploy(&model).await;
    *mock.codes.lock().unwrap() = vec![429, 503, 429];
    api.start("Decide", json!({})).await;
    let task = api
        .until("/task", |tasks| tasks[0]["taskDefinitionKey"].is_string())
        .await;
    assert_eq!(task[0]["taskDefinitionKey"], "published");
    assert_eq!(mock.seen().len(), 4);
    *mock.codes.lock().unwrap() = vec![400];
    api.start("Decide", json!({})).await;
    let tasks = api
        .until("/task?taskDefinitionKey=rejected", |tasks| tasks[0].is_object())
        .await;
    assert_eq!(tasks.as_array().unwrap().len(), 1);
    assert_eq!(mock.seen().len(), 5);
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), met)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// Connections to the database that are in use.
fn in_use(api: &Api) -> u32 {
    let pools = api.app.engine.store().stats().pools();
    pools.iter().map(|pool| pool.in_use).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_06_s4_24_calls_that_wait_hold_no_connection() {
    const CALLS: usize = 200;
    let (url, mock) = Mock::start().await;
    let api = Api::with(|options| {
        options.connectors.connector_allow = vec!["127.0.0.1".parse().unwrap()];
        options.jobs.job_executor_core_threads = Some(CALLS);
    })
    .await;
    let inputs = input("url", &format!("{url}/held")) + &input("method", "GET");
    api.deploy(&call(&inputs, "", r#"camunda:asyncBefore="true""#))
        .await;
    futures_util::future::join_all((0..CALLS).map(|_| api.start("p", json!({})))).await;
    until("all calls are out", async || {
        mock.held.load(Ordering::SeqCst) == CALLS as u64
    })
    .await;
    // What the node does beside now and then needs one for a moment.
    until("no connection is held", async || in_use(&api) == 0).await;
    assert_eq!(api.get("/process-instance/count").await, json!({"count": CALLS}));
    assert_eq!(api.app.engine.executor().status().running, CALLS);
    mock.gate.notify_waiters();
    until("all go on", async || {
        api.get("/task/count").await == json!({"count": CALLS})
    })
    .await;
    assert_eq!(
        mock.held.load(Ordering::SeqCst),
        CALLS as u64,
        "none was repeated"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_25_an_endpoint_that_is_down_costs_a_try_a_cycle_and_no_incident() {
    const INSTANCES: u64 = 40;
    // A port that nobody listens at, and that comes back later.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let api = Api::with(|options| {
        options.connectors.connector_allow = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let inputs = input("url", &format!("http://{address}/publish")) + &input("method", "GET");
    let cycle = "<camunda:failedJobRetryTimeCycle>R999999/PT30S</camunda:failedJobRetryTimeCycle>";
    let model = call(&inputs, "", r#"camunda:asyncBefore="true""#);
    api.deploy(&model.replace(
        "</bpmn:extensionElements>",
        &format!("{cycle}</bpmn:extensionElements>"),
    ))
    .await;
    futures_util::future::join_all((0..INSTANCES).map(|_| api.start("p", json!({})))).await;
    until("each has failed", async || {
        api.get("/job/count?withException=true").await == json!({"count": INSTANCES})
    })
    .await;
    let jobs = api.get("/job").await;
    let jobs = jobs.as_array().unwrap();
    for job in jobs {
        assert_eq!(job["retries"], 999_998, "{job}");
        assert!(job["dueDate"].is_string(), "{job}");
    }
    // One try, and none before its cycle is over.
    let executed = &api.app.engine.executor().counters.executed;
    assert_eq!(executed.load(Ordering::Relaxed), INSTANCES);
    assert_eq!(api.get("/incident/count").await, json!({"count": 0}));

    let routes = Router::new().route("/publish", any(async || StatusCode::OK));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    for job in jobs {
        let id = job["id"].as_str().unwrap();
        api.done("POST", &format!("/job/{id}/execute"), json!({})).await;
    }
    assert_eq!(api.get("/task/count").await, json!({"count": INSTANCES}));
}
