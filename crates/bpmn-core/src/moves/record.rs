//! What ends leaves its row in history, if history is to tell of it: of rows by the flag they were made with, of
//! events by what is recorded now.
use crate::{
    command::Rejection,
    ctx::Ctx,
    history::Kind,
    instance::*,
    tracked::By,
    tree::lies_above,
    value::{TypedValue, Variables},
};
use std::sync::Arc;
use topology::Id;

/// Why a task has ended, in the reference's words.
const COMPLETED: &str = "completed";
const DELETED: &str = "deleted";

impl Ctx<'_, '_> {
    fn tell(&mut self, row: HistoryRow) {
        self.inst.history.push(row);
    }

    /// Takes out the variables of a scope or task that has ended; `activity` is the scope's activity instance.
    pub(crate) fn end_variables(&mut self, by: By<'_>, activity: Option<Id>) {
        if self.inst.variables.is_empty() {
            return;
        }
        for id in self.inst.variables.ids_by(by) {
            self.end_variable(id, activity);
        }
    }

    /// Takes out the variables of a token's activity that ends; those of a concurrent execution above it stay.
    pub(crate) fn end_own_variables(&mut self, token: Id, activity: Option<Id>) {
        if self.inst.variables.is_empty() {
            return;
        }
        let Some(row) = self.inst.tokens.get(token).cloned() else {
            return;
        };
        for id in self.inst.variables.ids_by(By::Scope(token)) {
            let variable = self.inst.variables.get(id);
            if !variable.is_some_and(|variable| lies_above(&row, variable)) {
                self.end_variable(id, activity);
            }
        }
    }

    /// Takes out all variables: the instance has ended. Its own can still be asked for in this step.
    pub(crate) fn end_all_variables(&mut self) {
        let process = self.inst.process.id;
        let ids: Vec<Id> = self.inst.variables.iter().map(|v| v.id).collect();
        for id in ids {
            if let Some(variable) = self.end_variable(id, None)
                && variable.scope_id == process
                && variable.task_id.is_none()
            {
                self.inst.last_variables.push(variable);
            }
        }
    }

    pub(crate) fn end_variable(&mut self, id: Id, activity_id: Option<Id>) -> Option<Arc<Variable>> {
        let variable = self.inst.variables.remove(id)?;
        self.tell_variable(variable.clone(), activity_id, false);
        Some(variable)
    }

    fn tell_variable(&mut self, variable: Arc<Variable>, activity_id: Option<Id>, deleted: bool) {
        if variable.version.recorded >= Recorded::Variable {
            let ended = self.env.now;
            self.tell(HistoryRow::Variable(HistoricVariable {
                variable,
                activity_id,
                ended,
                deleted,
            }));
        } else if variable.version.recorded != Recorded::Forgotten {
            self.release(&variable.value);
        }
    }

    /// History forgets a variable of this instance, or all of them; what is set later is told again.
    pub(crate) fn forget_variables(&mut self, variable: Option<Id>) -> Result<(), Rejection> {
        let all = self.inst.variables.iter();
        let told =
            all.filter(|v| v.version.recorded >= Recorded::Variable && variable.is_none_or(|id| v.id == id));
        let ids: Vec<Id> = told.map(|v| v.id).collect();
        for id in ids {
            self.inst
                .variables
                .update(id, |v| v.version.recorded = Recorded::Forgotten);
        }
        match variable.filter(|id| self.inst.variables.get(*id).is_none()) {
            Some(id) => Err(Rejection::NotFound { kind: "Variable", id }),
            None => Ok(()),
        }
    }

    /// Takes out a variable by name. Where values are told, a null of its type tells of it, as in the reference.
    pub(crate) fn delete_variable(&mut self, id: Id, writer: Option<Id>) {
        let Some(variable) = self.inst.variables.remove(id) else {
            return;
        };
        if variable.task_id.is_none() {
            self.note_change(variable.scope_id, &variable.name, "delete");
        }
        if variable.version.recorded == Recorded::Detail {
            let version = Version {
                updated: Some(self.env.now),
                revision: variable.version.revision + 1,
                version_id: Some(self.new_id()),
                writer_id: writer,
                initial: false,
                ..variable.version
            };
            let gone = Variable {
                name: variable.name.clone(),
                value: variable.value.emptied(),
                version,
                ..*variable
            };
            self.tell(HistoryRow::Detail(Arc::new(gone)));
        }
        let tokens = &self.inst.tokens;
        let activity = tokens.get(variable.scope_id).and_then(|t| t.activity_id);
        self.tell_variable(variable, activity, true);
    }

