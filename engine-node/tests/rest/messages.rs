//! Correlating messages.
use crate::api::{Api, MANY, error};
use engine_node::app::{Caller, EngineError, correlate::Message, executor::nothing};
use serde_json::json;

const MISMATCH: &str =
    "org.camunda.bpm.engine.MismatchingMessageCorrelationException: Cannot correlate message";

#[tokio::test]
async fn a_message_reaches_the_one_instance_that_waits() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let first = api
        .start(
            "Many",
            json!({"businessKey": "a", "variables": {"s": {"value": "x"}}}),
        )
        .await;
    api.start("Many", json!({"businessKey": "b"})).await;
    let ambiguous = api.json("POST", "/message", json!({"messageName": "paid"})).await;
    assert_eq!(
        (ambiguous.status, ambiguous.body["type"].as_str()),
        (400, Some("RestException"))
    );
    assert!(
        ambiguous.body["message"]
            .as_str()
            .unwrap()
            .contains("ENGINE-13031"),
        "{}",
        ambiguous.body
    );
    let body = json!({"messageName": "paid", "businessKey": "a", "resultEnabled": true, "variablesInResultEnabled": true,
        "processVariables": {"p": {"value": 1}}});
    let result = api.json("POST", "/message", body).await;
    let variables = json!({
        "s": {"type": "String", "value": "x", "valueInfo": {}}, "p": {"type": "Integer", "value": 1, "valueInfo": {}},
    });
    let execution = json!({"id": "ID", "processInstanceId": "ID", "ended": true, "tenantId": null});
    let expected = json!([{"resultType": "Execution", "execution": execution, "processInstance": null, "variables": variables}]);
    assert_eq!(result.masked(), (200, expected));
    assert_eq!(result.body[0]["execution"]["processInstanceId"], first);
    api.done("POST", "/message", json!({"messageName": "paid"})).await;
    let none = api.json("POST", "/message", json!({"messageName": "paid"})).await;
    let message = format!("{MISMATCH} 'paid': No process definition or execution matches the parameters");
    assert_eq!(
        (none.status, none.body),
        (400, error("RestException", &message, 0))
    );
}

#[tokio::test]
async fn a_bad_message_is_refused_as_by_the_reference() {
    let api = Api::quiet().await;
    let invalid = "InvalidRequestException";
    for (body, expected) in [
        (json!({}), error(invalid, "No message name supplied", None)),
        (
            json!({"messageName": "m", "variablesInResultEnabled": true}),
            error(
                invalid,
                "Parameter 'variablesInResultEnabled' cannot be used without 'resultEnabled' set to true.",
                None,
            ),
        ),
        (
            json!({"messageName": "m", "tenantId": "t", "withoutTenantId": true}),
            error(
                invalid,
                "Parameter 'tenantId' cannot be used together with parameter 'withoutTenantId'.",
                None,
            ),
        ),
        (
            json!({"messageName": "m", "correlationKeys": {"a": {"value": "x", "type": "Foo"}}}),
            error(
                invalid,
                "Cannot deliver message: Unsupported value type 'Foo'",
                None,
            ),
        ),
        (
            json!({"messageName": "m", "processInstanceId": "0000"}),
            error(
                "RestException",
                &format!("{MISMATCH} 'm': No process definition or execution matches the parameters"),
                0,
            ),
        ),
    ] {
        let reply = api.json("POST", "/message", body).await;
        assert_eq!((reply.status, reply.body), (400, expected));
    }
    api.done("POST", "/message", json!({"messageName": "m", "all": true}))
        .await;
    let all = api
        .json(
            "POST",
            "/message",
            json!({"messageName": "m", "all": true, "resultEnabled": true}),
        )
        .await;
    assert_eq!((all.status, all.body), (200, json!([])));
    assert_eq!(
        api.json("POST", "/signal", json!({"name": "s"})).await.status,
        204
    );
}

/// Two routers found the same subscription; the slower delivery is no match, though the instance lives on.
#[tokio::test]
async fn s4_13_a_subscription_that_another_message_took_is_no_match() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    api.start("Many", json!({})).await;
    let engine = &api.app.engine;
    let message = Message {
        name: "paid".into(),
        ..Message::default()
    };
    let subscription = engine.probe(&message).await.unwrap().executions[0].subscription;
    let caller = Caller::default();
    let deliver = || engine.deliver(&caller, subscription, &message, nothing());
    assert!(deliver().await.is_ok());
    let late = deliver().await;
    assert!(matches!(late, Err(EngineError::Mismatch(_))), "{:?}", late.err());
    let rows = api.get("/process-instance/count").await;
    assert_eq!(rows, json!({"count": 1}));
}
