//! Lists and counts: filters, sorting, paging, and what is wrong with a request.
use crate::api::{Api, MANY, ORDER, error};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

/// A node with orders `a1`, `b2` and one without a business key.
async fn orders() -> (Api, Vec<String>) {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    let typed = json!({
        "s": {"value": "tschüß"}, "i": {"value": 5}, "d": {"value": 1.5}, "b": {"value": true}, "n": {"value": null},
        "t": {"value": "2026-01-02T03:04:05.678+0000", "type": "Date"},
    });
    let ids = vec![
        api.start("Order_Process", json!({"businessKey": "a1", "variables": typed}))
            .await,
        api.start("Order_Process", json!({"businessKey": "b2"})).await,
        api.start("Order_Process", json!({})).await,
    ];
    (api, ids)
}

fn keys(rows: &Value) -> Vec<&str> {
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row["businessKey"].as_str().unwrap_or("-"))
        .collect()
}

#[tokio::test]
async fn nulls_sort_last_ascending_and_first_descending() {
    let (api, _) = orders().await;
    let sorted = async |order: &str, page: &str| {
        let rows = api
            .get(&format!(
                "/process-instance?sortBy=businessKey&sortOrder={order}{page}"
            ))
            .await;
        keys(&rows).join(" ")
    };
    assert_eq!(sorted("asc", "").await, "a1 b2 -");
    assert_eq!(sorted("desc", "").await, "- b2 a1");
    assert_eq!(sorted("asc", "&firstResult=1&maxResults=1").await, "b2");
    assert_eq!(sorted("asc", "&firstResult=2").await, "-");
    assert_eq!(sorted("asc", "&maxResults=0").await, "");
    assert_eq!(sorted("asc", "&maxResults=-1").await, "");
    let body = json!({"sorting": [{"sortBy": "definitionKey", "sortOrder": "asc"}, {"sortBy": "businessKey", "sortOrder": "desc"}]});
    let rows = api.json("POST", "/process-instance?maxResults=2", body).await;
    assert_eq!(keys(&rows.body), ["-", "b2"]);
}

