//! Counts that triggers keep.
use super::fixture::*;
use crate::{
    query::counters::{Counted, count},
    store::*,
};

async fn counted(f: &Fixture, kinds: &[Counted], definitions: Option<&[Id]>) -> i64 {
    let snapshot = f.store.select(&count(kinds, definitions)).await.unwrap();
    snapshot.rows[0].i64(0).unwrap()
}

pub(super) async fn counters_are_the_numbers_of_visible_rows(f: Fixture) {
    let mut first = full_instance(slot(3));
    f.save(&mut first).await;
    let mut second = full_instance(slot(4));
    second.process.recorded = false;
    f.save(&mut second).await;
    // A later step of a stored instance counts nothing.
    first.process.business_key = Some("other".into());
    f.save(&mut first).await;
    let running = [Counted::Recorded, Counted::Unrecorded];
    assert_eq!(counted(&f, &running, None).await, 2);
    assert_eq!(counted(&f, &[Counted::Recorded], None).await, 1);
    assert_eq!(counted(&f, &[Counted::Tasks], None).await, 2);
    let of_first = [first.process.definition_id];
    assert_eq!(counted(&f, &running, Some(&of_first)).await, 1);

    f.store.fold_counters().await.unwrap();
    assert_eq!(counted(&f, &running, None).await, 2);

    end(&mut first);
    f.save(&mut first).await;
    assert_eq!(counted(&f, &running, None).await, 1);
    assert_eq!(counted(&f, &[Counted::Tasks], None).await, 1);
    assert_eq!(counted(&f, &[Counted::Ended], Some(&of_first)).await, 1);
    f.store.fold_counters().await.unwrap();

    // What is copied in, or left over, isn't seen.
    f.set_state(slot(4), SlotState::Released).await;
    assert_eq!(counted(&f, &running, None).await, 0);
    f.store.purge_slot(slot(4)).await.unwrap();
    assert_eq!(counted(&f, &running, None).await, 0);
    assert_eq!(counted(&f, &[Counted::Ended], None).await, 1);
}
