//! Commands: what each does to an instance before the run loop takes over.
use crate::{
    command::{Command, Env, Outcome, Rejection},
    ctx::{Ctx, Ended},
    definition::{DefinitionRef, Node, NodeIx},
    history::Kind,
    instance::*,
    moves::Termination,
    tracked::By,
    value::{TypedValue, Variables},
};
use std::collections::HashSet;
use topology::{Id, Slot};

/// An instance with nothing in it, in a slot of the caller's choice; `Command::Start` brings it to life.
pub fn new_instance(
    def: &DefinitionRef<'_>,
    slot: Slot,
    business_key: Option<String>,
    env: &mut Env<'_>,
) -> Instance {
    let id = env.ids.next(slot);
    Instance::new(ProcessInstance {
        id,
        root_id: id,
        super_token_id: None,
        super_instance_id: None,
        definition_id: def.id,
        business_key,
        revision: 0,
        suspended: false,
        started: env.now,
        start_user: env.user.map(str::to_owned),
        start_element: String::new(),
        tenant_id: def.tenant_id.map(str::to_owned),
        retention: crate::history::retention(def.definition.history_ttl),
        recorded: env.history.of(&def.definition.key).keeps(Kind::Process),
        restarted_id: None,
        case_instance_id: None,
    })
}

/// Carries out a command and runs the instance, and those of its tree that it touches, until all their tokens wait or
/// they have ended. `inst` is the commanded one; the others are in the outcome.
///
/// # Errors
/// Why the command was not carried out; the working copy is then worthless.
pub fn step(
    def: &DefinitionRef<'_>,
    inst: &mut Instance,
    cmd: Command,
    env: &mut Env<'_>,
) -> Result<Outcome, Rejection> {
    if inst.ended {
        return Err(Rejection::NotFound {
            kind: "Process instance",
            id: inst.process.id,
        });
    }
    inst.last_variables.clear();
    let home = inst.process.id;
    let in_job = matches!(cmd, Command::ExecuteJob { .. });
    let mut ctx = Ctx::new(def, inst, env);
    let result = ctx
        .command(cmd)
        .and_then(|()| ctx.run())
        .and_then(|()| ctx.switch_to(home))
        .and_then(|()| ctx.end_transient());
    // Whatever else happened: it was decided without them.
    let needs = ctx.needs.take();
    if !needs.is_empty() {
        return Err(Rejection::NeedsValues(needs));
    }
    let failed_error = ctx.failed_error.take();
    result
        .map_err(|cause| match (cause, failed_error) {
            (Rejection::Failure { element, .. }, Some(code)) => Rejection::Failure {
                message: format!("ENGINE-13033 Propagation of bpmn error {code} failed. "),
                element,
            },
            (cause, _) => cause,
        })
        .map_err(|rejection| ctx.located(rejection, in_job))?;
    let mut outcome = ctx.outcome;
    outcome.others = ctx.others.into_values().map(|member| member.inst).collect();
    // Jobs that were made and canceled within this step are nobody's business.
    let elsewhere: HashSet<Id> = outcome
        .others
        .iter()
        .flat_map(|other| other.jobs.upserts().map(|job| job.id))
        .collect();
    outcome
        .due_jobs
        .retain(|job| inst.jobs.get(*job).is_some() || elsewhere.contains(job));
    Ok(outcome)
}

/// What becomes of the job of a suspended instance.
enum Suspension {
    Passes,
    /// Whether an activity has got an execution of its own before it is refused.
    Fails {
        begins: bool,
    },
}

