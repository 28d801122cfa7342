//! One shard answers: send there, to another node where that is safe, and again after a 421.
//!
//! The rule of S0-14: a request that may have run goes nowhere else unless it only reads or carries an
//! Idempotency-Key. 421 says that nothing was done, so after it any request may go again.
use crate::{
    access::Served,
    admit::Admitted,
    headers,
    snapshot::{Shard, Snapshot},
    state::App,
    upstream::{Failure, Outgoing},
};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use rand::seq::SliceRandom;
use rest_api::ApiError;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use topology::{ShardName, Slot};

/// Nodes of one shard that are tried for one request.
const NODES_TRIED: usize = 4;
/// How often a request is sent on to another slot than it seemed to belong to.
const SENT_ON: usize = 2;
/// Longest pause before a request is sent again when no new topology arrives.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A shard that gave no answer.
#[derive(Debug, Clone)]
pub struct NoAnswer {
    /// The shard.
    pub shard: ShardName,
    /// Whether the request may have run there.
    pub may_have_run: bool,
    /// Why.
    pub why: String,
}

impl From<NoAnswer> for ApiError {
    fn from(failed: NoAnswer) -> ApiError {
        let NoAnswer {
            shard,
            may_have_run,
            why,
        } = failed;
        let error = match may_have_run {
            false => ApiError::unavailable(format!("shard {shard} can't be reached: {why}")),
            true => ApiError::bad_gateway(format!(
                "shard {shard} gave no answer; the request may have run: {why}"
            )),
        };
        error.with("shards", vec![shard.to_string()])
    }
}

/// Sends a request to a shard, trying its nodes in the order of the affinity.
///
/// # Errors
/// No node gave an answer; says whether the request may have run.
pub async fn to_shard(
    app: &App,
    shard: &Shard,
    affinity: u64,
    out: &Outgoing,
    repeatable: bool,
    deadline: Instant,
) -> Result<Response<Incoming>, NoAnswer> {
    let mut why = "it has no registered node".to_owned();
    let mut busy = None;
    let entered = shard.gate.enter(shard.is_up(), std::time::Instant::now());
    let entered = entered.map_err(|running| full(app, shard, running))?;
    let mut sent_before = false;
    let mut nodes = shard
        .candidates(affinity)
        .into_iter()
        .take(NODES_TRIED)
        .peekable();
    while let Some(node) = nodes.next() {
        if sent_before && !shard.gate.may_retry() {
            why = format!("{why}; too many requests were tried again");
            break;
        }
        let sending = app.upstream.send(&node, out, deadline);
        // A node that stops (a frozen process, a cut cable) breaks no connection: what only reads doesn't wait for it.
        let sent = match repeatable && node.is_up() && nodes.peek().is_some_and(|next| next.is_up()) {
            false => sending.await,
            true => tokio::select! {
                sent = sending => sent,
                () = node.went_down() => {
                    Err(Failure { written: true, kind: "lost", why: "it stopped answering".to_owned() })
                }
            },
        };
        match sent {
            // A node in trouble says so before it does anything; another one of the shard may do better.
            Ok(answer) if repeatable && is_trouble(answer.status()) => {
                busy = Some(answer);
                sent_before = true;
            }
            Ok(mut answer) => {
                answer.extensions_mut().insert(Served {
                    shard: shard.name.to_string(),
                    node: node.id.clone(),
                });
                entered.left(true);
                return Ok(answer);
            }
            Err(failure) => {
                sent_before |= failure.written;
                why = format!("node {}: {}", node.id, failure.why);
                if failure.written && !repeatable {
                    entered.left(false);
                    return Err(NoAnswer {
                        shard: shard.name.clone(),
                        may_have_run: true,
                        why,
                    });
                }
            }
        }
    }
    entered.left(false);
    busy.ok_or(NoAnswer {
        shard: shard.name.clone(),
        may_have_run: false,
        why,
    })
}

/// What a request gets that a shard has no room for.
pub fn full(app: &App, shard: &Shard, running: u32) -> NoAnswer {
    let labels = crate::metrics::ShardLabel {
        shard: shard.name.to_string(),
    };
    app.metrics.shed.get_or_create(&labels).inc();
    NoAnswer {
        shard: shard.name.clone(),
        may_have_run: false,
        why: format!("{running} requests are under way there, and it answers slowly or not at all"),
    }
}

