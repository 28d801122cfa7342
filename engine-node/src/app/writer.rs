//! Group commit: a writer drains what waits, steps each command on its instance, writes all of it in one
//! transaction, and answers each command after the commit that holds it. While a transaction is under way the next
//! batch gathers; a lone command waits for nobody.
//!
//! A slot always has the same writer of a node, so commands to one instance, and to those of its tree, meet in one
//! batch and run in order on the same working copies ([`super::group`]). Those are taken from the node's
//! [`super::cache`] where it is warm: the write compares their revisions. Whatever a warm copy refuses is decided
//! again on the stored state. Other nodes may still write the same instance: revisions notice, and the command runs
//! again on the stored state, within a budget.
use super::{
    Answer, EngineError, Inner,
    commands::{Render, Start},
    error::copy,
    group::{Group, Member},
    operations::Tell,
    outside::{self, Replay},
    rhythm::Rhythm,
    signals, tasks,
};
use crate::failpoint;
use crate::store::{Applied, Unit};
use bpmn_core::{
    Id, Slot,
    command::{Command, NewTask, Outcome},
    instance::{HistoricJob, Incident, Instance, Job},
    large::Content,
};
use service::trace::{Attribute, Current, Kind};
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
    /// Makes a task that no process makes and that is no part of another.
    NewTask(Box<NewTask>),
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
    /// A timer start job that failed: the changed job, the next one if the timer repeats, and perhaps an incident.
    TimerStartFailed {
        job: Box<Job>,
        next: Option<Box<Job>>,
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
    /// The user's groups, for `currentUserGroups()`.
    pub rights: Option<Arc<crate::rights::Rights>>,
    /// What it tells the user log, under that operation or one of its own.
    pub tell: Option<(Tell, Option<Id>)>,
    /// Key (`USER\nKEY`) and digest.
    pub idempotency: Option<(String, String)>,
    pub reply: oneshot::Sender<Result<Answer, EngineError>>,
    pub conflicts: u32,
    /// What has been answered to what it asked.
    pub replay: Option<Box<Replay>>,
    /// The trace of the request that it comes from, if somebody wants to see it.
    pub trace: Option<Box<Current>>,
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

    /// Queues a work item that has been taken before, however long that takes. A writer that is gone drops it, which
    /// tells its client.
    pub(super) async fn put_back(&self, work: Work) {
        let _ = self.queue.send(work).await;
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
pub(super) type Stepped = Result<(Answer, Outcome), EngineError>;

/// Carries a batch out; returns what has to run again.
async fn batch(inner: &Arc<Inner>, works: Vec<Work>) -> Vec<Work> {
    inner.cache.check_connections(inner.store.lost_connections());
    let mut again = Vec::new();
    let groups = match prepare(inner, works).await {
        Ok(mut groups) => {
            for group in &mut groups {
                again.extend(group.unsettled().into_iter().filter_map(retry));
                for (work, nth, ask) in group.asking() {
                    outside::answer(inner, work, nth, ask);
                }
                group.fill_unit(inner);
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
    let works = groups.iter().flat_map(|group| &group.works);
    let traced: Vec<Current> = works
        .filter_map(|(work, _)| work.trace.as_deref().cloned())
        .collect();
    let since = SystemTime::now();
    let written = inner.store.write(&units).await;
    for trace in traced {
        let mut said = vec![Attribute::new("stellwerk.batch.units", units.len() as i64)];
        said.extend(
            written
                .is_err()
                .then(|| Attribute::new("error.type", "write failed")),
        );
        trace.did("database: write batch", Kind::Client, since, said);
    }
    let applied = match written {
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
            let thrown = unit.outbox;
            for write in unit.instances {
                inner.cache.committed(write.instance);
            }
            inner.executor.armed(&unit.start_jobs);
            for claims in std::mem::take(&mut group.claims) {
                claims.committed();
            }
            if thrown.is_empty() {
                answer(inner, group).await;
            } else {
                let inner = inner.clone();
                tokio::spawn(async move {
                    signals::heard(inner.clone().tell(thrown)).await;
                    answer(&inner, group).await;
                });
            }
            continue;
        }
        let named: Vec<Id> = unit.aliases.iter().map(|alias| alias.entity_id).collect();
        forget(inner, [unit]);
        match applied {
            Applied::Done => {}
            Applied::Conflict if !named.is_empty() && group.works.len() > 1 => {
                for (work, _) in group.works {
                    again.extend(Box::pin(batch(inner, vec![work])).await);
                }
            }
            // Somebody has taken the id since it was looked up.
            Applied::Conflict if !named.is_empty() && inner.is_taken(&named).await.unwrap_or(false) => {
                for (work, _) in group.works {
                    let _ = work.reply.send(Err(tasks::taken()));
                }
            }
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
    let mut found: HashMap<Id, Member> = HashMap::new();
    let mut cold: Vec<Id> = Vec::new();
    for id in works.iter().filter_map(|work| work.task.instance()) {
        found.entry(id).or_insert_with(|| {
            let base = inner.cache.get(id);
            let warm = base.is_some();
            if !warm {
                cold.push(id);
            }
            Member::new(base, warm)
        });
    }
    match load(inner, cold).await {
        Ok(loaded) => found.extend(loaded),
        Err(error) => return Err((works, error)),
    }
    let mut groups: Vec<Group> = Vec::with_capacity(works.len());
    let mut by_root: HashMap<Id, usize> = HashMap::new();
    let mut roots: HashMap<Id, usize> = HashMap::with_capacity(found.len());
    for work in works {
        let at = match work.task.instance() {
            None => {
                groups.push(Group::default());
                groups.len() - 1
            }
            Some(id) => match found.remove(&id) {
                None => roots[&id],
                Some(member) => {
                    let root = member.base.as_ref().map_or(id, |base| base.process.root_id);
                    let at = *by_root.entry(root).or_insert_with(|| {
                        groups.push(Group::default());
                        groups.len() - 1
                    });
                    groups[at].members.insert(id, member);
                    roots.insert(id, at);
                    at
                }
            },
        };
        groups[at].take(inner, work);
    }
    loop {
        if let Err(error) = settle(inner, &mut groups).await {
            return Err((works_of(groups), error));
        }
        match refresh(inner, &mut groups).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err((works_of(groups), error)),
        }
    }
    Ok(groups)
}

/// The works of groups whose results don't count.
fn works_of(groups: Vec<Group>) -> Vec<Work> {
    let works = groups.into_iter().flat_map(|g| g.works);
    works.map(|(work, _)| work).collect()
}

/// Loads instances in one statement; what isn't there has no base.
async fn load(inner: &Inner, mut ids: Vec<Id>) -> Result<HashMap<Id, Member>, crate::store::StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    ids.sort_unstable();
    ids.dedup();
    let loaded = inner.store.load(&ids).await?;
    let mut members: HashMap<Id, Member> = ids.into_iter().map(|id| (id, Member::default())).collect();
    members.extend(loaded.into_iter().map(|instance| {
        let id = instance.process.id;
        (id, Member::new(Some(Arc::new(instance)), false))
    }));
    Ok(members)
}

/// Loads again what refused something, or may not be written, as the cache had it, and steps those groups once more;
/// whether there were any.
async fn refresh(inner: &Inner, groups: &mut [Group]) -> Result<bool, crate::store::StoreError> {
    let stale = |group: &Group| group.warm().next().is_some() && group.needs_stored_state();
    let stale: Vec<usize> = (0..groups.len()).filter(|at| stale(&groups[*at])).collect();
    let ids: Vec<Id> = stale.iter().flat_map(|at| groups[*at].warm()).collect();
    ids.iter().for_each(|id| inner.cache.forget(*id));
    let mut loaded = load(inner, ids).await?;
    for at in &stale {
        let group = &mut groups[*at];
        group.stored_only = true;
        let ids: Vec<Id> = group.warm().collect();
        for id in ids {
            group.members.insert(id, loaded.remove(&id).unwrap_or_default());
        }
        group.step_again(inner);
    }
    Ok(!stale.is_empty())
}

/// Brings what commands have touched and isn't at hand, instances of their trees and large values, and steps their
/// groups again with it; once more for what they touch then. What isn't there (any more) leaves its command unsettled.
async fn settle(inner: &Inner, groups: &mut [Group]) -> Result<(), crate::store::StoreError> {
    loop {
        let joined = join(inner, groups).await?;
        let lent = lend(inner, groups).await?;
        if !joined && !lent {
            return Ok(());
        }
    }
}

async fn join(inner: &Inner, groups: &mut [Group]) -> Result<bool, crate::store::StoreError> {
    let mut cold: Vec<Id> = Vec::new();
    let mut joined: Vec<usize> = Vec::new();
    for (at, group) in groups.iter_mut().enumerate() {
        let needed: Vec<Id> = group.instances_needed().collect();
        if needed.is_empty() {
            continue;
        }
        joined.push(at);
        for id in needed {
            match inner.cache.get(id).filter(|_| !group.stored_only) {
                Some(base) => drop(group.members.insert(id, Member::new(Some(base), true))),
                None => cold.push(id),
            }
        }
    }
    let mut loaded = load(inner, cold).await?;
    for at in &joined {
        let group = &mut groups[*at];
        let needed: Vec<Id> = group.instances_needed().collect();
        for id in needed {
            group.members.insert(id, loaded.remove(&id).unwrap_or_default());
        }
        group.step_again(inner);
    }
    Ok(!joined.is_empty())
}

async fn lend(inner: &Inner, groups: &mut [Group]) -> Result<bool, crate::store::StoreError> {
    let mut wanted: Vec<(Id, Id)> = Vec::new();
    for group in groups.iter() {
        if let Some(root) = group.root() {
            wanted.extend(group.values_needed().map(|id| (root, id)));
        }
    }
    if wanted.is_empty() {
        return Ok(false);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let found = inner.store.large_values(&wanted).await?;
    let found: HashMap<Id, Arc<Content>> = found.into_iter().map(|(id, c)| (id, Arc::new(c))).collect();
    let mut more = false;
    for group in groups.iter_mut() {
        if group.lend(&found) {
            group.step_again(inner);
            more = true;
        }
    }
    Ok(more)
}

impl Task {
    fn instance(&self) -> Option<Id> {
        match self {
            Task::Command { instance, .. } => Some(*instance),
            _ => None,
        }
    }
}

/// Answers the works of a group that is committed, or that changed nothing.
async fn answer(inner: &Inner, group: Group) {
    for (work, result) in group.works {
        let result = match result {
            Ok((answer, outcome)) => {
                inner.after_commit(&outcome);
                let start = matches!(work.task, Task::Start(_) | Task::TimerStart { .. });
                inner.meter.count(outcome.tally, start);
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
