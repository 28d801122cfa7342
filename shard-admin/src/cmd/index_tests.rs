//! Users' own indexes on real databases: PostgreSQL with a partitioned table, and SQLite.
use super::index;
use crate::options::{NamedDatabase, Options, SomeDatabases};
use cluster::Cluster;
use migrations::{Db, Schema, indexes::UserIndex, user_indexes};
use std::sync::{Arc, OnceLock};
use testkit::postgres::Server;

const PRINTED: &str = "create index PROC_DEF_ID_END_TIME ON ACT_HI_PROCINST (PROC_DEF_ID_,END_TIME_)";

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start().expect("a PostgreSQL server for tests"))
}

fn options() -> Options {
    let args: Vec<String> = ["index", "list", "--output", "json"].map(str::to_owned).to_vec();
    let read = |_: &std::path::Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    match service::parse::<Options>("shard-admin", &args, &[], &read) {
        Ok(parsed) => parsed.options,
        Err(error) => panic!("{error}"),
    }
}

async fn migrated(url: &str) -> SomeDatabases {
    let mut db = Db::connect(url).await.unwrap();
    Schema::current().apply(&mut db).await.unwrap();
    db.close().await.unwrap();
    let database = vec![NamedDatabase {
        name: "a".into(),
        url: url.to_owned(),
    }];
    SomeDatabases { database }
}

async fn add(
    cluster: Option<Arc<dyn Cluster>>,
    statement: &str,
    on: &SomeDatabases,
) -> anyhow::Result<String> {
    let mut out = Vec::new();
    index::add_to(&options(), cluster, statement, on, &mut out).await?;
    Ok(String::from_utf8(out)?)
}

