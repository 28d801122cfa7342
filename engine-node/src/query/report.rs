//! Reports: durations of what has ended by day, numbers of completed tasks, of what history may forget, of activities.
use super::{Where, col, history_activity, history_incident, history_process};
use crate::{app::CatalogView, store::schema::visible};
use rest_api::ApiResult;
use sea_query::{Condition, Expr, ExprTrait, JoinType, Query, SelectStatement};
use std::collections::BTreeMap;
use uuid::Uuid;

const DAY: i64 = 86_400_000;

/// Columns: day since 1970 of `of`, number of rows, least, longest and sum of durations since `began`.
fn by_day(table: &'static str, of: &'static str, began: &'static str) -> SelectStatement {
    let day = || Expr::cust(format!("\"h\".\"{of}\" / 86400000"));
    let took = format!("\"h\".\"ended\" - \"h\".\"{began}\"");
    Query::select()
        .expr(day())
        .expr(Expr::cust("COUNT(*)"))
        .expr(Expr::cust(format!("MIN({took})")))
        .expr(Expr::cust(format!("MAX({took})")))
        .expr(Expr::cust(format!("CAST(SUM({took}) AS bigint)")))
        .from_as(table, "h")
        .and_where(visible("h"))
        .add_group_by([day()])
        .take()
}

/// Durations of ended process instances by the day of their start; filters as the reference's report has them.
pub fn process_durations(mut w: Where<'_>) -> ApiResult<SelectStatement> {
    if let Some(ids) = w.filters.list("processDefinitionIdIn")?.filter(|l| !l.is_empty()) {
        w.definitions(col("h", "definition_id"), |d| ids.contains(&d.row.rest_id));
    }
    if let Some(keys) = w
        .filters
        .list("processDefinitionKeyIn")?
        .filter(|l| !l.is_empty())
    {
        w.definitions(col("h", "definition_id"), |d| keys.contains(&d.row.key));
    }
    w.date("startedBefore", |d| col("h", "started").lte(d))?;
    w.date("startedAfter", |d| col("h", "started").gte(d))?;
    w.of_own_tenants(col("h", "tenant_id"));
    Ok(by_day("history_process", "started", "started")
        .cond_where(w.condition)
        .take())
}

fn completed(w: &mut Where<'_>) -> ApiResult<()> {
    w.date("completedBefore", |d| col("h", "ended").lte(d))?;
    w.date("completedAfter", |d| col("h", "ended").gte(d))?;
    w.of_own_tenants(col("h", "tenant_id"));
    Ok(())
}

/// Durations of ended tasks by the day of their end.
pub fn task_durations(mut w: Where<'_>) -> ApiResult<SelectStatement> {
    completed(&mut w)?;
    Ok(by_day("history_task", "ended", "created")
        .cond_where(w.condition)
        .take())
}

/// Ended tasks by definition, and by name if asked. Columns: definition, name (or null), number.
pub fn task_counts(mut w: Where<'_>, by_name: bool) -> ApiResult<SelectStatement> {
    completed(&mut w)?;
    let name = || match by_name {
        true => col("h", "name"),
        false => Expr::cust("CAST(NULL AS text)"),
    };
    let mut query = Query::select();
    query
        .expr(col("h", "definition_id"))
        .expr(name())
        .expr(Expr::cust("COUNT(*)"))
        .from_as("history_task", "h")
        .and_where(visible("h"))
        .and_where(col("h", "definition_id").is_not_null())
        .cond_where(w.condition)
        .add_group_by([col("h", "definition_id")]);
    if by_name {
        query
            .and_where(col("h", "name").is_not_null())
            .and_where(col("h", "name").ne(""))
            .add_group_by([col("h", "name")]);
    }
    Ok(query.take())
}

/// Unassigned tasks by candidate group; without one, and for each candidate user, in the row of no group.
pub fn candidate_groups() -> SelectStatement {
    let group = || Expr::cust("CASE WHEN \"c\".\"is_group\" THEN \"c\".\"name\" END");
    Query::select()
        .expr(group())
        .expr(Expr::cust("COUNT(*)"))
        .from_as("task", "t")
        .join_as(
            JoinType::LeftJoin,
            "task_candidate",
            "c",
            col("c", "task_id").equals(("t", "id")),
        )
        .and_where(visible("t"))
        .and_where(col("t", "assignee").is_null())
        .add_group_by([group()])
        .take()
}

/// Ids by their time to live in days: one condition for each time, for conditions are written one within the other.
fn by_ttl(definitions: impl Iterator<Item = (Option<i32>, Uuid)>) -> BTreeMap<i32, Vec<Uuid>> {
    let mut found: BTreeMap<i32, Vec<Uuid>> = BTreeMap::new();
    for (ttl, id) in definitions {
        if let Some(ttl) = ttl {
            found.entry(ttl).or_default().push(id);
        }
    }
    found
}

/// What an ended process instance's definition lets go: those whose removal time has come.
fn removable(view: &CatalogView, now: i64) -> Condition {
    let mut any = Condition::any().add(col("h", "removal").lte(now));
    for (ttl, ids) in by_ttl(view.all().map(|d| (d.row.history_ttl_days, d.row.id.0))) {
        let before = now - i64::from(ttl) * DAY;
        any = any.add(
            Condition::all()
                .add(col("h", "removal").is_null())
                .add(col("h", "definition_id").is_in(ids))
                .add(col("h", "ended").lte(before))
                .add(history_process::root_ended("h").lte(before)),
        );
    }
    any
}

