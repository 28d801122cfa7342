//! External tasks: fetching with a long poll, and announcing topics that have work.
use super::{Engine, EngineError, Inner};
use crate::store::{FetchOrder, Fetched, Place, TopicRequest};
use bpmn_core::{Id, instance::Instance};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How long a parked fetch waits at most before it looks again: work that another node of the shard created, or
/// whose lock has expired, is not announced here.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Most fetches that wait on a node: each looks at the database now and then. Routers wait for workers elsewhere.
const PARKED_MAX: usize = 4096;

/// A fetchAndLock.
#[derive(Clone, Debug, Default)]
pub struct Fetch {
    pub worker: String,
    pub max: u32,
    pub topics: Vec<TopicRequest>,
    pub order: FetchOrder,
    /// How long to wait for a task when there is none.
    pub timeout_ms: Option<u64>,
}

/// Topics on which work became available on this node.
#[derive(Debug)]
pub struct Wakeups {
    topics: broadcast::Sender<Arc<[String]>>,
    room: Arc<Semaphore>,
    /// Cancelled when the node drains: parked fetches answer at once.
    drain: CancellationToken,
}

impl Wakeups {
    /// Nobody listens yet; `drain` ends every wait.
    pub fn new(drain: CancellationToken) -> Wakeups {
        Wakeups {
            topics: broadcast::channel(1024).0,
            room: Arc::new(Semaphore::new(PARKED_MAX)),
            drain,
        }
    }

    /// A receiver of topics; one that lags has missed some and must look for itself.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.topics.subscribe()
    }

    /// The right to wait.
    fn park(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        self.room
            .clone()
            .try_acquire_owned()
            .map_err(|_| EngineError::Busy("too many long polls wait on this node".into()))
    }

    /// Long polls that wait, for metrics.
    pub fn parked(&self) -> usize {
        PARKED_MAX - self.room.available_permits()
    }

    fn announce(&self, topics: &[String]) {
        if !topics.is_empty() {
            // An error means that nobody waits.
            let _ = self.topics.send(topics.into());
        }
    }
}

impl Inner {
    /// What a committed command set off.
    pub fn after_commit(&self, outcome: &bpmn_core::command::Outcome) {
        // Jobs are seen to by the claims of the write.
        self.wakeups.announce(&outcome.topics);
        if outcome.waits_for_message && !self.settings.parking.is_empty() {
            self.parking.notify_one();
        }
        for warning in &outcome.warnings {
            tracing::warn!("{warning}");
        }
    }
}

impl Engine {
    /// Locks tasks for a worker. With `timeout_ms` and nothing there it waits: for new work on this node, and
    /// looking at the database twice a second. When the node drains it answers an empty list.
    ///
    /// Dropping the future before it is ready locks nothing more; tasks locked by then stay locked until expiry,
    /// unless the caller gives them back with [`Engine::unlock_fetched`].
    pub async fn fetch_and_lock(&self, fetch: &Fetch) -> Result<Vec<Fetched>, EngineError> {
        let end = Instant::now() + Duration::from_millis(fetch.timeout_ms.unwrap_or(0));
        let mut news = self.inner.wakeups.subscribe();
        let mut parked = None;
        loop {
            let tasks = self
                .inner
                .store
                .fetch_and_lock(&fetch.worker, fetch.max, &fetch.topics, fetch.order)
                .await?;
            self.inner.cache.locked(&tasks);
            if !tasks.is_empty() || Instant::now() >= end || self.inner.wakeups.drain.is_cancelled() {
                return Ok(tasks);
            }
            parked = Some(match parked {
                Some(parked) => parked,
                None => self.inner.wakeups.park()?,
            });
            let look_again = end.min(Instant::now() + LOOK_AGAIN);
            let wanted = |topics: &[String]| fetch.topics.iter().any(|t| topics.contains(&t.topic));
            loop {
                tokio::select! {
                    () = self.inner.wakeups.drain.cancelled() => break,
                    news = timeout_at(look_again, news.recv()) => match news {
                        Ok(Ok(topics)) if !wanted(&topics) => {}
                        _ => break,
                    },
                }
            }
        }
    }

    /// Where the tasks stand that such a fetch would lock, in its order: locks nothing and does not wait.
    pub async fn peek(&self, fetch: &Fetch) -> Result<Vec<Place>, EngineError> {
        let store = &self.inner.store;
        Ok(store.peek_tasks(fetch.max, &fetch.topics, fetch.order).await?)
    }

    /// The instances of tasks that were just fetched, as they were then or later: from the cache where the fetch saw
    /// the same revision, the others loaded in one statement. One that has ended or moved away is absent.
    pub async fn instances_of_fetched(
        &self,
        tasks: &[Fetched],
    ) -> Result<HashMap<Id, Arc<Instance>>, EngineError> {
        let mut found = HashMap::with_capacity(tasks.len());
        let mut cold = Vec::new();
        for task in tasks {
            let id = task.instance_id;
            if found.contains_key(&id) || cold.contains(&id) {
                continue;
            }
            let warm = task.revision.and_then(|r| self.inner.cache.of_revision(id, r));
            match warm {
                Some(instance) => drop(found.insert(id, instance)),
                None => cold.push(id),
            }
        }
        if !cold.is_empty() {
            cold.sort_unstable();
            for instance in self.inner.store.load(&cold).await? {
                let instance = Arc::new(instance);
                // Its worker will want it.
                self.inner.cache.loaded(instance.clone());
                found.insert(instance.process.id, instance);
            }
        }
        Ok(found)
    }

    /// Fetches that wait, for metrics.
    pub fn parked(&self) -> usize {
        self.inner.wakeups.parked()
    }

    /// Gives back tasks that a client never received: (task, lock revision of that fetch).
    pub async fn unlock_fetched(&self, tasks: &[(Id, i64)]) -> Result<(), EngineError> {
        Ok(self.inner.store.unlock_fetched(tasks).await?)
    }

    /// Topics on which work becomes available on this node.
    pub fn wakeups(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.inner.wakeups.subscribe()
    }

    /// Tells waiting workers that these topics may have work.
    pub fn announce(&self, topics: &[String]) {
        self.inner.wakeups.announce(topics);
    }
}
