//! Shards that are Camunda 7 servers: simulated by what they answer to the calls that a router makes (as 7.24 does).
mod support;

use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::*;

/// Ids as Camunda makes them.
const THEIRS: &str = "5b28a61c-afea-11ea-a71f-0200170287af";
const TASK: &str = "6c28a61c-afea-11ea-a71f-0200170287af";
const DEFINITION: &str = "Order:7:7d28a61c-afea-11ea-a71f-0200170287af";
const OURS: &str = "Order:7:018bcfe5-687b-8007-9267-000000000abc";

/// Its batch.
const BATCH: &str = "8e28a61c-afea-11ea-a71f-0200170287af";

/// A list of tasks as HAL, which holds all there are.
fn hal(tasks: Value) -> Act {
    let user = json!([{"id": "u", "firstName": "U"}]);
    let count = tasks.as_array().unwrap().len();
    let body = json!({"_links": {"self": {"href": "/task"}}, "_embedded": {"assignee": user, "task": tasks}, "count": count});
    let kind = ("content-type", "application/hal+json".to_owned());
    Act::Answer(200, vec![kind], body.to_string().into_bytes())
}

/// A Camunda server with one running instance and one external task.
async fn camunda() -> FakeNode {
    let locked = Arc::new(Mutex::new(false));
    FakeNode::start(move |seen: Seen| {
        let locked = locked.clone();
        async move {
            let instance = json!({"id": THEIRS, "definitionId": DEFINITION, "businessKey": "k", "links": []});
            let path = seen.path.strip_prefix("/engine-rest").unwrap_or("/outside");
            let missing = || status(404, json!({"type": "InvalidRequestException", "message": "none", "code": null}));
            match (seen.method.as_str(), path) {
                (_, "/version") => ok(json!({"version": "7.24.0"})),
                ("POST", path) if path.ends_with("/start") => ok(instance),
                ("GET", "/process-instance") => ok(json!([instance])),
                ("GET" | "POST", "/process-instance/count") => ok(json!({"count": 1})),
                ("GET", path) if path == format!("/process-instance/{THEIRS}") => ok(instance),
                ("GET", "/process-definition") => match seen.query.contains("version=7") {
                    true => ok(json!([{"id": DEFINITION, "key": "Order", "version": 7}])),
                    false => ok(json!([])),
                },
                ("GET", "/task") if seen.header("accept").contains("hal") => hal(json!([
                    {"id": TASK, "assignee": "u", "created": "2026-01-02T03:04:05.678+0000"},
                ])),
                ("GET", "/task") => ok(json!([
                    {"id": TASK, "name": "b", "created": "2026-01-02T03:04:05.678+0000", "processInstanceId": THEIRS},
                ])),
                ("GET", path) if path == format!("/task/{TASK}") => ok(json!({"id": TASK})),
                ("POST", "/task") => ok(json!([{"id": TASK, "name": "b", "created": "2026-01-02T03:04:05.678+0000"}])),
                ("POST", "/task/count") => ok(json!({"count": 1})),
                ("GET", "/batch" | "/history/batch" | "/batch/statistics") => {
                    ok(json!([{"id": BATCH, "startTime": "2026-01-02T03:04:05.678+0000", "totalJobs": 2}]))
                }
                ("GET", "/batch/count") => ok(json!({"count": 1})),
                ("GET", path) if path == format!("/batch/{BATCH}") => ok(json!({"id": BATCH})),
                ("POST", "/process-instance/delete") => ok(json!({"id": BATCH, "totalJobs": 1})),
                ("GET", "/task/report/candidate-group-count") => ok(json!([{"groupName": "g", "taskCount": 2}])),
                ("GET", path) if path.ends_with("/cleanable-process-instance-report") => {
                    ok(json!([{"processDefinitionId": DEFINITION}]))
                }
                ("POST", "/execution") => match seen.json()["messageEventSubscriptionName"] == "paid" {
                    true => ok(json!([{"id": "e", "processInstanceId": THEIRS, "tenantId": null}])),
                    false => ok(json!([])),
                },
                ("POST", "/external-task/fetchAndLock") => match std::mem::replace(&mut *locked.lock().unwrap(), true) {
                    false => ok(json!([{"id": TASK, "processInstanceId": THEIRS}])),
                    true => ok(json!([])),
                },
                ("POST", "/deployment/create") => ok(json!({"id": "d", "deployedProcessDefinitions":
                    {DEFINITION: {"id": DEFINITION, "key": "Order", "version": 7}}, "deployedDecisionDefinitions": null})),
                ("POST" | "PUT" | "DELETE", path) if !path.contains("nobody") => no_content(),
                _ => missing(),
            }
        }
    })
    .await
}

