//! What a node answers a router: parts of a fan-out, misdirected requests, repeated requests.
use crate::api::{Api, ORDER, Reply};
use axum::body::Body;
use bpmn_core::{Id, Slot};
use engine_node::store::{SlotRow, SlotState};
use http::Request;
use serde_json::{Value, json};
use topology::Coverage;

impl Api {
    pub async fn with_headers(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }
}

#[tokio::test]
async fn a_router_learns_what_a_filter_asks_for() {
    let api = Api::quiet().await;
    let filter = json!({"resourceType": "Task", "name": "mine", "properties": {"variables": [{"name": "v"}]},
        "query": {"assigneeExpression": "${'a'}", "sorting": [{"sortBy": "name", "sortOrder": "asc"}]}});
    let made = api.with_headers("POST", "/filter/create", &[], filter).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let asks = [("x-stellwerk-query", "1")];
    let list = format!("/filter/{id}/list?maxResults=1");
    let told = api
        .with_headers("POST", &list, &asks, json!({"owner": "o"}))
        .await
        .body;
    assert_eq!(
        (&told["query"]["assignee"], &told["query"]["owner"]),
        (&json!("a"), &json!("o"))
    );
    assert!(told["query"].get("assigneeExpression").is_none(), "{told}");
    assert_eq!(told["query"]["sorting"][0]["sortBy"], "name");
    assert_eq!(told["variables"], json!(["v"]));
    let count = format!("/filter/{id}/count");
    let told = api.with_headers("GET", &count, &asks, Value::Null).await.body;
    assert_eq!(told["query"]["assignee"], "a");
    let none = api
        .with_headers("GET", "/filter/nope/list", &asks, Value::Null)
        .await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn a_part_of_a_fan_out_tells_its_sort_values_and_the_slots_it_saw() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    let id = api.start("Order_Process", json!({"businessKey": "a"})).await;
    let other = api.start("Order_Process", json!({})).await;
    let fanout = [("x-stellwerk-fanout", "1")];
    let path = "/process-instance?sortBy=businessKey&sortOrder=desc";
    let part = api.with_headers("GET", path, &fanout, Value::Null).await;
    assert_eq!(
        part.headers["x-stellwerk-coverage"],
        Coverage::whole().to_string()
    );
    let sorts: Vec<_> = part
        .body
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["_sort"].clone())
        .collect();
    assert_eq!(sorts, [json!([null, other]), json!(["a", id])]);
    for path in [
        "/task",
        "/external-task",
        "/job",
        "/incident",
        "/execution",
        "/history/activity-instance",
        "/variable-instance",
    ] {
        let part = api.with_headers("GET", path, &fanout, Value::Null).await;
        assert_eq!(
            part.headers["x-stellwerk-coverage"],
            Coverage::whole().to_string(),
            "{path}"
        );
        assert!(
            part.body
                .as_array()
                .unwrap()
                .iter()
                .all(|row| row["_sort"].is_array()),
            "{path}"
        );
        let count = api
            .with_headers("GET", &format!("{path}/count"), &fanout, Value::Null)
            .await;
        assert!(count.headers.contains_key("x-stellwerk-coverage"), "{path}");
    }
    let plain = api.call("GET", path).await;
    assert!(plain.body[0].get("_sort").is_none() && !plain.headers.contains_key("x-stellwerk-coverage"));
    let fetch = json!({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "invoiceCreator", "lockDuration": 1000}]});
    let fetched = api
        .with_headers("POST", "/external-task/fetchAndLock", &fanout, fetch)
        .await;
    assert!(fetched.body[0]["_lockRevision"].is_i64());
}

