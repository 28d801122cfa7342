//! The parts of a `multipart/form-data` body.
use super::call::Call;
use axum::{
    body::Body,
    extract::{DefaultBodyLimit, FromRequest, Multipart},
};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use rest_api::{ApiError, ApiResult};

/// A part, whole.
pub struct Part {
    pub name: String,
    /// Empty ones are none.
    pub file_name: Option<String>,
    pub media_type: Option<String>,
    pub bytes: Bytes,
}

/// The parts in the order sent.
///
/// # Errors
/// 415 for a body of another type, 400 for one that can't be read.
pub async fn parts(call: &Call) -> ApiResult<Vec<Part>> {
    let content_type = call.content_type.as_deref().unwrap_or_default();
    let kind = content_type.trim_start().to_ascii_lowercase();
    if !kind.starts_with("multipart/form-data") {
        return Err(ApiError::unsupported_media_type());
    }
    let request = Request::builder()
        .method("POST")
        .header(header::CONTENT_TYPE, content_type);
    let mut request = request
        .body(Body::from(call.body.clone()))
        .map_err(|_| malformed("bad content type"))?;
    // The limit is on the whole body, which has been read.
    request.extensions_mut().insert(DefaultBodyLimit::disable());
    let mut fields = Multipart::from_request(request, &()).await.map_err(unreadable)?;
    let mut parts = Vec::new();
    // A body that its boundary doesn't occur in has no parts, as the reference sees it.
    let boundary = parameter_of(content_type, "boundary").unwrap_or_default();
    if !contains(&call.body, format!("--{boundary}").as_bytes()) {
        return Ok(parts);
    }
    while let Some(field) = fields.next_field().await.map_err(unreadable)? {
        parts.push(Part {
            name: field.name().unwrap_or_default().to_owned(),
            file_name: field
                .file_name()
                .map(str::to_owned)
                .filter(|name| !name.is_empty()),
            media_type: field.content_type().map(str::to_owned),
            bytes: field.bytes().await.map_err(unreadable)?,
        });
    }
    Ok(parts)
}

/// A parameter of a content type.
fn parameter_of<'t>(content_type: &'t str, name: &str) -> Option<&'t str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (given, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        given.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// 400 for a body that isn't multipart, in the reference's words.
fn unreadable(why: impl std::fmt::Display) -> ApiError {
    tracing::debug!(%why, "multipart body not read");
    let message = "multipart/form-data cannot be processed";
    ApiError::new(StatusCode::BAD_REQUEST, "RestException", message)
}

/// 400 for a part that isn't what it says.
pub fn malformed(why: impl std::fmt::Display) -> ApiError {
    let message = format!("the multipart body is malformed: {why}");
    ApiError::new(StatusCode::BAD_REQUEST, "InvalidRequestException", message)
}
