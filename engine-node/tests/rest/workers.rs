//! What external task workers send.
use crate::api::{Api, ORDER, error};
use serde_json::{Value, json};
use std::time::Duration;

fn fetch(worker: &str) -> Value {
    // Every field, unset ones as null: as the Java worker writes it.
    json!({
        "workerId": worker, "maxTasks": 10, "usePriority": true, "asyncResponseTimeout": null, "sorting": [],
        "topics": [{
            "topicName": "invoiceCreator", "lockDuration": 60000, "variables": null, "businessKey": null,
            "processDefinitionId": null, "processDefinitionIdIn": null, "processDefinitionKey": null,
            "processDefinitionKeyIn": null, "tenantIdIn": null, "withoutTenantId": false, "processVariables": {},
            "localVariables": false, "deserializeValues": false, "includeExtensionProperties": false,
        }],
    })
}

/// A node with one order; its task's id, locked by `Client_1`.
async fn order() -> (Api, String) {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    api.start(
        "Order_Process",
        json!({"businessKey": "o1", "variables": {"s": {"value": "x"}}}),
    )
    .await;
    let fetched = api
        .json("POST", "/external-task/fetchAndLock", fetch("Client_1"))
        .await;
    assert_eq!(fetched.status, 200);
    let id = crate::api::only_id(&fetched.body);
    (api, id)
}

#[tokio::test]
async fn s0_11_the_sample_ends_after_one_worker_completion() {
    let (api, task) = order().await;
    let instance = api.get(&format!("/external-task/{task}")).await["processInstanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    api.done(
        "POST",
        &format!("/external-task/{task}/complete"),
        json!({"workerId": "Client_1"}),
    )
    .await;
    assert_eq!(
        api.call("GET", &format!("/process-instance/{instance}"))
            .await
            .status,
        404
    );
    let history = api.get(&format!("/history/process-instance/{instance}")).await;
    assert_eq!(history["state"], "COMPLETED");
    let path =
        format!("/history/activity-instance?processInstanceId={instance}&sortBy=occurrence&sortOrder=asc");
    let passed = api.get(&path).await;
    let passed: Vec<_> = passed
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["activityId"].as_str().unwrap())
        .collect();
    assert_eq!(passed, ["start", "create", "store", "end"]);
}

#[tokio::test]
async fn s0_18_a_fetched_task_has_every_member_of_the_reference() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    api.start(
        "Order_Process",
        json!({"businessKey": "o1", "variables": {"s": {"value": "x"}, "i": {"value": 5}}}),
    )
    .await;
    let mut request = fetch("w");
    request["topics"][0]["variables"] = json!(["s", "nope"]);
    let fetched = api.json("POST", "/external-task/fetchAndLock", request).await;
    let expected = json!([{
        "activityId": "create", "activityInstanceId": "create:ID", "errorMessage": null, "errorDetails": null,
        "executionId": "ID", "id": "ID", "lockExpirationTime": "TIME", "createTime": "TIME",
        "processDefinitionId": "Order_Process:1:ID", "processDefinitionKey": "Order_Process",
        "processDefinitionVersionTag": null, "processInstanceId": "ID", "retries": null, "suspended": false,
        "workerId": "w", "topicName": "invoiceCreator", "tenantId": null,
        "variables": {"s": {"type": "String", "value": "x", "valueInfo": {}}}, "priority": 0, "businessKey": "o1",
        "extensionProperties": {},
    }]);
    assert_eq!(fetched.masked(), (200, expected));
    let order: Vec<_> = fetched.body[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        order[..4],
        ["activityId", "activityInstanceId", "errorMessage", "errorDetails"]
    );
    let again = api.json("POST", "/external-task/fetchAndLock", fetch("w")).await;
    assert_eq!((again.status, again.body), (200, json!([])));
}

