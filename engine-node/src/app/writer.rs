//! Group commit: a writer drains what waits, steps each command on its instance, writes all of it in one
//! transaction, and answers each command after the commit that holds it. While a transaction is under way the next
//! batch gathers; a lone command waits for nobody.
//!
//! A slot always has the same writer of a node, so commands to one instance meet in one batch and run in order on
//! one working copy. That copy is taken from the node's [`super::cache`] where it is warm: the write compares its
//! revision. Whatever a warm copy refuses is decided again on the stored state. Other nodes may still write the
//! same instance: revisions notice, and the command runs again on the stored state, within a budget.
use super::{
    Answer, EngineError, Inner,
    commands::{Render, Start},
    error::copy,
    executor,
    rhythm::Rhythm,
};
use crate::failpoint;
use crate::store::{Applied, Entity, IdempotencyRow, InstanceWrite, LockGuard, Unit};
use bpmn_core::{
    Id, Slot,
    command::{Command, Env, Outcome, Rejection},
    instance::{HistoricJob, Incident, Instance, Job},
    large::Content,
    tracked::By,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{mpsc, oneshot};

/// How often a command may meet a conflict before the client is told to come again.
const CONFLICT_BUDGET: u32 = 50;

/// Decides a command on the state it will be applied to.
pub type Decide = Box<dyn Fn(&Instance) -> Result<Command, EngineError> + Send + Sync>;

/// What a work item does.
pub enum Task {
    /// Starts a new instance.
    Start(Box<Start>),
    /// Commands an existing instance.
    Command { instance: Id, decide: Decide },
    /// A timer start event: starts an instance and replaces its job.
    TimerStart {
        start: Box<Start>,
        gone: Id,
        next: Option<Box<Job>>,
        incidents_gone: Vec<Id>,
        history: Vec<HistoricJob>,
    },
    /// A timer start job that failed: the changed job and perhaps an incident.
    TimerStartFailed {
        job: Box<Job>,
        incident: Option<Box<Incident>>,
        history: Vec<HistoricJob>,
    },
}

/// One command on its way to the database.
pub struct Work {
    pub slot: Slot,
    pub task: Task,
    pub render: Render,
    pub user: Option<String>,
    /// Key (`USER\nKEY`) and digest.
    pub idempotency: Option<(String, String)>,
    pub reply: oneshot::Sender<Result<Answer, EngineError>>,
    pub conflicts: u32,
}

/// The sending side of a writer.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Work>,
}

/// Counters of all writers of a process, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    pub batches: AtomicU64,
    pub commands: AtomicU64,
    pub conflicts: AtomicU64,
}

impl Handle {
    /// A writer's queue; run [`run`] with the receiver.
    pub fn new(queue_max: usize) -> (Handle, mpsc::Receiver<Work>) {
        let (queue, receiver) = mpsc::channel(queue_max);
        (Handle { queue }, receiver)
    }

    /// Work items that wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Queues a work item; refuses at once when the queue is full.
    pub fn send(&self, work: Work) -> Result<(), EngineError> {
        self.queue
            .try_send(work)
            .map_err(|_| EngineError::Busy("the node has too many commands waiting".into()))
    }
}

/// Runs a writer until every sender is gone: until nobody holds the engine any more.
pub(crate) async fn run(engine: Weak<Inner>, counters: Arc<Counters>, mut queue: mpsc::Receiver<Work>) {
    let mut waiting: Vec<Work> = Vec::new();
    let mut rhythm = Rhythm::default();
    loop {
        if waiting.is_empty() {
            match queue.recv().await {
                Some(work) => waiting.push(work),
                None => return,
            }
        }
        let batch_max = engine.upgrade().map_or(1, |inner| inner.settings.batch_max);
        while waiting.len() < batch_max {
            match queue.try_recv() {
                Ok(work) => waiting.push(work),
                Err(_) => break,
            }
        }
        if let Some((enough, until)) = rhythm.wait_for(Instant::now()) {
            match gather(&mut queue, &mut waiting, enough, until).await {
                true => rhythm.paid(),
                false => rhythm.in_vain(),
            }
        }
        let Some(inner) = engine.upgrade() else { return };
        let size = waiting.len();
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters
            .commands
            .fetch_add(waiting.len() as u64, Ordering::Relaxed);
        let again = batch(&inner, std::mem::take(&mut waiting)).await;
        counters
            .conflicts
            .fetch_add(again.len() as u64, Ordering::Relaxed);
        rhythm.ended(size + queue.len(), Instant::now());
        waiting = again;
    }
}

