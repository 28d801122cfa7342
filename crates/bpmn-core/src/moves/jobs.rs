//! Jobs and incidents.
use crate::{
    Millis,
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    history::Kind,
    instance::{Incident, Job, JobKind, Made},
    timer::{self, TimerKind},
};
use expr::Value;
use topology::Id;

impl Ctx<'_, '_> {
    /// Adds a job for a token at a node.
    pub(crate) fn add_job(
        &mut self,
        token: Id,
        node: &Node,
        kind: JobKind,
        due: Option<Millis>,
        repeat: Option<String>,
    ) -> Result<Id, Rejection> {
        let priority = self.job_priority(token, node, kind)?;
        let id = self.new_id();
        let execution = self.execution_of(token)?;
        let held = self.def.job_setting(&node.id, kind).is_some_and(|s| s.suspended);
        let process = &self.inst.process;
        let mut job = Job {
            id,
            root_id: process.root_id,
            instance_id: Some(process.id),
            token_id: Some(token),
            execution_id: Some(execution),
            definition_id: process.definition_id,
            element: node.id.clone(),
            kind,
            due,
            retries: self.env.retries.tries,
            exclusive: match kind {
                timer if timer.is_timer() => node.timer_exclusive,
                _ => node.exclusive,
            },
            priority,
            suspended: process.suspended || held,
            created: self.env.now,
            lock_owner: None,
            lock_expires: None,
            error_message: None,
            stacktrace: None,
            failed_element: None,
            made: Made::default(),
            repeat,
            tenant_id: process.tenant_id.clone(),
            recorded: self.recording.keeps(Kind::Job),
        };
        job.retries = self.tries(&job);
        self.inst.jobs.insert(job.fresh());
        if due.is_none_or(|due| due <= self.env.now) {
            self.outcome.due_jobs.push(id);
        }
        Ok(id)
    }

    /// Whether a node starts an event subprocess.
    pub(crate) fn is_event_start(&self, node: &Node) -> bool {
        node.behavior.start().is_some() && node.parent.is_some_and(|p| self.node(p).event_subprocess)
    }

    /// Adds the next job of a timer that fires again: of a boundary event or an event subprocess that doesn't interrupt
    /// (or that has `failed`), or of a task's listener.
    pub(crate) fn repeat_timer(&mut self, fired: &Job, failed: bool) -> Result<(), Rejection> {
        let Some(repeat) = &fired.repeat else {
            return Ok(());
        };
        let Some(event) = self.def.definition.node(&fired.element) else {
            return Ok(());
        };
        let again = match event.attached_to {
            Some(_) => !event.interrupting,
            None => event.has_timeout() || (self.is_event_start(event) && (failed || !event.interrupting)),
        };
        if !again {
            return Ok(());
        }
        let now = self.env.now;
        let next = timer::next(TimerKind::Cycle, repeat, now, Some(repeat));
        let next = next.map_err(|cause| Self::failure(event, cause.explained(TimerKind::Cycle, repeat)))?;
        let Some((due, repeat)) = next else {
            return Ok(());
        };
        let id = self.new_id();
        let held = self
            .def
            .job_setting(&fired.element, fired.kind)
            .is_some_and(|s| s.suspended);
        let job = Job {
            id,
            due: Some(due),
            suspended: self.inst.process.suspended || held,
            created: now,
            repeat,
            recorded: self.recording.keeps(Kind::Job),
            ..fired.clone()
        };
        self.inst.jobs.insert(job.fresh());
        if due <= now {
            self.outcome.due_jobs.push(id);
        }
        Ok(())
    }

    /// Notes that something needs a human.
    pub(crate) fn add_incident(
        &mut self,
        kind: &str,
        element: &str,
        execution: Option<Id>,
        message: Option<String>,
        cause: Id,
    ) -> Result<(), Rejection> {
        let id = self.new_id();
        let process = &self.inst.process;
        let job = self.inst.jobs.get(cause);
        let incident = Incident {
            id,
            instance_id: Some(process.id),
            execution_id: execution,
            definition_id: process.definition_id,
            kind: kind.to_owned(),
            element: element.to_owned(),
            message,
            configuration: Some(cause.to_string()),
            job_kind: job.map(|job| job.kind),
            failed_element: job.and_then(|job| job.failed_element.clone()),
            annotation: None,
            created: self.env.now,
            cause_id: id,
            root_cause_id: id,
            tenant_id: process.tenant_id.clone(),
            recorded: self.recording.keeps(Kind::Incident),
        };
        self.inst.incidents.insert(incident);
        self.raise_in_caller(kind, id, id)
    }
}

/// An integer, or a text or floating number that is one.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Short(n) => Some((*n).into()),
        Value::Int(n) => Some((*n).into()),
        Value::Long(n) => Some(*n),
        Value::Double(n) => Some(*n as i64),
        Value::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}
