//! The loop that acquires due jobs while there is room, and what goes on beside it: renewing locks, giving back what
//! won't run, telling other nodes, sampling the backlog.
use super::{Executor, Ready};
use crate::{
    app::{Engine, writer::now},
    store::JobOutlook,
};
use bpmn_core::{Id, Millis};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// One in that many jobs is taken by age whatever its priority, so that low ones don't starve (S3-16, S3-32).
const BY_AGE: u32 = 4;
/// First and longest pause after an acquisition that got nothing though something was due: another node has it, or
/// an exclusive sibling.
const BACKOFF: (u64, u64) = (10, 500);
/// Pause between two announcements to other nodes.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// Pause of the housekeeping.
const TIDY_EVERY: Duration = Duration::from_secs(1);
/// The backlog is sampled at every so many-th housekeeping while there is work.
const SAMPLE_EVERY: u32 = 10;
/// Locks renewed by one statement.
const RENEWED: usize = 1_000;

/// Runs the executor until `drain`; then gives back what waits and lets running jobs end.
pub async fn run(engine: Engine, drain: CancellationToken) {
    let executor = &engine.inner.executor;
    match engine.inner.store.release_owner(&executor.node).await {
        Ok(0) => {}
        Ok(jobs) => tracing::info!(jobs, "jobs that this node held when it ended are free again"),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "locks of an earlier life not given back"
        ),
    }
    let beside = [
        tokio::spawn(tidy(engine.clone())),
        tokio::spawn(renew(engine.clone())),
        tokio::spawn(tell(engine.clone())),
    ];
    let mut acquisition = Acquisition::default();
    while !drain.is_cancelled() {
        let pause = acquisition.turn(&engine).await;
        if !pause.is_zero() {
            tokio::select! {
                () = drain.cancelled() => {}
                () = executor.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
    executor.draining.store(true, Ordering::Relaxed);
    let queued = executor.drop_queue();
    if let Err(error) = engine.inner.store.release_jobs(&executor.node, &queued).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "locks stay until they expire"
        );
    }
    executor.tell_others(0);
    // Nothing runs any more; the caller bounds this by the drain timeout.
    while executor.status().running > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    give_back(&engine).await;
    beside.iter().for_each(|task| task.abort());
}

/// What the loop remembers from turn to turn.
#[derive(Debug, Default)]
struct Acquisition {
    backoff_ms: u64,
    /// The last acquisition got nothing.
    fruitless: bool,
    /// Jobs since the last that was taken by age.
    credit: u32,
}

impl Acquisition {
    /// Looks or acquires once, and tells how long to sleep unless woken.
    async fn turn(&mut self, engine: &Engine) -> Duration {
        let executor = &engine.inner.executor;
        let longest = Duration::from_millis(executor.settings().wait_time_in_millis);
        if !executor.takes() {
            executor.backlog.store(false, Ordering::Relaxed);
            executor.next_look.store(i64::MAX, Ordering::Relaxed);
            return longest;
        }
        let backlog = executor.backlog.load(Ordering::Relaxed);
        let Some(wanted) = executor.wanted() else {
            return longest;
        };
        if !backlog && !executor.due.swap(false, Ordering::Relaxed) {
            let Some(outlook) = look(engine).await else {
                return longest.min(Duration::from_secs(1));
            };
            let sleep = sleep_until_due(executor, &outlook, longest);
            if sleep.is_zero() && self.fruitless {
                // Due, and not to be had: an exclusive sibling's node has to end first.
                return self.back_off(executor);
            }
            if !sleep.is_zero() {
                self.rested(executor);
            }
            return sleep;
        }
        executor.due.store(false, Ordering::Relaxed);
        self.acquire(engine, wanted).await
    }

