//! What every verb starts from: the topology and the way to call nodes.
use crate::{
    node::{Caller, ShardClient},
    options::Options,
};
use anyhow::Result;
use cluster::{Cluster, TopologyOption};
use service::{ConfigError, Secret};
use std::sync::Arc;
use topology::ShardName;

/// The cluster, seen by an operator.
pub struct Admin {
    /// Its topology.
    pub cluster: Arc<dyn Cluster>,
    caller: Caller,
}

impl Admin {
    /// Connects to the topology of the options.
    ///
    /// # Errors
    /// `--topology` is missing or `none`, a secret can't be read, or etcd doesn't answer.
    pub async fn connect(options: &Options) -> Result<Admin> {
        let caller = caller(options)?;
        let topology = match &options.topology {
            Some(TopologyOption::None) => {
                return Err(needs_etcd("none is inside one process and has no operator").into());
            }
            None => return Err(needs_etcd("is required for this verb: etcd://HOST:PORT,…").into()),
            Some(topology) => topology,
        };
        Ok(Admin {
            cluster: cluster::open(topology).await?,
            caller,
        })
    }

    /// The cluster behind a topology that is open already.
    #[cfg(test)]
    pub fn over(cluster: Arc<dyn Cluster>, caller: Caller) -> Admin {
        Admin { cluster, caller }
    }

    /// A shard's registered nodes, as now known.
    pub fn shard(&self, name: &ShardName) -> ShardClient {
        let view = self.cluster.view();
        let urls = view
            .shards
            .get(name)
            .map(|s| s.nodes.iter().map(|n| n.url.clone()).collect());
        ShardClient::new(name.clone(), urls.unwrap_or_default(), self.caller.clone())
    }

    /// Every known shard, in the order of names.
    pub fn shards(&self) -> Vec<ShardClient> {
        self.cluster
            .view()
            .shards
            .keys()
            .map(|name| self.shard(name))
            .collect()
    }

    /// One node alone.
    pub fn node(&self, shard: &ShardName, url: &str) -> ShardClient {
        ShardClient::new(shard.clone(), vec![url.to_owned()], self.caller.clone())
    }
}

fn needs_etcd(why: &str) -> ConfigError {
    ConfigError::new("topology", why)
}

fn caller(options: &Options) -> Result<Caller> {
    let secret = Secret::resolve(
        "cluster-secret",
        options.cluster_secret.as_ref(),
        options.cluster_secret_file.as_deref(),
    )?;
    let password = Secret::resolve(
        "password",
        options.password.as_ref(),
        options.password_file.as_deref(),
    )?;
    let login = match (&options.user, password) {
        (Some(user), Some(password)) => Some((user.clone(), password)),
        (Some(_), None) => return Err(ConfigError::new("user", "needs --password-file").into()),
        (None, Some(_)) => return Err(ConfigError::new("password-file", "needs --user").into()),
        (None, None) => None,
    };
    Caller::new(options.request_timeout, &options.node_tls, secret, login)
}
