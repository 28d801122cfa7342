//! What a shard has of batches.
use super::col;
use crate::store::{BatchJobs, Row, StoreError, schema::visible};
use bpmn_core::Id;
use rest_api::batch::{JobDefinition, Part};
use sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};

const B: &str = "b";
const W: &str = "w";

const ROW: [&str; 12] = [
    "id",
    "type",
    "total",
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
    rows.exprs([Expr::cust("0"), Expr::cust("0"), Expr::cust("0")]);
    let mut work = of("batch_work", W, "batch_id");
    work.expr(col(W, "batch_id"));
    for column in &ROW[1..] {
        work.expr(Expr::cust(match *column {
            "total" => "0",
            "suspended" | "running" | "recorded" => "false",
            _ => "NULL",
        }));
    }
    work.expr(Expr::cust("COUNT(*)"));
    work.expr(Expr::cust("SUM(CASE WHEN w.\"retries\" = 0 THEN 1 ELSE 0 END)"));
    work.expr(Expr::cust("SUM(CASE WHEN w.\"seeded\" THEN 0 ELSE 1 END)"));
    work.and_where(col(W, "kind").eq(JobDefinition::Work.number()));
    work.group_by_col((W, "batch_id"));
    rows.union(UnionType::All, work).take()
}

/// Reads a row of [`parts`].
pub fn part(row: &dyn Row) -> Result<Part, StoreError> {
    Ok(Part {
        id: row.id(0)?.to_string(),
        kind: row.text_opt(1)?,
        total: row.i64(2)?,
        suspended: row.bool(3)?,
        running: row.bool(4)?,
        recorded: row.bool(5)?,
        started: row.i64_opt(6)?,
        executed: row.i64_opt(7)?,
        ended: row.i64_opt(8)?,
        removal: row.i64_opt(9)?,
        create_user: row.text_opt(10)?,
        tenant_id: row.text_opt(11)?,
        remaining: row.i64(12)?,
        failed: row.i64(13)?,
        waiting: row.i64(14)?,
    })
}

/// Batches that run and have their own jobs here: what is set for their jobs.
pub fn led() -> SelectStatement {
    Query::select()
        .from_as("batch", B)
        .and_where(visible(B))
        .and_where(col(B, "running").eq(true))
        .and_where(col(B, "jobs").is_not_null())
        .exprs(["id", "type", "jobs", "tenant_id"].map(|name| col(B, name)))
        .take()
}

/// A batch with what is set for its jobs.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Led {
    pub id: Id,
    pub kind: String,
    pub jobs: BatchJobs,
    pub tenant_id: Option<String>,
}

/// Reads a row of [`led`].
pub fn led_row(row: &dyn Row) -> Result<Led, StoreError> {
    Ok(Led {
        id: row.id(0)?,
        kind: row.text(1)?,
        jobs: BatchJobs::read(&row.text(2)?),
        tenant_id: row.text_opt(3)?,
    })
}
