//! The topology in etcd (3.4 or newer). Keys lie under one prefix; the slot table is one value.
mod lease;
mod members;
mod tls;
mod watch;

pub use tls::TlsFiles;

use crate::{
    Cluster, NodeLease, Result, View,
    store::{Entry, Guard, Op, Store},
    stored::{self, Stored},
};
use async_trait::async_trait;
use etcd_client::{Client, Compare, CompareOp, ConnectOptions, GetOptions, KeyValue, Txn, TxnOp};
use members::{Members, Repeat};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long one request may take before the member asked counts as away.
const REQUEST_LIMIT: Duration = Duration::from_secs(3);

/// Values read at once.
const PAGE: usize = 256;

/// How long a write waits for its own effect to come back through the watch.
const ECHO_LIMIT: Duration = Duration::from_secs(2);

/// Connects to etcd, reads the topology once (so that an error here names endpoints that don't answer) and keeps
/// the view fresh in the background until the last handle is gone.
///
/// `endpoints` are `http://HOST:PORT`, or `https://HOST:PORT` with `tls`; one that answers is enough. `prefix` starts
/// and ends with `/`.
pub async fn connect(endpoints: &[String], prefix: &str, tls: Option<&TlsFiles>) -> Result<Arc<dyn Cluster>> {
    // Without pings a connection to a vanished host would look alive for minutes.
    let mut options = ConnectOptions::new()
        .with_connect_timeout(Duration::from_secs(2))
        .with_keep_alive(Duration::from_secs(2), Duration::from_secs(2))
        .with_require_leader(true);
    if let Some(files) = tls {
        options = options.with_tls(files.read().await?);
    }
    let etcd = Etcd {
        members: Members::new(endpoints, options).await?,
        prefix: prefix.into(),
    };
    // Making clients succeeds with nothing there; this is the first real read.
    let cluster_id = stored::cluster_id(&etcd).await?;
    let end = CancellationToken::new();
    let views = watch::start(etcd.clone(), end.clone()).await?;
    let place = format!("etcd at {}", etcd.members.endpoints());
    let store = Watched {
        etcd,
        views: views.clone(),
        _end: Arc::new(end.drop_guard()),
    };
    Ok(Arc::new(Stored {
        store,
        views,
        place,
        cluster_id,
    }))
}

/// The members of an etcd cluster and the prefix of our keys.
#[derive(Clone)]
struct Etcd {
    members: Members,
    prefix: Arc<str>,
}

impl Etcd {
    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// An entry without the prefix; `None` for a key that isn't ours or isn't text.
    fn entry(&self, kv: &KeyValue) -> Option<Entry> {
        let key = kv.key_str().ok()?.strip_prefix(&*self.prefix)?.to_owned();
        Some(Entry {
            key,
            value: kv.value().to_vec(),
            revision: kv.mod_revision() as u64,
        })
    }

    /// The first possible key after this one.
    fn after(kv: &KeyValue) -> Vec<u8> {
        [kv.key(), &[0]].concat()
    }
}

#[async_trait]
impl Store for Etcd {
    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let key = self.key(key);
        let get = |client: Client| {
            let key = key.clone();
            async move { client.kv_client().get(key, None).await }
        };
        let answer = self.members.ask(Repeat::Always, get).await?;
        Ok(answer.kvs().first().and_then(|kv| self.entry(kv)))
    }

    async fn range(&self, from: &str, end: &str, limit: usize) -> Result<Vec<Entry>> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let mut found: Vec<Entry> = Vec::new();
        let mut from = self.key(from).into_bytes();
        loop {
            let page = PAGE.min(limit - found.len());
            let options = GetOptions::new()
                .with_range(self.key(end))
                .with_limit(page as i64);
            let get = |client: Client| {
                let (from, options) = (from.clone(), options.clone());
                // The client's own limit of 4 MiB is less than a page of large values.
                let mut client = client.kv_client().max_decoding_message_size(usize::MAX);
                async move { client.get(from, Some(options)).await }
            };
            let answer = self.members.ask(Repeat::Always, get).await?;
            found.extend(answer.kvs().iter().filter_map(|kv| self.entry(kv)));
            match answer.kvs().last() {
                Some(last) if answer.more() && found.len() < limit => from = Etcd::after(last),
                _ => return Ok(found),
            }
        }
    }

    async fn write(&self, guards: Vec<Guard>, ops: Vec<Op>) -> Result<Option<u64>> {
        let compare =
            |Guard(key, revision)| Compare::mod_revision(self.key(&key), CompareOp::Equal, revision as i64);
        let change = |op| match op {
            Op::Put(key, value) => TxnOp::put(self.key(&key), value, None),
            Op::Delete(key) => TxnOp::delete(self.key(&key), None),
        };
        let compares: Vec<Compare> = guards.into_iter().map(compare).collect();
        let ops: Vec<TxnOp> = ops.into_iter().map(change).collect();
        let txn = Txn::new().when(compares).and_then(ops);
        let write = |client: Client| {
            let txn = txn.clone();
            async move { client.kv_client().txn(txn).await }
        };
        let answer = self.members.ask(Repeat::IfUnsent, write).await?;
        let revision = answer.header().map_or(0, |h| h.revision()) as u64;
        Ok(answer.succeeded().then_some(revision))
    }

    async fn hold(&self, key: String, value: Vec<u8>) -> Result<NodeLease> {
        lease::hold(self.clone(), key, value).await
    }

    async fn seen(&self, _revision: u64) {}
}

/// Etcd together with the view that the watch feeds.
struct Watched {
    etcd: Etcd,
    views: tokio::sync::watch::Receiver<Arc<View>>,
    /// Ends the watch with the last handle.
    _end: Arc<DropGuard>,
}

#[async_trait]
impl Store for Watched {
    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        self.etcd.get(key).await
    }

    async fn range(&self, from: &str, end: &str, limit: usize) -> Result<Vec<Entry>> {
        self.etcd.range(from, end, limit).await
    }

    async fn write(&self, guards: Vec<Guard>, ops: Vec<Op>) -> Result<Option<u64>> {
        self.etcd.write(guards, ops).await
    }

    async fn hold(&self, key: String, value: Vec<u8>) -> Result<NodeLease> {
        self.etcd.hold(key, value).await
    }

    async fn seen(&self, revision: u64) {
        let mut views = self.views.clone();
        // Past the limit, or with the watch gone, the caller sees an older view: allowed, and `connected` says so.
        let _ = tokio::time::timeout(
            ECHO_LIMIT,
            views.wait_for(|view| view.revision >= revision || !view.connected),
        )
        .await;
    }
}
