//! Deleting a deployment or one of its definitions: no more starts, then nothing must run on any shard, then it goes
//! everywhere.
use super::{Replication, payload::Payload};
use crate::{
    app::{Answer, Caller, CatalogView, EngineError},
    store::{
        Entity,
        forget::Forget,
        schema::{HISTORY_DECISION, HISTORY_JOB, HISTORY_PROCESS, Table, visible},
    },
};
use bpmn_core::{Id, command::Command, command::Rejection};
use http::Method;
use sea_query::{Alias, Expr, ExprTrait, Query};
use std::collections::BTreeMap;

/// Instances cancelled per look when a deletion cascades.
const CASCADE_PAGE: u64 = 500;
/// An entry of the job log.
const ENTRY: fn(Id, Id) -> Forget = |root, entry| Forget::Entry { root, entry };
/// Looks before a cascade gives up.
const CASCADE_LOOKS: usize = 10_000;

/// What goes.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    Deployment(Id),
    Definition(Id),
}

impl Subject {
    /// Where other shards are asked for its instances.
    fn path(self) -> String {
        match self {
            Subject::Deployment(id) => format!("/internal/deployment/{id}/instances"),
            Subject::Definition(id) => format!("/internal/definition/{id}/instances"),
        }
    }

    /// Its definitions: row id and REST id.
    fn definitions(self, view: &CatalogView) -> Vec<(Id, String)> {
        match self {
            Subject::Deployment(id) => {
                let all = view.deployments.get(&id).into_iter().flat_map(|d| &d.definitions);
                all.map(|d| (d.id, d.rest_id.clone())).collect()
            }
            Subject::Definition(id) => {
                let found = view.by_id(id).into_iter();
                found.map(|d| (d.row.id, d.row.rest_id.clone())).collect()
            }
        }
    }

    /// Its decisions.
    fn decisions(self, view: &CatalogView) -> Vec<Id> {
        match self {
            Subject::Deployment(id) => {
                let all = view.decisions.all().filter(|d| d.row.deployment_id == id);
                all.map(|d| d.row.id).collect()
            }
            Subject::Definition(_) => Vec::new(),
        }
    }
}

impl Replication {
    /// Deletes definitions on every shard; their deployments stay.
    ///
    /// # Errors
    /// As [`Replication::delete_deployment`]; of several nothing is deleted if instances of one run.
    pub async fn delete_definitions(
        &self,
        caller: &Caller,
        definitions: Vec<Id>,
        cascade: bool,
    ) -> Result<(), EngineError> {
        let caller = caller.clone();
        self.to_the_end(|me| async move {
            me.ensure_applied().await?;
            if !cascade {
                for id in &definitions {
                    me.refuse_if_running(Subject::Definition(*id)).await?;
                }
            }
            for id in definitions {
                me.free(&caller, Subject::Definition(id), cascade).await?;
                me.replicate(Payload::DeleteDefinition {
                    definition: id,
                    cascade,
                })
                .await?;
            }
            Ok(())
        })
        .await
    }

    /// Deletes a deployment with its definitions on every shard.
    ///
    /// # Errors
    /// In the reference's words when instances run and `cascade` is false; [`EngineError::NotReplicated`] when a
    /// shard can't be asked.
    pub async fn delete_deployment(&self, caller: &Caller, id: Id, cascade: bool) -> Result<(), EngineError> {
        let caller = caller.clone();
        self.to_the_end(|me| async move { me.delete_now(&caller, id, cascade).await })
            .await
    }

    async fn delete_now(&self, caller: &Caller, id: Id, cascade: bool) -> Result<(), EngineError> {
        self.ensure_applied().await?;
        let view = self.engine.catalog().view();
        if !view.deployments.contains_key(&id) {
            let message = format!("Deployment with id '{id}' do not exist");
            return Err(EngineError::Invalid {
                kind: "InvalidRequestException",
                message,
            });
        }
        if !cascade {
            self.refuse_if_running(Subject::Deployment(id)).await?;
        }
        self.free(caller, Subject::Deployment(id), cascade).await?;
        self.replicate(Payload::DeleteDeployment {
            deployment: id,
            cascade,
        })
        .await
    }

    /// Sees to it that nothing starts or runs any more.
    async fn free(&self, caller: &Caller, subject: Subject, cascade: bool) -> Result<(), EngineError> {
        let view = self.engine.catalog().view();
        let all = subject.definitions(&view).into_iter();
        let starts = |id: &Id| view.by_id(*id).is_some_and(|d| !d.row.suspended);
        let active: Vec<Id> = all.map(|(id, _)| id).filter(starts).collect();
        self.suspend_definitions(caller, active.clone(), true, false)
            .await?;
        let free = match cascade {
            true => self.cancel_everywhere(caller, subject).await,
            false => self.refuse_if_running(subject).await,
        };
        if let Err(refused) = free {
            self.suspend_definitions(caller, active, false, false).await?;
            return Err(refused);
        }
        Ok(())
    }

    /// Running instances on this shard, by definition.
    pub async fn running(&self, subject: Subject) -> Result<BTreeMap<String, u64>, EngineError> {
        let view = self.engine.catalog().view();
        let mut counts = BTreeMap::new();
        for (id, rest_id) in subject.definitions(&view) {
            let query = instances(&[id])
                .expr(Expr::col((Alias::new("process_instance"), Alias::new("id"))).count())
                .to_owned();
            let rows = self.store.select(&query).await?.rows;
            let count = rows.first().map_or(Ok(0), |row| row.i64(0))?;
            counts.insert(rest_id, count as u64);
        }
        Ok(counts)
    }

