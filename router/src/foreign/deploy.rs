//! A deployment goes to our own shards first, then as it came to each foreign one. Ids are each side's own; keys and versions
//! are to be equal, because starts by our definition's id go to the definition of the same key and version there. Where
//! they aren't, the answer says so in a header, and such starts stay with us.
use super::ask;
use crate::{
    admit::Admitted,
    fan_out::Stop,
    forward::to_any,
    headers,
    respond::{self, Answer},
    state::App,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use rest_api::ApiError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Kinds of what is deployed.
const KINDS: [&str; 2] = ["deployedProcessDefinitions", "deployedDecisionDefinitions"];

/// Answers `POST /deployment/create`.
///
/// # Errors
/// 500 naming who has it and who refused it, and why.
pub async fn create(app: &App, request: &Admitted) -> Result<Answer, Stop> {
    let own = to_any(app, None, request).await?;
    if !own.status().is_success() {
        return Ok(respond::relay(own));
    }
    let (mut parts, body) = own.into_parts();
    let lost = |e| ApiError::bad_gateway(format!("it is deployed, the answer was lost: {e}"));
    let body = body.collect().await.map_err(lost)?.to_bytes();
    let ours = versions(&body);
    let mut done = vec!["own".to_owned()];
    let mut differences = Vec::new();
    for shard in &app.foreign.shards {
        let why = match ask(app, shard, &request.out, false).await {
            Ok(whole) if whole.status.is_success() => {
                differences.extend(compare(shard.name.as_str(), &ours, &versions(&whole.body)));
                done.push(shard.name.to_string());
                continue;
            }
            Ok(whole) => {
                let text: Map<String, Value> = serde_json::from_slice(&whole.body).unwrap_or_default();
                let message = text.get("message").and_then(Value::as_str).unwrap_or_default();
                format!("it answered {}: {message}", whole.status.as_u16())
            }
            Err(error) => error.message,
        };
        let message = format!(
            "deployed on {}, not on foreign shard {}: {why}",
            done.join(","),
            shard.name
        );
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "PartialFailureException",
            message,
        )
        .with("done", done)
        .with("notDone", vec![shard.name.to_string()])
        .into());
    }
    headers::to_client(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    if !differences.is_empty() {
        let text = differences.join("; ");
        tracing::warn!(text, "foreign shards deployed something else");
        if let Ok(text) = HeaderValue::from_str(&text) {
            parts.headers.insert(headers::FOREIGN, text);
        }
    }
    Ok(Response::from_parts(parts, respond::full(body)))
}

/// Key and version of what an answer says was deployed; empty where a filter found nothing new.
fn versions(body: &[u8]) -> BTreeMap<String, i64> {
    let answer: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let of_kind = |kind: &&str| answer.get(*kind).and_then(Value::as_object);
    let definitions = KINDS.iter().filter_map(of_kind).flat_map(|kind| kind.values());
    definitions
        .filter_map(|one| Some((one["key"].as_str()?.to_owned(), one["version"].as_i64()?)))
        .collect()
}

/// What a foreign shard has deployed otherwise than we.
fn compare(shard: &str, ours: &BTreeMap<String, i64>, theirs: &BTreeMap<String, i64>) -> Vec<String> {
    let named = |version: Option<&i64>| version.map_or("nothing new".to_owned(), |v| format!("version {v}"));
    let keys: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    keys.into_iter()
        .filter(|key| ours.get(*key) != theirs.get(*key))
        .map(|key| {
            format!(
                "{shard}: {key} is {} there, {} here",
                named(theirs.get(key)),
                named(ours.get(key))
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let answer = |version: u32| {
            format!(
                r#"{{"deployedProcessDefinitions":{{"x":{{"key":"a","version":{version}}}}},"deployedDecisionDefinitions":null}}"#
            )
        };
        let (one, seven) = (versions(answer(1).as_bytes()), versions(answer(7).as_bytes()));
        assert_eq!(compare("old", &one, &one), [""; 0]);
        assert_eq!(
            compare("old", &one, &seven),
            ["old: a is version 7 there, version 1 here"]
        );
        assert_eq!(
            compare("old", &one, &BTreeMap::new()),
            ["old: a is nothing new there, version 1 here"]
        );
    }
}
