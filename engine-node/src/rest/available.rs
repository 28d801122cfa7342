//! Answers of OPTIONS: what may be done with a resource, as links.
use super::call::{Call, json};
use crate::rights::Need;
use axum::response::Response;
use rest_api::{authorization::ANY, deployment::Link};
use serde_json::json;

/// A link: method, what follows the path, relation, and the permission without which it isn't shown.
pub type Offer<'a> = (&'static str, &'a str, &'static str, Option<&'static str>);

/// Links of a resource as a whole: list, count, create.
pub fn resource(call: &Call, path: &str, resource: i32) -> Response {
    let links = [
        ("GET", "", "list", None),
        ("GET", "/count", "count", None),
        ("POST", "/create", "create", Some("CREATE")),
    ];
    answer(call, path, resource, ANY, &links)
}

/// Links of one entity, whether there is such a one or not; `own`: what follows its path where it is read and changed.
pub fn instance(call: &Call, path: &str, own: &str, resource: i32) -> Response {
    let links = [
        ("GET", own, "self", None),
        ("DELETE", "", "delete", Some("DELETE")),
        ("PUT", own, "update", Some("UPDATE")),
    ];
    answer(call, path, resource, call.param("id"), &links)
}

/// Links of the members of an entity.
pub fn members(call: &Call, path: &str, resource: i32) -> Response {
    let links = [
        ("DELETE", "", "delete", Some("DELETE")),
        ("PUT", "", "create", Some("CREATE")),
    ];
    answer(call, path, resource, call.param("id"), &links)
}

/// These links, but for those that who asks has no use for.
pub fn answer(call: &Call, path: &str, resource: i32, id: &str, links: &[Offer<'_>]) -> Response {
    let base = &call.caller.base_url;
    let may = |permission: &Option<&'static str>| {
        let rights = call.caller.rights.as_ref();
        let need = permission.map(|permission| Need::on(resource, permission, id));
        rights
            .zip(need)
            .is_none_or(|(rights, need)| rights.allows(&[need]))
    };
    let links: Vec<Link> = links
        .iter()
        .filter(|(_, _, _, permission)| may(permission))
        .map(|(method, end, rel, _)| Link {
            method,
            href: format!("{base}{path}{end}"),
            rel,
        })
        .collect();
    json(&json!({ "links": links }))
}
