//! What a definition brings to the home slot of its key: start timers, and what history tells of its candidates. Brought
//! by the shard that owns that slot, exactly once.
//!
//! The jobs are written together with an idempotency row of the slot, so that of several nodes one arms, and what is
//! armed moves with the slot. Jobs of versions that are no longer the newest are deleted.
use super::{Replication, digest};
use crate::{
    app::{CatalogView, Deployed, EngineError, commands::Owned, writer::now},
    store::{Applied, IdempotencyRow, Unit, schema::visible},
};
use bpmn_core::{
    Id, Slot,
    instance::{HistoricIdentityLink, HistoricJob, HistoryRow, Job, JobKind, RunState},
    timer,
};
use sea_query::{Alias, Expr, ExprTrait, Query};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

impl Replication {
    /// Brings the start timer jobs of the slots owned here to what is published; false if something is left to do.
    /// Repeatable; does nothing while neither log nor slots have changed.
    pub async fn arm_start_timers(&self) -> Result<bool, EngineError> {
        let view = self.engine.catalog().view();
        let owned = self.engine.owned();
        let is_seen =
            |(applied, slots): &(u64, Arc<Owned>)| *applied == view.applied && Arc::ptr_eq(slots, &owned);
        let seen = || self.timers_seen.lock().unwrap_or_else(|e| e.into_inner());
        if seen().as_ref().is_some_and(is_seen) {
            return Ok(true);
        }
        let mut complete = self.tidy_jobs(&owned).await?;
        for deployed in view.all_latest().filter(|d| owned.owns(d.row.home)) {
            if !deployed.definition.start_timers().is_empty() {
                complete &= self.arm(deployed).await?;
            }
        }
        for deployed in view.all().filter(|d| d.published && owned.owns(d.row.home)) {
            complete &= self.tell_starters(deployed, &view).await?;
        }
        if complete {
            *seen() = Some((view.applied, owned));
        }
        Ok(complete)
    }

    /// Deletes start timer jobs of definitions that are no longer the newest; false if something is left to do. The
    /// definitions are read after the jobs and from the database: another node may have armed what this node's
    /// catalog doesn't show yet.
    async fn tidy_jobs(&self, owned: &Owned) -> Result<bool, EngineError> {
        let column = |name: &'static str| Expr::col((Alias::new("job"), Alias::new(name)));
        let query = Query::select()
            .expr(column("id"))
            .expr(column("definition_id"))
            .from(Alias::new("job"))
            .and_where(column("kind").eq(JobKind::TimerStart.number()))
            .and_where(visible(Alias::new("job")))
            .to_owned();
        let mut jobs = Vec::new();
        for row in self.store.select(&query).await?.rows {
            jobs.push((row.id(0)?, row.id(1)?));
        }
        if jobs.is_empty() {
            return Ok(true);
        }
        let newest = self.newest_now().await?;
        let mut complete = true;
        for (job, definition) in jobs {
            let Some(slot) = job.slot().filter(|slot| owned.owns(*slot)) else {
                continue;
            };
            if newest.contains(&definition) {
                continue;
            }
            let told = self.store.start_job(job).await?.filter(|job| job.recorded);
            let told = told.map(|job| HistoricJob {
                id: self.engine.new_id(slot),
                job: Arc::new(job),
                time: now(),
                state: RunState::Deleted,
                error_message: None,
                stacktrace: None,
            });
            let unit = Unit {
                slots: vec![slot],
                start_jobs_gone: vec![job],
                start_history: told.into_iter().collect(),
                ..Unit::default()
            };
            // A conflict means that it fires just now; what it fires next is met at the next look.
            complete &= self.store.write(&[unit]).await?.first() == Some(&Applied::Done);
        }
        Ok(complete)
    }

    /// The newest published definition of each key and tenant in the database.
    async fn newest_now(&self) -> Result<HashSet<Id>, EngineError> {
        let mut newest: HashMap<(String, Option<String>), (i32, Id)> = HashMap::new();
        for (deployment, published) in self.store.deployments().await? {
            for d in deployment.definitions.into_iter().filter(|_| published) {
                let this = (d.version, d.id);
                let entry = newest.entry((d.key, d.tenant_id)).or_insert(this);
                *entry = (*entry).max(this);
            }
        }
        Ok(newest.into_values().map(|(_, id)| id).collect())
    }

    /// Notes definitions that are the newest again because a newer one was deleted: their timers are armed anew.
    pub(super) fn note_newest_again(&self, old: &CatalogView, new: &CatalogView) {
        let mut again = self.newest_again.lock().unwrap_or_else(|e| e.into_inner());
        for now in new.all_latest() {
            if let Some(before) = old.latest(&now.row.key, now.row.tenant_id.as_deref())
                && before.row.version > now.row.version
            {
                again.insert(now.row.id, before.row.id);
            }
        }
    }

