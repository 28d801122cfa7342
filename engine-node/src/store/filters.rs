//! Stored filters of task lists as the reference log changes them.
use super::{
    StoreError,
    backend::{Backend, Transaction},
    cell::Cell,
    schema::{TASK_FILTER, Type},
    sql_store::SqlStore,
};
use bpmn_core::Id;
use serde::{Deserialize, Serialize};

/// A stored filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterRow {
    pub id: Id,
    pub name: String,
    pub owner: Option<String>,
    /// A JSON object as a client wrote it.
    pub query: String,
    /// A JSON object.
    pub properties: Option<String>,
}

/// One change, as it stands in the log: its form is stored and read by other releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterChange {
    Put(FilterRow),
    Delete(Id),
}

impl<B: Backend> SqlStore<B> {
    pub(super) async fn change_filter(
        &self,
        transaction: &mut dyn Transaction,
        change: &FilterChange,
    ) -> Result<(), StoreError> {
        let sql = match change {
            FilterChange::Put(f) => {
                let row: Vec<Cell> = vec![
                    f.id.into(),
                    (&f.name).into(),
                    (&f.owner).into(),
                    (&f.query).into(),
                    (&f.properties).into(),
                ];
                self.put(&TASK_FILTER, row)
            }
            FilterChange::Delete(id) => self
                .sql("DELETE FROM task_filter WHERE \"id\" = ")
                .bind(Type::Uuid, *id),
        };
        transaction.run(sql).await.map(drop)
    }
}
