//! Keeps the view equal to the keys below `topology/`. The client's watch streams don't resume by themselves; this
//! task remembers the revision it has seen, goes on from the next one, reads everything anew after a compaction, and
//! keeps the last good view while etcd is away.
use super::{
    Etcd, REQUEST_LIMIT,
    members::{Member, Repeat},
};
use crate::{Contact, Error, Result, View, keys, store::Entry};
use etcd_client::{Client, EventType, GetOptions, WatchOptions, WatchResponse, WatchStream};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often etcd is asked for a sign of life while nothing changes.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Silence after which the stream counts as dead; several probes must have been lost.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(2);

/// Reads the topology and starts the task that keeps it fresh until `end` is cancelled.
pub async fn start(etcd: Etcd, end: CancellationToken) -> Result<watch::Receiver<Arc<View>>> {
    let empty = View {
        contact: Contact::lossy(),
        ..View::default()
    };
    let (views, receiver) = watch::channel(Arc::new(empty));
    let mut feed = Feed {
        etcd,
        views,
        keys: BTreeMap::new(),
        revision: 0,
    };
    feed.read_all().await?;
    tokio::spawn(async move {
        tokio::select! {
            () = feed.run() => {}
            () = end.cancelled() => {}
        }
    });
    Ok(receiver)
}

struct Feed {
    etcd: Etcd,
    views: watch::Sender<Arc<View>>,
    /// What lies below `topology/` at `revision`.
    keys: BTreeMap<String, Entry>,
    /// Everything up to this revision is in `keys`; 0: read everything anew.
    revision: u64,
}

impl Feed {
    async fn run(mut self) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let before = self.revision;
            let Err(error) = self.session().await else {
                continue;
            };
            if self.views.borrow().connected {
                tracing::warn!(%error, "the topology's feed is interrupted; serving the last view");
                backoff = FIRST_BACKOFF;
                self.views.send_modify(|view| {
                    *view = Arc::new(View {
                        connected: false,
                        ..View::clone(view)
                    });
                });
            } else if self.revision == before {
                backoff = (backoff * 2).min(LAST_BACKOFF);
            }
            tokio::time::sleep(backoff).await;
        }
    }

    /// One watch stream from its opening to its end, which is always an error, except that `Ok` asks for a new
    /// session at once (after a compaction).
    async fn session(&mut self) -> Result<()> {
        let fresh = self.revision == 0;
        if fresh {
            self.read_all().await?;
        }
        let member = self.etcd.members.choose();
        let ended = self.stream(&member, fresh).await;
        if ended.is_err() {
            self.etcd.members.leave(&member);
        }
        ended
    }

    /// The stream of a session on one member.
    async fn stream(&mut self, member: &Member, fresh: bool) -> Result<()> {
        let members = self.etcd.members.clone();
        let mut client = member.client.watch_client();
        let options = WatchOptions::new()
            .with_prefix()
            .with_start_revision(self.revision as i64 + 1);
        let key = self.etcd.key(keys::TOPOLOGY);
        let mut stream = members.limited(member, client.watch(key, Some(options))).await?;
        let opened = self.next(&mut stream, REQUEST_LIMIT).await?;
        if !fresh
            && opened
                .header()
                .is_some_and(|h| (h.revision() as u64) < self.revision)
        {
            // Either a lagging member, which will catch up, or an etcd restored from a backup: a fresh read, which
            // the leader answers, tells.
            tracing::error!("etcd answers with an older revision than before; reading the topology anew");
            self.revision = 0;
            return Ok(());
        }
        if self.take(&opened)? {
            return Ok(());
        }
        self.show();
        let mut probe = tokio::time::interval(PROBE_EVERY);
        let mut last = tokio::time::Instant::now();
        loop {
            let answer = tokio::select! {
                answer = stream.message() => answer,
                _ = probe.tick() => {
                    if last.elapsed() > SILENCE_LIMIT {
                        return Err(self.etcd.members.unavailable("the watch is silent"));
                    }
                    stream.request_progress().await.map_err(|e| self.etcd.members.unavailable(e))?;
                    continue;
                }
            };
            last = tokio::time::Instant::now();
            let answer = answer.map_err(|e| self.etcd.members.unavailable(e))?;
            let answer = answer.ok_or_else(|| self.etcd.members.unavailable("the watch ended"))?;
            if self.take(&answer)? {
                return Ok(());
            }
            if !answer.events().is_empty() {
                self.show();
            }
        }
    }

    async fn next(&self, stream: &mut WatchStream, limit: Duration) -> Result<WatchResponse> {
        let answer = tokio::time::timeout(limit, stream.message()).await;
        let answer = answer.map_err(|_| self.etcd.members.unavailable("the watch doesn't open"))?;
        answer
            .map_err(|e| self.etcd.members.unavailable(e))?
            .ok_or_else(|| self.etcd.members.unavailable("the watch ended"))
    }

    /// Takes in one answer of the watch; true if everything must be read anew.
    fn take(&mut self, answer: &WatchResponse) -> Result<bool> {
        self.views.borrow().contact.heard();
        if answer.canceled() {
            if answer.compact_revision() > 0 {
                tracing::info!(
                    revision = answer.compact_revision(),
                    "etcd was compacted; reading the topology anew"
                );
                self.revision = 0;
                return Ok(true);
            }
            return Err(self
                .etcd
                .members
                .unavailable(format!("the watch was cancelled: {}", answer.cancel_reason())));
        }
        // The revision of an answer without events isn't taken: etcd may send it ahead of events still to come.
        for event in answer.events() {
            let Some(kv) = event.kv() else { continue };
            self.revision = self.revision.max(kv.mod_revision() as u64);
            let Some(entry) = self.etcd.entry(kv) else {
                continue;
            };
            match event.event_type() {
                EventType::Put => drop(self.keys.insert(entry.key.clone(), entry)),
                EventType::Delete => drop(self.keys.remove(&entry.key)),
            }
        }
        Ok(false)
    }

    async fn read_all(&mut self) -> Result<()> {
        let key = self.etcd.key(keys::TOPOLOGY);
        let get = |client: Client| {
            let key = key.clone();
            let mut client = client.kv_client().max_decoding_message_size(usize::MAX);
            async move { client.get(key, Some(GetOptions::new().with_prefix())).await }
        };
        let answer = self.etcd.members.ask(Repeat::Always, get).await?;
        let revision = answer.header().map_or(0, |h| h.revision()) as u64;
        if revision == 0 {
            return Err(Error::Busy("etcd's revision"));
        }
        self.keys = answer
            .kvs()
            .iter()
            .filter_map(|kv| self.etcd.entry(kv))
            .map(|e| (e.key.clone(), e))
            .collect();
        self.revision = revision;
        self.views.borrow().contact.heard();
        self.show();
        Ok(())
    }

    /// Publishes what `keys` amount to. With a damaged value among them the last good view stays.
    fn show(&self) {
        let previous = self.views.borrow().clone();
        match View::build(&self.keys, &previous, self.revision) {
            Ok(view) => drop(self.views.send_replace(Arc::new(view))),
            Err(error) => tracing::error!(%error, "the topology can't be read; serving the last view"),
        }
    }
}
