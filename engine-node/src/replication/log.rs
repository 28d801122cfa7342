//! Where the reference log lives: in the cluster's topology, or, for a node alone, in its database.
use super::{Payload, peers::Peers};
use crate::{
    app::EngineError,
    query::filter,
    store::{FilterChange, Reference, Store},
};
use async_trait::async_trait;
use cluster::{Cluster, LogEntry, log as cluster_log};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::timeout};
use topology::{Id, ShardName};

/// Entries read at once.
const PAGE: usize = 64;

/// An entry on its way into the log.
pub(super) struct New {
    pub payload: Payload,
    /// SHA-256 of user and `Idempotency-Key`, and the request's digest.
    pub idempotency: Option<(String, String)>,
    /// What the request is answered, for its repetitions; of a deployment that is told anew.
    pub answer: Option<String>,
}

/// An entry to be applied.
pub(super) struct Step {
    pub index: u64,
    pub references: Vec<Reference>,
    /// Remembered with it: the hashed idempotency key, and what the first request was and made.
    pub memory: Option<(String, Memory)>,
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Digest of the request.
    pub request: String,
    /// What a deployment made.
    #[serde(default)]
    pub deployment: Option<Id>,
    /// What another request was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What became of an append.
pub(super) enum Appended {
    /// It stands at that index.
    At(u64),
    /// Somebody else was faster: apply what is new, and decide again.
    Again,
}

/// The reference log as one node sees it.
#[async_trait]
pub(super) trait Log: Send + Sync {
    /// What comes after `applied`, in order, at most a page; empty at the head.
    async fn after(&self, applied: u64) -> Result<Vec<Step>, EngineError>;
    /// Appends behind `head`.
    async fn append(&self, head: u64, new: New) -> Result<Appended, EngineError>;
    /// The published index known now, without asking.
    fn published(&self) -> u64;
    /// Publishes everything up to `index`.
    async fn publish(&self, index: u64) -> Result<(), EngineError>;
    /// Says that this shard's database has applied everything up to `index`.
    async fn confirm(&self, index: u64) -> Result<(), EngineError>;
    /// Waits until every shard has applied `index`; marks and names those that don't in time.
    async fn wait_for_shards(&self, index: u64) -> Result<Vec<ShardName>, EngineError>;
    /// Ends when there is something beyond `applied` or `published`, as far as the log itself tells; what another node
    /// of the shard has applied is news of the database.
    async fn changed(&self, applied: u64, published: u64);
}

/// The log of a node alone: an entry is its application, published at once. Several nodes on one database meet in
/// the applied index.
pub(super) struct LocalLog {
    store: Arc<dyn Store>,
    appending: Mutex<()>,
}

impl LocalLog {
    pub fn new(store: Arc<dyn Store>) -> LocalLog {
        LocalLog {
            store,
            appending: Mutex::new(()),
        }
    }

    /// Whether the database shows what the entry does: another node may have taken its index.
    async fn holds(&self, reference: &Reference) -> Result<bool, EngineError> {
        if let Reference::Identity(changes) = reference {
            return Ok(self.store.identity_holds(changes).await?);
        }
        if let Reference::Filter(change) = reference {
            let (id, wanted) = match change {
                FilterChange::Put(row) => (row.id, Some(row)),
                FilterChange::Delete(id) => (*id, None),
            };
            let found = self.store.select(&filter::by_id(id)).await?;
            let found = found.rows.first().map(|row| filter::row(&**row)).transpose()?;
            return Ok(found.as_ref() == wanted);
        }
        let deployments = self.store.deployments().await?;
        let known = |id: &Id| deployments.iter().find(|(d, _)| d.id == *id);
        Ok(match reference {
            Reference::Deploy(row) => known(&row.id).is_some(),
            Reference::Publish { deployment } => known(deployment).is_some_and(|(_, published)| *published),
            Reference::DeleteDeployment { deployment, .. } => known(deployment).is_none(),
            Reference::DeleteDefinition { definition, .. } => {
                let mut all = deployments.iter().flat_map(|(d, _)| &d.definitions);
                all.all(|d| d.id != *definition)
            }
            Reference::SuspendDefinition {
                definition,
                suspended,
            } => deployments
                .iter()
                .flat_map(|(d, _)| &d.definitions)
                .find(|d| d.id == *definition)
                .is_none_or(|d| d.suspended == *suspended),
            Reference::SuspendJobs {
                definition,
                job_definition,
                suspended,
            } => self.store.job_definitions().await?.iter().all(|j| {
                let meant = j.definition_id == *definition && job_definition.is_none_or(|id| id == j.id);
                !meant || j.suspended == *suspended
            }),
            Reference::SetJobPriority {
                job_definition,
                priority,
            } => {
                let all = self.store.job_definitions().await?;
                let found = all.iter().find(|j| j.id == *job_definition);
                found.is_none_or(|j| j.priority == *priority)
            }
            Reference::SetHistoryTtl { definition, days } => deployments
                .iter()
                .flat_map(|(d, _)| &d.definitions)
                .find(|d| d.id == *definition)
                .is_none_or(|d| d.history_ttl_days == *days),
            Reference::SetDecisionHistoryTtl { decision, days } => deployments
                .iter()
                .flat_map(|(d, _)| &d.decisions)
                .find(|d| d.id == *decision)
                .is_none_or(|d| d.history_ttl_days == *days),
            Reference::Identity(_) | Reference::Filter(_) => true,
        })
    }
}

#[async_trait]
impl Log for LocalLog {
    async fn after(&self, _: u64) -> Result<Vec<Step>, EngineError> {
        Ok(Vec::new())
    }