#[tokio::test]
async fn s0_18_the_calls_of_a_worker_answer_204() {
    let (api, task) = order().await;
    let path = |call: &str| format!("/external-task/{task}/{call}");
    api.done(
        "POST",
        &path("extendLock"),
        json!({"workerId": "Client_1", "newDuration": 70000}),
    )
    .await;
    let failure = json!({"workerId": "Client_1", "errorMessage": "em", "errorDetails": "ed", "retries": 1, "retryTimeout": 0});
    api.done("POST", &path("failure"), failure).await;
    let failed = api.get(&format!("/external-task/{task}")).await;
    assert_eq!(
        (&failed["errorMessage"], &failed["retries"]),
        (&json!("em"), &json!(1))
    );
    assert_eq!(api.call("GET", &path("errorDetails")).await.body, "ed");
    let json_only = http::Request::get(path("errorDetails")).header("accept", "application/json");
    let refused = api.send(json_only.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(
        (refused.status, refused.body["type"].as_str()),
        (406, Some("NotAcceptableException"))
    );
    // Without a body and without a content type.
    assert_eq!(api.call("POST", &path("unlock")).await.status, 204);
    api.done(
        "POST",
        &path("lock"),
        json!({"workerId": "Client_2", "lockDuration": 1000}),
    )
    .await;
    api.done("PUT", &path("priority"), json!({"priority": 9})).await;
    api.done(
        "POST",
        &path("bpmnError"),
        json!({"workerId": "Client_2", "errorCode": "nobody catches"}),
    )
    .await;
    assert_eq!(
        api.call("GET", &format!("/external-task/{task}")).await.status,
        404
    );
}

#[tokio::test]
async fn s0_18_a_failure_without_retries_is_an_incident_until_there_are_some() {
    let (api, task) = order().await;
    let failure = json!({"workerId": "Client_1", "errorMessage": "em"});
    api.done("POST", &format!("/external-task/{task}/failure"), failure)
        .await;
    let incidents = api.call("GET", "/incident?incidentType=failedExternalTask").await;
    let expected = json!([{
        "id": "ID", "processDefinitionId": "Order_Process:1:ID", "processInstanceId": "ID", "executionId": "ID",
        "incidentTimestamp": "TIME", "incidentType": "failedExternalTask", "activityId": "create",
        "failedActivityId": null, "causeIncidentId": "ID", "rootCauseIncidentId": "ID", "configuration": "ID",
        "incidentMessage": "em", "tenantId": null, "jobDefinitionId": null, "annotation": null,
    }]);
    assert_eq!(incidents.masked(), (200, expected));
    assert_eq!(incidents.body[0]["configuration"], task);
    assert_eq!(
        api.get("/external-task/count?noRetriesLeft=true").await,
        json!({"count": 1})
    );
    let topics = "/external-task/topic-names";
    assert_eq!(api.get(topics).await, json!(["invoiceCreator"]));
    assert_eq!(
        api.get(&format!("{topics}?withLockedTasks=true")).await,
        json!([])
    );
    assert_eq!(
        api.get(&format!("{topics}?withRetriesLeft=true")).await,
        json!([])
    );
    api.done(
        "PUT",
        &format!("/external-task/{task}/retries"),
        json!({"retries": 2}),
    )
    .await;
    assert_eq!(api.get("/incident/count").await, json!({"count": 0}));
}

#[tokio::test]
async fn s0_21_completion_by_another_worker_is_refused_in_the_reference_s_words() {
    let (api, task) = order().await;
    let path = format!("/external-task/{task}/complete");
    let refused = api.json("POST", &path, json!({"workerId": "Client_2"})).await;
    let message = format!(
        "External Task {task} cannot be completed by worker 'Client_2'. It is locked by worker 'Client_1'."
    );
    assert_eq!(
        (refused.status, refused.body),
        (400, error("RestException", &message, 0))
    );
    assert_eq!(
        api.get(&format!("/external-task/{task}")).await["workerId"],
        "Client_1"
    );
    api.done("POST", &path, json!({"workerId": "Client_1"})).await;
    let gone = api.json("POST", &path, json!({"workerId": "Client_1"})).await;
    let message = format!("External task with id {task} does not exist");
    assert_eq!(
        (gone.status, gone.body),
        (404, error("RestException", &message, 0))
    );
}

#[tokio::test]
async fn every_call_of_a_wrong_worker_has_the_reference_s_words() {
    let (api, task) = order().await;
    for (call, message) in [
        (
            "failure",
            format!(
                "Failure of External Task {task} cannot be reported by worker 'w2'. It is locked by worker 'Client_1'."
            ),
        ),
        (
            "bpmnError",
            format!(
                "Bpmn error of External Task {task} cannot be reported by worker 'w2'. It is locked by worker 'Client_1'."
            ),
        ),
        (
            "extendLock",
            format!(
                "The lock of the External Task {task} cannot be extended by worker 'w2''. It is locked by worker 'Client_1'."
            ),
        ),
    ] {
        let body = json!({"workerId": "w2", "retries": 1, "newDuration": 1000, "errorCode": "e"});
        let refused = api
            .json("POST", &format!("/external-task/{task}/{call}"), body)
            .await;
        assert_eq!(
            (refused.status, refused.body),
            (400, error("RestException", &message, 0))
        );
    }
}

#[tokio::test]
async fn a_bad_fetch_is_refused_as_by_the_reference() {
    let api = Api::quiet().await;
    let topic = json!([{"topicName": "x", "lockDuration": 10}]);
    for (body, status, kind, message) in [
        (json!({}), 500, "NullValueException", "workerId is null"),
        (
            json!({"workerId": "w", "maxTasks": -1}),
            500,
            "ProcessEngineException",
            "maxResults is not greater than or equal to 0",
        ),
        (
            json!({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "x"}]}),
            500,
            "ProcessEngineException",
            "lockTime is not greater than 0",
        ),
        (
            json!({"workerId": "w", "maxTasks": 1, "topics": [{"lockDuration": 10}]}),
            500,
            "NullValueException",
            "topicName is null",
        ),
        (
            json!({"workerId": "w", "maxTasks": 1, "asyncResponseTimeout": 1_900_000, "topics": topic}),
            400,
            "InvalidRequestException",
            "The asynchronous response timeout cannot be set to a value greater than 1800000 milliseconds",
        ),
        (
            json!({"workerId": "w", "maxTasks": 1, "sorting": [{"sortBy": "x", "sortOrder": "asc"}], "topics": topic}),
            400,
            "InvalidRequestException",
            "Cannot set query sortBy parameter to value x",
        ),
    ] {
        let code = (status == 500).then_some(0);
        let refused = api.json("POST", "/external-task/fetchAndLock", body).await;
        assert_eq!(
            (refused.status, refused.body),
            (status, error(kind, message, code))
        );
    }
    let nothing = api
        .json(
            "POST",
            "/external-task/fetchAndLock",
            json!({"workerId": "w", "maxTasks": 1}),
        )
        .await;
    assert_eq!((nothing.status, nothing.body), (200, json!([])));
}

#[tokio::test]
async fn s0_19_a_parked_fetch_gets_a_task_that_is_born_while_it_waits() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    let mut request = fetch("w");
    request["asyncResponseTimeout"] = json!(30_000);
    let parked = api.json("POST", "/external-task/fetchAndLock", request);
    let starts = async {
        tokio::task::yield_now().await;
        api.start("Order_Process", json!({})).await
    };
    let both = async { tokio::join!(parked, starts) };
    let (fetched, _) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert_eq!(fetched.body.as_array().map(Vec::len), Some(1));
}
