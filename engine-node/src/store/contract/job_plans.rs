//! What handing out jobs costs beside a large backlog: plans and rows read, on PostgreSQL.
use super::{super::postgres::PostgresBackend, super::sql_store::SqlStore, fixture::*};
use crate::store::sql::Sql;
use sqlx::{Connection, PgConnection};

/// Due and later jobs; `./test long size` takes those of S2-25.
fn backlog() -> (u64, u64) {
    match std::env::var_os("STELLWERK_TEST_INSTANCES") {
        Some(_) => (100_000, 1_000_000),
        None => (20_000, 60_000),
    }
}

/// A database with so many jobs, half of them exclusive, of three priorities.
async fn with_backlog(f: &Fixture) -> PgConnection {
    let mut connection = PgConnection::connect(&f.url).await.unwrap();
    let (due, future) = backlog();
    // Ids carry their slot in the lower bits; which slot doesn't matter here.
    sqlx::query(
        "INSERT INTO job (id, slot, root_id, instance_id, definition_id, element, kind, due, retries, exclusive,
           priority, suspended, created, recorded)
         SELECT gen_random_uuid(), n % 16384, x.i, x.i, x.i, 'timer', 0,
           CASE WHEN n <= $1 THEN n ELSE (extract(epoch FROM now()) * 1000)::bigint + 86400000 + n END, 3,
           n % 2 = 0, CASE n % 10 WHEN 0 THEN 50 WHEN 1 THEN -7 ELSE 0 END, false, 1, false
         FROM generate_series(1, $2) n, LATERAL (SELECT gen_random_uuid() AS i WHERE n > 0) x",
    )
    .bind(due as i64)
    .bind((due + future) as i64)
    .execute(&mut connection)
    .await
    .unwrap();
    connection
}

/// Runs a statement under EXPLAIN ANALYZE: its plan, and how many rows of `job` its scans gave or threw away.
async fn explain(store: &SqlStore<PostgresBackend>, sql: Sql) -> (String, u64) {
    use crate::store::backend::Backend;
    let sql = Sql {
        text: format!("EXPLAIN (ANALYZE, TIMING off, SUMMARY off) {}", sql.text),
        ..sql
    };
    let mut transaction = store.backend.begin_in_order().await.unwrap();
    let lines = transaction.run(sql).await.unwrap();
    transaction.commit().await.unwrap();
    let lines: Vec<String> = lines
        .into_iter()
        .map(|row| match &row[..] {
            [crate::store::cell::Cell::Text(line)] => line.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let number = |line: &str, word: &str| -> u64 {
        let rest = line.split(word).nth(1).unwrap_or("0");
        let digits: String = rest.chars().take_while(|c| c.is_ascii_digit()).collect();
        digits.parse().unwrap_or(0)
    };
    let (mut rows, mut of_job) = (0, false);
    for line in &lines {
        if line.contains("Scan") {
            of_job = line.contains(" on job ") || line.contains("job_");
        }
        if line.contains("(actual") && line.contains("Scan") && of_job {
            let actual = line.split("(actual").nth(1).unwrap_or_default();
            rows += number(actual, "rows=") * number(actual, "loops=").max(1);
        } else if of_job && line.contains("Rows Removed by") {
            rows += number(line, ": ");
        }
    }
    (lines.join("\n"), rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_25_acquisition_reads_a_batch_whatever_waits_behind_it() {
    let f = postgres().await;
    let mut connection = with_backlog(&f).await;
    let store = SqlStore::new(PostgresBackend::open(&f.url, &options()).await.unwrap());
    // Without statistics, and with them.
    for analyzed in [false, true] {
        if analyzed {
            sqlx::raw_sql("ANALYZE job, slot, process_instance")
                .execute(&mut connection)
                .await
                .unwrap();
        }
        let (plan, rows) = explain(&store, store.candidates("a", 256, 64)).await;
        assert!(!plan.contains("Seq Scan") && !plan.contains("Sort"), "{plan}");
        assert!(
            plan.contains("job_ready ") && plan.contains("job_ready_age"),
            "{plan}"
        );
        assert!(rows <= 2 * (256 + 64) + 100, "{rows} rows:\n{plan}");

        let wanted: Vec<bpmn_core::Id> = store
            .lock_jobs("b", 256, 0, 60_000)
            .await
            .unwrap()
            .jobs
            .into_iter()
            .map(|j| j.job.id)
            .collect();
        assert_eq!(wanted.len(), 256);
        store.unlock_owner("b").await.unwrap();
        let (plan, rows) = explain(&store, store.locking("a", &wanted, 60_000)).await;
        assert!(!plan.contains("Seq Scan on job"), "{plan}");
        assert!(
            plan.contains("job_pkey") && rows <= 3 * 256,
            "{rows} rows:\n{plan}"
        );
        store.unlock_owner("a").await.unwrap();

        let (plan, rows) = explain(&store, store.outlook_sql()).await;
        assert!(!plan.contains("Seq Scan") && rows <= 4, "{rows} rows:\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_35_a_timer_is_cancelled_by_its_key_among_many() {
    let f = postgres().await;
    let mut connection = with_backlog(&f).await;
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN (ANALYZE, TIMING off, SUMMARY off) DELETE FROM job d USING unnest((SELECT array_agg(id) FROM
           (SELECT id FROM job WHERE due > 86400000 ORDER BY due LIMIT 3) f)) x(id) WHERE d.id = x.id",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("Index Scan using job_pkey on job d"), "{plan}");
    assert!(plan.contains("loops=3"), "{plan}");
}
