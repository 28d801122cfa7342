//! Writing a batch: one statement, one round trip; and what to do when it fails (protocol 2).
use super::super::{
    Applied, StoreError,
    change::Change,
    sql::{is_connection, is_rolled_back, store_error},
};
use super::{
    TRIES, pause,
    statement::{self, CONFLICT, Cache, DUPLICATE, NOT_OWNER},
    writer::{self, BackendId, Writer, Writers},
};
use crate::failpoint;
use bpmn_core::Slot;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;
use topology::IdGenerator;
use uuid::Uuid;

/// Longer than the server lets a statement run: a silence past it is a lost connection.
const SILENCE: Duration = Duration::from_secs(25);

/// Batches are named by time, so that old ones can be deleted by name.
static BATCHES: std::sync::LazyLock<IdGenerator> = std::sync::LazyLock::new(IdGenerator::default);

/// What became of one statement.
enum Outcome {
    Committed(Vec<Applied>),
    /// Rolled back for a reason that may be gone at once.
    Again(sqlx::Error),
    /// Rolled back because of some row.
    Data(sqlx::Error),
    Failed(StoreError),
}

/// Applies units that touch nothing in common. A statement that fails because of a value is split in halves until
/// the culprit stands alone.
pub(super) async fn write(
    writers: &Writers,
    cache: &Cache,
    changes: &[&Change],
) -> Result<Vec<Applied>, StoreError> {
    let _permit = writers.permit().await.map_err(store_error)?;
    let mut results: Vec<Option<Applied>> = changes.iter().map(|_| None).collect();
    // Parts still to do, the first last.
    let mut parts = vec![(0, changes.len())];
    while let Some((from, to)) = parts.pop() {
        match attempt(writers, cache, &changes[from..to]).await? {
            Ok(applied) => results[from..to]
                .iter_mut()
                .zip(applied)
                .for_each(|(slot, a)| *slot = Some(a)),
            Err(error) if to - from == 1 => results[from] = Some(refused(&error)),
            Err(_) => {
                let middle = from + (to - from) / 2;
                parts.extend([(middle, to), (from, middle)]);
            }
        }
    }
    results
        .into_iter()
        .map(|r| r.ok_or_else(|| StoreError::Internal("a unit was not written".to_string())))
        .collect()
}

/// One statement, repeated while that can help. The inner error is about a row.
async fn attempt(
    writers: &Writers,
    cache: &Cache,
    changes: &[&Change],
) -> Result<Result<Vec<Applied>, sqlx::Error>, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match once(writers, cache, changes).await {
            Outcome::Committed(applied) => return Ok(Ok(applied)),
            Outcome::Data(error) => return Ok(Err(error)),
            Outcome::Again(_) if tries < TRIES => pause(tries).await,
            Outcome::Again(error) => return Err(StoreError::Unavailable(error)),
            Outcome::Failed(error) => return Err(error),
        }
    }
}

async fn once(writers: &Writers, cache: &Cache, changes: &[&Change]) -> Outcome {
    let batch = BATCHES.next(Slot::from_bits(0)).0;
    let mut writer = match writers.take().await {
        Ok(writer) => writer,
        Err(error) => return Outcome::Failed(StoreError::Unavailable(error)),
    };
    let statement = match statement::build(cache, &writer.layouts, batch, changes) {
        Ok(statement) => statement,
        Err(error) => {
            writers.give_back(writer);
            return Outcome::Data(sqlx::Error::Encode(error));
        }
    };
    let query = sqlx::query_with(AssertSqlSafe(statement.text), statement.arguments);
    failpoint::hit("write.before");
    let sent = failpoint::during("write.sent", query.fetch_all(&mut writer.connection));
    let rows = match tokio::time::timeout(SILENCE, sent).await {
        Ok(rows) => rows,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    };
    match rows {
        Ok(rows) => {
            failpoint::hit("write.committed");
            writers.give_back(writer);
            let failed = rows
                .iter()
                .map(|r| Ok((r.try_get(0)?, r.try_get(1)?, r.try_get(2)?)));
            match failed.collect::<Result<Vec<(i32, i32, i32)>, sqlx::Error>>() {
                Ok(failed) => Outcome::Committed(results(changes.len(), &failed)),
                Err(error) => Outcome::Failed(StoreError::UnknownOutcome(error)),
            }
        }
        Err(error) if is_lost(&error) => lost(writers, writer, batch, changes.len(), error).await,
        // The tables have changed since the connection read their layouts: another one will read them again.
        Err(error) if is_other_layout(&error) => {
            writers.forget_idle(&error);
            Outcome::Again(error)
        }
        Err(error) => {
            writers.give_back(writer);
            classify(error)
        }
    }
}