/// A shard of ours with one row in each list.
async fn native() -> FakeNode {
    FakeNode::start(async |seen: Seen| {
        let whole = topology::Coverage::whole();
        let id = id_in(FIRST, 1);
        match seen.path.as_str() {
            path if path.starts_with("/engine-rest/filter/") && seen.header("x-stellwerk-query") == "1" => {
                let variables = path.contains("/shown/").then(|| json!([{"name": "v"}]));
                let variables = variables.map_or(Value::Null, |_| json!(["v"]));
                let sorting = json!([{"sortBy": "created", "sortOrder": "desc"}]);
                ok(json!({"query": {"assignee": "u", "sorting": sorting}, "variables": variables}))
            }
            path if path.ends_with("/singleResult") => no_content().with("x-stellwerk-coverage", whole),
            path if path.ends_with("/list") && seen.header("accept").contains("hal") => hal(json!([
                {"id": id, "assignee": null, "_sort": [1_767_323_045_679_i64, id]},
            ]))
            .with("x-stellwerk-order", "desc")
            .with("x-stellwerk-coverage", whole),
            path if path.ends_with("/list") => {
                ok(json!([{"id": id, "name": "a", "_sort": [1_767_323_045_679_i64, id]}]))
                    .with("x-stellwerk-order", "desc")
                    .with("x-stellwerk-coverage", whole)
            }
            "/engine-rest/task" if seen.header("accept").contains("hal") => hal(json!([
                {"id": id, "assignee": null, "_sort": [1_767_323_045_679_i64, id]},
            ]))
            .with("x-stellwerk-coverage", whole),
            "/engine-rest/task/report/candidate-group-count" => {
                ok(json!([{"groupName": "g", "taskCount": 3}])).with("x-stellwerk-coverage", whole)
            }
            path if path.ends_with("/cleanable-process-instance-report") => {
                ok(json!([{"processDefinitionId": OURS}, {"processDefinitionId": id}])).with("x-stellwerk-coverage", whole)
            }
            "/engine-rest/history/batch" => {
                ok(json!([{"id": id, "startTime": "2026-01-02T03:04:05.679+0000", "totalJobs": 3}]))
            }
            "/engine-rest/batch" => ok(json!([])),
            "/engine-rest/process-instance/delete" => no_content(),
            "/engine-rest/task" => ok(json!([
                {"id": id, "name": "a", "created": "2026-01-02T03:04:05.679+0000", "_sort": [1_767_323_045_679_i64, id]},
            ]))
            .with("x-stellwerk-coverage", whole),
            "/engine-rest/process-instance" => ok(json!([{"id": id, "_sort": [id]}])).with("x-stellwerk-coverage", whole),
            path if path.ends_with("/count") => ok(json!({"count": 2})).with("x-stellwerk-coverage", whole),
            "/internal/correlate/probe" => {
                let waits = json!([{"subscription": id}]);
                let found = if seen.json()["messageName"] == "paid" { json!([]) } else { waits };
                ok(json!({"executions": found, "starts": []})).with("x-stellwerk-coverage", whole)
            }
            "/internal/correlate/deliver" => ok(json!({"resultType": "Execution"})),
            path if path.starts_with("/internal/definition/") => ok(json!({"key": "Order", "tenantId": null})),
            "/engine-rest/external-task/fetchAndLock" => ok(json!([])),
            "/engine-rest/deployment/create" => ok(json!({"id": "o", "deployedProcessDefinitions":
                {OURS: {"id": OURS, "key": "Order", "version": 1}}, "deployedDecisionDefinitions": null})),
            path if path.ends_with("/start") => started(),
            path if path.contains("/task/") || path.contains("/process-instance/") => {
                status(404, json!({"type": "InvalidRequestException", "message": "ours", "code": null}))
            }
            _ => no_content(),
        }
    })
    .await
}

