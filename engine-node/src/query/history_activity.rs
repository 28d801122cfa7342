//! Historic activity instances: running ones are tokens in their activity, ended ones are rows of history.
use super::{Kind, Listing, SortBy, Where, col, null, of_definition};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, instance::TokenState};
use rest_api::{ApiError, ApiResult, known};
use sea_query::{CaseStatement, Expr, ExprTrait, Func, JoinType, Query, SelectStatement, UnionType};

const H: &str = "h";

const COLUMNS: [&str; 16] = [
    "id",
    "instance_id",
    "root_id",
    "definition_id",
    "parent_id",
    "execution_id",
    "element",
    "task_id",
    "assignee",
    "called_instance_id",
    "started",
    "ended",
    "canceled",
    "complete_scope",
    "tenant_id",
    "begun_as",
];

/// A row of [`listing`]; name and kind are for the caller to take from the model.
pub struct ActivityRow {
    pub id: Id,
    pub instance_id: Id,
    pub root_id: Id,
    pub definition_id: Id,
    pub parent_id: Id,
    pub execution_id: Id,
    pub element: String,
    pub task_id: Option<Id>,
    pub assignee: Option<String>,
    pub called_instance_id: Option<Id>,
    pub started: i64,
    pub ended: Option<i64>,
    pub canceled: bool,
    pub complete_scope: bool,
    pub tenant_id: Option<String>,
    /// The element that its id names, if not `element`.
    pub begun_as: Option<String>,
    /// End of the root of its tree, or when that is to go ([`super::history_process::root_end`]).
    pub root_end: Option<i64>,
}

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<ActivityRow, StoreError> {
    Ok(ActivityRow {
        id: row.id(0)?,
        instance_id: row.id(1)?,
        root_id: row.id(2)?,
        definition_id: row.id(3)?,
        parent_id: row.id(4)?,
        execution_id: row.id(5)?,
        element: row.text(6)?,
        task_id: row.id_opt(7)?,
        assignee: row.text_opt(8)?,
        called_instance_id: row.id_opt(9)?,
        started: row.i64(10)?,
        ended: row.i64_opt(11)?,
        canceled: row.bool(12)?,
        complete_scope: row.bool(13)?,
        tenant_id: row.text_opt(14)?,
        begun_as: row.text_opt(15)?,
        root_end: row.i64_opt(16)?,
    })
}

/// What only compensation keeps, also while it compensates, is no activity instance that history knows, nor is an
/// iteration.
fn known() -> Expr {
    let none = [TokenState::EventScope as i16, TokenState::Iteration as i16];
    let own = col("t", "execution_id").equals(("t", "id"));
    let compensates = col("t", "state").eq(TokenState::Compensating as i16).and(own);
    col("t", "state").is_in(none).or(compensates).not()
}

fn running() -> SelectStatement {
    let mut query = Query::select();
    let parent = Expr::from(Func::coalesce([around(), col("t", "instance_id")]));
    let called = Query::select()
        .expr(col("c", "id"))
        .from_as("process_instance", "c")
        .and_where(col("c", "super_token_id").equals(("t", "id")))
        .take();
    let no = || Expr::cust("FALSE");
    for (name, expr) in [
        ("id", col("t", "activity_id")),
        ("instance_id", col("t", "instance_id")),
        ("root_id", col("t", "root_id")),
        ("definition_id", col("p", "definition_id")),
        ("parent_id", parent),
        ("execution_id", col("t", "execution_id")),
        ("element", col("t", "element")),
        ("task_id", col("k", "id")),
        ("assignee", col("k", "assignee")),
        ("called_instance_id", super::scalar(called)),
        ("started", col("t", "started")),
        ("ended", null()),
        ("canceled", no()),
        ("complete_scope", no()),
        ("tenant_id", col("p", "tenant_id")),
        ("begun_as", null()),
    ] {
        query.expr_as(expr, name);
    }
    query
        .from_as("token", "t")
        .join_as(
            JoinType::InnerJoin,
            "process_instance",
            "p",
            col("p", "id").equals(("t", "instance_id")),
        )
        .join_as(
            JoinType::LeftJoin,
            "token",
            "pt",
            col("pt", "id").equals(("t", "parent_id")),
        )
        .join_as(
            JoinType::LeftJoin,
            "token",
            "outer",
            col("outer", "id").equals(("pt", "parent_id")),
        )
        .join_as(
            JoinType::LeftJoin,
            "task",
            "k",
            // By the instance too: tasks have an index on it.
            col("k", "token_id")
                .equals(("t", "id"))
                .and(col("k", "instance_id").equals(("t", "instance_id"))),
        )
        .and_where(col("t", "activity_id").is_not_null())
        .and_where(known())
        .and_where(col("p", "recorded").eq(true))
        .and_where(visible("t"))
        .take()
}

