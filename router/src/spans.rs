//! The span of a request in its trace: named by its operation, never by ids or keys.
use crate::classify::Call;
use http::{StatusCode, request};
use service::trace::{Active, Kind, Parent, Tracer};

/// Whether a request is traced, where that was asked before: goes with it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct Traced(pub bool);

/// The span.
#[derive(Debug)]
pub struct RequestSpan(Active);

impl RequestSpan {
    /// Begins it.
    pub fn begin(tracer: &Tracer, parent: Option<Parent>, parts: &request::Parts) -> RequestSpan {
        let method = parts.method.to_string();
        let mut span = tracer.begin(parent, Kind::Server, method.clone());
        span.set("http.request.method", method);
        span.set("url.path", parts.uri.path().to_owned());
        RequestSpan(span)
    }

    /// What it turned out to ask.
    pub fn is(&mut self, call: &Call) {
        let operation = call.operation;
        self.0.rename(format!("{} {}", operation.method, operation.path));
        self.0.set("http.route", operation.path);
        self.0.set("stellwerk.operation", operation.id);
        self.0.set("stellwerk.class", operation.class.name());
    }

    /// The header by which nodes know it.
    pub fn traceparent(&self) -> String {
        self.0.parent().write()
    }

    /// Ends it.
    pub fn answered(mut self, status: StatusCode) {
        self.0
            .set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            self.0.failed(status.canonical_reason().unwrap_or_default());
        }
    }
}
