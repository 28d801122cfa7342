//! PostgreSQL: pools, sessions with hard limits, and single statements. Batches are in [`write`].
mod guard;
mod hosts;
mod layout;
mod news;
mod statement;
mod write;
mod writer;

use super::{
    Applied, OpenError, OpenOptions, StoreError,
    backend::{Backend, Cells, Transaction, split_version, with_version},
    cell::{Cell, CellRow},
    change::Change,
    schema::Type,
    sql::{Arg, Dialect, Sql, is_connection, is_read_only, is_rolled_back, store_error},
    stats::{self, Gate, Room, Stats},
};
use async_trait::async_trait;
use bpmn_core::Millis;
use sea_query_sqlx::SqlxBinder;
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, Postgres, Row as _, TypeInfo, ValueRef,
    postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow},
};
use std::{
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a statement that was rolled back, or lost its connection, is tried.
const TRIES: u32 = 8;

/// The store's connections.
pub(crate) struct PostgresBackend {
    /// Statements of the engine: planned for index scans, whatever the statistics say.
    engine: PgPool,
    /// List queries of clients: planned freely.
    lists: PgPool,
    /// How many may use and wait for each of the pools, and for a writer.
    gates: Gates,
    hosts: Arc<hosts::Hosts>,
    stats: Arc<Stats>,
    query_timeout: Duration,
    writers: writer::Writers,
    statements: statement::Cache,
}

struct Gates {
    engine: Arc<Gate>,
    lists: Arc<Gate>,
    writers: Arc<Gate>,
}

/// Most that waits for a connection of the engine, of lists, and for a writer (which writes hundreds at once).
const WAITING: (usize, usize, usize) = (1024, 512, 256);

/// What every session has: limits, so that no stopped client holds a fence or a lock for ever (protocol 1).
fn session(url: &str, engine: bool, query_timeout: Duration) -> Result<PgConnectOptions, sqlx::Error> {
    let timeout = match engine {
        true => "20s".to_owned(),
        false => format!("{}ms", query_timeout.as_millis().max(1)),
    };
    let limits = [
        ("statement_timeout", &*timeout),
        ("lock_timeout", "8s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("jit", "off"),
    ];
    let options = PgConnectOptions::from_str(url)?
        .application_name("stellwerk")
        .options(limits)
        .extra_float_digits(3);
    // By key always: a plan made while a table was small must not scan it when it has grown.
    let by_key = [
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        // Planned once, not once more for each new length of an array: that took longer than running.
        ("plan_cache_mode", "force_generic_plan"),
    ];
    Ok(if engine {
        options.options(by_key).statement_cache_capacity(400)
    } else {
        options
    })
}

impl PostgresBackend {
    /// Connects and checks durability and isolation.
    pub async fn open(url: &str, options: &OpenOptions) -> Result<PostgresBackend, OpenError> {
        let size = options.pool_size.max(5);
        let writers = (size * 2 / 5).max(2);
        let hosts = hosts::Hosts::new(url, |url, engine| session(url, engine, options.query_timeout))?;
        hosts.find().await?;
        let pool = |engine: bool, size: u32| -> PgPool {
            let at_acquire = hosts.clone();
            PgPoolOptions::new()
                .max_connections(size)
                .min_connections(options.pool_min_idle.min(size))
                .acquire_timeout(options.pool_acquire_timeout)
                .idle_timeout(options.pool_idle_timeout)
                .max_lifetime(options.pool_max_lifetime)
                .test_before_acquire(false)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        match migrations::hosts::takes_writes(connection).await? {
                            true => Ok(()),
                            false => Err(sqlx::Error::Protocol("the server takes no writes".to_owned())),
                        }
                    })
                })
                // A connection in use needs no question; one that slept may have lost its server.
                .before_acquire(move |connection, meta| {
                    let old = at_acquire.is_old(meta.age);
                    Box::pin(async move {
                        if !old && meta.idle_for > Duration::from_secs(1) {
                            sqlx::Connection::ping(connection).await?;
                        }
                        Ok(!old)
                    })
                })
                .connect_lazy_with(hosts.options(engine))
        };
        // One listens for news of other nodes.
        let rest = size - writers - 1;
        let (engine_size, lists_size) = (rest.div_ceil(2), (rest / 2).max(1));
        let stats = Stats::new(options.slow_statement);
        let gate = |name, size, most| stats.gate(name, size, most, options.pool_acquire_timeout);
        let backend = PostgresBackend {
            engine: pool(true, engine_size),
            lists: pool(false, lists_size),
            gates: Gates {
                engine: gate("engine", engine_size, WAITING.0),
                lists: gate("lists", lists_size, WAITING.1),
                // Longer than a restart of the server takes.
                writers: stats.gate("writers", writers, WAITING.2, Duration::from_secs(20)),
            },
            writers: writer::Writers::new(hosts.clone(), writers),
            statements: statement::Cache::default(),
            stats,
            query_timeout: options.query_timeout,
            hosts: hosts.clone(),
        };
        let (engine, lists) = (backend.engine.clone(), backend.lists.clone());
        tokio::spawn(hosts::follow(Arc::downgrade(&hosts), engine, lists));
        guard::check_durability(&backend.engine, options.unsafe_durability).await?;
        Ok(backend)
    }

    async fn fetch(&self, sql: &Sql) -> Result<Cells, sqlx::Error> {
        let began = Instant::now();
        let rows = sqlx::query_with(AssertSqlSafe(sql.text.clone()), arguments(&sql.args))
            .fetch_all(&self.engine)
            .await;
        self.stats
            .done(stats::class(&sql.text), began, &sql.text, rows.is_ok());
        let rows = self.noticed(rows)?;
        rows.iter().map(cells).collect()
    }

    /// Passes a result on; trouble with the server makes the servers be looked at.
    fn noticed<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let Err(error) = &result
            && is_connection(error)
        {
            self.hosts.suspect(is_read_only(error));
        }
        result
    }
}

