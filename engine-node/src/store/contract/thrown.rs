//! The outbox: written with its cause, shown while the slot is owned, gone when everybody has heard.
use super::fixture::*;
use crate::store::*;

fn thrown(slot: Slot, sequence: i64, created: i64) -> OutboxRow {
    OutboxRow {
        slot,
        sequence,
        root_id: None,
        created,
        body: format!("{{\"n\":{sequence}}}"),
    }
}

pub(super) async fn what_a_unit_throws_stays_until_it_is_told(f: Fixture) {
    let (first, theirs) = (slot(3), slot(4));
    f.set_state(theirs, SlotState::Fenced).await;
    let refused = Unit {
        outbox: vec![thrown(first, 1, 10)],
        ..unit(&instance(theirs))
    };
    let written = Unit {
        outbox: vec![thrown(first, 2, 20), thrown(first, 3, 30)],
        ..unit(&instance(first))
    };
    let applied = f.store.write(&[refused, written]).await.unwrap();
    assert_eq!(applied, [Applied::NotOwner(theirs), Applied::Done]);

    let old = f.store.outbox(30, 10).await.unwrap();
    assert_eq!(old, [thrown(first, 2, 20)]);
    f.store.outbox_told(&[(first, 2)]).await.unwrap();
    f.store.outbox_told(&[(first, 2)]).await.unwrap();
    let rest = f.store.outbox(31, 10).await.unwrap();
    assert_eq!(rest, [thrown(first, 3, 30)]);
}
