//! The one statement that applies a batch: guards, then `bad`, then the rows of the units that passed.
//!
//! Guards are locking SELECTs, in id order, and look-ups; nothing is modified before all of a unit's guards are
//! known, so a refused unit leaves no trace. A row that a guard waited for is judged as it is after the wait
//! (READ COMMITTED re-checks it). A slot's state comes from the statement's own snapshot: see protocol 1 for why
//! that is enough. Two batches that insert the same new idempotency key fail on its key, and are repeated.
use super::super::{
    change::{Change, Group, Verb, WRITTEN},
    schema::Table,
    sql::{columns, on_conflict_put},
};
use super::{
    bytes,
    layout::{Ids, Layouts, Rows, Units},
    uuid,
};
use crate::store::cell::Cell;
use bpmn_core::Id;
use sqlx::{Arguments, error::BoxDynError, postgres::PgArguments};
use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex},
};
use uuid::Uuid;

/// Which guards and groups a statement has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Shape {
    revisions: bool,
    task_units: bool,
    keys: bool,
    locks: bool,
    gone_jobs: bool,
    /// In the order of the statement.
    groups: Vec<Group>,
}

impl Shape {
    /// Whether a statement of this shape can do what one of the other can; some of its groups then have no rows.
    fn covers(&self, other: &Shape) -> bool {
        (self.revisions || !other.revisions)
            && (self.task_units || !other.task_units)
            && (self.keys || !other.keys)
            && (self.locks || !other.locks)
            && (self.gone_jobs || !other.gone_jobs)
            && other.groups.iter().all(|g| self.groups.contains(g))
    }

    fn union(&self, other: &Shape) -> Shape {
        let mut groups = self.groups.clone();
        groups.extend(&other.groups);
        groups.sort_unstable();
        groups.dedup();
        Shape {
            revisions: self.revisions || other.revisions,
            task_units: self.task_units || other.task_units,
            keys: self.keys || other.keys,
            locks: self.locks || other.locks,
            gone_jobs: self.gone_jobs || other.gone_jobs,
            groups,
        }
    }
}

/// Texts by shape. Each is prepared on each connection, which costs far more than running it; so batches of mixed
/// work share shapes that are somewhat wider than they need.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Shape, Arc<str>>>);

/// How many groups without rows a statement may have while there are few shapes.
const SPARE: usize = 2;
/// Few shapes; and the most, after which one is made that covers everything seen.
const FEW: usize = 32;
const MANY: usize = 128;

impl Cache {
    /// The shape and text to use for what a batch needs.
    fn text(&self, wanted: Shape) -> (Shape, Arc<str>) {
        let mut texts = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(text) = texts.get(&wanted) {
            return (wanted, text.clone());
        }
        let spare = if texts.len() < FEW { SPARE } else { usize::MAX };
        let near = texts
            .iter()
            .filter(|(shape, _)| shape.covers(&wanted) && shape.groups.len() - wanted.groups.len() <= spare)
            .min_by_key(|(shape, _)| shape.groups.len());
        if let Some((shape, text)) = near {
            return (shape.clone(), text.clone());
        }
        let shape = match texts.len() < MANY {
            true => wanted,
            false => texts.keys().fold(wanted, |all, shape| all.union(shape)),
        };
        let text: Arc<str> = render(&shape, shape.groups.iter().copied()).into();
        texts.insert(shape.clone(), text.clone());
        (shape, text)
    }
}

/// A batch as text and arguments.
pub(super) struct Statement {
    pub text: Arc<str>,
    pub arguments: PgArguments,
}

/// Codes in the result; a unit that isn't there was applied.
pub(super) const NOT_OWNER: i32 = 1;
pub(super) const DUPLICATE: i32 = 2;
pub(super) const CONFLICT: i32 = 3;

/// The rows of a group, each with the number of its unit.
type Numbered<'a> = Vec<(i32, &'a Vec<Cell>)>;

