//! Parked fetchAndLock requests, and the nodes' announcements that wake them.
//!
//! A wake-up goes to one waiting request, not to all: the one that has waited longest for that topic. If it finds
//! something (or its filters may have hidden it), it passes the wake-up on, so one task costs about one question and
//! many tasks wake as many workers as they need. A request that leaves hands over what it was woken for.
use crate::{headers, metrics::Metrics, snapshot::Node, state::App, upstream::Outgoing};
use bytes::BytesMut;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use topology::ShardName;

/// Which shards a request should ask.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Woken {
    /// Everyone.
    pub all: bool,
    /// These.
    pub shards: BTreeSet<ShardName>,
}

impl Woken {
    fn is_empty(&self) -> bool {
        !self.all && self.shards.is_empty()
    }

    fn add(&mut self, other: &Woken) {
        self.all |= other.all;
        self.shards.extend(other.shards.iter().cloned());
    }
}

/// All parked requests of a router.
#[derive(Debug)]
pub struct Hub {
    inner: Mutex<Inner>,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    waiters: BTreeMap<u64, Entry>,
    by_topic: HashMap<String, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Entry {
    topics: Vec<String>,
    busy: bool,
    woken: Woken,
    notify: Arc<Notify>,
}

impl Hub {
    /// With nobody waiting.
    pub fn new(metrics: Metrics) -> Hub {
        Hub {
            inner: Mutex::default(),
            metrics,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that wait or ask.
    pub fn len(&self) -> usize {
        self.lock().waiters.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Enters a request, before its first round: what is announced meanwhile isn't lost. It counts as busy.
    pub fn enter(self: &Arc<Hub>, topics: Vec<String>) -> Waiter {
        let notify = Arc::new(Notify::new());
        let mut inner = self.lock();
        let id = inner.next;
        inner.next += 1;
        for topic in &topics {
            inner.by_topic.entry(topic.clone()).or_default().insert(id);
        }
        inner.waiters.insert(
            id,
            Entry {
                topics,
                busy: true,
                woken: Woken::default(),
                notify: notify.clone(),
            },
        );
        self.metrics.long_polls.inc();
        Waiter {
            hub: self.clone(),
            id,
            notify,
        }
    }

    /// Work appeared on a shard for these topics.
    pub fn announce(&self, shard: &ShardName, topics: &[String]) {
        let woken = Woken {
            all: false,
            shards: [shard.clone()].into(),
        };
        let mut inner = self.lock();
        for topic in topics {
            inner.wake(topic, &woken, None);
        }
    }

    /// Something may have been missed, on a shard or anywhere: one request for each topic looks.
    pub fn look(&self, shard: Option<&ShardName>) {
        let woken = Woken {
            all: shard.is_none(),
            shards: shard.into_iter().cloned().collect(),
        };
        let mut inner = self.lock();
        let topics: Vec<String> = inner.by_topic.keys().cloned().collect();
        for topic in topics {
            inner.wake(&topic, &woken, None);
        }
    }
}

impl Inner {
    /// Wakes the request that has waited longest for a topic (of those that came after the given one); if all are
    /// asking just now, the first of them asks again.
    fn wake(&mut self, topic: &str, woken: &Woken, after: Option<u64>) {
        let Some(ids) = self.by_topic.get(topic) else {
            return;
        };
        let mut ids = ids
            .iter()
            .copied()
            .filter(|id| after.is_none_or(|after| *id > after));
        let mut first = None;
        let idle = ids.find(|id| {
            first.get_or_insert(*id);
            self.waiters.get(id).is_some_and(|entry| !entry.busy)
        });
        if let Some(entry) = idle.or(first).and_then(|id| self.waiters.get_mut(&id)) {
            entry.woken.add(woken);
            entry.busy = true;
            entry.notify.notify_one();
        }
    }
}

/// A parked request's place. Dropping it hands over what it was woken for and hasn't asked.
#[derive(Debug)]
pub struct Waiter {
    hub: Arc<Hub>,
    id: u64,
    notify: Arc<Notify>,
}

impl Waiter {
    /// Waits until there is something to ask, and takes it.
    pub async fn woken(&self) -> Woken {
        loop {
            {
                let mut inner = self.hub.lock();
                if let Some(entry) = inner.waiters.get_mut(&self.id) {
                    let woken = std::mem::take(&mut entry.woken);
                    entry.busy = !woken.is_empty();
                    if !woken.is_empty() {
                        return woken;
                    }
                }
            }
            self.notify.notified().await;
        }
    }

    /// Passes a wake-up on to the next request for its topics that came later: so it goes round once at most.
    pub fn pass_on(&self, woken: &Woken) {
        let mut inner = self.hub.lock();
        let topics = inner
            .waiters
            .get(&self.id)
            .map(|entry| entry.topics.clone())
            .unwrap_or_default();
        for topic in topics {
            inner.wake(&topic, woken, Some(self.id));
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut inner = self.hub.lock();
        let Some(entry) = inner.waiters.remove(&self.id) else {
            return;
        };
        for topic in &entry.topics {
            if let Some(ids) = inner.by_topic.get_mut(topic) {
                ids.remove(&self.id);
                if ids.is_empty() {
                    inner.by_topic.remove(topic);
                }
            }
            if !entry.woken.is_empty() {
                inner.wake(topic, &entry.woken, None);
            }
        }
        self.hub.metrics.long_polls.dec();
    }
}

/// Listens to a node's announcements until the task is dropped; reconnects after every break, and after each
/// connection looks once, since something may have been announced before.
pub async fn listen(app: Arc<App>, node: Arc<Node>) {
    loop {
        if let Err(why) = stream(&app, &node).await {
            tracing::debug!(shard = %node.shard, node = node.id, why, "announcements broke off");
        }
        sleep(Duration::from_millis(rand::random_range(200..800))).await;
    }
}

/// Longest silence of a node that is alive: it sends an empty line every 10 s.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest line of announcements.
const LINE: usize = 1 << 20;

#[derive(Deserialize)]
struct Announcement {
    #[serde(default)]
    topics: Vec<String>,
}

async fn stream(app: &App, node: &Node) -> Result<(), String> {
    let out = Outgoing {
        method: Method::GET,
        target: "/internal/wakeups".to_owned(),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    let out = out.with(headers::LOG_INDEX, app.snapshot().published);
    let answer = app
        .upstream
        .send(node, &out, Instant::now() + Duration::from_secs(5))
        .await
        .map_err(|f| f.why)?;
    if !answer.status().is_success() {
        return Err(format!("status {}", answer.status().as_u16()));
    }
    app.hub.look(Some(&node.shard));
    let mut body = answer.into_body();
    let mut buffer = BytesMut::new();
    loop {
        let frame = timeout(SILENCE, body.frame())
            .await
            .map_err(|_| "silence".to_owned())?;
        let Some(frame) = frame else {
            return Err("ended".to_owned());
        };
        let Ok(data) = frame.map_err(|e| e.to_string())?.into_data() else {
            continue;
        };
        buffer.extend_from_slice(&data);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line = buffer.split_to(end + 1);
            if let Ok(announcement) = serde_json::from_slice::<Announcement>(&line) {
                app.hub.announce(&node.shard, &announcement.topics);
            }
        }
        if buffer.len() > LINE {
            return Err("a line without end".to_owned());
        }
    }
}

/// The fallback: about once a second one request for each topic looks everywhere, for work that nobody announces
/// (locks that expired, retries that became due).
pub async fn poll(app: Arc<App>) {
    loop {
        sleep(Duration::from_millis(rand::random_range(800..1_200))).await;
        app.hub.look(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn hub() -> Arc<Hub> {
        Arc::new(Hub::new(Metrics::default()))
    }

    fn shard(name: &str) -> ShardName {
        ShardName::new(name)
    }

    #[test]
    fn one_announcement_wakes_the_request_that_has_waited_longest() {
        let hub = hub();
        let (a, b) = (
            hub.enter(vec!["t".into()]),
            hub.enter(vec!["t".into(), "u".into()]),
        );
        assert!(a.woken().now_or_never().is_none() && b.woken().now_or_never().is_none());
        hub.announce(&shard("s"), &["t".into()]);
        let woken = a.woken().now_or_never().unwrap();
        assert_eq!(
            woken,
            Woken {
                all: false,
                shards: [shard("s")].into()
            }
        );
        assert!(b.woken().now_or_never().is_none());
        a.pass_on(&woken);
        assert_eq!(b.woken().now_or_never(), Some(woken));
        hub.announce(&shard("s"), &["nobody's".into()]);
        assert!(a.woken().now_or_never().is_none());
    }

    #[test]
    fn nothing_is_lost_when_all_are_busy_or_one_leaves() {
        let hub = hub();
        let a = hub.enter(vec!["t".into()]);
        // Announced during its first round.
        hub.announce(&shard("s"), &["t".into()]);
        let b = hub.enter(vec!["t".into()]);
        assert!(b.woken().now_or_never().is_none());
        drop(a);
        assert!(b.woken().now_or_never().is_some());
        drop(b);
        assert!(hub.is_empty() && hub.lock().by_topic.is_empty());
    }

    #[test]
    fn a_look_wakes_one_request_for_each_topic() {
        let hub = hub();
        let waiters: Vec<Waiter> = ["t", "t", "u"].map(|topic| hub.enter(vec![topic.into()])).into();
        assert!(
            waiters
                .iter()
                .all(|waiter| waiter.woken().now_or_never().is_none())
        );
        hub.look(None);
        let woken: Vec<bool> = waiters
            .iter()
            .map(|waiter| waiter.woken().now_or_never().is_some())
            .collect();
        assert_eq!(woken, [true, false, true]);
    }
}
