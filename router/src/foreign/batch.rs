//! Batches of foreign shards beside ours. Each side makes its own and works on them; lists show those of both, and one by its
//! id is asked for where it is. A batch is made of things of one side, named by their ids: one over both would be two.
use super::{ask, commands, forward, ids, order, outgoing, refuse};
use crate::{
    admit::Admitted,
    fan_out::{self, Part, Stop, list, sort, sum},
    forward::to_any,
    locate::slot_of_id,
    respond::{self, Answer},
    scan::{self, Found},
    state::App,
    text::query_values,
};
use http::{HeaderMap, Method};
use rest_api::{
    ApiError,
    batch::{Question, Shape},
    filters::Paging,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use topology::ShardName;

/// What batches are sorted by, and the member that holds it.
const CRITERIA: [(&str, &str); 4] = [
    ("batchId", "id"),
    ("tenantId", "tenantId"),
    ("startTime", "startTime"),
    ("endTime", "endTime"),
];

/// Answers what foreign shards have a part in; `None`: ours alone.
///
/// # Errors
/// The answer to give instead; 501 for a batch that is to be made over several sides.
pub async fn answer(app: &App, request: &Admitted) -> Result<Option<Answer>, Stop> {
    let operation = request.call.operation;
    if operation.path.contains("batch/{id}") {
        return super::by_id(app, request).await;
    }
    if operation.method != "GET" {
        return create(app, request).await;
    }
    match Question::of(operation.path) {
        Some(question) if question.shape == Shape::Report && !request.partial => {
            Err(refuse("a report of batches that may be cleaned up"))
        }
        Some(question) => read(app, request, question).await,
        None => Ok(None),
    }
}

/// A batch of things of one side goes there.
async fn create(app: &App, request: &Admitted) -> Result<Option<Answer>, Stop> {
    // Restarted are instances of the path's definition alone.
    if let Some(answer) = super::by_id(app, request).await? {
        return Ok(Some(answer));
    }
    let operation = request.call.operation;
    let several = || {
        refuse(
            "a batch of a query, or of things of several sides (name those of one by their ids, or ask /engine/NAME/…),",
        )
    };
    let mut members = operation.id_params.clone();
    members.extend(["processInstanceIds", "processInstances", "historicBatchIds"]);
    let found = scan::members(&request.out.body, &members);
    let named: BTreeSet<String> = found.iter().flatten().flat_map(Found::texts).collect();
    // A query beside the ids adds what nobody has named.
    let queries = serde_json::from_slice::<Map<String, Value>>(&request.out.body).is_ok_and(|body| {
        body.iter()
            .any(|(name, value)| name.ends_with("Query") && !value.is_null())
    });
    if named.is_empty() || queries {
        return Err(several());
    }
    let (theirs, ours): (Vec<&String>, Vec<&String>) = named.iter().partition(|id| slot_of_id(id).is_none());
    let Some(first) = theirs.first() else {
        return Ok(None);
    };
    let entity = entity(operation.path, &members, &found);
    let mut owners = BTreeSet::new();
    for id in &theirs {
        match ids::owner_of(app, request, entity, id).await? {
            Some(shard) => drop(owners.insert(shard.name.clone())),
            None => return Err(nobodys(id)),
        }
    }
    match (owners.len(), ours.is_empty()) {
        (1, true) => match ids::owner_of(app, request, entity, first).await? {
            Some(shard) => forward(app, shard, request, &request.out).await.map(Some),
            None => Err(nobodys(first)),
        },
        _ => Err(several()),
    }
}

fn nobodys(id: &str) -> Stop {
    ApiError::invalid_request(format!("no shard has {id}, which the batch is to be made of")).into()
}

/// Pure: what the ids of a body name.
fn entity(path: &str, members: &[&str], found: &[Option<Found>]) -> &'static str {
    let given = members.iter().zip(found).find(|(_, found)| found.is_some());
    let history = path.starts_with("/history/") || path.contains("restart-async");
    match given.map(|(member, _)| *member) {
        Some("jobIds") => "/job/",
        Some("externalTaskIds") => "/external-task/",
        Some("historicDecisionInstanceIds") => "/history/decision-instance/",
        Some("historicBatchIds") => "/history/batch/",
        Some("historicProcessInstanceIds") => "/history/process-instance/",
        _ if history => "/history/process-instance/",
        _ => "/process-instance/",
    }
}

