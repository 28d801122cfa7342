//! Answers of lists, counts and single rows.
use super::{
    call::{Call, json},
    error,
};
use crate::{
    query::Listing,
    store::{Row, Snapshot, StoreError},
};
use axum::response::Response;
use bpmn_core::Id;
use rest_api::{ApiError, ApiResult};
use sea_query::SelectStatement;
use serde::Serialize;
use serde_json::{Value, json};

/// A row within a fan-out, with what the router merges by.
#[derive(Serialize)]
struct Sorted<D> {
    #[serde(flatten)]
    row: D,
    #[serde(rename = "_sort")]
    sort: Vec<Value>,
}

/// One page of a list.
pub async fn page<R, D: Serialize>(
    call: &Call,
    listing: &Listing,
    read: impl Fn(&dyn Row) -> Result<R, StoreError>,
    render: impl Fn(R) -> D,
) -> ApiResult<Response> {
    let snapshot = call.select(&listing.page(call.paging()?)).await?;
    if !call.caller.fanout {
        let rows = snapshot.rows.iter().map(|row| Ok(render(read(&**row)?)));
        let rows: Vec<D> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
        return Ok(json(&rows));
    }
    let rows = snapshot.rows.iter().map(|row| {
        let sort = listing.sort_values(&**row)?;
        Ok(Sorted {
            row: render(read(&**row)?),
            sort,
        })
    });
    let rows: Vec<Sorted<D>> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
    Ok(call.covered(&rows, &snapshot))
}

/// One page of a list whose rows need more than their query gives: all of them are completed together.
pub async fn completed<R, D: Serialize, F>(
    call: &Call,
    listing: &Listing,
    read: impl Fn(&dyn Row) -> Result<R, StoreError>,
    complete: impl FnOnce(Vec<R>) -> F,
) -> ApiResult<Response>
where
    F: Future<Output = ApiResult<Vec<D>>>,
{
    let snapshot = call.select(&listing.page(call.paging()?)).await?;
    let rows = snapshot.rows.iter().map(|row| read(&**row));
    let rows = complete(rows.collect::<Result<_, StoreError>>().map_err(error::store)?).await?;
    if !call.caller.fanout {
        return Ok(json(&rows));
    }
    let sorts = snapshot.rows.iter().map(|row| listing.sort_values(&**row));
    let sorts: Vec<_> = sorts.collect::<Result<_, StoreError>>().map_err(error::store)?;
    let rows: Vec<Sorted<D>> = rows
        .into_iter()
        .zip(sorts)
        .map(|(row, sort)| Sorted { row, sort })
        .collect();
    Ok(call.covered(&rows, &snapshot))
}

/// `{"count":n}` of a list.
pub async fn count(call: &Call, listing: &Listing) -> ApiResult<Response> {
    let snapshot = call.select(&listing.count()).await?;
    let count = snapshot
        .rows
        .first()
        .map_or(Ok(0), |row| row.i64(0))
        .map_err(error::store)?;
    Ok(call.covered(&json!({ "count": count }), &snapshot))
}

/// `{"count":n}` of rows that are at hand.
pub fn counted(call: &Call, count: usize, snapshot: &Snapshot) -> Response {
    call.covered(&json!({ "count": count }), snapshot)
}

/// The row of an id, if there is one; `query` makes the statement that finds it.
pub async fn one<R>(
    call: &Call,
    id: Option<Id>,
    query: impl Fn(Id) -> SelectStatement,
    read: impl Fn(&dyn Row) -> Result<R, StoreError>,
    missing: impl Fn() -> ApiError,
) -> ApiResult<R> {
    let Some(known) = id else {
        return Err(missing());
    };
    let snapshot = call.select(&query(known)).await?;
    match snapshot.rows.first() {
        Some(row) => read(&**row).map_err(error::store),
        None => Err(call.missing(id, missing()).await),
    }
}
