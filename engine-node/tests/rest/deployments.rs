//! Deployments and process definitions.
use crate::api::{Api, MANY, ORDER, error};
use serde_json::{Value, json};

fn definition() -> Value {
    json!({
        "id": "Many:1:ID", "key": "Many", "category": "http://probe", "description": "docs", "name": "Many waits",
        "version": 1, "resource": "probe.bpmn", "deploymentId": "ID", "diagram": null, "suspended": false,
        "tenantId": null, "versionTag": "v1", "historyTimeToLive": 5, "startableInTasklist": true,
    })
}

#[tokio::test]
async fn a_deployment_answers_with_its_definitions_and_a_duplicate_with_none() {
    let api = Api::quiet().await;
    let parts = [
        ("deployment-name", None, "probe"),
        ("deployment-source", None, "src"),
        ("enable-duplicate-filtering", None, "True"),
        ("probe.bpmn", Some("probe.bpmn"), MANY),
    ];
    let first = api.upload(&parts).await;
    let id = first.body["id"].as_str().unwrap().to_owned();
    let href = format!("http://front:8080/engine-rest/deployment/{id}");
    assert_eq!(
        first.body["links"],
        json!([{"method": "GET", "href": href, "rel": "self"}])
    );
    let mut expected = json!({
        "links": [{"method": "GET", "href": "http://front:8080/engine-rest/deployment/ID", "rel": "self"}],
        "id": "ID", "name": "probe", "source": "src", "deploymentTime": "TIME", "tenantId": null,
        "deployedProcessDefinitions": {"Many:1:ID": definition()}, "deployedCaseDefinitions": null,
        "deployedDecisionDefinitions": null, "deployedDecisionRequirementsDefinitions": null,
    });
    assert_eq!(first.masked(), (200, expected.clone()));
    let again = api.upload(&parts).await;
    expected["deployedProcessDefinitions"] = Value::Null;
    assert_eq!(again.masked(), (200, expected));
    assert_eq!(again.body["id"], first.body["id"]);

    let row = json!({"links": [], "id": "ID", "name": "probe", "source": "src", "deploymentTime": "TIME", "tenantId": null});
    assert_eq!(
        api.call("GET", "/deployment?name=probe").await.masked(),
        (200, json!([row]))
    );
    assert_eq!(
        api.call("GET", &format!("/deployment/{id}")).await.masked(),
        (200, row)
    );
    assert_eq!(
        api.get("/deployment/count?nameLike=pr%25").await,
        json!({"count": 1})
    );
    let resources = api.get(&format!("/deployment/{id}/resources")).await;
    let resource = resources[0]["id"].as_str().unwrap();
    assert_eq!(
        resources,
        json!([{"id": resource, "name": "probe.bpmn", "deploymentId": id}])
    );
    let data = api
        .call("GET", &format!("/deployment/{id}/resources/{resource}/data"))
        .await;
    assert_eq!((data.status, data.body.as_str()), (200, Some(MANY)));
    assert_eq!(
        data.headers["content-disposition"],
        "attachment; filename=\"probe.bpmn\"; filename*=UTF-8''probe.bpmn"
    );
}

#[tokio::test]
async fn a_deployment_without_files_or_with_a_bad_model_is_refused_as_by_the_reference() {
    let api = Api::quiet().await;
    let empty = api.upload(&[("deployment-name", None, "x")]).await;
    let message = "No deployment resources contained in the form upload.";
    assert_eq!(
        empty.masked(),
        (400, error("InvalidRequestException", message, None))
    );
    let nameless = api.upload(&[("data", None, "x")]).await;
    let message = "No file name found in the deployment resource described by form parameter 'null'.";
    assert_eq!(
        nameless.masked(),
        (400, error("InvalidRequestException", message, None))
    );
    let model = ORDER.replace("targetRef=\"end\"", "targetRef=\"nope\"");
    let bad = api.upload(&[("data", Some("bad.bpmn"), &model)]).await;
    assert_eq!(
        (bad.status, bad.body["type"].as_str()),
        (400, Some("ParseException"))
    );
    let errors = bad.body["details"]["bad.bpmn"]["errors"].as_array().unwrap();
    let of_flow = errors.iter().find(|e| e["mainElementId"] == "f3").unwrap();
    assert_eq!(
        of_flow["message"],
        "Invalid destination 'nope' of sequence flow 'f3'"
    );
    assert_eq!(of_flow["\u{435}lementIds"], json!(["f3"]));
    assert_eq!(api.get("/deployment/count").await, json!({"count": 0}));
}

