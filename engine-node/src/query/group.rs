//! The list of groups.
use super::{Kind, Listing, SortBy, Where, col, id_texts, of_tenant};
use crate::{
    rights::need::resource,
    store::{GroupMember, GroupRow, Row, StoreError},
};
use rest_api::{ApiResult, known};
use sea_query::{Condition, Expr, ExprTrait, Order, Query, SelectStatement};

const G: &str = "g";

const COLUMNS: [&str; 3] = ["id", "name", "kind"];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<GroupRow, StoreError> {
    Ok(GroupRow {
        id: row.text(0)?,
        name: row.text_opt(1)?,
        kind: row.text_opt(2)?,
    })
}

/// The group of that id.
pub fn by_id(id: &str) -> SelectStatement {
    let mut query = base(Condition::all().add(col(G, "id").eq(id)));
    query.exprs(columns()).take()
}

/// The groups of a user, by name.
pub fn of_user(user: &str) -> SelectStatement {
    let mut query = base(Condition::all().add(col(G, "id").in_subquery(ids_of(user))));
    query
        .exprs(columns())
        .order_by_with_nulls((G, "name"), Order::Asc, sea_query::NullOrdering::Last)
        .order_by((G, "id"), Order::Asc)
        .take()
}

/// Ids of the groups of a user.
pub fn ids_of(user: &str) -> SelectStatement {
    Query::select()
        .column(("m", "group_id"))
        .from_as("group_member", "m")
        .and_where(col("m", "user_id").eq(user))
        .take()
}

/// A row if the user is in the group.
pub fn member(member: &GroupMember) -> SelectStatement {
    let mut query = ids_of(&member.user);
    query
        .and_where(col("m", "group_id").eq(member.group.as_str()))
        .take()
}

/// Groups that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.text("id", col(G, "id"))?;
    id_texts(&mut w, "idIn", col(G, "id"))?;
    w.text("name", col(G, "name"))?;
    w.like("nameLike", col(G, "name"))?;
    w.text("type", col(G, "kind"))?;
    if let Some(user) = w.filters.text("member")? {
        w.and(col(G, "id").in_subquery(ids_of(&user)));
    }
    if let Some(tenant) = w.filters.text("memberOfTenant")? {
        w.and(of_tenant(col(G, "id"), true, &tenant));
    }
    let filters = w.filters;
    w.sees_things(resource::GROUP, col(G, "id"), true);
    let condition = w.finish(known::GROUP)?;
    Listing::new(base(condition), columns(), col(G, "id")).sorted(filters, &sort)
}

fn columns() -> Vec<Expr> {
    COLUMNS.map(|name| col(G, name)).to_vec()
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("engine_group", G)
        .cond_where(condition)
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    let column = match by {
        "id" => "id",
        "name" => "name",
        "type" => "kind",
        _ => return None,
    };
    Some((col(G, column), Kind::Text))
}