#[tokio::test]
async fn a_slot_that_moved_away_is_misdirected_before_anything_is_done() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    let id = api.start("Order_Process", json!({"businessKey": "a"})).await;
    let slot = Slot::of_key("a");
    let here = SlotRow {
        slot,
        state: SlotState::Owned,
        epoch: 1,
        move_id: None,
        armed: 0,
    };
    let from = api
        .app
        .engine
        .store()
        .slots()
        .await
        .unwrap()
        .into_iter()
        .find(|row| row.slot == slot)
        .unwrap_or(here);
    let fenced = SlotRow {
        state: SlotState::Fenced,
        ..from.clone()
    };
    let gone = SlotRow {
        state: SlotState::Released,
        epoch: from.epoch + 1,
        ..from.clone()
    };
    let number = slot.number().to_string();
    let header = [("x-stellwerk-slot", number.as_str())];
    let start = "/process-definition/key/Order_Process/start";
    let path = format!("/process-instance/{id}");

    assert!(
        api.app
            .engine
            .store()
            .change_slots(&[from], std::slice::from_ref(&fenced))
            .await
            .unwrap()
    );
    api.app.engine.refresh_owned().await;
    let refused = api
        .with_headers("POST", start, &header, json!({"businessKey": "a"}))
        .await;
    assert_eq!(
        (refused.status, &refused.headers["x-stellwerk-epoch"]),
        (421, &http::HeaderValue::from_static("1"))
    );
    // Reads go on until the slot is released.
    assert_eq!(
        api.with_headers("GET", &path, &header, Value::Null).await.status,
        200
    );

    assert!(
        api.app
            .engine
            .store()
            .change_slots(&[fenced], &[gone])
            .await
            .unwrap()
    );
    api.app.engine.refresh_owned().await;
    assert_eq!(
        api.with_headers("GET", &path, &header, Value::Null).await.status,
        421
    );
    // Without the header too: what isn't here must not be called unknown.
    assert_eq!(api.call("GET", &path).await.status, 421);
    assert_eq!(api.call("DELETE", &path).await.status, 421);
    assert_eq!(api.get("/process-instance/count").await, json!({"count": 0}));
}

#[tokio::test]
async fn a_start_with_an_idempotency_key_is_done_once() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    let start = "/process-definition/key/Order_Process/start";
    let key = [("idempotency-key", "k1")];
    let first = api
        .with_headers("POST", start, &key, json!({"businessKey": "a"}))
        .await;
    let again = api
        .with_headers("POST", start, &key, json!({"businessKey": "a"}))
        .await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    let other = api
        .with_headers("POST", start, &key, json!({"businessKey": "a", "variables": {}}))
        .await;
    assert_eq!(other.status, 422);
    assert_eq!(api.get("/process-instance/count").await, json!({"count": 1}));
}

#[tokio::test]
async fn s3_43_a_start_that_the_router_placed_keeps_its_slot_and_so_does_its_restart() {
    let api = Api::quiet().await;
    api.deploy(ORDER).await;
    let other = (Slot::of_key("a").number() + 1) % 16_384;
    let number = other.to_string();
    let start = "/process-definition/key/Order_Process/start";
    let body = json!({"businessKey": "a"});
    let chosen = [("x-stellwerk-slot", number.as_str())];
    let misdirected = api.with_headers("POST", start, &chosen, body.clone()).await;
    assert_eq!(misdirected.status, 421);
    let placed = [chosen[0], ("x-stellwerk-placed", "1"), ("idempotency-key", "i")];
    let started = api.with_headers("POST", start, &placed, body.clone()).await;
    assert_eq!(started.status, 200, "{:?}", started.body);
    let slot_of = |id: &Value| {
        id.as_str()
            .unwrap()
            .parse::<Id>()
            .unwrap()
            .slot()
            .unwrap()
            .number()
    };
    assert_eq!(slot_of(&started.body["id"]), other);
    let again = api.with_headers("POST", start, &placed, body).await;
    assert_eq!(again.body["id"], started.body["id"]);
    let id = started.body["id"].as_str().unwrap();
    assert_eq!(
        api.call("DELETE", &format!("/process-instance/{id}"))
            .await
            .status,
        204
    );
    let definition = started.body["definitionId"].as_str().unwrap();
    let restart = json!({
        "processInstanceIds": [id],
        "instructions": [{"type": "startBeforeActivity", "activityId": "create"}],
    });
    let path = format!("/process-definition/{definition}/restart");
    let once = [("idempotency-key", "r")];
    let done = api.with_headers("POST", &path, &once, restart).await;
    assert_eq!(done.status, 204, "{:?}", done.body);
    let running = api.call("GET", "/process-instance?businessKey=a").await;
    assert_eq!(running.body.as_array().unwrap().len(), 1);
    assert_eq!(slot_of(&running.body[0]["id"]), other);
    // What a router asks before it places by a definition that it knows by id.
    assert_eq!(
        api.app
            .engine
            .catalog()
            .view()
            .by_rest_id(definition)
            .unwrap()
            .row
            .key,
        "Order_Process"
    );
}
