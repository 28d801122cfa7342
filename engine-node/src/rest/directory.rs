//! Users and groups where they are a directory's: `/user`, `/group` and `/identity/groups` read it, and change nothing.
use super::call::{Call, json};
use crate::{
    auth::{
        self,
        directory::{Asked, Directory, Field, Person, Team, Trouble},
    },
    query::memory::{self, Key},
    rights::need::resource,
};
use axum::response::Response;
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    filters::{Filters, sorting},
    identity::{Group, GroupName, GroupUser, Groups, Profile},
    known,
};
use serde_json::json;

fn trouble(trouble: Trouble) -> ApiError {
    tracing::warn!(
        error = &trouble as &dyn std::error::Error,
        "the directory doesn't answer"
    );
    auth::unavailable(&auth::Trouble::Directory(trouble))
}

/// Refuses to change what is a directory's.
///
/// # Errors
/// 403 in the reference's words.
pub fn writable(call: &Call) -> ApiResult<()> {
    match call.app.auth.directory() {
        None => Ok(()),
        Some(_) => {
            let text = "Identity service implementation is read-only.";
            Err(ApiError::invalid_request(text).with_status(StatusCode::FORBIDDEN))
        }
    }
}

/// Reads the filters of that name: equal, and like a pattern.
fn fields(filters: &Filters, names: &[(&str, &str, Field)]) -> ApiResult<Vec<(Field, Asked)>> {
    let mut asked = Vec::new();
    for (equal, like, field) in names {
        if let Some(text) = filters.text(equal)? {
            asked.push((*field, Asked::Is(text)));
        }
        if !like.is_empty()
            && let Some(pattern) = filters.text(like)?
        {
            asked.push((*field, Asked::Like(pattern)));
        }
    }
    Ok(asked)
}

/// Filters that only the engine's own users and groups have.
fn refuse_others(filters: &Filters, names: &[&str]) -> ApiResult<()> {
    match names.iter().find(|name| filters.has(name)) {
        Some(name) => Err(ApiError::not_implemented(&format!("'{name}' on a directory"))),
        None => Ok(()),
    }
}

/// The users that meet the filters and may be seen.
async fn people(call: &Call, directory: &Directory, filters: &Filters) -> ApiResult<Vec<Person>> {
    let asked = fields(
        filters,
        &[
            ("id", "", Field::Id),
            ("firstName", "firstNameLike", Field::FirstName),
            ("lastName", "lastNameLike", Field::LastName),
            ("email", "emailLike", Field::Email),
        ],
    )?;
    refuse_others(filters, &["memberOfTenant", "potentialStarter"])?;
    let (ids, group) = (filters.list("idIn")?, filters.text("memberOfGroup")?);
    filters.refuse_rest(known::USER)?;
    let mut found = directory.people(&asked).await.map_err(trouble)?;
    if let Some(ids) = ids {
        found.retain(|person| ids.contains(&person.id));
    }
    if let Some(group) = group {
        let of = directory
            .teams(&[(Field::Id, Asked::Is(group))], None)
            .await
            .map_err(trouble)?;
        found.retain(|person| of.iter().any(|team| directory.is_in(person, team)));
    }
    call.keep(&mut found, resource::USER, "READ", |person| {
        (person.id.clone(), None)
    });
    Ok(found)
}

fn profile(person: Person) -> Profile {
    Profile {
        id: person.id,
        first_name: person.first_name,
        last_name: person.last_name,
        email: person.email,
    }
}

/// `GET /user`.
pub async fn users(call: &Call, directory: &Directory) -> ApiResult<Response> {
    let filters = call.filters();
    let sorts = ["userId", "firstName", "lastName", "email"];
    let sortings = sorting(&filters, &|by| sorts.contains(&by))?;
    let rows = people(call, directory, &filters).await?;
    let key = |person: &Person, by: &str| match by {
        "firstName" => Key::text(person.first_name.as_deref()),
        "lastName" => Key::text(person.last_name.as_deref()),
        "email" => Key::text(person.email.as_deref()),
        _ => Key::Text(person.id.clone()),
    };
    let rows = memory::page(rows, &sortings, call.paging()?, key, |person| person.id.clone());
    Ok(json(&rows.into_iter().map(profile).collect::<Vec<_>>()))
}

/// `GET /user/count`.
pub async fn user_count(call: &Call, directory: &Directory) -> ApiResult<Response> {
    let filters = call.filters();
    let count = people(call, directory, &filters).await?.len();
    Ok(json(&json!({ "count": count })))
}