    async fn acquire(&mut self, engine: &Engine, wanted: u32) -> Duration {
        let (executor, settings) = (&engine.inner.executor, engine.inner.executor.settings());
        let counters = &executor.counters;
        self.credit += wanted;
        let by_age = (self.credit / BY_AGE).min(wanted);
        self.credit %= BY_AGE;
        counters.acquisitions.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + executor.lock_time();
        let lock_ms = settings.lock_time_in_millis as i64;
        let acquired = engine
            .inner
            .store
            .acquire_jobs(&executor.node, wanted, by_age, lock_ms);
        let acquired = match acquired.await {
            Ok(acquired) => acquired,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no jobs acquired");
                executor.due.store(true, Ordering::Relaxed);
                return self.back_off(executor);
            }
        };
        let (taken, missed) = (acquired.jobs.len() as u32, acquired.missed);
        counters.acquired.fetch_add(taken.into(), Ordering::Relaxed);
        counters.missed.fetch_add(missed.into(), Ordering::Relaxed);
        executor.take(acquired.jobs.into_iter().map(|j| Ready::new(j.job)), until);
        executor
            .backlog
            .store(taken + missed >= wanted, Ordering::Relaxed);
        self.fruitless = taken == 0;
        if taken > 0 && missed <= taken {
            self.rested(executor);
        } else if missed > 0 {
            return self.back_off(executor);
        }
        Duration::ZERO
    }

    fn rested(&mut self, executor: &Executor) {
        self.fruitless = false;
        self.backoff_ms = 0;
        executor.counters.backoff_ms.store(0, Ordering::Relaxed);
    }

    /// A pause that doubles, with jitter, so that nodes that met don't meet again.
    fn back_off(&mut self, executor: &Executor) -> Duration {
        self.backoff_ms = (self.backoff_ms * 2).clamp(BACKOFF.0, BACKOFF.1);
        executor
            .counters
            .backoff_ms
            .store(self.backoff_ms, Ordering::Relaxed);
        Duration::from_millis(self.backoff_ms / 2 + rand::random_range(0..=self.backoff_ms))
    }
}

impl Executor {
    /// How many an acquisition should take now; `None` if it isn't worth it before more have ended.
    fn wanted(&self) -> Option<u32> {
        let settings = self.settings.load();
        let state = self.state();
        let room = self.room(&state, &settings);
        let most = (settings.max_jobs_per_acquisition as usize).min(state.flow.limit());
        let least = if state.held.is_empty() {
            1
        } else {
            most.div_ceil(2)
        };
        if room >= least.max(1) {
            return Some(room.min(settings.max_jobs_per_acquisition as usize) as u32);
        }
        self.hungry.store(least.max(1) as u64, Ordering::Relaxed);
        None
    }
}

/// One cheap look at what is due; frees locks that have ended.
async fn look(engine: &Engine) -> Option<JobOutlook> {
    let executor = &engine.inner.executor;
    executor.counters.looks.fetch_add(1, Ordering::Relaxed);
    // From here on news of an earlier time wake the loop.
    executor.next_look.store(i64::MAX, Ordering::Relaxed);
    match engine.inner.store.job_outlook().await {
        Ok(outlook) => {
            executor.clock_ahead.store(now() - outlook.now, Ordering::Relaxed);
            if outlook.lock_ends.is_some_and(|ends| ends <= outlook.now) {
                free_expired(engine).await;
            }
            Some(outlook)
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "no look at due jobs");
            None
        }
    }
}

async fn free_expired(engine: &Engine) {
    match engine.inner.store.free_expired_jobs().await {
        Ok(0) => {}
        Ok(jobs) => {
            tracing::warn!(jobs, "locks had ended; the jobs are free again");
            engine.inner.executor.due.store(true, Ordering::Relaxed);
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "ended locks not freed");
        }
    }
}

/// How long nothing can be due; says that the loop should acquire if something is.
fn sleep_until_due(executor: &Executor, outlook: &JobOutlook, longest: Duration) -> Duration {
    let wait = until_due(outlook, longest.as_millis() as i64);
    // What has been written since the look has lowered it, and has woken the loop.
    executor.next_look.fetch_min(now() + wait, Ordering::Relaxed);
    if outlook.ready.is_some_and(|ready| ready <= outlook.now) {
        executor.due.store(true, Ordering::Relaxed);
    }
    match executor.due.load(Ordering::Relaxed) {
        true => Duration::ZERO,
        // A moment at least: locks that have ended may be others' to free.
        false => Duration::from_millis(wait.max(10) as u64),
    }
}

/// Ms until something can be acquired, at most `longest`.
fn until_due(outlook: &JobOutlook, longest: Millis) -> Millis {
    let first = [outlook.ready, outlook.lock_ends].into_iter().flatten().min();
    first.map_or(longest, |first| (first - outlook.now).clamp(0, longest))
}

