//! User tasks.
use crate::api::{Api, MANY, error, only_id};
use serde_json::{Value, json};

async fn task() -> (Api, String, String) {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let instance = api
        .start(
            "Many",
            json!({"businessKey": "bk", "variables": {"s": {"value": "x"}}}),
        )
        .await;
    let task = only_id(&api.get("/task").await);
    (api, instance, task)
}

#[tokio::test]
async fn a_task_has_every_member_of_the_reference() {
    let (api, _, task) = task().await;
    let expected = json!({
        "id": "ID", "name": "User Task", "assignee": "demo", "created": "TIME", "due": null, "followUp": null,
        "lastUpdated": null, "delegationState": null, "description": "task docs", "executionId": "ID", "owner": null,
        "parentTaskId": null, "priority": 50, "processDefinitionId": "Many:1:ID", "processInstanceId": "ID",
        "taskDefinitionKey": "user", "caseExecutionId": null, "caseInstanceId": null, "caseDefinitionId": null,
        "suspended": false, "formKey": null, "camundaFormRef": null, "tenantId": null, "taskState": "Created",
    });
    assert_eq!(
        api.call("GET", &format!("/task/{task}")).await.masked(),
        (200, expected)
    );
    let links = json!([
        {"userId": "u1", "groupId": null, "type": "candidate"}, {"userId": null, "groupId": "g1", "type": "candidate"},
        {"userId": null, "groupId": "g2", "type": "candidate"}, {"userId": "demo", "groupId": null, "type": "assignee"},
    ]);
    let mut found = api.get(&format!("/task/{task}/identity-links")).await;
    found.as_array_mut().unwrap().sort_by_key(|link| {
        links
            .as_array()
            .unwrap()
            .iter()
            .position(|expected| expected == link)
    });
    assert_eq!(found, links);
}

#[tokio::test]
async fn task_filters_find_what_the_reference_finds() {
    let (api, instance, _) = task().await;
    for (filter, found) in [
        ("assignee=demo", 1),
        ("unassigned=true", 0),
        // Asking for candidates means tasks that nobody has.
        ("candidateGroup=g1", 0),
        ("candidateGroup=g1&includeAssignedTasks=true", 1),
        ("candidateGroups=zz,g2&includeAssignedTasks=true", 1),
        ("candidateUser=u1&includeAssignedTasks=true", 1),
        ("withCandidateGroups=true", 0),
        ("withoutCandidateGroups=true", 0),
        ("nameLike=User%25", 1),
        ("nameLike=user%25", 1),
        ("name=user%20task", 1),
        ("nameNotEqual=user%20task", 0),
        ("descriptionLike=TASK%25", 1),
        ("assigneeLike=D%25", 0),
        ("taskDefinitionKeyIn=user,x", 1),
        ("priority=50", 1),
        ("minPriority=51", 0),
        ("createdBefore=2050-01-01T00:00:00.000%2B0000", 1),
        ("createdAfter=2050-01-01T00:00:00.000%2B0000", 0),
        ("withoutDueDate=true", 1),
        ("processInstanceBusinessKey=bk", 1),
        ("processVariables=s_eq_x", 1),
        ("taskVariables=s_eq_x", 0),
        ("involvedUser=demo", 1),
        ("delegationState=PENDING", 0),
    ] {
        assert_eq!(
            api.get(&format!("/task/count?{filter}")).await,
            json!({"count": found}),
            "{filter}"
        );
    }
    assert_eq!(
        api.get(&format!("/task/count?processInstanceId={instance}"))
            .await,
        json!({"count": 1})
    );
    let by_variable = api
        .call("GET", "/task?sortBy=processVariable&sortOrder=asc")
        .await;
    let message = "Cannot set query parameter 'sortBy' to value 'processVariable'";
    assert_eq!(
        (by_variable.status, by_variable.body),
        (400, error("InvalidRequestException", message, None))
    );
}

#[tokio::test]
async fn a_task_is_claimed_delegated_resolved_and_completed() {
    let (api, instance, task) = task().await;
    let path = |call: &str| format!("/task/{task}/{call}");
    let state = async || {
        let row = api.get(&format!("/task/{task}")).await;
        [
            row["assignee"].clone(),
            row["owner"].clone(),
            row["delegationState"].clone(),
            row["taskState"].clone(),
        ]
    };
    let taken = api.json("POST", &path("claim"), json!({"userId": "u"})).await;
    let message = format!("Task '{task}' is already claimed by someone else.");
    assert_eq!(
        (taken.status, taken.body),
        (500, error("TaskAlreadyClaimedException", &message, 0))
    );
    assert_eq!(api.call("POST", &path("unclaim")).await.status, 204);
    assert_eq!(
        state().await,
        [Value::Null, Value::Null, Value::Null, json!("Updated")]
    );
    api.done("POST", &path("claim"), json!({"userId": "u"})).await;
    api.done("POST", &path("delegate"), json!({"userId": "d"})).await;
    assert_eq!(
        state().await,
        [json!("d"), json!("u"), json!("PENDING"), json!("Updated")]
    );
    api.done(
        "POST",
        &path("resolve"),
        json!({"variables": {"r": {"value": 1}}}),
    )
    .await;
    let set = format!("/process-instance/{instance}/variables/r");
    assert_eq!(api.get(&set).await["value"], 1);
    assert_eq!(api.call("DELETE", &set).await.status, 204);
    assert_eq!(
        state().await,
        [json!("u"), json!("u"), json!("RESOLVED"), json!("Updated")]
    );
    api.done("POST", &path("assignee"), json!({"userId": null})).await;
    let completed = api
        .json(
            "POST",
            &path("complete"),
            json!({"withVariablesInReturn": true, "variables": {"done": {"value": true}}}),
        )
        .await;
    let variables = json!({
        "s": {"type": "String", "value": "x", "valueInfo": {}}, "done": {"type": "Boolean", "value": true, "valueInfo": {}},
    });
    assert_eq!((completed.status, completed.body), (200, variables));
    let history = api
        .get(&format!(
            "/history/activity-instance?processInstanceId={instance}&activityId=user"
        ))
        .await;
    assert_eq!(
        (&history[0]["taskId"], history[0]["endTime"].is_string()),
        (&json!(task), true)
    );
}

#[tokio::test]
async fn a_suspended_task_is_left_alone() {
    let (api, instance, task) = task().await;
    api.done(
        "PUT",
        &format!("/process-instance/{instance}/suspended"),
        json!({"suspended": true}),
    )
    .await;
    let suspended = format!("ENGINE-03043 task with id '{task}' is suspended.");
    let assign = api
        .json("POST", &format!("/task/{task}/assignee"), json!({"userId": "u"}))
        .await;
    assert_eq!(
        (assign.status, assign.body),
        (400, error("SuspendedEntityInteractionException", &suspended, 0))
    );
    let complete = api
        .json("POST", &format!("/task/{task}/complete"), json!({}))
        .await;
    let message = format!("Cannot complete task {task}: {suspended}");
    assert_eq!(
        (complete.status, complete.body),
        (500, error("RestException", &message, 0))
    );
    assert_eq!(api.get("/task/count?suspended=true").await, json!({"count": 1}));
}
