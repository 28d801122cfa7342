//! The job executor: one loop per node that acquires due jobs while there is room, runs them, renews their locks,
//! and sleeps until the next one falls due or somebody wakes it.
//!
//! Trouble of ours (database away, slot moved, node overloaded) costs a job no try: its lock is given back.
use super::{
    Caller, Engine, EngineError,
    commands::{Render, Start},
    writer::{Task, now},
};
use crate::store::Entity;
use bpmn_core::{
    Id,
    command::{Command, Rejection},
    instance::{Incident, Job, JobKind},
    timer,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

/// State of a node's executor.
#[derive(Debug)]
pub struct Executor {
    active: AtomicBool,
    wake: Notify,
    /// Jobs locked by this node, so that their locks are renewed.
    held: Mutex<BTreeSet<Id>>,
    /// Jobs run since the start, for metrics.
    pub executed: AtomicU64,
    /// Of those, failed ones.
    pub failed: AtomicU64,
}

impl Executor {
    /// An executor that is on or off from the start.
    pub fn new(active: bool) -> Executor {
        Executor {
            active: AtomicBool::new(active),
            wake: Notify::new(),
            held: Mutex::default(),
            executed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// There may be a due job now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    fn hold(&self, job: Id) {
        self.held.lock().unwrap_or_else(|e| e.into_inner()).insert(job);
    }

    fn let_go(&self, job: Id) {
        self.held.lock().unwrap_or_else(|e| e.into_inner()).remove(&job);
    }

    fn held(&self) -> Vec<Id> {
        self.held
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .iter()
            .copied()
            .collect()
    }
}

/// Runs the executor until `drain`; then lets running jobs end.
pub async fn run(engine: Engine, drain: CancellationToken) {
    let settings = &engine.inner.settings;
    let room = Arc::new(Semaphore::new(settings.executor_threads));
    let renewal = tokio::spawn(renew(engine.clone()));
    while !drain.is_cancelled() {
        let executor = &engine.inner.executor;
        let free = room.available_permits();
        let mut acquired = 0;
        if executor.active.load(Ordering::Relaxed) && free > 0 {
            let max = settings.jobs_per_acquisition.min(free as u32);
            match engine
                .inner
                .store
                .acquire_jobs(&settings.node, max, settings.job_lock_ms)
                .await
            {
                Ok(jobs) => {
                    acquired = jobs.len();
                    for job in jobs {
                        executor.hold(job.job.id);
                        let (engine, room) = (engine.clone(), room.clone());
                        tokio::spawn(async move {
                            let permit = room.acquire().await;
                            let id = job.job.id;
                            engine.run_acquired(job.job).await;
                            engine.inner.executor.let_go(id);
                            drop(permit);
                            engine.inner.executor.wake();
                        });
                    }
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no jobs acquired"),
            }
        }
        if acquired == 0 {
            let pause = engine.pause(free).await;
            tokio::select! {
                () = drain.cancelled() => {}
                () = executor.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        } else {
            // Let the jobs just spawned take their permits before counting free ones again.
            tokio::task::yield_now().await;
        }
    }
    // Every permit back means that nothing runs any more; the caller bounds this by the drain timeout.
    let _ = room.acquire_many(settings.executor_threads as u32).await;
    renewal.abort();
}

/// Keeps the locks of jobs that run here from expiring while this node lives.
async fn renew(engine: Engine) {
    let settings = &engine.inner.settings;
    let mut tick = tokio::time::interval(Duration::from_millis((settings.job_lock_ms as u64 / 3).max(200)));
    loop {
        tick.tick().await;
        let held = engine.inner.executor.held();
        if held.is_empty() {
            continue;
        }
        if let Err(error) = engine
            .inner
            .store
            .renew_jobs(&settings.node, &held, settings.job_lock_ms)
            .await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                jobs = held.len(),
                "locks not renewed"
            );
        }
    }
}

impl Engine {
    /// Switches the executor on or off; running jobs end either way.
    pub fn set_executor_active(&self, active: bool) {
        self.inner.executor.active.store(active, Ordering::Relaxed);
        self.inner.executor.wake();
    }

    /// Whether the executor acquires jobs.
    pub fn executor_active(&self) -> bool {
        self.inner.executor.active.load(Ordering::Relaxed)
    }

    /// How long to sleep: to the next due job, at most the wait setting.
    async fn pause(&self, free: usize) -> Duration {
        let longest = Duration::from_millis(self.inner.settings.job_wait_ms);
        if free == 0 || !self.executor_active() {
            return longest;
        }
        match self.inner.store.next_job_due().await {
            // At least a little, so that a job which can't be acquired (an exclusive one) doesn't spin the loop.
            Ok(Some(due)) => Duration::from_millis((due - now()).max(20) as u64).min(longest),
            _ => longest,
        }
    }

    async fn run_acquired(&self, job: Job) {
        let id = job.id;
        let result = match job.kind {
            JobKind::TimerStart => self.run_timer_start(job).await,
            _ => self.run_instance_job(&Caller::default(), id).await,
        };
        self.inner.executor.executed.fetch_add(1, Ordering::Relaxed);
        match result {
            // Gone: somebody executed or deleted it in between.
            Ok(()) | Err(EngineError::NotFound { .. }) => {}
            Err(error @ EngineError::Rejected(_)) => {
                // Counting the failure has given the lock back; by now it may be another run's.
                self.inner.executor.failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "job failed");
            }
            Err(error) => {
                tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "job put back");
                if let Err(error) = self
                    .inner
                    .store
                    .release_jobs(&self.inner.settings.node, &[id])
                    .await
                {
                    tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "lock stays until it expires");
                }
            }
        }
    }

    /// Runs a job by hand, whether or not it is due. Its failure counts a try, as on the reference.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; the failure of the job.
    pub async fn execute_job(&self, caller: &Caller, job: Id) -> Result<(), EngineError> {
        match self.run_instance_job(caller, job).await {
            Err(EngineError::NotFound { .. }) => match self.inner.store.start_job(job).await? {
                Some(job) => self.run_timer_start(job).await,
                None => Err(EngineError::NotFound {
                    entity: Entity::Job,
                    id: job,
                }),
            },
            other => other,
        }
    }

    /// Runs a job of an instance; a failure is counted in a transaction of its own.
    async fn run_instance_job(&self, caller: &Caller, job: Id) -> Result<(), EngineError> {
        let run = Command::ExecuteJob { job };
        let failure = match self
            .entity_command(caller, Entity::Job, job, run, nothing())
            .await
        {
            Ok(_) => return Ok(()),
            Err(EngineError::Rejected(Rejection::NotFound { .. })) => {
                return Err(EngineError::NotFound {
                    entity: Entity::Job,
                    id: job,
                });
            }
            Err(EngineError::Rejected(failure)) => failure,
            Err(other) => return Err(other),
        };
        let message = failure.to_string();
        let fail = Command::FailJob {
            job,
            stacktrace: stacktrace(&failure),
            message,
        };
        self.entity_command(&Caller::default(), Entity::Job, job, fail, nothing())
            .await?;
        Err(EngineError::Rejected(failure))
    }

    /// Fires a timer start event: a new instance, and the next firing's job in place of this one, in one
    /// transaction. The instance lives in a slot of this shard that is drawn at random, so that a hot definition
    /// doesn't fill its home slot.
    async fn run_timer_start(&self, job: Job) -> Result<(), EngineError> {
        let deployed = self.inner.deployed(job.definition_id)?;
        let slot = self.any_owned_slot()?;
        let next = match self.next_firing(&deployed.definition, &job) {
            Ok(next) => next.map(Box::new),
            Err(failure) => return self.fail_timer_start(job, failure).await,
        };
        let start = Start {
            deployed,
            element: Some(job.element.clone()),
            business_key: None,
            variables: Vec::new(),
        };
        let task = Task::TimerStart {
            start: Box::new(start),
            gone: job.id,
            next,
            incidents_gone: Vec::new(),
        };
        match self.submit(&Caller::default(), slot, task, nothing()).await {
            Ok(_) => Ok(()),
            Err(EngineError::Rejected(failure)) => self.fail_timer_start(job, failure).await,
            Err(other) => Err(other),
        }
    }

    /// The job of the firing after this one; `None` if that was the last.
    fn next_firing(&self, definition: &bpmn_core::Definition, job: &Job) -> Result<Option<Job>, Rejection> {
        let Some(repeat) = &job.repeat else {
            return Ok(None);
        };
        let Some(timer) = definition
            .start_timers()
            .into_iter()
            .find(|t| t.element == job.element)
        else {
            return Ok(None);
        };
        let failure = |e: timer::TimerError| Rejection::Failure {
            message: e.to_string(),
            element: Some(job.element.clone()),
        };
        let next = timer::next(timer.kind, &timer.text, now(), Some(repeat)).map_err(failure)?;
        Ok(next.map(|(due, repeat)| {
            let id = self.new_id(job.id.slot().unwrap_or(bpmn_core::Slot::from_bits(0)));
            Job {
                id,
                root_id: id,
                due: Some(due),
                repeat,
                retries: self.inner.settings.default_retries,
                created: now(),
                lock_owner: None,
                lock_expires: None,
                error_message: None,
                stacktrace: None,
                ..job.clone()
            }
        }))
    }

    async fn fail_timer_start(&self, mut job: Job, failure: Rejection) -> Result<(), EngineError> {
        let Some(slot) = job.id.slot() else {
            return Err(EngineError::NotFound {
                entity: Entity::Job,
                id: job.id,
            });
        };
        job.retries = (job.retries - 1).max(0);
        job.error_message = Some(failure.to_string());
        job.stacktrace = Some(stacktrace(&failure));
        job.lock_owner = None;
        job.lock_expires = None;
        let incident = (job.retries == 0).then(|| {
            let id = self.new_id(slot);
            Box::new(Incident {
                id,
                instance_id: None,
                execution_id: None,
                definition_id: job.definition_id,
                kind: "failedJob".into(),
                element: job.element.clone(),
                message: job.error_message.clone(),
                configuration: Some(job.id.to_string()),
                created: now(),
                cause_id: id,
                root_cause_id: id,
                tenant_id: job.tenant_id.clone(),
                recorded: false,
            })
        });
        let task = Task::TimerStartFailed {
            job: Box::new(job),
            incident,
        };
        self.submit(&Caller::default(), slot, task, nothing()).await?;
        Err(EngineError::Rejected(failure))
    }
}

/// What a human finds behind `/job/{id}/stacktrace`.
fn stacktrace(failure: &Rejection) -> String {
    match failure {
        Rejection::Failure {
            message,
            element: Some(element),
        } => format!("{message}\n\tat element '{element}'"),
        other => other.to_string(),
    }
}

/// Renders 204.
pub fn nothing() -> Render {
    Box::new(|_, _| super::Answer::no_content())
}
