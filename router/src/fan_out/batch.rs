//! Batches: every shard has a part of one, under one id. They are made like commands that scatter ids, and read by adding
//! up what all shards have (`rest_api::batch`).
use super::{
    Part, Question, Stop, ask_each, asked,
    command::{all_reachable, conclude, scatter},
    gather,
    once::digest,
    told,
};
use crate::{
    admit::Admitted,
    headers,
    respond::{self, Answer},
    snapshot::Shard,
    state::App,
    text::decoded,
};
use http::{HeaderValue, Method, header};
use rest_api::{
    ApiError,
    batch::{self, Whole, id_of_key, wholes},
    filters::Filters,
    operations::Merge,
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use topology::{Id, IdGenerator, ShardName, Slot};

/// How often a shard is asked to lead a batch.
const TRIES: usize = 3;

static IDS: std::sync::LazyLock<IdGenerator> = std::sync::LazyLock::new(IdGenerator::default);

/// Answers an operation on batches.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    match request.call.operation.merge {
        Merge::BatchNew => begin(app, request, only).await,
        Merge::BatchAgg | Merge::CountLogical => read(app, request, only).await,
        Merge::AckParts => change(app, request, only).await,
        _ => {
            let id = request.call.operation.id;
            Err(ApiError::not_implemented(&format!("{id} over several shards")).into())
        }
    }
}

/// What all shards have.
async fn parts(
    app: &App,
    request: &Admitted,
    only: Option<ShardName>,
    path: String,
) -> Result<(Vec<batch::Part>, Vec<ShardName>), Stop> {
    let mut out = request.out.clone();
    out.method = Method::GET;
    out.target = path;
    out.body = Default::default();
    let question = Question {
        request,
        out,
        only,
        reads: true,
    };
    let gathered = gather(app, &question).await?;
    let mut parts = Vec::new();
    for part in &gathered.parts {
        let read: Result<Vec<batch::Part>, _> = serde_json::from_slice(&part.body);
        parts.extend(read.map_err(|error| unreadable(part, &error))?);
    }
    Ok((parts, gathered.missing))
}

fn unreadable(part: &Part, error: &serde_json::Error) -> ApiError {
    let shard = &part.shard;
    ApiError::bad_gateway(format!(
        "shard {shard} answered something that is no part of a batch: {error}"
    ))
}

fn id_in_path(request: &Admitted) -> String {
    let id = request.call.params.first();
    id.map_or_else(String::new, |(_, id)| crate::text::percent_decode(id, false))
}

async fn read(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let call = &request.call;
    let question = batch::Question::of(call.operation.path).ok_or_else(ApiError::unknown_path)?;
    let (parts, missing) = parts(app, request, only, call.path.clone()).await?;
    let query = decoded(call.query.as_deref());
    let answer = question.answer(parts, &id_in_path(request), &query)?;
    Ok(respond::json(answer.to_string(), &missing))
}

