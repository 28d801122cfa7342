//! Historic variables: those that exist (recorded ones), and those that are gone.
use super::{
    Kind, Listing, SortBy, Where, col, eq_any_case, history, like, like_any_case, lower,
    variable::{IgnoreCase, compares},
};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, instance::Recorded, value::TypedValue};
use rest_api::{
    ApiError, ApiResult,
    filters::{Operator, VariableFilter},
    known,
};
use sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, UnionType};
use serde_json::Value;
use uuid::Uuid;

/// The alias that conditions on values speak of.
const V: &str = "v";

/// A row of [`listing`].
pub struct VariableRow {
    pub id: Id,
    pub instance_id: Option<Id>,
    pub root_id: Id,
    pub task_id: Option<Id>,
    pub name: String,
    pub value: TypedValue,
    pub created: i64,
    pub deleted: bool,
    /// Activity instance that it is shown in and its element; `None`: the process instance.
    pub activity_id: Option<Id>,
    pub element: Option<String>,
    pub execution_id: Option<Id>,
    pub definition_id: Option<Id>,
    pub tenant_id: Option<String>,
    /// End of the root of its tree, or when that is to go ([`super::history_process::root_end`]).
    pub root_end: Option<i64>,
}

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<VariableRow, StoreError> {
    Ok(VariableRow {
        id: row.id(0)?,
        instance_id: row.id_opt(1)?,
        root_id: row.id(2)?,
        task_id: row.id_opt(3)?,
        name: row.text(4)?,
        value: history::value(row, 5)?,
        created: row.i64(11)?,
        deleted: row.bool(12)?,
        activity_id: row.id_opt(13)?,
        element: row.text_opt(14)?,
        execution_id: row.id_opt(15)?,
        definition_id: row.id_opt(16)?,
        tenant_id: row.text_opt(17)?,
        root_end: row.i64_opt(18)?,
    })
}

const SHARED: [&str; 14] = [
    "id",
    "instance_id",
    "root_id",
    "scope_id",
    "task_id",
    "name",
    "type",
    "text",
    "number",
    "float",
    "bytes",
    "info",
    "large_id",
    "created",
];

/// Content of files and bytes is read for single variables only.
fn columns(content: bool) -> Vec<Expr> {
    let mut columns: Vec<Expr> = ["id", "instance_id", "root_id", "task_id", "name"]
        .map(|name| col(V, name))
        .to_vec();
    columns.extend(history::value_columns(V, content));
    columns.extend([
        col(V, "created"),
        col(V, "deleted"),
        col(V, "shown_id"),
        history::element_of(V, "shown_id"),
        history::execution_of(V),
        history::of_instance(V, "definition_id"),
        history::tenant_of(V),
        super::history_process::root_end(V),
    ]);
    columns
}

fn base() -> SelectStatement {
    let mut gone = Query::select();
    let mut running = Query::select();
    for name in SHARED {
        let own = |alias| match name {
            "instance_id" => history::of_process(alias, col(alias, name)),
            _ => col(alias, name),
        };
        gone.expr_as(own("e"), name);
        running.expr_as(own("r"), name);
    }
    let shown = |alias: &'static str, own: Expr| Expr::from(Func::coalesce([col(alias, "shown_id"), own]));
    gone.expr_as(col("e", "instance_id"), "unit_id")
        .expr_as(col("e", "activity_id"), "activity_id")
        .expr_as(shown("e", col("e", "activity_id")), "shown_id")
        .expr_as(col("e", "deleted"), "deleted")
        .from_as("history_variable", "e")
        .and_where(visible("e"))
        .and_where(col("e", "recorded").gte(Recorded::Variable as i16));
    let activity = Query::select()
        .expr(col("st", "activity_id"))
        .from_as("token", "st")
        .and_where(col("st", "id").equals(("r", "scope_id")))
        .take();
    running
        .expr_as(col("r", "instance_id"), "unit_id")
        .expr_as(super::scalar(activity.clone()), "activity_id")
        .expr_as(shown("r", super::scalar(activity)), "shown_id")
        .expr_as(Expr::cust("FALSE"), "deleted")
        .from_as("variable", "r")
        .and_where(visible("r"))
        .and_where(col("r", "recorded").gte(Recorded::Variable as i16));
    Query::select()
        .from_subquery(gone.union(UnionType::All, running).take(), V)
        .take()
}

