//! Lists: each shard gives its first f + m rows in the order asked for, the router merges them and cuts the page out.
use super::{Gathered, Part, Question, Stop, gather, hal, rows, sort};
use crate::{
    admit::Admitted,
    foreign,
    respond::{self, Answer},
    state::App,
    text::{decoded, query_value, query_with},
};
use bytes::Bytes;
use http::HeaderValue;
use rest_api::{
    ApiError,
    cursor::{self, Cursor},
    filters::Paging,
    operations::Merge,
};
use serde_json::Value;
use std::collections::HashSet;
use topology::ShardName;

/// Which part of the merged list the client wants.
///
/// # Errors
/// The reference's 404 for what is no number; 400 for a page deeper than `depth`, since every shard would have to give
/// all rows before it.
pub fn page(query: Option<&str>, depth: u64) -> Result<Paging, ApiError> {
    let page = Paging::from_query(&decoded(query))?;
    let deepest = page.first + page.max.unwrap_or(0);
    if deepest > depth {
        return Err(ApiError::invalid_request(format!(
            "firstResult + maxResults is {deepest}; over several shards the limit is {depth}: go on with the cursor that \
             the header {} of each page gives",
            cursor::HEADER
        )));
    }
    Ok(page)
}

/// Pure: the query that each shard gets: everything up to the end of the page.
pub fn query_for_shard(page: Paging, query: Option<&str>) -> Option<String> {
    let asked: Vec<(&str, String)> = match page.max {
        Some(max) => vec![
            ("firstResult", "0".to_owned()),
            ("maxResults", (page.first + max).to_string()),
        ],
        None => Vec::new(),
    };
    query_with(query, &["firstResult", "maxResults"], &asked)
}

/// Answers a list.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let call = &request.call;
    let ordered = matches!(call.operation.merge, Merge::Merge | Merge::MergeDedupe(_));
    let query = call.query.as_deref();
    let page = match call.operation.paged {
        true => page(query, app.live().options.max_page_depth)?,
        false => Paging::default(),
    };
    let continues = query_value(query, cursor::PARAMETER).is_some_and(|text| !text.is_empty());
    if continues && !app.foreign.is_empty() && only.is_none() {
        return Err(foreign::refuse("a cursor"));
    }
    if continues && page.first > 0 {
        return Err(ApiError::invalid_request(
            "cursor and firstResult exclude each other: a page begins behind its cursor",
        )
        .into());
    }
    let mut out = request.out.clone();
    if call.operation.paged {
        let query = query_for_shard(page, query);
        out.target = query.map_or(call.path.clone(), |query| format!("{}?{query}", call.path));
    }
    if out.method == http::Method::HEAD {
        out.method = http::Method::GET;
    }
    let gathered = gather(
        app,
        &Question {
            request,
            out,
            only,
            reads: true,
        },
    )
    .await?;
    if gathered.parts.iter().any(hal::is) {
        let merged = hal::merge(&gathered.parts, &directions_of(request, &gathered), page)?;
        let next = cursor_behind(&gathered.parts, merged.last);
        return Ok(continued(hal::answer(merged.body, &gathered.missing), next));
    }
    let mut next = None;
    let merged = match &call.operation.merge {
        Merge::UnionDistinct => union(&gathered.parts)?,
        _ if !ordered => concat(&gathered.parts)?,
        merge => {
            let directions = directions_of(request, &gathered);
            let dedupe = match merge {
                Merge::MergeDedupe(member) => Some(*member),
                _ => None,
            };
            let merged = merge_rows(&gathered.parts, &directions, page, dedupe)?;
            // What has been dropped as equal may lie behind the page on another shard.
            next = cursor_behind(&gathered.parts, merged.last).filter(|_| dedupe.is_none());
            merged.rows
        }
    };
    // Foreign rows have no place behind a cursor.
    let next = next.filter(|_| app.foreign.is_empty());
    let Gathered { missing, .. } = gathered;
    Ok(continued(respond::json(merged, &missing), next))
}