    /// Gives a variable another value; the old one goes to history. The same value changes nothing: false.
    pub(crate) fn replace_value(&mut self, id: Id, value: TypedValue, writer: Option<Id>) -> bool {
        let value = value.folded();
        if self.inst.variables.get(id).is_none_or(|v| v.value == value) {
            return false;
        }
        // Revisions are counted by commits: what one step does again has the revision of the first time.
        let again = self.inst.variables.is_changed(id);
        let Some(old) = self.inst.variables.remove(id) else {
            return false;
        };
        let before = old.version.recorded;
        // What history doesn't know from the beginning it doesn't get to know.
        let recorded = match before {
            Recorded::No => Recorded::No,
            _ => self.recording.value(&old.name),
        };
        let value = self.kept(value, recorded);
        let detailed = recorded == Recorded::Detail;
        if old.task_id.is_none() {
            self.note_change(old.scope_id, &old.name, "update");
        }
        // A variable of this step is shown where its last value is set.
        let shown_id = match again && old.version.created == self.env.now {
            true => self.shown_apart(old.scope_id, old.task_id),
            false => old.version.shown_id,
        };
        let created = match before {
            Recorded::Forgotten => self.env.now,
            _ => old.version.created,
        };
        let version = Version {
            created,
            updated: Some(self.env.now),
            shown_id,
            revision: old.version.revision + i32::from(!again),
            version_id: if detailed { Some(self.new_id()) } else { None },
            writer_id: writer,
            recorded,
            initial: false,
        };
        self.inst.variables.insert(Variable {
            name: old.name.clone(),
            value,
            version,
            ..*old
        });
        if recorded == Recorded::No {
            // No longer told: history keeps the last value it knew.
            let activity = self.inst.tokens.get(old.scope_id).and_then(|t| t.activity_id);
            self.tell_variable(old, activity, false);
        } else if before == Recorded::Detail {
            self.tell(HistoryRow::Detail(old));
        } else if before != Recorded::Forgotten {
            self.release(&old.value);
        }
        true
    }

    /// Why tasks are deleted, where somebody says so.
    pub(crate) fn why_tasks_end(&self) -> Option<&str> {
        self.task_reason.as_deref().or(self.delete_reason.as_deref())
    }

    /// Takes out a user task that has ended.
    pub(crate) fn end_task(&mut self, id: Id, activity: Option<Id>) {
        let reason = match self.completing == Some(id) {
            true => COMPLETED,
            false => self.why_tasks_end().unwrap_or(DELETED),
        };
        let reason = reason.to_owned();
        self.end_task_because(id, activity, &reason);
    }

    /// Takes out a task, and what is part of it.
    fn end_task_because(&mut self, id: Id, activity: Option<Id>, reason: &str) {
        let Some(task) = self.inst.tasks.remove(id) else {
            return;
        };
        for part in self.inst.tasks.ids_by(By::Task(id)) {
            self.end_task_because(part, None, reason);
        }
        self.end_variables(By::Task(id), activity);
        if task.recorded {
            let went_along = reason == COMPLETED && self.completing != Some(id);
            let row = HistoricTask {
                task,
                ended: self.env.now,
                delete_reason: Some(reason.to_owned()),
                went_along,
            };
            self.tell(HistoryRow::Task(row));
        }
    }

    /// Takes out an external task that has ended, and its incident.
    pub(crate) fn end_external_task(&mut self, id: Id) {
        let Some(task) = self.inst.external_tasks.remove(id) else {
            return;
        };
        let completed = self.completing == Some(id);
        self.end_incidents_of(id, completed);
        if task.recorded {
            let state = match completed {
                true => RunState::Successful,
                false => RunState::Deleted,
            };
            self.tell_external_task(task, state);
        }
    }

    /// Tells of a failure of an external task, with the message it has now and the retries it had before.
    pub(crate) fn tell_external_failure(&mut self, id: Id, retries: Option<i32>) {
        if !self.recording.keeps(Kind::ExternalTaskFailed) {
            return;
        }
        if let Some(task) = self.inst.external_tasks.get(id) {
            let mut task = task.clone();
            task.retries = retries;
            self.tell_external_task(Arc::new(task), RunState::Failed);
        }
    }

    fn tell_external_task(&mut self, task: Arc<ExternalTask>, state: RunState) {
        let row = HistoricExternalTask {
            id: self.new_id(),
            task,
            time: self.env.now,
            state,
        };
        self.tell(HistoryRow::ExternalTask(row));
    }

    /// Takes out a job that has been run or that nobody waits for any more, and its incident.
    pub(crate) fn end_job(&mut self, id: Id, state: RunState) -> Option<Arc<Job>> {
        let job = self.inst.jobs.remove(id)?;
        self.end_incidents_of(id, state == RunState::Successful);
        if job.recorded {
            let row = HistoricJob {
                id: self.new_id(),
                job: job.clone(),
                time: self.env.now,
                state,
                error_message: None,
                stacktrace: None,
            };
            self.tell(HistoryRow::Job(row));
        }
        Some(job)
    }

    /// Tells of a failed run of a job, given as it was before.
    pub(crate) fn tell_job_failure(&mut self, job: Job, message: &str, stacktrace: &str) {
        if !self.recording.keeps(Kind::JobFailed) {
            return;
        }
        let row = HistoricJob {
            id: self.new_id(),
            job: Arc::new(job),
            time: self.env.now,
            state: RunState::Failed,
            error_message: Some(message.to_owned()),
            stacktrace: Some(stacktrace.to_owned()),
        };
        self.tell(HistoryRow::Job(row));
    }

