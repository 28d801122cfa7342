//! The logs of jobs and of external tasks. A row of history tells of a failure or of the end; the end tells of the
//! creation too, and while the job or task exists, it does so itself. A creation's id is the twin of the job's or task's.
use super::{Kind, Listing, SortBy, Where, col, history, job::CLEAN_UP, of_definition};
use crate::store::{BATCH_JOB, Row, StoreError, forget::UNTOLD, schema::visible};
use bpmn_core::{
    Id,
    instance::{JobKind, RunState},
};
use rest_api::{
    ApiResult,
    batch::{JobDefinition, TYPES},
    known,
};
use sea_query::{CaseStatement, Condition, Expr, ExprTrait, Func, Query, SelectStatement, UnionType};

const H: &str = "h";
/// `state` of a creation, as in the reference; failures and ends have [`RunState`]'s.
pub const CREATED: i64 = 0;

/// What a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    Job,
    ExternalTask,
}

/// Columns of both logs, then [`Log::own`].
const SHARED: [&str; 14] = [
    "id",
    "root_id",
    "subject",
    "instance_id",
    "execution_id",
    "definition_id",
    "element",
    "retries",
    "priority",
    "time",
    "state",
    "error_message",
    "tenant_id",
    "details",
];

/// A row of [`listing`].
pub struct LogRow {
    pub id: Id,
    pub root_id: Id,
    /// The job or external task.
    pub subject: Id,
    pub instance_id: Option<Id>,
    pub execution_id: Option<Id>,
    pub definition_id: Id,
    pub element: String,
    pub retries: Option<i64>,
    pub priority: i64,
    pub time: i64,
    pub state: i64,
    pub error_message: Option<String>,
    pub tenant_id: Option<String>,
    /// End of the root of its tree, or when that is to go ([`super::history_process::root_end`]).
    pub root_end: Option<i64>,
    /// Of a job: its kind, due date, the node that ran it, and where it failed.
    pub kind: i64,
    pub due: Option<i64>,
    pub node: Option<String>,
    pub failed_element: Option<String>,
    /// The type of the batch that a job is one of.
    pub batch_type: Option<String>,
    /// Of an external task.
    pub topic: String,
    pub worker_id: Option<String>,
    pub activity_id: Option<Id>,
}

