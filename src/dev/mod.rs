//! `stellwerk dev`: the same code of all roles in one process, on SQLite and an in-process topology.
mod guide;

use anyhow::{Context, Result, bail};
use clap::Args;
use cluster::Cluster;
use engine_node::ScriptOptions;
use service::{ConfigError, HostPort, LogFormat, Readiness, Shutdown, duration};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use topology::{ShardName, SlotTable, table::Shard};

/// The sample process.
const SAMPLE: &str = include_str!("order.bpmn");

/// Options of `stellwerk dev`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Number of embedded shards
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub shards: u16,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value = "8080")]
    pub port: u16,
    /// Directory to keep the data in; without it nothing is kept
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Don't deploy the sample process
    #[arg(long)]
    pub no_sample: bool,
    #[command(flatten)]
    pub java: engine_node::JavaOptions,
    #[command(flatten)]
    pub scripts: ScriptOptions,
    #[command(flatten)]
    pub connectors: engine_node::ConnectorOptions,
    /// Whether jobs run by themselves
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub job_executor_activate: bool,
    /// How long running work may take to end after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub drain_timeout: Duration,
    /// Form of the log lines on stderr
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Least level that is logged
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
}

/// Runs the cluster until the shutdown.
///
/// # Errors
/// The port is taken, the data directory can't be used or was made with another number of shards.
pub async fn run(options: Options, shutdown: Shutdown) -> Result<()> {
    let listener = HostPort::loopback(options.port)
        .bind()
        .await
        .map_err(|e| ConfigError::new("port", e.to_string()))?;
    let base = format!("http://{}", listener.local_addr()?);
    let directory = Directory::open(options.data.as_deref())?;
    let cluster = match &options.data {
        Some(_) => cluster::in_process_at(&directory.path.join("topology.json")).await?,
        None => cluster::in_process(),
    };
    let shards: Vec<ShardName> = (1..=options.shards)
        .map(|n| ShardName::new(&format!("s{n}")))
        .collect();
    lay_out(&*cluster, &shards).await?;

    // Nodes stop after the router, so that what the router still has to finish finds them.
    let nodes_stop = Shutdown::new(options.drain_timeout);
    let mut nodes = Vec::new();
    for shard in &shards {
        nodes.push(start_node(&directory.path, shard, &cluster, &options, &nodes_stop).await?);
    }
    let router = router(&cluster, &nodes, &shutdown)?;
    let ready: Vec<Readiness> = nodes
        .iter()
        .map(|n| n.app.ready.clone())
        .chain([router.readiness()])
        .collect();
    let router = tokio::spawn(router.serve(listener));
    wait_until(&ready, &shutdown).await?;
    if !options.no_sample && !shutdown.is_stopping() {
        deploy_sample(&base)
            .await
            .context("deploying the sample process")?;
    }
    println!(
        "{}",
        guide::places(
            &base,
            shards.len(),
            options.data.as_ref().map(|d| d.display().to_string()).as_deref()
        )
    );
    if !options.no_sample {
        println!("{}", guide::commands(&base));
    }
    let served = router.await.context("the router's task")?;
    nodes_stop.start();
    for node in nodes {
        node.finished().await?;
    }
    served
}

/// Gives the shards their slots, the first time.
async fn lay_out(cluster: &dyn Cluster, shards: &[ShardName]) -> Result<()> {
    match cluster.table().await? {
        None => {
            let listed = shards
                .iter()
                .map(|name| Shard {
                    name: name.clone(),
                    weight: 100,
                })
                .collect();
            cluster.cas_table(0, SlotTable::split(listed)).await?;
        }
        Some(stored) => {
            let known = stored.table.shards().len();
            if known != shards.len() {
                let why = format!("the data directory holds {known} shards, and dev can't add or remove any");
                return Err(ConfigError::new("shards", why).into());
            }
        }
    }
    Ok(())
}

async fn start_node(
    directory: &Path,
    shard: &ShardName,
    cluster: &Arc<dyn Cluster>,
    own: &Options,
    shutdown: &Shutdown,
) -> Result<engine_node::Node> {
    let file = directory.join(format!("{shard}.sqlite"));
    let path = file.to_str().context("the data directory's name is not UTF-8")?;
    let mut options = engine_node::Options::on_database(&format!("sqlite://{path}"));
    options.shard = Some(shard.to_string());
    options.job_executor_activate = own.job_executor_activate;
    options.node_name = Some(format!("{shard}-dev"));
    options.java = own.java.clone();
    options.connectors = own.connectors.clone();
    options.scripts = ScriptOptions {
        worker: crate::role::script_worker()?,
        ..own.scripts.clone()
    };
    let listener = HostPort::loopback(0).bind().await?;
    engine_node::start(options, listener, Some(cluster.clone()), shutdown.clone())
        .await
        .with_context(|| format!("starting shard {shard}"))
}

/// The router, with health and metrics of the whole process beside the REST root.
fn router(
    cluster: &Arc<dyn Cluster>,
    nodes: &[engine_node::Node],
    shutdown: &Shutdown,
) -> Result<router::Router> {
    let router = router::Router::new(router::Options::default(), cluster.watch(), shutdown.clone())?;
    let registries = std::iter::once(router.registry()).chain(nodes.iter().map(|node| node.registry.clone()));
    let routes = service::admin_routes(router.readiness(), registries.collect());
    Ok(router.beside(routes))
}

/// Waits until every part is ready, or somebody stops the process.
async fn wait_until(ready: &[Readiness], shutdown: &Shutdown) -> Result<()> {
    for _ in 0..1_500 {
        if shutdown.is_stopping() || ready.iter().all(|part| part.check().is_ok()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let missing: Vec<String> = ready.iter().filter_map(|part| part.check().err()).collect();
    bail!("not ready after 30 seconds: {}", missing.join("; "))
}

/// Deploys the sample through the router, unless the same is deployed already.
async fn deploy_sample(base: &str) -> Result<()> {
    let part = reqwest::multipart::Part::text(SAMPLE).file_name("order.bpmn");
    let form = reqwest::multipart::Form::new()
        .text("deployment-name", "sample")
        .text("deployment-source", "stellwerk dev")
        .text("enable-duplicate-filtering", "true")
        .part("order.bpmn", part);
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()?;
    let answer = client
        .post(format!("{base}/engine-rest/deployment/create"))
        .multipart(form)
        .send()
        .await?;
    let status = answer.status();
    if !status.is_success() {
        bail!("{status}: {}", answer.text().await.unwrap_or_default());
    }
    Ok(())
}

/// The data directory; a temporary one is removed at the end.
struct Directory {
    path: PathBuf,
    temporary: bool,
}

impl Directory {
    fn open(kept: Option<&Path>) -> Result<Directory> {
        let path = match kept {
            Some(path) => std::path::absolute(path)?,
            None => std::env::temp_dir().join(format!("stellwerk-dev-{}", std::process::id())),
        };
        fs::create_dir_all(&path)
            .map_err(|e| ConfigError::new("data", format!("{}: {e}", path.display())))?;
        Ok(Directory {
            path,
            temporary: kept.is_none(),
        })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.temporary {
            // Nothing depends on it: the system clears its temporary files too.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
