//! What becomes of a job that failed: how often and when it is tried again.
use crate::{
    Millis,
    command::{Rejection, Retries},
    ctx::Ctx,
    definition::Definition,
    instance::Job,
    timer::{Interval, TimerError},
};
use expr::{Expression, Value};
use topology::Id;

impl Ctx<'_, '_> {
    /// Counts a failed try of a job, by the element's retry cycle if it has one; `at`: where it failed.
    pub(crate) fn fail_job(
        &mut self,
        job: Id,
        at: Option<String>,
        message: String,
        stacktrace: String,
    ) -> Result<(), Rejection> {
        let row = self
            .inst
            .jobs
            .get(job)
            .cloned()
            .ok_or(Rejection::NotFound { kind: "Job", id: job })?;
        // A repeating timer goes on all the same, once. When that can't be told, it was what failed.
        let repeats = row.kind.is_timer() && row.repeat.is_some();
        let goes_on = repeats && self.repeat_timer(&row, true).is_ok();
        let now = self.env.now;
        let mut retries = row.retries;
        let mut due = row.due;
        if let Some(cycle) = self.retry_cycle(&row) {
            // The first failure sets how many tries there are in all.
            if row.error_message.is_none() {
                retries = cycle.at_first();
            }
            // A wait that can't be read leaves the job due as it was, as in the reference.
            let wait = cycle.due(retries, now);
            due = wait.map_or(due, |due| {
                later(due, row.id, retries, self.env.retries.jitter, now)
            });
        }
        let failed = Job {
            retries,
            failed_element: at.clone(),
            ..row.clone()
        };
        self.tell_job_failure(failed, &message, &stacktrace);
        retries = (retries - 1).max(0);
        if let Some(row) = self.inst.jobs.get_mut(job) {
            row.retries = retries;
            row.due = due;
            row.error_message = Some(message.clone());
            row.stacktrace = Some(stacktrace);
            row.failed_element = at;
            if goes_on {
                row.repeat = None;
            }
            row.lock_owner = None;
            row.lock_expires = None;
        }
        if retries == 0 {
            // One that fails again, run by hand, keeps its incident.
            if row.retries > 0 {
                self.end_incidents_of(job, true);
                self.add_incident("failedJob", &row.element, row.execution_id, Some(message), job)?;
            }
        } else if due.is_none_or(|due| due <= now) {
            self.outcome.due_jobs.push(job);
        }
        Ok(())
    }

    /// How many tries a new job has: those of its cycle, if it has one.
    pub(crate) fn tries(&mut self, job: &Job) -> i32 {
        self.retry_cycle(job)
            .map_or(job.retries, |cycle| cycle.at_first())
    }

    /// The cycle of the job's element, else the default. One that can't be evaluated or read is none: the job then
    /// has the usual tries.
    fn retry_cycle(&mut self, job: &Job) -> Option<RetryCycle> {
        let definition = self.def.definition;
        match definition.written_cycle(&job.element)? {
            None => RetryCycle::read(self.env.retries.cycle?),
            Some(expression) if is_plain(expression) => RetryCycle::read(expression.text()),
            Some(expression) => match self.eval(expression, job.token_id) {
                Ok(Value::Str(text)) => RetryCycle::read(&text),
                _ => None,
            },
        }
    }
}

/// As in the reference a text that only holds an expression is none.
fn is_plain(expression: &Expression) -> bool {
    !expression.text().starts_with("${") && !expression.text().starts_with("#{")
}

impl Definition {
    /// The cycle of an element, if it has one; `None`: there is no such element.
    fn written_cycle(&self, element: &str) -> Option<Option<&Expression>> {
        let written = self.node(element)?.retry_cycle.as_ref();
        Some(written.filter(|cycle| !cycle.text().is_empty()))
    }

    /// The cycle of a timer start event, whose job belongs to no instance: an expression that needs one is none.
    fn start_cycle(&self, element: &str, default: Retries<'_>) -> Option<RetryCycle> {
        match self.written_cycle(element)? {
            None => RetryCycle::read(default.cycle?),
            Some(expression) if is_plain(expression) => RetryCycle::read(expression.text()),
            Some(_) => None,
        }
    }

    /// How many tries a new job of a timer start event has.
    pub fn start_tries(&self, element: &str, default: Retries<'_>) -> i32 {
        let cycle = self.start_cycle(element, default);
        cycle.map_or(default.tries, |cycle| cycle.at_first())
    }

