//! The job executor of a node: takes due jobs, runs them beside each other, keeps their locks, and sleeps until the
//! next one falls due or somebody has news. `docs/job-executor.md` tells operators the rules.
//!
//! A job that a writer here has just written is written already locked to this node, and run right after that commit
//! ([`claim`]); everything else is acquired by a statement ([`acquire`]). Either way it is in [`Executor::take`]'s
//! queue, of which at most as many run as [`flow`] allows. Trouble of ours (database away, slot moved, node
//! overloaded) costs a job no try: its lock is given back.
mod acquire;
mod claim;
mod flow;
mod numbers;
mod run;
pub mod settings;
pub mod suspensions;
mod timers;
pub mod xml;

use super::{Engine, Inner, writer::now};
use crate::store::Subject;
use bpmn_core::{Id, Millis, instance::Job};
use flow::Flow;
use settings::{Given, JobSettings};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

pub use acquire::run;
pub use claim::Claims;
pub use run::nothing;

/// Given-back locks that one housekeeping may still owe the database.
const STRAYS_MAX: usize = 100_000;
/// Other nodes look at what is due that often at least, ms.
const OTHERS_LOOK: Millis = 60_000;

/// State of a node's executor.
#[derive(Debug)]
pub struct Executor {
    node: String,
    engine: Weak<Inner>,
    active: AtomicBool,
    draining: AtomicBool,
    settings: arc_swap::ArcSwap<JobSettings>,
    state: Mutex<State>,
    /// Locks of jobs that don't run here any more.
    strays: Mutex<Vec<Id>>,
    wake: Notify,
    /// There is something to tell other nodes.
    news: Notify,
    /// Something may be due that isn't taken.
    due: AtomicBool,
    /// The loop wants to be woken as soon as it could take that many.
    hungry: AtomicU64,
    /// More is due than this node can take: what is written here waits for its turn.
    backlog: AtomicBool,
    /// When the loop looks next, Unix ms.
    next_look: AtomicI64,
    /// The earliest due time that other nodes should hear of, Unix ms; `i64::MAX` is none.
    tell: AtomicI64,
    /// How far this node's clock is ahead of the database's, ms.
    clock_ahead: AtomicI64,
    /// Numbers for metrics.
    pub counters: Counters,
}

/// What the executor counts; gauges are as of their last change.
#[derive(Debug, Default)]
pub struct Counters {
    /// Jobs run.
    pub executed: AtomicU64,
    /// Of those, failed ones.
    pub failed: AtomicU64,
    /// Jobs locked by acquisitions.
    pub acquired: AtomicU64,
    /// Jobs run at once by the node that wrote them.
    pub claimed: AtomicU64,
    /// Jobs written here that this node had no room for.
    pub rejected: AtomicU64,
    /// Jobs that an acquisition wanted and another node got.
    pub missed: AtomicU64,
    /// Acquisitions, and looks at what is due.
    pub acquisitions: AtomicU64,
    pub looks: AtomicU64,
    /// Jobs given back because of our own trouble.
    pub put_back: AtomicU64,
    /// Jobs dropped before they ran because their lock was lost.
    pub stale: AtomicU64,
    /// Locks renewed.
    pub renewed: AtomicU64,
    /// Current pause after acquisitions that got less than there was, ms.
    pub backoff_ms: AtomicU64,
    /// As sampled: jobs of the shard that are due and not locked, and how long the oldest has been due, ms.
    pub due_unlocked: AtomicU64,
    pub oldest_due_ms: AtomicU64,
    /// As sampled: jobs of the shard locked by any node.
    pub locked: AtomicU64,
}

