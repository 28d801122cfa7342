//! What a command over several shards tells the user operation log: one operation, drawn here, whose slot keeps what
//! belongs to no tree. Each shard says what it would write; it is added up, and written once before the client is
//! answered.
use super::Part;
use crate::{forward::to_slot, headers, snapshot::Shard, state::App, upstream::Outgoing};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::HeaderValue;
use http_body_util::BodyExt;
use rest_api::ApiError;
use serde_json::{Map, Value, json};
use topology::{Id, IdGenerator, Slot};

static IDS: std::sync::LazyLock<IdGenerator> = std::sync::LazyLock::new(IdGenerator::default);

/// How often the slot's owner is asked to write.
const TRIES: usize = 3;
/// The member that is added up; of others all shards say the same.
const NUMBER: &str = "nrOfInstances";
/// What is each row's own.
const OWN: [&str; 4] = ["id", "rootId", "time", "new"];

type Row = Map<String, Value>;

/// Gives what several shards are to do one operation; `None` where only one is asked, which writes by itself.
pub fn draw(each: &mut [(Shard, Outgoing)]) -> Option<Id> {
    if each.len() < 2 {
        return None;
    }
    let operation = IDS.next(Slot::from_bits(rand::random()));
    let value = HeaderValue::from_str(&operation.to_string()).ok()?;
    for (_, out) in each.iter_mut() {
        out.headers.insert(headers::OPERATION, value.clone());
    }
    Some(operation)
}

/// Writes what shards have told.
///
/// # Errors
/// 503: the command was carried out, and the log doesn't tell of it.
pub async fn write<'p>(
    app: &App,
    operation: Option<Id>,
    out: &Outgoing,
    parts: impl Iterator<Item = &'p Part>,
) -> Result<(), ApiError> {
    let Some(operation) = operation else {
        return Ok(());
    };
    let rows = added(parts.map(told));
    let Some(slot) = operation.slot().filter(|_| !rows.is_empty()) else {
        return Ok(());
    };
    let body = json!({"operation": operation, "rows": rows}).to_string();
    let out = out.internal("/internal/operations", body.into_bytes());
    let mut why = String::new();
    for _ in 0..TRIES {
        match to_slot(app, slot, &out, false).await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => {
                let body = answer.into_body().collect().await;
                why = body.map_or_else(
                    |error| error.to_string(),
                    |body| String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                );
            }
            Err(error) => why = format!("{error:?}"),
        }
    }
    tracing::warn!(%operation, why, "what users have done was not written to the log");
    Err(ApiError::unavailable(
        "the command was carried out on all shards, but the user operation log could not be told of it",
    ))
}

/// What one shard tells.
fn told(part: &Part) -> Vec<Row> {
    let told = part.headers.get(headers::TOLD);
    let told = told.and_then(|value| BASE64.decode(value.as_bytes()).ok());
    told.and_then(|told| serde_json::from_slice(&told).ok())
        .unwrap_or_default()
}

/// Pure: rows of all shards, those that say the same once.
fn added(parts: impl Iterator<Item = Vec<Row>>) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    let same = |a: &Row, b: &Row| {
        let shared = |row: &Row| -> Row {
            let members = row.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
            members
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        shared(a) == shared(b)
    };
    for row in parts.flatten() {
        let Some(known) = all.iter_mut().find(|known| same(known, &row)) else {
            all.push(row);
            continue;
        };
        if row["property"] == NUMBER {
            let number = |row: &Row| {
                row["new"]
                    .as_str()
                    .and_then(|n| n.parse::<u64>().ok())
                    .unwrap_or(0)
            };
            let sum = number(known) + number(&row);
            known.insert("new".to_owned(), sum.to_string().into());
        }
        if row["time"].as_i64() < known["time"].as_i64() {
            known.insert("time".to_owned(), row["time"].clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shards_tell_is_told_once_and_numbers_are_added() {
        let row = |property: &str, new: &str, time: i64, id: u32| -> Row {
            let row = json!({
                "id": id, "rootId": id, "time": time, "property": property, "new": new, "entity": "ProcessInstance",
                "operation": "Delete",
            });
            row.as_object().unwrap().clone()
        };
        let parts = [
            vec![row("nrOfInstances", "2", 7, 1), row("async", "true", 7, 2)],
            vec![row("nrOfInstances", "3", 5, 3), row("async", "true", 5, 4)],
        ];
        let all = added(parts.into_iter());
        let shown: Vec<_> = all
            .iter()
            .map(|row| (row["property"].clone(), row["new"].clone(), row["time"].clone()))
            .collect();
        let expected = [
            (json!("nrOfInstances"), json!("5"), json!(5)),
            (json!("async"), json!("true"), json!(5)),
        ];
        assert_eq!(shown, expected);
    }
}
