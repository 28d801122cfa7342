//! The span of a request at this node, in the trace that its router or client began.
use axum::{extract::Request, middleware::Next, response::Response};
use rest_api::operations;
use service::trace::{Current, Kind, Parent, Tracer};

/// Only what a router sends has it (strangers' are removed): whether its requests are traced is the router's to say.
const LOG_INDEX: &str = "x-stellwerk-log-index";

/// Answers a request, in a span of its own if it is traced.
pub async fn traced(tracer: &Tracer, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let parent = headers
        .get("traceparent")
        .and_then(|value| Parent::read(value.as_bytes()));
    let by_router = headers.contains_key(LOG_INDEX);
    let traced = match parent {
        Some(_) => tracer.samples(parent),
        None => !by_router && tracer.samples(None),
    };
    if !traced {
        return next.run(request).await;
    }
    let (method, path) = (request.method().clone(), request.uri().path());
    let below = path.strip_prefix("/engine-rest");
    let found = below.and_then(|below| operations::find(method.as_str(), below).ok());
    let operation = found.map(|found| found.operation);
    let name = match &operation {
        Some(operation) => format!("{method} {}", operation.path),
        None => method.to_string(),
    };
    let mut span = tracer.begin(parent, Kind::Server, name);
    span.set("http.request.method", method.to_string());
    span.set("url.path", path.to_owned());
    if let Some(operation) = operation {
        span.set("http.route", operation.path);
        span.set("stellwerk.operation", operation.id);
    }
    let current = Current {
        tracer: tracer.clone(),
        parent: span.parent(),
    };
    let answer = current.scope(next.run(request)).await;
    let status = answer.status();
    span.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.failed(status.canonical_reason().unwrap_or_default());
    }
    answer
}
