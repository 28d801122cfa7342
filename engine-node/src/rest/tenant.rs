//! `/tenant`: tenants and their members.
use super::{
    available,
    call::{Call, json},
    directory, error,
    identity::{change, finds, first, gone, same_id, taken, valid_id},
    lists,
};
use crate::{
    App,
    query::{authorization, tenant},
    rights::{grants::To, need::resource},
    store::{AuthorizationRow, IdentityChange, Store, TenantMember, TenantRow},
};
use axum::{
    Router,
    response::Response,
    routing::{get, options, post, put},
};
use rest_api::{ApiError, ApiResult, identity::Tenant};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/tenant", get(list).options(available_here))
        .route("/tenant/count", get(count))
        .route("/tenant/create", post(create))
        .route(
            "/tenant/{id}",
            get(one).put(save).delete(remove).options(available_of_one),
        )
        .route("/tenant/{id}/user-members", options(available_users))
        .route("/tenant/{id}/group-members", options(available_groups))
        .route(
            "/tenant/{id}/user-members/{userId}",
            put(add_user).delete(take_user),
        )
        .route(
            "/tenant/{id}/group-members/{groupId}",
            put(add_group).delete(take_group),
        )
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = tenant::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, tenant::row, dto).await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &tenant::listing(call.sees(&filters, &view))?).await
}

fn dto(row: TenantRow) -> Tenant {
    Tenant {
        id: row.id,
        name: row.name,
    }
}

async fn available_here(call: Call) -> Response {
    available::resource(&call, "/tenant", resource::TENANT)
}

async fn available_of_one(call: Call) -> Response {
    available::instance(
        &call,
        &format!("/tenant/{}", call.param("id")),
        "",
        resource::TENANT,
    )
}

async fn available_users(call: Call) -> Response {
    let path = format!("/tenant/{}/user-members", call.param("id"));
    available::members(&call, &path, resource::TENANT_MEMBERSHIP)
}

async fn available_groups(call: Call) -> Response {
    let path = format!("/tenant/{}/group-members", call.param("id"));
    available::members(&call, &path, resource::TENANT_MEMBERSHIP)
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("Tenant with id {id} does not exist"))
}

async fn stored(store: &dyn Store, id: &str) -> ApiResult<Option<TenantRow>> {
    first(store, &tenant::by_id(id), tenant::row).await
}

async fn one(call: Call) -> ApiResult<Response> {
    let id = call.name("id")?;
    let tenant = stored(call.app.engine.store(), &id)
        .await?
        .filter(|_| !call.hidden);
    Ok(json(&dto(tenant.ok_or_else(|| missing(&id))?)))
}

async fn create(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let row = TenantRow {
        id: body
            .text("id")?
            .ok_or_else(|| ApiError::null_value("tenantId is null"))?,
        name: body.text("name")?,
    };
    valid_id("Tenant", &row.id)?;
    change(&call, move |store| {
        let row = row.clone();
        async move {
            if stored(&*store, &row.id).await?.is_some() {
                return Err(taken("tenant"));
            }
            Ok(vec![IdentityChange::PutTenant(row)])
        }
    })
    .await
}

async fn save(call: Call) -> ApiResult<Response> {
    let (id, body) = (call.name("id")?, call.body()?);
    if call.hidden {
        return Err(missing(&id));
    }
    let named = body.text("id")?;
    let row = TenantRow {
        id,
        name: body.text("name")?,
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
            same_id("Tenant", &id, named.as_deref())?;
            Ok(vec![IdentityChange::PutTenant(TenantRow { id, ..row })])
        }
    })
    .await
}

async fn remove(call: Call) -> ApiResult<Response> {
    let (id, asks) = (call.name("id")?, call.asks());
    change(&call, move |store| {
        let id = id.clone();
        async move {
            if stored(&*store, &id).await?.is_none() {
                return Ok(Vec::new());
            }
            let mut changes = gone(&*store, asks, resource::TENANT, &id).await?;
            changes.push(IdentityChange::DeleteTenant(id));
            Ok(changes)
        }
    })
    .await
}

async fn add_user(call: Call) -> ApiResult<Response> {
    add(&call, false, "userId").await
}

async fn add_group(call: Call) -> ApiResult<Response> {
    add(&call, true, "groupId").await
}

async fn take_user(call: Call) -> ApiResult<Response> {
    take(&call, false, "userId").await
}

async fn take_group(call: Call) -> ApiResult<Response> {
    take(&call, true, "groupId").await
}

fn member(call: &Call, is_group: bool, param: &str) -> ApiResult<TenantMember> {
    Ok(TenantMember {
        tenant: call.name("id")?,
        is_group,
        member: call.name(param)?,
    })
}

async fn add(call: &Call, is_group: bool, param: &str) -> ApiResult<Response> {
    let member = member(call, is_group, param)?;
    let to = match is_group {
        true => To::Group(&member.member),
        false => To::User(&member.member),
    };
    let own = call.grants(to, resource::TENANT, &member.tenant, &["READ"]);
    let of_directory = match call.app.auth.directory() {
        Some(directory) => {
            let (there, what) = match is_group {
                true => (directory::has_group(directory, &member.member).await?, "group"),
                false => (directory::has_user(directory, &member.member).await?, "user"),
            };
            if !there {
                let text = format!("No {what} found with id '{}'.: {what} is null", member.member);
                return Err(ApiError::null_value(text));
            }
            true
        }
        None => false,
    };
    change(call, move |store| {
        let (member, own) = (member.clone(), own.clone());
        async move {
            let id = &member.tenant;
            let missing = || ApiError::null_value(format!("No tenant found with id '{id}'.: tenant is null"));
            stored(&*store, id).await?.ok_or_else(missing)?;
            match is_group {
                _ if of_directory => {}
                true => super::group::known(&*store, &member.member).await?,
                false => super::user::known(&*store, &member.member).await?,
            }
            if finds(&*store, &tenant::member(&member)).await? {
                return Err(ApiError::persistence());
            }
            // One that is there from before is as good.
            let held = of_member(&*store, own.is_some(), &member).await?;
            let own = own.filter(|_| held.is_empty());
            Ok([IdentityChange::PutTenantMember(member)]
                .into_iter()
                .chain(own)
                .collect())
        }
    })
    .await
}

/// The member's own authorizations on the tenant, where they are asked for.
async fn of_member(store: &dyn Store, asks: bool, member: &TenantMember) -> ApiResult<Vec<AuthorizationRow>> {
    if !asks {
        return Ok(Vec::new());
    }
    let query = authorization::of_thing(resource::TENANT, &member.tenant);
    let found = store.select(&query).await.map_err(error::store)?;
    let rows = found.rows.iter().map(|row| authorization::row(&**row));
    let mut rows: Vec<AuthorizationRow> = rows.collect::<Result<_, _>>().map_err(error::store)?;
    rows.retain(|row| {
        let holder = if member.is_group { &row.group } else { &row.user };
        holder.as_ref() == Some(&member.member)
    });
    Ok(rows)
}

async fn take(call: &Call, is_group: bool, param: &str) -> ApiResult<Response> {
    let (member, asks) = (member(call, is_group, param)?, call.asks());
    change(call, move |store| {
        let member = member.clone();
        async move {
            if !finds(&*store, &tenant::member(&member)).await? {
                return Ok(Vec::new());
            }
            let held = of_member(&*store, asks, &member).await?;
            let held = held.iter().map(|row| IdentityChange::DeleteAuthorization(row.id));
            Ok(held.chain([IdentityChange::DeleteTenantMember(member)]).collect())
        }
    })
    .await
}