    /// Cancels every instance on this shard, and deletes the history of those and of the decisions.
    pub async fn cancel_here(&self, caller: &Caller, subject: Subject) -> Result<(), EngineError> {
        let view = self.engine.catalog().view();
        let definitions = subject.definitions(&view).into_iter();
        let definitions: Vec<Id> = definitions.map(|(id, _)| id).collect();
        if !definitions.is_empty() {
            self.cancel_instances(caller, &definitions).await?;
            let forget = |root, instance| Forget::Instance { root, instance };
            self.forget_all(&HISTORY_PROCESS, "definition_id", &definitions, forget)
                .await?;
            self.forget_all(&HISTORY_JOB, "definition_id", &definitions, ENTRY)
                .await?;
        }
        for root in &definitions {
            self.store.forget(Forget::Starters { root: *root }).await?;
        }
        let deployment = match subject {
            Subject::Deployment(id) => Some(id),
            Subject::Definition(_) => None,
        };
        self.store.forget_making(&definitions, deployment).await?;
        if let Some(id) = deployment {
            // Jobs of batches and of suspensions: the deployment stands where an execution would.
            self.forget_all(&HISTORY_JOB, "execution_id", &[id], ENTRY)
                .await?;
        }
        let decisions = subject.decisions(&view);
        if !decisions.is_empty() {
            let forget = |root, evaluation| Forget::Decision { root, evaluation };
            self.forget_all(&HISTORY_DECISION, "decision_id", &decisions, forget)
                .await?;
        }
        Ok(())
    }

    /// Deletes what history tells of these, page by page; what is being moved meanwhile goes where it has come to.
    async fn forget_all(
        &self,
        table: &Table,
        column: &str,
        of: &[Id],
        forget: fn(Id, Id) -> Forget,
    ) -> Result<(), EngineError> {
        for _ in 0..CASCADE_LOOKS {
            let mut query = rows_of(table.name, column, of);
            if *table == HISTORY_JOB {
                // What no process instance tells: few, and with indexes of their own.
                query.and_where(Expr::col((Alias::new(table.name), Alias::new("instance_id"))).is_null());
            }
            let query = query
                .expr(Expr::col((Alias::new(table.name), Alias::new("root_id"))))
                .expr(Expr::col((Alias::new(table.name), Alias::new("id"))))
                .limit(CASCADE_PAGE)
                .to_owned();
            let rows = self.store.select(&query).await?.rows;
            let mut gone = false;
            for row in rows {
                let what = forget(row.id(0)?, row.id(1)?);
                gone |= self.store.forget(what).await?;
            }
            if !gone {
                return Ok(());
            }
        }
        Err(EngineError::Busy(
            "history of the deployment keeps appearing".into(),
        ))
    }

    async fn cancel_instances(&self, caller: &Caller, definitions: &[Id]) -> Result<(), EngineError> {
        for _ in 0..CASCADE_LOOKS {
            let query = instances(definitions)
                .expr(Expr::col((Alias::new("process_instance"), Alias::new("id"))))
                .limit(CASCADE_PAGE)
                .to_owned();
            let rows = self.store.select(&query).await?.rows;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                let command = Command::Delete {
                    reason: Some("deployment deleted".into()),
                    // Nobody could see what they do, and none may keep the deployment.
                    skip_listeners: true,
                    skip_outputs: true,
                    skip_called: false,
                };
                let render = Box::new(|_: &_, _: &_| Answer::no_content());
                match self.engine.command(caller, row.id(0)?, command, render).await {
                    // It has ended by itself, or moved: the next look tells.
                    Ok(_)
                    | Err(EngineError::NotFound {
                        entity: Entity::Execution,
                        ..
                    }) => {}
                    Err(EngineError::Misdirected { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Err(EngineError::Busy(
            "instances of the deployment keep appearing".into(),
        ))
    }

    async fn refuse_if_running(&self, subject: Subject) -> Result<(), EngineError> {
        let mut counts = self.running(subject).await?;
        let path = subject.path();
        for (shard, urls) in self.peers.others() {
            let answer = self.peers.ask(&shard, &urls, Method::GET, &path, None).await;
            let bytes = answer.map_err(EngineError::NotReplicated)?;
            let theirs: BTreeMap<String, u64> =
                serde_json::from_slice(&bytes).map_err(super::log::internal)?;
            for (definition, count) in theirs {
                *counts.entry(definition).or_default() += count;
            }
        }
        match counts.into_iter().find(|(_, count)| *count > 0) {
            None => Ok(()),
            Some((definition, count)) => Err(EngineError::Rejected(Rejection::Failure {
                message: format!(
                    "ENGINE-03076 Deletion of process definition without cascading failed. Process definition \
                     with id: {definition} can't be deleted, because there are {count} dependent process instances."
                ),
                element: None,
            })),
        }
    }

    async fn cancel_everywhere(&self, caller: &Caller, subject: Subject) -> Result<(), EngineError> {
        self.cancel_here(caller, subject).await?;
        let path = subject.path();
        for (shard, urls) in self.peers.others() {
            let answer = self.peers.ask(&shard, &urls, Method::DELETE, &path, None).await;
            answer.map_err(EngineError::NotReplicated)?;
        }
        Ok(())
    }
}

/// Running instances of these definitions, as far as they may be seen here.
fn instances(definitions: &[Id]) -> sea_query::SelectStatement {
    rows_of("process_instance", "definition_id", definitions)
}

/// Rows of a table whose column names one of these, as far as they may be seen here.
fn rows_of(table: &str, column: &str, of: &[Id]) -> sea_query::SelectStatement {
    let table = || Alias::new(table);
    let ids = of.iter().map(|id| sea_query::Value::from(id.0));
    Query::select()
        .from(table())
        .and_where(Expr::col((table(), Alias::new(column))).is_in(ids))
        .and_where(visible(table()))
        .to_owned()
}