impl Log {
    fn own(self) -> &'static [&'static str] {
        match self {
            Log::Job => &["kind", "due", "node", "failed_element"],
            Log::ExternalTask => &["topic", "worker_id", "activity_id"],
        }
    }

    /// Table of what exists, table of history, its column of the subject, column of the long text.
    fn tables(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Log::Job => ("job", "history_job", "job_id", "stacktrace"),
            Log::ExternalTask => (
                "external_task",
                "history_external_task",
                "task_id",
                "error_details",
            ),
        }
    }

    /// Reads a row of [`Log::listing`].
    pub fn row(self, row: &dyn Row) -> Result<LogRow, StoreError> {
        let mut read = LogRow {
            id: row.id(0)?,
            root_id: row.id(1)?,
            subject: row.id(2)?,
            instance_id: row.id_opt(3)?,
            execution_id: row.id_opt(4)?,
            definition_id: row.id(5)?,
            element: row.text(6)?,
            retries: row.i64_opt(7)?,
            priority: row.i64(8)?,
            time: row.i64(9)?,
            state: row.i64(10)?,
            error_message: row.text_opt(11)?,
            tenant_id: row.text_opt(12)?,
            root_end: row.i64_opt(13)?,
            kind: 0,
            due: None,
            node: None,
            failed_element: None,
            batch_type: None,
            topic: String::new(),
            worker_id: None,
            activity_id: None,
        };
        match self {
            Log::Job => {
                read.kind = row.i64(14)?;
                read.due = row.i64_opt(15)?;
                read.node = row.text_opt(16)?;
                read.failed_element = row.text_opt(17)?;
                read.batch_type = row.text_opt(18)?;
            }
            Log::ExternalTask => {
                read.topic = row.text(14)?;
                read.worker_id = row.text_opt(15)?;
                read.activity_id = row.id_opt(16)?;
            }
        }
        Ok(read)
    }

    /// A branch of the log: rows of a table as failures and ends, or as creations.
    fn branch(self, table: &'static str, alias: &'static str, creation: bool) -> SelectStatement {
        let (running, _, subject, details) = self.tables();
        let subject = if table == running { "id" } else { subject };
        let mut query = Query::select();
        for name in SHARED {
            let cell = match name {
                "id" if creation => col(alias, subject),
                "subject" => col(alias, subject),
                "time" if creation => col(alias, "created"),
                "state" if creation => Expr::cust("0"),
                "error_message" | "details" if creation => Expr::cust("CAST(NULL AS text)"),
                // As it was made, where that is another than now.
                "retries" if creation && self == Log::Job => {
                    Expr::from(Func::coalesce([col(alias, "made_retries"), col(alias, name)]))
                }
                "priority" if creation => {
                    Expr::from(Func::coalesce([col(alias, "made_priority"), col(alias, name)]))
                }
                // An external task has no tries before its first failure.
                "retries" if creation && self == Log::ExternalTask => Expr::cust("CAST(NULL AS integer)"),
                "details" => col(alias, details),
                // Null where it is the process instance.
                "execution_id" if self == Log::ExternalTask => {
                    Expr::from(Func::coalesce([col(alias, name), col(alias, "instance_id")]))
                }
                _ => col(alias, name),
            };
            query.expr_as(cell, name);
        }
        for &name in self.own() {
            let cell = match name {
                "worker_id" | "failed_element" if creation => Expr::cust("CAST(NULL AS text)"),
                "node" if table == running => col(alias, "lock_owner"),
                "due" if creation => Expr::Case(Box::new(
                    CaseStatement::new()
                        .case(col(alias, "made_retries").is_not_null(), col(alias, "made_due"))
                        .finally(col(alias, name)),
                )),
                _ => col(alias, name),
            };
            query.expr_as(cell, name);
        }
        query.from_as(table, alias).and_where(visible(alias)).take()
    }

    fn base(self) -> SelectStatement {
        let (running, ended, ..) = self.tables();
        let mut runs = self.branch(ended, "e", false);
        let mut made = self.branch(ended, "c", true);
        made.and_where(col("c", "state").ne(RunState::Failed as i16));
        if self == Log::Job {
            // What has no row of its own is told of by one for each event.
            made.and_where(col("c", "kind").ne(CLEAN_UP)).and_where(told("c"));
        }
        let mut exist = self.branch(running, "r", true);
        exist.and_where(col("r", "recorded").eq(true));
        if self == Log::Job {
            exist.and_where(told("r"));
        }
        runs.union(UnionType::All, made).union(UnionType::All, exist);
        if self == Log::Job {
            runs.union(UnionType::All, of_batches());
        }
        let all = runs.take();
        Query::select().from_subquery(all, H).take()
    }

    fn columns(self) -> Vec<Expr> {
        let mut columns: Vec<Expr> = SHARED[..13].iter().map(|name| col(H, name)).collect();
        columns.push(super::history_process::root_end(H));
        columns.extend(self.own().iter().map(|name| col(H, name)));
        if self == Log::Job {
            columns.push(batch_type());
        }
        columns
    }

    /// The entry of that id.
    pub fn by_id(self, id: Id) -> SelectStatement {
        let mut query = self.base();
        query
            .exprs(self.columns())
            .and_where(col(H, "id").eq(id.0))
            .take()
    }

    /// The long text (stack trace, error details) of the entry of that id, as the only column.
    pub fn details(self, id: Id) -> SelectStatement {
        let mut query = self.base();
        query
            .expr(col(H, "details"))
            .and_where(col(H, "id").eq(id.0))
            .take()
    }

    /// Entries that meet the filters.
    pub fn listing(self, mut w: Where<'_>) -> ApiResult<Listing> {
        if let Some(text) = w.filters.text("logId")? {
            let condition = text.parse::<Id>().map_or_else(
                |_| super::never(),
                |id| {
                    let created = || col(H, "state").eq(CREATED);
                    let own = col(H, "id").eq(id.0).and(created().not());
                    let told = col(H, "id").eq(id.twin().0).and(created());
                    col(H, "id").is_in([id.0, id.twin().0]).and(own.or(told))
                },
            );
            w.and(condition);
        }
        history::instance(&mut w, "processInstanceId", H)?;
        w.definition(col(H, "definition_id"))?;
        w.texts("activityIdIn", col(H, "element"))?;
        w.ids("executionIdIn", col(H, "execution_id"))?;
        w.tenants(col(H, "tenant_id"))?;
        let mut state = None;
        for (name, number) in [
            ("creationLog", CREATED),
            ("failureLog", RunState::Failed as i64),
            ("successLog", RunState::Successful as i64),
            ("deletionLog", RunState::Deleted as i64),
        ] {
            // The last one counts, as in the reference.
            if w.filters.on(name)? {
                state = Some(number);
            }
        }
        if let Some(state) = state {
            w.and(col(H, "state").eq(state));
        }
        let known = match self {
            Log::Job => {
                jobs(&mut w)?;
                known::HISTORY_JOB_LOG
            }
            Log::ExternalTask => {
                external_tasks(&mut w)?;
                known::HISTORY_EXTERNAL_TASK_LOG
            }
        };
        let filters = w.filters;
        w.sees_history(col(H, "definition_id"));
        let condition = w.finish(known)?;
        let base = self.base().cond_where(condition).take();
        Listing::new(base, self.columns(), col(H, "id")).sorted(filters, &|by| self.sort(by))
    }

    fn sort(self, by: &str) -> Option<SortBy> {
        Some(match (self, by) {
            (_, "timestamp") => (col(H, "time"), Kind::Number),
            (Log::Job, "jobId") | (Log::ExternalTask, "externalTaskId") => (col(H, "subject"), Kind::Id),
            (Log::Job, "jobDefinitionId") => (job_definition(), Kind::Id),
            (Log::Job, "jobDueDate") => (col(H, "due"), Kind::Number),
            (Log::Job, "jobRetries") | (Log::ExternalTask, "retries") => (col(H, "retries"), Kind::Number),
            (Log::Job, "jobPriority") | (Log::ExternalTask, "priority") => (col(H, "priority"), Kind::Number),
            (_, "activityId") => (col(H, "element"), Kind::Text),
            (_, "executionId") => (col(H, "execution_id"), Kind::Id),
            (_, "processInstanceId") => (col(H, "instance_id"), Kind::Id),
            (_, "processDefinitionId") => (of_definition(col(H, "definition_id"), "rest_id"), Kind::Text),
            (_, "processDefinitionKey") => (of_definition(col(H, "definition_id"), "key"), Kind::Text),
            (Log::Job, "deploymentId") => (of_definition(col(H, "definition_id"), "deployment_id"), Kind::Id),
            (Log::Job, "hostname") => (col(H, "node"), Kind::Text),
            (Log::Job, "occurrence") => (col(H, "id"), Kind::Id),
            (Log::ExternalTask, "topicName") => (col(H, "topic"), Kind::Text),
            (Log::ExternalTask, "workerId") => (col(H, "worker_id"), Kind::Text),
            (Log::ExternalTask, "activityInstanceId") => (col(H, "activity_id"), Kind::Id),
            (_, "tenantId") => (col(H, "tenant_id"), Kind::Text),
            _ => return None,
        })
    }
}

