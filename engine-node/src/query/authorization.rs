//! The list of authorizations.
use super::{Kind, Listing, SortBy, Where, col, identity::id_texts};
use crate::{
    rights::{grants::To, need::resource},
    store::{AuthorizationRow, Row, StoreError},
};
use bpmn_core::Id;
use rest_api::{ApiError, ApiResult, authorization::ANY, known};
use sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};

const A: &str = "a";

const COLUMNS: [&str; 7] = [
    "id",
    "kind",
    "user_id",
    "group_id",
    "resource_type",
    "resource_id",
    "permissions",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<AuthorizationRow, StoreError> {
    Ok(AuthorizationRow {
        id: row.id(0)?,
        kind: row.i64(1)? as i16,
        user: row.text_opt(2)?,
        group: row.text_opt(3)?,
        resource_type: row.i64(4)? as i32,
        resource_id: row.text_opt(5)?,
        permissions: row.i64(6)? as i32,
    })
}

/// The authorization of that id.
pub fn by_id(id: Id) -> SelectStatement {
    whole(Condition::all().add(col(A, "id").eq(id.0)))
}

/// All that concerns a user with these groups.
pub fn held(user: &str, groups: &[String]) -> SelectStatement {
    let of = Condition::any()
        .add(col(A, "user_id").is_in([user, ANY]))
        .add(col(A, "group_id").is_in(groups.iter().map(String::as_str)));
    whole(of)
}

/// Grants of a user or a group on all of a resource.
pub fn of_all(to: To<'_>) -> SelectStatement {
    let holder = match to {
        To::User(name) => col(A, "user_id").eq(name),
        To::Group(name) => col(A, "group_id").eq(name),
    };
    let of = Condition::all()
        .add(col(A, "kind").eq(AuthorizationRow::GRANT))
        .add(col(A, "resource_id").eq(ANY))
        .add(holder);
    whole(of)
}

/// Those of one thing: they go when it goes.
pub fn of_thing(resource_type: i32, id: &str) -> SelectStatement {
    let of = Condition::all()
        .add(col(A, "resource_type").eq(resource_type))
        .add(col(A, "resource_id").eq(id));
    whole(of)
}

/// Others for the same resource and of the same kind and user or group: there may be none, where all are given.
pub fn same(row: &AuthorizationRow) -> SelectStatement {
    let holder = match (&row.user, &row.group) {
        (Some(user), _) => col(A, "user_id").eq(user.as_str()),
        (None, group) => col(A, "group_id").eq(group.clone()),
    };
    let condition = Condition::all()
        .add(col(A, "id").ne(row.id.0))
        .add(col(A, "kind").eq(row.kind))
        .add(col(A, "resource_type").eq(row.resource_type))
        .add(col(A, "resource_id").eq(row.resource_id.clone()))
        .add(holder);
    whole(condition)
}

/// Authorizations that meet the filters.
///
/// # Errors
/// As the reference's list; also for users and groups at once.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.id("id", col(A, "id"))?;
    w.int("type", |kind| col(A, "kind").eq(kind))?;
    if w.filters.has("userIdIn") && w.filters.has("groupIdIn") {
        return Err(ApiError::engine(
            "Cannot query for user and group authorizations at the same time.",
        ));
    }
    id_texts(&mut w, "userIdIn", col(A, "user_id"))?;
    id_texts(&mut w, "groupIdIn", col(A, "group_id"))?;
    w.int("resourceType", |number| col(A, "resource_type").eq(number))?;
    w.text("resourceId", col(A, "resource_id"))?;
    w.sees_things(resource::AUTHORIZATION, col(A, "id"), false);
    let filters = w.filters;
    let condition = w.finish(known::AUTHORIZATION)?;
    Listing::new(base(condition), columns(), col(A, "id")).sorted(filters, &sort)
}

fn whole(condition: Condition) -> SelectStatement {
    base(condition).exprs(columns()).take()
}

fn columns() -> Vec<Expr> {
    COLUMNS.map(|name| col(A, name)).to_vec()
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("engine_authorization", A)
        .cond_where(condition)
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "resourceType" => (col(A, "resource_type"), Kind::Number),
        "resourceId" => (col(A, "resource_id"), Kind::Text),
        _ => return None,
    })
}