/// The answer with the cursor behind its page.
fn continued(mut answer: Answer, next: Option<String>) -> Answer {
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        answer.headers_mut().insert(cursor::HEADER, next);
    }
    answer
}

/// Pure: the cursor behind a full page, in the order that the parts tell.
fn cursor_behind(parts: &[Part], last: Option<Vec<Value>>) -> Option<String> {
    let order = parts.iter().find_map(|part| part.headers.get(cursor::HEADER))?;
    let (order, after) = (order.to_str().ok()?.to_owned(), last?);
    Some(Cursor { order, after }.encode())
}

/// A page of merged rows.
#[derive(Debug, PartialEq)]
pub struct Merged {
    /// The rows as JSON.
    pub rows: Bytes,
    /// The sort values of the last one, if the page is full.
    pub last: Option<Vec<Value>>,
}

/// For each criterion, whether it descends: as a node tells, else as the request says.
fn directions_of(request: &Admitted, gathered: &Gathered) -> Vec<bool> {
    let told = gathered.parts.iter().find_map(|part| sort::told(&part.headers));
    told.unwrap_or_else(|| sort::directions(request.call.query.as_deref(), &request.out.body))
}

/// Pure: merges parts whose rows carry `_sort`, and cuts the page out.
///
/// # Errors
/// 502 for a part that isn't a list, or whose rows don't say where they belong (a wrong order would be worse).
pub fn merge_rows(
    parts: &[Part],
    directions: &[bool],
    page: Paging,
    dedupe: Option<&str>,
) -> Result<Merged, ApiError> {
    let mut merged = Vec::new();
    for part in parts {
        for row in rows::read(&part.body).map_err(|e| not_a_list(part, &e))? {
            let Some(Value::Array(key)) = row.value("_sort") else {
                // One part alone is in order as it is.
                if parts.len() == 1 {
                    merged.push((Vec::new(), row));
                    continue;
                }
                let message = format!("shard {} answered rows without their order", part.shard);
                return Err(ApiError::bad_gateway(message));
            };
            merged.push((key, row));
        }
    }
    // Stable, and the parts are runs already: close to a k-way merge.
    merged.sort_by(|(a, _), (b, _)| sort::compare(a, b, directions));
    if let Some(member) = dedupe {
        let mut seen = HashSet::new();
        merged.retain(|(_, row)| match row.get(member).map(|value| value.get()) {
            None | Some("null") => true,
            Some(value) => seen.insert(value.to_owned()),
        });
    }
    let mut rows = page.cut(merged);
    let written = rows::write(rows.iter().map(|(_, row)| row), "_sort").into();
    let full = page.max == Some(rows.len() as u64);
    let last = rows
        .pop()
        .map(|(key, _)| key)
        .filter(|key| full && !key.is_empty());
    Ok(Merged { rows: written, last })
}

fn not_a_list(part: &Part, error: &serde_json::Error) -> ApiError {
    ApiError::bad_gateway(format!(
        "shard {} answered something other than a list: {error}",
        part.shard
    ))
}

/// Pure: one list after the other.
fn concat(parts: &[Part]) -> Result<Bytes, ApiError> {
    let mut all: Vec<&serde_json::value::RawValue> = Vec::new();
    for part in parts {
        let rows: Vec<&serde_json::value::RawValue> =
            serde_json::from_slice(&part.body).map_err(|e| not_a_list(part, &e))?;
        all.extend(rows);
    }
    Ok(serde_json::to_vec(&all)
        .map_err(|e| ApiError::internal(e.to_string()))?
        .into())
}

