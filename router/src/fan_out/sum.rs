//! Counts and statistics: every shard's numbers added up.
use super::{Part, Question, Stop, gather, list, rows};
use crate::{
    admit::Admitted,
    respond::{self, Answer},
    state::App,
    text::{query_value, query_with},
};
use rest_api::{ApiError, filters::Paging, operations::Merge};
use serde_json::{Map, Number, Value, json};
use std::collections::{BTreeSet, HashMap};
use topology::ShardName;

/// The page of metrics by interval, with the reference's own limit and words.
fn metrics_page(read: Result<Paging, ApiError>, query: Option<&str>) -> Result<Paging, ApiError> {
    let numbers = ["firstResult", "maxResults"].map(|name| query_value(query, name));
    if let Some(text) = numbers
        .into_iter()
        .flatten()
        .find(|text| text.parse::<i32>().is_err())
    {
        let text = format!("Cannot convert value {text} to java type java.lang.Integer");
        return Err(ApiError::invalid_request(text));
    }
    let page = read?;
    match page.max {
        Some(max) if max > 200 => Err(ApiError::engine(
            "Metrics interval query row limit can't be set larger than 200.",
        )),
        max => Ok(Paging {
            max: Some(max.unwrap_or(200)),
            ..page
        }),
    }
}

/// Answers a count or statistics.
///
/// # Errors
/// The answer to give instead; 501 for a rule that needs weights from the shards.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let call = &request.call;
    let mut out = request.out.clone();
    if out.method == http::Method::HEAD {
        out.method = http::Method::GET;
    }
    let mut page = Paging::default();
    match &call.operation.merge {
        Merge::Sum | Merge::Telemetry => {}
        Merge::SumBy(_) if call.operation.paged => {
            // Rows of different shards become one: the page can only be cut afterwards.
            let read = list::page(call.query.as_deref(), app.live().options.max_page_depth);
            page = match call.operation.path {
                "/metrics" => metrics_page(read, call.query.as_deref())?,
                _ => read?,
            };
            let query = query_with(call.query.as_deref(), &["firstResult", "maxResults"], &[]);
            out.target = query.map_or(call.path.clone(), |query| format!("{}?{query}", call.path));
        }
        Merge::SumBy(_) => {}
        Merge::CountDistinct(_) => {
            // Counts can't be added: the rows themselves are asked for.
            let path = call.path.trim_end_matches('/').trim_end_matches("/count");
            let query = query_with(call.query.as_deref(), &["firstResult", "maxResults"], &[]);
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            out.target = format!("{path}{query}");
        }
        _ => {
            return Err(
                ApiError::not_implemented(&format!("{} over several shards", call.operation.id)).into(),
            );
        }
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
        Merge::SumBy(keys) => {
            let mut rows = sum_by(&gathered.parts, keys)?;
            arrange(&mut rows, keys, call.query.as_deref());
            page.cut(rows).into()
        }
        Merge::CountDistinct(member) => json!({"count": distinct(&gathered.parts, member)?}),
        Merge::Telemetry => telemetry(&gathered.parts)?,
        _ => sum(&gathered.parts)?,
    };
    Ok(respond::json(merged.to_string(), &gathered.missing))
}

fn unreadable(part: &Part, error: &serde_json::Error) -> ApiError {
    ApiError::bad_gateway(format!(
        "shard {} answered something that can't be added up: {error}",
        part.shard
    ))
}

/// Pure: objects of numbers (`{"count":5}`), added member by member.
pub(crate) fn sum(parts: &[Part]) -> Result<Value, ApiError> {
    let mut total = Map::new();
    for part in parts {
        let row: Map<String, Value> = serde_json::from_slice(&part.body).map_err(|e| unreadable(part, &e))?;
        add(&mut total, row, &[]);
    }
    Ok(Value::Object(total))
}

/// Pure: the first shard's product data with all shards' counters.
fn telemetry(parts: &[Part]) -> Result<Value, ApiError> {
    const COUNTERS: [&str; 2] = ["commands", "metrics"];
    let mut all = Value::Null;
    for part in parts {
        let one: Value = serde_json::from_slice(&part.body).map_err(|e| unreadable(part, &e))?;
        if all.is_null() {
            all = one;
            continue;
        }
        for group in COUNTERS {
            let more = one["product"]["internals"][group].as_object();
            for (name, counter) in more.into_iter().flatten() {
                let sum = &mut all["product"]["internals"][group][name]["count"];
                *sum = (sum.as_i64().unwrap_or(0) + counter["count"].as_i64().unwrap_or(0)).into();
            }
        }
    }
    Ok(all)
}

