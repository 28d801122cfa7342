//! Run at once: a continuation that this node writes is written already locked to it, and run right after the commit
//! without any acquisition (protocol 8).
use super::{Executor, Held, Ready};
use crate::app::writer::now;
use bpmn_core::{
    Id, Millis,
    instance::{Instance, Job},
};
use std::{
    cell::LazyCell,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

/// A sibling that falls due within this time may be acquired by another node before this write has committed; longer
/// than any statement may take.
const SOON_MS: Millis = 60_000;

/// Jobs written with this node's lock: run once they are committed. Dropped before that, they are given back.
#[derive(Debug)]
pub struct Claims {
    executor: Option<Arc<Executor>>,
    jobs: Vec<Ready>,
    until: Option<Instant>,
    /// Something due was written that isn't claimed.
    left: bool,
    /// The first time at which something written falls due.
    next: Option<Millis>,
}

/// What to do with the jobs that an instance's write brings or changes.
#[derive(Debug, Default, PartialEq)]
struct Decision {
    claim: Vec<Id>,
    left: bool,
    next: Option<Millis>,
}

fn time(job: &Job) -> Millis {
    job.due.unwrap_or(job.created)
}

fn can_run(job: &Job) -> bool {
    job.retries > 0 && !job.suspended
}

/// Decides at `now`; `held` tells which jobs this node has locked. A new job may be claimed, except an exclusive one
/// beside an exclusive sibling that another node may hold or take. (Siblings that are written by the same command
/// are not to be had before the claimed ones' locks are seen.)
fn decide(instance: &Instance, now: Millis, held: impl Fn(Id) -> bool) -> Decision {
    let mut decision = Decision::default();
    // Looks at every job of the instance, so only where the answer counts.
    let elsewhere = LazyCell::new(|| {
        instance.jobs.iter().any(|job| {
            job.exclusive
                && instance.jobs.is_stored(job.id)
                && can_run(job)
                && time(job) <= now + SOON_MS
                && !held(job.id)
        })
    });
    for job in instance.jobs.upserts().filter(|job| can_run(job)) {
        if time(job) > now {
            decision.next = Some(decision.next.map_or(time(job), |next| next.min(time(job))));
        } else if instance.jobs.is_stored(job.id) || job.lock_owner.is_some() {
            decision.left |= !held(job.id);
        } else if job.exclusive && *elsewhere {
            decision.left = true;
        } else {
            decision.claim.push(job.id);
        }
    }
    decision
}

impl Executor {
    /// Locks what an instance's write brings and this node can run at once; `None` where it writes no jobs. Call with
    /// the instance as it will be written, and keep the claims until it is.
    pub fn claim(self: &Arc<Executor>, instance: &mut Instance) -> Option<Claims> {
        if instance.ended || instance.jobs.upserts().next().is_none() {
            return None;
        }
        let at = now();
        let mut state = self.state();
        let decision = decide(instance, at, |id| state.held.contains_key(&id));
        let mut claims = Claims {
            executor: Some(self.clone()),
            jobs: Vec::new(),
            until: None,
            left: decision.left,
            next: decision.next,
        };
        if decision.claim.is_empty() {
            return Some(claims);
        }
        let settings = self.settings.load();
        let takes = self.takes() && !self.backlog.load(Ordering::Relaxed);
        let room = match takes {
            true => settings.most().saturating_sub(state.held.len()),
            false => 0,
        };
        let until = Instant::now() + self.lock_time();
        let expires = at - self.clock_ahead.load(Ordering::Relaxed) + settings.lock_time_in_millis as i64;
        claims.until = Some(until);
        for id in decision.claim.iter().take(room) {
            let Some(job) = instance.jobs.get_mut(*id) else {
                continue;
            };
            job.lock_owner = Some(self.node.clone());
            job.lock_expires = Some(expires);
            state.held.insert(*id, Held { until, queued: false });
            claims.jobs.push(Ready::new(job.clone()));
        }
        let rejected = decision.claim.len() - claims.jobs.len();
        if rejected > 0 {
            claims.left = true;
            if self.takes() {
                self.counters
                    .rejected
                    .fetch_add(rejected as u64, Ordering::Relaxed);
            }
        }
        Some(claims)
    }
}

impl Claims {
    /// The write is committed: runs what was claimed, and sees to the rest.
    pub fn committed(mut self) {
        let Some(executor) = self.executor.take() else {
            return;
        };
        let jobs = std::mem::take(&mut self.jobs);
        if let (false, Some(until)) = (jobs.is_empty(), self.until) {
            executor
                .counters
                .claimed
                .fetch_add(jobs.len() as u64, Ordering::Relaxed);
            executor.take(jobs, until);
        }
        if self.left {
            executor.due_now();
        }
        if let Some(next) = self.next {
            executor.due_at(next);
        }
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        let Some(executor) = self.executor.take() else {
            return;
        };
        if self.jobs.is_empty() {
            return;
        }
        let ids: Vec<Id> = self.jobs.iter().map(|job| job.id).collect();
        let mut state = executor.state();
        for id in &ids {
            state.held.remove(id);
        }
        drop(state);
        // They may stand in the database all the same, if the outcome of the commit is unknown.
        executor.stray(ids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bpmn_core::instance::{JobKind, ProcessInstance};
    use topology::{IdGenerator, Slot};

    fn instance() -> (Instance, IdGenerator, Id) {
        let ids = IdGenerator::default();
        let id = ids.next(Slot::of_key("k"));
        let process = ProcessInstance {
            id,
            root_id: id,
            super_token_id: None,
            super_instance_id: None,
            definition_id: id,
            business_key: None,
            revision: 0,
            suspended: false,
            started: 0,
            start_user: None,
            start_element: "s".into(),
            tenant_id: None,
            recorded: false,
            restarted_id: None,
            case_instance_id: None,
            retention: 0,
        };
        (Instance::new(process), ids, id)
    }

    fn job(ids: &IdGenerator, instance: Id, change: impl Fn(&mut Job)) -> Job {
        let mut job = Job {
            id: ids.next(Slot::of_key("k")),
            root_id: instance,
            instance_id: Some(instance),
            token_id: None,
            execution_id: None,
            definition_id: instance,
            element: "e".into(),
            kind: JobKind::AsyncBefore,
            due: None,
            retries: 3,
            exclusive: true,
            priority: 0,
            suspended: false,
            created: 1_000,
            lock_owner: None,
            lock_expires: None,
            error_message: None,
            stacktrace: None,
            failed_element: None,
            made: Default::default(),
            repeat: None,
            tenant_id: None,
            recorded: false,
        };
        change(&mut job);
        job
    }

    #[test]
    fn new_jobs_are_claimed_and_later_ones_remembered() {
        let (mut i, ids, own) = instance();
        for change in [
            |_: &mut Job| {},
            |j: &mut Job| j.due = Some(9_000),
            |j: &mut Job| j.due = Some(5_000),
            |j: &mut Job| j.suspended = true,
            |j: &mut Job| j.retries = 0,
        ] {
            i.jobs.insert(job(&ids, own, change));
        }
        let first = i.jobs.iter().next().map(|j| j.id);
        let decision = decide(&i, 1_000, |_| false);
        assert_eq!(decision.claim, Vec::from_iter(first));
        assert_eq!((decision.left, decision.next), (false, Some(5_000)));
    }

    #[test]
    fn s3_17_an_exclusive_job_is_not_claimed_beside_a_sibling_of_another_node() {
        for (exclusive, due, here, claimed) in [
            (true, None, false, false),
            (true, None, true, true),
            // Could fall due before the write commits.
            (true, Some(30_000), false, false),
            (true, Some(3_600_000), false, true),
            (false, None, false, true),
        ] {
            let (mut i, ids, own) = instance();
            let sibling = job(&ids, own, |j| (j.exclusive, j.due) = (exclusive, due));
            i.jobs.insert(sibling);
            i.committed();
            let new = job(&ids, own, |_| {});
            let id = new.id;
            i.jobs.insert(new);
            let free = job(&ids, own, |j| j.exclusive = false);
            let free_id = free.id;
            i.jobs.insert(free);
            let decision = decide(&i, 1_000, |_| here);
            assert_eq!(
                decision.claim.contains(&id),
                claimed,
                "{exclusive} {due:?} {here}"
            );
            assert!(decision.claim.contains(&free_id));
            assert_eq!(decision.left, !claimed);
        }
    }
}
