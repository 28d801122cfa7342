//! `index add`, `list` and `drop`: users' own indexes. The topology keeps the declarations, and the nodes of every
//! shard make what is missing; named databases get them at once.
use crate::{
    connect::Admin,
    options::{NamedDatabase, Options, SomeDatabases},
    output,
};
use anyhow::{Context, Result, bail};
use cluster::Cluster;
use migrations::{
    Db,
    indexes::{UserIndex, translate},
    user_indexes,
};
use serde::Serialize;
use service::ConfigError;
use std::{io::Write, sync::Arc};

/// The topology, if one was named; else some database has to be.
async fn topology(options: &Options, databases: &SomeDatabases) -> Result<Option<Arc<dyn Cluster>>> {
    if options.topology.is_none() {
        if databases.database.is_empty() {
            let why = "needs --topology etcd://HOST:PORT,…, or --database NAME=URL for a node without one";
            return Err(ConfigError::usage(format!("shard-admin index {why}")).into());
        }
        return Ok(None);
    }
    Ok(Some(Admin::connect(options).await?.cluster))
}

async fn connect(database: &NamedDatabase) -> Result<Db> {
    Db::connect(&database.url)
        .await
        .with_context(|| format!("shard {}: {}", database.name, service::mask(&database.url)))
}

#[derive(Serialize)]
struct Line {
    /// The declared name.
    name: String,
    /// A shard, or empty for the declaration itself.
    shard: String,
    index: String,
    on: String,
    state: String,
}

fn print(options: &Options, lines: &[Line], out: &mut (dyn Write + Send)) -> Result<()> {
    let row = |l: &Line| {
        vec![
            l.name.clone(),
            l.shard.clone(),
            l.index.clone(),
            l.on.clone(),
            l.state.clone(),
        ]
    };
    let header = ["NAME", "SHARD", "INDEX", "ON", "STATE"];
    Ok(output::print(
        out,
        options.output,
        &lines,
        &header,
        lines.iter().map(row).collect(),
    )?)
}

/// Declares an index.
///
/// # Errors
/// The statement can't be translated (says why), another index has the name, etcd or a database doesn't answer.
pub async fn add(
    options: &Options,
    statement: &str,
    databases: &SomeDatabases,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let cluster = topology(options, databases).await?;
    add_to(options, cluster, statement, databases, out).await
}

pub(super) async fn add_to(
    options: &Options,
    cluster: Option<Arc<dyn Cluster>>,
    statement: &str,
    databases: &SomeDatabases,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let index = understood(statement, databases).await?;
    let mut lines = Vec::new();
    if let Some(cluster) = cluster {
        declare(cluster.as_ref(), &index).await?;
        for target in &index.on {
            lines.push(Line {
                name: index.name.clone(),
                shard: String::new(),
                index: target.index.clone(),
                on: format!("{} ({})", target.table, target.list()),
                state: "declared; nodes make it within a minute".to_owned(),
            });
        }
    }
    for database in &databases.database {
        let mut db = connect(database).await?;
        let made = user_indexes::make(&mut db, &index)
            .await
            .with_context(|| format!("shard {}", database.name))?;
        db.close().await?;
        for (target, made) in made {
            lines.push(Line {
                name: index.name.clone(),
                shard: database.name.clone(),
                on: format!("{} ({})", target.table, target.list()),
                index: target.index,
                state: made.to_string(),
            });
        }
    }
    print(options, &lines, out)
}

/// What the statement means; for one on our own tables a database has to say what columns there are.
async fn understood(statement: &str, databases: &SomeDatabases) -> Result<UserIndex> {
    match translate(statement, &|_| None) {
        Err(migrations::indexes::IndexError::Table(table)) => {
            let Some(database) = databases.database.first() else {
                bail!("there is no view '{table}'; for one of our own tables name a --database too");
            };
            let mut db = connect(database).await?;
            let columns = user_indexes::columns_of(&mut db, &table).await?;
            db.close().await?;
            Ok(translate(statement, &|_| columns.clone())?)
        }
        other => Ok(other?),
    }
}

