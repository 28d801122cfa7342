//! Commands that reach foreign shards: by ids of theirs, by a key that both sides have, or over all shards.
use super::{
    ask, forward, ids,
    once::{self, Sides},
    refuse,
};
use crate::{
    admit::Admitted,
    classify::ROOT,
    fan_out::{Part, Stop, command},
    forward::{NoAnswer, to_any},
    headers,
    locate::slot_of_id,
    respond::{self, Answer},
    scan::{self, Found},
    snapshot::Shard,
    state::App,
    upstream::Outgoing,
};
use http::Method;
use http_body_util::BodyExt;
use rest_api::ApiError;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// Commands without ids that mean the same everywhere.
const ALIKE: [&str; 5] = [
    "/signal",
    "/job/suspended",
    "/process-instance/suspended",
    "/external-task/retries",
    "/history/cleanup",
];
/// Members of bodies that name a thing, and where it is looked for.
const NAMED: [(&str, &str); 5] = [
    ("processInstanceIds", "/process-instance/"),
    ("processInstanceId", "/process-instance/"),
    ("externalTaskIds", "/external-task/"),
    ("executionId", "/execution/"),
    ("jobIds", "/job/"),
];

/// Answers a command that foreign shards have a part in.
///
/// # Errors
/// The answer to give instead; 501 for one whose ids are of several shards.
pub async fn answer(app: &Arc<App>, request: &Admitted) -> Result<Option<Answer>, Stop> {
    let mut owners = BTreeSet::new();
    let mut ours = false;
    for (entity, id) in named(&request.out.body) {
        match owner(app, request, entity, &id).await? {
            Some(shard) => drop(owners.insert(shard.name.clone())),
            None => ours = true,
        }
    }
    let mut owners = owners.into_iter();
    match (owners.next(), owners.next(), ours) {
        (Some(name), None, false) => {
            let shard = app.foreign.shards.iter().find(|shard| shard.name == name);
            match shard {
                Some(shard) => forward(app, shard, request, &request.out).await.map(Some),
                None => Ok(None),
            }
        }
        (Some(_), ..) => Err(refuse(
            "a command on things of several shards, some of them foreign (send one for each shard),",
        )),
        (None, _, true) => Ok(None),
        (None, ..) if ALIKE.contains(&request.call.operation.path) => {
            let both = async {
                let own = command::answer(app, &request.with(without_key(request)), None).await?;
                then(app, request, own).await
            };
            once::run(app, request, "own and foreign", Sides::Both, both)
                .await
                .map(Some)
        }
        _ => Ok(None),
    }
}

/// The request as our shards get their part of what has one record for both sides.
fn without_key(request: &Admitted) -> Outgoing {
    let mut out = request.out.clone();
    out.headers.remove(&headers::IDEMPOTENCY_KEY);
    out
}

/// Changes of definitions by their key, which both sides have; others are ours alone.
///
/// # Errors
/// The answer to give instead.
pub async fn definitions(app: &App, request: &Admitted) -> Result<Option<Answer>, Stop> {
    let path = request.call.operation.path;
    let by_key =
        path.starts_with("/process-definition/key/") || path.starts_with("/decision-definition/key/");
    let in_body = ["/process-definition/suspended", "/job-definition/suspended"].contains(&path);
    let named = || {
        scan::members(&request.out.body, &["processDefinitionKey"])
            .pop()
            .flatten()
            .is_some()
    };
    if !(by_key || (in_body && named())) {
        return Ok(None);
    }
    let own = respond::relay(to_any(app, None, request).await?);
    then(app, request, own).await.map(Some)
}

/// After our own shards have done it, the foreign ones are to do it too; says who did.
async fn then(app: &App, request: &Admitted, own: Answer) -> Result<Answer, Stop> {
    if !own.status().is_success() {
        return Ok(own);
    }
    let mut results = vec![Ok(part_of(own).await?)];
    for shard in &app.foreign.shards {
        let answer = ask(app, shard, &request.out, false).await;
        results.push(match answer {
            Ok(whole) => Ok(Part {
                shard: shard.name.clone(),
                status: whole.status,
                headers: whole.headers,
                body: whole.body,
                memory: None,
            }),
            Err(error) => Err(NoAnswer {
                shard: shard.name.clone(),
                may_have_run: true,
                why: error.message,
            }),
        });
    }
    Ok(command::conclude(results))
}

/// Our own shards' answer as a part.
///
/// # Errors
/// It broke off.
pub async fn part_of(own: Answer) -> Result<Part, ApiError> {
    let (parts, body) = own.into_parts();
    let lost = |e| ApiError::bad_gateway(format!("it was done, its answer was lost: {e}"));
    Ok(Part {
        shard: topology::ShardName::new("own"),
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.map_err(lost)?.to_bytes(),
        memory: None,
    })
}

/// Things that a body names by id.
fn named(body: &[u8]) -> Vec<(&'static str, String)> {
    let names = NAMED.map(|(member, _)| member);
    let found = scan::members(body, &names);
    let each = NAMED.iter().zip(found).filter_map(|((_, entity), found)| {
        let ids = found?.texts();
        Some(ids.into_iter().map(|id| (*entity, id)))
    });
    each.flatten().collect()
}