/// The activity instance around alias `t`, inside `pt` and that inside `outer`: what is in an iteration is in the body,
/// and a handler of compensation beside who throws it.
fn around() -> Expr {
    let state = |state: TokenState| col("pt", "state").eq(state as i16);
    let outer = Expr::from(Func::coalesce([col("outer", "state"), Expr::val(0)]));
    let thrower = state(TokenState::Compensating).and(outer.ne(TokenState::Compensating as i16));
    CaseStatement::new()
        .case(
            state(TokenState::Iteration).or(thrower),
            col("outer", "activity_id"),
        )
        .finally(col("pt", "activity_id"))
        .into()
}

/// All rows, as alias `h`.
pub(super) fn base() -> SelectStatement {
    base_as(H)
}

/// All rows, as that alias.
pub(super) fn base_as(alias: &'static str) -> SelectStatement {
    let mut ended = Query::select();
    for name in COLUMNS {
        // Null where it is the process instance.
        let own = || Expr::from(Func::coalesce([col("e", name), col("e", "instance_id")]));
        let cell = match name {
            "parent_id" | "execution_id" => own(),
            _ => col("e", name),
        };
        ended.expr_as(cell, name);
    }
    ended.from_as("history_activity", "e").and_where(visible("e"));
    Query::select()
        .from_subquery(ended.union(UnionType::All, running()).take(), alias)
        .take()
}

fn columns() -> Vec<Expr> {
    let mut columns = COLUMNS.map(|name| col(H, name)).to_vec();
    columns.push(super::history_process::root_end(H));
    columns
}

/// The activity instance of that id.
pub fn by_id(id: Id) -> SelectStatement {
    base().exprs(columns()).and_where(col(H, "id").eq(id.0)).take()
}

/// Historic activity instances that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    if let Some(id) = w.filters.text("activityInstanceId")? {
        w.and(super::equals_id(
            col(H, "id"),
            id.rsplit(':').next().unwrap_or(&id),
        ));
    }
    super::history::instance(&mut w, "processInstanceId", H)?;
    w.definition(col(H, "definition_id"))?;
    w.id("executionId", col(H, "execution_id"))?;
    w.text("activityId", col(H, "element"))?;
    for (name, column) in [("activityName", "name"), ("activityType", "kind")] {
        if let Some(wanted) = w.filters.text(name)? {
            let mut query = element();
            query.expr(Expr::val(1)).and_where(col("el", column).eq(wanted));
            w.and(Expr::exists(query));
        }
    }
    if let Some(pattern) = w.filters.text("activityNameLike")? {
        let mut query = element();
        query
            .expr(Expr::val(1))
            .and_where(super::like(col("el", "name"), &pattern));
        w.and(Expr::exists(query));
    }
    w.text("taskAssignee", col(H, "assignee"))?;
    w.switch("finished", col(H, "ended").is_not_null())?;
    w.switch("unfinished", col(H, "ended").is_null())?;
    if w.filters.on("completeScope")? && w.filters.on("canceled")? {
        let text = "Already querying for activity instance state <scopeComplete>";
        return Err(ApiError::engine(text));
    }
    w.switch("canceled", col(H, "canceled").eq(true))?;
    w.switch("completeScope", col(H, "complete_scope").eq(true))?;
    w.date("startedBefore", |d| col(H, "started").lte(d))?;
    w.date("startedAfter", |d| col(H, "started").gte(d))?;
    w.date("finishedBefore", |d| col(H, "ended").lte(d))?;
    w.date("finishedAfter", |d| col(H, "ended").gte(d))?;
    w.tenants(col(H, "tenant_id"))?;
    let filters = w.filters;
    w.sees_history(col(H, "definition_id"));
    let condition = w.finish(known::HISTORY_ACTIVITY)?;
    let base = base().cond_where(condition).take();
    Listing::new(base, columns(), col(H, "id")).sorted(filters, &sort)
}

/// Name or kind of a row's element.
fn of_element(column: &'static str) -> Expr {
    super::scalar(element().expr(col("el", column)).take())
}

/// The element of a row.
fn element() -> SelectStatement {
    Query::select()
        .from_as("element", "el")
        .and_where(col("el", "definition_id").equals((H, "definition_id")))
        .and_where(col("el", "element").equals((H, "element")))
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "activityInstanceId" => (col(H, "id"), Kind::Id),
        "instanceId" => (col(H, "instance_id"), Kind::Id),
        "executionId" => (col(H, "execution_id"), Kind::Id),
        "activityId" => (col(H, "element"), Kind::Text),
        "activityName" => (of_element("name"), Kind::Text),
        "activityType" => (of_element("kind"), Kind::Text),
        "startTime" => (col(H, "started"), Kind::Number),
        "endTime" => (col(H, "ended"), Kind::Number),
        "duration" => (col(H, "ended").sub(col(H, "started")), Kind::Number),
        "definitionId" => (of_definition(col(H, "definition_id"), "rest_id"), Kind::Text),
        // Ids begin with the clock and counter that occurrences are numbered by, of running activities too.
        "occurrence" => (col(H, "id"), Kind::Id),
        "tenantId" => (col(H, "tenant_id"), Kind::Text),
        _ => return None,
    })
}
