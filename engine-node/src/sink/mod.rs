//! Streams history to a second place: at least once, each row under an id of its own ("TABLE/ROW"), so that the
//! receiver can tell a repetition. The engine never waits for it; while it is down, what it has to get waits in the
//! database.
mod target;

pub use target::Target;

use crate::{app::Engine, store::housekeeping::Backlog};
use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Duration, Instant},
};
use target::Receiver;
use tokio_util::sync::CancellationToken;

/// Batches taken from the queue at once.
const BATCHES: usize = 64;
/// Between two looks at an empty queue while this node writes.
const IDLE: Duration = Duration::from_millis(500);
/// The same while only others may: history waits that long at most.
const QUIET: Duration = Duration::from_secs(5);
/// Longest wait between two tries while the sink is down.
const DOWN: Duration = Duration::from_secs(15);
/// How long a node keeps the sink to itself without a sign of life, ms.
const LEASE: i64 = 30_000;
/// History that has waited that long is told of in the log, ms.
const LATE: i64 = 60_000;

/// What a node knows of its sink, for metrics.
#[derive(Debug, Default)]
pub struct SinkState {
    /// Rows that the sink has taken from this node.
    pub rows: AtomicU64,
    /// Tries that failed.
    pub failures: AtomicU64,
    /// Batches that waited when last looked at.
    pub waiting: AtomicU64,
    /// Age of the oldest of them, ms.
    pub age: AtomicI64,
}

impl SinkState {
    fn note(&self, backlog: Backlog) {
        let age = backlog
            .oldest
            .map_or(0, |oldest| crate::app::writer::now() - oldest);
        self.waiting.store(backlog.batches, Ordering::Relaxed);
        self.age.store(age.max(0), Ordering::Relaxed);
    }
}

/// Streams until `drain`, on one node of the shard at a time. Without a target nothing is changed: another node of
/// the shard may have one.
pub async fn run(engine: Engine, target: Option<Target>, shard: String, drain: CancellationToken) {
    let Some(target) = target else {
        return;
    };
    let mut receiver = Receiver::new(&target, &shard);
    let mut wait = IDLE;
    let mut watching = false;
    while !drain.is_cancelled() {
        let written = engine.counters().batches.load(Ordering::Relaxed);
        let turn = async {
            if !watching {
                engine.store().watch_history(target != Target::Off).await?;
                watching = true;
            }
            let Some(receiver) = &mut receiver else {
                return Ok(false);
            };
            turn(&engine, receiver).await
        };
        match turn.await {
            Ok(true) => {
                wait = IDLE;
                continue;
            }
            Ok(false) if target == Target::Off => return,
            Ok(false) => {
                wait = IDLE;
                unwritten(&engine, written, &drain).await;
            }
            Err(error) => {
                engine.sink().failures.fetch_add(1, Ordering::Relaxed);
                let late = engine.sink().age.load(Ordering::Relaxed);
                if late > LATE {
                    tracing::warn!(sink = %target, late_ms = late, error = format!("{error:#}"), "history waits for its sink");
                } else {
                    tracing::info!(sink = %target, error = format!("{error:#}"), "the history sink took nothing; tried again");
                }
                wait = (wait * 2).min(DOWN);
            }
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Waits while this node writes nothing more, and not for ever.
async fn unwritten(engine: &Engine, before: u64, drain: &CancellationToken) {
    let written = || engine.counters().batches.load(Ordering::Relaxed);
    let until = Instant::now() + QUIET;
    while written() == before && Instant::now() < until && !drain.is_cancelled() {
        tokio::time::sleep(IDLE / 5).await;
    }
}

/// Hands one load over; true if there may be more at once.
async fn turn(engine: &Engine, receiver: &mut Receiver) -> anyhow::Result<bool> {
    let store = engine.store();
    let backlog = store.history_backlog().await?;
    engine.sink().note(backlog);
    if backlog.batches == 0 {
        return Ok(false);
    }
    // The lease saves work; two nodes that send the same do no harm.
    let Some(held) = store.lease("sink", None, LEASE).await? else {
        return Ok(false);
    };
    let events = store.history_events(BATCHES).await?;
    let sent = receiver.send(&events.events).await;
    if sent.is_ok() {
        store.history_sent(&events.batches).await?;
        engine
            .sink()
            .rows
            .fetch_add(events.events.len() as u64, Ordering::Relaxed);
    }
    store.end_lease("sink", held).await?;
    sent?;
    Ok(true)
}
