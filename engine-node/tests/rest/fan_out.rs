//! What a node answers a router: parts of a fan-out, misdirected requests, repeated requests.
use crate::api::{Api, ORDER, Reply};
use axum::body::Body;
use bpmn_core::Slot;
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
