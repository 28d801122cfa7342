//! The Camunda 7 REST API on axum, one file per resource. Handlers translate: what a request means is said by
//! `app`, what a list finds by `query`.
pub mod accept;
mod attachment;
pub mod authorization;
pub mod available;
pub mod batch;
pub mod call;
pub mod caller;
pub mod comment;
pub mod condition;
pub mod contents;
pub mod decision_definition;
pub mod decision_requirements;
pub mod definition_delete;
pub mod deployment;
mod directory;
pub mod engine;
pub mod error;
pub mod event_subscription;
pub mod execution;
pub mod execution_command;
pub mod external_task;
pub mod external_task_retries;
pub mod fetch;
pub mod filter;
pub mod form;
pub mod group;
pub mod history;
pub mod history_cleanup;
pub mod history_decision;
pub mod history_delete;
pub mod history_incident;
pub mod history_log;
pub mod history_statistics;
pub mod history_task;
pub mod history_variable;
pub mod identity;
pub mod identity_link;
mod identity_log;
pub mod incident;
pub mod instance_view;
pub mod job;
pub mod job_definition;
pub mod lists;
pub mod message;
pub mod message_trigger;
pub mod metrics;
pub mod migration;
pub mod modification;
pub mod multipart;
mod named;
pub mod once;
pub mod openapi;
mod operation_log;
pub mod parked;
pub mod process_definition;
pub mod process_instance;
pub mod redeploy;
pub mod rendered_form;
pub mod report;
pub mod restart;
pub mod schema_log;
pub mod scope_variables;
pub mod selection;
pub mod signal;
pub mod statistics;
mod stored_query;
pub mod suspension;
pub mod task;
mod task_expressions;
pub mod telemetry;
pub mod tenant;
pub mod user;
pub mod variable_instance;

use crate::App;
use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery};
use rest_api::{
    ApiError,
    accept::{HAL, offers_hal, takes},
    operations::{self, Matched, NoMatch, Operation},
};

/// The API as a router whose paths start behind the REST root (`/process-instance`, `/engine/default/task` …).
pub fn router(app: App) -> Router {
    let resources = Router::new()
        .merge(attachment::routes())
        .merge(authorization::routes())
        .merge(batch::routes())
        .merge(comment::routes())
        .merge(condition::routes())
        .merge(decision_definition::routes())
        .merge(decision_requirements::routes())
        .merge(definition_delete::routes())
        .merge(deployment::routes())
        .merge(engine::routes())
        .merge(event_subscription::routes())
        .merge(execution::routes())
        .merge(execution_command::routes())
        .merge(external_task::routes())
        .merge(external_task_retries::routes())
        .merge(fetch::routes())
        .merge(filter::routes())
        .merge(form::routes())
        .merge(group::routes())
        .merge(history::routes())
        .merge(history_cleanup::routes())
        .merge(history_decision::routes())
        .merge(history_delete::routes())
        .merge(history_incident::routes())
        .merge(history_log::routes())
        .merge(history_statistics::routes())
        .merge(history_task::routes())
        .merge(history_variable::routes())
        .merge(identity::routes())
        .merge(identity_link::routes())
        .merge(incident::routes())
        .merge(job::routes())
        .merge(job_definition::routes())
        .merge(message::routes())
        .merge(message_trigger::routes())
        .merge(metrics::routes())
        .merge(migration::routes())
        .merge(modification::routes())
        .merge(openapi::routes())
        .merge(operation_log::routes())
        .merge(process_definition::routes())
        .merge(process_instance::routes())
        .merge(redeploy::routes())
        .merge(report::routes())
        .merge(restart::routes())
        .merge(schema_log::routes())
        .merge(signal::routes())
        .merge(statistics::routes())
        .merge(task::routes())
        .merge(tenant::routes())
        .merge(user::routes())
        .merge(telemetry::routes())
        .merge(variable_instance::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_path)
        .with_state(app.clone());
    Router::new().fallback(move |request: Request| front(app.clone(), resources.clone(), request))
}