#[async_trait]
impl Backend for PostgresBackend {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn read(&self, sql: Sql) -> Result<Cells, StoreError> {
        let _room = self.gates.engine.enter().await?;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.fetch(&sql).await {
                Err(e) if tries < TRIES && (is_connection(&e) || is_rolled_back(&e)) => pause(tries).await,
                other => return other.map_err(store_error),
            }
        }
    }

    async fn run(&self, sql: Sql) -> Result<Cells, StoreError> {
        let _room = self.gates.engine.enter().await?;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.fetch(&sql).await {
                Err(e) if tries < TRIES && is_rolled_back(&e) => pause(tries).await,
                other => return other.map_err(store_error),
            }
        }
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let room = self.gates.engine.enter().await?;
        let transaction = self.noticed(self.engine.begin().await).map_err(store_error)?;
        Ok(Box::new(PostgresTransaction {
            transaction,
            stats: self.stats.clone(),
            _room: room,
        }))
    }

    async fn begin_in_order(&self) -> Result<Box<dyn Transaction>, StoreError> {
        // In the round trip of BEGIN. Statements prepared in it keep their plan, and run nowhere else.
        const BEGIN: &str = "BEGIN; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off";
        let room = self.gates.engine.enter().await?;
        let transaction = self
            .noticed(self.engine.begin_with(BEGIN).await)
            .map_err(store_error)?;
        Ok(Box::new(PostgresTransaction {
            transaction,
            stats: self.stats.clone(),
            _room: room,
        }))
    }

    async fn write(&self, changes: &[&Change]) -> Result<Vec<Applied>, StoreError> {
        let _room = self.gates.writers.enter().await?;
        let began = Instant::now();
        let written = write::write(&self.writers, &self.statements, changes).await;
        self.stats
            .done(stats::BATCH, began, "a batch of commands", written.is_ok());
        written
    }

    async fn select(&self, query: &sea_query::SelectStatement) -> Result<(i64, Vec<CellRow>), StoreError> {
        let (text, values) = query.build_sqlx(sea_query::PostgresQueryBuilder);
        let class = stats::list(&text);
        let text = with_version(&text);
        let _room = self.gates.lists.enter().await?;
        let mut tries = 0;
        let rows = loop {
            tries += 1;
            let began = Instant::now();
            let run = sqlx::query_with(AssertSqlSafe(text.clone()), values.clone())
                .fetch_all(&self.lists)
                .await;
            self.stats.done(class, began, &text, run.is_ok());
            match self.noticed(run) {
                Err(e) if tries < TRIES && (is_connection(&e) || is_rolled_back(&e)) => pause(tries).await,
                Err(e) if is_timeout(&e) => {
                    return Err(StoreError::too_slow(self.query_timeout));
                }
                other => break other.map_err(store_error)?,
            }
        };
        split_version(
            rows.iter()
                .map(cells)
                .collect::<Result<_, _>>()
                .map_err(store_error)?,
        )
    }

    async fn wait_for_writers(&self, budget_ms: Millis) -> Result<bool, StoreError> {
        guard::wait_for_writers(&self.engine, budget_ms).await
    }

    fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    fn lost_connections(&self) -> u64 {
        self.hosts.suspicions()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let _room = self.gates.engine.enter().await?;
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = async {
                let mut connection = self.engine.acquire().await?;
                // A Sync: the server answers it without a statement.
                sqlx::Connection::ping(&mut *connection).await
            };
            match self.noticed(asked.await) {
                Err(e) if tries < TRIES && is_connection(&e) => pause(tries).await,
                other => return other.map_err(store_error),
            }
        }
    }

    async fn announce(&self, line: &str) -> Result<(), StoreError> {
        news::announce(&self.engine, line).await
    }

    fn announcements(&self) -> tokio::sync::mpsc::Receiver<Option<String>> {
        news::listen(&self.hosts, &self.engine)
    }

    async fn close(&self) {
        self.writers.close().await;
        self.engine.close().await;
        self.lists.close().await;
    }
}

