//! The list of event subscriptions of running instances.
use super::{Kind, Listing, SortBy, Where, col, never};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{
    Id,
    instance::{EventKind, EventSubscription},
};
use rest_api::{ApiResult, known};
use sea_query::{Condition, ExprTrait, Query, SelectStatement};

const S: &str = "s";

const COLUMNS: [&str; 9] = [
    "id",
    "instance_id",
    "token_id",
    "execution_id",
    "element",
    "kind",
    "name",
    "created",
    "tenant_id",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<EventSubscription, StoreError> {
    let kind = row.i64(5)? as i16;
    Ok(EventSubscription {
        id: row.id(0)?,
        instance_id: row.id(1)?,
        token_id: row.id(2)?,
        execution_id: row.id(3)?,
        element: row.text(4)?,
        kind: EventKind::from_i16(kind).ok_or_else(|| StoreError::Internal(format!("event kind {kind}")))?,
        name: row.text_opt(6)?,
        created: row.i64(7)?,
        tenant_id: row.text_opt(8)?,
    })
}

/// REST's word for a kind of event.
pub fn word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Message => "message",
        EventKind::Signal => "signal",
        EventKind::Conditional => "conditional",
        EventKind::Compensation => "compensate",
    }
}

/// Subscriptions that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.id("eventSubscriptionId", col(S, "id"))?;
    w.text("eventName", col(S, "name"))?;
    w.id("executionId", col(S, "execution_id"))?;
    w.id("processInstanceId", col(S, "instance_id"))?;
    w.text("activityId", col(S, "element"))?;
    if let Some(kind) = w.filters.text("eventType")? {
        use EventKind::*;
        let kind = [Message, Signal, Conditional, Compensation]
            .into_iter()
            .find(|k| word(*k) == kind);
        w.and(kind.map_or_else(never, |kind| col(S, "kind").eq(kind as i16)));
    }
    let tenant = || col(S, "tenant_id");
    if w.filters.on("includeEventSubscriptionsWithoutTenantId")?
        && let Some(list) = w.filters.list("tenantIdIn")?
    {
        w.and(tenant().is_in(list).or(tenant().is_null()));
    } else {
        w.tenants(tenant())?;
    }
    let filters = w.filters;
    let condition = w.finish(known::EVENT_SUBSCRIPTION)?;
    let columns = COLUMNS.map(|name| col(S, name)).to_vec();
    Listing::new(base(condition), columns, col(S, "id")).sorted(filters, &sort)
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("event_subscription", S)
        .cond_where(condition)
        .and_where(visible(S))
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "created" => (col(S, "created"), Kind::Number),
        "tenantId" => (col(S, "tenant_id"), Kind::Text),
        _ => return None,
    })
}

/// The subscription of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let mut query = base(Condition::all().add(col(S, "id").eq(id.0)));
    query.exprs(COLUMNS.map(|name| col(S, name)));
    query
}
