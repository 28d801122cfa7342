//! `fetchAndLock` over our own and foreign shards: one side first (which one is drawn), the other for what is still missing. Foreign
//! servers announce no work, so a request that waits asks them again in short turns. A priority orders tasks within a
//! shard, not over both sides.
use super::ask;
use crate::{
    admit::Admitted,
    fan_out::{Stop, fair},
    respond::{self, Answer},
    state::App,
};
use http_body_util::BodyExt;
use rest_api::ApiError;
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long our own shards are waited for before the foreign ones are asked again.
const TURN: Duration = Duration::from_millis(1_000);

/// Answers the request.
///
/// # Errors
/// The answer to give instead: what a side refuses. A side that can't be reached gives nothing.
pub async fn answer(app: &Arc<App>, request: &Admitted) -> Result<Answer, Stop> {
    request.has_body()?;
    let body: Map<String, Value> =
        serde_json::from_slice(&request.out.body).map_err(|e| ApiError::json_text(e.to_string()))?;
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    let wait = number("asyncResponseTimeout").unwrap_or(0);
    let (Some(most), true) = (number("maxTasks").filter(|most| *most > 0), wait <= 1_800_000) else {
        // Refused in the reference's words.
        return fair::answer(app, request, None).await;
    };
    let until = Instant::now() + Duration::from_millis(wait.max(0) as u64);
    let mut foreign_first = rand::random::<bool>();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut tasks: Vec<Value> = Vec::new();
        for turn in 0..2 {
            let missing = most - tasks.len() as i64;
            if missing <= 0 {
                break;
            }
            match foreign_first == (turn == 0) {
                true => tasks.extend(theirs(app, request, &body, missing).await?),
                false => {
                    // It waits there only while nothing has been found.
                    let pause = if tasks.is_empty() {
                        left.min(TURN)
                    } else {
                        Duration::ZERO
                    };
                    let own = part(request, &body, missing, pause);
                    let answer = fair::answer(app, &own, None).await?;
                    if !answer.status().is_success() {
                        return Ok(answer);
                    }
                    let lost = |e| ApiError::internal(format!("an answer of our own broke off: {e}"));
                    let bytes = answer.into_body().collect().await.map_err(lost)?.to_bytes();
                    let rows: Vec<Value> = serde_json::from_slice(&bytes)
                        .map_err(|e| ApiError::internal(format!("an answer of our own is no list: {e}")))?;
                    tasks.extend(rows);
                }
            }
        }
        if !tasks.is_empty() || Instant::now() >= until || app.stopping.is_cancelled() {
            return Ok(respond::json(Value::Array(tasks).to_string(), &[]));
        }
        foreign_first = true;
    }
}

fn part(request: &Admitted, body: &Map<String, Value>, most: i64, wait: Duration) -> Admitted {
    let mut body = body.clone();
    body.insert("maxTasks".into(), most.into());
    match wait.is_zero() {
        true => drop(body.remove("asyncResponseTimeout")),
        false => drop(body.insert("asyncResponseTimeout".into(), (wait.as_millis() as u64).into())),
    }
    let mut out = request.out.clone();
    out.body = Value::Object(body).to_string().into();
    request.with(out)
}

/// What foreign shards lock, one after the other from a random one on.
async fn theirs(
    app: &App,
    request: &Admitted,
    body: &Map<String, Value>,
    most: i64,
) -> Result<Vec<Value>, Stop> {
    let mut tasks = Vec::new();
    let shards = &app.foreign.shards;
    let first = rand::random_range(0..shards.len());
    for shard in shards[first..].iter().chain(&shards[..first]) {
        let missing = most - tasks.len() as i64;
        if missing <= 0 {
            break;
        }
        let part = part(request, body, missing, Duration::ZERO);
        match ask(app, shard, &part.out, false).await {
            Ok(whole) if whole.status.is_success() => {
                let rows: Vec<Value> = serde_json::from_slice(&whole.body).unwrap_or_default();
                tasks.extend(rows);
            }
            Ok(whole) => {
                tracing::warn!(shard = %shard.name, status = whole.status.as_u16(), "a foreign shard refused fetchAndLock");
            }
            Err(error) => {
                tracing::warn!(shard = %shard.name, message = error.message, "a foreign shard gave no tasks");
            }
        }
    }
    Ok(tasks)
}
