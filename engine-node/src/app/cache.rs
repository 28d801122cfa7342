//! Instances kept warm: as this node last wrote, loaded or locked them. A copy may prepare a write, because the
//! write compares its revision; nothing else is answered from one (protocol 13).
//!
//! Bounded by an estimate of bytes, the longest unused go first. Parts by slot, so that writers don't wait for each
//! other.
use crate::store::Fetched;
use bpmn_core::{
    Id, Slot,
    instance::{Instance, Variable},
    tracked::{Entity, Tracked},
    value::TypedValue,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// About what an instance takes without its entities, and an entity without its texts; in bytes.
const INSTANCE: usize = 1200;
const ENTITY: usize = 500;
/// Locks of its own for so many parts.
const PARTS: usize = 16;

/// Instances by id, and which instance an entity belongs to.
#[derive(Debug)]
pub struct Cache {
    parts: Vec<Mutex<Part>>,
    /// Most bytes of one part.
    most: usize,
    /// Lost connections to the database when it was last looked at.
    lost: AtomicU64,
    /// Commands that found their instance here, and those that didn't.
    pub hits: AtomicU64,
    pub misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Part {
    entries: HashMap<Id, Entry>,
    /// Entity to instance. An entity never changes its instance, so an answer is right as long as the entity lives.
    owners: HashMap<Id, Id>,
    /// Uses in order; an entry's last use counts.
    uses: VecDeque<(Id, u64)>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    instance: Arc<Instance>,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// An empty cache of at most about that many bytes; 0 keeps nothing.
    pub fn new(bytes: usize) -> Cache {
        Cache {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            most: bytes / PARTS,
            lost: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    fn part(&self, slot: Option<Slot>) -> MutexGuard<'_, Part> {
        let at = slot.map_or(0, |slot| slot.number() as usize % PARTS);
        self.parts[at].lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The instance as this node knows it, for a command.
    pub fn get(&self, id: Id) -> Option<Arc<Instance>> {
        let found = self.peek(id);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn peek(&self, id: Id) -> Option<Arc<Instance>> {
        let mut part = self.part(id.slot());
        part.clock += 1;
        let used = part.clock;
        let entry = part.entries.get_mut(&id)?;
        entry.used = used;
        let instance = entry.instance.clone();
        part.uses.push_back((id, used));
        part.tidy();
        Some(instance)
    }

    /// The instance if the copy is of that revision, so the present state.
    pub fn of_revision(&self, id: Id, revision: i64) -> Option<Arc<Instance>> {
        self.peek(id).filter(|i| i.process.revision == revision)
    }

    /// The instance of an entity (or of its own id).
    pub fn owner(&self, entity: Id) -> Option<Id> {
        self.part(entity.slot()).owners.get(&entity).copied()
    }

    /// Keeps an instance as the database had it.
    pub fn loaded(&self, instance: Arc<Instance>) {
        let id = instance.process.id;
        if self.most == 0 {
            return;
        }
        let mut part = self.part(id.slot());
        let newer = |e: &Entry| e.instance.process.revision > instance.process.revision;
        if part.entries.get(&id).is_some_and(newer) {
            return;
        }
        part.remove(id);
        for entity in entities(&instance) {
            part.owners.insert(entity, id);
        }
        let bytes = weight(&instance);
        part.keep(id, instance, bytes, self.most);
    }

    /// Keeps what a committed write made of an instance, or forgets one that has ended. The work is proportional
    /// to what changed.
    pub fn committed(&self, mut instance: Instance) {
        let id = instance.process.id;
        if instance.ended || self.most == 0 {
            return self.forget(id);
        }
        let mut part = self.part(id.slot());
        let before = match part.take(id) {
            Some(entry) => entry.bytes,
            None => {
                drop(part);
                instance.committed();
                return self.loaded(Arc::new(instance));
            }
        };
        let (new, gone) = changes(&instance);
        for entity in &gone {
            part.owners.remove(entity);
        }
        for entity in &new {
            part.owners.insert(*entity, id);
        }
        let values: usize = instance.variables.upserts().map(value_weight).sum();
        let bytes = (before + new.len() * ENTITY + values).saturating_sub(gone.len() * ENTITY);
        instance.committed();
        part.keep(id, Arc::new(instance), bytes, self.most);
    }

    /// Takes over the locks of tasks that a fetch has just locked, where the copy is otherwise the present state.
    pub fn locked(&self, tasks: &[Fetched]) {
        for task in tasks {
            let id = task.instance_id;
            let mut part = self.part(id.slot());
            let Some(entry) = part.entries.get_mut(&id) else {
                continue;
            };
            if Some(entry.instance.process.revision) != task.revision {
                continue;
            }
            let newer = |known: &bpmn_core::instance::ExternalTask| known.lock_revision < task.lock_revision;
            if entry.instance.external_tasks.get(task.id).is_some_and(newer) {
                let copy = Arc::make_mut(&mut entry.instance);
                copy.external_tasks.insert(task.task.clone());
                copy.external_tasks.committed();
            }
        }
    }

    /// Forgets an instance: its copy was or may be wrong.
    pub fn forget(&self, id: Id) {
        self.part(id.slot()).remove(id);
    }

    /// Forgets everything if a connection was lost since the last time. After a failover that lost what a replica
    /// didn't have yet, a revision that is known here may stand for another state.
    pub fn check_connections(&self, lost: u64) {
        if self.lost.swap(lost, Ordering::Relaxed) != lost {
            self.clear();
        }
    }

    /// Forgets everything: slots have changed hands.
    pub fn clear(&self) {
        for part in &self.parts {
            *part.lock().unwrap_or_else(|e| e.into_inner()) = Part::default();
        }
    }

    /// Instances and bytes kept.
    pub fn size(&self) -> (usize, usize) {
        let parts = self.parts.iter().map(|part| {
            let part = part.lock().unwrap_or_else(|e| e.into_inner());
            (part.entries.len(), part.bytes)
        });
        parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }
}

impl Part {
    fn keep(&mut self, id: Id, instance: Arc<Instance>, bytes: usize, most: usize) {
        self.clock += 1;
        let used = self.clock;
        self.bytes += bytes;
        self.uses.push_back((id, used));
        self.entries.insert(
            id,
            Entry {
                instance,
                bytes,
                used,
            },
        );
        while self.bytes > most {
            let Some((oldest, used)) = self.uses.pop_front() else {
                break;
            };
            if self.entries.get(&oldest).is_some_and(|e| e.used == used) {
                self.remove(oldest);
            }
        }
        self.tidy();
    }

    /// Takes an entry out and leaves its entities.
    fn take(&mut self, id: Id) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some(entry)
    }

    fn remove(&mut self, id: Id) {
        if let Some(entry) = self.take(id) {
            for entity in entities(&entry.instance) {
                self.owners.remove(&entity);
            }
        }
    }

    /// Drops uses that later ones of the same instance have replaced, when they are the most.
    fn tidy(&mut self) {
        if self.uses.len() > 64 + 4 * self.entries.len() {
            let entries = &self.entries;
            self.uses
                .retain(|(id, used)| entries.get(id).is_some_and(|e| e.used == *used));
        }
    }
}

/// Every id that leads to the instance.
fn entities(i: &Instance) -> impl Iterator<Item = Id> + '_ {
    std::iter::once(i.process.id)
        .chain(i.tokens.iter().map(Entity::id))
        .chain(i.tasks.iter().map(Entity::id))
        .chain(i.external_tasks.iter().map(Entity::id))
        .chain(i.jobs.iter().map(Entity::id))
        .chain(i.subscriptions.iter().map(Entity::id))
        .chain(i.incidents.iter().map(Entity::id))
}

/// Ids of entities that are new since the last commit, and of those that are gone.
fn changes(i: &Instance) -> (Vec<Id>, Vec<Id>) {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    fn of<E: Entity>(all: &Tracked<E>, new: &mut Vec<Id>, gone: &mut Vec<Id>) {
        new.extend(all.upserts().map(Entity::id).filter(|id| !all.is_stored(*id)));
        gone.extend(all.deletes());
    }
    of(&i.tokens, &mut new, &mut gone);
    of(&i.tasks, &mut new, &mut gone);
    of(&i.external_tasks, &mut new, &mut gone);
    of(&i.jobs, &mut new, &mut gone);
    of(&i.subscriptions, &mut new, &mut gone);
    of(&i.incidents, &mut new, &mut gone);
    (new, gone)
}

/// About how many bytes an instance takes.
fn weight(i: &Instance) -> usize {
    let values: usize = i.variables.iter().map(value_weight).sum();
    INSTANCE + entities(i).count() * ENTITY + values
}

fn value_weight(variable: &Variable) -> usize {
    let value = match &variable.value {
        TypedValue::String(text) | TypedValue::Json(text) | TypedValue::Xml(text) => text.len(),
        TypedValue::Bytes(bytes) => bytes.len(),
        TypedValue::File { content, .. } => content.len(),
        TypedValue::Object { text, .. } => text.as_ref().map_or(0, String::len),
        TypedValue::Large(_) => 100,
        _ => 0,
    };
    300 + variable.name.len() + value
}

#[cfg(test)]
mod tests {
    use super::*;
    use bpmn_core::instance::{ExternalTask, ProcessInstance};

    fn id(n: u64) -> Id {
        Id::from_parts(1_700_000_000_000 + n, 0, Slot::from_bits(7), n)
    }

    fn instance(n: u64, revision: i64) -> Instance {
        let mut instance = Instance::new(ProcessInstance {
            id: id(n),
            root_id: id(n),
            super_token_id: None,
            super_instance_id: None,
            definition_id: id(1),
            business_key: None,
            revision,
            suspended: false,
            started: 0,
            start_user: None,
            start_element: "s".into(),
            tenant_id: None,
            retention: 0,
            recorded: true,
            restarted_id: None,
            case_instance_id: None,
        });
        instance.external_tasks.insert(task(n, 0));
        instance.external_tasks.committed();
        instance.stored = true;
        instance
    }

    fn task(n: u64, lock_revision: i64) -> ExternalTask {
        ExternalTask {
            id: id(n + 1000),
            instance_id: id(n),
            token_id: id(n),
            execution_id: id(n),
            activity_id: id(n),
            definition_id: id(1),
            element: "e".into(),
            topic: "t".into(),
            worker_id: None,
            lock_expires: None,
            retries: None,
            error_message: None,
            error_details: None,
            priority: 0,
            suspended: false,
            created: 0,
            lock_revision,
            business_key: None,
            tenant_id: None,
            recorded: true,
            made_priority: None,
        }
    }

    #[test]
    fn the_longest_unused_go_first_and_their_entities_with_them() {
        let cache = Cache::new(PARTS * 10_000);
        for n in 1..=4 {
            cache.loaded(Arc::new(instance(n, 1)));
        }
        assert!(cache.get(id(1)).is_some());
        cache.loaded(Arc::new(instance(5, 1)));
        assert_eq!(
            cache.get(id(2)).map(|i| i.process.id),
            None,
            "not used for longest"
        );
        assert_eq!(cache.owner(id(1002)), None);
        assert_eq!(cache.owner(id(1001)), Some(id(1)));
        assert!(cache.size().1 <= 10_000);
        cache.clear();
        assert_eq!((cache.size(), cache.owner(id(1001))), ((0, 0), None));
    }

    #[test]
    fn a_late_load_does_not_replace_what_was_written_since() {
        let cache = Cache::new(1 << 20);
        cache.loaded(Arc::new(instance(1, 5)));
        cache.loaded(Arc::new(instance(1, 4)));
        assert!(cache.of_revision(id(1), 5).is_some() && cache.of_revision(id(1), 4).is_none());
    }

    #[test]
    fn a_commit_keeps_the_new_entities_and_forgets_the_ended() {
        let cache = Cache::new(1 << 20);
        cache.loaded(Arc::new(instance(1, 5)));
        let mut changed = instance(1, 5);
        changed.external_tasks.remove(id(1001));
        changed.external_tasks.insert(task(2, 0));
        cache.committed(changed.clone());
        assert_eq!(
            (cache.owner(id(1001)), cache.owner(id(1002))),
            (None, Some(id(1)))
        );
        assert!(cache.of_revision(id(1), 6).is_some(), "the write has raised it");
        changed.ended = true;
        cache.committed(changed);
        assert_eq!((cache.size().0, cache.owner(id(1002))), (0, None));
    }

    #[test]
    fn locks_are_taken_over_into_the_present_state_only() {
        let cache = Cache::new(1 << 20);
        cache.loaded(Arc::new(instance(1, 5)));
        let fetched = |lock_revision, revision| Fetched {
            task: task(1, lock_revision),
            revision: Some(revision),
        };
        let known = || {
            cache
                .get(id(1))
                .unwrap()
                .external_tasks
                .get(id(1001))
                .unwrap()
                .lock_revision
        };
        cache.locked(&[fetched(1, 4)]);
        assert_eq!(known(), 0);
        cache.locked(&[fetched(2, 5), fetched(1, 5)]);
        assert_eq!(known(), 2);
    }

    #[test]
    fn a_lost_connection_empties_it() {
        let cache = Cache::new(1 << 20);
        cache.loaded(Arc::new(instance(1, 5)));
        cache.check_connections(0);
        assert_eq!(cache.size().0, 1);
        cache.check_connections(1);
        assert_eq!(cache.size().0, 0);
    }
}
