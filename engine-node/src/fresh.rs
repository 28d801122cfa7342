//! Before a definition or deployment is said not to exist, the head of the reference log is read: it may have been
//! deployed through another node a moment ago.
use crate::App;
use axum::response::{IntoResponse, Response};
use http::Uri;

/// What a path names.
#[derive(Debug, PartialEq)]
enum Named {
    Definition(String),
    Key { key: String, tenant: Option<String> },
    Deployment(String),
}

/// Reads the head first if the path names something that this node doesn't know.
///
/// # Errors
/// The answer if the log can't be read.
pub async fn look(app: &App, uri: &Uri) -> Result<(), Response> {
    if let Some(named) = named(uri.path()) {
        let view = app.engine.catalog().view();
        let known = match &named {
            Named::Definition(id) => view.by_rest_id(id).is_some_and(|d| d.published),
            Named::Key { key, tenant } => view.latest(key, tenant.as_deref()).is_some(),
            Named::Deployment(id) => id.parse().is_ok_and(|id| view.deployments.contains_key(&id)),
        };
        if !known && let Err(error) = app.replication.ensure_applied().await {
            return Err(crate::rest::error::api(error).into_response());
        }
    }
    Ok(())
}

/// The definition or deployment in a path of the REST API.
fn named(path: &str) -> Option<Named> {
    let mut parts = path.strip_prefix("/engine-rest/")?.split('/');
    let mut first = parts.next()?;
    if first == "engine" {
        parts.next()?;
        first = parts.next()?;
    }
    let name = parts
        .next()
        .filter(|name| !matches!(*name, "" | "count" | "create" | "statistics" | "suspended"))?;
    match first {
        "deployment" => Some(Named::Deployment(decoded(name)?)),
        "process-definition" if name == "key" => {
            let key = decoded(parts.next()?)?;
            let tenant = match parts.next() {
                Some("tenant-id") => Some(decoded(parts.next()?)?),
                _ => None,
            };
            Some(Named::Key { key, tenant })
        }
        "process-definition" => Some(Named::Definition(decoded(name)?)),
        _ => None,
    }
}

/// A path segment without escapes; `None` if it isn't UTF-8.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || (rest.next()? as char).to_digit(16);
        bytes.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_definitions_by_id_or_key_and_deployments() {
        let key = |key: &str, tenant: Option<&str>| Named::Key {
            key: key.into(),
            tenant: tenant.map(str::to_owned),
        };
        for (path, expected) in [
            (
                "/engine-rest/process-definition/a:1:x/start",
                Some(Named::Definition("a:1:x".into())),
            ),
            (
                "/engine-rest/process-definition/a%3A1%3Ax",
                Some(Named::Definition("a:1:x".into())),
            ),
            (
                "/engine-rest/engine/default/process-definition/key/a/start",
                Some(key("a", None)),
            ),
            (
                "/engine-rest/process-definition/key/a/tenant-id/t/start",
                Some(key("a", Some("t"))),
            ),
            (
                "/engine-rest/deployment/x/resources",
                Some(Named::Deployment("x".into())),
            ),
            ("/engine-rest/deployment/create", None),
            ("/engine-rest/process-definition/count", None),
            ("/engine-rest/process-instance/x", None),
            ("/internal/info", None),
        ] {
            assert_eq!(named(path), expected, "{path}");
        }
    }
}
