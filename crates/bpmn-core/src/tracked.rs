//! A map of stored entities that remembers what changed since it was loaded, so that a write touches those rows only.
use std::collections::{BTreeMap, BTreeSet};
use topology::Id;

/// An entity with an id: one stored row.
pub trait Entity {
    /// Its id.
    fn id(&self) -> Id;
}

/// Entities by id, in id order (which is creation order), with the changes since loading.
#[derive(Clone, Debug)]
pub struct Tracked<E> {
    rows: BTreeMap<Id, E>,
    stored: BTreeSet<Id>,
    changed: BTreeSet<Id>,
    removed: BTreeSet<Id>,
}

impl<E> Default for Tracked<E> {
    fn default() -> Self {
        Tracked {
            rows: BTreeMap::new(),
            stored: BTreeSet::new(),
            changed: BTreeSet::new(),
            removed: BTreeSet::new(),
        }
    }
}

impl<E: Entity> Tracked<E> {
    /// Rows as the store has them.
    pub fn loaded(rows: impl IntoIterator<Item = E>) -> Self {
        let rows: BTreeMap<Id, E> = rows.into_iter().map(|e| (e.id(), e)).collect();
        Tracked {
            stored: rows.keys().copied().collect(),
            rows,
            ..Default::default()
        }
    }
    /// The entity of that id.
    pub fn get(&self, id: Id) -> Option<&E> {
        self.rows.get(&id)
    }
    /// The entity of that id, which from now on counts as changed.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut E> {
        let row = self.rows.get_mut(&id)?;
        self.changed.insert(id);
        Some(row)
    }
    /// Adds or replaces.
    pub fn insert(&mut self, entity: E) {
        let id = entity.id();
        self.removed.remove(&id);
        self.changed.insert(id);
        self.rows.insert(id, entity);
    }
    /// Takes an entity out. One that was never stored leaves no trace.
    pub fn remove(&mut self, id: Id) -> Option<E> {
        let entity = self.rows.remove(&id)?;
        self.changed.remove(&id);
        if self.stored.contains(&id) {
            self.removed.insert(id);
        }
        Some(entity)
    }
    /// Ids of the entities that a predicate takes, in id order.
    pub fn ids(&self, wanted: impl Fn(&E) -> bool) -> Vec<Id> {
        self.rows.values().filter(|e| wanted(e)).map(Entity::id).collect()
    }
    /// Changes every entity that a predicate takes.
    pub fn change(&mut self, wanted: impl Fn(&E) -> bool, mut change: impl FnMut(&mut E)) {
        for row in self.rows.values_mut().filter(|e| wanted(e)) {
            self.changed.insert(row.id());
            change(row);
        }
    }
    /// Takes out every entity that a predicate takes.
    pub fn remove_all(&mut self, wanted: impl Fn(&E) -> bool) {
        for id in self.ids(wanted) {
            self.remove(id);
        }
    }
    /// All entities in id order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &E> {
        self.rows.values()
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// Rows to insert or update.
    pub fn upserts(&self) -> impl Iterator<Item = &E> {
        self.changed.iter().filter_map(|id| self.rows.get(id))
    }
    /// Whether the store already has a row of that id (so an upsert is an update).
    pub fn is_stored(&self, id: Id) -> bool {
        self.stored.contains(&id)
    }
    /// Ids of stored rows to delete.
    pub fn deletes(&self) -> impl Iterator<Item = Id> + '_ {
        self.removed.iter().copied()
    }
    /// Forgets the changes: they have been committed.
    pub fn committed(&mut self) {
        self.changed.clear();
        self.removed.clear();
        self.stored = self.rows.keys().copied().collect();
    }
}
