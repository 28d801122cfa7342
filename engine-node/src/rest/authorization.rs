//! `/authorization`: who may do what. They are stored on every shard, and asked for where the node is told so
//! (`crate::rights`).
use super::{
    available,
    call::{Call, json},
    error,
    identity::{change, changed, finds, first, gone, null_pointer},
    lists,
};
use crate::{
    App, auth,
    query::authorization,
    rights::{Need, need::resource},
    store::{AuthorizationRow, IdentityChange, Store},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::{Id, Slot};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    authorization::{ALL_BITS, ANY, Authorization, Checked, bits, check, names},
};
use std::sync::Arc;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/authorization", get(list).options(available_here))
        .route("/authorization/count", get(count))
        .route("/authorization/check", get(check_user))
        .route("/authorization/create", post(create))
        .route(
            "/authorization/{id}",
            get(one).put(save).delete(remove).options(available_of_one),
        )
}

/// Numbers of the resources whose permissions the reference has switched off where nothing is said: historic tasks and
/// historic process instances.
const HISTORIC: [i32; 2] = [19, 20];

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = authorization::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, authorization::row, dto).await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &authorization::listing(call.sees(&filters, &view))?).await
}

fn dto(row: AuthorizationRow) -> Authorization {
    let set = row.kind != AuthorizationRow::REVOKE;
    Authorization {
        id: row.id.to_string(),
        kind: row.kind,
        permissions: names(row.permissions, set, row.resource_type),
        user_id: row.user,
        group_id: row.group,
        resource_type: row.resource_type,
        resource_id: row.resource_id,
        removal_time: None,
        root_process_instance_id: None,
    }
}

async fn available_here(call: Call) -> Response {
    available::resource(&call, "/authorization", resource::AUTHORIZATION)
}

async fn available_of_one(call: Call) -> Response {
    let path = format!("/authorization/{}", call.param("id"));
    available::instance(&call, &path, "", resource::AUTHORIZATION)
}

fn missing(call: &Call) -> ApiError {
    let id = call.param("id");
    ApiError::not_found(format!("Authorization with id {id} does not exist."))
}

async fn stored(store: &dyn Store, id: Id) -> ApiResult<Option<AuthorizationRow>> {
    first(store, &authorization::by_id(id), authorization::row).await
}

async fn one(call: Call) -> ApiResult<Response> {
    let id = call.id("id").ok_or_else(|| missing(&call))?;
    let row = stored(call.app.engine.store(), id).await?;
    Ok(json(&dto(row.ok_or_else(|| missing(&call))?)))
}

/// Users and groups that an authorization of that kind may name.
fn check_holder(kind: i16, user: Option<&str>, group: Option<&str>) -> ApiResult<()> {
    if kind != AuthorizationRow::GLOBAL {
        return Ok(());
    }
    if group.is_some() {
        return Err(ApiError::engine(
            "ENGINE-03027 Cannot use 'groupId' for GLOBAL authorization",
        ));
    }
    match user {
        Some(other) if other != ANY => Err(ApiError::engine(format!(
            "ENGINE-03028 Illegal value '{other}' for userId for GLOBAL authorization. Must be '*'"
        ))),
        _ => Ok(()),
    }
}

/// The bits of an authorization with these permissions: what is granted, or what a revoke leaves.
fn permissions(kind: i16, names: &[String], resource_type: i32) -> ApiResult<i32> {
    let mut all = 0;
    for name in names {
        all |= bits(name, resource_type)?;
    }
    Ok(if kind == AuthorizationRow::REVOKE {
        ALL_BITS & !all
    } else {
        all
    })
}

/// What the reference checks of a whole authorization; `given`: names of permissions that are new.
fn check_whole(row: &AuthorizationRow, given: &[String]) -> ApiResult<()> {
    if row.user.is_some() == row.group.is_some() {
        return Err(ApiError::null_value(
            "Authorization must either have a 'userId' or a 'groupId'.",
        ));
    }
    given.iter().try_for_each(|name| check(name, row.resource_type))
}

async fn create(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (kind, names) = (body.int("type")?, body.list("permissions")?);
    let (user, group) = (body.text("userId")?, body.text("groupId")?);
    let (resource_type, resource_id) = (body.int("resourceType")?, body.text("resourceId")?);
    let Some(kind) = kind else {
        return Err(null_pointer(
            "Cannot invoke \"java.lang.Integer.intValue()\" because \"this.type\" is null",
        ));
    };
    let kind = match kind {
        0..=2 => kind as i16,
        other => {
            return Err(ApiError::engine(format!(
                "ENGINE-03025 Unrecognized authorization type '{other}'. Must be one of ['0', '1', '2']"
            )));
        }
    };
    check_holder(kind, user.as_deref(), group.as_deref())?;
    let resource_type = resource_type.ok_or_else(|| no_resource_type("AuthorizationCreateDto"))?;
    let Some(names) = names else {
        return Err(null_pointer(
            "Cannot read the array length because \"names\" is null",
        ));
    };
    let holder = user.as_deref().or(group.as_deref()).unwrap_or_default();
    let row = AuthorizationRow {
        id: call.app.engine.new_id(Slot::of_key(holder)),
        kind,
        permissions: permissions(kind, &names, resource_type)?,
        user,
        group,
        resource_type,
        resource_id,
    };
    check_whole(&row, &names)?;
    let answer = serde_json::to_string(&dto(row.clone()));
    let answer = answer.map_err(|error| ApiError::internal(error.to_string()))?;
    changed(&call, answer, move |store| put(store, row.clone())).await
}

