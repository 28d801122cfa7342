//! Running one job: as a command to its instance's writer, and what a failure means.
use super::Ready;
use crate::{
    app::{Answer, Caller, Engine, EngineError, commands::Render, writer::Decide},
    store::{Entity, StoreError},
};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// First and longest pause before a job is tried again that the node was too busy for.
const BUSY: (u64, u64) = (5, 200);

impl Engine {
    /// Runs a job that this node has locked, until it has ended or is given back.
    pub(super) async fn run_ready(self, job: Ready) {
        let executor = &self.inner.executor;
        let mut pause = BUSY.0;
        loop {
            let began = Instant::now();
            crate::failpoint::hit("job.before");
            let result = match (&job.start, job.instance) {
                (Some(start), _) => self.run_timer_start((**start).clone()).await,
                (None, Some(instance)) => self.run_in_instance(instance, job.id).await,
                (None, None) => Ok(()),
            };
            crate::failpoint::hit("job.after");
            let counters = &executor.counters;
            let (mut put_back, mut failed) = (false, false);
            match result {
                // Gone: somebody executed or deleted it in between.
                Ok(()) | Err(EngineError::NotFound { .. }) => {
                    counters.executed.fetch_add(1, Ordering::Relaxed);
                }
                Err(error @ EngineError::Rejected(_)) => {
                    // Counting the failure has given the lock back; by now it may be another run's.
                    counters.executed.fetch_add(1, Ordering::Relaxed);
                    counters.failed.fetch_add(1, Ordering::Relaxed);
                    failed = true;
                    tracing::warn!(job = %job.id, error = &error as &dyn std::error::Error, "job failed");
                }
                Err(EngineError::Busy(_) | EngineError::Store(StoreError::Overloaded(_)))
                    if executor.keeps(job.id) =>
                {
                    executor.refused();
                    tokio::time::sleep(Duration::from_millis(rand::random_range(pause / 2..=pause))).await;
                    pause = (pause * 2).min(BUSY.1);
                    continue;
                }
                Err(error) => {
                    put_back = true;
                    counters.put_back.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(job = %job.id, error = &error as &dyn std::error::Error, "job put back");
                }
            }
            executor.ended(job.id, began.elapsed(), put_back);
            if failed {
                // It may be due again, and nobody has it.
                executor.wake();
            }
            return;
        }
    }

    /// Runs a job by hand, whether or not it is due. Its failure counts a try, as on the reference.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; the failure of the job.
    pub async fn execute_job(&self, caller: &Caller, job: Id) -> Result<(), EngineError> {
        let run = self.entity_command(caller, Entity::Job, job, Command::ExecuteJob { job }, nothing());
        match run.await {
            Ok(_) => Ok(()),
            Err(EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. })) => {
                match self.inner.store.start_job(job).await? {
                    Some(job) => self.run_timer_start(job).await,
                    None => Err(missing(job)),
                }
            }
            Err(EngineError::Rejected(failure)) => {
                let fail = fail(job, &failure);
                self.entity_command(&Caller::default(), Entity::Job, job, fail, nothing())
                    .await?;
                Err(EngineError::Rejected(failure))
            }
            Err(other) => Err(other),
        }
    }

    /// Runs a job of a known instance; a failure is counted in a transaction of its own.
    async fn run_in_instance(&self, instance: Id, job: Id) -> Result<(), EngineError> {
        let caller = Caller::default();
        // Suspended or out of tries since it was locked: not to be run any more.
        let decide: Decide = Box::new(move |instance| match instance.jobs.get(job) {
            Some(row) if !row.suspended && row.retries > 0 => Ok(Command::ExecuteJob { job }),
            _ => Err(missing(job)),
        });
        match self.decide(&caller, instance, decide, nothing()).await {
            Ok(_) => Ok(()),
            Err(EngineError::Rejected(Rejection::NotFound { .. })) => Err(missing(job)),
            Err(EngineError::Rejected(failure)) => {
                self.command(&caller, instance, fail(job, &failure), nothing())
                    .await?;
                Err(EngineError::Rejected(failure))
            }
            Err(other) => Err(other),
        }
    }
}

impl super::Executor {
    /// Whether a job that can't run at once should be tried again here.
    fn keeps(&self, job: Id) -> bool {
        let now = Instant::now();
        !self.draining.load(Ordering::Relaxed)
            && self.state().held.get(&job).is_some_and(|held| held.until > now)
    }

    /// The node could take no more.
    fn refused(&self) {
        let settings = self.settings.load();
        self.state()
            .flow
            .refused(settings.core_threads, settings.max_threads);
    }
}

fn missing(job: Id) -> EngineError {
    EngineError::NotFound {
        entity: Entity::Job,
        id: job,
    }
}

fn fail(job: Id, failure: &Rejection) -> Command {
    Command::FailJob {
        job,
        element: failed_element(failure),
        stacktrace: stacktrace(failure),
        message: failure.to_string(),
    }
}

/// The activity that ran when a job failed.
fn failed_element(failure: &Rejection) -> Option<String> {
    match failure {
        Rejection::Failure { element, .. } => element.clone(),
        _ => None,
    }
}

/// What a human finds behind `/job/{id}/stacktrace`.
pub(super) fn stacktrace(failure: &Rejection) -> String {
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
    Box::new(|_, _| Answer::no_content())
}
