//! `task` in expressions: what it tells, and what can be set on it.
use super::{Bean, EXECUTION, Place, opt_text, text};
use crate::{Millis, instance::UserTask, moves::Scene};
use expr::{EvalError, Value};
use topology::Id;

impl Place<'_, '_, '_> {
    /// A property of `task`; `None`: it has none of that name.
    pub(super) fn task_property(&self, task: Id, name: &str) -> Option<Value> {
        let ctx = &*self.ctx;
        let task = ctx.inst.tasks.get(task)?;
        let date = |date: Option<Millis>| date.map_or(Value::Null, Value::Date);
        let id = |id: Option<Id>| text(id.map(|id| id.to_string()));
        Some(match name {
            "id" => Value::Str(task.id.to_string()),
            "name" => text(task.name.clone()),
            "description" => text(task.description.clone()),
            "assignee" => text(task.assignee.clone()),
            "owner" => text(task.owner.clone()),
            "priority" => Value::Int(task.priority),
            "taskDefinitionKey" => text(task.element.clone()),
            "dueDate" => date(task.due),
            "followUpDate" => date(task.follow_up),
            "createTime" => Value::Date(task.created),
            "lastUpdated" => date(task.last_updated),
            "executionId" => id(task.execution_id),
            "execution" => Value::Bean(EXECUTION.to_owned()),
            "variableScopeKey" => Value::from("task"),
            "parentTaskId" | "caseInstanceId" | "caseExecutionId" | "caseDefinitionId" => Value::Null,
            "processInstanceId" => id(task.instance_id),
            "processDefinitionId" => Value::Str(ctx.def.rest_id.to_owned()),
            "tenantId" => text(task.tenant_id.clone()),
            "eventName" => match ctx.scene {
                Some(Scene::Task(event)) => Value::from(event.word()),
                _ => Value::Null,
            },
            "deleteReason" => text(ctx.why_tasks_end().map(str::to_owned)),
            "suspended" => Value::Bool(task.suspended),
            "formKey" => text(task.form_key.clone()),
            _ => return None,
        })
    }

    /// `setNAME` of `task`; `None`: it has no such method.
    pub(super) fn set_task(
        &mut self,
        task: Id,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, EvalError> {
        let [value] = args else { return Ok(None) };
        let date = |value: &Value| match value {
            Value::Null => Some(None),
            Value::Date(date) => Some(Some(*date)),
            _ => None,
        };
        let Some(row) = self.ctx.inst.tasks.get(task) else {
            return Ok(None);
        };
        let before = (row.assignee.clone(), row.owner.clone());
        let mut change = |change: &mut dyn FnMut(&mut UserTask)| {
            self.ctx.inst.tasks.get_mut(task).map(change);
        };
        match name {
            "Assignee" => change(&mut |row| row.assignee = opt_text(value)),
            "Owner" => change(&mut |row| row.owner = opt_text(value)),
            "Name" => change(&mut |row| row.name = opt_text(value)),
            "Description" => change(&mut |row| row.description = opt_text(value)),
            "Priority" => match crate::moves::whole_number(value).and_then(|n| i32::try_from(n).ok()) {
                Some(priority) => change(&mut |row| row.priority = priority),
                None => return Ok(None),
            },
            "DueDate" | "FollowUpDate" => match date(value) {
                Some(date) if name == "DueDate" => change(&mut |row| row.due = date),
                Some(date) => change(&mut |row| row.follow_up = date),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }
        let after = self
            .ctx
            .inst
            .tasks
            .get(task)
            .map(|row| (row.assignee.clone(), row.owner.clone()));
        let (assignee, owner) = after.unwrap_or_default();
        match name {
            "Assignee" => self.ctx.tell_link_change(task, "assignee", before.0, assignee),
            "Owner" => self.ctx.tell_link_change(task, "owner", before.1, owner),
            _ => {}
        }
        Ok(Some(Value::Null))
    }

    /// `addCandidateUser`, `deleteCandidateGroup` and the like; `None`: it is no such method.
    pub(super) fn change_candidates(&mut self, task: Id, method: &str, args: &[Value]) -> Option<Value> {
        let (add, what) = match method.strip_prefix("addCandidate") {
            Some(what) => (true, what),
            None => (false, method.strip_prefix("deleteCandidate")?),
        };
        let group = what.starts_with("Group");
        let [value] = args else { return None };
        let names = match (what, value) {
            ("User" | "Group", Value::Str(name)) => vec![name.clone()],
            ("Users" | "Groups", Value::List(names)) if add => names.iter().map(Value::to_text).collect(),
            _ => return None,
        };
        for name in names {
            self.ctx.change_candidate(task, (group, name), add);
        }
        Some(Value::Null)
    }
}

impl Bean {
    /// The task whose own variables are meant by "local".
    pub(super) fn task(self) -> Option<Id> {
        match self {
            Bean::Task(task) => Some(task),
            Bean::Execution | Bean::ExternalTask => None,
        }
    }
}
