//! `schema print`, `plan`, `apply` and `status`: shard by shard, stopping at the first failure.
use crate::{
    options::{Databases, DialectName, NamedDatabase, Options},
    output,
};
use anyhow::{Context, Result, bail};
use migrations::{Db, Dialect, Schema};
use serde::Serialize;
use std::io::Write;

/// Prints the SQL of an empty database's schema.
///
/// # Errors
/// stdout is closed.
pub fn print(dialect: DialectName, out: &mut (dyn Write + Send)) -> Result<()> {
    let dialect = match dialect {
        DialectName::Postgres => Dialect::Postgres,
        DialectName::Sqlite => Dialect::Sqlite,
    };
    Ok(writeln!(out, "{}", Schema::current().print(dialect))?)
}

async fn connect(database: &NamedDatabase) -> Result<Db> {
    Db::connect(&database.url)
        .await
        .with_context(|| service::mask(&database.url))
}

#[derive(Serialize)]
struct Planned {
    shard: String,
    /// Names of the steps.
    steps: Vec<&'static str>,
    sql: String,
}

/// Prints what `apply` would do.
///
/// # Errors
/// A database can't be read; names it.
pub async fn plan(options: &Options, databases: &Databases, out: &mut (dyn Write + Send)) -> Result<()> {
    let schema = Schema::current();
    let mut planned = Vec::new();
    for database in &databases.database {
        let context = || format!("shard {}", database.name);
        let mut db = connect(database).await.with_context(context)?;
        let steps = schema.status(&mut db).await.with_context(context)?.pending;
        let sql = schema.plan(&mut db).await.with_context(context)?;
        planned.push(Planned {
            shard: database.name.clone(),
            steps,
            sql,
        });
        db.close().await.with_context(context)?;
    }
    let row = |p: &Planned| {
        let steps = if p.steps.is_empty() {
            "nothing to do".to_owned()
        } else {
            p.steps.join(", ")
        };
        vec![p.shard.clone(), steps, p.sql.lines().count().to_string()]
    };
    let rows = planned.iter().map(row).collect();
    Ok(output::print(
        out,
        options.output,
        &planned,
        &["SHARD", "STEPS", "LINES OF SQL"],
        rows,
    )?)
}

#[derive(Serialize)]
struct Applied {
    shard: String,
    steps: Vec<&'static str>,
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Brings the databases to this build's schema, one after the other. A database that is there already is left alone.
///
/// # Errors
/// At the first failure; what was done before it stands and is printed.
pub async fn apply(options: &Options, databases: &Databases, out: &mut (dyn Write + Send)) -> Result<()> {
    let bar = output::progress("databases", databases.database.len() as u64);
    let mut done: Vec<Applied> = Vec::new();
    for database in &databases.database {
        bar.set_message(database.name.clone());
        match apply_one(database).await {
            Ok(applied) => done.push(applied),
            Err(error) => {
                let error = Some(format!("{error:#}"));
                done.push(Applied {
                    shard: database.name.clone(),
                    steps: Vec::new(),
                    version: 0,
                    error,
                });
                break;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let row = |a: &Applied| match &a.error {
        None => vec![a.shard.clone(), a.version.to_string(), a.steps.join(", ")],
        Some(error) => vec![a.shard.clone(), "failed".to_owned(), error.clone()],
    };
    let rows = done.iter().map(row).collect();
    output::print(out, options.output, &done, &["SHARD", "VERSION", "STEPS"], rows)?;
    match done
        .last()
        .and_then(|last| last.error.as_ref().map(|error| (&last.shard, error)))
    {
        Some((shard, error)) => {
            let left = databases.database.len() - done.len();
            bail!(
                "shard {shard} failed ({error}); {} done, {left} not begun",
                done.len() - 1
            )
        }
        None => Ok(()),
    }
}

async fn apply_one(database: &NamedDatabase) -> Result<Applied> {
    let mut db = connect(database).await?;
    let schema = Schema::current();
    let steps = schema.apply(&mut db).await?;
    let version = schema.check(&mut db).await?;
    db.close().await?;
    Ok(Applied {
        shard: database.name.clone(),
        steps,
        version,
        error: None,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    shard: String,
    version: i32,
    serves_first: i32,
    serves_last: i32,
    pending: Vec<&'static str>,
    applied: Vec<Step>,
    /// What keeps this build's nodes from serving it.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    version: i32,
    name: String,
    checksum: String,
    applied_at: i64,
    drift: bool,
}

/// Prints where each database stands.
///
/// # Errors
/// A database can't be read, or (after printing) this build's nodes would refuse one.
pub async fn status(options: &Options, databases: &Databases, out: &mut (dyn Write + Send)) -> Result<()> {
    let schema = Schema::current();
    let mut shown = Vec::new();
    for database in &databases.database {
        let context = || format!("shard {}", database.name);
        let mut db = connect(database).await.with_context(context)?;
        let status = schema.status(&mut db).await.with_context(context)?;
        let problem = schema.check(&mut db).await.err().map(|error| error.to_string());
        db.close().await.with_context(context)?;
        let step = |a: migrations::Applied| Step {
            drift: status.drift.contains(&a.version),
            version: a.version,
            name: a.name,
            checksum: a.checksum,
            applied_at: a.applied_at,
        };
        let serves = schema.serves();
        shown.push(Shown {
            shard: database.name.clone(),
            version: status.version,
            serves_first: serves.first,
            serves_last: serves.last,
            pending: status.pending,
            applied: status.applied.into_iter().map(step).collect(),
            problem,
        });
    }
    let row = |s: &Shown| {
        let serves = format!("{} to {}", s.serves_first, s.serves_last);
        let state = s.problem.clone().unwrap_or_else(|| "ok".to_owned());
        vec![
            s.shard.clone(),
            s.version.to_string(),
            serves,
            s.pending.join(", "),
            state,
        ]
    };
    let rows = shown.iter().map(row).collect();
    output::print(
        out,
        options.output,
        &shown,
        &["SHARD", "VERSION", "SERVED", "PENDING", "STATE"],
        rows,
    )?;
    match shown.iter().filter(|s| s.problem.is_some()).count() {
        0 => Ok(()),
        n => bail!("{n} of {} databases can't be served by this build", shown.len()),
    }
}
