//! Handing out external tasks.
use super::fixture::*;
use crate::store::*;
use bpmn_core::value::TypedValue;
use std::{collections::HashSet, sync::Arc, time::Duration};

fn topic(name: &str) -> TopicRequest {
    TopicRequest {
        topic: name.into(),
        lock_duration: 60_000,
        ..Default::default()
    }
}

pub(super) async fn fetch_and_lock_gives_a_task_once(f: Fixture) {
    let at = slot(3);
    let mut units = Vec::new();
    for _ in 0..120 {
        let mut i = instance(at);
        i.external_tasks.insert(external_task(&i, at, "t"));
        units.push(unit(&i));
    }
    assert!(
        f.store
            .write(&units)
            .await
            .unwrap()
            .iter()
            .all(|r| *r == Applied::Done)
    );
    let gate = Arc::new(tokio::sync::Barrier::new(8));
    let workers = (0..8).map(|n| {
        let (store, gate) = (f.store.clone(), gate.clone());
        tokio::spawn(async move {
            gate.wait().await;
            let mut got = Vec::new();
            let mut empty = 0;
            while empty < 3 {
                let worker = format!("w{n}");
                // Every other worker asks as the official clients do: by priority; or for several topics.
                let topics = [topic("t"), topic("u")];
                let order = FetchOrder {
                    by_priority: n % 2 == 0,
                    created_ascending: None,
                };
                let asked = &topics[..1 + n % 2];
                let tasks = store.fetch_and_lock(&worker, 4, asked, order).await.unwrap();
                assert!(tasks.len() <= 4 && tasks.iter().all(|t| t.worker_id.as_deref() == Some(&worker)));
                empty += usize::from(tasks.is_empty());
                got.extend(tasks.into_iter().map(|t| t.id));
            }
            got
        })
    });
    let got: Vec<Id> = futures_util::future::join_all(workers)
        .await
        .into_iter()
        .flat_map(|g| g.unwrap())
        .collect();
    assert_eq!((got.len(), got.iter().collect::<HashSet<_>>().len()), (120, 120));
}

