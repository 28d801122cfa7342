//! Units: all or nothing, each on its own.
use super::fixture::*;
use crate::store::*;
use bpmn_core::value::TypedValue;

pub(super) async fn an_instance_may_start_and_end_in_one_unit(f: Fixture) {
    let at = slot(3);
    let mut i = full_instance(at);
    end(&mut i);
    f.save(&mut i).await;
    assert!(f.load_one(i.process.id).await.is_none());
    for (table, rows) in f.store.count_slot(at).await.unwrap() {
        let expected = u64::from(["history_process", "history_activity"].contains(&table.as_str()));
        assert_eq!((table.as_str(), rows), (table.as_str(), expected));
    }
}

fn contents(i: &Instance) -> String {
    fn list<T: std::fmt::Debug + bpmn_core::tracked::Entity>(t: &bpmn_core::tracked::Tracked<T>) -> String {
        format!("{:?}", t.iter().collect::<Vec<_>>())
    }
    [
        format!("{:?}", i.process),
        list(&i.tokens),
        list(&i.variables),
        list(&i.tasks),
        list(&i.external_tasks),
        list(&i.jobs),
        list(&i.subscriptions),
        list(&i.incidents),
    ]
    .join("\n")
}

pub(super) async fn every_kind_of_row_is_inserted_replaced_and_deleted(f: Fixture) {
    let at = slot(3);
    let mut i = full_instance(at);
    let own = i.process.id;
    f.save(&mut i).await;
    assert_eq!(contents(&f.load_one(own).await.unwrap()), contents(&i));
    assert_eq!(f.count(at, "task_candidate").await, 2);

    let mut loaded = f.load_one(own).await.unwrap();
    assert_eq!((loaded.stored, loaded.process.revision), (true, 1));
    loaded.process.suspended = true;
    let first = |i: &Instance| {
        (
            i.tokens.iter().next().unwrap().id,
            i.variables.iter().next().unwrap().id,
        )
    };
    let (token_id, variable_id) = first(&loaded);
    loaded.tokens.update(token_id, |t| t.state = TokenState::Scope);
    loaded.variables.get_mut(variable_id).unwrap().value = TypedValue::String("seven".into());
    let task_id = loaded.tasks.iter().next().unwrap().id;
    loaded.tasks.get_mut(task_id).unwrap().assignee = Some("bert".into());
    let external = loaded.external_tasks.iter().next().unwrap().id;
    loaded.external_tasks.get_mut(external).unwrap().retries = Some(2);
    let job_id = loaded.jobs.iter().next().unwrap().id;
    loaded.jobs.get_mut(job_id).unwrap().retries = 0;
    let wait = loaded.subscriptions.iter().next().unwrap().id;
    loaded.subscriptions.get_mut(wait).unwrap().name = None;
    let trouble = loaded.incidents.iter().next().unwrap().id;
    loaded.incidents.update(trouble, |i| i.message = None);
    loaded.tokens.insert(token(own, at));
    f.save(&mut loaded).await;
    let again = f.load_one(own).await.unwrap();
    assert_eq!(contents(&again), contents(&loaded));
    assert_eq!(again.process.revision, 2);

    let mut i = again;
    i.tokens.remove(token_id);
    i.variables.remove(variable_id);
    i.tasks.remove(task_id);
    i.external_tasks.remove(external);
    i.jobs.remove(job_id);
    i.subscriptions.remove(wait);
    i.incidents.remove(trouble);
    f.save(&mut i).await;
    let left = f.load_one(own).await.unwrap();
    assert_eq!(contents(&left), contents(&i));
    assert_eq!((left.tokens.len(), f.count(at, "task_candidate").await), (1, 0));
    for (entity, id) in [
        (Entity::Task, task_id),
        (Entity::Job, job_id),
        (Entity::Variable, variable_id),
    ] {
        assert_eq!(f.store.instance_of(entity, id).await.unwrap(), None);
    }
    for id in [left.tokens.iter().next().unwrap().id, own] {
        assert_eq!(
            f.store.instance_of(Entity::Execution, id).await.unwrap(),
            Some(own)
        );
    }
}

