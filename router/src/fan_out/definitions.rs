//! Process definitions by their incidents: definitions are the same on every shard, incidents aren't. All shards are asked
//! for the incidents first, and then any shard for the definitions that have some.
use super::{Question, Stop, gather, rows};
use crate::{
    admit::Admitted,
    classify::{Call, ROOT},
    forward::out_to_any,
    respond::{self, Answer},
    state::App,
    text::{percent_decode, query_value, query_with},
};
use rest_api::ApiError;
use std::collections::BTreeSet;

/// The filters of definitions that ask for incidents; lists of incidents have the same.
const FILTERS: [&str; 4] = [
    "incidentId",
    "incidentType",
    "incidentMessage",
    "incidentMessageLike",
];
const IDS: &str = "processDefinitionIdIn";

/// Whether an operation asks for definitions by their incidents.
pub fn concerns(call: &Call) -> bool {
    let list = ["/process-definition", "/process-definition/count"].contains(&call.operation.path);
    list && call.operation.method == "GET"
        && FILTERS
            .iter()
            .any(|name| query_value(call.query.as_deref(), name).is_some())
}

/// Answers the list or its count.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &App, request: &Admitted) -> Result<Answer, Stop> {
    let query = request.call.query.as_deref();
    let mut out = request.out.clone();
    out.method = http::Method::GET;
    out.target = format!("{ROOT}/incident?{}", of_incidents(query));
    let gathered = gather(
        app,
        &Question {
            request,
            out,
            only: None,
            reads: true,
        },
    )
    .await?;
    let mut found = BTreeSet::new();
    for part in &gathered.parts {
        let not_a_list = |_| ApiError::bad_gateway(format!("shard {} answered with no list", part.shard));
        let incidents = rows::read(&part.body).map_err(not_a_list)?;
        found.extend(incidents.iter().filter_map(|row| row.text("processDefinitionId")));
    }
    let mut out = request.out.clone();
    out.target = format!("{}?{}", request.call.path, of_definitions(query, found));
    Ok(respond::relay(
        out_to_any(app, None, &out, request.repeatable()).await?,
    ))
}

/// The part of a query that incidents are filtered by.
fn of_incidents(query: Option<&str>) -> String {
    let pairs = query.unwrap_or("").split('&');
    let kept = pairs.filter(|pair| {
        let name = pair.split('=').next().unwrap_or("");
        FILTERS.contains(&percent_decode(name, true).as_str())
    });
    kept.collect::<Vec<_>>().join("&")
}

/// A query for those of the definitions that it asked for itself which have incidents.
fn of_definitions(query: Option<&str>, mut found: BTreeSet<String>) -> String {
    let asked = query_value(query, IDS).filter(|ids| !ids.trim().is_empty());
    if let Some(asked) = asked {
        found.retain(|id| asked.split(',').any(|one| one == id));
    }
    if found.is_empty() {
        // No definition's id.
        found.insert("-".to_owned());
    }
    let ids = found.into_iter().collect::<Vec<_>>().join(",");
    let without: Vec<&str> = FILTERS.into_iter().chain([IDS]).collect();
    query_with(query, &without, &[(IDS, ids)]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_of_incidents_become_ids_of_definitions() {
        let query = Some("incidentType=failedJob&key=a&incidentMessageLike=%25x&sortBy=key&sortOrder=asc");
        assert_eq!(
            of_incidents(query),
            "incidentType=failedJob&incidentMessageLike=%25x"
        );
        let found = || BTreeSet::from(["a:1:x".to_owned(), "b:1:y".to_owned()]);
        assert_eq!(
            of_definitions(query, found()),
            "key=a&sortBy=key&sortOrder=asc&processDefinitionIdIn=a:1:x,b:1:y"
        );
        let narrowed = Some("incidentType=x&processDefinitionIdIn=b:1:y,c:1:z");
        assert_eq!(of_definitions(narrowed, found()), "processDefinitionIdIn=b:1:y");
        assert_eq!(
            of_definitions(narrowed, BTreeSet::new()),
            "processDefinitionIdIn=-"
        );
    }
}
