//! `fetchAndLock` over shards (protocols 12).
//!
//! Without an order the shards are asked one after the other, beginning at a random one, each for what is still missing:
//! so never more than maxTasks are locked in sum, and under load one question is enough. With an order (`usePriority`,
//! `sorting`) all are asked at once where their first tasks stand, and then each for its share of the first maxTasks:
//! the order holds over all shards, but for what others lock in between. If nothing is found the request is parked
//! here, and only shards that announce work are asked again.
//!
//! This runs inside the connection's task: when the client closes the connection, the server drops it. What a shard
//! has locked by then is given back ([`Locked`]), and nothing is locked afterwards. A task counts as delivered from
//! the moment its answer is handed to the socket.
mod fetch;
mod locked;

use super::{
    Part, Stop, missing,
    places::{self, Order, Place},
    wakeups::Woken,
};
use crate::{
    admit::Admitted,
    forward::{is_trouble, to_any},
    metrics::ClassLabel,
    respond::{self, Answer},
    snapshot::Shard,
    state::App,
    upstream::Outgoing,
};
use fetch::Fetch;
use http::StatusCode;
use locked::{Locked, Refused, ask, deliver};
use rest_api::ApiError;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until, timeout};
use topology::ShardName;

/// Longest wait that the reference grants, in milliseconds.
const LONGEST_WAIT: i64 = 1_800_000;
/// How long a shard may take while others may have work.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a round looks where tasks stand, when others lock them before it does.
const LOOKS: usize = 3;

/// What a round has found.
#[derive(Debug, Default)]
struct Round {
    locked: Vec<Locked>,
    missing: Vec<ShardName>,
    why: String,
    refusal: Option<Part>,
}

/// Answers `fetchAndLock`.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &Arc<App>, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let Some(fetch) = Fetch::read(&request.out.body) else {
        return Ok(respond::relay(to_any(app, only.as_ref(), request).await?));
    };
    if fetch.wait.is_some_and(|wait| wait > LONGEST_WAIT) {
        return Err(ApiError::invalid_request(format!(
            "The asynchronous response timeout cannot be set to a value greater than {LONGEST_WAIT} milliseconds"
        ))
        .into());
    }
    let topics = fetch.names();
    if fetch.max_tasks <= 0 || topics.is_empty() {
        return Ok(respond::relay(to_any(app, only.as_ref(), request).await?));
    }
    let wait = fetch
        .wait
        .filter(|wait| *wait > 0)
        .map(|wait| Duration::from_millis(wait as u64));
    if wait.is_some() && app.hub.len() >= app.live().options.long_poll_limit {
        return Err(ApiError::unavailable(
            "At the moment the server has to handle too many requests at the same time. Please try again later.",
        )
        .into());
    }
    let until = Instant::now() + wait.unwrap_or_default();
    // Before the first round: an announcement during it isn't lost.
    let waiter = wait.map(|_| app.hub.enter(topics));
    let mut counted = false;
    let mut woken = Woken {
        all: true,
        ..Woken::default()
    };
    let mut first = true;
    let mut lost: BTreeSet<ShardName> = BTreeSet::new();
    loop {
        let shards = shards(app, &fetch, only.as_ref(), &woken)?;
        if shards.len() > 1 && !std::mem::replace(&mut counted, true) {
            app.metrics
                .fanouts
                .get_or_create(&ClassLabel { class: "fanout-fair" })
                .inc();
        }
        let asked = shards.len();
        let round = round(app, &fetch, request, shards).await;
        for shard in &round.missing {
            lost.insert(shard.clone());
        }
        let found = !round.locked.is_empty();
        if let (Some(waiter), false, true) = (&waiter, first, found || fetch.filtered()) {
            waiter.pass_on(&woken);
        }
        if let (Some(part), false) = (round.refusal, found) {
            return Ok(respond::relay_part(part));
        }
        if first && asked > 0 && round.missing.len() == asked {
            return Err(missing(&round.missing, &round.why).into());
        }
        let lost_names: Vec<ShardName> = lost.iter().cloned().collect();
        if found {
            return Ok(deliver(round.locked, fetch.order, &lost_names));
        }
        let Some(waiter) = &waiter else {
            return Ok(respond::json("[]", &lost_names));
        };
        tokio::select! {
            biased;
            () = app.stopping.cancelled() => return Ok(respond::json("[]", &lost_names)),
            () = sleep_until(until) => return Ok(respond::json("[]", &lost_names)),
            next = waiter.woken() => woken = next,
        }
        if woken.all {
            lost.clear();
        }
        first = false;
    }
}

/// The shards to ask in the order to ask them: those of the business keys first, then round from a random one.
fn shards(app: &App, fetch: &Fetch, only: Option<&ShardName>, woken: &Woken) -> Result<Vec<Shard>, ApiError> {
    let snapshot = app.snapshot();
    let mut shards: Vec<Shard> = snapshot
        .owners()
        .filter(|shard| only.is_none_or(|name| *name == shard.name))
        .filter(|shard| woken.all || woken.shards.contains(&shard.name))
        .cloned()
        .collect();
    if shards.is_empty() && woken.all {
        return Err(ApiError::unavailable("the cluster has no shard yet"));
    }
    if !shards.is_empty() {
        let start = rand::random_range(0..shards.len());
        shards.rotate_left(start);
    }
    let slots = fetch.slots();
    let owners: BTreeSet<ShardName> = slots
        .iter()
        .filter_map(|slot| snapshot.owner(*slot).ok())
        .map(|(shard, _)| shard.name.clone())
        .collect();
    shards.sort_by_key(|shard| !owners.contains(&shard.name));
    Ok(shards)
}

