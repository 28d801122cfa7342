//! First phase: what is this request? Pure; reads method, path and query only.
use http::Method;
use rest_api::{
    ApiError,
    operations::{self, Matched, NoMatch, Operation},
};

/// The REST root.
pub const ROOT: &str = "/engine-rest";

/// Whose data a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole cluster: no engine named, or `default`.
    Cluster,
    /// `/engine/NAME/…`: that shard alone (if there is one of that name).
    Shard(String),
}

/// A request for an operation.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which one.
    pub operation: &'static Operation,
    /// Over which shards.
    pub scope: Scope,
    /// Raw path from the REST root on, without engine name: what a node is asked.
    pub path: String,
    /// Raw query, without `?`.
    pub query: Option<String>,
    /// Path parameters, raw.
    pub params: Vec<(&'static str, String)>,
}

/// What a request turned out to be.
#[derive(Debug)]
pub enum Classified {
    /// An operation.
    Call(Call),
    /// `GET /engine`: the names of the engines.
    Engines,
    /// `OPTIONS` where the reference has no resource of its own: the methods allowed.
    Options(Vec<&'static str>),
}

/// Classifies a request.
///
/// # Errors
/// 404 or 405 in the reference's words; a path outside the REST root is told where the root is.
pub fn classify(method: &Method, path: &str, query: Option<&str>) -> Result<Classified, ApiError> {
    let Some(below) = path
        .strip_prefix(ROOT)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    else {
        return Err(ApiError::outside_rest_root(path));
    };
    let whole = below;
    let (scope, below) = scope(whole);
    if below.strip_suffix('/').unwrap_or(below) == "/engine" {
        // The list of engines exists once, not once for each engine.
        return match method.as_str() {
            _ if below != whole => Err(ApiError::unknown_path()),
            "GET" | "HEAD" => Ok(Classified::Engines),
            "OPTIONS" => Ok(Classified::Options(vec!["GET"])),
            _ => Err(ApiError::method_not_allowed()),
        };
    }
    let matched = match operations::find(method.as_str(), below) {
        Ok(matched) => matched,
        Err(NoMatch::UnknownPath) => return Err(ApiError::unknown_path()),
        Err(NoMatch::OtherMethods(methods)) if method == Method::OPTIONS => {
            return Ok(Classified::Options(methods));
        }
        // The reference looks at a definition's key before it looks at the method: any node tells.
        Err(NoMatch::OtherMethods(_)) => below_a_key(below).ok_or_else(ApiError::method_not_allowed)?,
    };
    Ok(Classified::Call(Call {
        operation: matched.operation,
        scope,
        path: format!("{ROOT}{below}"),
        query: query.map(str::to_owned),
        params: matched
            .params
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect(),
    }))
}

/// Splits `/engine/NAME/rest` into scope and `/rest`.
fn scope(below: &str) -> (Scope, &str) {
    let named = below
        .strip_prefix("/engine/")
        .and_then(|rest| rest.find('/').map(|slash| rest.split_at(slash)));
    match named {
        Some(("default", rest)) => (Scope::Cluster, rest),
        Some((name, rest)) if !name.is_empty() => {
            (Scope::Shard(crate::text::percent_decode(name, false)), rest)
        }
        _ => (Scope::Cluster, below),
    }
}

/// The definition that a path below its key belongs to.
fn below_a_key(path: &str) -> Option<Matched<'_>> {
    let (root, rest) = path.split_once("/key/")?;
    let key = rest.split('/').next().filter(|_| root.ends_with("-definition"))?;
    let end = root.len() + "/key/".len() + key.len();
    operations::find("GET", path.get(..end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> String {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        match classify(&method, path, None) {
            Ok(Classified::Call(call)) => format!("{} {:?} {}", call.operation.path, call.scope, call.path),
            Ok(Classified::Engines) => "engines".to_owned(),
            Ok(Classified::Options(methods)) => format!("options {}", methods.join(",")),
            Err(error) => error.status.as_u16().to_string(),
        }
    }

    #[test]
    fn requests_are_classified() {
        let cases = [
            (
                "GET",
                "/engine-rest/version",
                "/version Cluster /engine-rest/version",
            ),
            (
                "HEAD",
                "/engine-rest/version/",
                "/version Cluster /engine-rest/version/",
            ),
            (
                "GET",
                "/engine-rest/engine/default/task/x",
                "/task/{id} Cluster /engine-rest/task/x",
            ),
            (
                "GET",
                "/engine-rest/engine/east/task/x",
                "/task/{id} Shard(\"east\") /engine-rest/task/x",
            ),
            ("GET", "/engine-rest/engine", "engines"),
            ("GET", "/engine-rest/engine/", "engines"),
            ("POST", "/engine-rest/engine", "405"),
            ("GET", "/engine-rest/engine/default/engine", "404"),
            ("GET", "/engine-rest/engine/east", "404"),
            ("GET", "/engine-rest/nope", "404"),
            ("GET", "/engine-rest", "404"),
            ("GET", "/engine-rest//version", "404"),
            ("POST", "/engine-rest/version", "405"),
            ("OPTIONS", "/engine-rest/version", "options GET"),
            ("OPTIONS", "/engine-rest/user", "/user Cluster /engine-rest/user"),
            ("GET", "/internal/info", "404"),
            ("GET", "/engine-restless/version", "404"),
        ];
        for (method, path, expected) in cases {
            assert_eq!(found(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn s0_08_a_path_outside_the_rest_root_is_told_where_the_root_is() {
        let error = classify(&Method::GET, "/task", None).unwrap_err();
        assert_eq!(error.status, 404);
        assert!(error.message.contains("/engine-rest"), "{}", error.message);
    }
}
