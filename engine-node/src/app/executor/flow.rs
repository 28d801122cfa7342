//! How many jobs run at once: more while that makes none slower, fewer when it does.
use std::time::Duration;

/// A job that takes no longer than this is never too slow.
const QUICK: Duration = Duration::from_millis(20);
/// How many times the quickest a job may take before there are too many at once.
const SLOWER: u64 = 4;

/// Jobs from one probe to the next.
const PROBE_EVERY: u32 = 50_000;

/// A limit between `core` and `max`.
#[derive(Debug)]
pub struct Flow {
    limit: usize,
    /// The quickest that a job was since the last probe, µs.
    quickest: u64,
    /// Jobs until the limit is lowered for a moment, to learn how quick they are now when few run at once.
    until_probe: u32,
    /// Jobs until the limit may fall again: what was begun under the old limit says nothing of the new one.
    settle: usize,
}

impl Flow {
    /// Begins at a moderate number, for nothing is known yet.
    pub fn new(core: usize, max: usize) -> Flow {
        Flow {
            limit: (core * 8).min(max).max(1),
            quickest: u64::MAX,
            until_probe: PROBE_EVERY,
            settle: 0,
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

    /// A job took that long; `full` if the limit kept others waiting meanwhile.
    pub fn ended(&mut self, took: Duration, full: bool, core: usize, max: usize) {
        self.settle = self.settle.saturating_sub(1);
        self.until_probe -= 1;
        if self.until_probe == 0 {
            self.until_probe = PROBE_EVERY;
            self.quickest = u64::MAX;
            self.settle = self.limit;
            self.limit = core.min(max);
            return;
        }
        if self.settle == 0 {
            self.quickest = self.quickest.min(took.as_micros() as u64).max(1);
        }
        let slow = QUICK.max(Duration::from_micros(self.quickest.saturating_mul(SLOWER)));
        if took > slow {
            if self.settle == 0 {
                self.limit -= self.limit / 8;
                self.settle = self.limit;
            }
        } else if full && self.settle == 0 {
            self.limit += 1;
        }
        self.bound(core, max);
    }

    /// The node could take no more: half as many.
    pub fn refused(&mut self, core: usize, max: usize) {
        if self.settle == 0 {
            self.limit /= 2;
            self.settle = self.limit;
        }
        self.bound(core, max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_10_more_run_at_once_while_that_makes_none_slower() {
        let mut flow = Flow::new(3, 1_024);
        assert_eq!(flow.limit(), 24);
        // Nobody waits: no reason to change.
        flow.ended(Duration::from_millis(2), false, 3, 1_024);
        assert_eq!(flow.limit(), 24);
        // A machine that does 100 jobs in each ms: what is too many at once only waits longer.
        for _ in 0..190_000 {
            let took = Duration::from_micros(2_000 + flow.limit() as u64 * 40);
            flow.ended(took, true, 3, 1_024);
        }
        assert!((350..=520).contains(&flow.limit()), "{}", flow.limit());
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
        assert_eq!(flow.limit(), 40);
    }
}
