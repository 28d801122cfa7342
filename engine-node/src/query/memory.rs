//! Sorting and paging of what is in memory, in the same order as the database's.
use rest_api::filters::{Paging, Sorting};
use std::cmp::Ordering;

/// A sort value; null comes last ascending, first descending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Null,
    Number(i64),
    Text(String),
}

impl Key {
    /// Of a text that may be missing.
    pub fn text(text: Option<&str>) -> Key {
        text.map_or(Key::Null, |text| Key::Text(text.to_owned()))
    }

    fn compare(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Null, Key::Null) => Ordering::Equal,
            (Key::Null, _) => Ordering::Greater,
            (_, Key::Null) => Ordering::Less,
            (Key::Number(a), Key::Number(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Key::Number(_), Key::Text(_)) => Ordering::Less,
            (Key::Text(_), Key::Number(_)) => Ordering::Greater,
        }
    }
}

/// One page of rows, sorted by the criteria and then by id ascending.
pub fn page<T>(
    mut rows: Vec<T>,
    sortings: &[Sorting],
    paging: Paging,
    key: impl Fn(&T, &str) -> Key,
    id: impl Fn(&T) -> String,
) -> Vec<T> {
    rows.sort_by(|a, b| {
        for sorting in sortings {
            let order = key(a, &sorting.by).compare(&key(b, &sorting.by));
            let order = if sorting.descending {
                order.reverse()
            } else {
                order
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        id(a).cmp(&id(b))
    });
    paging.cut(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_come_last_ascending_and_first_descending() {
        let rows = vec![("a", Some(1)), ("b", None), ("c", Some(0)), ("d", Some(1))];
        let sorted = |descending| {
            let by = [Sorting {
                by: "x".into(),
                descending,
                parameters: Default::default(),
            }];
            let key = |row: &(&str, Option<i64>), _: &str| row.1.map_or(Key::Null, Key::Number);
            page(rows.clone(), &by, Paging::default(), key, |row| row.0.to_owned())
                .into_iter()
                .map(|row| row.0)
                .collect::<String>()
        };
        assert_eq!(sorted(false), "cadb");
        assert_eq!(sorted(true), "badc");
    }
}