pub(super) async fn a_wrong_revision_refuses_the_unit_and_no_other(f: Fixture) {
    let at = slot(3);
    let mut i = instance(at);
    f.save(&mut i).await;
    let stale = f.load_one(i.process.id).await.unwrap();
    f.save(&mut i).await;

    let mut stale_unit = unit(&stale);
    stale_unit.instances[0]
        .instance
        .tokens
        .insert(token(stale.process.id, at));
    stale_unit.instances[0]
        .instance
        .history
        .push(activity(stale.process.id, at));
    stale_unit.idempotency.push(idempotency(at, "u\0k"));
    stale_unit.start_jobs.push(job(None, at));
    // A second instance of the same unit is refused with the first.
    stale_unit.instances.push(InstanceWrite {
        instance: instance(at),
    });
    let fresh = instance(at);
    let results = f.store.write(&[stale_unit, unit(&fresh)]).await.unwrap();
    assert_eq!(results, [Applied::Conflict, Applied::Done]);
    let rows = |table: &'static str| f.count(at, table);
    assert_eq!(rows("process_instance").await, 2);
    assert_eq!(rows("token").await, 2);
    assert_eq!(
        (
            rows("idempotency").await,
            rows("job").await,
            rows("history_activity").await
        ),
        (0, 0, 0)
    );
    // An instance that is there already is not made again.
    assert_eq!(f.write_one(unit(&fresh)).await, Applied::Conflict);
    // Nor is one that has ended written again.
    let mut gone = f.load_one(fresh.process.id).await.unwrap();
    let late = gone.clone();
    end(&mut gone);
    f.save(&mut gone).await;
    assert_eq!(f.write_one(unit(&late)).await, Applied::Conflict);
}

pub(super) async fn a_known_idempotency_key_writes_nothing_else(f: Fixture) {
    let at = slot(9);
    let first = Unit {
        idempotency: vec![idempotency(at, "anna\0one")],
        ..unit(&instance(at))
    };
    assert_eq!(f.write_one(first).await, Applied::Done);
    let stale = IdempotencyRow {
        digest: "other".into(),
        ..idempotency(at, "anna\0one")
    };
    let again = Unit {
        idempotency: vec![idempotency(at, "anna\0two"), stale],
        ..unit(&instance(at))
    };
    assert_eq!(f.write_one(again).await, Applied::Duplicate);
    assert_eq!(
        (
            f.count(at, "process_instance").await,
            f.count(at, "idempotency").await
        ),
        (1, 1)
    );
    assert_eq!(
        f.store.idempotency(at, "anna\0one").await.unwrap(),
        Some(idempotency(at, "anna\0one"))
    );
    assert_eq!(f.store.idempotency(at, "anna\0two").await.unwrap(), None);
    // Within one batch the second of two equal keys is the duplicate.
    let pair = [0, 1].map(|_| Unit {
        idempotency: vec![idempotency(at, "b\0k")],
        ..unit(&instance(at))
    });
    assert_eq!(
        f.store.write(&pair).await.unwrap(),
        [Applied::Done, Applied::Duplicate]
    );
    // A key counts before a conflict: the retried command's work is done.
    let mut stale = instance(at);
    stale.stored = true;
    let retry = Unit {
        idempotency: vec![idempotency(at, "b\0k")],
        ..unit(&stale)
    };
    assert_eq!(f.write_one(retry).await, Applied::Duplicate);
}

pub(super) async fn a_slot_not_owned_refuses_the_unit(f: Fixture) {
    let (mine, theirs) = (slot(3), slot(4));
    for state in [SlotState::Fenced, SlotState::Incoming, SlotState::Released] {
        f.set_state(theirs, state).await;
        let both = Unit {
            slots: vec![mine, theirs],
            ..unit(&instance(mine))
        };
        let results = f
            .store
            .write(&[unit(&instance(theirs)), unit(&instance(mine)), both])
            .await
            .unwrap();
        assert_eq!(
            results,
            [
                Applied::NotOwner(theirs),
                Applied::Done,
                Applied::NotOwner(theirs)
            ]
        );
    }
    assert_eq!(
        (f.count(mine, "token").await, f.count(theirs, "token").await),
        (3, 0)
    );
}

