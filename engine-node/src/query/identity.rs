//! What lists of users, groups, tenants and authorizations share.
use super::{Where, col};
use rest_api::ApiResult;
use sea_query::{Expr, ExprTrait, Query};

/// `column IN (texts)`; a list in a query that is there and empty finds nothing, as in the reference.
pub fn id_texts(w: &mut Where<'_>, name: &str, column: Expr) -> ApiResult<()> {
    w.texts(name, column)
}

/// The column names a user of the group.
pub fn of_group(column: Expr, group: &str) -> Expr {
    let members = Query::select()
        .column(("gm", "user_id"))
        .from_as("group_member", "gm")
        .and_where(col("gm", "group_id").eq(group))
        .take();
    column.in_subquery(members)
}

/// The column names a user or a group of the tenant.
pub fn of_tenant(column: Expr, is_group: bool, tenant: &str) -> Expr {
    let members = Query::select()
        .column(("tm", "member_id"))
        .from_as("tenant_member", "tm")
        .and_where(col("tm", "tenant_id").eq(tenant))
        .and_where(col("tm", "is_group").eq(is_group))
        .take();
    column.in_subquery(members)
}
