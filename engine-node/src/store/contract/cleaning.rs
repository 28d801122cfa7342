//! Clean-up, partitions and the sink's queue.
use super::fixture::*;
use crate::store::{
    housekeeping::{CleanupJob, Expired},
    schema::slot_bound,
    *,
};
use bpmn_core::{
    instance::{HistoricDecision, HistoricDecisionInput, HistoricDecisionOutput, HistoryRow},
    value::TypedValue,
};
use migrations::Db;

const DAY: i64 = 86_400_000;
/// The 1st of June 2026: everything that ended before is long over.
const JUNE: i64 = 1_780_272_000_000;

async fn script(url: &str, text: String) {
    let mut db = Db::connect(url).await.unwrap();
    let text = sqlx::AssertSqlSafe(text);
    match &mut db {
        Db::Postgres(c) => sqlx::raw_sql(text).execute(c).await.map(drop).unwrap(),
        Db::Sqlite(c) => sqlx::raw_sql(text).execute(c).await.map(drop).unwrap(),
    }
    db.close().await.unwrap();
}

fn literal(f: &Fixture, id: Id) -> String {
    match f.postgres {
        true => format!("'{}'", id.0),
        false => format!("x'{}'", id.0.simple()),
    }
}

/// A tree that has ended: its head, an activity, a value. Started and ended at those times.
async fn tree(f: &Fixture, of: Id, at: Slot, class: i16, started: i64, ended: i64) -> Id {
    let root = Id::from_parts(started as u64, 0, at, rand::random());
    let (root_, of_) = (literal(f, root), literal(f, of));
    let slot = at.number();
    let text = format!(
        "INSERT INTO history_process (id, slot, retention, root_id, definition_id, started, start_element, ended, state)
           VALUES ({root_}, {slot}, {class}, {root_}, {of_}, {started}, 's', {ended}, 0);
         INSERT INTO history_activity (id, slot, retention, root_id, instance_id, definition_id, element, started, ended, canceled, complete_scope)
           VALUES ({root_}, {slot}, {class}, {root_}, {root_}, {of_}, 'e', 1, 2, false, false);
         INSERT INTO large_value (id, slot, retention, root_id, text) VALUES ({root_}, {slot}, {class}, {root_}, 'long');"
    );
    script(&f.url, text).await;
    root
}

async fn rows(f: &Fixture, at: Slot) -> u64 {
    f.store
        .count_slot(at)
        .await
        .unwrap()
        .iter()
        .map(|(_, rows)| rows)
        .sum()
}

pub(super) async fn s3_07_expired_trees_go_whole_and_others_stay(f: Fixture) {
    let (a, b) = (slot(11), slot(12));
    let (of, other) = (id(a), id(a));
    for n in 0..5 {
        tree(&f, of, a, 1, JUNE - 20 * DAY, JUNE - 10 * DAY + n).await;
    }
    tree(&f, of, a, 1, JUNE - 20 * DAY, JUNE + DAY).await;
    tree(&f, other, a, 2, JUNE - 20 * DAY, JUNE - 10 * DAY).await;
    tree(&f, of, b, 1, JUNE - 20 * DAY, JUNE - 10 * DAY).await;
    let running = instance(a);
    assert_eq!(f.write_one(unit(&running)).await, Applied::Done);
    // A slot that is being moved is left alone.
    f.set_state(b, SlotState::Fenced).await;

    let expired = Expired::Definition {
        id: of,
        from: i64::MIN,
        before: JUNE,
    };
    let portion = f.store.clean(expired, 3).await.unwrap();
    assert_eq!((portion.trees, portion.more), (3, true));
    let rest = f.store.clean(expired, 3).await.unwrap();
    assert_eq!((rest.trees, rest.more), (2, false));
    assert_eq!(f.store.clean(expired, 3).await.unwrap().trees, 0);
    // Two trees of three rows, and the running instance with its token.
    assert_eq!((rows(&f, a).await, rows(&f, b).await), (2 * 3 + 2, 3));
    f.set_state(b, SlotState::Owned).await;
    assert_eq!(f.store.clean(expired, 3).await.unwrap().trees, 1);
    assert_eq!(rows(&f, b).await, 0);

    // A removal time set by hand wins over the definition's.
    script(
        &f.url,
        format!("UPDATE history_process SET removal = {}", JUNE + 2 * DAY),
    )
    .await;
    let later = Expired::Definition {
        id: of,
        from: i64::MIN,
        before: JUNE + 5 * DAY,
    };
    assert_eq!(f.store.clean(later, 10).await.unwrap().trees, 0);
    let by_hand = |before| Expired::Removal {
        before,
        ended: i64::MAX,
    };
    assert_eq!(f.store.clean(by_hand(JUNE + DAY), 10).await.unwrap().trees, 0);
    assert_eq!(f.store.clean(by_hand(JUNE + 3 * DAY), 10).await.unwrap().trees, 2);
    assert_eq!(rows(&f, a).await, 2);
}

