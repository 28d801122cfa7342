//! Definitions that were deleted without their history: what that needs of them stays. Such a row is of no deployment,
//! so neither lists nor starts find it, nor do nodes of the release before; its elements stay with it.
use super::{
    backend::{Backend, Transaction},
    codec,
    schema::*,
    sql::columns,
    sql_store::{SqlStore, each},
    *,
};
use std::collections::HashMap;

/// A definition that was deleted, and its history wasn't.
#[derive(Clone, Debug)]
pub struct Gone {
    pub row: DefinitionRow,
    /// By element: its name and REST's `activityType`.
    pub elements: HashMap<String, (Option<String>, String)>,
}

impl<B: Backend> SqlStore<B> {
    /// Deletes the definitions whose column has that value: with their elements, or all but what history needs.
    pub(super) async fn delete_definitions(
        &self,
        transaction: &mut dyn Transaction,
        (column, value): (&str, Id),
        cascade: bool,
    ) -> Result<(), StoreError> {
        let parts: &[&str] = match cascade {
            true => &["element", "job_definition"],
            false => &["job_definition"],
        };
        for table in parts {
            let sql = self.sql(&format!(
                "DELETE FROM {table} WHERE \"definition_id\" IN (SELECT \"id\" FROM definition WHERE \"{column}\" = "
            ));
            transaction.run(sql.bind(Type::Uuid, value).push(")")).await?;
        }
        let sql = match cascade {
            true => self.sql("DELETE FROM definition"),
            false => self
                .sql("UPDATE definition SET \"deployment_id\" = ")
                .bind(Type::Uuid, Id::NIL),
        };
        let sql = sql.push(&format!(" WHERE \"{column}\" = "));
        transaction.run(sql.bind(Type::Uuid, value)).await.map(drop)
    }

    /// See [`Store::gone_definitions`].
    pub(crate) async fn all_gone(&self) -> Result<Vec<Gone>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT {} FROM definition WHERE \"deployment_id\" = ",
            columns(&DEFINITION, "")
        ));
        let sql = sql.bind(Type::Uuid, Id::NIL).push(" ORDER BY \"id\"");
        let rows = each(self.backend.read(sql).await?, codec::read_definition)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let sql = self.sql(
            "SELECT e.\"definition_id\", e.\"element\", e.\"name\", e.\"kind\" FROM element e JOIN definition d \
             ON d.\"id\" = e.\"definition_id\" WHERE d.\"deployment_id\" = ",
        );
        let mut elements: HashMap<Id, HashMap<_, _>> = HashMap::new();
        let found = self.backend.read(sql.bind(Type::Uuid, Id::NIL)).await?;
        for (id, element, shown) in each(found, |r| Ok((r.id()?, r.text()?, (r.text_opt()?, r.text()?))))? {
            elements.entry(id).or_default().insert(element, shown);
        }
        let gone = rows.into_iter().map(|row| Gone {
            elements: elements.remove(&row.id).unwrap_or_default(),
            row,
        });
        Ok(gone.collect())
    }
}