/// Pure: rows grouped by some of their members, numbers added, and within `incidents` by incident type.
fn sum_by(parts: &[Part], keys: &[&str]) -> Result<Vec<Value>, ApiError> {
    let mut merged: Vec<Map<String, Value>> = Vec::new();
    for part in parts {
        let rows: Vec<Map<String, Value>> =
            serde_json::from_slice(&part.body).map_err(|e| unreadable(part, &e))?;
        group(&mut merged, rows, keys);
    }
    Ok(merged.into_iter().map(Value::Object).collect())
}

fn group(merged: &mut Vec<Map<String, Value>>, rows: Vec<Map<String, Value>>, keys: &[&str]) {
    let key_of = |row: &Map<String, Value>| -> String {
        keys.iter()
            .map(|key| row.get(*key).unwrap_or(&Value::Null).to_string())
            .collect::<Vec<_>>()
            .join("\u{1f}")
    };
    let mut places: HashMap<String, usize> = merged
        .iter()
        .enumerate()
        .map(|(i, row)| (key_of(row), i))
        .collect();
    for row in rows {
        match places.get(&key_of(&row)) {
            Some(place) => add(&mut merged[*place], row, keys),
            None => {
                places.insert(key_of(&row), merged.len());
                merged.push(row);
            }
        }
    }
}

/// Numbers that describe the row instead of counting something.
fn describes(name: &str) -> bool {
    name.ends_with("Version") || name == "version" || name == "historyTimeToLive"
}

fn add(total: &mut Map<String, Value>, row: Map<String, Value>, keys: &[&str]) {
    for (name, value) in row {
        match (total.get_mut(&name), value) {
            (None, value) => {
                total.insert(name, value);
            }
            (Some(Value::Number(sum)), Value::Number(value))
                if !keys.contains(&name.as_str()) && !describes(&name) =>
            {
                *sum = plus(sum, &value);
            }
            (Some(Value::Array(sum)), Value::Array(more)) if name == "incidents" => {
                let objects = |rows: Vec<Value>| -> Vec<Map<String, Value>> {
                    rows.into_iter()
                        .filter_map(|row| {
                            if let Value::Object(row) = row {
                                Some(row)
                            } else {
                                None
                            }
                        })
                        .collect()
                };
                let mut incidents = objects(std::mem::take(sum));
                group(&mut incidents, objects(more), &["incidentType"]);
                *sum = incidents.into_iter().map(Value::Object).collect();
            }
            // What isn't a number stays as the first row has it.
            (Some(_), _) => {}
        }
    }
}

fn plus(a: &Number, b: &Number) -> Number {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.saturating_add(b).into(),
        _ => Number::from_f64(a.as_f64().unwrap_or(0.0) + b.as_f64().unwrap_or(0.0))
            .unwrap_or_else(|| a.clone()),
    }
}

/// Pure: rows in the order asked for, which shards can't give: by `sortBy` (a member that begins so, or the first of the
/// keys), else by the keys; newest first where they begin with a time.
fn arrange(rows: &mut [Value], keys: &[&str], query: Option<&str>) {
    let by = query_value(query, "sortBy");
    let descending = query_value(query, "sortOrder").as_deref() == Some("desc");
    let member = |row: &Value| -> Option<String> {
        let by = by.as_deref()?;
        let mut names = row.as_object()?.keys();
        names.find(|name| name.starts_with(by)).cloned()
    };
    let member = rows.first().and_then(member);
    let key_of = |row: &Value| -> Vec<(bool, i64, String)> {
        let mut cells: Vec<&Value> = member.iter().map(|name| &row[name.as_str()]).collect();
        cells.extend(keys.iter().map(|key| &row[*key]));
        let cell = |value: &Value| {
            let text = value.as_str().unwrap_or_default().to_owned();
            (value.is_null(), value.as_i64().unwrap_or(0), text)
        };
        cells.into_iter().map(cell).collect()
    };
    rows.sort_by_cached_key(key_of);
    if descending || (by.is_none() && keys.first() == Some(&"timestamp")) {
        rows.reverse();
    }
}

