//! How much of one shard's work this router lets in at a time, so that a shard that is slow or gone costs its own keys alone.
//!
//! The limit follows what the shard shows, without being told its size: while answers take about as long as they usually do it
//! grows with what is asked; when they take much longer, requests wait somewhere behind, and it shrinks. Failures shrink it faster.
//! The bounds are wide on purpose: below [`EASY`] requests only failures count, since a few slow requests are no overload.
//! Source: the gradient algorithm of Netflix's concurrency-limits, with its smoothing.
use std::{
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Requests that may run before anybody asks how long they take.
pub const EASY: u32 = 256;
/// Requests that may run at a shard that fails.
pub const LEAST: u32 = 16;
/// Requests that may try their luck at a shard without a node that answers: whether one is back is the probe's to find out.
pub const HOPE: u32 = 8;
/// How much longer than usual answers may take.
const TOLERANCE: f64 = 3.0;
/// How often the limit is thought over.
const WINDOW: u64 = 100_000;
/// What one more try costs, in requests: so one in ten may be tried again.
const RETRY: i32 = 10;
/// Tries that may be saved up.
const SAVED: i32 = 20 * RETRY;

/// The limit, from what was seen in each window. Pure.
#[derive(Debug, Clone)]
pub struct Limiter {
    limit: f64,
    most: f64,
    usual: Option<f64>,
}

/// What was seen in a window.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Answers.
    pub answers: u32,
    /// Their mean time in microseconds.
    pub mean: f64,
    /// Requests without an answer.
    pub failures: u32,
    /// Most requests that ran at a time.
    pub running: u32,
}

impl Limiter {
    /// At most so many, ever.
    pub fn new(most: u32) -> Limiter {
        Limiter {
            limit: f64::from(most.min(4 * EASY)),
            most: f64::from(most.max(1)),
            usual: None,
        }
    }

    /// The limit after a window.
    pub fn after(&mut self, seen: Seen) -> u32 {
        let (least, easy) = (f64::from(LEAST).min(self.most), f64::from(EASY).min(self.most));
        if seen.failures > seen.answers {
            self.limit = (self.limit * 0.5).max(least);
            return self.limit as u32;
        }
        if seen.answers > 0 {
            let usual = self.usual.get_or_insert(seen.mean);
            // What is usual changes slowly, but for the better at once.
            *usual += (seen.mean - *usual) * if seen.mean < *usual { 0.2 } else { 0.001 };
            let gradient = (TOLERANCE * *usual / seen.mean.max(1.0)).clamp(0.5, 1.0);
            let wanted = match self.limit < easy {
                true => self.limit * 2.0,
                // Growing without being asked for more would only be a guess.
                false if gradient >= 1.0 && f64::from(seen.running) * 2.0 < self.limit => self.limit,
                false => self.limit * gradient + self.limit.sqrt(),
            };
            self.limit += 0.2 * (wanted - self.limit);
            self.limit = self.limit.clamp(least, self.most);
            if gradient < 1.0 && seen.failures == 0 {
                self.limit = self.limit.max(easy);
            }
        }
        self.limit as u32
    }
}

/// The gate of one shard; shared by all snapshots in which it occurs.
#[derive(Debug)]
pub struct Gate {
    running: AtomicU32,
    limit: AtomicU32,
    tries: AtomicI32,
    window_ends: AtomicU64,
    answers: AtomicU32,
    micros: AtomicU64,
    failures: AtomicU32,
    most_running: AtomicU32,
    limiter: Mutex<Limiter>,
}

/// Microseconds since the process began.
fn micros(at: Instant) -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    at.saturating_duration_since(*BEGAN).as_micros() as u64
}

impl Gate {
    /// At most so many requests at a time, ever.
    pub fn new(most: u32) -> Gate {
        let limiter = Limiter::new(most);
        Gate {
            running: AtomicU32::new(0),
            limit: AtomicU32::new(limiter.limit as u32),
            tries: AtomicI32::new(SAVED),
            window_ends: AtomicU64::new(0),
            answers: AtomicU32::new(0),
            micros: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            most_running: AtomicU32::new(0),
            limiter: Mutex::new(limiter),
        }
    }

