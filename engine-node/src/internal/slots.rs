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
use std::ops::RangeInclusive;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/slots", get(list))
        .route("/slots/change", post(change))
        .route("/slots/wait-for-writers", post(wait_for_writers))
        .route("/slots/filled", get(filled))
        .route("/slots/{slot}/export", get(export))
        .route("/slots/{slot}/import", post(import))
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
        Row {
            slot: row.slot,
            state,
            epoch: row.epoch,
            move_id: row.move_id,
            armed: row.armed,
        }
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
        SlotRow {
            slot: row.slot,
            state,
            epoch: row.epoch,
            move_id: row.move_id,
            armed: row.armed,
        }
    }
}

#[derive(Deserialize)]
struct Wanted {
    slots: Option<String>,
}

async fn list(State(app): State<App>, Query(wanted): Query<Wanted>) -> ApiResult<Json<Vec<Row>>> {
    let only = wanted.slots.as_deref().map(ranges).transpose()?;
    let rows = app.engine.store().slots().await.map_err(api)?.into_iter();
    let asked = |row: &SlotRow| {
        only.as_ref()
            .is_none_or(|ranges| ranges.iter().any(|range| range.contains(&row.slot.number())))
    };
    Ok(Json(rows.filter(asked).map(Row::from).collect()))
}

/// Reads `0-63,70`.
fn ranges(text: &str) -> ApiResult<Vec<RangeInclusive<u16>>> {
    let bad = || ApiError::invalid_request(format!("'{text}' is not a list of slots such as 0-63,70"));
    let one = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Ok(first.parse().map_err(|_| bad())?..=last.parse().map_err(|_| bad())?)
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}

#[derive(Deserialize)]
struct Change {
    from: Vec<Row>,
    to: Vec<Row>,
}

async fn change(State(app): State<App>, Json(change): Json<Change>) -> ApiResult<StatusCode> {
    let rows = |rows: Vec<Row>| rows.into_iter().map(SlotRow::from).collect::<Vec<_>>();
    let changed = app
        .engine
        .store()
        .change_slots(&rows(change.from), &rows(change.to))
        .await
        .map_err(api)?;
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

/// The move that a call belongs to: a stalled admin must not touch a later move's copy.
#[derive(Deserialize)]
struct Of {
    #[serde(rename = "move")]
    id: String,
}

/// 409 unless the slot is incoming in that move, or released where that will do as well.
async fn check_move(app: &App, slot: Slot, of: &Of, released_too: bool) -> ApiResult<()> {
    let row = app.engine.store().slot(slot).await.map_err(api)?;
    let fits = row.is_some_and(|row| match row.state {
        SlotState::Incoming => row.move_id.as_deref() == Some(of.id.as_str()),
        SlotState::Released => released_too,
        SlotState::Owned | SlotState::Fenced => false,
    });
    if fits {
        Ok(())
    } else {
        Err(conflict(
            "the slot is not incoming in that move; nothing was done",
        ))
    }
}

#[derive(Deserialize)]
struct Lines {
    lines: Vec<String>,
}

async fn import(
    State(app): State<App>,
    Path(slot): Path<Slot>,
    Query(of): Query<Of>,
    Json(page): Json<Lines>,
) -> ApiResult<StatusCode> {
    check_move(&app, slot, &of, false).await?;
    app.engine
        .store()
        .import_slot(slot, &page.lines)
        .await
        .map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /internal/slots/filled?slots=0-63,70`: `{"SLOT":{"TABLE":n,…},…}` of the slots that have rows.
async fn filled(State(app): State<App>, Query(wanted): Query<Wanted>) -> ApiResult<Json<Value>> {
    let asked = ranges(wanted.slots.as_deref().unwrap_or_default())?;
    let slots: Vec<Slot> = asked
        .into_iter()
        .flatten()
        .filter_map(|n| Slot::new(n).ok())
        .collect();
    let mut filled: Map<String, Value> = Map::new();
    for (slot, table, rows) in app.engine.store().filled_slots(&slots).await.map_err(api)? {
        filled.entry(slot.to_string()).or_insert_with(|| json!({}))[table] = json!(rows);
    }
    Ok(Json(filled.into()))
}

async fn purge(
    State(app): State<App>,
    Path(slot): Path<Slot>,
    Query(of): Query<Of>,
) -> ApiResult<StatusCode> {
    check_move(&app, slot, &of, true).await?;
    app.engine.store().purge_slot(slot).await.map_err(api)?;
    Ok(StatusCode::NO_CONTENT)
}

fn conflict(message: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "ConflictException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_named_one_by_one_and_in_ranges() {
        assert_eq!(ranges("0-63,70").unwrap(), [0..=63, 70..=70]);
        assert!(ranges("a").is_err() && ranges("1-").is_err());
        assert!(ranges("").unwrap().is_empty());
    }
}
