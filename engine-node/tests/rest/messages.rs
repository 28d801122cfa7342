//! Correlating messages.
use crate::api::{Api, MANY, error};
use engine_node::app::{Caller, EngineError, correlate::Message, executor::nothing};
use serde_json::json;
use std::time::Duration;

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

/// A node that keeps messages of the name `paid`.
async fn keeping(time: Duration) -> Api {
    Api::with(|options| {
        options.job_executor_activate = false;
        options.park_message = vec![("paid".to_owned(), time)];
    })
    .await
}

async fn parked(api: &Api) -> usize {
    api.app.engine.store().parked().await.unwrap().len()
}

/// Posts the message for a business key; its status.
async fn pay(api: &Api, key: &str) -> u16 {
    let body = json!({"messageName": "paid", "businessKey": key});
    api.json("POST", "/message", body).await.status
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), met)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_18_a_message_that_comes_before_its_receiver_waits_for_it() {
    let api = keeping(Duration::from_secs(3_600)).await;
    api.deploy(MANY).await;
    assert_eq!((pay(&api, "a").await, pay(&api, "b").await), (202, 202));
    // Only names that may wait do, and only with what says where.
    for body in [
        json!({"messageName": "unpaid", "businessKey": "a"}),
        json!({"messageName": "paid"}),
    ] {
        assert_eq!(api.json("POST", "/message", body).await.status, 400);
    }
    assert_eq!(parked(&api).await, 2);
    let id = api.start("Many", json!({"businessKey": "a"})).await;
    until("the message is taken", async || parked(&api).await == 1).await;
    let waits = format!("/event-subscription/count?processInstanceId={id}");
    assert_eq!(api.get(&waits).await, json!({"count": 0}));
    // Whoever waits already gets it at once, and a second one waits for the next receiver.
    assert_eq!((pay(&api, "a").await, parked(&api).await), (202, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_18_however_message_and_receiver_meet_none_is_lost_nor_taken_twice() {
    let api = &keeping(Duration::from_secs(3_600)).await;
    api.deploy(MANY).await;
    let rounds = (0..30).map(|round| async move {
        let key = format!("k{round}");
        let (status, _) = tokio::join!(pay(api, &key), api.start("Many", json!({"businessKey": key})));
        assert!([202, 204].contains(&status), "{status}");
    });
    futures_util::future::join_all(rounds).await;
    until("all are taken", async || {
        api.get("/event-subscription/count").await == json!({"count": 0})
    })
    .await;
    until("none is left", async || parked(api).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_34_a_message_whose_time_has_passed_is_delivered_by_hand_only() {
    let api = keeping(Duration::ZERO).await;
    api.deploy(MANY).await;
    assert_eq!((pay(&api, "a").await, pay(&api, "b").await), (202, 202));
    let ids = api.app.engine.store().parked().await.unwrap();
    let replay = async |n: usize| engine_node::rest::parked::replay(&api.app, ids[n].id).await;
    let refused = replay(0).await.unwrap_err();
    assert!(
        refused
            .message
            .contains("No process definition or execution matches"),
        "{}",
        refused.message
    );
    let kept = api.app.engine.store().parked().await.unwrap();
    assert!(kept[0].error.is_some() && kept[1].error.is_none());
    api.start("Many", json!({"businessKey": "a"})).await;
    assert_eq!(parked(&api).await, 2);
    assert!(replay(0).await.unwrap());
    assert_eq!(api.get("/event-subscription/count").await, json!({"count": 0}));
    assert_eq!(parked(&api).await, 1);
    assert!(!replay(0).await.unwrap(), "it is gone");
}