    async fn append(&self, head: u64, new: New) -> Result<Appended, EngineError> {
        let _turn = self.appending.lock().await;
        if self.store.applied_index().await? != head {
            return Ok(Appended::Again);
        }
        let reference = new.payload.reference().map_err(internal)?;
        let mut references = vec![reference.clone()];
        if let Reference::Deploy(row) = &reference {
            references.push(Reference::Publish { deployment: row.id });
        }
        self.store.apply_reference(head + 1, &references).await?;
        if !self.holds(&reference).await? {
            return Ok(Appended::Again);
        }
        if let Some((key, request)) = new.idempotency {
            // Not in one transaction: a node that dies right here does it once more when it is asked again.
            let deployment = match &reference {
                Reference::Deploy(row) => Some(row.id),
                _ => None,
            };
            let memory = Memory {
                request,
                deployment,
                answer: new.answer,
            };
            self.store
                .put_payload(&key, &serde_json::to_vec(&memory).map_err(internal)?)
                .await?;
        }
        Ok(Appended::At(head + 1))
    }

    fn published(&self) -> u64 {
        0
    }

    async fn publish(&self, _: u64) -> Result<(), EngineError> {
        Ok(())
    }

    async fn confirm(&self, _: u64) -> Result<(), EngineError> {
        Ok(())
    }

    async fn wait_for_shards(&self, _: u64) -> Result<Vec<ShardName>, EngineError> {
        Ok(Vec::new())
    }

    async fn changed(&self, _: u64, _: u64) {
        std::future::pending().await
    }
}

/// The log of a cluster.
pub(super) struct ClusterLog {
    pub store: Arc<dyn Store>,
    pub cluster: Arc<dyn Cluster>,
    pub shard: ShardName,
    pub peers: Peers,
    /// How long a shard may take to confirm an entry before it counts as behind.
    pub confirm_within: Duration,
}

/// `data` of an entry: what it is about, and its payload where that is small.
#[derive(Serialize, Deserialize)]
struct Data {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployment: Option<Id>,
    /// Digest of the request that had the entry's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// What that request is answered, where it isn't told anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// The payload of everything but deployments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<Payload>,
}

/// `data` of a publish entry.
#[derive(Deserialize)]
struct Published {
    index: u64,
}

impl ClusterLog {
    async fn step(&self, index: u64, entry: LogEntry) -> Result<Step, EngineError> {
        if entry.kind == cluster_log::PUBLISH {
            let published: Published = serde_json::from_value(entry.data).map_err(internal)?;
            let references = self.publishes(published.index, index).await?;
            return Ok(Step {
                index,
                references,
                memory: None,
            });
        }
        let data: Data = serde_json::from_value(entry.data).map_err(internal)?;
        let payload = match data.payload {
            Some(payload) => payload,
            None => {
                Payload::decode(&self.peers.fetch(&*self.store, &entry.digest).await?).map_err(internal)?
            }
        };
        let memory = entry.idempotency_key.zip(data.request).map(|(key, request)| {
            let memory = Memory {
                request,
                deployment: data.deployment,
                answer: data.answer,
            };
            (key, memory)
        });
        Ok(Step {
            index,
            references: vec![payload.reference().map_err(internal)?],
            memory,
        })
    }

    /// What a publish entry at `at` publishes here: every deployment not yet published whose entry stands at `upto`
    /// or before. Only those between `upto` and `at` stay as they are.
    async fn publishes(&self, upto: u64, at: u64) -> Result<Vec<Reference>, EngineError> {
        let mut later = HashSet::new();
        let mut next = upto + 1;
        while next < at {
            let page = self.cluster.entries(next, PAGE).await.map_err(unreachable)?;
            let Some(last) = page.last().map(|(index, _)| *index) else {
                break;
            };
            for (_, entry) in page
                .into_iter()
                .filter(|(index, entry)| *index < at && entry.kind != cluster_log::PUBLISH)
            {
                later.extend(
                    serde_json::from_value::<Data>(entry.data)
                        .ok()
                        .and_then(|data| data.deployment),
                );
            }
            next = last + 1;
        }
        let deployments = self.store.deployments().await?;
        let pending = deployments
            .into_iter()
            .filter(|(d, published)| !published && !later.contains(&d.id));
        Ok(pending
            .map(|(d, _)| Reference::Publish { deployment: d.id })
            .collect())
    }

