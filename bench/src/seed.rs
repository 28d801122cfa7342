//! `bench seed`: a big Stellwerk database in minutes.
//!
//! An engine writes one instance of each kind; PostgreSQL copies their rows, each copy under ids, a slot and a
//! business key of its own. So what is copied is what the engine writes, whatever the schema is.
use crate::{
    database,
    measure::Subject,
    options::Seed,
    own,
    workload::{self, Workload},
};
use anyhow::{Context, Result, bail, ensure};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use std::{collections::BTreeMap, process::Command, time::Instant};
use topology::Slot;

/// Copies that one statement makes.
const BATCH: u64 = 20_000;
/// Key of the process that is seeded.
const KEY: &str = "bench_seed";
/// What an index entry takes, half-empty pages included.
const INDEX_ENTRY: f64 = 56.0;
/// What a row takes beside its columns: header and line pointer.
const ROW: f64 = 28.0;

/// A table with rows of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Copied {
    name: String,
    /// Column and type.
    columns: Vec<(String, String)>,
    indexes: u64,
}

/// Seeds the database, after saying what disk that takes.
///
/// # Errors
/// There isn't room or nobody can say whether there is; no node has set the database up; a statement fails.
pub async fn run(seed: &Seed) -> Result<()> {
    ensure!(
        seed.instances + seed.history > 0,
        "nothing to seed: --instances N, --history N"
    );
    let mut connection = database::connect(&seed.database).await?;
    let (running, ended, counters) = templates(seed, &mut connection).await?;
    let tables = tables(&mut connection).await?;
    let mut needed = 0.0;
    for (root, copies) in [(&running, seed.instances), (&ended, seed.history)] {
        let each = instance_bytes(&mut connection, &tables, root).await?;
        println!("{copies} × {each:.0} bytes on disk");
        needed += each * copies as f64;
    }
    // WAL is kept until the next checkpoint.
    let wal = max_wal_size(&mut connection).await?.min(needed * 2.0);
    let free = free(seed, &mut connection).await?;
    let gib = |bytes: f64| bytes / f64::from(1 << 30);
    println!(
        "needs {:.1} GiB and {:.1} GiB of WAL; {:.1} GiB are free",
        gib(needed),
        gib(wal),
        gib(free)
    );
    ensure!(
        room(needed, wal, free),
        "there isn't room: a tenth of the free disk is left alone"
    );
    if seed.dry_run {
        return Ok(());
    }
    let began = Instant::now();
    for (root, copies, deltas) in [
        (&running, seed.instances, &counters[0]),
        (&ended, seed.history, &counters[1]),
    ] {
        for from in (0..copies).step_by(BATCH as usize) {
            let to = copies.min(from + BATCH);
            copy(&mut connection, &tables, root, from, to, deltas).await?;
            if to % (BATCH * 10) == 0 || to == copies {
                println!("{to} of {copies}, {:.0} s", began.elapsed().as_secs_f64());
            }
        }
    }
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
    sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
    println!("seeded in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Whether it fits: a tenth of what is free is left alone.
fn room(needed: f64, wal: f64, free: f64) -> bool {
    needed + wal <= free * 0.9
}

/// Sums by kind and definition.
type Counters = BTreeMap<(i16, String), i64>;

/// Lets a node write one running and one ended instance. Gives their ids, and what each changed in the counters.
async fn templates(seed: &Seed, connection: &mut PgConnection) -> Result<(String, String, [Counters; 2])> {
    let mut node = own::start("seed", &seed.database, "full", &[]).await?;
    let written = write(seed, &node.subject, connection).await;
    node.process.terminate().await?;
    written
}

async fn write(
    seed: &Seed,
    subject: &Subject,
    connection: &mut PgConnection,
) -> Result<(String, String, [Counters; 2])> {
    let model = Workload::UserTask
        .model()
        .context("a model")?
        .replace("bench_task", KEY);
    subject.target.deploy(KEY, &model).await?;
    let variables: Vec<String> = (0..seed.variables)
        .map(|n| match n % 3 {
            0 => format!(r#""number{n}":{{"value":{n},"type":"Integer"}}"#),
            1 => format!(r#""text{n}":{{"value":"a text of customer {n}","type":"String"}}"#),
            _ => format!(r#""flag{n}":{{"value":true,"type":"Boolean"}}"#),
        })
        .collect();
    let start = format!("/process-definition/key/{KEY}/start");
    let mut ids = Vec::new();
    let mut counters = vec![counted(connection).await?];
    for ends in [false, true] {
        let body = format!(
            r#"{{"businessKey":"{}","variables":{{{}}}}}"#,
            workload::fresh_prefix(),
            variables.join(",")
        );
        let started = subject.target.call("POST", &start, &body).await?;
        let id = started["id"]
            .as_str()
            .context("a start without an id")?
            .to_owned();
        if ends {
            let tasks = subject
                .target
                .call("GET", &format!("/task?processInstanceId={id}"), "")
                .await?;
            let task = tasks[0]["id"].as_str().context("no task")?;
            subject
                .target
                .call("POST", &format!("/task/{task}/complete"), "{}")
                .await?;
        }
        ids.push(id);
        counters.push(counted(connection).await?);
    }
    let (ended, running) = (ids.pop().unwrap_or_default(), ids.pop().unwrap_or_default());
    let deltas = [
        difference(&counters[0], &counters[1]),
        difference(&counters[1], &counters[2]),
    ];
    Ok((running, ended, deltas))
}

async fn counted(connection: &mut PgConnection) -> Result<Counters> {
    let there: bool = sqlx::query("SELECT to_regclass('counter') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    if !there {
        return Ok(Counters::new());
    }
    let sql = "SELECT kind, definition_id::text, sum(delta)::bigint FROM counter GROUP BY 1, 2";
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?)))
        .collect()
}

fn difference(before: &Counters, after: &Counters) -> Counters {
    after
        .iter()
        .map(|(key, sum)| (key.clone(), sum - before.get(key).copied().unwrap_or(0)))
        .filter(|(_, delta)| *delta != 0)
        .collect()
}

/// Tables whose rows belong to a root instance.
async fn tables(connection: &mut PgConnection) -> Result<Vec<Copied>> {
    let rows = sqlx::query(
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), \
                (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid) \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
           AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = '' \
           AND EXISTS (SELECT FROM pg_attribute r WHERE r.attrelid = c.oid AND r.attname = 'root_id') \
         ORDER BY c.relname, a.attnum",
    )
    .fetch_all(connection)
    .await?;
    let mut tables: Vec<Copied> = Vec::new();
    for row in rows {
        let (name, column, kind): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if tables.last().is_none_or(|t| t.name != name) {
            tables.push(Copied {
                name,
                columns: Vec::new(),
                indexes: row.try_get::<i64, _>(3)? as u64,
            });
        }
        if let Some(table) = tables.last_mut() {
            table.columns.push((column, kind));
        }
    }
    ensure!(
        !tables.is_empty(),
        "no tables of instances: start a node on this database once"
    );
    Ok(tables)
}

/// What one copy of an instance takes on disk, about: its rows as they are stored, and their index entries.
async fn instance_bytes(connection: &mut PgConnection, tables: &[Copied], root: &str) -> Result<f64> {
    let mut bytes = 0.0;
    for table in tables {
        let sql = format!(
            "SELECT count(*)::bigint, coalesce(sum(pg_column_size(t.*)), 0)::bigint FROM \"{}\" t \
             WHERE root_id = $1::uuid",
            table.name
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(root)
            .fetch_one(&mut *connection)
            .await?;
        let (rows, size): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        bytes += size as f64 + rows as f64 * (ROW + table.indexes as f64 * INDEX_ENTRY);
    }
    ensure!(bytes > 0.0, "instance {root} has left no rows");
    Ok(bytes)
}

async fn max_wal_size(connection: &mut PgConnection) -> Result<f64> {
    let sql = "SELECT setting::float8 * 1048576 FROM pg_settings WHERE name = 'max_wal_size'";
    Ok(sqlx::query(sql).fetch_one(connection).await?.try_get(0)?)
}

/// Free bytes of the disk that the database is on.
async fn free(seed: &Seed, connection: &mut PgConnection) -> Result<f64> {
    let directory = match &seed.disk {
        Some(directory) => directory.clone(),
        None => {
            let row = sqlx::query("SHOW data_directory").fetch_one(connection).await?;
            let path = std::path::PathBuf::from(row.try_get::<String, _>(0)?);
            if !path.exists() {
                bail!(
                    "the database is on another machine: name a directory as large as its disk with --disk"
                );
            }
            path
        }
    };
    let output = Command::new("df")
        .args(["--block-size=1", "--output=avail"])
        .arg(&directory)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.lines().nth(1).and_then(|line| line.trim().parse().ok());
    number.with_context(|| format!("df {}: {text}", directory.display()))
}

/// The expression that gives a copy's id: ten copies a millisecond, the copy's slot, other random bits. Ids of rows
/// that copies share, such as definitions, stay.
fn copied(column: &str, kind: &str) -> String {
    match (column, kind) {
        ("slot", _) => "k.slot".to_owned(),
        ("business_key", _) => format!("CASE WHEN t.\"{column}\" IS NULL THEN NULL ELSE k.key END"),
        ("definition_id" | "deployment_id", _) => format!("t.\"{column}\""),
        (_, "uuid") => format!("pg_temp.bench_copy(t.\"{column}\", k.n, k.slot)"),
        _ => format!("t.\"{column}\""),
    }
}

/// See `crates/topology/src/id.rs`: 12 hex digits of milliseconds, version and sequence, slot, 12 random ones.
/// One expression, so that PostgreSQL puts it in the place of its calls.
const COPY: &str = "CREATE OR REPLACE FUNCTION pg_temp.bench_copy(id uuid, n bigint, slot smallint) RETURNS uuid \
    LANGUAGE sql IMMUTABLE AS $$ SELECT (\
      lpad(to_hex(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint + n / 10), 12, '0') \
      || substr(id::text, 15, 4) || to_hex(32768 + slot) \
      || lpad(to_hex((('x' || right(id::text, 12))::bit(48)::bigint + (n + 1) * 2654435761) \
                     & 281474976710655), 12, '0'))::uuid $$";

/// Makes the copies `from..to` of an instance.
async fn copy(
    connection: &mut PgConnection,
    tables: &[Copied],
    root: &str,
    from: u64,
    to: u64,
    counters: &Counters,
) -> Result<()> {
    let numbers: Vec<i64> = (from as i64..to as i64).collect();
    let keys: Vec<String> = numbers.iter().map(|n| format!("seed-{root}-{n}")).collect();
    let slots: Vec<i16> = keys.iter().map(|key| Slot::of_key(key).number() as i16).collect();
    sqlx::raw_sql(COPY).execute(&mut *connection).await?;
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
    for table in tables {
        let names: Vec<String> = table
            .columns
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let values: Vec<String> = table
            .columns
            .iter()
            .map(|(name, kind)| copied(name, kind))
            .collect();
        let sql = format!(
            "INSERT INTO \"{}\" ({}) SELECT {} FROM unnest($2::bigint[], $3::smallint[], $4::text[]) AS k(n, slot, key) \
             CROSS JOIN (SELECT * FROM \"{0}\" WHERE root_id = $1::uuid) t",
            table.name,
            names.join(", "),
            values.join(", ")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(root)
            .bind(&numbers)
            .bind(&slots)
            .bind(&keys)
            .execute(&mut *connection)
            .await
            .with_context(|| table.name.clone())?;
    }
    for ((kind, definition), delta) in counters {
        let sql = "INSERT INTO counter (kind, definition_id, delta) VALUES ($1, $2::uuid, $3)";
        let delta = delta * numbers.len() as i64;
        sqlx::query(sql)
            .bind(kind)
            .bind(definition)
            .bind(delta)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_leaves_a_tenth_of_the_disk_alone() {
        assert!(room(80.0, 10.0, 100.0));
        assert!(!room(85.0, 10.0, 100.0));
    }

    #[test]
    fn ids_are_copied_and_what_copies_share_stays() {
        assert_eq!(copied("definition_id", "uuid"), "t.\"definition_id\"");
        assert_eq!(copied("slot", "smallint"), "k.slot");
        assert!(copied("root_id", "uuid").starts_with("pg_temp.bench_copy("));
        assert_eq!(copied("started", "bigint"), "t.\"started\"");
    }

    #[test]
    fn a_counter_changes_by_what_one_instance_changed() {
        let of = |kind, sum| ((kind, "d".to_owned()), sum);
        let before = Counters::from([of(0, 5), of(1, 7)]);
        let after = Counters::from([of(0, 6), of(1, 7), of(2, 1)]);
        assert_eq!(difference(&before, &after), Counters::from([of(0, 1), of(2, 1)]));
    }
}
