//! Reading: whole instances in one statement and one snapshot, an entity's instance, and clients' list queries.
use super::{
    backend::{Backend, split_version, with_version},
    cell::{Cell, Reader},
    codec, codec_notes,
    schema::*,
    sql::{Dialect, Sql},
    sql_store::{SqlStore, each},
    *,
};
use bpmn_core::{
    large::Content,
    note::TaskLink,
    tracked::{Entity as _, Tracked},
};
use std::collections::HashMap;

/// Text of [`schema::visible`] for a query on one table.
pub(crate) const VISIBLE: &str = "\"slot\" NOT IN (SELECT \"slot\" FROM hidden_slot)";
/// Condition on rows of slots whose work may be handed out here. Few slots are otherwise, and an index lists them.
pub(crate) const WORKING: &str = "\"slot\" NOT IN (SELECT s.\"slot\" FROM slot s WHERE s.\"state\" <> 0)";

/// Instances of one statement.
const CHUNK: usize = 200;

/// The tables of a running instance.
const LOADED: [Table; 11] = [
    PROCESS_INSTANCE,
    TOKEN,
    VARIABLE,
    TASK,
    TASK_CANDIDATE,
    EXTERNAL_TASK,
    JOB,
    EVENT_SUBSCRIPTION,
    INCIDENT,
    TASK_LINK,
    TASK_UNIT,
];
/// Places in it: rows that are found by their tasks.
const CANDIDATE_AT: usize = 4;
const LINK_AT: usize = 9;
/// The head of an instance that is a unit of tasks no process has made.
const TASK_UNIT_AT: usize = 10;

/// Kinds of column that share places in the union of all tables.
const POOLS: [(&str, &[Type]); 5] = [
    ("uuid", &[Type::Uuid]),
    ("bigint", &[Type::Small, Type::Int, Type::Big, Type::Bool]),
    ("text", &[Type::Text]),
    ("double precision", &[Type::Float]),
    ("bytea", &[Type::Bytes]),
];

/// Columns of a table that go into a pool.
fn pooled(table: &Table, pool: usize) -> impl Iterator<Item = (usize, &'static Column)> {
    table
        .columns
        .iter()
        .enumerate()
        .filter(move |(_, c)| POOLS[pool].1.contains(&c.ty))
}

/// Places of each pool.
fn widths() -> [usize; 5] {
    std::array::from_fn(|pool| LOADED.iter().map(|t| pooled(t, pool).count()).max().unwrap_or(0))
}

/// One SELECT per table with the same columns: tag, then the pools.
fn branch(dialect: Dialect, tag: usize, table: &Table, widths: &[usize; 5]) -> String {
    let mut list = vec![format!("{tag} AS tag")];
    for (pool, width) in widths.iter().enumerate() {
        let mut columns: Vec<String> = pooled(table, pool)
            .map(|(_, c)| match (dialect, c.ty) {
                (Dialect::Postgres, Type::Bool) => format!("\"{}\"::int::bigint", c.name),
                (Dialect::Postgres, Type::Small | Type::Int) => format!("\"{}\"::bigint", c.name),
                _ => format!("\"{}\"", c.name),
            })
            .collect();
        let null = if dialect == Dialect::Postgres {
            format!("NULL::{}", POOLS[pool].0)
        } else {
            "NULL".to_string()
        };
        columns.resize(*width, null);
        list.extend(columns);
    }
    format!("SELECT {} FROM {} WHERE ", list.join(", "), table.name)
}

/// A union's row as the cells of its table.
fn unpool(table: &Table, row: &[Cell], widths: &[usize; 5]) -> Vec<Cell> {
    let mut cells = vec![Cell::Null; table.columns.len()];
    let mut start = 1;
    for (pool, width) in widths.iter().enumerate() {
        for (at, (column, _)) in pooled(table, pool).enumerate() {
            cells[column] = row.get(start + at).cloned().unwrap_or(Cell::Null);
        }
        start += width;
    }
    cells
}

/// The parts of an instance as they are found.
#[derive(Default)]
struct Parts {
    process: Option<ProcessInstance>,
    tokens: Vec<Token>,
    variables: Vec<Variable>,
    tasks: Vec<UserTask>,
    candidates: Vec<(Id, (bool, String))>,
    links: Vec<(Id, TaskLink)>,
    external_tasks: Vec<ExternalTask>,
    jobs: Vec<Job>,
    subscriptions: Vec<EventSubscription>,
    incidents: Vec<Incident>,
}