async fn list(cluster: Option<Arc<dyn Cluster>>, on: &SomeDatabases) -> String {
    let mut out = Vec::new();
    index::list_of(&options(), cluster, on, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

async fn run(url: &str, statement: &'static str) {
    match Db::connect(url).await.unwrap() {
        Db::Postgres(mut c) => drop(sqlx::raw_sql(statement).execute(&mut c).await.unwrap()),
        Db::Sqlite(mut c) => drop(sqlx::raw_sql(statement).execute(&mut c).await.unwrap()),
    }
}

async fn valid(url: &str, table: &str, index: &str) -> bool {
    let mut db = Db::connect(url).await.unwrap();
    let found = user_indexes::of_table(&mut db, table).await.unwrap();
    found.iter().any(|f| f.name == index && f.valid)
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_27_an_index_is_made_on_every_partition_and_inherited_by_new_ones() {
    let url = server().create("user_index").unwrap();
    let on = migrated(&url).await;
    run(
        &url,
        "CREATE TABLE history_task_old PARTITION OF history_task FOR VALUES FROM (1, '00000000-0000-0000-0000-000000000000')
         TO (1, '80000000-0000-0000-0000-000000000000')",
    )
    .await;
    let statement = "CREATE INDEX by_assignee ON ACT_HI_TASKINST (ASSIGNEE_, END_TIME_ DESC)";
    let told = add(None, statement, &on).await.unwrap();
    assert!(told.contains("\"created\""), "{told}");
    assert!(valid(&url, "history_task", "user_by_assignee").await);
    run(
        &url,
        "CREATE TABLE history_task_new PARTITION OF history_task FOR VALUES FROM (2, '00000000-0000-0000-0000-000000000000')
         TO (2, '80000000-0000-0000-0000-000000000000')",
    )
    .await;
    let mut db = Db::connect(&url).await.unwrap();
    for partition in ["history_task_default", "history_task_old", "history_task_new"] {
        let found = user_indexes::of_table(&mut db, partition).await.unwrap();
        let has = |f: &user_indexes::Found| f.valid && f.columns == ["assignee", "ended"];
        assert!(found.iter().any(has), "{partition}: {found:?}");
    }
    // Again: nothing to do. The schema check of an upgrade passes, and the index stays.
    assert!(add(None, statement, &on).await.unwrap().contains("there already"));
    assert_eq!(Schema::current().apply(&mut db).await.unwrap(), [""; 0]);
    Schema::current().check(&mut db).await.unwrap();
    assert!(list(None, &on).await.contains("user_by_assignee"));
    let mut out = Vec::new();
    index::drop_from(&options(), None, "BY_ASSIGNEE", &on, &mut out)
        .await
        .unwrap();
    assert!(!list(None, &on).await.contains("user_by_assignee"));
    let gone = index::drop_from(&options(), None, "by_assignee", &on, &mut out).await;
    assert!(gone.unwrap_err().to_string().contains("there is no index"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_37_the_printed_index_serves_a_query_by_definition_and_end_time() {
    let url = server().create("printed_index").unwrap();
    let on = migrated(&url).await;
    // Ours begins with the same columns: it serves, and no second one is paid for.
    let told = add(None, PRINTED, &on).await.unwrap();
    assert!(told.contains("served by history_process_definition"), "{told}");
    run(
        &url,
        "INSERT INTO history_process SELECT gen_random_uuid(), 1, 0, gen_random_uuid(), NULL, NULL,
           ('00000000-0000-0000-0000-0000000000' || lpad((n % 50)::text, 2, '0'))::uuid, NULL, n, NULL, 's', NULL, n, 'e',
           0::smallint, NULL, NULL FROM generate_series(1, 20000) n; ANALYZE history_process",
    )
    .await;
    let Db::Postgres(mut c) = Db::connect(&url).await.unwrap() else {
        panic!("PostgreSQL")
    };
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT * FROM history_process WHERE definition_id = '00000000-0000-0000-0000-000000000007'
         AND ended BETWEEN 100 AND 900",
    )
    .fetch_all(&mut c)
    .await
    .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("Index") && plan.contains("definition_id"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_sqlite_is_made_listed_and_dropped() {
    let directory = std::env::temp_dir().join(format!("stellwerk-index-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let url = format!("sqlite://{}", directory.join("node.db").display());
    let on = migrated(&url).await;
    add(None, "create index due on ACT_RU_JOB (DUEDATE_, RETRIES_)", &on)
        .await
        .unwrap();
    assert!(valid(&url, "job", "user_due").await);
    add(None, "create index mine on task (assignee, due)", &on)
        .await
        .unwrap();
    assert!(list(None, &on).await.contains("user_mine"));
    let refused = add(None, "create index x on ACT_HI_ACTINST (ACT_NAME_)", &on).await;
    assert!(refused.unwrap_err().to_string().contains("computed"));
    let mut out = Vec::new();
    index::drop_from(&options(), None, "due", &on, &mut out)
        .await
        .unwrap();
    assert!(!valid(&url, "job", "user_due").await);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn the_topology_keeps_what_is_declared_for_shards_to_come() {
    let cluster: Arc<dyn Cluster> = cluster::in_process();
    let none = SomeDatabases::default();
    add(Some(cluster.clone()), PRINTED, &none).await.unwrap();
    add(Some(cluster.clone()), PRINTED, &none).await.unwrap();
    let kept = cluster.meta(cluster::USER_INDEXES).await.unwrap();
    assert_eq!(kept.len(), 1);
    let index: UserIndex = serde_json::from_value(kept[0].2.clone()).unwrap();
    assert_eq!((index.statement.as_str(), index.on.len()), (PRINTED, 1));
    let other = "create index PROC_DEF_ID_END_TIME on ACT_HI_PROCINST (END_TIME_)";
    let refused = add(Some(cluster.clone()), other, &none).await.unwrap_err();
    assert!(refused.to_string().contains("declared already"), "{refused}");
    let mut out = Vec::new();
    index::drop_from(
        &options(),
        Some(cluster.clone()),
        "proc_def_id_end_time",
        &none,
        &mut out,
    )
    .await
    .unwrap();
    assert!(cluster.meta(cluster::USER_INDEXES).await.unwrap().is_empty());
}
