//! Keeping up: applying what stands in the log, loading the catalog, publishing what its writer left unpublished.
use super::{Replication, is_bpmn, log};
use crate::{
    app::{
        Deployed, EngineError,
        catalog::CatalogView,
        decisions::{Decisions, DeployedDecision},
    },
    store::{DeploymentRow, JobDefinitionRow, Reference, Subject},
};
use bpmn_core::{Definition, Id};
use service::Readiness;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a request with a newer log index waits for this node.
const WAIT_FOR_INDEX: Duration = Duration::from_secs(5);
/// After this time a deployment that its writer has not published is published by whoever sees it.
const PUBLISH_FOR_OTHERS: Duration = Duration::from_secs(30);
/// Pause between two tries of what has to be done, and between two looks while something is awaited.
const SOON: Duration = Duration::from_secs(1);

impl Replication {
    /// Applies everything up to the head and loads the catalog; gives the index applied.
    ///
    /// # Errors
    /// The log or a payload can't be reached, or the database.
    pub async fn catch_up(&self) -> Result<u64, EngineError> {
        let _turn = self.applying.lock().await;
        let published = self.log.published();
        let mut applied = self.store.applied_index().await?;
        loop {
            let steps = self.log.after(applied).await?;
            if steps.is_empty() {
                break;
            }
            for step in steps {
                if let Some((key, memory)) = &step.memory {
                    let bytes = serde_json::to_vec(memory).map_err(log::internal)?;
                    self.store.put_payload(key, &bytes).await?;
                }
                self.store.apply_reference(step.index, &step.references).await?;
                self.note_seen(applied, step.index, &step.references);
                applied = step.index;
            }
        }
        self.load_catalog(applied).await?;
        self.published.fetch_max(published, Ordering::AcqRel);
        // Whoever waits for this entry is to find the jobs of its timer start events; what fails is tried again later.
        if let Err(error) = self.arm_start_timers().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "start timers not armed");
        }
        self.log.confirm(applied).await?;
        Ok(applied)
    }

    /// Remembers what an entry that was applied here changes.
    fn note_seen(&self, before: u64, index: u64, references: &[Reference]) {
        let mut seen = self.seen.lock().unwrap_or_else(|e| e.into_inner());
        if seen.last != before {
            *seen = super::Seen {
                after: before,
                ..super::Seen::default()
            };
        }
        seen.last = index;
        let identity = |one: &Reference| matches!(one, Reference::Identity(_));
        seen.identity |= references.iter().any(identity);
        // A publication that another node of the shard has applied leaves nothing to do here but to load it.
        seen.catalog |= references.is_empty() || !references.iter().all(identity);
    }

    /// Whether identity, and whether anything else, may have changed from one entry to another.
    fn changed_between(&self, from: u64, to: u64) -> (bool, bool) {
        let mut seen = self.seen.lock().unwrap_or_else(|e| e.into_inner());
        let known = seen.after <= from && seen.last == to;
        let changed = match known {
            true => (seen.identity, seen.catalog),
            false => (true, true),
        };
        *seen = super::Seen {
            after: to,
            last: to,
            ..super::Seen::default()
        };
        changed
    }

    /// Waits (within 5 s) until what is published up to `index` is applied here.
    ///
    /// # Errors
    /// [`EngineError::NotReplicated`] when it isn't by then.
    pub async fn ensure_published(&self, index: u64) -> Result<(), EngineError> {
        if self.published() >= index {
            return Ok(());
        }
        let mut news = self.engine.news().of(Subject::Log);
        let reached = async {
            while self.published() < index {
                if self.catch_up().await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                } else if self.published() < index {
                    let applied = self.engine.catalog().view().applied;
                    tokio::select! {
                        () = self.log.changed(applied, self.published()) => {}
                        () = news.news() => {}
                        () = tokio::time::sleep(SOON) => {}
                    }
                }
            }
        };
        timeout(WAIT_FOR_INDEX, reached).await.map_err(|_| {
            EngineError::NotReplicated(format!(
                "this node has not applied the reference log up to {index} yet"
            ))
        })
    }

    /// Whether this node has been at the head of the log since its start.
    pub fn has_caught_up(&self) -> bool {
        self.generation.load(Ordering::Acquire) > 0
    }

    /// Brings this node to the head: before something is said not to exist.
    pub async fn ensure_applied(&self) -> Result<(), EngineError> {
        self.catch_up().await.map(|_| ())
    }

    /// A definition by REST's id; the head is read before it is said not to exist.
    pub async fn definition(&self, rest_id: &str) -> Result<Option<Arc<Deployed>>, EngineError> {
        if let Some(known) = self.engine.catalog().view().by_rest_id(rest_id) {
            return Ok(Some(known.clone()));
        }
        self.ensure_applied().await?;
        Ok(self.engine.catalog().view().by_rest_id(rest_id).cloned())
    }

    /// The newest published definition of a key; the head is read before it is said not to exist.
    pub async fn latest(
        &self,
        key: &str,
        tenant: Option<&str>,
    ) -> Result<Option<Arc<Deployed>>, EngineError> {
        if let Some(known) = self.engine.catalog().view().latest(key, tenant) {
            return Ok(Some(known.clone()));
        }
        self.ensure_applied().await?;
        Ok(self.engine.catalog().view().latest(key, tenant).cloned())
    }

    /// Follows the log until `stop`; the part `reference-log` of `ready` tells whether this node keeps up.
    pub async fn follow(self: Arc<Self>, ready: Readiness, stop: CancellationToken) {
        let mut news = self.engine.news().of(Subject::Log);
        loop {
            match self.catch_up().await {
                Ok(_) => ready.ready("reference-log"),
                // A log that can't be reached leaves what is applied as it is: the node serves on.
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "reference log not followed"
                    );
                    let pause = tokio::time::sleep(Duration::from_millis(500));
                    tokio::select! { () = stop.cancelled() => return, () = pause => continue }
                }
            }
            let armed = self.arm_start_timers().await;
            if let Err(error) = &armed {
                tracing::warn!(error = error as &dyn std::error::Error, "start timers not armed");
            }
            if let Err(error) = self.publish_for_others().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "deployment left unpublished"
                );
            }
            let applied = self.engine.catalog().view().applied;
            let open = !matches!(armed, Ok(true)) || self.awaits_publication();
            let pause = if open {
                SOON
            } else {
                self.engine.settings().idle_look
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.log.changed(applied, self.published()) => {}
                () = news.news() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whether something is applied and not published.
    fn awaits_publication(&self) -> bool {
        !self.waiting.lock().unwrap_or_else(|e| e.into_inner()).is_empty()
    }

    /// Publishes what has waited so long that its writer must be gone.
    async fn publish_for_others(&self) -> Result<(), EngineError> {
        let view = self.engine.catalog().view();
        let processes = view.all().filter(|d| !d.published).map(|d| d.row.deployment_id);
        let decisions = view
            .decisions
            .all()
            .filter(|d| !d.published)
            .map(|d| d.row.deployment_id);
        let open: Vec<_> = processes.chain(decisions).collect();
        let overdue = {
            let mut waiting = self.waiting.lock().unwrap_or_else(|e| e.into_inner());
            waiting.retain(|id, _| open.contains(id));
            open.iter()
                .any(|id| waiting.entry(*id).or_insert_with(Instant::now).elapsed() > PUBLISH_FOR_OTHERS)
        };
        // While this node deploys itself, what is open may be its own.
        if overdue && let Ok(_turn) = self.appending.try_lock() {
            let head = self.catch_up().await?;
            tracing::info!(index = head, "publishing a deployment whose writer is gone");
            self.publish(head).await?;
        }
        Ok(())
    }

    /// Puts a catalog in place that shows the database at `applied`, parsing only what is new.
    async fn load_catalog(&self, applied: u64) -> Result<(), EngineError> {
        let old = self.engine.catalog().view();
        if old.applied == applied && self.has_caught_up() {
            return Ok(());
        }
        let (identity, catalog) = self.changed_between(old.applied, applied);
        if identity || !self.has_caught_up() {
            self.identity.fetch_add(1, Ordering::AcqRel);
        }
        if !catalog && self.has_caught_up() {
            self.engine.catalog().replace(old.at(applied));
            return Ok(());
        }
        let mut deployments = BTreeMap::new();
        let mut deployed = Vec::new();
        let mut jobs: HashMap<Id, Vec<JobDefinitionRow>> = HashMap::new();
        for row in self.store.job_definitions().await? {
            jobs.entry(row.definition_id).or_default().push(row);
        }
        let mut decisions = Decisions::after(&old.decisions);
        for (row, published) in self.store.deployments().await? {
            let mut parsed: HashMap<String, HashMap<String, Arc<Definition>>> = HashMap::new();
            for definition in &row.definitions {
                let known = old.by_id(definition.id).map(|d| d.definition.clone());
                let model = match known {
                    Some(model) => model,
                    None => self.model(&row, definition, &mut parsed).await?,
                };
                let jobs = jobs.remove(&definition.id).unwrap_or_default();
                deployed.push(Arc::new(Deployed::new(
                    definition.clone(),
                    model,
                    published,
                    jobs,
                )));
            }
            for decision in self.decisions(&row, published, &old).await? {
                decisions.insert(decision);
            }
            for requirements in row.requirements.iter().filter(|_| published) {
                decisions.insert_requirements(requirements.clone());
            }
            deployments.insert(row.id, row);
        }
        let gone = self.store.gone_definitions().await?;
        let view = CatalogView::new(deployments, deployed, decisions, applied).with_gone(gone);
        self.note_newest_again(&old, &view);
        self.engine.catalog().replace(view);
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// The decisions of a deployment with their models; a file is parsed once.
    async fn decisions(
        &self,
        deployment: &DeploymentRow,
        published: bool,
        old: &CatalogView,
    ) -> Result<Vec<DeployedDecision>, EngineError> {
        let mut parsed: HashMap<String, Arc<feel::dmn::Definitions>> = HashMap::new();
        let mut decisions = Vec::with_capacity(deployment.decisions.len());
        for row in &deployment.decisions {
            let name = &row.resource_name;
            if let Some(known) = old.decisions.by_id(row.id) {
                parsed
                    .entry(name.clone())
                    .or_insert_with(|| known.definitions.clone());
            }
            if !parsed.contains_key(name) {
                let missing = || {
                    log::internal(format!(
                        "file '{name}' of deployment {} is not stored",
                        deployment.id
                    ))
                };
                let resource = self
                    .store
                    .resource(deployment.id, name)
                    .await?
                    .ok_or_else(missing)?;
                let model = tokio::task::spawn_blocking(move || feel::dmn::parse_bytes(&resource.content));
                let model = model.await.map_err(log::internal)?.map_err(log::internal)?;
                parsed.insert(name.clone(), Arc::new(model));
            }
            let found = parsed
                .get(name)
                .and_then(|d| Some((d.clone(), d.decision(&row.key)?)));
            let (definitions, index) = found.ok_or_else(|| {
                log::internal(format!("file '{name}' does not hold decision '{}'", row.key))
            })?;
            decisions.push(DeployedDecision {
                row: row.clone(),
                definitions,
                index,
                published,
            });
        }
        Ok(decisions)
    }

    async fn model(
        &self,
        deployment: &DeploymentRow,
        row: &crate::store::DefinitionRow,
        parsed: &mut HashMap<String, HashMap<String, Arc<Definition>>>,
    ) -> Result<Arc<Definition>, EngineError> {
        let name = &row.resource_name;
        if !parsed.contains_key(name) {
            let missing = || {
                log::internal(format!(
                    "file '{name}' of deployment {} is not stored",
                    deployment.id
                ))
            };
            let resource = self
                .store
                .resource(deployment.id, name)
                .await?
                .ok_or_else(missing)?;
            debug_assert!(is_bpmn(name));
            let models = tokio::task::spawn_blocking(move || bpmn_core::load(&resource.content));
            let models = models.await.map_err(log::internal)?.map_err(log::internal)?;
            let by_key = models.into_iter().map(|m| (m.key.clone(), Arc::new(m))).collect();
            parsed.insert(name.clone(), by_key);
        }
        let model = parsed.get(name).and_then(|models| models.get(&row.key)).cloned();
        model.ok_or_else(|| log::internal(format!("file '{name}' does not hold process '{}'", row.key)))
    }
}
