//! What a run leaves in an engine's PostgreSQL: bytes of its tables and of WAL.
use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::collections::BTreeMap;

/// Opens a connection of our own, which no engine's pool counts.
///
/// # Errors
/// The database can't be reached.
pub async fn connect(url: &str) -> Result<PgConnection> {
    // Anything else in the URL could hold a password.
    let shown = url.rsplit('/').next().unwrap_or_default().to_owned();
    PgConnection::connect(url)
        .await
        .with_context(|| format!("database {shown}"))
}

/// The name of the database in a URL.
pub fn name(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    Some(path.split(['?', '#']).next()?.to_owned()).filter(|name| !name.is_empty())
}

/// Bytes so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// On disk, by group of tables; indexes and large values included.
    pub disk: BTreeMap<String, f64>,
    /// Position in the server's WAL.
    pub wal: f64,
}

/// Which group a table's bytes belong to: `runtime`, `history`, `bytes` (large values) or `other` (models, users, …).
pub fn group(table: &str) -> &'static str {
    let table = table.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| table.starts_with(word));
    if starts(&["act_ge_bytearray", "value", "payload", "bytes", "large_"]) {
        "bytes"
    } else if starts(&["act_hi_", "history", "hist_", "h_"]) {
        "history"
    } else if starts(&[
        "act_re_",
        "act_ge_",
        "act_id_",
        "deployment",
        "resource",
        "definition",
        "engine_",
        "applied",
    ]) {
        "other"
    } else {
        "runtime"
    }
}

/// Measures after a checkpoint, so that what is dirty in memory is on disk and counted.
///
/// # Errors
/// The database refuses a statement: `CHECKPOINT` needs a superuser or `pg_checkpoint`.
pub async fn mark(connection: &mut PgConnection) -> Result<Mark> {
    sqlx::raw_sql("CHECKPOINT")
        .execute(&mut *connection)
        .await
        .context("CHECKPOINT")?;
    let rows = sqlx::query(
        "SELECT c.relname::text, pg_total_relation_size(c.oid) FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut disk = BTreeMap::new();
    for row in rows {
        let (table, bytes): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        *disk.entry(group(&table).to_owned()).or_insert(0.0) += bytes as f64;
    }
    Ok(Mark {
        disk,
        wal: wal(connection).await?,
    })
}

/// Position in the server's WAL, in bytes.
///
/// # Errors
/// The database refuses the statement.
pub async fn wal(connection: &mut PgConnection) -> Result<f64> {
    let row = sqlx::query("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get(0)?)
}

/// Growth by group, per operation.
pub fn growth(before: &Mark, after: &Mark, operations: u64) -> BTreeMap<String, f64> {
    let operations = operations.max(1) as f64;
    let old = |group: &String| before.disk.get(group).copied().unwrap_or(0.0);
    after
        .disk
        .iter()
        .map(|(group, bytes)| (group.clone(), (bytes - old(group)) / operations))
        .filter(|(_, bytes)| *bytes != 0.0)
        .collect()
}

/// Creates an empty database beside the one in the URL and gives its URL; one that is there is replaced.
///
/// # Errors
/// The server refuses.
pub async fn create_beside(url: &str, database: &str) -> Result<String> {
    drop_beside(url, database).await?;
    let mut connection = connect(url).await?;
    let create = format!("CREATE DATABASE \"{database}\"");
    sqlx::raw_sql(AssertSqlSafe(create))
        .execute(&mut connection)
        .await?;
    let name = name(url).context("the database's URL names no database")?;
    let at = url.rfind(&format!("/{name}")).context("the database's URL")?;
    Ok(format!(
        "{}/{database}{}",
        &url[..at],
        &url[at + 1 + name.len()..]
    ))
}

/// Drops a database that [`create_beside`] made.
///
/// # Errors
/// The server refuses.
pub async fn drop_beside(url: &str, database: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    let drop = format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_both_engines_fall_into_the_same_groups() {
        for (table, expected) in [
            ("act_ru_execution", "runtime"),
            ("act_hi_varinst", "history"),
            ("act_ge_bytearray", "bytes"),
            ("act_re_procdef", "other"),
            ("process_instance", "runtime"),
            ("history_activity", "history"),
            ("history_process_p20261101", "history"),
            ("value", "bytes"),
            ("definition", "other"),
        ] {
            assert_eq!(group(table), expected, "{table}");
        }
    }

    #[test]
    fn growth_is_per_operation_and_by_group() {
        let mark = |history, runtime| Mark {
            disk: BTreeMap::from([("history".into(), history), ("runtime".into(), runtime)]),
            wal: 0.0,
        };
        assert_eq!(
            growth(&mark(100.0, 5.0), &mark(300.0, 5.0), 10),
            BTreeMap::from([("history".to_owned(), 20.0)])
        );
    }

    #[test]
    fn the_database_is_what_stands_after_the_host() {
        assert_eq!(
            name("postgres://postgres@127.0.0.1:5433/shop?sslmode=disable"),
            Some("shop".to_owned())
        );
        assert_eq!(name("postgres://h"), None);
    }
}
