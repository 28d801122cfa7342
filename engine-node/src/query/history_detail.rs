//! Historic details: values that were replaced, the present or last value of each variable, and what forms were
//! submitted with.
use super::{
    Kind, Listing, SortBy, Where, col, history,
    history_variable::{of_executions, of_types},
    lower, never, null,
};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, instance::Recorded, value::TypedValue};
use rest_api::{ApiError, ApiResult, filters::Filters, known};
use sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, UnionType};

/// The same alias as in [`super::history_variable`].
const V: &str = "v";

/// A row of [`listing`].
pub struct DetailRow {
    pub id: Id,
    pub instance_id: Option<Id>,
    pub root_id: Id,
    /// `None`: not a variable but the field of a form that was submitted.
    pub variable_id: Option<Id>,
    pub task_id: Option<Id>,
    pub name: String,
    pub value: TypedValue,
    pub time: i64,
    pub revision: i64,
    pub initial: bool,
    /// Activity instance that set the value and its element; `None`: the process instance.
    pub writer_id: Option<Id>,
    pub element: Option<String>,
    pub execution_id: Option<Id>,
    pub definition_id: Option<Id>,
    pub tenant_id: Option<String>,
    /// End of the root of its tree, or when that is to go ([`super::history_process::root_end`]).
    pub root_end: Option<i64>,
}

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<DetailRow, StoreError> {
    Ok(DetailRow {
        id: row.id(0)?,
        instance_id: row.id_opt(1)?,
        root_id: row.id(2)?,
        variable_id: row.id_opt(3)?,
        task_id: row.id_opt(4)?,
        name: row.text(5)?,
        value: match row.text_opt(6)? {
            Some(_) => history::value(row, 6)?,
            None => TypedValue::String(row.text(7)?),
        },
        time: row.i64(12)?,
        revision: row.i64(13)?,
        initial: row.bool(14)?,
        writer_id: row.id_opt(15)?,
        element: row.text_opt(16)?,
        execution_id: row.id_opt(17)?,
        definition_id: row.id_opt(18)?,
        tenant_id: row.text_opt(19)?,
        root_end: row.i64_opt(20)?,
    })
}

fn columns(content: bool) -> Vec<Expr> {
    let names = ["id", "instance_id", "root_id", "variable_id", "task_id", "name"];
    let mut columns: Vec<Expr> = names.map(|name| col(V, name)).to_vec();
    columns.extend(history::value_columns(V, content));
    columns.extend([
        col(V, "time"),
        col(V, "revision"),
        col(V, "initial"),
        col(V, "writer_id"),
        history::element_of(V, "writer_id"),
        history::execution_of(V),
        history::of_instance(V, "definition_id"),
        history::tenant_of(V),
        super::history_process::root_end(V),
    ]);
    columns
}

const VALUE: [&str; 14] = [
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
    "revision",
    "writer_id",
];

/// A column as details show it.
fn own(alias: &'static str, name: &'static str) -> Expr {
    match name {
        "instance_id" => history::of_process(alias, col(alias, name)),
        _ => col(alias, name),
    }
}

/// Rows of a table of variables, each a detail by its present value.
fn present(table: &'static str, alias: &'static str) -> SelectStatement {
    let mut query = Query::select();
    let id = Expr::from(Func::coalesce([col(alias, "version_id"), col(alias, "id")]));
    let time = Expr::from(Func::coalesce([col(alias, "updated"), col(alias, "created")]));
    query.expr_as(id, "id").expr_as(col(alias, "id"), "variable_id");
    for name in VALUE {
        query.expr_as(own(alias, name), name);
    }
    let activity = match table {
        "history_variable" => col(alias, "activity_id"),
        _ => null(),
    };
    query
        .expr_as(col(alias, "instance_id"), "unit_id")
        .expr_as(time, "time")
        .expr_as(col(alias, "initial"), "initial")
        .expr_as(activity, "activity_id")
        .from_as(table, alias)
        .and_where(visible(alias))
        .and_where(col(alias, "recorded").eq(Recorded::Detail as i16));
    query
}

/// Fields of forms as details; their texts stand where values do.
fn fields() -> SelectStatement {
    const F: &str = "f";
    let mut query = Query::select();
    query
        .expr_as(col(F, "id"), "id")
        .expr_as(Expr::cust("CAST(NULL AS uuid)"), "variable_id");
    for name in VALUE {
        let cell = match name {
            "instance_id" | "root_id" | "task_id" | "name" => col(F, name),
            "scope_id" => col(F, "execution_id"),
            "writer_id" => col(F, "activity_id"),
            "text" => col(F, "value"),
            "type" | "info" => Expr::cust("CAST(NULL AS text)"),
            "number" => Expr::cust("CAST(NULL AS bigint)"),
            "float" => Expr::cust("CAST(NULL AS double precision)"),
            "bytes" => null(),
            "large_id" => Expr::cust("CAST(NULL AS uuid)"),
            _ => Expr::cust("0"),
        };
        query.expr_as(cell, name);
    }
    query
        .expr_as(col(F, "instance_id"), "unit_id")
        .expr_as(col(F, "time"), "time")
        .expr_as(Expr::val(false), "initial")
        .expr_as(Expr::cust("CAST(NULL AS uuid)"), "activity_id")
        .from_as("history_form_field", F)
        .and_where(visible(F))
        .take()
}

