//! Which shard should own which slot: consistent hashing with bounded loads, always starting from the present table.
//!
//! Quotas follow the weights. A joining shard receives its quota, each old shard gives only what it has above its
//! own, and the ring's candidate order decides which slots go. Nothing moves between two shards that stay as they
//! are, and a table that is near its quotas is left alone, so planning again changes nothing.
use crate::{
    slot::{SLOTS, Slot},
    table::{Shard, ShardName, SlotTable},
};
use consistent_hash::{Node, RingHash, StaticHashRing};
use std::{
    cmp::Reverse,
    hash::{Hash, Hasher},
};
use xxhash_rust::xxh64::{Xxh64, xxh64};

/// Virtual nodes of a shard of weight 100: enough that the ring alone is within about 10 % of a fair share.
const VIRTUAL_NODES: usize = 512;

/// One slot that should change its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The slot.
    pub slot: Slot,
    /// Who owns it in the table that was planned from.
    pub from: ShardName,
    /// Who should own it.
    pub to: ShardName,
}

/// The moves that bring `table` to the target set of shards, in slot order. A shard of the table that isn't in
/// `shards`, or has weight 0, gives everything away; a shard that isn't in the table yet joins. If every weight is 0
/// there is nowhere to move to and the plan is empty.
pub fn plan(table: &SlotTable, shards: &[Shard]) -> Vec<Move> {
    let mut names: Vec<&ShardName> = shards.iter().map(|s| &s.name).collect();
    names.extend(
        table
            .shards()
            .iter()
            .map(|s| &s.name)
            .filter(|n| !shards.iter().any(|s| s.name == **n)),
    );
    let index = |name: &ShardName| names.iter().position(|n| *n == name);
    let owners: Vec<usize> = Slot::all()
        .filter_map(|slot| index(table.owner(slot).0))
        .collect();
    let mut owned = vec![0; names.len()];
    owners.iter().for_each(|owner| owned[*owner] += 1);
    let mut weights: Vec<u32> = shards.iter().map(|s| s.weight).collect();
    weights.resize(names.len(), 0);

    let (mut gives, mut gets) = exchange(&owned, &quotas(&weights, &owned));
    let mut moves = Vec::new();
    let mut moved = vec![false; SLOTS as usize];
    for (slot, to) in by_ring(shards, &gets, |slot| gives[owners[slot]] > 0) {
        let from = owners[slot.number() as usize];
        let taken = &mut moved[slot.number() as usize];
        if gives[from] > 0 && gets[to] > 0 && !*taken {
            *taken = true;
            gives[from] -= 1;
            gets[to] -= 1;
            moves.push(Move {
                slot,
                from: names[from].clone(),
                to: names[to].clone(),
            });
        }
    }
    moves.sort_by_key(|m| m.slot);
    moves
}

/// A first table for these shards: each slot goes to its first candidate on the ring that has room, at epoch 1.
///
/// # Panics
/// If there is no shard.
pub fn initial(shards: &[Shard]) -> SlotTable {
    let mut weights: Vec<u32> = shards.iter().map(|s| s.weight).collect();
    if weights.iter().all(|w| *w == 0) {
        weights.fill(100);
    }
    let mut room = quotas(&weights, &vec![0; weights.len()]);
    let mut owners: Vec<Option<u16>> = vec![None; SLOTS as usize];
    for (slot, to) in by_ring(shards, &room.clone(), |_| true) {
        let owner = &mut owners[slot.number() as usize];
        if owner.is_none() && room[to] > 0 {
            room[to] -= 1;
            *owner = Some(to as u16);
        }
    }
    SlotTable::with_owners(
        shards.to_vec(),
        owners.into_iter().map(Option::unwrap_or_default).collect(),
    )
}

/// How many slots each shard should own: its share by weight, rounded up or down. Which shares are rounded up
/// follows from who holds more already, so that rounding alone moves nothing.
fn quotas(weights: &[u32], owned: &[usize]) -> Vec<usize> {
    let whole: u64 = weights.iter().map(|w| u64::from(*w)).sum();
    if whole == 0 {
        return owned.to_vec();
    }
    let share = |i: usize| u64::from(weights[i]) * u64::from(SLOTS);
    let mut quotas: Vec<usize> = (0..weights.len()).map(|i| (share(i) / whole) as usize).collect();
    let left = SLOTS as usize - quotas.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..weights.len()).filter(|i| share(*i) % whole > 0).collect();
    order.sort_by_key(|i| {
        (
            Reverse(owned[*i].saturating_sub(quotas[*i])),
            Reverse(share(*i) % whole),
            *i,
        )
    });
    order.into_iter().take(left).for_each(|i| quotas[i] += 1);
    quotas
}

/// A difference from the quota that isn't worth a move: 1 %, at least 2 slots.
fn tolerance(quota: usize) -> usize {
    (quota / 100).max(2)
}