/// Whether the server has other columns in a row type than it was sent.
fn is_other_layout(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    code.as_deref() == Some("42804")
}

/// A failure that the server told of before it committed.
fn classify(error: sqlx::Error) -> Outcome {
    if is_rolled_back(&error) || constraint(&error) == Some("idempotency_pkey") {
        return Outcome::Again(error);
    }
    let code = error
        .as_database_error()
        .and_then(|e| e.code())
        .unwrap_or_default()
        .to_string();
    // 22 data exception, 23 constraint, 54 limits (an index entry that is too large).
    if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) {
        Outcome::Data(error)
    } else {
        Outcome::Failed(store_error(error))
    }
}

fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|e| e.constraint())
}

/// What a unit gets whose row the database refused.
fn refused(error: &sqlx::Error) -> Applied {
    let Some(error) = error.as_database_error() else {
        return Applied::Refused(error.to_string());
    };
    if error.is_unique_violation() {
        tracing::warn!(error = error.message(), "a row that should be new is there");
        return Applied::Conflict;
    }
    Applied::Refused(error.message().to_string())
}

fn is_lost(error: &sqlx::Error) -> bool {
    is_connection(error) || !matches!(error, sqlx::Error::Database(_))
}

/// The answer is lost: the old backend has to be gone before the commit table can be believed.
async fn lost(writers: &Writers, old: Writer, batch: Uuid, units: usize, error: sqlx::Error) -> Outcome {
    tracing::warn!(%batch, error = %error, "lost the answer of a commit; looking it up");
    let backend = old.backend.clone();
    drop(old);
    writers.forget_idle(&error);
    match look_up(writers, &backend, batch).await {
        Ok(Some(refused)) => Outcome::Committed(results(units, &parse(&refused))),
        Ok(None) => Outcome::Again(error),
        Err(cause) => {
            tracing::error!(%batch, error = %cause, "the outcome of a commit is unknown");
            Outcome::Failed(StoreError::UnknownOutcome(error))
        }
    }
}

async fn look_up(writers: &Writers, backend: &BackendId, batch: Uuid) -> Result<Option<String>, sqlx::Error> {
    let mut fresh = writers.connect().await?;
    if !writer::end(&mut fresh.connection, backend).await? {
        return Err(sqlx::Error::Protocol("the old backend does not end".to_string()));
    }
    let found = sqlx::query_scalar("SELECT \"refused\" FROM commit_batch WHERE \"id\" = $1")
        .bind(batch)
        .fetch_optional(&mut fresh.connection)
        .await?;
    writers.give_back(fresh);
    Ok(found)
}

fn parse(refused: &str) -> Vec<(i32, i32, i32)> {
    let number = |part: Option<&str>| part.and_then(|p| p.parse().ok()).unwrap_or(0);
    let entries = refused.split(',').filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let mut parts = entry.split(':');
            (number(parts.next()), number(parts.next()), number(parts.next()))
        })
        .collect()
}

fn results(units: usize, failed: &[(i32, i32, i32)]) -> Vec<Applied> {
    let mut results = vec![Applied::Done; units];
    for (unit, code, slot) in failed {
        if let Some(result) = results.get_mut((*unit - 1).max(0) as usize) {
            *result = match *code {
                NOT_OWNER => Applied::NotOwner(Slot::from_bits(*slot as u64)),
                DUPLICATE => Applied::Duplicate,
                CONFLICT => Applied::Conflict,
                // No such code; never taken for done.
                _ => Applied::Conflict,
            };
        }
    }
    results
}
