//! Lists: each shard gives its first f + m rows in the order asked for, the router merges them and cuts the page out.
use super::{Gathered, Part, Question, Stop, gather, rows, sort};
use crate::{
    admit::Admitted,
    respond::{self, Answer},
    state::App,
    text::{query_value, query_with},
};
use bytes::Bytes;
use rest_api::{ApiError, operations::Merge};
use serde_json::Value;
use std::collections::HashSet;
use topology::ShardName;

/// Which part of the merged list the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows to leave out.
    pub first: u64,
    /// Rows to give at most; all if absent.
    pub max: Option<u64>,
}

impl Page {
    /// From the query.
    ///
    /// # Errors
    /// The reference's 404 for what is no number; 400 for a page deeper than `depth`, since every shard would have to
    /// give all rows before it.
    pub fn read(query: Option<&str>, depth: u64) -> Result<Page, ApiError> {
        let number = |name| match query_value(query, name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => text.parse::<i32>().map(Some).map_err(|_| ApiError::query_param()),
        };
        // The reference answers negative values as if they were 0.
        let positive = |value: i32| u64::try_from(value).unwrap_or(0);
        let (first, max) = (number("firstResult")?, number("maxResults")?);
        let page = Page {
            first: first.map_or(0, positive),
            max: max.map(positive),
        };
        let deepest = page.first + page.max.unwrap_or(0);
        if deepest > depth {
            return Err(ApiError::invalid_request(format!(
                "firstResult + maxResults is {deepest}; over several shards the limit is {depth}"
            )));
        }
        Ok(page)
    }

    /// The query that each shard gets: everything up to the end of the page.
    pub fn query_for_shard(self, query: Option<&str>) -> Option<String> {
        let asked: Vec<(&str, String)> = match self.max {
            Some(max) => vec![
                ("firstResult", "0".to_owned()),
                ("maxResults", (self.first + max).to_string()),
            ],
            None => Vec::new(),
        };
        query_with(query, &["firstResult", "maxResults"], &asked)
    }
}

/// Answers a list.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let call = &request.call;
    let ordered = matches!(call.operation.merge, Merge::Merge | Merge::MergeDedupe(_));
    let page = match call.operation.paged {
        true => Page::read(call.query.as_deref(), app.options.max_page_depth)?,
        false => Page { first: 0, max: None },
    };
    let mut out = request.out.clone();
    if call.operation.paged {
        let query = page.query_for_shard(call.query.as_deref());
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
    let merged = match &call.operation.merge {
        Merge::UnionDistinct => union(&gathered.parts)?,
        _ if !ordered => concat(&gathered.parts)?,
        merge => {
            let told = gathered.parts.iter().find_map(|part| sort::told(&part.headers));
            let directions =
                told.unwrap_or_else(|| sort::directions(call.query.as_deref(), &request.out.body));
            let dedupe = match merge {
                Merge::MergeDedupe(member) => Some(*member),
                _ => None,
            };
            merge_rows(&gathered.parts, &directions, page, dedupe)?
        }
    };
    let Gathered { missing, .. } = gathered;
    Ok(respond::json(merged, &missing))
}

/// Pure: merges parts whose rows carry `_sort`, and cuts the page out.
///
/// # Errors
/// 502 for a part that isn't a list, or whose rows don't say where they belong (a wrong order would be worse).
pub fn merge_rows(
    parts: &[Part],
    directions: &[bool],
    page: Page,
    dedupe: Option<&str>,
) -> Result<Bytes, ApiError> {
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
    let page_rows = merged.iter().map(|(_, row)| row).skip(page.first as usize);
    let max = page.max.map_or(usize::MAX, |max| max as usize);
    Ok(rows::write(page_rows.take(max), "_sort").into())
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
        let page = |query| Page::read(Some(query), 100);
        assert_eq!(
            page("firstResult=5&maxResults=10").unwrap(),
            Page {
                first: 5,
                max: Some(10)
            }
        );
        assert_eq!(
            page("maxResults=-1").unwrap(),
            Page {
                first: 0,
                max: Some(0)
            }
        );
        assert_eq!(page("name=x").unwrap(), Page { first: 0, max: None });
        assert_eq!(page("maxResults=abc").unwrap_err().kind, "QueryParamException");
        assert_eq!(page("firstResult=91&maxResults=10").unwrap_err().status, 400);
        let query = page("firstResult=5&maxResults=10")
            .unwrap()
            .query_for_shard(Some("maxResults=10&a=b&firstResult=5"));
        assert_eq!(query.as_deref(), Some("a=b&firstResult=0&maxResults=15"));
    }

    #[test]
    fn rows_without_their_order_are_refused_rather_than_merged_wrongly() {
        let parts = [
            part(&[json!({"id": "a"})]),
            part(&[json!({"id": "b", "_sort": ["b"]})]),
        ];
        assert_eq!(
            merge_rows(&parts, &[], Page { first: 0, max: None }, None)
                .unwrap_err()
                .status,
            502
        );
        let parts = [part(&[json!({"id": "a"})]), part(&[])];
        assert_eq!(
            merge_rows(&parts, &[], Page { first: 0, max: None }, None)
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
        let merged = merge_rows(&parts, &[], Page { first: 0, max: None }, Some("v")).unwrap();
        assert_eq!(merged, r#"[{"v":"1"},{"v":null},{"v":null}]"#);
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
            let page = Page { first, max };
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