/// That history hasn't forgotten the making of a job.
fn told(alias: &'static str) -> Expr {
    let made = col(alias, "made_retries");
    made.clone().is_null().or(made.ne(UNTOLD))
}

fn jobs(w: &mut Where<'_>) -> ApiResult<()> {
    w.id("jobId", col(H, "subject"))?;
    w.text("jobExceptionMessage", col(H, "error_message"))?;
    w.texts("failedActivityIdIn", col(H, "failed_element"))?;
    if let Some(id) = w.filters.text("deploymentId")? {
        let view = w.view;
        let of = view.all().filter(|d| d.row.deployment_id.to_string() == id);
        let of: Vec<_> = of.map(|d| d.row.id.0).collect();
        let any = col(H, "definition_id").is_in(of);
        w.and(match id.parse::<Id>() {
            Ok(id) => {
                let of_none = of_batch().or(col(H, "kind").eq(JobKind::Suspension.number()));
                any.or(of_none.and(col(H, "execution_id").eq(id.0)))
            }
            Err(_) => any,
        });
    }
    w.text("hostname", col(H, "node"))?;
    w.long("jobPriorityLowerThanOrEquals", |n| col(H, "priority").lte(n))?;
    w.long("jobPriorityHigherThanOrEquals", |n| col(H, "priority").gte(n))?;
    let of_kind = |kind: JobDefinition| col(H, "kind").eq(BATCH_JOB + kind.number());
    if let Some(text) = w.filters.text("jobDefinitionId")? {
        let any = w.any_jobs(H, "kind", |j| j.id.to_string() == text);
        let any = text.parse::<Id>().into_iter().fold(any, |any, id| {
            let of = |kind: JobDefinition| of_kind(kind).and(col(H, "root_id").eq(kind.batch(id).0));
            JobDefinition::ALL
                .into_iter()
                .fold(any, |any, kind| any.add(of(kind)))
        });
        w.add(any);
    }
    if let Some(word) = w.filters.text("jobDefinitionType")? {
        let any = w.any_jobs(H, "kind", |j| j.job_type == word);
        let own = [JobDefinition::Seed, JobDefinition::Monitor];
        let own = own.into_iter().filter(|kind| kind.job_type("") == word);
        let any = own.fold(any, |any, kind| any.add(of_kind(kind)));
        let any = any.add(of_no_definition(&word));
        w.add(match TYPES.contains(&word.as_str()) {
            true => any.add(of_kind(JobDefinition::Work).and(batch_type().eq(word.as_str()))),
            false => any,
        });
    }
    if let Some(text) = w.filters.text("jobDefinitionConfiguration")? {
        let any = w.any_jobs(H, "kind", |j| j.configuration == text);
        let batch = text
            .parse::<Id>()
            .map(|id| of_batch().and(col(H, "root_id").eq(id.0)));
        w.add(batch.into_iter().fold(any, Condition::add));
    }
    Ok(())
}

