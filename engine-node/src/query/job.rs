//! The list of jobs: those of processes, and those of batches, which lie in a table of their own.
use super::{Kind, Listing, SortBy, Where, col, never, of_definition};
use crate::store::{BATCH_JOB, Row, StoreError, schema::visible};
use bpmn_core::{
    Id,
    instance::{Job, JobKind, Made},
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    batch::JobDefinition,
    date,
    filters::{Filters, Operator},
    known, variable,
};
use sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};
use serde_json::Value;

const J: &str = "j";
const W: &str = "w";

const COLUMNS: [&str; 21] = [
    "id",
    "root_id",
    "instance_id",
    "token_id",
    "execution_id",
    "definition_id",
    "element",
    "kind",
    "due",
    "retries",
    "exclusive",
    "priority",
    "suspended",
    "created",
    "lock_owner",
    "lock_expires",
    "error_message",
    "stacktrace",
    "repeat",
    "tenant_id",
    "failed_element",
];

/// A batch's job.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchJob {
    pub id: Id,
    pub batch_id: Id,
    pub kind: JobDefinition,
    pub due: Option<i64>,
    pub retries: i32,
    pub priority: i64,
    pub suspended: bool,
    pub created: i64,
    pub error_message: Option<String>,
    pub tenant_id: Option<String>,
}

/// The job of history's clean-up, which has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanUp {
    pub id: Id,
    pub due: Option<i64>,
    pub suspended: bool,
    pub created: i64,
}

/// Its kind in a list.
pub const CLEAN_UP: i16 = BATCH_JOB + 9;

/// A row of [`listing`].
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    OfProcess(Box<Job>),
    OfBatch(BatchJob),
    OfHistory(CleanUp),
}

/// Reads a row of [`listing`] or [`of_batch_by_id`].
pub fn found(row: &dyn Row) -> Result<Found, StoreError> {
    let kind = i16::try_from(row.i64(7)?).unwrap_or_default();
    if kind == CLEAN_UP {
        return Ok(Found::OfHistory(CleanUp {
            id: row.id(0)?,
            due: row.i64_opt(8)?,
            suspended: row.bool(12)?,
            created: row.i64(13)?,
        }));
    }
    let Some(kind) = JobDefinition::from_number(kind - BATCH_JOB) else {
        return self::row(row).map(|job| Found::OfProcess(Box::new(job)));
    };
    Ok(Found::OfBatch(BatchJob {
        id: row.id(0)?,
        batch_id: row.id(1)?,
        kind,
        due: row.i64_opt(8)?,
        retries: row.i64(9)? as i32,
        priority: row.i64(11)?,
        suspended: row.bool(12)?,
        created: row.i64(13)?,
        error_message: row.text_opt(16)?,
        tenant_id: row.text_opt(19)?,
    }))
}

/// Reads a row of [`by_id`].
pub fn row(row: &dyn Row) -> Result<Job, StoreError> {
    let kind = row.i64(7)? as i16;
    Ok(Job {
        id: row.id(0)?,
        root_id: row.id(1)?,
        instance_id: row.id_opt(2)?,
        token_id: row.id_opt(3)?,
        execution_id: row.id_opt(4)?,
        definition_id: row.id(5)?,
        element: row.text(6)?,
        kind: JobKind::from_i16(kind).ok_or_else(|| StoreError::Internal(format!("job kind {kind}")))?,
        due: row.i64_opt(8)?,
        retries: row.i64(9)? as i32,
        exclusive: row.bool(10)?,
        priority: row.i64(11)?,
        suspended: row.bool(12)?,
        created: row.i64(13)?,
        lock_owner: row.text_opt(14)?,
        lock_expires: row.i64_opt(15)?,
        error_message: row.text_opt(16)?,
        stacktrace: row.text_opt(17)?,
        repeat: row.text_opt(18)?,
        tenant_id: row.text_opt(19)?,
        failed_element: row.text_opt(20)?,
        made: Made::default(),
        recorded: false,
    })
}

/// The job of a process of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let mut query = Query::select();
    query
        .from_as("job", J)
        .and_where(visible(J))
        .and_where(col(J, "id").eq(id.0));
    query.exprs(COLUMNS.map(|name| col(J, name))).take()
}

