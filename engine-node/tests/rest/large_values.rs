//! Large values: byte for byte as they were set, stored once, read by what shows or touches them and by nothing else.
use crate::api::{Api, only_id};
use engine_node::{app::history::LevelName, store::Store};
use serde_json::{Value, json};
use std::sync::{
    LazyLock,
    atomic::{AtomicU32, Ordering},
};
use testkit::postgres::Server;

const MODEL: &str = r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="http://large">
  <bpmn:message id="m" name="paid"/>
  <bpmn:process id="large" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="s"/><bpmn:sequenceFlow id="a1" sourceRef="s" targetRef="u"/>
    <bpmn:userTask id="u"/><bpmn:sequenceFlow id="a2" sourceRef="u" targetRef="r"/>
    <bpmn:receiveTask id="r" messageRef="m"/><bpmn:sequenceFlow id="a3" sourceRef="r" targetRef="x"/>
    <bpmn:serviceTask id="x" camunda:type="external" camunda:topic="large"><bpmn:extensionElements>
      <camunda:inputOutput><camunda:inputParameter name="copy">${atStart}</camunda:inputParameter></camunda:inputOutput>
    </bpmn:extensionElements></bpmn:serviceTask><bpmn:sequenceFlow id="a4" sourceRef="x" targetRef="c"/>
    <bpmn:serviceTask id="c" camunda:expression="${atStart == text}" camunda:resultVariable="same"/>
    <bpmn:sequenceFlow id="a5" sourceRef="c" targetRef="last"/><bpmn:userTask id="last"/>
    <bpmn:sequenceFlow id="a6" sourceRef="last" targetRef="e"/><bpmn:endEvent id="e"/>
  </bpmn:process></bpmn:definitions>"#;

async fn node(url: Option<String>, level: LevelName) -> Api {
    let api = Api::with(|options| {
        options.job_executor_activate = false;
        options.history = Some(level);
        options.unsafe_durability = true;
        if let Some(url) = url {
            options.database_url = Some(url);
        }
    })
    .await;
    api.deploy(MODEL).await;
    api
}

