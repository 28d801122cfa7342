//! Batches on the wire, and how a logical batch comes from its parts: every shard has some, and a node shows its own in
//! the same way as a router shows those of all.
use crate::{
    ApiError, ApiResult, Date,
    filters::{Filters, Paging, sorting},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use topology::Id;

/// What one place has of a batch: its row there, or what is still to be done there (`kind` is absent then).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Part {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub total: i64,
    /// What no seed job has come to yet.
    pub waiting: i64,
    pub suspended: bool,
    pub running: bool,
    /// Whether history shows it.
    pub recorded: bool,
    /// Unix ms, as the following.
    pub started: Option<i64>,
    pub executed: Option<i64>,
    pub ended: Option<i64>,
    pub removal: Option<i64>,
    pub create_user: Option<String>,
    pub tenant_id: Option<String>,
    pub remaining: i64,
    pub failed: i64,
}

/// A batch as the API shows it while it runs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub total_jobs: i64,
    pub jobs_created: i64,
    pub batch_jobs_per_seed: i32,
    pub invocations_per_batch_job: i32,
    pub seed_job_definition_id: String,
    pub monitor_job_definition_id: String,
    pub batch_job_definition_id: String,
    pub suspended: bool,
    pub tenant_id: Option<String>,
    pub create_user_id: Option<String>,
    pub start_time: Date,
    pub execution_start_time: Option<Date>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    #[serde(flatten)]
    batch: Batch,
    remaining_jobs: i64,
    completed_jobs: i64,
    failed_jobs: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Historic {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    total_jobs: i64,
    batch_jobs_per_seed: i32,
    invocations_per_batch_job: i32,
    seed_job_definition_id: String,
    monitor_job_definition_id: String,
    batch_job_definition_id: String,
    tenant_id: Option<String>,
    create_user_id: Option<String>,
    start_time: Date,
    end_time: Option<Date>,
    removal_time: Option<Date>,
    execution_start_time: Option<Date>,
}

/// The reference's `batchJobsPerSeed` and `invocationsPerBatchJob`.
pub const PER_SEED: i32 = 100;
const PER_JOB: i32 = 1;

/// The types of batches.
pub const TYPES: [&str; 14] = [
    "instance-deletion",
    "instance-update-suspension-state",
    "instance-modification",
    "instance-migration",
    "instance-restart",
    "set-variables",
    "correlate-message",
    "set-job-retries",
    "set-external-task-retries",
    "historic-instance-deletion",
    "historic-decision-instance-deletion",
    "process-set-removal-time",
    "decision-set-removal-time",
    "batch-set-removal-time",
];

/// The kinds of a batch's jobs: one that makes the others in portions, one that ends the batch when they are done. The
/// job definition of each has the batch's id but for the last two bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobDefinition {
    Seed = 1,
    Monitor = 2,
    Work = 3,
}

impl JobDefinition {
    /// Its id.
    pub fn of(self, batch: Id) -> Id {
        let (high, low) = batch.0.as_u64_pair();
        let random = low & 0xffff_ffff_ffff;
        let slot = batch.slot().unwrap_or(topology::Slot::from_bits(0));
        Id::from_parts(high >> 16, high as u16, slot, random ^ self as u64)
    }

    /// The batch whose job definition of that kind has this id.
    pub fn batch(self, id: Id) -> Id {
        self.of(id)
    }

    /// All of them, in the order in which the reference makes them.
    pub const ALL: [JobDefinition; 3] = [JobDefinition::Seed, JobDefinition::Monitor, JobDefinition::Work];

    /// As it is stored.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// The kind that is stored so.
    pub fn from_number(number: i16) -> Option<JobDefinition> {
        JobDefinition::ALL
            .into_iter()
            .find(|kind| kind.number() == number)
    }

    /// The reference's `jobType`, in a batch of that type.
    pub fn job_type(self, batch_type: &str) -> &str {
        match self {
            JobDefinition::Seed => "batch-seed-job",
            JobDefinition::Monitor => "batch-monitor-job",
            JobDefinition::Work => batch_type,
        }
    }
}

