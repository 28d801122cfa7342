//! The slot table of this database, and copying a slot: the steps are decided by shard-admin.
use super::api;
use crate::{
    App,
    store::{SlotRow, SlotState},
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{get, post},
};
use bpmn_core::Slot;
use http::StatusCode;
use rest_api::{ApiError, ApiResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/slots", get(list))
        .route("/slots/change", post(change))
        .route("/slots/wait-for-writers", post(wait_for_writers))
        .route("/slots/{slot}/export", get(export))
        .route("/slots/{slot}/import", post(import))
        .route("/slots/{slot}/count", get(count))
        .route("/slots/{slot}/purge", post(purge))
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Owned,
    Fenced,
    Incoming,
    Released,
}

/// A row as it travels.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    slot: Slot,
    state: Word,
    epoch: u32,
    #[serde(default)]
    move_id: Option<String>,
    #[serde(default)]
    armed: u64,
}

impl From<SlotRow> for Row {
    fn from(row: SlotRow) -> Row {
        let state = match row.state {
            SlotState::Owned => Word::Owned,
            SlotState::Fenced => Word::Fenced,
            SlotState::Incoming => Word::Incoming,
            SlotState::Released => Word::Released,
        };
        Row { slot: row.slot, state, epoch: row.epoch, move_id: row.move_id, armed: row.armed }
    }
}

impl From<Row> for SlotRow {
    fn from(row: Row) -> SlotRow {
        let state = match row.state {
            Word::Owned => SlotState::Owned,
            Word::Fenced => SlotState::Fenced,
            Word::Incoming => SlotState::Incoming,
            Word::Released => SlotState::Released,
        };
        SlotRow { slot: row.slot, state, epoch: row.epoch, move_id: row.move_id, armed: row.armed }
    }
}

async fn list(State(app): State<App>) -> ApiResult<Json<Vec<Row>>> {
    let rows = app.engine.store().slots().await.map_err(api)?;
    Ok(Json(rows.into_iter().map(Row::from).collect()))
}

#[derive(Deserialize)]
struct Change {
    from: Vec<Row>,
    to: Vec<Row>,
}

async fn change(State(app): State<App>, Json(change): Json<Change>) -> ApiResult<StatusCode> {
    let rows = |rows: Vec<Row>| rows.into_iter().map(SlotRow::from).collect::<Vec<_>>();
    let changed = app.engine.store().change_slots(&rows(change.from), &rows(change.to)).await.map_err(api)?;
    app.engine.refresh_owned().await;
    app.engine.executor().wake();
    if !changed {
        return Err(conflict("a slot's row is not as expected; nothing was changed"));
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Budget {
    budget: i64,
}

async fn wait_for_writers(State(app): State<App>, Query(wait): Query<Budget>) -> ApiResult<StatusCode> {
    let budget = wait.budget.clamp(0, 60_000);
    match app.engine.store().wait_for_writers(budget).await.map_err(api)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(conflict("a writer that began before still runs")),
    }
}

#[derive(Deserialize)]
struct Cursor {
    cursor: Option<String>,
}

async fn export(
    State(app): State<App>,
    Path(slot): Path<Slot>,
    Query(at): Query<Cursor>,
) -> ApiResult<Json<Value>> {
    let cursor = at.cursor.filter(|cursor| !cursor.is_empty());
    let (lines, cursor) = app.engine.store().export_slot(slot, cursor).await.map_err(api)?;
    Ok(Json(json!({"lines": lines, "cursor": cursor})))
}

#[derive(Deserialize)]
struct Lines {
    lines: Vec<String>,
}

async fn import(
    State(app): State<App>,
    Path(slot): Path<Slot>,
    Json(page): Json<Lines>,
) -> ApiResult<StatusCode> {
    app.engine.store().import_slot(slot, &page.lines).await.map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn count(State(app): State<App>, Path(slot): Path<Slot>) -> ApiResult<Json<Map<String, Value>>> {
    let counts = app.engine.store().count_slot(slot).await.map_err(api)?;
    Ok(Json(counts.into_iter().map(|(table, rows)| (table, json!(rows))).collect()))
}

async fn purge(State(app): State<App>, Path(slot): Path<Slot>) -> ApiResult<StatusCode> {
    app.engine.store().purge_slot(slot).await.map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}

fn conflict(message: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "ConflictException", message)
}
