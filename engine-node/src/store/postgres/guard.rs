//! Looking at the server rather than at rows: its durability, and who is writing.
use super::super::{OpenError, StoreError, sql::store_error};
use bpmn_core::Millis;
use sqlx::{PgPool, Row};
use std::time::{Duration, Instant};

/// Refuses a server that may lose acknowledged commits, unless told otherwise.
pub(super) async fn check_durability(pool: &PgPool, allow_unsafe: bool) -> Result<(), OpenError> {
    let rows = sqlx::query(
        "SELECT name::text, setting::text, reset_val::text FROM pg_settings WHERE name IN
         ('fsync', 'synchronous_commit', 'full_page_writes', 'default_transaction_isolation')",
    )
    .fetch_all(pool)
    .await?;
    for row in rows {
        let (name, setting): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let wanted = if name == "default_transaction_isolation" {
            setting == "read committed"
        } else {
            setting != "off"
        };
        if wanted {
            continue;
        }
        if !allow_unsafe || name == "default_transaction_isolation" {
            return Err(OpenError::Durability { name, setting });
        }
        tracing::warn!(
            name,
            setting,
            "the database may lose acknowledged work (--unsafe-durability)"
        );
    }
    Ok(())
}

/// Transactions open in this database now, by other sessions. A transaction's virtual id is taken before its first
/// snapshot, so whoever isn't listed will see what was committed before this was asked.
const OPEN: &str =
    "SELECT l.virtualxid::text || '@' || l.pid::text FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.granted AND a.pid <> pg_backend_pid()
     AND a.datname = current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend'
     UNION ALL SELECT 'prepared@' || gid FROM pg_prepared_xacts WHERE database = current_database()";

/// Waits until all of those have ended; false when the budget is used up.
pub(super) async fn wait_for_writers(pool: &PgPool, budget_ms: Millis) -> Result<bool, StoreError> {
    let deadline = Instant::now() + Duration::from_millis(budget_ms.max(0) as u64);
    let mut waiting: Vec<String> = sqlx::query_scalar(OPEN)
        .fetch_all(pool)
        .await
        .map_err(store_error)?;
    let mut pause = Duration::from_millis(2);
    while !waiting.is_empty() {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
        let open: Vec<String> = sqlx::query_scalar(OPEN)
            .fetch_all(pool)
            .await
            .map_err(store_error)?;
        waiting.retain(|w| open.contains(w));
    }
    Ok(true)
}
