//! What a node can do, apart from HTTP and SQL: REST handlers and `/internal` call these functions.
//!
//! [`Engine`] is cheap to clone. A command goes `submit` → one of the [`writer`]s, which gathers what waits, steps
//! each command on its instance, and writes all of it in one transaction (group commit).
mod batcher;
pub mod batches;
pub mod cache;
mod called;
pub mod catalog;
pub mod cleanup;
pub mod commands;
pub mod conditions;
pub mod correlate;
pub(crate) mod decide;
pub mod decisions;
pub mod error;
pub mod executor;
pub mod external;
pub mod fold;
mod group;
pub mod history;
pub mod meter;
pub mod needs;
pub mod news;
pub mod notes;
pub mod operations;
pub mod outside;
mod permit;
mod rhythm;
pub mod signals;
pub mod sweep;
pub mod tasks;
pub mod writer;

use crate::store::{Entity, Store, StoreError, Waiting};
use bpmn_core::{Id, Slot};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub use catalog::{Catalog, CatalogView, Deployed};
pub use error::EngineError;

/// Who asks, and what the router said about the request. Built once per request from its headers.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The authenticated user; `None` without authentication.
    pub user: Option<String>,
    /// What the user may do; `None` where nobody asks: without authentication, and where the cluster itself asks.
    pub rights: Option<Arc<crate::rights::Rights>>,
    /// Slot and epoch that the router chose. A start without business key uses this slot.
    pub slot: Option<Slot>,
    /// The router placed the start by something else than the business key: its slot holds.
    pub placed: bool,
    /// `Idempotency-Key` with the request's digest.
    pub idempotency: Option<IdempotencyKey>,
    /// Part of a fan-out: rows carry `_sort`, the answer its coverage.
    pub fanout: bool,
    /// A router asks what a filter's query is, to ask shards that don't have the filter.
    pub asks_query: bool,
    /// Id of the batch that the request makes, as the router drew it for all shards; it says then whose part has the
    /// batch's own jobs.
    pub batch: Option<Id>,
    /// A message that was kept because nothing matched it comes again.
    pub parked: bool,
    /// `http://HOST/engine-rest` as the client called it, for absolute links.
    pub base_url: String,
    /// What the user log is told.
    pub log: operations::Logging,
}

/// A client's idempotency key.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// As sent.
    pub key: String,
    /// SHA-256 of method, path, query and body, hexadecimal.
    pub digest: String,
}

impl IdempotencyKey {
    /// The key of a part of the request, which has a record of its own.
    pub fn part(&self, part: &str) -> IdempotencyKey {
        IdempotencyKey {
            key: format!("{} {part}", self.key),
            digest: self.digest.clone(),
        }
    }
}

/// What a command answers with; remembered with its `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// JSON text; empty for 204.
    pub body: String,
    /// Large values it shows that weren't at hand: it is rendered again with them.
    pub needs: Vec<Id>,
}

impl Answer {
    /// 204 without a body.
    pub fn no_content() -> Answer {
        Answer {
            status: 204,
            body: String::new(),
            needs: Vec::new(),
        }
    }
    /// 200 with a JSON body.
    pub fn json(value: &impl serde::Serialize) -> Answer {
        Answer {
            status: 200,
            body: serde_json::to_string(value).unwrap_or_default(),
            needs: Vec::new(),
        }
    }
}