/// Waits until enough commands are there; false if they don't come in time.
async fn gather(
    queue: &mut mpsc::Receiver<Work>,
    waiting: &mut Vec<Work>,
    enough: usize,
    until: Instant,
) -> bool {
    while waiting.len() < enough {
        match tokio::time::timeout_at(until.into(), queue.recv()).await {
            Ok(Some(work)) => waiting.push(work),
            _ => return false,
        }
    }
    true
}

/// What became of a command in its step.
type Stepped = Result<(Answer, Outcome), EngineError>;

/// Works that share an instance (or one new instance), with what they came to.
#[derive(Default)]
struct Group {
    /// What the works begin with: as stored, or as the cache has it.
    base: Option<Arc<Instance>>,
    /// The base is from the cache.
    warm: bool,
    /// The working copy after the commands that succeeded.
    instance: Option<Instance>,
    works: Vec<(Work, Stepped)>,
    unit: Unit,
    /// Jobs that this write brings and this node will run.
    claims: executor::Claims,
}

/// Carries a batch out; returns what has to run again.
async fn batch(inner: &Inner, works: Vec<Work>) -> Vec<Work> {
    inner.cache.check_connections(inner.store.lost_connections());
    let mut again = Vec::new();
    let groups = match prepare(inner, works).await {
        Ok(mut groups) => {
            for group in &mut groups {
                again.extend(group.unsettled().into_iter().filter_map(retry));
            }
            groups
        }
        Err((works, error)) => {
            for work in works {
                let _ = work.reply.send(Err(EngineError::Store(copy(&error))));
            }
            return Vec::new();
        }
    };
    let (mut groups, without): (Vec<Group>, Vec<Group>) = groups
        .into_iter()
        .partition(|g| g.works.iter().any(|(_, r)| r.is_ok()));
    for group in without {
        answer(inner, group).await;
    }
    if groups.is_empty() {
        return again;
    }
    let units: Vec<Unit> = groups.iter_mut().map(|g| std::mem::take(&mut g.unit)).collect();
    failpoint::hit("write.loaded");
    let applied = match inner.store.write(&units).await {
        Ok(applied) => applied,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                commands = units.len(),
                "write failed"
            );
            forget(inner, units);
            for (work, _) in groups.into_iter().flat_map(|g| g.works) {
                let _ = work.reply.send(Err(EngineError::Store(copy(&error))));
            }
            return again;
        }
    };
    for ((mut group, unit), applied) in groups.into_iter().zip(units).zip(applied) {
        if applied == Applied::Done {
            for write in unit.instances {
                inner.cache.committed(write.instance);
            }
            inner.executor.armed(&unit.start_jobs);
            std::mem::take(&mut group.claims).committed();
            answer(inner, group).await;
            continue;
        }
        forget(inner, [unit]);
        match applied {
            Applied::Done => {}
            Applied::Conflict => again.extend(group.works.into_iter().filter_map(|(work, _)| retry(work))),
            Applied::NotOwner(slot) => {
                inner.cache.clear();
                inner.refresh_owned().await;
                for (work, _) in group.works {
                    let _ = work.reply.send(Err(inner.misdirected(slot)));
                }
            }
            Applied::Duplicate => {
                for (work, _) in group.works {
                    match remembered(inner, &work).await {
                        Some(answer) => drop(work.reply.send(answer)),
                        None => again.extend(retry(work)),
                    }
                }
            }
            // Several commands shared the row that the database refuses: let each stand alone.
            Applied::Refused(_) if group.works.len() > 1 => {
                for (work, _) in group.works {
                    again.extend(Box::pin(batch(inner, vec![work])).await);
                }
            }
            Applied::Refused(message) => {
                for (work, _) in group.works {
                    let error = EngineError::Invalid {
                        kind: "BadUserRequestException",
                        message: message.clone(),
                    };
                    let _ = work.reply.send(Err(error));
                }
            }
        }
    }
    again
}

/// Forgets the warm copies of units that were not applied, or of which nobody knows.
fn forget(inner: &Inner, units: impl IntoIterator<Item = Unit>) {
    for write in units.into_iter().flat_map(|unit| unit.instances) {
        inner.cache.forget(write.instance.process.id);
    }
}

