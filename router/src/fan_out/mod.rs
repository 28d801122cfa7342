//! Several shards answer. Every shard that owns slots is asked at the same time (at most [`WIDTH`] at once), within one
//! deadline and one bound on the bytes of all parts. The parts must cover every slot exactly once
//! (`topology::Coverage`): a slot that moves while they are asked is seen twice or not at all, and then all are asked
//! again. A shard without an answer makes the whole answer 503, unless the client takes a partial one.
pub mod batch;
pub mod command;
pub mod correlate;
pub mod definitions;
pub mod fair;
pub mod hal;
pub mod item_count;
pub mod list;
pub mod once;
pub mod places;
pub mod report;
pub mod rows;
pub mod single;
pub mod sort;
pub mod sum;
pub mod told;
pub mod wakeups;

use crate::{
    admit::Admitted,
    foreign,
    forward::{NoAnswer, is_trouble, to_shard},
    headers,
    metrics::ClassLabel,
    respond::{self, Answer},
    snapshot::{Shard, Snapshot},
    state::App,
    upstream::Outgoing,
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rest_api::ApiError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use topology::{Coverage, ShardName};

/// Shards of one fan-out that are asked at once.
const WIDTH: usize = 16;

/// The answer of one shard.
#[derive(Debug, Clone)]
pub struct Part {
    /// Who.
    pub shard: ShardName,
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Whole body.
    pub body: Bytes,
    /// Its share of the memory that all requests may hold.
    pub memory: Option<Arc<OwnedSemaphorePermit>>,
}

/// Parts with status 2xx of all shards but those missing.
#[derive(Debug)]
pub struct Gathered {
    /// In the order of the shards.
    pub parts: Vec<Part>,
    /// Shards without an answer; empty unless the client takes a partial one.
    pub missing: Vec<ShardName>,
}

/// Why there is nothing to merge: an answer already made.
#[derive(Debug)]
pub struct Stop(pub Box<Answer>);

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Stop {
        Stop(Box::new(respond::error(error)))
    }
}

/// What is asked of each shard, and of which.
pub struct Question<'a> {
    /// The client's request.
    pub request: &'a Admitted,
    /// What each shard gets; fan-out headers are added.
    pub out: Outgoing,
    /// That shard alone (`/engine/NAME`), or the whole cluster.
    pub only: Option<ShardName>,
    /// It only reads: it may go to another node, and all may be asked again.
    pub reads: bool,
}

/// The shards that a scope names; counts a fan-out when it is more than one.
fn asked(app: &App, snapshot: &Snapshot, question: &Question) -> Result<Vec<Shard>, ApiError> {
    let shards: Vec<Shard> = match &question.only {
        Some(name) => snapshot.shard(name.as_str()).cloned().into_iter().collect(),
        None => snapshot.owners().cloned().collect(),
    };
    if shards.is_empty() {
        return Err(ApiError::unavailable("the cluster has no shard yet"));
    }
    if shards.len() > 1 {
        let class = question.request.call.operation.class.name();
        app.metrics.fanouts.get_or_create(&ClassLabel { class }).inc();
    }
    Ok(shards)
}

/// Asks all shards, foreign ones too, and gives their 2xx answers, complete or with what is missing where the client allows that.
///
/// # Errors
/// The answer to give instead: a shard's own refusal (all agree on those), or 503 naming what is missing.
pub async fn gather(app: &App, question: &Question<'_>) -> Result<Gathered, Stop> {
    if !foreign::fan_out::concerns(app, question) {
        return gather_own(app, question).await;
    }
    let (own, theirs) = tokio::join!(gather_own(app, question), foreign::fan_out::gather(app, question));
    // What can't be merged is refused whatever ours say.
    let (theirs, mut gathered) = (theirs?, own?);
    gathered.parts.extend(theirs.parts);
    gathered.missing.extend(theirs.missing);
    Ok(gathered)
}