    /// Writes the jobs of a definition if nobody has; false when the slot is not owned here any more.
    async fn arm(&self, deployed: &Deployed) -> Result<bool, EngineError> {
        let row = &deployed.row;
        let deleted = self
            .newest_again
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .get(&row.id)
            .copied();
        let deleted = deleted
            .map(|newer| format!("\nafter {newer}"))
            .unwrap_or_default();
        let mark = mark(row.home, format!("start-timers\n{}{deleted}", row.id));
        if self.store.idempotency(mark.slot, &mark.key).await?.is_some() {
            return Ok(true);
        }
        let mut unit = Unit {
            slots: vec![row.home],
            idempotency: vec![mark],
            ..Unit::default()
        };
        for start in deployed.definition.start_timers() {
            match timer::next(start.kind, &start.text, now(), None) {
                Ok(Some((due, repeat))) => {
                    let id = job_id(row.id, &start.element, row.home);
                    let set = deployed.job_definition(&start.element, JobKind::TimerStart);
                    let retries = self.engine.settings().retries();
                    let retries = deployed.definition.start_tries(&start.element, retries);
                    let job = Job {
                        id,
                        root_id: id,
                        instance_id: None,
                        token_id: None,
                        execution_id: None,
                        definition_id: row.id,
                        element: start.element,
                        kind: JobKind::TimerStart,
                        due: Some(due),
                        retries,
                        exclusive: start.exclusive,
                        priority: set.and_then(|j| j.priority).or(start.priority).unwrap_or(0),
                        suspended: row.suspended || set.is_some_and(|j| j.suspended),
                        created: now(),
                        lock_owner: None,
                        lock_expires: None,
                        error_message: None,
                        stacktrace: None,
                        failed_element: None,
                        made: Default::default(),
                        repeat,
                        tenant_id: row.tenant_id.clone(),
                        recorded: self.engine.tells(&row.key, bpmn_core::history::Kind::Job),
                    };
                    unit.start_jobs.push(job.fresh());
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(definition = row.rest_id, element = start.element, %error, "start timer never fires");
                }
            }
        }
        match self.store.write(&[unit]).await?.first() {
            Some(Applied::Done) => {
                tracing::info!(definition = row.rest_id, "start timers armed");
                self.engine.executor().wake();
                Ok(true)
            }
            Some(Applied::Duplicate) => Ok(true),
            _ => Ok(false),
        }
    }

    /// Tells history who may start a definition, once; false when the slot is not owned here any more.
    async fn tell_starters(&self, deployed: &Deployed, view: &CatalogView) -> Result<bool, EngineError> {
        let (row, starters) = (&deployed.row, &deployed.definition.starters);
        let told = || self.starters_told.lock().unwrap_or_else(|e| e.into_inner());
        let kept = self.engine.tells(&row.key, bpmn_core::history::Kind::LinkAdded);
        if starters.is_empty() || !kept || told().contains(&row.id) {
            return Ok(true);
        }
        let mark = mark(row.home, format!("starters\n{}", row.id));
        let mut done = self.store.idempotency(mark.slot, &mark.key).await?.is_some();
        if !done {
            let time = view
                .deployments
                .get(&row.deployment_id)
                .map_or_else(now, |d| d.deployed);
            let rows = starters.iter().map(|starter| {
                let name = |group| (starter.group == group).then(|| starter.name.clone());
                HistoryRow::IdentityLink(HistoricIdentityLink {
                    id: self.engine.new_id(row.home),
                    task_id: None,
                    instance_id: None,
                    definition_id: Some(row.id),
                    kind: "candidate".to_owned(),
                    user_id: name(false),
                    group_id: name(true),
                    added: true,
                    operator: None,
                    time,
                    tenant_id: row.tenant_id.clone(),
                })
            });
            let unit = Unit {
                slots: vec![row.home],
                alone: Some((row.id, rows.collect())),
                idempotency: vec![mark],
                ..Unit::default()
            };
            let written = self.store.write(&[unit]).await?;
            done = matches!(written.first(), Some(Applied::Done | Applied::Duplicate));
        }
        if done {
            told().insert(row.id);
        }
        Ok(done)
    }
}

/// Remembers, in a slot, that something was done for it.
fn mark(slot: Slot, key: String) -> IdempotencyRow {
    IdempotencyRow {
        slot,
        key,
        digest: String::new(),
        status: 204,
        body: String::new(),
        created: now(),
        instance_id: None,
    }
}

/// The id of a definition's first start timer job: the same from every node.
fn job_id(definition: Id, element: &str, home: Slot) -> Id {
    let hash = digest(format!("{definition}\n{element}").as_bytes());
    let random = u64::from_str_radix(&hash[..12], 16).unwrap_or_default();
    let sequence = u16::from_str_radix(&hash[12..15], 16).unwrap_or_default();
    Id::from_parts(definition.millis(), sequence, home, random)
}
