//! Filters with the number of tasks that they find: any shard knows the filters, all of them count.
use super::{Question, Stop, gather, sum};
use crate::{
    admit::Admitted,
    classify::ROOT,
    forward::to_any,
    respond::{self, Answer},
    state::App,
    text::{query_value, query_with},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use http_body_util::BodyExt;
use rest_api::ApiError;
use serde_json::Value;
use topology::ShardName;

const PARAMETER: &str = "itemCount";
/// Filters of one list whose tasks are counted at once.
const WIDTH: usize = 4;

/// Whether the request asks for filters with counts.
pub fn is_asked(request: &Admitted) -> bool {
    let operation = request.call.operation;
    matches!(operation.id, "getFilterList" | "getSingleFilter")
        && query_value(request.call.query.as_deref(), PARAMETER)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Asks any shard for the filters, and all for what each finds.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let query = query_with(request.call.query.as_deref(), &[PARAMETER], &[]);
    let path = &request.call.path;
    let plain = request.to_read(query.map_or(path.clone(), |query| format!("{path}?{query}")));
    let filters = to_any(app, only.as_ref(), &plain).await?;
    if filters.status() != StatusCode::OK {
        return Ok(respond::relay(filters));
    }
    let body = filters.into_body().collect().await;
    let body = body.map_err(|e| ApiError::bad_gateway(format!("the filters could not be read: {e}")))?;
    let mut filters: Value = serde_json::from_slice(&body.to_bytes())
        .map_err(|e| ApiError::bad_gateway(format!("a shard answered no filters: {e}")))?;
    let each: Vec<&mut Value> = match &mut filters {
        Value::Array(filters) => filters.iter_mut().collect(),
        one => vec![one],
    };
    let id = |filter: &Value| filter["id"].as_str().unwrap_or_default().to_owned();
    let calls: Vec<_> = each
        .iter()
        .map(|filter| count(app, &plain, only.clone(), id(filter)))
        .collect();
    let counts: Vec<Count> = stream::iter(calls).buffered(WIDTH).try_collect().await?;
    let mut missing = Vec::new();
    for (filter, count) in each.into_iter().zip(counts) {
        filter["itemCount"] = count.number;
        missing.extend(count.missing);
    }
    missing.sort();
    missing.dedup();
    Ok(respond::json(filters.to_string(), &missing))
}

/// How many tasks a filter finds.
struct Count {
    number: Value,
    /// Shards that have not been asked.
    missing: Vec<ShardName>,
}

async fn count(app: &App, request: &Admitted, only: Option<ShardName>, id: String) -> Result<Count, Stop> {
    let mut out = request.out.clone();
    out.target = format!("{ROOT}/filter/{id}/count");
    let question = Question {
        request,
        out,
        only,
        reads: true,
    };
    let gathered = gather(app, &question).await?;
    Ok(Count {
        number: sum::sum(&gathered.parts)?["count"].take(),
        missing: gathered.missing,
    })
}
