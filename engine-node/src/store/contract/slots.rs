//! Slots: their rows, their moves, and who sees them.
use super::fixture::*;
use crate::store::{schema::visible, *};
use sea_query::{Alias, Expr, ExprTrait, Query};
use topology::SLOTS;

pub(super) async fn a_slot_moves_with_all_its_rows(f: Fixture) {
    let (moving, staying) = (slot(11), slot(12));
    let target = f.another().await;
    target.set_state(moving, SlotState::Incoming).await;
    let mut units = Vec::new();
    for n in 0..300 {
        let mut i = full_instance(moving);
        i.process.business_key = Some(format!("k{n}"));
        units.push(Unit {
            idempotency: vec![idempotency(moving, &format!("u\0{n}"))],
            ..unit(&i)
        });
    }
    units.push(Unit {
        slots: vec![moving],
        start_jobs: vec![job(None, moving)],
        ..Unit::default()
    });
    units.push(unit(&full_instance(staying)));
    assert!(
        f.store
            .write(&units)
            .await
            .unwrap()
            .iter()
            .all(|r| *r == Applied::Done)
    );

    // The whole copy twice: an import that is repeated changes nothing.
    for _ in 0..2 {
        let mut cursor = None;
        loop {
            let (lines, next) = f.store.export_slot(moving, cursor).await.unwrap();
            target.store.import_slot(moving, &lines).await.unwrap();
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
    }
    let counts = f.store.count_slot(moving).await.unwrap();
    assert_eq!(target.store.count_slot(moving).await.unwrap(), counts);
    assert_eq!(counts.iter().find(|(t, _)| t == "task_candidate").unwrap().1, 600);
    assert_eq!(counts.iter().find(|(t, _)| t == "job").unwrap().1, 301);

    // Not seen before the slot is owned, whole afterwards.
    let one = units[0].instances[0].instance.process.id;
    assert!(target.load_one(one).await.is_none());
    assert!(
        f.store.purge_slot(moving).await.is_err(),
        "an owned slot is not purged"
    );
    assert!(
        target.store.import_slot(staying, &[]).await.is_err(),
        "nor is one imported into"
    );
    target.set_state(moving, SlotState::Owned).await;
    let (there, here) = (
        target.load_one(one).await.unwrap(),
        f.load_one(one).await.unwrap(),
    );
    assert_eq!(format!("{:?}", there.tasks), format!("{:?}", here.tasks));
    assert_eq!(format!("{:?}", there.variables), format!("{:?}", here.variables));
    assert!(
        target
            .store
            .idempotency(moving, "u\u{0}7")
            .await
            .unwrap()
            .is_some()
    );

    f.set_state(moving, SlotState::Released).await;
    f.store.purge_slot(moving).await.unwrap();
    assert!(
        f.store
            .count_slot(moving)
            .await
            .unwrap()
            .iter()
            .all(|(_, rows)| *rows == 0)
    );
    assert_eq!(f.count(staying, "process_instance").await, 1);
}

pub(super) async fn hidden_slots_are_invisible(f: Fixture) {
    let (hidden, seen) = (slot(11), slot(12));
    let (mut a, mut b) = (full_instance(hidden), full_instance(seen));
    f.save(&mut a).await;
    f.save(&mut b).await;
    let timer = job(None, hidden);
    let arm = Unit {
        slots: vec![hidden],
        start_jobs: vec![timer.clone()],
        idempotency: vec![idempotency(hidden, "k")],
        ..Unit::default()
    };
    assert_eq!(f.write_one(arm).await, Applied::Done);
    let count = async || {
        let table = Alias::new("task");
        let mut query = Query::select();
        query
            .expr(Expr::col(Alias::new("id")).count())
            .from(table.clone())
            .and_where(visible(table));
        f.store.select(&query).await.unwrap().rows[0].i64(0).unwrap()
    };
    for (state, shown) in [
        (SlotState::Released, false),
        (SlotState::Incoming, false),
        (SlotState::Fenced, true),
        (SlotState::Owned, true),
    ] {
        f.set_state(hidden, state).await;
        assert_eq!(count().await, if shown { 2 } else { 1 }, "{state:?}");
        let loaded = f.store.load(&[a.process.id, b.process.id]).await.unwrap();
        assert_eq!(loaded.len(), if shown { 2 } else { 1 });
        let task = a.tasks.iter().next().unwrap().id;
        assert_eq!(
            f.store.instance_of(Entity::Task, task).await.unwrap().is_some(),
            shown
        );
        assert_eq!(f.store.start_job(timer.id).await.unwrap().is_some(), shown);
        assert_eq!(f.store.idempotency(hidden, "k").await.unwrap().is_some(), shown);
    }
}

pub(super) async fn slot_rows_change_by_compare_and_set(f: Fixture) {
    let rows = f.store.slots().await.unwrap();
    assert_eq!(rows.len(), SLOTS as usize);
    assert!(
        rows.iter()
            .all(|r| (r.state, r.epoch, &r.move_id) == (SlotState::Owned, 1, &None))
    );
    let fence = |r: &SlotRow| SlotRow {
        state: SlotState::Fenced,
        move_id: Some("m1".into()),
        armed: 9,
        ..r.clone()
    };
    let (from, to): (Vec<_>, Vec<_>) = rows[..3].iter().map(|r| (r.clone(), fence(r))).unzip();
    // Of many that try one wins.
    let tries = (0..8).map(|_| {
        let (store, from, to) = (f.store.clone(), from.clone(), to.clone());
        tokio::spawn(async move { store.change_slots(&from, &to).await.unwrap() })
    });
    let won = futures_util::future::join_all(tries)
        .await
        .into_iter()
        .filter(|w| *w.as_ref().unwrap())
        .count();
    assert_eq!(won, 1);
    assert_eq!(f.store.slots().await.unwrap()[..3], to);
    // All or none, and an epoch never falls.
    let mixed = [to[0].clone(), from[1].clone()];
    assert!(!f.store.change_slots(&mixed, &from[..2]).await.unwrap());
    let raised = SlotRow {
        epoch: 2,
        ..to[0].clone()
    };
    assert!(
        f.store
            .change_slots(&to[..1], std::slice::from_ref(&raised))
            .await
            .unwrap()
    );
    assert!(
        !f.store
            .change_slots(std::slice::from_ref(&raised), &to[..1])
            .await
            .unwrap()
    );
    // A row that is there is not overwritten by one who doesn't know it.
    assert!(!f.store.change_slots(&[], &to[1..2]).await.unwrap());
    assert_eq!(f.store.slots().await.unwrap()[0], raised);
    assert!(f.store.wait_for_writers(5_000).await.unwrap());

    // A node of a cluster is told what it owns.
    let url = f.empty();
    let store = open(
        &url,
        OpenOptions {
            stand_alone: false,
            ..options()
        },
    )
    .await
    .unwrap();
    assert_eq!(store.slots().await.unwrap(), []);
    let unit = unit(&instance(slot(1)));
    assert_eq!(
        store.write(std::slice::from_ref(&unit)).await.unwrap(),
        [Applied::NotOwner(slot(1))]
    );
    assert!(store.change_slots(&[], &rows[1..2]).await.unwrap());
    assert_eq!(store.write(&[unit]).await.unwrap(), [Applied::Done]);
    store.close().await;
}

pub(super) async fn a_setting_is_made_once_and_replaced_on_demand(f: Fixture) {
    let store = &f.store;
    assert_eq!(store.setting("history").await.unwrap(), None);
    assert_eq!(store.put_setting("history", "full", false).await.unwrap(), "full");
    assert_eq!(store.put_setting("history", "none", false).await.unwrap(), "full");
    assert_eq!(store.put_setting("history", "none", true).await.unwrap(), "none");
    assert_eq!(store.setting("history").await.unwrap().as_deref(), Some("none"));
    store.close().await;
}

pub(super) async fn a_stamp_is_set_once(mut f: Fixture) {
    let stamp = Stamp {
        cluster: "c".into(),
        shard: "s1".into(),
        generation: 1,
    };
    assert_eq!(f.store.stamp().await.unwrap(), None);
    f.store.set_stamp(&stamp).await.unwrap();
    f.store.set_stamp(&stamp).await.unwrap();
    assert!(
        f.store
            .set_stamp(&Stamp {
                shard: "s2".into(),
                ..stamp.clone()
            })
            .await
            .is_err()
    );
    let later = Stamp {
        generation: 2,
        ..stamp.clone()
    };
    f.store.set_stamp(&later).await.unwrap();
    assert!(f.store.set_stamp(&stamp).await.is_err());
    assert_eq!(f.store.stamp().await.unwrap(), Some(later));
    // A stamped database is not opened stand-alone.
    let refused = open(&f.url, options()).await.err().unwrap().to_string();
    assert!(refused.contains("'s1'") && refused.contains("'c'"), "{refused}");
    f.store.close().await;
    f.store = open(
        &f.url,
        OpenOptions {
            stand_alone: false,
            ..options()
        },
    )
    .await
    .unwrap();
    assert_eq!(f.store.slots().await.unwrap().len(), SLOTS as usize);
}

pub(super) async fn a_list_tells_what_was_covered(f: Fixture) {
    let mut query = Query::select();
    query.column(Alias::new("id")).from(Alias::new("task"));
    let coverage = async || {
        let snapshot = f.store.select(&query).await.unwrap();
        assert!(snapshot.rows.is_empty());
        snapshot.coverage
    };
    assert_eq!(coverage().await, Coverage::whole());
    f.set_state(slot(5), SlotState::Fenced).await;
    assert_eq!(coverage().await, Coverage::whole());
    f.set_state(slot(5), SlotState::Released).await;
    let rest: Coverage = Slot::all().filter(|s| *s != slot(5)).map(Coverage::of).sum();
    assert_eq!(coverage().await, rest);
    // Another node on the same database notices.
    let other = open(&f.url, options()).await.unwrap();
    assert_eq!(other.select(&query).await.unwrap().coverage, rest);
    f.set_state(slot(5), SlotState::Owned).await;
    assert_eq!(other.select(&query).await.unwrap().coverage, Coverage::whole());
    other.close().await;
}
