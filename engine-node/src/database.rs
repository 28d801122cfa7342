//! Opening a node's database at its start, and waiting for one that is still starting itself.
use crate::{
    SchemaVersions,
    options::Options,
    store::{self, Store, is_connection},
};
use anyhow::Context;
use migrations::{Db, Schema};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Pause between two tries.
const AGAIN: Duration = Duration::from_millis(250);

/// Opens the database, bringing an empty one to this build's schema. One that can't be reached yet is tried again for
/// `--database-wait`: after a power cut everything starts at once.
///
/// # Errors
/// It stays away, or it can't be used as it is.
pub(crate) async fn open(
    options: &Options,
    in_cluster: bool,
) -> anyhow::Result<(Arc<dyn Store>, SchemaVersions)> {
    let until = Instant::now() + options.database_wait;
    let mut told = false;
    loop {
        match open_now(options, in_cluster).await {
            Err(error) if is_away(&error) && Instant::now() < until => {
                if !std::mem::replace(&mut told, true) {
                    let wait = options.database_wait.as_secs();
                    tracing::warn!("{error:#}; trying again for {wait} s (--database-wait)");
                }
                tokio::time::sleep(AGAIN).await;
            }
            result => return result,
        }
    }
}

/// Whether it may be there in a moment.
fn is_away(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<sqlx::Error>())
        .any(|e| is_connection(e) || matches!(e, sqlx::Error::PoolTimedOut))
}

async fn open_now(options: &Options, in_cluster: bool) -> anyhow::Result<(Arc<dyn Store>, SchemaVersions)> {
    let url = options.database_url()?;
    let schema = Schema::current();
    let serves = schema.serves();
    let how = store::OpenOptions {
        pool_size: options.pool_size,
        pool_min_idle: options.pool_min_idle,
        pool_idle_timeout: unless_zero(options.pool_idle_timeout),
        pool_max_lifetime: unless_zero(options.pool_max_lifetime),
        pool_acquire_timeout: options.pool_acquire_timeout,
        query_timeout: options.query_timeout,
        slow_statement: unless_zero(options.slow_statement),
        unsafe_durability: options.unsafe_durability,
        migrate_empty: true,
        stand_alone: !in_cluster,
        schema: schema.clone(),
    };
    let store = store::open(url, how)
        .await
        .with_context(|| format!("database {}", service::mask(url)))?;
    let current = match url.contains(":memory:") {
        true => serves.first,
        false => {
            let mut db = Db::connect(url).await?;
            let current = schema.check(&mut db).await?;
            db.close().await?;
            current
        }
    };
    Ok((
        store,
        SchemaVersions {
            current,
            min: serves.first,
            max: serves.last,
        },
    ))
}

/// 0 stands for none.
fn unless_zero(duration: Duration) -> Option<Duration> {
    Some(duration).filter(|d| !d.is_zero())
}
