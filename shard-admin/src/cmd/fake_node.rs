//! A shard with one node that speaks the slot part of the internal protocol, in memory, and fails on demand.
use crate::node::{SlotRow, SlotState};
use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

#[derive(Default)]
pub struct Shard {
    pub rows: BTreeMap<u16, SlotRow>,
    /// The units of each slot.
    pub data: BTreeMap<u16, Vec<String>>,
    /// How often a writer still outlasts the fence.
    pub busy: u32,
}

/// Calls that may still be answered by all nodes together before everything fails; none: no limit.
pub type Calls = Arc<Mutex<Option<u32>>>;

#[derive(Clone)]
pub struct Node {
    shard: Arc<Mutex<Shard>>,
    calls: Calls,
}

impl Node {
    /// Starts a node and gives its URL.
    pub async fn start(calls: Calls) -> (Node, String) {
        let node = Node {
            shard: Arc::default(),
            calls,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/internal/slots", get(slots))
            .route("/internal/slots/change", post(change))
            .route("/internal/slots/wait-for-writers", post(wait))
            .route("/internal/slots/{slot}/export", get(export))
            .route("/internal/slots/{slot}/import", post(import))
            .route("/internal/slots/filled", get(filled))
            .route("/internal/slots/{slot}/purge", post(purge))
            .layer(from_fn_with_state(node.clone(), limit))
            .with_state(node.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (node, url)
    }

    pub fn shard(&self) -> MutexGuard<'_, Shard> {
        self.shard.lock().unwrap()
    }
}

async fn limit(State(node): State<Node>, request: Request, next: Next) -> Response {
    let allowed = match &mut *node.calls.lock().unwrap() {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    };
    if allowed {
        next.run(request).await
    } else {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

async fn slots(State(node): State<Node>) -> Json<Vec<SlotRow>> {
    Json(node.shard().rows.values().cloned().collect())
}

#[derive(Deserialize)]
struct Change {
    from: Vec<SlotRow>,
    to: Vec<SlotRow>,
}

async fn change(State(node): State<Node>, Json(change): Json<Change>) -> StatusCode {
    let mut shard = node.shard();
    let from: HashMap<u16, &SlotRow> = change.from.iter().map(|row| (row.slot, row)).collect();
    if change
        .to
        .iter()
        .any(|row| shard.rows.get(&row.slot) != from.get(&row.slot).copied())
    {
        return StatusCode::CONFLICT;
    }
    for row in change.to {
        if let Some(before) = shard.rows.insert(row.slot, row.clone()) {
            assert!(row.epoch >= before.epoch, "an epoch never falls");
        }
    }
    StatusCode::NO_CONTENT
}

async fn wait(State(node): State<Node>) -> StatusCode {
    let mut shard = node.shard();
    if shard.busy > 0 {
        shard.busy -= 1;
        return StatusCode::CONFLICT;
    }
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct At {
    cursor: Option<usize>,
}

async fn export(State(node): State<Node>, Path(slot): Path<u16>, Query(at): Query<At>) -> Json<Value> {
    let shard = node.shard();
    let all = shard.data.get(&slot).cloned().unwrap_or_default();
    let (start, end) = (
        at.cursor.unwrap_or(0),
        (at.cursor.unwrap_or(0) + 2).min(all.len()),
    );
    let cursor = (end < all.len()).then(|| end.to_string());
    Json(json!({"lines": all[start..end], "cursor": cursor}))
}

#[derive(Deserialize)]
struct In {
    #[serde(rename = "move")]
    id: String,
}

impl Shard {
    fn incoming(&self, slot: u16, id: &str) -> bool {
        let row = self.rows.get(&slot);
        row.is_some_and(|row| row.state == SlotState::Incoming && row.move_id.as_deref() == Some(id))
    }
}

#[derive(Deserialize)]
struct Lines {
    lines: Vec<String>,
}

async fn import(
    State(node): State<Node>,
    Path(slot): Path<u16>,
    Query(into): Query<In>,
    Json(page): Json<Lines>,
) -> StatusCode {
    let mut shard = node.shard();
    if !shard.incoming(slot, &into.id) {
        return StatusCode::CONFLICT;
    }
    shard.data.entry(slot).or_default().extend(page.lines);
    StatusCode::NO_CONTENT
}

async fn filled(State(node): State<Node>) -> Json<Value> {
    let shard = node.shard();
    let filled = shard.data.iter().filter(|(_, lines)| !lines.is_empty());
    Json(
        filled
            .map(|(slot, lines)| (slot.to_string(), json!({"INSTANCE": lines.len()})))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    )
}

async fn purge(State(node): State<Node>, Path(slot): Path<u16>, Query(of): Query<In>) -> StatusCode {
    let mut shard = node.shard();
    let released = shard
        .rows
        .get(&slot)
        .is_some_and(|row| row.state == SlotState::Released);
    if !released && !shard.incoming(slot, &of.id) {
        return StatusCode::CONFLICT;
    }
    shard.data.remove(&slot);
    StatusCode::NO_CONTENT
}