impl Parts {
    fn add(&mut self, tag: usize, r: &mut Reader) -> Result<(), StoreError> {
        match tag {
            0 => self.process = Some(codec::read_process(r)?),
            TASK_UNIT_AT => self.process = Some(codec::read_task_unit(r)?),
            1 => self.tokens.push(codec::read_token(r)?),
            2 => self.variables.push(codec::read_variable(r)?),
            3 => self.tasks.push(codec::read_task(r)?),
            CANDIDATE_AT => self.candidates.push(codec::read_candidate(r)?),
            LINK_AT => self.links.push(codec_notes::read_link(r)?),
            5 => self.external_tasks.push(codec::read_external_task(r)?),
            6 => self.jobs.push(codec::read_job(r)?),
            7 => self.subscriptions.push(codec::read_subscription(r)?),
            _ => self.incidents.push(codec::read_incident(r)?),
        }
        Ok(())
    }

    /// The instance, if its own row was there.
    fn instance(mut self) -> Option<Instance> {
        for (task, candidate) in self.candidates {
            if let Some(task) = self.tasks.iter_mut().find(|t| t.id() == task) {
                task.candidates.push(candidate);
            }
        }
        for (task, link) in self.links {
            if let Some(task) = self.tasks.iter_mut().find(|t| t.id() == task) {
                task.links.push(link);
            }
        }
        for task in &mut self.tasks {
            task.candidates.sort();
            task.links.sort();
        }
        let mut instance = Instance::new(self.process?);
        instance.stored = true;
        instance.tokens = Tracked::loaded(self.tokens);
        instance.variables = Tracked::loaded(self.variables);
        instance.tasks = Tracked::loaded(self.tasks);
        instance.external_tasks = Tracked::loaded(self.external_tasks);
        instance.jobs = Tracked::loaded(self.jobs);
        instance.subscriptions = Tracked::loaded(self.subscriptions);
        instance.incidents = Tracked::loaded(self.incidents);
        Some(instance)
    }
}

impl<B: Backend> SqlStore<B> {
    /// See [`Store::load`].
    pub(crate) async fn load_instances(&self, ids: &[Id]) -> Result<Vec<Instance>, StoreError> {
        let mut loaded = Vec::with_capacity(ids.len());
        for part in ids.chunks(CHUNK) {
            loaded.extend(self.load_chunk(part).await?);
        }
        Ok(loaded)
    }

    async fn load_chunk(&self, ids: &[Id]) -> Result<Vec<Instance>, StoreError> {
        let widths = widths();
        let mut sql = self.sql("");
        for (tag, table) in LOADED.iter().enumerate() {
            sql = sql.push(if tag == 0 { "" } else { " UNION ALL " });
            sql = sql.push(&branch(self.backend.dialect(), tag, table, &widths));
            sql = match table.name {
                "process_instance" | "task_unit" => sql.push("\"id\"").among(ids).push(" AND ").push(VISIBLE),
                "task_candidate" | "task_link" => sql
                    .push("\"task_id\" IN (SELECT t.\"id\" FROM task t WHERE t.\"instance_id\"")
                    .among(ids)
                    .push(")"),
                _ => sql.push("\"instance_id\"").among(ids),
            };
        }
        let instance_at: Vec<usize> = LOADED
            .iter()
            .map(|t| {
                if matches!(t.name, "process_instance" | "task_unit") {
                    0
                } else {
                    t.columns
                        .iter()
                        .position(|c| c.name == "instance_id")
                        .unwrap_or(0)
                }
            })
            .collect();
        let mut parts: HashMap<Id, Parts> = ids.iter().map(|id| (*id, Parts::default())).collect();
        let mut candidates = Vec::new();
        let mut links = Vec::new();
        let mut tasks: HashMap<Id, Id> = HashMap::new();
        for row in self.backend.read(sql).await? {
            let Some(Cell::Int(tag)) = row.first() else {
                return Err(StoreError::Internal("a loaded row without a tag".to_string()));
            };
            let tag = *tag as usize;
            let cells = unpool(&LOADED[tag], &row, &widths);
            if tag == CANDIDATE_AT {
                candidates.push(codec::read_candidate(&mut Reader::new(cells))?);
                continue;
            }
            if tag == LINK_AT {
                links.push(codec_notes::read_link(&mut Reader::new(cells))?);
                continue;
            }
            let instance = super::cell::CellRow(cells.clone()).id(instance_at[tag])?;
            if tag == 3 {
                tasks.insert(super::cell::CellRow(cells.clone()).id(0)?, instance);
            }
            if let Some(parts) = parts.get_mut(&instance) {
                parts.add(tag, &mut Reader::new(cells))?;
            }
        }
        for candidate in candidates {
            if let Some(parts) = tasks
                .get(&candidate.0)
                .and_then(|instance| parts.get_mut(instance))
            {
                parts.candidates.push(candidate);
            }
        }
        for link in links {
            if let Some(parts) = tasks.get(&link.0).and_then(|instance| parts.get_mut(instance)) {
                parts.links.push(link);
            }
        }
        // In the order asked for.
        Ok(ids
            .iter()
            .filter_map(|id| parts.remove(id).and_then(Parts::instance))
            .collect())
    }

