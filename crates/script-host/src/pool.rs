//! Warm workers of one kind, each for one call at a time.
use crate::{
    protocol::{Answer, Call},
    worker::{Program, Worker},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// What a worker gets on top of a script's time to say itself that it was too long.
const GRACE: Duration = Duration::from_millis(250);

/// Bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a script may run.
    pub time: Duration,
    /// Workers, and so scripts that run at once.
    pub workers: usize,
    /// Calls that may wait for a worker; further ones are refused.
    pub queue: usize,
    /// How long a call waits for a worker.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            time: Duration::from_secs(5),
            workers: 4,
            queue: 1000,
            patience: Duration::from_secs(30),
        }
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It ran longer than it may; its worker was killed.
    #[error("the script ran longer than {} ms and was stopped", .0.as_millis())]
    Overdue(Duration),
    /// The worker ended, or said what can't be read.
    #[error("the script's process ended: {0}")]
    Ended(String),
    /// No worker can be started.
    #[error("no process for scripts can be started: {0}")]
    NoWorker(String),
    /// Too many wait already, or waiting took too long: nothing was run.
    #[error("too many scripts wait for their turn")]
    Busy,
}

/// Warm workers; a clone shares them.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    program: Program,
    limits: Limits,
    turns: Semaphore,
    waiting: AtomicUsize,
    calls: AtomicU64,
    idle: Mutex<Vec<Worker>>,
}

/// One of those that wait; counted until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool whose workers are started when they are needed, and then kept.
    pub fn new(program: Program, limits: Limits) -> Pool {
        Pool(Arc::new(Inner {
            program,
            limits,
            turns: Semaphore::new(limits.workers.max(1)),
            waiting: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            idle: Mutex::default(),
        }))
    }

    /// Runs a script; its id and time are set here.
    ///
    /// # Errors
    /// There is no answer. The script may have run.
    pub async fn call(&self, mut call: Call) -> Result<Answer, Failure> {
        let inner = &*self.0;
        let _turn = {
            let waiting = Waiting(&inner.waiting);
            if inner.waiting.fetch_add(1, Ordering::Relaxed) >= inner.limits.queue + inner.limits.workers {
                return Err(Failure::Busy);
            }
            let turn = tokio::time::timeout(inner.limits.patience, inner.turns.acquire()).await;
            drop(waiting);
            turn.ok().and_then(Result::ok).ok_or(Failure::Busy)?
        };
        call.id = inner.calls.fetch_add(1, Ordering::Relaxed);
        call.time_ms = inner.limits.time.as_millis() as u64;
        let warm = inner.idle.lock().ok().and_then(|mut idle| idle.pop());
        if let Some(worker) = warm {
            match self.on(worker, &call).await {
                // It may have been dead before, and scripts do nothing outside their answer: once more.
                Err(Failure::Ended(_)) => {}
                other => return other,
            }
        }
        let worker = Worker::start(&inner.program).await.map_err(Failure::NoWorker)?;
        self.on(worker, &call).await
    }

    /// Runs a script on a worker, which is kept if it answers and else killed.
    async fn on(&self, mut worker: Worker, call: &Call) -> Result<Answer, Failure> {
        let Inner { limits, idle, .. } = &*self.0;
        match tokio::time::timeout(limits.time + GRACE, worker.call(call)).await {
            Ok(Ok(answer)) => {
                if let Ok(mut idle) = idle.lock() {
                    idle.push(worker);
                }
                Ok(answer)
            }
            Ok(Err(error)) => Err(Failure::Ended(error.to_string())),
            Err(_) => Err(Failure::Overdue(limits.time)),
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("program", &self.0.program).finish()
    }
}
