//! `/group`: groups and their members.
use super::{
    available,
    call::{Call, json},
    directory,
    identity::{change, finds, first, gone, same_id, taken, valid_id},
    lists,
};
use crate::{
    App,
    query::group,
    rights::{grants::To, need::resource},
    store::{GroupMember, GroupRow, IdentityChange, Store},
};
use axum::{
    Router,
    response::Response,
    routing::{get, options, post, put},
};
use rest_api::{ApiError, ApiResult, filters::Filters, identity::Group};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/group", get(list).post(list_post).options(available_here))
        .route("/group/count", get(count).post(count_post))
        .route("/group/create", post(create))
        .route(
            "/group/{id}",
            get(one).put(save).delete(remove).options(available_of_one),
        )
        .route("/group/{id}/members", options(available_members))
        .route("/group/{id}/members/{userId}", put(add).delete(take))
}

async fn list(call: Call) -> ApiResult<Response> {
    page(&call, call.filters()).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    page(&call, call.body()?).await
}

async fn page(call: &Call, filters: Filters) -> ApiResult<Response> {
    if let Some(directory) = call.app.auth.directory() {
        return directory::groups(call, directory, &filters).await;
    }
    let view = call.catalog();
    let listing = group::listing(call.sees(&filters, &view))?;
    lists::page(call, &listing, group::row, dto).await
}

async fn count(call: Call) -> ApiResult<Response> {
    counted(&call, call.filters()).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    counted(&call, call.body()?).await
}

async fn counted(call: &Call, filters: Filters) -> ApiResult<Response> {
    if let Some(directory) = call.app.auth.directory() {
        return directory::group_count(call, directory, &filters).await;
    }
    let view = call.catalog();
    lists::count(call, &group::listing(call.sees(&filters, &view))?).await
}

fn dto(row: GroupRow) -> Group {
    Group {
        id: row.id,
        name: row.name,
        kind: row.kind,
    }
}

async fn available_here(call: Call) -> Response {
    available::resource(&call, "/group", resource::GROUP)
}

async fn available_of_one(call: Call) -> Response {
    available::instance(
        &call,
        &format!("/group/{}", call.param("id")),
        "",
        resource::GROUP,
    )
}

async fn available_members(call: Call) -> Response {
    available::members(
        &call,
        &format!("/group/{}/members", call.param("id")),
        resource::GROUP_MEMBERSHIP,
    )
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("Group with id {id} does not exist"))
}

async fn stored(store: &dyn Store, id: &str) -> ApiResult<Option<GroupRow>> {
    first(store, &group::by_id(id), group::row).await
}

/// Refuses a group that there isn't, where one is made a member of something.
pub async fn known(store: &dyn Store, id: &str) -> ApiResult<()> {
    let missing = || ApiError::null_value(format!("No group found with id '{id}'.: group is null"));
    stored(store, id).await?.map(|_| ()).ok_or_else(missing)
}

async fn one(call: Call) -> ApiResult<Response> {
    let id = call.name("id")?;
    if let Some(directory) = call.app.auth.directory() {
        let found = directory::one_group(&call, directory, &id).await?;
        return Ok(json(&found.ok_or_else(|| missing(&id))?));
    }
    let group = stored(call.app.engine.store(), &id)
        .await?
        .filter(|_| !call.hidden);
    Ok(json(&dto(group.ok_or_else(|| missing(&id))?)))
}

async fn create(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let body = call.body()?;
    let row = GroupRow {
        id: body
            .text("id")?
            .ok_or_else(|| ApiError::null_value("groupId is null"))?,
        name: body.text("name")?,
        kind: body.text("type")?,
    };
    valid_id("Group", &row.id)?;
    let own = call.grants(To::Group(&row.id), resource::GROUP, &row.id, &["READ"]);
    change(&call, move |store| {
        let (row, own) = (row.clone(), own.clone());
        async move {
            if stored(&*store, &row.id).await?.is_some() {
                return Err(taken("group"));
            }
            Ok([IdentityChange::PutGroup(row)].into_iter().chain(own).collect())
        }
    })
    .await
}

async fn save(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let (id, body) = (call.name("id")?, call.body()?);
    if call.hidden {
        return Err(missing(&id));
    }
    let named = body.text("id")?;
    let row = GroupRow {
        id,
        name: body.text("name")?,
        kind: body.text("type")?,
    };
    change(&call, move |store| {
        let (row, named) = (row.clone(), named.clone());
        async move {
            stored(&*store, &row.id).await?.ok_or_else(|| missing(&row.id))?;
            // Where that is another one, the reference changes it instead.
            let id = match &named {
                Some(other) if stored(&*store, other).await?.is_some() => other.clone(),
                _ => row.id.clone(),
            };
            same_id("Group", &id, named.as_deref())?;
            Ok(vec![IdentityChange::PutGroup(GroupRow { id, ..row })])
        }
    })
    .await
}

async fn remove(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let (id, asks) = (call.name("id")?, call.asks());
    change(&call, move |store| {
        let id = id.clone();
        async move {
            if stored(&*store, &id).await?.is_none() {
                return Ok(Vec::new());
            }
            let mut changes = gone(&*store, asks, resource::GROUP, &id).await?;
            changes.push(IdentityChange::DeleteGroup(id));
            Ok(changes)
        }
    })
    .await
}

fn member(call: &Call) -> ApiResult<GroupMember> {
    Ok(GroupMember {
        group: call.name("id")?,
        user: call.name("userId")?,
    })
}

async fn add(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let member = member(&call)?;
    change(&call, move |store| {
        let member = member.clone();
        async move {
            super::user::known(&*store, &member.user).await?;
            known(&*store, &member.group).await?;
            if finds(&*store, &group::member(&member)).await? {
                return Err(ApiError::persistence());
            }
            Ok(vec![IdentityChange::PutGroupMember(member)])
        }
    })
    .await
}

async fn take(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let member = member(&call)?;
    change(&call, move |store| {
        let member = member.clone();
        async move {
            let known = finds(&*store, &group::member(&member)).await?;
            Ok(known
                .then_some(IdentityChange::DeleteGroupMember(member))
                .into_iter()
                .collect())
        }
    })
    .await
}