impl Counters {
    /// Raised by whatever an executor does with jobs.
    fn done(&self) -> u64 {
        let all = [&self.executed, &self.acquisitions, &self.claimed, &self.rejected];
        all.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// Whether nothing was due or locked at the last sample.
    fn resting(&self) -> bool {
        self.due_unlocked.load(Ordering::Relaxed) == 0 && self.locked.load(Ordering::Relaxed) == 0
    }
}

#[derive(Debug)]
struct State {
    /// Jobs locked by this node, whether written yet, queued or running.
    held: HashMap<Id, Held>,
    /// What runs next is last.
    queue: BTreeMap<Rank, Ready>,
    running: usize,
    flow: Flow,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    /// When the lock ends unless it is renewed.
    until: Instant,
    queued: bool,
}

/// Priority, then age, then id: the greatest runs first.
type Rank = (i64, Reverse<Millis>, Reverse<Id>);

/// A job that may run.
#[derive(Clone, Debug)]
struct Ready {
    id: Id,
    /// `None` for a timer start, which comes whole.
    instance: Option<Id>,
    start: Option<Box<Job>>,
    rank: Rank,
}

impl Ready {
    fn new(job: Job) -> Ready {
        Ready {
            id: job.id,
            instance: job.instance_id,
            rank: rank(&job),
            start: job.instance_id.is_none().then(|| Box::new(job)),
        }
    }
}

fn rank(job: &Job) -> Rank {
    (
        job.priority,
        Reverse(job.due.unwrap_or(job.created)),
        Reverse(job.id),
    )
}

/// What an operator sees of a node's executor.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub active: bool,
    pub settings: JobSettings,
    /// Jobs that may run at once now, jobs that run, and jobs that wait here.
    pub limit: usize,
    pub running: usize,
    pub queued: usize,
    pub backlog: bool,
}