pub(super) async fn a_lost_external_task_lock_refuses_the_unit(f: Fixture) {
    let at = slot(3);
    let mut i = instance(at);
    i.external_tasks.insert(external_task(&i, at, "t"));
    f.save(&mut i).await;
    let before = f.load_one(i.process.id).await.unwrap();
    let topic = TopicRequest {
        topic: "t".into(),
        lock_duration: 60_000,
        ..Default::default()
    };
    let fetched = f
        .store
        .fetch_and_lock("w", 1, std::slice::from_ref(&topic), FetchOrder::default())
        .await
        .unwrap();
    let (task, revision) = (fetched[0].id, fetched[0].lock_revision);
    let guarded = |revision| Unit {
        lock_guards: vec![LockGuard {
            task,
            lock_revision: revision,
        }],
        ..unit(&before)
    };
    assert_eq!(f.write_one(guarded(revision - 1)).await, Applied::Conflict);
    assert_eq!(f.write_one(guarded(revision)).await, Applied::Done);
    // Two commands of one unit: the second saw a lock, and a task, that only the first had made.
    let mut both = f.load_one(i.process.id).await.unwrap();
    let made = external_task(&both, at, "other");
    both.external_tasks.insert(made.clone());
    let guard = |task, lock_revision| LockGuard { task, lock_revision };
    let lock_guards = vec![
        guard(task, revision),
        guard(task, revision + 1),
        guard(made.id, 0),
    ];
    assert_eq!(
        f.write_one(Unit {
            lock_guards,
            ..unit(&both)
        })
        .await,
        Applied::Done
    );
    // Given back only under the lock it was fetched with.
    f.store.unlock_fetched(&[(task, revision + 5)]).await.unwrap();
    let fetch = || {
        f.store
            .fetch_and_lock("w2", 1, std::slice::from_ref(&topic), FetchOrder::default())
    };
    assert_eq!(fetch().await.unwrap(), []);
    f.store.unlock_fetched(&[(task, revision)]).await.unwrap();
    assert_eq!(fetch().await.unwrap()[0].worker_id.as_deref(), Some("w2"));
}

pub(super) async fn a_timer_start_fires_once(f: Fixture) {
    let at = slot(3);
    let timer = job(None, at);
    let trouble = incident(None, at, Some(timer.id));
    let arm = Unit {
        slots: vec![at],
        start_jobs: vec![timer.clone()],
        start_incidents: vec![trouble.clone()],
        ..Unit::default()
    };
    assert_eq!(f.write_one(arm).await, Applied::Done);
    assert_eq!(f.store.start_job(timer.id).await.unwrap(), Some(timer.clone()));
    // A failed try replaces the job.
    let failed = || Job {
        retries: 2,
        ..timer.clone()
    };
    let retry = Unit {
        slots: vec![at],
        start_jobs: vec![failed()],
        start_jobs_gone: vec![timer.id],
        ..Unit::default()
    };
    assert_eq!(f.write_one(retry.clone()).await, Applied::Done);
    assert_eq!(f.store.start_job(timer.id).await.unwrap(), Some(failed()));
    let fire = || Unit {
        start_jobs_gone: vec![timer.id],
        start_jobs: vec![job(None, at)],
        start_incidents_gone: vec![trouble.id],
        ..unit(&instance(at))
    };
    let results = f.store.write(&[fire(), fire()]).await.unwrap();
    assert_eq!(results, [Applied::Done, Applied::Conflict]);
    assert_eq!(
        (f.count(at, "job").await, f.count(at, "process_instance").await),
        (1, 1)
    );
    assert_eq!(f.count(at, "incident").await, 0);
    assert_eq!(f.store.start_job(timer.id).await.unwrap(), None);
    // A node that was late to fail it does not bring it back.
    assert_eq!(f.write_one(retry).await, Applied::Conflict);
    assert_eq!(f.store.start_job(timer.id).await.unwrap(), None);
}

pub(super) async fn units_of_one_batch_on_one_instance_are_told_apart(f: Fixture) {
    let mut i = instance(slot(3));
    f.save(&mut i).await;
    let mut next = i.clone();
    next.process.revision += 1;
    let results = f.store.write(&[unit(&i), unit(&i), unit(&next)]).await.unwrap();
    assert_eq!(results, [Applied::Done, Applied::Conflict, Applied::Done]);
}