#[tokio::test]
async fn a_definition_is_found_by_id_by_key_and_in_lists() {
    let api = Api::quiet().await;
    api.upload(&[("data", Some("probe.bpmn"), MANY)]).await;
    let by_key = api.call("GET", "/process-definition/key/Many").await;
    assert_eq!(by_key.masked(), (200, definition()));
    let id = by_key.body["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/process-definition/{id}"),
        format!("/process-definition/{}/", id.replace(':', "%3A")),
        format!("/engine/default/process-definition/{id}"),
    ] {
        assert_eq!(
            api.call("GET", &path).await.masked(),
            (200, definition()),
            "{path}"
        );
    }
    let xml = api.get(&format!("/process-definition/{id}/xml")).await;
    assert_eq!(xml, json!({"id": id, "bpmn20Xml": MANY}));
    api.upload(&[("data", Some("probe.bpmn"), &MANY.replace("docs", "other docs"))])
        .await;
    let versions = |rows: Value| {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|r| r["version"].clone())
            .collect::<Vec<_>>()
    };
    let sorted = api
        .get("/process-definition?key=Many&sortBy=version&sortOrder=desc")
        .await;
    assert_eq!(versions(sorted), [json!(2), json!(1)]);
    assert_eq!(
        versions(api.get("/process-definition?key=Many&latestVersion=true").await),
        [json!(2)]
    );
    for (filter, found) in [
        ("keyLike=M%25", 2),
        ("keyLike=m%25", 0),
        ("nameLike=many%25", 2),
        ("name=many+waits", 0),
    ] {
        let count = api.get(&format!("/process-definition/count?{filter}")).await;
        assert_eq!(count, json!({"count": found}), "{filter}");
    }
}

#[tokio::test]
async fn s0_13_a_start_by_definition_id_answers_with_the_instance_and_its_link() {
    let api = Api::quiet().await;
    let id = api.deploy(ORDER).await;
    let reply = api
        .json("POST", &format!("/process-definition/{id}/start"), json!({}))
        .await;
    let expected = json!({
        "links": [{"method": "GET", "href": "http://front:8080/engine-rest/process-instance/ID", "rel": "self"}],
        "id": "ID", "definitionId": "Order_Process:1:ID", "businessKey": null, "caseInstanceId": null,
        "ended": false, "suspended": false, "tenantId": null, "definitionKey": "Order_Process",
    });
    assert_eq!(reply.masked(), (200, expected.clone()));
    let body =
        json!({"businessKey": "b ä/&+", "withVariablesInReturn": true, "variables": {"n": {"value": 5}}});
    let reply = api
        .json("POST", "/process-definition/key/Order_Process/start", body)
        .await;
    assert_eq!(reply.body["businessKey"], "b ä/&+");
    assert_eq!(
        reply.body["variables"],
        json!({"n": {"type": "Integer", "value": 5, "valueInfo": {}}})
    );
    let found = api.get("/process-instance?businessKey=b+%C3%A4%2F%26%2B").await;
    assert_eq!(found[0]["id"], reply.body["id"]);
}

