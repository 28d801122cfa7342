//! Jobs and incidents.
use crate::{
    Millis,
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    history::Kind,
    instance::{Incident, Job, JobKind},
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
        let process = &self.inst.process;
        self.inst.jobs.insert(Job {
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
            exclusive: node.exclusive,
            priority,
            suspended: process.suspended,
            created: self.env.now,
            lock_owner: None,
            lock_expires: None,
            error_message: None,
            stacktrace: None,
            repeat,
            tenant_id: process.tenant_id.clone(),
            recorded: self.recording.keeps(Kind::Job),
        });
        if due.is_none_or(|due| due <= self.env.now) {
            self.outcome.due_jobs.push(id);
        }
        Ok(id)
    }

    /// Whether a node starts an event subprocess.
    pub(crate) fn is_event_start(&self, node: &Node) -> bool {
        node.behavior.start().is_some() && node.parent.is_some_and(|p| self.node(p).event_subprocess)
    }

    /// Adds the next job of a timer that fires again: of a boundary event, or an event subprocess, that doesn't
    /// interrupt.
    pub(crate) fn repeat_timer(&mut self, fired: &Job) -> Result<(), Rejection> {
        let (Some(repeat), Some(token)) = (&fired.repeat, fired.token_id) else {
            return Ok(());
        };
        let Some(event) = self.def.definition.node(&fired.element) else {
            return Ok(());
        };
        let waits_on = event.attached_to.is_some() || self.is_event_start(event);
        if event.interrupting || !waits_on || self.scope_of(token).is_some_and(|t| self.is_event_scope(t)) {
            return Ok(());
        }
        let now = self.env.now;
        let next = timer::next(TimerKind::Cycle, repeat, now, Some(repeat));
        let next = next.map_err(|cause| Self::failure(event, cause.explained(TimerKind::Cycle, repeat)))?;
        let Some((due, repeat)) = next else {
            return Ok(());
        };
        let id = self.new_id();
        self.inst.jobs.insert(Job {
            id,
            due: Some(due),
            created: now,
            lock_owner: None,
            lock_expires: None,
            error_message: None,
            stacktrace: None,
            repeat,
            recorded: self.recording.keeps(Kind::Job),
            ..fired.clone()
        });
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
    ) {
        let id = self.new_id();
        let process = &self.inst.process;
        self.inst.incidents.insert(Incident {
            id,
            instance_id: Some(process.id),
            execution_id: execution,
            definition_id: process.definition_id,
            kind: kind.to_owned(),
            element: element.to_owned(),
            message,
            configuration: Some(cause.to_string()),
            created: self.env.now,
            cause_id: id,
            root_cause_id: id,
            tenant_id: process.tenant_id.clone(),
            recorded: self.recording.keeps(Kind::Incident),
        });
    }

    /// Counts a failed try of a job, by the element's retry cycle if it has one.
    pub(crate) fn fail_job(&mut self, job: Id, message: String, stacktrace: String) -> Result<(), Rejection> {
        let row = self
            .inst
            .jobs
            .get(job)
            .cloned()
            .ok_or(Rejection::NotFound { kind: "Job", id: job })?;
        let cycle = self.retry_cycle(&row);
        let now = self.env.now;
        let mut retries = row.retries;
        let mut due = row.due;
        if let Some(cycle) = &cycle {
            // The first failure sets how many tries there are in all.
            if row.error_message.is_none() {
                retries = cycle.tries;
            }
            let last = cycle.waits.len().saturating_sub(1);
            let at = (cycle.waits.len() as i64 - (i64::from(retries) - 1)).clamp(0, last as i64);
            if let Some(wait) = cycle.waits.get(at as usize) {
                due = timer::duration(wait, now).ok().or(due);
            }
        }
        let failed = Job {
            retries,
            ..row.clone()
        };
        self.tell_job_failure(failed, &message, &stacktrace);
        retries = (retries - 1).max(0);
        if let Some(row) = self.inst.jobs.get_mut(job) {
            row.retries = retries;
            row.due = due;
            row.error_message = Some(message.clone());
            row.stacktrace = Some(stacktrace);
            row.lock_owner = None;
            row.lock_expires = None;
        }
        if retries == 0 {
            // One that fails again, run by hand, keeps its incident.
            if row.retries > 0 {
                self.end_incidents_of(job, true);
                self.add_incident("failedJob", &row.element, row.execution_id, Some(message), job);
            }
        } else if due.is_none_or(|due| due <= now) {
            self.outcome.due_jobs.push(job);
        }
        Ok(())
    }

    fn retry_cycle(&mut self, job: &Job) -> Option<RetryCycle> {
        let definition = self.def.definition;
        let Some(expression) = &definition.node(&job.element)?.retry_cycle else {
            return RetryCycle::read(self.env.retries.cycle?);
        };
        // A cycle that can't be evaluated or read falls back to the default, as in the reference.
        let text = self.eval_text(expression, job.token_id).ok()??;
        RetryCycle::read(&text)
    }
}

/// Whether a text is a `failedJobRetryTimeCycle` without expressions.
pub(crate) fn is_retry_cycle(text: &str) -> bool {
    RetryCycle::read(text).is_some()
}

/// A `failedJobRetryTimeCycle`.
#[derive(Debug, PartialEq)]
struct RetryCycle {
    tries: i32,
    /// Durations.
    waits: Vec<String>,
}

impl RetryCycle {
    /// Reads `R3/PT10S`, or a list of waits `PT10S,PT1M` with one try more than waits. In a list the number of a
    /// repeat is not looked at, as in the reference.
    fn read(text: &str) -> Option<RetryCycle> {
        let mut tries = None;
        let parts = text.split(',').map(str::trim);
        let waits = parts.map(|part| {
            let Some((times, wait)) = part.split_once('/') else {
                return Some(part);
            };
            tries = Some(times.strip_prefix('R')?.parse::<i32>().ok()?);
            Some(wait)
        });
        let waits: Option<Vec<String>> = waits
            .map(|wait| {
                wait.filter(|wait| timer::duration(wait, 0).is_ok())
                    .map(str::to_owned)
            })
            .collect();
        let waits = waits?;
        let tries = tries
            .filter(|_| waits.len() == 1)
            .unwrap_or(waits.len() as i32 + 1);
        Some(RetryCycle { tries, waits })
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

#[cfg(test)]
mod tests {
    use super::RetryCycle;

    #[test]
    fn s3_15_retry_cycles_are_repeats_single_waits_and_lists() {
        let read = |text| RetryCycle::read(text).map(|cycle| (cycle.tries, cycle.waits.join(" ")));
        assert_eq!(read("R4/PT1M"), Some((4, "PT1M".to_owned())));
        assert_eq!(read("PT5M"), Some((2, "PT5M".to_owned())));
        assert_eq!(read("PT10S, PT1M ,PT2M"), Some((4, "PT10S PT1M PT2M".to_owned())));
        assert_eq!(read("R2/PT1M,R3/PT2M"), Some((3, "PT1M PT2M".to_owned())));
        for wrong in ["", "nonsense", "R/", "Rx/PT1M", "PT1M,"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
