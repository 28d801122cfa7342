//! The topology in etcd (3.4 or newer). Keys lie under one prefix; the slot table is one value.
mod lease;
mod tls;
mod watch;

pub use tls::TlsFiles;

use crate::{
    Cluster, Error, NodeLease, Result, View,
    store::{Entry, Guard, Op, Store},
    stored::{self, Stored},
};
use async_trait::async_trait;
use etcd_client::{Client, Compare, CompareOp, ConnectOptions, GetOptions, KeyValue, Txn, TxnOp};
use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long one request may take before etcd counts as away.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(3);

/// Values read at once.
const PAGE: usize = 256;

/// How long a write waits for its own effect to come back through the watch.
const ECHO_LIMIT: Duration = Duration::from_secs(2);

/// Connects to etcd, reads the topology once (so that an error here names endpoints that don't answer) and keeps
/// the view fresh in the background until the last handle is gone.
///
/// `endpoints` are `http://HOST:PORT`, or `https://HOST:PORT` with `tls`; `prefix` starts and ends with `/`.
pub async fn connect(endpoints: &[String], prefix: &str, tls: Option<&TlsFiles>) -> Result<Arc<dyn Cluster>> {
    // Without pings a connection to a vanished host would look alive for minutes.
    let mut options = ConnectOptions::new()
        .with_connect_timeout(Duration::from_secs(2))
        .with_keep_alive(Duration::from_secs(2), Duration::from_secs(2))
        .with_require_leader(true);
    if let Some(files) = tls {
        options = options.with_tls(files.read().await?);
    }
    let names = endpoints.join(",");
    let unavailable = |e: etcd_client::Error| Error::Unavailable {
        endpoints: names.clone(),
        reason: e.to_string(),
    };
    let client = Client::connect(endpoints, Some(options))
        .await
        .map_err(unavailable)?;
    let etcd = Etcd {
        client,
        prefix: prefix.into(),
        endpoints: names.as_str().into(),
    };
    // Client::connect succeeds with nothing there; this is the first real read.
    let cluster_id = stored::cluster_id(&etcd).await?;
    let end = CancellationToken::new();
    let views = watch::start(etcd.clone(), end.clone()).await?;
    let store = Watched {
        etcd,
        views: views.clone(),
        _end: Arc::new(end.drop_guard()),
    };
    Ok(Arc::new(Stored {
        store,
        views,
        place: format!("etcd at {names}"),
        cluster_id,
    }))
}

/// A client with its prefix.
#[derive(Clone)]
pub(crate) struct Etcd {
    pub client: Client,
    prefix: Arc<str>,
    endpoints: Arc<str>,
}

impl Etcd {
    pub fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// An entry without the prefix; `None` for a key that isn't ours or isn't text.
    pub fn entry(&self, kv: &KeyValue) -> Option<Entry> {
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

    pub fn unavailable(&self, reason: impl ToString) -> Error {
        Error::Unavailable {
            endpoints: self.endpoints.to_string(),
            reason: reason.to_string(),
        }
    }

    /// Waits for an answer, but not for ever: the client itself waits until an endpoint comes back.
    pub async fn limited<T>(
        &self,
        call: impl Future<Output = std::result::Result<T, etcd_client::Error>>,
    ) -> Result<T> {
        match tokio::time::timeout(REQUEST_LIMIT, call).await {
            Ok(answer) => answer.map_err(|e| self.unavailable(e)),
            Err(_) => Err(self.unavailable(format!("no answer within {} s", REQUEST_LIMIT.as_secs()))),
        }
    }
}

#[async_trait]
impl Store for Etcd {
    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let mut client = self.client.kv_client();
        let answer = self.limited(client.get(self.key(key), None)).await?;
        Ok(answer.kvs().first().and_then(|kv| self.entry(kv)))
    }

    async fn range(&self, from: &str, end: &str, limit: usize) -> Result<Vec<Entry>> {
        // The client's own limit of 4 MiB is less than a page of large values.
        let mut client = self.client.kv_client().max_decoding_message_size(usize::MAX);
        let limit = if limit == 0 { usize::MAX } else { limit };
        let mut found: Vec<Entry> = Vec::new();
        let mut from = self.key(from).into_bytes();
        loop {
            let page = PAGE.min(limit - found.len());
            let options = GetOptions::new()
                .with_range(self.key(end))
                .with_limit(page as i64);
            let answer = self.limited(client.get(from, Some(options))).await?;
            found.extend(answer.kvs().iter().filter_map(|kv| self.entry(kv)));
            match answer.kvs().last() {
                Some(last) if answer.more() && found.len() < limit => {
                    from = Etcd::after(last);
                }
                _ => return Ok(found),
            }
        }
    }

    async fn write(&self, guards: Vec<Guard>, ops: Vec<Op>) -> Result<Option<u64>> {
        let mut client = self.client.kv_client();
        let compares: Vec<Compare> = guards
            .into_iter()
            .map(|Guard(key, revision)| {
                Compare::mod_revision(self.key(&key), CompareOp::Equal, revision as i64)
            })
            .collect();
        let ops: Vec<TxnOp> = ops
            .into_iter()
            .map(|op| match op {
                Op::Put(key, value) => TxnOp::put(self.key(&key), value, None),
                Op::Delete(key) => TxnOp::delete(self.key(&key), None),
            })
            .collect();
        let answer = self
            .limited(client.txn(Txn::new().when(compares).and_then(ops)))
            .await?;
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
