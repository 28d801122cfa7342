//! Rows that are only appended. Copies share them: a batch of commands on one instance makes a copy for each.
use std::sync::Arc;

/// Rows in the order they were appended.
#[derive(Clone, Debug, PartialEq)]
pub struct Log<T>(Vec<Arc<T>>);

impl<T> Default for Log<T> {
    fn default() -> Self {
        Log(Vec::new())
    }
}

impl<T> Log<T> {
    /// Appends a row.
    pub fn push(&mut self, row: T) {
        self.0.push(Arc::new(row));
    }
    /// The rows in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter().map(|row| &**row)
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<'a, T> IntoIterator for &'a Log<T> {
    type Item = &'a T;
    type IntoIter = std::iter::Map<std::slice::Iter<'a, Arc<T>>, fn(&'a Arc<T>) -> &'a T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|row| row)
    }
}
