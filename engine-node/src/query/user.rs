//! The list of users.
use super::{Kind, Listing, SortBy, Where, col, id_texts, of_group, of_tenant};
use crate::{
    rights::need::resource,
    store::{Row, StoreError},
};
use rest_api::{ApiResult, identity::Profile, known};
use sea_query::{Condition, ExprTrait, Query, SelectStatement};

const U: &str = "u";

const COLUMNS: [&str; 4] = ["id", "first_name", "last_name", "email"];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<Profile, StoreError> {
    Ok(Profile {
        id: row.text(0)?,
        first_name: row.text_opt(1)?,
        last_name: row.text_opt(2)?,
        email: row.text_opt(3)?,
    })
}

/// Users that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.text("id", col(U, "id"))?;
    id_texts(&mut w, "idIn", col(U, "id"))?;
    w.text("firstName", col(U, "first_name"))?;
    w.like("firstNameLike", col(U, "first_name"))?;
    w.text("lastName", col(U, "last_name"))?;
    w.like("lastNameLike", col(U, "last_name"))?;
    w.text("email", col(U, "email"))?;
    w.like("emailLike", col(U, "email"))?;
    if let Some(group) = w.filters.text("memberOfGroup")? {
        w.and(of_group(col(U, "id"), &group));
    }
    if let Some(tenant) = w.filters.text("memberOfTenant")? {
        w.and(of_tenant(col(U, "id"), false, &tenant));
    }
    if let Some(definition) = w.filters.text("potentialStarter")? {
        // Those that it names itself: not the members of groups that it names, as in the reference.
        let starters = w.view.by_rest_id(&definition).into_iter();
        let starters = starters.flat_map(|d| d.definition.starters.iter().filter(|s| !s.group));
        let starters: Vec<String> = starters.map(|s| s.name.clone()).collect();
        w.and(col(U, "id").is_in(starters));
    }
    let filters = w.filters;
    w.sees_things(resource::USER, col(U, "id"), true);
    let condition = w.finish(known::USER)?;
    Listing::new(base(condition), columns(), col(U, "id"))
        .called_by_text()
        .sorted(filters, &sort)
}

/// The users of these ids, in order of them.
pub fn named(ids: &[String]) -> SelectStatement {
    let mut query = base(Condition::all().add(col(U, "id").is_in(ids)));
    query
        .exprs(columns())
        .order_by((U, "id"), sea_query::Order::Asc)
        .take()
}

/// The other users of the groups of a user.
pub fn colleagues(user: &str) -> SelectStatement {
    let groups = super::group::ids_of(user);
    let members = Query::select()
        .column(("gm", "user_id"))
        .from_as("group_member", "gm")
        .and_where(col("gm", "group_id").in_subquery(groups))
        .take();
    let condition = Condition::all()
        .add(col(U, "id").in_subquery(members))
        .add(col(U, "id").ne(user));
    let mut query = base(condition);
    query
        .exprs(columns())
        .order_by((U, "id"), sea_query::Order::Asc)
        .take()
}

fn columns() -> Vec<sea_query::Expr> {
    COLUMNS.map(|name| col(U, name)).to_vec()
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("engine_user", U)
        .cond_where(condition)
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    let column = match by {
        "userId" => "id",
        "firstName" => "first_name",
        "lastName" => "last_name",
        "email" => "email",
        _ => return None,
    };
    Some((col(U, column), Kind::Text))
}
