//! When parts of history are to go, as set by hand: written where the clean-up looks for it, at what trees begin with.
use super::{
    StoreError,
    backend::Backend,
    schema::Type,
    sql_store::{SqlStore, each},
};
use bpmn_core::{Id, Millis};

/// What a removal time is set of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removable {
    /// A process instance that has ended; with the root's all of its tree goes.
    Instance { root: Id, id: Id },
    /// An evaluated decision; `all`: with those that it required.
    Decision { root: Id, id: Id, all: bool },
}

impl<B: Backend> SqlStore<B> {
    /// See [`super::Housekeeping::set_removal`].
    pub(crate) async fn write_removal(&self, of: Removable, at: Option<Millis>) -> Result<bool, StoreError> {
        let (root, table) = match of {
            Removable::Instance { root, .. } => (root, "history_process"),
            Removable::Decision { root, .. } => (root, "history_decision"),
        };
        let Some(slot) = root.slot() else {
            return Ok(false);
        };
        let mut transaction = self.backend.begin().await?;
        let sql = self.sql(&format!(
            "SELECT \"slot\" FROM slot WHERE \"state\" = 0 AND \"slot\" = {}",
            slot.number()
        ));
        let owned = each(transaction.run(sql.postgres(" FOR SHARE")).await?, |r| r.i16())?;
        if owned.is_empty() {
            return Ok(false);
        }
        let sql = self
            .sql(&format!("UPDATE {table} SET \"removal\" = "))
            .bind(Type::Big, at)
            .push(" WHERE \"root_id\" = ")
            .bind(Type::Uuid, root);
        let sql = match of {
            Removable::Decision { id, all: true, .. } => sql
                .push(" AND (\"id\" = ")
                .bind(Type::Uuid, id)
                .push(" OR \"parent_id\" = ")
                .bind(Type::Uuid, id)
                .push(")"),
            Removable::Instance { id, .. } | Removable::Decision { id, .. } => {
                sql.push(" AND \"id\" = ").bind(Type::Uuid, id)
            }
        };
        transaction.run(sql).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