/// The id of the batch that a request with an `Idempotency-Key` makes: the same each time, wherever it is worked out.
pub fn id_of_key(user: &str, key: &str) -> Id {
    let bits = (0..8).fold(0u128, |bits, part| {
        let text = format!("{part}\n{user}\n{key}");
        (bits << 14) | u128::from(topology::Slot::of_key(&text).number())
    });
    let slot = topology::Slot::of_key(key);
    Id::from_parts((bits >> 64) as u64 >> 16, (bits >> 48) as u16, slot, bits as u64)
}

/// A logical batch, all parts added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole(Part);

/// Adds parts up, in the order of ids. What is to be done of a batch that nobody knows any more is left out.
pub fn wholes(parts: impl IntoIterator<Item = Part>) -> Vec<Whole> {
    let mut found: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for part in parts {
        found.entry(part.id.clone()).or_default().push(part);
    }
    let whole = |parts: Vec<Part>| {
        let mut rows = parts.iter().filter(|p| p.kind.is_some());
        let first = rows.next()?;
        let all: Vec<&Part> = std::iter::once(first).chain(rows).collect();
        let remaining = parts.iter().map(|p| p.remaining).sum();
        let running = all.iter().any(|p| p.running);
        let earliest = |time: fn(&Part) -> Option<i64>| all.iter().filter_map(|p| time(p)).min();
        Some(Whole(Part {
            total: all.iter().map(|p| p.total).sum(),
            // A part that has ended can't be activated again.
            suspended: all.iter().filter(|p| p.running).all(|p| p.suspended) && running,
            running,
            recorded: all.iter().any(|p| p.recorded),
            started: earliest(|p| p.started),
            executed: earliest(|p| p.executed),
            ended: all.iter().filter_map(|p| p.ended).max().filter(|_| !running),
            removal: all.iter().filter_map(|p| p.removal).max(),
            remaining,
            waiting: parts.iter().map(|p| p.waiting).sum(),
            failed: parts.iter().map(|p| p.failed).sum(),
            ..first.clone()
        }))
    };
    found.into_values().filter_map(whole).collect()
}

impl Whole {
    /// Whether `/batch` shows it.
    pub fn runs(&self) -> bool {
        self.0.running
    }

    /// Whether `/history/batch` shows it.
    pub fn is_recorded(&self) -> bool {
        self.0.recorded
    }

    fn definition(&self, kind: JobDefinition) -> String {
        let id = self.0.id.parse::<Id>();
        id.map_or_else(|_| self.0.id.clone(), |id| kind.of(id).to_string())
    }

    /// As `/batch` shows it.
    pub fn batch(&self) -> Batch {
        let part = &self.0;
        Batch {
            id: part.id.clone(),
            kind: part.kind.clone().unwrap_or_default(),
            total_jobs: part.total,
            jobs_created: part.total - part.waiting,
            batch_jobs_per_seed: PER_SEED,
            invocations_per_batch_job: PER_JOB,
            seed_job_definition_id: self.definition(JobDefinition::Seed),
            monitor_job_definition_id: self.definition(JobDefinition::Monitor),
            batch_job_definition_id: self.definition(JobDefinition::Work),
            suspended: part.suspended,
            tenant_id: part.tenant_id.clone(),
            create_user_id: part.create_user.clone(),
            start_time: Date(part.started.unwrap_or_default()),
            execution_start_time: part.executed.map(Date),
        }
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            batch: self.batch(),
            remaining_jobs: self.0.remaining,
            completed_jobs: self.0.total - self.0.remaining,
            failed_jobs: self.0.failed,
        }
    }

    fn historic(&self) -> Historic {
        let batch = self.batch();
        Historic {
            id: batch.id,
            kind: batch.kind,
            total_jobs: batch.total_jobs,
            batch_jobs_per_seed: batch.batch_jobs_per_seed,
            invocations_per_batch_job: batch.invocations_per_batch_job,
            seed_job_definition_id: batch.seed_job_definition_id,
            monitor_job_definition_id: batch.monitor_job_definition_id,
            batch_job_definition_id: batch.batch_job_definition_id,
            tenant_id: batch.tenant_id,
            create_user_id: batch.create_user_id,
            start_time: batch.start_time,
            end_time: self.0.ended.map(Date),
            removal_time: self.0.removal.map(Date),
            execution_start_time: batch.execution_start_time,
        }
    }
}

