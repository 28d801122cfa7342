//! Users, groups, tenants and authorizations: what an entry of the log changes, and what lists of them find.
use super::fixture::*;
use crate::{
    app::CatalogView,
    query::{Listing, Where, authorization, group, tenant, user},
    store::*,
};
use rest_api::{
    ApiResult,
    filters::{Filters, Paging},
};

type List = fn(Where<'_>) -> ApiResult<Listing>;

/// The first column of what a list finds.
async fn found(f: &Fixture, list: List, query: &str) -> Vec<String> {
    let view = CatalogView::default();
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let filters = Filters::from_query(&pairs);
    let listing = list(Where::new(&filters, &view)).unwrap();
    let counted = f.store.select(&listing.count()).await.unwrap().rows[0]
        .i64(0)
        .unwrap();
    let rows = f
        .store
        .select(&listing.page(Paging::default()))
        .await
        .unwrap()
        .rows;
    assert_eq!(counted as usize, rows.len(), "{query}");
    let first = |row: &dyn Row| match row.text(0) {
        Ok(text) => text,
        Err(_) => row.id(0).unwrap().to_string(),
    };
    rows.iter().map(|row| first(&**row)).collect()
}

fn named(id: &str, last_name: Option<&str>) -> IdentityChange {
    IdentityChange::PutUser(UserRow {
        id: id.into(),
        first_name: None,
        last_name: last_name.map(str::to_owned),
        email: None,
        password_hash: String::new(),
        unlocks: 0,
    })
}

fn belongs(tenant: &str, is_group: bool, member: &str) -> TenantMember {
    TenantMember {
        tenant: tenant.into(),
        is_group,
        member: member.into(),
    }
}

pub(super) async fn s1_02_identity_changes_and_lists_are_the_same(f: Fixture) {
    use IdentityChange::*;
    let clerks = GroupMember {
        group: "clerks".into(),
        user: "anna".into(),
    };
    let grant = AuthorizationRow {
        id: id(slot(1)),
        kind: AuthorizationRow::GRANT,
        user: Some("anna".into()),
        group: None,
        resource_type: 6,
        resource_id: None,
        permissions: i32::MAX,
    };
    let changes = vec![
        named("anna", Some("Ä%")),
        named("Bert", None),
        PutGroup(GroupRow {
            id: "clerks".into(),
            name: Some("Clerks".into()),
            kind: None,
        }),
        PutTenant(TenantRow {
            id: "north".into(),
            name: None,
        }),
        PutTenant(TenantRow {
            id: "south".into(),
            name: None,
        }),
        PutGroupMember(clerks.clone()),
        PutTenantMember(belongs("north", false, "anna")),
        PutTenantMember(belongs("south", true, "clerks")),
        PutAuthorization(grant.clone()),
    ];
    assert!(!f.store.identity_holds(&changes).await.unwrap());
    let entry = [Reference::Identity(changes.clone())];
    f.store.apply_reference(1, &entry).await.unwrap();
    assert!(f.store.identity_holds(&changes).await.unwrap());
    let other = [named("anna", None)];
    assert!(!f.store.identity_holds(&other).await.unwrap());

    assert_eq!(found(&f, user::listing, "").await, ["Bert", "anna"]);
    let sorted = "sortBy=lastName&sortOrder=desc";
    assert_eq!(found(&f, user::listing, sorted).await, ["Bert", "anna"]);
    assert_eq!(found(&f, user::listing, "lastNameLike=Ä\\%").await, ["anna"]);
    assert_eq!(found(&f, user::listing, "memberOfGroup=clerks").await, ["anna"]);
    assert_eq!(found(&f, user::listing, "memberOfTenant=south").await, [""; 0]);
    assert_eq!(
        found(&f, group::listing, "member=anna&nameLike=C%").await,
        ["clerks"]
    );
    assert_eq!(
        found(&f, group::listing, "memberOfTenant=south").await,
        ["clerks"]
    );
    assert_eq!(found(&f, tenant::listing, "userMember=anna").await, ["north"]);
    let including = "userMember=anna&includingGroupsOfUser=true";
    assert_eq!(found(&f, tenant::listing, including).await, ["north", "south"]);
    let both = "userMember=anna&groupMember=clerks&includingGroupsOfUser=true";
    assert_eq!(found(&f, tenant::listing, both).await, ["south"]);
    let mine = "userIdIn=anna,Bert&type=1&resourceType=6&sortBy=resourceId&sortOrder=asc";
    assert_eq!(
        found(&f, authorization::listing, mine).await,
        [grant.id.to_string()]
    );
    let rows = f.store.select(&user::colleagues("Bert")).await.unwrap().rows;
    assert!(rows.is_empty());
    let rows = f.store.select(&group::of_user("anna")).await.unwrap().rows;
    assert_eq!(group::row(&*rows[0]).unwrap().id, "clerks");
    let rows = f
        .store
        .select(&authorization::by_id(grant.id))
        .await
        .unwrap()
        .rows;
    assert_eq!(authorization::row(&*rows[0]).unwrap(), grant);
    // Where no resource is named, nothing is in its place.
    let twin = AuthorizationRow {
        id: id(slot(1)),
        ..grant.clone()
    };
    assert!(
        f.store
            .select(&authorization::same(&twin))
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    let (one, two) = (
        AuthorizationRow {
            resource_id: Some("x".into()),
            ..grant.clone()
        },
        AuthorizationRow {
            resource_id: Some("x".into()),
            ..twin
        },
    );
    let entry = [Reference::Identity(vec![PutAuthorization(one)])];
    f.store.apply_reference(2, &entry).await.unwrap();
    assert_eq!(
        f.store
            .select(&authorization::same(&two))
            .await
            .unwrap()
            .rows
            .len(),
        1
    );

    // Who goes takes the memberships along.
    let gone = vec![DeleteUser("anna".into()), DeleteAuthorization(grant.id)];
    assert!(!f.store.identity_holds(&gone).await.unwrap());
    let entry = [Reference::Identity(gone.clone())];
    f.store.apply_reference(3, &entry).await.unwrap();
    assert!(f.store.identity_holds(&gone).await.unwrap());
    assert_eq!(found(&f, tenant::listing, "userMember=anna").await, [""; 0]);
    assert_eq!(found(&f, group::listing, "member=anna").await, [""; 0]);
    assert_eq!(found(&f, authorization::listing, "").await, [""; 0]);
    let gone = vec![DeleteGroup("clerks".into())];
    let entry = [Reference::Identity(gone)];
    f.store.apply_reference(4, &entry).await.unwrap();
    assert_eq!(found(&f, tenant::listing, "groupMember=clerks").await, [""; 0]);
    assert_eq!(found(&f, group::listing, "").await, [""; 0]);
}