/// How many slots each shard gives and how many each gets; the sums are equal.
fn exchange(owned: &[usize], quotas: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let n = owned.len();
    let surplus: Vec<usize> = (0..n).map(|i| owned[i].saturating_sub(quotas[i])).collect();
    let lack: Vec<usize> = (0..n).map(|i| quotas[i].saturating_sub(owned[i])).collect();
    // Who certainly receives: a joining shard, and one that lacks more than rounding explains.
    let needy = |i: &usize| lack[*i] > 0 && (owned[*i] == 0 || lack[*i] > tolerance(quotas[*i]));
    let leaving: usize = (0..n).filter(|i| quotas[*i] == 0).map(|i| owned[i]).sum();
    let overfull = (0..n).any(|i| surplus[i] > tolerance(quotas[i]));
    let needed: usize = (0..n).filter(needy).map(|i| lack[i]).sum();
    let total = match needed {
        0 if overfull => surplus.iter().sum(),
        _ => needed.max(leaving),
    };
    let first = |full: &dyn Fn(&usize) -> bool, of: &[usize]| -> Vec<usize> {
        (0..n).map(|i| if full(&i) { of[i] } else { 0 }).collect()
    };
    let gives = level(&surplus, first(&|i| quotas[*i] == 0, &surplus), total);
    let gets = level(&lack, first(&needy, &lack), total);
    (gives, gets)
}

/// Raises `parts` to the sum `total`, always taking from the largest rest of `of`.
fn level(of: &[usize], mut parts: Vec<usize>, total: usize) -> Vec<usize> {
    let mut sum: usize = parts.iter().sum();
    while sum < total {
        let Some(i) = (0..of.len()).max_by_key(|i| (of[*i] - parts[*i], Reverse(*i))) else {
            break;
        };
        if of[i] == parts[i] {
            break;
        }
        parts[i] += 1;
        sum += 1;
    }
    parts
}

/// Pairs of slot and receiving shard (an index into `shards`), best first: by the receiver's place among the slot's
/// candidates on the ring, then by a hash of the slot, so that ties don't favour low slots.
fn by_ring(shards: &[Shard], gets: &[usize], gives: impl Fn(usize) -> bool) -> Vec<(Slot, usize)> {
    let nodes = shards
        .iter()
        .enumerate()
        .filter(|(_, shard)| shard.weight > 0)
        .map(|(i, shard)| {
            let quantity = (shard.weight as usize * VIRTUAL_NODES).div_ceil(100);
            Node::new(ShardKey(shard.name.as_str().to_owned()))
                .value(i)
                .quantity(quantity)
        });
    let ring = StaticHashRing::new(FixedLayout, nodes);
    let mut pairs = Vec::new();
    for slot in Slot::all().filter(|slot| gives(slot.number() as usize)) {
        let bytes = slot.number().to_le_bytes();
        for (rank, node) in ring.calc_candidates(&SlotKey(slot.number())).enumerate() {
            if gets[node.value] > 0 {
                pairs.push((rank, xxh64(&bytes, 2), slot, node.value));
            }
        }
    }
    pairs.sort();
    pairs
        .into_iter()
        .map(|(_, _, slot, shard)| (slot, shard))
        .collect()
}

/// A shard on the ring: the length of its name as 4 bytes, little-endian, then the name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ShardKey(String);

impl Hash for ShardKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&(self.0.len() as u32).to_le_bytes());
        state.write(self.0.as_bytes());
    }
}

/// A slot on the ring: its number as 2 bytes, little-endian.
struct SlotKey(u16);

impl Hash for SlotKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0.to_le_bytes());
    }
}

/// xxHash64, seed 0, over bytes whose layout is written down here, not left to the standard library or the ring.
struct FixedLayout;

impl RingHash for FixedLayout {
    fn hash_item<T: Hash>(&self, item: &T) -> u64 {
        let mut bytes = Bytes(Xxh64::new(0));
        item.hash(&mut bytes);
        bytes.finish()
    }

    /// The shard's key, then the number of the virtual node as 8 bytes, little-endian.
    fn hash_vnode<K: Hash>(&self, node_key: &K, vnode_seq: usize) -> u64 {
        let mut bytes = Bytes(Xxh64::new(0));
        node_key.hash(&mut bytes);
        bytes.write(&(vnode_seq as u64).to_le_bytes());
        bytes.finish()
    }
}

