//! What the user log tells of users, groups, tenants, memberships and authorizations.
use super::identity::{finds, first};
use crate::{
    app::operations::{option, text},
    query::{authorization, group, tenant},
    store::{AuthorizationRow, IdentityChange, Store, operations::Told},
};
use rest_api::{
    ApiResult,
    authorization::{names, resource as named},
};

/// What a change tells that is about to be made; of a user who may log in again it is nothing.
///
/// # Errors
/// Those of the database.
pub async fn told(store: &dyn Store, change: &IdentityChange) -> ApiResult<Vec<Told>> {
    use IdentityChange::*;
    let put = |known: bool| if known { "Update" } else { "Create" };
    let one = |entity, operation, property: &'static str, id: &String| {
        vec![Told::admin(entity, operation).said(property, id)]
    };
    let both = |entity, operation, of: [(&'static str, &String); 2]| {
        let base = Told::admin(entity, operation);
        of.map(|(property, id)| base.said(property, id)).to_vec()
    };
    Ok(match change {
        PutUser(row) => {
            let known = store.user(&row.id).await.map_err(super::error::store)?;
            match known {
                Some(known) if known.unlocks != row.unlocks => Vec::new(),
                known => one("User", put(known.is_some()), "userId", &row.id),
            }
        }
        DeleteUser(id) => one("User", "Delete", "userId", id),
        PutGroup(row) => {
            let known = finds(store, &group::by_id(&row.id)).await?;
            one("Group", put(known), "groupId", &row.id)
        }
        DeleteGroup(id) => one("Group", "Delete", "groupId", id),
        PutTenant(row) => {
            let known = finds(store, &tenant::by_id(&row.id)).await?;
            one("Tenant", put(known), "tenantId", &row.id)
        }
        DeleteTenant(id) => one("Tenant", "Delete", "tenantId", id),
        PutGroupMember(m) | DeleteGroupMember(m) => {
            let operation = match change {
                PutGroupMember(_) => "Create",
                _ => "Delete",
            };
            both(
                "Group membership",
                operation,
                [("userId", &m.user), ("groupId", &m.group)],
            )
        }
        PutTenantMember(m) | DeleteTenantMember(m) => {
            let operation = match change {
                PutTenantMember(_) => "Create",
                _ => "Delete",
            };
            let member = if m.is_group { "groupId" } else { "userId" };
            both(
                "TenantMembership",
                operation,
                [(member, &m.member), ("tenantId", &m.tenant)],
            )
        }
        PutAuthorization(row) => {
            let before = first(store, &authorization::by_id(row.id), authorization::row).await?;
            let base = Told::admin("Authorization", put(before.is_some()));
            authorization_changed(&base, before.as_ref(), row)
        }
        DeleteAuthorization(id) => {
            let row = first(store, &authorization::by_id(*id), authorization::row).await?;
            let base = Told::admin("Authorization", "Delete");
            row.map_or_else(Vec::new, |row| authorization_changed(&base, None, &row))
        }
    })
}

fn authorization_changed(base: &Told, old: Option<&AuthorizationRow>, row: &AuthorizationRow) -> Vec<Told> {
    let names = |row: &AuthorizationRow| {
        let set = row.kind != AuthorizationRow::REVOKE;
        names(row.permissions, set, row.resource_type).join(", ")
    };
    let resource = |row: &AuthorizationRow| match named(row.resource_type) {
        Some(resource) => resource.name.to_owned(),
        None => row.resource_type.to_string(),
    };
    let of = |value: &dyn Fn(&AuthorizationRow) -> Option<String>| (old.and_then(value), value(row));
    let mut all = vec![
        ("permissionBits", of(&|row| text(row.permissions))),
        ("permissions", of(&|row| text(names(row)))),
        ("type", of(&|row| text(row.kind))),
        ("resource", of(&|row| text(resource(row)))),
        ("resourceId", of(&|row| option(row.resource_id.as_ref()))),
    ];
    if row.user.is_some() {
        all.push(("userId", of(&|row| row.user.clone())));
    }
    if row.group.is_some() {
        all.push(("groupId", of(&|row| row.group.clone())));
    }
    let all = all.into_iter();
    all.map(|(property, (old, new))| base.changed(property, old, new))
        .collect()
}
