//! The reference's error answers: one body shape, one table of types and statuses, used by router and nodes.
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// An answer that is an error: status, `{"type","message","code"}`, headers. Source: semantics of Camunda 7.24.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// `type`: the reference's Java class, without package. Ours when the reference has no such error.
    pub kind: Cow<'static, str>,
    /// `message`, as clients see it.
    pub message: String,
    /// `code`: `None` when the error did not come from the engine, 0 when it did and has no special code.
    pub code: Option<i64>,
    /// Further members of the body, such as `details` of a parse error.
    pub extra: Vec<(&'static str, Value)>,
    /// Further headers, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent: JSON, bare text, or nothing.
    pub shape: Shape,
}

/// How the body of an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The JSON object.
    Json,
    /// `text/plain` with the message alone: what the reference sends for JSON of a wrong type.
    Text,
    /// No body: the reference's 401.
    Empty,
    /// The page of the reference's container, for what never reaches its REST layer.
    Page,
}

/// What a handler gives.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// Any status, type and message; `code` is null.
    pub fn new(
        status: StatusCode,
        kind: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> ApiError {
        ApiError {
            status,
            kind: kind.into(),
            message: message.into(),
            code: None,
            extra: Vec::new(),
            headers: Vec::new(),
            shape: Shape::Json,
        }
    }

    /// The same with that `code`.
    pub fn with_code(mut self, code: i64) -> ApiError {
        self.code = Some(code);
        self
    }

    /// The same with another status.
    pub fn with_status(mut self, status: StatusCode) -> ApiError {
        self.status = status;
        self
    }

    /// The same with one more member in the body.
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> ApiError {
        self.extra.push((member, value.into()));
        self
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.headers.push((name, value));
        self
    }

    /// The same with `Retry-After` in seconds.
    pub fn retry_after(self, seconds: u64) -> ApiError {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 400 InvalidRequestException: a bad parameter or body, found by the REST layer.
    pub fn invalid_request(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "InvalidRequestException", message)
    }

    /// 404 InvalidRequestException: "… with id x does not exist" of most resources.
    pub fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::invalid_request(message).with_status(StatusCode::NOT_FOUND)
    }

    /// RestException of that status with code 0: an engine error that the REST layer has wrapped.
    pub fn rest(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError::new(status, "RestException", message).with_code(0)
    }

    /// 500 for what the reference's database refuses.
    pub fn persistence() -> ApiError {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ProcessEnginePersistenceException",
            "An exception occurred in the persistence layer. Please check the server logs for a detailed message and the \
             entire exception stack trace.",
        )
        .with_code(0)
    }

    /// 500 ProcessEngineException with code 0.
    pub fn engine(message: impl Into<String>) -> ApiError {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ProcessEngineException",
            message,
        )
        .with_code(0)
    }

    /// 500 NullValueException with code 0: a required value is missing, found by the engine.
    pub fn null_value(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "NullValueException", message).with_code(0)
    }

    /// 500 NullPointerException: the reference's own slip, in its words.
    pub fn null_pointer(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "NullPointerException", message)
    }

    /// 400 of the engine's BadUserRequestException family (NotValidException, NotFoundException …), code 0.
    pub fn bad_user_request(kind: &'static str, message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, kind, message).with_code(0)
    }

    /// 404 QueryParamException: a paging parameter that is not a number.
    pub fn query_param() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "QueryParamException", "HTTP 404 Not Found")
    }

    /// 404 for a path that no operation has.
    pub fn unknown_path() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "NotFoundException", "HTTP 404 Not Found")
    }

    /// 404 for a path outside the REST root: names the root, for whoever left it out.
    pub fn outside_rest_root(path: &str) -> ApiError {
        let message =
            format!("HTTP 404 Not Found: no resource at {path}; the REST API is under /engine-rest");
        ApiError::new(StatusCode::NOT_FOUND, "NotFoundException", message)
    }

    /// 405.
    pub fn method_not_allowed() -> ApiError {
        ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "NotAllowedException",
            "HTTP 405 Method Not Allowed",
        )
    }

    /// 406.
    pub fn not_acceptable() -> ApiError {
        ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            "NotAcceptableException",
            "HTTP 406 Not Acceptable",
        )
    }

    /// 415.
    pub fn unsupported_media_type() -> ApiError {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        ApiError::new(status, "NotSupportedException", "HTTP 415 Unsupported Media Type")
    }

    /// 413: the body is larger than the limit, in bytes.
    pub fn too_large(limit: u64) -> ApiError {
        let message = format!("the request body is larger than {limit} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "InvalidRequestException", message)
    }

    /// 400 as `text/plain`: the body is JSON of a wrong type or no JSON at all.
    pub fn json_text(message: impl Into<String>) -> ApiError {
        ApiError {
            shape: Shape::Text,
            ..ApiError::invalid_request(message)
        }
    }

    /// What the reference's container (Tomcat) answers itself: an HTML page that names the status.
    pub fn container(status: StatusCode) -> ApiError {
        let reason = status.canonical_reason().unwrap_or_default();
        let title = format!("HTTP Status {} \u{2013} {reason}", status.as_u16());
        ApiError {
            shape: Shape::Page,
            ..ApiError::new(status, "", title)
        }
    }

    /// 401 with an empty body and the Basic challenge.
    pub fn unauthorized() -> ApiError {
        let challenge = HeaderValue::from_static("Basic realm=\"default\"");
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "AuthenticationException", "");
        ApiError {
            shape: Shape::Empty,
            ..error.with_header(header::WWW_AUTHENTICATE, challenge)
        }
    }

    /// 403 AuthorizationException.
    pub fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "AuthorizationException", message).with_code(0)
    }

    /// 501: an operation of the reference that is not served yet; names it.
    pub fn not_implemented(operation: &str) -> ApiError {
        let message =
            format!("{operation} is an operation of Camunda 7 that this release does not serve yet");
        ApiError::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", message)
    }

    /// 501 for an operation of the reference that lies outside of what this engine does; `what` says which and why.
    pub fn not_part(what: &str) -> ApiError {
        let message = format!("{what}, which this engine does not have");
        ApiError::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", message)
    }

    /// 503 with `Retry-After`: infrastructure trouble, never the caller's mistake.
    pub fn unavailable(message: impl Into<String>) -> ApiError {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableException",
            message,
        )
        .retry_after(1)
    }

    /// 502: the request was sent and its outcome is unknown.
    pub fn bad_gateway(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_GATEWAY, "BadGatewayException", message)
    }

    /// 500 for what should not happen; the cause belongs in the log, not in the answer.
    pub fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "RestException", message)
    }

    /// The body's bytes and media type; `None` for an empty body.
    pub fn body(&self) -> Option<(&'static str, Vec<u8>)> {
        match self.shape {
            Shape::Empty => None,
            Shape::Text => Some(("text/plain", self.message.clone().into_bytes())),
            Shape::Page => Some(("text/html;charset=utf-8", page(&self.message).into_bytes())),
            Shape::Json => {
                let mut body = Map::new();
                body.insert("type".into(), json!(self.kind));
                body.insert("message".into(), json!(self.message));
                body.insert("code".into(), json!(self.code));
                body.extend(
                    self.extra
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), value.clone())),
                );
                Some(("application/json", Value::Object(body).to_string().into_bytes()))
            }
        }
    }

    /// The whole answer with a body of the caller's type.
    pub fn into_http<B: From<Vec<u8>>>(self) -> http::Response<B> {
        let (media_type, bytes) = self.body().map_or((None, Vec::new()), |(m, b)| (Some(m), b));
        let mut response = http::Response::new(B::from(bytes));
        *response.status_mut() = self.status;
        if let Some(media_type) = media_type {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Tomcat's page, byte by byte.
fn page(title: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><title>{title}</title><style type=\"text/css\">body \
         {{font-family:Tahoma,Arial,sans-serif;}} h1, h2, h3, b {{color:white;background-color:#525D76;}} h1 \
         {{font-size:22px;}} h2 {{font-size:16px;}} h3 {{font-size:14px;}} p {{font-size:12px;}} a {{color:black;}} .line \
         {{height:1px;background-color:#525D76;border:none;}}</style></head><body><h1>{title}</h1></body></html>"
    )
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.into_http()
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.kind, self.message)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_the_reference_s() {
        let (media, body) = ApiError::unknown_path().body().unwrap();
        let expected = r#"{"type":"NotFoundException","message":"HTTP 404 Not Found","code":null}"#;
        assert_eq!(
            (media, body.as_slice()),
            ("application/json", expected.as_bytes())
        );
        let (_, body) = ApiError::engine("x")
            .with("details", json!({"a": 1}))
            .body()
            .unwrap();
        let expected = r#"{"type":"ProcessEngineException","message":"x","code":0,"details":{"a":1}}"#;
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn s0_16_401_has_a_basic_challenge_and_no_body() {
        let response: http::Response<Vec<u8>> = ApiError::unauthorized().into_http();
        assert_eq!(response.status(), 401);
        assert!(
            response.headers()[header::WWW_AUTHENTICATE]
                .to_str()
                .unwrap()
                .starts_with("Basic ")
        );
        assert!(response.body().is_empty());
    }
}