/// The job of a batch of that id.
pub fn of_batch_by_id(id: Id) -> SelectStatement {
    of_batches().and_where(col(W, "id").eq(id.0)).take()
}

/// Jobs of batches, in the columns of those of processes. What no seed job has come to is none yet.
fn of_batches() -> SelectStatement {
    let mut query = Query::select();
    for name in COLUMNS {
        let cell = match name {
            "instance_id" | "token_id" | "execution_id" => Expr::cust("CAST(NULL AS uuid)"),
            "definition_id" => Expr::val(Id::NIL.0),
            "element" => Expr::cust("CAST('' AS text)"),
            "kind" => col(W, "kind").add(i32::from(BATCH_JOB)),
            "exclusive" => Expr::cust("true"),
            "tenant_id" => tenant_of_batch(),
            "stacktrace" | "repeat" | "failed_element" => Expr::cust("CAST(NULL AS text)"),
            _ => col(W, name),
        };
        query.expr_as(cell, name);
    }
    query
        .from_as("batch_work", W)
        .and_where(visible(W))
        .and_where(col(W, "seeded").eq(true))
        .take()
}

/// The tenant of a job's batch.
fn tenant_of_batch() -> Expr {
    let query = Query::select()
        .expr(col("tb", "tenant_id"))
        .from_as("batch", "tb")
        .and_where(col("tb", "id").equals((W, "batch_id")))
        .limit(1)
        .take();
    super::scalar(query)
}

/// The clean-up's job, in the same columns.
fn of_history(job: CleanUp) -> SelectStatement {
    let mut query = Query::select();
    for name in COLUMNS {
        let cell = match name {
            "id" => Expr::val(job.id.0),
            "root_id" | "definition_id" => Expr::val(Id::NIL.0),
            "instance_id" | "token_id" | "execution_id" => Expr::cust("CAST(NULL AS uuid)"),
            "element" => Expr::cust("CAST('' AS text)"),
            "kind" => Expr::val(i32::from(CLEAN_UP)),
            "due" => job
                .due
                .map_or_else(|| Expr::cust("CAST(NULL AS bigint)"), Expr::val),
            "created" => Expr::val(job.created),
            "retries" => Expr::val(3),
            "priority" => Expr::cust("CAST(0 AS bigint)"),
            "exclusive" => Expr::cust("true"),
            "suspended" => Expr::val(job.suspended),
            "lock_expires" => Expr::cust("CAST(NULL AS bigint)"),
            _ => Expr::cust("CAST(NULL AS text)"),
        };
        query.expr_as(cell, name);
    }
    query
}

/// Filters that no job of a batch meets, nor that of the clean-up.
const OF_PROCESSES: [&str; 7] = [
    "processInstanceId",
    "processInstanceIds",
    "executionId",
    "processDefinitionId",
    "processDefinitionKey",
    "activityId",
    "failedActivityId",
];

/// The rows that filters choose from, as alias `j`.
fn base(filters: &Filters, clean_up: Option<CleanUp>) -> SelectStatement {
    let jobs = Query::select().from_as("job", J).and_where(visible(J)).take();
    if OF_PROCESSES.iter().any(|name| filters.has(name)) {
        return jobs;
    }
    let mut all = Query::select();
    for name in COLUMNS {
        all.expr_as(col("p", name), name);
    }
    all.from_as("job", "p").and_where(visible("p"));
    all.union(UnionType::All, of_batches());
    if let Some(job) = clean_up {
        all.union(UnionType::All, of_history(job));
    }
    let all = all.take();
    Query::select().from_subquery(all, J).take()
}

