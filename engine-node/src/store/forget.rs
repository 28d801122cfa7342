//! Deleting parts of history by hand, in one transaction that a move of the slot waits for.
use super::{
    backend::Backend,
    schema::*,
    sql_store::{SqlStore, each},
    *,
};

/// What history is to forget, in the tree of `root`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    /// A process instance that has ended, with all that is told of it; instances that it called stay.
    Instance { root: Id, instance: Id },
    /// All variables of a process instance with their values.
    Variables { root: Id, instance: Id },
    /// One variable with its values.
    Variable { root: Id, variable: Id },
    /// A decision that was evaluated, with what it had and gave; as a root with its whole tree, which is found by it.
    Decision { root: Id, evaluation: Id },
    /// Who might start a definition, which is the root.
    Starters { root: Id },
    /// An entry about a job of no instance.
    Entry { root: Id, entry: Id },
}

impl Forget {
    fn root(self) -> Id {
        match self {
            Forget::Instance { root, .. }
            | Forget::Variables { root, .. }
            | Forget::Variable { root, .. }
            | Forget::Decision { root, .. }
            | Forget::Entry { root, .. }
            | Forget::Starters { root } => root,
        }
    }

    /// Tables with the column that names what goes, and its value.
    fn rows(self) -> Vec<(&'static str, &'static str, Id)> {
        match self {
            Forget::Instance { instance, .. } => {
                let mut rows = vec![(HISTORY_PROCESS.name, "id", instance)];
                let told = super::cleanup::history().filter(|table| {
                    // What users have done is told on.
                    ![HISTORY_DECISION.name, HISTORY_OPERATION.name].contains(&table.name)
                        && table.columns.iter().any(|c| c.name == "instance_id")
                });
                rows.extend(told.map(|table| (table.name, "instance_id", instance)));
                rows
            }
            Forget::Variables { instance, .. } => vec![
                (HISTORY_VARIABLE.name, "instance_id", instance),
                (HISTORY_DETAIL.name, "instance_id", instance),
                (HISTORY_FORM_FIELD.name, "instance_id", instance),
            ],
            Forget::Starters { root } => vec![(HISTORY_IDENTITY_LINK.name, "root_id", root)],
            Forget::Entry { entry, .. } => vec![(HISTORY_JOB.name, "id", entry)],
            Forget::Variable { variable, .. } => vec![
                (HISTORY_VARIABLE.name, "id", variable),
                (HISTORY_DETAIL.name, "variable_id", variable),
            ],
            Forget::Decision { root, evaluation } if root == evaluation => {
                [HISTORY_DECISION_INPUT, HISTORY_DECISION_OUTPUT, HISTORY_DECISION]
                    .map(|table| (table.name, "root_id", root))
                    .to_vec()
            }
            Forget::Decision { evaluation, .. } => vec![
                (HISTORY_DECISION_INPUT.name, "evaluation_id", evaluation),
                (HISTORY_DECISION_OUTPUT.name, "evaluation_id", evaluation),
                (HISTORY_DECISION.name, "id", evaluation),
            ],
        }
    }
}

/// `made_retries` of a job that history has forgotten the making of.
pub const UNTOLD: i32 = -1;

/// Milliseconds of a day, as the statements have it.
const DAY: i64 = 86_400_000;

impl<B: Backend> SqlStore<B> {
    /// When what users have done in a tree is to go, since the tree's own row won't tell any more.
    fn keep_removal(&self, root: Id) -> super::sql::Sql {
        let ended = format!("h.\"ended\" + d.\"history_ttl_days\" * CAST({DAY} AS bigint)");
        self.sql(&format!(
            "UPDATE history_operation SET \"removal\" = (SELECT coalesce(h.\"removal\", {ended}) FROM history_process h \
             LEFT JOIN definition d ON d.\"id\" = h.\"definition_id\" WHERE h.\"id\" = "
        ))
        .bind(Type::Uuid, root)
        .push(" LIMIT 1) WHERE \"root_id\" = ")
        .bind(Type::Uuid, root)
    }

    /// See [`super::Housekeeping::forget`].
    pub(crate) async fn forget_rows(&self, what: Forget) -> Result<bool, StoreError> {
        let root = what.root();
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
        if let Forget::Instance { instance, .. } = what {
            if instance == root {
                transaction.run(self.keep_removal(root)).await?;
            }
            // They are found by their tasks, so they go first.
            for table in [COMMENT.name, ATTACHMENT.name] {
                let sql = self
                    .sql(&format!("DELETE FROM {table} WHERE \"root_id\" = "))
                    .bind(Type::Uuid, root)
                    .push(" AND \"task_id\" IN (SELECT \"id\" FROM history_task WHERE \"root_id\" = ")
                    .bind(Type::Uuid, root)
                    .push(" AND \"instance_id\" = ")
                    .bind(Type::Uuid, instance)
                    .push(")");
                transaction.run(sql).await?;
            }
        }
        for (table, column, id) in what.rows() {
            let sql = self
                .sql(&format!("DELETE FROM {table} WHERE \"root_id\" = "))
                .bind(Type::Uuid, root)
                .push(&format!(" AND \"{column}\" = "))
                .bind(Type::Uuid, id);
            transaction.run(sql).await?;
        }
        // Contents that nothing of the tree refers to any more.
        let mut sql = self
            .sql("DELETE FROM large_value WHERE \"root_id\" = ")
            .bind(Type::Uuid, root);
        for table in [VARIABLE.name, HISTORY_VARIABLE.name, HISTORY_DETAIL.name] {
            sql = sql
                .push(&format!(
                    " AND NOT EXISTS (SELECT 1 FROM {table} x WHERE x.\"large_id\" = large_value.\"id\" AND x.\"root_id\" = "
                ))
                .bind(Type::Uuid, root)
                .push(")");
        }
        transaction.run(sql).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// See [`super::Housekeeping::forget_making`].
    pub(crate) async fn forget_jobs_made(
        &self,
        definitions: &[Id],
        deployment: Option<Id>,
    ) -> Result<(), StoreError> {
        let of_definitions = definitions.iter().map(|id| ("definition_id", *id));
        let of = of_definitions.chain(deployment.map(|id| ("execution_id", id)));
        for (column, id) in of {
            let sql = self
                .sql(&format!(
                    "UPDATE job SET \"made_due\" = CASE WHEN \"made_retries\" IS NULL THEN \"due\" ELSE \"made_due\" END, \
                     \"made_priority\" = coalesce(\"made_priority\", \"priority\"), \"made_retries\" = {UNTOLD} WHERE \"instance_id\" IS NULL AND \"{column}\" = "
                ))
                .bind(Type::Uuid, id);
            let mut transaction = self.backend.begin().await?;
            transaction.run(sql).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}