async fn declare(cluster: &dyn Cluster, index: &UserIndex) -> Result<()> {
    let key = format!("{}{}", cluster::USER_INDEXES, index.name);
    let (version, before) = kept(cluster, &index.name).await?;
    match before {
        Some(before) if before.on == index.on => return Ok(()),
        Some(before) => bail!(
            "index {} is declared already, as: {}; drop it first",
            index.name,
            before.statement
        ),
        None => {}
    }
    cluster
        .cas_meta(&key, version, Some(serde_json::to_value(index)?))
        .await?;
    Ok(())
}

async fn kept(cluster: &dyn Cluster, name: &str) -> Result<(u64, Option<UserIndex>)> {
    let key = format!("{}{name}", cluster::USER_INDEXES);
    let all = cluster.meta(&key).await?;
    match all.into_iter().find(|(found, ..)| found.ends_with(&key)) {
        Some((_, version, value)) => Ok((version, Some(serde_json::from_value(value)?))),
        None => Ok((0, None)),
    }
}

/// Shows declarations and what databases have.
///
/// # Errors
/// etcd or a database doesn't answer.
pub async fn list(options: &Options, databases: &SomeDatabases, out: &mut (dyn Write + Send)) -> Result<()> {
    let cluster = topology(options, databases).await?;
    list_of(options, cluster, databases, out).await
}

pub(super) async fn list_of(
    options: &Options,
    cluster: Option<Arc<dyn Cluster>>,
    databases: &SomeDatabases,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let mut lines = Vec::new();
    if let Some(cluster) = cluster {
        for (_, _, value) in cluster.meta(cluster::USER_INDEXES).await? {
            let index: UserIndex = serde_json::from_value(value)?;
            for target in &index.on {
                lines.push(Line {
                    name: index.name.clone(),
                    shard: String::new(),
                    index: target.index.clone(),
                    on: format!("{} ({})", target.table, target.list()),
                    state: "declared".to_owned(),
                });
            }
        }
    }
    for database in &databases.database {
        let mut db = connect(database).await?;
        for (name, table) in user_indexes::list(&mut db).await? {
            let indexes = user_indexes::of_table(&mut db, &table).await?;
            let found = indexes.into_iter().find(|f| f.name == name);
            let columns = found.as_ref().map(|f| f.columns.join(", ")).unwrap_or_default();
            lines.push(Line {
                name: name.trim_start_matches("user_").to_owned(),
                shard: database.name.clone(),
                on: format!("{table} ({columns})"),
                state: match found.is_some_and(|f| f.valid) {
                    true => "there".to_owned(),
                    false => "not finished".to_owned(),
                },
                index: name,
            });
        }
        db.close().await?;
    }
    print(options, &lines, out)
}

/// Takes a declaration back and drops the index from the named databases.
///
/// # Errors
/// Nothing of that name is declared or there, or etcd or a database doesn't answer.
pub async fn drop(
    options: &Options,
    name: &str,
    databases: &SomeDatabases,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let cluster = topology(options, databases).await?;
    drop_from(options, cluster, name, databases, out).await
}

pub(super) async fn drop_from(
    options: &Options,
    cluster: Option<Arc<dyn Cluster>>,
    name: &str,
    databases: &SomeDatabases,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let name = name.to_lowercase();
    let name = name.strip_prefix("user_").unwrap_or(&name);
    let mut lines = Vec::new();
    if let Some(cluster) = cluster {
        let (version, before) = kept(cluster.as_ref(), name).await?;
        if let Some(before) = before {
            let key = format!("{}{name}", cluster::USER_INDEXES);
            cluster.cas_meta(&key, version, None).await?;
            lines.push(Line {
                name: name.to_owned(),
                shard: String::new(),
                index: String::new(),
                on: before.statement,
                state: "not declared any more".to_owned(),
            });
        }
    }
    for database in &databases.database {
        let mut db = connect(database).await?;
        for (index, table) in user_indexes::list(&mut db).await? {
            let own = index.strip_prefix("user_").unwrap_or(&index);
            // The second table's index has a number behind the name.
            if own == name || own.strip_suffix("_2") == Some(name) {
                user_indexes::discard(&mut db, &index).await?;
                lines.push(Line {
                    name: name.to_owned(),
                    shard: database.name.clone(),
                    index,
                    on: table,
                    state: "dropped".to_owned(),
                });
            }
        }
        db.close().await?;
    }
    if lines.is_empty() {
        bail!("there is no index {name}");
    }
    print(options, &lines, out)
}