/// Jobs that meet the filters; `now` in Unix milliseconds decides which are due.
pub fn listing(mut w: Where<'_>, now: i64, clean_up: Option<CleanUp>) -> ApiResult<Listing> {
    w.id("jobId", col(J, "id"))?;
    w.exact_ids("jobIds", col(J, "id"))?;
    w.id("processInstanceId", col(J, "instance_id"))?;
    w.exact_ids("processInstanceIds", col(J, "instance_id"))?;
    w.id("executionId", col(J, "execution_id"))?;
    w.definition(col(J, "definition_id"))?;
    w.text("activityId", col(J, "element"))?;
    w.text("failedActivityId", col(J, "failed_element"))?;
    w.switch("withException", col(J, "error_message").is_not_null())?;
    w.text("exceptionMessage", col(J, "error_message"))?;
    w.switch("withRetriesLeft", col(J, "retries").gt(0))?;
    w.switch("noRetriesLeft", col(J, "retries").eq(0))?;
    let due = col(J, "due").is_null().or(col(J, "due").lte(now));
    w.switch("executable", col(J, "retries").gt(0).and(due))?;
    w.switch(
        "acquired",
        col(J, "lock_owner")
            .is_not_null()
            .and(col(J, "lock_expires").gt(now)),
    )?;
    kinds(&mut w)?;
    w.suspension(col(J, "suspended"))?;
    w.long("priorityHigherThanOrEquals", |n| col(J, "priority").gte(n))?;
    w.long("priorityLowerThanOrEquals", |n| col(J, "priority").lte(n))?;
    for (name, column) in [("dueDates", "due"), ("createTimes", "created")] {
        for (operator, millis) in date_conditions(w.filters, name)? {
            w.and(match operator {
                Operator::Gt => col(J, column).gt(millis),
                _ => col(J, column).lt(millis),
            });
        }
    }
    tenants(&mut w)?;
    job_definition(&mut w)?;
    let filters = w.filters;
    w.of_own_tenants(col(J, "tenant_id"));
    w.sees_instances(col(J, "instance_id"), col(J, "definition_id"));
    let condition = w.finish(known::JOB)?;
    let columns = COLUMNS.map(|name| col(J, name)).to_vec();
    let base = base(filters, clean_up).cond_where(condition).take();
    let listing = Listing::new(base, columns, col(J, "id")).sorted(filters, &sort)?;
    one_of_those(filters).map(|()| listing)
}

/// Filters that the reference's statement can't have beside one another.
const ALONE: [&str; 3] = ["activityId", "jobIds", "processInstanceIds"];

/// Refuses what the reference's database does.
fn one_of_those(filters: &Filters) -> ApiResult<()> {
    match ALONE.iter().filter(|name| filters.has(name)).count() {
        0 | 1 => Ok(()),
        _ => Err(ApiError::persistence()),
    }
}

/// By one job definition: of a process, or else of a batch.
fn job_definition(w: &mut Where<'_>) -> ApiResult<()> {
    let id = w
        .filters
        .text("jobDefinitionId")?
        .and_then(|id| id.parse::<Id>().ok());
    let Some(id) = id.filter(|id| w.view.job_definition(*id).is_none()) else {
        return w.job_definition("jobDefinitionId", J, "kind");
    };
    let any = JobDefinition::ALL.into_iter().fold(never(), |any, kind| {
        let of = col(J, "kind").eq(BATCH_JOB + kind.number());
        any.or(of.and(col(J, "root_id").eq(kind.batch(id).0)))
    });
    w.and(any);
    Ok(())
}

fn kinds(w: &mut Where<'_>) -> ApiResult<()> {
    let (timers, messages) = (w.filters.on("timers")?, w.filters.on("messages")?);
    if timers && messages {
        return Err(ApiError::invalid_request(
            "Parameter timers cannot be used together with parameter messages.",
        ));
    }
    // All others are timers: those of a user task's listeners have kinds of their own.
    let of_processes = [JobKind::AsyncBefore, JobKind::AsyncAfter, JobKind::Event].map(JobKind::number);
    let of_batches = JobDefinition::ALL.map(|kind| BATCH_JOB + kind.number());
    let of_messages: Vec<i16> = of_processes.into_iter().chain(of_batches).collect();
    if timers {
        w.and(col(J, "kind").is_not_in(of_messages.clone()));
        // The clean-up's is neither.
        w.and(col(J, "kind").ne(CLEAN_UP));
    }
    if messages {
        w.and(col(J, "kind").is_in(of_messages));
    }
    Ok(())
}

