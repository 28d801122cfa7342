//! A map of stored entities that remembers what changed since it was loaded, so that a write touches those rows only.
//!
//! Copies share their rows: a command works on a copy that a refusal throws away, and making it costs the same for an
//! instance of ten branches and of ten thousand. Most instances have a handful of rows, which a sorted list serves
//! best ([`Rows::Few`]); past [`FEW`] rows a persistent tree with an index takes over ([`many`]).
mod few;
mod log;
mod many;

use few::Few;
pub use log::Log;
use many::Many;
use std::sync::Arc;
use topology::Id;

/// Most rows in a plain list.
const FEW: usize = 32;

/// An entity with an id: one stored row.
pub trait Entity: Clone {
    /// Its id.
    fn id(&self) -> Id;
    /// What else it is found by.
    fn keys(&self, each: impl FnMut(By<'_>));
    /// Whether it is found by that.
    fn has(&self, by: By<'_>) -> bool {
        let mut found = false;
        self.keys(|key| found |= key == by);
        found
    }
}

/// An entity whose keys never change, so that it may be changed in place.
pub trait FixedKeys: Entity {}

/// What entities are found by besides their id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// Tokens directly in a scope; `None` is the process instance.
    Parent(Option<Id>),
    /// Event scopes directly in a scope; `None` is the process instance.
    EventScopes(Option<Id>),
    /// Tokens and incidents of an execution.
    Execution(Id),
    /// Tokens that wait at a joining gateway in a scope.
    Joining(Option<Id>, &'a str),
    /// What a token waits for: tasks, jobs, subscriptions.
    Token(Id),
    /// Variables of a scope.
    Scope(Id),
    /// Variables local to a task.
    Task(Id),
    /// The variable of that name of a scope or, local to it, of a task.
    Named(Id, &'a str),
    /// Variables that hold a large value.
    Large(Id),
    /// Incidents about a job or an external task: its id as text.
    Cause(&'a str),
    /// Incidents that one of a called instance has caused.
    Caused(Id),
}

/// A row with what the store knows of it.
#[derive(Clone, Debug)]
struct Entry<E> {
    id: Id,
    row: Arc<E>,
    /// Whether the store has a row of that id.
    stored: bool,
    changed: bool,
}

#[derive(Clone, Debug)]
enum Rows<E> {
    Few(Few<E>),
    Many(Box<Many<E>>),
}

/// Entities by id, in id order (which is creation order), with the changes since loading.
#[derive(Clone, Debug)]
pub struct Tracked<E> {
    rows: Rows<E>,
}

impl<E> Default for Tracked<E> {
    fn default() -> Self {
        Tracked {
            rows: Rows::Few(Few::default()),
        }
    }
}

/// One of two iterators.
enum Either<A, B> {
    Few(A),
    Many(B),
}

impl<T, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Either<A, B> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        match self {
            Either::Few(few) => few.next(),
            Either::Many(many) => many.next(),
        }
    }
}

impl<T, A, B> DoubleEndedIterator for Either<A, B>
where
    A: DoubleEndedIterator<Item = T>,
    B: DoubleEndedIterator<Item = T>,
{
    fn next_back(&mut self) -> Option<T> {
        match self {
            Either::Few(few) => few.next_back(),
            Either::Many(many) => many.next_back(),
        }
    }
}

/// Applies an expression to either representation.
macro_rules! either {
    ($rows:expr, $name:ident => $run:expr) => {
        match $rows {
            Rows::Few($name) => $run,
            Rows::Many($name) => $run,
        }
    };
}

impl<E: Entity> Tracked<E> {
    /// Rows as the store has them.
    pub fn loaded(rows: impl IntoIterator<Item = E>) -> Self {
        let mut all = Tracked::default();
        for row in rows {
            all.put(row, true, false);
        }
        all
    }
    /// The entity of that id.
    pub fn get(&self, id: Id) -> Option<&E> {
        counted(either!(&self.rows, r => r.get(id)).map(|entry| &*entry.row))
    }
    /// Adds or replaces.
    pub fn insert(&mut self, entity: E) {
        self.put(entity, false, true);
    }
    fn put(&mut self, entity: E, stored: bool, changed: bool) {
        let entry = Entry {
            id: entity.id(),
            row: Arc::new(entity),
            stored,
            changed,
        };
        match &mut self.rows {
            Rows::Few(few) if few.has_room_for(entry.id) => few.insert(entry),
            Rows::Few(few) => {
                let mut many = Many::of(std::mem::take(few));
                many.insert(entry);
                self.rows = Rows::Many(Box::new(many));
            }
            Rows::Many(many) => many.insert(entry),
        }
    }
    /// Takes an entity out. One that was never stored leaves no trace.
    pub fn remove(&mut self, id: Id) -> Option<Arc<E>> {
        counted(either!(&mut self.rows, r => r.remove(id)))
    }
    /// Changes the entity of that id, which may change what it is found by.
    pub fn update<R>(&mut self, id: Id, change: impl FnOnce(&mut E) -> R) -> Option<R> {
        counted(match &mut self.rows {
            Rows::Few(few) => few.get_mut(id).map(change),
            Rows::Many(many) => many.update(id, change),
        })
    }
    /// Changes every entity found by something.
    pub fn update_by(&mut self, by: By<'_>, mut change: impl FnMut(&mut E)) {
        for id in self.ids_by(by) {
            self.update(id, &mut change);
        }
    }
    /// Takes out every entity found by something.
    pub fn remove_by(&mut self, by: By<'_>) {
        for id in self.ids_by(by) {
            self.remove(id);
        }
    }
    /// Entities found by something, in id order. The cost is that of those found.
    pub fn by(&self, by: By<'_>) -> impl Iterator<Item = &E> {
        let found = match &self.rows {
            Rows::Few(few) => Either::Few(few.by(by)),
            Rows::Many(many) => Either::Many(many.by(by)),
        };
        found.inspect(|_| count())
    }
    /// The first entity found by something.
    pub fn first(&self, by: By<'_>) -> Option<&E> {
        self.by(by).next()
    }
    /// Ids of the entities found by something, in id order.
    pub fn ids_by(&self, by: By<'_>) -> Vec<Id> {
        self.by(by).map(Entity::id).collect()
    }
    /// How many are found by something, without looking at each. (Two texts of one hash are counted together.)
    pub fn count(&self, by: By<'_>) -> usize {
        match &self.rows {
            Rows::Few(few) => few.by(by).count(),
            Rows::Many(many) => many.count(by),
        }
    }
    /// Takes out every entity.
    pub fn clear(&mut self) {
        let ids: Vec<Id> = self.iter().map(Entity::id).collect();
        for id in ids {
            self.remove(id);
        }
    }
    /// All entities in id order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &E> {
        let all = match &self.rows {
            Rows::Few(few) => Either::Few(few.iter()),
            Rows::Many(many) => Either::Many(many.iter()),
        };
        all.inspect(|_| count()).map(|entry| &*entry.row)
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        either!(&self.rows, r => r.len())
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Rows to insert or update. The cost is that of the changes, not of all rows.
    pub fn upserts(&self) -> impl Iterator<Item = &E> {
        let changed = match &self.rows {
            Rows::Few(few) => Either::Few(few.iter().filter(|entry| entry.changed)),
            Rows::Many(many) => Either::Many(many.changed()),
        };
        changed.inspect(|_| count()).map(|entry| &*entry.row)
    }
    /// Whether a row is new or has been changed since the last commit.
    pub fn is_changed(&self, id: Id) -> bool {
        either!(&self.rows, r => r.get(id).is_some_and(|entry| entry.changed))
    }
    /// Whether the store already has a row of that id (so an upsert is an update).
    pub fn is_stored(&self, id: Id) -> bool {
        either!(&self.rows, r => r.get(id).map_or_else(|| r.was_stored(id), |entry| entry.stored))
    }
    /// Ids of stored rows to delete.
    pub fn deletes(&self) -> impl Iterator<Item = Id> + '_ {
        match &self.rows {
            Rows::Few(few) => Either::Few(few.removed()),
            Rows::Many(many) => Either::Many(many.removed()),
        }
    }
    /// Forgets the changes: they have been committed. The cost is that of the changes.
    pub fn committed(&mut self) {
        match &mut self.rows {
            Rows::Few(few) => few.committed(),
            Rows::Many(many) => {
                many.committed();
                // Half as many, so that one row more or less doesn't turn it over each time.
                if many.len() <= FEW / 2 {
                    self.rows = Rows::Few(Few::loaded(many.iter().cloned()));
                }
            }
        }
    }
}

impl<E: FixedKeys> Tracked<E> {
    /// The entity of that id, which from now on counts as changed.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut E> {
        counted(either!(&mut self.rows, r => r.get_mut(id)))
    }
    /// Changes every entity.
    pub fn change_all(&mut self, mut change: impl FnMut(&mut E)) {
        let ids: Vec<Id> = self.iter().map(Entity::id).collect();
        for id in ids {
            self.update(id, &mut change);
        }
    }
}

fn counted<T>(row: T) -> T {
    count();
    row
}

#[cfg(not(test))]
fn count() {}

#[cfg(test)]
thread_local! {
    static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn count() {
    LOOKED_AT.with(|n| n.set(n.get() + 1));
}

/// How many rows this thread has looked at since it last asked.
#[cfg(test)]
pub(crate) fn looked_at() -> usize {
    LOOKED_AT.with(|n| n.replace(0))
}

#[cfg(test)]
mod tests;
