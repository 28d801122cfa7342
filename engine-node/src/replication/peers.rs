//! Calls to nodes of other shards: payloads, and what a deletion asks of every shard.
use super::payload;
use crate::{app::EngineError, store::Store};
use cluster::Cluster;
use http::Method;
use service::{ConfigError, NodeClient, NodeTls, Secret, tls::Identity};
use std::{sync::Arc, time::Duration};
use topology::ShardName;

/// How long one call to a peer may take.
const CALL: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);

/// The other shards' nodes as the topology names them.
#[derive(Clone)]
pub struct Peers {
    client: NodeClient,
    secret: Option<Secret>,
    cluster: Option<Arc<dyn Cluster>>,
    shard: ShardName,
}

impl Peers {
    /// For a node of `shard`.
    ///
    /// # Errors
    /// A file of the options about TLS can't be used.
    pub fn new(
        cluster: Option<Arc<dyn Cluster>>,
        shard: ShardName,
        secret: Option<Secret>,
        tls: &NodeTls,
    ) -> Result<Peers, ConfigError> {
        Ok(Peers {
            client: NodeClient::new(tls, CONNECT, CALL)?,
            secret,
            cluster,
            shard,
        })
    }

    /// The certificate that it shows to other nodes.
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.client.identity()
    }

    /// Every other shard of the slot table with its nodes' URLs.
    pub fn others(&self) -> Vec<(ShardName, Vec<String>)> {
        let Some(cluster) = &self.cluster else {
            return Vec::new();
        };
        let view = cluster.view();
        let names = view.table.iter().flat_map(|t| t.shards()).map(|s| s.name.clone());
        names
            .filter(|name| *name != self.shard)
            .map(|name| {
                let nodes = view
                    .shards
                    .get(&name)
                    .map(|s| s.nodes.as_slice())
                    .unwrap_or_default();
                let urls = nodes
                    .iter()
                    .map(|n| n.url.trim_end_matches('/').to_owned())
                    .collect();
                (name, urls)
            })
            .collect()
    }

    /// Calls one node. Any status but 2xx is an error with its text.
    pub async fn call(&self, method: Method, url: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, String> {
        let mut request = self.client.request(method, url);
        if let Some(secret) = &self.secret {
            request = request.header("x-stellwerk-secret", secret.reveal());
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|e| format!("{url}: {e}"))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|e| format!("{url}: {e}"))?;
        match status.is_success() {
            true => Ok(bytes.to_vec()),
            false => Err(format!("{url}: {status} {}", String::from_utf8_lossy(&bytes))),
        }
    }

    /// Calls any one node of a shard, trying each.
    pub async fn ask(
        &self,
        shard: &ShardName,
        urls: &[String],
        method: Method,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Vec<u8>, String> {
        let mut last = format!("shard {shard} has no registered node");
        for url in urls {
            match self
                .call(method.clone(), &format!("{url}{path}"), body.map(<[u8]>::to_vec))
                .await
            {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Stores a payload in one other shard, if there is another: an entry's bytes must outlive any one shard.
    ///
    /// # Errors
    /// There are other shards and none could store it.
    pub async fn spread(&self, digest: &str, bytes: Vec<u8>) -> Result<(), EngineError> {
        let others = self.others();
        if others.is_empty() {
            return Ok(());
        }
        let mut reasons = Vec::new();
        for (shard, urls) in others {
            match self
                .ask(
                    &shard,
                    &urls,
                    Method::PUT,
                    &format!("/internal/payload/{digest}"),
                    Some(&bytes),
                )
                .await
            {
                Ok(_) => return Ok(()),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(EngineError::NotReplicated(format!(
            "no second shard could store the deployment, so nothing was done: {}",
            reasons.join("; ")
        )))
    }

    /// A payload from the own database or another shard's; kept here once fetched.
    ///
    /// # Errors
    /// No shard that can be reached has it.
    pub async fn fetch(&self, store: &dyn Store, digest: &str) -> Result<Vec<u8>, EngineError> {
        if let Some(bytes) = store.payload(digest).await? {
            return Ok(bytes);
        }
        for (shard, urls) in self.others() {
            match self
                .ask(
                    &shard,
                    &urls,
                    Method::GET,
                    &format!("/internal/payload/{digest}"),
                    None,
                )
                .await
            {
                Ok(bytes) if payload::digest(&bytes) == digest => {
                    store.put_payload(digest, &bytes).await?;
                    return Ok(bytes);
                }
                Ok(_) => tracing::error!(shard = %shard, digest, "payload does not match its digest"),
                Err(reason) => tracing::debug!(shard = %shard, digest, reason, "payload not there"),
            }
        }
        Err(EngineError::NotReplicated(format!(
            "payload {digest} of the reference log can't be fetched from any shard"
        )))
    }
}
