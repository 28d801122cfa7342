//! Opening a shard's database: schema, durability, stamp.
use super::{
    Store, StoreError,
    backend::Backend,
    postgres::PostgresBackend,
    sql_store::SqlStore,
    sqlite::{self, SqliteBackend},
};
use migrations::{Db, Schema, SchemaError};
use std::{sync::Arc, time::Duration};

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Connections in all; PostgreSQL gets at least 5.
    pub pool_size: u32,
    /// Of each of its pools as many are kept open while idle.
    pub pool_min_idle: u32,
    /// How long others may stay idle, and how long any may live; `None`: for ever.
    pub pool_idle_timeout: Option<Duration>,
    pub pool_max_lifetime: Option<Duration>,
    /// How long work waits for a connection before it is refused.
    pub pool_acquire_timeout: Duration,
    /// How long a client's list or count may run.
    pub query_timeout: Duration,
    /// Statements that take this long are logged.
    pub slow_statement: Option<Duration>,
    /// Accepts a server that may lose acknowledged commits.
    pub unsafe_durability: bool,
    /// Applies the schema to an empty database.
    pub migrate_empty: bool,
    /// The node has no topology: a fresh database owns every slot, and a stamped one is refused.
    pub stand_alone: bool,
    /// The schema's steps; tests give another list.
    pub schema: Schema,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            pool_size: 10,
            pool_min_idle: 0,
            pool_idle_timeout: Some(Duration::from_secs(600)),
            pool_max_lifetime: Some(Duration::from_secs(1800)),
            pool_acquire_timeout: Duration::from_secs(5),
            query_timeout: Duration::from_secs(20),
            slow_statement: Some(Duration::from_millis(500)),
            unsafe_durability: false,
            migrate_empty: true,
            stand_alone: true,
            schema: Schema::current(),
        }
    }
}

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("the database can't be reached")]
    Database(#[from] sqlx::Error),
    #[error("the directory for a temporary database can't be made")]
    Directory(#[from] std::io::Error),
    /// A setting that may lose acknowledged work.
    #[error(
        "the database runs with {name} = {setting}, which may lose acknowledged work (--unsafe-durability accepts it)"
    )]
    Durability { name: String, setting: String },
    /// Opened stand-alone, but it is a shard of a cluster.
    #[error(
        "the database belongs to shard '{shard}' of cluster '{cluster}'; start the node with its topology"
    )]
    Stamped { cluster: String, shard: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens `postgres://…` (of several servers, `HOST:PORT,HOST:PORT`, the one that takes writes), `sqlite://FILE`, or `sqlite::memory:` (a database that isn't kept).
///
/// # Errors
/// If it can't be reached, isn't ours, has a schema this build doesn't serve, may lose commits, or belongs to a
/// cluster while `stand_alone` is set.
pub async fn open(url: &str, options: OpenOptions) -> Result<Arc<dyn Store>, OpenError> {
    let memory = url.starts_with("sqlite:") && url.contains(":memory:");
    let (url, kept) = match memory {
        true => sqlite::temporary().map(|(url, kept)| (url, Some(kept)))?,
        false => (url.to_string(), None),
    };
    schema(&url, &options).await?;
    if url.starts_with("sqlite:") {
        let backend = SqliteBackend::open(&url, &options, kept).await?;
        finish(SqlStore::new(backend), &options).await
    } else {
        let backend = PostgresBackend::open(&url, &options).await?;
        finish(SqlStore::new(backend), &options).await
    }
}

async fn schema(url: &str, options: &OpenOptions) -> Result<(), OpenError> {
    let mut db = Db::connect(url).await?;
    let checked = match options.schema.check(&mut db).await {
        Err(SchemaError::Empty) if options.migrate_empty => {
            options.schema.apply(&mut db).await?;
            options.schema.check(&mut db).await
        }
        other => other,
    };
    let version = checked?;
    db.close().await?;
    tracing::debug!(version, serves = %options.schema.serves(), "schema checked");
    Ok(())
}

async fn finish<B: Backend>(store: SqlStore<B>, options: &OpenOptions) -> Result<Arc<dyn Store>, OpenError> {
    if options.stand_alone {
        if let Some(stamp) = store.read_stamp().await? {
            return Err(OpenError::Stamped {
                cluster: stamp.cluster,
                shard: stamp.shard,
            });
        }
        store.own_all_if_fresh().await?;
    }
    Ok(Arc::new(store))
}