/// The variable of that id, with its content.
pub fn by_id(id: Id) -> SelectStatement {
    base()
        .exprs(columns(true))
        .and_where(col(V, "id").eq(id.0))
        .take()
}

/// Historic variables that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    history::instance_of_unit(&mut w, "processInstanceId", V)?;
    history::instances_of_units(&mut w, "processInstanceIdIn", V)?;
    history::definition(&mut w, V)?;
    w.tenants(history::tenant_of(V))?;
    w.ids("taskIdIn", col(V, "task_id"))?;
    if let Some(list) = w.filters.list("activityInstanceIdIn")?.filter(|l| !l.is_empty()) {
        w.and(history::activity_in(V, "shown_id", &list));
    }
    executions(&mut w, "executionIdIn")?;
    if let Some(types) = w.filters.list("variableTypeIn")?.filter(|l| !l.is_empty()) {
        w.and(of_types(&types));
    }
    if !w.filters.on("includeDeleted")? {
        w.and(col(V, "deleted").eq(false));
    }
    names(&mut w)?;
    for name in ["caseInstanceId", "caseExecutionIdIn", "caseActivityIdIn"] {
        if w.filters.has(name) {
            w.and(super::never());
        }
    }
    w.filters.flag("deserializeValues")?;
    let filters = w.filters;
    w.sees_history(history::of_instance(V, "definition_id"));
    let condition = w.finish(known::HISTORY_VARIABLE)?;
    let base = base().cond_where(condition).take();
    Listing::new(base, columns(false), col(V, "id")).sorted(filters, &sort)
}

/// Variables of these executions: in the scope itself or in a running token's.
pub(super) fn executions(w: &mut Where<'_>, name: &str) -> ApiResult<()> {
    if let Some(list) = w.filters.list(name)?.filter(|l| !l.is_empty()) {
        of_executions(w, super::uuids(&list));
    }
    Ok(())
}

/// Of these executions.
pub(super) fn of_executions(w: &mut Where<'_>, ids: Vec<Uuid>) {
    let tokens = Query::select()
        .expr(col("xt", "id"))
        .from_as("token", "xt")
        .and_where(col("xt", "execution_id").is_in(ids.iter().copied()))
        .and_where(col("xt", "instance_id").equals((V, "instance_id")))
        .take();
    w.and(
        col(V, "scope_id")
            .is_in(ids)
            .or(col(V, "scope_id").in_subquery(tokens)),
    );
}

/// `variableTypeIn`: words of types in either case.
pub(super) fn of_types(types: &[String]) -> Expr {
    lower(col(V, "type")).is_in(types.iter().map(|t| t.to_lowercase()))
}

fn names(w: &mut Where<'_>) -> ApiResult<()> {
    let ignore = IgnoreCase::of(w.filters)?;
    let name = w.filters.text("variableName")?;
    if let Some(name) = &name {
        w.and(match ignore.names {
            true => eq_any_case(col(V, "name"), name),
            false => col(V, "name").eq(name.as_str()),
        });
    }
    if let Some(pattern) = w.filters.text("variableNameLike")? {
        w.and(match ignore.names {
            true => like_any_case(col(V, "name"), &pattern),
            false => like(col(V, "name"), &pattern),
        });
    }
    w.texts("variableNameIn", col(V, "name"))?;
    let value: Option<Value> = w.filters.raw("variableValue").cloned();
    match (name, value) {
        (_, None) => {}
        (Some(name), Some(value)) => {
            let operator = Operator::Eq;
            let filter = VariableFilter {
                name,
                operator,
                value,
            };
            w.add(compares(&filter, ignore.values)?);
        }
        (None, Some(_)) => {
            return Err(ApiError::invalid_request(
                "Only a single variable value parameter specified: variable name and value are required to be able \
                 to query after a specific variable value.",
            ));
        }
    }
    Ok(())
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "instanceId" => (col(V, "instance_id"), Kind::Id),
        "variableName" => (col(V, "name"), Kind::Text),
        "tenantId" => (history::tenant_of(V), Kind::Text),
        _ => return None,
    })
}
