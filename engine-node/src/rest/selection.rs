//! Groups of instances that a body names: by ids, by a query of running or of historic instances.
use super::{call::Call, error};
use crate::{
    query::{Listing, Where, history_process, process_instance},
    store::{Row, StoreError},
};
use bpmn_core::Id;
use http::{HeaderName, HeaderValue};
use rest_api::{
    ApiError, ApiResult,
    filters::{Filters, Paging},
};

/// Says, within a fan-out, that this shard refuses only because it has nothing of what was asked for.
pub const NOTHING_HERE: HeaderName = HeaderName::from_static("x-stellwerk-nothing-here");

/// Instances that `processInstanceIds`, `processInstanceQuery` and `historicProcessInstanceQuery` name, each once. An
/// id that can't be one of ours is `None`.
///
/// # Errors
/// What the queries' filters give; 400 for a null among the ids.
pub async fn instances(call: &Call, body: &Filters) -> ApiResult<Vec<Option<Id>>> {
    let mut found: Vec<Option<Id>> = Vec::new();
    for item in body.array("processInstanceIds")?.into_iter().flatten() {
        let Some(text) = item.as_str() else {
            let text = "Cannot be null.: Process Instance ids contains null value";
            return Err(ApiError::bad_user_request("BadUserRequestException", text).with_code(0));
        };
        found.push(text.parse().ok());
    }
    let view = call.catalog();
    if let Some(query) = body.object("processInstanceQuery")? {
        let filters = Filters::from_body(query.clone());
        let listing = process_instance::listing(Where::new(&filters, &view))?;
        found.extend(ids(call, &listing).await?);
    }
    if let Some(query) = body.object("historicProcessInstanceQuery")? {
        let filters = Filters::from_body(query.clone());
        let listing = history_process::listing(Where::new(&filters, &view))?;
        found.extend(ids(call, &listing).await?);
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|id| id.is_none_or(|id| seen.insert(id)));
    Ok(found)
}

/// The ids of a group that is not empty; `what` and `of` word the refusal.
pub fn some(found: Vec<Option<Id>>, what: &str, of: &str) -> ApiResult<Vec<Id>> {
    if found.is_empty() {
        let text = format!("{what}: {of} is empty");
        let error = ApiError::bad_user_request("BadUserRequestException", text).with_code(0);
        return Err(error.with_header(NOTHING_HERE, HeaderValue::from_static("1")));
    }
    Ok(found.into_iter().flatten().collect())
}

async fn ids(call: &Call, listing: &Listing) -> ApiResult<Vec<Option<Id>>> {
    let snapshot = call.select(&listing.page(Paging::default())).await?;
    let rows = snapshot.rows.iter().map(|row: &Box<dyn Row>| row.id(0).map(Some));
    rows.collect::<Result<_, StoreError>>().map_err(error::store)
}
