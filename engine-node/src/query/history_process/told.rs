//! Filters on what history tells of a process instance: variables, activities by time, runs of jobs.
use super::H;
use crate::query::{
    Where, col, eq_any_case, history_activity, history_log,
    variable::{IgnoreCase, compares},
};
use bpmn_core::instance::Recorded;
use rest_api::{
    ApiResult,
    filters::{Comparing, Operator, VariableFilter, variable_filters},
};
use sea_query::{Expr, ExprTrait, Query};

/// `variables` with their switches, `executedActivity…`, `executedJob…`, `activityIdIn`.
pub(super) fn filters(w: &mut Where<'_>) -> ApiResult<()> {
    let ignore = IgnoreCase::of(w.filters)?;
    for filter in variable_filters(w.filters, "variables", Comparing::Variables)? {
        w.and(variable(
            &filter,
            ignore,
            &col("v", "instance_id").equals((H, "id")),
        )?);
    }
    let (after, before) = (
        w.filters.date("executedActivityAfter")?,
        w.filters.date("executedActivityBefore")?,
    );
    if after.is_some() || before.is_some() {
        let mut query = history_activity::base_as("a");
        query
            .expr(Expr::val(1))
            .and_where(col("a", "instance_id").equals((H, "id")));
        if let Some(after) = after {
            query.and_where(col("a", "started").gte(after).or(col("a", "ended").gte(after)));
        }
        if let Some(before) = before {
            query.and_where(col("a", "started").lte(before).or(col("a", "ended").lte(before)));
        }
        w.and(Expr::exists(query));
    }
    let (after, before) = (
        w.filters.date("executedJobAfter")?,
        w.filters.date("executedJobBefore")?,
    );
    if after.is_some() || before.is_some() {
        w.and(history_log::job_entry((H, "root_id"), (H, "id"), after, before));
    }
    let retried = Query::select()
        .expr(Expr::val(1))
        .from_as("job", "jr")
        .and_where(col("jr", "instance_id").equals((H, "id")))
        .and_where(col("jr", "retries").gt(0))
        .and_where(col("jr", "error_message").is_not_null())
        .take();
    w.switch("withJobsRetrying", Expr::exists(retried))?;
    if let Some(elements) = w.filters.list("activityIdIn")?.filter(|l| !l.is_empty()) {
        let tokens = Query::select()
            .expr(Expr::val(1))
            .from_as("token", "t")
            .and_where(col("t", "instance_id").equals((H, "id")))
            .and_where(col("t", "element").is_in(elements))
            // A scope stands for what runs inside of it.
            .and_where(col("t", "state").ne(bpmn_core::instance::TokenState::Scope as i16))
            .take();
        w.and(Expr::exists(tokens));
    }
    Ok(())
}

/// That a variable, one that exists or has gone, meets the filter and the condition; both speak of alias `v`. Unequal is
/// all that isn't equal, of whatever type, as in the reference's history.
pub(in crate::query) fn variable(
    filter: &VariableFilter,
    ignore: IgnoreCase,
    scope: &Expr,
) -> ApiResult<Expr> {
    let named = || match ignore.names {
        true => eq_any_case(col("v", "name"), &filter.name),
        false => col("v", "name").eq(filter.name.as_str()),
    };
    let opposite = match filter.operator {
        Operator::Neq => Some(Operator::Eq),
        Operator::NotLike => Some(Operator::Like),
        _ => None,
    };
    let value = match opposite {
        Some(operator) => {
            let same = VariableFilter {
                operator,
                ..filter.clone()
            };
            compares(&same, ignore.values)?.not()
        }
        None => compares(filter, ignore.values)?,
    };
    let of = |table: &'static str| {
        let query = Query::select()
            .expr(Expr::val(1))
            .from_as(table, "v")
            .and_where(col("v", "root_id").equals((H, "root_id")))
            .and_where(scope.clone())
            .and_where(named())
            .and_where(col("v", "recorded").gte(Recorded::Variable as i16))
            .cond_where(value.clone())
            .take();
        Expr::exists(query)
    };
    Ok(of("variable").or(of("history_variable")))
}
