//! The schema: declared tables, versions, strange databases.
use super::fixture::*;
use crate::store::{
    schema::{TABLES, Type},
    *,
};
use migrations::{Db, Dialect, Schema, SchemaError, test_next};
use std::collections::BTreeMap;

/// Tables of a database with their columns: name, type, whether null is allowed.
async fn tables(db: &mut Db) -> BTreeMap<String, Vec<(String, String, bool)>> {
    let rows: Vec<(String, String, String, bool)> = match db {
        Db::Postgres(c) => sqlx::query_as(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES'
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN
             (SELECT relname FROM pg_class WHERE relispartition OR relkind = 'v') ORDER BY table_name, ordinal_position",
        )
        .fetch_all(c)
        .await
        .unwrap(),
        Db::Sqlite(c) => sqlx::query_as(
            "SELECT m.name, c.name, c.type, c.\"notnull\" = 0 FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid",
        )
        .fetch_all(c)
        .await
        .unwrap(),
    };
    let mut tables: BTreeMap<String, Vec<(String, String, bool)>> = BTreeMap::new();
    for (table, column, ty, null) in rows {
        tables.entry(table).or_default().push((column, ty, null));
    }
    tables
}

pub(super) async fn every_table_is_declared(f: Fixture) {
    let mut db = Db::connect(&f.url).await.unwrap();
    let found = tables(&mut db).await;
    let name = |ty: Type| if f.postgres { ty.postgres() } else { ty.sqlite() };
    let declared: BTreeMap<String, Vec<(String, String, bool)>> = TABLES
        .iter()
        .map(|t| {
            let columns = t
                .columns
                .iter()
                .map(|c| (c.name.to_string(), name(c.ty).to_string(), c.null));
            (t.name.to_string(), columns.collect())
        })
        .collect();
    assert_eq!(found, declared);
    db.close().await.unwrap();
}

pub(super) async fn this_build_works_on_the_next_schema(f: Fixture) {
    let url = f.empty();
    let next = Schema::current().and(test_next());
    let mut db = Db::connect(&url).await.unwrap();
    assert!(next.plan(&mut db).await.unwrap().contains("CREATE TABLE token"));
    // Two at once: the second waits and finds nothing to do. (SQLite's second fails on the first's lock or row.)
    if f.postgres {
        let mut other = Db::connect(&url).await.unwrap();
        let (a, b) = tokio::join!(next.apply(&mut db), next.apply(&mut other));
        assert_eq!(a.unwrap().len() + b.unwrap().len(), next.serves().first as usize);
    } else {
        let applied = next.apply(&mut db).await.unwrap();
        assert_eq!((applied[0], *applied.last().unwrap()), ("init", "test_next"));
    }
    assert_eq!(next.apply(&mut db).await.unwrap(), [""; 0]);
    assert_eq!(next.plan(&mut db).await.unwrap(), "");
    let status = Schema::current().status(&mut db).await.unwrap();
    assert_eq!(
        (status.version, status.pending.len(), status.drift.len()),
        (next.serves().first, 0, 0)
    );
    db.close().await.unwrap();

    let store = open(&url, options()).await.unwrap();
    let on_next = Fixture {
        store,
        url,
        postgres: f.postgres,
    };
    let mut i = full_instance(slot(3));
    on_next.save(&mut i).await;
    let mut i = on_next.load_one(i.process.id).await.unwrap();
    on_next.save(&mut i).await;
    // Rows of today's release move into and out of the next one's schema.
    let target = f.another().await;
    target.set_state(slot(3), SlotState::Incoming).await;
    let (lines, _) = on_next.store.export_slot(slot(3), None).await.unwrap();
    target.store.import_slot(slot(3), &lines).await.unwrap();
    assert_eq!(
        target.store.count_slot(slot(3)).await.unwrap(),
        on_next.store.count_slot(slot(3)).await.unwrap()
    );
    end(&mut i);
    on_next.save(&mut i).await;
    on_next.store.close().await;
}

pub(super) async fn a_foreign_or_strange_schema_is_refused(f: Fixture) {
    let run = async |url: &str, text: &'static str| {
        let mut db = Db::connect(url).await.unwrap();
        match &mut db {
            Db::Postgres(c) => sqlx::raw_sql(text).execute(c).await.map(drop).unwrap(),
            Db::Sqlite(c) => sqlx::raw_sql(text).execute(c).await.map(drop).unwrap(),
        }
        db.close().await.unwrap();
    };
    let refusal = async |url: &str, schema: Schema| match open(url, OpenOptions { schema, ..options() }).await
    {
        Err(error) => error.to_string(),
        Ok(_) => panic!("opened"),
    };
    let url = f.empty();
    run(&url, "CREATE TABLE act_ru_task (id int)").await;
    assert!(refusal(&url, Schema::current()).await.contains("act_ru_task"));

    // Too old and too new name both versions.
    let newest = Schema::current().serves().first;
    let (second, third_version) = (newest + 1, newest + 2);
    let at = |version: i32| {
        let mut step = test_next();
        step.version = version;
        step
    };
    let next = Schema::current().and(at(second));
    assert_eq!(
        refusal(&f.url, next).await,
        format!(
            "the schema has version {newest}, this build serves {second} to {third_version}; bring the schema to {second} \
             first"
        )
    );
    let url = f.empty();
    let mut db = Db::connect(&url).await.unwrap();
    let mut third = at(third_version);
    (third.postgres, third.sqlite) = ("CREATE TABLE third (a int);", "CREATE TABLE third (a int);");
    Schema::current()
        .and(at(second))
        .and(third)
        .apply(&mut db)
        .await
        .unwrap();
    db.close().await.unwrap();
    assert_eq!(
        refusal(&url, Schema::current()).await,
        format!(
            "the schema has version {third_version}, this build serves {newest} to {second}; use a newer build"
        )
    );

    run(&f.url, "UPDATE schema_version SET checksum = 'x'").await;
    assert!(
        refusal(&f.url, Schema::current())
            .await
            .contains("another script")
    );
    let mut db = Db::connect(&f.url).await.unwrap();
    let drift = Schema::current().status(&mut db).await.unwrap().drift;
    assert_eq!(drift, Vec::from_iter(1..=newest));
    assert!(matches!(
        Schema::current().apply(&mut db).await,
        Err(SchemaError::Drift { version: 1, .. })
    ));
    db.close().await.unwrap();

    // An empty database is left alone when the switch is off.
    let url = f.empty();
    let off = OpenOptions {
        migrate_empty: false,
        ..options()
    };
    assert!(open(&url, off).await.err().unwrap().to_string().contains("empty"));
    // A step that fails leaves nothing behind, and the next try goes on.
    let mut broken = at(second);
    (broken.postgres, broken.sqlite) = (
        "CREATE TABLE half (a int); SELECT nothing;",
        "CREATE TABLE half (a int); SELECT nothing;",
    );
    let mut db = Db::connect(&url).await.unwrap();
    assert!(Schema::current().and(broken).apply(&mut db).await.is_err());
    assert_eq!(Schema::current().status(&mut db).await.unwrap().version, newest);
    assert!(!tables(&mut db).await.contains_key("half"));
    assert_eq!(
        Schema::current().and(at(second)).apply(&mut db).await.unwrap(),
        ["test_next"]
    );
    db.close().await.unwrap();
    let _ = Dialect::Sqlite;
}