/// What a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Batch,
    Statistics,
    Historic,
    /// Historic batches by type, with how many have ended.
    Report,
}

/// A question that takes all parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    pub shape: Shape,
    /// One batch, by its id in the path.
    pub one: bool,
    pub count: bool,
}

impl Question {
    /// The question that a `GET` of that path asks, as `operations.tsv` writes it.
    pub fn of(path: &str) -> Option<Question> {
        let (path, count) = match path.strip_suffix("/count") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let (path, one) = match path.strip_suffix("/{id}") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let shape = match path {
            "/batch" => Shape::Batch,
            "/batch/statistics" => Shape::Statistics,
            "/history/batch" => Shape::Historic,
            "/history/batch/cleanable-batch-report" => Shape::Report,
            _ => return None,
        };
        Some(Question { shape, one, count })
    }

    /// Answers it from all parts; `id` is the path's, `query` the decoded pairs.
    ///
    /// # Errors
    /// As the reference words them: 404 for an unknown batch, 400 for filters that can't be read.
    pub fn answer(
        self,
        parts: impl IntoIterator<Item = Part>,
        id: &str,
        query: &[(String, String)],
    ) -> ApiResult<Value> {
        let shown = |whole: &Whole| match self.shape {
            Shape::Batch | Shape::Statistics => whole.runs(),
            Shape::Historic | Shape::Report => whole.is_recorded(),
        };
        let mut found = wholes(parts);
        found.retain(shown);
        if self.one {
            let one = found.iter().find(|whole| whole.0.id == id);
            let word = if self.shape == Shape::Batch {
                "Batch"
            } else {
                "Historic batch"
            };
            let missing = || ApiError::not_found(format!("{word} with id '{id}' does not exist"));
            return Ok(self.row(one.ok_or_else(missing)?));
        }
        let list = match self.shape {
            Shape::Batch => Some("/batch"),
            Shape::Statistics => Some("/batch/statistics"),
            Shape::Historic => Some("/history/batch"),
            Shape::Report => None,
        };
        let filters = Filters::from_query(query).of_list(list);
        if self.shape == Shape::Report {
            let rows = report(&found, &filters)?;
            return self.page(rows, query);
        }
        let keep = Keep::read(&filters, self.shape)?;
        let order = sorting(&filters, &|by| self.sorts(by))?;
        found.retain(|whole| keep.keeps(&whole.0));
        if let Some(order) = order.first() {
            let key = |whole: &Whole| match order.by.as_str() {
                "startTime" => (whole.0.started.is_none(), whole.0.started, None),
                "endTime" => (whole.0.ended.is_none(), whole.0.ended, None),
                "tenantId" => (whole.0.tenant_id.is_none(), None, whole.0.tenant_id.clone()),
                _ => (false, None, Some(whole.0.id.clone())),
            };
            found.sort_by(|a, b| {
                let (a, b) = (key(a), key(b));
                if order.descending { b.cmp(&a) } else { a.cmp(&b) }
            });
        }
        let rows = found.iter().map(|whole| self.row(whole)).collect();
        self.page(rows, query)
    }

    fn sorts(self, by: &str) -> bool {
        match by {
            "batchId" | "tenantId" => true,
            "startTime" => self.shape != Shape::Batch,
            "endTime" => self.shape == Shape::Historic,
            _ => false,
        }
    }

    fn row(self, whole: &Whole) -> Value {
        match self.shape {
            Shape::Batch => json!(whole.batch()),
            Shape::Statistics => json!(whole.statistics()),
            Shape::Historic | Shape::Report => json!(whole.historic()),
        }
    }