/// The engine of one node.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub store: Arc<dyn Store>,
    pub catalog: Catalog,
    pub ids: topology::IdGenerator,
    pub writers: Vec<writer::Handle>,
    pub executor: Arc<executor::Executor>,
    pub wakeups: external::Wakeups,
    pub counters: Arc<writer::Counters>,
    /// What commands have done, for `/metrics`.
    pub meter: meter::Meter,
    pub settings: Settings,
    /// Instances as this node knows them.
    pub cache: cache::Cache,
    /// Which instances entities belong to, where the cache doesn't know.
    pub owners: batcher::Batcher<(Entity, Id), Option<Id>>,
    pub cleanup: cleanup::Cleanup,
    pub news: news::News,
    /// Batches whose history this node has deleted.
    pub batches_removed: std::sync::atomic::AtomicU64,
    /// Something waits for a message of a name that may be kept, or one was kept.
    pub parking: tokio::sync::Notify,
    pub sink: crate::sink::SinkState,
    /// Where requests for this node's own API go.
    pub api: std::sync::OnceLock<tokio::sync::mpsc::Sender<executor::suspensions::ApiCall>>,
    /// Who waits for a message name with a business key.
    pub waiting: batcher::Batcher<(String, String), (topology::Coverage, Vec<Waiting>)>,
    /// What this database owns, refreshed after every change of slots: to place starts and to answer 421.
    pub owned: arc_swap::ArcSwap<commands::Owned>,
    /// The way to other shards; none where a node stands alone.
    pub peers: std::sync::OnceLock<crate::replication::peers::Peers>,
    /// What goes to history now, in words and as the core asks it.
    pub told: arc_swap::ArcSwap<(Arc<history::Told>, bpmn_core::history::History)>,
}

/// Numbers an operator can set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this node: lock owner of its jobs.
    pub node: String,
    /// Writers working side by side; a slot always has the same one.
    pub writers: usize,
    /// Most commands in one transaction.
    pub batch_max: usize,
    /// Commands that may wait per writer; past it 503.
    pub queue_max: usize,
    /// Most elements one command may pass before a wait state.
    pub max_steps: u32,
    /// The job executor's numbers at the start.
    pub jobs: executor::settings::JobSettings,
    /// Whether the executor starts active (`jobExecutorActivate`).
    pub executor_active: bool,
    /// Tries of a job before an incident.
    pub default_retries: i32,
    /// Waits between those tries (`failedJobRetryTimeCycle`); `None`: no wait.
    pub retry_cycle: Option<String>,
    /// How much later they may be tried, in percent of the wait.
    pub retry_jitter: u8,
    /// About how many bytes of instances are kept warm.
    pub cache_bytes: usize,
    /// Most bytes of a variable's text or content; past it the command is refused.
    pub variable_max: u64,
    /// How long a node without work goes without asking its database, so long as it hears of changes.
    pub idle_look: std::time::Duration,
    /// Names of messages that wait for their receiver if nothing matches them, and how long.
    pub parking: std::collections::BTreeMap<String, std::time::Duration>,
    /// Numbers of history's clean-up.
    pub cleanup: cleanup::CleanupSettings,
    /// What goes to history, as node and database agree ([`history::agreed`]).
    pub history: history::Told,
    /// Whether a BPMN error that nothing catches fails (`enableExceptionsAfterUnhandledBpmnError`).
    pub unhandled_errors_fail: bool,
    /// Does what steps ask for: scripts and connectors.
    pub runner: Arc<dyn outside::Runner>,
    /// How calls of connectors ended, for metrics.
    pub connector_calls: crate::hosts::Calls,
    /// How many nodes share the rates of connectors.
    pub connector_sharers: crate::hosts::Sharers,
    /// Topics that stand for Java code.
    pub java: Arc<crate::java::JavaTopics>,
    /// Whether models that need what this node lacks are refused.
    pub strict_deploy: bool,
    /// Whether processes without a time to live for their history are refused.
    pub enforce_history_ttl: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            node: "node".into(),
            writers: 1,
            batch_max: 256,
            queue_max: 4096,
            max_steps: 100_000,
            jobs: executor::settings::JobSettings::default(),
            executor_active: true,
            default_retries: 3,
            retry_cycle: None,
            retry_jitter: 0,
            cache_bytes: 64 << 20,
            variable_max: u64::MAX,
            idle_look: std::time::Duration::from_secs(60),
            parking: std::collections::BTreeMap::new(),
            cleanup: cleanup::CleanupSettings::default(),
            history: history::Told::default(),
            unhandled_errors_fail: false,
            runner: Arc::new(outside::NoRunner),
            connector_calls: Default::default(),
            connector_sharers: Default::default(),
            java: Arc::default(),
            strict_deploy: false,
            enforce_history_ttl: false,
        }
    }
}

