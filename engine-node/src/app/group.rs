//! Commands to instances of one tree, in one batch: they are stepped one after the other on working copies that they
//! share, and written in one unit, each instance guarded by its revision.
use super::{
    Answer, EngineError, Inner,
    catalog::CatalogView,
    commands::Start,
    executor,
    outside::Replay,
    signals, tasks,
    writer::{Stepped, Task, Work, now},
};
use crate::{
    java::JavaTopics,
    store::{Entity, IdempotencyRow, InstanceWrite, LockGuard, Unit},
};
use bpmn_core::{
    DefinitionRef, Id,
    ask::Ask,
    command::{Command, Env, Outcome, Rejection},
    instance::Instance,
    large::Content,
    tracked::By,
    value::Variables,
    world::{Call, Decided, JavaCode, Moment, Scripted, Undecided, World},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Works that share a tree (or one new instance), with what they came to.
#[derive(Default)]
pub(super) struct Group {
    /// The instances of the tree that its works have touched so far.
    pub members: BTreeMap<Id, Member>,
    pub works: Vec<(Work, Stepped)>,
    pub unit: Unit,
    /// Jobs that this write brings and this node will run.
    pub claims: Vec<executor::Claims>,
    /// A warm copy was not enough: what it touches is loaded.
    pub stored_only: bool,
}

/// An instance of the tree.
#[derive(Default)]
pub(super) struct Member {
    /// What the works begin with: as stored, or as the cache has it; `None`: it isn't there (yet).
    pub base: Option<Arc<Instance>>,
    /// The base is from the cache.
    pub warm: bool,
    /// The working copy after the commands that succeeded. Boxed: a node of the map has room for eleven members.
    working: Option<Box<Instance>>,
}

impl Member {
    /// As stored or cached.
    pub fn new(base: Option<Arc<Instance>>, warm: bool) -> Member {
        Member {
            base,
            warm,
            working: None,
        }
    }

    fn current(&self) -> Option<&Instance> {
        self.working.as_deref().or(self.base.as_deref())
    }
}

/// What a step may look up: the catalog as it is now, and the group's instances.
struct Around<'a> {
    view: &'a CatalogView,
    members: &'a BTreeMap<Id, Member>,
    java: &'a JavaTopics,
    unhandled_errors_fail: bool,
}

impl World for Around<'_> {
    fn definition(&self, id: Id) -> Option<DefinitionRef<'_>> {
        self.view.by_id(id).map(|deployed| deployed.reference())
    }

    fn instance(&self, id: Id) -> Option<Instance> {
        self.members.get(&id)?.current().cloned()
    }

    fn java_topic(&self, code: JavaCode<'_>) -> Option<String> {
        self.java.topic(code).map(str::to_owned)
    }

    fn called(&self, call: &Call<'_>) -> Result<DefinitionRef<'_>, String> {
        self.view.called(call).map(|deployed| deployed.reference())
    }

    fn deployment_of(&self, definition: Id) -> Option<String> {
        let deployed = self.view.by_id(definition)?;
        Some(deployed.row.deployment_id.to_string())
    }

    fn unhandled_errors_fail(&self) -> bool {
        self.unhandled_errors_fail
    }

    fn decide(
        &self,
        call: &Call<'_>,
        variables: &Variables,
        at: Moment,
        answers: &[Scripted],
    ) -> Result<Decided, Undecided> {
        let deployment = self.view.by_id(call.caller).map(|d| d.row.deployment_id);
        self.view
            .decisions
            .decide(call, deployment, variables, at, answers)
    }
}

/// What a work has come to.
struct Done {
    /// The instance it started or commanded.
    instance: Option<Id>,
    answer: Answer,
    outcome: Outcome,
}

impl Group {
    /// Steps one work on the working copies. A refusal leaves them as they were.
    pub fn take(&mut self, inner: &Inner, mut work: Work) {
        let mut result = self.step(inner, &mut work);
        if work.replay.is_none() && matches!(result, Err(EngineError::Rejected(Rejection::Asks(..)))) {
            // Once more, keeping time and ids: the question may hold them, and has to be the same next time.
            work.replay = Some(Box::new(Replay::new(now())));
            result = self.step(inner, &mut work);
        }
        let result = result.map(|done| {
            self.remember(&work, &done);
            (done.answer, done.outcome)
        });
        self.works.push((work, result));
    }

