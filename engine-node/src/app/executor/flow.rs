//! How many jobs run at once: more while that makes none slower, fewer when it does.
use std::time::Duration;

/// Jobs that take no longer than this are never too slow.
const QUICK: u64 = 30_000;
/// How many times the quickest jobs may take before there are too many at once.
const SLOWER: u64 = 4;
/// Jobs whose mean is judged, at most.
const ROUND: u32 = 32;
/// Jobs from one probe to the next.
const PROBE_EVERY: u32 = 50_000;

/// A limit between `core` and `max`. Times in µs.
#[derive(Debug)]
pub struct Flow {
    limit: usize,
    /// The least mean of a round since the last probe.
    quickest: u64,
    /// Jobs until the limit is lowered for a moment, to learn how quick they are now when few run at once.
    until_probe: u32,
    /// Jobs that were begun under an earlier limit, and say nothing of this one.
    settle: usize,
    round: Round,
}

#[derive(Debug, Default)]
struct Round {
    jobs: u32,
    /// Of those, how many ended while others waited.
    full: u32,
    took: u64,
}

impl Flow {
    /// Begins at a moderate number, for nothing is known yet.
    pub fn new(core: usize, max: usize) -> Flow {
        Flow {
            limit: (core * 16).min(max).max(1),
            quickest: u64::MAX,
            until_probe: PROBE_EVERY,
            settle: 0,
            round: Round::default(),
        }
    }

    /// Jobs that may run at once.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Keeps the limit within new bounds.
    pub fn bound(&mut self, core: usize, max: usize) {
        self.limit = self.limit.clamp(core.min(max), max);
    }

    fn set(&mut self, limit: usize, core: usize, max: usize) {
        self.settle = self.limit;
        self.round = Round::default();
        self.limit = limit;
        self.bound(core, max);
    }

    /// A job took that long; `full` if the limit kept others waiting meanwhile.
    pub fn ended(&mut self, took: Duration, full: bool, core: usize, max: usize) {
        self.until_probe -= 1;
        if self.until_probe == 0 {
            self.until_probe = PROBE_EVERY;
            self.quickest = u64::MAX;
            return self.set(core, core, max);
        }
        if self.settle > 0 {
            self.settle -= 1;
            return;
        }
        self.round.jobs += 1;
        self.round.full += u32::from(full);
        self.round.took += took.as_micros() as u64;
        if (self.round.jobs as usize) < self.limit.min(ROUND as usize) {
            return;
        }
        let mean = self.round.took / u64::from(self.round.jobs);
        self.quickest = self.quickest.min(mean.max(1));
        let slow = QUICK.max(self.quickest.saturating_mul(SLOWER));
        let waited = self.round.full * 2 >= self.round.jobs;
        match self.limit {
            limit if mean > slow => self.set(limit - limit / 4, core, max),
            limit if mean < slow - slow / 4 && waited => self.set(limit + limit.div_ceil(2), core, max),
            _ => self.round = Round::default(),
        }
    }

    /// The node could take no more: half as many.
    pub fn refused(&mut self, core: usize, max: usize) {
        if self.settle == 0 {
            self.set(self.limit / 2, core, max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_10_more_run_at_once_while_that_makes_none_slower() {
        let mut flow = Flow::new(3, 1_024);
        assert_eq!(flow.limit(), 48);
        // Nobody waits: no reason to change.
        flow.ended(Duration::from_millis(2), false, 3, 1_024);
        assert_eq!(flow.limit(), 48);
        // A machine that does 100 jobs in each ms: what is too many at once only waits longer.
        for _ in 0..190_000 {
            let took = Duration::from_micros(2_000 + flow.limit() as u64 * 40);
            flow.ended(took, true, 3, 1_024);
        }
        assert!((400..=800).contains(&flow.limit()), "{}", flow.limit());
        // A machine that blocks: only what the rule says.
        for _ in 0..190_000 {
            let took = Duration::from_millis(100 * flow.limit() as u64);
            flow.ended(took, true, 3, 1_024);
        }
        assert!((3..40).contains(&flow.limit()), "{}", flow.limit());
        flow.bound(50, 60);
        assert_eq!(flow.limit(), 50);
    }

    #[test]
    fn a_node_that_refuses_gets_half_as_many_once() {
        let mut flow = Flow::new(10, 1_024);
        flow.refused(10, 1_024);
        flow.refused(10, 1_024);
        assert_eq!(flow.limit(), 80);
    }
}
