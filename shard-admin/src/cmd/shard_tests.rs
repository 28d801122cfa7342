//! `shard add` against nodes in memory: what a stopped run leaves behind, the next one finishes.
use super::*;
use crate::cmd::fake_node::{Calls, Node};
use crate::{
    node::{Caller, SlotState},
    options::Moving,
};
use cluster::{MoveState, NodeInfo, NodeLease};

struct World {
    admin: Admin,
    nodes: BTreeMap<&'static str, Node>,
    calls: Calls,
    _leases: Vec<NodeLease>,
}

/// Data of a slot, recognisable as that slot's.
fn units(slot: u16) -> Vec<String> {
    (0..slot % 6)
        .map(|n| format!("unit {n} of slot {slot}"))
        .collect()
}

impl World {
    /// Shard `a` with all slots and data, and an empty shard `b` whose node is registered.
    async fn new() -> World {
        let cluster = cluster::in_process();
        let calls = Calls::default();
        let (mut nodes, mut leases) = (BTreeMap::new(), Vec::new());
        for name in ["a", "b"] {
            let (node, url) = Node::start(calls.clone()).await;
            let info = NodeInfo {
                id: format!("{name}1"),
                url,
                version: "0".into(),
            };
            leases.push(cluster.register_node(&ShardName::new(name), info).await.unwrap());
            nodes.insert(name, node);
        }
        let caller = Caller::new(Duration::from_secs(20), None, None).unwrap();
        let world = World {
            admin: Admin::over(cluster, caller),
            nodes,
            calls,
            _leases: leases,
        };
        world.add("a").await.unwrap();
        // Most slots are empty, as in life.
        let data = (0..16_384)
            .filter(|slot| slot % 7 == 0)
            .map(|slot| (slot, units(slot)));
        world.nodes["a"].shard().data = data.collect();
        world
    }

    async fn add(&self, name: &str) -> Result<Added> {
        let moving = Moving {
            batch: 2_048,
            fence_budget: Duration::from_millis(1),
            tries: 3,
        };
        let add = ShardAdd {
            name: name.into(),
            weight: 100,
            wait: Duration::from_secs(20),
            moving,
        };
        add_to(&self.admin, &add).await
    }

    fn allow(&self, calls: Option<u32>) {
        *self.calls.lock().unwrap() = calls;
    }

    /// Every slot has one owner, the table's, at the table's epoch, with all of its data, and nobody else has any.
    async fn check(&self) {
        let table = self.admin.cluster.table().await.unwrap().unwrap().table;
        for slot in Slot::all() {
            let (owner, epoch) = table.owner(slot);
            let number = slot.number();
            for (name, node) in &self.nodes {
                let shard = node.shard();
                let data = shard.data.get(&number).cloned().unwrap_or_default();
                let row = shard.rows.get(&number);
                if owner.as_str() == *name {
                    let row = row.unwrap();
                    assert_eq!(
                        (row.state, row.epoch, &row.move_id),
                        (SlotState::Owned, epoch, &None),
                        "slot {slot}"
                    );
                    assert_eq!(
                        data,
                        if number % 7 == 0 { units(number) } else { vec![] },
                        "slot {slot}"
                    );
                } else {
                    assert!(
                        row.is_none_or(|r| r.state == SlotState::Released && r.move_id.is_none()),
                        "slot {slot}"
                    );
                    assert!(data.is_empty(), "slot {slot}");
                }
            }
        }
    }

    async fn states(&self) -> Vec<MoveState> {
        self.admin
            .cluster
            .get_moves()
            .await
            .unwrap()
            .into_iter()
            .map(|m| m.state)
            .collect()
    }
}

#[tokio::test]
async fn the_first_shard_gets_every_slot_and_the_second_its_share_with_all_that_is_in_it() {
    let world = World::new().await;
    world.check().await;
    let added = world.add("b").await.unwrap();
    assert_eq!((added.slots, added.moved), (162, 162));
    world.check().await;
    let again = world.add("b").await.unwrap();
    assert_eq!((again.moved, again.resumed), (0, 0), "added again, nothing moves");
}

#[tokio::test]
async fn a_fence_that_a_writer_outlasts_is_lifted_and_the_move_tried_again() {
    let world = World::new().await;
    world.nodes["a"].shard().busy = 2;
    world.add("b").await.unwrap();
    world.check().await;
    let states = world.states().await;
    assert_eq!(
        states[..3],
        [MoveState::Aborted, MoveState::Aborted, MoveState::Released]
    );
}

#[tokio::test]
async fn a_writer_that_never_ends_leaves_the_slots_where_they_were() {
    let world = World::new().await;
    world.nodes["a"].shard().busy = u32::MAX;
    let error = format!("{:#}", world.add("b").await.err().unwrap());
    assert!(error.contains("outlasted the fence"), "{error}");
    world.check().await;
    assert_eq!(
        world.nodes["a"]
            .shard()
            .rows
            .values()
            .filter(|r| r.state == SlotState::Owned)
            .count(),
        16_384
    );
}

#[tokio::test]
async fn a_run_that_stops_at_any_call_is_finished_by_the_next_one() {
    // Early calls one by one, where the steps change quickly; then further apart, inside copies and purges.
    for stop in (0..30).chain((30..6_000).step_by(83)) {
        let world = World::new().await;
        world.allow(Some(stop));
        let stopped = world.add("b").await.is_err();
        world.allow(None);
        world
            .add("b")
            .await
            .unwrap_or_else(|e| panic!("after {stop} calls: {e:#}"));
        world.check().await;
        assert!(
            world
                .states()
                .await
                .iter()
                .all(|s| matches!(s, MoveState::Released | MoveState::Aborted))
        );
        if !stopped {
            break;
        }
    }
}
