//! Batches: done once, whoever does it, and moving with their slots.
use super::fixture::*;
use crate::store::*;

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
    };
    NewBatch {
        id: id(slot(3), 99),
        slot: slot(3),
        kind: "test".into(),
        started: 1_000,
        recorded: true,
        create_user: None,
        digest: None,
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

async fn lock(f: &Fixture, which: Which) -> Vec<BatchWork> {
    f.store.lock_batch_work(NODE, which, 10, 60_000).await.unwrap()
}

pub(super) async fn what_a_batch_has_to_do_is_locked_by_one_and_done_once(f: Fixture) {
    let batch = batch();
    assert!(!f.store.batches_wait(0).await.unwrap());
    assert_eq!(f.store.begin_batch(&batch).await.unwrap(), Begun::Done);
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

    let failed = work.pop().unwrap();
    for left in [2, 1, 0] {
        let outcomes = Outcomes {
            done: std::mem::take(&mut work),
            failed: vec![(failed.clone(), "no".into())],
            later: Vec::new(),
        };
        f.store.end_batch_work(&outcomes).await.unwrap();
        f.store.settle_batches(0).await.unwrap();
        assert_eq!(lock(&f, Which::Ready).await.len(), usize::from(left > 0));
    }
    assert_eq!(state(&f, batch.id).await, (1, 1, 1));
    assert!(f.store.retry_batch_work(failed.id, 1).await.unwrap());
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

pub(super) async fn a_batch_moves_with_its_slots_and_waits_while_they_move(f: Fixture) {
    let batch = batch();
    f.set_state(slot(4), SlotState::Fenced).await;
    let refused = f.store.begin_batch(&batch).await.unwrap();
    assert_eq!(refused, Begun::NotOwner(slot(4)));
    f.set_state(slot(4), SlotState::Owned).await;
    f.store.begin_batch(&batch).await.unwrap();

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
