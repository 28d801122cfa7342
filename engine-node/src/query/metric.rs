//! Metrics: sums of what nodes have counted, by quarter of an hour; people from history.
use super::col;
use crate::store::schema::visible;
use sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};

/// Which metrics are meant.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub name: Option<String>,
    pub reporter: Option<String>,
    /// Unix milliseconds; the end is not included.
    pub from: Option<i64>,
    pub to: Option<i64>,
}

fn among(query: &mut SelectStatement, wanted: &Wanted) {
    if let Some(name) = &wanted.name {
        query.and_where(col("m", "name").eq(name.as_str()));
    }
    if let Some(reporter) = &wanted.reporter {
        query.and_where(col("m", "reporter").eq(reporter.as_str()));
    }
    within(query, col("m", "bucket"), wanted);
}

fn within(query: &mut SelectStatement, time: Expr, wanted: &Wanted) {
    if let Some(from) = wanted.from {
        query.and_where(time.clone().gte(from));
    }
    if let Some(to) = wanted.to {
        query.and_where(time.lt(to));
    }
}

/// The sum of all that is meant.
pub fn sum(wanted: &Wanted) -> SelectStatement {
    let mut query = Query::select();
    query
        .expr(Expr::cust("CAST(COALESCE(SUM(\"m\".\"value\"), 0) AS bigint)"))
        .from_as("metric", "m");
    among(&mut query, wanted);
    query.take()
}

/// Sums by intervals of so many seconds, newest first. Columns: begin of the interval, name, reporter (null where
/// reporters are added up), sum.
pub fn intervals(
    wanted: &Wanted,
    seconds: i64,
    by_reporter: bool,
    first: u64,
    max: Option<u64>,
) -> SelectStatement {
    let ms = seconds.saturating_mul(1000);
    let begin = || Expr::cust(format!("\"m\".\"bucket\" / {ms} * {ms}"));
    let reporter = || match by_reporter {
        true => col("m", "reporter"),
        false => Expr::cust("CAST(NULL AS text)"),
    };
    let mut query = Query::select();
    query
        .expr(begin())
        .expr(col("m", "name"))
        .expr(reporter())
        .expr(Expr::cust("CAST(SUM(\"m\".\"value\") AS bigint)"))
        .from_as("metric", "m")
        .add_group_by([begin(), col("m", "name")]);
    if by_reporter {
        query.add_group_by([col("m", "reporter")]);
    }
    among(&mut query, wanted);
    query
        .order_by_expr(begin(), Order::Desc)
        .order_by_expr(col("m", "name"), Order::Asc);
    if by_reporter {
        query.order_by_expr(col("m", "reporter"), Order::Asc);
    }
    if let Some(max) = max {
        query.limit(max).offset(first);
    }
    query.take()
}

/// How many users tasks were assigned to.
pub fn task_users(wanted: &Wanted) -> SelectStatement {
    let mut query = Query::select();
    query
        .expr(Expr::cust("COUNT(DISTINCT \"l\".\"user_id\")"))
        .from_as("history_identity_link", "l")
        .and_where(visible("l"))
        .and_where(col("l", "kind").eq("assignee"))
        .and_where(col("l", "added").eq(true));
    within(&mut query, col("l", "time"), wanted);
    query.take()
}
