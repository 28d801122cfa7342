//! What workers and operators do with external tasks.
use crate::{
    Millis,
    command::{Command, Rejection},
    ctx::Ctx,
    definition::Node,
    history::Kind,
    instance::ExternalTask,
};
use expr::Value;
use topology::Id;

/// Longest error message kept, in characters; the reference's column has that width.
const MAX_MESSAGE: usize = 4000;

impl Ctx<'_, '_> {
    /// Makes the external task of a token's activity, and tells those who wait for the topic.
    pub(crate) fn add_external_task(
        &mut self,
        token: Id,
        at: &Node,
        topic: String,
        priority: i64,
    ) -> Result<(), Rejection> {
        let id = self.new_id();
        let row = self.token(token)?;
        let (execution_id, activity_id) = (row.execution_id, row.activity_id);
        let process = &self.inst.process;
        let task = ExternalTask {
            id,
            instance_id: process.id,
            token_id: token,
            execution_id,
            activity_id: activity_id.unwrap_or(id),
            definition_id: process.definition_id,
            element: at.id.clone(),
            topic: topic.clone(),
            worker_id: None,
            lock_expires: None,
            retries: None,
            error_message: None,
            error_details: None,
            priority,
            suspended: process.suspended,
            created: self.env.now,
            lock_revision: 0,
            business_key: process.business_key.clone(),
            tenant_id: process.tenant_id.clone(),
            recorded: self.recording.keeps(Kind::ExternalTask),
            made_priority: None,
        };
        self.inst.external_tasks.insert(task);
        self.offer(topic);
        Ok(())
    }

    /// Carries out a command about an external task.
    pub(crate) fn external_task(&mut self, cmd: Command) -> Result<(), Rejection> {
        match cmd {
            Command::CompleteExternalTask {
                task,
                worker,
                variables,
                local_variables,
            } => {
                let row = self.external(task)?;
                if row.worker_id.as_deref() != Some(&worker) {
                    let owner = owner(row).to_owned();
                    return Err(Rejection::WrongWorker {
                        task,
                        action: "completed",
                        worker,
                        owner,
                    });
                }
                active(row)?;
                let token = row.token_id;
                self.set_variables(Some(token), &variables);
                self.set_local_variables(token, &local_variables);
                if let Some(code) = self.error_by_rule(token)? {
                    let message = self.external(task)?.error_message.clone();
                    return self.report_error(token, &code, message.as_deref());
                }
                self.completing = Some(task);
                self.leave(token, self.node_of(token)?)
            }
            Command::ExternalTaskError {
                task,
                worker,
                code,
                message,
                variables,
            } => {
                let row = self.held(task, &worker, "Bpmn error of External Task")?;
                active(row)?;
                let token = row.token_id;
                self.set_variables(Some(token), &variables);
                self.report_error(token, &code, message.as_deref())
            }
            Command::FailExternalTask {
                task,
                worker,
                error_message,
                error_details,
                retries,
                retry_timeout,
                variables,
                local_variables,
            } => {
                at_least_zero("retries", retries.into())?;
                at_least_zero("retryDuration", retry_timeout)?;
                let row = self.held(task, &worker, "Failure of External Task")?;
                active(row)?;
                let (token, due) = (row.token_id, self.after(retry_timeout));
                self.set_variables(Some(token), &variables);
                self.set_local_variables(token, &local_variables);
                let before = self.external(task)?.retries;
                let row = self.external_mut(task)?;
                row.error_message = error_message.map(|m| m.chars().take(MAX_MESSAGE).collect());
                // As in the reference, none leaves those that were there.
                row.error_details = error_details.or(row.error_details.take());
                // An expression that fails doesn't keep a failure from being reported.
                if let Ok(Some(code)) = self.error_by_rule(token).or_else(|cause| cause.unless_failure()) {
                    let message = self.external(task)?.error_message.clone();
                    return self.report_error(token, &code, message.as_deref());
                }
                let row = self.external_mut(task)?;
                row.lock_expires = Some(due);
                row.lock_revision += 1;
                self.tell_external_failure(task, before);
                self.set_external_retries(task, retries)
            }
            Command::ExtendLock {
                task,
                worker,
                duration,
            } => {
                more_than_zero("lockTime", duration)?;
                let row = self.external(task)?;
                if row.worker_id.as_deref() != Some(&worker) {
                    // The doubled quote is the reference's.
                    let owner = owner(row);
                    return Err(Rejection::BadRequest(format!(
                        "The lock of the External Task {task} cannot be extended by worker '{worker}''. It is locked \
                         by worker '{owner}'."
                    )));
                }
                active(row)?;
                let now = self.env.now;
                if row.lock_expires.is_none_or(|expires| expires < now) {
                    return Err(Rejection::LockExpired(format!(
                        "Cannot extend a lock that expired: lockExpirationTime is not greater than or equal to {now}"
                    )));
                }
                self.set_lock(task, Some(worker), Some(self.after(duration)))
            }
            Command::LockExternalTask {
                task,
                worker,
                duration,
            } => {
                more_than_zero("lockDuration", duration)?;
                let row = self.external(task)?;
                let now = self.env.now;
                let free = row.worker_id.is_none() || row.lock_expires.is_none_or(|expires| expires <= now);
                if !free && row.worker_id.as_deref() != Some(&worker) {
                    let owner = owner(row).to_owned();
                    return Err(Rejection::WrongWorker {
                        task,
                        action: "locked",
                        worker,
                        owner,
                    });
                }
                self.set_lock(task, Some(worker), Some(self.after(duration)))
            }
            Command::UnlockExternalTask { task } => {
                // A suspended one too; it is offered when it is active again.
                let topic = self.external(task)?.topic.clone();
                self.offer(topic);
                self.set_lock(task, None, None)
            }
            Command::SetExternalTaskRetries { task, retries } => {
                if retries < 0 {
                    return Err(Rejection::BadRequest(
                        "The number of retries cannot be negative: retries is not greater than or equal to 0"
                            .into(),
                    ));
                }
                self.external(task)?;
                self.set_external_retries(task, retries)
            }
            Command::SetExternalTaskPriority { task, priority } => {
                let task = self.external_mut(task)?;
                task.made_priority.get_or_insert(task.priority);
                task.priority = priority;
                Ok(())
            }
            other => Err(Rejection::BadRequest(format!(
                "not a command about an external task: {other:?}"
            ))),
        }
    }