#[tokio::test]
async fn without_sorting_rows_come_by_id() {
    let (api, mut ids) = orders().await;
    let rows = api.get("/process-instance").await;
    ids.sort();
    let listed: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn filters_find_what_the_reference_finds() {
    let (api, ids) = orders().await;
    for (filter, found) in [
        ("businessKey=a1", 1),
        ("businessKeyLike=a%25", 1),
        ("businessKeyLike=A%25", 0),
        ("active=true", 3),
        ("suspended=true", 0),
        ("suspended=false", 3),
        ("processDefinitionKey=Order_Process", 3),
        ("processDefinitionKeyIn=x,Order_Process", 3),
        ("processDefinitionKeyNotIn=Order_Process", 0),
        ("processDefinitionId=Order_Process:1:x", 0),
        ("activityIdIn=create,x", 3),
        ("withIncident=true", 0),
        ("tenantIdIn=a", 0),
        ("withoutTenantId=true", 3),
        ("rootProcessInstances=true", 3),
        ("leafProcessInstances=true", 3),
        ("caseInstanceId=x", 0),
        ("unknownParameter=x", 3),
        // In a query every value is a text, or a date if it looks like one.
        ("variables=s_eq_tsch%C3%BC%C3%9F", 1),
        ("variables=s_like_%25%C3%9F", 1),
        ("variables=s_neq_x", 1),
        ("variables=s_eq_TSCH%C3%9C%C3%9F", 0),
        ("variables=s_lt_U", 0),
        ("variables=s_lt_U&variableValuesIgnoreCase=true", 1),
        (
            "variables=S_like_TSCH%25&variableNamesIgnoreCase=true&variableValuesIgnoreCase=true",
            1,
        ),
        ("variables=i_eq_5", 0),
        ("variables=n_eq_null", 1),
        ("variables=t_gt_2020-01-01T00:00:00.000%2B0000", 1),
        ("variables=nope_eq_x", 0),
    ] {
        let count = api.get(&format!("/process-instance/count?{filter}")).await;
        assert_eq!(count, json!({"count": found}), "{filter}");
    }
    let with = async |variable: Value| {
        let reply = api
            .json(
                "POST",
                "/process-instance/count",
                json!({"variables": [variable]}),
            )
            .await;
        reply.body["count"].as_i64().unwrap()
    };
    assert_eq!(
        with(json!({"name": "i", "operator": "gteq", "value": 5})).await,
        1
    );
    assert_eq!(with(json!({"name": "d", "operator": "lt", "value": 2})).await, 1);
    assert_eq!(
        with(json!({"name": "b", "operator": "eq", "value": true})).await,
        1
    );
    assert_eq!(
        with(json!({"name": "i", "operator": "eq", "value": "5"})).await,
        0
    );
    let two = json!({"processInstanceIds": [ids[0], ids[1], "no id"]});
    assert_eq!(
        api.json("POST", "/process-instance/count", two).await.body,
        json!({"count": 2})
    );
}

#[tokio::test]
async fn a_bad_parameter_is_refused_in_the_reference_s_words() {
    let api = Api::quiet().await;
    let invalid = "InvalidRequestException";
    for (query, status, kind, message) in [
        ("maxResults=abc", 404, "QueryParamException", "HTTP 404 Not Found"),
        (
            "sortBy=x&sortOrder=asc",
            400,
            invalid,
            "Cannot set query parameter 'sortBy' to value 'x'",
        ),
        (
            "sortBy=instanceId&sortOrder=up",
            400,
            invalid,
            "Cannot set query parameter 'sortOrder' to value 'up'",
        ),
        (
            "sortOrder=asc",
            400,
            invalid,
            "Only a single sorting parameter specified. sortBy and sortOrder required",
        ),
        (
            "active=maybe",
            400,
            invalid,
            "Cannot set query parameter 'active' to value 'maybe': Cannot convert value maybe to java type java.lang.Boolean",
        ),
        (
            "variables=a",
            400,
            invalid,
            "Cannot set query parameter 'variables' to value 'a': variable query parameter has to have format KEY_OPERATOR_VALUE.",
        ),
        (
            "variables=a_foo_b",
            400,
            invalid,
            "Invalid variable comparator specified: foo",
        ),
    ] {
        let reply = api.call("GET", &format!("/process-instance?{query}")).await;
        assert_eq!(
            (reply.status, reply.body),
            (status, error(kind, message, None)),
            "{query}"
        );
    }
    let not_valid = "NotValidException";
    for (body, status, expected) in [
        (
            json!({"sorting": [{"sortBy": "nope", "sortOrder": "asc"}]}),
            400,
            error(
                not_valid,
                "You should call any of the orderBy methods first before specifying a direction: currentOrderingProperty is null",
                0,
            ),
        ),
        (
            json!({"sorting": [{"sortBy": "instanceId"}]}),
            400,
            error(
                not_valid,
                "Invalid query: call asc() or desc() after using orderByXX(): direction is null",
                0,
            ),
        ),
        (
            json!({"variables": [{"operator": "eq", "value": "x"}]}),
            400,
            error(not_valid, "name is null", 0),
        ),
        (
            json!({"processInstanceIds": []}),
            500,
            error(
                "ProcessEngineException",
                "Set of process instance ids is empty",
                0,
            ),
        ),
        (json!({"active": "maybe"}), 400, error(invalid, "", None)),
        (json!([]), 400, error(invalid, "", None)),
    ] {
        let reply = api.json("POST", "/process-instance", body).await;
        assert_eq!((reply.status, reply.body), (status, expected));
    }
    let nul = api
        .call("GET", "/process-instance?processDefinitionKeyIn=a%00b")
        .await;
    assert_eq!((nul.status, nul.body["type"].as_str()), (400, Some(invalid)));
}

#[tokio::test]
async fn paths_methods_and_media_types_are_refused_as_by_the_reference() {
    let api = Api::quiet().await;
    for (method, path, status, kind, message) in [
        ("GET", "/nope", 404, "NotFoundException", "HTTP 404 Not Found"),
        ("GET", "//version", 404, "NotFoundException", "HTTP 404 Not Found"),
        (
            "GET",
            "/engine/default",
            404,
            "NotFoundException",
            "HTTP 404 Not Found",
        ),
        (
            "PATCH",
            "/process-instance",
            405,
            "NotAllowedException",
            "HTTP 405 Method Not Allowed",
        ),
        (
            "GET",
            "/engine/nope/process-instance",
            400,
            "InvalidRequestException",
            "No process engine available",
        ),
    ] {
        let reply = api.call(method, path).await;
        assert_eq!(
            (reply.status, reply.body),
            (status, error(kind, message, None)),
            "{method} {path}"
        );
    }
    // Operations of the reference that aren't served yet are named.
    for (method, path) in [
        ("GET", "/case-instance"),
        ("GET", "/optimize/process-instance/running"),
    ] {
        let reply = api.call(method, path).await;
        assert_eq!(
            (reply.status, reply.body["type"].as_str()),
            (501, Some("NotImplementedException")),
            "{path}"
        );
    }
    let html = Request::get("/version")
        .header("accept", "text/html")
        .body(Body::empty())
        .unwrap();
    let reply = api.send(html).await;
    assert_eq!(
        (reply.status, reply.body),
        (
            406,
            error("NotAcceptableException", "HTTP 406 Not Acceptable", None)
        )
    );
    let text = Request::post("/message")
        .header("content-type", "text/plain")
        .body(Body::from("x"))
        .unwrap();
    let reply = api.send(text).await;
    assert_eq!(
        (reply.status, reply.body),
        (
            415,
            error("NotSupportedException", "HTTP 415 Unsupported Media Type", None)
        )
    );
    let malformed = Request::post("/message").header("content-type", "application/json; charset=UTF-8");
    let reply = api.send(malformed.body(Body::from("{bad")).unwrap()).await;
    assert_eq!(
        (reply.status, &reply.headers["content-type"]),
        (400, &http::HeaderValue::from_static("text/plain"))
    );
    for path in [
        "/version",
        "/version/",
        "/engine/default/version",
        "/engine/nope/version",
    ] {
        assert_eq!(api.get(path).await, json!({"version": "7.24.0"}));
    }
    assert_eq!(api.get("/engine").await, json!([{"name": "default"}]));
    let head = api.call("HEAD", "/version").await;
    assert_eq!((head.status, head.body), (200, Value::Null));
    assert_eq!(head.headers["cache-control"], "no-cache");
}

#[tokio::test]
async fn executions_and_subscriptions_of_a_forked_instance_are_listed() {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let id = api.start("Many", json!({})).await;
    let itself = json!({"id": id, "processInstanceId": id, "ended": false, "tenantId": null});
    assert_eq!(api.get(&format!("/execution/{id}")).await, itself);
    let at_user = api
        .get(&format!("/execution?processInstanceId={id}&activityId=user"))
        .await;
    let execution = crate::api::only_id(&at_user);
    assert_ne!(execution, id);
    assert_eq!(api.get(&format!("/execution/{execution}")).await, at_user[0]);
    let waiting = api.get("/execution?messageEventSubscriptionName=paid").await;
    let subscriptions = api.call("GET", "/event-subscription?eventName=paid").await;
    let expected = json!([{
        "id": "ID", "eventType": "message", "eventName": "paid", "executionId": "ID", "processInstanceId": "ID",
        "activityId": "recv", "createdDate": "TIME", "tenantId": null,
    }]);
    assert_eq!(subscriptions.masked(), (200, expected));
    assert_eq!(subscriptions.body[0]["executionId"], waiting[0]["id"]);
    assert_eq!(
        api.get("/event-subscription/count?eventType=signal").await,
        json!({"count": 0})
    );
}

#[tokio::test]
async fn what_has_very_many_conditions_is_refused_and_very_many_job_definitions_are_not() {
    let api = Api::quiet().await;
    let tasks: String = (0..40)
        .map(|n| format!(r#"<bpmn:task id="t{n}" camunda:asyncBefore="true"/>"#))
        .collect();
    let model = format!(
        r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <bpmn:process id="wide" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f" sourceRef="s" targetRef="t7"/>{tasks}
  </bpmn:process></bpmn:definitions>"#
    );
    api.deploy(&model).await;
    api.start("wide", json!({})).await;
    for (configuration, count) in [("async-before", 1), ("async-after", 0)] {
        let path = format!("/history/job-log/count?jobDefinitionConfiguration={configuration}");
        assert_eq!(api.get(&path).await, json!({"count": count}));
    }
    // More than a thread's stack would hold.
    let variable = json!({"name": "x", "operator": "eq", "value": 1});
    for (number, status) in [(100, 200), (20_000, 400)] {
        let body = json!({"variables": vec![variable.clone(); number]});
        let reply = api.json("POST", "/process-instance", body).await;
        assert_eq!(reply.status, status, "{number}: {}", reply.body);
    }
}
