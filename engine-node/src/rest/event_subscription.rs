//! `/event-subscription`: list and count.
use super::{call::Call, lists};
use crate::{
    App,
    query::event_subscription::{self, SubscriptionRow},
};
use axum::{Router, response::Response, routing::get};
use rest_api::{ApiResult, Date, runtime::EventSubscription};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/event-subscription", get(list))
        .route("/event-subscription/count", get(count))
}

/// A subscription on the wire.
pub fn dto(row: SubscriptionRow) -> EventSubscription {
    EventSubscription {
        id: row.id.to_string(),
        event_type: event_subscription::word(row.kind),
        event_name: row.name,
        execution_id: row.execution_id.map(|id| id.to_string()),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        activity_id: row.element,
        created_date: Date(row.created),
        tenant_id: row.tenant_id,
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = event_subscription::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, event_subscription::row, dto).await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &event_subscription::listing(call.sees(&filters, &view))?).await
}
