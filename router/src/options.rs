//! The options of `stellwerk router`.
use crate::{foreign::ForeignShard, routing_key::Rule};
use clap::Args;
use cluster::{Cluster, FixedShard, TopologyOption};
use service::{Common, ConfigError, HostPort, Secret, duration, size};
use std::{path::PathBuf, sync::Arc, time::Duration};

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
    /// A shard of a fixed topology (repeatable): NAME=URL[,URL…]
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
    /// How long the parts of a fan-out may take together
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration)]
    pub fanout_deadline: Duration,
    /// How many fan-outs may run at a time; more wait
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub fanout_limit: usize,
    /// How many bytes the answers of one fan-out may hold together
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size)]
    pub fanout_memory: u64,
    /// Largest firstResult + maxResults of a list over several shards
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub max_page_depth: u64,
    /// Largest request body
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size)]
    pub body_limit: u64,
    /// How many bytes the request bodies and merged answers of all requests together may hold
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = size)]
    pub memory: u64,
    /// How many requests may wait for slots that are being moved
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub park_limit: usize,
    /// How long a request may wait for its slot
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub park_timeout: Duration,
    /// How many fetchAndLock requests may wait for work
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub long_poll_limit: usize,
    /// How many requests may be under way at one shard; the limit adapts below this
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    pub shard_concurrency: u32,
    /// How long a node may take to begin its answer
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = duration)]
    pub upstream_timeout: Duration,
    /// Write a line of JSON for each request to this file (`-`: stdout)
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Pass plain HTTP/1.1 requests on without a general HTTP server between
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub fast_path: bool,
    /// Serve HTTPS with this certificate (PEM, with its chain); read anew when it changes
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Ask clients for a certificate signed by one of these (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// Who may sign the certificates of nodes with an https URL (PEM)
    #[arg(long, value_name = "FILE")]
    pub node_ca: Option<PathBuf>,
    /// The router's own certificate for such nodes (PEM); read anew when it changes
    #[arg(long, value_name = "FILE")]
    pub node_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE")]
    pub node_key: Option<PathBuf>,
    /// Serve an address that others can reach although the nodes behind ask for no password
    #[arg(long)]
    pub insecure_no_auth: bool,
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
            fanout_deadline: Duration::from_secs(20),
            fanout_limit: 256,
            fanout_memory: 64 << 20,
            max_page_depth: 10_000,
            body_limit: 64 << 20,
            memory: 512 << 20,
            park_limit: 1_000,
            park_timeout: Duration::from_secs(5),
            long_poll_limit: 20_000,
            shard_concurrency: 4_096,
            upstream_timeout: Duration::from_secs(120),
            access_log: None,
            fast_path: true,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            node_ca: None,
            node_cert: None,
            node_key: None,
            insecure_no_auth: false,
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