/// Finds or loads what is needed and steps every command.
async fn prepare(
    inner: &Inner,
    works: Vec<Work>,
) -> Result<Vec<Group>, (Vec<Work>, crate::store::StoreError)> {
    let mut groups: Vec<Group> = Vec::with_capacity(works.len());
    let mut by_instance: HashMap<Id, usize> = HashMap::new();
    let mut cold: Vec<Id> = Vec::new();
    let mut queues: Vec<Vec<Work>> = Vec::with_capacity(works.len());
    for work in works {
        let at = match work.task.instance() {
            Some(id) => *by_instance.entry(id).or_insert_with(|| {
                let base = inner.cache.get(id);
                let warm = base.is_some();
                if !warm {
                    cold.push(id);
                }
                groups.push(Group {
                    base,
                    warm,
                    ..Group::default()
                });
                queues.push(Vec::new());
                groups.len() - 1
            }),
            None => {
                groups.push(Group::default());
                queues.push(Vec::new());
                groups.len() - 1
            }
        };
        queues[at].push(work);
    }
    if let Err(error) = load(inner, cold, &by_instance, &mut groups).await {
        return Err((queues.into_iter().flatten().collect(), error));
    }
    for (group, queue) in groups.iter_mut().zip(queues) {
        for work in queue {
            group.take(inner, work);
        }
    }
    if let Err(error) = settle(inner, &mut groups).await {
        return Err((works_of(groups), error));
    }
    let mut refresh: Vec<Id> = Vec::new();
    for group in &groups {
        if group.warm && group.needs_stored_state() {
            refresh.extend(group.base.as_ref().map(|i| i.process.id));
        }
    }
    if !refresh.is_empty() {
        for id in &refresh {
            inner.cache.forget(*id);
            groups[by_instance[id]].warm = false;
        }
        let again = refresh.clone();
        if let Err(error) = load(inner, refresh, &by_instance, &mut groups).await {
            return Err((works_of(groups), error));
        }
        for id in again {
            groups[by_instance[&id]].step_again(inner);
        }
        if let Err(error) = settle(inner, &mut groups).await {
            return Err((works_of(groups), error));
        }
    }
    for group in &mut groups {
        if let Some(mut instance) = group
            .instance
            .take_if(|_| group.works.iter().any(|(_, r)| r.is_ok()))
        {
            group.claims = inner.executor.claim(&mut instance);
            group.unit.instances.push(InstanceWrite { instance });
        }
    }
    Ok(groups)
}

/// The works of groups whose results don't count.
fn works_of(groups: Vec<Group>) -> Vec<Work> {
    let works = groups.into_iter().flat_map(|g| g.works);
    works.map(|(work, _)| work).collect()
}

