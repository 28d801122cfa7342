//! Commands on entities of several shards: run on each once, all must succeed, and the answer says who did. Nothing is
//! sent twice. A shard that can't be reached beforehand stops the command before any shard has acted.
use super::{
    Part, Question, Stop, ask_each, asked,
    once::{self, Keyed},
    told,
};
use crate::{
    admit::Admitted,
    forward::{NoAnswer, is_trouble},
    headers,
    locate::slot_of_id,
    respond::{self, Answer},
    scan,
    snapshot::{Shard, Snapshot},
    state::App,
    upstream::Outgoing,
};
use http::StatusCode;
use rest_api::{ApiError, operations::Merge};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tokio::time::Instant;
use topology::ShardName;

/// Answers a command for several shards.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    answer_once(app, request, only, None).await
}

/// As [`answer`], once for its key.
///
/// # Errors
/// As there.
pub async fn answer_once(
    app: &App,
    request: &Admitted,
    only: Option<ShardName>,
    keyed: Option<&Keyed<'_>>,
) -> Result<Answer, Stop> {
    let snapshot = app.snapshot();
    let question = Question {
        request,
        out: request.out.clone(),
        only,
        reads: false,
    };
    let shards = asked(app, &snapshot, &question)?;
    let mut each = match request.call.operation.merge {
        Merge::ScatterIds => scatter(&snapshot, shards, request)?,
        _ => shards
            .into_iter()
            .map(|shard| (shard, request.out.clone()))
            .collect(),
    };
    all_reachable(each.iter().map(|(shard, _)| shard))?;
    if let Some(keyed) = keyed {
        once::parts(keyed, &snapshot, &mut each).await?;
    }
    let operation = told::draw(&mut each);
    let deadline = Instant::now() + app.live().options.fanout_deadline;
    let results = ask_each(app, each, snapshot.published, false, deadline).await;
    told::write(app, operation, &request.out, results.iter().flatten()).await?;
    Ok(conclude(results))
}

/// Refuses before anything has run.
///
/// # Errors
/// 503 naming the shards that have no node that answers.
pub fn all_reachable<'s>(shards: impl Iterator<Item = &'s Shard>) -> Result<(), ApiError> {
    let down: Vec<ShardName> = shards
        .filter(|shard| !shard.is_up())
        .map(|shard| shard.name.clone())
        .collect();
    if down.is_empty() {
        Ok(())
    } else {
        Err(super::missing(&down, "no node answers; nothing was done"))
    }
}

