//! Jobs and their incidents.
use crate::api::{Api, MANY, error, only_id};
use serde_json::json;

const CAUSE: &str = "Unknown property used in expression: ${nope.x}. Cause: Cannot resolve identifier 'nope'";

#[tokio::test]
async fn a_job_that_fails_three_times_is_an_incident_until_it_gets_retries() {
    let api = Api::running().await;
    api.deploy(MANY).await;
    api.start("Many", json!({})).await;
    let incidents = api
        .until("/incident", |rows| !rows.as_array().unwrap().is_empty())
        .await;
    let expected = json!([{
        "id": "ID", "processDefinitionId": "Many:1:ID", "processInstanceId": "ID", "executionId": "ID",
        "incidentTimestamp": "TIME", "incidentType": "failedJob", "activityId": "svc", "failedActivityId": "svc",
        "causeIncidentId": "ID", "rootCauseIncidentId": "ID", "configuration": "ID", "incidentMessage": CAUSE,
        "tenantId": null, "jobDefinitionId": "ID", "annotation": null,
    }]);
    assert_eq!(crate::api::mask(&incidents), expected);
    let job = api.call("GET", "/job?activityId=svc").await;
    let expected = json!([{
        "id": "ID", "jobDefinitionId": "ID", "processInstanceId": "ID", "processDefinitionId": "Many:1:ID",
        "processDefinitionKey": "Many", "executionId": "ID", "exceptionMessage": CAUSE, "failedActivityId": "svc",
        "retries": 0, "dueDate": null, "suspended": false, "priority": 0, "tenantId": null, "createTime": "TIME",
        "batchId": null,
    }]);
    assert_eq!(job.masked(), (200, expected));
    let id = only_id(&job.body);
    assert_eq!(incidents[0]["configuration"], id);
    for (filter, found) in [
        ("executable=true", 0),
        ("noRetriesLeft=true", 1),
        ("withException=true", 1),
        ("messages=true", 1),
        ("timers=true", 0),
    ] {
        assert_eq!(
            api.get(&format!("/job/count?{filter}")).await,
            json!({"count": found}),
            "{filter}"
        );
    }
    let incident = only_id(&incidents);
    let resolve = api.call("DELETE", &format!("/incident/{incident}")).await;
    let message = "Cannot resolve an incident of type failedJob";
    assert_eq!(
        (resolve.status, resolve.body),
        (400, error("InvalidRequestException", message, None))
    );
    assert_eq!(
        api.get("/process-definition/statistics?failedJobs=true&incidents=true")
            .await[0]["incidents"],
        json!([{"incidentType": "failedJob", "incidentCount": 1}])
    );
    // Suspended first, so that the executor leaves it alone.
    api.done("PUT", &format!("/job/{id}/suspended"), json!({"suspended": true}))
        .await;
    api.done("PUT", &format!("/job/{id}/retries"), json!({"retries": 1}))
        .await;
    assert_eq!(api.get("/incident/count").await, json!({"count": 0}));
    assert_eq!(api.get(&format!("/job/{id}")).await["retries"], 1);
}

#[tokio::test]
async fn a_job_run_by_hand_answers_with_its_failure() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    api.start("Many", json!({})).await;
    let id = only_id(&api.get("/job").await);
    let failed = api.call("POST", &format!("/job/{id}/execute")).await;
    assert_eq!(
        (failed.status, failed.body),
        (404, error("InvalidRequestException", CAUSE, None))
    );
    assert_eq!(api.get(&format!("/job/{id}")).await["retries"], 2);
    let stacktrace = api.call("GET", &format!("/job/{id}/stacktrace")).await;
    assert!(
        stacktrace.body.as_str().is_some_and(|text| text.contains(CAUSE)),
        "{}",
        stacktrace.body
    );
    let negative = api
        .json("PUT", &format!("/job/{id}/retries"), json!({"retries": -1}))
        .await;
    let message =
        "ENGINE-13054 The number of job retries must be a non-negative Integer, but '-1' has been provided.";
    assert_eq!(
        (negative.status, negative.body),
        (500, error("InvalidRequestException", message, None))
    );
    assert_eq!(api.call("DELETE", &format!("/job/{id}")).await.status, 204);
    assert_eq!(api.get("/job/count").await, json!({"count": 0}));
}
