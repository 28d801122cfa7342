//! Making, listing and dropping users' own indexes in a database. What is made already is left alone, so that each
//! may be repeated at any time.
use crate::{
    Db, Dialect, SchemaError,
    indexes::{Target, UserIndex, create},
};
use sqlx::Row;

/// Key of the advisory lock that lets one caller at a time make users' indexes: "stellidx" in ASCII.
const LOCK: i64 = 0x7374_656c_6c69_6478;

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    Created,
    /// It was there.
    Present,
    /// An index of ours begins with the same columns: no second one is made.
    ServedBy(String),
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Made::Created => f.write_str("created"),
            Made::Present => f.write_str("there already"),
            Made::ServedBy(index) => write!(f, "served by {index}"),
        }
    }
}

/// An index in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub table: String,
    /// Columns in order, as far as they are plain.
    pub columns: Vec<String>,
    /// It may be used for any row.
    pub whole: bool,
    pub valid: bool,
}

macro_rules! rows {
    ($db:expr, $pg:expr, $lite:expr, $bind:expr, $read:expr) => {
        match $db {
            Db::Postgres(c) => sqlx::query($pg)
                .bind($bind)
                .fetch_all(c)
                .await?
                .iter()
                .map($read)
                .collect::<Result<Vec<_>, sqlx::Error>>()?,
            Db::Sqlite(c) => sqlx::query($lite)
                .bind($bind)
                .fetch_all(c)
                .await?
                .iter()
                .map($read)
                .collect::<Result<Vec<_>, sqlx::Error>>()?,
        }
    };
}

/// The columns of one of our tables; `None` if it doesn't exist.
pub async fn columns_of(db: &mut Db, table: &str) -> Result<Option<Vec<String>>, SchemaError> {
    let names: Vec<String> = rows!(
        db,
        "SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        "SELECT c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name = ? ORDER BY c.cid",
        table,
        |row| row.try_get(0)
    );
    Ok((!names.is_empty()).then_some(names))
}

/// Indexes of a table.
pub async fn of_table(db: &mut Db, table: &str) -> Result<Vec<Found>, SchemaError> {
    let read: Vec<(String, i64, Option<String>, bool, bool)> = rows!(
        db,
        "SELECT i.relname::text, k.place::bigint, a.attname::text, x.indpred IS NULL AND m.amname = 'btree', x.indisvalid
         FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
         CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY k(column_number, place)
         LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.column_number AND a.attnum > 0
         WHERE x.indrelid = to_regclass($1) ORDER BY 1, 2",
        "SELECT i.name, c.seqno, c.name, i.partial = 0, 1 FROM pragma_index_list(?) i JOIN pragma_index_info(i.name) c ORDER BY 1, 2",
        table,
        |row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?))
    );
    let mut found: Vec<Found> = Vec::new();
    for (name, _, column, whole, valid) in read {
        if found.last().is_none_or(|f| f.name != name) {
            found.push(Found {
                name,
                table: table.to_owned(),
                columns: Vec::new(),
                whole,
                valid,
            });
        }
        if let Some(last) = found.last_mut() {
            last.columns
                .push(column.unwrap_or_else(|| "(expression)".to_owned()));
        }
    }
    Ok(found)
}

/// Makes what is missing of an index. PostgreSQL: without stopping writers, partition by partition; new partitions get
/// it by themselves. Not inside a transaction.
///
/// # Errors
/// The database refuses; what was made stands, and a repetition goes on.
pub async fn make(db: &mut Db, index: &UserIndex) -> Result<Vec<(Target, Made)>, SchemaError> {
    lock(db).await?;
    let made = make_locked(db, index).await;
    let unlocked = match db {
        Db::Postgres(c) => sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(LOCK)
            .execute(c)
            .await
            .map(drop),
        Db::Sqlite(_) => Ok(()),
    };
    let made = made?;
    unlocked?;
    Ok(made)
}

