//! Historic incidents: open ones, and those that were resolved or deleted.
use super::{Kind, Listing, SortBy, Where, col, history, null, of_definition};
use crate::store::{Row, StoreError, codec::job_kind, schema::visible};
use bpmn_core::{Id, instance::JobKind};
use rest_api::{ApiError, ApiResult, known};
use sea_query::{Expr, ExprTrait, Func, Order, Query, SelectStatement, UnionType};

const H: &str = "h";

/// `state` of a row that is open; resolved and deleted ones have 1 and 2, as in the reference.
pub const OPEN: i64 = 0;
/// Resolved by a retry or by hand.
pub const RESOLVED: i64 = 1;
/// Gone with its instance.
pub const DELETED: i64 = 2;

/// A row of [`listing`].
pub struct IncidentRow {
    pub id: Id,
    pub root_id: Id,
    pub instance_id: Option<Id>,
    pub execution_id: Option<Id>,
    pub definition_id: Id,
    pub kind: String,
    pub element: String,
    pub message: Option<String>,
    pub configuration: Option<String>,
    pub created: i64,
    pub cause_id: Id,
    pub root_cause_id: Id,
    pub tenant_id: Option<String>,
    pub ended: Option<i64>,
    pub state: i64,
    /// Kind of the job that failed.
    pub job_kind: Option<JobKind>,
    pub annotation: Option<String>,
    pub failed_element: Option<String>,
    /// End of the root of its tree, or when that is to go ([`super::history_process::root_end`]).
    pub root_end: Option<i64>,
    /// The log entry of the failure that raised it.
    pub log_id: Option<Id>,
}

const COLUMNS: [&str; 18] = [
    "id",
    "root_id",
    "instance_id",
    "execution_id",
    "definition_id",
    "kind",
    "element",
    "message",
    "configuration",
    "created",
    "cause_id",
    "root_cause_id",
    "tenant_id",
    "ended",
    "state",
    "job_kind",
    "annotation",
    "failed_element",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<IncidentRow, StoreError> {
    Ok(IncidentRow {
        id: row.id(0)?,
        root_id: row.id(1)?,
        instance_id: row.id_opt(2)?,
        execution_id: row.id_opt(3)?,
        definition_id: row.id(4)?,
        kind: row.text(5)?,
        element: row.text(6)?,
        message: row.text_opt(7)?,
        configuration: row.text_opt(8)?,
        created: row.i64(9)?,
        cause_id: row.id(10)?,
        root_cause_id: row.id(11)?,
        tenant_id: row.text_opt(12)?,
        ended: row.i64_opt(13)?,
        state: row.i64(14)?,
        job_kind: job_kind(row.i64_opt(15)?)?,
        annotation: row.text_opt(16)?,
        failed_element: row.text_opt(17)?,
        root_end: row.i64_opt(18)?,
        log_id: row.id_opt(19)?,
    })
}

/// All rows, as alias `h`.
pub(super) fn base() -> SelectStatement {
    let mut ended = Query::select();
    let mut running = Query::select();
    for name in COLUMNS {
        ended.expr_as(col("e", name), name);
        running.expr_as(
            match name {
                "ended" => null(),
                "state" => Expr::cust("0"),
                _ => col("r", name),
            },
            name,
        );
    }
    ended.from_as("history_incident", "e").and_where(visible("e"));
    running
        .from_as("incident", "r")
        .and_where(visible("r"))
        .and_where(col("r", "recorded").eq(true));
    Query::select()
        .from_subquery(ended.union(UnionType::All, running).take(), H)
        .take()
}

/// The failure that raised an incident: of the same tree, element and execution, the last before it. Who takes the last
/// try from a job that has failed raises an incident later.
fn log() -> Expr {
    let from = |table: &'static str| {
        let query = Query::select()
            .expr(col("fl", "id"))
            .from_as(table, "fl")
            .and_where(col("fl", "root_id").equals((H, "root_id")))
            .and_where(col("fl", "element").equals((H, "element")))
            .and_where(col("fl", "execution_id").equals((H, "execution_id")))
            .and_where(col("fl", "time").lte(col(H, "created")))
            .and_where(col("fl", "state").eq(bpmn_core::instance::RunState::Failed as i16))
            .order_by_expr(col("fl", "id"), Order::Desc)
            .limit(1)
            .take();
        super::scalar(query)
    };
    Expr::from(Func::coalesce([
        from("history_job"),
        from("history_external_task"),
    ]))
}

