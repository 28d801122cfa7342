//! Signals over REST and thrown by processes, conditional starts, and what waits for them.
use crate::api::Api;
use serde_json::{Value, json};

fn model(key: &str, inner: &str) -> String {
    format!(
        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='t' \
         xmlns:camunda='http://camunda.org/schema/1.0/bpmn'><signal id='g' name='alarm'/>\
         <process id='{key}' isExecutable='true'>{inner}<userTask id='u'/></process></definitions>"
    )
}

const WAITS: &str = "<startEvent id='s'/><sequenceFlow id='a' sourceRef='s' targetRef='c'/><intermediateCatchEvent id='c'>\
                     <signalEventDefinition signalRef='g'/></intermediateCatchEvent>\
                     <sequenceFlow id='b' sourceRef='c' targetRef='u'/>";
const STARTED: &str = "<startEvent id='s'><signalEventDefinition signalRef='g'/></startEvent>\
                       <sequenceFlow id='a' sourceRef='s' targetRef='u'/>";
const THROWS: &str = "<startEvent id='s'/><sequenceFlow id='a' sourceRef='s' targetRef='t'/><intermediateThrowEvent id='t'>\
                      <signalEventDefinition signalRef='g'><extensionElements><camunda:in source='x' target='y'/>\
                      </extensionElements></signalEventDefinition></intermediateThrowEvent>\
                      <sequenceFlow id='b' sourceRef='t' targetRef='u'/>";
const CONDITION: &str = "<startEvent id='s'><conditionalEventDefinition><condition>${level &gt; 3}</condition>\
                         </conditionalEventDefinition></startEvent><sequenceFlow id='a' sourceRef='s' targetRef='u'/>";

async fn count(api: &Api, path: &str) -> i64 {
    api.get(path).await["count"].as_i64().unwrap()
}

#[tokio::test]
async fn a_thrown_signal_reaches_who_waits_and_starts_who_is_started_by_it_once() {
    let api = Api::quiet().await;
    for (key, inner) in [("waits", WAITS), ("started", STARTED), ("throws", THROWS)] {
        api.deploy(&model(key, inner)).await;
    }
    api.start("waits", json!({"businessKey": "w1"})).await;
    api.start("waits", json!({"businessKey": "w2"})).await;
    let starts = api.get("/event-subscription?eventType=signal&activityId=s").await;
    assert_eq!(starts.as_array().unwrap().len(), 1);
    assert_eq!(starts[0]["processInstanceId"], Value::Null);

    api.start(
        "throws",
        json!({"variables": {"x": {"value": 7, "type": "Integer"}}}),
    )
    .await;
    assert_eq!(
        count(&api, "/task/count?taskDefinitionKey=u&processDefinitionKey=waits").await,
        2
    );
    assert_eq!(
        count(
            &api,
            "/task/count?taskDefinitionKey=u&processDefinitionKey=started"
        )
        .await,
        1
    );
    let variables = api.get("/variable-instance?variableName=y").await;
    assert_eq!(variables.as_array().unwrap().len(), 3);
    assert!(variables.as_array().unwrap().iter().all(|v| v["value"] == 7));
}

#[tokio::test]
async fn a_signal_over_rest_reaches_everybody_or_one_execution() {
    let api = Api::quiet().await;
    api.deploy(&model("waits", WAITS)).await;
    api.start("waits", json!({"businessKey": "w1"})).await;
    api.start("waits", json!({"businessKey": "w2"})).await;
    let waiting = api.get("/event-subscription?eventType=signal").await;
    let execution = waiting[0]["executionId"].as_str().unwrap();
    let one = json!({"name": "alarm", "executionId": execution});
    api.done("POST", "/signal", one.clone()).await;
    assert_eq!(count(&api, "/task/count?taskDefinitionKey=u").await, 1);
    assert_eq!(api.json("POST", "/signal", one).await.status, 500);
    api.done("POST", "/signal", json!({"name": "alarm"})).await;
    assert_eq!(count(&api, "/task/count?taskDefinitionKey=u").await, 2);
    assert_eq!(api.json("POST", "/signal", json!({})).await.status, 400);
}

#[tokio::test]
async fn a_condition_starts_what_holds_with_the_variables_it_brings() {
    let api = Api::quiet().await;
    let nothing = api.json("POST", "/condition", json!({"variables": {}})).await;
    assert_eq!(nothing.status, 500);
    api.deploy(&model("condition", CONDITION)).await;
    let offer =
        |level: i32| json!({"businessKey": "c", "variables": {"level": {"value": level, "type": "Integer"}}});
    let started = api.json("POST", "/condition", offer(3)).await;
    assert_eq!((started.status, started.body), (200, json!([])));
    let started = api.json("POST", "/condition", offer(4)).await;
    assert_eq!(started.body.as_array().unwrap().len(), 1);
    assert_eq!(started.body[0]["businessKey"], "c");
    assert_eq!(count(&api, "/task/count?taskDefinitionKey=u").await, 1);
}