/// That a row is about a job of that type which has no job definition: the clean-up's, or that of a suspension, whose
/// element is the request.
fn of_no_definition(word: &str) -> Expr {
    if word == "history-cleanup" {
        return col(H, "kind").eq(CLEAN_UP);
    }
    let (verb, what) = word.split_once('-').unwrap_or_default();
    let path = match what {
        "processdefinition" => "process-definition",
        "job-definition" => "job-definition",
        _ => return super::never(),
    };
    let says = |text: String| col(H, "element").like(format!("%{text}%"));
    // A request that activates doesn't say so.
    let suspends = says("\"suspended\":true".to_owned());
    let of_verb = match verb {
        "suspend" => suspends,
        "activate" => suspends.not(),
        _ => return super::never(),
    };
    col(H, "kind")
        .eq(JobKind::Suspension.number())
        .and(says(format!("\"path\":\"/{path}")))
        .and(of_verb)
}

/// That a row is about a batch's job.
fn of_batch() -> Expr {
    col(H, "kind").gt(BATCH_JOB).and(col(H, "kind").ne(CLEAN_UP))
}

/// The type of a row's batch: its root is the batch.
fn batch_type() -> Expr {
    let query = Query::select()
        .expr(col("bt", "type"))
        .from_as("batch", "bt")
        .and_where(col("bt", "id").equals((H, "root_id")))
        .and_where(col(H, "kind").gt(BATCH_JOB))
        .limit(1)
        .take();
    super::scalar(query)
}