impl Round {
    /// Takes what a shard has answered; gives how many tasks it has locked.
    fn hear(&mut self, shard: ShardName, answer: Result<Locked, Refused>) -> usize {
        match answer {
            Ok(locked) => {
                let count = locked.tasks.len();
                if count > 0 {
                    self.locked.push(locked);
                }
                return count;
            }
            Err(Refused::Part(part))
                if is_trouble(part.status) || part.status == StatusCode::MISDIRECTED_REQUEST =>
            {
                self.lose(shard, format!("it answered {}", part.status.as_u16()));
            }
            Err(Refused::Part(part)) => match self.locked.is_empty() {
                true => self.refusal = Some(*part),
                false => self.missing.push(shard),
            },
            Err(Refused::NoAnswer(why)) => self.lose(shard, why),
        }
        0
    }

    fn lose(&mut self, shard: ShardName, why: String) {
        self.why = why;
        if !self.missing.contains(&shard) {
            self.missing.push(shard);
        }
    }
}

async fn round(app: &Arc<App>, fetch: &Fetch, request: &Admitted, shards: Vec<Shard>) -> Round {
    if let Some(order) = fetch.order.filter(|_| shards.len() > 1)
        && let Some(round) = in_order(app, fetch, order, request, &shards).await
    {
        return round;
    }
    let mut round = Round::default();
    let mut wanted = fetch.max_tasks as usize;
    for shard in shards {
        if wanted == 0 || round.refusal.is_some() {
            break;
        }
        let name = shard.name.clone();
        let answer = lock(app, shard, fetch, wanted, request).await;
        wanted = wanted.saturating_sub(round.hear(name, answer));
    }
    round
}

/// A round that keeps an order over all shards; `None` if a node of an earlier release can't tell where its tasks stand.
async fn in_order(
    app: &Arc<App>,
    fetch: &Fetch,
    order: Order,
    request: &Admitted,
    shards: &[Shard],
) -> Option<Round> {
    let mut round = Round::default();
    let mut wanted = fetch.max_tasks as usize;
    for _ in 0..LOOKS {
        let reachable: Vec<Shard> = shards
            .iter()
            .filter(|shard| !round.missing.contains(&shard.name))
            .cloned()
            .collect();
        let mut places = Vec::with_capacity(reachable.len());
        for (shard, peeked) in reachable
            .iter()
            .zip(peek(app, fetch, wanted, request, &reachable).await)
        {
            let found = match peeked {
                Ok(found) => found,
                Err(Refused::Part(part)) if part.status == StatusCode::NOT_FOUND => return None,
                Err(refused) => {
                    round.hear(shard.name.clone(), Err(refused));
                    Vec::new()
                }
            };
            places.push(found);
        }
        if round.refusal.is_some() {
            break;
        }
        let shares = places::shares(order, wanted, &places);
        let asked = reachable
            .into_iter()
            .zip(&shares)
            .filter(|(_, share)| **share > 0);
        let answers = asked.map(async |(shard, share)| {
            let name = shard.name.clone();
            (name, lock(app, shard, fetch, *share, request).await)
        });
        let answers = futures_util::future::join_all(answers).await;
        let locked: usize = answers
            .into_iter()
            .map(|(name, answer)| round.hear(name, answer))
            .sum();
        wanted = wanted.saturating_sub(locked);
        // Fewer than there were: another worker was faster, and there may be more behind what it took.
        if locked == shares.iter().sum::<usize>() || wanted == 0 || round.refusal.is_some() {
            break;
        }
    }
    Some(round)
}

/// Asks shards where the first tasks stand that they would lock.
async fn peek(
    app: &App,
    fetch: &Fetch,
    wanted: usize,
    request: &Admitted,
    shards: &[Shard],
) -> Vec<Result<Vec<Place>, Refused>> {
    let out = request
        .out
        .internal("/internal/external-task/peek", fetch.body(wanted));
    let deadline = Instant::now() + PATIENCE.min(app.live().options.fanout_deadline);
    let parts = super::ask(app, shards, &out, app.snapshot().published, true, deadline).await;
    let read = |part: Part| match part.status.is_success() {
        true => serde_json::from_slice(&part.body)
            .map_err(|error| Refused::NoAnswer(format!("its answer is no list of places: {error}"))),
        false => Err(Refused::Part(Box::new(part))),
    };
    parts
        .into_iter()
        .map(|answer| {
            answer
                .map_err(|failed| Refused::NoAnswer(failed.why))
                .and_then(read)
        })
        .collect()
}

/// Locks at most so many tasks on a shard.
async fn lock(
    app: &Arc<App>,
    shard: Shard,
    fetch: &Fetch,
    wanted: usize,
    request: &Admitted,
) -> Result<Locked, Refused> {
    let out = Outgoing {
        body: fetch.body(wanted).into(),
        ..request.out.clone()
    };
    // A task of its own: if the client leaves meanwhile, it still learns what was locked, and gives it back.
    match timeout(PATIENCE, tokio::spawn(ask(app.clone(), shard, out))).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Refused::NoAnswer(error.to_string())),
        // What it locks later is given back.
        Err(_) => Err(Refused::NoAnswer("no answer in time".to_owned())),
    }
}