impl Executor {
    pub(crate) fn new(engine: Weak<Inner>, node: &str, active: bool, settings: JobSettings) -> Arc<Executor> {
        Arc::new(Executor {
            node: node.to_owned(),
            engine,
            active: AtomicBool::new(active),
            draining: AtomicBool::new(false),
            state: Mutex::new(State {
                held: HashMap::new(),
                queue: BTreeMap::new(),
                running: 0,
                flow: Flow::new(settings.core_threads, settings.max_threads),
            }),
            settings: arc_swap::ArcSwap::from_pointee(settings),
            strays: Mutex::default(),
            wake: Notify::new(),
            news: Notify::new(),
            due: AtomicBool::new(true),
            hungry: AtomicU64::new(0),
            backlog: AtomicBool::new(false),
            next_look: AtomicI64::new(0),
            tell: AtomicI64::new(i64::MAX),
            clock_ahead: AtomicI64::new(0),
            counters: Counters::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The settings in force.
    pub fn settings(&self) -> JobSettings {
        **self.settings.load()
    }

    /// What an operator sees.
    pub fn status(&self) -> Status {
        let state = self.state();
        Status {
            active: self.active.load(Ordering::Relaxed),
            settings: self.settings(),
            limit: state.flow.limit(),
            running: state.running,
            queued: state.queue.len(),
            backlog: self.backlog.load(Ordering::Relaxed),
        }
    }

    fn takes(&self) -> bool {
        self.active.load(Ordering::Relaxed) && !self.draining.load(Ordering::Relaxed)
    }

    fn lock_time(&self) -> Duration {
        Duration::from_millis(self.settings.load().lock_time_in_millis)
    }

    /// Something was written here that is due and that nobody has taken.
    pub fn due_now(&self) {
        self.wake();
        if !self.takes() || self.backlog.load(Ordering::Relaxed) {
            self.tell_others(0);
        }
    }

    /// There may be a due job now.
    pub fn wake(&self) {
        self.due.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Something was written here that falls due at that time (Unix ms).
    fn due_at(&self, due: Millis) {
        if due <= now() {
            return self.due_now();
        }
        self.look_at(due);
        // Others look by themselves before a later time comes.
        if !self.takes() && due < now() + OTHERS_LOOK {
            self.tell_others(due);
        }
    }

    /// Timer starts were written here.
    pub fn armed(&self, jobs: &[Job]) {
        let first = jobs
            .iter()
            .filter(|job| job.retries > 0)
            .filter_map(|job| job.due);
        if let Some(due) = first.min() {
            self.due_at(due);
        }
    }

    /// Makes the loop look at that time, if it would have slept longer.
    fn look_at(&self, due: Millis) {
        if due < self.next_look.fetch_min(due, Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Another node has told of something due at that time.
    fn heard(&self, due: Millis) {
        match due <= now() {
            true => self.wake(),
            false => self.look_at(due),
        }
    }

    /// Other nodes should hear that something is due at that time.
    fn tell_others(&self, due: Millis) {
        if due < self.tell.fetch_min(due, Ordering::Relaxed) {
            self.news.notify_one();
        }
    }

    /// Queues jobs that this node has locked, and starts as many as may run.
    fn take(&self, jobs: impl IntoIterator<Item = Ready>, until: Instant) {
        let mut state = self.state();
        for job in jobs {
            let here = state.held.insert(job.id, Held { until, queued: true });
            // One that is queued or runs already had its lock lost and taken again by us.
            match here {
                Some(held) if held.queued || state.queue.contains_key(&job.rank) => {}
                _ => drop(state.queue.insert(job.rank, job)),
            }
        }
        self.start(&mut state);
    }

    /// Starts what may run.
    fn start(&self, state: &mut State) {
        let Some(engine) = self.engine.upgrade() else {
            return;
        };
        let now = Instant::now();
        while state.running < state.flow.limit() {
            let Some((_, job)) = state.queue.pop_last() else {
                return;
            };
            match state.held.get_mut(&job.id) {
                Some(held) if held.until > now => held.queued = false,
                // Its lock has ended: it is somebody else's by now, or will be.
                _ => {
                    state.held.remove(&job.id);
                    self.counters.stale.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            }
            state.running += 1;
            let inner = engine.clone();
            tokio::spawn(async move { Engine { inner }.run_ready(job).await });
        }
    }

    /// A job has ended after that time, or its lock is to be given back.
    fn ended(&self, job: Id, took: Duration, stray: bool) {
        let settings = self.settings.load();
        let mut state = self.state();
        state.held.remove(&job);
        state.running -= 1;
        let full = !state.queue.is_empty() || self.backlog.load(Ordering::Relaxed);
        state
            .flow
            .ended(took, full, settings.core_threads, settings.max_threads);
        self.start(&mut state);
        let room = self.room(&state, &settings);
        drop(state);
        if stray {
            self.stray([job]);
        }
        let hungry = self.hungry.load(Ordering::Relaxed);
        if hungry > 0 && room as u64 >= hungry {
            self.hungry.store(0, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// How many more an acquisition may take: one round beside the one that runs.
    fn room(&self, state: &State, settings: &JobSettings) -> usize {
        let limit = state.flow.limit();
        let most = limit + settings.queue_length.min(limit);
        most.saturating_sub(state.held.len())
    }

    /// Locks of jobs that won't run here: given back by the next housekeeping.
    fn stray(&self, jobs: impl IntoIterator<Item = Id>) {
        let mut strays = self.strays.lock().unwrap_or_else(|e| e.into_inner());
        strays.extend(jobs);
        strays.truncate(STRAYS_MAX);
    }

    /// Jobs that wait here, taken out of the queue.
    fn drop_queue(&self) -> Vec<Id> {
        let mut state = self.state();
        let jobs: Vec<Id> = std::mem::take(&mut state.queue)
            .into_values()
            .map(|job| job.id)
            .collect();
        for id in &jobs {
            state.held.remove(id);
        }
        jobs
    }
}

impl Engine {
    /// Switches the executor on or off. Off: running jobs end, queued ones are given back to other nodes.
    ///
    /// # Errors
    /// The locks could not be given back; they end by themselves.
    pub async fn set_executor_active(&self, active: bool) -> Result<(), super::EngineError> {
        let executor = &self.inner.executor;
        executor.active.store(active, Ordering::Relaxed);
        executor.due_now();
        self.news().heard(Subject::Batches);
        if !active {
            let queued = executor.drop_queue();
            self.inner.store.release_jobs(&executor.node, &queued).await?;
            executor.tell_others(0);
        }
        Ok(())
    }

    /// Changes the executor's settings while it runs; gives those in force.
    pub fn set_job_settings(&self, given: Given) -> JobSettings {
        let executor = &self.inner.executor;
        let settings = given.over(executor.settings());
        executor.settings.store(Arc::new(settings));
        executor
            .state()
            .flow
            .bound(settings.core_threads, settings.max_threads);
        executor.due_now();
        settings
    }

    /// Whether the executor acquires jobs.
    pub fn executor_active(&self) -> bool {
        self.inner.executor.active.load(Ordering::Relaxed)
    }
}