/// No route: an operation of the reference that isn't served is named with 501, the rest is as unknown as there.
async fn unknown_path(State(app): State<App>, method: Method, uri: Uri) -> ApiError {
    match operations::find(method.as_str(), uri.path()) {
        Ok(found) => not_served(&method, found.operation),
        Err(NoMatch::OtherMethods(others)) => {
            // What a key names is found before the method is looked at.
            let missing = others
                .first()
                .and_then(|other| operations::find(other, uri.path()).ok())
                .and_then(|found| unknown_key(&app, &found));
            missing.unwrap_or_else(ApiError::method_not_allowed)
        }
        Err(NoMatch::UnknownPath) => ApiError::unknown_path(),
    }
}

/// The error for a path below the key of a definition that nothing is deployed with.
fn unknown_key(app: &App, found: &Matched<'_>) -> Option<ApiError> {
    let rest = found.operation.path.strip_prefix('/')?;
    let (root, _) = rest.split_once("/key/{key}")?;
    let param = |name: &str| {
        let found = found.params.iter().find(|(known, _)| *known == name)?;
        Some(call::decoded(found.1))
    };
    let (key, tenant) = (param("key")?, param("tenant-id"));
    let view = app.engine.catalog().view();
    let (known, what) = match root {
        "process-definition" => (
            view.latest(&key, tenant.as_deref()).is_some(),
            "process definition",
        ),
        "decision-definition" => {
            let decisions = &view.decisions;
            (
                decisions.latest(&key, tenant.as_deref()).is_some(),
                "decision definition",
            )
        }
        "decision-requirements-definition" => {
            let requirements = view.decisions.latest_requirements(&key, tenant.as_deref());
            (requirements.is_some(), "decision requirements definition")
        }
        _ => return None,
    };
    let of = tenant.map_or("no tenant-id".to_owned(), |tenant| format!("tenant-id: {tenant}"));
    let message = format!("No matching {what} with key: {key} and {of}");
    (!known).then(|| ApiError::new(StatusCode::NOT_FOUND, "RestException", message))
}

/// 501 for an operation of the reference without a route. Case management and Optimize's own interface are named as what
/// they are: no release promises them.
fn not_served(method: &Method, operation: &Operation) -> ApiError {
    let what = format!("{method} {}", operation.path);
    if operation.path.contains("/case-") {
        return ApiError::not_part(&format!("{what} belongs to case management (CMMN)"));
    }
    if operation.path.starts_with("/optimize/") {
        return ApiError::not_part(&format!("{what} is the interface for Camunda Optimize"));
    }
    ApiError::not_implemented(&what)
}

/// What holds for every operation: spelling of paths, media types, caching.
async fn front(app: App, resources: Router, mut request: Request) -> Response {
    // Nesting takes one of two slashes away.
    let doubled = request
        .extensions()
        .get::<OriginalUri>()
        .is_some_and(|uri| uri.path().contains("//"));
    if refused(request.uri().path()) {
        return ApiError::container(http::StatusCode::BAD_REQUEST).into_response();
    }
    let Some(path) = canonical(request.uri().path()).filter(|_| !doubled) else {
        return ApiError::unknown_path().into_response();
    };
    let path = match engine_of(&path) {
        None => path,
        // There is one list of engines.
        Some((_, "/engine")) => return ApiError::unknown_path().into_response(),
        // The reference answers `/version` without looking at the engine.
        Some(("default", rest)) | Some((_, rest @ "/version")) => rest.to_owned(),
        Some((_, rest)) => {
            let rest = rest.to_owned();
            request.extensions_mut().insert(call::NoEngine);
            rest
        }
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !acceptable(&request, &path) {
        // What a key names is found before that is looked at.
        let found = operations::find(request.method().as_str(), &path).ok();
        let missing = found.and_then(|found| unknown_key(&app, &found));
        let refusal = missing.unwrap_or_else(ApiError::not_acceptable);
        return uncached(refusal.into_response(), reads, &path);
    }
    let uri = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.clone(),
    };
    match uri.parse::<PathAndQuery>() {
        Ok(uri) => *request.uri_mut() = Uri::from(uri),
        Err(_) => return ApiError::unknown_path().into_response(),
    }
    let response = once::answer(&app, request, resources).await;
    let mut response = match path.ends_with("/data") {
        true => response,
        false => named::shown(&app, response).await,
    };
    if response.status() == http::StatusCode::NO_CONTENT {
        *response.body_mut() = Body::empty();
    }
    uncached(response, reads, &path)
}