pub(super) async fn concurrent_writers_never_lose_an_update(f: Fixture) {
    let at = slot(3);
    let mut all: Vec<Instance> = (0..6).map(|_| instance(at)).collect();
    for i in &mut all {
        i.variables
            .insert(variable(i.process.id, at, "n", TypedValue::Long(0)));
        f.save(i).await;
    }
    let ids: Vec<Id> = all.iter().map(|i| i.process.id).collect();
    let writers = (0..8u64).map(|seed| {
        let (store, ids) = (f.store.clone(), ids.clone());
        tokio::spawn(async move {
            let mut done = 0i64;
            for round in 0..12u64 {
                // Some of them, in an order of one's own, in a single batch; one unit spans two instances.
                let mut loaded = store.load(&ids).await.unwrap();
                if seed % 2 == 0 {
                    loaded.reverse();
                }
                loaded.rotate_left((round as usize + seed as usize) % ids.len());
                for i in &mut loaded {
                    let v = i.variables.iter().next().unwrap().clone();
                    let TypedValue::Long(n) = v.value else {
                        panic!("a number")
                    };
                    i.variables.get_mut(v.id).unwrap().value = TypedValue::Long(n + 1);
                }
                let mut units: Vec<Unit> = loaded[2..].iter().map(unit).collect();
                let mut two = unit(&loaded[0]);
                two.instances.push(InstanceWrite {
                    instance: loaded[1].clone(),
                });
                units.push(two);
                let sizes: Vec<i64> = units.iter().map(|u| u.instances.len() as i64).collect();
                let results = store.write(&units).await.unwrap();
                for (result, size) in results.iter().zip(sizes) {
                    match result {
                        Applied::Done => done += size,
                        Applied::Conflict => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            done
        })
    });
    let mut done = 0;
    for writer in futures_util::future::join_all(writers).await {
        done += writer.unwrap();
    }
    let mut sum = 0;
    for i in f.store.load(&ids).await.unwrap() {
        let TypedValue::Long(n) = i.variables.iter().next().unwrap().value else {
            panic!("a number")
        };
        assert_eq!(i.process.revision, n + 1);
        sum += n;
    }
    assert_eq!(sum, done);
    assert!(done > 0);
}

pub(super) async fn concurrent_requests_with_one_key_are_applied_once(f: Fixture) {
    let at = slot(7);
    for round in 0..10 {
        let requests = (0..8).map(|n| {
            let store = f.store.clone();
            tokio::spawn(async move {
                // The key shares its batch with others in another order each time.
                let mut units: Vec<Unit> = (0..4)
                    .map(|k| Unit {
                        idempotency: vec![idempotency(at, &format!("{round}\0{k}"))],
                        ..unit(&instance(at))
                    })
                    .collect();
                units.rotate_left(n % 4);
                store.write(&units).await.unwrap()
            })
        });
        let results = futures_util::future::join_all(requests).await;
        let results: Vec<Applied> = results.into_iter().flat_map(|r| r.unwrap()).collect();
        assert_eq!(
            results.iter().filter(|r| **r == Applied::Done).count(),
            4,
            "{results:?}"
        );
        assert_eq!(results.iter().filter(|r| **r == Applied::Duplicate).count(), 28);
        assert_eq!(f.count(at, "process_instance").await, (round + 1) * 4);
    }
}

pub(super) async fn an_ended_instance_leaves_history_only(f: Fixture) {
    let at = slot(3);
    let mut i = full_instance(at);
    f.save(&mut i).await;
    let mut i = f.load_one(i.process.id).await.unwrap();
    i.tokens.insert(token(i.process.id, at));
    end(&mut i);
    f.save(&mut i).await;
    for (table, rows) in f.store.count_slot(at).await.unwrap() {
        let expected = u64::from(["history_process", "history_activity"].contains(&table.as_str()));
        assert_eq!((table.as_str(), rows), (table.as_str(), expected));
    }
}

pub(super) async fn an_instance_of_many_rows_is_written_in_one_unit(f: Fixture) {
    let at = slot(3);
    let mut i = instance(at);
    for n in 0..3_000 {
        i.variables.insert(variable(
            i.process.id,
            at,
            &format!("v{n}"),
            TypedValue::Integer(n),
        ));
    }
    f.save(&mut i).await;
    let mut loaded = f.load_one(i.process.id).await.unwrap();
    assert_eq!(loaded.variables.len(), 3_000);
    end(&mut loaded);
    f.save(&mut loaded).await;
    assert_eq!(f.count(at, "variable").await, 0);
}