/// One user, if he is there and may be seen.
pub async fn user(call: &Call, directory: &Directory, id: &str) -> ApiResult<Option<Profile>> {
    let found = directory.person(id).await.map_err(trouble)?;
    Ok(found.filter(|_| !call.hidden).map(profile))
}

/// Whether there is such a user.
pub async fn has_user(directory: &Directory, id: &str) -> ApiResult<bool> {
    Ok(directory.person(id).await.map_err(trouble)?.is_some())
}

/// Whether there is such a group.
pub async fn has_group(directory: &Directory, id: &str) -> ApiResult<bool> {
    let asked = [(Field::Id, Asked::Is(id.to_owned()))];
    Ok(!directory.teams(&asked, None).await.map_err(trouble)?.is_empty())
}

/// The groups that meet the filters and may be seen.
async fn teams(call: &Call, directory: &Directory, filters: &Filters) -> ApiResult<Vec<Team>> {
    let asked = fields(
        filters,
        &[
            ("id", "", Field::Id),
            ("name", "nameLike", Field::Name),
            ("type", "", Field::Kind),
        ],
    )?;
    refuse_others(filters, &["memberOfTenant"])?;
    let (ids, member) = (filters.list("idIn")?, filters.text("member")?);
    filters.refuse_rest(known::GROUP)?;
    let mut found = match member {
        None => directory.teams(&asked, None).await.map_err(trouble)?,
        Some(user) => match directory.person(&user).await.map_err(trouble)? {
            Some(person) => directory.teams(&asked, Some(&person)).await.map_err(trouble)?,
            None => Vec::new(),
        },
    };
    if let Some(ids) = ids {
        found.retain(|team| ids.contains(&team.id));
    }
    call.keep(&mut found, resource::GROUP, "READ", |team| {
        (team.id.clone(), None)
    });
    Ok(found)
}

fn group(team: Team) -> Group {
    Group {
        id: team.id,
        name: team.name,
        kind: team.kind,
    }
}

/// `/group`.
pub async fn groups(call: &Call, directory: &Directory, filters: &Filters) -> ApiResult<Response> {
    let sortings = sorting(filters, &|by| ["id", "name", "type"].contains(&by))?;
    let rows = teams(call, directory, filters).await?;
    let key = |team: &Team, by: &str| match by {
        "name" => Key::text(team.name.as_deref()),
        "type" => Key::text(team.kind.as_deref()),
        _ => Key::Text(team.id.clone()),
    };
    let rows = memory::page(rows, &sortings, call.paging()?, key, |team| team.id.clone());
    Ok(json(&rows.into_iter().map(group).collect::<Vec<_>>()))
}

/// `/group/count`.
pub async fn group_count(call: &Call, directory: &Directory, filters: &Filters) -> ApiResult<Response> {
    let count = teams(call, directory, filters).await?.len();
    Ok(json(&json!({ "count": count })))
}

/// One group, if it is there and may be seen.
pub async fn one_group(call: &Call, directory: &Directory, id: &str) -> ApiResult<Option<Group>> {
    let asked = [(Field::Id, Asked::Is(id.to_owned()))];
    let found = directory.teams(&asked, None).await.map_err(trouble)?;
    let found = found.into_iter().find(|team| team.id == id);
    Ok(found.filter(|_| !call.hidden).map(group))
}

/// `/identity/groups`: a user's groups and who else is in them.
pub async fn groups_of(call: &Call, directory: &Directory, user: &str) -> ApiResult<Response> {
    let mut of = match directory.person(user).await.map_err(trouble)? {
        Some(person) => directory.teams(&[], Some(&person)).await.map_err(trouble)?,
        None => Vec::new(),
    };
    call.keep(&mut of, resource::GROUP, "READ", |team| (team.id.clone(), None));
    of.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let mut users = match of[..] {
        [] => Vec::new(),
        _ => directory.people(&[]).await.map_err(trouble)?,
    };
    users.retain(|person| person.id != user && of.iter().any(|team| directory.is_in(person, team)));
    call.keep(&mut users, resource::USER, "READ", |person| {
        (person.id.clone(), None)
    });
    Ok(json(&Groups {
        groups: of
            .into_iter()
            .map(|team| GroupName {
                id: team.id,
                name: team.name,
            })
            .collect(),
        group_users: users.into_iter().map(profile).map(GroupUser::new).collect(),
    }))
}