pub(super) async fn fetch_and_lock_heeds_its_filters(f: Fixture) {
    let at = slot(3);
    let mut all = Vec::new();
    for n in 0..6i64 {
        let mut i = instance(at);
        i.process.business_key = Some(format!("k{n}"));
        i.variables
            .insert(variable(i.process.id, at, "n", TypedValue::Long(n)));
        let mut task = external_task(&i, at, if n < 4 { "t" } else { "u" });
        (task.priority, task.created) = (n % 2, 100 - n);
        task.tenant_id = (n == 3).then(|| "acme".into());
        match n {
            4 => task.retries = Some(0),
            5 => task.suspended = true,
            _ => {}
        }
        i.external_tasks.insert(task);
        f.save(&mut i).await;
        all.push(i);
    }
    let fetch = async |topics: &[TopicRequest], order: FetchOrder| {
        let places = f.store.peek_tasks(10, topics, order).await.unwrap();
        let tasks = f.store.fetch_and_lock("w", 10, topics, order).await.unwrap();
        let given: Vec<(Id, i64)> = tasks.iter().map(|t| (t.id, t.lock_revision)).collect();
        f.store.unlock_fetched(&given).await.unwrap();
        let mut stood: Vec<_> = tasks.iter().map(|t| (t.priority, t.created)).collect();
        let mut peeked: Vec<_> = places.iter().map(|p| (p.priority, p.created)).collect();
        if order.created_ascending.is_none() {
            stood.sort_unstable();
            peeked.sort_unstable();
        }
        assert_eq!(stood, peeked);
        tasks
            .iter()
            .map(|t| t.business_key.clone().unwrap())
            .collect::<Vec<_>>()
    };
    let none = FetchOrder::default();
    assert_eq!(fetch(&[topic("u"), topic("v")], none).await, [""; 0]);
    let key = TopicRequest {
        business_key: Some("k2".into()),
        ..topic("t")
    };
    assert_eq!(fetch(&[key], none).await, ["k2"]);
    let of = |n: usize| Some(vec![all[n].process.definition_id]);
    assert_eq!(
        fetch(
            &[TopicRequest {
                definitions: of(1),
                ..topic("t")
            }],
            none
        )
        .await,
        ["k1"]
    );
    assert_eq!(
        fetch(
            &[TopicRequest {
                definitions: Some(vec![]),
                ..topic("t")
            }],
            none
        )
        .await,
        [""; 0]
    );
    let acme = TopicRequest {
        tenants: Some(vec!["acme".into()]),
        ..topic("t")
    };
    assert_eq!(fetch(&[acme], none).await, ["k3"]);
    assert_eq!(
        fetch(
            &[TopicRequest {
                tenants: Some(vec![]),
                ..topic("t")
            }],
            none
        )
        .await,
        [""; 0]
    );
    let by_created = |ascending| FetchOrder {
        created_ascending: Some(ascending),
        ..none
    };
    let nobody = TopicRequest {
        without_tenant: true,
        ..topic("t")
    };
    assert_eq!(
        fetch(std::slice::from_ref(&nobody), by_created(true)).await,
        ["k2", "k1", "k0"]
    );
    assert_eq!(
        fetch(&[topic("t")], by_created(false)).await,
        ["k0", "k1", "k2", "k3"]
    );
    let by_priority = FetchOrder {
        by_priority: true,
        created_ascending: Some(true),
    };
    assert_eq!(fetch(&[topic("t")], by_priority).await, ["k3", "k1", "k2", "k0"]);
    assert_eq!(
        fetch(&[topic("u"), topic("t"), topic("t")], by_priority).await,
        ["k3", "k1", "k2", "k0"]
    );
    let wanted = vec![("n".to_string(), TypedValue::Long(2))];
    assert_eq!(
        fetch(
            &[TopicRequest {
                process_variables: wanted,
                ..topic("t")
            }],
            none
        )
        .await,
        ["k2"]
    );
    let unwanted = vec![("n".to_string(), TypedValue::String("2".into()))];
    assert_eq!(
        fetch(
            &[TopicRequest {
                process_variables: unwanted,
                ..topic("t")
            }],
            none
        )
        .await,
        [""; 0]
    );
    // A lock of its own length each, and its end by the database's clock.
    let brief = TopicRequest {
        lock_duration: -1,
        ..topic("t")
    };
    assert_eq!(
        f.store
            .fetch_and_lock("w", 10, &[brief], none)
            .await
            .unwrap()
            .len(),
        4
    );
    assert_eq!(
        f.store
            .fetch_and_lock("w", 10, &[topic("t")], none)
            .await
            .unwrap()
            .len(),
        4
    );
    assert_eq!(
        f.store
            .fetch_and_lock("w", 10, &[topic("t")], none)
            .await
            .unwrap(),
        []
    );
    f.set_state(slot(3), SlotState::Fenced).await;
}

pub(super) async fn an_old_lock_never_replaces_a_newer_one(f: Fixture) {
    let at = slot(3);
    let mut i = instance(at);
    i.external_tasks.insert(external_task(&i, at, "t"));
    f.save(&mut i).await;
    let mut before = f.load_one(i.process.id).await.unwrap();
    let fetched = f
        .store
        .fetch_and_lock("w", 1, &[topic("t")], FetchOrder::default())
        .await
        .unwrap();
    let task = fetched[0].id;
    before.external_tasks.get_mut(task).unwrap().priority = 9;
    f.save(&mut before).await;
    let after = f.load_one(i.process.id).await.unwrap();
    let after = after.external_tasks.get(task).unwrap();
    assert_eq!((after.priority, after.worker_id.as_deref()), (9, Some("w")));
    assert_eq!(
        (after.lock_revision, after.lock_expires),
        (fetched[0].lock_revision, fetched[0].lock_expires)
    );
    // Within a moment a lock can end and be taken anew.
    let brief = TopicRequest {
        lock_duration: 1,
        ..topic("t")
    };
    f.store
        .unlock_fetched(&[(task, fetched[0].lock_revision)])
        .await
        .unwrap();
    assert_eq!(
        f.store
            .fetch_and_lock("w", 1, &[brief], FetchOrder::default())
            .await
            .unwrap()
            .len(),
        1
    );
    while f
        .store
        .fetch_and_lock("x", 1, &[topic("t")], FetchOrder::default())
        .await
        .unwrap()
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