fn base() -> SelectStatement {
    let mut replaced = Query::select();
    replaced
        .expr_as(col("d", "id"), "id")
        .expr_as(col("d", "variable_id"), "variable_id");
    for name in VALUE {
        replaced.expr_as(own("d", name), name);
    }
    replaced
        .expr_as(col("d", "instance_id"), "unit_id")
        .expr_as(col("d", "updated"), "time")
        .expr_as(col("d", "initial"), "initial")
        .expr_as(col("d", "writer_id"), "activity_id")
        .from_as("history_detail", "d")
        .and_where(visible("d"));
    let all = replaced
        .union(UnionType::All, fields())
        .union(UnionType::All, present("history_variable", "e"))
        .union(UnionType::All, present("variable", "r"))
        .take();
    Query::select().from_subquery(all, V).take()
}

/// The detail of that id, with its content.
pub fn by_id(id: Id) -> SelectStatement {
    base()
        .exprs(columns(true))
        .and_where(col(V, "id").eq(id.0))
        .take()
}

/// Historic details that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    history::instance_of_unit(&mut w, "processInstanceId", V)?;
    history::instances_of_units(&mut w, "processInstanceIdIn", V)?;
    w.tenants(history::tenant_of(V))?;
    if let Some(id) = w.filters.text("executionId")? {
        of_executions(&mut w, super::uuids(&[id]));
    }
    w.id("taskId", col(V, "task_id"))?;
    w.id("variableInstanceId", col(V, "variable_id"))?;
    if let Some(id) = w.filters.text("activityInstanceId")? {
        w.and(history::activity_in(V, "writer_id", &[id]));
    }
    if let Some(types) = w.filters.list("variableTypeIn")?.filter(|l| !l.is_empty()) {
        w.and(of_types(&types));
    }
    w.like("variableNameLike", col(V, "name"))?;
    w.given("excludeTaskDetails", col(V, "task_id").is_null())?;
    w.switch("initial", col(V, "initial").eq(true))?;
    w.date("occurredBefore", |d| col(V, "time").lte(d))?;
    w.date("occurredAfter", |d| col(V, "time").gte(d))?;
    let variable = || col(V, "variable_id").is_not_null();
    match w.filters.on("variableUpdates")? {
        // The last one counts, as in the reference.
        true => {
            w.filters.on("formFields")?;
            w.and(variable());
        }
        false => w.given("formFields", variable().not())?,
    }
    for name in ["caseInstanceId", "caseExecutionId", "userOperationId"] {
        if w.filters.has(name) {
            w.and(never());
        }
    }
    w.filters.flag("deserializeValues")?;
    let filters = w.filters;
    sorts_are_whole(filters)?;
    w.sees_history(history::of_instance(V, "definition_id"));
    let condition = w.finish(known::HISTORY_DETAIL)?;
    let base = base().cond_where(condition).take();
    Listing::new(base, columns(false), col(V, "id")).sorted(filters, &sort)
}

/// Refuses criteria that this list doesn't know, or that have no direction: no other list does.
fn sorts_are_whole(filters: &Filters) -> ApiResult<()> {
    if !filters.is_post() {
        return Ok(());
    }
    for item in filters.array("sorting")?.into_iter().flatten() {
        let by = item["sortBy"].as_str();
        if by.is_none_or(|by| sort(by).is_none()) {
            let text = format!("sortBy parameter has invalid value: {}", by.unwrap_or("null"));
            return Err(ApiError::invalid_request(text));
        }
        if item["sortOrder"].is_null() {
            return Err(ApiError::invalid_request(
                "Only a single sorting parameter specified. sortBy and sortOrder required",
            ));
        }
    }
    Ok(())
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "processInstanceId" => (col(V, "instance_id"), Kind::Id),
        "variableName" => (col(V, "name"), Kind::Text),
        "variableType" => (lower(col(V, "type")), Kind::Text),
        "variableRevision" => (col(V, "revision"), Kind::Number),
        "formPropertyId" => (col(V, "name"), Kind::Text),
        "time" => (col(V, "time"), Kind::Number),
        // Ids begin with the clock and counter that occurrences are numbered by; fields have no number.
        "occurrence" => {
            let number = Expr::case(col(V, "variable_id").is_not_null(), col(V, "id"));
            (number.finally(Expr::val(Id::NIL.0)).into(), Kind::Id)
        }
        "tenantId" => (history::tenant_of(V), Kind::Text),
        _ => return None,
    })
}