    fn remember(&mut self, work: &Work, done: &Done) {
        if !self.unit.slots.contains(&work.slot) {
            self.unit.slots.push(work.slot);
        }
        let root = done.instance.and_then(|id| self.members.get(&id)?.current());
        let root = root.map(|instance| instance.process.root_id);
        let thrown = done.outcome.signals.iter();
        self.unit
            .outbox
            .extend(thrown.map(|signal| signals::row(signal, root)));
        if let Some((key, digest)) = &work.idempotency {
            self.unit.idempotency.push(IdempotencyRow {
                slot: work.slot,
                key: key.clone(),
                digest: digest.clone(),
                status: done.answer.status,
                body: done.answer.body.clone(),
                created: now(),
                instance_id: done.instance,
            });
        }
    }

    fn step(&mut self, inner: &Inner, work: &mut Work) -> Result<Done, EngineError> {
        let mut fresh = &inner.ids;
        let told = inner.told.load();
        let view = inner.catalog.view();
        let world = Around {
            view: &view,
            members: &self.members,
            java: &inner.settings.java,
            unhandled_errors_fail: inner.settings.unhandled_errors_fail,
        };
        let mut env = Env {
            now: now(),
            ids: &mut fresh,
            user: work.user.as_deref(),
            groups: work.rights.as_ref().map(|rights| &rights.groups[..]),
            max_steps: inner.settings.max_steps,
            retries: inner.settings.retries(),
            history: &told.1,
            world: &world,
            given: &[],
        };
        let mut taped;
        if let Some(replay) = &mut work.replay {
            env.now = replay.now();
            (env.given, taped) = replay.parts(&inner.ids);
            env.ids = &mut taped;
        }
        let mut operations = Vec::new();
        let (instance, mut outcome) = match &work.task {
            Task::Start(start) | Task::TimerStart { start, .. } => {
                let started = start_instance(inner, work.slot, start, &mut env)?;
                if let (Some(tell), Some(user)) = (&work.tell, &work.user) {
                    operations = inner.operations(user, tell, &started.0, &started.0);
                }
                started
            }
            Task::NewTask(new) => {
                let mut unit = bpmn_core::new_tasks(work.slot, &mut env);
                let empty = work.tell.is_some().then(|| unit.clone());
                let command = Command::CreateTask(new.clone());
                let outcome = bpmn_core::step(&bpmn_core::no_definition(), &mut unit, command, &mut env)?;
                if let (Some(tell), Some(user), Some(empty)) = (&work.tell, &work.user, &empty) {
                    operations = inner.operations(user, tell, empty, &unit);
                }
                self.unit
                    .aliases
                    .extend(tasks::rows(inner, new, work.slot, unit.process.root_id));
                (unit, outcome)
            }
            Task::Command { instance, decide } => {
                let current = self.members.get(instance).and_then(Member::current);
                let current = current.ok_or(EngineError::NotFound {
                    entity: Entity::Execution,
                    id: *instance,
                })?;
                let command = decide(current)?;
                let mut copy = current.clone();
                let named = match &command {
                    Command::CreateTask(new) => tasks::rows(inner, new, work.slot, copy.process.root_id),
                    Command::UpdateTask { change, .. } => {
                        tasks::parent_row(change, work.slot).into_iter().collect()
                    }
                    _ => Vec::new(),
                };
                let outcome = match copy.is_standalone() {
                    true => bpmn_core::step(&bpmn_core::no_definition(), &mut copy, command, &mut env)?,
                    false => {
                        let deployed = inner.deployed(copy.process.definition_id)?;
                        bpmn_core::step(&deployed.reference(), &mut copy, command, &mut env)?
                    }
                };
                if let (Some(tell), Some(user)) = (&work.tell, &work.user) {
                    operations = inner.operations(user, tell, current, &copy);
                }
                self.unit.slots.extend(
                    named
                        .iter()
                        .map(|alias| alias.slot)
                        .filter(|slot| *slot != work.slot),
                );
                self.unit.aliases.extend(named);
                (copy, outcome)
            }
            Task::TimerStartFailed {
                job,
                next,
                incident,
                history,
            } => {
                self.unit.start_history.extend(history.iter().cloned());
                self.unit.start_jobs_gone.push(job.id);
                self.unit.start_jobs.push((**job).clone());
                self.unit.start_jobs.extend(next.as_deref().cloned());
                self.unit
                    .start_incidents
                    .extend(incident.iter().map(|i| (**i).clone()));
                return Ok(Done {
                    instance: None,
                    answer: Answer::no_content(),
                    outcome: Outcome::default(),
                });
            }
        };
        let others = std::mem::take(&mut outcome.others);
        for written in others.iter().chain([&instance]) {
            check_sizes(inner, written)?;
        }
        let answer = (work.render)(&instance, &outcome);
        if !answer.needs.is_empty() {
            return Err(Rejection::NeedsValues(answer.needs).into());
        }
        if let Task::TimerStart {
            gone,
            next,
            incidents_gone,
            history,
            ..
        } = &work.task
        {
            self.unit.start_jobs_gone.push(*gone);
            self.unit.start_incidents_gone.extend(incidents_gone);
            self.unit.start_history.extend(history.iter().cloned());
            if let Some(job) = next {
                self.unit.start_jobs.push((**job).clone());
                self.unit.slots.extend(job.id.slot());
            }
        }
        let id = instance.process.id;
        self.unit.operations.append(&mut operations);
        others.into_iter().for_each(|other| self.keep(other));
        self.keep(instance);
        Ok(Done {
            instance: Some(id),
            answer,
            outcome,
        })
    }