/// Loads the large values that commands have touched, in one statement, and steps those commands' groups again with
/// them; once more for what they touch then. A value that isn't there (any more) leaves its command unsettled.
async fn settle(inner: &Inner, groups: &mut [Group]) -> Result<(), crate::store::StoreError> {
    loop {
        let mut wanted: Vec<(Id, Id)> = Vec::new();
        for group in groups.iter() {
            if let Some(base) = &group.base {
                wanted.extend(group.needs().map(|id| (base.process.root_id, id)));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let found = inner.store.large_values(&wanted).await?;
        let found: HashMap<Id, Arc<Content>> = found.into_iter().map(|(id, c)| (id, Arc::new(c))).collect();
        let mut more = false;
        for group in groups.iter_mut() {
            let mut needs: Vec<Id> = group.needs().filter(|id| found.contains_key(id)).collect();
            needs.retain(|id| {
                group
                    .base
                    .as_ref()
                    .is_some_and(|base| base.large.content(*id).is_none())
            });
            let Some(base) = group.base.as_mut().filter(|_| !needs.is_empty()) else {
                continue;
            };
            let copy = Arc::make_mut(base);
            needs
                .iter()
                .for_each(|id| copy.large.lend(*id, found[id].clone()));
            group.step_again(inner);
            more = true;
        }
        if !more {
            return Ok(());
        }
    }
}

/// Loads instances in one statement and gives them to their groups; what isn't there has no base.
async fn load(
    inner: &Inner,
    mut ids: Vec<Id>,
    by_instance: &HashMap<Id, usize>,
    groups: &mut [Group],
) -> Result<(), crate::store::StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    ids.sort_unstable();
    for id in &ids {
        groups[by_instance[id]].base = None;
    }
    for instance in inner.store.load(&ids).await? {
        let at = by_instance[&instance.process.id];
        groups[at].base = Some(Arc::new(instance));
    }
    Ok(())
}

impl Task {
    fn instance(&self) -> Option<Id> {
        match self {
            Task::Command { instance, .. } => Some(*instance),
            _ => None,
        }
    }
}

impl Group {
    /// Whether a warm copy is not enough: it refused something (a refusal is never checked by a write), or a stored
    /// job is written, whose lock changes without the instance's revision.
    fn needs_stored_state(&self) -> bool {
        let jobs = self.instance.as_ref().map(|i| &i.jobs);
        self.works.iter().any(|(_, result)| result.is_err())
            || jobs.is_some_and(|jobs| !jobs.is_empty() && jobs.upserts().any(|j| jobs.is_stored(j.id)))
    }

    /// Large values that its works touched in vain.
    fn needs(&self) -> impl Iterator<Item = Id> + '_ {
        self.works.iter().flat_map(|(_, result)| match result {
            Err(EngineError::Rejected(Rejection::NeedsValues(ids))) => ids.clone(),
            _ => Vec::new(),
        })
    }

    /// Takes out the works whose large values aren't there any more: the instance has changed since it was loaded.
    fn unsettled(&mut self) -> Vec<Work> {
        let vain = |result: &Stepped| matches!(result, Err(EngineError::Rejected(Rejection::NeedsValues(_))));
        if !self.works.iter().any(|(_, result)| vain(result)) {
            return Vec::new();
        }
        let works = std::mem::take(&mut self.works);
        let (out, rest): (Vec<_>, Vec<_>) = works.into_iter().partition(|(_, result)| vain(result));
        self.works = rest;
        out.into_iter().map(|(work, _)| work).collect()
    }

    /// Steps its works once more from the base as it is now.
    fn step_again(&mut self, inner: &Inner) {
        let fresh = Group {
            base: self.base.take(),
            warm: self.warm,
            ..Group::default()
        };
        let works = std::mem::replace(self, fresh).works;
        for (work, _) in works {
            self.take(inner, work);
        }
    }

    /// Steps one work on the group's working copy. A refusal leaves the copy as it was.
    fn take(&mut self, inner: &Inner, work: Work) {
        let result = self.step(inner, &work);
        if let Ok((answer, _)) = &result {
            if !self.unit.slots.contains(&work.slot) {
                self.unit.slots.push(work.slot);
            }
            if let Some((key, digest)) = &work.idempotency {
                self.unit.idempotency.push(IdempotencyRow {
                    slot: work.slot,
                    key: key.clone(),
                    digest: digest.clone(),
                    status: answer.status,
                    body: answer.body.clone(),
                    created: now(),
                    instance_id: self
                        .instance
                        .as_ref()
                        .or(self.base.as_deref())
                        .map(|i| i.process.id),
                });
            }
        }
        self.works.push((work, result));
    }

    fn step(&mut self, inner: &Inner, work: &Work) -> Result<(Answer, Outcome), EngineError> {
        let mut ids = &inner.ids;
        let told = inner.told.load();
        let mut env = Env {
            now: now(),
            ids: &mut ids,
            user: work.user.as_deref(),
            max_steps: inner.settings.max_steps,
            retries: inner.settings.retries(),
            history: &told.1,
        };
        match &work.task {
            Task::Start(start) => self.start(inner, work, start, &mut env),
            Task::TimerStart {
                start,
                gone,
                next,
                incidents_gone,
                history,
            } => {
                let result = self.start(inner, work, start, &mut env)?;
                self.unit.start_jobs_gone.push(*gone);
                self.unit.start_incidents_gone.extend(incidents_gone);
                self.unit.start_history.extend(history.iter().cloned());
                if let Some(job) = next {
                    self.unit.start_jobs.push((**job).clone());
                    self.unit.slots.extend(job.id.slot());
                }
                Ok(result)
            }
            Task::TimerStartFailed {
                job,
                incident,
                history,
            } => {
                self.unit.start_history.extend(history.iter().cloned());
                self.unit.start_jobs_gone.push(job.id);
                self.unit.start_jobs.push((**job).clone());
                self.unit
                    .start_incidents
                    .extend(incident.iter().map(|i| (**i).clone()));
                Ok((Answer::no_content(), Outcome::default()))
            }
            Task::Command { instance: id, decide } => {
                let current = self.instance.as_ref().or(self.base.as_deref());
                let current = current.ok_or(EngineError::NotFound {
                    entity: Entity::Execution,
                    id: *id,
                })?;
                let command = decide(current)?;
                let definition_id = current.process.definition_id;
                let deployed = inner.deployed(definition_id)?;
                let mut copy = current.clone();
                let outcome = bpmn_core::step(&deployed.reference(), &mut copy, command, &mut env)?;
                let guards = lock_guards(current, &copy);
                let answer = rendered(inner, work, &copy, &outcome)?;
                self.unit.lock_guards.extend(guards);
                self.instance = Some(copy);
                Ok((answer, outcome))
            }
        }
    }

    fn start(
        &mut self,
        inner: &Inner,
        work: &Work,
        start: &Start,
        env: &mut Env,
    ) -> Result<(Answer, Outcome), EngineError> {
        let definition = start.deployed.reference();
        // What the catalog says now: the definition may have been suspended since the request looked it up.
        if inner.deployed(start.deployed.row.id)?.row.suspended {
            return Err(EngineError::Rejected(Rejection::Suspended(format!(
                "Cannot start process instance. Process definition (id={}) is suspended.",
                start.deployed.row.rest_id
            ))));
        }
        let mut instance = bpmn_core::new_instance(&definition, work.slot, start.business_key.clone(), env);
        let command = Command::Start {
            element: start.element.clone(),
            variables: start.variables.clone(),
        };
        let outcome = bpmn_core::step(&definition, &mut instance, command, env)?;
        let answer = rendered(inner, work, &instance, &outcome)?;
        self.instance = Some(instance);
        Ok((answer, outcome))
    }
}

