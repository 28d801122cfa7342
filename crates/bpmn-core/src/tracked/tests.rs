use super::*;
use std::collections::{BTreeMap, BTreeSet};
use topology::Slot;

/// A row of a group, which may change.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: Id,
    group: Id,
    value: u64,
}

impl Entity for Row {
    fn id(&self) -> Id {
        self.id
    }
    fn keys(&self, mut each: impl FnMut(By<'_>)) {
        each(By::Scope(self.group));
    }
}
impl FixedKeys for Row {}

fn id(number: u64) -> Id {
    Id::from_parts(number, 0, Slot::from_bits(0), 0)
}

fn row(number: u64, group: u64, value: u64) -> Row {
    Row {
        id: id(number),
        group: id(group),
        value,
    }
}

/// The same, simply.
#[derive(Clone, Default)]
struct Plain {
    rows: BTreeMap<Id, Row>,
    stored: BTreeSet<Id>,
    changed: BTreeSet<Id>,
}

fn compare(tracked: &Tracked<Row>, plain: &Plain) {
    assert!(tracked.iter().eq(plain.rows.values()));
    assert!(tracked.iter().rev().eq(plain.rows.values().rev()));
    assert_eq!(tracked.len(), plain.rows.len());
    assert!(tracked.upserts().map(Row::id).eq(plain.changed.iter().copied()));
    let gone = plain.stored.iter().filter(|id| !plain.rows.contains_key(id));
    assert!(tracked.deletes().eq(gone.copied()));
    for number in 0..60 {
        assert_eq!(tracked.get(id(number)), plain.rows.get(&id(number)));
        assert_eq!(tracked.is_stored(id(number)), plain.stored.contains(&id(number)));
    }
    for group in 0..5 {
        let by = By::Scope(id(group));
        let expected: Vec<&Row> = plain.rows.values().filter(|r| r.group == id(group)).collect();
        assert!(tracked.by(by).eq(expected.iter().copied()));
        assert_eq!(tracked.count(by), expected.len());
    }
}

#[test]
fn few_and_many_rows_behave_like_a_plain_map_and_a_copy_is_not_touched() {
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % limit
    };
    let (mut tracked, mut plain) = (Tracked::default(), Plain::default());
    let (mut copy, mut plain_copy) = (tracked.clone(), plain.clone());
    for step in 0..20_000 {
        // Grows past the plain list and shrinks below it again.
        let span = if step % 2_000 < 1_000 { 60 } else { 10 };
        let (number, group, value) = (below(span), below(5), below(1_000));
        match below(if span == 10 { 9 } else { 6 }) {
            0 | 1 => {
                tracked.insert(row(number, group, value));
                plain.rows.insert(id(number), row(number, group, value));
                plain.changed.insert(id(number));
            }
            2 => {
                let found = tracked.update(id(number), |r| (r.group, r.value) = (id(group), value));
                assert_eq!(found.is_some(), plain.rows.contains_key(&id(number)));
                if let Some(r) = plain.rows.get_mut(&id(number)) {
                    (r.group, r.value) = (id(group), value);
                    plain.changed.insert(id(number));
                }
            }
            3 => {
                if let Some(r) = tracked.get_mut(id(number)) {
                    r.value = value;
                    plain.rows.get_mut(&id(number)).unwrap().value = value;
                    plain.changed.insert(id(number));
                }
            }
            4 if below(5) == 0 => {
                tracked.committed();
                plain.changed.clear();
                plain.stored = plain.rows.keys().copied().collect();
            }
            5 if below(20) == 0 => {
                compare(&copy, &plain_copy);
                (copy, plain_copy) = (tracked.clone(), plain.clone());
            }
            6 if below(10) == 0 => {
                tracked.remove_by(By::Scope(id(group)));
                plain.rows.retain(|_, r| r.group != id(group));
                plain.changed.retain(|id| plain.rows.contains_key(id));
            }
            _ => {
                let number = below(60);
                tracked.remove(id(number));
                plain.rows.remove(&id(number));
                plain.changed.remove(&id(number));
            }
        }
        if step % 7 == 0 {
            compare(&tracked, &plain);
        }
    }
    compare(&Tracked::loaded(plain.rows.values().cloned()), &{
        let stored = plain.rows.keys().copied().collect();
        let changed = BTreeSet::new();
        Plain {
            rows: plain.rows.clone(),
            stored,
            changed,
        }
    });
}