    /// Readies a start event's job that has failed for its next try: when, and of how many tries this was one. The first
    /// failure sets how many there are in all. Call it before the failure is noted and counted.
    pub fn schedule_start_retry(&self, job: &mut Job, default: Retries<'_>, now: Millis) {
        let Some(cycle) = self.start_cycle(&job.element, default) else {
            return;
        };
        if job.error_message.is_none() {
            job.retries = cycle.at_first();
        }
        let wait = cycle.due(job.retries, now);
        job.due = wait.map_or(job.due, |due| {
            later(due, job.id, job.retries, default.jitter, now)
        });
    }
}

/// A due date moved by up to so many percent of the wait, by what the job's id and the number of the try make of it: deciding again
/// gives the same.
fn later(due: Option<Millis>, job: Id, retries: i32, jitter: u8, now: Millis) -> Option<Millis> {
    let wait = due?.saturating_sub(now).max(0);
    // The multiplier of splitmix64: ids made one after the other differ in few bits.
    let seed =
        (job.0.as_u64_pair().1 ^ u64::from(retries.unsigned_abs())).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let part = (seed >> 54) as Millis;
    Some(due? + (wait / 100).saturating_mul(jitter.into()).saturating_mul(part) / 1024)
}

/// Whether a text is a `failedJobRetryTimeCycle` without expressions.
pub(crate) fn is_retry_cycle(text: &str) -> bool {
    let read = RetryCycle::read(text);
    read.is_some_and(|cycle| cycle.waits.iter().all(|wait| Interval::read(wait, 0).is_ok()))
}

/// A `failedJobRetryTimeCycle`: `R3/PT10S`, a wait `PT5M` for one more try, or a list of waits `PT10S,PT1M` with one
/// try more than waits. In a list the number of a repeat is not looked at, and a wait is read when it is needed.
#[derive(Debug, PartialEq)]
struct RetryCycle {
    tries: i32,
    waits: Vec<String>,
}

impl RetryCycle {
    fn read(text: &str) -> Option<RetryCycle> {
        // As Java splits: nothing at the end is nothing.
        let waits: Vec<String> = text
            .trim_end_matches(',')
            .split(',')
            .map(|wait| wait.trim().to_owned())
            .collect();
        let mut tries = waits.len() as i32 + 1;
        if let [one] = &waits[..] {
            let interval = Interval::read(one, 0).ok()?;
            tries = interval.times.unwrap_or(tries);
        }
        Some(RetryCycle { tries, waits })
    }

    /// The tries of a new job: none at all would be an incident before the first.
    fn at_first(&self) -> i32 {
        match self.tries {
            0 => 1,
            tries => tries,
        }
    }

    /// When a job with so many tries left, the failed one included, is due again.
    fn due(&self, retries: i32, now: Millis) -> Result<Option<Millis>, TimerError> {
        let waits = self.waits.len() as i64;
        let at = (waits - (i64::from(retries) - 1)).clamp(0, waits - 1);
        let wait = self.waits.get(at as usize).map(String::as_str);
        Interval::read(wait.unwrap_or_default(), now)?.due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::{RetryCycle, is_retry_cycle, later};
    use topology::{Id, Slot};

    #[test]
    fn s3_34_jobs_that_failed_together_are_not_tried_again_together() {
        let (now, due) = (1_000_000, Some(1_060_000));
        let job = |random| Id::from_parts(1, 0, Slot::of_key("k"), random);
        let at = |random, jitter| later(due, job(random), 3, jitter, now).unwrap() - now;
        assert_eq!(at(1, 0), 60_000);
        let times: std::collections::BTreeSet<i64> = (0..100).map(|random| at(random, 50)).collect();
        assert!(times.len() > 80, "{times:?}");
        assert!(
            times.iter().all(|time| (60_000..90_000).contains(time)),
            "{times:?}"
        );
        assert_eq!(later(None, job(1), 3, 50, now), None);
        assert_eq!(later(Some(now - 5), job(1), 3, 50, now), Some(now - 5));
    }

    #[test]
    fn s3_15_retry_cycles_are_repeats_single_waits_and_lists() {
        let tries = |text| RetryCycle::read(text).map(|cycle| cycle.tries);
        assert_eq!(tries("R4/PT1M"), Some(4));
        assert_eq!(tries("PT5M"), Some(2));
        let none = RetryCycle::read("R0/PT1M").map(|cycle| cycle.at_first());
        assert_eq!(none, Some(1), "a new job has a try");
        assert_eq!(tries("PT10S, PT1M ,PT2M"), Some(4));
        assert_eq!(tries("R2/PT1M,R3/PT2M"), Some(3));
        for wrong in ["", "nonsense", "R/", "Rx/PT1M", "PT1M,x"] {
            assert!(!is_retry_cycle(wrong), "{wrong}");
        }
    }
}
