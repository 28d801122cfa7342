//! What is equal on all shards (deployments, suspensions, users): appended to the reference log by any node, applied
//! by every shard in order, published once every shard has it.
mod delete;
pub use delete::Subject;
mod filters;
mod follow;
mod identity;
mod log;
mod payload;
pub mod peers;
mod plan;
mod start_timers;
mod suspend;

use crate::{
    app::{Caller, Engine, EngineError, commands::Owned, needs},
    store::{DeploymentRow, Store},
};
use bpmn_core::{Abilities, Id, command::Rejection, hash_order::hash_order};
use cluster::Cluster;
use log::{Appended, ClusterLog, LocalLog, Log, Memory, New};
use payload::Payload;
use peers::Peers;
use plan::{Deployable, Models};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use topology::ShardName;

pub use payload::digest;
pub use plan::{NewDeployment, is_bpmn, is_dmn};

/// How often an append is decided again when others append at the same time.
const TRIES: usize = 64;

tokio::task_local! {
    /// Shards that were behind when a request's entry was published; see [`noting_behind`].
    static BEHIND: Mutex<Vec<ShardName>>;
}

/// Runs a request and also gives the shards that did not apply in time what it replicated.
pub async fn noting_behind<T>(request: impl Future<Output = T>) -> (T, Vec<ShardName>) {
    BEHIND
        .scope(Mutex::default(), async {
            let answer = request.await;
            (
                answer,
                BEHIND.with(|b| std::mem::take(&mut *b.lock().unwrap_or_else(|e| e.into_inner()))),
            )
        })
        .await
}

/// Entries that this node applied itself, one behind the other; of others it doesn't know what they changed.
#[derive(Default)]
struct Seen {
    /// The entry before the first.
    after: u64,
    last: u64,
    /// Whether one of them changes users, groups, tenants or authorizations.
    identity: bool,
    /// Whether one of them changes anything else.
    catalog: bool,
}

/// The reference log as this node works with it.
pub struct Replication {
    /// Itself, for work that goes on when the request that wanted it is dropped.
    me: Weak<Replication>,
    engine: Engine,
    store: Arc<dyn Store>,
    log: Box<dyn Log>,
    peers: Peers,
    /// One entry of this node at a time is decided and appended.
    appending: tokio::sync::Mutex<()>,
    /// One at a time applies and reloads the catalog.
    applying: tokio::sync::Mutex<()>,
    /// Entries published as far as this node has applied the publishing.
    published: AtomicU64,
    /// Raised when the catalog was loaded anew.
    generation: AtomicU64,
    /// Raised when users, groups, tenants or authorizations may have changed: what caches of them look at.
    identity: Arc<AtomicU64>,
    /// What this node saw applied since the catalog was loaded.
    seen: Mutex<Seen>,
    /// Log index and owned slots for which the start timers are known to be armed.
    timers_seen: Mutex<Option<(u64, Arc<Owned>)>>,
    /// Definitions of whose candidates history is known to tell.
    starters_told: Mutex<HashSet<Id>>,
    /// Definitions that are the newest again, and the newer one that was deleted last, as far as this node saw it.
    newest_again: Mutex<HashMap<Id, Id>>,
    /// Since when (by this node) a deployment waits to be published.
    waiting: Mutex<HashMap<Id, std::time::Instant>>,
}

