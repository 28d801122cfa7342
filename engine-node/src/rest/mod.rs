//! The Camunda 7 REST API on axum, one file per resource. Handlers translate: what a request means is said by
//! `app`, what a list finds by `query`.
pub mod attachment;
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
pub mod openapi;
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
    extract::{OriginalUri, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, Uri, header, uri::PathAndQuery};
use rest_api::{
    ApiError,
    operations::{self, NoMatch, Operation},
};
use tower::ServiceExt;

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
        .with_state(app);
    Router::new().fallback(move |request: Request| front(resources.clone(), request))
}

/// No route: an operation of the reference that isn't served is named with 501, the rest is as unknown as there.
async fn unknown_path(method: Method, uri: Uri) -> ApiError {
    match operations::find(method.as_str(), uri.path()) {
        Ok(found) => not_served(&method, found.operation),
        Err(NoMatch::OtherMethods(_)) => ApiError::method_not_allowed(),
        Err(NoMatch::UnknownPath) => ApiError::unknown_path(),
    }
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
async fn front(resources: Router, mut request: Request) -> Response {
    // Nesting takes one of two slashes away.
    let doubled = request
        .extensions()
        .get::<OriginalUri>()
        .is_some_and(|uri| uri.path().contains("//"));
    let Some(path) = canonical(request.uri().path()).filter(|_| !doubled) else {
        return ApiError::unknown_path().into_response();
    };
    let path = match engine_of(&path) {
        None => path,
        Some(("default", rest)) => rest.to_owned(),
        // The reference answers this one without looking at the engine.
        Some((_, "/version")) => "/version".to_owned(),
        Some(_) => return ApiError::invalid_request("No process engine available").into_response(),
    };
    if !acceptable(&request, &path) {
        return ApiError::not_acceptable().into_response();
    }
    let uri = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.clone(),
    };
    match uri.parse::<PathAndQuery>() {
        Ok(uri) => *request.uri_mut() = Uri::from(uri),
        Err(_) => return ApiError::unknown_path().into_response(),
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = resources
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    if reads && !path.ends_with("xml") {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    if response.status() == http::StatusCode::NO_CONTENT {
        *response.body_mut() = Body::empty();
    }
    response
}

/// The path without one trailing slash; `None` for a doubled slash, which the reference doesn't know.
fn canonical(path: &str) -> Option<String> {
    if path.contains("//") {
        return None;
    }
    Some(path.strip_suffix('/').unwrap_or(path).to_owned())
}

/// Engine name and the rest of `/engine/NAME/…`.
fn engine_of(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/engine/")?;
    let slash = rest.find('/')?;
    Some(rest.split_at(slash))
}

/// Whether the client takes what the operation gives: JSON, or for contents any type or text.
fn acceptable(request: &Request, path: &str) -> bool {
    let Some(accept) = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
    else {
        return true;
    };
    // Reports choose among their own forms.
    let report = path == "/history/process-instance/report" || path == "/task/report/candidate-group-count";
    if path.ends_with("/data") || report || path.starts_with("/openapi.") {
        return true;
    }
    let offered = if path.ends_with("/errorDetails") || path.ends_with("/stacktrace") {
        ["text/plain", "text/*"]
    } else {
        ["application/json", "application/*"]
    };
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("").to_ascii_lowercase();
        let refused = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse::<f32>() == Ok(0.0)));
        !refused && (media_type == "*/*" || media_type.is_empty() || offered.contains(&media_type.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_taken_and_a_doubled_one_is_not() {
        assert_eq!(canonical("/version/").as_deref(), Some("/version"));
        assert_eq!(canonical("//version"), None);
        assert_eq!(
            engine_of("/engine/default/version"),
            Some(("default", "/version"))
        );
        assert_eq!(engine_of("/engine"), None);
    }
}