/// Builds the statement of a batch, for a connection with those layouts.
///
/// # Errors
/// For a value that no column of its table holds.
pub(super) fn build(
    cache: &Cache,
    layouts: &Layouts,
    batch: Uuid,
    changes: &[&Change],
) -> Result<Statement, BoxDynError> {
    let mut groups: Vec<(Group, Numbered)> = Vec::new();
    for (unit, change) in (1..).zip(changes) {
        for (group, row) in &change.rows {
            match groups.iter_mut().find(|(g, _)| g == group) {
                Some((_, rows)) => rows.push((unit, row)),
                None => groups.push((*group, vec![(unit, row)])),
            }
        }
    }
    groups.sort_unstable_by_key(|(group, _)| *group);
    let any = |has: fn(&Change) -> bool| changes.iter().any(|c| has(c));
    let wanted = Shape {
        revisions: any(|c| !c.revisions.is_empty()),
        task_units: any(|c| !c.task_units.is_empty()),
        keys: any(|c| !c.keys.is_empty()),
        locks: any(|c| !c.locks.is_empty()),
        gone_jobs: any(|c| !c.gone_jobs.is_empty()),
        groups: groups.iter().map(|(group, _)| *group).collect(),
    };
    let (shape, text) = cache.text(wanted);
    let mut arguments = PgArguments::default();
    bind(&mut arguments, batch);
    guards(&mut arguments, &shape, changes);
    let mut groups = groups.into_iter().peekable();
    for group in &shape.groups {
        let mut rows = match groups.next_if(|(g, _)| g == group) {
            Some((_, rows)) => rows,
            None => Vec::new(),
        };
        // Sorted by key, so that two batches take the locks of their rows in one order.
        rows.sort_by_key(|(_, row)| sort_key(row));
        arguments.add(Units(&rows))?;
        match group.verb {
            Verb::Delete => arguments.add(Ids(&rows))?,
            _ => arguments.add(Rows {
                layout: layouts.of(group.table),
                rows: &rows,
            })?,
        }
    }
    Ok(Statement { text, arguments })
}

fn sort_key(row: &[Cell]) -> (Option<Uuid>, Option<&[u8]>) {
    (row.first().and_then(uuid), row.get(1).and_then(bytes))
}

fn bind<'q, T>(arguments: &mut PgArguments, value: T)
where
    T: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    // Encoding numbers, texts, bytes and uuids can't fail.
    let _ = arguments.add(value);
}

fn guards(arguments: &mut PgArguments, shape: &Shape, changes: &[&Change]) {
    let units = || (1i32..).zip(changes);
    let slots: Vec<(i32, i16)> = units()
        .flat_map(|(u, c)| c.slots.iter().map(move |s| (u, s.number() as i16)))
        .collect();
    bind(arguments, slots.iter().map(|s| s.0).collect::<Vec<_>>());
    bind(arguments, slots.iter().map(|s| s.1).collect::<Vec<_>>());
    let mut revisions = |of: fn(&Change) -> &Vec<(Id, i64)>| {
        let mut all: Vec<_> = units()
            .flat_map(|(u, c)| of(c).iter().map(move |(id, r)| (id.0, u, *r)))
            .collect();
        all.sort_unstable();
        bind(arguments, all.iter().map(|g| g.1).collect::<Vec<_>>());
        bind(arguments, all.iter().map(|g| g.0).collect::<Vec<_>>());
        bind(arguments, all.iter().map(|g| g.2).collect::<Vec<_>>());
    };
    if shape.revisions {
        revisions(|c| &c.revisions);
    }
    if shape.task_units {
        revisions(|c| &c.task_units);
    }
    if shape.keys {
        let all: Vec<_> = units()
            .flat_map(|(u, c)| {
                c.keys
                    .iter()
                    .map(move |(s, k)| (u, s.number() as i16, k.as_slice()))
            })
            .collect();
        bind(arguments, all.iter().map(|g| g.0).collect::<Vec<_>>());
        bind(arguments, all.iter().map(|g| g.1).collect::<Vec<_>>());
        bind(arguments, all.iter().map(|g| g.2).collect::<Vec<_>>());
    }
    if shape.locks {
        let mut all: Vec<_> = units()
            .flat_map(|(u, c)| c.locks.iter().map(move |(id, r)| (id.0, u, *r)))
            .collect();
        all.sort_unstable();
        bind(arguments, all.iter().map(|g| g.1).collect::<Vec<_>>());
        bind(arguments, all.iter().map(|g| g.0).collect::<Vec<_>>());
        bind(arguments, all.iter().map(|g| g.2).collect::<Vec<_>>());
    }
    if shape.gone_jobs {
        let mut all: Vec<_> = units()
            .flat_map(|(u, c)| c.gone_jobs.iter().map(move |id| (id.0, u)))
            .collect();
        all.sort_unstable();
        bind(arguments, all.iter().map(|g| g.1).collect::<Vec<_>>());
        bind(arguments, all.iter().map(|g| g.0).collect::<Vec<_>>());
    }
}

/// Locks rows in id order and names the guards that hold; `condition` is judged on the newest version.
fn locking(name: &str, table: &str, source: &str, condition: &str) -> String {
    format!(
        ",\n{name} AS MATERIALIZED (SELECT g.pos FROM {source} JOIN {table} r ON r.\"id\" = g.id{condition} ORDER BY g.id FOR UPDATE OF r)"
    )
}