/// The answer, marked as not to be cached if it was read; models may be.
fn uncached(mut response: Response, reads: bool, path: &str) -> Response {
    if reads && !path.ends_with("xml") {
        let no_cache = HeaderValue::from_static("no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, no_cache);
    }
    response
}

/// Whether the reference's container refuses a path: a slash or backslash that is escaped, or an escape that is none.
fn refused(path: &str) -> bool {
    let mut escapes = path.split('%').skip(1);
    escapes.any(|after| match after.get(..2) {
        Some(digits) => {
            !digits.bytes().all(|b| b.is_ascii_hexdigit())
                || digits.eq_ignore_ascii_case("2f")
                || digits.eq_ignore_ascii_case("5c")
        }
        None => true,
    })
}

/// The path without one trailing slash and without the parameters of its segments; `None` for a doubled slash, which the
/// reference doesn't know.
fn canonical(path: &str) -> Option<String> {
    if path.contains("//") {
        return None;
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    if !path.contains(';') {
        return Some(path.to_owned());
    }
    let segments = path
        .split('/')
        .map(|segment| segment.split(';').next().unwrap_or(segment));
    Some(segments.collect::<Vec<_>>().join("/"))
}

/// Engine name and the rest of `/engine/NAME/…`.
fn engine_of(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/engine/")?;
    let slash = rest.find('/')?;
    Some(rest.split_at(slash))
}

/// Whether the client takes what the operation gives: JSON, or for contents any type or text. Where there is no such
/// operation, the answer says that instead.
fn acceptable(request: &Request, path: &str) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    let Some(accept) = accept.and_then(|accept| accept.to_str().ok()) else {
        return true;
    };
    let Ok(found) = operations::find(request.method().as_str(), path) else {
        return true;
    };
    let Some(offered) = offered(found.operation) else {
        return true;
    };
    let any = offered
        .split_once('/')
        .map_or_else(String::new, |(kind, _)| format!("{kind}/*"));
    let mut forms = vec![offered, any.as_str()];
    if offers_hal(request.method(), path) {
        forms.push(HAL);
    }
    takes(accept, &forms)
}

/// The media type that an operation of the reference says it gives; `None` if it says nothing or chooses itself.
fn offered(operation: &Operation) -> Option<&'static str> {
    let path = operation.path;
    let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    let chooses = path == "/history/process-instance/report" || path == "/task/report/candidate-group-count";
    let contents = ["/data", "/diagram", "/deployed-start-form", "/deployed-form"];
    if operation.void || chooses || ends(&contents) || path.starts_with("/openapi.") {
        return None;
    }
    if ends(&["/errorDetails", "/error-details", "/stacktrace"]) {
        return Some("text/plain");
    }
    if ends(&["/rendered-form"]) {
        return Some("application/xhtml+xml");
    }
    Some("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_taken_and_a_doubled_one_is_not() {
        assert_eq!(canonical("/version/").as_deref(), Some("/version"));
        assert_eq!(canonical("//version"), None);
        assert_eq!(canonical("/job/x;y=1/execute").as_deref(), Some("/job/x/execute"));
        for (path, expected) in [("/job/x%2Fy", true), ("/job/%zz", true), ("/job/a%3Ab", false)] {
            assert_eq!(refused(path), expected, "{path}");
        }
        assert_eq!(
            engine_of("/engine/default/version"),
            Some(("default", "/version"))
        );
        assert_eq!(engine_of("/engine"), None);
    }
}