/// Writes an evaluation with an input, an output and a decision that it required: four rows.
async fn evaluate(f: &Fixture, of: Id, at: Slot, evaluated: i64) {
    let root = id(at);
    let decision = |id, decision_id, parent_id| {
        HistoryRow::Decision(HistoricDecision {
            id,
            decision_id,
            definition_id: None,
            instance_id: None,
            activity_id: None,
            element: None,
            user_id: Some("demo".into()),
            evaluated,
            collected: None,
            parent_id,
            tenant_id: None,
        })
    };
    let input = HistoryRow::DecisionInput(HistoricDecisionInput {
        id: id(at),
        evaluation_id: root,
        clause_id: "in".into(),
        clause_name: None,
        value: TypedValue::Integer(5),
        created: evaluated,
    });
    let output = HistoryRow::DecisionOutput(HistoricDecisionOutput {
        id: id(at),
        evaluation_id: root,
        clause_id: Some("out".into()),
        clause_name: None,
        rule: Some(("rule".into(), 1)),
        name: Some("dish".into()),
        value: TypedValue::String("soup".into()),
        created: Some(evaluated),
    });
    let rows = vec![
        decision(root, of, None),
        input,
        output,
        decision(id(at), of, Some(root)),
    ];
    let unit = Unit {
        slots: vec![at],
        alone: Some((root, rows)),
        ..Unit::default()
    };
    assert_eq!(f.write_one(unit).await, Applied::Done);
}

pub(super) async fn evaluations_that_no_process_asked_for_go_with_their_decisions_time_to_live(f: Fixture) {
    let at = slot(13);
    let (of, other) = (id(at), id(at));
    evaluate(&f, of, at, JUNE - 10 * DAY).await;
    evaluate(&f, of, at, JUNE + DAY).await;
    evaluate(&f, other, at, JUNE - 10 * DAY).await;
    assert_eq!(rows(&f, at).await, 12);
    let expired = Expired::Decision {
        id: of,
        from: i64::MIN,
        before: JUNE,
    };
    let cleaned = f.store.clean(expired, 10).await.unwrap();
    assert_eq!((cleaned.trees, cleaned.more), (1, false));
    assert_eq!(rows(&f, at).await, 8);
    assert_eq!(f.store.clean(expired, 10).await.unwrap().trees, 0);
}

pub(super) async fn the_cleanup_job_is_kept_and_run_by_one_node(f: Fixture) {
    assert_eq!(f.store.cleanup_job().await.unwrap(), CleanupJob::default());
    let job = CleanupJob {
        created: Some(5),
        due: Some(7),
        suspended: false,
    };
    f.store.set_cleanup_job(job).await.unwrap();
    assert_eq!(f.store.cleanup_job().await.unwrap(), job);
    let later = CleanupJob {
        created: Some(9),
        due: None,
        suspended: true,
    };
    f.store.set_cleanup_job(later).await.unwrap();
    let expected = CleanupJob {
        created: Some(5),
        ..later
    };
    assert_eq!(f.store.cleanup_job().await.unwrap(), expected);

    let held = f.store.lease("cleanup", None, 60_000).await.unwrap().unwrap();
    assert_eq!(f.store.lease("cleanup", None, 60_000).await.unwrap(), None);
    let held = f
        .store
        .lease("cleanup", Some(held), 60_000)
        .await
        .unwrap()
        .unwrap();
    f.store.end_lease("cleanup", held).await.unwrap();
    assert!(f.store.lease("cleanup", None, 60_000).await.unwrap().is_some());
}

pub(super) async fn s2_37_every_history_row_reaches_the_queue_until_it_is_sent(f: Fixture) {
    let at = slot(11);
    tree(&f, id(at), at, 0, JUNE, JUNE).await;
    f.store.watch_history(true).await.unwrap();
    f.store.watch_history(true).await.unwrap();
    assert_eq!(f.store.history_events(10).await.unwrap().events.len(), 0);
    let noted = tree(&f, id(at), at, 0, JUNE, JUNE).await;
    let mut ended = full_instance(at);
    f.save(&mut ended).await;
    let mut ended = f.load_one(ended.process.id).await.unwrap();
    end(&mut ended);
    f.save(&mut ended).await;

    let first = f.store.history_events(1_000).await.unwrap();
    let of = |root: Id| first.events.iter().filter(|e| e.root_id == root).count() as u64;
    let history: Vec<&str> = slot_bound()
        .filter(|t| t.class == schema::Class::History)
        .map(|t| t.name)
        .collect();
    let all = f.store.count_slot(at).await.unwrap();
    let stored: u64 = all
        .iter()
        .filter(|(t, _)| history.contains(&t.as_str()))
        .map(|(_, rows)| rows)
        .sum();
    // All but the first tree's.
    assert_eq!((of(noted), first.events.len() as u64), (3, stored - 3));
    let head = first
        .events
        .iter()
        .find(|e| e.table == "history_process" && e.id == noted)
        .unwrap();
    assert_eq!(head.row["ended"], JUNE);
    let backlog = f.store.history_backlog().await.unwrap();
    assert!(backlog.batches > 0 && backlog.oldest.is_some());
    // Not acknowledged: given again.
    assert_eq!(f.store.history_events(1_000).await.unwrap(), first);
    f.store.history_sent(&first.batches).await.unwrap();
    assert_eq!(f.store.history_backlog().await.unwrap().batches, 0);
    f.store.watch_history(false).await.unwrap();
    tree(&f, id(at), at, 0, JUNE, JUNE).await;
    assert_eq!(f.store.history_backlog().await.unwrap().batches, 0);
}

