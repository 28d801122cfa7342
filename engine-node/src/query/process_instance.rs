//! The list of running process instances.
use super::{
    Kind, Listing, SortBy, Where, col,
    counters::{self, Counted},
    equals_id, like, of_definition, variable,
};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, instance::TokenState};
use rest_api::{
    ApiResult,
    filters::{Comparing, variable_filters},
    known,
};
use sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};

const P: &str = "p";

/// A row of [`listing`].
pub struct InstanceRow {
    pub id: Id,
    pub definition_id: Id,
    pub business_key: Option<String>,
    pub suspended: bool,
    pub tenant_id: Option<String>,
    pub case_instance_id: Option<String>,
}

const COLUMNS: [&str; 6] = [
    "id",
    "definition_id",
    "business_key",
    "suspended",
    "tenant_id",
    "case_instance_id",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<InstanceRow, StoreError> {
    Ok(InstanceRow {
        id: row.id(0)?,
        definition_id: row.id(1)?,
        business_key: row.text_opt(2)?,
        suspended: row.bool(3)?,
        tenant_id: row.text_opt(4)?,
        case_instance_id: row.text_opt(5)?,
    })
}

/// Process instances that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    let counted = w.only_definitions(&[]).map(|definitions| {
        counters::count(&[Counted::Recorded, Counted::Unrecorded], definitions.as_deref())
    });
    conditions(&mut w)?;
    w.or_queries(
        "runtime.ProcessInstanceQuery",
        known::PROCESS_INSTANCE,
        conditions,
    )?;
    w.sees_instances(col(P, "id"), col(P, "definition_id"));
    let filters = w.filters;
    let condition = w.finish(known::PROCESS_INSTANCE)?;
    let columns = COLUMNS.map(|name| col(P, name)).to_vec();
    Listing::new(base(condition), columns, col(P, "id"))
        .counted(counted)
        .sorted(filters, &sort)
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("process_instance", P)
        .cond_where(condition)
        .and_where(visible(P))
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "instanceId" => (col(P, "id"), Kind::Id),
        "definitionKey" => (of_definition(col(P, "definition_id"), "key"), Kind::Text),
        "definitionId" => (of_definition(col(P, "definition_id"), "rest_id"), Kind::Text),
        "tenantId" => (col(P, "tenant_id"), Kind::Text),
        "businessKey" => (col(P, "business_key"), Kind::Text),
        _ => return None,
    })
}

fn conditions(w: &mut Where<'_>) -> ApiResult<()> {
    if let Some(ids) = w.filters.exact_list("processInstanceIds")? {
        if ids.is_empty() {
            return Err(super::empty_list("process instance ids"));
        }
        w.and(col(P, "id").is_in(super::uuids(&ids)));
    }
    for filter in variable_filters(w.filters, "variables", Comparing::Variables)? {
        let ignore = variable::IgnoreCase::of(w.filters)?;
        w.and(variable::exists(
            &filter,
            ignore,
            variable::of_instance((P, "id")),
        )?);
    }
    variable::IgnoreCase::of(w.filters)?;
    w.text("businessKey", col(P, "business_key"))?;
    w.like("businessKeyLike", col(P, "business_key"))?;
    w.definition(col(P, "definition_id"))?;
    if let Some(keys) = w
        .filters
        .list("processDefinitionKeyNotIn")?
        .filter(|l| !l.is_empty())
    {
        w.definitions(col(P, "definition_id"), |d| !keys.contains(&d.row.key));
    }
    if let Some(id) = w.filters.text("deploymentId")? {
        w.definitions(col(P, "definition_id"), |d| d.row.deployment_id.to_string() == id);
    }
    w.suspension(col(P, "suspended"))?;
    w.tenants(col(P, "tenant_id"))?;
    if w.filters.on("processDefinitionWithoutTenantId")? {
        w.definitions(col(P, "definition_id"), |d| d.row.tenant_id.is_none());
    }
    w.id("rootProcessInstanceId", col(P, "root_id"))?;
    w.switch("rootProcessInstances", col(P, "super_instance_id").is_null())?;
    // Instances that call no other.
    let called = Query::select()
        .expr(Expr::val(1))
        .from_as("process_instance", "c")
        .and_where(col("c", "super_instance_id").equals((P, "id")))
        .take();
    w.switch("leafProcessInstances", Expr::exists(called).not())?;
    hierarchy(w)?;
    incidents(w)?;
    let activities = w.filters.list_called("activityIdIn", "activity ids")?;
    if let Some(activities) = activities.filter(|l| !l.is_empty()) {
        let tokens = Query::select()
            .expr(Expr::val(1))
            .from_as("token", "t")
            .and_where(col("t", "instance_id").equals((P, "id")))
            .and_where(col("t", "element").is_in(activities))
            // A scope stands for what runs inside of it.
            .and_where(col("t", "state").ne(TokenState::Scope as i16))
            .take();
        w.and(Expr::exists(tokens));
    }
    w.text("caseInstanceId", col(P, "case_instance_id"))?;
    // No case engine: nothing is called by a case, nor calls one.
    for name in ["superCaseInstance", "subCaseInstance"] {
        if w.filters.has(name) {
            w.and(super::never());
        }
    }
    Ok(())
}

fn hierarchy(w: &mut Where<'_>) -> ApiResult<()> {
    w.id("superProcessInstance", col(P, "super_instance_id"))?;
    if let Some(id) = w.filters.text("subProcessInstance")? {
        let callers = Query::select()
            .expr(col("sp", "super_instance_id"))
            .from_as("process_instance", "sp")
            .and_where(equals_id(col("sp", "id"), &id))
            .take();
        w.and(col(P, "id").eq(super::scalar(callers)));
    }
    Ok(())
}

/// Filters on incidents of the instance; `P` is the alias of its row.
fn incidents(w: &mut Where<'_>) -> ApiResult<()> {
    let incident = |condition: Expr| {
        let query = Query::select()
            .expr(Expr::val(1))
            .from_as("incident", "i")
            .and_where(col("i", "instance_id").equals((P, "id")))
            .and_where(condition)
            .take();
        Expr::exists(query)
    };
    w.switch("withIncident", incident(super::always()))?;
    if let Some(id) = w.filters.text("incidentId")? {
        w.and(incident(equals_id(col("i", "id"), &id)));
    }
    if let Some(kind) = w.filters.text("incidentType")? {
        w.and(incident(col("i", "kind").eq(kind)));
    }
    if let Some(text) = w.filters.text("incidentMessage")? {
        w.and(incident(col("i", "message").eq(text)));
    }
    if let Some(pattern) = w.filters.text("incidentMessageLike")? {
        w.and(incident(like(col("i", "message"), &pattern)));
    }
    Ok(())
}

/// The running instance of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let mut query = base(Condition::all().add(col(P, "id").eq(id.0)));
    query.exprs(COLUMNS.map(|name| col(P, name)));
    query
}
