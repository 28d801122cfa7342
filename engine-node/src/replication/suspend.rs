//! Suspending definitions and job definitions: first everywhere in the log, then what runs of them, on every shard.
use super::{Replication, log, payload::Payload};
use crate::app::{Caller, EngineError, sweep::Sweep};
use bpmn_core::Id;
use http::Method;

impl Replication {
    /// Suspends or activates definitions with their job definitions and start timers, and their instances if asked.
    ///
    /// # Errors
    /// [`EngineError::NotReplicated`] naming a shard that could not be asked; repeating is safe.
    pub async fn suspend_definitions(
        &self,
        caller: &Caller,
        definitions: Vec<Id>,
        suspended: bool,
        instances: bool,
    ) -> Result<(), EngineError> {
        let caller = caller.clone();
        self.to_the_end(move |me| async move {
            for &definition in &definitions {
                let payload = Payload::SuspendDefinition {
                    definition,
                    suspended,
                };
                me.replicate(payload).await?;
            }
            let sweep = Sweep::Definitions {
                definitions,
                suspended,
                instances,
            };
            me.sweep_everywhere(&caller, &sweep).await
        })
        .await
    }

    /// Suspends or activates one job definition of a definition or all; `sweep` follows on every shard.
    pub async fn suspend_jobs(
        &self,
        caller: &Caller,
        of: Vec<(Id, Option<Id>)>,
        suspended: bool,
        sweeps: Vec<Sweep>,
    ) -> Result<(), EngineError> {
        let caller = caller.clone();
        self.to_the_end(move |me| async move {
            for (definition, job_definition) in of {
                let payload = Payload::SuspendJobs {
                    definition,
                    job_definition,
                    suspended,
                };
                me.replicate(payload).await?;
            }
            for sweep in &sweeps {
                me.sweep_everywhere(&caller, sweep).await?;
            }
            Ok(())
        })
        .await
    }

    /// Sets the priority of a job definition's new jobs, `None` for the model's; `sweep` follows on every shard.
    pub async fn set_job_priority(
        &self,
        caller: &Caller,
        job_definition: Id,
        priority: Option<i64>,
        sweep: Option<Sweep>,
    ) -> Result<(), EngineError> {
        let caller = caller.clone();
        self.to_the_end(move |me| async move {
            me.replicate(Payload::SetJobPriority {
                job_definition,
                priority,
            })
            .await?;
            match &sweep {
                Some(sweep) => me.sweep_everywhere(&caller, sweep).await,
                None => Ok(()),
            }
        })
        .await
    }

    async fn sweep_everywhere(&self, caller: &Caller, sweep: &Sweep) -> Result<(), EngineError> {
        self.engine.sweep(caller, sweep).await?;
        let body = serde_json::to_vec(sweep).map_err(log::internal)?;
        for (shard, urls) in self.peers.others() {
            let answer = self
                .peers
                .ask(&shard, &urls, Method::POST, "/internal/sweep", Some(&body))
                .await;
            answer.map_err(|why| {
                EngineError::NotReplicated(format!("shard {shard} has not followed yet: {why}"))
            })?;
        }
        Ok(())
    }
}
