//! `shard add` against nodes in memory: what a stopped run leaves behind, the next one finishes.
use super::*;
use crate::cmd::fake_node::{Calls, Node};
use crate::{
    node::{Caller, SlotState},
    options::Moving,
};
use cluster::{MoveState, NodeInfo, NodeLease};
use service::NodeTls;

struct World {
    admin: Admin,
    nodes: BTreeMap<&'static str, Node>,
    calls: Calls,
    _leases: Vec<NodeLease>,
}

const MOVING: Moving = Moving {
    batch: 2_048,
    fence_budget: Duration::from_millis(1),
    tries: 3,
};
/// Slots that [`World::go`] moves.
const MOVED: u16 = 12;

/// Data of a slot, recognisable as that slot's; most are empty, as in life.
fn units(slot: u16) -> Vec<String> {
    let units = if slot.is_multiple_of(7) { slot % 6 } else { 0 };
    (0..units).map(|n| format!("unit {n} of slot {slot}")).collect()
}

fn data() -> BTreeMap<u16, Vec<String>> {
    (0..16_384)
        .map(|slot| (slot, units(slot)))
        .filter(|(_, units)| !units.is_empty())
        .collect()
}

impl World {
    /// Shard `a` with all slots and data, and an empty shard `b`; nodes of both are registered.
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
        let caller = Caller::new(Duration::from_secs(20), &NodeTls::default(), None, None).unwrap();
        World {
            admin: Admin::over(cluster, caller),
            nodes,
            calls,
            _leases: leases,
        }
    }

    /// The same with both shards in the table and `a` owning everything.
    async fn with_data() -> World {
        let world = World::new().await;
        for name in ["a", "b"] {
            world
                .admin
                .cluster
                .add_shard(Shard {
                    name: ShardName::new(name),
                    weight: 100,
                })
                .await
                .unwrap();
        }
        {
            let all: Vec<(u16, u32)> = (0..16_384).map(|slot| (slot, 1)).collect();
            let mut shard = world.nodes["a"].shard();
            shard.rows = plan::claim(&all, &plan::Rows::new())
                .to
                .into_iter()
                .map(|r| (r.slot, r))
                .collect();
            shard.data = data();
        }
        world
    }

    async fn add(&self, name: &str) -> Result<Added> {
        let add = ShardAdd {
            name: name.into(),
            weight: 100,
            wait: Duration::from_secs(20),
            moving: MOVING,
        };
        add_to(&self.admin, &add).await
    }

    /// What `shard add` does once it knows what to move, for a few slots only: planning them all takes its time.
    async fn go(&self) -> Result<()> {
        mover::resume(&self.admin).await?;
        let (a, b) = (ShardName::new("a"), ShardName::new("b"));
        let table = self.admin.cluster.table().await?.unwrap().table;
        let wanted = (0..MOVED)
            .map(|n| Slot::new(n * 3).unwrap())
            .filter(|slot| *table.owner(*slot).0 == a);
        for batch in wanted.collect::<Vec<_>>().chunks(8) {
            mover::move_slots(&self.admin, &a, &b, batch, &MOVING).await?;
        }
        Ok(())
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
                    assert_eq!(data, units(number), "slot {slot}");
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
    world.add("a").await.unwrap();
    world.nodes["a"].shard().data = data();
    world.check().await;
    let added = world.add("b").await.unwrap();
    assert_eq!((added.slots, added.moved, added.resumed), (8_192, 8_192, 0));
    world.check().await;
}

#[tokio::test]
async fn a_fence_that_a_writer_outlasts_is_lifted_and_the_move_tried_again() {
    let world = World::with_data().await;
    world.nodes["a"].shard().busy = 2;
    world.go().await.unwrap();
    world.check().await;
    let states = world.states().await;
    assert_eq!(
        states[..3],
        [MoveState::Aborted, MoveState::Aborted, MoveState::Released]
    );
}

#[tokio::test]
async fn a_writer_that_never_ends_leaves_the_slots_where_they_were() {
    let world = World::with_data().await;
    world.nodes["a"].shard().busy = u32::MAX;
    let error = format!("{:#}", world.go().await.err().unwrap());
    assert!(error.contains("outlasted the fence"), "{error}");
    world.check().await;
    let owned = world.nodes["a"]
        .shard()
        .rows
        .values()
        .filter(|r| r.state == SlotState::Owned)
        .count();
    assert_eq!(owned, 16_384);
}

#[tokio::test]
async fn a_run_that_stops_at_any_call_is_finished_by_the_next_one() {
    // Every fifth call: a move makes some dozens, and each kind of step several.
    for stop in (0..).step_by(5) {
        let world = World::with_data().await;
        world.allow(Some(stop));
        let stopped = world.go().await.is_err();
        world.allow(None);
        world
            .go()
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
        let moved = world.nodes["b"]
            .shard()
            .rows
            .values()
            .filter(|r| r.state == SlotState::Owned)
            .count();
        assert_eq!(moved, usize::from(MOVED), "after {stop} calls");
        if !stopped {
            assert!(stop > 30, "a move takes more than {stop} calls");
            break;
        }
    }
}