    /// The code of the BPMN error that an external task's error event definitions make of what a worker reports.
    fn error_by_rule(&mut self, token: Id) -> Result<Option<String>, Rejection> {
        let node = self.node_of(token)?;
        for rule in node.behavior.error_rules() {
            if self.eval(&rule.when, Some(token))? == Value::Bool(true) {
                let null = || Self::failure(node, "Error Code is null");
                return rule.code.clone().ok_or_else(null).map(Some);
            }
        }
        Ok(None)
    }

    fn external(&self, id: Id) -> Result<&ExternalTask, Rejection> {
        self.inst.external_tasks.get(id).ok_or(Rejection::NotFound {
            kind: "External task",
            id,
        })
    }

    fn external_mut(&mut self, id: Id) -> Result<&mut ExternalTask, Rejection> {
        self.inst.external_tasks.get_mut(id).ok_or(Rejection::NotFound {
            kind: "External task",
            id,
        })
    }

    /// The task if that worker holds it, even if its lock has expired since, as in the reference.
    fn held(&self, task: Id, worker: &str, what: &str) -> Result<&ExternalTask, Rejection> {
        let row = self.external(task)?;
        if row.worker_id.as_deref() == Some(worker) {
            return Ok(row);
        }
        Err(Rejection::BadRequest(format!(
            "{what} {task} cannot be reported by worker '{worker}'. It is locked by worker '{}'.",
            owner(row)
        )))
    }

    fn after(&self, duration: Millis) -> Millis {
        self.env.now.saturating_add(duration)
    }

    fn set_lock(
        &mut self,
        task: Id,
        worker: Option<String>,
        expires: Option<Millis>,
    ) -> Result<(), Rejection> {
        let row = self.external_mut(task)?;
        row.worker_id = worker;
        row.lock_expires = expires;
        row.lock_revision += 1;
        Ok(())
    }

    /// Sets retries; reaching 0 makes an incident, leaving it resolves that.
    fn set_external_retries(&mut self, task: Id, retries: i32) -> Result<(), Rejection> {
        let now = self.env.now;
        let row = self.external_mut(task)?;
        let before = row.retries;
        row.retries = Some(retries);
        let (element, execution, message) =
            (row.element.clone(), row.execution_id, row.error_message.clone());
        let available = row.lock_expires.is_none_or(|expires| expires <= now);
        let topic = row.topic.clone();
        if retries == 0 && before != Some(0) {
            self.add_incident("failedExternalTask", &element, Some(execution), message, task)?;
        } else if retries > 0 {
            self.end_incidents_of(task, true);
            if available {
                self.offer(topic);
            }
        }
        Ok(())
    }
}

fn owner(task: &ExternalTask) -> &str {
    task.worker_id.as_deref().unwrap_or("null")
}

fn active(task: &ExternalTask) -> Result<(), Rejection> {
    if task.suspended {
        let message = format!("ENGINE-03043 ExternalTask with id '{}' is suspended.", task.id);
        return Err(Rejection::Suspended(message));
    }
    Ok(())
}

fn at_least_zero(name: &str, number: i64) -> Result<(), Rejection> {
    if number >= 0 {
        Ok(())
    } else {
        Err(Rejection::BadRequest(format!(
            "{name} is not greater than or equal to 0"
        )))
    }
}

fn more_than_zero(name: &str, number: i64) -> Result<(), Rejection> {
    if number > 0 {
        Ok(())
    } else {
        Err(Rejection::BadRequest(format!("{name} is not greater than 0")))
    }
}
