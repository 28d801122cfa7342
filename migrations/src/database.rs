//! The few statements that the schema's bookkeeping needs, for both databases.
use crate::{Applied, Dialect, SchemaError};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use std::str::FromStr;

/// Key of the advisory lock that lets one caller at a time change a schema: "stellwrk" in ASCII.
const LOCK: i64 = 0x7374_656c_6c77_726b;

/// A connection to the database whose schema is looked at or changed.
pub enum Db {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

pub(crate) fn schema_version(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => {
            "CREATE TABLE IF NOT EXISTS schema_version (\n    \"version\" integer NOT NULL PRIMARY KEY,\n    \"name\" text COLLATE \"C\" NOT NULL,\n    \"checksum\" text COLLATE \"C\" NOT NULL,\n    \"applied_at\" bigint NOT NULL\n)"
        }
        Dialect::Sqlite => {
            "CREATE TABLE IF NOT EXISTS schema_version (\n    \"version\" INTEGER NOT NULL PRIMARY KEY,\n    \"name\" TEXT NOT NULL,\n    \"checksum\" TEXT NOT NULL,\n    \"applied_at\" INTEGER NOT NULL\n) STRICT"
        }
    }
}

impl Db {
    /// Opens `postgres://…` (of several servers the one that takes writes) or `sqlite://…`; a missing SQLite file is
    /// made.
    pub async fn connect(url: &str) -> Result<Db, SchemaError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Db::Postgres(crate::hosts::connect(url).await?))
        } else if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .busy_timeout(std::time::Duration::from_secs(10));
            Ok(Db::Sqlite(options.connect().await?))
        } else {
            Err(SchemaError::Address(
                url.split('@').next_back().unwrap_or_default().to_string(),
            ))
        }
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        match self {
            Db::Postgres(_) => Dialect::Postgres,
            Db::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Says goodbye to the database.
    pub async fn close(self) -> Result<(), SchemaError> {
        match self {
            Db::Postgres(c) => c.close().await?,
            Db::Sqlite(c) => c.close().await?,
        }
        Ok(())
    }

    /// The rows of `schema_version`; `None` for an empty database.
    pub(crate) async fn applied(&mut self) -> Result<Option<Vec<Applied>>, SchemaError> {
        let tables = self.tables().await?;
        if tables.is_empty() {
            return Ok(None);
        }
        if !tables.iter().any(|t| t == "schema_version") {
            return Err(SchemaError::Foreign(
                tables.into_iter().take(5).collect::<Vec<_>>().join(", "),
            ));
        }
        const SQL: &str = "SELECT CAST(version AS INTEGER) AS version, name, checksum, applied_at FROM schema_version ORDER BY version";
        macro_rules! read {
            ($c:expr) => {
                sqlx::query(SQL)
                    .fetch_all($c)
                    .await?
                    .iter()
                    .map(|row| {
                        Ok(Applied {
                            version: row.try_get(0)?,
                            name: row.try_get(1)?,
                            checksum: row.try_get(2)?,
                            applied_at: row.try_get(3)?,
                        })
                    })
                    .collect::<Result<Vec<_>, sqlx::Error>>()?
            };
        }
        let rows = match self {
            Db::Postgres(c) => read!(c),
            Db::Sqlite(c) => read!(c),
        };
        if rows.is_empty() && tables.len() > 1 {
            let other = tables
                .into_iter()
                .filter(|t| t != "schema_version")
                .take(5)
                .collect::<Vec<_>>();
            return Err(SchemaError::Foreign(other.join(", ")));
        }
        Ok(Some(rows))
    }

    /// Tables and views in the place where ours would be.
    async fn tables(&mut self) -> Result<Vec<String>, SchemaError> {
        Ok(match self {
            Db::Postgres(c) => {
                sqlx::query_scalar(
                    "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                     AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1",
                )
                .fetch_all(c)
                .await?
            }
            Db::Sqlite(c) => {
                sqlx::query_scalar(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY 1",
                )
                .fetch_all(c)
                .await?
            }
        })
    }

    pub(crate) async fn make_schema_version(&mut self) -> Result<(), SchemaError> {
        self.run(schema_version(self.dialect())).await
    }

    /// Runs a script of several statements; a failure leaves no open transaction.
    pub(crate) async fn run(&mut self, script: &str) -> Result<(), SchemaError> {
        let done = self.execute(script).await;
        if done.is_err() {
            // The error that counts is the script's.
            let _ = self.execute("ROLLBACK").await;
        }
        Ok(done?)
    }

    async fn execute(&mut self, script: &str) -> Result<(), sqlx::Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(script.to_string()));
        match self {
            Db::Postgres(c) => script.execute(c).await.map(drop),
            Db::Sqlite(c) => script.execute(c).await.map(drop),
        }
    }

    pub(crate) async fn lock(&mut self) -> Result<(), SchemaError> {
        // SQLite: each step is BEGIN IMMEDIATE, and its row's key stops a second run of the same step.
        if let Db::Postgres(c) = self {
            sqlx::query("SELECT pg_advisory_lock($1)")
                .bind(LOCK)
                .execute(c)
                .await?;
        }
        Ok(())
    }

    pub(crate) async fn unlock(&mut self) -> Result<(), SchemaError> {
        if let Db::Postgres(c) = self {
            sqlx::query("SELECT pg_advisory_unlock($1)")
                .bind(LOCK)
                .execute(c)
                .await?;
        }
        Ok(())
    }
}