/// Pure: the shards' answers as one. All succeeded: the first one's. None did anything: its refusal. Some did: 500
/// (503 if the others couldn't be reached) naming both.
pub fn conclude(results: Vec<Result<Part, NoAnswer>>) -> Answer {
    let mut done: Vec<Part> = Vec::new();
    let mut refused: Vec<Part> = Vec::new();
    let mut failed: Vec<NoAnswer> = Vec::new();
    for result in results {
        match result {
            Ok(part) if part.status.is_success() => done.push(part),
            Ok(part) => refused.push(part),
            Err(error) => failed.push(error),
        }
    }
    // A shard that has nothing of what was asked for refuses only if all do.
    let has_some = |part: &Part| !part.headers.contains_key(headers::NOTHING_HERE);
    if !done.is_empty() || refused.iter().any(has_some) {
        refused.retain(has_some);
    }
    if refused.is_empty() && failed.is_empty() {
        return done
            .into_iter()
            .next()
            .map_or_else(respond::no_content, respond::relay_part);
    }
    let uncertain = failed.iter().any(|error| error.may_have_run);
    if done.is_empty() && !uncertain {
        // Nobody did anything: an ordinary refusal, if there is one.
        return match (refused.into_iter().next(), failed.into_iter().next()) {
            (Some(part), _) => respond::relay_part(part),
            (None, Some(error)) => respond::error(error.into()),
            (None, None) => respond::no_content(),
        };
    }
    let names = |list: Vec<String>| {
        if list.is_empty() {
            "none".to_owned()
        } else {
            list.join(",")
        }
    };
    let done: Vec<String> = done.into_iter().map(|part| part.shard.to_string()).collect();
    let mut not_done: Vec<String> = refused.iter().map(|part| part.shard.to_string()).collect();
    not_done.extend(
        failed
            .iter()
            .filter(|e| !e.may_have_run)
            .map(|e| e.shard.to_string()),
    );
    let unknown: Vec<String> = failed
        .iter()
        .filter(|e| e.may_have_run)
        .map(|e| e.shard.to_string())
        .collect();
    let infrastructure = refused.iter().all(|part| is_trouble(part.status));
    let status = if infrastructure {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let cause = refused
        .first()
        .map(message_of)
        .or_else(|| failed.first().map(|error| error.why.clone()));
    let message = format!(
        "done by shards {}, not done by {}, unknown of {}: {}",
        names(done.clone()),
        names(not_done.clone()),
        names(unknown.clone()),
        cause.unwrap_or_default()
    );
    let error = ApiError::new(status, "PartialFailureException", message)
        .with("done", done)
        .with("notDone", not_done)
        .with("unknown", unknown);
    respond::error(if infrastructure {
        error.retry_after(1)
    } else {
        error
    })
}

fn message_of(part: &Part) -> String {
    let body: Option<Map<String, Value>> = serde_json::from_slice(&part.body).ok();
    let message = body.and_then(|mut body| body.remove("message"));
    message
        .and_then(|m| m.as_str().map(str::to_owned))
        .unwrap_or_else(|| part.status.to_string())
}

/// Pure but for the table: ids go to the shards that own them, a query or a definition to all.
///
/// # Errors
/// 400 for a body that isn't a JSON object, where it names ids.
pub fn scatter(
    snapshot: &Snapshot,
    shards: Vec<Shard>,
    request: &Admitted,
) -> Result<Vec<(Shard, Outgoing)>, ApiError> {
    let body = &request.out.body;
    let names: Vec<&str> = id_members(request);
    let found = scan::members(body, &names);
    let lists: Vec<(&str, Vec<String>)> = names
        .iter()
        .zip(&found)
        .filter_map(|(name, found)| Some((*name, found.as_ref()?.texts())))
        .filter(|(_, ids)| !ids.is_empty())
        .collect();
    if lists.is_empty() {
        return Ok(shards
            .into_iter()
            .map(|shard| (shard, request.out.clone()))
            .collect());
    }
    let document: Map<String, Value> =
        serde_json::from_slice(body).map_err(|e| ApiError::json_text(e.to_string()))?;
    let to_all = document
        .iter()
        .any(|(name, value)| name.ends_with("Query") && !value.is_null());
    let mut per_shard: BTreeMap<ShardName, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for (name, ids) in &lists {
        for id in ids {
            // An id of nobody's goes to the first shard, whose error is the engine's own.
            let owner = slot_of_id(id)
                .and_then(|slot| snapshot.owner(slot).ok())
                .map(|(shard, _)| shard.name.clone());
            let owner = owner.filter(|name| shards.iter().any(|shard| shard.name == *name));
            let owner = owner.unwrap_or_else(|| shards[0].name.clone());
            per_shard
                .entry(owner)
                .or_default()
                .entry(name)
                .or_default()
                .push(id.clone());
        }
    }
    let mut each = Vec::new();
    for shard in shards {
        let own = per_shard.remove(&shard.name);
        if own.is_none() && !to_all {
            continue;
        }
        let own = own.unwrap_or_default();
        let mut part = document.clone();
        for (name, _) in &lists {
            part.insert(
                (*name).to_owned(),
                own.get(name).map_or(Value::Null, |ids| ids.clone().into()),
            );
        }
        let body = Value::Object(part).to_string().into();
        each.push((
            shard,
            Outgoing {
                body,
                ..request.out.clone()
            },
        ));
    }
    Ok(each)
}

/// The body's members that hold ids; the table names them only for some spellings of one operation.
fn id_members(request: &Admitted) -> Vec<&'static str> {
    let operation = request.call.operation;
    if operation.id_params.is_empty() {
        vec!["processInstanceIds"]
    } else {
        operation.id_params.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use http_body_util::BodyExt;

    fn part(shard: &str, status: u16, body: &str) -> Result<Part, NoAnswer> {
        let status = StatusCode::from_u16(status).unwrap();
        let body = body.to_owned().into();
        Ok(Part {
            shard: ShardName::new(shard),
            status,
            headers: HeaderMap::new(),
            memory: None,
            body,
        })
    }

    fn lost(shard: &str, may_have_run: bool) -> Result<Part, NoAnswer> {
        Err(NoAnswer {
            shard: ShardName::new(shard),
            may_have_run,
            why: "gone".to_owned(),
        })
    }

    async fn concluded(results: Vec<Result<Part, NoAnswer>>) -> (u16, String) {
        let answer = conclude(results);
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_command_says_which_shards_did_it() {
        assert_eq!(
            concluded(vec![part("a", 204, ""), part("b", 204, "")]).await,
            (204, String::new())
        );
        let refusal = r#"{"type":"X","message":"no","code":null}"#;
        assert_eq!(
            concluded(vec![part("a", 400, refusal), part("b", 400, refusal)]).await,
            (400, refusal.to_owned())
        );
        let (status, body) = concluded(vec![part("a", 204, ""), part("b", 500, refusal)]).await;
        assert_eq!(status, 500);
        assert!(body.contains(r#""done":["a"],"notDone":["b"]"#), "{body}");
        let (status, body) = concluded(vec![part("a", 204, ""), lost("b", true), lost("c", false)]).await;
        assert_eq!(status, 503);
        assert!(
            body.contains(r#""done":["a"],"notDone":["c"],"unknown":["b"]"#),
            "{body}"
        );
        assert_eq!(concluded(vec![lost("b", false), lost("c", false)]).await.0, 503);
    }
}