    /// Shards of the slot table that should have applied `index` and haven't: (name, counted as behind already).
    fn missing(&self, index: u64) -> Vec<(ShardName, bool)> {
        let view = self.cluster.view();
        let names = view.table.iter().flat_map(|t| t.shards()).map(|s| s.name.clone());
        names
            .filter_map(|name| {
                let shard = view.shards.get(&name).cloned().unwrap_or_default();
                (shard.applied < index).then_some((name, shard.behind))
            })
            .collect()
    }
}

#[async_trait]
impl Log for ClusterLog {
    async fn after(&self, applied: u64) -> Result<Vec<Step>, EngineError> {
        let mut steps = Vec::new();
        for (index, entry) in self
            .cluster
            .entries(applied + 1, PAGE)
            .await
            .map_err(unreachable)?
        {
            let publishes = entry.kind == cluster_log::PUBLISH;
            if publishes && !steps.is_empty() {
                // What it publishes shows in the database only once those before it are applied.
                break;
            }
            steps.push(self.step(index, entry).await?);
            if publishes {
                break;
            }
        }
        Ok(steps)
    }

    async fn append(&self, head: u64, new: New) -> Result<Appended, EngineError> {
        let kind = new.payload.kind().to_owned();
        let (digest, data) = match &new.payload {
            Payload::Deploy { deployment } => {
                let (bytes, digest) = new.payload.encode();
                self.store.put_payload(&digest, &bytes).await?;
                self.peers.spread(&digest, bytes).await?;
                let request = new.idempotency.as_ref().map(|(_, request)| request.clone());
                (
                    digest,
                    Data {
                        deployment: Some(deployment.id()),
                        request,
                        answer: None,
                        payload: None,
                    },
                )
            }
            small => {
                let data = Data {
                    deployment: None,
                    request: new.idempotency.as_ref().map(|(_, request)| request.clone()),
                    answer: new.answer,
                    payload: Some(small.clone()),
                };
                (cluster_log::EMPTY_DIGEST.to_owned(), data)
            }
        };
        let data = serde_json::to_value(data).map_err(internal)?;
        let entry = LogEntry {
            kind,
            digest,
            data,
            idempotency_key: new.idempotency.map(|(key, _)| key),
        };
        match self.cluster.append(head, entry).await {
            Ok(index) => Ok(Appended::At(index)),
            Err(cluster::Error::HeadMoved { .. } | cluster::Error::AlreadyAppended { .. }) => {
                Ok(Appended::Again)
            }
            Err(error) => Err(unreachable(error)),
        }
    }

    fn published(&self) -> u64 {
        self.cluster.view().published
    }

    async fn publish(&self, index: u64) -> Result<(), EngineError> {
        self.cluster.publish(index).await.map(|_| ()).map_err(unreachable)
    }

    async fn confirm(&self, index: u64) -> Result<(), EngineError> {
        let known = self
            .cluster
            .view()
            .shards
            .get(&self.shard)
            .cloned()
            .unwrap_or_default();
        if known.applied >= index && !known.behind {
            return Ok(());
        }
        self.cluster
            .set_applied(&self.shard, index)
            .await
            .map_err(unreachable)
    }

    async fn wait_for_shards(&self, index: u64) -> Result<Vec<ShardName>, EngineError> {
        let mut view = self.cluster.watch();
        let confirmed = async {
            while self.missing(index).iter().any(|(_, behind)| !behind) {
                if view.changed().await.is_err() {
                    break;
                }
            }
        };
        let _ = timeout(self.confirm_within, confirmed).await; // what is missing then is looked at below
        let missing = self.missing(index);
        for (shard, behind) in &missing {
            if !behind {
                tracing::warn!(shard = %shard, index, "shard has not applied the reference log in time: behind");
                self.cluster.mark_behind(shard, true).await.map_err(unreachable)?;
            }
        }
        Ok(missing.into_iter().map(|(shard, _)| shard).collect())
    }

    async fn changed(&self, applied: u64, published: u64) {
        let mut view = self.cluster.watch();
        let unknown = |v: &cluster::View| v.log_head > applied || v.published > published;
        while !unknown(&view.borrow_and_update()) {
            if view.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// What a client is told; where the topology lives is for the log.
pub(super) fn unreachable(error: cluster::Error) -> EngineError {
    if let cluster::Error::Unavailable { .. } = error {
        tracing::debug!(%error, "topology not reached");
        return EngineError::NotReplicated("the cluster's topology does not answer".into());
    }
    EngineError::NotReplicated(error.to_string())
}

pub(super) fn internal(error: impl std::fmt::Display) -> EngineError {
    EngineError::Store(crate::store::StoreError::Internal(format!(
        "reference log: {error}"
    )))
}