/// Keeps the locks of jobs that are here from ending while this node lives.
async fn renew(engine: Engine) {
    let executor = &engine.inner.executor;
    loop {
        let lock = executor.lock_time();
        tokio::time::sleep(lock / 4).await;
        let old: Vec<Id> = {
            let state = executor.state();
            let limit = Instant::now() + lock * 2 / 3;
            let old = state.held.iter().filter(|(_, held)| held.until < limit);
            old.map(|(id, _)| *id).collect()
        };
        for part in old.chunks(RENEWED) {
            let until = Instant::now() + lock;
            let lock_ms = lock.as_millis() as i64;
            match engine.inner.store.renew_jobs(&executor.node, part, lock_ms).await {
                Ok(renewed) => {
                    executor
                        .counters
                        .renewed
                        .fetch_add(renewed.len() as u64, Ordering::Relaxed);
                    executor.renewed(part, &renewed, until);
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    jobs = part.len(),
                    "locks not renewed"
                ),
            }
        }
    }
}

impl Executor {
    /// Notes new ends of locks; a queued job whose lock is lost never runs here.
    fn renewed(&self, asked: &[Id], renewed: &[Id], until: Instant) {
        let mut state = self.state();
        for id in renewed {
            if let Some(held) = state.held.get_mut(id) {
                held.until = until;
            }
        }
        let lost = asked.iter().filter(|id| !renewed.contains(id));
        let now = Instant::now();
        for id in lost {
            if let Some(held) = state.held.get_mut(id).filter(|held| held.queued) {
                held.until = now;
            }
        }
    }
}

/// Gives back locks of jobs that don't run here; samples the backlog.
async fn tidy(engine: Engine) {
    let executor = &engine.inner.executor;
    let idle =
        (engine.settings().idle_look.as_secs() / TIDY_EVERY.as_secs()).clamp(1, u32::MAX.into()) as u32;
    let (mut round, mut seen) = (SAMPLE_EVERY, 0);
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        give_back(&engine).await;
        round += 1;
        let counters = &executor.counters;
        // Nothing done, due or locked since: the sample is as it was, but for what nobody here has heard of.
        let done = counters.done();
        let still = done == seen && counters.resting();
        let every = if still {
            idle.max(SAMPLE_EVERY)
        } else {
            SAMPLE_EVERY
        };
        if round >= every
            && let Ok(load) = engine.inner.store.job_load().await
        {
            (round, seen) = (0, done);
            counters.due_unlocked.store(load.due_unlocked, Ordering::Relaxed);
            counters
                .oldest_due_ms
                .store(load.oldest_due_ms.unwrap_or(0) as u64, Ordering::Relaxed);
            let locked = load.owners.iter().map(|o| o.locked).sum();
            counters.locked.store(locked, Ordering::Relaxed);
        }
    }
}

async fn give_back(engine: &Engine) {
    let executor = &engine.inner.executor;
    let strays = std::mem::take(&mut *executor.strays.lock().unwrap_or_else(|e| e.into_inner()));
    if strays.is_empty() {
        return;
    }
    match engine.inner.store.release_jobs(&executor.node, &strays).await {
        Ok(()) => executor.due_now(),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                jobs = strays.len(),
                "locks not given back yet"
            );
            executor.stray(strays);
        }
    }
}

/// Tells other nodes of jobs that this one can't take, not more often than they could make use of.
async fn tell(engine: Engine) {
    let executor = &engine.inner.executor;
    loop {
        executor.news.notified().await;
        let due = executor.tell.swap(i64::MAX, Ordering::Relaxed);
        if due < i64::MAX {
            let line = format!("jobs {due} {}", executor.node);
            if let Err(error) = engine.inner.store.announce(&line).await {
                tracing::debug!(error = %error, "other nodes were not told");
            }
            tokio::time::sleep(TELL_EVERY).await;
        }
    }
}

impl Executor {
    /// A line that another node has announced.
    pub fn told(&self, line: &str) {
        let mut words = line.splitn(3, ' ');
        if let (Some("jobs"), Some(due), Some(node)) = (words.next(), words.next(), words.next())
            && node != self.node
        {
            self.heard(due.parse().unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_sleeps_until_the_next_job_or_lock() {
        let outlook = |ready, lock_ends| JobOutlook {
            now: 1_000,
            ready,
            lock_ends,
        };
        for (ready, lock_ends, sleeps) in [
            (None, None, 5_000),
            (Some(1_500), None, 500),
            (Some(900), Some(2_000), 0),
            (Some(90_000), Some(2_000), 1_000),
            (Some(90_000), Some(80_000), 5_000),
        ] {
            assert_eq!(until_due(&outlook(ready, lock_ends), 5_000), sleeps);
        }
    }
}