/// Whether a status speaks of the machinery and not of the request.
pub fn is_trouble(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Sends a request to the owner of a slot. After a 421 it waits for a newer topology (within the parking bounds) and
/// sends it again.
///
/// # Errors
/// The shard gave no answer, or the slot found no owner in time.
pub async fn to_slot(
    app: &App,
    slot: Slot,
    out: &Outgoing,
    repeatable: bool,
) -> Result<Response<Incoming>, SlotError> {
    let deadline = Instant::now() + app.live().options.upstream_timeout;
    let give_up = Instant::now() + app.live().options.park_timeout;
    let mut pause = Duration::from_millis(10);
    let mut parked = None;
    let mut slot = slot;
    let mut sent_on = 0;
    loop {
        let mut changes = app.changes();
        let snapshot = app.snapshot();
        let (shard, epoch) = snapshot.owner(slot)?;
        let out = out
            .clone()
            .with(headers::SLOT, slot.number())
            .with(headers::LOG_INDEX, snapshot.published);
        let answer = to_shard(app, shard, u64::from(slot.number()), &out, repeatable, deadline).await?;
        if answer.status() != StatusCode::MISDIRECTED_REQUEST {
            return Ok(answer);
        }
        // What is called by a client's id may live elsewhere than the id leads to.
        let right = answer.headers().get(&headers::SLOT);
        let right = right.and_then(|slot| Slot::new(slot.to_str().ok()?.parse().ok()?).ok());
        if let Some(right) = right.filter(|right| *right != slot && sent_on < SENT_ON) {
            sent_on += 1;
            slot = right;
            continue;
        }
        tracing::debug!(%slot, shard = %shard.name, epoch, "misdirected: waiting for a newer topology");
        app.metrics.rerouted.inc();
        if parked.is_none() {
            let full = |_| ApiError::unavailable("too many requests wait for slots that are being moved");
            parked = Some(app.park.try_acquire().map_err(full)?);
        }
        if Instant::now() + pause > give_up {
            let message = format!("slot {slot} has no owner that takes requests at the moment");
            return Err(ApiError::unavailable(message).into());
        }
        // Anything new may be the new owner; without news the fence may have been lifted.
        let _ = timeout(pause, changes.changed()).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Why a slot gave no answer.
#[derive(Debug)]
pub enum SlotError {
    /// Its shard gave none.
    NoAnswer(NoAnswer),
    /// The router refuses.
    Refused(ApiError),
}

impl From<NoAnswer> for SlotError {
    fn from(failed: NoAnswer) -> SlotError {
        SlotError::NoAnswer(failed)
    }
}

impl From<ApiError> for SlotError {
    fn from(error: ApiError) -> SlotError {
        SlotError::Refused(error)
    }
}

impl From<SlotError> for ApiError {
    fn from(error: SlotError) -> ApiError {
        match error {
            SlotError::NoAnswer(failed) => failed.into(),
            SlotError::Refused(error) => error,
        }
    }
}

/// Sends a start that names no slot to one that the router draws. If its shard turns out to be unreachable and
/// nothing was written, another slot is drawn.
///
/// # Errors
/// As [`to_slot`].
pub async fn to_drawn_slot(
    app: &App,
    only: Option<&ShardName>,
    request: &Admitted,
) -> Result<Response<Incoming>, ApiError> {
    let mut tries = 0;
    loop {
        let slot = app.snapshot().draw(only)?;
        tries += 1;
        match to_slot(app, slot, &request.out, request.repeatable()).await {
            Err(SlotError::NoAnswer(failed)) if !failed.may_have_run && tries < 4 => continue,
            other => return other.map_err(ApiError::from),
        }
    }
}

/// Sends a request to any shard that is up to date, one after the other until one can be reached.
///
/// # Errors
/// None could.
pub async fn to_any(
    app: &App,
    only: Option<&ShardName>,
    request: &Admitted,
) -> Result<Response<Incoming>, ApiError> {
    out_to_any(app, only, &request.out, request.repeatable()).await
}

/// The same of another request than the client's.
///
/// # Errors
/// As [`to_any`].
pub async fn out_to_any(
    app: &App,
    only: Option<&ShardName>,
    out: &Outgoing,
    repeatable: bool,
) -> Result<Response<Incoming>, ApiError> {
    let snapshot: Arc<Snapshot> = app.snapshot();
    let deadline = Instant::now() + app.live().options.upstream_timeout;
    let mut shards: Vec<&Shard> = snapshot
        .shards
        .iter()
        .filter(|s| only.is_none_or(|name| *name == s.name))
        .collect();
    shards.shuffle(&mut rand::rng());
    // A stable sort: in order first, then behind; of each those that are up first.
    shards.sort_by_key(|shard| (!shard.is_up(), shard.behind));
    let out = out
        .clone()
        .with(headers::LOG_INDEX, HeaderValue::from(snapshot.published));
    let mut error = ApiError::unavailable("the cluster has no shard yet");
    let mut busy = None;
    let last = shards.len();
    for (i, shard) in shards.into_iter().enumerate() {
        match to_shard(app, shard, rand::random(), &out, repeatable, deadline).await {
            Ok(answer) if repeatable && is_trouble(answer.status()) && i + 1 < last => busy = Some(answer),
            Ok(answer) => return Ok(answer),
            Err(failed) if failed.may_have_run => return Err(failed.into()),
            Err(failed) => error = failed.into(),
        }
    }
    busy.ok_or(error)
}