/// Ended process instances by definition. Columns: definition, number.
pub fn finished_processes(definitions: &[Uuid]) -> SelectStatement {
    Query::select()
        .expr(col("h", "definition_id"))
        .expr(Expr::cust("COUNT(*)"))
        .from_as("history_process", "h")
        .and_where(visible("h"))
        .and_where(col("h", "definition_id").is_in(definitions.iter().copied()))
        .add_group_by([col("h", "definition_id")])
        .take()
}

/// Of [`finished_processes`] those whose time to live is over.
pub fn cleanable_processes(view: &CatalogView, definitions: &[Uuid], now: i64) -> SelectStatement {
    finished_processes(definitions)
        .cond_where(removable(view, now))
        .take()
}

/// Evaluations by decision. Columns: decision, number.
pub fn evaluated_decisions(decisions: &[Uuid]) -> SelectStatement {
    Query::select()
        .expr(col("h", "decision_id"))
        .expr(Expr::cust("COUNT(*)"))
        .from_as("history_decision", "h")
        .and_where(visible("h"))
        .and_where(col("h", "decision_id").is_in(decisions.iter().copied()))
        .add_group_by([col("h", "decision_id")])
        .take()
}

/// Of [`evaluated_decisions`] those that may go: with the tree of their process instance, or by the decision's own time.
pub fn cleanable_decisions(view: &CatalogView, decisions: &[Uuid], now: i64) -> SelectStatement {
    let mut any = Condition::any().add(super::never());
    let asked = view.decisions.all().filter(|d| decisions.contains(&d.row.id.0));
    for (ttl, ids) in by_ttl(asked.map(|d| (d.row.history_ttl_days, d.row.id.0))) {
        let own = col("h", "decision_id").is_in(ids);
        let alone = col("h", "instance_id").is_null();
        let before = now - i64::from(ttl) * DAY;
        any = any.add(own.and(alone).and(col("h", "evaluated").lte(before)));
    }
    for (ttl, ids) in by_ttl(view.all().map(|d| (d.row.history_ttl_days, d.row.id.0))) {
        let before = now - i64::from(ttl) * DAY;
        let of = col("h", "definition_id").is_in(ids);
        any = any.add(of.and(history_process::root_ended("h").lte(before)));
    }
    evaluated_decisions(decisions).cond_where(any).take()
}

/// The process instances that the filters of historic statistics let through; `None` if none is given.
fn instances(w: &mut Where<'_>) -> ApiResult<Option<SelectStatement>> {
    w.date("startedBefore", |d| col("h", "started").lte(d))?;
    w.date("startedAfter", |d| col("h", "started").gte(d))?;
    w.date("finishedBefore", |d| col("h", "ended").lte(d))?;
    w.date("finishedAfter", |d| col("h", "ended").gte(d))?;
    w.ids("processInstanceIdIn", col("h", "id"))?;
    let all = w.condition.is_empty();
    let condition = std::mem::replace(&mut w.condition, Condition::all());
    Ok((!all).then(|| {
        history_process::base()
            .expr(col("h", "id"))
            .cond_where(condition)
            .take()
    }))
}

/// Activity instances of a definition by element. Columns: element, running, ended, canceled, completing their scope.
pub fn activities(mut w: Where<'_>, definition: Uuid) -> ApiResult<SelectStatement> {
    let sum = |test: &str| Expr::cust(format!("SUM(CASE WHEN {test} THEN 1 ELSE 0 END)"));
    let mut query = history_activity::base();
    query
        .expr(col("h", "element"))
        .expr(sum("\"h\".\"ended\" IS NULL"))
        .expr(sum("\"h\".\"ended\" IS NOT NULL"))
        .expr(sum("\"h\".\"canceled\""))
        .expr(sum("\"h\".\"complete_scope\""))
        .and_where(col("h", "definition_id").eq(definition))
        .add_group_by([col("h", "element")]);
    if let Some(instances) = instances(&mut w)? {
        query.and_where(col("h", "instance_id").in_subquery(instances));
    }
    Ok(query.take())
}

/// Incidents of a definition by element. Columns: element, open, resolved, deleted.
pub fn incidents(mut w: Where<'_>, definition: Uuid) -> ApiResult<SelectStatement> {
    let sum = |state: i64| {
        Expr::cust(format!(
            "SUM(CASE WHEN \"h\".\"state\" = {state} THEN 1 ELSE 0 END)"
        ))
    };
    let mut query = history_incident::base();
    query
        .expr(col("h", "element"))
        .exprs(
            [
                history_incident::OPEN,
                history_incident::RESOLVED,
                history_incident::DELETED,
            ]
            .map(sum),
        )
        .and_where(col("h", "definition_id").eq(definition))
        .add_group_by([col("h", "element")]);
    if let Some(instances) = instances(&mut w)? {
        query.and_where(col("h", "instance_id").in_subquery(instances));
    }
    Ok(query.take())
}
