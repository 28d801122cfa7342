//! What every implementation that stores anything must do: run against memory and against a real etcd.
mod support;

use cluster::{Cluster, Error, LogEntry, MoveState, NodeInfo, log};
use serde_json::json;
use std::{future::Future, sync::Arc};
use support::{Etcd, until};
use topology::{SLOTS, Shard, ShardName, Slot, SlotTable};

type Handle = Arc<dyn Cluster>;

/// Runs a case against memory (two clones of one handle) and against etcd (two handles of their own).
async fn on_both<F: Future<Output = ()>>(name: &str, case: impl Fn(Handle, Handle) -> F) {
    let memory = cluster::in_process();
    case(memory.clone(), memory).await;
    let etcd = Etcd::start().await;
    let (one, other) = (etcd.open(name).await, etcd.open(name).await);
    case(one, other).await;
}

fn shard(name: &str) -> Shard {
    Shard {
        name: ShardName::new(name),
        weight: 100,
    }
}

fn name(name: &str) -> ShardName {
    ShardName::new(name)
}

fn slots(numbers: &[u16]) -> Vec<Slot> {
    numbers.iter().map(|n| Slot::new(*n).unwrap()).collect()
}

fn entry(kind: &str, key: Option<&str>) -> LogEntry {
    LogEntry {
        kind: kind.into(),
        digest: log::EMPTY_DIGEST.into(),
        data: json!({ "id": kind }),
        idempotency_key: key.map(str::to_owned),
    }
}

fn node(id: &str) -> NodeInfo {
    NodeInfo {
        id: id.into(),
        url: format!("http://{id}:8080"),
        version: "0.1.0".into(),
    }
}

#[tokio::test]
async fn the_first_shard_gets_every_slot_and_a_later_one_none() {
    on_both("shards", |a, b| async move {
        assert!(a.view().table.is_none() && a.view().version == 0 && a.table().await.unwrap().is_none());
        let first = a.add_shard(shard("s1")).await.unwrap();
        assert_eq!(first.table.slots_of(&name("s1")).len(), SLOTS as usize);
        assert!(Slot::all().all(|s| first.table.owner(s).1 == 1), "at epoch 1");
        assert_eq!(a.view().version, first.version, "a handle sees its own write");
        let second = b.add_shard(shard("s2")).await.unwrap();
        assert!(second.version > first.version);
        assert!(second.table.slots_of(&name("s2")).is_empty());
        assert_eq!(
            b.add_shard(shard("s2")).await.unwrap(),
            second,
            "adding it again changes nothing"
        );
        let view = until(&a, "the second shard", |v| v.version == second.version).await;
        assert_eq!(view.table.as_deref(), Some(&*second.table));
        assert_eq!(
            view.shards.keys().map(|s| s.as_str()).collect::<Vec<_>>(),
            ["s1", "s2"]
        );
        assert!(view.connected);
        assert!(matches!(a.add_shard(shard("a/b")).await, Err(Error::Refused(_))));
    })
    .await;
}

#[tokio::test]
async fn of_many_first_shards_one_gets_the_slots() {
    on_both("race", |a, b| async move {
        let adds = (0..8).map(|i| {
            let handle = if i % 2 == 0 { a.clone() } else { b.clone() };
            async move { handle.add_shard(shard(&format!("s{i}"))).await.unwrap() }
        });
        futures_util::future::join_all(adds).await;
        let table = a.table().await.unwrap().unwrap().table;
        assert_eq!(table.shards().len(), 8);
        assert!(Slot::all().all(|s| table.owner(s) == (&table.shards()[0].name, 1)));
    })
    .await;
}

#[tokio::test]
async fn the_cluster_id_is_made_once() {
    on_both("id", |a, b| async move {
        let id = a.cluster_id().await.unwrap();
        assert_eq!(id.len(), 36);
        assert_eq!(b.cluster_id().await.unwrap(), id);
    })
    .await;
}