    /// Takes over what a step has made of an instance.
    fn keep(&mut self, after: Instance) {
        let member = self.members.entry(after.process.id).or_default();
        if let Some(before) = member.current() {
            self.unit.lock_guards.extend(lock_guards(before, &after));
        }
        member.working = Some(Box::new(after));
    }

    /// Steps its works once more from the bases as they are now.
    pub fn step_again(&mut self, inner: &Inner) {
        let works = std::mem::take(&mut self.works);
        self.unit = Unit::default();
        self.members
            .retain(|_, member| member.working.take().is_none() || member.base.is_some());
        for (work, _) in works {
            self.take(inner, work);
        }
    }

    /// Moves the working copies into the unit, if a work has succeeded.
    pub fn fill_unit(&mut self, inner: &Inner) {
        if !self.works.iter().any(|(_, result)| result.is_ok()) {
            return;
        }
        for member in self.members.values_mut() {
            if let Some(instance) = member.working.take() {
                let mut instance = *instance;
                self.claims.extend(inner.executor.claim(&mut instance));
                self.unit.instances.push(InstanceWrite { instance });
            }
        }
    }

    /// Whether warm copies are not enough: something was refused (a refusal is never checked by a write), or a stored
    /// job is written, whose lock changes without the instance's revision.
    pub fn needs_stored_state(&self) -> bool {
        let writes_jobs = |instance: &Instance| {
            let jobs = &instance.jobs;
            !jobs.is_empty() && jobs.upserts().any(|j| jobs.is_stored(j.id))
        };
        let refused = |(work, result): &(Work, Stepped)| match result {
            Ok(_) => false,
            // Not before something has been done outside; later it will be compared anyway.
            Err(EngineError::Rejected(Rejection::Asks(..))) => {
                !work.replay.as_ref().is_some_and(|replay| replay.has_answers())
            }
            Err(_) => true,
        };
        let mut working = self.members.values().filter_map(|m| m.working.as_deref());
        self.works.iter().any(refused) || working.any(writes_jobs)
    }