/// The answer of a work, or what it needs to be given.
fn rendered(inner: &Inner, work: &Work, instance: &Instance, outcome: &Outcome) -> Result<Answer, Rejection> {
    let most = inner.settings.variable_max;
    if let Some((id, content)) = instance.large.new_rows().find(|(_, c)| c.len() as u64 > most) {
        let variable = instance.variables.first(By::Large(id));
        return Err(Rejection::BadRequest(format!(
            "variable '{}' has {} bytes, more than the {most} that this server allows (--variable-size-max)",
            variable.map_or("", |v| v.name.as_str()),
            content.len(),
        )));
    }
    let answer = (work.render)(instance, outcome);
    match answer.needs.is_empty() {
        true => Ok(answer),
        false => Err(Rejection::NeedsValues(answer.needs)),
    }
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

/// Answers the works of a group that is committed, or that changed nothing.
async fn answer(inner: &Inner, group: Group) {
    for (work, result) in group.works {
        let result = match result {
            Ok((answer, outcome)) => {
                inner.after_commit(&outcome);
                Ok(answer)
            }
            // A repeated request finds its work done: what the first try answered counts.
            Err(error) => match remembered(inner, &work).await {
                Some(answer) => answer,
                None => Err(error),
            },
        };
        let _ = work.reply.send(result);
        failpoint::hit("write.answered");
    }
}

/// The stored answer for a work's idempotency key, if there is one.
async fn remembered(inner: &Inner, work: &Work) -> Option<Result<Answer, EngineError>> {
    let (key, digest) = work.idempotency.as_ref()?;
    match inner.store.idempotency(work.slot, key).await {
        Ok(None) => None,
        Ok(Some(row)) if row.digest == *digest => Some(Ok(Answer {
            status: row.status,
            body: row.body,
            needs: Vec::new(),
        })),
        Ok(Some(_)) => {
            let key = key.split('\n').next_back().unwrap_or_default();
            Some(Err(EngineError::KeyReused(key.to_owned())))
        }
        Err(error) => Some(Err(error.into())),
    }
}

fn retry(mut work: Work) -> Option<Work> {
    work.conflicts += 1;
    if work.conflicts <= CONFLICT_BUDGET {
        return Some(work);
    }
    tracing::warn!(slot = work.slot.number(), "a command met too many conflicts");
    let _ = work.reply.send(Err(EngineError::Busy(
        "the instance is changed by too many others".into(),
    )));
    None
}

/// Unix milliseconds by this node's clock.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}