pub(super) async fn s3_39_storage_is_told_by_groups(f: Fixture) {
    let mut i = full_instance(slot(11));
    f.save(&mut i).await;
    tree(&f, id(slot(11)), slot(11), 0, JUNE, JUNE).await;
    if f.postgres {
        script(&f.url, "ANALYZE".into()).await;
    }
    let groups = f.store.storage().await.unwrap();
    let of = |name: &str| groups.iter().find(|g| g.group == name).unwrap();
    assert_eq!((of("history").rows, of("bytes").rows), (3, 1), "{groups:?}");
    assert!(of("runtime").rows > 3, "{groups:?}");
    assert_eq!(of("history").bytes.is_some(), f.postgres);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_07_a_partition_takes_its_period_and_goes_when_all_in_it_has_expired() {
    let f = postgres().await;
    let at = slot(11);
    let of = id(at);
    let definition = format!(
        "INSERT INTO definition (id, rest_id, key, version, history_ttl_days, startable_in_tasklist, suspended, resource_name, deployment_id, home)
         VALUES ('{0}', 'd', 'd', 1, 5, true, false, 'r', '{0}', 0)",
        of.0
    );
    script(&f.url, definition).await;
    // The 1st of June 2026 is a Monday: the week before lies in the default partition, and the next one gets its own.
    tree(&f, of, at, 1, JUNE - DAY, JUNE).await;
    let now = JUNE - DAY;
    assert_eq!(f.store.make_partitions(&[1], now).await.unwrap(), 15);
    assert_eq!(f.store.make_partitions(&[1], now).await.unwrap(), 0);
    for n in 0..3 {
        tree(&f, of, at, 1, JUNE + n * DAY, JUNE + 3 * DAY).await;
    }
    let in_partition = "SELECT count(*) FROM history_process_c1_20260601";
    let count = async |sql: &'static str| {
        let Db::Postgres(mut c) = Db::connect(&f.url).await.unwrap() else {
            panic!()
        };
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut c).await.unwrap()
    };
    assert_eq!(count(in_partition).await, 3);
    let checks = "SELECT count(*) FROM pg_constraint WHERE conname LIKE '%not_default'";
    assert_eq!(count(checks).await, 0);
    // Not before the period is over, all have expired, nothing of it runs, and no slot is moving.
    let over = JUNE + 20 * DAY;
    assert_eq!(
        f.store.drop_partitions(JUNE + 6 * DAY, i64::MAX).await.unwrap(),
        0
    );
    assert_eq!(
        f.store
            .drop_partitions(JUNE + 7 * DAY + DAY / 2, i64::MAX)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        f.store.drop_partitions(over, JUNE + DAY).await.unwrap(),
        0,
        "the sink has not got it"
    );
    let mut running = instance(at);
    running.process.id = Id::from_parts((JUNE + DAY) as u64, 0, at, 1);
    running.process.root_id = running.process.id;
    running.process.retention = 1;
    f.save(&mut running).await;
    assert_eq!(
        f.store.drop_partitions(over, i64::MAX).await.unwrap(),
        0,
        "one of its trees runs"
    );
    script(&f.url, "DELETE FROM process_instance; DELETE FROM token".into()).await;
    f.set_state(slot(12), SlotState::Incoming).await;
    assert_eq!(
        f.store.drop_partitions(over, i64::MAX).await.unwrap(),
        0,
        "a slot is being copied"
    );
    f.set_state(slot(12), SlotState::Owned).await;
    assert_eq!(f.store.drop_partitions(over, i64::MAX).await.unwrap(), 3);
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE '%c1_20260601%'";
    assert_eq!(count(left).await, 0);
    // The tree in the default partition is for the clean-up by portions.
    let expired = Expired::Definition {
        id: of,
        from: i64::MIN,
        before: over,
    };
    assert_eq!(f.store.clean(expired, 10).await.unwrap().trees, 1);
    assert_eq!(rows(&f, at).await, 0);
}
