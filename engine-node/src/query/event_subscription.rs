//! The list of event subscriptions: of running instances, and of the start events of definitions.
use super::{Kind, Listing, SortBy, Where, col, never};
use crate::{
    app::{CatalogView, Deployed},
    store::{Row, StoreError, schema::visible},
};
use bpmn_core::{Id, Slot, instance::EventKind};
use rest_api::{ApiResult, known};
use sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, UnionType};
use uuid::Uuid;

const S: &str = "s";
/// States of slots whose rows are shown: owned, and fenced while they move.
const SHOWN: [i16; 2] = [0, 1];

const COLUMNS: [&str; 8] = [
    "id",
    "instance_id",
    "execution_id",
    "element",
    "kind",
    "name",
    "created",
    "tenant_id",
];

/// A row of [`listing`]: of an execution, or of a definition's start event.
pub struct SubscriptionRow {
    pub id: Id,
    pub instance_id: Option<Id>,
    pub execution_id: Option<Id>,
    pub element: String,
    pub kind: EventKind,
    pub name: Option<String>,
    pub created: i64,
    pub tenant_id: Option<String>,
}

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<SubscriptionRow, StoreError> {
    let kind = row.i64(4)? as i16;
    Ok(SubscriptionRow {
        id: row.id(0)?,
        instance_id: row.id_opt(1)?,
        execution_id: row.id_opt(2)?,
        element: row.text(3)?,
        kind: EventKind::from_i16(kind).ok_or_else(|| StoreError::Internal(format!("event kind {kind}")))?,
        name: row.text_opt(5)?,
        created: row.i64(6)?,
        tenant_id: row.text_opt(7)?,
    })
}

/// What the newest versions of definitions wait for to be started. Each stands for a row at its definition's home
/// slot; its id is the definition's with a number in it.
fn starts(view: &CatalogView, seen: &dyn Fn(&Deployed) -> bool) -> Vec<(Slot, SubscriptionRow)> {
    let mut found = Vec::new();
    for deployed in view.all_latest().filter(|d| seen(d)) {
        let definition = &deployed.definition;
        let messages = definition.start_messages().into_iter();
        let messages = messages.map(|m| (EventKind::Message, m.element, Some(m.name)));
        let signals = definition.start_signals().into_iter();
        let signals = signals.map(|(element, name)| (EventKind::Signal, element, Some(name)));
        let conditions = definition.start_conditions().into_iter();
        let conditions = conditions.map(|element| (EventKind::Conditional, element.to_owned(), None));
        for (number, (kind, element, name)) in messages.chain(signals).chain(conditions).enumerate() {
            let (high, low) = deployed.row.id.0.as_u64_pair();
            // Within the 48 bits behind the slot.
            let id = Uuid::from_u64_pair(high, low ^ (number as u64 + 1));
            let row = SubscriptionRow {
                id: Id(id),
                instance_id: None,
                execution_id: None,
                element,
                kind,
                name,
                created: view
                    .deployments
                    .get(&deployed.row.deployment_id)
                    .map_or(0, |d| d.deployed),
                tenant_id: deployed.row.tenant_id.clone(),
            };
            found.push((deployed.row.home, row));
        }
    }
    found
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
        && let Some(list) = w.filters.tenants()?
    {
        w.and(tenant().is_in(list).or(tenant().is_null()));
    } else {
        w.tenants(tenant())?;
    }
    w.of_own_tenants(tenant());
    w.sees_subscriptions(col(S, "instance_id"), definition());
    let starts = starts(w.view, &|d| w.sees_start(&d.row.key));
    let filters = w.filters;
    let condition = w.finish(known::EVENT_SUBSCRIPTION)?;
    let columns = COLUMNS.map(|name| col(S, name)).to_vec();
    Listing::new(base(condition, starts), columns, col(S, "id")).sorted(filters, &sort)
}

/// The definition of a subscription's instance.
fn definition() -> Expr {
    let instance = Query::select()
        .expr(col("sp", "definition_id"))
        .from_as("process_instance", "sp")
        .and_where(col("sp", "id").equals((S, "instance_id")))
        .take();
    super::scalar(instance)
}

fn base(condition: Condition, starts: Vec<(Slot, SubscriptionRow)>) -> SelectStatement {
    let mut query = Query::select();
    if starts.is_empty() {
        query.from_as("event_subscription", S);
    } else {
        let mut all = Query::select();
        all.exprs(COLUMNS.map(Expr::col)).expr(Expr::col("slot"));
        all.from("event_subscription");
        for (slot, start) in starts {
            all.union(UnionType::All, literal(slot, start));
        }
        query.from_subquery(all.take(), S);
    }
    query.cond_where(condition).and_where(visible(S)).take()
}

/// A row that lies in no table: there where its slot is shown, as [`visible`] says of rows that lie in one.
fn literal(slot: Slot, row: SubscriptionRow) -> SelectStatement {
    let nothing = Option::<Uuid>::None;
    let shown = Query::select()
        .column("slot")
        .from("slot")
        .and_where(Expr::col("state").is_in(SHOWN))
        .take();
    Query::select()
        .expr_as(Expr::val(row.id.0), "id")
        .expr_as(Expr::val(nothing), "instance_id")
        .expr_as(Expr::val(nothing), "execution_id")
        .expr_as(Expr::val(row.element), "element")
        .expr_as(Expr::val(row.kind as i16), "kind")
        .expr_as(Expr::val(row.name), "name")
        .expr_as(Expr::val(row.created), "created")
        .expr_as(Expr::val(row.tenant_id), "tenant_id")
        .expr_as(Expr::val(slot.number() as i16), "slot")
        .and_where(Expr::val(slot.number() as i16).in_subquery(shown))
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "created" => (col(S, "created"), Kind::Number),
        "tenantId" => (col(S, "tenant_id"), Kind::Text),
        _ => return None,
    })
}
