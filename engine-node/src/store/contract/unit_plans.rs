//! What counting, copying and deleting a slot costs beside many other slots: plans on PostgreSQL.
use super::{super::postgres::PostgresBackend, super::sql_store::SqlStore, fixture::*};
use crate::store::{schema::slot_bound, sql::Sql, units::Units};
use bpmn_core::Id;
use sqlx::{Connection, PgConnection};

const INSTANCES: u64 = 20_000;

/// So many running instances with a token, a variable and a job, and as many that have ended with history, over
/// all slots: 140 000 rows.
async fn filled(f: &Fixture) -> PgConnection {
    let mut connection = PgConnection::connect(&f.url).await.unwrap();
    let uuid = |high: &str| format!("lpad(to_hex(n), 8, '0') || '-0000-8000-8000-00000000000{high}'");
    let script = format!(
        "INSERT INTO process_instance (id, slot, root_id, definition_id, revision, suspended, started, start_element, retention, recorded)
           SELECT ({a})::uuid, n % 16384, ({a})::uuid, ({a})::uuid, 1, false, 1, 's', 0, true FROM generate_series(1, {INSTANCES}) n;
         INSERT INTO token (id, slot, root_id, instance_id, element, state, execution_id, started)
           SELECT ({b})::uuid, n % 16384, ({a})::uuid, ({a})::uuid, 'e', 0, ({a})::uuid, 1 FROM generate_series(1, {INSTANCES}) n;
         INSERT INTO variable (id, slot, root_id, instance_id, scope_id, name, type, created, revision, recorded, initial)
           SELECT ({b})::uuid, n % 16384, ({a})::uuid, ({a})::uuid, ({a})::uuid, 'v', 'Null', 1, 1, 0, true FROM generate_series(1, {INSTANCES}) n;
         INSERT INTO job (id, slot, root_id, instance_id, definition_id, element, kind, retries, exclusive, priority, suspended, created, recorded)
           SELECT ({b})::uuid, n % 16384, ({a})::uuid, ({a})::uuid, ({a})::uuid, 'e', 0, 3, true, 0, false, 1, false FROM generate_series(1, {INSTANCES}) n;
         INSERT INTO history_process (id, slot, retention, root_id, definition_id, started, start_element, ended, state)
           SELECT ({c})::uuid, n % 16384, 0, ({c})::uuid, ({a})::uuid, 1, 's', 2, 0 FROM generate_series(1, {INSTANCES}) n;
         INSERT INTO history_activity (id, slot, retention, root_id, instance_id, definition_id, element, started, ended, canceled, complete_scope)
           SELECT ({d})::uuid, n % 16384, 0, ({c})::uuid, ({c})::uuid, ({a})::uuid, 'e', 1, 2, false, false FROM generate_series(1, {INSTANCES}) n;
         INSERT INTO history_detail (id, slot, retention, root_id, variable_id, scope_id, name, type, updated, revision, initial)
           SELECT ({d})::uuid, n % 16384, 0, ({c})::uuid, ({d})::uuid, ({c})::uuid, 'v', 'Null', 1, 0, true FROM generate_series(1, {INSTANCES}) n;
         ANALYZE;",
        a = uuid("a"),
        b = uuid("b"),
        c = uuid("c"),
        d = uuid("d"),
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(script))
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

async fn plan(store: &SqlStore<PostgresBackend>, sql: Sql) -> String {
    use crate::store::backend::Backend;
    let sql = Sql {
        text: format!("EXPLAIN {}", sql.text),
        ..sql
    };
    let lines = store.backend.read(sql).await.unwrap();
    let text = lines.into_iter().map(|row| match row.into_iter().next() {
        Some(crate::store::cell::Cell::Text(line)) => line,
        other => panic!("{other:?}"),
    });
    text.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_copied_counted_and_deleted_by_indexes() {
    let f = postgres().await;
    let _connection = filled(&f).await;
    let store = SqlStore::new(PostgresBackend::open(&f.url, &options()).await.unwrap());
    let small = [
        "process_instance",
        "token",
        "variable",
        "job",
        "history_process",
        "history_activity",
        "history_detail",
    ];
    let by_index = |plan: &str| {
        for table in small {
            let scan = format!("Seq Scan on {table}");
            assert!(!plan.contains(&scan), "{plan}");
        }
    };
    let moving = slot(77);
    by_index(&plan(&store, store.roots_sql(&[moving], None, None, Some(200))).await);
    let counts = f.store.count_slot(moving).await.unwrap();
    let of = |name: &str| counts.iter().find(|(table, _)| table == name).unwrap().1;
    assert_eq!(small.map(of), [2; 7]);

    let mut roots: Vec<Id> = Vec::new();
    for n in [77u32, 77 + 16_384] {
        for last in ["a", "c"] {
            roots.push(
                format!("{n:08x}-0000-8000-8000-00000000000{last}")
                    .parse()
                    .unwrap(),
            );
        }
    }
    let units = Units {
        slots: vec![moving],
        instances: roots
            .iter()
            .copied()
            .filter(|id| id.to_string().ends_with('a'))
            .collect(),
        roots,
    };
    by_index(&plan(&store, store.counting(&units)).await);
    for table in slot_bound().filter(|t| small.contains(&t.name)) {
        by_index(&plan(&store, store.page(table, moving, Some(&units), None, 500)).await);
        by_index(&plan(&store, store.purging(table, &units)).await);
    }
    // The copy has what the count says, and nothing is left of it afterwards.
    let (lines, cursor) = f.store.export_slot(moving, None).await.unwrap();
    assert_eq!((lines.len(), cursor), (14, None));
    f.set_state(moving, crate::store::SlotState::Released).await;
    f.store.purge_slot(moving).await.unwrap();
    assert!(
        f.store
            .count_slot(moving)
            .await
            .unwrap()
            .iter()
            .all(|(_, rows)| *rows == 0)
    );
}
