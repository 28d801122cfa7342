//! What a batch is made of: things named by ids or found by queries, each with the request for it.
use crate::{
    app::batches::{Request, Thing},
    query::{Listing, external_task, history_decision, history_process, job, of_things, process_instance},
    rest::{call::Call, error, selection},
};
use bpmn_core::Id;
use rest_api::{ApiResult, filters::Filters};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// Ids in one statement's list.
const AT_ONCE: usize = 500;

/// A query that a body may hold, by what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finds {
    Instances,
    HistoricInstances,
    Jobs,
    ExternalTasks,
    Decisions,
}

/// The queries that find process instances, by their members.
pub const INSTANCES: [(&str, Finds); 2] = [
    ("processInstanceQuery", Finds::Instances),
    ("historicProcessInstanceQuery", Finds::HistoricInstances),
];

/// That of running ones alone, and that of historic ones.
pub const RUNNING: &[(&str, Finds)] = INSTANCES.split_at(1).0;
pub const HISTORIC: &[(&str, Finds)] = INSTANCES.split_at(1).1;

/// What a body names, each once.
#[derive(Debug, Default)]
pub struct Named {
    /// Texts as the client wrote them, whether or not they are ids.
    pub ids: Vec<String>,
    /// Whether there was a null among them.
    pub null: bool,
    /// Whether the body has anything that could name something.
    pub given: bool,
}

/// The ids in a body's member, and what its queries find here.
///
/// # Errors
/// What the queries' filters give.
pub async fn named(call: &Call, body: &Filters, member: &str, queries: &[(&str, Finds)]) -> ApiResult<Named> {
    let mut named = Named {
        given: body.has(member),
        ..Named::default()
    };
    for item in body.array(member)?.into_iter().flatten() {
        match item.as_str() {
            Some(text) => named.ids.push(text.to_owned()),
            None => named.null = true,
        }
    }
    for (member, finds) in queries {
        let Some(query) = body.object(member)? else {
            continue;
        };
        named.given = true;
        let filters = Filters::from_body(query.clone());
        let found = found(call, &filters, *finds).await?;
        named.ids.extend(found.iter().map(Id::to_string));
    }
    let mut seen = HashSet::new();
    named.ids.retain(|id| seen.insert(id.clone()));
    Ok(named)
}

/// The list of what a query finds.
///
/// # Errors
/// What its filters and sort criteria give.
pub fn listing(call: &Call, filters: &Filters, finds: Finds) -> ApiResult<Listing> {
    let view = call.catalog();
    let (w, now) = (call.sees(filters, &view), crate::app::writer::now());
    match finds {
        Finds::Instances => process_instance::listing(w),
        Finds::HistoricInstances => history_process::listing(w),
        Finds::Jobs => job::listing(w, now, None),
        Finds::ExternalTasks => external_task::listing(w, now),
        Finds::Decisions => history_decision::listing(w),
    }
}

/// What a query finds here.
///
/// # Errors
/// As [`listing`], and those of the database.
pub async fn found(call: &Call, filters: &Filters, finds: Finds) -> ApiResult<Vec<Id>> {
    selection::ids(call, &listing(call, filters, finds)?).await
}

/// What belongs to process instances, of those ids that are ours.
///
/// # Errors
/// Those of the database.
pub async fn of_instances(call: &Call, instances: &[String], finds: Finds) -> ApiResult<Vec<String>> {
    let member = match finds {
        Finds::ExternalTasks => "processInstanceIdIn",
        _ => "processInstanceIds",
    };
    existing(call, instances, member, finds).await
}

/// Those of the ids that there are.
///
/// # Errors
/// Those of the database.
pub async fn existing(call: &Call, ids: &[String], member: &str, finds: Finds) -> ApiResult<Vec<String>> {
    let ours: Vec<&String> = ids.iter().filter(|id| id.parse::<Id>().is_ok()).collect();
    let mut all = Vec::new();
    for part in ours.chunks(AT_ONCE) {
        let filters = Filters::from_body(Map::from_iter([(member.to_owned(), json!(part))]));
        let found = self::found(call, &filters, finds).await?;
        all.extend(found.iter().map(Id::to_string));
    }
    Ok(all)
}

/// A request for each thing. `ID` in the path stands for its id; `body` makes the body for an id.
pub fn each(
    ids: &[String],
    method: &str,
    path: &str,
    body: impl Fn(&str) -> Value,
) -> Vec<(Option<Id>, Request)> {
    let one = |id: &String| {
        let request = Request {
            method: method.to_owned(),
            path: path.replacen("ID", &encoded(id), 1),
            body: body(id),
            user: None,
            unknown: None,
        };
        (id.parse().ok(), request)
    };
    ids.iter().map(one).collect()
}

/// Batches that change instances of one definition: all things have its deployment's turn.
const OF_ONE: [&str; 3] = ["instance-modification", "instance-migration", "instance-restart"];

/// What is to be done, with the deployment that each thing belongs to, and the tenant of the definition where they all
/// have one.
///
/// # Errors
/// Those of the database.
pub async fn with_deployments(
    call: &Call,
    batch_type: &str,
    work: Vec<(Option<Id>, Request)>,
) -> ApiResult<(Vec<Thing>, Option<String>)> {
    let ids: Vec<Id> = work.iter().filter_map(|(id, _)| *id).collect();
    let view = call.catalog();
    let mut found: HashMap<Id, Id> = HashMap::new();
    let mut of_all = None;
    for part in ids.chunks(AT_ONCE) {
        for row in call.select(&of_things::definitions(part)).await?.rows {
            let (thing, definition) = of_things::row(&*row).map_err(error::store)?;
            if let Some(deployed) = view.by_id(definition) {
                found.insert(thing, deployed.row.deployment_id);
                of_all.get_or_insert_with(|| (deployed.row.deployment_id, deployed.row.tenant_id.clone()));
            }
        }
    }
    let (of_all, tenant) = of_all.filter(|_| OF_ONE.contains(&batch_type)).unzip();
    let thing = |(id, request): (Option<Id>, Request)| Thing {
        deployment_id: of_all.or_else(|| found.get(&id?).copied()),
        id,
        request,
    };
    Ok((work.into_iter().map(thing).collect(), tenant.flatten()))
}

/// The body of a request that changes several instances, for one.
pub fn with_instance(members: &Value) -> impl Fn(&str) -> Value {
    move |id| {
        let mut body = members.clone();
        body["processInstanceIds"] = json!([id]);
        body
    }
}

/// A text as one segment of a path or a value of a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => {
                encoded.push(byte.into());
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_thing_and_keeps_what_the_client_wrote() {
        let members = json!({"processDefinitionId": "ID"});
        let made = each(&["x/y".into()], "POST", "/thing/ID/do", with_instance(&members));
        assert_eq!(made[0].0, None);
        assert_eq!(made[0].1.path, "/thing/x%2Fy/do");
        let expected = json!({"processDefinitionId": "ID", "processInstanceIds": ["x/y"]});
        assert_eq!(made[0].1.body, expected);
    }
}
