//! What operators change about jobs: tries, due dates, priorities, suspension.
use crate::{
    Millis,
    command::{JobChange, Rejection},
    ctx::Ctx,
    instance::{Job, JobKind},
};
use topology::Id;

impl Ctx<'_, '_> {
    pub(crate) fn job_mut(&mut self, job: Id) -> Result<&mut Job, Rejection> {
        self.inst
            .jobs
            .get_mut(job)
            .ok_or(Rejection::NotFound { kind: "Job", id: job })
    }

    /// Changes every job, or those of one kind at an element.
    pub(crate) fn change_jobs(
        &mut self,
        at: Option<&(String, JobKind)>,
        change: &JobChange,
    ) -> Result<(), Rejection> {
        let wanted =
            |job: &&Job| at.is_none_or(|(element, kind)| job.kind == *kind && job.element == *element);
        let ids: Vec<Id> = self.inst.jobs.iter().filter(wanted).map(|job| job.id).collect();
        for job in ids {
            match change {
                JobChange::Suspended(suspended) => self.job_mut(job)?.suspended = *suspended,
                JobChange::Priority(priority) => self.job_mut(job)?.priority = *priority,
                // As in the reference, only jobs without tries get new ones, and their incidents stay.
                JobChange::Retries { retries, due } => {
                    let row = self.job_mut(job)?;
                    if row.retries == 0 {
                        row.retries = *retries;
                        row.due = due.unwrap_or(row.due);
                    }
                }
            }
            self.ready_if_due(job);
        }
        Ok(())
    }

    /// Tells the shell of a job that may run now.
    fn ready_if_due(&mut self, job: Id) {
        let now = self.env.now;
        let ready = |job: &Job| !job.suspended && job.retries > 0 && job.due.is_none_or(|due| due <= now);
        if self.inst.jobs.get(job).is_some_and(ready) && !self.outcome.due_jobs.contains(&job) {
            self.outcome.due_jobs.push(job);
        }
    }

    /// Sets a timer's due date anew from its expression.
    pub(crate) fn recalculate_due(&mut self, job: Id, from_creation: bool) -> Result<(), Rejection> {
        let row = self.job_mut(job)?.clone();
        let definition = self.def.definition;
        let found = definition.node(&row.element);
        let timer = found.and_then(|node| Some((node, node.timer_of(row.kind)?, row.token_id?)));
        let Some((node, timer, token)) = timer else {
            return Err(not_a_timer(job, "async-continuation"));
        };
        let base = if from_creation { row.created } else { self.env.now };
        let (due, _) = timer.due_from(node, token, self, base)?;
        self.set_job_due(job, Some(due), false)
    }

    pub(crate) fn set_job_due(
        &mut self,
        job: Id,
        due: Option<Millis>,
        cascade: bool,
    ) -> Result<(), Rejection> {
        let row = self.job_mut(job)?;
        if cascade {
            row.shift_repeats(due);
        }
        row.due = due;
        self.ready_if_due(job);
        Ok(())
    }

    pub(crate) fn set_job_retries(
        &mut self,
        job: Id,
        retries: i32,
        due: Option<Option<Millis>>,
    ) -> Result<(), Rejection> {
        if retries < 0 {
            let message = "The number of job retries must be a non-negative Integer, but '";
            return Err(Rejection::BadRequest(format!(
                "{message}{retries}' has been provided."
            )));
        }
        let now = self.env.now;
        let row = self.job_mut(job)?;
        let before = std::mem::replace(&mut row.retries, retries);
        if let Some(due) = due {
            row.due = due;
        }
        let row = row.clone();
        if retries == 0 && before > 0 {
            self.add_incident(
                "failedJob",
                &row.element,
                row.execution_id,
                row.error_message,
                job,
            )?;
        } else if retries > 0 {
            self.end_incidents_of(job, true);
            if row.due.is_none_or(|due| due <= now) {
                self.outcome.due_jobs.push(job);
            }
        }
        Ok(())
    }

    /// Suspends or activates the instance with everything in it.
    pub(crate) fn set_suspended(&mut self, suspended: bool) {
        self.inst.process.suspended = suspended;
        let now = self.env.now;
        // Parts of tasks are no tasks of the process.
        self.inst
            .tasks
            .change_all(|task| task.suspended = suspended && !task.is_standalone());
        self.inst
            .external_tasks
            .change_all(|task| task.suspended = suspended);
        self.inst.jobs.change_all(|job| job.suspended = suspended);
        if !suspended {
            let topics: Vec<String> = self.inst.external_tasks.iter().map(|t| t.topic.clone()).collect();
            topics.into_iter().for_each(|topic| self.offer(topic));
            let due = self
                .inst
                .jobs
                .iter()
                .filter(|job| job.due.is_none_or(|due| due <= now));
            self.outcome.due_jobs.extend(due.map(|job| job.id));
        }
    }
}

fn not_a_timer(job: Id, kind: &str) -> Rejection {
    Rejection::BadRequest(format!(
        "Only timer jobs can be recalculated, but the job with id '{job}' is of type '{kind}'."
    ))
}
