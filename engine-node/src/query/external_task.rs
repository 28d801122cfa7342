//! The list of external tasks.
use super::{Kind, Listing, SortBy, Where, col, of_definition, variable};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, instance::ExternalTask};
use rest_api::{
    ApiResult,
    filters::{Comparing, variable_filters},
    known,
};
use sea_query::{Condition, ExprTrait, Order, Query, SelectStatement};

const E: &str = "e";

const COLUMNS: [&str; 19] = [
    "id",
    "instance_id",
    "token_id",
    "execution_id",
    "activity_id",
    "definition_id",
    "element",
    "topic",
    "worker_id",
    "lock_expires",
    "retries",
    "error_message",
    "error_details",
    "priority",
    "suspended",
    "created",
    "lock_revision",
    "business_key",
    "tenant_id",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<ExternalTask, StoreError> {
    Ok(ExternalTask {
        id: row.id(0)?,
        instance_id: row.id(1)?,
        token_id: row.id(2)?,
        execution_id: row.id(3)?,
        activity_id: row.id(4)?,
        definition_id: row.id(5)?,
        element: row.text(6)?,
        topic: row.text(7)?,
        worker_id: row.text_opt(8)?,
        lock_expires: row.i64_opt(9)?,
        retries: row.i64_opt(10)?.map(|n| n as i32),
        error_message: row.text_opt(11)?,
        error_details: row.text_opt(12)?,
        priority: row.i64(13)?,
        suspended: row.bool(14)?,
        created: row.i64(15)?,
        lock_revision: row.i64(16)?,
        business_key: row.text_opt(17)?,
        tenant_id: row.text_opt(18)?,
        recorded: false,
        made_priority: None,
    })
}

/// The external task of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let mut query = base(Condition::all().add(col(E, "id").eq(id.0)));
    query.exprs(COLUMNS.map(|name| col(E, name)));
    query
}

/// External tasks that meet the filters; `now` in Unix milliseconds decides which are locked.
pub fn listing(mut w: Where<'_>, now: i64) -> ApiResult<Listing> {
    w.id("externalTaskId", col(E, "id"))?;
    w.exact_ids("externalTaskIdIn", col(E, "id"))?;
    w.text("topicName", col(E, "topic"))?;
    w.text("workerId", col(E, "worker_id"))?;
    w.switch("locked", col(E, "lock_expires").gt(now))?;
    w.switch(
        "notLocked",
        col(E, "lock_expires")
            .is_null()
            .or(col(E, "lock_expires").lte(now)),
    )?;
    w.switch(
        "withRetriesLeft",
        col(E, "retries").is_null().or(col(E, "retries").gt(0)),
    )?;
    w.switch("noRetriesLeft", col(E, "retries").eq(0))?;
    w.date("lockExpirationAfter", |d| col(E, "lock_expires").gt(d))?;
    w.date("lockExpirationBefore", |d| col(E, "lock_expires").lt(d))?;
    w.text("activityId", col(E, "element"))?;
    w.texts("activityIdIn", col(E, "element"))?;
    w.id("executionId", col(E, "execution_id"))?;
    w.id("processInstanceId", col(E, "instance_id"))?;
    w.ids("processInstanceIdIn", col(E, "instance_id"))?;
    w.exact_definition(col(E, "definition_id"))?;
    w.definition_name(col(E, "definition_id"))?;
    w.suspension(col(E, "suspended"))?;
    w.tenants(col(E, "tenant_id"))?;
    w.long("priorityHigherThanOrEquals", |n| col(E, "priority").gte(n))?;
    w.long("priorityLowerThanOrEquals", |n| col(E, "priority").lte(n))?;
    let ignore = variable::IgnoreCase::of(w.filters)?;
    for filter in variable_filters(w.filters, "processVariables", Comparing::ExternalTasks)? {
        w.and(variable::exists(
            &filter,
            ignore,
            variable::of_instance((E, "instance_id")),
        )?);
    }
    w.sees_instances(col(E, "instance_id"), col(E, "definition_id"));
    let filters = w.filters;
    let condition = w.finish(known::EXTERNAL_TASK)?;
    let columns = COLUMNS.map(|name| col(E, name)).to_vec();
    Listing::new(base(condition), columns, col(E, "id")).sorted(filters, &sort)
}

/// Topics that have external tasks, each once, in order; `now` in Unix milliseconds decides which are locked.
pub fn topics(mut w: Where<'_>, now: i64) -> ApiResult<SelectStatement> {
    let locked = || col(E, "lock_expires").gt(now);
    let unlocked = locked().not().or(col(E, "lock_expires").is_null());
    let left = col(E, "retries").is_null().or(col(E, "retries").gt(0));
    for (name, condition) in [
        ("withLockedTasks", locked()),
        ("withUnlockedTasks", unlocked),
        ("withRetriesLeft", left),
    ] {
        if w.filters.java_flag(name) == Some(true) {
            w.and(condition);
        }
    }
    w.sees_instances(col(E, "instance_id"), col(E, "definition_id"));
    w.of_own_tenants(col(E, "tenant_id"));
    let mut query = base(w.finish(&[])?);
    query
        .expr(col(E, "topic"))
        .distinct()
        .order_by((E, "topic"), Order::Asc);
    Ok(query)
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("external_task", E)
        .cond_where(condition)
        .and_where(visible(E))
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "id" => (col(E, "id"), Kind::Id),
        "lockExpirationTime" => (col(E, "lock_expires"), Kind::Number),
        "createTime" => (col(E, "created"), Kind::Number),
        "processInstanceId" => (col(E, "instance_id"), Kind::Id),
        "processDefinitionId" => (of_definition(col(E, "definition_id"), "rest_id"), Kind::Text),
        "processDefinitionKey" => (of_definition(col(E, "definition_id"), "key"), Kind::Text),
        "taskPriority" => (col(E, "priority"), Kind::Number),
        "tenantId" => (col(E, "tenant_id"), Kind::Text),
        _ => return None,
    })
}
