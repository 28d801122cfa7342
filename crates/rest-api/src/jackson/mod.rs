//! Bodies of JSON, read as the reference reads them: first the text, then the type of each member, and only then does an
//! operation look at anything else.
pub mod fault;
pub mod shape;

use crate::{ApiError, ApiResult, operations::Operation};
use fault::{Fault, Found};
use http::StatusCode;
use serde_json::{Map, Value};
use shape::Shape;

/// The media type of a body is JSON.
///
/// # Errors
/// 415 if it is another, or none although there is a body; the container's 400 if it is no media type at all.
pub fn is_json(media_type: Option<&str>, body: &[u8]) -> ApiResult<()> {
    let json = match media_type {
        Some(media_type) => {
            let essence = media_type.split(';').next().unwrap_or("").trim();
            if !essence.contains('/') {
                return Err(ApiError::container(StatusCode::BAD_REQUEST));
            }
            essence.eq_ignore_ascii_case("application/json")
        }
        None => body.is_empty(),
    };
    if json {
        Ok(())
    } else {
        Err(ApiError::unsupported_media_type())
    }
}

/// Operations that look at no body, whatever is sent.
const WITHOUT_BODY: [(&str, &str); 10] = [
    ("POST", "/external-task/{id}/unlock"),
    ("PUT", "/group/{id}/members/{userId}"),
    ("POST", "/history/cleanup"),
    ("PUT", "/history/user-operation/{operationId}/clear-annotation"),
    ("POST", "/job/{id}/duedate/recalculate"),
    ("POST", "/job/{id}/execute"),
    ("POST", "/task/{id}/unclaim"),
    ("PUT", "/tenant/{id}/group-members/{groupId}"),
    ("PUT", "/tenant/{id}/user-members/{userId}"),
    ("POST", "/user/{id}/unlock"),
];

/// The body of an operation that takes JSON; `None` of any other, and where there is none. Of an operation that
/// `bodies.tsv` doesn't name any JSON is taken.
///
/// # Errors
/// As [`is_json`] and [`read`].
pub fn admit(
    operation: &Operation,
    media_type: Option<&str>,
    body: &[u8],
) -> ApiResult<Option<Map<String, Value>>> {
    if WITHOUT_BODY.contains(&(operation.method, operation.path)) {
        return Ok(None);
    }
    let json = is_json(media_type, body);
    match shape::of(operation) {
        Some(_) => json?,
        // Forms, bare contents, or a JSON that is kept as it is.
        None if media_type.is_none() || json.is_err() => return Ok(None),
        None => {}
    }
    read(Some(operation), media_type, body)
}

/// Whether an operation looks for what its path names before it reads its body.
pub fn late(operation: &Operation) -> bool {
    // What a key names is found before the body is read.
    let by_key = operation.path.contains("-definition/key/");
    shape::of(operation).is_some_and(|body| by_key || body.null.is_none())
}

/// That an operation has the body it can't do without: asked once everything else is there.
///
/// # Errors
/// 500, the reference's NullPointerException.
pub fn need(operation: &Operation, members: Option<&Map<String, Value>>) -> ApiResult<()> {
    let null = shape::of(operation).and_then(|body| body.null);
    match (members, null) {
        (None, Some((call, name))) => Err(ApiError::null_pointer(format!(
            "Cannot invoke \"{call}\" because \"{name}\" is null"
        ))),
        _ => Ok(()),
    }
}

/// The members of an operation's body; `None` where there is no body, or `null`. Nothing at all counts as `{}` where the
/// media type is given.
///
/// # Errors
/// 400: bare text for what is no JSON, an empty message for JSON of another type.
pub fn read(
    operation: Option<&Operation>,
    media_type: Option<&str>,
    body: &[u8],
) -> ApiResult<Option<Map<String, Value>>> {
    let shape = operation.and_then(shape::of).map(|body| body.shape);
    if body.is_empty() {
        return Ok(media_type.map(|_| Map::new()));
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let mismatch = |_| ApiError::invalid_request("");
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    match serde_json::from_slice(text) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::Object(mut members)) => {
            if let Some(shape) = shape {
                shape.read(&mut members).map_err(mismatch)?;
            }
            Ok(Some(members))
        }
        Ok(_) => Err(ApiError::invalid_request("")),
        Err(error) => match fault::find(text) {
            Found::More => Err(ApiError::invalid_request("")),
            Found::Fault(fault) => Err(of_fault(fault, shape, text)),
            // Deeper nested than is read, or no Unicode.
            Found::Value => Err(ApiError::json_text(error.to_string())),
        },
    }
}

/// The body is read member by member: one of another type before the fault is found first, and a fault inside of a member
/// that is looked at counts as one.
fn of_fault(fault: Fault, shape: Option<&Shape>, text: &[u8]) -> ApiError {
    let mistyped = |shape: &Shape| {
        fault.members.iter().any(|(name, place)| {
            let value = serde_json::from_slice(text.get(place.clone()).unwrap_or_default());
            value.is_ok_and(|value| shape.check(name, value).is_err())
        }) || fault.within.as_deref().is_some_and(|name| shape.has(name))
    };
    if fault.in_list || shape.is_some_and(mistyped) {
        return ApiError::invalid_request("");
    }
    ApiError::json_text(fault.message)
}
