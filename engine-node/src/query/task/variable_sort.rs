//! Sorting tasks by variables: by the value of one that has the name and the type asked for; what has none is null.
use super::T;
use crate::query::{Kind, SortBy, col, lower, scalar};
use http::StatusCode;
use rest_api::{ApiError, ApiResult};
use sea_query::{Expr, ExprTrait, Func, Query};
use serde_json::{Map, Value};

/// Characters of a large text that count: it isn't in the variable's row.
const LARGE: i64 = 4_000;

/// Whose variable a criterion means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Process,
    Execution,
    Task,
    /// No release has cases: null for every task.
    Case,
}

/// What a criterion with parameters sorts by; `None` for an unknown one.
///
/// # Errors
/// As the reference (7.24) answers wrong parameters.
pub fn sort(by: &str, parameters: &Map<String, Value>) -> ApiResult<Option<SortBy>> {
    let whose = match by {
        "processVariable" => Whose::Process,
        "executionVariable" => Whose::Execution,
        "taskVariable" => Whose::Task,
        "caseInstanceVariable" | "caseExecutionVariable" => Whose::Case,
        _ => return Ok(None),
    };
    let (name, kind) = (text(parameters, "variable")?, text(parameters, "type")?);
    let name = name.ok_or_else(|| ApiError::null_value("variableName is null"))?;
    let kind = kind.ok_or_else(|| ApiError::null_value("valueType is null"))?;
    let (kind, value) = of_type(&kind)?;
    if whose == Whose::Case {
        return Ok(Some((Expr::cust("CAST(NULL AS bigint)"), Kind::Number)));
    }
    let column = match value {
        Kind::Text => lower(Func::coalesce([col("v", "text"), large()]).into()),
        Kind::Float => col("v", "float"),
        _ => col("v", "number"),
    };
    let mut query = Query::select();
    query
        .expr(column)
        .from_as("variable", "v")
        .and_where(col("v", "instance_id").equals((T, "instance_id")))
        .and_where(col("v", "name").eq(name))
        .and_where(col("v", "type").eq(kind));
    match whose {
        Whose::Task => query.and_where(col("v", "task_id").equals((T, "id"))),
        Whose::Process => query
            .and_where(col("v", "task_id").is_null())
            .and_where(col("v", "scope_id").equals((T, "instance_id")))
            .and_where(super::of_process()),
        Whose::Execution | Whose::Case => query
            .and_where(col("v", "task_id").is_null())
            .and_where(in_execution()),
    };
    Ok(Some((scalar(query.limit(1).take()), value)))
}

/// That the scope of variable `v` has the execution of the task.
fn in_execution() -> Expr {
    let tokens = Query::select()
        .expr(col("k", "id"))
        .from_as("token", "k")
        .and_where(col("k", "instance_id").equals((T, "instance_id")))
        .and_where(col("k", "execution_id").equals((T, "execution_id")))
        .take();
    let own = col("v", "scope_id").equals((T, "execution_id"));
    own.or(col("v", "scope_id").in_subquery(tokens))
}

/// The beginning of a large text.
fn large() -> Expr {
    let query = Query::select()
        .expr(Expr::from(Func::cust("substr").args([
            col("lv", "text"),
            Expr::val(1),
            Expr::val(LARGE as i32),
        ])))
        .from_as("large_value", "lv")
        .and_where(col("lv", "id").equals(("v", "large_id")))
        .limit(1)
        .take();
    scalar(query)
}

fn text(parameters: &Map<String, Value>, name: &str) -> ApiResult<Option<String>> {
    let class = match parameters.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text.clone())),
        Some(Value::Bool(_)) => "java.lang.Boolean",
        Some(Value::Number(number)) if number.is_f64() => "java.lang.Double",
        Some(Value::Number(_)) => "java.lang.Integer",
        Some(Value::Array(_)) => "java.util.ArrayList",
        Some(Value::Object(_)) => "java.util.LinkedHashMap",
    };
    let message = format!(
        "class {class} cannot be cast to class java.lang.String ({class} and java.lang.String are in module java.base of \
         loader 'bootstrap')"
    );
    Err(ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "ClassCastException",
        message,
    ))
}

/// The type as it is stored, and what its values are compared as.
fn of_type(word: &str) -> ApiResult<(&'static str, Kind)> {
    let mut letters = word.chars();
    let lower = letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect::<String>());
    Ok(match lower.as_deref().unwrap_or_default() {
        "boolean" => ("Boolean", Kind::Number),
        "short" => ("Short", Kind::Number),
        "integer" => ("Integer", Kind::Number),
        "long" => ("Long", Kind::Number),
        "date" => ("Date", Kind::Number),
        "double" => ("Double", Kind::Float),
        "string" => ("String", Kind::Text),
        other @ ("object" | "json" | "xml" | "null" | "bytes" | "file" | "number") => {
            return Err(ApiError::engine(format!(
                "Cannot order by variables of type {other}"
            )));
        }
        _ => return Err(ApiError::null_value("valueType is null")),
    })
}