    /// See [`Store::large_values`].
    pub(crate) async fn read_large(&self, of: &[(Id, Id)]) -> Result<Vec<(Id, Content)>, StoreError> {
        let mut found = Vec::with_capacity(of.len());
        for part in of.chunks(CHUNK) {
            let mut roots: Vec<Id> = part.iter().map(|(root, _)| *root).collect();
            roots.sort_unstable();
            roots.dedup();
            let ids: Vec<Id> = part.iter().map(|(_, id)| *id).collect();
            // The roots name the partitions.
            let sql = self.sql("SELECT \"id\", \"text\", \"bytes\" FROM large_value WHERE \"root_id\"");
            let sql = sql
                .among(&roots)
                .push(" AND \"id\"")
                .among(&ids)
                .push(" AND ")
                .push(VISIBLE);
            found.extend(each(self.backend.read(sql).await?, |r| {
                Ok((r.id()?, super::value::read_content(r)?))
            })?);
        }
        Ok(found)
    }

    /// See [`Store::instances_of`].
    pub(crate) async fn owners(&self, entity: Entity, ids: &[Id]) -> Result<Vec<Option<Id>>, StoreError> {
        let table = match entity {
            Entity::Task => "task",
            Entity::ExternalTask => "external_task",
            Entity::Job => "job",
            Entity::Incident => "incident",
            Entity::Subscription => "event_subscription",
            Entity::Variable => "variable",
            // An execution is a token's or the process instance itself.
            Entity::Execution => "token",
        };
        let mut owners: HashMap<Id, Id> = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(CHUNK) {
            let mut sql: Sql = self.sql(&format!(
                "SELECT \"id\", \"instance_id\" FROM {table} WHERE \"id\""
            ));
            sql = sql.among(ids).push(" AND ").push(VISIBLE);
            if entity == Entity::Execution {
                sql = sql
                    .push(" UNION ALL SELECT \"id\", \"id\" FROM process_instance WHERE \"id\"")
                    .among(ids);
                sql = sql.push(" AND ").push(VISIBLE);
                sql = self.of_scope_executions(sql, ids);
            }
            for (id, owner) in each(self.backend.read(sql).await?, |r| Ok((r.id()?, r.id_opt()?)))? {
                owners.extend(owner.map(|owner| (id, owner)));
            }
        }
        Ok(ids.iter().map(|id| owners.get(id).copied()).collect())
    }

    /// Executions of scope activities have ids of their own. No index finds them: that would cost every write, and a
    /// slot has few instances.
    fn of_scope_executions(&self, sql: Sql, ids: &[Id]) -> Sql {
        let mut slots: Vec<u16> = ids.iter().filter_map(|id| Some(id.slot()?.number())).collect();
        slots.sort_unstable();
        slots.dedup();
        if slots.is_empty() {
            return sql;
        }
        let slots: Vec<String> = slots.iter().map(u16::to_string).collect();
        sql.push(&format!(
            " UNION ALL SELECT t.\"execution_id\", t.\"instance_id\" FROM process_instance p JOIN token t \
             ON t.\"instance_id\" = p.\"id\" WHERE p.\"slot\" IN ({}) AND p.\"slot\" NOT IN \
             (SELECT \"slot\" FROM hidden_slot) AND t.\"execution_id\" <> t.\"id\" AND t.\"execution_id\"",
            slots.join(",")
        ))
        .among(ids)
    }

