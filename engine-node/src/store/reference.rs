//! What the reference log does to this database, and reading it back.
use super::{
    backend::{Backend, Transaction},
    cell::Cell,
    codec,
    schema::*,
    sql::{Sql, columns, on_conflict_put},
    sql_store::{SqlStore, each},
    *,
};

impl<B: Backend> SqlStore<B> {
    /// See [`Store::apply_reference`].
    pub(crate) async fn apply_entry(&self, index: u64, entries: &[Reference]) -> Result<(), StoreError> {
        let mut transaction = self.backend.begin().await?;
        // Two nodes that apply the same entry meet here; the second finds it done.
        let sql = self
            .sql("UPDATE applied SET \"value\" = ")
            .bind(Type::Big, index as i64);
        let sql = sql
            .push(" WHERE \"name\" = 'log' AND \"value\" < ")
            .bind(Type::Big, index as i64);
        if transaction.run(sql.push(" RETURNING 1")).await?.is_empty() {
            return transaction.commit().await;
        }
        for entry in entries {
            self.apply_one(transaction.as_mut(), entry).await?;
        }
        transaction.commit().await
    }

    fn put(&self, table: &Table, row: Vec<Cell>) -> Sql {
        let sql = self.sql(&format!(
            "INSERT INTO {} ({}) VALUES ",
            table.name,
            columns(table, "")
        ));
        sql.rows(table.columns, &[row])
            .push(" ")
            .push(&on_conflict_put(table))
    }

    async fn apply_one(
        &self,
        transaction: &mut dyn Transaction,
        entry: &Reference,
    ) -> Result<(), StoreError> {
        match entry {
            Reference::Deploy(deployment) => {
                let d = deployment.as_ref();
                let row = vec![
                    d.id.into(),
                    (&d.name).into(),
                    (&d.source).into(),
                    (&d.tenant_id).into(),
                    d.deployed.into(),
                    false.into(),
                ];
                transaction.run(self.put(&DEPLOYMENT, row)).await?;
                for r in &d.resources {
                    let row = vec![
                        d.id.into(),
                        (&r.name).into(),
                        r.id.into(),
                        r.content.clone().into(),
                    ];
                    transaction.run(self.put(&RESOURCE, row)).await?;
                }
                for definition in &d.definitions {
                    transaction
                        .run(self.put(&DEFINITION, codec::definition(definition)))
                        .await?;
                    for row in elements(definition, &d.resources) {
                        transaction.run(self.put(&ELEMENT, row)).await?;
                    }
                }
            }
            Reference::Publish { deployment } => {
                let sql = self.sql("UPDATE deployment SET \"published\" = true WHERE \"id\" = ");
                transaction.run(sql.bind(Type::Uuid, *deployment)).await?;
            }
            Reference::DeleteDeployment { deployment } => {
                let sql = self.sql(
                    "DELETE FROM element WHERE \"definition_id\" IN (SELECT \"id\" FROM definition WHERE \"deployment_id\" = ",
                );
                transaction
                    .run(sql.bind(Type::Uuid, *deployment).push(")"))
                    .await?;
                for (table, column) in [
                    ("definition", "deployment_id"),
                    ("resource", "deployment_id"),
                    ("deployment", "id"),
                ] {
                    let sql = self.sql(&format!("DELETE FROM {table} WHERE \"{column}\" = "));
                    transaction.run(sql.bind(Type::Uuid, *deployment)).await?;
                }
            }
            Reference::SuspendDefinition {
                definition,
                suspended,
            } => {
                let sql = self
                    .sql("UPDATE definition SET \"suspended\" = ")
                    .bind(Type::Bool, *suspended);
                transaction
                    .run(sql.push(" WHERE \"id\" = ").bind(Type::Uuid, *definition))
                    .await?;
            }
            Reference::SetHistoryTtl { definition, days } => {
                let sql = self
                    .sql("UPDATE definition SET \"history_ttl_days\" = ")
                    .bind(Type::Int, *days)
                    .push(" WHERE \"id\" = ")
                    .bind(Type::Uuid, *definition);
                transaction.run(sql).await?;
            }
            Reference::PutUser(user) => {
                let row = vec![
                    (&user.id).into(),
                    (&user.first_name).into(),
                    (&user.last_name).into(),
                    (&user.email).into(),
                    (&user.password_hash).into(),
                ];
                transaction.run(self.put(&ENGINE_USER, row)).await?;
            }
        }
        Ok(())
    }

    /// See [`Store::deployments`].
    pub(crate) async fn all_deployments(&self) -> Result<Vec<(DeploymentRow, bool)>, StoreError> {
        // Three reads: a deployment whose rows come between them is seen whole at the next look.
        let sql = self.sql(&format!(
            "SELECT {} FROM definition ORDER BY \"id\"",
            columns(&DEFINITION, "")
        ));
        let definitions = each(self.backend.read(sql).await?, codec::read_definition)?;
        let sql = self.sql("SELECT \"deployment_id\", \"id\", \"name\" FROM resource ORDER BY \"name\"");
        let resources = each(self.backend.read(sql).await?, |r| {
            Ok((r.id()?, r.id()?, r.text()?))
        })?;
        let sql = self.sql(&format!(
            "SELECT {} FROM deployment ORDER BY \"deployed\", \"id\"",
            columns(&DEPLOYMENT, "")
        ));
        each(self.backend.read(sql).await?, |r| {
            let id = r.id()?;
            let row = DeploymentRow {
                id,
                name: r.text_opt()?,
                source: r.text_opt()?,
                tenant_id: r.text_opt()?,
                deployed: r.int()?,
                resources: resources
                    .iter()
                    .filter(|(of, _, _)| *of == id)
                    .map(|(_, id, name)| ResourceRow {
                        id: *id,
                        name: name.clone(),
                        content: Vec::new(),
                    })
                    .collect(),
                definitions: definitions
                    .iter()
                    .filter(|d| d.deployment_id == id)
                    .cloned()
                    .collect(),
            };
            Ok((row, r.bool()?))
        })
    }
}

/// Rows of `element`: the flow nodes of a definition's model. A file that doesn't parse was never deployed by a node
/// (tests write such ones); it has none.
fn elements(definition: &DefinitionRow, resources: &[ResourceRow]) -> Vec<Vec<Cell>> {
    let file = resources.iter().find(|r| r.name == definition.resource_name);
    let parsed = file
        .and_then(|r| bpmn_core::load(&r.content).ok())
        .unwrap_or_default();
    let of_key = parsed.iter().find(|d| d.key == definition.key);
    let nodes = of_key.into_iter().flat_map(|d| d.activities());
    nodes
        .map(|(id, name, kind)| {
            vec![
                definition.id.into(),
                id.into(),
                name.map_or(Cell::Null, Cell::from),
                kind.into(),
            ]
        })
        .collect()
}
