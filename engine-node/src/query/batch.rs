//! What a shard has of batches, and what is to be done for one, as the API's jobs.
use super::{Kind, Listing, SortBy, Where, col};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, Millis};
use rest_api::{ApiResult, batch::Part, known};
use sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, UnionType};

const B: &str = "b";
const W: &str = "w";

const ROW: [&str; 13] = [
    "id",
    "type",
    "total",
    "seeded",
    "suspended",
    "running",
    "recorded",
    "started",
    "executed",
    "ended",
    "removal",
    "create_user",
    "tenant_id",
];

/// The parts of all batches or of one: rows of batches, then what is to be done, counted.
pub fn parts(id: Option<Id>) -> SelectStatement {
    let of = |table: &'static str, alias: &'static str, column: &'static str| {
        let mut query = Query::select()
            .from_as(table, alias)
            .and_where(visible(alias))
            .take();
        if let Some(id) = id {
            query.and_where(col(alias, column).eq(id.0));
        }
        query
    };
    let mut rows = of("batch", B, "id");
    rows.exprs(ROW.map(|name| col(B, name)));
    rows.exprs([Expr::cust("0"), Expr::cust("0")]);
    let mut work = of("batch_work", W, "batch_id");
    work.expr(col(W, "batch_id"));
    for column in &ROW[1..] {
        work.expr(Expr::cust(match *column {
            "total" => "0",
            "seeded" | "suspended" | "running" | "recorded" => "false",
            _ => "NULL",
        }));
    }
    work.expr(Expr::cust("COUNT(*)"));
    work.expr(Expr::cust("SUM(CASE WHEN w.\"retries\" = 0 THEN 1 ELSE 0 END)"));
    work.group_by_col((W, "batch_id"));
    rows.union(UnionType::All, work).take()
}

/// Reads a row of [`parts`].
pub fn part(row: &dyn Row) -> Result<Part, StoreError> {
    Ok(Part {
        id: row.id(0)?.to_string(),
        kind: row.text_opt(1)?,
        total: row.i64(2)?,
        seeded: row.bool(3)?,
        suspended: row.bool(4)?,
        running: row.bool(5)?,
        recorded: row.bool(6)?,
        started: row.i64_opt(7)?,
        executed: row.i64_opt(8)?,
        ended: row.i64_opt(9)?,
        removal: row.i64_opt(10)?,
        create_user: row.text_opt(11)?,
        tenant_id: row.text_opt(12)?,
        remaining: row.i64(13)?,
        failed: row.i64(14)?,
    })
}

/// Something that is to be done, as a job.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkRow {
    pub id: Id,
    pub batch_id: Id,
    pub retries: i32,
    pub suspended: bool,
    pub created: Millis,
    pub error_message: Option<String>,
}

const WORK: [&str; 6] = [
    "id",
    "batch_id",
    "retries",
    "suspended",
    "created",
    "error_message",
];

/// Reads a row of [`work`] or [`work_by_id`].
pub fn work_row(row: &dyn Row) -> Result<WorkRow, StoreError> {
    Ok(WorkRow {
        id: row.id(0)?,
        batch_id: row.id(1)?,
        retries: row.i64(2)? as i32,
        suspended: row.bool(3)?,
        created: row.i64(4)?,
        error_message: row.text_opt(5)?,
    })
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("batch_work", W)
        .cond_where(condition)
        .and_where(visible(W))
        .take()
}

/// What is to be done, by its id.
pub fn work_by_id(id: Id) -> SelectStatement {
    let mut query = base(Condition::all().add(col(W, "id").eq(id.0)));
    query.exprs(WORK.map(|name| col(W, name)));
    query
}

/// What is to be done for a batch, by the filters of jobs.
pub fn work(mut w: Where<'_>, batch: Id) -> ApiResult<Listing> {
    w.and(col(W, "batch_id").eq(batch.0));
    w.filters.text("jobDefinitionId")?;
    w.id("jobId", col(W, "id"))?;
    w.ids("jobIds", col(W, "id"))?;
    w.switch("withException", col(W, "error_message").is_not_null())?;
    w.text("exceptionMessage", col(W, "error_message"))?;
    w.switch("withRetriesLeft", col(W, "retries").gt(0))?;
    w.switch("noRetriesLeft", col(W, "retries").eq(0))?;
    w.switch("executable", col(W, "retries").gt(0))?;
    w.switch("messages", Expr::cust("true"))?;
    w.suspension(col(W, "suspended"))?;
    let filters = w.filters;
    let condition = w.finish(known::JOB)?;
    let columns = WORK.map(|name| col(W, name)).to_vec();
    Listing::new(base(condition), columns, col(W, "id")).sorted(filters, &sort)
}

fn sort(by: &str) -> Option<SortBy> {
    let null = || Expr::cust("NULL");
    Some(match by {
        "jobId" => (col(W, "id"), Kind::Id),
        "jobRetries" => (col(W, "retries"), Kind::Number),
        "jobPriority" => (Expr::cust("0"), Kind::Number),
        "jobDueDate" => (null(), Kind::Number),
        "executionId" | "processInstanceId" | "processDefinitionId" | "processDefinitionKey" | "tenantId" => {
            (null(), Kind::Text)
        }
        _ => return None,
    })
}