async fn gather_own(app: &App, question: &Question<'_>) -> Result<Gathered, Stop> {
    let deadline = Instant::now() + app.live().options.fanout_deadline;
    let _running = timeout_at(deadline, app.fanouts.acquire())
        .await
        .map_err(|_| ApiError::unavailable("too many requests over all shards run at the moment"))?;
    let mut pause = Duration::from_millis(5);
    let mut counted = false;
    loop {
        let mut changes = app.changes();
        let snapshot = app.snapshot();
        let shards = match counted {
            false => asked(app, &snapshot, question)?,
            true => match &question.only {
                Some(name) => snapshot.shard(name.as_str()).cloned().into_iter().collect(),
                None => snapshot.owners().cloned().collect(),
            },
        };
        counted = true;
        let results = ask(
            app,
            &shards,
            &question.out,
            snapshot.published,
            question.reads,
            deadline,
        )
        .await;
        let gathered = judge(results, question.request.partial)?;
        // Over a fixed list no slot moves, and each node takes all slots for its own.
        if question.only.is_some() || app.options.is_fixed() {
            return Ok(gathered);
        }
        match covers(&shards, &gathered) {
            Ok(()) => return Ok(gathered),
            Err(why) => {
                app.metrics.coverage_retries.inc();
                if !question.reads || Instant::now() + pause > deadline {
                    return Err(ApiError::unavailable(format!("slots are being moved: {why}")).into());
                }
                tracing::debug!(why, "fan-out does not cover each slot once: asking again");
            }
        }
        let _ = tokio::time::timeout(pause, changes.changed()).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

/// Sends to each shard and collects the answers in the shards' order.
pub async fn ask(
    app: &App,
    shards: &[Shard],
    out: &Outgoing,
    published: u64,
    reads: bool,
    deadline: Instant,
) -> Vec<Result<Part, NoAnswer>> {
    let each = shards.iter().map(|shard| (shard.clone(), out.clone())).collect();
    ask_each(app, each, published, reads, deadline).await
}

/// As [`ask`], with a request of its own for each shard.
pub async fn ask_each(
    app: &App,
    each: Vec<(Shard, Outgoing)>,
    published: u64,
    reads: bool,
    deadline: Instant,
) -> Vec<Result<Part, NoAnswer>> {
    let budget = Arc::new(AtomicU64::new(app.live().options.fanout_memory));
    let calls = each.into_iter().map(|(shard, out)| {
        let budget = budget.clone();
        async move {
            let out = out
                .with(headers::FANOUT, HeaderValue::from_static("1"))
                .with(headers::LOG_INDEX, HeaderValue::from(published));
            // The same node for the same caller's shard: any does, a random one spreads the load.
            let answer = to_shard(app, &shard, rand::random(), &out, reads, deadline).await?;
            collect(app, &shard.name, answer, &budget, reads, deadline).await
        }
    });
    stream::iter(calls).buffered(WIDTH).collect().await
}

/// Reads a shard's answer within the bounds.
pub async fn collect(
    app: &App,
    shard: &ShardName,
    answer: Response<Incoming>,
    budget: &AtomicU64,
    reads: bool,
    deadline: Instant,
) -> Result<Part, NoAnswer> {
    let failed = |why: String| NoAnswer {
        shard: shard.clone(),
        may_have_run: !reads,
        why,
    };
    let (parts, mut body) = answer.into_parts();
    let mut bytes = BytesMut::new();
    let mut memory: Option<OwnedSemaphorePermit> = None;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(failed("its answer did not end in time".to_owned())),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(failed(format!("its answer broke off: {error}"))),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let take = |left: u64| left.checked_sub(data.len() as u64);
        if budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_err()
        {
            let error = ApiError::invalid_request(
                "the answers of all shards together are larger than the router merges: ask with maxResults",
            );
            let body = error.body().map(|(_, bytes)| bytes).unwrap_or_default();
            let mut headers = HeaderMap::new();
            headers.insert(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            return Ok(Part {
                shard: shard.clone(),
                status: error.status,
                headers,
                body: body.into(),
                memory: None,
            });
        }
        let kib = data.len().div_ceil(1024) as u32;
        let permit = app.memory.clone().try_acquire_many_owned(kib);
        let permit =
            permit.map_err(|_| failed("too much is held for other requests at the moment".to_owned()))?;
        match &mut memory {
            Some(held) => held.merge(permit),
            None => memory = Some(permit),
        }
        bytes.extend_from_slice(&data);
    }
    let (status, headers, body) = (parts.status, parts.headers, bytes.freeze());
    Ok(Part {
        shard: shard.clone(),
        status,
        headers,
        body,
        memory: memory.map(Arc::new),
    })
}

/// Pure: from each shard's answer to what can be merged.
fn judge(results: Vec<Result<Part, NoAnswer>>, partial: bool) -> Result<Gathered, Stop> {
    let (gathered, why) = sift(results)?;
    if gathered.missing.is_empty() || (partial && !gathered.parts.is_empty()) {
        return Ok(gathered);
    }
    Err(missing(&gathered.missing, &why).into())
}

/// Pure: the answers that can be merged, the shards that gave none, and why the last of those didn't. A refusal is passed on.
pub(crate) fn sift(results: Vec<Result<Part, NoAnswer>>) -> Result<(Gathered, String), Stop> {
    let mut gathered = Gathered {
        parts: Vec::new(),
        missing: Vec::new(),
    };
    let mut why = String::new();
    for result in results {
        match result {
            Ok(part) if part.status.is_success() => gathered.parts.push(part),
            Ok(part) if is_trouble(part.status) || part.status == StatusCode::MISDIRECTED_REQUEST => {
                why = format!("it answered {}", part.status.as_u16());
                gathered.missing.push(part.shard);
            }
            Ok(part) => return Err(Stop(Box::new(respond::relay_part(part)))),
            Err(failed) => {
                why = failed.why;
                gathered.missing.push(failed.shard);
            }
        }
    }
    Ok((gathered, why))
}

/// 503 that names the shards without an answer.
pub fn missing(shards: &[ShardName], why: &str) -> ApiError {
    let noun = if shards.len() == 1 { "shard" } else { "shards" };
    let message = format!(
        "{noun} {} can't be reached, so the answer would not be whole: {why}",
        respond::names(shards)
    );
    ApiError::unavailable(message).with(
        "shards",
        shards.iter().map(ShardName::to_string).collect::<Vec<_>>(),
    )
}

/// Pure: whether the parts cover every slot of the shards that answered exactly once.
fn covers(shards: &[Shard], gathered: &Gathered) -> Result<(), String> {
    let mut seen = Vec::new();
    for part in &gathered.parts {
        let coverage = part
            .headers
            .get(&headers::COVERAGE)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        seen.push(
            coverage.ok_or_else(|| format!("shard {} answered without X-Stellwerk-Coverage", part.shard))?,
        );
    }
    // XOR undoes itself: what the missing shards own is taken from the whole by adding it.
    let lost: Coverage = shards
        .iter()
        .filter(|s| gathered.missing.contains(&s.name))
        .map(|s| s.coverage)
        .sum();
    let seen: Coverage = seen.into_iter().sum();
    let whole = Coverage::whole();
    let expected = Coverage {
        slots: whole.slots - lost.slots,
        mix: whole.mix ^ lost.mix,
    };
    if seen == expected {
        Ok(())
    } else {
        Err(format!(
            "the parts cover {} of {} slots",
            seen.slots, expected.slots
        ))
    }
}
