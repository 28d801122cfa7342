//! The user operation log as rows.
use super::{
    StoreError,
    backend::Backend,
    cell::Cell,
    codec::Place,
    schema::{HISTORY_OPERATION, Type},
    sql_store::{SqlStore, each},
    units::numbers,
};
use bpmn_core::{Id, Millis, Slot};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A word of the reference's, or any text.
pub type Word = Cow<'static, str>;

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationRow {
    pub id: Id,
    /// Root of its tree, or the operation's id.
    pub root_id: Id,
    /// Of its tree, 0 without one.
    pub retention: i16,
    pub instance_id: Option<Id>,
    /// The same for all that one request has told.
    pub operation_id: Id,
    pub user_id: Option<String>,
    pub time: Millis,
    #[serde(flatten)]
    pub told: Told,
}

/// What is told of one property.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Told {
    /// `Operator`, `TaskWorker` or `Admin`.
    pub category: Word,
    /// `entityType` of REST.
    pub entity: Word,
    /// `operationType` of REST.
    pub operation: Word,
    pub property: Option<Word>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub deployment_id: Option<String>,
    /// REST's id of the process definition.
    pub definition_id: Option<String>,
    pub definition_key: Option<String>,
    /// As a client named it, where that is in no tree.
    pub process_instance: Option<String>,
    pub execution_id: Option<String>,
    pub task_id: Option<String>,
    pub job_id: Option<String>,
    pub job_definition_id: Option<String>,
    pub batch_id: Option<String>,
    pub external_task_id: Option<String>,
    pub tenant_id: Option<String>,
    pub annotation: Option<String>,
}

macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$(Cell::from($value)),*] };
}

fn word(word: &Option<Word>) -> Option<&str> {
    word.as_deref()
}

/// Its cells, in the order of [`HISTORY_OPERATION`].
pub(super) fn cells(row: &OperationRow) -> Result<Vec<Cell>, StoreError> {
    let (at, t) = (Place::of(row.root_id)?, &row.told);
    Ok(cells![
        row.id,
        at.slot,
        row.retention,
        row.root_id,
        row.instance_id,
        row.operation_id,
        &row.user_id,
        row.time,
        &*t.category,
        &*t.entity,
        &*t.operation,
        word(&t.property),
        &t.old,
        &t.new,
        &t.deployment_id,
        &t.definition_id,
        &t.definition_key,
        &t.process_instance,
        &t.execution_id,
        &t.task_id,
        &t.job_id,
        &t.job_definition_id,
        &t.batch_id,
        &t.external_task_id,
        &t.tenant_id,
        &t.annotation,
        Cell::Null,
    ])
}

impl<B: Backend> SqlStore<B> {
    /// See [`super::Housekeeping::annotate_operation`].
    pub(crate) async fn write_annotation(
        &self,
        operation: Id,
        text: Option<&str>,
    ) -> Result<Option<bool>, StoreError> {
        let table = HISTORY_OPERATION.name;
        let mut transaction = self.backend.begin().await?;
        let sql = self
            .sql(&format!(
                "SELECT DISTINCT \"slot\" FROM {table} WHERE \"slot\" NOT IN (SELECT \"slot\" FROM hidden_slot) AND \
                 \"operation_id\" = "
            ))
            .bind(Type::Uuid, operation);
        let damaged = |_| StoreError::Internal("a row names no slot".to_string());
        let slots = each(transaction.run(sql).await?, |r| {
            Slot::new(r.i16()? as u16).map_err(damaged)
        })?;
        if slots.is_empty() {
            return Ok(Some(false));
        }
        let sql = self.sql(&format!(
            "SELECT \"slot\" FROM slot WHERE \"state\" = 0 AND \"slot\" IN ({}) ORDER BY \"slot\"",
            numbers(&slots)
        ));
        let owned = each(transaction.run(sql.postgres(" FOR SHARE")).await?, |r| r.i16())?;
        if owned.len() < slots.len() {
            return Ok(None);
        }
        let sql = self
            .sql(&format!("UPDATE {table} SET \"annotation\" = "))
            .bind(Type::Text, text)
            .push(&format!(
                " WHERE \"slot\" IN ({}) AND \"operation_id\" = ",
                numbers(&slots)
            ))
            .bind(Type::Uuid, operation);
        transaction.run(sql).await?;
        transaction.commit().await?;
        Ok(Some(true))
    }
}