/// What a server got besides probes.
fn asked(node: &FakeNode) -> Vec<String> {
    node.paths()
        .into_iter()
        .filter(|path| !path.ends_with("/version"))
        .collect()
}

#[tokio::test]
async fn starts_are_shared_and_what_goes_to_a_foreign_server_is_plain() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(50, &own, &[("old", &old)]).await;
    let start = "/process-definition/key/Order/start";
    let headers = [("idempotency-key", "i"), ("authorization", "Basic eA==")];
    for n in 0..40 {
        let body = json!({"businessKey": format!("k{n}")}).to_string();
        let first = cluster.send("POST", start, &headers, &body).await;
        assert_eq!(first.status, 200);
        assert_eq!(
            cluster.send("POST", start, &headers, &body).await.json(),
            first.json()
        );
    }
    let theirs = old
        .seen()
        .into_iter()
        .filter(|seen| seen.path.ends_with("/start"))
        .collect::<Vec<_>>();
    let ours = asked(&own).len();
    assert!(theirs.len() > 20 && ours > 20, "{} {ours}", theirs.len());
    for seen in &theirs {
        let internal = seen
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("x-stellwerk"));
        assert!(
            !internal && seen.header("idempotency-key").is_empty(),
            "{:?}",
            seen.headers
        );
        assert_eq!(seen.header("authorization"), "Basic eA==");
    }
    // The probes carry no secret either.
    assert!(
        old.seen()
            .iter()
            .all(|seen| seen.header("x-stellwerk-secret").is_empty())
    );
    let names: Vec<Value> = cluster.get("/engine").await.json().as_array().unwrap().clone();
    assert_eq!(names.len(), 3);
    assert_eq!(
        cluster.get("/engine/old/process-instance/count").await.json()["count"],
        1
    );
}

#[tokio::test]
async fn a_start_by_our_definition_s_id_goes_to_the_same_version_there_or_stays() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(100, &own, &[("old", &old)]).await;
    assert_eq!(
        cluster
            .post(&format!("/process-definition/{OURS}/start"), "{}")
            .await
            .json()["id"],
        THEIRS
    );
    let theirs = format!("POST /engine-rest/process-definition/{DEFINITION}/start");
    assert!(asked(&old).contains(&theirs), "{:?}", asked(&old));
    let other = OURS.replace(":7:", ":8:");
    assert_eq!(
        cluster
            .post(&format!("/process-definition/{other}/start"), "{}")
            .await
            .json()["id"],
        "x"
    );
    // By an id of theirs it is theirs whatever the share is.
    let none = mixed(0, &own, &[("old", &old)]).await;
    none.get("/process-instance").await;
    assert_eq!(
        none.post(&format!("/process-definition/{DEFINITION}/start"), "{}")
            .await
            .json()["id"],
        THEIRS
    );
    assert_eq!(
        none.post("/process-definition/key/Order/start", "{}")
            .await
            .json()["id"],
        "x"
    );
}

#[tokio::test]
async fn ids_are_learned_and_asked_for_and_never_tried() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(0, &own, &[("old", &old)]).await;
    let complete = format!("/task/{TASK}/complete");
    assert_eq!(cluster.post(&complete, "{}").await.status, 204);
    let asked_for = format!("GET /engine-rest/task/{TASK}");
    let once = |paths: Vec<String>| paths.iter().filter(|path| **path == asked_for).count();
    assert_eq!(once(asked(&old)), 1);
    assert_eq!(cluster.post(&complete, "{}").await.status, 204);
    assert_eq!(once(asked(&old)), 1);
    assert!(asked(&own).iter().all(|path| !path.contains("/task/")));
    // Nobody's id: the GET is all that the foreign shard saw, and the error is our engine's own.
    let got = cluster.post("/task/nobody/complete", "{}").await;
    assert_eq!((got.status, got.json()["message"].as_str()), (404, Some("ours")));
    let nobody: Vec<String> = asked(&old)
        .into_iter()
        .filter(|path| path.contains("nobody"))
        .collect();
    assert_eq!(nobody, ["GET /engine-rest/task/nobody"]);
    // Two shards that both have it: nobody may guess.
    let twin = camunda().await;
    let both = mixed(0, &own, &[("old", &old), ("twin", &twin)]).await;
    assert_eq!(both.post(&complete, "{}").await.status, 409);
    // One that doesn't answer may have it.
    twin.kill().await;
    let got = both.post(&complete, "{}").await;
    assert_eq!(got.status, 503);
    assert_eq!(got.header("retry-after"), "1");
}

