//! Options of `stellwerk engine-node`. Each is a flag, `STELLWERK_…` in the environment, and a key of `--config`.
use crate::history_options::HistoryOptions;
use bpmn_core::large::LARGE;
use clap::{Args, ValueEnum};
use cluster::TopologyOption;
use service::{Common, ConfigError, HostPort, NodeTls, Secret, ServerTls};
use std::{path::PathBuf, sync::Arc};

use crate::{
    app::{
        Settings,
        history::{LevelName, Told},
    },
    auth::{directory::DirectoryOptions, token::TokenOptions},
    connector_options::ConnectorOptions,
    hosts::{Calls, Hosts, Http, Mail, Sharers},
    java::JavaTopics,
    job_options::JobOptions,
    rights_options::RightsOptions,
    script_options::ScriptOptions,
    sizing::sizing,
};

/// Options of a node.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Database of the shard: postgres://USER@HOST/DB or sqlite://FILE; an empty one is set up
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Name of the shard that this database is; needed with a topology
    #[arg(long, value_name = "NAME")]
    pub shard: Option<String>,
    /// Where the cluster's topology lives: none (one node alone) or etcd://HOST:PORT,…
    #[arg(long, value_name = "TOPOLOGY", default_value = "none")]
    pub topology: TopologyOption,
    /// Address of the REST API
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: HostPort,
    /// URL under which routers and other nodes reach this node; the default is the listening address
    #[arg(long, value_name = "URL")]
    pub advertise: Option<String>,
    /// Name of this node, unique within its shard; the default is its listening address
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// How much history is written; not given: what the database says, in a fresh one full
    #[arg(long, value_name = "LEVEL")]
    pub history: Option<LevelName>,
    /// File of what level custom drops: TOML, or JSON if its name ends so
    #[arg(long, value_name = "FILE")]
    pub history_rules: Option<PathBuf>,
    /// How clients prove who they are
    #[arg(long, value_name = "WAY", default_value = "none")]
    pub auth: AuthKind,
    #[command(flatten)]
    pub tokens: TokenOptions,
    #[command(flatten)]
    pub directory: DirectoryOptions,
    #[command(flatten)]
    pub rights: RightsOptions,
    /// First user: created when no user exists yet
    #[arg(long, value_name = "USER")]
    pub admin_user: Option<String>,
    /// File with the first user's password
    #[arg(long, value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,
    /// The first user's password, from the environment or the configuration file only
    #[arg(long, value_name = "PASSWORD", hide = true)]
    pub admin_password: Option<Secret>,
    /// File with the secret that routers, nodes and shard-admin share
    #[arg(long, value_name = "FILE")]
    pub cluster_secret_file: Option<PathBuf>,
    /// The secret itself, from the environment or the configuration file only
    #[arg(long, value_name = "SECRET", hide = true)]
    pub cluster_secret: Option<Secret>,
    #[command(flatten)]
    pub tls: ServerTls,
    #[command(flatten)]
    pub node_tls: NodeTls,
    /// Run on a database that may lose what it has acknowledged
    #[arg(long)]
    pub unsafe_durability: bool,
    /// Serve other machines without authentication
    #[arg(long)]
    pub insecure_no_auth: bool,
    /// Most connections to the database
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub pool_size: u32,
    /// Writers that gather commands into batches, each for its part of the slots; the default follows from the CPUs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub writers: Option<u16>,
    /// About how much memory warm instances may take, 0 for none; the default is an eighth of what there is
    #[arg(long, value_name = "SIZE", value_parser = service::size)]
    pub instance_cache: Option<u64>,
    /// How long a start waits for a database that can't be reached; 0 gives up at once
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = service::duration)]
    pub database_wait: std::time::Duration,
    /// Connections that each of the pools keeps open while idle
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub pool_min_idle: u32,
    /// How long a connection may stay idle; 0 is for ever
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = service::duration)]
    pub pool_idle_timeout: std::time::Duration,
    /// How long a connection may live; 0 is for ever
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = service::duration)]
    pub pool_max_lifetime: std::time::Duration,
    /// How long a request waits for a connection before it gets 503
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = service::duration)]
    pub pool_acquire_timeout: std::time::Duration,
    /// How long a list or count may take before it gets 503
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = service::duration)]
    pub query_timeout: std::time::Duration,
    /// Statements that take this long are logged; 0 logs none
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = service::duration)]
    pub slow_statement: std::time::Duration,
    /// How long a node without work goes without asking its database: it hears of changes, and looks for lost news only
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = service::duration)]
    pub idle_look: std::time::Duration,
    /// Messages of that name that match nothing wait for their receiver that long, instead of 400; they must name a business
    /// key or a process instance
    #[arg(long, value_name = "NAME=DURATION,…", value_delimiter = ',', value_parser = parking)]
    pub park_message: Vec<(String, std::time::Duration)>,
    /// Whether the job executor runs (`jobExecutorActivate`)
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub job_executor_activate: bool,
    /// Tries of a failing job before it becomes an incident
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub default_job_retries: i32,
    /// Waits between those tries where a model doesn't say: PT10S,PT1M or R5/PT5M
    #[arg(long, value_name = "CYCLE", value_parser = retry_cycle)]
    pub failed_job_retry_time_cycle: Option<String>,
    /// How much later than its cycle says a failed job may be tried again, in percent of the wait: each job at a time of its own
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub retry_jitter: u8,
    /// Whether a BPMN error that nothing catches fails, instead of ending its execution with a warning in the log
    /// (`enableExceptionsAfterUnhandledBpmnError`)
    #[arg(long, value_name = "BOOL", default_value_t = false, action = clap::ArgAction::Set)]
    pub exceptions_after_unhandled_bpmn_error: bool,
    /// Largest text or content of a variable (10M), at least 4k; past it a request is refused with 400
    #[arg(long, value_name = "SIZE", value_parser = service::size)]
    pub variable_size_max: Option<u64>,
    /// How long a shard may take to apply a deployment before it counts as behind
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = service::duration)]
    pub replication_timeout: std::time::Duration,
    #[command(flatten)]
    pub java: JavaOptions,
    #[command(flatten)]
    pub jobs: JobOptions,
    #[command(flatten)]
    pub scripts: ScriptOptions,
    #[command(flatten)]
    pub connectors: ConnectorOptions,
    #[command(flatten)]
    pub history_care: HistoryOptions,
    #[command(flatten)]
    pub common: Common,
}