#[tokio::test]
async fn a_node_is_seen_until_its_lease_goes() {
    on_both("nodes", |a, b| async move {
        let s1 = name("s1");
        let kept = a.register_node(&s1, node("n1")).await.unwrap();
        let dropped = a.register_node(&s1, node("n2")).await.unwrap();
        let view = until(&b, "both nodes", |v| {
            v.shards.get(&s1).is_some_and(|s| s.nodes.len() == 2)
        })
        .await;
        assert_eq!(view.shards[&s1].nodes, [node("n1"), node("n2")]);
        kept.revoke().await;
        until(&b, "one node", |v| {
            v.shards.get(&s1).is_some_and(|s| s.nodes == [node("n2")])
        })
        .await;
        // The same node registers again before its old lease has gone: the new one stands.
        let again = b.register_node(&s1, node("n2")).await.unwrap();
        drop(dropped);
        let third = a.register_node(&s1, node("n3")).await.unwrap();
        until(&b, "again and third", |v| {
            v.shards[&s1].nodes == [node("n2"), node("n3")]
        })
        .await;
        drop((again, third));
        until(&b, "no node", |v| {
            v.shards.get(&s1).is_none_or(|s| s.nodes.is_empty())
        })
        .await;
        assert!(matches!(
            a.register_node(&s1, node("a b")).await,
            Err(Error::Refused(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_table_is_replaced_only_at_its_version_and_by_a_successor() {
    on_both("table", |a, b| async move {
        let first = a.add_shard(shard("s1")).await.unwrap();
        let second = a.add_shard(shard("s2")).await.unwrap();
        let moved = second.table.with_owner(&slots(&[7]), &name("s2"));
        assert_eq!(
            b.cas_table(first.version, moved.clone()).await,
            Err(Error::TableChanged {
                version: second.version
            })
        );
        assert_eq!(
            b.cas_table(0, moved.clone()).await,
            Err(Error::TableChanged {
                version: second.version
            })
        );
        let other_owner_same_epoch = SlotTable::split(vec![shard("s2")]);
        assert!(matches!(
            a.cas_table(second.version, other_owner_same_epoch).await,
            Err(Error::Refused(_))
        ));
        let third = b.cas_table(second.version, moved.clone()).await.unwrap();
        assert!(third > second.version);
        let view = until(&a, "the new table", |v| v.version == third).await;
        assert_eq!(view.owner(Slot::new(7).unwrap()), Some((&name("s2"), 2)));
        assert!(
            matches!(
                a.cas_table(third, (*second.table).clone()).await,
                Err(Error::Refused(_))
            ),
            "epoch falls"
        );
    })
    .await;
}

#[tokio::test]
async fn a_move_flips_its_slots_and_nothing_else() {
    on_both("moves", |a, b| async move {
        a.add_shard(shard("s1")).await.unwrap();
        a.add_shard(shard("s2")).await.unwrap();
        let (s1, s2) = (name("s1"), name("s2"));
        let made = a.create_move(&s1, &s2, slots(&[9, 5, 9])).await.unwrap();
        assert_eq!(
            (made.slots.clone(), made.state),
            (slots(&[5, 9]), MoveState::Copying)
        );
        assert_eq!(b.get_moves().await.unwrap(), std::slice::from_ref(&made));
        assert!(
            matches!(b.create_move(&s1, &s2, slots(&[9])).await, Err(Error::Refused(_))),
            "taken"
        );
        assert!(
            matches!(b.create_move(&s2, &s1, slots(&[1])).await, Err(Error::Refused(_))),
            "not the owner"
        );
        assert!(matches!(
            b.create_move(&s1, &name("s3"), slots(&[1])).await,
            Err(Error::Refused(_))
        ));
        assert!(matches!(
            b.create_move(&s1, &s2, vec![]).await,
            Err(Error::Refused(_))
        ));
        let conflict = |state| {
            Err(Error::MoveConflict {
                id: made.id.clone(),
                state,
            })
        };
        assert_eq!(b.flip(&made.id).await, conflict(MoveState::Copying).map(|()| 0));
        b.cas_move(&made.id, MoveState::Copying, MoveState::Fenced)
            .await
            .unwrap();
        assert_eq!(
            a.cas_move(&made.id, MoveState::Copying, MoveState::Fenced)
                .await
                .map(drop),
            conflict(MoveState::Fenced)
        );
        assert!(matches!(
            a.cas_move(&made.id, MoveState::Fenced, MoveState::Flipped).await,
            Err(Error::Refused(_))
        ));
        assert!(matches!(
            a.cas_move(&made.id, MoveState::Fenced, MoveState::Copying).await,
            Err(Error::Refused(_))
        ));
        let version = a.flip(&made.id).await.unwrap();
        assert_eq!(a.view().version, version);
        assert_eq!(
            b.flip(&made.id).await,
            Ok(version),
            "repeating it changes nothing"
        );
        let table = b.table().await.unwrap().unwrap().table;
        assert_eq!(
            table.slots_of(&s2),
            slots(&[5, 9]).into_iter().map(|s| (s, 2)).collect::<Vec<_>>()
        );
        assert_eq!(table.owner(Slot::new(6).unwrap()), (&s1, 1));
        assert!(
            b.cas_move(&made.id, MoveState::Fenced, MoveState::Aborted)
                .await
                .is_err()
        );
        b.cas_move(&made.id, MoveState::Flipped, MoveState::Released)
            .await
            .unwrap();
        assert_eq!(a.get_move(&made.id).await.unwrap().state, MoveState::Released);
        assert_eq!(a.get_move("x").await, Err(Error::UnknownMove("x".into())));
        b.create_move(&s2, &s1, slots(&[9])).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_flip_and_abort_exactly_one_happens() {
    on_both("exclusive", |a, b| async move {
        let (s1, s2) = (name("s1"), name("s2"));
        a.add_shard(shard("s1")).await.unwrap();
        a.add_shard(shard("s2")).await.unwrap();
        for number in 0..20 {
            let made = a.create_move(&s1, &s2, slots(&[number])).await.unwrap();
            a.cas_move(&made.id, MoveState::Copying, MoveState::Fenced)
                .await
                .unwrap();
            let (flipped, aborted) = tokio::join!(
                a.flip(&made.id),
                b.cas_move(&made.id, MoveState::Fenced, MoveState::Aborted)
            );
            let table = a.table().await.unwrap().unwrap().table;
            let owner = table.owner(Slot::new(number).unwrap());
            match a.get_move(&made.id).await.unwrap().state {
                MoveState::Flipped => assert!(flipped.is_ok() && aborted.is_err() && owner == (&s2, 2)),
                MoveState::Aborted => assert!(flipped.is_err() && aborted.is_ok() && owner == (&s1, 1)),
                state => panic!("move is {state}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn two_moves_flip_at_once_without_losing_one() {
    on_both("flips", |a, b| async move {
        let (s1, s2) = (name("s1"), name("s2"));
        a.add_shard(shard("s1")).await.unwrap();
        a.add_shard(shard("s2")).await.unwrap();
        let mut ids = Vec::new();
        for number in 0..10 {
            let made = a.create_move(&s1, &s2, slots(&[number])).await.unwrap();
            a.cas_move(&made.id, MoveState::Copying, MoveState::Fenced)
                .await
                .unwrap();
            ids.push(made.id);
        }
        let flips = ids
            .iter()
            .enumerate()
            .map(|(i, id)| if i % 2 == 0 { a.flip(id) } else { b.flip(id) });
        for flipped in futures_util::future::join_all(flips).await {
            flipped.unwrap();
        }
        let owned = a.table().await.unwrap().unwrap().table.slots_of(&s2);
        assert_eq!(
            owned,
            (0..10).map(|n| (Slot::new(n).unwrap(), 2)).collect::<Vec<_>>()
        );
    })
    .await;
}

#[tokio::test]
async fn the_log_is_appended_at_its_head_only() {
    on_both("log", |a, b| async move {
        assert_eq!(a.append(0, entry("user", None)).await, Ok(1));
        assert_eq!(
            b.append(0, entry("group", None)).await,
            Err(Error::HeadMoved { head: 1 })
        );
        assert_eq!(
            b.append(5, entry("group", None)).await,
            Err(Error::HeadMoved { head: 1 })
        );
        assert_eq!(b.append(1, entry("group", Some("demo:k1"))).await, Ok(2));
        assert_eq!(
            a.append(2, entry("group", Some("demo:k1"))).await,
            Err(Error::AlreadyAppended { index: 2 })
        );
        assert_eq!(
            a.append(0, entry("group", Some("demo:k1"))).await,
            Err(Error::AlreadyAppended { index: 2 })
        );
        let bad = LogEntry {
            digest: "ABC".into(),
            ..entry("user", None)
        };
        assert!(matches!(a.append(2, bad).await, Err(Error::Refused(_))));
        let all = [(1, entry("user", None)), (2, entry("group", Some("demo:k1")))];
        assert_eq!(a.entries(0, 100).await.unwrap(), all);
        assert_eq!(a.entries(1, 1).await.unwrap(), all[..1]);
        assert_eq!(a.entries(2, 100).await.unwrap(), all[1..]);
        assert_eq!(a.entries(3, 100).await.unwrap(), []);
        until(&a, "the head", |v| v.log_head == 2).await;
    })
    .await;
}

#[tokio::test]
async fn racing_appends_get_indexes_without_gaps() {
    on_both("appends", |a, b| async move {
        let append = |handle: Handle, kind: String| async move {
            let mut head = 0;
            loop {
                match handle.append(head, entry(&kind, None)).await {
                    Ok(index) => return index,
                    Err(Error::HeadMoved { head: now }) => head = now,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let racers = (0..12).map(|i| append(if i % 2 == 0 { a.clone() } else { b.clone() }, format!("k{i}")));
        let mut indexes = futures_util::future::join_all(racers).await;
        indexes.sort();
        assert_eq!(indexes, (1..=12).collect::<Vec<u64>>());
        assert_eq!(a.entries(1, 100).await.unwrap().len(), 12);
    })
    .await;
}

#[tokio::test]
async fn publishing_is_an_entry_and_never_falls() {
    on_both("publish", |a, b| async move {
        a.append(0, entry("deployment", None)).await.unwrap();
        a.append(1, entry("deployment", None)).await.unwrap();
        assert!(matches!(a.publish(3).await, Err(Error::Refused(_))));
        assert_eq!(a.publish(2).await, Ok(2));
        assert_eq!(b.publish(1).await, Ok(2), "covered already");
        assert_eq!((a.view().log_head, a.view().published), (3, 2));
        let last = a.entries(3, 1).await.unwrap();
        assert_eq!(
            (last[0].1.kind.as_str(), &last[0].1.data),
            (log::PUBLISH, &json!({ "index": 2 }))
        );
        assert!(matches!(
            a.append(3, entry(log::PUBLISH, None)).await,
            Err(Error::Refused(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_shard_is_behind_until_it_has_applied_the_log() {
    on_both("applied", |a, b| async move {
        let s1 = name("s1");
        a.add_shard(shard("s1")).await.unwrap();
        for head in 0..3 {
            a.append(head, entry("user", None)).await.unwrap();
        }
        assert!(matches!(a.set_applied(&s1, 4).await, Err(Error::Refused(_))));
        a.set_applied(&s1, 2).await.unwrap();
        a.set_applied(&s1, 1).await.unwrap();
        let shown = |handle: &Handle| {
            (
                handle.view().shards[&s1].applied,
                handle.view().shards[&s1].behind,
            )
        };
        assert_eq!(shown(&a), (2, false), "it never falls");
        a.mark_behind(&s1, true).await.unwrap();
        assert_eq!(shown(&a), (2, true));
        b.set_applied(&s1, 3).await.unwrap();
        assert_eq!(shown(&b), (3, false), "caught up");
        a.add_shard(shard("s2")).await.unwrap();
        assert!(
            a.view().shards[&name("s2")].behind,
            "a new shard hasn't applied the log yet"
        );
    })
    .await;
}

#[tokio::test]
async fn administrative_values_change_by_compare_and_set() {
    on_both("meta", |a, b| async move {
        let first = a.cas_meta("rollout", 0, Some(json!(1))).await.unwrap();
        assert_eq!(
            b.cas_meta("rollout", 0, Some(json!(2))).await,
            Err(Error::MetaChanged { version: first })
        );
        let second = b.cas_meta("rollout", first, Some(json!(2))).await.unwrap();
        a.cas_meta("schema", 0, Some(json!("x"))).await.unwrap();
        assert_eq!(
            a.meta("roll").await.unwrap(),
            [("rollout".to_owned(), second, json!(2))]
        );
        assert_eq!(a.meta("").await.unwrap().len(), 2);
        assert_eq!(a.cas_meta("rollout", second, None).await, Ok(0));
        assert_eq!(a.meta("roll").await.unwrap(), []);
    })
    .await;
}