/// Pure: how many different values of a member the rows of all parts have.
fn distinct(parts: &[Part], member: &str) -> Result<usize, ApiError> {
    let mut values = BTreeSet::new();
    for part in parts {
        for row in rows::read(&part.body).map_err(|e| unreadable(part, &e))? {
            values.insert(row.get(member).map(|value| value.get().to_owned()));
        }
    }
    Ok(values.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    fn part(body: Value) -> Part {
        let body = body.to_string().into();
        Part {
            shard: ShardName::new("s"),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            memory: None,
            body,
        }
    }

    #[test]
    fn counts_add_up() {
        let parts = [part(json!({"count": 2})), part(json!({"count": 40}))];
        assert_eq!(sum(&parts).unwrap(), json!({"count": 42}));
        assert_eq!(
            sum(&[part(json!({"result": 1})), part(json!({"result": 1}))]).unwrap(),
            json!({"result": 2})
        );
        assert_eq!(sum(&[part(json!([]))]).unwrap_err().status, 502);
    }

    #[test]
    fn s0_28_statistics_add_up_by_id_and_incidents_by_type() {
        let incident = |kind: &str, n: u32| json!({"incidentType": kind, "incidentCount": n});
        let row = |id: &str, n: u32, incidents: Vec<Value>| {
            json!({"@class": "x", "id": id, "instances": n, "failedJobs": 0, "incidents": incidents,
                   "definition": {"version": 3}})
        };
        let parts = [
            part(json!([
                row("a", 1, vec![incident("failedJob", 1)]),
                row("b", 5, vec![])
            ])),
            part(json!([
                row("a", 2, vec![incident("failedJob", 2), incident("other", 1)]),
                row("c", 1, vec![])
            ])),
        ];
        let expected = [
            row("a", 3, vec![incident("failedJob", 3), incident("other", 1)]),
            row("b", 5, vec![]),
            row("c", 1, vec![]),
        ];
        assert_eq!(sum_by(&parts, &["id"]).unwrap(), expected);
    }

    #[test]
    fn numbers_that_describe_a_row_are_not_added() {
        let row = |n: u32| json!({"processDefinitionId": "a", "processDefinitionVersion": 2, "historyTimeToLive": 5, "finishedProcessInstanceCount": n});
        let merged = sum_by(
            &[part(json!([row(1)])), part(json!([row(2)]))],
            &["processDefinitionId"],
        )
        .unwrap();
        assert_eq!(merged, [row(3)]);
    }

    #[test]
    fn merged_rows_are_in_the_order_asked_for() {
        let row = |id: &str, n: u32| json!({"id": id, "finishedCount": n});
        let mut rows = vec![row("b", 1), row("a", 2), row("c", 0)];
        arrange(&mut rows, &["id"], None);
        assert_eq!(rows, [row("a", 2), row("b", 1), row("c", 0)]);
        arrange(&mut rows, &["id"], Some("sortBy=finished&sortOrder=desc"));
        assert_eq!(rows, [row("a", 2), row("b", 1), row("c", 0)]);
        arrange(&mut rows, &["id"], Some("sortBy=finished&sortOrder=asc"));
        assert_eq!(rows, [row("c", 0), row("b", 1), row("a", 2)]);
        arrange(&mut rows, &["id"], Some("sortBy=activityId&sortOrder=desc"));
        assert_eq!(rows, [row("c", 0), row("b", 1), row("a", 2)]);
    }

    #[test]
    fn telemetry_adds_counters_and_keeps_the_product() {
        let one = |n: u32| {
            part(
                json!({"product": {"name": "x", "internals": {"metrics": {"a": {"count": n}}, "commands": {}}}}),
            )
        };
        let all = telemetry(&[one(2), one(3)]).unwrap();
        assert_eq!(all["product"]["internals"]["metrics"], json!({"a": {"count": 5}}));
        assert_eq!(all["product"]["name"], "x");
    }

    #[test]
    fn distinct_counts_are_unions() {
        let rows = |ids: &[&str]| part(ids.iter().map(|id| json!({"k": id})).collect());
        assert_eq!(distinct(&[rows(&["a", "b"]), rows(&["b", "c"])], "k").unwrap(), 3);
    }
}
