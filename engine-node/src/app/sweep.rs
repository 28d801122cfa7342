//! Changes of many instances and jobs of this shard at once: one command to each instance concerned, repeatable.
use super::{Answer, Caller, Engine, EngineError};
use crate::store::{Applied, StoreError, Unit, schema::visible};
use bpmn_core::{
    Id, Millis,
    command::{Command, JobChange, Rejection},
    instance::{Job, JobKind, RunState},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use sea_query::{Alias, Condition, Expr, ExprTrait, Query, SelectStatement};
use serde::{Deserialize, Serialize};

/// Instances that are changed at the same time.
const AT_ONCE: usize = 64;
/// How often the change of a job without an instance may meet another writer.
const TRIES: usize = 20;

/// A change of everything on a shard that belongs to some definitions. Shards ask each other for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "what")]
pub enum Sweep {
    /// The definitions have been suspended or activated: their start timers follow, and instances if asked.
    Definitions {
        definitions: Vec<Id>,
        suspended: bool,
        instances: bool,
    },
    /// Suspends or activates jobs of the definitions, all or of one job definition.
    SuspendJobs {
        definitions: Vec<Id>,
        at: Option<(String, i16)>,
        suspended: bool,
    },
    /// Sets the priority of the jobs of a job definition.
    JobPriority {
        definition: Id,
        at: (String, i16),
        priority: i64,
    },
}

/// Which jobs a change is for.
#[derive(Clone, Debug)]
pub struct Jobs {
    pub definitions: Vec<Id>,
    /// Of one kind at one element; `None`: all.
    pub at: Option<(String, JobKind)>,
}

/// A change of a job that has no instance yet: of a timer start event.
#[derive(Clone, Debug, PartialEq)]
pub enum StartJobChange {
    Job(JobChange),
    /// New tries, whatever it has left.
    Retries(i32, Option<Option<Millis>>),
    /// With `cascade` later repetitions are shifted as much.
    Due {
        due: Option<Millis>,
        cascade: bool,
    },
    /// It is gone, because it has run or was deleted.
    Gone(RunState),
}

impl Engine {
    /// Carries a sweep out on this shard.
    ///
    /// # Errors
    /// [`EngineError::Busy`] while slots are being moved: to be repeated.
    pub async fn sweep(&self, caller: &Caller, sweep: &Sweep) -> Result<(), EngineError> {
        let kind = |at: &(String, i16)| Some((at.0.clone(), JobKind::from_i16(at.1)?));
        match sweep {
            Sweep::Definitions {
                definitions,
                suspended,
                instances,
            } => {
                let start = Jobs {
                    definitions: definitions.clone(),
                    at: None,
                };
                self.change_start_jobs(&start, JobChange::Suspended(*suspended))
                    .await?;
                match instances {
                    true => self.suspend_of_definitions(caller, definitions, *suspended).await,
                    false => Ok(()),
                }
            }
            Sweep::SuspendJobs {
                definitions,
                at,
                suspended,
            } => {
                let jobs = Jobs {
                    definitions: definitions.clone(),
                    at: at.as_ref().and_then(kind),
                };
                self.change_jobs(caller, &jobs, JobChange::Suspended(*suspended))
                    .await
            }
            Sweep::JobPriority {
                definition,
                at,
                priority,
            } => {
                let jobs = Jobs {
                    definitions: vec![*definition],
                    at: kind(at),
                };
                self.change_jobs(caller, &jobs, JobChange::Priority(*priority))
                    .await
            }
        }
    }

    /// Suspends or activates all instances of definitions.
    pub async fn suspend_of_definitions(
        &self,
        caller: &Caller,
        definitions: &[Id],
        suspended: bool,
    ) -> Result<(), EngineError> {
        let query = ids(
            "process_instance",
            "id",
            Condition::all().add(among("process_instance", definitions)),
        );
        let found = self.found(&query).await?;
        self.suspend_instances(caller, found, suspended).await
    }

    /// Suspends or activates instances; those that don't run are passed over.
    pub async fn suspend_instances(
        &self,
        caller: &Caller,
        instances: Vec<Id>,
        suspended: bool,
    ) -> Result<(), EngineError> {
        self.each(caller, instances, Command::SetSuspended { suspended })
            .await
    }

    /// Changes jobs, with and without an instance.
    pub async fn change_jobs(
        &self,
        caller: &Caller,
        jobs: &Jobs,
        change: JobChange,
    ) -> Result<(), EngineError> {
        self.change_start_jobs(jobs, change.clone()).await?;
        let condition = jobs.condition().add(column("job", "instance_id").is_not_null());
        let mut query = ids("job", "instance_id", condition);
        query.distinct();
        let instances = self.found(&query).await?;
        let at = jobs.at.clone();
        self.each(caller, instances, Command::ChangeJobs { at, change })
            .await
    }

    async fn change_start_jobs(&self, jobs: &Jobs, change: JobChange) -> Result<(), EngineError> {
        let condition = jobs.condition().add(column("job", "instance_id").is_null());
        for job in self.found(&ids("job", "id", condition)).await? {
            self.change_start_job(job, &StartJobChange::Job(change.clone()))
                .await?;
        }
        Ok(())
    }

    /// Changes a job without an instance; whether there is one of that id.
    ///
    /// # Errors
    /// [`EngineError::Busy`] if it keeps firing meanwhile.
    pub async fn change_start_job(&self, id: Id, change: &StartJobChange) -> Result<bool, EngineError> {
        for _ in 0..TRIES {
            let Some(mut job) = self.inner.store.start_job(id).await? else {
                return Ok(false);
            };
            let before = job.clone();
            let mut unit = Unit {
                slots: id.slot().into_iter().collect(),
                start_jobs_gone: vec![id],
                ..Unit::default()
            };
            if change.apply(&mut job) {
                unit.start_jobs.push(job);
            }
            if let StartJobChange::Gone(state) = change {
                unit.start_history = self.run_of_start_job(&before, *state);
            }
            if matches!(change, StartJobChange::Gone(_)) || unit.start_jobs.iter().any(|j| j.retries > 0) {
                unit.start_incidents_gone = self.start_incidents(id).await?;
            }
            match self.inner.store.write(std::slice::from_ref(&unit)).await?.pop() {
                Some(Applied::Done) => {
                    self.inner.executor.armed(&unit.start_jobs);
                    self.inner.executor.wake();
                    return Ok(true);
                }
                Some(Applied::NotOwner(slot)) => return Err(self.inner.misdirected(slot)),
                _ => {}
            }
        }
        Err(EngineError::Busy(format!(
            "job {id} is changed by too many others"
        )))
    }

    /// Incidents about a job without an instance.
    async fn start_incidents(&self, job: Id) -> Result<Vec<Id>, EngineError> {
        let about = Condition::all()
            .add(column("incident", "configuration").eq(job.to_string()))
            .add(column("incident", "instance_id").is_null());
        self.found(&ids("incident", "id", about)).await
    }

    async fn each(&self, caller: &Caller, instances: Vec<Id>, command: Command) -> Result<(), EngineError> {
        // Each is a request of its own: the caller's idempotency key is not theirs.
        let caller = &Caller {
            user: caller.user.clone(),
            rights: caller.rights.clone(),
            log: caller.log.clone(),
            ..Caller::default()
        };
        let command = &command;
        stream::iter(instances)
            .map(|instance| async move {
                let render = Box::new(|_: &_, _: &_| Answer::no_content());
                match self.command(caller, instance, command.clone(), render).await {
                    Ok(_) => Ok(()),
                    // It has ended by itself.
                    Err(EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. })) => {
                        Ok(())
                    }
                    Err(EngineError::Misdirected { .. }) => {
                        Err(EngineError::Busy("slots are being moved".into()))
                    }
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn found(&self, query: &SelectStatement) -> Result<Vec<Id>, EngineError> {
        let rows = self.inner.store.select(query).await?.rows;
        Ok(rows
            .iter()
            .map(|row| row.id(0))
            .collect::<Result<_, StoreError>>()?)
    }
}

impl Jobs {
    fn condition(&self) -> Condition {
        let all = Condition::all().add(among("job", &self.definitions));
        match &self.at {
            None => all,
            Some((element, kind)) => all
                .add(column("job", "element").eq(element.as_str()))
                .add(column("job", "kind").eq(kind.number())),
        }
    }
}

impl StartJobChange {
    /// Changes the job; false if it goes.
    fn apply(&self, job: &mut Job) -> bool {
        match self {
            StartJobChange::Gone(_) => return false,
            StartJobChange::Due { due, cascade } => {
                if *cascade {
                    job.shift_repeats(*due);
                }
                job.due = *due;
            }
            StartJobChange::Job(JobChange::Suspended(suspended)) => job.suspended = *suspended,
            StartJobChange::Job(JobChange::Priority(priority)) => job.priority = *priority,
            StartJobChange::Job(JobChange::Retries { .. }) if job.retries > 0 => {}
            StartJobChange::Job(JobChange::Retries { retries, due })
            | StartJobChange::Retries(retries, due) => {
                job.retries = *retries;
                if let Some(due) = due {
                    job.due = *due;
                }
            }
        }
        true
    }
}

fn column(table: &'static str, name: &'static str) -> Expr {
    Expr::col((table, name))
}

fn among(table: &'static str, definitions: &[Id]) -> Expr {
    column(table, "definition_id").is_in(definitions.iter().map(|id| id.0))
}

/// Ids in a column of a table's rows that may be seen here.
fn ids(table: &'static str, name: &'static str, condition: Condition) -> SelectStatement {
    Query::select()
        .expr(column(table, name))
        .from(Alias::new(table))
        .cond_where(condition)
        .and_where(visible(Alias::new(table)))
        .take()
}
