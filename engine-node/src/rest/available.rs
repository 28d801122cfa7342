//! Answers of OPTIONS: what may be done with a resource, as links.
use super::call::{Call, json};
use axum::response::Response;
use rest_api::deployment::Link;
use serde_json::json;

/// Links of a resource as a whole: list, count, create.
pub fn resource(call: &Call, path: &str) -> Response {
    let links = [
        ("GET", "", "list"),
        ("GET", "/count", "count"),
        ("POST", "/create", "create"),
    ];
    answer(call, path, &links)
}

/// Links of one entity, whether there is such a one or not; `own`: what follows its path where it is read and changed.
pub fn instance(call: &Call, path: &str, own: &str) -> Response {
    answer(
        call,
        path,
        &[
            ("GET", own, "self"),
            ("DELETE", "", "delete"),
            ("PUT", own, "update"),
        ],
    )
}

/// Links of the members of an entity.
pub fn members(call: &Call, path: &str) -> Response {
    answer(call, path, &[("DELETE", "", "delete"), ("PUT", "", "create")])
}

/// These links: method, what follows the path, relation.
pub fn answer(call: &Call, path: &str, links: &[(&'static str, &str, &'static str)]) -> Response {
    let base = &call.caller.base_url;
    let links: Vec<Link> = links
        .iter()
        .map(|(method, end, rel)| Link {
            method,
            href: format!("{base}{path}{end}"),
            rel,
        })
        .collect();
    json(&json!({ "links": links }))
}
