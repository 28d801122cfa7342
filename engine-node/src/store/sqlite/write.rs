//! A batch in one transaction: a savepoint for each unit, its checks before its rows.
use super::super::{
    Applied,
    cell::Cell,
    change::{Change, Group, Verb, WRITTEN},
    schema::Type,
    sql::{Dialect, Sql, columns, on_conflict_put},
};
use super::run;
use sqlx::SqliteConnection;

/// Rows of one statement: SQLite binds at most 32,766 values.
const ROWS: usize = 200;

/// Applies the units one after the other, in the transaction that is open.
pub(super) async fn write(
    writer: &mut SqliteConnection,
    changes: &[&Change],
) -> Result<Vec<Applied>, sqlx::Error> {
    let mut results = Vec::with_capacity(changes.len());
    for change in changes {
        results.push(unit(writer, change).await?);
    }
    Ok(results)
}

async fn execute(writer: &mut SqliteConnection, text: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(text).execute(writer).await.map(drop)
}

async fn unit(writer: &mut SqliteConnection, change: &Change) -> Result<Applied, sqlx::Error> {
    if let Some(refusal) = check(writer, change).await? {
        return Ok(refusal);
    }
    execute(writer, "SAVEPOINT unit").await?;
    let written = rows(writer, change).await;
    match written {
        Ok(()) => {
            execute(writer, "RELEASE unit").await?;
            Ok(Applied::Done)
        }
        Err(error) => match refused(&error) {
            Some(applied) => {
                execute(writer, "ROLLBACK TO unit").await?;
                execute(writer, "RELEASE unit").await?;
                Ok(applied)
            }
            None => Err(error),
        },
    }
}

/// The unit's guards, in the order in which a refusal is told: owner, duplicate, conflict.
async fn check(writer: &mut SqliteConnection, change: &Change) -> Result<Option<Applied>, sqlx::Error> {
    let new = |text: &str| Sql::new(Dialect::Sqlite, text);
    for slot in &change.slots {
        let sql = new("SELECT 1 FROM slot WHERE \"state\" = 0 AND \"slot\" = ").bind(Type::Small, *slot);
        if run(writer, &sql).await?.is_empty() {
            return Ok(Some(Applied::NotOwner(*slot)));
        }
    }
    for (slot, key) in &change.keys {
        let sql = new("SELECT 1 FROM idempotency WHERE \"slot\" = ").bind(Type::Small, *slot);
        if !run(
            writer,
            &sql.push(" AND \"key\" = ").bind(Type::Bytes, key.clone()),
        )
        .await?
        .is_empty()
        {
            return Ok(Some(Applied::Duplicate));
        }
    }
    let mut held = Vec::new();
    for (id, revision) in &change.revisions {
        let sql = new("SELECT 1 FROM process_instance WHERE \"id\" = ").bind(Type::Uuid, *id);
        held.push(sql.push(" AND \"revision\" = ").bind(Type::Big, *revision));
    }
    for (id, revision) in &change.task_units {
        let sql = new("SELECT 1 FROM task_unit WHERE \"id\" = ").bind(Type::Uuid, *id);
        held.push(sql.push(" AND \"revision\" = ").bind(Type::Big, *revision));
    }
    for (id, revision) in &change.locks {
        let sql = new("SELECT 1 FROM external_task WHERE \"id\" = ").bind(Type::Uuid, *id);
        held.push(sql.push(" AND \"lock_revision\" = ").bind(Type::Big, *revision));
    }
    for id in &change.gone_jobs {
        held.push(new("SELECT 1 FROM job WHERE \"id\" = ").bind(Type::Uuid, *id));
    }
    for sql in held {
        if run(writer, &sql).await?.is_empty() {
            return Ok(Some(Applied::Conflict));
        }
    }
    Ok(None)
}

async fn rows(writer: &mut SqliteConnection, change: &Change) -> Result<(), sqlx::Error> {
    let mut sorted: Vec<&(Group, Vec<Cell>)> = change.rows.iter().collect();
    sorted.sort_by_key(|(group, _)| *group);
    for same in sorted.chunk_by(|a, b| a.0 == b.0) {
        for part in same.chunks(ROWS) {
            let group = part[0].0;
            let table = &WRITTEN[group.table];
            let sql = match group.verb {
                Verb::Delete => {
                    let key = table.columns[0].name;
                    let sql = Sql::new(
                        Dialect::Sqlite,
                        &format!("DELETE FROM {} WHERE \"{key}\" IN (VALUES ", table.name),
                    );
                    let cells: Vec<Vec<Cell>> = part.iter().map(|(_, row)| row.clone()).collect();
                    sql.rows(&table.columns[..1], &cells).push(")")
                }
                Verb::Remove => {
                    let names: Vec<String> = table.key.iter().map(|key| format!("\"{key}\"")).collect();
                    let places: Vec<usize> = table.key.iter().map(|key| table.position(key)).collect();
                    let columns: Vec<_> = places.iter().map(|at| table.columns[*at]).collect();
                    let key = |row: &Vec<Cell>| places.iter().map(|at| row[*at].clone()).collect();
                    let cells: Vec<Vec<Cell>> = part.iter().map(|(_, row)| key(row)).collect();
                    let sql = Sql::new(
                        Dialect::Sqlite,
                        &format!(
                            "DELETE FROM {} WHERE ({}) IN (VALUES ",
                            table.name,
                            names.join(", ")
                        ),
                    );
                    sql.rows(&columns, &cells).push(")")
                }
                verb => {
                    let sql = Sql::new(
                        Dialect::Sqlite,
                        &format!("INSERT INTO {} ({}) VALUES ", table.name, columns(table, "")),
                    );
                    let cells: Vec<Vec<Cell>> = part.iter().map(|(_, row)| row.clone()).collect();
                    let sql = sql.rows(table.columns, &cells);
                    if verb == Verb::Put {
                        sql.push(" ").push(&on_conflict_put(table))
                    } else {
                        sql
                    }
                }
            };
            run(writer, &sql).await?;
        }
    }
    Ok(())
}

/// What a unit gets whose row SQLite refused; `None` for other failures.
fn refused(error: &sqlx::Error) -> Option<Applied> {
    let error = error.as_database_error()?;
    let code: i32 = error.code()?.parse().ok()?;
    if matches!(code, 1555 | 2067) {
        tracing::warn!(error = error.message(), "a row that should be new is there");
        return Some(Applied::Conflict);
    }
    // Constraint, mismatch, too big; the low byte is the primary code.
    matches!(code & 0xff, 18..=20).then(|| Applied::Refused(error.message().to_string()))
}
