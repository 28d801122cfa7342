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
use http::HeaderValue;
use rest_api::{
    ApiError, ApiResult,
    cursor::{self, Cursor},
    filters::Paging,
};
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

/// The rows of the page that a request asks for, and what [`continued`] adds to its answer.
pub async fn select(call: &Call, listing: &Listing) -> ApiResult<(Snapshot, Option<String>)> {
    let paging = Paging::from_query(&call.query)?;
    let query = match call.cursor() {
        None => listing.page(paging),
        Some(_) if paging.first > 0 => {
            return Err(ApiError::invalid_request(
                "cursor and firstResult exclude each other: a page begins behind its cursor",
            ));
        }
        Some(text) => listing.page_after(&Cursor::decode(text)?, paging.max)?,
    };
    let snapshot = call.select(&query).await?;
    if call.caller.fanout {
        return Ok((snapshot, Some(listing.order())));
    }
    let last = snapshot
        .rows
        .last()
        .filter(|row| paging.max == Some(snapshot.rows.len() as u64) && listing.has_ids(&***row));
    let next = last.map(|row| {
        let cursor = Cursor {
            order: listing.order(),
            after: listing.sort_values(&**row)?,
        };
        Ok(cursor.encode())
    });
    let next = next.transpose().map_err(error::store)?;
    Ok((snapshot, next))
}

/// The answer with the cursor behind its page, or for a router with the order that such a cursor is of.
pub fn continued(mut response: Response, next: Option<String>) -> Response {
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response.headers_mut().insert(cursor::HEADER, next);
    }
    response
}

/// One page of a list.
pub async fn page<R, D: Serialize>(
    call: &Call,
    listing: &Listing,
    read: impl Fn(&dyn Row) -> Result<R, StoreError>,
    render: impl Fn(R) -> D,
) -> ApiResult<Response> {
    let (snapshot, next) = select(call, listing).await?;
    if !call.caller.fanout {
        let rows = snapshot.rows.iter().map(|row| Ok(render(read(&**row)?)));
        let rows: Vec<D> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
        return Ok(continued(json(&rows), next));
    }
    let rows = snapshot.rows.iter().map(|row| {
        let sort = listing.sort_values(&**row)?;
        Ok(Sorted {
            row: render(read(&**row)?),
            sort,
        })
    });
    let rows: Vec<Sorted<D>> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
    Ok(continued(call.covered(&rows, &snapshot), next))
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
    let (snapshot, next) = select(call, listing).await?;
    let rows = snapshot.rows.iter().map(|row| read(&**row));
    let rows = complete(rows.collect::<Result<_, StoreError>>().map_err(error::store)?).await?;
    if !call.caller.fanout {
        return Ok(continued(json(&rows), next));
    }
    let sorts = snapshot.rows.iter().map(|row| listing.sort_values(&**row));
    let sorts: Vec<_> = sorts.collect::<Result<_, StoreError>>().map_err(error::store)?;
    let rows: Vec<Sorted<D>> = rows
        .into_iter()
        .zip(sorts)
        .map(|(row, sort)| Sorted { row, sort })
        .collect();
    Ok(continued(call.covered(&rows, &snapshot), next))
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