/// The server of all tests here.
static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start().unwrap());
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A node on each kind of database.
async fn nodes(level: LevelName) -> [Api; 2] {
    let create = || SERVER.create(&format!("large_{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let url = tokio::task::spawn_blocking(create).await.unwrap().unwrap();
    [node(Some(url), level).await, node(None, level).await]
}

fn store(api: &Api) -> &dyn Store {
    api.app.engine.store()
}

fn statements(api: &Api) -> u64 {
    store(api).stats().statements.load(Ordering::Relaxed)
}

/// 100 kB of JSON, and a text of a million characters beyond ASCII.
fn json_text() -> String {
    let items: Vec<Value> = (0..1500)
        .map(|n| json!({"n": n, "text": "Zwölf Boxkämpfer \u{1f686}", "deep": [n]}))
        .collect();
    json!({"prop": "a", "items": items}).to_string()
}

fn long_text() -> String {
    (0..1_000_000u32)
        .map(|n| char::from_u32(0x20 + n % 0x24f).unwrap_or('x'))
        .collect()
}

/// How many large values lie in the instance's slot, and how many rows of other tables hold more than 4 kB.
async fn rows(api: &Api, instance: &str) -> (usize, usize) {
    let slot = instance.parse::<bpmn_core::Id>().unwrap().slot().unwrap();
    let (mut large, mut long, mut cursor) = (0, 0, None);
    loop {
        let (lines, next) = store(api).export_slot(slot, cursor).await.unwrap();
        for line in lines {
            match line.contains("\"t\":\"large_value\"") {
                true => large += 1,
                false => long += usize::from(line.len() > 5_000),
            }
        }
        cursor = next;
        if cursor.is_none() {
            return (large, long);
        }
    }
}

async fn task(api: &Api, instance: &str) -> String {
    only_id(&api.get(&format!("/task?processInstanceId={instance}")).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_15_large_values_come_back_byte_for_byte_wherever_they_were_set() {
    let nodes = nodes(LevelName::Full).await;
    let (json_text, text) = (json_text(), long_text());
    for api in &nodes {
        let of_json = json!({"value": json_text, "type": "Json"});
        let of_text = json!({"value": text, "type": "String"});
        let body = json!({"businessKey": "k", "variables": {"atStart": of_text, "j": of_json}, "withVariablesInReturn": true});
        let id = api.start("large", body).await;
        let complete = json!({"variables": {"text": of_text, "j2": of_json}, "withVariablesInReturn": true});
        let path = format!("/task/{}/complete", task(api, &id).await);
        let reply = api.json("POST", &path, complete).await;
        assert_eq!(reply.status, 200);
        // Also the values that this command didn't touch.
        assert_eq!(reply.body["atStart"]["value"], text.as_str());
        assert_eq!(reply.body["j2"]["value"], json_text.as_str());
        let message = json!({"messageName": "paid", "businessKey": "k", "resultEnabled": true,
            "variablesInResultEnabled": true, "processVariables": {"byMessage": of_json}});
        let reply = api.json("POST", "/message", message).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body[0]["variables"]["atStart"]["value"], text.as_str());
        assert_eq!(
            reply.body[0]["variables"]["byMessage"]["value"],
            json_text.as_str()
        );

        let variables = format!("/process-instance/{id}/variables");
        let all = api.get(&format!("{variables}?deserializeValues=false")).await;
        for (name, value) in [
            ("atStart", &text),
            ("j", &json_text),
            ("text", &text),
            ("j2", &json_text),
        ] {
            assert!(all[name]["value"] == value.as_str(), "{name}");
            let one = api
                .get(&format!("{variables}/{name}?deserializeValue=false"))
                .await;
            assert!(
                one["value"] == value.as_str() && one["type"] == all[name]["type"],
                "{name}"
            );
        }
        for list in [
            "/variable-instance",
            "/history/variable-instance",
            "/history/detail",
        ] {
            let path =
                format!("{list}?processInstanceId={id}&processInstanceIdIn={id}&deserializeValues=false");
            let found = api.get(&path).await;
            let shown = |name: &str| {
                let mut rows = found.as_array().unwrap().iter();
                rows.find(|row| row["name"] == name || row["variableName"] == name)
                    .unwrap()
            };
            for (name, value) in [("text", &text), ("j", &json_text)] {
                assert!(shown(name)["value"] == value.as_str(), "{list} {name}");
            }
        }
        // One row for each value that was set, the copy of the mapping shares one, and no other row is long.
        assert_eq!(rows(api, &id).await, (5, 0));

        let fetch = json!({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "large", "lockDuration": 60000}]});
        let fetched = api.json("POST", "/external-task/fetchAndLock", fetch).await.body;
        assert!(fetched[0]["variables"]["copy"]["value"] == text.as_str());
        let path = format!("/external-task/{}/complete", only_id(&fetched));
        api.done("POST", &path, json!({"workerId": "w"})).await;
        // An expression has compared two of them.
        assert_eq!(api.get(&format!("{variables}/same")).await["value"], true);

        api.done(
            "POST",
            &format!("/task/{}/complete", task(api, &id).await),
            json!({}),
        )
        .await;
        let found = api
            .get(&format!(
                "/history/variable-instance?processInstanceId={id}&deserializeValues=false"
            ))
            .await;
        for (name, value) in [
            ("atStart", &text),
            ("copy", &text),
            ("j", &json_text),
            ("byMessage", &json_text),
        ] {
            let row = found
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row["name"] == name)
                .unwrap();
            assert!(row["value"] == value.as_str(), "{name} after the end");
        }
        assert_eq!(rows(api, &id).await, (5, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_16_large_values_that_a_step_does_not_touch_are_neither_loaded_nor_written() {
    let nodes = nodes(LevelName::Full).await;
    for api in &nodes {
        let value = json!({"value": json_text(), "type": "Json"});
        let body = json!({"variables": {"atStart": value, "text": {"value": 1}}});
        let mut least = [u64::MAX; 3];
        for _ in 0..5 {
            let id = api.start("large", body.clone()).await;
            let path = format!("/process-instance/{id}/variables");
            let calls = [
                // Loads the instance and shows a value: not the large one.
                ("GET", format!("{path}/text"), Value::Null),
                // One that is the same: nothing to write.
                ("PUT", format!("{path}/atStart"), value.clone()),
                ("PUT", format!("{path}/text"), json!({"value": 2})),
            ];
            for (n, (method, path, body)) in calls.into_iter().enumerate() {
                let before = statements(api);
                let reply = match body.is_null() {
                    true => api.call(method, &path).await,
                    false => api.json(method, &path, body).await,
                };
                assert!(reply.status / 100 == 2, "{} {}", reply.status, reply.body);
                least[n] = least[n].min(statements(api) - before);
            }
            assert_eq!(rows(api, &id).await.0, 1);
            let detail = api
                .get(&format!("/history/detail/count?processInstanceId={id}"))
                .await;
            assert_eq!(detail["count"], 3, "two values at the start, one replaced");
        }
        assert_eq!(least, [1, 1, 1], "one statement each: none for contents");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_40_a_replaced_value_stays_for_its_detail_and_goes_where_nothing_tells_of_it() {
    for (level, replaced, ended) in [
        (LevelName::Full, 2, 2),
        (LevelName::Audit, 1, 1),
        (LevelName::None, 1, 0),
    ] {
        let nodes = nodes(level).await;
        for api in &nodes {
            let (first, second) = ("x".repeat(10_000), "y".repeat(10_000));
            let id = api
                .start("large", json!({"variables": {"v": {"value": first}}}))
                .await;
            let path = format!("/process-instance/{id}/variables/v");
            api.done("PUT", &path, json!({"value": second})).await;
            assert_eq!(rows(api, &id).await, (replaced, 0), "{level:?}");
            assert_eq!(api.get(&path).await["value"], second);
            if level == LevelName::Full {
                let detail = api
                    .get(&format!(
                        "/history/detail?processInstanceId={id}&variableInstanceIdIn="
                    ))
                    .await;
                let values: Vec<&Value> = detail
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| &row["value"])
                    .collect();
                assert!(values.contains(&&json!(first)) && values.contains(&&json!(second)));
            }
            api.done("DELETE", &format!("/process-instance/{id}"), json!({}))
                .await;
            assert_eq!(rows(api, &id).await.0, ended, "{level:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_21_files_come_back_and_lists_show_them_without_content() {
    let nodes = nodes(LevelName::Full).await;
    // A million bytes that are no text.
    let content: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    let encoded = {
        use base64::{Engine, prelude::BASE64_STANDARD};
        BASE64_STANDARD.encode(&content)
    };
    for api in &nodes {
        let info = json!({"filename": "a.bin", "mimeType": "application/x-test"});
        let file = json!({"value": encoded, "type": "File", "valueInfo": info});
        let bytes = json!({"value": encoded, "type": "Bytes"});
        let id = api
            .start("large", json!({"variables": {"f": file, "b": bytes}}))
            .await;
        let path = format!("/process-instance/{id}/variables");
        let shown = api.get(&format!("{path}/f")).await;
        assert_eq!(shown, json!({"type": "File", "value": null, "valueInfo": info}));
        assert!(api.get(&format!("{path}/b")).await["value"] == encoded.as_str());
        for name in ["f", "b"] {
            let (status, data) = api.bytes(&format!("{path}/{name}/data")).await;
            assert!(status == 200 && data == content, "{name}");
        }
        let before = statements(api);
        let list = api
            .get(&format!("/variable-instance?processInstanceIdIn={id}"))
            .await;
        assert!(
            list.as_array().unwrap().iter().all(|row| row["value"].is_null()),
            "{list}"
        );
        assert_eq!(statements(api) - before, 2, "the list and the instances");
        let history = api
            .get(&format!(
                "/history/variable-instance?processInstanceId={id}&variableName=f"
            ))
            .await;
        let (status, data) = api
            .bytes(&format!("/history/variable-instance/{}/data", only_id(&history)))
            .await;
        assert!(status == 200 && data == content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_are_found_by_what_they_are() {
    let nodes = nodes(LevelName::Full).await;
    for api in &nodes {
        let (long, other) = ("x".repeat(10_000), "y".repeat(10_000));
        let id = api
            .start(
                "large",
                json!({"businessKey": "k", "variables": {"v": {"value": long}, "atStart": {"value": 1}, "text": {"value": 1}}}),
            )
            .await;
        for (operator, value, found) in [
            ("eq", &long, 1),
            ("eq", &other, 0),
            ("neq", &long, 0),
            ("neq", &other, 1),
        ] {
            let body = json!({"variables": [{"name": "v", "operator": operator, "value": value}]});
            let reply = api.json("POST", "/process-instance", body).await;
            assert_eq!(reply.body.as_array().unwrap().len(), found, "{operator}");
        }
        let body = json!({"variables": [{"name": "v", "operator": "neq", "value": "short"}]});
        assert_eq!(
            api.json("POST", "/process-instance", body)
                .await
                .body
                .as_array()
                .unwrap()
                .len(),
            1
        );
        let body = json!({"variableName": "v", "variableValue": long, "processInstanceId": id});
        assert_eq!(
            api.json("POST", "/history/variable-instance", body)
                .await
                .body
                .as_array()
                .unwrap()
                .len(),
            1
        );
        api.done(
            "POST",
            &format!("/task/{}/complete", task(api, &id).await),
            json!({}),
        )
        .await;
        for (value, status) in [(&other, 400), (&long, 204)] {
            let message =
                json!({"messageName": "paid", "correlationKeys": {"v": {"value": value, "type": "String"}}});
            assert_eq!(api.json("POST", "/message", message).await.status, status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_17_warm_instances_do_not_keep_large_values_in_memory() {
    let api = node(None, LevelName::Full).await;
    let value = json!({"value": json_text(), "type": "Json"});
    let mut path = String::new();
    for _ in 0..50 {
        let body = json!({"variables": {"atStart": value, "text": {"value": 1}}});
        let id = api.start("large", body).await;
        path = format!("/process-instance/{id}/variables/text");
    }
    // One of them is loaded with a value that an expression touched.
    api.done("PUT", &path, json!({"value": 2})).await;
    let (instances, bytes) = api.app.engine.cache().size();
    assert_eq!(instances, 50);
    assert!(bytes < 50 * 10_000, "{bytes} for 50 values of 100 kB");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_22_a_value_over_the_limit_is_refused_by_name() {
    let api = Api::with(|options| {
        options.job_executor_activate = false;
        options.variable_size_max = Some(10_000);
    })
    .await;
    api.deploy(MODEL).await;
    let id = api
        .start(
            "large",
            json!({"variables": {"v": {"value": "x".repeat(10_000)}}}),
        )
        .await;
    let path = format!("/process-instance/{id}/variables/v");
    let reply = api.json("PUT", &path, json!({"value": "x".repeat(10_001)})).await;
    let message = "Cannot put process instance variable v: variable 'v' has 10001 bytes, more than the 10000 that this \
                   server allows (--variable-size-max)";
    assert_eq!(
        (reply.status, reply.body["message"].as_str()),
        (400, Some(message))
    );
    assert_eq!(api.get(&path).await["value"].as_str().unwrap().len(), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_16_a_value_that_another_node_has_replaced_is_found_as_it_is_now() {
    let create = || SERVER.create(&format!("large_{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let url = tokio::task::spawn_blocking(create).await.unwrap().unwrap();
    let first = node(Some(url.clone()), LevelName::None).await;
    let second = Api::with(|options| {
        options.job_executor_activate = false;
        options.unsafe_durability = true;
        options.database_url = Some(url);
    })
    .await;
    second
        .until("/process-definition/count", |c| c["count"] == 1)
        .await;
    let (old, new) = ("x".repeat(10_000), "y".repeat(10_000));
    let of = |value: &str| json!({"value": value});
    let body = json!({"businessKey": "k", "variables": {"atStart": of(&old), "text": of(&old)}});
    let id = first.start("large", body).await;
    let path = format!("/task/{}/complete", task(&first, &id).await);
    first.done("POST", &path, json!({})).await;
    let message = json!({"messageName": "paid", "businessKey": "k"});
    first.done("POST", "/message", message).await;
    let fetch =
        json!({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "large", "lockDuration": 60000}]});
    let fetched = first
        .json("POST", "/external-task/fetchAndLock", fetch)
        .await
        .body;
    // The contents that the first node's warm copy refers to are gone from the database.
    for name in ["atStart", "text"] {
        let path = format!("/process-instance/{id}/variables/{name}");
        second.done("PUT", &path, of(&new)).await;
    }
    let path = format!("/external-task/{}/complete", only_id(&fetched));
    first.done("POST", &path, json!({"workerId": "w"})).await;
    let variables = first.get(&format!("/process-instance/{id}/variables")).await;
    assert_eq!(variables["same"]["value"], true);
    assert_eq!(variables["text"]["value"], new);
    // The mapping's copy has ended with its task, and the old values with it.
    assert_eq!(rows(&first, &id).await, (2, 0));
}