    /// Takes out the incidents about a job or an external task.
    pub(crate) fn end_incidents_of(&mut self, cause: Id, resolved: bool) {
        if self.inst.incidents.is_empty() {
            return;
        }
        let configuration = cause.to_string();
        for id in self.inst.incidents.ids_by(By::Cause(&configuration)) {
            self.end_incident(id, resolved);
        }
    }

    /// Takes out the incidents that one of a called instance has caused.
    pub(crate) fn end_caused(&mut self, cause: Id, resolved: bool) {
        for id in self.inst.incidents.ids_by(By::Caused(cause)) {
            self.end_incident(id, resolved);
        }
    }

    /// Takes out the incidents of an element in an execution.
    pub(crate) fn end_incidents_at(&mut self, execution: Id, element: &str) {
        let all = self.inst.incidents.by(By::Execution(execution));
        let gone: Vec<Id> = all.filter(|i| i.element == element).map(|i| i.id).collect();
        for id in gone {
            self.end_incident(id, false);
        }
    }

    /// Takes out all incidents: the instance has ended.
    pub(crate) fn end_all_incidents(&mut self) {
        let ids: Vec<Id> = self.inst.incidents.iter().map(|i| i.id).collect();
        for id in ids {
            self.end_incident(id, false);
        }
    }

    /// Takes out an incident; whether there was one.
    pub(crate) fn end_incident(&mut self, id: Id, resolved: bool) -> bool {
        let Some(incident) = self.inst.incidents.remove(id) else {
            return false;
        };
        if let Some((caller, _)) = self.caller() {
            self.cause_ended(caller, id, resolved, incident.kind == "failedJob");
        }
        if incident.recorded {
            let row = HistoricIncident {
                incident,
                ended: self.env.now,
                resolved,
            };
            self.tell(HistoryRow::Incident(row));
        }
        true
    }

    /// Tells who a new task is for.
    pub(crate) fn tell_links(&mut self, task: Id) {
        if !self.recording.keeps(Kind::LinkAdded) {
            return;
        }
        let Some(row) = self.inst.tasks.get(task) else {
            return;
        };
        let (assignee, candidates) = (row.assignee.clone(), row.candidates.clone());
        let owner = row.owner.clone().filter(|_| row.is_standalone());
        if let Some(user) = assignee {
            self.tell_link(task, "assignee", (false, user), true);
        }
        if let Some(user) = owner {
            self.tell_link(task, "owner", (false, user), true);
        }
        for who in candidates {
            self.tell_link(task, "candidate", who, true);
        }
    }

    /// Tells that the assignee or owner of a task has been set: as in the reference also to whom it was.
    pub(crate) fn tell_link_change(
        &mut self,
        task: Id,
        kind: &'static str,
        before: Option<String>,
        after: Option<String>,
    ) {
        for (user, added, told) in [(before, false, Kind::LinkDeleted), (after, true, Kind::LinkAdded)] {
            if let Some(user) = user.filter(|_| self.recording.keeps(told)) {
                self.tell_link(task, kind, (false, user), added);
            }
        }
    }

    /// Tells what the form of a start (no token) or of a task was submitted with: texts only, as in the reference.
    pub(crate) fn tell_fields(&mut self, token: Option<Id>, task: Option<Id>, submitted: &Variables) {
        if !self.recording.keeps(Kind::FormField) {
            return;
        }
        let instance_id = self.inst.process.id;
        let execution = token.and_then(|id| self.inst.tokens.get(id));
        let execution_id = execution.map_or(instance_id, |row| row.execution_id);
        let activity_id = self.writer_at(token, task).filter(|id| *id != Id::NIL);
        for (field, value) in submitted {
            let TypedValue::String(value) = value.clone().lasting().0 else {
                continue;
            };
            // A variable that no history may know is known by its field neither.
            if self.recording.value(field) == Recorded::No {
                continue;
            }
            let row = HistoricFormField {
                id: self.new_id(),
                instance_id,
                execution_id,
                activity_id,
                task_id: task,
                field: field.clone(),
                value,
                time: self.env.now,
            };
            self.tell(HistoryRow::FormField(row));
        }
    }

    pub(crate) fn tell_link(&mut self, task: Id, kind: &str, (group, name): (bool, String), added: bool) {
        let (user_id, group_id) = match group {
            true => (None, Some(name)),
            false => (Some(name), None),
        };
        let alone = self.inst.tasks.get(task).filter(|row| row.is_standalone());
        let (process, bound) = (&self.inst.process, alone.is_none());
        let row = HistoricIdentityLink {
            task_id: Some(task),
            instance_id: bound.then_some(process.id),
            definition_id: bound.then_some(process.definition_id),
            kind: kind.to_owned(),
            user_id,
            group_id,
            added,
            operator: self.env.user.map(str::to_owned),
            time: self.env.now,
            tenant_id: alone.map_or(&process.tenant_id, |row| &row.tenant_id).clone(),
            id: self.new_id(),
        };
        self.tell(HistoryRow::IdentityLink(row));
    }
}
