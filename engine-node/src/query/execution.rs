//! The list of executions: the process instances themselves and what REST calls executions of their tokens.
use super::{Kind, Listing, SortBy, Where, col, equals_id, like, of_definition, variable};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{
    Id,
    instance::{EventKind, TokenState},
};
use rest_api::{ApiResult, filters::variable_filters, known};
use sea_query::{Expr, ExprTrait, JoinType, Query, SelectStatement, UnionType};

const X: &str = "x";

/// A row of [`listing`].
pub struct ExecutionRow {
    pub id: Id,
    pub instance_id: Id,
    pub tenant_id: Option<String>,
}

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<ExecutionRow, StoreError> {
    Ok(ExecutionRow {
        id: row.id(0)?,
        instance_id: row.id(1)?,
        tenant_id: row.text_opt(2)?,
    })
}

/// id, instance_id, tenant_id, definition_id, business_key, suspended of every execution.
fn every() -> SelectStatement {
    let shared = |query: &mut SelectStatement| {
        for name in ["tenant_id", "definition_id", "business_key", "suspended"] {
            query.expr_as(col("p", name), name);
        }
    };
    let mut roots = Query::select();
    roots
        .expr_as(col("p", "id"), "id")
        .expr_as(col("p", "id"), "instance_id");
    shared(&mut roots);
    roots.from_as("process_instance", "p").and_where(visible("p"));
    let mut tokens = Query::select();
    tokens
        .distinct()
        .expr_as(col("t", "execution_id"), "id")
        .expr_as(col("t", "instance_id"), "instance_id");
    shared(&mut tokens);
    tokens
        .from_as("token", "t")
        .join_as(
            JoinType::InnerJoin,
            "process_instance",
            "p",
            col("p", "id").equals(("t", "instance_id")),
        )
        .and_where(col("t", "execution_id").not_equals(("t", "instance_id")))
        .and_where(visible("t"));
    let mut above = Query::select();
    above
        .expr_as(col("t", "id"), "id")
        .expr_as(col("t", "instance_id"), "instance_id");
    shared(&mut above);
    above
        .from_as("token", "t")
        .join_as(
            JoinType::InnerJoin,
            "process_instance",
            "p",
            col("p", "id").equals(("t", "instance_id")),
        )
        .and_where(col("t", "execution_id").not_equals(("t", "id")))
        .and_where(Expr::exists(sibling()))
        .and_where(visible("t"));
    roots
        .union(UnionType::All, tokens)
        .union(UnionType::All, above)
        .take()
}

/// Another token in the scope of `t`: both are then concurrent, and a scope activity's execution has a concurrent one
/// above it.
fn sibling() -> SelectStatement {
    let scope = |alias: &'static str| {
        Expr::cust(match alias {
            "t" => "COALESCE(\"t\".\"parent_id\", \"t\".\"instance_id\")",
            _ => "COALESCE(\"o\".\"parent_id\", \"o\".\"instance_id\")",
        })
    };
    Query::select()
        .expr(Expr::val(1))
        .from_as("token", "o")
        .and_where(col("o", "instance_id").equals(("t", "instance_id")))
        .and_where(scope("o").eq(scope("t")))
        .and_where(col("o", "id").not_equals(("t", "id")))
        .and_where(col("o", "state").ne(TokenState::EventScope as i16))
        .take()
}

fn base() -> SelectStatement {
    Query::select().from_subquery(every(), X).take()
}

/// The execution of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let mut query = base();
    query.exprs(["id", "instance_id", "tenant_id"].map(|name| col(X, name)));
    query.and_where(col(X, "id").eq(id.0)).take()
}

