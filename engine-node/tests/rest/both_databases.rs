//! Every list, with every criterion and many filters, answers alike on SQLite and PostgreSQL.
use crate::api::{Api, MANY, ORDER, mask, only_id};
use serde_json::{Value, json};
use testkit::postgres::Server;

/// Lists with their criteria.
const SORTS: &[(&str, &str)] = &[
    (
        "/process-instance",
        "instanceId definitionKey definitionId tenantId businessKey",
    ),
    ("/execution", "instanceId definitionKey definitionId tenantId"),
    (
        "/task",
        "instanceId dueDate followUpDate executionId assignee created lastUpdated description id name \
         nameCaseInsensitive priority tenantId caseInstanceId caseExecutionId",
    ),
    (
        "/external-task",
        "id lockExpirationTime processInstanceId processDefinitionId processDefinitionKey taskPriority createTime \
         tenantId",
    ),
    (
        "/job",
        "jobId executionId processInstanceId processDefinitionId processDefinitionKey jobPriority jobRetries \
         jobDueDate tenantId",
    ),
    (
        "/incident",
        "incidentId incidentMessage incidentTimestamp incidentType executionId activityId processInstanceId \
         processDefinitionId causeIncidentId rootCauseIncidentId configuration tenantId",
    ),
    ("/event-subscription", "created tenantId"),
    ("/variable-instance", "variableName variableType"),
    (
        "/history/process-instance",
        "instanceId definitionId definitionKey definitionName definitionVersion businessKey startTime endTime \
         duration tenantId",
    ),
    (
        "/history/activity-instance",
        "activityInstanceId instanceId executionId activityId activityName activityType startTime endTime duration \
         definitionId occurrence tenantId",
    ),
    ("/deployment", "id name deploymentTime tenantId"),
    (
        "/process-definition",
        "category key id name version deploymentId deployTime tenantId versionTag",
    ),
];

const LATER: &str = "2050-01-01T00:00:00.000%2B0000";

/// Filters by list; `LATER` stands for a date.
const FILTERS: &[(&str, &str)] = &[
    (
        "/process-instance",
        "businessKey=a|businessKeyLike=A%25|businessKeyLike=%25|active=true|suspended=true|activityIdIn=user,create|\
         withIncident=true|incidentType=failedJob|incidentMessageLike=%25nope%25|rootProcessInstances=true|\
         leafProcessInstances=true|variables=s_eq_x|variables=s_like_X%25|variables=s_gt_a,s_lt_z|variables=n_eq_null|\
         variables=s_eq_X&variableValuesIgnoreCase=true|variables=S_eq_x&variableNamesIgnoreCase=true|\
         tenantIdIn=a,b|withoutTenantId=true|processDefinitionKeyNotIn=Many|\
         superProcessInstance=018bcfe5-687b-8007-9267-000000000abc|subProcessInstance=x",
    ),
    (
        "/task",
        "assignee=demo|assigneeLike=d%25|assigneeIn=demo,x|assigneeNotIn=demo|unassigned=true|owner=x|\
         candidateGroup=g1&includeAssignedTasks=true|candidateUser=u1|withCandidateGroups=true|involvedUser=u1|\
         withoutCandidateUsers=true|priority=50|maxPriority=49|createdBefore=LATER|updatedAfter=LATER|dueAfter=LATER|\
         followUpBeforeOrNotExistent=LATER|processVariables=s_notLike_y%25|taskVariables=loc_eq_1|nameNotEqual=x|\
         nameNotLike=U%25|taskDefinitionKeyNotIn=user|processInstanceBusinessKeyLike=%25|processDefinitionName=x|\
         delegationState=PENDING|suspended=true",
    ),
    (
        "/external-task",
        "locked=true|notLocked=true|noRetriesLeft=true|withRetriesLeft=true|lockExpirationBefore=LATER|topicName=work|\
         activityIdIn=ext,x|priorityHigherThanOrEquals=7|workerId=w|processVariables=s_eq_x",
    ),
    (
        "/job",
        "executable=true|messages=true|timers=true|withException=true|noRetriesLeft=true|dueDates=lt_LATER|\
         createTimes=lt_LATER|acquired=true|priorityLowerThanOrEquals=0|failedActivityId=svc|suspended=true",
    ),
    (
        "/incident",
        "incidentMessageLike=e%25|incidentTimestampBefore=LATER|failedActivityId=svc|activityId=create",
    ),
    (
        "/execution",
        "activityId=user|messageEventSubscriptionName=paid|variables=s_eq_x|incidentType=x|active=true",
    ),
    (
        "/event-subscription",
        "eventType=message|eventType=signal|eventName=paid|activityId=recv",
    ),
    (
        "/variable-instance",
        "variableName=s|variableNameLike=S%25|variableValues=s_eq_x|variableValues=s_neq_x",
    ),
    (
        "/history/process-instance",
        "finished=true|unfinished=true|completed=true|externallyTerminated=true|internallyTerminated=true|active=true|\
         suspended=true|startedBefore=LATER|finishedAfter=LATER|executedActivityIdIn=start,x|activeActivityIdIn=user|\
         processInstanceBusinessKeyIn=a,b|startedBy=x|processDefinitionNameLike=M%25|variables=s_eq_x|variables=s_neq_x|\
         variables=S_eq_X&variableNamesIgnoreCase=true&variableValuesIgnoreCase=true|incidentStatus=open|\
         incidentStatus=resolved|incidentType=failedJob|incidentMessageLike=%25e%25|withIncidents=true|\
         withRootIncidents=true|withJobsRetrying=true|activityIdIn=user|executedActivityAfter=LATER|\
         executedActivityBefore=LATER|executedJobAfter=LATER|executedJobBefore=LATER",
    ),
    (
        "/history/task",
        "processVariables=s_eq_x|processVariables=s_notLike_y%25|taskVariables=loc_eq_1",
    ),
    (
        "/history/activity-instance",
        "finished=true|unfinished=true|canceled=true|completeScope=true|activityType=userTask|activityName=Ext|\
         taskAssignee=demo|startedAfter=LATER|finishedBefore=LATER",
    ),
];

