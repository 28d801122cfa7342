//! What the hot path routes by: one immutable value, made anew from each view of the cluster.
use crate::{gate::Gate, plain::pool::Pool};
use cluster::View;
use rest_api::ApiError;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::sync::watch;
use topology::{Coverage, ShardName, Slot, SlotTable};
use xxhash_rust::xxh64::xxh64;

/// A node and whether it answered last; shared by all snapshots in which it occurs.
#[derive(Debug)]
pub struct Node {
    /// Shard it belongs to.
    pub shard: ShardName,
    /// Its id.
    pub id: String,
    /// `http://HOST:PORT`.
    pub url: String,
    /// Idle connections for plain HTTP/1.1.
    pub(crate) plain: Pool,
    /// A server of a foreign shard: it gets no secret of ours.
    pub foreign: bool,
    /// Of its id: what its rank for a slot is made of.
    hash: u64,
    /// How much of its share of the slots it gets: 0 while it is down, [`WHOLE`] in the end.
    share: AtomicU32,
    /// Requests in a row that it gave no good answer to.
    misses: AtomicU32,
    changes: watch::Sender<bool>,
}

/// The share of a node that is warm.
const WHOLE: u32 = 256;
/// What a node's share grows by each second after it has come back: its caches are cold, and it may be back for a moment only.
const STEP: u32 = 32;
/// So many requests in a row without a good answer, and another node does better.
const MISSES: u32 = 5;

impl Node {
    /// A node that is taken for healthy until something else is known.
    pub fn new(shard: ShardName, id: &str, url: &str) -> Node {
        Node {
            shard,
            id: id.to_owned(),
            url: url.trim_end_matches('/').to_owned(),
            plain: Pool::to(url.trim_end_matches('/')),
            foreign: false,
            hash: xxh64(id.as_bytes(), 0),
            share: AtomicU32::new(WHOLE),
            misses: AtomicU32::new(0),
            changes: watch::Sender::new(true),
        }
    }

    /// A server of a foreign shard, called by the URL of its REST root.
    pub fn foreign(shard: ShardName, url: &str) -> Node {
        Node {
            foreign: true,
            ..Node::new(shard, url, url)
        }
    }

    /// Whether it answered last.
    pub fn is_up(&self) -> bool {
        self.share.load(Ordering::Relaxed) > 0
    }

