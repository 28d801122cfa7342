//! The user operation log.
use super::{Kind, Listing, SortBy, Where, col, history_process, never, scalar, uuids};
use crate::store::{Row, StoreError, operations::Told, schema::visible};
use bpmn_core::Id;
use rest_api::{ApiResult, known};
use sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};

const H: &str = "h";

const COLUMNS: [&str; 26] = [
    "id",
    "root_id",
    "instance_id",
    "operation_id",
    "user_id",
    "time",
    "category",
    "entity",
    "operation",
    "property",
    "old_value",
    "new_value",
    "deployment_id",
    "definition_id",
    "definition_key",
    "process_instance",
    "execution_id",
    "task_id",
    "job_id",
    "job_definition_id",
    "batch_id",
    "external_task_id",
    "tenant_id",
    "annotation",
    "removal",
    "slot",
];

/// A row of [`listing`].
pub struct LoggedRow {
    pub id: Id,
    pub root_id: Id,
    pub instance_id: Option<Id>,
    pub operation_id: Id,
    pub user_id: Option<String>,
    pub time: i64,
    pub told: Told,
    /// Set where the tree's own history is gone.
    pub removal: Option<i64>,
    /// The root of its tree, once that has ended: definition and end.
    pub root_definition: Option<Id>,
    pub root_end: Option<i64>,
}

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<LoggedRow, StoreError> {
    Ok(LoggedRow {
        id: row.id(0)?,
        root_id: row.id(1)?,
        instance_id: row.id_opt(2)?,
        operation_id: row.id(3)?,
        user_id: row.text_opt(4)?,
        time: row.i64(5)?,
        told: Told {
            category: row.text(6)?.into(),
            entity: row.text(7)?.into(),
            operation: row.text(8)?.into(),
            property: row.text_opt(9)?.map(Into::into),
            old: row.text_opt(10)?,
            new: row.text_opt(11)?,
            deployment_id: row.text_opt(12)?,
            definition_id: row.text_opt(13)?,
            definition_key: row.text_opt(14)?,
            process_instance: row.text_opt(15)?,
            execution_id: row.text_opt(16)?,
            task_id: row.text_opt(17)?,
            job_id: row.text_opt(18)?,
            job_definition_id: row.text_opt(19)?,
            batch_id: row.text_opt(20)?,
            external_task_id: row.text_opt(21)?,
            tenant_id: row.text_opt(22)?,
            annotation: row.text_opt(23)?,
        },
        removal: row.i64_opt(24)?,
        root_definition: row.id_opt(26)?,
        root_end: row.i64_opt(27)?,
    })
}

/// The definition of the tree's root, once that has ended.
fn root_definition() -> Expr {
    let query = Query::select()
        .expr(col("rd", "definition_id"))
        .from_as("history_process", "rd")
        .and_where(col("rd", "root_id").equals((H, "root_id")))
        .and_where(col("rd", "id").equals((H, "root_id")))
        .limit(1)
        .take();
    scalar(query)
}

fn base() -> SelectStatement {
    Query::select()
        .from_as("history_operation", H)
        .and_where(visible(H))
        .take()
}

/// What users have done that meets the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    for (name, column) in [
        ("deploymentId", "deployment_id"),
        ("processDefinitionId", "definition_id"),
        ("processDefinitionKey", "definition_key"),
        ("executionId", "execution_id"),
        ("jobId", "job_id"),
        ("jobDefinitionId", "job_definition_id"),
        ("batchId", "batch_id"),
        ("externalTaskId", "external_task_id"),
        ("userId", "user_id"),
        ("operationType", "operation"),
        ("entityType", "entity"),
        ("category", "category"),
        ("property", "property"),
    ] {
        w.text(name, col(H, column))?;
    }
    if let Some(id) = w.filters.text("taskId")? {
        // It may be one that a client has chosen.
        w.and(col(H, "task_id").eq(Id::of_text(&id).to_string()));
    }
    // There are none.
    for name in ["caseDefinitionId", "caseExecutionId", "caseInstanceId"] {
        if w.filters.text(name)?.is_some() {
            w.and(never());
        }
    }
    instance(&mut w)?;
    w.sees_operations(col(H, "definition_key"), col(H, "category"));
    w.of_own_tenants(col(H, "tenant_id"));
    w.id("operationId", col(H, "operation_id"))?;
    for (name, column) in [("entityTypeIn", "entity"), ("categoryIn", "category")] {
        if let Some(list) = w.filters.list(name)? {
            // An empty text is a list with that text.
            let list = if list.is_empty() {
                vec![String::new()]
            } else {
                list
            };
            w.and(col(H, column).is_in(list));
        }
    }
    w.date("afterTimestamp", |d| col(H, "time").gte(d))?;
    w.date("beforeTimestamp", |d| col(H, "time").lte(d))?;
    let filters = w.filters;
    let condition = w.finish(known::HISTORY_OPERATION)?;
    Listing::new(base().cond_where(condition).take(), columns(), col(H, "id")).sorted(filters, &sort)
}

fn columns() -> Vec<Expr> {
    let mut columns = COLUMNS.map(|name| col(H, name)).to_vec();
    columns.push(root_definition());
    columns.push(history_process::root_end(H));
    columns
}

/// A row of what one operation has told.
pub fn told_by(operation: Id) -> SelectStatement {
    base()
        .exprs(columns())
        .and_where(col(H, "operation_id").eq(operation.0))
        .order_by_expr(col(H, "id"), Order::Asc)
        .limit(1)
        .take()
}

/// `processInstanceId`: of its tree, or named where there was none.
fn instance(w: &mut Where<'_>) -> ApiResult<()> {
    let Some(text) = w.filters.text("processInstanceId")? else {
        return Ok(());
    };
    let named = col(H, "process_instance").eq(text.as_str());
    w.and(match uuids(&[text]).first() {
        Some(id) => col(H, "instance_id").eq(*id),
        None => named,
    });
    Ok(())
}

fn sort(by: &str) -> Option<SortBy> {
    (by == "timestamp").then(|| (col(H, "time"), Kind::Number))
}