fn render(shape: &Shape, groups: impl Iterator<Item = Group>) -> String {
    let mut next = 1;
    let mut p = || {
        next += 1;
        next
    };
    let mut s = String::from("WITH ");
    let mut failures = Vec::new();
    let (unit, slot) = (p(), p());
    let _ = write!(
        s,
        "bad_slot AS MATERIALIZED (SELECT g.unit, {NOT_OWNER} AS code, g.slot FROM unnest(${unit}::int4[], ${slot}::int2[]) g(unit, slot)
 WHERE NOT EXISTS (SELECT 1 FROM slot s WHERE s.\"slot\" = g.slot AND s.\"state\" = 0))"
    );
    failures.push("SELECT unit, code, slot FROM bad_slot".to_string());
    let mut missing = |unit: i32, held: &str| {
        failures.push(format!(
            "SELECT g.unit, {CONFLICT}, 0::int2 FROM unnest(${unit}::int4[]) WITH ORDINALITY g(unit, pos) WHERE g.pos NOT IN (SELECT pos FROM {held})"
        ));
    };
    if shape.revisions {
        let (unit, id, revision) = (p(), p(), p());
        let source =
            format!("unnest(${id}::uuid[], ${revision}::int8[]) WITH ORDINALITY g(id, revision, pos)");
        s += &locking(
            "held_instance",
            "process_instance",
            &source,
            " AND r.\"revision\" = g.revision",
        );
        missing(unit, "held_instance");
    }
    if shape.task_units {
        let (unit, id, revision) = (p(), p(), p());
        let source =
            format!("unnest(${id}::uuid[], ${revision}::int8[]) WITH ORDINALITY g(id, revision, pos)");
        s += &locking(
            "held_unit",
            "task_unit",
            &source,
            " AND r.\"revision\" = g.revision",
        );
        missing(unit, "held_unit");
    }
    let mut duplicates = None;
    if shape.keys {
        let (unit, slot, key) = (p(), p(), p());
        duplicates = Some(format!(
            "SELECT g.unit, {DUPLICATE}, 0::int2 FROM unnest(${unit}::int4[], ${slot}::int2[], ${key}::bytea[]) g(unit, slot, key)
 WHERE EXISTS (SELECT 1 FROM idempotency i WHERE i.\"slot\" = g.slot AND i.\"key\" = g.key)"
        ));
    }
    if shape.locks {
        let (unit, id, revision) = (p(), p(), p());
        let source =
            format!("unnest(${id}::uuid[], ${revision}::int8[]) WITH ORDINALITY g(id, revision, pos)");
        s += &locking(
            "held_task",
            "external_task",
            &source,
            " AND r.\"lock_revision\" = g.revision",
        );
        missing(unit, "held_task");
    }
    if shape.gone_jobs {
        let (unit, id) = (p(), p());
        let source = format!("unnest(${id}::uuid[]) WITH ORDINALITY g(id, pos)");
        s += &locking("held_job", "job", &source, "");
        missing(unit, "held_job");
    }
    failures.extend(duplicates);
    let _ = write!(
        s,
        ",\nfailed AS MATERIALIZED (SELECT unit, min(code) AS code, min(slot) FILTER (WHERE code = {NOT_OWNER}) AS slot FROM ({}) f GROUP BY unit)",
        failures.join("\nUNION ALL ")
    );
    s += ",\nbad AS MATERIALIZED (SELECT coalesce(array_agg(unit), '{}') AS units FROM failed)";
    const OK: &str = "x.unit <> ALL ((SELECT units FROM bad)::int4[])";
    for (n, group) in groups.enumerate() {
        let table: &Table = &WRITTEN[group.table];
        let (unit, rows) = (p(), p());
        let names: Vec<String> = table.columns.iter().map(|c| format!("\"{}\"", c.name)).collect();
        let name = table.name;
        let _ = match group.verb {
            Verb::Delete => write!(
                s,
                ",\nw{n} AS (DELETE FROM {name} d USING unnest(${unit}::int4[], ${rows}::uuid[]) x(unit, id) \
                 WHERE d.{key} = x.id AND {OK})",
                key = names[0]
            ),
            Verb::Remove => {
                let same = table.key.iter().map(|key| format!("d.\"{key}\" = x.\"{key}\""));
                write!(
                    s,
                    ",\nw{n} AS (DELETE FROM {name} d USING unnest(${unit}::int4[], ${rows}::{name}[]) x(unit) \
                     WHERE {} AND {OK})",
                    same.collect::<Vec<_>>().join(" AND ")
                )
            }
            verb => write!(
                s,
                ",\nw{n} AS (INSERT INTO {name} ({}) SELECT {} FROM unnest(${unit}::int4[], ${rows}::{name}[]) x(unit) \
                 WHERE {OK}{})",
                names.join(", "),
                columns(table, "x."),
                if verb == Verb::Put {
                    format!(" {}", on_conflict_put(table))
                } else {
                    String::new()
                }
            ),
        };
    }
    s += ",\nbatch AS (INSERT INTO commit_batch (\"id\", \"refused\") SELECT $1, coalesce(string_agg(unit || ':' || code || ':' || coalesce(slot, 0), ','), '') FROM failed)";
    s += "\nSELECT unit, code, coalesce(slot, 0)::int4 FROM failed";
    s
}
