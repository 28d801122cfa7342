//! The authorizations that come and go with what they are of, as the reference's default provider makes them.
use super::need::{Need, resource};
use crate::{
    app::Engine,
    query::authorization,
    store::{AuthorizationRow, GroupMember, GroupRow, IdentityChange, Store, StoreError, UserRow},
};
use bpmn_core::Slot;
use rest_api::authorization::{ALL, ALL_BITS, ANY, RESOURCES};

/// To whom something is granted.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    User(&'a str),
    Group(&'a str),
}

/// The change that grants permissions on one thing.
pub fn grant(
    engine: &Engine,
    to: To<'_>,
    number: i32,
    id: &str,
    permissions: &[&'static str],
) -> IdentityChange {
    let (user, group, name) = match to {
        To::User(name) => (Some(name.to_owned()), None, name),
        To::Group(name) => (None, Some(name.to_owned()), name),
    };
    let bits = match permissions {
        [ALL] => ALL_BITS,
        some => some.iter().fold(0, |all, one| all | Need::of(number, one).bits()),
    };
    IdentityChange::PutAuthorization(AuthorizationRow {
        id: engine.new_id(Slot::of_key(name)),
        kind: AuthorizationRow::GRANT,
        user,
        group,
        resource_type: number,
        resource_id: Some(id.to_owned()),
        permissions: bits,
    })
}

/// The changes that take away the authorizations of a thing that goes.
///
/// # Errors
/// Those of the database.
pub async fn gone(store: &dyn Store, number: i32, id: &str) -> Result<Vec<IdentityChange>, StoreError> {
    let found = store.select(&authorization::of_thing(number, id)).await?;
    let rows = found.rows.iter().map(|row| authorization::row(&**row));
    rows.map(|row| Ok(IdentityChange::DeleteAuthorization(row?.id)))
        .collect()
}

/// Name and kind of the group of administrators, as the reference creates it.
const ADMINISTRATORS: (&str, &str) = ("camunda BPM Administrators", "SYSTEM");

/// What is missing for administrators to have all rights: `first` is made one of them, and created if nobody exists.
///
/// # Errors
/// Those of the database.
pub async fn administrators(
    engine: &Engine,
    store: &dyn Store,
    first: Option<&UserRow>,
    admins: &super::load::Admins,
    enforced: bool,
) -> Result<Vec<IdentityChange>, StoreError> {
    let mut changes = Vec::new();
    let nobody = store.user_count().await? == 0;
    if let Some(user) = first.filter(|_| nobody) {
        changes.push(IdentityChange::PutUser(user.clone()));
        if enforced {
            changes.push(grant(
                engine,
                To::User(&user.id),
                resource::USER,
                &user.id,
                &[ALL],
            ));
        }
    }
    if !enforced {
        return Ok(changes);
    }
    if let (Some(user), Some(group)) = (first, admins.groups.first()) {
        let there = store.select(&crate::query::group::by_id(group)).await?;
        if there.rows.is_empty() {
            changes.push(IdentityChange::PutGroup(GroupRow {
                id: group.clone(),
                name: Some(ADMINISTRATORS.0.to_owned()),
                kind: Some(ADMINISTRATORS.1.to_owned()),
            }));
        }
        let member = GroupMember {
            group: group.clone(),
            user: user.id.clone(),
        };
        let there = store.select(&crate::query::group::member(&member)).await?;
        if there.rows.is_empty() {
            changes.push(IdentityChange::PutGroupMember(member));
        }
    }
    let groups = admins.groups.iter().map(|name| To::Group(name));
    let users = admins.users.iter().map(|name| To::User(name));
    for to in groups.chain(users) {
        let held = store.select(&authorization::of_all(to)).await?;
        let rows = held.rows.iter().map(|row| authorization::row(&**row));
        let held: Vec<AuthorizationRow> = rows.collect::<Result<_, _>>()?;
        for one in RESOURCES {
            if !held.iter().any(|row| row.resource_type == one.number) {
                changes.push(grant(engine, to, one.number, ANY, &[ALL]));
            }
        }
    }
    Ok(changes)
}