#[tokio::test]
async fn lists_and_counts_are_whole_or_say_what_they_lack() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(0, &own, &[("old", &old)]).await;
    assert_eq!(cluster.get("/process-instance/count").await.json()["count"], 3);
    let names = |got: Got| -> Vec<String> {
        let rows = got.json();
        assert!(
            rows.as_array()
                .unwrap()
                .iter()
                .all(|row| row.get("_sort").is_none()),
            "{rows}"
        );
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(cluster.get("/task?sortBy=created&sortOrder=asc").await),
        ["b", "a"]
    );
    assert_eq!(
        names(cluster.get("/task?sortBy=created&sortOrder=desc").await),
        ["a", "b"]
    );
    let page = cluster
        .get("/task?sortBy=created&sortOrder=asc&firstResult=1&maxResults=1")
        .await;
    assert_eq!(page.header("x-stellwerk-cursor"), "");
    assert_eq!(names(page), ["a"]);
    let paged = old
        .seen()
        .into_iter()
        .rfind(|seen| seen.path == "/engine-rest/task")
        .unwrap();
    assert!(
        paged.query.contains("firstResult=0&maxResults=2"),
        "{}",
        paged.query
    );
    for path in [
        "/task?sortBy=processVariable&sortOrder=asc",
        "/task?cursor=x",
        "/history/process-instance/report?reportType=duration&periodUnit=month",
        "/history/batch/cleanable-batch-report",
    ] {
        let got = cluster.get(path).await;
        assert_eq!(got.status, 501, "{path}");
        assert!(
            got.json()["message"].as_str().unwrap().contains("foreign shards"),
            "{path}"
        );
    }
    old.kill().await;
    let got = cluster.get("/process-instance/count").await;
    assert_eq!((got.status, got.json()["shards"].clone()), (503, json!(["old"])));
    let part = cluster
        .send(
            "GET",
            "/process-instance/count",
            &[("x-stellwerk-partial", "allow")],
            "",
        )
        .await;
    assert_eq!(
        (part.json()["count"].as_i64(), part.header("x-stellwerk-missing")),
        (Some(2), "old")
    );
}

#[tokio::test]
async fn hal_and_counts_of_groups_and_definitions_are_those_of_both() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(0, &own, &[("old", &old)]).await;
    let hal = [("accept", "application/hal+json")];
    for (order, ids) in [
        ("asc", [TASK.to_owned(), id_in(FIRST, 1)]),
        ("desc", [id_in(FIRST, 1), TASK.to_owned()]),
    ] {
        let path = format!("/task?sortBy=created&sortOrder={order}");
        let got = cluster.send("GET", &path, &hal, "").await;
        assert_eq!(got.header("content-type"), "application/hal+json");
        let body = got.json();
        let listed: Vec<&str> = body["_embedded"]["task"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["id"].as_str().unwrap())
            .collect();
        assert_eq!(
            (listed, body["count"].as_i64()),
            (ids.iter().map(String::as_str).collect(), Some(2))
        );
        assert_eq!(
            body["_embedded"]["assignee"],
            json!([{"id": "u", "firstName": "U"}])
        );
        assert!(!body.to_string().contains("_sort"), "{body}");
    }
    // Their ids are learned from it.
    let before = asked(&old).len();
    assert_eq!(
        cluster.post(&format!("/task/{TASK}/complete"), "{}").await.status,
        204
    );
    assert_eq!(asked(&old).len(), before + 1);
    let groups = cluster.get("/task/report/candidate-group-count").await.json();
    assert_eq!(groups, json!([{"groupName": "g", "taskCount": 5}]));
    let cleanable = "/history/process-definition/cleanable-process-instance-report/count";
    assert_eq!(cluster.get(cleanable).await.json(), json!({"count": 3}));
}

