//! Tasks that no process has made: a unit holds one without a parent and what is part of it. It is an instance without
//! tokens and without a definition; parts of a process's task belong to the process instance.
use crate::{
    command::{Env, NewTask, Rejection},
    ctx::Ctx,
    definition::{Definition, DefinitionRef},
    history::Kind,
    instance::*,
    moves::Around,
    value::Variables,
};
use std::sync::LazyLock;
use topology::{Id, Slot};

/// A unit with nothing in it, in a slot of the caller's choice; `Command::CreateTask` makes its first task.
pub fn new_tasks(slot: Slot, env: &mut Env<'_>) -> Instance {
    let id = env.ids.next(slot);
    Instance::new(ProcessInstance {
        id,
        root_id: id,
        super_token_id: None,
        super_instance_id: None,
        definition_id: Id::NIL,
        business_key: None,
        revision: 0,
        suspended: false,
        started: env.now,
        start_user: None,
        start_element: String::new(),
        tenant_id: None,
        retention: crate::history::retention(None),
        recorded: false,
        restarted_id: None,
        case_instance_id: None,
    })
}

/// What such a unit has in place of a definition.
pub fn no_definition() -> DefinitionRef<'static> {
    static NONE: LazyLock<Definition> = LazyLock::new(Definition::empty);
    DefinitionRef {
        id: Id::NIL,
        definition: &NONE,
        rest_id: "",
        version: 0,
        tenant_id: None,
        job_settings: &[],
    }
}

impl Ctx<'_, '_> {
    /// Makes a task: the first of a new unit, or a part of another task.
    pub(crate) fn create_task(&mut self, new: NewTask) -> Result<(), Rejection> {
        let tenant_id = match new.parent {
            None => new.tenant_id.clone(),
            Some(parent) => self.tenant_of_part(parent, new.tenant_id.as_deref())?,
        };
        let id = new.id.unwrap_or_else(|| self.new_id());
        let fields = new.fields;
        self.inst.tasks.insert(UserTask {
            id,
            instance_id: Some(self.inst.process.id),
            token_id: None,
            execution_id: None,
            activity_id: None,
            definition_id: None,
            element: None,
            name: fields.name.flatten(),
            description: fields.description.flatten(),
            assignee: fields.assignee.flatten(),
            owner: fields.owner.flatten(),
            delegation: fields.delegation.flatten(),
            priority: fields.priority.unwrap_or_default(),
            created: self.env.now,
            last_updated: None,
            due: fields.due.flatten(),
            follow_up: fields.follow_up.flatten(),
            suspended: false,
            form_key: None,
            tenant_id,
            recorded: self.recording.keeps(Kind::Task),
            parent_id: new.parent,
            case_instance_id: fields.case_instance_id.flatten(),
            candidates: Vec::new(),
            links: Vec::new(),
            changed_links: Vec::new(),
        });
        self.tell_links(id);
        Ok(())
    }

    /// A part has the tenant of the whole.
    fn tenant_of_part(&self, parent: Id, tenant: Option<&str>) -> Result<Option<String>, Rejection> {
        let (_, row) = self.active_task(parent)?;
        match (tenant, row.tenant_id.as_deref()) {
            (Some(own), whole) if Some(own) != whole => Err(Rejection::Failure {
                message: format!(
                    "ENGINE-03073 Cannot set different tenantId on subtask than on parent Task. Parent taskId: \
                     '{parent}', tenantId: '{}', tenant id to set '{own}'",
                    whole.unwrap_or("null")
                ),
                element: None,
            }),
            _ => Ok(row.tenant_id.clone()),
        }
    }

    /// Makes a task a part of another one, or of none. As in the reference nobody looks whether that is there.
    ///
    /// # Errors
    /// It would be a part of itself.
    pub(crate) fn change_parent(&mut self, task: Id, parent: Option<Id>) -> Result<(), Rejection> {
        let parent_of = |id: Id| self.inst.tasks.get(id).and_then(|row| row.parent_id);
        if std::iter::successors(parent, |id| parent_of(*id)).any(|id| id == task) {
            let text = format!("task '{task}' can't be a part of itself");
            return Err(Rejection::BadRequest(text));
        }
        if self
            .inst
            .tasks
            .get(task)
            .is_some_and(|row| row.parent_id != parent)
            && let Some(row) = self.inst.tasks.remove(task)
        {
            self.inst.tasks.insert(UserTask {
                parent_id: parent,
                ..(*row).clone()
            });
        }
        Ok(())
    }

    /// Completes a task that no process has made. Variables are set around it, as on the execution of a process's:
    /// around one that is no part of another there is nothing.
    pub(crate) fn complete_standalone(&mut self, task: Id, variables: &Variables) -> Result<(), Rejection> {
        self.set_around(task, variables);
        self.completing = Some(task);
        self.end_standalone(task);
        Ok(())
    }

    /// Sets variables in what a task that no process has made is a part of.
    pub(crate) fn set_around(&mut self, task: Id, variables: &Variables) {
        for (name, value) in variables {
            match self.around_task(task) {
                Around::Task(parent) => {
                    let token = self.inst.tasks.get(parent).and_then(|row| row.token_id);
                    self.set_variable(token, Some(parent), name, value.clone());
                }
                Around::Token(token) => self.set_variable(Some(token), None, name, value.clone()),
                Around::Nothing => {}
            }
        }
    }

    /// Deletes a task that no process has made.
    pub(crate) fn delete_task(&mut self, task: Id, reason: Option<String>) -> Result<(), Rejection> {
        // Suspended or not.
        if self
            .inst
            .tasks
            .get(task)
            .is_some_and(|row| row.token_id.is_some())
        {
            return Err(Rejection::Failure {
                message: "The task cannot be deleted because is part of a running process".to_owned(),
                element: None,
            });
        }
        self.active_task(task)?;
        self.task_reason = reason;
        self.end_standalone(task);
        Ok(())
    }

    fn end_standalone(&mut self, task: Id) {
        self.end_task(task, None);
        if self.inst.is_standalone() && self.inst.tasks.is_empty() {
            self.inst.ended = true;
        }
    }

    /// No process has made the task at which a BPMN error is reported, so nothing catches it.
    pub(crate) fn uncaught(code: &str) -> Rejection {
        Rejection::Failure {
            message: format!("ENGINE-13033 Propagation of bpmn error {code} failed. "),
            element: None,
        }
    }

    /// The same of an escalation, as the reference fails.
    pub(crate) fn escalated_nowhere() -> Rejection {
        Rejection::Failure {
            message: "Cannot invoke \"org.camunda.bpm.engine.impl.pvm.delegate.ActivityExecution.getActivity()\" because \
                      \"execution\" is null"
                .to_owned(),
            element: None,
        }
    }
}