/// Historic incidents that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.id("incidentId", col(H, "id"))?;
    w.text("incidentType", col(H, "kind"))?;
    w.text("incidentMessage", col(H, "message"))?;
    w.like("incidentMessageLike", col(H, "message"))?;
    w.definition(col(H, "definition_id"))?;
    history::instance(&mut w, "processInstanceId", H)?;
    w.id("executionId", col(H, "execution_id"))?;
    w.date("createTimeBefore", |d| col(H, "created").lte(d))?;
    w.date("createTimeAfter", |d| col(H, "created").gte(d))?;
    w.date("endTimeBefore", |d| col(H, "ended").lte(d))?;
    w.date("endTimeAfter", |d| col(H, "ended").gte(d))?;
    w.text("activityId", col(H, "element"))?;
    w.text("failedActivityId", col(H, "failed_element"))?;
    w.id("causeIncidentId", col(H, "cause_id"))?;
    w.id("rootCauseIncidentId", col(H, "root_cause_id"))?;
    w.text("configuration", col(H, "configuration"))?;
    w.id("historyConfiguration", log())?;
    states(&mut w)?;
    w.tenants(col(H, "tenant_id"))?;
    w.incidents_of("jobDefinitionIdIn", H, "job_kind")?;
    let filters = w.filters;
    w.sees_history(col(H, "definition_id"));
    let condition = w.finish(known::HISTORY_INCIDENT)?;
    let mut columns = COLUMNS.map(|name| col(H, name)).to_vec();
    columns.push(super::history_process::root_end(H));
    columns.push(log());
    Listing::new(base().cond_where(condition).take(), columns, col(H, "id")).sorted(filters, &sort)
}

fn states(w: &mut Where<'_>) -> ApiResult<()> {
    let mut asked: Option<&str> = None;
    for (name, state) in [("open", OPEN), ("resolved", RESOLVED), ("deleted", DELETED)] {
        if !w.filters.on(name)? {
            continue;
        }
        if let Some(before) = asked {
            return Err(ApiError::engine(format!(
                "Already querying for incident state <{before}>"
            )));
        }
        asked = Some(name);
        w.and(col(H, "state").eq(state));
    }
    Ok(())
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "incidentId" => (col(H, "id"), Kind::Id),
        "incidentMessage" => (col(H, "message"), Kind::Text),
        "createTime" => (col(H, "created"), Kind::Number),
        "endTime" => (col(H, "ended"), Kind::Number),
        "incidentType" => (col(H, "kind"), Kind::Text),
        "executionId" => (col(H, "execution_id"), Kind::Id),
        "activityId" => (col(H, "element"), Kind::Text),
        "processInstanceId" => (col(H, "instance_id"), Kind::Id),
        "processDefinitionId" => (of_definition(col(H, "definition_id"), "rest_id"), Kind::Text),
        "processDefinitionKey" => (of_definition(col(H, "definition_id"), "key"), Kind::Text),
        "causeIncidentId" => (col(H, "cause_id"), Kind::Id),
        "rootCauseIncidentId" => (col(H, "root_cause_id"), Kind::Id),
        "configuration" => (col(H, "configuration"), Kind::Text),
        "historyConfiguration" => (log(), Kind::Id),
        "tenantId" => (col(H, "tenant_id"), Kind::Text),
        "incidentState" => (col(H, "state"), Kind::Number),
        _ => return None,
    })
}
