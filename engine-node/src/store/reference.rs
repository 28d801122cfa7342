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
use sha2::{Digest, Sha256};

impl<B: Backend> SqlStore<B> {
    /// See [`Store::apply_reference`].
    pub(crate) async fn apply_entry(&self, index: u64, entries: &[Reference]) -> Result<bool, StoreError> {
        let mut transaction = self.backend.begin().await?;
        // Two nodes that apply the same entry meet here; the second finds it done.
        let sql = self
            .sql("UPDATE applied SET \"value\" = ")
            .bind(Type::Big, index as i64);
        let sql = sql
            .push(" WHERE \"name\" = 'log' AND \"value\" < ")
            .bind(Type::Big, index as i64);
        if transaction.run(sql.push(" RETURNING 1")).await?.is_empty() {
            transaction.commit().await?;
            return Ok(false);
        }
        for entry in entries {
            self.apply_one(transaction.as_mut(), entry).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    pub(super) fn put(&self, table: &Table, row: Vec<Cell>) -> Sql {
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
                    let Some(model) = model(definition, &d.resources) else {
                        continue;
                    };
                    for row in elements(definition.id, &model) {
                        transaction.run(self.put(&ELEMENT, row)).await?;
                    }
                    for row in job_definitions(definition, &model) {
                        transaction
                            .run(self.put(&JOB_DEFINITION, codec::job_definition(&row)))
                            .await?;
                    }
                }
                for row in d.requirements.iter().map(decision_rows::requirements) {
                    transaction.run(self.put(&DECISION_REQUIREMENTS, row)).await?;
                }
                for row in d.decisions.iter().map(decision_rows::decision) {
                    transaction.run(self.put(&DECISION_DEFINITION, row)).await?;
                }
            }
            Reference::Publish { deployment } => {
                let sql = self.sql("UPDATE deployment SET \"published\" = true WHERE \"id\" = ");
                transaction.run(sql.bind(Type::Uuid, *deployment)).await?;
            }
            Reference::DeleteDeployment { deployment, cascade } => {
                let of = ("deployment_id", *deployment);
                self.delete_definitions(transaction, of, *cascade).await?;
                for (table, column) in [
                    ("decision_definition", "deployment_id"),
                    ("decision_requirements", "deployment_id"),
                    ("resource", "deployment_id"),
                    ("deployment", "id"),
                ] {
                    let sql = self.sql(&format!("DELETE FROM {table} WHERE \"{column}\" = "));
                    transaction.run(sql.bind(Type::Uuid, *deployment)).await?;
                }
            }
            Reference::DeleteDefinition { definition, cascade } => {
                let of = ("id", *definition);
                self.delete_definitions(transaction, of, *cascade).await?;
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
                let jobs = self.suspend_jobs(*definition, None, *suspended);
                transaction.run(jobs).await?;
            }
            Reference::SuspendJobs {
                definition,
                job_definition,
                suspended,
            } => {
                let jobs = self.suspend_jobs(*definition, *job_definition, *suspended);
                transaction.run(jobs).await?;
            }
            Reference::SetJobPriority {
                job_definition,
                priority,
            } => {
                let sql = self
                    .sql("UPDATE job_definition SET \"priority\" = ")
                    .bind(Type::Big, *priority)
                    .push(" WHERE \"id\" = ")
                    .bind(Type::Uuid, *job_definition);
                transaction.run(sql).await?;
            }
            Reference::SetHistoryTtl { definition, days } => {
                let sql = self
                    .sql("UPDATE definition SET \"history_ttl_days\" = ")
                    .bind(Type::Int, *days)
                    .push(" WHERE \"id\" = ")
                    .bind(Type::Uuid, *definition);
                transaction.run(sql).await?;
            }
            Reference::SetDecisionHistoryTtl { decision, days } => {
                let sql = self
                    .sql("UPDATE decision_definition SET \"history_ttl_days\" = ")
                    .bind(Type::Int, *days)
                    .push(" WHERE \"id\" = ")
                    .bind(Type::Uuid, *decision);
                transaction.run(sql).await?;
            }
            Reference::Filter(change) => self.change_filter(transaction, change).await?,
            Reference::Identity(changes) => {
                for change in changes {
                    self.change_identity(transaction, change).await?;
                }
            }
        }
        Ok(())
    }

    fn suspend_jobs(&self, definition: Id, job_definition: Option<Id>, suspended: bool) -> Sql {
        let sql = self
            .sql("UPDATE job_definition SET \"suspended\" = ")
            .bind(Type::Bool, suspended)
            .push(" WHERE \"definition_id\" = ")
            .bind(Type::Uuid, definition);
        match job_definition {
            Some(id) => sql.push(" AND \"id\" = ").bind(Type::Uuid, id),
            None => sql,
        }
    }

    /// See [`Store::job_definitions`].
    pub(crate) async fn all_job_definitions(&self) -> Result<Vec<JobDefinitionRow>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT {} FROM job_definition ORDER BY \"id\"",
            columns(&JOB_DEFINITION, "")
        ));
        each(self.backend.read(sql).await?, codec::read_job_definition)
    }

    /// All rows of a table, by id.
    async fn all(&self, table: &Table) -> Result<Vec<Vec<Cell>>, StoreError> {
        let sql = format!(
            "SELECT {} FROM {} ORDER BY \"id\"",
            columns(table, ""),
            table.name
        );
        self.backend.read(self.sql(&sql)).await
    }

    /// See [`Store::deployments`].
    pub(crate) async fn all_deployments(&self) -> Result<Vec<(DeploymentRow, bool)>, StoreError> {
        // Several reads: a deployment whose rows come between them is seen whole at the next look.
        let sql = self.sql(&format!(
            "SELECT {} FROM definition ORDER BY \"id\"",
            columns(&DEFINITION, "")
        ));
        let definitions = each(self.backend.read(sql).await?, codec::read_definition)?;
        let decisions = each(
            self.all(&DECISION_DEFINITION).await?,
            decision_rows::read_decision,
        )?;
        let requirements = each(
            self.all(&DECISION_REQUIREMENTS).await?,
            decision_rows::read_requirements,
        )?;
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
                decisions: decisions
                    .iter()
                    .filter(|d| d.deployment_id == id)
                    .cloned()
                    .collect(),
                requirements: requirements
                    .iter()
                    .filter(|d| d.deployment_id == id)
                    .cloned()
                    .collect(),
            };
            Ok((row, r.bool()?))
        })
    }
}

