//! Whose an id is that carries no slot: learned from the answers of foreign shards, and asked for where it isn't known, by
//! a GET of what it names on all of them. Never by trying the operation: a wrong server may report success.
use super::{Foreign, ask};
use crate::{
    admit::Admitted,
    classify::{Call, ROOT},
    locate::slot_of_id,
    snapshot::Shard,
    state::App,
    text::{encoded, percent_decode},
    upstream::Outgoing,
};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, StatusCode};
use rest_api::ApiError;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use topology::ShardName;

/// Ids that are remembered, twice: those used since the last turn, and those before.
const REMEMBERED: usize = 100_000;
/// Members of answers that hold ids of what one shard has.
const MEMBERS: [&str; 15] = [
    "id",
    "processInstanceId",
    "rootProcessInstanceId",
    "superProcessInstance",
    "executionId",
    "taskId",
    "jobId",
    "externalTaskId",
    "incidentId",
    "variableInstanceId",
    "processDefinitionId",
    "definitionId",
    "decisionDefinitionId",
    "deploymentId",
    "batchId",
];
/// What a path's first segments name, and that a GET of it tells whether it is there.
const ENTITIES: [&str; 19] = [
    "/process-instance/",
    "/execution/",
    "/task/",
    "/external-task/",
    "/job/",
    "/incident/",
    "/variable-instance/",
    "/history/process-instance/",
    "/history/activity-instance/",
    "/history/variable-instance/",
    "/history/detail/",
    "/history/decision-instance/",
    "/history/job-log/",
    "/history/external-task-log/",
    "/process-definition/",
    "/decision-definition/",
    "/deployment/",
    "/batch/",
    "/history/batch/",
];

/// A bounded memory: what isn't used for a while is forgotten.
#[derive(Debug, Default)]
pub struct Ids(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, ShardName>,
    old: HashMap<String, ShardName>,
}

impl Ids {
    /// The shard of an id that is known.
    pub fn get(&self, id: &str) -> Option<ShardName> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = ids.young.get(id) {
            return Some(shard.clone());
        }
        let shard = ids.old.remove(id)?;
        ids.put(id.to_owned(), shard.clone());
        Some(shard)
    }

    /// Remembers one.
    pub fn put(&self, id: &str, shard: &ShardName) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.put(id.to_owned(), shard.clone());
    }

    /// Remembers those of an answer.
    pub fn learn(&self, body: &Bytes, shard: &ShardName) {
        let Ok(document) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let mut found = Vec::new();
        collect(&document, &mut found);
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in found {
            ids.put(id, shard.clone());
        }
    }
}

impl Generations {
    fn put(&mut self, id: String, shard: ShardName) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, shard);
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(rows) => rows.iter().for_each(|row| collect(row, found)),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(id) if MEMBERS.contains(&name.as_str()) => found.push(id.clone()),
                    other => collect(other, found),
                }
            }
        }
        _ => {}
    }
}

/// The id in a path that may be a foreign shard's: one that carries no slot, below what has ids.
pub fn in_path(call: &Call) -> Option<String> {
    let (name, id) = call.params.first()?;
    let path = call.operation.path;
    let of_entity = *name == "id" && ENTITIES.iter().any(|entity| path.starts_with(entity));
    let id = percent_decode(id, false);
    (of_entity && slot_of_id(&id).is_none()).then_some(id)
}

/// The foreign shard that has what the request's path names.
///
/// # Errors
/// A foreign shard doesn't answer, or two have it: then nobody may say whose it is.
pub async fn owner<'a>(app: &'a App, request: &Admitted, id: &str) -> Result<Option<&'a Shard>, ApiError> {
    let path = request.call.operation.path;
    match ENTITIES.iter().find(|entity| path.starts_with(**entity)) {
        Some(entity) => owner_of(app, request, entity, id).await,
        None => Ok(None),
    }
}

/// The same of a thing of that kind.
///
/// # Errors
/// As [`owner`].
pub async fn owner_of<'a>(
    app: &'a App,
    request: &Admitted,
    entity: &str,
    id: &str,
) -> Result<Option<&'a Shard>, ApiError> {
    let named = |name: &ShardName| app.foreign.shards.iter().find(|shard| shard.name == *name);
    if let Some(shard) = app.foreign.ids.get(id).as_ref().and_then(named) {
        return Ok(Some(shard));
    }
    let target = format!("{ROOT}{entity}{}", encoded(id));
    let shard = holder(&app.foreign, app, &request.to_read(target).out).await?;
    if let Some(shard) = shard {
        app.foreign.ids.put(id, &shard.name);
    }
    Ok(shard)
}

/// Asks all foreign shards at once for what `out` names.
async fn holder<'a>(foreign: &'a Foreign, app: &App, out: &Outgoing) -> Result<Option<&'a Shard>, ApiError> {
    let mut out = out.clone();
    out.method = Method::GET;
    out.body = Bytes::new();
    out.headers.remove(http::header::CONTENT_TYPE);
    let asked = foreign.shards.iter().map(|shard| {
        let out = &out;
        async move { (shard, ask(app, shard, out, true).await) }
    });
    let mut found = None;
    for (shard, answer) in join_all(asked).await {
        match answer?.status {
            status if status.is_success() => {
                if let Some(before) = found.replace(shard) {
                    let before: &Shard = before;
                    let message = format!(
                        "foreign shards {} and {} both have it: name one (/engine/NAME/…)",
                        before.name, shard.name
                    );
                    return Err(ApiError::new(StatusCode::CONFLICT, "RestException", message));
                }
            }
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {}
            status => {
                let why = format!("foreign shard {} answered {}", shard.name, status.as_u16());
                return match status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Some(shard)),
                    _ => Err(ApiError::unavailable(why)),
                };
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_learned_from_answers_and_the_unused_forgotten() {
        let (ids, a) = (Ids::default(), ShardName::new("a"));
        let body =
            r#"[{"id":"1","processInstanceId":"2","tenantId":"t","x":{"taskId":"3","activityId":"A"}}]"#;
        ids.learn(&Bytes::from(body), &a);
        for (id, known) in [("1", true), ("2", true), ("3", true), ("t", false), ("A", false)] {
            assert_eq!(ids.get(id).is_some(), known, "{id}");
        }
        for n in 0..2 * REMEMBERED {
            ids.put(&format!("n{n}"), &a);
            ids.get("1");
        }
        assert!(ids.get("1").is_some() && ids.get("2").is_none());
        let kept = ids.0.lock().unwrap();
        assert!(kept.young.len() + kept.old.len() <= 2 * REMEMBERED);
    }
}