#[tokio::test]
async fn a_stored_filter_runs_on_both_sides() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(0, &own, &[("old", &old)]).await;
    let ids = |tasks: &Value| -> Vec<String> {
        let id = |task: &Value| task["id"].as_str().unwrap().to_owned();
        tasks.as_array().unwrap().iter().map(id).collect()
    };
    let both = [id_in(FIRST, 1), TASK.to_owned()];
    let list = cluster
        .post("/filter/f/list?firstResult=0&maxResults=5", "{}")
        .await;
    assert_eq!(ids(&list.json()), both);
    assert_eq!(ids(&cluster.get("/filter/f/list").await.json()), both);
    let seen = old.seen();
    let asked = seen.iter().find(|seen| seen.path == "/engine-rest/task").unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.query.as_str()),
        ("POST", "firstResult=0&maxResults=5")
    );
    assert_eq!(asked.json()["assignee"], "u");
    assert!(
        seen.iter()
            .all(|seen| !seen.path.contains("/filter/") && seen.header("x-stellwerk-query").is_empty())
    );
    assert_eq!(cluster.get("/filter/f/count").await.json(), json!({"count": 3}));
    let hal = [("accept", "application/hal+json")];
    let got = cluster.send("GET", "/filter/f/list", &hal, "").await.json();
    assert_eq!(
        (ids(&got["_embedded"]["task"]), got["count"].as_i64()),
        (both.to_vec(), Some(2))
    );
    assert!(!got.to_string().contains("_sort"), "{got}");
    let one = old
        .seen()
        .into_iter()
        .rfind(|seen| seen.method == "GET" && seen.path == "/engine-rest/task");
    assert_eq!(one.unwrap().query, format!("taskIdIn={TASK}"));
    // Variables are shown by our shards alone.
    assert_eq!(
        cluster.send("GET", "/filter/shown/list", &hal, "").await.status,
        501
    );
    assert_eq!(ids(&cluster.get("/filter/shown/list").await.json()), both);
    assert_eq!(cluster.get("/filter/f/singleResult").await.status, 501);
}

