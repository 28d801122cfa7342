//! Timer start events: jobs without an instance.
use super::run::{nothing, stacktrace};
use crate::{
    app::{
        Caller, Deployed, Engine, EngineError,
        commands::Start,
        sweep::StartJobChange,
        writer::{Task, now},
    },
    store::Entity,
};
use bpmn_core::{
    Id, Slot,
    command::{Command, Rejection},
    history::Kind,
    instance::{HistoricJob, Incident, Job, JobKind, RunState},
    timer,
};
use std::sync::Arc;

impl Engine {
    /// Fires a timer start event: a new instance, and the next firing's job in place of this one, in one
    /// transaction. The instance lives in a slot of this shard that is drawn at random, so that a hot definition
    /// doesn't fill its home slot.
    pub(super) async fn run_timer_start(&self, job: Job) -> Result<(), EngineError> {
        if job.kind == JobKind::Suspension {
            return self.run_suspension(job).await;
        }
        let deployed = self.inner.deployed(job.definition_id)?;
        let slot = self.any_owned_slot()?;
        let next = match self.next_firing(&deployed, &job) {
            Ok(next) => next.map(Box::new),
            Err(failure) => return self.fail_timer_start(job, None, failure).await,
        };
        let start = Start {
            by: None,
            deployed,
            element: Some(job.element.clone()),
            business_key: None,
            case_instance_id: None,
            variables: Vec::new(),
            form: false,
        };
        let history = match job.recorded {
            true => vec![self.run_of(&job, slot, RunState::Successful)],
            false => Vec::new(),
        };
        let task = Task::TimerStart {
            start: Box::new(start),
            gone: job.id,
            next: next.clone(),
            incidents_gone: Vec::new(),
            history,
        };
        match self.submit(&Caller::default(), slot, task, nothing()).await {
            Ok(_) => Ok(()),
            Err(EngineError::Rejected(failure)) => self.fail_timer_start(job, next, failure).await,
            Err(other) => Err(other),
        }
    }

    /// Sets a timer's due date anew from its expression, seen from now or from when the job was made.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; what the expression gives.
    pub async fn recalculate_due(
        &self,
        caller: &Caller,
        job: Id,
        from_creation: bool,
    ) -> Result<(), EngineError> {
        let command = Command::RecalculateDue { job, from_creation };
        let run = self.entity_command(caller, Entity::Job, job, command, nothing());
        let missing = match run.await {
            Ok(_) => return Ok(()),
            Err(missing @ EngineError::NotFound { .. }) => missing,
            Err(other) => return Err(other),
        };
        let Some(row) = self.inner.store.start_job(job).await? else {
            return Err(missing);
        };
        let deployed = self.inner.deployed(row.definition_id)?;
        let mut timers = deployed.definition.start_timers().into_iter();
        let Some(timer) = timers.find(|t| t.element == row.element) else {
            return Err(missing);
        };
        let from = if from_creation { row.created } else { now() };
        let due = timer::next(timer.kind, &timer.text, from, None).map_err(|e| Rejection::Failure {
            message: e.explained(timer.kind, &timer.text),
            element: Some(row.element.clone()),
        })?;
        let due = StartJobChange::Due {
            due: due.map(|(due, _)| due),
            cascade: false,
        };
        self.change_start_job(job, &due).await.map(drop)
    }

    /// The job of the firing after this one; `None` if that was the last.
    fn next_firing(&self, deployed: &Deployed, job: &Job) -> Result<Option<Job>, Rejection> {
        let Some(repeat) = &job.repeat else {
            return Ok(None);
        };
        let Some(timer) = deployed
            .definition
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
        let set = deployed.job_definition(&job.element, job.kind);
        Ok(next.map(|(due, repeat)| {
            let id = self.new_id(job.id.slot().unwrap_or(bpmn_core::Slot::from_bits(0)));
            let job = Job {
                id,
                root_id: id,
                due: Some(due),
                repeat,
                retries: deployed
                    .definition
                    .start_tries(&job.element, self.inner.settings.retries()),
                suspended: set.is_some_and(|j| j.suspended),
                priority: set.and_then(|j| j.priority).or(timer.priority).unwrap_or(0),
                created: now(),
                recorded: self.tells(&deployed.row.key, Kind::Job),
                ..job.clone()
            };
            job.fresh()
        }))
    }

    /// What the log tells of the end of a job without an instance, where it tells of jobs.
    pub(in crate::app) fn run_of_start_job(&self, job: &Job, state: RunState) -> Vec<HistoricJob> {
        match job.id.slot().filter(|_| job.recorded) {
            Some(slot) => vec![self.run_of(job, slot, state)],
            None => Vec::new(),
        }
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

    /// Counts a failed try. A timer that fires again goes on all the same, once: `next` is its next job.
    async fn fail_timer_start(
        &self,
        mut job: Job,
        next: Option<Box<Job>>,
        failure: Rejection,
    ) -> Result<(), EngineError> {
        let Some(slot) = job.id.slot() else {
            return Err(EngineError::NotFound {
                entity: Entity::Job,
                id: job.id,
            });
        };
        let deployed = self.inner.deployed(job.definition_id)?;
        let key = deployed.row.key.clone();
        let mut history = Vec::new();
        let retries = self.inner.settings.retries();
        deployed.definition.schedule_start_retry(&mut job, retries, now());
        job.error_message = Some(failure.to_string());
        job.stacktrace = Some(stacktrace(&failure));
        // In the reference the instance is started by a command of its own, so the job doesn't know where it failed.
        job.failed_element = None;
        if next.is_some() {
            job.repeat = None;
        }
        if self.tells(&key, Kind::JobFailed) {
            history.push(self.run_of(&job, slot, RunState::Failed));
        }
        // One that fails again, run by hand, keeps its incident.
        let had_tries = job.retries > 0;
        job.retries = (job.retries - 1).max(0);
        job.lock_owner = None;
        job.lock_expires = None;
        let incident = (had_tries && job.retries == 0).then(|| {
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
                job_kind: Some(job.kind),
                failed_element: job.failed_element.clone(),
                annotation: None,
                created: now(),
                cause_id: id,
                root_cause_id: id,
                tenant_id: job.tenant_id.clone(),
                recorded: self.tells(&key, Kind::Incident),
            })
        });
        let task = Task::TimerStartFailed {
            job: Box::new(job),
            next,
            incident,
            history,
        };
        self.submit(&Caller::default(), slot, task, nothing()).await?;
        Err(EngineError::Rejected(failure))
    }
}