/// Jobs of batches that exist, as creations. The deployment that one is for stands where an execution would.
fn of_batches() -> SelectStatement {
    const W: &str = "bw";
    let own = Log::Job.own();
    let mut query = Query::select();
    for &name in SHARED.iter().chain(own) {
        let cell = match name {
            "id" | "subject" => col(W, "id"),
            "root_id" => col(W, "batch_id"),
            "instance_id" => Expr::cust("CAST(NULL AS uuid)"),
            "execution_id" => col(W, "deployment_id"),
            "definition_id" => Expr::val(Id::NIL.0),
            "element" => Expr::cust("CAST('' AS text)"),
            "retries" => Expr::cust("3"),
            "time" => col(W, "created"),
            "state" => Expr::cust("0"),
            "kind" => col(W, "kind").add(i32::from(BATCH_JOB)),
            // Only a monitor job has one from the beginning.
            "due" => Expr::Case(Box::new(
                CaseStatement::new()
                    .case(col(W, "kind").eq(JobDefinition::Monitor.number()), col(W, "due"))
                    .finally(Expr::cust("CAST(NULL AS bigint)")),
            )),
            "node" => col(W, "lock_owner"),
            "priority" => col(W, name),
            _ => Expr::cust("CAST(NULL AS text)"),
        };
        query.expr_as(cell, name);
    }
    let recorded = Query::select()
        .expr(Expr::val(1))
        .from_as("batch", "br")
        .and_where(col("br", "id").equals((W, "batch_id")))
        .and_where(col("br", "recorded").eq(true))
        .take();
    query
        .from_as("batch_work", W)
        .and_where(visible(W))
        .and_where(col(W, "seeded").eq(true))
        .and_where(Expr::exists(recorded))
        .take()
}

/// Id of a row's job definition.
fn job_definition() -> Expr {
    let query = Query::select()
        .expr(col("jd", "id"))
        .from_as("job_definition", "jd")
        .and_where(col("jd", "definition_id").equals((H, "definition_id")))
        .and_where(col("jd", "element").equals((H, "element")))
        .and_where(col("jd", "kind").equals((H, "kind")))
        .take();
    super::scalar(query)
}

fn external_tasks(w: &mut Where<'_>) -> ApiResult<()> {
    w.id("externalTaskId", col(H, "subject"))?;
    w.text("topicName", col(H, "topic"))?;
    w.text("workerId", col(H, "worker_id"))?;
    // The end of a task keeps the message of its last failure, which is no message of its own.
    if let Some(text) = w.filters.text("errorMessage")? {
        let failed = col(H, "state").eq(RunState::Failed as i64);
        w.and(failed.and(col(H, "error_message").eq(text)));
    }
    if let Some(list) = w.filters.list("activityInstanceIdIn")?.filter(|l| !l.is_empty()) {
        w.and(col(H, "activity_id").is_in(history::activities(&list)));
    }
    w.long("priorityLowerThanOrEquals", |n| col(H, "priority").lte(n))?;
    w.long("priorityHigherThanOrEquals", |n| col(H, "priority").gte(n))
}

/// That the log of jobs has an entry of an instance (columns of its root and id) within these times.
pub(super) fn job_entry(
    root: (&'static str, &'static str),
    instance: (&'static str, &'static str),
    after: Option<i64>,
    before: Option<i64>,
) -> Expr {
    let within = |table: &'static str, alias: &'static str, creation: bool| {
        let mut query = Log::Job.branch(table, alias, creation);
        query
            .and_where(col(alias, "root_id").equals(root))
            .and_where(col(alias, "instance_id").equals(instance));
        let time = || col(alias, if creation { "created" } else { "time" });
        if let Some(after) = after {
            query.and_where(time().gte(after));
        }
        if let Some(before) = before {
            query.and_where(time().lte(before));
        }
        query
    };
    let mut exist = within("job", "jr", true);
    exist.and_where(col("jr", "recorded").eq(true));
    let mut made = within("history_job", "jc", true);
    made.and_where(col("jc", "state").ne(RunState::Failed as i16));
    let runs = within("history_job", "je", false);
    Expr::exists(runs).or(Expr::exists(made)).or(Expr::exists(exist))
}
