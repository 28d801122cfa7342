//! Timer start events: jobs without an instance.
use super::run::{nothing, stacktrace};
use crate::{
    app::{
        Caller, Engine, EngineError,
        commands::Start,
        writer::{Task, now},
    },
    store::Entity,
};
use bpmn_core::{
    Slot,
    command::Rejection,
    history::Kind,
    instance::{HistoricJob, Incident, Job, RunState},
    timer,
};
use std::sync::Arc;

impl Engine {
    /// Fires a timer start event: a new instance, and the next firing's job in place of this one, in one
    /// transaction. The instance lives in a slot of this shard that is drawn at random, so that a hot definition
    /// doesn't fill its home slot.
    pub(super) async fn run_timer_start(&self, job: Job) -> Result<(), EngineError> {
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
        let history = match job.recorded {
            true => vec![self.run_of(&job, slot, RunState::Successful)],
            false => Vec::new(),
        };
        let task = Task::TimerStart {
            start: Box::new(start),
            gone: job.id,
            next,
            incidents_gone: Vec::new(),
            history,
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
                recorded: self.tells(&definition.key, Kind::Job),
                ..job.clone()
            }
        }))
    }

    /// What the log tells of a run. A failure's message is the job's.
    fn run_of(&self, job: &Job, slot: Slot, state: RunState) -> HistoricJob {
        let failed = state == RunState::Failed;
        HistoricJob {
            id: self.new_id(slot),
            job: Arc::new(job.clone()),
            time: now(),
            state,
            error_message: job.error_message.clone().filter(|_| failed),
            stacktrace: job.stacktrace.clone().filter(|_| failed),
        }
    }

    async fn fail_timer_start(&self, mut job: Job, failure: Rejection) -> Result<(), EngineError> {
        let Some(slot) = job.id.slot() else {
            return Err(EngineError::NotFound {
                entity: Entity::Job,
                id: job.id,
            });
        };
        let key = self.inner.deployed(job.definition_id)?.row.key.clone();
        let mut history = Vec::new();
        job.error_message = Some(failure.to_string());
        job.stacktrace = Some(stacktrace(&failure));
        if self.tells(&key, Kind::JobFailed) {
            history.push(self.run_of(&job, slot, RunState::Failed));
        }
        job.retries = (job.retries - 1).max(0);
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
                recorded: self.tells(&key, Kind::Incident),
            })
        });
        let task = Task::TimerStartFailed {
            job: Box::new(job),
            incident,
            history,
        };
        self.submit(&Caller::default(), slot, task, nothing()).await?;
        Err(EngineError::Rejected(failure))
    }
}