/// The change that makes an authorization as it is to be, unless another one is in its place.
async fn put(store: Arc<dyn Store>, row: AuthorizationRow) -> ApiResult<Vec<IdentityChange>> {
    if finds(&*store, &authorization::same(&row)).await? {
        return Err(ApiError::persistence());
    }
    Ok(vec![IdentityChange::PutAuthorization(row)])
}

fn no_resource_type(class: &str) -> ApiError {
    null_pointer(&format!(
        "Cannot invoke \"java.lang.Integer.intValue()\" because the return value of \
         \"org.camunda.bpm.engine.rest.dto.authorization.{class}.getResourceType()\" is null"
    ))
}

async fn save(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let names = body.list("permissions")?;
    let (user, group) = (body.text("userId")?, body.text("groupId")?);
    let (resource_type, resource_id) = (body.int("resourceType")?, body.text("resourceId")?);
    let missing = missing(&call);
    let id = call.id("id").ok_or_else(|| missing.clone())?;
    change(&call, move |store| {
        let (missing, names) = (missing.clone(), names.clone());
        let (user, group, resource_id) = (user.clone(), group.clone(), resource_id.clone());
        async move {
            let known = stored(&*store, id).await?.ok_or(missing)?;
            check_holder(known.kind, user.as_deref(), group.as_deref())?;
            let permissions = match &names {
                None => known.permissions,
                Some(names) => {
                    let number = resource_type.ok_or_else(|| no_resource_type("AuthorizationDto"))?;
                    permissions(known.kind, names, number)?
                }
            };
            let row = AuthorizationRow {
                user,
                group,
                resource_id,
                permissions,
                resource_type: resource_type.unwrap_or(known.resource_type),
                ..known
            };
            check_whole(&row, names.as_deref().unwrap_or_default())?;
            put(store, row).await
        }
    })
    .await
}

async fn remove(call: Call) -> ApiResult<Response> {
    let (missing, asks) = (missing(&call), call.asks());
    let id = call.id("id").ok_or_else(|| missing.clone())?;
    change(&call, move |store| {
        let missing = missing.clone();
        async move {
            stored(&*store, id).await?.ok_or(missing)?;
            let mut changes = gone(&*store, asks, resource::AUTHORIZATION, &id.to_string()).await?;
            changes.push(IdentityChange::DeleteAuthorization(id));
            Ok(changes)
        }
    })
    .await
}

/// Whether the caller, or another user, may do something. While authorizations aren't enforced everybody may do
/// everything, and the reference says so too. Of a task, what it gives by itself isn't known here.
async fn check_user(call: Call) -> ApiResult<Response> {
    let number = match call.query_param("resourceType") {
        Some(text) => Some(text.parse::<i32>().map_err(|_| ApiError::query_param())?),
        None => None,
    };
    let missing = |name: &str| ApiError::invalid_request(format!("Query parameter '{name}' cannot be null"));
    let required = |name: &str| -> ApiResult<String> {
        let value = call.query_param(name).ok_or_else(|| missing(name))?;
        Ok(value.to_owned())
    };
    let (permission_name, resource_name) = (required("permissionName")?, required("resourceName")?);
    let number = number.ok_or_else(|| missing("resourceType"))?;
    let Some(rights) = call.caller.rights.clone() else {
        let message = "You must be authenticated in order to use this resource.";
        return Err(ApiError::invalid_request(message).with_status(StatusCode::UNAUTHORIZED));
    };
    let bits = bits(&permission_name, number)?;
    let user = call.query_param("userId").filter(|user| **user != rights.user);
    let rights = match user {
        None => rights,
        Some(user) => {
            if !rights.allows(&[Need::of(resource::AUTHORIZATION, "READ")]) {
                let message = "You must have READ permission for Authorization resource.";
                return Err(ApiError::invalid_request(message).with_status(StatusCode::FORBIDDEN));
            }
            let who = call.app.auth.named(user).await;
            let who = who.map_err(|trouble| auth::unavailable(&trouble))?;
            let other = call.app.auth.authority().of(&who).await;
            other.map_err(error::store)?
        }
    };
    if HISTORIC.contains(&number) {
        return Err(ApiError::bad_user_request(
            "BadUserRequestException",
            "ENGINE-03090 Historic instance permissions are disabled, please check your process engine configuration.",
        ));
    }
    let resource_id = call.query_param("resourceId").map(str::to_owned);
    let authorized = !rights.asks() || rights.says_of(number, bits, resource_id.as_deref());
    Ok(json(&Checked {
        permission_name,
        resource_name,
        resource_id,
        authorized,
    }))
}
