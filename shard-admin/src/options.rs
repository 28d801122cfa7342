//! Options and verbs.
use clap::{Args, Subcommand, ValueEnum};
use cluster::TopologyOption;
use service::{LogFormat, NodeTls, Secret, duration};
use std::{path::PathBuf, time::Duration};

/// Options of `stellwerk shard-admin`; each may stand before or after the verb.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the topology lives
    #[arg(long, global = true, value_name = "etcd://HOST:PORT,…")]
    pub topology: Option<TopologyOption>,
    /// Form of the result on stdout
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    pub output: OutputFormat,
    /// The cluster secret that nodes ask for
    #[arg(long, global = true, value_name = "SECRET")]
    pub cluster_secret: Option<Secret>,
    /// File that holds the cluster secret
    #[arg(long, global = true, value_name = "FILE")]
    pub cluster_secret_file: Option<PathBuf>,
    /// User of the nodes' REST interface, if they ask for one
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// That user's password
    #[arg(long, global = true, value_name = "PASSWORD")]
    pub password: Option<Secret>,
    /// File that holds that user's password
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// How long one call of a node may take
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,
    #[command(flatten)]
    pub node_tls: NodeTls,
    /// Form of the log lines on stderr
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Least level that is logged
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
pub enum Verb {
    /// Show shards, nodes, schema and what is under way
    Status,
    /// Add a shard with its share of the slots, or list shards
    #[command(subcommand)]
    Shard(ShardVerb),
    /// Show who owns which slot, or finish interrupted moves
    #[command(subcommand)]
    Slots(SlotsVerb),
    /// Print, plan and apply database schemas
    #[command(subcommand)]
    Schema(SchemaVerb),
    /// List and retry incidents over all shards
    #[command(subcommand)]
    Incidents(IncidentsVerb),
    /// Show, deliver and drop messages that wait for their receiver (--park-message)
    #[command(subcommand)]
    Parked(ParkedVerb),
    /// Declare your own database indexes, which every shard gets and upgrades keep
    #[command(subcommand)]
    Index(IndexVerb),
    /// Show the job executors of the nodes, switch them on and off, change their settings
    #[command(subcommand)]
    Executor(ExecutorVerb),
    /// Show how many jobs are locked, and how many are due and are not
    Jobs(JobsArgs),
    /// Show rows, size and writes of the runtime, history, byte and reference tables
    Storage(StorageArgs),
    /// Show and change how much history shards write
    #[command(subcommand)]
    HistoryLevel(HistoryLevelVerb),
    /// Deploy files to the whole cluster
    Deploy(DeployArgs),
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Verbs of `shard`.
#[derive(Subcommand, Clone, Debug)]
pub enum ShardVerb {
    /// Add a shard whose nodes run already, and move its share of the slots to it
    ///
    /// Interrupted runs may be repeated: what was under way is finished or taken back first.
    Add(ShardAdd),
    /// List the shards
    List,
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Arguments of `shard add`.
#[derive(Args, Clone, Debug)]
pub struct ShardAdd {
    /// The shard's name, as its nodes were given with `--shard`
    pub name: String,
    /// Its share of the slots relative to the other shards
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub weight: u32,
    /// How long to wait for its nodes and until it has applied the reference log
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub wait: Duration,
    /// How moves are done
    #[command(flatten)]
    pub moving: Moving,
}

/// How moves are done.
#[derive(Args, Clone, Copy, Debug)]
pub struct Moving {
    /// Slots that move together, behind one fence
    #[arg(long, value_name = "SLOTS", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub batch: u32,
    /// How long a fence waits for the writers that had begun before it; then it is lifted and the move tried again
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub fence_budget: Duration,
    /// How often a move is tried
    #[arg(long, value_name = "TIMES", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub tries: u32,
}

/// Verbs of `slots`.
#[derive(Subcommand, Clone, Debug)]
pub enum SlotsVerb {
    /// Show who owns which slot at which epoch, and open moves
    Show {
        /// Only the slot of this business key
        #[arg(long, conflicts_with = "slot")]
        key: Option<String>,
        /// Only this slot
        #[arg(long, value_parser = clap::value_parser!(u16).range(..16_384))]
        slot: Option<u16>,
    },
    /// Finish or take back moves that were interrupted
    Move {
        /// The only form there is yet
        #[arg(long, required = true)]
        resume: bool,
    },
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Verbs of `schema`.
#[derive(Subcommand, Clone, Debug)]
pub enum SchemaVerb {
    /// Print the SQL that makes an empty database usable, for whoever applies it by hand
    Print {
        /// Whose SQL
        #[arg(long, default_value = "postgres")]
        dialect: DialectName,
    },
    /// Show the steps that each database still needs, without doing them
    Plan(Databases),
    /// Do them, one database after the other, stopping at the first failure
    Apply(Databases),
    /// Show each database's version and whether its steps are the ones known here
    Status(Databases),
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// A database dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectName {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// The databases of the shards.
#[derive(Args, Clone, Debug)]
pub struct Databases {
    /// A shard's database (repeated); with a password in the URL better from the environment or the --config file
    #[arg(long, value_name = "NAME=URL", required = true)]
    pub database: Vec<NamedDatabase>,
}

/// `NAME=URL`. Debug hides the URL's password.
#[derive(Clone)]
pub struct NamedDatabase {
    /// The shard's name.
    pub name: String,
    /// Its database's URL.
    pub url: String,
}

impl std::fmt::Debug for NamedDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.name, service::mask(&self.url))
    }
}

impl std::str::FromStr for NamedDatabase {
    type Err = String;
    fn from_str(text: &str) -> Result<NamedDatabase, String> {
        // The value isn't repeated in the error: it may hold a password.
        let (name, url) = text.split_once('=').ok_or("not NAME=URL")?;
        if name.is_empty() || !(url.starts_with("postgres") || url.starts_with("sqlite:")) {
            return Err("not NAME=postgres://… or NAME=sqlite://…".to_owned());
        }
        Ok(NamedDatabase {
            name: name.to_owned(),
            url: url.to_owned(),
        })
    }
}

/// Verbs of `index`.
#[derive(Subcommand, Clone, Debug)]
pub enum IndexVerb {
    /// Declare an index; a statement written for Camunda's tables is translated to ours
    ///
    /// With --topology every shard gets it, also one added later; with --database those databases get it at once.
    Add {
        /// Such as "create index END_TIME on ACT_HI_PROCINST (PROC_DEF_ID_, END_TIME_)"
        statement: String,
        /// Databases that get it at once
        #[command(flatten)]
        databases: SomeDatabases,
    },
    /// Show what is declared, and what the databases have
    List(SomeDatabases),
    /// Take an index back: nodes don't make it any more, and the databases drop it
    Drop {
        /// The name that was declared
        name: String,
        /// Databases that drop it
        #[command(flatten)]
        databases: SomeDatabases,
    },
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Databases of shards, none if only the topology is meant.
#[derive(Args, Clone, Debug, Default)]
pub struct SomeDatabases {
    /// A shard's database (repeated); with a password in the URL better from the environment or the --config file
    #[arg(long, value_name = "NAME=URL")]
    pub database: Vec<NamedDatabase>,
}

/// Verbs of `incidents`.
#[derive(Subcommand, Clone, Debug)]
pub enum IncidentsVerb {
    /// Count incidents over all shards by definition, activity and message
    List(IncidentFilter),
    /// Give the jobs and external tasks behind incidents new tries
    Retry {
        /// Which
        #[command(flatten)]
        filter: IncidentFilter,
        /// Retry every incident if nothing narrows them down
        #[arg(long)]
        all: bool,
        /// Tries that each one gets
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1_000))]
        retries: u32,
    },
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Verbs of `parked`.
#[derive(Subcommand, Clone, Debug)]
pub enum ParkedVerb {
    /// Show the messages that wait, at most 200 of each shard
    List,
    /// Deliver a message now, also one whose time has passed
    Replay {
        /// Its id
        id: String,
    },
    /// Forget a message
    Drop {
        /// Its id
        id: String,
    },
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Which incidents.
#[derive(Args, Clone, Debug, Default)]
pub struct IncidentFilter {
    /// Key of the process definition
    #[arg(long, value_name = "KEY")]
    pub definition: Option<String>,
    /// Id of the activity
    #[arg(long, value_name = "ID")]
    pub activity: Option<String>,
    /// The whole message
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
}

/// Verbs of `executor`.
#[derive(Subcommand, Clone, Debug)]
pub enum ExecutorVerb {
    /// Show state and settings
    Show(ExecutorNodes),
    /// Switch on
    Start(ExecutorNodes),
    /// Switch off: running jobs end, waiting ones are given back
    Stop(ExecutorNodes),
    /// Change settings until the nodes are started again
    Set(ExecutorSet),
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Verbs of `history-level`.
#[derive(Subcommand, Clone, Debug)]
pub enum HistoryLevelVerb {
    /// Show what every node writes
    Get {
        /// Only this shard
        #[arg(long, value_name = "NAME")]
        shard: Option<String>,
    },
    /// Change what shards write from now on, without a restart
    Set(HistoryLevelSet),
    /// Everything else
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Arguments of `history-level set`.
#[derive(Args, Clone, Debug)]
pub struct HistoryLevelSet {
    /// The level
    #[arg(value_parser = ["none", "activity", "audit", "full", "custom"])]
    pub level: String,
    /// File of what level custom drops: TOML, or JSON if its name ends so
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Only this shard; every shard if not given
    #[arg(long, value_name = "NAME")]
    pub shard: Option<String>,
}

/// Which nodes; every node if nothing narrows them down.
#[derive(Args, Clone, Debug, Default)]
pub struct ExecutorNodes {
    /// Only the nodes of this shard
    #[arg(long, value_name = "NAME")]
    pub shard: Option<String>,
    /// Only this node
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
}

/// Arguments of `executor set`: Camunda's settings under their own names.
#[derive(Args, Clone, Debug, Default)]
pub struct ExecutorSet {
    /// Which nodes
    #[command(flatten)]
    pub which: ExecutorNodes,
    /// Jobs that run at once however slow they are
    #[arg(long, value_name = "N", alias = "core-pool-size")]
    pub core_threads: Option<u64>,
    /// Most jobs that run at once on a node
    #[arg(long, value_name = "N", alias = "max-pool-size")]
    pub max_threads: Option<u64>,
    /// Most jobs that wait on a node
    #[arg(long, value_name = "N", alias = "queue-size")]
    pub queue_length: Option<u64>,
    /// Most jobs locked by one acquisition
    #[arg(long, value_name = "N")]
    pub max_jobs_per_acquisition: Option<u64>,
    /// How long an unrenewed lock lasts
    #[arg(long, value_name = "MS")]
    pub lock_time_in_millis: Option<u64>,
    /// Longest wait between two looks for due jobs
    #[arg(long, value_name = "MS")]
    pub wait_time_in_millis: Option<u64>,
}

/// Arguments of `storage`.
#[derive(Args, Clone, Debug)]
pub struct StorageArgs {
    /// Only this shard
    #[arg(long, value_name = "NAME")]
    pub shard: Option<String>,
    /// Look twice, that long apart, and show how many rows were written a second
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub rate: Duration,
}

/// Arguments of `jobs`.
#[derive(Args, Clone, Debug, Default)]
pub struct JobsArgs {
    /// A line for each node that holds jobs
    #[arg(long)]
    pub by_owner: bool,
    /// Only this shard
    #[arg(long, value_name = "NAME")]
    pub shard: Option<String>,
}

/// Arguments of `deploy`.
#[derive(Args, Clone, Debug)]
pub struct DeployArgs {
    /// BPMN and other files of one deployment
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Name of the deployment; without it the first file's
    #[arg(long)]
    pub name: Option<String>,
}