    /// Instances whose copies are from the cache.
    pub fn warm(&self) -> impl Iterator<Item = Id> + '_ {
        let warm = self.members.iter().filter(|(_, member)| member.warm);
        warm.map(|(id, _)| *id)
    }

    /// Large values that its works touched in vain.
    pub fn values_needed(&self) -> impl Iterator<Item = Id> + '_ {
        self.works
            .iter()
            .flat_map(|(_, result)| match result {
                Err(EngineError::Rejected(Rejection::NeedsValues(ids))) => ids.as_slice(),
                _ => &[],
            })
            .copied()
    }

    /// Instances that its works touched in vain and nobody has looked for yet.
    pub fn instances_needed(&self) -> impl Iterator<Item = Id> + '_ {
        let all = self.works.iter().flat_map(|(_, result)| match result {
            Err(EngineError::Rejected(Rejection::NeedsInstances(ids))) => ids.as_slice(),
            _ => &[],
        });
        all.copied().filter(|id| !self.members.contains_key(id))
    }

    /// The root of its tree, as far as it is known.
    pub fn root(&self) -> Option<Id> {
        let mut bases = self.members.values().filter_map(|m| m.base.as_ref());
        bases.next().map(|base| base.process.root_id)
    }

    /// Gives large values to the instances that have them; whether that changed anything.
    pub fn lend(&mut self, found: &HashMap<Id, Arc<Content>>) -> bool {
        let needed: Vec<Id> = self.values_needed().filter(|id| found.contains_key(id)).collect();
        let mut lent = false;
        for base in self.members.values_mut().filter_map(|m| m.base.as_mut()) {
            for id in &needed {
                let has = base.variables.first(By::Large(*id)).is_some();
                if has && base.large.content(*id).is_none() {
                    Arc::make_mut(base).large.lend(*id, found[id].clone());
                    lent = true;
                }
            }
        }
        lent
    }

    /// Takes out the works that need what isn't there any more: their instance has changed since it was loaded.
    pub fn unsettled(&mut self) -> Vec<Work> {
        let vain = |result: &Stepped| {
            matches!(
                result,
                Err(EngineError::Rejected(
                    Rejection::NeedsValues(_) | Rejection::NeedsInstances(_)
                ))
            )
        };
        let out = self.take_out(vain);
        out.into_iter().map(|(work, _)| work).collect()
    }

    /// Takes out the works that ask for something to be done outside.
    pub fn asking(&mut self) -> Vec<(Work, usize, Ask)> {
        let asks = |result: &Stepped| matches!(result, Err(EngineError::Rejected(Rejection::Asks(..))));
        let out = self.take_out(asks).into_iter();
        out.filter_map(|(work, result)| match result {
            Err(EngineError::Rejected(Rejection::Asks(nth, ask))) => Some((work, nth, *ask)),
            _ => None,
        })
        .collect()
    }

    fn take_out(&mut self, which: impl Fn(&Stepped) -> bool) -> Vec<(Work, Stepped)> {
        if !self.works.iter().any(|(_, result)| which(result)) {
            return Vec::new();
        }
        let works = std::mem::take(&mut self.works);
        let (out, rest) = works.into_iter().partition(|(_, result)| which(result));
        self.works = rest;
        out
    }
}

fn start_instance(
    inner: &Inner,
    slot: bpmn_core::Slot,
    start: &Start,
    env: &mut Env,
) -> Result<(Instance, Outcome), EngineError> {
    let definition = start.deployed.reference();
    // What the catalog says now: the definition may have been suspended since the request looked it up.
    if inner.deployed(start.deployed.row.id)?.row.suspended {
        return Err(EngineError::Rejected(Rejection::Suspended(format!(
            "Cannot start process instance. Process definition (id={}) is suspended.",
            start.deployed.row.rest_id
        ))));
    }
    let mut instance = bpmn_core::new_instance(&definition, slot, start.business_key.clone(), env);
    instance.process.case_instance_id = start.case_instance_id.clone();
    instance.process.restarted_id = start.by.as_ref().and_then(|by| by.restarted);
    let variables = start.variables.clone();
    let command = match start.by.clone() {
        None if start.form => Command::StartForm { variables },
        None => Command::Start {
            element: start.element.clone(),
            variables,
        },
        Some(by) => Command::StartBy {
            instructions: by.instructions,
            variables,
            skip_listeners: by.skip_listeners,
            skip_mappings: by.skip_mappings,
        },
    };
    let outcome = bpmn_core::step(&definition, &mut instance, command, env)?;
    Ok((instance, outcome))
}

fn check_sizes(inner: &Inner, instance: &Instance) -> Result<(), Rejection> {
    let most = inner.settings.variable_max;
    let Some((id, content)) = instance.large.new_rows().find(|(_, c)| c.len() as u64 > most) else {
        return Ok(());
    };
    let variable = instance.variables.first(By::Large(id));
    Err(Rejection::BadRequest(format!(
        "variable '{}' has {} bytes, more than the {most} that this server allows (--variable-size-max)",
        variable.map_or("", |v| v.name.as_str()),
        content.len(),
    )))
}

/// The lock of an external task changes without the instance's revision, so whoever writes the task depends on it.
fn lock_guards(before: &Instance, after: &Instance) -> Vec<LockGuard> {
    let written = after
        .external_tasks
        .upserts()
        .map(|t| t.id)
        .chain(after.external_tasks.deletes());
    written
        .filter_map(|id| before.external_tasks.get(id))
        .map(|t| LockGuard {
            task: t.id,
            lock_revision: t.lock_revision,
        })
        .collect()
}
