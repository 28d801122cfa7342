use super::*;
use topology::{ShardName, Slot};

const SLOTS: [u16; 3] = [3, 4, 9];

/// Both databases and the record, changed as the executor would.
struct World {
    record: SlotMove,
    table: BTreeMap<u16, u32>,
    source: Rows,
    target: Rows,
}

impl World {
    fn new() -> World {
        let owned = |slot| SlotRow {
            slot,
            state: SlotState::Owned,
            epoch: 1,
            move_id: None,
            armed: 7,
        };
        World {
            record: SlotMove {
                id: "m1".into(),
                from: ShardName::new("a"),
                to: ShardName::new("b"),
                slots: SLOTS.iter().map(|n| Slot::new(*n).unwrap()).collect(),
                state: MoveState::Copying,
                created: 0,
            },
            table: SLOTS.iter().map(|n| (*n, 1)).collect(),
            source: SLOTS.iter().map(|n| (*n, owned(*n))).collect(),
            target: Rows::new(),
        }
    }

    fn apply(&mut self, side: Side, change: &Change) {
        let rows = match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        };
        for row in &change.to {
            let expected = change.from.iter().find(|f| f.slot == row.slot);
            assert_eq!(rows.get(&row.slot), expected, "compare-and-set");
            if let Some(before) = rows.insert(row.slot, row.clone()) {
                assert!(row.epoch >= before.epoch, "an epoch never falls");
            }
        }
    }

    fn owners(&self, slot: u16) -> usize {
        [&self.source, &self.target]
            .iter()
            .filter(|r| r.get(&slot).is_some_and(|r| r.state == SlotState::Owned))
            .count()
    }

    /// Does one step; false when done. `abort` makes the settle step run over its budget.
    fn step(&mut self, abort: bool) -> bool {
        match next(&self.record, &self.table, &self.source, &self.target).unwrap() {
            Step::Rows(side, change) => self.apply(side, &change),
            Step::Settle if abort => self.record.state = MoveState::Aborted,
            Step::Settle => self.record.state = MoveState::Fenced,
            Step::CopyAndFlip => {
                self.record.state = MoveState::Flipped;
                self.table.values_mut().for_each(|epoch| *epoch += 1);
            }
            Step::Clear(change) => self.apply(Side::Target, &change),
            Step::Purge => self.record.state = MoveState::Released,
            Step::Done => return false,
        }
        SLOTS
            .iter()
            .for_each(|slot| assert!(self.owners(*slot) <= 1, "slot {slot} has two owners"));
        true
    }
}

#[test]
fn a_move_ends_with_the_target_as_owner_one_epoch_up_and_no_slot_ever_has_two() {
    let mut world = World::new();
    while world.step(false) {}
    for slot in SLOTS {
        let (source, target) = (&world.source[&slot], &world.target[&slot]);
        assert_eq!((source.state, source.epoch), (SlotState::Released, 2));
        assert_eq!(
            (target.state, target.epoch, target.armed, &target.move_id),
            (SlotState::Owned, 2, 7, &None)
        );
    }
}

#[test]
fn an_aborted_move_gives_the_source_its_slots_back_and_the_next_one_works() {
    let mut world = World::new();
    while world.step(true) {}
    let again = World::new();
    assert_eq!(world.source, again.source);
    assert!(world.target.values().all(|row| row.state == SlotState::Released));
    world.record = SlotMove {
        id: "m2".into(),
        ..again.record
    };
    while world.step(false) {}
    assert!(
        SLOTS
            .iter()
            .all(|slot| world.target[slot].state == SlotState::Owned)
    );
}

#[test]
fn a_move_aborted_at_any_point_before_the_flip_leaves_one_owner() {
    for stop in 0..4 {
        let mut world = World::new();
        (0..stop).for_each(|_| assert!(world.step(false)));
        if !world.record.state.may_become(MoveState::Aborted) {
            continue;
        }
        world.record.state = MoveState::Aborted;
        while world.step(false) {}
        assert!(
            SLOTS
                .iter()
                .all(|slot| world.source[slot].state == SlotState::Owned),
            "stopped after {stop} steps"
        );
    }
}

#[test]
fn nothing_is_lifted_or_served_before_the_record_says_so() {
    let mut world = World::new();
    while world.record.state == MoveState::Copying {
        world.step(false);
    }
    assert!(SLOTS.iter().all(|slot| world.owners(*slot) == 0));
    assert_eq!(
        next(&world.record, &world.table, &world.source, &world.target),
        Ok(Step::CopyAndFlip)
    );
}

#[test]
fn rows_that_contradict_the_record_stop_the_move() {
    let mut world = World::new();
    world.target.insert(
        3,
        SlotRow {
            slot: 3,
            state: SlotState::Owned,
            epoch: 1,
            move_id: None,
            armed: 0,
        },
    );
    let error = next(&world.record, &world.table, &world.source, &world.target).unwrap_err();
    assert_eq!(error, "slot 3 is owned at epoch 1 at the target");
    let mut world = World::new();
    world.source.remove(&4);
    assert!(next(&world.record, &world.table, &world.source, &world.target).is_err());
}

#[test]
fn the_first_shard_claims_only_what_its_database_has_never_heard_of() {
    let mut rows = Rows::new();
    rows.insert(
        1,
        SlotRow {
            slot: 1,
            state: SlotState::Released,
            epoch: 5,
            move_id: None,
            armed: 0,
        },
    );
    let change = claim(&[(0, 1), (1, 6), (2, 1), (3, 2)], &rows);
    assert_eq!(change.to.iter().map(|row| row.slot).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn parts_keep_rows_together() {
    let row = |slot| SlotRow {
        slot,
        state: SlotState::Owned,
        epoch: 1,
        move_id: None,
        armed: 0,
    };
    let change = Change {
        from: vec![row(2), row(5)],
        to: (1..=5).map(row).collect(),
    };
    let parts = parts(change, 2);
    let slots = |rows: &[SlotRow]| rows.iter().map(|row| row.slot).collect::<Vec<_>>();
    let shape: Vec<_> = parts.iter().map(|p| (slots(&p.from), slots(&p.to))).collect();
    assert_eq!(
        shape,
        [(vec![2], vec![1, 2]), (vec![], vec![3, 4]), (vec![5], vec![5])]
    );
}

#[test]
fn runs_are_short() {
    assert_eq!(runs([0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    assert_eq!(runs([]), "");
}

#[test]
fn a_batch_holds_so_many_slots_with_rows_and_the_empty_ones_between() {
    let slots: Vec<topology::Slot> = topology::Slot::all().take(5_000).collect();
    let sizes = |most, filled: fn(&topology::Slot) -> bool| {
        batches(&slots, filled, most)
            .iter()
            .map(|b| b.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(64, |_| false), [2_048, 2_048, 904]);
    assert_eq!(sizes(2_000, |_| true), [2_000, 2_000, 1_000]);
    assert_eq!(
        sizes(10, |s| s.number() % 100 == 0),
        [1_000, 1_000, 1_000, 1_000, 1_000]
    );
}