    /// Lets one request in. `up`: whether the shard has a node that answers.
    ///
    /// # Errors
    /// Too many run: how many.
    pub fn enter(&self, up: bool, now: Instant) -> Result<Entered<'_>, u32> {
        let limit = if up {
            self.limit.load(Ordering::Relaxed)
        } else {
            HOPE
        };
        let running = self.running.fetch_add(1, Ordering::Relaxed);
        if running >= limit {
            self.running.fetch_sub(1, Ordering::Relaxed);
            self.most_running.fetch_max(running, Ordering::Relaxed);
            return Err(running);
        }
        if running > self.most_running.load(Ordering::Relaxed) {
            self.most_running.fetch_max(running, Ordering::Relaxed);
        }
        if self.tries.load(Ordering::Relaxed) < SAVED {
            self.tries.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Entered {
            gate: self,
            since: now,
        })
    }

    /// Whether a request may be sent once more to another node: a tenth of all may, and some in reserve, so that a shard in
    /// trouble doesn't get more requests than one that is well.
    pub fn may_retry(&self) -> bool {
        let take = |tries: i32| tries.checked_sub(RETRY).filter(|left| *left >= 0);
        self.tries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    /// A second has passed: one more try, however little is asked.
    pub fn second(&self) {
        let give = |tries: i32| Some((tries + RETRY).min(SAVED));
        let _ = self
            .tries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    /// From now on at most so many, ever.
    pub fn set_most(&self, most: u32) {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.most = f64::from(most.max(1));
        limiter.limit = limiter.limit.min(limiter.most);
        self.limit.store(limiter.limit as u32, Ordering::Relaxed);
    }

    /// The present limit.
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    fn note(&self, took: Option<Duration>, now: Instant) {
        match took {
            Some(took) => {
                self.answers.fetch_add(1, Ordering::Relaxed);
                self.micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
            }
            None => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (now, end) = (micros(now), self.window_ends.load(Ordering::Relaxed));
        let next = now + WINDOW;
        let ours = now >= end
            && self
                .window_ends
                .compare_exchange(end, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if ours {
            let answers = self.answers.swap(0, Ordering::Relaxed);
            let micros = self.micros.swap(0, Ordering::Relaxed);
            let seen = Seen {
                answers,
                mean: micros as f64 / f64::from(answers.max(1)),
                failures: self.failures.swap(0, Ordering::Relaxed),
                running: self.most_running.swap(0, Ordering::Relaxed),
            };
            let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
            self.limit.store(limiter.after(seen), Ordering::Relaxed);
        }
    }
}

/// A request under way. Dropped, it has left without telling how it went.
#[derive(Debug)]
pub struct Entered<'g> {
    gate: &'g Gate,
    since: Instant,
}

impl Entered<'_> {
    /// An answer came, or none did: when that was.
    pub fn left(self, answered: bool) -> Instant {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.since);
        self.gate.note(answered.then_some(took), now);
        now
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.gate.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shard that works on `cores` requests at a time, each for `work` µs: what a window with that limit shows.
    fn shard(limit: u32, asked: u32, cores: u32, work: f64) -> Seen {
        let running = limit.min(asked);
        Seen {
            answers: (100_000.0 / work * f64::from(cores.min(running))) as u32,
            mean: work * f64::from(running.max(cores)) / f64::from(cores),
            failures: 0,
            running,
        }
    }

    fn settles(limiter: &mut Limiter, mut limit: u32, windows: u32, seen: impl Fn(u32) -> Seen) -> u32 {
        for _ in 0..windows {
            limit = limiter.after(seen(limit));
        }
        limit
    }

    #[test]
    fn few_requests_are_never_limited_by_their_time() {
        let mut limiter = Limiter::new(4096);
        let fast = settles(&mut limiter, 1024, 100, |limit| shard(limit, 64, 8, 1_000.0));
        // The same clients ask for what takes a hundred times as long.
        let slow = settles(&mut limiter, fast, 300, |limit| shard(limit, 64, 8, 100_000.0));
        assert!(fast >= EASY && slow >= EASY, "{fast} {slow}");
    }

    #[test]
    fn the_limit_shrinks_where_requests_wait_and_grows_where_they_do_not() {
        let mut limiter = Limiter::new(4096);
        let calm = settles(&mut limiter, 1024, 50, |limit| shard(limit, 100, 64, 1_000.0));
        let flooded = settles(&mut limiter, calm, 100, |limit| shard(limit, 5_000, 64, 1_000.0));
        assert!(flooded < 512, "{flooded}");
        // A larger shard has no queue at the same number.
        let mut limiter = Limiter::new(4096);
        let large = settles(&mut limiter, 1024, 400, |limit| {
            shard(limit, 5_000, 5_000, 1_000.0)
        });
        assert_eq!(large, 4096);
    }

    #[test]
    fn failures_shrink_it_at_once_and_answers_bring_it_back() {
        let mut limiter = Limiter::new(4096);
        let failing = |_| Seen {
            failures: 50,
            ..Seen::default()
        };
        assert_eq!(settles(&mut limiter, 1024, 10, failing), LEAST);
        let back = settles(&mut limiter, LEAST, 40, |limit| {
            shard(limit, 1_000, 1_000, 1_000.0)
        });
        assert!(back >= EASY, "{back}");
    }

    #[test]
    fn what_is_over_the_limit_is_told_so_and_what_leaves_makes_room() {
        let gate = Gate::new(2);
        let now = Instant::now();
        let (first, _second) = (gate.enter(true, now).unwrap(), gate.enter(true, now).unwrap());
        assert_eq!(gate.enter(true, now).unwrap_err(), 2);
        first.left(true);
        let third = gate.enter(true, now);
        assert!(third.is_ok());
        let gone = Gate::new(1000);
        let hopeful: Vec<_> = (0..HOPE).map(|_| gone.enter(false, now).unwrap()).collect();
        assert!(gone.enter(false, now).is_err());
        drop(hopeful);
    }

    #[test]
    fn another_bound_holds_at_once() {
        let gate = Gate::new(1_000);
        gate.set_most(1);
        let now = Instant::now();
        let first = gate.enter(true, now);
        assert!(first.is_ok() && gate.enter(true, now).is_err());
        gate.set_most(1_000);
        assert_eq!(gate.limit(), 1);
        let mut limiter = gate.limiter.lock().unwrap();
        let grown = settles(&mut limiter, 1, 100, |limit| shard(limit, 1_000, 1_000, 1_000.0));
        assert!(grown > EASY, "{grown}");
    }

    #[test]
    fn one_request_in_ten_may_be_tried_again() {
        let gate = Gate::new(1000);
        let now = Instant::now();
        while gate.may_retry() {}
        let retried = (0..1_000)
            .filter(|_| gate.enter(true, now).is_ok() && gate.may_retry())
            .count();
        assert_eq!(retried, 100);
        gate.second();
        assert!(gate.may_retry() && !gate.may_retry());
    }
}
