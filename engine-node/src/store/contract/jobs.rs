//! Handing out jobs.
use super::fixture::*;
use crate::store::*;
use std::collections::HashSet;

pub(super) const AT: u16 = 3;

/// An instance with jobs.
pub(super) async fn with_jobs(f: &Fixture, count: usize, change: impl Fn(usize, &mut Job)) -> Vec<Id> {
    let at = slot(AT);
    let mut i = instance(at);
    let mut ids = Vec::new();
    for n in 0..count {
        let mut job = job(Some(i.process.id), at);
        change(n, &mut job);
        ids.push(job.id);
        i.jobs.insert(job);
    }
    f.save(&mut i).await;
    ids
}

/// Acquires for a minute and names the jobs.
async fn take(f: &Fixture, owner: &str, max: u32) -> Vec<Id> {
    let taken = f.store.acquire_jobs(owner, max, 0, 60_000).await.unwrap();
    taken.jobs.iter().map(|j| j.job.id).collect()
}

pub(super) async fn a_job_is_handed_to_one_owner(f: Fixture) {
    let ids = with_jobs(&f, 40, |n, job| match n {
        0 => job.retries = 0,
        1 => job.suspended = true,
        2 => job.due = Some(i64::MAX / 2),
        _ => {}
    })
    .await;
    let nodes = (0..6).map(|n| {
        let store = f.store.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            // Others may hold what is left for a moment, so an empty answer is asked again.
            for _ in 0..12 {
                let jobs = store.acquire_jobs(&format!("node{n}"), 3, 1, 60_000).await;
                taken.extend(jobs.unwrap().jobs);
            }
            taken
        })
    });
    let mut taken: Vec<Id> = futures_util::future::join_all(nodes)
        .await
        .into_iter()
        .flat_map(|t| t.unwrap())
        .map(|a| a.job.id)
        .collect();
    // Six at once may have stood in each other's way to the last.
    taken.extend(take(&f, "late", 40).await);
    assert_eq!(taken.len(), 37);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 37);
    assert!(!ids[..3].iter().any(|id| taken.contains(id)));
    // Fenced and hidden slots hand out nothing.
    let other = slot(5);
    let mut i = instance(other);
    i.jobs.insert(job(Some(i.process.id), other));
    f.save(&mut i).await;
    for state in [SlotState::Fenced, SlotState::Released, SlotState::Incoming] {
        f.set_state(other, state).await;
        assert_eq!(take(&f, "n", 5).await, []);
        // What falls due there is no reason to wake up.
        assert_eq!(f.store.job_outlook().await.unwrap().ready, Some(i64::MAX / 2));
    }
    f.set_state(other, SlotState::Owned).await;
    assert_eq!(f.store.job_outlook().await.unwrap().ready, Some(1));
    assert_eq!(take(&f, "n", 5).await.len(), 1);
}

pub(super) async fn a_lock_that_ended_is_taken_over(f: Fixture) {
    let nothing = f.store.job_outlook().await.unwrap();
    assert_eq!((nothing.ready, nothing.lock_ends), (None, None));
    let ids = with_jobs(&f, 2, |_, _| {}).await;
    assert_eq!(take(&f, "a", 9).await.len(), 2);
    assert_eq!(take(&f, "b", 9).await, []);
    assert_eq!(f.store.renew_jobs("b", &ids, 60_000).await.unwrap(), []);
    assert_eq!(f.store.free_expired_jobs().await.unwrap(), 0);
    // One ends at once, the other is given back by somebody who doesn't hold it.
    assert_eq!(f.store.renew_jobs("a", &ids[..1], -1).await.unwrap(), ids[..1]);
    assert_eq!(f.store.renew_jobs("a", &ids[..1], -1).await.unwrap(), ids[..1]);
    f.store.release_jobs("b", &ids[1..]).await.unwrap();
    let outlook = f.store.job_outlook().await.unwrap();
    assert!(outlook.lock_ends.unwrap() < outlook.now && outlook.ready.is_none());
    assert_eq!(f.store.free_expired_jobs().await.unwrap(), 1);
    let taken = f.store.acquire_jobs("b", 9, 0, 60_000).await.unwrap();
    let [one] = &taken.jobs[..] else {
        panic!("{taken:?}")
    };
    assert_eq!((one.job.id, one.job.lock_owner.as_deref()), (ids[0], Some("b")));
    f.store.release_jobs("a", &ids).await.unwrap();
    assert_eq!(f.store.renew_jobs("a", &ids, 1).await.unwrap(), []);
    assert_eq!(take(&f, "c", 9).await, [ids[1]]);
}

pub(super) async fn locks_of_an_owner_that_is_gone_are_given_back(f: Fixture) {
    with_jobs(&f, 5, |_, _| {}).await;
    assert_eq!(
        (take(&f, "a", 3).await.len(), take(&f, "b", 9).await.len()),
        (3, 2)
    );
    assert_eq!(f.store.release_owner("a").await.unwrap(), 3);
    assert_eq!(f.store.release_owner("a").await.unwrap(), 0);
    assert_eq!(take(&f, "c", 9).await.len(), 3);
}