/// Takes the lock by asking again and again: a statement that waits for it would hold a snapshot, which the builder of
/// the index would wait for in turn.
async fn lock(db: &mut Db) -> Result<(), SchemaError> {
    let Db::Postgres(c) = db else { return Ok(()) };
    loop {
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *c)
            .await?;
        if taken {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

async fn make_locked(db: &mut Db, index: &UserIndex) -> Result<Vec<(Target, Made)>, SchemaError> {
    let mut all = Vec::new();
    for target in &index.on {
        let there = of_table(db, &target.table).await?;
        let made = if there.iter().any(|f| f.name == target.index && f.valid) {
            Made::Present
        } else if let Some(ours) = serving(&there, target) {
            Made::ServedBy(ours)
        } else {
            make_one(db, target).await?;
            Made::Created
        };
        all.push((target.clone(), made));
    }
    Ok(all)
}

/// One of our indexes whose first columns are the wanted ones.
fn serving(there: &[Found], target: &Target) -> Option<String> {
    let ascending = target.columns.iter().all(|(_, descends)| !descends);
    let wanted: Vec<&str> = target.columns.iter().map(|(name, _)| name.as_str()).collect();
    let serves = |f: &&Found| {
        let starts = f
            .columns
            .iter()
            .map(String::as_str)
            .take(wanted.len())
            .eq(wanted.iter().copied());
        f.whole && f.valid && starts && !f.name.starts_with("user_")
    };
    there
        .iter()
        .filter(|_| ascending)
        .find(serves)
        .map(|f| f.name.clone())
}

async fn make_one(db: &mut Db, target: &Target) -> Result<(), SchemaError> {
    let parts = partitions(db, &target.table).await?;
    let Some(parts) = parts else {
        drop_broken(db, &target.table, &target.index).await?;
        return db.run(&create(target, db.dialect())).await;
    };
    // An index of a partitioned table can't be made concurrently: its shell first, which counts once each partition's
    // own index has been attached. The shell takes its lock for a moment only.
    db.run(&format!(
        "CREATE INDEX IF NOT EXISTS {} ON ONLY {} ({})",
        target.index,
        target.table,
        target.list()
    ))
    .await?;
    for (part, number) in parts {
        let own = Target {
            index: format!("{}_{number}", target.index),
            table: part.clone(),
            columns: target.columns.clone(),
        };
        drop_broken(db, &part, &own.index).await?;
        db.run(&create(&own, Dialect::Postgres)).await?;
        db.run(&format!(
            "ALTER INDEX {} ATTACH PARTITION {}",
            target.index, own.index
        ))
        .await?;
    }
    Ok(())
}

/// A try that was interrupted leaves an index that nothing uses.
async fn drop_broken(db: &mut Db, table: &str, index: &str) -> Result<(), SchemaError> {
    let there = of_table(db, table).await?;
    if there.iter().any(|f| f.name == index && !f.valid) {
        db.run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"))
            .await?;
    }
    Ok(())
}

/// Partitions of a table, with a number each; `None` if it isn't partitioned.
async fn partitions(db: &mut Db, table: &str) -> Result<Option<Vec<(String, i64)>>, SchemaError> {
    let Db::Postgres(c) = db else { return Ok(None) };
    let partitioned: Option<bool> =
        sqlx::query_scalar("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass($1)")
            .bind(table)
            .fetch_optional(&mut *c)
            .await?;
    if partitioned != Some(true) {
        return Ok(None);
    }
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT t.relid::regclass::text, t.relid::oid::bigint FROM pg_partition_tree(to_regclass($1)) t WHERE t.isleaf",
    )
    .bind(table)
    .fetch_all(c)
    .await?;
    Ok(Some(rows))
}

/// Names of users' indexes in the database, with their tables; those of partitions left out.
pub async fn list(db: &mut Db) -> Result<Vec<(String, String)>, SchemaError> {
    let all: Vec<(String, String)> = rows!(
        db,
        "SELECT i.relname::text, t.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
         JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = i.relnamespace
         WHERE n.nspname = current_schema() AND i.relname LIKE $1 AND NOT i.relispartition ORDER BY 1",
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND name LIKE ? ORDER BY 1",
        "user_%",
        |row| Ok((row.try_get(0)?, row.try_get(1)?))
    );
    // To LIKE, `_` is any character.
    Ok(all
        .into_iter()
        .filter(|(name, _)| name.starts_with("user_"))
        .collect())
}

/// Drops an index; one that isn't there is fine. Takes an exclusive lock on its table for a moment.
pub async fn discard(db: &mut Db, index: &str) -> Result<(), SchemaError> {
    db.run(&format!("DROP INDEX IF EXISTS {index}")).await
}
