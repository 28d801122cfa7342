//! The list of incidents.
use super::{Kind, Listing, SortBy, Where, col, of_definition};
use crate::store::{Row, StoreError, codec::job_kind, schema::visible};
use bpmn_core::{Id, instance::Incident};
use rest_api::{ApiResult, known};
use sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};

const I: &str = "i";

/// Type of the incident of a job without tries left.
pub const FAILED_JOB: &str = "failedJob";

const COLUMNS: [&str; 15] = [
    "id",
    "instance_id",
    "execution_id",
    "definition_id",
    "kind",
    "element",
    "message",
    "configuration",
    "created",
    "cause_id",
    "root_cause_id",
    "tenant_id",
    "job_kind",
    "annotation",
    "failed_element",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: row.id(0)?,
        instance_id: row.id_opt(1)?,
        execution_id: row.id_opt(2)?,
        definition_id: row.id(3)?,
        kind: row.text(4)?,
        element: row.text(5)?,
        message: row.text_opt(6)?,
        configuration: row.text_opt(7)?,
        created: row.i64(8)?,
        cause_id: row.id(9)?,
        root_cause_id: row.id(10)?,
        tenant_id: row.text_opt(11)?,
        job_kind: job_kind(row.i64_opt(12)?)?,
        annotation: row.text_opt(13)?,
        failed_element: row.text_opt(14)?,
        recorded: false,
    })
}

/// The incident of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let mut query = base(Condition::all().add(col(I, "id").eq(id.0)));
    query.exprs(COLUMNS.map(|name| col(I, name)));
    query
}

/// Incidents that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    w.id("incidentId", col(I, "id"))?;
    w.text("incidentType", col(I, "kind"))?;
    w.text("incidentMessage", col(I, "message"))?;
    w.like("incidentMessageLike", col(I, "message"))?;
    w.exact_definition(col(I, "definition_id"))?;
    w.id("processInstanceId", col(I, "instance_id"))?;
    w.id("executionId", col(I, "execution_id"))?;
    w.date("incidentTimestampBefore", |d| col(I, "created").lt(d))?;
    w.date("incidentTimestampAfter", |d| col(I, "created").gt(d))?;
    w.text("activityId", col(I, "element"))?;
    w.text("failedActivityId", col(I, "failed_element"))?;
    w.id("causeIncidentId", col(I, "cause_id"))?;
    w.id("rootCauseIncidentId", col(I, "root_cause_id"))?;
    w.text("configuration", col(I, "configuration"))?;
    w.tenants(col(I, "tenant_id"))?;
    w.incidents_of("jobDefinitionIdIn", I, "job_kind")?;
    let filters = w.filters;
    w.sees_instances(col(I, "instance_id"), col(I, "definition_id"));
    let condition = w.finish(known::INCIDENT)?;
    let columns = COLUMNS.map(|name| col(I, name)).to_vec();
    Listing::new(base(condition), columns, col(I, "id")).sorted(filters, &sort)
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("incident", I)
        .cond_where(condition)
        .and_where(visible(I))
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "incidentId" => (col(I, "id"), Kind::Id),
        "incidentMessage" => (col(I, "message"), Kind::Text),
        "incidentTimestamp" => (col(I, "created"), Kind::Number),
        "incidentType" => (col(I, "kind"), Kind::Text),
        "executionId" => (col(I, "execution_id"), Kind::Id),
        "activityId" => (col(I, "element"), Kind::Text),
        "processInstanceId" => (col(I, "instance_id"), Kind::Id),
        "processDefinitionId" => (of_definition(col(I, "definition_id"), "rest_id"), Kind::Text),
        "causeIncidentId" => (col(I, "cause_id"), Kind::Id),
        "rootCauseIncidentId" => (col(I, "root_cause_id"), Kind::Id),
        "configuration" => (col(I, "configuration"), Kind::Text),
        "tenantId" => (col(I, "tenant_id"), Kind::Text),
        _ => return None,
    })
}

/// Incidents counted per element of one definition, or per definition, and type: (group, type, count).
pub fn counted_by(group: &'static str, definition: Option<Id>, kind: Option<&str>) -> SelectStatement {
    let mut query = Query::select();
    query
        .expr(col(I, group))
        .expr(col(I, "kind"))
        .expr(Expr::cust("COUNT(*)"))
        .from_as("incident", I);
    query.and_where(visible(I));
    if let Some(definition) = definition {
        query.and_where(col(I, "definition_id").eq(definition.0));
    }
    if let Some(kind) = kind {
        query.and_where(col(I, "kind").eq(kind));
    }
    query.group_by_col((I, group)).group_by_col((I, "kind")).take()
}