    /// Notes whether it answers; true if that is news. One that comes back gets its slots little by little.
    pub fn set_up(&self, up: bool) -> bool {
        // The hot path asks once a request: a plain load is all that it may cost.
        match up {
            false => self.share.store(0, Ordering::Relaxed),
            true => {
                self.misses.store(0, Ordering::Relaxed);
                let _ = self
                    .share
                    .compare_exchange(0, STEP, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
        self.changes.send_replace(up) != up
    }

    /// A second more that it has been back.
    pub fn warm(&self) {
        let more = |share: u32| (share > 0).then(|| (share + STEP).min(WHOLE));
        let _ = self
            .share
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Its place among the nodes of its shard for what has this affinity (rendezvous hashing): the highest goes first.
    fn rank(&self, affinity: u64) -> u64 {
        rank(self.hash, affinity)
    }

    /// Whether it is up and the slot with this rank is among those that it has back.
    fn takes(&self, hash: u64) -> bool {
        (hash >> 32) as u32 % WHOLE < self.share.load(Ordering::Relaxed)
    }

    /// Notes how a request went: whether it got an answer that doesn't speak of trouble.
    pub fn went(&self, well: bool) {
        match well {
            // Nearly always there is nothing to write.
            true if self.misses.load(Ordering::Relaxed) == 0 => {}
            true => self.misses.store(0, Ordering::Relaxed),
            false => {
                self.misses.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether it fails request after request, though it may say that it is well.
    pub fn is_failing(&self) -> bool {
        self.misses.load(Ordering::Relaxed) >= MISSES
    }

    /// Ends when it stops answering.
    pub async fn went_down(&self) {
        let mut changes = self.changes.subscribe();
        // The sender is `self`, so it can't be gone.
        let _ = changes.wait_for(|up| !up).await;
    }
}

/// The rank of a node whose id has this hash. Both numbers are mixed as MurmurHash3 ends, which costs a few cycles; hashing the id
/// anew would cost more than all of a look-up.
fn rank(hash: u64, affinity: u64) -> u64 {
    let mut x = hash ^ affinity.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// A shard as the router sees it.
#[derive(Debug, Clone)]
pub struct Shard {
    /// Its name.
    pub name: ShardName,
    /// Its registered nodes.
    pub nodes: Vec<Arc<Node>>,
    /// What their ranks are made of, side by side: a look-up touches one node and not all of them.
    hashes: Box<[u64]>,
    /// It gets no starts and no reads that any shard may answer.
    pub behind: bool,
    /// The slots that it owns.
    pub coverage: Coverage,
    /// How much of its work is let in.
    pub gate: Arc<Gate>,
}

impl Shard {
    /// A shard with these nodes that owns no slot.
    pub fn new(name: ShardName, nodes: Vec<Arc<Node>>, behind: bool, gate: Arc<Gate>) -> Shard {
        Shard {
            name,
            hashes: nodes.iter().map(|node| node.hash).collect(),
            nodes,
            behind,
            coverage: Coverage::default(),
            gate,
        }
    }

    /// Whether a node of it answered last.
    pub fn is_up(&self) -> bool {
        self.nodes.iter().any(|node| node.is_up())
    }

    /// The first of its [`candidates`](Self::candidates) if one is up.
    pub fn preferred(&self, affinity: u64) -> Option<&Arc<Node>> {
        // Nearly always the first of all takes it, and no other needs a look. Of equal ones the first.
        let ranks = self.hashes.iter().map(|hash| rank(*hash, affinity));
        let (first, best) = ranks.enumerate().rev().max_by_key(|(_, rank)| *rank)?;
        if self.nodes[first].takes(best) {
            return Some(&self.nodes[first]);
        }
        let rank = |node: &Arc<Node>| {
            let rank = node.rank(affinity);
            (node.takes(rank), rank)
        };
        let up = self.nodes.iter().filter(|node| node.is_up());
        // Of equal ones the first, as a stable sort has it.
        up.rev().max_by_key(|node| rank(node))
    }

    /// Its nodes in the order in which to try them for a slot: rendezvous hashing over those that are up, so that a
    /// slot keeps its node while others come and go (one that has just come back takes its slots back by and by); then
    /// those that are down, as a last resort.
    pub fn candidates(&self, affinity: u64) -> Vec<Arc<Node>> {
        let rank = |node: &Arc<Node>| {
            let rank = node.rank(affinity);
            (node.is_up(), node.takes(rank), rank)
        };
        let mut nodes: Vec<_> = self.nodes.iter().map(|node| (rank(node), node)).collect();
        nodes.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        nodes.into_iter().map(|(_, node)| node.clone()).collect()
    }
}

/// The cluster for one request.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Version of the slot table.
    pub version: u64,
    /// Published index of the reference log.
    pub published: u64,
    /// Every shard of the table, in its order.
    pub shards: Vec<Shard>,
    table: Option<Arc<SlotTable>>,
    index: HashMap<ShardName, usize>,
}

impl Snapshot {
    /// The snapshot of a view; keeps the nodes (and what is known of them) that the previous one has.
    /// A shard that is new lets in at most `concurrency` requests at a time.
    pub fn build(view: &View, previous: &Snapshot, concurrency: u32) -> Snapshot {
        let known: HashMap<(&ShardName, &str, &str), &Arc<Node>> = previous
            .shards
            .iter()
            .flat_map(|shard| &shard.nodes)
            .map(|node| ((&node.shard, node.id.as_str(), node.url.as_str()), node))
            .collect();
        let Some(table) = &view.table else {
            return Snapshot::default();
        };
        let mut shards: Vec<Shard> = Vec::new();
        for entry in table.shards() {
            let seen = view.shards.get(&entry.name);
            let nodes = seen.into_iter().flat_map(|shard| &shard.nodes).map(|info| {
                let url = info.url.trim_end_matches('/');
                let same = known.get(&(&entry.name, info.id.as_str(), url));
                same.map_or_else(
                    || Arc::new(Node::new(entry.name.clone(), &info.id, url)),
                    |node| (*node).clone(),
                )
            });
            let gate = match previous.shard(entry.name.as_str()) {
                Some(known) => known.gate.clone(),
                None => Arc::new(Gate::new(concurrency)),
            };
            let behind = seen.is_some_and(|shard| shard.behind);
            shards.push(Shard::new(entry.name.clone(), nodes.collect(), behind, gate));
        }
        let index: HashMap<ShardName, usize> = shards
            .iter()
            .enumerate()
            .map(|(i, s)| (s.name.clone(), i))
            .collect();
        for slot in Slot::all() {
            let coverage = &mut shards[table.owner_index(slot).0].coverage;
            *coverage = [*coverage, Coverage::of(slot)].into_iter().sum();
        }
        Snapshot {
            version: view.version,
            published: view.published,
            shards,
            table: Some(table.clone()),
            index,
        }
    }

    /// A shard by name.
    pub fn shard(&self, name: &str) -> Option<&Shard> {
        self.index
            .get(&ShardName::new(name))
            .map(|index| &self.shards[*index])
    }

    /// Owner and epoch of a slot.
    ///
    /// # Errors
    /// 503 before the first shard.
    pub fn owner(&self, slot: Slot) -> Result<(&Shard, u32), ApiError> {
        let table = self.table.as_ref().ok_or_else(no_shard)?;
        // The shards stand in the table's order.
        let (index, epoch) = table.owner_index(slot);
        Ok((&self.shards[index], epoch))
    }

    /// A slot of a shard: the first from `near` on, so that the same table gives the same one.
    ///
    /// # Errors
    /// 503 if it has none.
    pub fn slot_of(&self, shard: &Shard, near: Slot) -> Result<Slot, ApiError> {
        let table = self.table.as_ref().ok_or_else(no_shard)?;
        let from = |slot: Slot| Slot::from_bits(u64::from(slot.number()) + u64::from(near.number()));
        let found = Slot::all()
            .map(from)
            .find(|slot| *table.owner(*slot).0 == shard.name);
        found.ok_or_else(|| ApiError::unavailable(format!("shard {} has no slots at the moment", shard.name)))
    }

    /// Shards that own slots: those that a fan-out asks.
    pub fn owners(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(|shard| shard.coverage.slots > 0)
    }

    /// A slot for a start that names none: at random over the slots whose shard takes starts and is up, so that
    /// starts spread as the slots do and a dead shard costs only its own keys.
    ///
    /// # Errors
    /// 503 if no shard takes starts.
    pub fn draw(&self, only: Option<&ShardName>) -> Result<Slot, ApiError> {
        let table = self.table.as_ref().ok_or_else(no_shard)?;
        let takes =
            |shard: &Shard| !shard.behind && shard.is_up() && only.is_none_or(|name| *name == shard.name);
        if !self.owners().any(takes) {
            return Err(ApiError::unavailable(
                "no shard takes new instances at the moment",
            ));
        }
        let fits = |slot: Slot| takes(&self.shards[table.owner_index(slot).0]);
        let first = Slot::from_bits(rand::random());
        for attempt in 0..64 {
            let slot = if attempt == 0 {
                first
            } else {
                Slot::from_bits(rand::random())
            };
            if fits(slot) {
                return Ok(slot);
            }
        }
        // Few slots fit: take the next one round the table.
        let rotated = Slot::all().map(|s| Slot::from_bits(u64::from(s.number()) + u64::from(first.number())));
        rotated.into_iter().find(|s| fits(*s)).ok_or_else(no_shard)
    }

    /// Whether every slot has a shard with a node that answers; otherwise the reason, for the operator. A dead shard
    /// among live ones is degraded, and still ready: it costs its own keys and nothing else.
    pub fn readiness(&self) -> Result<(), String> {
        if self.table.is_none() {
            return Err("no slot table yet: the cluster has no shard".to_owned());
        }
        if self.owners().any(Shard::is_up) {
            Ok(())
        } else {
            Err("no shard has a node that answers".to_owned())
        }
    }
}

fn no_shard() -> ApiError {
    ApiError::unavailable("the cluster has no shard yet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cluster::{NodeInfo, ShardView};
    use topology::table;

    fn view(shards: usize, nodes: usize) -> View {
        let names: Vec<ShardName> = (0..shards).map(|i| ShardName::new(&format!("s{i}"))).collect();
        let listed = names
            .iter()
            .map(|name| table::Shard {
                name: name.clone(),
                weight: 100,
            })
            .collect();
        let node = |i: usize| NodeInfo {
            id: format!("n{i}"),
            url: format!("http://h{i}:1/"),
            version: String::new(),
        };
        let shard = || ShardView {
            nodes: (0..nodes).map(node).collect(),
            ..ShardView::default()
        };
        View {
            version: 1,
            table: Some(Arc::new(SlotTable::split(listed))),
            shards: names.into_iter().map(|name| (name, shard())).collect(),
            ..View::default()
        }
    }

    #[test]
    fn a_slot_keeps_its_node_and_moves_only_when_that_one_is_down() {
        let snapshot = Snapshot::build(&view(1, 3), &Snapshot::default(), 1_000);
        let shard = &snapshot.shards[0];
        let before: Vec<String> = (0..300)
            .map(|slot| shard.candidates(slot)[0].id.clone())
            .collect();
        for node in &shard.nodes {
            assert!(
                before.iter().filter(|id| **id == node.id).count() > 50,
                "{before:?}"
            );
        }
        shard.nodes[1].set_up(false);
        for (slot, first) in before.iter().enumerate() {
            let now = shard.candidates(slot as u64);
            assert_eq!(shard.preferred(slot as u64).unwrap().id, now[0].id);
            assert_eq!(now.len(), 3);
            assert_eq!(now[2].id, "n1");
            if first != "n1" {
                assert_eq!(&now[0].id, first);
            }
        }
    }

    #[test]
    fn a_node_that_comes_back_gets_its_slots_by_and_by() {
        let snapshot = Snapshot::build(&view(1, 2), &Snapshot::default(), 1_000);
        let shard = &snapshot.shards[0];
        let node = &shard.nodes[0];
        let slots = || {
            let own = (0..1_000).filter(|slot| shard.preferred(*slot).unwrap().id == node.id);
            own.count()
        };
        let whole = slots();
        node.set_up(false);
        assert_eq!(slots(), 0);
        node.set_up(true);
        let mut before = 0;
        for _ in 0..8 {
            let now = slots();
            assert!(now > before, "{now} after {before}");
            before = now;
            node.warm();
        }
        assert_eq!(slots(), whole);
        // Alone it takes everything, however short it has been back.
        node.set_up(false);
        shard.nodes[1].set_up(false);
        node.set_up(true);
        assert_eq!(slots(), 1_000);
    }

    #[test]
    fn a_node_fails_after_some_misses_in_a_row() {
        let node = Node::new(ShardName::new("s"), "n", "http://h:1");
        for _ in 0..4 {
            node.went(false);
        }
        node.went(true);
        assert!(!node.is_failing());
        for _ in 0..5 {
            node.went(false);
        }
        assert!(node.is_failing());
        node.set_up(true);
        assert!(!node.is_failing());
    }

    #[test]
    fn a_new_view_keeps_what_is_known_of_nodes_and_coverage_adds_up() {
        let first = Snapshot::build(&view(3, 2), &Snapshot::default(), 1_000);
        first.shards[1].nodes[0].set_up(false);
        let second = Snapshot::build(&view(3, 2), &first, 1_000);
        assert!(!second.shards[1].nodes[0].is_up());
        assert!(Arc::ptr_eq(&first.shards[1].nodes[1], &second.shards[1].nodes[1]));
        assert_eq!(
            second.shards.iter().map(|s| s.coverage).sum::<Coverage>(),
            Coverage::whole()
        );
    }

    #[test]
    fn s0_13_keyless_starts_spread_over_the_shards_that_take_them() {
        let mut view = view(3, 1);
        let snapshot = Snapshot::build(&view, &Snapshot::default(), 1_000);
        let mut counts = [0; 3];
        for _ in 0..3_000 {
            let slot = snapshot.draw(None).unwrap();
            counts[snapshot
                .shards
                .iter()
                .position(|s| s.name == snapshot.owner(slot).unwrap().0.name)
                .unwrap()] += 1;
        }
        assert!(counts.iter().all(|n| (800..1200).contains(n)), "{counts:?}");
        view.shards.get_mut(&ShardName::new("s0")).unwrap().behind = true;
        let snapshot = Snapshot::build(&view, &Snapshot::default(), 1_000);
        snapshot.shards[2].nodes[0].set_up(false);
        for _ in 0..50 {
            let slot = snapshot.draw(None).unwrap();
            assert_eq!(snapshot.owner(slot).unwrap().0.name.as_str(), "s1");
        }
        snapshot.shards[1].nodes[0].set_up(false);
        assert_eq!(snapshot.draw(None).unwrap_err().status, 503);
        assert_eq!(
            Snapshot::build(&View::default(), &snapshot, 1_000)
                .draw(None)
                .unwrap_err()
                .status,
            503
        );
    }
}