/// Rows of `element`: the flow nodes of a definition's model.
fn elements(definition: Id, model: &bpmn_core::Definition) -> Vec<Vec<Cell>> {
    model
        .activities()
        .map(|(id, name, kind)| {
            vec![
                definition.into(),
                id.into(),
                name.map_or(Cell::Null, Cell::from),
                kind.into(),
            ]
        })
        .collect()
}

/// Rows of `job_definition`, whose ids are the same from every node.
fn job_definitions(definition: &DefinitionRow, model: &bpmn_core::Definition) -> Vec<JobDefinitionRow> {
    let all = model.job_definitions().into_iter().enumerate();
    all.map(|(place, job)| {
        let what = format!("{}\n{}", job.element, job.kind.number());
        JobDefinitionRow {
            id: derived_id(definition.id, &what, place as u16, definition.home),
            definition_id: definition.id,
            element: job.element,
            kind: job.kind,
            job_type: job.job_type.to_owned(),
            configuration: job.configuration,
            suspended: definition.suspended,
            priority: None,
        }
    })
    .collect()
}

/// The model of a definition. A file that doesn't parse was never deployed by a node (tests write such ones).
fn model(definition: &DefinitionRow, resources: &[ResourceRow]) -> Option<bpmn_core::Definition> {
    let file = resources.iter().find(|r| r.name == definition.resource_name)?;
    let parsed = bpmn_core::load(&file.content).ok()?;
    parsed.into_iter().find(|d| d.key == definition.key)
}

/// An id that follows from a definition's and from what it is of; ids of one definition are in the order of `place`.
fn derived_id(definition: Id, what: &str, place: u16, slot: Slot) -> Id {
    let hash = Sha256::digest(format!("{definition}\n{what}"));
    let random = hash
        .iter()
        .take(6)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte));
    Id::from_parts(definition.millis(), place, slot, random)
}
