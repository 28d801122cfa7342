//! The options of `stellwerk router`.
use crate::{foreign::ForeignShard, live::LiveOptions, routing_key::Rule};
use clap::Args;
use cluster::{Cluster, FixedShard, TopologyOption};
use service::{Common, ConfigError, HostPort, NodeTls, Secret, ServerTls};
use std::{path::PathBuf, sync::Arc};

/// Options of the router role.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// Address of the REST endpoint
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: HostPort,
    /// Where the cluster's topology lives: etcd://HOST:PORT,…
    #[arg(long, value_name = "URL", conflicts_with = "shard")]
    pub topology: Option<TopologyOption>,
    /// A shard of a fixed topology (repeatable): NAME=URL[,URL…]; other URLs are read anew from the --config file, other names aren't
    #[arg(long, value_name = "NAME=URL[,URL…]")]
    pub shard: Vec<FixedShard>,
    /// Camunda 7 or Operaton servers that get a share of the new instances (repeatable): NAME=PERCENT@URL[,URL…], the URLs of their REST roots
    #[arg(long, value_name = "NAME=PERCENT@URL[,URL…]")]
    pub foreign_shard: Vec<ForeignShard>,
    /// What places the starts of a process definition (`*`: of all others): business-key, tenant, definition, header:NAME or variable:NAME (repeatable)
    #[arg(long, value_name = "DEFINITION=SOURCE")]
    pub routing_key: Vec<Rule>,
    /// Put these routing keys in the place of those that the cluster has; all other routers must be stopped
    #[arg(long)]
    pub replace_routing_key: bool,
    /// File with the secret shared by routers and nodes
    #[arg(long, value_name = "FILE")]
    pub cluster_secret_file: Option<PathBuf>,
    /// Write a line of JSON for each request to this file (`-`: stdout); opened anew at SIGHUP
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Unix socket over which a router takes the listeners of its predecessor over, and hands them to its successor
    #[arg(long, value_name = "FILE")]
    pub handover: Option<PathBuf>,
    /// Pass plain HTTP/1.1 requests on without a general HTTP server between
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub fast_path: bool,
    #[command(flatten)]
    pub tls: ServerTls,
    #[command(flatten)]
    pub node_tls: NodeTls,
    /// Serve an address that others can reach although the nodes behind ask for no password
    #[arg(long)]
    pub insecure_no_auth: bool,
    #[command(flatten)]
    pub live: LiveOptions,
}

impl Default for Options {
    /// The defaults of the command line, without an admin listener; what `dev` and tests start from.
    fn default() -> Options {
        Options {
            common: Common::default(),
            listen: HostPort::loopback(8080),
            topology: None,
            shard: Vec::new(),
            foreign_shard: Vec::new(),
            routing_key: Vec::new(),
            replace_routing_key: false,
            cluster_secret_file: None,
            access_log: None,
            handover: None,
            fast_path: true,
            tls: ServerTls::default(),
            node_tls: NodeTls::default(),
            insecure_no_auth: false,
            live: LiveOptions::default(),
        }
    }
}

impl Options {
    /// Opens the topology that the options name.
    ///
    /// # Errors
    /// Neither `--topology` nor `--shard` is given, or the topology can't be reached.
    pub async fn cluster(&self) -> anyhow::Result<Arc<dyn Cluster>> {
        match &self.topology {
            Some(TopologyOption::None) | None if self.shard.is_empty() => Err(ConfigError::new(
                "topology",
                "a router needs --topology etcd://HOST:PORT or at least one --shard NAME=URL",
            )
            .into()),
            Some(option) => Ok(cluster::open(option).await?),
            None => Ok(cluster::fixed(self.shard.clone())?),
        }
    }

    /// Whether the shards are a list in the options: then nothing moves, and the nodes don't know of each other.
    pub fn is_fixed(&self) -> bool {
        self.shard.len() > 1
    }

    /// The cluster's secret, if there is one.
    ///
    /// # Errors
    /// The file can't be read or is empty.
    pub fn secret(&self) -> Result<Option<Secret>, ConfigError> {
        Secret::resolve("cluster-secret", None, self.cluster_secret_file.as_deref())
    }
}