/// Pure: each value once, in order of text.
fn union(parts: &[Part]) -> Result<Bytes, ApiError> {
    let mut all: Vec<Value> = Vec::new();
    for part in parts {
        let values: Vec<Value> = serde_json::from_slice(&part.body).map_err(|e| not_a_list(part, &e))?;
        all.extend(values);
    }
    all.sort_by_cached_key(Value::to_string);
    all.dedup();
    Ok(Value::Array(all).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};
    use proptest::prelude::*;
    use serde_json::json;

    fn part(rows: &[Value]) -> Part {
        Part {
            shard: ShardName::new("s"),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            memory: None,
            body: Value::from(rows.to_vec()).to_string().into(),
        }
    }

    #[test]
    fn pages_are_read_as_in_the_reference() {
        let page = |query| page(Some(query), 100);
        assert_eq!(
            page("firstResult=5&maxResults=10").unwrap(),
            Paging {
                first: 5,
                max: Some(10)
            }
        );
        assert_eq!(
            page("maxResults=-1").unwrap(),
            Paging {
                first: 0,
                max: Some(0)
            }
        );
        assert_eq!(page("firstResult=-1").unwrap().max, Some(0));
        assert_eq!(page("name=x").unwrap(), Paging::default());
        assert_eq!(page("maxResults=abc").unwrap_err().kind, "QueryParamException");
        assert_eq!(page("firstResult=91&maxResults=10").unwrap_err().status, 400);
        let five = page("firstResult=5&maxResults=10").unwrap();
        let query = query_for_shard(five, Some("maxResults=10&a=b&firstResult=5"));
        assert_eq!(query.as_deref(), Some("a=b&firstResult=0&maxResults=15"));
    }

    #[test]
    fn rows_without_their_order_are_refused_rather_than_merged_wrongly() {
        let parts = [
            part(&[json!({"id": "a"})]),
            part(&[json!({"id": "b", "_sort": ["b"]})]),
        ];
        assert_eq!(
            merge_rows(&parts, &[], Paging::default(), None)
                .unwrap_err()
                .status,
            502
        );
        let parts = [part(&[json!({"id": "a"})]), part(&[])];
        assert_eq!(
            merge_rows(&parts, &[], Paging::default(), None)
                .unwrap_err()
                .status,
            502
        );
    }

    #[test]
    fn equal_rows_collapse_where_the_table_says_so() {
        let parts = [
            part(&[json!({"v": "1", "_sort": [1]}), json!({"v": null, "_sort": [3]})]),
            part(&[json!({"v": "1", "_sort": [2]}), json!({"v": null, "_sort": [4]})]),
        ];
        let merged = merge_rows(&parts, &[], Paging::default(), Some("v")).unwrap();
        assert_eq!(merged.rows, r#"[{"v":"1"},{"v":null},{"v":null}]"#);
    }

    proptest! {
        /// What N shards give together is what one gives alone, for every page.
        #[test]
        fn n_shards_page_as_one(
            values in prop::collection::vec((prop::option::of(0u8..5), any::<bool>()), 0..40),
            shards in 1usize..5, first in 0u64..20, max in prop::option::of(0u64..20),
            directions in prop::collection::vec(any::<bool>(), 2),
        ) {
            let row = |(i, (a, b)): (usize, &(Option<u8>, bool))| json!({"id": i, "_sort": [a, b, format!("{i:03}")]});
            let mut all: Vec<Value> = values.iter().enumerate().map(row).collect();
            let key = |row: &Value| row["_sort"].as_array().unwrap().clone();
            all.sort_by(|x, y| sort::compare(&key(x), &key(y), &directions));
            let page = Paging { first, max };
            let up_to = max.map_or(usize::MAX, |max| (first + max) as usize);
            let parts: Vec<Part> = (0..shards)
                .map(|shard| {
                    let own = all.iter().filter(|row| row["id"].as_u64().unwrap() as usize % shards == shard);
                    part(&own.take(up_to).cloned().collect::<Vec<_>>())
                })
                .collect();
            let merged = merge_rows(&parts, &directions, page, None).unwrap();
            let one = merge_rows(&[part(&all)], &directions, page, None).unwrap();
            prop_assert_eq!(merged, one);
        }
    }
}