/// The foreign shard that has a thing.
async fn owner<'a>(
    app: &'a App,
    request: &Admitted,
    entity: &str,
    id: &str,
) -> Result<Option<&'a Shard>, ApiError> {
    match slot_of_id(id) {
        Some(_) => Ok(None),
        None => ids::owner_of(app, request, entity, id).await,
    }
}

/// What waits on foreign shards for a message: shard and instance. They have no probe; executions with such a
/// subscription are listed, which changes nothing.
///
/// # Errors
/// A foreign shard doesn't answer: neither "no match" nor "the only match" can be told without it.
async fn waiting(app: &App, request: &Admitted) -> Result<Vec<(usize, String)>, Stop> {
    let body: Map<String, Value> =
        serde_json::from_slice(&request.out.body).map_err(|e| ApiError::json_text(e.to_string()))?;
    let equal = |member: &str| -> Vec<Value> {
        let keys = body.get(member).and_then(Value::as_object);
        let one = |(name, value): (&String, &Value)| json!({"name": name, "operator": "eq", "value": value.get("value").cloned().unwrap_or_default()});
        keys.into_iter().flatten().map(one).collect()
    };
    let mut query = Map::new();
    query.insert(
        "messageEventSubscriptionName".into(),
        body.get("messageName").cloned().unwrap_or_default(),
    );
    query.insert("active".into(), true.into());
    if let Some(key) = body.get("businessKey").filter(|key| !key.is_null()) {
        query.insert("businessKey".into(), key.clone());
    }
    if let Some(tenant) = body.get("tenantId").filter(|tenant| !tenant.is_null()) {
        query.insert("tenantIdIn".into(), json!([tenant]));
    }
    for (member, keys) in [
        ("processVariables", "correlationKeys"),
        ("variables", "localCorrelationKeys"),
    ] {
        let keys = equal(keys);
        if !keys.is_empty() {
            query.insert(member.into(), keys.into());
        }
    }
    let mut out = request
        .out
        .internal("", Value::Object(query).to_string().into_bytes());
    out.target = format!("{ROOT}/execution");
    out.method = Method::POST;
    let mut found = Vec::new();
    for (index, shard) in app.foreign.shards.iter().enumerate() {
        let answer = ask(app, shard, &out, true).await?;
        let rows: Vec<Map<String, Value>> = match answer.status.is_success() {
            true => serde_json::from_slice(&answer.body).unwrap_or_default(),
            false => {
                let why = format!("it answered {} when asked who waits", answer.status.as_u16());
                return Err(crate::fan_out::missing(std::slice::from_ref(&shard.name), &why).into());
            }
        };
        let without = body.get("withoutTenantId") == Some(&Value::Bool(true));
        let fits = |row: &&Map<String, Value>| !without || row.get("tenantId").is_none_or(Value::is_null);
        let ids = rows
            .iter()
            .filter(fits)
            .filter_map(|row| row.get("processInstanceId")?.as_str());
        found.extend(ids.map(|id| (index, id.to_owned())));
    }
    Ok(found)
}

/// Answers a correlation whose one match is on a foreign shard; `None`: ours, if nothing waits there.
///
/// # Errors
/// The reference's 400 if both sides have a match; 501 for a message to all of which some are theirs.
pub async fn correlate(app: &Arc<App>, request: &Admitted) -> Result<Option<Answer>, Stop> {
    let found = scan::members(
        &request.out.body,
        &["processInstanceId", "all", "messageName", "businessKey"],
    );
    let text = |i: usize| found[i].as_ref().and_then(Found::text).map(str::to_owned);
    if let Some(id) = text(0) {
        return match owner(app, request, "/process-instance/", &id).await? {
            Some(shard) => forward(app, shard, request, &request.out).await.map(Some),
            None => Ok(None),
        };
    }
    let theirs = waiting(app, request).await?;
    let Some((index, instance)) = theirs.first() else {
        return Ok(None);
    };
    if text(1).as_deref() == Some("true") {
        return Err(refuse(
            "a message to all that some of them wait for (send it by processInstanceId)",
        ));
    }
    let name = text(2).unwrap_or_default();
    let ours = crate::fan_out::correlate::waiting(app, request).await?;
    let several = theirs.len() + ours;
    if several > 1 {
        return Err(crate::fan_out::correlate::ambiguous(&name, several, request).into());
    }
    let mut body: Map<String, Value> =
        serde_json::from_slice(&request.out.body).map_err(|e| ApiError::json_text(e.to_string()))?;
    for member in ["tenantId", "withoutTenantId"] {
        // Refused beside an instance, which has been chosen by it.
        body.remove(member);
    }
    body.insert("processInstanceId".into(), json!(instance));
    let mut out = request.out.clone();
    out.body = Value::Object(body).to_string().into();
    forward(app, &app.foreign.shards[*index], request, &out)
        .await
        .map(Some)
}
