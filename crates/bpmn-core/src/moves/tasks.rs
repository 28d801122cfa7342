//! The life of a user task as its listeners see it.
use crate::{
    command::{Rejection, TaskChange},
    ctx::Ctx,
    instance::JobKind,
    java_code,
    listener::{Listener, TaskEvent},
    moves::Scene,
    note::TaskLink,
    tracked::By,
    value::Variables,
};
use topology::Id;

impl Ctx<'_, '_> {
    /// A task has been made and has all its fields: tells history and listeners.
    pub(crate) fn task_created(&mut self, task: Id) -> Result<(), Rejection> {
        self.tell_links(task);
        self.notify_task(task, TaskEvent::Create)?;
        let assigned = self
            .inst
            .tasks
            .get(task)
            .is_some_and(|row| row.assignee.is_some());
        match assigned {
            true => self.notify_task(task, TaskEvent::Assignment),
            false => Ok(()),
        }
    }

    /// Completes a task and leaves its activity.
    pub(crate) fn complete_task(
        &mut self,
        task: Id,
        variables: &Variables,
        local: &Variables,
    ) -> Result<(), Rejection> {
        let Some(token) = self.active_task(task)?.0 else {
            return self.complete_standalone(task, variables);
        };
        // Set on the execution: what is local to the task ends with it.
        self.set_variables(Some(token), variables);
        let writer = self.writer(Some(token));
        for (name, value) in local {
            self.set_local(token, Some(task), name, value.clone(), writer);
        }
        self.notify_task(task, TaskEvent::Complete)?;
        self.completing = Some(task);
        // One with an execution of its own leaves that.
        if self.token(token)?.ended().is_some() && !self.node_of(token)?.is_scope() {
            return self.leave_again(token);
        }
        match self.ends_again(token)? {
            true => Ok(()),
            false => self.leave(token, self.node_of(token)?),
        }
    }

    /// Completes a task that an uncaught error has left at an activity which waits for its job of asyncAfter: as in the
    /// reference another job waits beside that, to take the flow.
    fn leave_again(&mut self, token: Id) -> Result<(), Rejection> {
        let node = self.node_of(token)?;
        let flows = node.behavior.outgoing(node, token, self)?;
        if let Some(task) = self.completing {
            self.end_task(task, None);
        }
        let flow = flows
            .first()
            .map(|&flow| self.def.definition.flows[flow].id.clone());
        self.add_job(token, node, JobKind::AsyncAfter, None, flow)
            .map(drop)
    }

    /// Changes a task's fields.
    pub(crate) fn update_task(&mut self, task: Id, change: TaskChange) -> Result<(), Rejection> {
        match self.active_task(task)?.0 {
            Some(token) => self.set_variables(Some(token), &change.variables),
            None => self.set_around(task, &change.variables),
        }
        if let Some(parent) = change.parent {
            self.change_parent(task, parent)?;
        }
        let row = self.inst.tasks.get_mut(task).ok_or(Rejection::NotFound {
            kind: "Task",
            id: task,
        })?;
        let TaskChange {
            assignee,
            owner,
            delegation,
            name,
            description,
            priority,
            due,
            follow_up,
            case_instance_id,
            parent: _,
            parent_name: _,
            variables: _,
        } = change;
        fn put<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        let before = (row.assignee.clone(), row.owner.clone());
        let set = (assignee.is_some(), owner.is_some());
        put(&mut row.assignee, assignee);
        put(&mut row.owner, owner);
        let after = (row.assignee.clone(), row.owner.clone());
        put(&mut row.delegation, delegation);
        put(&mut row.name, name);
        put(&mut row.description, description);
        put(&mut row.priority, priority);
        put(&mut row.due, due);
        put(&mut row.follow_up, follow_up);
        put(&mut row.case_instance_id, case_instance_id);
        if set.0 {
            self.tell_link_change(task, "assignee", before.0.clone(), after.0);
        }
        if set.1 {
            self.tell_link_change(task, "owner", before.1, after.1);
        }
        self.task_updated(task, before.0)
    }

    /// A task has been changed from outside; `assignee` is who it was assigned to before.
    pub(crate) fn task_updated(&mut self, task: Id, assignee: Option<String>) -> Result<(), Rejection> {
        let now = self.env.now;
        if let Some(row) = self.inst.tasks.get_mut(task) {
            row.last_updated = Some(now);
        }
        self.notify_task(task, TaskEvent::Update)?;
        // A listener may have changed it too.
        let after = self.inst.tasks.get(task).map(|row| row.assignee.clone());
        match after {
            Some(after) if after != assignee => self.notify_task(task, TaskEvent::Assignment),
            _ => Ok(()),
        }
    }