#[tokio::test]
async fn batches_of_both_sides_are_listed_and_each_is_made_on_one() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(0, &own, &[("old", &old)]).await;
    let ids = |got: Got| -> Vec<String> {
        let rows = got.json();
        assert!(!rows.to_string().contains("_sort"), "{rows}");
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        rows.as_array().unwrap().iter().map(id).collect()
    };
    let ours = id_in(FIRST, 1);
    let list = "/history/batch?sortBy=startTime&sortOrder=desc";
    assert_eq!(ids(cluster.get(list).await), [ours.as_str(), BATCH]);
    let page = cluster.get(&format!("{list}&firstResult=1&maxResults=1")).await;
    assert_eq!(ids(page), [BATCH]);
    assert!(
        old.seen()
            .iter()
            .any(|seen| seen.query.contains("firstResult=0&maxResults=2"))
    );
    assert_eq!(ids(cluster.get("/batch").await), [BATCH]);
    assert_eq!(cluster.get("/batch/count").await.json(), json!({"count": 3}));
    // One by its id is asked for where it is.
    assert_eq!(cluster.get(&format!("/batch/{BATCH}")).await.json()["id"], BATCH);
    let suspend = format!("/batch/{BATCH}/suspended");
    let got = cluster.send("PUT", &suspend, &[], r#"{"suspended":true}"#).await;
    assert_eq!(got.status, 204);
    assert!(asked(&old).contains(&format!("PUT /engine-rest{suspend}")));

    let of_ours = format!("/batch/{ours}/suspended");
    let got = cluster.send("PUT", &of_ours, &[], r#"{"suspended":true}"#).await;
    assert_eq!(got.status, 204);
    assert!(asked(&own).contains(&format!("PUT /engine-rest{of_ours}")));

    let delete = |body: Value| {
        let cluster = &cluster;
        async move { cluster.post("/process-instance/delete", &body.to_string()).await }
    };
    let made = delete(json!({"processInstanceIds": [THEIRS]})).await;
    assert_eq!((made.status, made.json()["id"].as_str()), (200, Some(BATCH)));
    assert_eq!(delete(json!({"processInstanceIds": [ours]})).await.status, 204);
    for several in [
        json!({"processInstanceIds": [THEIRS, ours]}),
        json!({"processInstanceQuery": {}}),
        json!({"processInstanceIds": [THEIRS], "processInstanceQuery": {}}),
    ] {
        assert_eq!(delete(several).await.status, 501);
    }
    let made = |node: &FakeNode| {
        let paths = asked(node);
        paths
            .iter()
            .filter(|path| *path == "POST /engine-rest/process-instance/delete")
            .count()
    };
    assert_eq!((made(&old), made(&own)), (1, 1));
    old.kill().await;
    assert_eq!(cluster.get("/batch").await.status, 503);
    let part = cluster
        .send("GET", "/batch", &[("x-stellwerk-partial", "allow")], "")
        .await;
    assert_eq!(
        (part.json(), part.header("x-stellwerk-missing")),
        (json!([]), "old")
    );
}

#[tokio::test]
async fn tasks_messages_and_commands_reach_both_sides() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(0, &own, &[("old", &old)]).await;
    let fetch = r#"{"workerId":"w","maxTasks":3,"topics":[{"topicName":"t","lockDuration":1000}]}"#;
    assert_eq!(
        cluster.post("/external-task/fetchAndLock", fetch).await.json()[0]["id"],
        TASK
    );
    assert_eq!(
        cluster.post("/external-task/fetchAndLock", fetch).await.json(),
        json!([])
    );
    let done = cluster
        .post(&format!("/external-task/{TASK}/complete"), r#"{"workerId":"w"}"#)
        .await;
    assert_eq!(done.status, 204);

    let message = r#"{"messageName":"paid","businessKey":"k","correlationKeys":{"n":{"value":1}}}"#;
    assert_eq!(cluster.post("/message", message).await.status, 204);
    let probe = old
        .seen()
        .into_iter()
        .find(|seen| seen.path.ends_with("/execution"))
        .unwrap()
        .json();
    let keys = json!([{"name": "n", "operator": "eq", "value": 1}]);
    assert_eq!(
        (probe["businessKey"].as_str(), &probe["processVariables"]),
        (Some("k"), &keys)
    );
    let sent = old
        .seen()
        .into_iter()
        .find(|seen| seen.path.ends_with("/message"))
        .unwrap()
        .json();
    assert_eq!(sent["processInstanceId"], THEIRS);
    assert!(asked(&own).iter().all(|path| !path.ends_with("/deliver")));
    assert_eq!(
        cluster
            .post("/message", r#"{"messageName":"other"}"#)
            .await
            .status,
        204
    );
    assert!(asked(&own).iter().any(|path| path.ends_with("/deliver")));
    let all = cluster
        .post("/message", r#"{"messageName":"paid","all":true}"#)
        .await;
    assert_eq!(all.status, 501);

    assert_eq!(cluster.post("/signal", r#"{"name":"s"}"#).await.status, 204);
    for node in [&own, &old] {
        assert!(asked(node).contains(&"POST /engine-rest/signal".to_owned()));
    }
    let ids = |ids: Value| json!({"suspended": true, "processInstanceIds": ids}).to_string();
    let suspend = |body: String| {
        let cluster = &cluster;
        async move {
            cluster
                .send("PUT", "/process-instance/suspended", &[], &body)
                .await
        }
    };
    assert_eq!(suspend(ids(json!([THEIRS]))).await.status, 204);
    assert!(asked(&old).contains(&"PUT /engine-rest/process-instance/suspended".to_owned()));
    let both = suspend(ids(json!([THEIRS, id_in(FIRST, 1)]))).await;
    assert_eq!(both.status, 501);
}

#[tokio::test]
async fn a_deployment_goes_to_both_and_tells_where_they_differ() {
    let (own, old) = (native().await, camunda().await);
    let cluster = mixed(10, &own, &[("old", &old)]).await;
    let got = cluster.send("POST", "/deployment/create", &[], "parts").await;
    assert_eq!((got.status, got.json()["id"].as_str()), (200, Some("o")));
    assert_eq!(
        got.header("x-stellwerk-foreign"),
        "old: Order is version 7 there, version 1 here"
    );
    let sent = old
        .seen()
        .into_iter()
        .find(|seen| seen.path.ends_with("/create"))
        .unwrap();
    assert_eq!(&sent.body[..], b"parts");
    old.kill().await;
    let got = cluster.send("POST", "/deployment/create", &[], "parts").await;
    assert_eq!((got.status, got.json()["notDone"].clone()), (500, json!(["old"])));
}