/// Executions that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.text("businessKey", col(X, "business_key"))?;
    w.id("processInstanceId", col(X, "instance_id"))?;
    w.definition(col(X, "definition_id"))?;
    w.suspension(col(X, "suspended"))?;
    w.tenants(col(X, "tenant_id"))?;
    let inside = |table: &'static str, condition: Expr| {
        let query = Query::select()
            .expr(Expr::val(1))
            .from_as(table, "o")
            .and_where(col("o", "execution_id").equals((X, "id")))
            .and_where(condition)
            .take();
        Expr::exists(query)
    };
    if let Some(element) = w.filters.text("activityId")? {
        w.and(inside("token", col("o", "element").eq(element)));
    }
    for (name, kind) in [
        ("messageEventSubscriptionName", EventKind::Message),
        ("signalEventSubscriptionName", EventKind::Signal),
    ] {
        if let Some(event) = w.filters.text(name)? {
            let condition = col("o", "kind").eq(kind as i16).and(col("o", "name").eq(event));
            w.and(inside("event_subscription", condition));
        }
    }
    if let Some(id) = w.filters.text("incidentId")? {
        w.and(inside("incident", equals_id(col("o", "id"), &id)));
    }
    if let Some(kind) = w.filters.text("incidentType")? {
        w.and(inside("incident", col("o", "kind").eq(kind)));
    }
    if let Some(text) = w.filters.text("incidentMessage")? {
        w.and(inside("incident", col("o", "message").eq(text)));
    }
    if let Some(pattern) = w.filters.text("incidentMessageLike")? {
        w.and(inside("incident", like(col("o", "message"), &pattern)));
    }
    let ignore = variable::IgnoreCase::of(w.filters)?;
    for filter in variable_filters(w.filters, "processVariables")? {
        w.and(variable::exists(
            &filter,
            ignore,
            variable::of_instance((X, "instance_id")),
        )?);
    }
    for filter in variable_filters(w.filters, "variables")? {
        let tokens = Query::select()
            .expr(col("t", "id"))
            .from_as("token", "t")
            .and_where(col("t", "execution_id").equals((X, "id")))
            .take();
        let scope = col("v", "scope_id")
            .equals((X, "id"))
            .or(col("v", "scope_id").in_subquery(tokens))
            .and(col("v", "instance_id").equals((X, "instance_id")));
        w.and(variable::exists(&filter, ignore, scope)?);
    }
    w.sees_instances(col(X, "instance_id"), col(X, "definition_id"));
    let filters = w.filters;
    let condition = w.finish(known::EXECUTION)?;
    let columns = ["id", "instance_id", "tenant_id"]
        .map(|name| col(X, name))
        .to_vec();
    let base = base().cond_where(condition).take();
    Listing::new(base, columns, col(X, "id")).sorted(filters, &sort)
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "instanceId" => (col(X, "instance_id"), Kind::Id),
        "definitionKey" => (of_definition(col(X, "definition_id"), "key"), Kind::Text),
        "definitionId" => (of_definition(col(X, "definition_id"), "rest_id"), Kind::Text),
        "tenantId" => (col(X, "tenant_id"), Kind::Text),
        _ => return None,
    })
}

/// Tokens in their activity or before it, counted per element of a definition: (element, count).
pub fn tokens_by_element(definition: Id) -> SelectStatement {
    use bpmn_core::instance::TokenState::{BeforeAsync, Joining, Scope};
    // A scope counts through what runs inside it; a token that waits before its element counts there.
    let counted = col("t", "activity_id")
        .is_not_null()
        .and(col("t", "state").ne(Scope as i16))
        .or(col("t", "state").eq(BeforeAsync as i16))
        .and(col("t", "state").ne(Joining as i16));
    Query::select()
        .expr(col("t", "element"))
        .expr(Expr::cust("COUNT(*)"))
        .from_as("token", "t")
        .join_as(
            JoinType::InnerJoin,
            "process_instance",
            "p",
            col("p", "id").equals(("t", "instance_id")),
        )
        .and_where(col("p", "definition_id").eq(definition.0))
        .and_where(counted)
        .and_where(visible("t"))
        .group_by_col(("t", "element"))
        .take()
}

/// Running instances counted per definition: (definition_id, count).
pub fn instances_by_definition() -> SelectStatement {
    Query::select()
        .expr(col("p", "definition_id"))
        .expr(Expr::cust("COUNT(*)"))
        .from_as("process_instance", "p")
        .and_where(visible("p"))
        .group_by_col(("p", "definition_id"))
        .take()
}
