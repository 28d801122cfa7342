//! History's clean-up of a shard: runs when asked for or in its window, on one node at a time, partition by
//! partition where all has expired, else in portions with pauses in proportion to what a portion took.
pub mod window;

use super::{Engine, writer::now};
use crate::store::{
    StoreError,
    housekeeping::{CleanupJob, Expired},
};
use bpmn_core::{Millis, history::retention};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use window::Windows;

const DAY: Millis = 86_400_000;
/// How often a node looks while the clean-up is due and another node has it.
const LOOK: Duration = Duration::from_secs(20);
/// How long a node keeps the clean-up without a sign of life.
const LEASE: Millis = 60_000;
/// After a node's start, and between two looks for partitions to make and idempotency keys to forget.
const PARTITIONS_FIRST: Duration = Duration::from_secs(60);
const PARTITIONS_EVERY: Duration = Duration::from_secs(1800);
/// Within a window the clean-up looks again for what has expired meanwhile.
const AGAIN: Millis = 300_000;
/// History rows are written that soon after what they tell of, ms.
const WRITTEN_WITHIN: Millis = 60_000;
/// Longest pause between two portions.
const PAUSE: Duration = Duration::from_secs(10);

/// Numbers of the clean-up.
#[derive(Clone, Debug)]
pub struct CleanupSettings {
    pub windows: Windows,
    /// Trees of one transaction.
    pub portion: usize,
    /// Percent of the time that it works.
    pub load: u32,
    /// How long the answer to a request with an idempotency key is kept after it, and after its instance's end, ms.
    pub idempotency_ttl: Millis,
    /// How long history that the sink doesn't have is spared, ms.
    pub sink_hold: Millis,
}

impl Default for CleanupSettings {
    fn default() -> CleanupSettings {
        CleanupSettings {
            windows: Windows::default(),
            portion: 500,
            load: 25,
            idempotency_ttl: 7 * DAY,
            sink_hold: 7 * DAY,
        }
    }
}

/// The clean-up of this node.
#[derive(Debug, Default)]
pub struct Cleanup {
    wake: Notify,
    /// Trees deleted since this node started: of process instances, and evaluations that no process asked for.
    pub trees: AtomicU64,
    pub decisions: AtomicU64,
}

impl Engine {
    /// The clean-up's counters, for metrics.
    pub fn cleanup(&self) -> &Cleanup {
        &self.inner.cleanup
    }

    /// Has the clean-up run at once, or in its next window; gives the job as it is now.
    pub async fn ask_for_cleanup(&self, at_once: bool) -> Result<CleanupJob, StoreError> {
        let store = self.store();
        let found = store.cleanup_job().await?;
        let time = now();
        let due = if at_once {
            Some(time)
        } else {
            self.inner.settings.cleanup.windows.next_start(time)
        };
        let job = CleanupJob {
            created: found.created.or(Some(time)),
            due,
            suspended: due.is_none(),
        };
        store.set_cleanup_job(job).await?;
        self.inner.cleanup.wake.notify_one();
        Ok(job)
    }
}

impl Engine {
    /// Runs the clean-up now, whenever it is due.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn run_cleanup(&self) -> Result<(), StoreError> {
        look(self, &CancellationToken::new(), true).await.map(drop)
    }
}

/// Looks after the clean-up and the partitions of this shard until `drain`.
pub async fn run(engine: Engine, drain: CancellationToken) {
    let mut partitions = Instant::now() + PARTITIONS_FIRST;
    while !drain.is_cancelled() {
        let pause = match look(&engine, &drain, false).await {
            Ok(due) => pause(due, now(), engine.settings().idle_look),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "history's clean-up; it goes on later"
                );
                LOOK
            }
        };
        if Instant::now() >= partitions {
            partitions = Instant::now() + PARTITIONS_EVERY;
            if let Err(error) = forget_keys(&engine).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "answers to idempotency keys were not forgotten; tried again"
                );
            }
            if let Err(error) = make_partitions(&engine).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "history partitions were not made; tried again"
                );
            }
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = engine.inner.cleanup.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Until the clean-up is due, and no longer than `longest`: another node may be asked for it.
fn pause(due: Option<Millis>, now: Millis, longest: Duration) -> Duration {
    match due {
        Some(due) if due <= now => LOOK,
        Some(due) => longest.min(Duration::from_millis((due - now) as u64)),
        None => longest,
    }
}

/// Forgets what requests with an idempotency key were answered, once that is old enough.
async fn forget_keys(engine: &Engine) -> Result<(), StoreError> {
    let Some(held) = engine.store().lease("idempotency", None, LEASE).await? else {
        return Ok(());
    };
    let before = now() - engine.inner.settings.cleanup.idempotency_ttl;
    let gone = engine.store().forget_keys(before).await;
    engine.store().end_lease("idempotency", held).await?;
    match gone? {
        0 => {}
        gone => tracing::info!(gone, "answers to idempotency keys forgotten"),
    }
    Ok(())
}

async fn make_partitions(engine: &Engine) -> Result<(), StoreError> {
    let Some(held) = engine.store().lease("partitions", None, LEASE).await? else {
        return Ok(());
    };
    let view = engine.catalog().view();
    let classes: BTreeSet<i16> = view.all().map(|d| retention(d.row.history_ttl_days)).collect();
    let classes: Vec<i16> = classes.into_iter().collect();
    let made = engine.store().make_partitions(&classes, now()).await;
    engine.store().end_lease("partitions", held).await?;
    match made? {
        0 => {}
        made => tracing::info!(made, "partitions of history made for the next period"),
    }
    Ok(())
}

