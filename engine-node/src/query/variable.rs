//! Conditions on variables, and the list of variable instances.
use super::{Listing, Where, col, eq_any_case, like, like_any_case, lower};
use crate::store::schema::visible;
use bpmn_core::value::TypedValue;
use rest_api::{
    ApiError, ApiResult, date,
    filters::{Comparing, Filters, Operator, VariableFilter, variable_filters},
    known,
};
use sea_query::{Condition, Expr, ExprTrait, Func, Query, SelectStatement};
use serde_json::Value;

/// How names and values are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct IgnoreCase {
    pub names: bool,
    pub values: bool,
}

impl IgnoreCase {
    /// `variableNamesIgnoreCase`, `variableValuesIgnoreCase`.
    pub fn of(filters: &Filters) -> ApiResult<IgnoreCase> {
        Ok(IgnoreCase {
            names: filters.on("variableNamesIgnoreCase")?,
            values: filters.on("variableValuesIgnoreCase")?,
        })
    }
}

/// That variable `v` lies in the process instance which a column names: by instance too, since that has an index.
pub fn of_instance(instance: (&'static str, &'static str)) -> Expr {
    let scope = col("v", "scope_id").equals(instance);
    scope.and(col("v", "instance_id").equals(instance))
}

/// That a variable which meets the filter exists in the scope; `scope` speaks of alias `v`.
pub fn exists(filter: &VariableFilter, ignore: IgnoreCase, scope: Expr) -> ApiResult<Expr> {
    let mut query = Query::select();
    query.expr(Expr::val(1)).from_as("variable", "v").and_where(scope);
    query.and_where(match ignore.names {
        true => eq_any_case(col("v", "name"), &filter.name),
        false => col("v", "name").eq(filter.name.as_str()),
    });
    query.cond_where(compares(filter, ignore.values)?);
    Ok(Expr::exists(query))
}

