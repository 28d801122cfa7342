//! Instances and activities, running and ended, and the tree of what runs.
use crate::api::{Api, MANY, ORDER};
use serde_json::{Value, json};

fn process(state: &str, ended: bool) -> Value {
    let time = if ended { json!("TIME") } else { Value::Null };
    json!({
        "id": "ID", "businessKey": "bk", "processDefinitionId": "Order_Process:1:ID",
        "processDefinitionKey": "Order_Process", "processDefinitionName": "Order", "processDefinitionVersion": 1,
        "startTime": "TIME", "endTime": time, "removalTime": time, "durationInMillis": ended.then_some(0),
        "startUserId": null, "startActivityId": "start", "deleteReason": ended.then_some("because"),
        "rootProcessInstanceId": "ID", "superProcessInstanceId": null, "superCaseInstanceId": null,
        "caseInstanceId": null, "tenantId": null, "state": state, "restartedProcessInstanceId": null,
    })
}

#[tokio::test]
async fn an_instance_is_in_history_while_it_runs_and_after() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    let id = api.start("Order_Process", json!({"businessKey": "bk"})).await;
    let path = format!("/history/process-instance/{id}");
    assert_eq!(
        api.call("GET", &path).await.masked(),
        (200, process("ACTIVE", false))
    );
    api.done(
        "PUT",
        &format!("/process-instance/{id}/suspended"),
        json!({"suspended": true}),
    )
    .await;
    assert_eq!(
        api.call("GET", &path).await.masked(),
        (200, process("SUSPENDED", false))
    );
    assert_eq!(
        api.call("DELETE", &format!("/process-instance/{id}?deleteReason=because"))
            .await
            .status,
        204
    );
    let ended = process("EXTERNALLY_TERMINATED", true);
    assert_eq!(api.call("GET", &path).await.masked(), (200, ended.clone()));
    assert_eq!(
        api.call("GET", "/history/process-instance?finished=true")
            .await
            .masked(),
        (200, json!([ended]))
    );
    for (filter, found) in [
        ("unfinished=true", 0),
        ("externallyTerminated=true", 1),
        ("completed=true", 0),
        ("processInstanceBusinessKey=bk", 1),
        ("executedActivityIdIn=create", 1),
    ] {
        let count = api
            .get(&format!("/history/process-instance/count?{filter}"))
            .await;
        assert_eq!(count, json!({"count": found}), "{filter}");
    }
    let canceled = api.call("GET", "/history/activity-instance?canceled=true").await;
    assert_eq!(
        (&canceled.body[0]["activityId"], &canceled.body[0]["canceled"]),
        (&json!("create"), &json!(true))
    );
    let by_variable = api
        .get("/history/process-instance/count?variables=nobody_eq_b")
        .await;
    assert_eq!(by_variable, json!({"count": 0}));
}

#[tokio::test]
async fn activities_are_in_history_while_they_run_and_after() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let id = api.start("Many", json!({})).await;
    let running = api
        .call("GET", "/history/activity-instance?activityType=userTask")
        .await;
    let expected = json!([{
        "id": "user:ID", "parentActivityInstanceId": "ID", "activityId": "user", "activityName": "User Task",
        "activityType": "userTask", "processDefinitionKey": "Many", "processDefinitionId": "Many:1:ID",
        "processInstanceId": "ID", "executionId": "ID", "taskId": "ID", "calledProcessInstanceId": null,
        "calledCaseInstanceId": null, "assignee": "demo", "startTime": "TIME", "endTime": null,
        "durationInMillis": null, "canceled": false, "completeScope": false, "tenantId": null, "removalTime": null,
        "rootProcessInstanceId": "ID",
    }]);
    assert_eq!(running.masked(), (200, expected.clone()));
    let activity = running.body[0]["id"].as_str().unwrap();
    assert_eq!(
        api.call("GET", &format!("/history/activity-instance/{activity}"))
            .await
            .masked(),
        (200, expected[0].clone())
    );
    let sorted = api
        .get(&format!(
            "/history/activity-instance?processInstanceId={id}&sortBy=activityType&sortOrder=asc"
        ))
        .await;
    let kinds: Vec<_> = sorted
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["activityType"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "parallelGateway",
            "receiveTask",
            "serviceTask",
            "startEvent",
            "userTask"
        ]
    );
    assert_eq!(
        api.get("/history/activity-instance/count?finished=true").await,
        json!({"count": 2})
    );
    assert_eq!(
        api.get("/history/activity-instance/count?activityName=Ext").await,
        json!({"count": 1})
    );
}

#[tokio::test]
async fn the_tree_of_activities_shows_what_runs_and_what_is_about_to() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let id = api.start("Many", json!({})).await;
    let tree = api
        .call("GET", &format!("/process-instance/{id}/activity-instances"))
        .await
        .masked()
        .1;
    let child = |element: &str, name: &str, kind: &str| {
        json!({
            "id": format!("{element}:ID"), "parentActivityInstanceId": "ID", "activityId": element,
            "activityType": kind, "processInstanceId": "ID", "processDefinitionId": "Many:1:ID",
            "childActivityInstances": [], "childTransitionInstances": [], "executionIds": ["ID"],
            "activityName": name, "incidentIds": [], "incidents": [], "name": name,
        })
    };
    let children = [
        child("user", "User Task", "userTask"),
        child("ext", "Ext", "serviceTask"),
        child("recv", "Recv", "receiveTask"),
    ];
    assert_eq!(tree["childActivityInstances"], json!(children));
    let transition = json!([{
        "id": "ID", "parentActivityInstanceId": "ID", "processInstanceId": "ID", "processDefinitionId": "Many:1:ID",
        "activityId": "svc", "activityName": "Svc", "activityType": "serviceTask", "executionId": "ID",
        "incidentIds": [], "incidents": [], "targetActivityId": "svc",
    }]);
    assert_eq!(tree["childTransitionInstances"], transition);
    assert_eq!(
        (&tree["activityId"], &tree["activityType"]),
        (&json!("Many:1:ID"), &json!("processDefinition"))
    );
}
