//! Batches: done once, whoever does it, and moving with their slots.
use super::fixture::*;
use crate::{app::CatalogView, query::Where, store::*};
use rest_api::{
    batch::JobDefinition,
    filters::{Filters, Paging},
};
use std::collections::BTreeMap;

const NODE: &str = "a";

fn id(slot: Slot, n: u64) -> Id {
    Id::from_parts(1_000, 0, slot, n)
}

/// A batch with its row in one slot and something to do in two.
fn batch() -> NewBatch {
    let work = |at: u16, n: u64| NewWork {
        id: id(slot(at), n),
        slot: slot(at),
        request: format!("{{\"n\":{n}}}"),
        deployment_id: Some(id(slot(0), n)).filter(|_| n == 1),
    };
    NewBatch {
        id: id(slot(3), 99),
        slot: slot(3),
        kind: "test".into(),
        started: 1_000,
        recorded: true,
        create_user: None,
        tenant_id: None,
        digest: None,
        jobs: None,
        work: vec![work(3, 1), work(4, 2)],
    }
}

async fn parts(f: &Fixture, id: Id) -> Vec<rest_api::batch::Part> {
    let query = crate::query::batch::parts(Some(id));
    let found = f.store.select(&query).await.unwrap();
    let read = |row: &dyn Row| crate::query::batch::part(row).unwrap();
    found.rows.iter().map(|row| read(&**row)).collect()
}

/// Rows of the batch that run, and what remains with what has failed.
async fn state(f: &Fixture, id: Id) -> (usize, i64, i64) {
    let parts = parts(f, id).await;
    (
        parts.iter().filter(|p| p.running).count(),
        parts.iter().map(|p| p.remaining).sum(),
        parts.iter().map(|p| p.failed).sum(),
    )
}

/// Begins the batch with all that is to be done as jobs.
async fn begin(f: &Fixture, batch: &NewBatch) {
    assert_eq!(f.store.begin_batch(batch).await.unwrap(), Begun::Done);
    let next = f.store.remains_of_batch(batch.id).await.unwrap().next;
    for deployment in [next, None] {
        let seeded = f
            .store
            .seed_batch(batch.id, deployment, 10, JobSetting::default())
            .await;
        assert_eq!(seeded.unwrap(), 1);
    }
}

async fn lock(f: &Fixture, which: Which) -> Vec<BatchWork> {
    f.store.lock_batch_work(NODE, which, 10, 60_000).await.unwrap()
}

pub(super) async fn what_a_batch_has_to_do_is_locked_by_one_and_done_once(f: Fixture) {
    let batch = batch();
    assert!(!f.store.batches_wait(0).await.unwrap());
    begin(&f, &batch).await;
    assert_eq!(f.store.begin_batch(&batch).await.unwrap(), Begun::Known);
    assert!(f.store.batches_wait(0).await.unwrap());
    assert_eq!(state(&f, batch.id).await, (1, 2, 0));

    let mut work = lock(&f, Which::Ready).await;
    work.sort_by_key(|w| w.id);
    assert_eq!(work.len(), 2);
    assert_eq!(work[0].request, "{\"n\":1}");
    assert_eq!(lock(&f, Which::Ready).await, []);
    f.store.release_batch_work("b").await.unwrap();
    assert_eq!(lock(&f, Which::Ready).await, []);
    f.store.release_owner(NODE).await.unwrap();
    assert_eq!(lock(&f, Which::Ready).await.len(), 2);

    let mut failed = work.pop().unwrap();
    for left in [2, 1, 0] {
        let outcomes = Outcomes {
            done: std::mem::take(&mut work),
            failed: vec![(failed.clone(), "no".into())],
            ..Outcomes::default()
        };
        f.store.end_batch_work(&outcomes).await.unwrap();
        f.store.settle_batches(0).await.unwrap();
        let again = lock(&f, Which::Ready).await;
        assert_eq!(again.len(), usize::from(left > 0));
        if let Some(again) = again.into_iter().next() {
            failed = again;
        }
    }
    assert_eq!(state(&f, batch.id).await, (1, 1, 1));
    assert_eq!(incidents(&f).await, 1);
    let retries = BatchJobChange::Retries {
        retries: 1,
        due: None,
        failed: false,
    };
    let changed = f
        .store
        .change_jobs_of_batches(WhichJobs::One(failed.id), retries)
        .await;
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(incidents(&f).await, 0);
    let again = lock(&f, Which::One(failed.id)).await;
    let outcomes = Outcomes {
        done: again,
        ..Outcomes::default()
    };
    f.store.end_batch_work(&outcomes).await.unwrap();
    f.store.settle_batches(0).await.unwrap();
    assert_eq!(state(&f, batch.id).await, (0, 0, 0));
    assert!(parts(&f, batch.id).await[0].ended.is_some());
    assert!(!f.store.batches_wait(0).await.unwrap());

    let removal = BatchChange::Removal(Some(5));
    assert!(f.store.change_batch(batch.id, removal).await.unwrap());
    f.store.settle_batches(5).await.unwrap();
    assert_eq!(parts(&f, batch.id).await.len(), 1);
    f.store.settle_batches(6).await.unwrap();
    assert_eq!(parts(&f, batch.id).await, []);
}

