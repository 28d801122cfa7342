//! Whom a node believes: `X-Stellwerk-*` headers and `/internal` need the cluster's secret, or, in a cluster without
//! one, a peer on this machine.
use crate::{App, app::operations, rest::error};
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rest_api::ApiError;
use service::Secret;
use std::net::SocketAddr;

/// Prefix of every internal header.
const PREFIX: &str = "x-stellwerk-";
const SECRET: &str = "x-stellwerk-secret";
const LOG_INDEX: &str = "x-stellwerk-log-index";
/// Shards that did not apply in time what a request replicated.
const BEHIND: HeaderName = HeaderName::from_static("x-stellwerk-behind");
/// The operation that the router has drawn for a request to several shards.
const OPERATION: HeaderName = HeaderName::from_static("x-stellwerk-operation");
/// What such a request tells the user log of no tree: JSON in Base64.
const TOLD: HeaderName = HeaderName::from_static("x-stellwerk-told");

/// Whether a request comes from inside the cluster.
fn is_trusted(secret: Option<&Secret>, headers: &HeaderMap, peer: Option<SocketAddr>) -> bool {
    match secret {
        Some(secret) => headers
            .get(SECRET)
            .is_some_and(|given| secret.matches(given.as_bytes())),
        None => peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()),
    }
}

/// Removes internal headers from strangers' requests, refuses them `/internal`, and waits for the log index that the
/// router knows.
pub async fn check(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0);
    if is_trusted(app.secret.as_ref(), request.headers(), peer) {
        request.headers_mut().remove(SECRET);
    } else {
        if request.uri().path().starts_with("/internal") {
            let message = "/internal needs the cluster's secret";
            return ApiError::new(StatusCode::FORBIDDEN, "ForbiddenException", message).into_response();
        }
        strip(request.headers_mut());
    }
    let index = request
        .headers()
        .get(LOG_INDEX)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    if let Some(index) = index
        && let Err(error) = app.replication.ensure_published(index).await
    {
        return error::api(error).into_response();
    }
    let gathers = request.headers().contains_key(OPERATION);
    let request = crate::replication::noting_behind(next.run(request));
    let (mut response, behind) = match gathers {
        false => request.await,
        true => {
            let ((mut response, behind), told) = operations::gathering(request).await;
            if response.status().is_success() && !told.is_empty() {
                let told = serde_json::to_string(&told).unwrap_or_default();
                if let Ok(told) = HeaderValue::from_bytes(BASE64.encode(told).as_bytes()) {
                    response.headers_mut().insert(TOLD, told);
                }
            }
            (response, behind)
        }
    };
    let mut names: Vec<&str> = behind.iter().map(|shard| shard.as_str()).collect();
    names.dedup();
    if !names.is_empty()
        && let Ok(value) = HeaderValue::from_str(&names.join(","))
    {
        response.headers_mut().insert(BEHIND, value);
    }
    response
}

fn strip(headers: &mut HeaderMap) {
    let internal: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(PREFIX))
        .cloned()
        .collect();
    for name in internal {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_decides_and_without_one_the_peer_s_address() {
        let secret = Secret::new("s3cret");
        let with = |value: &'static str| {
            HeaderMap::from_iter([(HeaderName::from_static(SECRET), HeaderValue::from_static(value))])
        };
        let (local, far): (SocketAddr, SocketAddr) = (
            "[::ffff:127.0.0.1]:1".parse().unwrap(),
            "10.0.0.1:1".parse().unwrap(),
        );
        assert!(is_trusted(Some(&secret), &with("s3cret"), Some(far)));
        assert!(!is_trusted(Some(&secret), &with("other"), Some(local)));
        assert!(!is_trusted(Some(&secret), &HeaderMap::new(), Some(local)));
        assert!(is_trusted(None, &HeaderMap::new(), Some(local)));
        assert!(!is_trusted(None, &with("s3cret"), Some(far)));
    }

    #[test]
    fn headers_of_strangers_are_removed() {
        let mut headers = HeaderMap::new();
        for name in ["x-stellwerk-slot", "x-stellwerk-secret", "accept"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(|k| k.as_str()).collect::<Vec<_>>(), ["accept"]);
    }
}
