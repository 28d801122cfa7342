//! Suspensions and activations at a later time (`executionDate`): a job of no instance that holds the request, which is
//! sent to this node's own API when it is due.
use super::run::{nothing, stacktrace};
use crate::{
    app::{
        Caller, Engine, EngineError,
        batches::Request,
        sweep::StartJobChange,
        writer::{Task, now},
    },
    store::{Applied, Entity, Unit},
};
use bpmn_core::{
    Id, Millis,
    command::Rejection,
    history::Kind,
    instance::{Job, JobKind, RunState},
};
use tokio::sync::{mpsc, oneshot};

/// What a node's own API answers to a request: nothing, or the message of its refusal; or trouble that will pass.
pub type Answered = Result<Result<(), String>, EngineError>;
/// A request for this node's own API, and where its answer goes.
pub type ApiCall = (Request, oneshot::Sender<Answered>);
/// Requests that may wait.
const WAITING: usize = 64;

impl Engine {
    /// What jobs send to this node's own API; until somebody takes it no such job runs. `None` for all but the first.
    pub fn api_calls(&self) -> Option<mpsc::Receiver<ApiCall>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.inner.api.set(sender).ok().map(|()| receiver)
    }

    /// Makes the job of a request that is to be sent at that time, for definitions of that deployment.
    ///
    /// # Errors
    /// [`EngineError::Busy`] if no slot takes it.
    pub async fn suspend_later(
        &self,
        request: &Request,
        deployment: Option<Id>,
        due: Millis,
    ) -> Result<(), EngineError> {
        let text = serde_json::to_string(request);
        let text = text.map_err(|error| EngineError::Busy(error.to_string()))?;
        let slot = self.any_owned_slot()?;
        let id = self.new_id(slot);
        let job = Job {
            id,
            root_id: id,
            instance_id: None,
            token_id: None,
            // The deployment stands where an execution would: the log tells of it.
            execution_id: deployment,
            definition_id: Id::NIL,
            element: text,
            kind: JobKind::Suspension,
            due: Some(due),
            retries: self.settings().retries().tries,
            exclusive: true,
            priority: 0,
            suspended: false,
            created: now(),
            lock_owner: None,
            lock_expires: None,
            error_message: None,
            stacktrace: None,
            failed_element: None,
            made: Default::default(),
            repeat: None,
            tenant_id: None,
            recorded: self.tells("", Kind::Job),
        };
        let job = job.fresh();
        let unit = Unit {
            slots: vec![slot],
            start_jobs: vec![job],
            ..Unit::default()
        };
        match self.store().write(std::slice::from_ref(&unit)).await?.pop() {
            Some(Applied::Done) => {
                self.inner.executor.armed(&unit.start_jobs);
                self.inner.executor.wake();
                Ok(())
            }
            other => Err(EngineError::Busy(format!("the job was not written: {other:?}"))),
        }
    }

    /// Sends what the job holds; then it is gone. What is refused costs a try.
    pub(super) async fn run_suspension(&self, mut job: Job) -> Result<(), EngineError> {
        let request = serde_json::from_str::<Request>(&job.element);
        let answered = match (request, self.inner.api.get()) {
            (Ok(request), Some(api)) => {
                let busy = || EngineError::Busy("the node is shutting down".into());
                let (reply, answer) = oneshot::channel();
                api.send((request, reply)).await.map_err(|_| busy())?;
                answer.await.map_err(|_| busy())??
            }
            (Err(error), _) => Err(error.to_string()),
            (Ok(_), None) => return Err(EngineError::Busy("the node does not serve yet".into())),
        };
        let Err(message) = answered else {
            return self
                .change_start_job(job.id, &StartJobChange::Gone(RunState::Successful))
                .await
                .map(drop);
        };
        let slot = job.id.slot().ok_or(EngineError::NotFound {
            entity: Entity::Job,
            id: job.id,
        })?;
        let failure = Rejection::Failure {
            message,
            element: None,
        };
        job.error_message = Some(failure.to_string());
        job.stacktrace = Some(stacktrace(&failure));
        let history = self.run_of_start_job(&job, RunState::Failed);
        job.retries = (job.retries - 1).max(0);
        (job.lock_owner, job.lock_expires) = (None, None);
        let task = Task::TimerStartFailed {
            job: Box::new(job),
            next: None,
            incident: None,
            history,
        };
        self.submit(&Caller::default(), slot, task, nothing()).await?;
        Err(EngineError::Rejected(failure))
    }
}
