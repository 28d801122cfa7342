//! What all requests share.
use crate::{Options, fan_out::wakeups::Hub, metrics::Metrics, snapshot::Snapshot, upstream::Upstream};
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// The router's shared state.
#[derive(Debug)]
pub struct App {
    /// Limits and times.
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
    /// Memory for request bodies, in KiB.
    pub body_memory: Arc<Semaphore>,
    snapshot: ArcSwap<Snapshot>,
    changes: watch::Sender<u64>,
}

impl App {
    /// The state before the first view.
    pub fn new(options: Options, upstream: Upstream, metrics: Metrics, stopping: CancellationToken) -> App {
        App {
            upstream,
            stopping,
            hub: Arc::new(Hub::new(metrics.clone())),
            metrics,
            park: Semaphore::new(options.park_limit),
            fanouts: Semaphore::new(options.fanout_limit.max(1)),
            body_memory: Arc::new(Semaphore::new((options.body_memory / 1024).min(1 << 31) as usize)),
            options,
            snapshot: ArcSwap::default(),
            changes: watch::Sender::new(0),
        }
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