impl Replication {
    /// The log of a cluster, or of the database alone. `confirm_within`: how long a shard may take to apply an entry
    /// before it counts as behind.
    pub fn new(
        engine: Engine,
        cluster: Option<Arc<dyn Cluster>>,
        shard: ShardName,
        peers: Peers,
        confirm_within: Duration,
    ) -> Arc<Replication> {
        let store = engine.inner.store.clone();
        let log: Box<dyn Log> = match cluster {
            Some(cluster) => Box::new(ClusterLog {
                store: store.clone(),
                cluster,
                shard,
                peers: peers.clone(),
                confirm_within,
            }),
            None => Box::new(LocalLog::new(store.clone())),
        };
        Arc::new_cyclic(|me| Replication {
            me: me.clone(),
            engine,
            store,
            log,
            peers,
            appending: tokio::sync::Mutex::default(),
            applying: tokio::sync::Mutex::default(),
            published: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            identity: Arc::default(),
            seen: Mutex::default(),
            timers_seen: Mutex::default(),
            starters_told: Mutex::default(),
            newest_again: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    /// Runs work to its end even if the client goes away: an entry must not stay half-way into the log.
    async fn to_the_end<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<Replication>) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let me = self
            .me
            .upgrade()
            .ok_or_else(|| EngineError::Busy("the node is shutting down".into()))?;
        let (result, behind) = tokio::spawn(noting_behind(work(me)))
            .await
            .map_err(log::internal)?;
        self.note_behind(behind);
        result
    }

    /// The way to other shards.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Raised when users, groups, tenants or authorizations may have changed.
    pub fn identity(&self) -> Arc<AtomicU64> {
        self.identity.clone()
    }

    /// Log index up to which what is published is applied here.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Deploys files. Answers when every shard that isn't behind has the deployment and it is published. Also whether it
    /// brought something new: a filtered duplicate gives the earlier deployment and false.
    ///
    /// # Errors
    /// [`EngineError::Parse`] with every model's problems; [`EngineError::KeyReused`];
    /// [`EngineError::NotReplicated`] when the log or a second shard can't be reached.
    pub async fn deploy(
        &self,
        caller: &Caller,
        new: NewDeployment,
    ) -> Result<(DeploymentRow, bool), EngineError> {
        let caller = caller.clone();
        self.to_the_end(|me| async move { me.deploy_now(&caller, new).await })
            .await
    }

    async fn deploy_now(
        &self,
        caller: &Caller,
        new: NewDeployment,
    ) -> Result<(DeploymentRow, bool), EngineError> {
        let key = entry_key("deployment", caller);
        let _turn = self.appending.lock().await;
        for _ in 0..TRIES {
            let head = self.catch_up().await?;
            if let Some((hashed, request)) = &key
                && let Some(memory) = self.remembered(hashed).await?
            {
                if memory.request != *request {
                    let key = caller.idempotency.as_ref().map(|i| i.key.clone());
                    return Err(EngineError::KeyReused(key.unwrap_or_default()));
                }
                return self
                    .answer_again(head, memory.deployment.unwrap_or(Id::NIL))
                    .await;
            }
            let known = self.earlier(&new).await?;
            let resources = plan::to_deploy(&new, &known.contents);
            if resources.is_empty()
                && let Some(duplicate) = known.newest
            {
                let view = self.engine.catalog().view();
                if view.is_unpublished(&duplicate) {
                    self.publish(head).await?;
                }
                return Ok((duplicate, false));
            }
            let abilities = Abilities {
                mail: self.engine.settings().runner.sends_mails(),
            };
            let (resources, parsed) = parse(resources, abilities).await?;
            needs::check(self.engine.settings(), &parsed.processes)?;
            let view = self.engine.catalog().view();
            let tenant = new.tenant_id.as_deref();
            let versions = |what: Deployable, key: &str| match what {
                Deployable::Process => {
                    let same = view
                        .versions(key)
                        .filter(|d| d.row.tenant_id.as_deref() == tenant);
                    same.map(|d| d.row.version).max().unwrap_or(0)
                }
                Deployable::Decision => view.decisions.highest_version(key, tenant),
                Deployable::Requirements => view.decisions.highest_requirements_version(key, tenant),
            };
            let now = crate::app::writer::now();
            let row = plan::rows(&new, resources, &parsed, now, versions, |slot| {
                self.engine.new_id(slot)
            })?;
            let payload = Payload::Deploy {
                deployment: payload::Deployment::new(&row),
            };
            if let Appended::At(index) = self
                .log
                .append(
                    head,
                    New {
                        payload,
                        idempotency: key.clone(),
                        answer: None,
                    },
                )
                .await?
            {
                self.publish(index).await?;
                return Ok((without_contents(row), true));
            }
        }
        Err(EngineError::Busy(
            "the reference log is being changed by too many others".into(),
        ))
    }

    /// Sets on every shard how many days a definition's history is kept after its end; `None`: for ever.
    pub async fn set_history_ttl(&self, definition: Id, days: Option<i32>) -> Result<(), EngineError> {
        let payload = Payload::SetHistoryTtl { definition, days };
        self.to_the_end(|me| async move { me.replicate(payload).await })
            .await
    }

    /// The same of a decision's history.
    pub async fn set_decision_history_ttl(&self, decision: Id, days: Option<i32>) -> Result<(), EngineError> {
        let payload = Payload::SetDecisionHistoryTtl { decision, days };
        self.to_the_end(|me| async move { me.replicate(payload).await })
            .await
    }

    /// Appends an entry whose content doesn't depend on what stands before it, and waits until it is applied.
    async fn replicate(&self, payload: Payload) -> Result<(), EngineError> {
        let _turn = self.appending.lock().await;
        for _ in 0..TRIES {
            let head = self.catch_up().await?;
            let new = New {
                payload: payload.clone(),
                idempotency: None,
                answer: None,
            };
            if let Appended::At(index) = self.log.append(head, new).await? {
                self.catch_up().await?;
                self.note_behind(self.log.wait_for_shards(index).await?);
                return Ok(());
            }
        }
        Err(EngineError::Busy(
            "the reference log is being changed by too many others".into(),
        ))
    }

    /// Waits until every shard has the entry, publishes it, and waits until every shard has that.
    async fn publish(&self, index: u64) -> Result<(), EngineError> {
        self.catch_up().await?;
        self.log.wait_for_shards(index).await?;
        self.log.publish(index).await?;
        let head = self.catch_up().await?;
        self.note_behind(self.log.wait_for_shards(head).await?);
        Ok(())
    }

    fn note_behind(&self, shards: Vec<ShardName>) {
        // An error means that nobody asked to be told.
        let _ = BEHIND.try_with(|b| b.lock().unwrap_or_else(|e| e.into_inner()).extend(shards));
    }

    async fn remembered(&self, key: &str) -> Result<Option<Memory>, EngineError> {
        let Some(bytes) = self.store.payload(key).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(log::internal)
    }

    /// What the first request with this idempotency key was answered.
    async fn answer_again(&self, head: u64, deployment: Id) -> Result<(DeploymentRow, bool), EngineError> {
        let rows = self.store.deployments().await?;
        let Some((row, published)) = rows.into_iter().find(|(d, _)| d.id == deployment) else {
            let message = format!("Deployment with id '{deployment}' do not exist");
            return Err(EngineError::Invalid {
                kind: "InvalidRequestException",
                message,
            });
        };
        if !published {
            self.publish(head).await?;
        }
        Ok((row, true))
    }

    /// What duplicate filtering compares with.
    async fn earlier(&self, new: &NewDeployment) -> Result<Earlier, EngineError> {
        let mut known = Earlier::default();
        if !new.duplicate_filtering && !new.changed_only {
            return Ok(known);
        }
        let view = self.engine.catalog().view();
        let earlier = plan::earlier(new, view.deployments.values());
        for (name, _) in &new.resources {
            let holder = earlier
                .iter()
                .find(|d| d.resources.iter().any(|r| r.name == *name));
            if let Some(holder) = holder
                && let Some(resource) = self.store.resource(holder.id, name).await?
            {
                known.contents.insert(name.clone(), resource.content);
            }
        }
        known.newest = earlier.first().map(|d| (*d).clone());
        Ok(known)
    }
}

/// A caller's idempotency key as the log keeps it, with the request's digest.
fn entry_key(kind: &str, caller: &Caller) -> Option<(String, String)> {
    let key = caller.idempotency.as_ref()?;
    let user = caller.user.as_deref().unwrap_or_default();
    let scoped = format!("{kind}\n{user}\n{}", key.key);
    Some((digest(scoped.as_bytes()), key.digest.clone()))
}

/// The deployments that a new one may repeat.
#[derive(Default)]
struct Earlier {
    newest: Option<DeploymentRow>,
    /// Content of each file in the newest deployment that has it.
    contents: HashMap<String, Vec<u8>>,
}

type Files = Vec<(String, Vec<u8>)>;

/// Parses the models among the files, on a thread that may block. The first that is wrong refuses all; the reference
/// keeps files in a hash map, whose order decides which is first.
async fn parse(resources: Files, abilities: Abilities) -> Result<(Files, Models), EngineError> {
    let parsed = tokio::task::spawn_blocking(move || {
        let names: Vec<&str> = resources.iter().map(|(name, _)| name.as_str()).collect();
        let order = hash_order(&names);
        let mut processes = Vec::new();
        for &at in order.iter().filter(|&&at| is_bpmn(names[at])) {
            let (name, content) = &resources[at];
            match bpmn_core::parse_for(content, abilities) {
                Ok(definitions) => processes.push((at, (name.clone(), definitions))),
                Err(errors) => {
                    return Err(EngineError::Parse {
                        message: errors.message(name),
                        problems: vec![(name.clone(), errors)],
                    });
                }
            }
        }
        let mut decided = Vec::new();
        for &at in order.iter().filter(|&&at| is_dmn(names[at])) {
            let (name, content) = &resources[at];
            decided.push((at, (name.clone(), decisions(name, content)?)));
        }
        processes.sort_by_key(|(at, _)| *at);
        decided.sort_by_key(|(at, _)| *at);
        let models = Models {
            processes: processes.into_iter().map(|(_, file)| file).collect(),
            decisions: decided.into_iter().map(|(_, file)| file).collect(),
        };
        Ok((resources, models))
    });
    parsed.await.unwrap_or_else(|panic| Err(log::internal(panic)))
}

/// Parses a file of decisions. The reference's refusal names the file only; why is in the log.
fn decisions(name: &str, content: &[u8]) -> Result<feel::dmn::Definitions, EngineError> {
    feel::dmn::parse_bytes(content).map_err(|reason| {
        tracing::info!(file = name, %reason, "DMN file refused");
        EngineError::Rejected(Rejection::Failure {
            message: format!("ENGINE-22004 Unable to transform DMN resource '{name}'."),
            element: None,
        })
    })
}

fn without_contents(mut row: DeploymentRow) -> DeploymentRow {
    row.resources.iter_mut().for_each(|r| r.content.clear());
    row
}