fn parking(text: &str) -> Result<(String, std::time::Duration), String> {
    match text.rsplit_once('=') {
        Some((name, time)) if !name.is_empty() => Ok((name.to_owned(), service::duration(time)?)),
        _ => Err("not NAME=DURATION, such as reply=1h".to_owned()),
    }
}

fn retry_cycle(text: &str) -> Result<String, String> {
    if bpmn_core::command::Retries::is_cycle(text) {
        return Ok(text.to_owned());
    }
    Err("not durations such as PT10S,PT1M, nor a repeat such as R5/PT5M".to_owned())
}

/// Options about what models need beside the engine.
#[derive(Args, Clone, Debug, Default)]
pub struct JavaOptions {
    /// File of the external task topics that stand for Java classes and beans: TOML, or JSON if its name ends so
    #[arg(long, value_name = "FILE")]
    pub java_delegates: Option<PathBuf>,
    /// Refuse models at deployment that need Java code or scripts this node can't run, instead of a warning
    #[arg(long)]
    pub strict_deploy: bool,
    /// Refuse processes at deployment whose model gives no historyTimeToLive (`enforceHistoryTimeToLive`)
    #[arg(long)]
    pub enforce_history_ttl: bool,
}

impl JavaOptions {
    /// The topics.
    ///
    /// # Errors
    /// The file can't be read or makes no sense; names the option.
    pub fn topics(&self) -> Result<JavaTopics, ConfigError> {
        let Some(path) = &self.java_delegates else {
            return Ok(JavaTopics::default());
        };
        JavaTopics::read(path)
            .map_err(|why| ConfigError::new("java-delegates", format!("{}: {why}", path.display())))
    }
}

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthKind {
    /// Not at all: on loopback addresses only.
    None,
    /// HTTP Basic with the engine's users, or those of a directory (--ldap-server-url).
    Basic,
    /// Bearer tokens of an OpenID issuer (--jwt-issuer).
    Bearer,
    /// Both.
    BasicOrBearer,
}

/// The secrets that options name, read.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    pub cluster: Option<Secret>,
    /// First user and password.
    pub admin: Option<(String, Secret)>,
}

impl Default for Options {
    /// What tests and `dev` start from: a free port, no database, no topology.
    fn default() -> Options {
        Options {
            database_url: None,
            shard: None,
            topology: TopologyOption::None,
            listen: HostPort::loopback(0),
            advertise: None,
            node_name: None,
            history: None,
            history_rules: None,
            auth: AuthKind::None,
            tokens: TokenOptions::default(),
            directory: DirectoryOptions::default(),
            rights: RightsOptions::default(),
            admin_user: None,
            admin_password_file: None,
            admin_password: None,
            cluster_secret_file: None,
            cluster_secret: None,
            tls: ServerTls::default(),
            node_tls: NodeTls::default(),
            unsafe_durability: false,
            insecure_no_auth: false,
            pool_size: 10,
            writers: None,
            instance_cache: None,
            database_wait: std::time::Duration::from_secs(30),
            pool_min_idle: 0,
            pool_idle_timeout: std::time::Duration::from_secs(600),
            pool_max_lifetime: std::time::Duration::from_secs(1800),
            pool_acquire_timeout: std::time::Duration::from_secs(5),
            query_timeout: std::time::Duration::from_secs(20),
            slow_statement: std::time::Duration::from_millis(500),
            idle_look: std::time::Duration::from_secs(60),
            park_message: Vec::new(),
            job_executor_activate: true,
            default_job_retries: 3,
            failed_job_retry_time_cycle: None,
            retry_jitter: 0,
            exceptions_after_unhandled_bpmn_error: false,
            variable_size_max: None,
            replication_timeout: std::time::Duration::from_secs(10),
            java: JavaOptions::default(),
            jobs: JobOptions::default(),
            scripts: ScriptOptions::default(),
            connectors: ConnectorOptions::default(),
            history_care: HistoryOptions::default(),
            common: Common::default(),
        }
    }
}

