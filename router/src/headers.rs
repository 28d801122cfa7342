//! Which headers pass from client to node and back.
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, CONNECTION, HOST},
};
use rest_api::cursor;

/// Slot that the router chose.
pub const SLOT: HeaderName = HeaderName::from_static("x-stellwerk-slot");
/// The router's rules chose that slot: it holds whatever the business key is.
pub const PLACED: HeaderName = HeaderName::from_static("x-stellwerk-placed");
/// Published index of the reference log.
pub const LOG_INDEX: HeaderName = HeaderName::from_static("x-stellwerk-log-index");
/// A shard refuses only because it has nothing of what was asked for.
pub const NOTHING_HERE: HeaderName = HeaderName::from_static("x-stellwerk-nothing-here");
/// Asks a node for a filter's query instead of its tasks.
pub const QUERY: HeaderName = HeaderName::from_static("x-stellwerk-query");
/// Marks a part of a fan-out.
pub const FANOUT: HeaderName = HeaderName::from_static("x-stellwerk-fanout");
/// Id of the batch that a request makes, the same for all shards.
pub const BATCH: HeaderName = HeaderName::from_static("x-stellwerk-batch");
/// What the client's request is told from another with its idempotency key by, where shards get parts of it.
pub const DIGEST: HeaderName = HeaderName::from_static("x-stellwerk-digest");
/// The operation that a command to several shards is in the user log.
pub const OPERATION: HeaderName = HeaderName::from_static("x-stellwerk-operation");
/// What a shard tells the user log of no tree.
pub const TOLD: HeaderName = HeaderName::from_static("x-stellwerk-told");
/// The cluster's secret.
pub const SECRET: HeaderName = HeaderName::from_static("x-stellwerk-secret");
/// The slots that an answer covers.
pub const COVERAGE: HeaderName = HeaderName::from_static("x-stellwerk-coverage");
/// The order of a list that its request doesn't name: `asc` and `desc`, by commas.
pub const ORDER: HeaderName = HeaderName::from_static("x-stellwerk-order");
/// `allow`: a client that takes a partial answer.
pub const PARTIAL: HeaderName = HeaderName::from_static("x-stellwerk-partial");
/// Shards that an answer lacks.
pub const MISSING: HeaderName = HeaderName::from_static("x-stellwerk-missing");
/// Shards that had not applied in time what the request replicated.
pub const BEHIND: HeaderName = HeaderName::from_static("x-stellwerk-behind");
/// A client's key for repeating a command safely.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// A client that wants to know who answered.
pub const WHERE: HeaderName = HeaderName::from_static("x-stellwerk-where");
/// The shard that answered, for whoever asked.
pub const SHARD: HeaderName = HeaderName::from_static("x-stellwerk-shard");
/// The node that answered, for whoever asked.
pub const NODE: HeaderName = HeaderName::from_static("x-stellwerk-node");
/// Where a foreign shard has deployed something else than we.
pub const FOREIGN: HeaderName = HeaderName::from_static("x-stellwerk-foreign");
/// Ours that a client gets.
pub const FOR_CLIENTS: [HeaderName; 3] = [MISSING, BEHIND, cursor::HEADER];
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

const OURS: &str = "x-stellwerk-";

/// Headers that belong to one connection (RFC 9110, 7.6.1), and those of the h2c upgrade that some clients offer on
/// every request. `Expect` is answered by the router itself.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    let internal: Vec<HeaderName> = headers
        .keys()
        .filter(|n| n.as_str().starts_with(OURS))
        .cloned()
        .collect();
    for name in internal {
        headers.remove(name);
    }
}

/// What a node gets of a client's headers: everything but connection headers and ours, plus what the client called (`secure`: over TLS).
pub fn to_node(mut headers: HeaderMap, authority: Option<&str>, secure: bool) -> HeaderMap {
    strip(&mut headers);
    let host = headers.remove(HOST);
    headers.remove(header::CONTENT_LENGTH);
    if !headers.contains_key(&FORWARDED_HOST) {
        let host = host.or_else(|| HeaderValue::from_str(authority?).ok());
        if let Some(host) = host {
            headers.insert(FORWARDED_HOST, host);
        }
    }
    if !headers.contains_key(&FORWARDED_PROTO) {
        headers.insert(
            FORWARDED_PROTO,
            HeaderValue::from_static(if secure { "https" } else { "http" }),
        );
    }
    headers
}

/// What a client gets of a node's headers.
pub fn to_client(headers: &mut HeaderMap) {
    let kept = FOR_CLIENTS.map(|name| (headers.get(&name).cloned(), name));
    strip(headers);
    for (value, name) in kept {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offered_h2c_upgrade_and_internal_headers_do_not_reach_a_node() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Upgrade, HTTP2-Settings, x-own"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"),
            ("x-own", "1"),
            ("x-stellwerk-slot", "5"),
            ("x-stellwerk-secret", "guess"),
            ("host", "engine.example:8080"),
            ("authorization", "Basic eA=="),
            ("idempotency-key", "k"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let sent = to_node(headers, None, false);
        let mut names: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "authorization",
                "idempotency-key",
                "x-forwarded-host",
                "x-forwarded-proto"
            ]
        );
        assert_eq!(sent["x-forwarded-host"], "engine.example:8080");
    }

    #[test]
    fn an_answer_keeps_what_it_lacks_and_its_challenge() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-stellwerk-missing", "b"),
            ("x-stellwerk-behind", "c"),
            ("x-stellwerk-coverage", "1:00"),
            ("www-authenticate", "Basic realm=\"x\""),
            ("connection", "close"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        to_client(&mut headers);
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["x-stellwerk-missing"], "b");
    }
}