fn tenants(w: &mut Where<'_>) -> ApiResult<()> {
    let tenant = || col(J, "tenant_id");
    if w.filters.on("includeJobsWithoutTenantId")?
        && let Some(list) = w.filters.tenants()?
    {
        w.and(tenant().is_in(list).or(tenant().is_null()));
        return Ok(());
    }
    w.tenants(tenant())
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "jobId" => (col(J, "id"), Kind::Id),
        "executionId" => (col(J, "execution_id"), Kind::Id),
        "processInstanceId" => (col(J, "instance_id"), Kind::Id),
        "processDefinitionId" => (of_definition(col(J, "definition_id"), "rest_id"), Kind::Text),
        "processDefinitionKey" => (of_definition(col(J, "definition_id"), "key"), Kind::Text),
        "jobPriority" => (col(J, "priority"), Kind::Number),
        "jobRetries" => (col(J, "retries"), Kind::Number),
        "jobDueDate" => (col(J, "due"), Kind::Number),
        "tenantId" => (col(J, "tenant_id"), Kind::Text),
        _ => return None,
    })
}

/// `gt_DATE,lt_DATE` in a query, `[{"operator","value"}]` in a body.
fn date_conditions(filters: &Filters, name: &str) -> ApiResult<Vec<(Operator, i64)>> {
    let what = match name {
        "dueDates" => "due date",
        _ => "create time",
    };
    let mut found = Vec::new();
    if filters.is_post() {
        for item in filters.array(name)?.into_iter().flatten() {
            if item.is_null() {
                return Err(ApiError::null_pointer(
                    "Cannot invoke \"org.camunda.bpm.engine.rest.dto.ConditionQueryParameterDto.getOperator()\" because \
                     \"conditionQueryParam\" is null",
                ));
            }
            let operator = item.get("operator").and_then(Value::as_str);
            let value = item.get("value").unwrap_or(&Value::Null);
            found.push(date_condition(what, operator, value)?);
        }
        return Ok(found);
    }
    let text = filters.text(name)?.unwrap_or_default();
    for part in filters.exact_list(name)?.unwrap_or_default() {
        let Some((operator, value)) = part.split_once('_') else {
            return Err(ApiError::invalid_request(format!(
                "Cannot set query parameter '{name}' to value '{text}': condition query parameter has to have format \
                 OPERATOR_VALUE."
            )));
        };
        found.push(date_condition(what, Some(operator), &Value::from(value))?);
    }
    Ok(found)
}

/// One condition; what is wrong with it is found in the reference's order.
fn date_condition(what: &str, operator: Option<&str>, value: &Value) -> ApiResult<(Operator, i64)> {
    let millis = match value {
        Value::Null => None,
        Value::String(text) => Some(date::parse(text).ok_or_else(|| {
            ApiError::invalid_request(format!(
                "Invalid {what} format: Cannot convert value \"{text}\" to java type java.util.Date"
            ))
        })?),
        other => return Err(not_text(other)),
    };
    let operator = match operator {
        Some("gt") => Operator::Gt,
        Some("lt") => Operator::Lt,
        Some(other) => {
            return Err(ApiError::invalid_request(format!(
                "Invalid {what} comparator specified: {other}"
            )));
        }
        None => {
            return Err(ApiError::null_pointer(
                "Cannot invoke \"String.equals(Object)\" because \"op\" is null",
            ));
        }
    };
    let millis = millis.ok_or_else(|| ApiError::null_value("Provided date is null"))?;
    Ok((operator, millis))
}

/// The reference's error for a date that is no text: Java's own.
fn not_text(value: &Value) -> ApiError {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    ApiError::new(status, "ClassCastException", variable::not_text(value))
}

/// Jobs without retries, counted per element of one definition, or per definition: (group, count).
pub fn failed_by(group: &'static str, definition: Option<Id>) -> SelectStatement {
    let mut query = Query::select();
    query
        .expr(col(J, group))
        .expr(Expr::cust("COUNT(*)"))
        .from_as("job", J);
    query.and_where(visible(J)).and_where(col(J, "retries").eq(0));
    if let Some(definition) = definition {
        query.and_where(col(J, "definition_id").eq(definition.0));
    }
    query.group_by_col((J, group)).take()
}