impl Settings {
    /// How failed jobs are tried again where their element doesn't say.
    pub fn retries(&self) -> bpmn_core::command::Retries<'_> {
        bpmn_core::command::Retries {
            tries: self.default_retries,
            cycle: self.retry_cycle.as_deref(),
            jitter: self.retry_jitter,
        }
    }
}

impl Engine {
    /// Starts writers on the store. The job executor is started by [`executor::run`] once the node serves.
    /// `drain` ends long polls. The catalog is empty until something is put into it.
    pub async fn new(
        store: Arc<dyn Store>,
        settings: Settings,
        drain: CancellationToken,
    ) -> Result<Engine, StoreError> {
        let owned = commands::Owned::new(&store.slots().await?);
        let told = settings.history.history().map_err(StoreError::Internal)?;
        let told = (Arc::new(settings.history.clone()), told);
        let (writers, queues): (Vec<_>, Vec<_>) = (0..settings.writers.max(1))
            .map(|_| writer::Handle::new(settings.queue_max))
            .unzip();
        let inner = Arc::new_cyclic(|engine| Inner {
            store,
            catalog: Catalog::default(),
            ids: topology::IdGenerator::default(),
            writers,
            executor: executor::Executor::new(
                engine.clone(),
                &settings.node,
                settings.executor_active,
                settings.jobs,
            ),
            wakeups: external::Wakeups::new(drain),
            counters: Arc::default(),
            meter: meter::Meter::default(),
            cache: cache::Cache::new(settings.cache_bytes),
            owners: commands::owners(engine.clone(), settings.queue_max),
            cleanup: cleanup::Cleanup::default(),
            news: news::News::default(),
            batches_removed: std::sync::atomic::AtomicU64::default(),
            parking: tokio::sync::Notify::new(),
            sink: crate::sink::SinkState::default(),
            api: std::sync::OnceLock::new(),
            waiting: correlate::waiting(engine.clone(), settings.queue_max),
            owned: arc_swap::ArcSwap::from_pointee(owned),
            peers: std::sync::OnceLock::new(),
            told: arc_swap::ArcSwap::from_pointee(told),
            settings,
        });
        for queue in queues {
            tokio::spawn(writer::run(Arc::downgrade(&inner), inner.counters.clone(), queue));
        }
        Ok(Engine { inner })
    }

    /// Batches, commands and conflicts of this node's writers, for metrics.
    pub fn counters(&self) -> &writer::Counters {
        &self.inner.counters
    }

    /// What this node knows of its history sink, for metrics.
    pub fn sink(&self) -> &crate::sink::SinkState {
        &self.inner.sink
    }

    /// Instances kept warm, for metrics.
    pub fn cache(&self) -> &cache::Cache {
        &self.inner.cache
    }

    /// Commands queued at this node's writers, for metrics.
    pub fn commands_waiting(&self) -> usize {
        self.inner.writers.iter().map(writer::Handle::waiting).sum()
    }

    /// The executor's counters, for metrics.
    pub fn executor(&self) -> &executor::Executor {
        &self.inner.executor
    }

    /// The numbers this node runs with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Notified when something waits for a message of a name that may be kept, or one was kept.
    pub fn parking(&self) -> &tokio::sync::Notify {
        &self.inner.parking
    }

    /// The store, for queries.
    pub fn store(&self) -> &dyn Store {
        &*self.inner.store
    }
    /// Deployments and definitions as published, in memory.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }
    /// A new id in that slot.
    pub fn new_id(&self, slot: Slot) -> Id {
        self.inner.ids.next(slot)
    }
}