    /// See [`Store::waiting`].
    pub(crate) async fn waiting_for(
        &self,
        asked: &[(String, String)],
        most: usize,
    ) -> Result<(Coverage, Vec<Vec<Waiting>>), StoreError> {
        for _ in 0..20 {
            let mut found: Vec<Vec<Waiting>> = asked.iter().map(|_| Vec::new()).collect();
            // By the key's few instances, whatever the statistics say: a name has many subscriptions. The fences and
            // the conditions that no index serves leave one way to run it.
            let query = self
                .sql("SELECT g.position, s.\"id\", s.\"instance_id\", p.\"revision\", s.\"execution_id\" FROM ")
                .texts("g", ["name", "business_key"], asked);
            let subscription = format!(
                "s.\"instance_id\" = p.\"id\" AND s.\"name\" IS NOT DISTINCT FROM g.name AND s.\"kind\" + 0 = {} AND s.{VISIBLE}",
                EventKind::Message as i16
            );
            let query = match self.backend.dialect() {
                Dialect::Postgres => query.push(&format!(
                    " CROSS JOIN LATERAL (SELECT p.\"id\", p.\"revision\" FROM process_instance p \
                     WHERE p.\"business_key\" = g.business_key AND p.\"suspended\" = false OFFSET 0) p \
                     CROSS JOIN LATERAL (SELECT s.\"id\", s.\"instance_id\", s.\"execution_id\" FROM event_subscription s \
                     WHERE {subscription} OFFSET 0) s"
                )),
                Dialect::Sqlite => query.push(&format!(
                    " JOIN process_instance p ON p.\"business_key\" = g.business_key AND p.\"suspended\" = false \
                     JOIN event_subscription s ON {subscription}"
                )),
            };
            let query = Sql {
                text: with_version(&query.text),
                ..query
            };
            let (version, rows) = split_version(self.backend.read(query).await?)?;
            let Some(coverage) = self.coverage_of(version).await? else {
                continue;
            };
            for row in rows {
                let position = row.i64(0)?;
                if let Some(of) = usize::try_from(position - 1)
                    .ok()
                    .and_then(|at| found.get_mut(at))
                {
                    of.push(Waiting {
                        subscription: row.id(1)?,
                        instance: row.id(2)?,
                        revision: row.i64(3)?,
                        execution: row.id(4)?,
                    });
                }
            }
            for of in &mut found {
                of.sort_by_key(|w| w.subscription);
                of.truncate(most);
            }
            return Ok((coverage, found));
        }
        Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut))
    }

    /// What was owned at that version of the slot rows; `None` if they have changed since: ask again.
    async fn coverage_of(&self, version: i64) -> Result<Option<Coverage>, StoreError> {
        if let Some(coverage) = self.known_coverage(version) {
            return Ok(Some(coverage));
        }
        let (now, coverage) = self.read_coverage().await?;
        Ok((now == version).then_some(coverage))
    }

    /// See [`Store::select`].
    pub(crate) async fn snapshot(&self, query: &sea_query::SelectStatement) -> Result<Snapshot, StoreError> {
        // Slot rows change seldom; while they do, the query is asked again until both are of one version.
        for _ in 0..20 {
            let (version, rows) = self.backend.select(query).await?;
            let Some(coverage) = self.coverage_of(version).await? else {
                continue;
            };
            let rows = rows
                .into_iter()
                .map(|row| Box::new(row) as Box<dyn Row>)
                .collect();
            return Ok(Snapshot { rows, coverage });
        }
        Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut))
    }

    fn known_coverage(&self, version: i64) -> Option<Coverage> {
        let known = self.coverage.lock().unwrap_or_else(|e| e.into_inner());
        known
            .filter(|(of, _)| *of == version)
            .map(|(_, coverage)| coverage)
    }

    async fn read_coverage(&self) -> Result<(i64, Coverage), StoreError> {
        let sql = self.sql(
            "SELECT a.\"value\", s.\"slot\" FROM applied a LEFT JOIN slot s ON s.\"state\" IN (0, 1) WHERE a.\"name\" = 'slots'",
        );
        let rows = each(self.backend.read(sql).await?, |r| Ok((r.int()?, r.int_opt()?)))?;
        let version = rows.first().map_or(0, |row| row.0);
        let coverage = rows
            .iter()
            .filter_map(|(_, slot)| *slot)
            .map(|s| Coverage::of(Slot::from_bits(s as u64)))
            .sum();
        *self.coverage.lock().unwrap_or_else(|e| e.into_inner()) = Some((version, coverage));
        Ok((version, coverage))
    }
}