/// What a change asks of a batch, how the reference refuses others, and whether the batch is looked for in history.
type Rule = (fn(&Whole) -> bool, &'static str, bool);

/// The rule of a change.
///
/// # Errors
/// The reference's for a body that says nothing of suspension.
fn rule(request: &Admitted) -> Result<Rule, ApiError> {
    let operation = request.call.operation;
    if operation.path.starts_with("/history/") {
        return Ok((Whole::is_recorded, "Unable to delete historic batch", true));
    }
    if operation.method == "DELETE" {
        return Ok((Whole::runs, "Unable to delete batch", false));
    }
    let body = match request.out.body.is_empty() {
        true => Map::new(),
        false => serde_json::from_slice(&request.out.body).map_err(|e| ApiError::json_text(e.to_string()))?,
    };
    Ok(match Filters::from_body(body).on("suspended")? {
        true => (Whole::runs, "Unable to suspend batch", false),
        false => (Whole::runs, "Unable to activate batch", false),
    })
}

async fn change(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let id = id_in_path(request);
    let (holds, refusal, history) = rule(request)?;
    let own = if history { "history/batch" } else { "batch" };
    if id.parse::<Id>().is_ok() {
        let path = format!("{}/{own}/{id}", crate::classify::ROOT);
        let (parts, _) = parts(app, request, only.clone(), path).await?;
        if wholes(parts).iter().any(holds) {
            return super::command::answer(app, request, only).await;
        }
    }
    Err(ApiError::invalid_request(format!("{refusal} with id '{id}'"))
        .with_code(0)
        .into())
}

async fn begin(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let snapshot = app.snapshot();
    let question = Question {
        request,
        out: request.out.clone(),
        only,
        reads: false,
    };
    let shards = asked(app, &snapshot, &question)?;
    let user = request.out.headers.get(header::AUTHORIZATION);
    let user = user.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = match &request.idempotency_key {
        Some(key) => id_of_key(user, key),
        None => IDS.next(Slot::from_bits(rand::random())),
    };
    let name = HeaderValue::from_str(&id.to_string()).map_err(|e| ApiError::internal(e.to_string()))?;
    let mut each: Vec<_> = scatter(&snapshot, shards, request)?
        .into_iter()
        .map(|(shard, out)| (shard, out.with(headers::BATCH, name.clone())))
        .collect();
    if request.idempotency_key.is_some() {
        let digest = digest(request);
        for (_, out) in &mut each {
            out.headers.insert(headers::DIGEST, digest.clone());
        }
    }
    all_reachable(each.iter().map(|(shard, _)| shard))?;
    let operation = told::draw(&mut each);
    let shards: Vec<Shard> = each.iter().map(|(shard, _)| shard.clone()).collect();
    let deadline = Instant::now() + app.live().options.fanout_deadline;
    let results = ask_each(app, each, snapshot.published, false, deadline).await;
    told::write(app, operation, &request.out, results.iter().flatten()).await?;
    let begun = results.iter().flatten().filter(|part| part.status.is_success());
    let begun: Vec<Part> = begun.cloned().collect();
    if let Some(first) = begun.first()
        && let Some(shard) = shards.into_iter().find(|shard| shard.name == first.shard)
    {
        lead(app, request, id, shard, snapshot.published).await?;
    }
    let answer = conclude(results);
    match answer.status().is_success() && begun.len() > 1 {
        true => Ok(respond::json(sum(&begun)?, &[])),
        false => Ok(answer),
    }
}

/// Gives the batch's own jobs to one of its parts. Only now it is known who has one.
async fn lead(app: &App, request: &Admitted, id: Id, shard: Shard, published: u64) -> Result<(), Stop> {
    let body = json!({ "batch": id }).to_string();
    let out = request.out.internal("/internal/batch/lead", body.into_bytes());
    let deadline = Instant::now() + app.live().options.fanout_deadline;
    let mut last = None;
    for _ in 0..TRIES {
        let each = vec![(shard.clone(), out.clone())];
        match ask_each(app, each, published, false, deadline).await.pop() {
            Some(Ok(part)) if part.status.is_success() => return Ok(()),
            other => last = other,
        }
    }
    tracing::warn!(batch = %id, shard = %shard.name, ?last, "a batch has begun, but none of its parts leads it");
    Err(ApiError::unavailable(format!(
        "batch {id} has begun, but nothing works on it: delete it, and begin anew"
    ))
    .into())
}

/// Pure: what shards answered about their parts, as one batch.
fn sum(parts: &[Part]) -> Result<String, ApiError> {
    let mut whole: Option<Map<String, Value>> = None;
    for part in parts {
        let mut row: Map<String, Value> =
            serde_json::from_slice(&part.body).map_err(|e| unreadable(part, &e))?;
        if let Some(whole) = &whole {
            let total = |row: &Map<String, Value>| row.get("totalJobs").and_then(Value::as_i64).unwrap_or(0);
            let sum = total(whole) + total(&row);
            row.insert("totalJobs".to_owned(), sum.into());
            let time = |row: &Map<String, Value>| row.get("startTime").map(Value::to_string);
            if time(whole) < time(&row)
                && let Some(earlier) = whole.get("startTime")
            {
                row.insert("startTime".to_owned(), earlier.clone());
            }
        }
        whole = Some(row);
    }
    Ok(Value::Object(whole.unwrap_or_default()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    #[test]
    fn a_new_batch_has_what_all_its_parts_have_and_began_with_the_first() {
        let part = |total: u32, time: &str| Part {
            shard: ShardName::new("s"),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            memory: None,
            body: json!({"id": "a", "totalJobs": total, "startTime": time})
                .to_string()
                .into(),
        };
        let parts = [
            part(2, "2026-11-29T06:00:00.001+0000"),
            part(3, "2026-11-29T06:00:00.003+0000"),
        ];
        let whole: Value = serde_json::from_str(&sum(&parts).unwrap()).unwrap();
        let expected = json!({"id": "a", "totalJobs": 5, "startTime": "2026-11-29T06:00:00.001+0000"});
        assert_eq!(whole, expected);
    }
}