#[tokio::test]
async fn a_start_that_cannot_be_done_says_why() {
    let api = Api::quiet().await;
    let id = api.deploy(ORDER).await;
    let path = "/process-definition/key/Order_Process/start";
    let prefix = format!("Cannot instantiate process definition {id}");
    let bad = api
        .json(
            "POST",
            path,
            json!({"variables": {"a": {"value": "x", "type": "Integer"}}}),
        )
        .await;
    let message =
        format!("{prefix}: Cannot convert value 'x' of type 'Integer' to java type java.lang.Integer");
    assert_eq!(
        (bad.status, bad.body),
        (400, error("InvalidRequestException", &message, None))
    );
    let shape = api.json("POST", path, json!({"variables": 5})).await;
    assert_eq!(
        (shape.status, shape.body),
        (400, error("InvalidRequestException", "", None))
    );
    let instructions =
        json!({"startInstructions": [{"type": "startBeforeActivity", "activityId": "nowhere"}]});
    assert!(api.json("POST", path, instructions).await.status >= 400);
    let nul = api.json("POST", path, json!({"businessKey": "a\0b"})).await;
    assert_eq!(nul.status, 400);

    api.done(
        "PUT",
        &format!("/process-definition/{id}/suspended"),
        json!({"suspended": true}),
    )
    .await;
    assert_eq!(
        api.get(&format!("/process-definition/{id}")).await["suspended"],
        true
    );
    let suspended = api.json("POST", path, json!({})).await;
    let message = format!("{prefix}: ENGINE-03043 Process Definition with id '{id}' is suspended.");
    assert_eq!(
        (suspended.status, suspended.body),
        (500, error("RestException", &message, 0))
    );
    assert_eq!(api.get("/process-instance/count").await, json!({"count": 0}));
}

#[tokio::test]
async fn a_deployment_with_instances_is_deleted_only_with_cascade() {
    let api = Api::quiet().await;
    let definition = api.deploy(ORDER).await;
    let instance = api.start("Order_Process", json!({})).await;
    let deployment = api.get("/deployment").await[0]["id"].as_str().unwrap().to_owned();
    let refused = api.call("DELETE", &format!("/deployment/{deployment}")).await;
    let message = format!(
        "ENGINE-03076 Deletion of process definition without cascading failed. Process definition with id: \
         {definition} can't be deleted, because there are 1 dependent process instances."
    );
    assert_eq!(
        (refused.status, refused.body),
        (500, error("ProcessEngineException", &message, 0))
    );
    let deleted = api
        .call("DELETE", &format!("/deployment/{deployment}?cascade=true"))
        .await;
    assert_eq!(deleted.status, 204);
    assert_eq!(
        api.call("GET", &format!("/process-instance/{instance}"))
            .await
            .status,
        404
    );
    assert_eq!(api.get("/process-definition/count").await, json!({"count": 0}));
}

#[tokio::test]
async fn s0_28_statistics_show_what_waits_at_each_activity_and_then_nothing() {
    let api = Api::quiet().await;
    let id = api.deploy(ORDER).await;
    for _ in 0..3 {
        api.start("Order_Process", json!({})).await;
    }
    let path = format!("/process-definition/{id}/statistics");
    let class = "org.camunda.bpm.engine.rest.dto.repository.ActivityStatisticsResultDto";
    let three = json!([{"@class": class, "id": "create", "instances": 3, "failedJobs": 0, "incidents": []}]);
    assert_eq!(api.get(&path).await, three);
    let per_definition = api.get("/process-definition/statistics").await;
    assert_eq!(
        (&per_definition[0]["id"], &per_definition[0]["instances"]),
        (&json!(id), &json!(3))
    );
    let fetch = json!({"workerId": "w", "maxTasks": 3, "topics": [{"topicName": "invoiceCreator", "lockDuration": 60000}]});
    for task in api
        .json("POST", "/external-task/fetchAndLock", fetch)
        .await
        .body
        .as_array()
        .unwrap()
    {
        let path = format!("/external-task/{}/complete", task["id"].as_str().unwrap());
        api.done("POST", &path, json!({"workerId": "w"})).await;
    }
    assert_eq!(api.get(&path).await, json!([]));
}
