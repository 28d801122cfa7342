//! Many rows: persistent trees, of the rows and of what they are found by. A copy shares all of them; a change makes
//! new nodes on its path only.
use super::{By, Entity, Entry, few::Few};
use rpds::{RedBlackTreeMapSync as Map, RedBlackTreeSetSync as Set};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::Arc,
};
use topology::Id;

/// What a row is found by, with a text as a number: two texts that meet in one are told apart by looking at the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    id: Option<Id>,
    kind: u8,
    text: u64,
}

fn key(by: By<'_>) -> Key {
    let number = |text: &str| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    };
    let (kind, id, text) = match by {
        By::Parent(id) => (0, id, 0),
        By::Execution(id) => (1, Some(id), 0),
        By::Joining(id, element) => (2, id, number(element)),
        By::Token(id) => (3, Some(id), 0),
        By::Scope(id) => (4, Some(id), 0),
        By::Task(id) => (5, Some(id), 0),
        By::Named(id, name) => (6, Some(id), number(name)),
        By::Cause(id) => (7, None, number(id)),
        By::Large(id) => (8, Some(id), 0),
        By::EventScopes(id) => (9, id, 0),
        By::Caused(id) => (10, Some(id), 0),
    };
    Key { id, kind, text }
}

/// The rows found by one key: mostly one.
#[derive(Clone, Debug)]
enum Bucket {
    One(Id),
    More(Set<Id>),
}

#[derive(Clone, Debug)]
pub(super) struct Many<E> {
    rows: Map<Id, Entry<E>>,
    /// Ids of the changed rows.
    changed: Set<Id>,
    /// Ids of stored rows that are gone.
    removed: Set<Id>,
    index: Map<Key, Bucket>,
}

impl<E: Entity> Many<E> {
    /// The same rows.
    pub fn of(few: Few<E>) -> Self {
        let mut many = Many {
            rows: Map::new_sync(),
            changed: Set::new_sync(),
            removed: few.removed.into_iter().collect(),
            index: Map::new_sync(),
        };
        for entry in few.rows {
            many.insert(entry);
        }
        many
    }
    pub fn get(&self, id: Id) -> Option<&Entry<E>> {
        self.rows.get(&id)
    }
    /// For changes that don't touch what the row is found by.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut E> {
        let entry = self.rows.get_mut(&id)?;
        if !entry.changed {
            entry.changed = true;
            self.changed.insert_mut(id);
        }
        Some(Arc::make_mut(&mut entry.row))
    }
    pub fn update<R>(&mut self, id: Id, change: impl FnOnce(&mut E) -> R) -> Option<R> {
        let row = self.get_mut(id)?;
        let before = keys(row);
        let result = change(row);
        let after = keys(row);
        for key in before.iter().filter(|key| !after.contains(key)) {
            self.unlist(*key, id);
        }
        for key in after.iter().filter(|key| !before.contains(key)) {
            self.list(*key, id);
        }
        Some(result)
    }
    pub fn insert(&mut self, mut entry: Entry<E>) {
        let id = entry.id;
        if let Some(old) = self.rows.get(&id) {
            entry.stored |= old.stored;
            let keys = keys(&*old.row);
            for key in keys.iter() {
                self.unlist(*key, id);
            }
        }
        if self.removed.remove_mut(&id) {
            entry.stored = true;
        }
        if entry.changed {
            self.changed.insert_mut(id);
        }
        for key in keys(&*entry.row).iter() {
            self.list(*key, id);
        }
        self.rows.insert_mut(id, entry);
    }
    pub fn remove(&mut self, id: Id) -> Option<Arc<E>> {
        let entry = self.rows.get(&id)?.clone();
        self.rows.remove_mut(&id);
        if entry.changed {
            self.changed.remove_mut(&id);
        }
        if entry.stored {
            self.removed.insert_mut(id);
        }
        for key in keys(&*entry.row).iter() {
            self.unlist(*key, id);
        }
        Some(entry.row)
    }
    fn list(&mut self, key: Key, id: Id) {
        match self.index.get_mut(&key) {
            None => self.index.insert_mut(key, Bucket::One(id)),
            Some(Bucket::More(set)) => set.insert_mut(id),
            Some(bucket) => {
                if let Bucket::One(other) = *bucket
                    && other != id
                {
                    *bucket = Bucket::More([other, id].into_iter().collect());
                }
            }
        }
    }
    fn unlist(&mut self, key: Key, id: Id) {
        let empty = match self.index.get_mut(&key) {
            None => false,
            Some(Bucket::One(other)) => *other == id,
            Some(Bucket::More(set)) => {
                set.remove_mut(&id);
                set.is_empty()
            }
        };
        if empty {
            self.index.remove_mut(&key);
        }
    }
    pub fn by(&self, by: By<'_>) -> impl Iterator<Item = &E> {
        let (one, more) = match self.index.get(&key(by)) {
            None => (None, None),
            Some(Bucket::One(id)) => (Some(*id), None),
            Some(Bucket::More(set)) => (None, Some(set)),
        };
        let ids = one.into_iter().chain(more.into_iter().flatten().copied());
        ids.filter_map(|id| self.rows.get(&id))
            .map(|entry| &*entry.row)
            .filter(move |row| row.has(by))
    }
    pub fn count(&self, by: By<'_>) -> usize {
        match self.index.get(&key(by)) {
            None => 0,
            Some(Bucket::One(_)) => 1,
            Some(Bucket::More(set)) => set.size(),
        }
    }
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry<E>> {
        self.rows.values()
    }
    pub fn changed(&self) -> impl Iterator<Item = &Entry<E>> {
        self.changed.iter().filter_map(|id| self.rows.get(id))
    }
    pub fn len(&self) -> usize {
        self.rows.size()
    }
    pub fn was_stored(&self, id: Id) -> bool {
        self.removed.contains(&id)
    }
    pub fn removed(&self) -> impl Iterator<Item = Id> {
        self.removed.iter().copied()
    }
    pub fn committed(&mut self) {
        let changed = std::mem::replace(&mut self.changed, Set::new_sync());
        self.removed = Set::new_sync();
        for id in changed.iter() {
            if let Some(entry) = self.rows.get_mut(id) {
                entry.stored = true;
                entry.changed = false;
            }
        }
    }
}

/// The keys of a row, without an allocation: this runs for every change.
fn keys<E: Entity>(row: &E) -> Keys {
    let mut keys = Keys {
        all: [Key::default(); MOST_KEYS],
        len: 0,
    };
    row.keys(|by| {
        keys.all[keys.len] = key(by);
        keys.len += 1;
    });
    keys
}

/// Most keys a kind of row has.
const MOST_KEYS: usize = 4;

struct Keys {
    all: [Key; MOST_KEYS],
    len: usize,
}

impl Deref for Keys {
    type Target = [Key];
    fn deref(&self) -> &[Key] {
        &self.all[..self.len]
    }
}
