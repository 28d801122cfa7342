//! The executor's numbers by the names they are exported under.
use super::Executor;
use std::sync::atomic::{AtomicU64, Ordering};

/// Name, explanation and value.
pub type Number = (&'static str, &'static str, u64);

impl Executor {
    /// What only grows.
    pub fn counted(&self) -> [Number; 11] {
        let c = &self.counters;
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        [
            ("jobs_executed", "Jobs run", of(&c.executed)),
            ("jobs_failed", "Jobs that failed", of(&c.failed)),
            ("jobs_acquired", "Jobs locked by acquisitions", of(&c.acquired)),
            (
                "jobs_claimed",
                "Jobs run at once by the node that wrote them",
                of(&c.claimed),
            ),
            (
                "jobs_rejected",
                "Jobs written here that this node had no room for",
                of(&c.rejected),
            ),
            (
                "jobs_missed",
                "Jobs that an acquisition wanted and another node got",
                of(&c.missed),
            ),
            ("job_acquisitions", "Acquisitions", of(&c.acquisitions)),
            ("job_looks", "Looks at what is due", of(&c.looks)),
            (
                "jobs_put_back",
                "Jobs given back because of the node's own trouble",
                of(&c.put_back),
            ),
            (
                "jobs_stale",
                "Jobs dropped before they ran because their lock was lost",
                of(&c.stale),
            ),
            ("job_locks_renewed", "Locks renewed", of(&c.renewed)),
        ]
    }

    /// What is so now, or was when the backlog was last sampled.
    pub fn measured(&self) -> [Number; 8] {
        let c = &self.counters;
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let status = self.status();
        [
            (
                "executor_active",
                "Whether the job executor acquires jobs",
                u64::from(status.active),
            ),
            ("jobs_limit", "Jobs that may run at once now", status.limit as u64),
            ("jobs_running", "Jobs that run", status.running as u64),
            ("jobs_queued", "Jobs that wait on this node", status.queued as u64),
            (
                "job_backoff_milliseconds",
                "Pause after acquisitions that got less than there was",
                of(&c.backoff_ms),
            ),
            (
                "shard_jobs_locked",
                "Jobs of the shard locked by any node, sampled",
                of(&c.locked),
            ),
            (
                "shard_jobs_due_unlocked",
                "Jobs of the shard that are due and not locked, sampled",
                of(&c.due_unlocked),
            ),
            (
                "shard_jobs_oldest_due_milliseconds",
                "How long the oldest of those has been due, sampled",
                of(&c.oldest_due_ms),
            ),
        ]
    }
}