struct Bytes(Xxh64);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shard(i: usize, weight: u32) -> Shard {
        Shard {
            name: ShardName::new(&format!("s{i}")),
            weight,
        }
    }

    fn carry_out(table: &SlotTable, shards: &[Shard], moves: &[Move]) -> SlotTable {
        let known = shards
            .iter()
            .fold(table.clone(), |table, shard| table.with_shard(shard.clone()));
        moves
            .iter()
            .fold(known, |table, m| table.with_owner(&[m.slot], &m.to))
    }

    fn counts(table: &SlotTable) -> Vec<usize> {
        table
            .shards()
            .iter()
            .map(|s| table.slots_of(&s.name).len())
            .collect()
    }

    #[test]
    fn the_placement_of_a_small_cluster_never_changes() {
        // Golden: routers and admins of different builds must agree.
        let two = [shard(0, 100), shard(1, 100)];
        let table = initial(&two);
        let owners: String = Slot::all()
            .take(32)
            .map(|s| table.owner(s).0.as_str().trim_start_matches('s').to_owned())
            .collect();
        assert_eq!(owners, "11011010110100101001001111110010");
        let moves = plan(&table, &[shard(0, 100), shard(1, 100), shard(2, 100)]);
        let first: Vec<u16> = moves.iter().take(8).map(|m| m.slot.number()).collect();
        assert_eq!((moves.len(), first), (5461, vec![0, 6, 12, 15, 17, 20, 22, 28]));
    }

    #[test]
    fn a_ninth_shard_takes_one_ninth_and_nothing_moves_between_old_shards() {
        let eight: Vec<Shard> = (0..8).map(|i| shard(i, 100)).collect();
        let nine: Vec<Shard> = (0..9).map(|i| shard(i, 100)).collect();
        let moves = plan(&initial(&eight), &nine);
        assert_eq!(moves.len(), 1820);
        assert!(moves.iter().all(|m| m.to.as_str() == "s8"));
    }

    #[test]
    fn a_leaving_shard_gives_everything_and_only_that() {
        let nine: Vec<Shard> = (0..9).map(|i| shard(i, 100)).collect();
        let table = initial(&nine);
        let moves = plan(&table, &nine[1..]);
        assert_eq!(moves.len(), table.slots_of(&nine[0].name).len());
        assert!(
            moves
                .iter()
                .all(|m| m.from == nine[0].name && m.to != nine[0].name)
        );
        let after = carry_out(&table, &nine, &moves);
        assert_eq!(
            counts(&after),
            [0, 2048, 2048, 2048, 2048, 2048, 2048, 2048, 2048]
        );
    }

    #[test]
    fn an_interrupted_plan_is_finished_by_the_next_one() {
        let two = [shard(0, 100), shard(1, 100)];
        let moves = plan(&initial(&two[..1]), &two);
        let half = carry_out(&initial(&two[..1]), &two, &moves[..4000]);
        let rest = plan(&half, &two);
        assert_eq!(moves.len(), 8192);
        assert_eq!(rest, moves[4000..]);
    }

    #[test]
    fn without_weights_nothing_is_planned() {
        assert_eq!(plan(&initial(&[shard(0, 100)]), &[]), []);
        assert_eq!(plan(&initial(&[shard(0, 100)]), &[shard(0, 0), shard(1, 0)]), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_joining_shard_takes_its_share_and_planning_again_changes_nothing(
            weights in prop::collection::vec(1u32..400, 1..10)
        ) {
            let shards: Vec<Shard> = weights.iter().enumerate().map(|(i, w)| shard(i, *w)).collect();
            let mut table = initial(&shards[..1]);
            for n in 2..=shards.len() {
                let (target, new) = (&shards[..n], &shards[n - 1]);
                let moves = plan(&table, target);
                prop_assert!(moves.iter().all(|m| m.to == new.name), "only to the new shard");
                let whole: u32 = target.iter().map(|s| s.weight).sum();
                let share = |s: &Shard| f64::from(s.weight) * f64::from(SLOTS) / f64::from(whole);
                prop_assert!((moves.len() as f64 - share(new)).abs() <= 1.0, "the new shard's fair share");
                table = carry_out(&table, target, &moves);
                for s in target {
                    let owned = table.slots_of(&s.name).len() as f64;
                    prop_assert!((owned - share(s)).abs() <= 4.0, "{} owns {owned} of {}", s.name, share(s));
                }
                prop_assert_eq!(plan(&table, target), vec![], "planning again");
            }
        }

        #[test]
        fn a_first_table_is_fair(weights in prop::collection::vec(1u32..400, 1..10)) {
            let shards: Vec<Shard> = weights.iter().enumerate().map(|(i, w)| shard(i, *w)).collect();
            let table = initial(&shards);
            let whole: u32 = weights.iter().sum();
            for (weight, owned) in weights.iter().zip(counts(&table)) {
                let share = f64::from(*weight) * f64::from(SLOTS) / f64::from(whole);
                prop_assert!((owned as f64 - share).abs() < 1.0);
            }
            prop_assert_eq!(plan(&table, &shards), vec![]);
        }

        #[test]
        fn any_change_of_weights_ends_near_the_shares(
            before in prop::collection::vec(1u32..400, 1..6), after in prop::collection::vec(0u32..400, 1..6)
        ) {
            let named = |weights: &[u32]| -> Vec<Shard> {
                weights.iter().enumerate().map(|(i, w)| shard(i, *w)).collect()
            };
            let (old, new) = (named(&before), named(&after));
            let whole: u32 = after.iter().sum();
            prop_assume!(whole > 0);
            let table = initial(&old);
            let done = carry_out(&table, &new, &plan(&table, &new));
            for s in done.shards() {
                let weight = new.iter().find(|n| n.name == s.name).map_or(0, |n| n.weight);
                let share = f64::from(weight) * f64::from(SLOTS) / f64::from(whole);
                let owned = done.slots_of(&s.name).len() as f64;
                prop_assert!((owned - share).abs() <= 3.0 + share / 100.0, "{} owns {owned} of {share}", s.name);
            }
            prop_assert_eq!(plan(&done, &new), vec![], "planning again");
        }
    }
}