pub(super) async fn s3_17_exclusive_jobs_of_an_instance_are_one_nodes(f: Fixture) {
    let ids = with_jobs(&f, 6, |n, job| job.exclusive = n < 5).await;
    let first = take(&f, "a", 3).await;
    // The others of the instance are that node's too; one that isn't exclusive is anybody's.
    assert_eq!(take(&f, "b", 9).await, ids[5..]);
    let more = take(&f, "a", 9).await;
    assert_eq!((first.len(), more.len()), (3, 2));
    f.store.release_jobs("a", &more).await.unwrap();
    assert_eq!(take(&f, "b", 9).await, []);
    f.store.release_jobs("a", &first).await.unwrap();
    assert_eq!(take(&f, "b", 9).await.len(), 5);
    // Timer starts of one database don't wait for each other.
    let at = slot(4);
    let timers: Vec<Job> = (0..2)
        .map(|_| Job {
            exclusive: true,
            ..job(None, at)
        })
        .collect();
    let starts = Unit {
        slots: vec![at],
        start_jobs: timers,
        ..Unit::default()
    };
    assert_eq!(f.write_one(starts).await, Applied::Done);
    assert_eq!(
        (take(&f, "c", 1).await.len(), take(&f, "d", 1).await.len()),
        (1, 1)
    );

    // However many ask at once, all of an instance go to one of them.
    for _ in 0..20 {
        let ids = with_jobs(&f, 8, |_, job| job.exclusive = true).await;
        let nodes = (0..4).map(|n| {
            let store = f.store.clone();
            tokio::spawn(async move { store.acquire_jobs(&format!("node{n}"), 2, 1, 60_000).await })
        });
        let mut owners = HashSet::new();
        for taken in futures_util::future::join_all(nodes).await {
            owners.extend(
                taken
                    .unwrap()
                    .unwrap()
                    .jobs
                    .into_iter()
                    .filter_map(|j| j.job.lock_owner),
            );
        }
        assert!(owners.len() <= 1, "{owners:?}");
        for owner in owners {
            f.store.release_jobs(&owner, &ids).await.unwrap();
        }
        let all = take(&f, "x", 9).await;
        assert_eq!(all.len(), 8);
    }
}

pub(super) async fn s3_16_jobs_come_by_priority_and_some_by_age(f: Fixture) {
    let ids = with_jobs(&f, 6, |n, job| match n {
        0 => job.due = Some(200),
        1 => job.due = Some(100),
        // As old as it is.
        2 => (job.due, job.created) = (None, 150),
        3 => (job.due, job.priority) = (Some(300), 5),
        4 => (job.due, job.priority) = (Some(50), -5),
        _ => (job.due, job.priority) = (Some(i64::MAX / 2), 9),
    })
    .await;
    let mut order = Vec::new();
    for _ in 0..5 {
        order.extend(take(&f, "a", 1).await);
    }
    assert_eq!(order, [3, 1, 2, 0, 4].map(|n: usize| ids[n]));
    f.store.release_jobs("a", &order).await.unwrap();
    // A share for what waits longest keeps low priorities from starving.
    let mut order = Vec::new();
    for by_age in [0, 1, 0, 1, 0] {
        let taken = f.store.acquire_jobs("a", 1, by_age, 60_000).await.unwrap();
        order.extend(taken.jobs.into_iter().map(|j| j.job.id));
    }
    assert_eq!(order, [3, 4, 1, 2, 0].map(|n: usize| ids[n]));
    f.store.release_jobs("a", &order).await.unwrap();
    let taken = f.store.acquire_jobs("a", 2, 1, 60_000).await.unwrap();
    let taken: Vec<Id> = taken.jobs.into_iter().map(|j| j.job.id).collect();
    assert_eq!(taken, [ids[3], ids[4]]);
}

pub(super) async fn s3_31_the_load_tells_who_holds_what(f: Fixture) {
    assert_eq!(f.store.job_load().await.unwrap(), JobLoad::default());
    with_jobs(&f, 7, |n, job| {
        if n == 6 {
            job.due = Some(i64::MAX / 2);
        }
    })
    .await;
    assert_eq!(
        (take(&f, "b", 1).await.len(), take(&f, "a", 3).await.len()),
        (1, 3)
    );
    let load = f.store.job_load().await.unwrap();
    let owners: Vec<_> = load.owners.iter().map(|o| (o.owner.as_str(), o.locked)).collect();
    assert_eq!((owners, load.due_unlocked), (vec![("a", 3), ("b", 1)], 2));
    assert!(load.oldest_due_ms.unwrap() > 1_000_000 && load.owners[0].oldest_ms > 1_000_000);
}

pub(super) async fn nodes_hear_each_other(f: Fixture) {
    let other = open(&f.url, options()).await.unwrap();
    let mut news = if f.postgres {
        other.announcements()
    } else {
        // One process has the file.
        f.store.announcements()
    };
    if f.postgres {
        // What was said before is lost, and that is told.
        assert_eq!(news.recv().await, Some(None));
    }
    f.store.announce("jobs 'now'").await.unwrap();
    assert_eq!(news.recv().await, Some(Some("jobs 'now'".to_owned())));

    // What is changed for all of them is told by the store itself, and only if it was changed.
    f.store.put_setting("s", "1", false).await.unwrap();
    f.store.put_setting("s", "2", true).await.unwrap();
    for _ in 0..2 {
        f.store.apply_reference(7, &[]).await.unwrap();
    }
    f.set_state(slot(AT), SlotState::Fenced).await;
    for word in ["settings", "log", "slots"] {
        assert_eq!(news.recv().await, Some(Some(word.to_owned())));
    }
    other.close().await;
}
