//! How often a host is called: evenly, so that a cluster that comes back or grows is no attack on the services behind it.
//!
//! A rate is that of the whole cluster. Nodes don't ask each other: each takes the part that falls to it where all nodes of all
//! shards are equal, and learns from the topology how many there are.
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How many nodes share what the whole cluster may do. Clones are the same.
#[derive(Clone, Debug)]
pub struct Sharers(Arc<AtomicU32>);

impl Default for Sharers {
    /// A node alone.
    fn default() -> Sharers {
        Sharers(Arc::new(AtomicU32::new(1)))
    }
}

impl Sharers {
    /// So many nodes there are now; this one is always among them.
    pub fn set(&self, nodes: usize) {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        self.0.store(nodes.max(1), Ordering::Relaxed);
    }

    /// The time between two calls of this node, where `interval` is that between two calls of the cluster.
    pub fn part(&self, interval: Duration) -> Duration {
        interval.saturating_mul(self.0.load(Ordering::Relaxed))
    }
}

/// When a host may be called next.
#[derive(Debug)]
pub struct Pace(Mutex<Instant>);

impl Pace {
    /// From now on.
    pub fn new(now: Instant) -> Pace {
        Pace(Mutex::new(now))
    }

    /// Takes the next turn, `every` after the one before; gives its time, or `None` (and takes none) if that lies after
    /// `until`: who won't wait so long must not hold up others.
    pub fn turn(&self, every: Duration, now: Instant, until: Instant) -> Option<Instant> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(now);
        if at > until {
            return None;
        }
        *next = at + every;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_34_calls_of_a_host_are_spaced_by_this_nodes_part_of_the_rate() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let sharers = Sharers::default();
        let pace = Pace::new(start);
        let until = start + 10 * second;
        let turn = |now| pace.turn(sharers.part(second), now, until).map(|at| at - start);
        assert_eq!(turn(start), Some(Duration::ZERO));
        assert_eq!(turn(start), Some(second));
        sharers.set(4);
        assert_eq!(turn(start), Some(2 * second));
        assert_eq!(turn(start), Some(6 * second));
        assert_eq!(turn(start), Some(10 * second));
        // Nobody waits beyond his time, and who doesn't wait takes nobody's turn.
        assert_eq!(turn(start), None);
        assert_eq!(turn(start), None);
        // After a pause at once, without turns saved up.
        sharers.set(0);
        let later = start + 60 * second;
        assert_eq!(pace.turn(second, later, later), Some(later));
        assert_eq!(pace.turn(second, later, later + second), Some(later + second));
    }
}
