//! What this node has done, added to the database every few seconds: the numbers behind `/metrics`.
use super::{Engine, Inner, writer::now};
use crate::store::StoreError;
use bpmn_core::command::Tally;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Numbers are kept per quarter of an hour, as in the reference.
pub const BUCKET: i64 = 15 * 60_000;
/// What a node that is killed forgets.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts since the start of this node, and what of them the database has.
#[derive(Debug, Default)]
pub struct Meter {
    started: AtomicU64,
    ended: AtomicU64,
    instances: AtomicU64,
    stored: Mutex<BTreeMap<&'static str, u64>>,
    /// One at a time adds to the database.
    adding: tokio::sync::Mutex<()>,
}

impl Meter {
    /// A command has been committed; `instance`: it started a process instance.
    pub fn count(&self, tally: Tally, instance: bool) {
        self.started.fetch_add(tally.started.into(), Ordering::Relaxed);
        self.ended.fetch_add(tally.ended.into(), Ordering::Relaxed);
        self.instances.fetch_add(instance.into(), Ordering::Relaxed);
    }
}

impl Inner {
    fn metered(&self) -> [(&'static str, u64); 15] {
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let evaluated = &self.catalog.view().decisions.counted;
        let jobs = &self.executor.counters;
        let (executed, failed) = (of(&jobs.executed), of(&jobs.failed));
        [
            ("flow-node-instances", of(&self.meter.started)),
            ("activity-instance-end", of(&self.meter.ended)),
            ("process-instances", of(&self.meter.instances)),
            ("decision-instances", of(&evaluated.decisions)),
            ("executed-decision-elements", of(&evaluated.elements)),
            ("job-successful", executed.saturating_sub(failed)),
            ("job-failed", failed),
            ("job-acquisition-attempt", of(&jobs.acquisitions)),
            ("job-acquired-success", of(&jobs.acquired)),
            ("job-acquired-failure", of(&jobs.missed)),
            ("job-execution-rejected", of(&jobs.rejected)),
            // What runs at once behind another job, or behind the command that wrote it.
            ("job-locked-exclusive", of(&jobs.claimed)),
            (
                "history-cleanup-removed-process-instances",
                of(&self.cleanup.trees),
            ),
            (
                "history-cleanup-removed-decision-instances",
                of(&self.cleanup.decisions),
            ),
            (
                "history-cleanup-removed-batch-operations",
                of(&self.batches_removed),
            ),
        ]
    }
}

impl Engine {
    /// Adds to the database what this node has counted since the last time.
    ///
    /// # Errors
    /// The database's; the counts are added the next time then.
    pub async fn meter(&self) -> Result<(), StoreError> {
        let meter = &self.inner.meter;
        let _one = meter.adding.lock().await;
        let counted = self.inner.metered();
        let stored = |name| {
            let stored = meter.stored.lock().unwrap_or_else(PoisonError::into_inner);
            stored.get(name).copied().unwrap_or(0)
        };
        let new: Vec<(&str, i64)> = counted
            .iter()
            .map(|(name, count)| (*name, count.saturating_sub(stored(name)) as i64))
            .filter(|(_, new)| *new > 0)
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let bucket = now() / BUCKET * BUCKET;
        self.store()
            .add_metrics(&self.inner.settings.node, bucket, &new)
            .await?;
        let mut stored = meter.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.extend(counted);
        Ok(())
    }
}

/// Adds what has been counted now and then, and once more at the end.
pub async fn run(engine: Engine, drain: CancellationToken) {
    loop {
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
        if let Err(error) = engine.meter().await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "metrics not stored; tried again"
            );
        }
        if drain.is_cancelled() {
            return;
        }
    }
}