struct PostgresTransaction {
    transaction: sqlx::Transaction<'static, Postgres>,
    stats: Arc<Stats>,
    _room: Room,
}

/// Whether the server ended the statement because it took too long.
fn is_timeout(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    code.as_deref() == Some("57014")
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn run(&mut self, sql: Sql) -> Result<Cells, StoreError> {
        let began = Instant::now();
        let query = sqlx::query_with(AssertSqlSafe(sql.text.clone()), arguments(&sql.args));
        let rows = query.fetch_all(&mut *self.transaction).await;
        self.stats
            .done(stats::class(&sql.text), began, &sql.text, rows.is_ok());
        let rows = rows.map_err(store_error)?;
        rows.iter()
            .map(cells)
            .collect::<Result<_, _>>()
            .map_err(store_error)
    }
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(store_error)
    }
}

/// Lets whoever is in the way finish: 2, 4, 8 … ms.
async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(1 << tries.min(8))).await;
}

fn arguments(args: &[Arg]) -> PgArguments {
    let mut bound = PgArguments::default();
    for arg in args {
        // Encoding a value of these types can't fail.
        let _ = match arg {
            Arg::Uuids(ids) => bound.add(ids),
            Arg::Texts(texts) => bound.add(texts),
            Arg::One(ty, cell) => one(&mut bound, *ty, cell),
        };
    }
    bound
}

fn one(bound: &mut PgArguments, ty: Type, cell: &Cell) -> Result<(), sqlx::error::BoxDynError> {
    match ty {
        Type::Uuid => bound.add(uuid(cell)),
        Type::Small => bound.add(int(cell).map(|n| n as i16)),
        Type::Int => bound.add(int(cell).map(|n| n as i32)),
        Type::Big => bound.add(int(cell)),
        Type::Bool => bound.add(boolean(cell)),
        Type::Float => bound.add(float(cell)),
        Type::Text => bound.add(text(cell)),
        Type::Bytes => bound.add(bytes(cell)),
    }
}

fn uuid(cell: &Cell) -> Option<uuid::Uuid> {
    match cell {
        Cell::Uuid(uuid) => Some(*uuid),
        _ => None,
    }
}
fn int(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(n) => Some(*n),
        Cell::Bool(b) => Some((*b).into()),
        _ => None,
    }
}
fn boolean(cell: &Cell) -> Option<bool> {
    int(cell).map(|n| n != 0)
}
fn float(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Float(f) => Some(*f),
        _ => None,
    }
}
fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}
fn bytes(cell: &Cell) -> Option<&[u8]> {
    match cell {
        Cell::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// A row in cells, by the types PostgreSQL names.
fn cells(row: &PgRow) -> Result<Vec<Cell>, sqlx::Error> {
    row.columns().iter().map(|c| cell(row, c.ordinal())).collect()
}

fn cell(row: &PgRow, column: usize) -> Result<Cell, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let ty = raw.type_info();
    Ok(match ty.name() {
        "UUID" => Cell::Uuid(row.try_get(column)?),
        "INT2" => Cell::Int(row.try_get::<i16, _>(column)?.into()),
        "INT4" => Cell::Int(row.try_get::<i32, _>(column)?.into()),
        "INT8" => Cell::Int(row.try_get(column)?),
        "BOOL" => Cell::Bool(row.try_get(column)?),
        "FLOAT4" => Cell::Float(row.try_get::<f32, _>(column)?.into()),
        "FLOAT8" => Cell::Float(row.try_get(column)?),
        "BYTEA" => Cell::Bytes(row.try_get(column)?),
        "TEXT" | "VARCHAR" | "NAME" | "UNKNOWN" | "BPCHAR" => Cell::Text(row.try_get(column)?),
        other => {
            let problem =
                format!("column {column} has the type {other}, which the store does not read; cast it");
            return Err(sqlx::Error::Decode(problem.into()));
        }
    })
}
