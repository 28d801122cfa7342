//! `/identity`, and what users, groups, tenants and authorizations share.
use super::{
    call::{Call, json, no_content, typed},
    directory, error, identity_log,
};
use crate::{
    App,
    auth::{self, Judged},
    query::{group, user},
    rights::{grants, need::resource},
    store::{IdentityChange, Row, Store, StoreError, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    identity::{GroupName, GroupUser, Groups, Verified, is_resource_id},
};
use sea_query::SelectStatement;
use std::sync::{Arc, Mutex};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/identity/groups", get(groups))
        .route("/identity/verify", post(verify))
        .route("/identity/password-policy", get(no_policy).post(no_policy))
}

/// Changes on every shard what `decide` gives for the newest state; 204.
///
/// # Errors
/// What `decide` refuses with; 503 when the reference log can't be reached.
pub async fn change<F>(
    call: &Call,
    decide: impl Fn(Arc<dyn Store>) -> F + Send + Sync + 'static,
) -> ApiResult<Response>
where
    F: Future<Output = ApiResult<Vec<IdentityChange>>> + Send + 'static,
{
    changed(call, String::new(), decide).await
}

/// The same, answered with that JSON; 204 if it is empty. A repeated request gets what the first one was answered.
///
/// # Errors
/// As [`change`].
pub async fn changed<F>(
    call: &Call,
    answer: String,
    decide: impl Fn(Arc<dyn Store>) -> F + Send + Sync + 'static,
) -> ApiResult<Response>
where
    F: Future<Output = ApiResult<Vec<IdentityChange>>> + Send + 'static,
{
    let replication = &call.app.replication;
    let answer = match call.logs() {
        false => replication.change_identity(&call.caller, answer, decide).await?,
        true => {
            let told: Arc<Mutex<Vec<Told>>> = Arc::default();
            let noted = told.clone();
            let decide = Arc::new(decide);
            let logged = move |store: Arc<dyn Store>| {
                let (decide, noted) = (decide.clone(), noted.clone());
                async move {
                    let changes = decide(store.clone()).await?;
                    let mut told = Vec::new();
                    // Rights that come and go with something else aren't told.
                    let only_rights = changes.iter().all(is_right);
                    for change in changes.iter().filter(|change| only_rights || !is_right(change)) {
                        told.extend(identity_log::told(&*store, change).await?);
                    }
                    *noted.lock().unwrap_or_else(|e| e.into_inner()) = told;
                    Ok::<_, ApiError>(changes)
                }
            };
            let answer = replication.change_identity(&call.caller, answer, logged).await?;
            let told = std::mem::take(&mut *told.lock().unwrap_or_else(|e| e.into_inner()));
            call.log(|| told).await?;
            answer
        }
    };
    Ok(match answer.is_empty() {
        true => no_content(),
        false => typed("application/json", answer.into_bytes()),
    })
}

fn is_right(change: &IdentityChange) -> bool {
    use IdentityChange::{DeleteAuthorization, PutAuthorization};
    matches!(change, PutAuthorization(_) | DeleteAuthorization(_))
}

/// The changes that take away the authorizations of a thing that goes, where they are asked for.
pub async fn gone(store: &dyn Store, asks: bool, resource: i32, id: &str) -> ApiResult<Vec<IdentityChange>> {
    match asks {
        true => grants::gone(store, resource, id).await.map_err(error::store),
        false => Ok(Vec::new()),
    }
}

/// The first row that a query finds.
pub async fn first<R>(
    store: &dyn Store,
    query: &SelectStatement,
    read: impl Fn(&dyn Row) -> Result<R, StoreError>,
) -> ApiResult<Option<R>> {
    let rows = store.select(query).await.map_err(error::store)?.rows;
    rows.first()
        .map(|row| read(&**row))
        .transpose()
        .map_err(error::store)
}

/// Whether a query finds a row.
pub async fn finds(store: &dyn Store, query: &SelectStatement) -> ApiResult<bool> {
    Ok(first(store, query, |_| Ok(())).await?.is_some())
}

/// Refuses an id that the reference refuses; `what` begins its message.
pub fn valid_id(what: &str, id: &str) -> ApiResult<()> {
    if is_resource_id(id) {
        return Ok(());
    }
    Err(ApiError::engine(format!(
        "{what} has an invalid id: '{id}' is not a valid resource identifier."
    )))
}

/// 400 for an id that is given to something already.
pub fn taken(what: &str) -> ApiError {
    ApiError::bad_user_request("BadUserRequestException", format!("The {what} already exists"))
}

/// Refuses an update whose body names no id or another one than the path, as the reference does by accident.
pub fn same_id(what: &str, id: &str, named: Option<&str>) -> ApiResult<()> {
    let Some(named) = named else {
        return Err(null_pointer(
            "Cannot invoke \"java.lang.CharSequence.length()\" because \"this.text\" is null",
        ));
    };
    valid_id(what, named)?;
    if named == id {
        return Ok(());
    }
    let message = format!(
        "ENGINE-03005 Execution of 'UPDATE {what}Entity[{named}]' failed. Entity was updated by another transaction \
         concurrently."
    );
    Err(ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "OptimisticLockingException",
        message,
    )
    .with_code(1))
}

/// 500 for a value that the reference's code stumbles over.
pub fn null_pointer(message: &str) -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "NullPointerException",
        message.to_owned(),
    )
}

async fn groups(call: Call) -> ApiResult<Response> {
    let Some(id) = call.filters().text("userId")? else {
        return Err(ApiError::invalid_request("No user id was supplied"));
    };
    if let Some(directory) = call.app.auth.directory() {
        return directory::groups_of(&call, directory, &id).await;
    }
    let rows = call.select(&group::of_user(&id)).await?.rows;
    let groups: Result<Vec<_>, _> = rows.iter().map(|row| group::row(&**row)).collect();
    let mut groups = groups.map_err(error::store)?;
    call.keep(&mut groups, resource::GROUP, "READ", |group| {
        (group.id.clone(), None)
    });
    let groups = groups.into_iter().map(|group| GroupName {
        id: group.id,
        name: group.name,
    });
    let rows = call.select(&user::colleagues(&id)).await?.rows;
    let users: Result<Vec<_>, _> = rows.iter().map(|row| user::row(&**row)).collect();
    let mut users = users.map_err(error::store)?;
    call.keep(&mut users, resource::USER, "READ", |user| (user.id.clone(), None));
    Ok(json(&Groups {
        groups: groups.collect(),
        group_users: users.into_iter().map(GroupUser::new).collect(),
    }))
}

async fn verify(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (Some(username), Some(password)) = (body.text("username")?, body.text("password")?) else {
        return Err(ApiError::invalid_request("Username and password are required"));
    };
    let judged = call
        .app
        .auth
        .judge(&username, password)
        .await
        .map_err(|trouble| auth::unavailable(&trouble))?;
    Ok(json(&Verified {
        authenticated_user: username,
        groups: None,
        tenants: None,
        authenticated: judged == Judged::Right,
    }))
}

/// There is no password policy. The reference lets its container say so, in HTML.
async fn no_policy() -> ApiError {
    ApiError::container(StatusCode::NOT_FOUND)
}
