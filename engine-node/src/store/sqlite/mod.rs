//! SQLite: one writer and a pool of readers on a file in WAL mode. For a laptop and for tests; one process at a time
//! is meant to use a file, though several may.
mod write;

use super::{
    Applied, OpenError, OpenOptions, StoreError,
    backend::{Backend, Cells, Transaction, split_version, with_version},
    cell::{Cell, CellRow},
    change::Change,
    schema::Type,
    sql::{Arg, Dialect, Sql, store_error},
    stats::{self, Gate, Stats},
};
use crate::failpoint;
use async_trait::async_trait;
use bpmn_core::Millis;
use sea_query_sqlx::SqlxBinder;
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, ConnectOptions, Connection, Row as _, SqliteConnection, TypeInfo,
    ValueRef,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};
use std::{
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast, mpsc};

/// The store's connections.
pub(crate) struct SqliteBackend {
    writer: Arc<Mutex<Option<SqliteConnection>>>,
    readers: SqlitePool,
    gate: Arc<Gate>,
    stats: Arc<Stats>,
    query_timeout: Duration,
    news: broadcast::Sender<String>,
    /// Removed when the store is dropped.
    _temporary: Option<Temporary>,
}

/// The directory of a database that isn't kept.
pub(crate) struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // What is left over lies in the system's directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The address of a database that isn't kept: a file in a directory of its own, for pools of connections share
/// no `:memory:` database.
pub(crate) fn temporary() -> std::io::Result<(String, Temporary)> {
    let name = format!("stellwerk-{}-{:016x}", std::process::id(), rand::random::<u64>());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir(&directory)?;
    let url = format!("sqlite://{}", directory.join("stellwerk.db").display());
    Ok((url, Temporary(directory)))
}

impl SqliteBackend {
    /// Opens the file of a `sqlite:` address.
    pub async fn open(
        url: &str,
        options: &OpenOptions,
        kept: Option<Temporary>,
    ) -> Result<SqliteBackend, OpenError> {
        // What isn't kept need not survive a power cut.
        let synchronous = match kept.is_some() || options.unsafe_durability {
            true => SqliteSynchronous::Off,
            false => SqliteSynchronous::Full,
        };
        let file = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(300)
            // As PostgreSQL's LIKE.
            .pragma("case_sensitive_like", "on");
        let writer = file.connect().await?;
        let size = options.pool_size.clamp(1, 8);
        let stats = Stats::new(options.slow_statement);
        let readers = SqlitePoolOptions::new()
            .max_connections(size)
            .acquire_timeout(options.pool_acquire_timeout)
            .test_before_acquire(false)
            .connect_lazy_with(file.pragma("query_only", "on"));
        Ok(SqliteBackend {
            writer: Arc::new(Mutex::new(Some(writer))),
            readers,
            gate: stats.gate("engine", size, 1024, options.pool_acquire_timeout),
            stats,
            query_timeout: options.query_timeout,
            news: broadcast::channel(64).0,
            _temporary: kept,
        })
    }

    async fn transaction(&self) -> Result<SqliteTransaction, StoreError> {
        let mut transaction = SqliteTransaction(Some(self.writer.clone().lock_owned().await));
        sqlx::query("BEGIN IMMEDIATE")
            .execute(transaction.connection()?)
            .await
            .map_err(store_error)?;
        Ok(transaction)
    }
}

async fn run(connection: &mut SqliteConnection, sql: &Sql) -> Result<Cells, sqlx::Error> {
    let rows = sqlx::query_with(AssertSqlSafe(sql.text.clone()), arguments(&sql.args))
        .fetch_all(connection)
        .await?;
    rows.iter().map(cells).collect()
}

#[async_trait]
impl Backend for SqliteBackend {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn read(&self, sql: Sql) -> Result<Cells, StoreError> {
        let _room = self.gate.enter().await?;
        let began = Instant::now();
        let query = sqlx::query_with(AssertSqlSafe(sql.text.clone()), arguments(&sql.args));
        let rows = query.fetch_all(&self.readers).await;
        self.stats
            .done(stats::class(&sql.text), began, &sql.text, rows.is_ok());
        let rows = rows.map_err(store_error)?;
        rows.iter()
            .map(cells)
            .collect::<Result<_, _>>()
            .map_err(store_error)
    }

