//! What all requests share.
use crate::{
    Options, access::AccessLog, definition_ids::Definitions, fan_out::wakeups::Hub, foreign::Foreign,
    live::Live, metrics::Metrics, routing_key::RoutingKeys, snapshot::Snapshot, upstream::Upstream,
};
use arc_swap::ArcSwap;
use service::ConfigError;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Whether strangers could use the cluster without a password. The router asks for none itself, the nodes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exposure {
    /// Only this machine can reach the address, or the nodes ask for a password, or it is meant so.
    Fine,
    /// Others can reach the address; no node has told yet.
    Unknown,
    /// Others can reach the address, and a node answers without a password: refused.
    Open,
}

/// The router's shared state.
#[derive(Debug)]
pub struct App {
    /// The options of its start; what may change since is in [`App::live`].
    pub options: Options,
    /// Connections to nodes.
    pub upstream: Upstream,
    /// Counters.
    pub metrics: Metrics,
    /// Parked fetchAndLock requests.
    pub hub: Arc<Hub>,
    /// Requests that may wait for a slot.
    pub park: Semaphore,
    /// Fan-outs that may run.
    pub fanouts: Semaphore,
    /// Cancelled when the router stops: parked requests are answered then.
    pub stopping: CancellationToken,
    /// Clusters of Camunda 7 or Operaton beside ours.
    pub foreign: Foreign,
    /// What places starts.
    pub routing_keys: RoutingKeys,
    /// Definitions that were asked for because of that.
    pub definitions: Definitions,
    /// Where requests are told of.
    pub access_log: Option<AccessLog>,
    /// Memory for request bodies and merged answers, in KiB.
    pub memory: Arc<Semaphore>,
    /// Whether an address that others can reach is served without a password.
    exposure: AtomicU8,
    /// The router stops: answers end their connections.
    draining: AtomicBool,
    /// Cancelled after that, so that idle connections end.
    drained: CancellationToken,
    live: ArcSwap<Live>,
    snapshot: ArcSwap<Snapshot>,
    changes: watch::Sender<u64>,
}

/// Memory as [`App::memory`] counts it.
fn kib(bytes: u64) -> usize {
    (bytes / 1024).min(1 << 31) as usize
}

impl App {
    /// The state before the first view.
    ///
    /// # Errors
    /// The access log can't be opened, or options contradict each other.
    pub fn new(
        options: Options,
        upstream: Upstream,
        metrics: Metrics,
        stopping: CancellationToken,
    ) -> Result<App, ConfigError> {
        let open = |path: &PathBuf| {
            let opened = AccessLog::open(path, metrics.clone());
            opened.map_err(|e| ConfigError::new("access-log", format!("{}: {e}", path.display())))
        };
        let access_log = options.access_log.as_ref().map(open).transpose()?;
        let live = Live::new(options.live.clone(), None)?;
        let now = &live.options;
        Ok(App {
            foreign: Foreign::new(&options.foreign_shard, now.shard_concurrency)?,
            routing_keys: RoutingKeys::new(&options.routing_key)?,
            definitions: Definitions::default(),
            access_log,
            upstream,
            stopping,
            hub: Arc::new(Hub::new(metrics.clone())),
            metrics,
            park: Semaphore::new(now.park_limit),
            fanouts: Semaphore::new(now.fanout_limit.max(1)),
            memory: Arc::new(Semaphore::new(kib(now.memory))),
            options,
            exposure: AtomicU8::new(Exposure::Fine as u8),
            draining: AtomicBool::new(false),
            drained: CancellationToken::new(),
            live: ArcSwap::from_pointee(live),
            snapshot: ArcSwap::default(),
            changes: watch::Sender::new(0),
        })
    }

    /// What is in force of the options that can be read anew. Take it for a moment: not over a wait.
    pub fn live(&self) -> arc_swap::Guard<Arc<Live>> {
        self.live.load()
    }

    /// Brings other options into force. What has become less is taken away as it is given back.
    pub fn apply(self: &Arc<App>, live: Live) {
        let (from, to) = (self.live.load_full(), &live.options);
        let from = &from.options;
        self.resize(|app| &app.park, from.park_limit, to.park_limit);
        self.resize(
            |app| &app.fanouts,
            from.fanout_limit.max(1),
            to.fanout_limit.max(1),
        );
        self.resize(|app| &app.memory, kib(from.memory), kib(to.memory));
        for shard in &self.snapshot().shards {
            shard.gate.set_most(to.shard_concurrency);
        }
        self.live.store(Arc::new(live));
    }

    fn resize(self: &Arc<App>, of: fn(&App) -> &Semaphore, from: usize, to: usize) {
        if to >= from {
            of(self).add_permits(to - from);
            return;
        }
        let lent = from - to - of(self).forget_permits(from - to);
        if let Ok(lent) = u32::try_from(lent)
            && lent > 0
        {
            let app = self.clone();
            tokio::spawn(async move {
                if let Ok(permits) = of(&app).acquire_many(lent).await {
                    permits.forget();
                }
            });
        }
    }

    /// Whether it may serve strangers.
    pub fn exposure(&self) -> Exposure {
        match self.exposure.load(Ordering::Relaxed) {
            0 => Exposure::Fine,
            1 => Exposure::Unknown,
            _ => Exposure::Open,
        }
    }

    /// Notes what is known; true if that is news.
    pub fn set_exposure(&self, exposure: Exposure) -> bool {
        self.exposure.swap(exposure as u8, Ordering::Relaxed) != exposure as u8
    }

    /// Whether connections end with their next answer.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on they do, and idle ones at once.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.drained.cancel();
    }

    /// Ends when connections are to end.
    pub fn drained(&self) -> &CancellationToken {
        &self.drained
    }

    /// The newest snapshot, for a moment: without counting another owner.
    pub fn peek(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// The newest snapshot: one atomic load.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Publishes a new snapshot and wakes whoever waits for one.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        self.changes.send_modify(|count| *count += 1);
    }

    /// A receiver that wakes with each new snapshot.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