    /// The row of a task that may be worked on, and its token, if a process has made it.
    pub(crate) fn active_task(
        &self,
        task: Id,
    ) -> Result<(Option<Id>, &crate::instance::UserTask), Rejection> {
        let not_found = Rejection::NotFound {
            kind: "Task",
            id: task,
        };
        let row = self.inst.tasks.get(task).ok_or(not_found)?;
        if row.suspended {
            return Err(Rejection::Suspended(format!(
                "ENGINE-03043 task with id '{task}' is suspended."
            )));
        }
        Ok((row.token_id, row))
    }

    /// Tells listeners of all tasks at a token that they are deleted, if they haven't been completed.
    pub(crate) fn tasks_deleted(&mut self, token: Id) -> Result<(), Rejection> {
        for task in self.inst.tasks.ids_by(By::Token(token)) {
            if self.completing != Some(task) && !self.tasks_told {
                self.notify_task(task, TaskEvent::Delete)?;
            }
        }
        Ok(())
    }

    /// Tells listeners of all tasks of the instance that they are deleted: before anything else, as in the reference.
    pub(crate) fn all_tasks_deleted(&mut self) -> Result<(), Rejection> {
        let tasks: Vec<Id> = self.inst.tasks.iter().map(|task| task.id).collect();
        self.tasks_told = true;
        tasks
            .into_iter()
            .try_for_each(|task| self.notify_task(task, TaskEvent::Delete))
    }

    /// The time of a timeout listener of a token's task has come: of the one at that place among them.
    pub(crate) fn task_timed_out(&mut self, token: Id, place: usize) -> Result<(), Rejection> {
        let tasks: Vec<Id> = self.inst.tasks.ids_by(By::Token(token)).into_iter().collect();
        self.running(self.node_of(token)?, |ctx| {
            let mut tasks = tasks.into_iter();
            tasks.try_for_each(|task| ctx.notify_listeners(task, TaskEvent::Timeout, Some(place)))
        })
    }

    /// Takes a candidate in or out.
    pub(crate) fn change_candidate(&mut self, task: Id, (group, name): (bool, String), add: bool) {
        let kind = TaskLink::CANDIDATE.to_owned();
        self.change_link(task, &TaskLink { kind, group, name }, add);
    }

    /// Runs a task's listeners of an event.
    pub(crate) fn notify_task(&mut self, task: Id, event: TaskEvent) -> Result<(), Rejection> {
        self.notify_listeners(task, event, None)
    }

    /// The same, of the one at that place among those of the event.
    fn notify_listeners(&mut self, task: Id, event: TaskEvent, only: Option<usize>) -> Result<(), Rejection> {
        let token = self.inst.tasks.get(task).and_then(|row| row.token_id);
        let Some(token) = token.filter(|_| !self.skip_listeners) else {
            return Ok(());
        };
        let listeners = self.node_of(token)?.behavior.task_listeners();
        let of_event = listeners.iter().filter(|listener| listener.event == event);
        let wanted = of_event
            .enumerate()
            .filter(|(place, _)| only.is_none_or(|only| only == *place));
        for (_, listener) in wanted {
            let result = self.in_scene(Scene::Task(event), |ctx| {
                ctx.run_task_listener(&listener.run, token, task)
            });
            result.map_err(explained)?;
        }
        Ok(())
    }

    fn run_task_listener(&mut self, listener: &Listener, token: Id, task: Id) -> Result<(), Rejection> {
        match listener {
            Listener::Expression(expression) => self.eval_in_task(expression, token, task).map(drop),
            Listener::Script(script) => {
                let ended = self.run_script(script, Some(token), Some(task))?;
                ended.value(self, Some(token)).map(drop)
            }
            Listener::Class(class) => Err(self.missing_class(Some(token), class)),
            Listener::Delegate(expression, field) => {
                let found = self.eval(expression, Some(token))?;
                if let Some(field) = field {
                    return Err(self.failure_at(Some(token), java_code::no_field(field, &found)));
                }
                let message = format!(
                    "Delegate expression {} did not resolve to an implementation of interface \
                     org.camunda.bpm.engine.delegate.TaskListener",
                    expression.text()
                );
                Err(self.failure_at(Some(token), message))
            }
        }
    }
}

/// A failure of a task listener in the words of the reference.
fn explained(cause: Rejection) -> Rejection {
    match cause {
        Rejection::Failure { message, element } => Rejection::Failure {
            message: format!(
                "ENGINE-03051 There was an exception while invoking the TaskListener. Message: '{message}'"
            ),
            element,
        },
        other => other,
    }
}
