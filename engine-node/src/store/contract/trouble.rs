//! Errors that PostgreSQL gives when something is wrong with it rather than with a row: repeated inside where that is
//! safe, else "not available", never an error of the command or of ours.
use super::fixture::*;
use crate::store::*;
use sqlx::{Connection, PgConnection};

/// Makes every insert of an instance fail with the code that stands in a table, or with `40001` and `40P01` in turn
/// while a sequence (which no roll-back turns back) says so.
const TROUBLE: &str = r#"
    CREATE SEQUENCE trouble_passes;
    CREATE TABLE trouble_code (code text NOT NULL, until bigint NOT NULL);
    CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE c record; pass bigint;
    BEGIN
        FOR c IN SELECT code, until FROM trouble_code LOOP
            pass := nextval('trouble_passes');
            IF pass < c.until THEN RAISE EXCEPTION 'trouble %', pass USING ERRCODE = c.code; END IF;
        END LOOP;
        RETURN NULL;
    END $$;
    CREATE TRIGGER trouble AFTER INSERT ON process_instance FOR EACH STATEMENT EXECUTE FUNCTION trouble();
"#;

async fn say(connection: &mut PgConnection, code: Option<&str>, until: i64) {
    let insert = match code {
        Some(code) => format!("INSERT INTO trouble_code VALUES ('{code}', {until})"),
        None => String::new(),
    };
    let script = format!("TRUNCATE trouble_code; ALTER SEQUENCE trouble_passes RESTART; {insert}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(script))
        .execute(connection)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_25_whatever_is_wrong_with_the_server_is_repeated_or_not_available_and_never_our_error() {
    let f = postgres().await;
    let mut connection = PgConnection::connect(&f.url).await.unwrap();
    sqlx::raw_sql(TROUBLE).execute(&mut connection).await.unwrap();

    // Gone at the third try: nobody notices.
    for code in ["40001", "40P01", "25006", "57P01"] {
        say(&mut connection, Some(code), 3).await;
        let results = f.store.write(&[unit(&instance(slot(3)))]).await;
        assert_eq!(results.unwrap(), [Applied::Done], "{code}");
    }
    let written = f.count(slot(3), "process_instance").await;
    assert_eq!(written, 4);

    // Disk full, out of memory, too many connections, a lock that isn't free, cancelled, shut down, input/output,
    // read-only for good, deadlocks without an end.
    for code in [
        "53100", "53200", "53400", "55P03", "57014", "58030", "25006", "40P01",
    ] {
        say(&mut connection, Some(code), 1_000_000).await;
        let error = f.store.write(&[unit(&instance(slot(3)))]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{code}: {error:?}");
    }
    say(&mut connection, None, 0).await;
    assert_eq!(
        f.count(slot(3), "process_instance").await,
        written,
        "nothing half-written"
    );
    assert_eq!(
        f.store.write(&[unit(&instance(slot(3)))]).await.unwrap(),
        [Applied::Done]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_29_a_server_with_another_isolation_is_refused_whatever_is_accepted_else() {
    let f = postgres().await;
    f.store.close().await;
    let name = f.url.rsplit('/').next().unwrap();
    let set = format!("ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'");
    server().psql("postgres", &set).unwrap();
    let refused = open(&f.url, options()).await.err().unwrap().to_string();
    assert!(
        refused.contains("default_transaction_isolation = repeatable read"),
        "{refused}"
    );
}
