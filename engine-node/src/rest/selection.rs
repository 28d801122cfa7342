//! Groups of instances that a body names: by ids, by a query of running or of historic instances.
use super::{
    batch::targets::{self, Finds},
    call::Call,
    error,
};
use crate::{query::Listing, store::StoreError};
use bpmn_core::Id;
use http::{HeaderName, HeaderValue};
use rest_api::{
    ApiError, ApiResult,
    filters::{Filters, Paging, WITHOUT_DIRECTION},
};

/// Says, within a fan-out, that this shard refuses only because it has nothing of what was asked for.
pub const NOTHING_HERE: HeaderName = HeaderName::from_static("x-stellwerk-nothing-here");

/// How an operation of the reference words its refusals.
pub struct Words {
    /// Of no instance at all, before `: OF is empty`.
    pub empty: &'static str,
    /// Of a null among the ids, before `: OF contains null value`.
    pub null: &'static str,
    pub of: &'static str,
    /// Whether the REST layer hides the engine's exception behind one of its own.
    pub hidden: bool,
    /// The queries that the operation knows.
    pub queries: &'static [(&'static str, Finds)],
}

impl Words {
    fn error(&self, text: String) -> ApiError {
        match self.hidden {
            true => ApiError::invalid_request(text),
            false => ApiError::bad_user_request("BadUserRequestException", text).with_code(0),
        }
    }
}

/// Instances that `processInstanceIds`, `processInstanceQuery` and `historicProcessInstanceQuery` name, each once;
/// with what isn't an id of ours as `Err`.
///
/// # Errors
/// What the queries' filters give; 400 for a null among the ids, or nothing at all.
pub async fn instances(call: &Call, body: &Filters, words: &Words) -> ApiResult<Vec<Result<Id, String>>> {
    let mut found: Vec<Result<Id, String>> = Vec::new();
    for item in body.array("processInstanceIds")?.into_iter().flatten() {
        let Some(text) = item.as_str() else {
            return Err(words.error(format!("{}: {} contains null value", words.null, words.of)));
        };
        found.push(text.parse().map_err(|_| text.to_owned()));
    }
    for (member, finds) in words.queries {
        let Some(query) = body.object(member)? else {
            continue;
        };
        let filters = Filters::from_body(query.clone());
        let of_query = targets::found(call, &filters, *finds).await;
        let of_query = match words.hidden {
            true => of_query.map_err(hide)?,
            false => of_query?,
        };
        found.extend(of_query.into_iter().map(Ok));
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|id| seen.insert(id.clone()));
    if found.is_empty() {
        let prefix = if words.empty.is_empty() {
            String::new()
        } else {
            format!("{}: ", words.empty)
        };
        let error = words.error(format!("{prefix}{} is empty", words.of));
        return Err(error.with_header(NOTHING_HERE, HeaderValue::from_static("1")));
    }
    Ok(found)
}

/// Looks at the queries of a body as the reference does before it looks at anything else: what it finds only when it asks
/// for rows isn't found yet.
///
/// # Errors
/// What the filters and sort criteria give.
pub fn check(call: &Call, body: &Filters, queries: &[(&str, Finds)]) -> ApiResult<()> {
    for (member, finds) in queries {
        let Some(query) = body.object(member)? else {
            continue;
        };
        let filters = Filters::from_body(query.clone());
        match targets::listing(call, &filters, *finds) {
            Err(error) if error.message == WITHOUT_DIRECTION => {}
            listing => drop(listing?),
        }
    }
    Ok(())
}

/// Refuses a `historicProcessInstanceQuery` that is sorted, for operations of which the reference's statement can't be
/// together with an order, so that its database refuses it.
///
/// # Errors
/// 500 in the reference's words.
pub fn unsorted(body: &Filters) -> ApiResult<()> {
    let query = body.object("historicProcessInstanceQuery")?;
    let sorting = query.and_then(|query| query.get("sorting")?.as_array());
    let sorted = sorting.is_some_and(|all| {
        all.iter()
            .any(|one| one["sortBy"].is_string() && one["sortOrder"].is_string())
    });
    match sorted {
        true => Err(ApiError::persistence()),
        false => Ok(()),
    }
}

/// An engine's refusal, as operations show it that hide it behind one of the REST layer.
pub fn hide(error: ApiError) -> ApiError {
    let bad_user = ["NotValidException", "BadUserRequestException"].contains(&&*error.kind);
    match error.status == http::StatusCode::BAD_REQUEST && bad_user {
        true => ApiError::invalid_request(error.message),
        false => error,
    }
}

/// The ids of everything in a list.
pub async fn ids(call: &Call, listing: &Listing) -> ApiResult<Vec<Id>> {
    let snapshot = call.select(&listing.page(Paging::default())).await?;
    let rows = snapshot.rows.iter().map(|row| row.id(0));
    rows.collect::<Result<_, StoreError>>().map_err(error::store)
}