/// The same work on a node: instances that wait, have ended, were cancelled, have incidents.
async fn work(api: &Api) {
    api.deploy(MANY).await;
    api.deploy(ORDER).await;
    let variables =
        json!({"s": {"value": "x"}, "i": {"value": 5}, "d": {"value": 1.5}, "n": {"value": null}});
    let many = api
        .start("Many", json!({"businessKey": "a", "variables": variables}))
        .await;
    api.start("Order_Process", json!({"businessKey": "b"})).await;
    let cancelled = api
        .start("Order_Process", json!({"variables": {"s": {"value": "X"}}}))
        .await;
    assert_eq!(
        api.call("DELETE", &format!("/process-instance/{cancelled}"))
            .await
            .status,
        204
    );
    let task = only_id(&api.get(&format!("/task?processInstanceId={many}")).await);
    api.done(
        "PUT",
        &format!("/task/{task}/localVariables/loc"),
        json!({"value": 1}),
    )
    .await;
    let job = only_id(&api.get("/job").await);
    assert_eq!(api.call("POST", &format!("/job/{job}/execute")).await.status, 404);
    let fetch =
        json!({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "work", "lockDuration": 600_000}]});
    let fetched = api.json("POST", "/external-task/fetchAndLock", fetch).await;
    let failure = json!({"workerId": "w", "errorMessage": "em"});
    api.done(
        "POST",
        &format!("/external-task/{}/failure", only_id(&fetched.body)),
        failure,
    )
    .await;
}

/// Rows with ids masked, in an order of their own unless `sorted`.
async fn rows(api: &Api, path: &str, sorted: bool) -> Vec<String> {
    let Value::Array(rows) = mask(&api.get(path).await) else {
        panic!("{path}")
    };
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    if !sorted {
        rows.sort();
    }
    rows
}

#[tokio::test]
async fn every_list_answers_alike_on_sqlite_and_postgresql() {
    let server = Server::durable().unwrap();
    let url = server.create("node").unwrap();
    let (sqlite, postgres) = (Api::quiet().await, Api::quiet_on(&url).await);
    work(&sqlite).await;
    work(&postgres).await;
    for (list, criteria) in SORTS {
        // Times and ids differ between the two, other criteria must order alike.
        for by in criteria.split_whitespace() {
            let random = by.ends_with("Id") && by != "activityId" && by != "tenantId" && by != "definitionId";
            let timed = ["id", "configuration", "duration", "occurrence"].contains(&by)
                || by.to_lowercase().contains("time")
                || by == "created"
                || by == "lastUpdated";
            for order in ["asc", "desc"] {
                let path = format!("{list}?sortBy={by}&sortOrder={order}");
                let whole = rows(&sqlite, &path, false).await;
                assert_eq!(whole, rows(&postgres, &path, false).await, "{path}");
                if !random && !timed && *list != "/process-definition" && *list != "/deployment" {
                    let values = async |api: &Api| sort_values(api, &path).await;
                    assert_eq!(values(&sqlite).await, values(&postgres).await, "{path}");
                }
            }
        }
    }
    for (list, filters) in FILTERS {
        for filter in filters.split('|') {
            let path = format!("{list}?{}", filter.replace("LATER", LATER));
            let found = rows(&sqlite, &path, false).await;
            assert_eq!(found, rows(&postgres, &path, false).await, "{path}");
            let count = api_count(&postgres, &path).await;
            assert_eq!(count, found.len() as i64, "{path}");
        }
    }
    drop((sqlite, postgres, server));
}

/// What the rows of a fan-out's part are merged by, without the id.
async fn sort_values(api: &Api, path: &str) -> Vec<Value> {
    let request = http::Request::get(path).header("x-stellwerk-fanout", "1");
    let reply = api.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    let rows = reply.body.as_array().unwrap();
    rows.iter().map(|row| mask(&row["_sort"][0])).collect()
}

async fn api_count(api: &Api, path: &str) -> i64 {
    let path = path.replacen('?', "/count?", 1);
    api.get(&path).await["count"].as_i64().unwrap()
}