impl Options {
    /// The database URL.
    ///
    /// # Errors
    /// It is missing.
    pub fn database_url(&self) -> Result<&str, ConfigError> {
        self.database_url
            .as_deref()
            .ok_or_else(|| ConfigError::new("database-url", "is missing".to_owned()))
    }

    /// Reads the secrets and checks what one option alone can't say.
    ///
    /// # Errors
    /// An unreadable file, a first user without password, or the other way round; names the option.
    pub fn secrets(&self) -> Result<Secrets, ConfigError> {
        let cluster = Secret::resolve(
            "cluster-secret",
            self.cluster_secret.as_ref(),
            self.cluster_secret_file.as_deref(),
        )?;
        let password = Secret::resolve(
            "admin-password",
            self.admin_password.as_ref(),
            self.admin_password_file.as_deref(),
        )?;
        let admin = match (&self.admin_user, password) {
            (Some(user), Some(password)) => Some((user.clone(), password)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(ConfigError::new(
                    "admin-user",
                    "needs --admin-password-file".to_owned(),
                ));
            }
            (None, Some(_)) => {
                return Err(ConfigError::new(
                    "admin-password-file",
                    "needs --admin-user".to_owned(),
                ));
            }
        };
        Ok(Secrets { cluster, admin })
    }

    /// What the node was told of history; `None`: nothing.
    ///
    /// # Errors
    /// The file of rules can't be read or makes no sense, or comes without level `custom`; names the option.
    pub fn history(&self) -> Result<Option<Told>, ConfigError> {
        let Some(level) = self.history else {
            return match &self.history_rules {
                None => Ok(None),
                Some(_) => {
                    let why = "needs --history custom".to_owned();
                    Err(ConfigError::new("history-rules", why))
                }
            };
        };
        let wrong =
            |path: &PathBuf, why| ConfigError::new("history-rules", format!("{}: {why}", path.display()));
        let rules = match &self.history_rules {
            Some(path) => Some(Told::rules(path).map_err(|why| wrong(path, why))?),
            None => None,
        };
        let told = Told { level, rules };
        match (told.history(), &self.history_rules) {
            (Ok(_), _) => Ok(Some(told)),
            (Err(why), Some(path)) => Err(wrong(path, why)),
            (Err(why), None) => Err(ConfigError::new(
                "history",
                format!("{why}: --history-rules FILE"),
            )),
        }
    }

    /// The engine's numbers.
    ///
    /// # Errors
    /// The file of the job executor or of Java topics can't be read; names the option.
    pub fn settings(&self, node: &str) -> Result<Settings, ConfigError> {
        let sizing = sizing();
        let (jobs, activate) = self.jobs.settings(sizing.cpus)?;
        let (calls, sharers) = (Calls::default(), Sharers::default());
        Ok(Settings {
            node: node.to_owned(),
            writers: self.writers.map_or(sizing.writers, usize::from),
            cache_bytes: self.instance_cache.unwrap_or(sizing.cache_bytes) as usize,
            jobs,
            executor_active: self.job_executor_activate && activate != Some(false),
            default_retries: self.default_job_retries.max(1),
            retry_cycle: self.failed_job_retry_time_cycle.clone(),
            retry_jitter: self.retry_jitter,
            unhandled_errors_fail: self.exceptions_after_unhandled_bpmn_error,
            idle_look: self.idle_look.max(std::time::Duration::from_secs(1)),
            parking: self.park_message.iter().cloned().collect(),
            variable_max: self
                .variable_size_max
                .map_or(u64::MAX, |most| most.max(LARGE as u64)),
            cleanup: self.history_care.cleanup(),
            runner: Arc::new(Hosts {
                scripts: self.scripts.scripts(sizing.cpus),
                http: Http::new(
                    self.connectors.filter(),
                    self.connectors.limits(),
                    sharers.clone(),
                )
                .map_err(|why| ConfigError::new("connector-allow", why))?,
                mail: Mail::new(&self.connectors.mail).map_err(|why| ConfigError::new("smtp-host", why))?,
                calls: calls.clone(),
            }),
            connector_calls: calls,
            connector_sharers: sharers,
            java: Arc::new(self.java.topics()?),
            strict_deploy: self.java.strict_deploy,
            enforce_history_ttl: self.java.enforce_history_ttl,
            ..Settings::default()
        })
    }

    /// The same options with the database there; for tests and `dev`.
    pub fn on_database(url: &str) -> Options {
        Options {
            database_url: Some(url.to_owned()),
            ..Options::default()
        }
    }
}

/// What a running node tells whoever started it.
#[derive(Clone, Debug)]
pub struct Started {
    /// The bound address of the REST API.
    pub address: std::net::SocketAddr,
    /// `http://HOST:PORT/engine-rest`.
    pub base_url: Arc<str>,
}