impl<'a> Ctx<'a, '_> {
    fn command(&mut self, cmd: Command) -> Result<(), Rejection> {
        match cmd {
            Command::Start { element, variables } => self.start_at(element.as_deref(), &variables, false),
            Command::StartForm { variables } => self.start_at(None, &variables, true),
            Command::SubmitTask { task, variables } => self.submit_task_form(task, &variables),
            Command::CompleteTask {
                task,
                variables,
                local_variables,
            } => self.complete_task(task, &variables, &local_variables),
            Command::UpdateTask { task, change } => self.update_task(task, change),
            Command::CreateTask(new) => self.create_task(*new),
            Command::DeleteTask { task, reason } => self.delete_task(task, reason),
            Command::ChangeLink { task, link, add } => self.change_task_link(task, &link, add),
            Command::Note { task, changes } => self.note(task, changes),
            Command::TaskError {
                task,
                code,
                message,
                variables,
            } => {
                let Some(token) = self.active_task(task)?.0 else {
                    return Err(Self::uncaught(&code));
                };
                self.set_variables(Some(token), &variables);
                self.report_error(token, &code, message.as_deref())
            }
            Command::TaskEscalation {
                task,
                code,
                variables,
            } => {
                let Some(token) = self.active_task(task)?.0 else {
                    return Err(Self::escalated_nowhere());
                };
                self.set_variables(Some(token), &variables);
                match self.throw_escalation(token, &code)? {
                    Some(_) => Ok(()),
                    // The reference calls the activity an execution, and ends with a space.
                    None => Err(Rejection::Failure {
                        message: format!(
                            "ENGINE-02043 Execution with id '{}' throws an escalation event with escalationCode '{code}', \
                             but no escalation handler was defined. ",
                            self.node_of(token)?.id
                        ),
                        element: None,
                    }),
                }
            }
            Command::Trigger {
                subscription,
                variables,
                local_variables,
                scoped_variables,
            } => self.trigger(subscription, &variables, &local_variables, &scoped_variables),
            Command::TriggerLater {
                subscription,
                variables,
            } => match self.trigger_later(subscription)? {
                true => Ok(()),
                false => self.trigger(subscription, &variables, &Variables::new(), &Variables::new()),
            },
            Command::ExecuteJob { job } => self.execute_job(job),
            Command::FailJob {
                job,
                element,
                message,
                stacktrace,
            } => self.fail_job(job, element, message, stacktrace),
            Command::SetJobRetries { job, retries, due } => self.set_job_retries(job, retries, due),
            Command::SetJobSuspended { job, suspended } => {
                self.job_mut(job)?.suspended = suspended;
                Ok(())
            }
            Command::ChangeJobs { at, change } => self.change_jobs(at.as_ref(), &change),
            Command::SetJobPriority { job, priority } => {
                self.job_mut(job)?.priority = priority;
                Ok(())
            }
            Command::SetJobDue { job, due, cascade } => self.set_job_due(job, due, cascade),
            Command::RecalculateDue { job, from_creation } => self.recalculate_due(job, from_creation),
            Command::DeleteJob { job } => {
                let found = self.end_job(job, RunState::Deleted);
                found
                    .map(drop)
                    .ok_or(Rejection::NotFound { kind: "Job", id: job })
            }
            Command::SetVariables {
                scope,
                local,
                set,
                delete,
            } => self.change_variables(scope, local, &set, &delete),
            Command::ForgetVariables { variable } => self.forget_variables(variable),
            Command::SetSuspended { suspended } => {
                self.set_suspended(suspended);
                Ok(())
            }
            Command::Delete {
                reason,
                skip_listeners,
                skip_outputs,
                skip_called,
            } => {
                self.skip_listeners = skip_listeners;
                self.skip_outputs = skip_outputs;
                self.delete(Termination {
                    reason,
                    external: true,
                    keeps_called: skip_called,
                    interrupts: false,
                })
            }
            Command::Migrate {
                target,
                plan,
                skip_listeners,
                skip_mappings,
            } => {
                self.skip(skip_listeners, skip_mappings);
                self.migrate(target, &plan)
            }
            Command::SignalExecution { execution, variables } => self.signal_execution(execution, &variables),
            Command::CreateIncident {
                execution,
                kind,
                configuration,
                message,
            } => self.create_incident(execution, kind, configuration, message),
            Command::Annotate { incident, text } => self.annotate(incident, text),
            Command::Modify {
                instructions,
                skip_listeners,
                skip_mappings,
            } => {
                self.skip(skip_listeners, skip_mappings);
                self.modify(&instructions)
            }
            Command::StartBy {
                instructions,
                variables,
                skip_listeners,
                skip_mappings,
            } => {
                self.skip(skip_listeners, skip_mappings);
                self.start_by(&instructions, &variables)
            }
            Command::ResolveIncident { incident } => {
                if self.end_incident(incident, true) {
                    return Ok(());
                }
                Err(Rejection::NotFound {
                    kind: "Incident",
                    id: incident,
                })
            }
            external => self.external_task(external),
        }
    }

    fn skip(&mut self, listeners: bool, mappings: bool) {
        self.skip_listeners = listeners;
        self.skip_inputs = mappings;
        self.skip_outputs = mappings;
    }

    /// Brings the current instance to life; `form`: the variables are what the start event's form was submitted with.
    pub(crate) fn start_at(
        &mut self,
        element: Option<&str>,
        variables: &Variables,
        form: bool,
    ) -> Result<(), Rejection> {
        let definition = self.def.definition;
        let ix = match element {
            Some(id) => definition
                .index(id)
                .filter(|&ix| self.node(ix).parent.is_none() && self.node(ix).behavior.start().is_some())
                .ok_or_else(|| Rejection::BadRequest(format!("'{id}' is not a start event of '{}'", definition.key)))?,
            None => definition.initial().ok_or_else(|| Rejection::Failure {
                // The reference's words, with its `null` where the process id was meant.
                message: "Process 'null' has no default start activity (e.g. none start event), hence you cannot \
                          use 'startProcessInstanceBy...' but have to start it using one of the modeled start \
                          events (e.g. message start events): initial is null"
                    .to_owned(),
                element: None,
            })?,
        };
        self.inst.process.start_element.clone_from(&self.node(ix).id);
        if self.prepare_start(form.then_some(ix), variables)? {
            self.spawn(None, ix);
        }
        Ok(())
    }

    /// Gives a new instance its first variables, submitted with the form of a start event or not, and lets its event
    /// subprocesses wait; false if one of them has interrupted the instance.
    pub(crate) fn prepare_start(
        &mut self,
        form: Option<NodeIx>,
        variables: &Variables,
    ) -> Result<bool, Rejection> {
        // In the reference a called instance is nobody yet when it gets its variables, nor is one that is restarted outside
        // of its subprocesses.
        let called = self.caller().is_some();
        let process = &self.inst.process;
        let start = self.def.definition.node(&process.start_element);
        let place = start.map(|node| node.body.map_or(node, |body| self.node(body)));
        let outside = place.is_some_and(|node| node.parent.is_none());
        let nobody = called || (process.restarted_id.is_some() && outside);
        let writer = nobody.then_some(Id::NIL);
        let here = self.here();
        self.starting = !called;
        if let Some(name) = &self.def.definition.initiator {
            let user = self.env.user.map(|user| TypedValue::String(user.to_owned()));
            self.set_local(here, None, name, user.unwrap_or(TypedValue::Null), writer);
        }
        self.attach_process_events(true)?;
        if let Some(ix) = form {
            self.submit_form(self.node(ix), None, None, variables)?;
        } else {
            for (name, value) in variables {
                self.set_local(here, None, name, value.clone(), writer);
            }
        }
        self.starting = false;
        self.attach_process_events(false)?;
        self.look_at_conditions(self.here())
    }

    pub(crate) fn active_execution(&self, execution: Id) -> Result<(), Rejection> {
        if self.inst.process.suspended {
            return Err(Rejection::Suspended(format!(
                "ENGINE-03043 Execution with id '{execution}' is suspended."
            )));
        }
        Ok(())
    }

    /// Whether the job of a suspended instance runs all the same. The reference looks at suspension when it carries an
    /// activity out, not on a sequence flow: so it fails at the activity behind the flow, and goes as far as to the
    /// next job. That activity, if it fails there, may have an execution by then: whether it has.
    fn passes_suspension(&mut self, kind: JobKind, token: Id) -> Result<Suspension, Rejection> {
        let mut begins = false;
        let behind = match kind {
            JobKind::AsyncBefore => {
                let node = self.node_of(token)?;
                begins = node.is_scope();
                Some(node).filter(|n| !n.incoming.is_empty() || n.attached_to.is_some())
            }
            JobKind::AsyncAfter => {
                let node = self.node_of(token)?;
                let flow = self.chosen_flow(token, node)?;
                let behind = flow.map(|flow| self.node(self.def.definition.flows[flow].target));
                if behind.is_some_and(|n| n.async_before && !n.behavior.interrupts_scope()) {
                    return Ok(Suspension::Passes);
                }
                begins = behind.is_some_and(|n| n.is_scope() && !n.behavior.interrupts_scope());
                match behind {
                    Some(behind) if !behind.behavior.interrupts_scope() => Some(behind),
                    // An iteration has no flow to take.
                    None if node.body.is_none() => None,
                    _ => Some(node),
                }
            }
            JobKind::Timer
            | JobKind::Timeout(_)
            | JobKind::TimerStart
            | JobKind::Event
            | JobKind::Suspension => None,
        };
        self.at = behind.map(|node| node.id.as_str());
        Ok(Suspension::Fails { begins })
    }

    fn execute_job(&mut self, job: Id) -> Result<(), Rejection> {
        let not_found = Rejection::NotFound { kind: "Job", id: job };
        let row = self.inst.jobs.get(job).ok_or(not_found.clone())?.clone();
        let (kind, token) = (row.kind, row.token_id.ok_or(not_found)?);
        if self.inst.process.suspended
            && let Suspension::Fails { begins } = self.passes_suspension(kind, token)?
        {
            if kind.is_timer() {
                return self.active_host(token, &row.element);
            }
            let execution = match begins {
                true => self.new_id(),
                false => row.execution_id.unwrap_or(self.inst.process.id),
            };
            return self.active_execution(execution);
        }
        self.end_job(job, RunState::Successful);
        match kind {
            JobKind::AsyncBefore => {
                self.on_the_way = true;
                self.begin(token, self.node_of(token)?)
            }
            JobKind::AsyncAfter => {
                let node = self.node_of(token)?;
                // The one beside that of an uncaught error ([`Ctx::complete_task`]) goes on with its flow.
                if let Some(flow) = row.repeat {
                    let ended = Ended {
                        canceled: false,
                        complete_scope: false,
                    };
                    self.end_activity(token, node, ended)?;
                    self.change_token(token, |row| {
                        row.state = TokenState::AfterAsync;
                        row.data = Some(flow);
                    })?;
                }
                self.resume_after(token, node)
            }
            JobKind::Timer | JobKind::Timeout(_) => {
                self.repeat_timer(&row, false)?;
                let node = self.def.definition.node(&row.element);
                match node.is_some_and(Node::has_timeout) {
                    true => self.task_timed_out(token, kind.timeout()),
                    false => self.occurred(token, &row.element),
                }
            }
            // Who waits no longer hears nothing.
            JobKind::Event => match self.waits_for_signal(token, &row.element) {
                true => self.occurred(token, &row.element),
                false => Ok(()),
            },
            JobKind::TimerStart | JobKind::Suspension => Err(Rejection::BadRequest(
                "a timer start job starts an instance, it isn't of one".to_owned(),
            )),
        }
    }

    fn trigger(
        &mut self,
        subscription: Id,
        variables: &Variables,
        local_variables: &Variables,
        scoped_variables: &Variables,
    ) -> Result<(), Rejection> {
        let row = self.subscription(subscription)?;
        let (token, element) = (row.token_id, row.element.clone());
        self.active_host(token, &element)?;
        let scope = self.scope_of(token);
        self.set_variables(scope, variables);
        match scope {
            Some(token) => self.set_local_variables(token, local_variables),
            None => self.set_variables(None, local_variables),
        }
        if scoped_variables.is_empty() {
            return self.occurred(token, &element);
        }
        // An event subprocess of the process itself has no token as its host.
        if self.inst.tokens.get(token).is_some_and(|t| t.element == element) {
            // It starts nothing but what comes after it: they go with the event itself.
            self.set_local_variables(token, scoped_variables);
            return self.occurred(token, &element);
        }
        let before: HashSet<Id> = self.inst.tokens.iter().map(|t| t.id).collect();
        self.occurred(token, &element)?;
        let index = self.def.definition.index(&element);
        let at_edge = index.is_some_and(|ix| self.node(ix).attached_to.is_some());
        let started = self.inst.tokens.iter().find(|t| !before.contains(&t.id));
        let first = started.map(|t| (t.id, t.state == TokenState::Scope));
        match first {
            Some((scope, true)) => {
                for (name, value) in scoped_variables {
                    self.set_in(scope, name, value.clone());
                }
            }
            Some((path, false)) => self.set_of_path(path, scoped_variables),
            // An interrupting event goes on where its activity was.
            None if at_edge && self.inst.tokens.get(token).is_some() => {
                self.set_of_path(token, scoped_variables);
            }
            None => {}
        }
        Ok(())
    }

    /// Sets variables of a token that is about to go on at a boundary event. History shows them in what the token lies in:
    /// it has entered nothing yet.
    fn set_of_path(&mut self, token: Id, variables: &Variables) {
        self.set_local_variables(token, variables);
        let process = self.inst.process.id;
        let scope = self.local_scope(Some(token));
        let around = self
            .scope_of(token)
            .and_then(|scope| self.inst.tokens.get(scope)?.activity_id);
        for (name, _) in variables {
            if let Some(id) = self.local_variable(scope, None, name).map(|v| v.id) {
                self.inst
                    .variables
                    .update(id, |v| v.version.shown_id = Some(around.unwrap_or(process)));
            }
        }
    }

    fn waits_for_signal(&self, host: Id, element: &str) -> bool {
        let mut waits = self.inst.subscriptions.by(By::Token(host));
        waits.any(|s| s.kind == EventKind::Signal && s.element == element)
    }

    /// The place a scope id names: a token (`None`: the instance) and perhaps a task.
    fn place(&self, scope: Id) -> Result<(Option<Id>, Option<Id>), Rejection> {
        if scope == self.inst.process.id {
            return Ok((None, None));
        }
        if let Some(task) = self.inst.tasks.get(scope) {
            return Ok((task.token_id, Some(scope)));
        }
        let tokens = &self.inst.tokens;
        let token = tokens.get(scope).or_else(|| tokens.first(By::Execution(scope)));
        token.map(|t| (Some(t.id), None)).ok_or(Rejection::NotFound {
            kind: "Execution",
            id: scope,
        })
    }

    fn change_variables(
        &mut self,
        scope: Id,
        local: bool,
        set: &Variables,
        delete: &[String],
    ) -> Result<(), Rejection> {
        let (token, task) = self.place(scope)?;
        let here = match task {
            Some(task) => token.unwrap_or(task),
            None => self.local_scope(token),
        };
        let writer = self.writer_at(token, task);
        // The concurrent execution above an activity that has one of its own.
        let above = token.and_then(|id| self.inst.tokens.get(id)).filter(|row| {
            task.is_none() && row.id == scope && row.execution_id != scope && self.in_scope_activity(row)
        });
        let above = above.map(|row| row.id);
        let mut task_changed = false;
        for (name, value) in set {
            // A task of no process keeps all its variables itself.
            let alone = task.is_some() && token.is_none();
            let of_task =
                local || alone || task.is_some_and(|t| self.local_variable(t, task, name).is_some());
            task_changed |= task.is_some() && of_task;
            match local {
                true => match above {
                    Some(token) => self.set_above(token, name, value.clone()),
                    None => self.set_local(here, task, name, value.clone(), writer),
                },
                false => self.set_variable(token, task, name, value.clone()),
            }
        }
        for name in delete {
            match local {
                true => {
                    if let Some(id) = self.local_variable(here, task, name).map(|v| v.id) {
                        self.delete_variable(id, writer);
                    }
                }
                false => self.remove_variable(token, task, name),
            }
        }
        // A variable that is set on a task is a change of it; one that is removed isn't, as in the reference.
        match task.filter(|_| task_changed) {
            Some(task) => {
                let assignee = self.inst.tasks.get(task).and_then(|row| row.assignee.clone());
                self.task_updated(task, assignee)
            }
            None => Ok(()),
        }
    }
}
