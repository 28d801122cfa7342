//! Ids that clients have chosen, in answers: inside something else stands for them ([`Id::named`]).
use crate::{App, query::alias, store::StoreError};
use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use bpmn_core::Id;
use http::header;
use serde_json::Value;
use std::collections::BTreeMap;

/// How every such id begins.
const MARK: &str = "ffffffff-ffff-8";
/// Length of an id as text.
const LENGTH: usize = 36;
/// What routers merge by: inside it stays as it is, which orders alike on every shard.
const SORT: &str = "_sort";

/// The answer with the ids that clients know. Answers without such ids are given back as they are.
pub async fn shown(app: &App, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind != "application/json" && kind != "application/hal+json" {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Answers of that kind are made in memory.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    if !std::str::from_utf8(&bytes).is_ok_and(|text| text.contains(MARK)) {
        return Response::from_parts(parts, Body::from(bytes));
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let mut ids = Vec::new();
    each_text(&mut value, &mut |text| ids.extend(found(text).map(|(_, id)| id)));
    ids.sort();
    ids.dedup();
    match texts(app, &ids).await {
        Ok(texts) => each_text(&mut value, &mut |text| replace(text, &texts)),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "ids of clients not read"
        ),
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let bytes = serde_json::to_vec(&value).unwrap_or_default();
    Response::from_parts(parts, Body::from(bytes))
}

async fn texts(app: &App, ids: &[Id]) -> Result<BTreeMap<Id, String>, StoreError> {
    let snapshot = app.engine.store().select(&alias::texts(ids)).await?;
    snapshot.rows.iter().map(|row| alias::text_row(&**row)).collect()
}

/// Every text of a value but those that routers merge by.
fn each_text(value: &mut Value, each: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, each)),
        Value::Object(members) => {
            for (_, member) in members.iter_mut().filter(|(name, _)| *name != SORT) {
                each_text(member, each);
            }
        }
        _ => {}
    }
}

/// The ids in a text that stand for others, with their places.
fn found(text: &str) -> impl Iterator<Item = (usize, Id)> + '_ {
    let ids = text.match_indices(MARK);
    ids.filter_map(|(at, _)| {
        let id: Id = text.get(at..at + LENGTH)?.parse().ok()?;
        id.is_named().then_some((at, id))
    })
}

fn replace(text: &mut String, texts: &BTreeMap<Id, String>) {
    let places: Vec<(usize, Id)> = found(text).collect();
    for (at, id) in places.into_iter().rev() {
        if let Some(known) = texts.get(&id) {
            text.replace_range(at..at + LENGTH, known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_but_what_routers_merge_by_shows_the_client_s_id() {
        let id = Id::named("mine");
        let mut value = serde_json::json!({"id": id.to_string(), "text": format!("task {id}."), "_sort": [id.to_string()]});
        let texts = BTreeMap::from([(id, "mine".to_owned())]);
        each_text(&mut value, &mut |text| replace(text, &texts));
        let expected = serde_json::json!({"id": "mine", "text": "task mine.", "_sort": [id.to_string()]});
        assert_eq!(value, expected);
    }
}