async fn incidents(f: &Fixture) -> usize {
    let view = CatalogView::new(BTreeMap::new(), Vec::new(), Default::default(), 0);
    let filters = Filters::from_query(&[]);
    let listing = crate::query::incident::listing(Where::new(&filters, &view)).unwrap();
    let page = listing.page(Paging::default());
    f.store.select(&page).await.unwrap().rows.len()
}

pub(super) async fn a_batchs_own_jobs_are_with_the_part_that_leads_it(f: Fixture) {
    let batch = batch();
    assert_eq!(f.store.begin_batch(&batch).await.unwrap(), Begun::Done);
    assert_eq!(f.store.batch_jobs(batch.id).await.unwrap(), None);
    assert_eq!(lock(&f, Which::Ready).await, []);
    assert!(f.store.lead_batch(batch.id, None).await.unwrap());
    assert!(!f.store.lead_batch(batch.id, None).await.unwrap());
    let held = |jobs: &mut BatchJobs| jobs.of_mut(JobDefinition::Work).suspended = true;
    assert!(f.store.set_batch_jobs(batch.id, &held).await.unwrap());
    let jobs = f.store.batch_jobs(batch.id).await.unwrap().unwrap();
    assert!(jobs.work.suspended && !jobs.seed.suspended);

    let seed = lock(&f, Which::Ready).await;
    assert_eq!((seed.len(), seed[0].kind), (1, JobDefinition::Seed));
    let remains = f.store.remains_of_batch(batch.id).await.unwrap();
    assert_eq!((remains.all, remains.waiting), (2, 2));
    for deployment in [remains.next, None] {
        let seeded = f.store.seed_batch(batch.id, deployment, 10, jobs.work).await;
        assert_eq!(seeded.unwrap(), 1);
    }
    let monitor = NewJob {
        id: id(slot(3), 50),
        batch_id: batch.id,
        kind: JobDefinition::Monitor,
        deployment_id: None,
        created: 2_000,
        due: Some(i64::MAX),
        setting: jobs.monitor,
    };
    let outcomes = Outcomes {
        done: seed,
        next: vec![monitor],
        ..Outcomes::default()
    };
    f.store.end_batch_work(&outcomes).await.unwrap();
    // What is suspended isn't worked on, and the batch doesn't end before it is done.
    assert_eq!(lock(&f, Which::Ready).await, []);
    let whole = WhichJobs::Of(batch.id, Some(JobDefinition::Work));
    let activated = f
        .store
        .change_jobs_of_batches(whole, BatchJobChange::Suspended(false))
        .await;
    assert_eq!(activated.unwrap(), 2);
    let work = lock(&f, Which::Ready).await;
    assert_eq!(work.len(), 2);
    let outcomes = Outcomes {
        done: work,
        ..Outcomes::default()
    };
    f.store.end_batch_work(&outcomes).await.unwrap();
    // Whenever it is due: nothing is left.
    let monitor = lock(&f, Which::Ready).await;
    assert_eq!((monitor.len(), monitor[0].kind), (1, JobDefinition::Monitor));
    assert!(f.store.change_batch(batch.id, BatchChange::Stop).await.unwrap());
    assert_eq!(lock(&f, Which::One(monitor[0].id)).await, []);
}

pub(super) async fn a_batch_moves_with_its_slots_and_waits_while_they_move(f: Fixture) {
    let batch = batch();
    f.set_state(slot(4), SlotState::Fenced).await;
    let refused = f.store.begin_batch(&batch).await.unwrap();
    assert_eq!(refused, Begun::NotOwner(slot(4)));
    f.set_state(slot(4), SlotState::Owned).await;
    begin(&f, &batch).await;

    f.set_state(slot(4), SlotState::Fenced).await;
    assert_eq!(lock(&f, Which::Ready).await.len(), 1);
    assert!(!f.store.change_batch(batch.id, BatchChange::Stop).await.unwrap());
    assert_eq!(state(&f, batch.id).await, (1, 2, 0));

    let target = f.another().await;
    target.set_state(slot(4), SlotState::Incoming).await;
    let (lines, _) = f.store.export_slot(slot(4), None).await.unwrap();
    target.store.import_slot(slot(4), &lines).await.unwrap();
    assert_eq!(lock(&target, Which::Ready).await, []);
    target.set_state(slot(4), SlotState::Owned).await;
    let moved = lock(&target, Which::Ready).await;
    assert_eq!(moved.len(), 1);
    let outcomes = Outcomes {
        done: moved,
        ..Outcomes::default()
    };
    target.store.end_batch_work(&outcomes).await.unwrap();
    assert_eq!(state(&target, batch.id).await, (0, 0, 0));

    f.set_state(slot(4), SlotState::Released).await;
    f.store.purge_slot(slot(4)).await.unwrap();
    assert_eq!(state(&f, batch.id).await, (1, 1, 0));
    assert!(f.store.change_batch(batch.id, BatchChange::Stop).await.unwrap());
    assert!(f.store.change_batch(batch.id, BatchChange::Forget).await.unwrap());
    f.store.settle_batches(0).await.unwrap();
    assert_eq!(parts(&f, batch.id).await, []);
}