fn of_type(types: &[&'static str]) -> Expr {
    col("v", "type").is_in(types.iter().copied())
}

/// The condition on the value columns of alias `v`. Numbers compare across number types, as in the reference.
pub(super) fn compares(filter: &VariableFilter, ignore_case: bool) -> ApiResult<Condition> {
    let all = Condition::all();
    Ok(match &filter.value {
        Value::Null => match filter.operator {
            Operator::Eq => all.add(of_type(&["Null"])),
            Operator::Neq => all.add(of_type(&["Null"]).not()),
            _ => {
                return Err(ApiError::bad_user_request(
                    "NotValidException",
                    "Booleans and null cannot be used in 'greater than', 'less than' or 'like' condition",
                ));
            }
        },
        Value::Bool(value) => {
            let number = i64::from(*value);
            let condition = match filter.operator {
                Operator::Eq => col("v", "number").eq(number),
                Operator::Neq => col("v", "number").ne(number),
                _ => {
                    return Err(ApiError::bad_user_request(
                        "NotValidException",
                        "Booleans and null cannot be used in 'greater than', 'less than' or 'like' condition",
                    ));
                }
            };
            all.add(of_type(&["Boolean"])).add(condition)
        }
        Value::Number(number) => {
            let float = compare(
                col("v", "float"),
                filter.operator,
                number.as_f64().unwrap_or_default(),
            )?;
            let mut any = Condition::any().add(of_type(&["Double"]).and(float));
            if let Some(whole) = number.as_i64() {
                let whole = compare(col("v", "number"), filter.operator, whole)?;
                any = any.add(of_type(&["Short", "Integer", "Long"]).and(whole));
            }
            all.add(any)
        }
        Value::String(text) => match date::parse(text) {
            Some(millis) => {
                all.add(of_type(&["Date"]))
                    .add(compare(col("v", "number"), filter.operator, millis)?)
            }
            None => all
                .add(of_type(&["String"]))
                .add(text_condition(filter.operator, text, ignore_case)),
        },
        Value::Array(_) | Value::Object(_) => return Err(ApiError::invalid_request("")),
    })
}

fn compare<V: Into<Expr>>(column: Expr, operator: Operator, value: V) -> ApiResult<Expr> {
    Ok(match operator {
        Operator::Eq => column.eq(value),
        Operator::Neq => column.ne(value),
        Operator::Gt => column.gt(value),
        Operator::Gteq => column.gte(value),
        Operator::Lt => column.lt(value),
        Operator::Lteq => column.lte(value),
        Operator::Like | Operator::NotLike => {
            return Err(ApiError::bad_user_request(
                "NotValidException",
                "Only string values can be used with the operators like and notLike",
            ));
        }
    })
}

fn text_condition(operator: Operator, text: &str, ignore_case: bool) -> Expr {
    let column = col("v", "text");
    let large = || col("v", "large_id").is_not_null();
    // Large values, whose contents are elsewhere: equal by their digest; no pattern or order finds them.
    if let TypedValue::Large(value) = TypedValue::String(text.to_owned()).folded() {
        let same = large().and(col("v", "number").eq(value.digest()));
        match operator {
            Operator::Eq => return same,
            Operator::Neq => return same.not(),
            _ => {}
        }
    }
    match (operator, ignore_case) {
        // Long values have an index on their beginning only.
        (Operator::Eq, false) => {
            let beginning: String = text.chars().take(40).collect();
            Expr::cust("substr(\"v\".\"text\", 1, 40)")
                .eq(beginning)
                .and(column.eq(text))
        }
        (Operator::Eq, true) => eq_any_case(column, text),
        (Operator::Neq, false) => column.ne(text).or(large()),
        (Operator::Neq, true) => eq_any_case(column, text).not().or(large()),
        (Operator::Like, false) => like(column, text),
        (Operator::Like, true) => like_any_case(column, text),
        (Operator::NotLike, false) => like(column, text).not(),
        (Operator::NotLike, true) => like_any_case(column, text).not(),
        (order, false) => ordered(order, column, text.to_owned()),
        (order, true) => ordered(order, lower(column), text.to_lowercase()),
    }
}

/// The four comparisons by order.
fn ordered(operator: Operator, column: Expr, text: String) -> Expr {
    match operator {
        Operator::Gt => column.gt(text),
        Operator::Gteq => column.gte(text),
        Operator::Lt => column.lt(text),
        _ => column.lte(text),
    }
}

/// Variable instances: id and instance of each; their values come with the instance.
pub fn listing(w: Where<'_>) -> ApiResult<Listing> {
    let mut w = w;
    w.text("variableName", col("v", "name"))?;
    w.like("variableNameLike", col("v", "name"))?;
    if let Some(ids) = w
        .filters
        .exact_list("processInstanceIdIn")?
        .filter(|l| !l.is_empty())
    {
        let of_process = super::history::alone("v").not();
        w.and(col("v", "instance_id").is_in(super::uuids(&ids)).and(of_process));
    }
    w.exact_ids("taskIdIn", col("v", "task_id"))?;
    // A variable local to a task has the task for its scope.
    if let Some(list) = w
        .filters
        .exact_list("variableScopeIdIn")?
        .filter(|l| !l.is_empty())
    {
        let ids = super::uuids(&list);
        let of_execution = col("v", "task_id")
            .is_null()
            .and(col("v", "scope_id").is_in(ids.clone()));
        w.and(col("v", "task_id").is_in(ids).or(of_execution));
    }
    w.exact_ids("executionIdIn", execution())?;
    if let Some(list) = w
        .filters
        .exact_list("activityInstanceIdIn")?
        .filter(|l| !l.is_empty())
    {
        w.and(activity().is_in(super::history::activities(&list)));
    }
    w.texts("tenantIdIn", tenant())?;
    // Neither batches nor cases have variables here.
    for name in ["batchIdIn", "caseInstanceIdIn", "caseExecutionIdIn"] {
        if w.filters.exact_list(name)?.is_some_and(|list| !list.is_empty()) {
            w.and(super::never());
        }
    }
    // Read by the list itself.
    let _ = w.filters.raw("deserializeValues");
    let ignore = IgnoreCase::of(w.filters)?;
    for filter in variable_filters(w.filters, "variableValues", Comparing::Variables)? {
        w.and(match ignore.names {
            true => eq_any_case(col("v", "name"), &filter.name),
            false => col("v", "name").eq(filter.name.as_str()),
        });
        w.add(compares(&filter, ignore.values)?);
    }
    w.of_own_tenants(tenant());
    w.sees_variables(col("v", "instance_id"), definition(), col("v", "task_id"));
    let filters = w.filters;
    let condition = w.finish(known::VARIABLE_INSTANCE)?;
    let columns = vec![col("v", "id"), col("v", "instance_id")];
    Listing::new(base(condition), columns, col("v", "id")).sorted(filters, &|by| match by {
        "variableName" => Some((col("v", "name"), super::Kind::Text)),
        "variableType" => Some((col("v", "type"), super::Kind::Text)),
        "activityInstanceId" => Some((activity(), super::Kind::Id)),
        "tenantId" => Some((tenant(), super::Kind::Text)),
        _ => None,
    })
}

/// A column of the token whose scope variable `v` lies in; null for the process instance and for a task's own.
fn of_scope(column: &'static str) -> Expr {
    let token = Query::select()
        .expr(col("vt", column))
        .from_as("token", "vt")
        .and_where(col("vt", "id").equals(("v", "scope_id")))
        .take();
    super::scalar(token)
}

/// The execution of variable `v`, as rows show it.
fn execution() -> Expr {
    let scope = super::history::of_process("v", col("v", "scope_id"));
    Func::coalesce([of_scope("execution_id"), scope]).into()
}

/// The activity instance of variable `v`; of the process instance its own.
fn activity() -> Expr {
    let process = Expr::case(
        col("v", "scope_id").equals(("v", "instance_id")),
        col("v", "instance_id"),
    );
    Func::coalesce([of_scope("activity_id"), process.into()]).into()
}

fn tenant() -> Expr {
    of_process("tenant_id")
}

fn definition() -> Expr {
    of_process("definition_id")
}

/// A column of the process instance of variable `v`.
fn of_process(column: &'static str) -> Expr {
    let process = Query::select()
        .expr(col("vp", column))
        .from_as("process_instance", "vp")
        .and_where(col("vp", "id").equals(("v", "instance_id")))
        .take();
    let task = Query::select()
        .expr(col("tt", "tenant_id"))
        .from_as("task", "tt")
        .and_where(col("tt", "id").equals(("v", "task_id")))
        .take();
    let task = Expr::case(super::history::alone("v"), super::scalar(task));
    Func::coalesce([super::scalar(process), task.into()]).into()
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("variable", "v")
        .cond_where(condition)
        .and_where(visible("v"))
        .take()
}
