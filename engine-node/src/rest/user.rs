//! `/user`: users, their profiles and passwords.
use super::{
    available,
    call::{Call, json},
    directory, error,
    identity::{change, gone, same_id, taken, valid_id},
    lists,
};
use crate::{
    App,
    auth::{self, Judged, hash_password},
    query::user,
    rights::{grants::To, need::resource},
    store::{IdentityChange, Store, UserRow},
};
use axum::{
    Router,
    response::Response,
    routing::{delete, get, post, put},
};
use rest_api::{ApiError, ApiResult, authorization::ALL, filters::Filters, identity::Profile};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/user", get(list).options(available_here))
        .route("/user/count", get(count))
        .route("/user/create", post(create))
        .route("/user/{id}", delete(remove).options(available_of_one))
        .route("/user/{id}/profile", get(profile).put(save_profile))
        .route("/user/{id}/credentials", put(save_credentials))
        .route("/user/{id}/unlock", post(unlock))
}

async fn list(call: Call) -> ApiResult<Response> {
    if let Some(directory) = call.app.auth.directory() {
        return directory::users(&call, directory).await;
    }
    let (filters, view) = (call.filters(), call.catalog());
    let listing = user::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, user::row, |row| row).await
}

async fn count(call: Call) -> ApiResult<Response> {
    if let Some(directory) = call.app.auth.directory() {
        return directory::user_count(&call, directory).await;
    }
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &user::listing(call.sees(&filters, &view))?).await
}

async fn available_here(call: Call) -> Response {
    available::resource(&call, "/user", resource::USER)
}

async fn available_of_one(call: Call) -> Response {
    available::instance(
        &call,
        &format!("/user/{}", call.param("id")),
        "/profile",
        resource::USER,
    )
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("User with id {id} does not exist"))
}

async fn stored(store: &dyn Store, id: &str) -> ApiResult<Option<UserRow>> {
    store.user(id).await.map_err(error::store)
}

/// Refuses a user that there isn't, where one is made a member of something.
pub async fn known(store: &dyn Store, id: &str) -> ApiResult<()> {
    let missing = || ApiError::null_value(format!("No user found with id '{id}'.: user is null"));
    stored(store, id).await?.map(|_| ()).ok_or_else(missing)
}

async fn profile(call: Call) -> ApiResult<Response> {
    let id = call.name("id")?;
    if let Some(directory) = call.app.auth.directory() {
        let found = directory::user(&call, directory, &id).await?;
        return Ok(json(&found.ok_or_else(|| missing(&id))?));
    }
    let user = stored(call.app.engine.store(), &id)
        .await?
        .filter(|_| !call.hidden);
    let user = user.ok_or_else(|| missing(&id))?;
    Ok(json(&Profile {
        id: user.id,
        first_name: user.first_name,
        last_name: user.last_name,
        email: user.email,
    }))
}

/// The argon2 hash of a password, made on a thread that may block; empty for none.
async fn hashed(password: Option<String>) -> ApiResult<String> {
    let Some(password) = password else {
        return Ok(String::new());
    };
    let hash = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    match hash {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(ApiError::internal(error.to_string())),
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}

/// A member that is an object itself.
fn inner(body: &Filters, name: &str) -> ApiResult<Option<Filters>> {
    Ok(body.object(name)?.cloned().map(Filters::from_body))
}

async fn create(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let body = call.body()?;
    let no_profile =
        || ApiError::invalid_request("request object must provide profile information with valid id.");
    let profile = inner(&body, "profile")?;
    let password = match inner(&body, "credentials")? {
        Some(credentials) => credentials.text("password")?,
        None => None,
    };
    let profile = profile.ok_or_else(no_profile)?;
    let mut row = UserRow {
        id: profile.text("id")?.ok_or_else(no_profile)?,
        first_name: profile.text("firstName")?,
        last_name: profile.text("lastName")?,
        email: profile.text("email")?,
        password_hash: String::new(),
        unlocks: 0,
    };
    valid_id("User", &row.id)?;
    row.password_hash = hashed(password).await?;
    let own = call.grants(To::User(&row.id), resource::USER, &row.id, &[ALL]);
    change(&call, move |store| {
        let (row, own) = (row.clone(), own.clone());
        async move {
            if stored(&*store, &row.id).await?.is_some() {
                return Err(taken("user"));
            }
            Ok([IdentityChange::PutUser(row)].into_iter().chain(own).collect())
        }
    })
    .await
}

async fn save_profile(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let (id, body) = (call.name("id")?, call.body()?);
    if call.hidden {
        return Err(missing(&id));
    }
    let named = body.text("id")?;
    let (first_name, last_name, email) = (
        body.text("firstName")?,
        body.text("lastName")?,
        body.text("email")?,
    );
    change(&call, move |store| {
        let (id, named) = (id.clone(), named.clone());
        let (first_name, last_name, email) = (first_name.clone(), last_name.clone(), email.clone());
        async move {
            let user = stored(&*store, &id).await?.ok_or_else(|| missing(&id))?;
            same_id("User", &id, named.as_deref())?;
            let user = UserRow {
                first_name,
                last_name,
                email,
                ..user
            };
            Ok(vec![IdentityChange::PutUser(user)])
        }
    })
    .await
}

async fn save_credentials(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let (id, body) = (call.name("id")?, call.body()?);
    if call.hidden {
        return Err(missing(&id));
    }
    if call.without_body() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.dto.identity.UserCredentialsDto.getPassword()\" because \"account\" is \
             null",
        ));
    }
    let password = body.text("password")?;
    let own = body.text("authenticatedUserPassword")?;
    if let Some(caller) = &call.caller.user {
        let judged = match own {
            Some(own) => {
                let judged = call.app.auth.judge(caller, own).await;
                judged.map_err(|trouble| auth::unavailable(&trouble))?
            }
            None => Judged::Wrong,
        };
        if judged != Judged::Right {
            return Err(ApiError::invalid_request(
                "The given authenticated user password is not valid.",
            ));
        }
    }
    let changed = password.is_some();
    let hash = hashed(password).await?;
    change(&call, move |store| {
        let (id, hash) = (id.clone(), hash.clone());
        async move {
            let user = stored(&*store, &id).await?.ok_or_else(|| missing(&id))?;
            let changed = changed.then_some(IdentityChange::PutUser(UserRow {
                password_hash: hash,
                ..user
            }));
            Ok(changed.into_iter().collect())
        }
    })
    .await
}

async fn unlock(call: Call) -> ApiResult<Response> {
    directory::writable(&call)?;
    let id = call.name("id")?;
    change(&call, move |store| {
        let id = id.clone();
        async move {
            let unlocked = stored(&*store, &id).await?.map(|user| {
                IdentityChange::PutUser(UserRow {
                    unlocks: user.unlocks + 1,
                    ..user
                })
            });
            Ok(unlocked.into_iter().collect())
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
            let mut changes = gone(&*store, asks, resource::USER, &id).await?;
            changes.push(IdentityChange::DeleteUser(id));
            Ok(changes)
        }
    })
    .await
}