/// Runs the clean-up if it is due and jobs run, or by hand; gives when it is due the next time, if ever.
async fn look(
    engine: &Engine,
    drain: &CancellationToken,
    by_hand: bool,
) -> Result<Option<Millis>, StoreError> {
    let (store, windows) = (engine.store(), &engine.inner.settings.cleanup.windows);
    let mut job = store.cleanup_job().await?;
    let time = now();
    if let (None, Some((from, _))) = (job.created, windows.at_or_after(time)) {
        job = CleanupJob {
            created: Some(time),
            due: Some(from),
            suspended: false,
        };
        store.set_cleanup_job(job).await?;
    }
    let due = job.due.filter(|_| !job.suspended);
    let its_turn = due.is_some_and(|due| due <= time) && engine.executor_active();
    if !its_turn && !by_hand {
        return Ok(due.filter(|due| *due > time));
    }
    let Some(held) = store.lease("cleanup", None, LEASE).await? else {
        return Ok(due);
    };
    let mut work = Work {
        engine,
        held,
        // A run that began in a window ends with it.
        until: job
            .due
            .and_then(|due| windows.open_until(due))
            .filter(|end| *end > time),
    };
    let worked = work.all(drain).await;
    let held = work.held;
    let mut next_due = due;
    if matches!(worked, Ok(true)) && store.cleanup_job().await? == job {
        let time = now();
        let again = windows.open_until(time).map(|_| time + AGAIN);
        let due = again.or_else(|| windows.next_start(time));
        let next = CleanupJob {
            due: due.or(job.due),
            suspended: due.is_none(),
            ..job
        };
        store.set_cleanup_job(next).await?;
        next_due = next.due.filter(|_| !next.suspended);
    }
    store.end_lease("cleanup", held).await?;
    worked.map(|_| next_due)
}

/// A run of the clean-up.
struct Work<'a> {
    engine: &'a Engine,
    held: i64,
    until: Option<Millis>,
}

impl Work<'_> {
    /// Deletes all that has expired; true if it came to the end, be it of the window.
    async fn all(&mut self, drain: &CancellationToken) -> Result<bool, StoreError> {
        let (store, time) = (self.engine.store(), now());
        let spared = self.spared(time).await?;
        let dropped = store.drop_partitions(time, spared).await?;
        self.count(dropped);
        let view = self.engine.catalog().view();
        let deleted = view.all_gone();
        let of_definitions = view.all().map(|d| &d.row).chain(deleted).filter_map(|row| {
            let before = time - i64::from(row.history_ttl_days?) * DAY;
            Some(Expired::Definition {
                id: row.id,
                from: i64::MIN,
                before: before.min(spared),
            })
        });
        let of_decisions = view.decisions.all().filter_map(|d| {
            let before = time - i64::from(d.row.history_ttl_days?) * DAY;
            Some(Expired::Decision {
                id: d.row.id,
                from: i64::MIN,
                before: before.min(spared),
            })
        });
        let by_hand = Expired::Removal {
            before: time,
            ended: spared,
        };
        for mut expired in of_definitions.chain(of_decisions).chain([by_hand]) {
            loop {
                if drain.is_cancelled() {
                    return Ok(false);
                }
                if self.until.is_some_and(|end| now() >= end) {
                    return Ok(true);
                }
                let Some(held) = store.lease("cleanup", Some(self.held), LEASE).await? else {
                    return Ok(false);
                };
                self.held = held;
                let began = Instant::now();
                let cleaned = store
                    .clean(expired, self.engine.inner.settings.cleanup.portion)
                    .await?;
                match expired {
                    Expired::Decision { .. } => {
                        let decisions = &self.engine.inner.cleanup.decisions;
                        decisions.fetch_add(cleaned.trees, Ordering::Relaxed);
                    }
                    _ => self.count(cleaned.trees),
                }
                // What is left before that belongs to slots that are moving, or to other roots.
                if let Expired::Definition { from, .. } | Expired::Decision { from, .. } = &mut expired {
                    *from = cleaned.upto;
                }
                if !cleaned.more || cleaned.trees == 0 {
                    break;
                }
                self.pause(began.elapsed(), drain).await;
            }
        }
        Ok(true)
    }

    /// Trees that ended from then on are spared: the sink doesn't have them yet, but not for ever.
    async fn spared(&self, time: Millis) -> Result<Millis, StoreError> {
        let waits = self.engine.store().history_backlog().await?.oldest;
        let hold = self.engine.inner.settings.cleanup.sink_hold;
        // A tree ends a little before its rows are written.
        let noted = waits.map_or(Millis::MAX, |oldest| oldest - WRITTEN_WITHIN);
        Ok(noted.max(time - hold))
    }

    fn count(&self, trees: u64) {
        self.engine
            .inner
            .cleanup
            .trees
            .fetch_add(trees, Ordering::Relaxed);
    }

    async fn pause(&self, worked: Duration, drain: &CancellationToken) {
        let load = self.engine.inner.settings.cleanup.load.clamp(1, 100);
        let pause = (worked * (100 - load) / load).min(PAUSE);
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
