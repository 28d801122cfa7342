//! The list of stored filters.
use super::{Kind, Listing, SortBy, Where, always, col, never};
use crate::{
    rights::need::resource,
    store::{FilterRow, Row, StoreError},
};
use bpmn_core::Id;
use rest_api::{ApiResult, known};
use sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};

const F: &str = "f";

const COLUMNS: [&str; 5] = ["id", "name", "owner", "query", "properties"];

/// The one type of resource that filters are for.
pub const TASK: &str = "Task";

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<FilterRow, StoreError> {
    Ok(FilterRow {
        id: row.id(0)?,
        name: row.text(1)?,
        owner: row.text_opt(2)?,
        query: row.text(3)?,
        properties: row.text_opt(4)?,
    })
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("task_filter", F)
        .cond_where(condition)
        .take()
}

/// The filter of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let mut query = base(Condition::all().add(col(F, "id").eq(id.0)));
    query.exprs(COLUMNS.map(|name| col(F, name))).take()
}

/// Filters that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.id("filterId", col(F, "id"))?;
    if let Some(kind) = w.filters.text("resourceType")? {
        w.and(if kind == TASK { always() } else { never() });
    }
    w.text("name", col(F, "name"))?;
    w.like("nameLike", col(F, "name"))?;
    w.text("owner", col(F, "owner"))?;
    let _ = w.filters.on("itemCount")?;
    w.sees_things(resource::FILTER, col(F, "id"), false);
    let filters = w.filters;
    let condition = w.finish(known::FILTER)?;
    let columns = COLUMNS.map(|name| col(F, name)).to_vec();
    Listing::new(base(condition), columns, col(F, "id")).sorted(filters, &sort)
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "filterId" => (col(F, "id"), Kind::Id),
        "resourceType" => (Expr::val(TASK), Kind::Text),
        "name" => (col(F, "name"), Kind::Text),
        "owner" => (col(F, "owner"), Kind::Text),
        _ => return None,
    })
}