    fn page(self, rows: Vec<Value>, query: &[(String, String)]) -> ApiResult<Value> {
        if self.count {
            return Ok(json!({ "count": rows.len() }));
        }
        Ok(Paging::from_query(query)?.cut(rows).into())
    }
}

/// The filters of batches.
struct Keep {
    id: Option<String>,
    kind: Option<String>,
    tenants: Option<Vec<String>>,
    without_tenant: bool,
    suspended: Option<bool>,
    completed: Option<bool>,
    created_by: Option<String>,
    started_before: Option<i64>,
    started_after: Option<i64>,
    failures: Option<bool>,
}

impl Keep {
    fn read(filters: &Filters, shape: Shape) -> ApiResult<Keep> {
        let statistics = shape == Shape::Statistics;
        // The others don't know them, and so don't read them.
        let of_statistics = |name: &str| match statistics {
            true => filters.date(name),
            false => Ok(None),
        };
        let on = |name: &str| Ok(statistics && filters.on(name)?);
        let (with, without): (bool, bool) = match (on("withFailures"), on("withoutFailures")) {
            (Ok(with), Ok(without)) => (with, without),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        Ok(Keep {
            id: filters.text("batchId")?,
            kind: filters.text("type")?,
            // Both count, unlike in other lists.
            tenants: filters.list("tenantIdIn")?.filter(|list| !list.is_empty()),
            without_tenant: filters.on("withoutTenantId")?,
            suspended: filters.flag("suspended")?.filter(|_| shape != Shape::Historic),
            completed: filters.flag("completed")?.filter(|_| shape == Shape::Historic),
            created_by: filters.text("createdBy")?.filter(|_| statistics),
            started_before: of_statistics("startedBefore")?,
            started_after: of_statistics("startedAfter")?,
            failures: match (with, without) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
        })
    }

    fn keeps(&self, part: &Part) -> bool {
        fn same<T: PartialEq>(wanted: &Option<T>, has: &T) -> bool {
            wanted.as_ref().is_none_or(|wanted| wanted == has)
        }
        let tenant = part.tenant_id.as_ref();
        same(&self.id, &part.id)
            && self.kind.is_none_or_same(&part.kind)
            && self
                .tenants
                .as_ref()
                .is_none_or(|list| tenant.is_some_and(|t| list.contains(t)))
            && (!self.without_tenant || tenant.is_none())
            && same(&self.suspended, &part.suspended)
            && same(&self.completed, &part.ended.is_some())
            && self.created_by.is_none_or_same(&part.create_user)
            && self.started_before.is_none_or(|time| part.started < Some(time))
            && self.started_after.is_none_or(|time| part.started > Some(time))
            && same(&self.failures, &(part.failed > 0))
    }
}

trait Wanted {
    /// Nothing is wanted, or just that.
    fn is_none_or_same(&self, has: &Option<String>) -> bool;
}

impl Wanted for Option<String> {
    fn is_none_or_same(&self, has: &Option<String>) -> bool {
        self.is_none() || self == has
    }
}

/// Batches by type, and how many of them have ended. Without a removal time set by hand a batch stays for ever, so none is
/// cleanable.
fn report(found: &[Whole], filters: &Filters) -> ApiResult<Vec<Value>> {
    let order = sorting(filters, &|by| by == "finished")?;
    let mut types: BTreeMap<String, i64> = BTreeMap::new();
    for whole in found {
        let ended = types.entry(whole.0.kind.clone().unwrap_or_default()).or_default();
        *ended += i64::from(whole.0.ended.is_some());
    }
    let mut rows: Vec<(String, i64)> = types.into_iter().collect();
    if let Some(order) = order.first() {
        rows.sort_by_key(|(_, finished)| if order.descending { -finished } else { *finished });
    }
    let row = |(kind, finished): (String, i64)| {
        json!({
            "batchType": kind,
            "historyTimeToLive": null,
            "finishedBatchesCount": finished,
            "cleanableBatchesCount": 0,
        })
    };
    Ok(rows.into_iter().map(row).collect())
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