    async fn run(&self, sql: Sql) -> Result<Cells, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = transaction.run(sql).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(self.transaction().await?))
    }

    async fn write(&self, changes: &[&Change]) -> Result<Vec<Applied>, StoreError> {
        let began = Instant::now();
        let mut transaction = self.transaction().await?;
        failpoint::hit("write.before");
        let results = write::write(transaction.connection()?, changes)
            .await
            .map_err(store_error)?;
        failpoint::during("write.sent", Box::new(transaction).commit()).await?;
        failpoint::hit("write.committed");
        self.stats.done(stats::BATCH, began, "a batch of commands", true);
        Ok(results)
    }

    async fn select(&self, query: &sea_query::SelectStatement) -> Result<(i64, Vec<CellRow>), StoreError> {
        let (text, values) = query.build_sqlx(sea_query::SqliteQueryBuilder);
        let _room = self.gate.enter().await?;
        let began = Instant::now();
        let query = sqlx::query_with(AssertSqlSafe(with_version(&text)), values);
        let rows = tokio::time::timeout(self.query_timeout, query.fetch_all(&self.readers)).await;
        self.stats
            .done(stats::list(&text), began, &text, matches!(rows, Ok(Ok(_))));
        let Ok(rows) = rows else {
            return Err(StoreError::too_slow(self.query_timeout));
        };
        let rows = rows.map_err(store_error)?;
        split_version(
            rows.iter()
                .map(cells)
                .collect::<Result<_, _>>()
                .map_err(store_error)?,
        )
    }

    async fn wait_for_writers(&self, _budget_ms: Millis) -> Result<bool, StoreError> {
        // One writer at a time: whoever has begun is done when the next may begin.
        Box::new(self.transaction().await?).commit().await?;
        Ok(true)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let _room = self.gate.enter().await?;
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        connection.ping().await.map_err(store_error)
    }

    async fn announce(&self, line: &str) -> Result<(), StoreError> {
        // One process uses the file: it tells itself.
        let _ = self.news.send(line.to_owned());
        Ok(())
    }

    fn announcements(&self) -> mpsc::Receiver<Option<String>> {
        let (sender, receiver) = mpsc::channel(16);
        let mut news = self.news.subscribe();
        tokio::spawn(async move {
            loop {
                let line = match news.recv().await {
                    Ok(line) => Some(line),
                    Err(broadcast::error::RecvError::Lagged(_)) => None,
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                if sender.send(line).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }

    fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    async fn close(&self) {
        self.readers.close().await;
        if let Some(writer) = self.writer.lock().await.take() {
            // Its last checkpoint; a failure leaves the WAL, which the next opening reads.
            let _ = writer.close().await;
        }
    }
}

/// Holds the writer. Dropped without a commit it is rolled back, and only then is the writer free.
struct SqliteTransaction(Option<OwnedMutexGuard<Option<SqliteConnection>>>);

impl SqliteTransaction {
    fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let connection = self.0.as_mut().and_then(|guard| guard.as_mut());
        connection.ok_or(StoreError::Unavailable(sqlx::Error::PoolClosed))
    }
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        let Some(mut guard) = self.0.take() else { return };
        // Outside a runtime nobody will use the connection any more.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Some(connection) = guard.as_mut() {
                    // Fails if BEGIN had: then there is nothing to roll back.
                    let _ = sqlx::query("ROLLBACK").execute(connection).await;
                }
            });
        }
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn run(&mut self, sql: Sql) -> Result<Cells, StoreError> {
        run(self.connection()?, &sql).await.map_err(store_error)
    }
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        sqlx::query("COMMIT")
            .execute(self.connection()?)
            .await
            .map_err(store_error)?;
        self.0 = None;
        Ok(())
    }
}

fn arguments(args: &[Arg]) -> SqliteArguments {
    let mut bound = SqliteArguments::default();
    for arg in args {
        if let Arg::One(ty, cell) = arg {
            add(&mut bound, *ty, cell);
        }
    }
    bound
}

fn add(bound: &mut SqliteArguments, ty: Type, cell: &Cell) {
    // Encoding values of these types can't fail.
    let _ = match cell {
        Cell::Null if ty == Type::Text => bound.add(None::<String>),
        Cell::Null => bound.add(None::<i64>),
        Cell::Int(n) => bound.add(*n),
        Cell::Bool(b) => bound.add(i64::from(*b)),
        Cell::Float(f) => bound.add(*f),
        Cell::Text(text) => bound.add(text.clone()),
        Cell::Bytes(bytes) => bound.add(bytes.clone()),
        Cell::Uuid(uuid) => bound.add(uuid.as_bytes().to_vec()),
    };
}

/// A row in cells, by what SQLite stored; uuids are bytes and booleans numbers.
fn cells(row: &SqliteRow) -> Result<Vec<Cell>, sqlx::Error> {
    row.columns().iter().map(|c| cell(row, c.ordinal())).collect()
}

fn cell(row: &SqliteRow, column: usize) -> Result<Cell, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let ty = raw.type_info();
    Ok(match ty.name() {
        "INTEGER" | "INT4" | "BOOLEAN" => Cell::Int(row.try_get_unchecked(column)?),
        "REAL" => Cell::Float(row.try_get_unchecked(column)?),
        "BLOB" => Cell::Bytes(row.try_get_unchecked(column)?),
        _ => Cell::Text(row.try_get_unchecked(column)?),
    })
}
