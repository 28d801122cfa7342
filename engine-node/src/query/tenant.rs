//! The list of tenants.
use super::{Kind, Listing, SortBy, Where, col, group::ids_of, never};
use crate::{
    rights::need::resource,
    store::{Row, StoreError, TenantMember, TenantRow},
};
use rest_api::{ApiResult, known};
use sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};

const T: &str = "t";

const COLUMNS: [&str; 2] = ["id", "name"];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<TenantRow, StoreError> {
    Ok(TenantRow {
        id: row.text(0)?,
        name: row.text_opt(1)?,
    })
}

/// The tenant of that id.
pub fn by_id(id: &str) -> SelectStatement {
    let mut query = base(Condition::all().add(col(T, "id").eq(id)));
    query.exprs(columns()).take()
}

/// A row if the member belongs to the tenant.
pub fn member(member: &TenantMember) -> SelectStatement {
    let mut query = tenants(member.is_group);
    query
        .and_where(col("m", "tenant_id").eq(member.tenant.as_str()))
        .and_where(col("m", "member_id").eq(member.member.as_str()))
        .take()
}

/// Ids of the tenants of a user, his own and those of these groups.
pub fn of_user(user: &str, groups: &[String]) -> SelectStatement {
    let own = col("m", "is_group").eq(false).and(col("m", "member_id").eq(user));
    let of_groups = col("m", "is_group")
        .eq(true)
        .and(col("m", "member_id").is_in(groups.iter().map(String::as_str)));
    Query::select()
        .distinct()
        .column(("m", "tenant_id"))
        .from_as("tenant_member", "m")
        .and_where(own.or(of_groups))
        .take()
}

/// Tenants that meet the filters. As in the reference, `userMember` and `groupMember` look at one membership, which is
/// of a user or of a group: together they find something only with `includingGroupsOfUser`.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.text("id", col(T, "id"))?;
    w.text("name", col(T, "name"))?;
    w.like("nameLike", col(T, "name"))?;
    let (user, group) = (w.filters.text("userMember")?, w.filters.text("groupMember")?);
    let including = w.filters.on("includingGroupsOfUser")?;
    let has = |is_group: bool, condition: Expr| {
        let tenants = tenants(is_group).and_where(condition).take();
        col(T, "id").in_subquery(tenants)
    };
    let member = || col("m", "member_id");
    match (user, group) {
        (None, None) => {}
        (None, Some(group)) => w.and(has(true, member().eq(group))),
        (Some(user), None) => {
            let direct = has(false, member().eq(user.as_str()));
            w.and(match including {
                true => direct.or(has(true, member().in_subquery(ids_of(&user)))),
                false => direct,
            });
        }
        (Some(user), Some(group)) if including => {
            w.and(has(
                true,
                member().eq(group).and(member().in_subquery(ids_of(&user))),
            ));
        }
        (Some(_), Some(_)) => w.and(never()),
    }
    let filters = w.filters;
    w.sees_things(resource::TENANT, col(T, "id"), true);
    let condition = w.finish(known::TENANT)?;
    Listing::new(base(condition), columns(), col(T, "id")).sorted(filters, &sort)
}

/// Tenants that have users or groups.
fn tenants(is_group: bool) -> SelectStatement {
    Query::select()
        .column(("m", "tenant_id"))
        .from_as("tenant_member", "m")
        .and_where(col("m", "is_group").eq(is_group))
        .take()
}

fn columns() -> Vec<Expr> {
    COLUMNS.map(|name| col(T, name)).to_vec()
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("engine_tenant", T)
        .cond_where(condition)
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    matches!(by, "id" | "name").then(|| {
        let column = if by == "id" { "id" } else { "name" };
        (col(T, column), Kind::Text)
    })
}
