//! Filters of tasks by candidates and by who is involved.
use super::T;
use crate::query::{Where, col, like, never};
use http::StatusCode;
use rest_api::{ApiError, ApiResult};
use sea_query::{Condition, Expr, ExprTrait, JoinType, Query, UnionType};

pub(super) fn usage(text: impl std::fmt::Display) -> ApiError {
    let message = format!("Invalid query usage: {text}");
    ApiError::bad_user_request("ProcessEngineException", message)
        .with_status(StatusCode::INTERNAL_SERVER_ERROR)
}

/// That a task has a candidate of that kind which meets the condition.
fn candidate(condition: Condition) -> Expr {
    let query = Query::select()
        .expr(Expr::val(1))
        .from_as("task_candidate", "c")
        .and_where(col("c", "task_id").equals((T, "id")))
        .cond_where(condition)
        .take();
    Expr::exists(query)
}

fn of_kind(group: bool) -> Condition {
    Condition::all().add(col("c", "is_group").eq(group))
}

/// That the user is a candidate, or one of his groups is. One list of tasks, so that indexes on names find them.
fn of_user(w: &Where<'_>, user: &str) -> Expr {
    let mut own = Query::select()
        .expr(col("u", "task_id"))
        .from_as("task_candidate", "u")
        .and_where(col("u", "is_group").eq(false))
        .and_where(col("u", "name").eq(user))
        .take();
    // Groups that somebody else vouches for are in no table.
    if let Some(groups) = w.groups_of(user) {
        let through_groups = Query::select()
            .expr(col("g", "task_id"))
            .from_as("task_candidate", "g")
            .and_where(col("g", "is_group").eq(true))
            .and_where(col("g", "name").is_in(groups.iter().map(String::as_str)))
            .take();
        return col(T, "id").in_subquery(own.union(UnionType::All, through_groups).take());
    }
    let through_groups = Query::select()
        .expr(col("g", "task_id"))
        .from_as("group_member", "m")
        .join_as(
            JoinType::InnerJoin,
            "task_candidate",
            "g",
            col("g", "name").equals(("m", "group_id")),
        )
        .and_where(col("m", "user_id").eq(user))
        .and_where(col("g", "is_group").eq(true))
        .take();
    col(T, "id").in_subquery(own.union(UnionType::All, through_groups).take())
}

/// The candidates asked for by name, as one condition; `None` if none is.
fn asked(w: &Where<'_>) -> ApiResult<Option<Expr>> {
    let user = w.filters.text("candidateUser")?;
    let one = w.filters.text("candidateGroup")?;
    let many = w.filters.list("candidateGroups")?.filter(|list| !list.is_empty());
    let pattern = w.filters.text("candidateGroupLike")?;
    let name = || col("c", "name");
    let mut any = Condition::any();
    // Both at once leave the groups that both name.
    let groups = match (one, many) {
        (Some(one), Some(many)) => Some(many.into_iter().filter(|name| *name == one).collect()),
        (Some(one), None) => Some(vec![one]),
        (None, many) => many,
    };
    if let Some(groups) = &groups {
        any = any.add(of_kind(true).add(name().is_in(groups)));
    }
    if let Some(pattern) = &pattern {
        any = any.add(of_kind(true).add(like(name(), pattern)));
    }
    let of_groups = match &groups {
        None if pattern.is_none() => None,
        Some(groups) if groups.is_empty() && pattern.is_none() => Some(never()),
        _ => Some(candidate(any)),
    };
    let of_user = user.as_deref().map(|user| of_user(w, user));
    Ok(match (of_user, of_groups) {
        (Some(user), Some(groups)) => Some(user.or(groups)),
        (user, groups) => user.or(groups),
    })
}

/// Candidates mean tasks that nobody has taken yet, unless assigned ones are asked for.
fn unless_assigned(condition: Expr, include_assigned: bool) -> Expr {
    match include_assigned {
        true => condition,
        false => condition.and(col(T, "assignee").is_null()),
    }
}

const SWITCHES: [(&str, bool, bool); 4] = [
    ("withCandidateGroups", true, true),
    ("withoutCandidateGroups", true, false),
    ("withCandidateUsers", false, true),
    ("withoutCandidateUsers", false, false),
];

/// The filters of a query.
pub fn candidates(w: &mut Where<'_>) -> ApiResult<()> {
    if w.filters.has("candidateUser") {
        if w.filters.has("candidateGroup") {
            return Err(usage("cannot set both candidateUser and candidateGroup"));
        }
        if w.filters
            .list("candidateGroups")?
            .is_some_and(|groups| !groups.is_empty())
        {
            return Err(usage("cannot set both candidateGroupIn and candidateUser"));
        }
    }
    let include_assigned = w.filters.on("includeAssignedTasks")?;
    let asked = asked(w)?;
    let mut switched = asked.is_some();
    for (name, group, with) in SWITCHES {
        if w.filters.on(name)? {
            switched = true;
            let some = candidate(of_kind(group));
            let meant = if with { some } else { some.not() };
            w.and(unless_assigned(meant, include_assigned));
        }
    }
    if include_assigned && !switched {
        return Err(usage(
            "candidateUser, candidateGroup, candidateGroupLike, candidateGroupIn, withCandidateGroups, \
             withoutCandidateGroups, withCandidateUsers, withoutCandidateUsers has to be called before \
             'includeAssignedTasks'.",
        ));
    }
    if let Some(condition) = asked {
        w.and(unless_assigned(condition, include_assigned));
    }
    involved(w)
}

/// The filters of an object of `orQueries`.
pub fn candidates_of_or(w: &mut Where<'_>) -> ApiResult<()> {
    for (name, _, _) in SWITCHES {
        if w.filters.on(name)? {
            return Err(usage(format!("cannot set {name}() within 'or' query")));
        }
    }
    let include_assigned = w.filters.on("includeAssignedTasks")?;
    if let Some(condition) = asked(w)? {
        w.and(unless_assigned(condition, include_assigned));
    }
    involved(w)
}

fn involved(w: &mut Where<'_>) -> ApiResult<()> {
    let Some(user) = w.filters.text("involvedUser")? else {
        return Ok(());
    };
    let user = user.as_str();
    let linked = Query::select()
        .expr(Expr::val(1))
        .from_as("task_link", "k")
        .and_where(col("k", "task_id").equals((T, "id")))
        .and_where(col("k", "is_group").eq(false))
        .and_where(col("k", "name").eq(user))
        .take();
    w.and(
        candidate(of_kind(false).add(col("c", "name").eq(user)))
            .or(Expr::exists(linked))
            .or(col(T, "assignee").eq(user))
            .or(col(T, "owner").eq(user)),
    );
    Ok(())
}
