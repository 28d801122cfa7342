//! A handful of rows in a sorted list; what they are found by is compared one by one.
use super::{By, Entity, Entry, FEW};
use std::sync::Arc;
use topology::Id;

#[derive(Clone, Debug)]
pub(super) struct Few<E> {
    /// In id order.
    pub(super) rows: Vec<Entry<E>>,
    /// Stored rows that are gone, in id order.
    pub(super) removed: Vec<Id>,
}

impl<E> Default for Few<E> {
    fn default() -> Self {
        Few {
            rows: Vec::new(),
            removed: Vec::new(),
        }
    }
}

impl<E: Entity> Few<E> {
    /// Unchanged rows in id order.
    pub fn loaded(rows: impl IntoIterator<Item = Entry<E>>) -> Self {
        Few {
            rows: rows.into_iter().collect(),
            removed: Vec::new(),
        }
    }
    fn position(&self, id: Id) -> Result<usize, usize> {
        // New rows come last.
        match self.rows.last() {
            Some(last) if last.id < id => Err(self.rows.len()),
            _ => self.rows.binary_search_by_key(&id, |entry| entry.id),
        }
    }
    pub fn get(&self, id: Id) -> Option<&Entry<E>> {
        self.position(id).ok().map(|at| &self.rows[at])
    }
    pub fn get_mut(&mut self, id: Id) -> Option<&mut E> {
        let at = self.position(id).ok()?;
        let entry = &mut self.rows[at];
        entry.changed = true;
        Some(Arc::make_mut(&mut entry.row))
    }
    pub fn has_room_for(&self, id: Id) -> bool {
        self.rows.len() < FEW || self.position(id).is_ok()
    }
    pub fn insert(&mut self, mut entry: Entry<E>) {
        if let Ok(at) = self.removed.binary_search(&entry.id) {
            self.removed.remove(at);
            entry.stored = true;
        }
        match self.position(entry.id) {
            Ok(at) => {
                entry.stored |= self.rows[at].stored;
                self.rows[at] = entry;
            }
            Err(at) => self.rows.insert(at, entry),
        }
    }
    pub fn remove(&mut self, id: Id) -> Option<Arc<E>> {
        let entry = self.rows.remove(self.position(id).ok()?);
        if entry.stored
            && let Err(at) = self.removed.binary_search(&id)
        {
            self.removed.insert(at, id);
        }
        Some(entry.row)
    }
    pub fn by(&self, by: By<'_>) -> impl Iterator<Item = &E> {
        self.rows
            .iter()
            .map(|entry| &*entry.row)
            .filter(move |row| row.has(by))
    }
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry<E>> {
        self.rows.iter()
    }
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    pub fn was_stored(&self, id: Id) -> bool {
        self.removed.binary_search(&id).is_ok()
    }
    pub fn removed(&self) -> impl Iterator<Item = Id> {
        self.removed.iter().copied()
    }
    pub fn committed(&mut self) {
        self.removed.clear();
        for entry in &mut self.rows {
            entry.stored = true;
            entry.changed = false;
        }
    }
}
