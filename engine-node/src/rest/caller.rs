//! Who asks: built once per request from headers and body.
use crate::{
    app::{Caller, IdempotencyKey, operations::Logging},
    listen::Secure,
    rights::Rights,
};
use bpmn_core::Slot;
use http::{HeaderMap, header, request::Parts};
use rest_api::{ApiError, ApiResult};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The user for whom a request is made, put into its extensions.
#[derive(Clone, Debug)]
pub struct User(pub String);

/// Put into the extensions of a message's request that was kept before: it isn't kept again.
#[derive(Clone, Copy, Debug)]
pub struct Parked;

/// What the authenticated user may do, put into the request's extensions by the authentication.
#[derive(Clone, Debug)]
pub struct Asking(pub Arc<Rights>);

/// Put into the extensions of what a batch sends: it tells the user log nothing.
#[derive(Clone, Debug)]
pub struct Silent;

/// Longest `Idempotency-Key`, in bytes.
const KEY_MAX: usize = 255;

/// The caller of a request. `X-Stellwerk-*` headers are believed: the node's listener removes those that don't come
/// with the cluster's secret.
///
/// # Errors
/// 400 for headers that can't be read.
pub fn caller(parts: &Parts, body: &[u8]) -> ApiResult<Caller> {
    let slot = match text(&parts.headers, "x-stellwerk-slot") {
        None => None,
        Some(number) => {
            let slot = number.parse().ok().and_then(|n: u16| Slot::new(n).ok());
            Some(slot.ok_or_else(|| ApiError::invalid_request("X-Stellwerk-Slot is not a slot"))?)
        }
    };
    let batch = text(&parts.headers, "x-stellwerk-batch").and_then(|id| id.parse().ok());
    let rights = parts.extensions.get::<Asking>().map(|asking| asking.0.clone());
    let user = parts.extensions.get::<User>().map(|user| user.0.clone());
    let operation = text(&parts.headers, "x-stellwerk-operation").and_then(|id| id.parse().ok());
    let log = Logging {
        silent: parts.extensions.get::<Silent>().is_some(),
        operation,
        gathered: operation.is_some(),
        tell: None,
    };
    Ok(Caller {
        batch,
        log,
        user: rights.as_ref().map(|rights| rights.user.clone()).or(user),
        rights,
        slot,
        placed: text(&parts.headers, "x-stellwerk-placed") == Some("1"),
        idempotency: idempotency(parts, body)?,
        parked: parts.extensions.get::<Parked>().is_some(),
        asks_query: text(&parts.headers, "x-stellwerk-query") == Some("1"),
        fanout: text(&parts.headers, "x-stellwerk-fanout") == Some("1"),
        base_url: base_url(parts),
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn idempotency(parts: &Parts, body: &[u8]) -> ApiResult<Option<IdempotencyKey>> {
    let Some(value) = parts.headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|key| !key.is_empty() && key.len() <= KEY_MAX);
    let Some(key) = key else {
        let message = format!("Idempotency-Key must be 1 to {KEY_MAX} printable ASCII characters");
        return Err(ApiError::invalid_request(message));
    };
    // What a router has divided among shards is told apart by what the client sent.
    if let Some(digest) = text(&parts.headers, "x-stellwerk-digest") {
        return Ok(Some(IdempotencyKey {
            key: key.to_owned(),
            digest: digest.to_owned(),
        }));
    }
    let mut hash = Sha256::new();
    for part in [
        parts.method.as_str(),
        parts.uri.path(),
        parts.uri.query().unwrap_or(""),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(body);
    let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        digest,
    }))
}

/// `http://HOST/engine-rest` as the client called it.
fn base_url(parts: &Parts) -> String {
    let Parts {
        headers, extensions, ..
    } = parts;
    let host = text(headers, "x-forwarded-host").or_else(|| text(headers, header::HOST.as_str()));
    let own = if extensions.get::<Secure>().is_some() {
        "https"
    } else {
        "http"
    };
    let proto = text(headers, "x-forwarded-proto").unwrap_or(own);
    format!("{proto}://{}/engine-rest", host.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_tells_requests_with_one_key_apart() {
        let of = |uri: &str, body: &[u8]| {
            let (parts, ()) = http::Request::post(uri)
                .header("idempotency-key", "k")
                .body(())
                .unwrap()
                .into_parts();
            caller(&parts, body).unwrap().idempotency.unwrap().digest
        };
        assert_eq!(of("/a?b", b"c"), of("/a?b", b"c"));
        assert_ne!(of("/a?b", b"c"), of("/a?b", b"d"));
        assert_ne!(of("/a?b", b"c"), of("/a", b"bc"));
    }

    #[test]
    fn links_name_the_host_that_the_client_called() {
        let request = http::Request::get("/")
            .header("host", "node:1")
            .header("x-forwarded-host", "front:8080");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(
            caller(&parts, b"").unwrap().base_url,
            "http://front:8080/engine-rest"
        );
    }
}