/// Lists and counts of both sides.
async fn read(app: &App, request: &Admitted, question: Question) -> Result<Option<Answer>, Stop> {
    let call = &request.call;
    let criteria = query_values(call.query.as_deref(), "sortBy");
    let member = |by: &String| {
        CRITERIA
            .iter()
            .find(|(name, _)| name == by)
            .map(|(_, member)| (*member).to_owned())
    };
    let Some(members) = criteria.iter().map(member).collect::<Option<Vec<String>>>() else {
        // Refused in the reference's words.
        return Ok(None);
    };
    let page = match question.count {
        true => Paging::default(),
        false => list::page(call.query.as_deref(), app.live().options.max_page_depth)?,
    };
    let query = match question.count {
        true => call.query.clone(),
        false => list::query_for_shard(page, call.query.as_deref()),
    };
    let mut whole = request.with(request.out.clone());
    whole.out.method = Method::GET;
    whole.out.target = match &query {
        Some(query) => format!("{}?{query}", call.path),
        None => call.path.clone(),
    };
    whole.call.query = query;
    let own = match app.snapshot().shards.len() {
        1 => respond::relay(to_any(app, None, &whole).await?),
        _ => fan_out::batch::answer(app, &whole, None).await?,
    };
    if !own.status().is_success() {
        return Ok(Some(own));
    }
    let mut missing: Vec<ShardName> = Vec::new();
    let mut parts = vec![commands::part_of(own).await?];
    let out = outgoing(&whole.out);
    for shard in &app.foreign.shards {
        match ask(app, shard, &out, true).await {
            Ok(answer) if answer.status.is_success() => parts.push(Part {
                shard: shard.name.clone(),
                status: answer.status,
                headers: HeaderMap::new(),
                body: answer.body,
                memory: None,
            }),
            Ok(_) | Err(_) if request.partial => missing.push(shard.name.clone()),
            Ok(answer) => {
                let why = format!("it answered {}", answer.status.as_u16());
                return Err(fan_out::missing(std::slice::from_ref(&shard.name), &why).into());
            }
            Err(error) => {
                let names = std::slice::from_ref(&shard.name);
                return Err(fan_out::missing(names, &error.message).into());
            }
        }
    }
    if question.count {
        return Ok(Some(respond::json(sum::sum(&parts)?.to_string(), &missing)));
    }
    for part in &mut parts {
        let rows: Vec<Map<String, Value>> = serde_json::from_slice(&part.body)
            .map_err(|e| ApiError::bad_gateway(format!("shard {} answered no list: {e}", part.shard)))?;
        part.body = order::with_sort(rows, &members).into();
    }
    let directions = sort::directions(call.query.as_deref(), &[]);
    let merged = list::merge_rows(&parts, &directions, page, None)?;
    Ok(Some(respond::json(merged.rows, &missing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_what_their_member_says() {
        let named = |path: &str, members: &[&str], body: &str| {
            entity(path, members, &scan::members(body.as_bytes(), members))
        };
        assert_eq!(
            named(
                "/process-instance/delete",
                &["processInstanceIds"],
                r#"{"processInstanceIds":["a"]}"#
            ),
            "/process-instance/"
        );
        let both = ["externalTaskIds", "processInstanceIds"];
        let retries = "/external-task/retries-async";
        assert_eq!(
            named(retries, &both, r#"{"externalTaskIds":["a"]}"#),
            "/external-task/"
        );
        assert_eq!(
            named(retries, &both, r#"{"processInstanceIds":["a"]}"#),
            "/process-instance/"
        );
        let restart = "/process-definition/{id}/restart-async";
        assert_eq!(
            named(
                restart,
                &["processInstanceIds"],
                r#"{"processInstanceIds":["a"]}"#
            ),
            "/history/process-instance/"
        );
    }
}
