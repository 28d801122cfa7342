//! Historic activity instances: running ones are tokens in their activity, ended ones are rows of history.
use super::{Kind, Listing, SortBy, Where, col, null, of_definition};
use crate::{
    app::CatalogView,
    store::{Row, StoreError, schema::visible},
};
use bpmn_core::Id;
use rest_api::{ApiResult, known};
use sea_query::{
    CaseStatement, Condition, Expr, ExprTrait, Func, JoinType, Query, SelectStatement, UnionType,
};

const H: &str = "h";

const COLUMNS: [&str; 15] = [
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
    /// End of the root of its tree.
    pub root_ended: Option<i64>,
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
        root_ended: row.i64_opt(15)?,
    })
}

fn running() -> SelectStatement {
    let mut query = Query::select();
    let parent = Expr::from(Func::coalesce([
        col("pt", "activity_id"),
        col("t", "instance_id"),
    ]));
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
        ("called_instance_id", null()),
        ("started", col("t", "started")),
        ("ended", null()),
        ("canceled", no()),
        ("complete_scope", no()),
        ("tenant_id", col("p", "tenant_id")),
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
            "task",
            "k",
            col("k", "token_id").equals(("t", "id")),
        )
        .and_where(col("t", "activity_id").is_not_null())
        .and_where(col("p", "recorded").eq(true))
        .and_where(visible("t"))
        .take()
}

fn base() -> SelectStatement {
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
        .from_subquery(ended.union(UnionType::All, running()).take(), H)
        .take()
}

fn columns() -> Vec<Expr> {
    let mut columns = COLUMNS.map(|name| col(H, name)).to_vec();
    columns.push(super::history_process::root_ended(H));
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
    w.id("processInstanceId", col(H, "instance_id"))?;
    w.definition(col(H, "definition_id"))?;
    w.id("executionId", col(H, "execution_id"))?;
    w.text("activityId", col(H, "element"))?;
    for (name, part) in [("activityName", Part::Name), ("activityType", Part::Kind)] {
        if let Some(wanted) = w.filters.text(name)? {
            w.and(with(w.view, part, &wanted));
        }
    }
    w.text("taskAssignee", col(H, "assignee"))?;
    w.switch("finished", col(H, "ended").is_not_null())?;
    w.switch("unfinished", col(H, "ended").is_null())?;
    w.switch("canceled", col(H, "canceled").eq(true))?;
    w.switch("completeScope", col(H, "complete_scope").eq(true))?;
    w.date("startedBefore", |d| col(H, "started").lte(d))?;
    w.date("startedAfter", |d| col(H, "started").gte(d))?;
    w.date("finishedBefore", |d| col(H, "ended").lte(d))?;
    w.date("finishedAfter", |d| col(H, "ended").gte(d))?;
    w.tenants(col(H, "tenant_id"))?;
    let (filters, view) = (w.filters, w.view);
    let condition = w.finish(known::HISTORY_ACTIVITY)?;
    let base = base().cond_where(condition).take();
    Listing::new(base, columns(), col(H, "id")).sorted(filters, &|by| sort(by, view))
}

/// What of an element only the model holds.
#[derive(Clone, Copy)]
enum Part {
    Name,
    Kind,
}

impl Part {
    fn of(self, (name, kind): (Option<&str>, &'static str)) -> Option<String> {
        match self {
            Part::Name => name.map(str::to_owned),
            Part::Kind => Some(kind.to_owned()),
        }
    }
}

/// That an activity has that name or kind, by definition and element.
fn with(view: &CatalogView, part: Part, wanted: &str) -> Expr {
    let mut any = Condition::any();
    for deployed in view.all() {
        let elements: Vec<&str> = deployed
            .definition
            .activities()
            .filter(|(_, name, kind)| part.of((*name, kind)).as_deref() == Some(wanted))
            .map(|(id, ..)| id)
            .collect();
        if !elements.is_empty() {
            let here = col(H, "definition_id").eq(deployed.row.id.0);
            any = any.add(here.and(col(H, "element").is_in(elements)));
        }
    }
    if any.is_empty() {
        return super::never();
    }
    any.into()
}

/// Name or kind of every row.
fn from_model(view: &CatalogView, part: Part) -> Expr {
    let mut case = CaseStatement::new();
    let mut known = false;
    for deployed in view.all() {
        for (id, name, kind) in deployed.definition.activities() {
            if let Some(value) = part.of((name, kind)) {
                let here = col(H, "definition_id")
                    .eq(deployed.row.id.0)
                    .and(col(H, "element").eq(id));
                case = case.case(here, value);
                known = true;
            }
        }
    }
    if !known {
        return null();
    }
    Expr::Case(Box::new(case))
}

fn sort(by: &str, view: &CatalogView) -> Option<SortBy> {
    Some(match by {
        "activityInstanceId" => (col(H, "id"), Kind::Id),
        "instanceId" => (col(H, "instance_id"), Kind::Id),
        "executionId" => (col(H, "execution_id"), Kind::Id),
        "activityId" => (col(H, "element"), Kind::Text),
        "activityName" => (from_model(view, Part::Name), Kind::Text),
        "activityType" => (from_model(view, Part::Kind), Kind::Text),
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
