//! Last phase: the client's answer.
use crate::{fan_out::Part, headers};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use rest_api::ApiError;
use topology::ShardName;

/// The error of a body that breaks off.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;
/// An answer.
pub type Answer = Response<Body>;

/// A body that is there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Passes a node's answer on as it comes: status, headers, bytes.
pub fn relay(response: Response<Incoming>) -> Answer {
    let (mut parts, body) = response.into_parts();
    headers::to_client(&mut parts.headers);
    // The version is that of the client's connection, not of the node's.
    parts.version = http::Version::HTTP_11;
    Response::from_parts(parts, body.map_err(Into::into).boxed_unsync())
}

/// Passes on a part of a fan-out as the whole answer: an error on which all shards agree.
pub fn relay_part(part: Part) -> Answer {
    let mut answer = Response::new(full(part.body));
    *answer.status_mut() = part.status;
    *answer.headers_mut() = part.headers;
    headers::to_client(answer.headers_mut());
    answer
}

/// An error in the reference's shape.
pub fn error(error: ApiError) -> Answer {
    if error.status.is_server_error() {
        tracing::warn!(
            status = error.status.as_u16(),
            message = error.message,
            "request failed"
        );
    }
    error.into_http::<Vec<u8>>().map(full)
}

/// 200 with JSON; names the shards that it lacks.
pub fn json(bytes: impl Into<Bytes>, missing: &[ShardName]) -> Answer {
    let mut answer = Response::new(full(bytes));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    mark_missing(&mut answer, missing);
    answer
}

/// 204.
pub fn no_content() -> Answer {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// Adds the names of shards that an answer lacks.
pub fn mark_missing(answer: &mut Answer, missing: &[ShardName]) {
    if missing.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&names(missing)) {
        answer.headers_mut().insert(headers::MISSING, value);
    }
}

/// Shard names joined by commas.
pub fn names(shards: &[ShardName]) -> String {
    shards.iter().map(ShardName::as_str).collect::<Vec<_>>().join(",")
}
