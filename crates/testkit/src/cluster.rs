//! A whole cluster of real processes: PostgreSQL, etcd, engine-nodes and routers, started by one call.
use crate::{
    postgres,
    process::{Process, free_port, stellwerk, wait_for},
};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

/// User and password that every cluster here has.
pub const USER: (&str, &str) = ("admin", "stellwerk-test");

/// A running router or node.
#[derive(Debug)]
pub struct Server {
    pub process: Process,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// `http://127.0.0.1:PORT` of health and metrics.
    pub admin_url: String,
}

impl Server {
    /// The REST base.
    pub fn base(&self) -> String {
        format!("{}/engine-rest", self.url)
    }

    async fn ready(&self) -> Result<()> {
        let url = format!("{}/health/ready", self.admin_url);
        wait_for(
            &format!("{} to be ready", self.process.name),
            Duration::from_secs(90),
            async || Ok(reqwest::get(&url).await?.status().is_success().then_some(())),
        )
        .await
        .with_context(|| self.process.last_words())
    }
}

/// The cluster. Everything ends when it is dropped.
pub struct Cluster {
    pub routers: Vec<Server>,
    /// Nodes by shard.
    pub nodes: BTreeMap<String, Vec<Server>>,
    pub postgres: postgres::Server,
    pub etcd: Process,
    etcd_port: u16,
    pub directory: PathBuf,
    client: reqwest::Client,
    node_options: Vec<String>,
    /// Of everything that calls nodes: routers and `shard-admin`.
    caller_options: Vec<String>,
}

impl Cluster {
    /// Starts shards `a`, `b`, … with that many nodes each on databases of one PostgreSQL server, and the routers.
    pub async fn start(name: &str, shards: usize, nodes: usize, routers: usize) -> Result<Cluster> {
        Cluster::start_with(name, shards, nodes, routers, &[]).await
    }

    /// As [`Cluster::start`]; every node gets these options too.
    pub async fn start_with(
        name: &str,
        shards: usize,
        nodes: usize,
        routers: usize,
        node_options: &[&str],
    ) -> Result<Cluster> {
        Cluster::start_so(name, shards, nodes, routers, (node_options, &[])).await
    }

    /// As [`Cluster::start`], over mutual TLS inside: with `ca.pem`, `cert.pem` and `key.pem` of that directory.
    pub async fn start_over_tls(
        name: &str,
        shards: usize,
        nodes: usize,
        routers: usize,
        certificates: &Path,
    ) -> Result<Cluster> {
        let file = |name: &str| certificates.join(name).display().to_string();
        let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
        let calls = ["--node-ca", &ca, "--node-cert", &cert, "--node-key", &key];
        let serves = ["--tls-cert", &cert, "--tls-key", &key, "--tls-client-ca", &ca];
        let node_options = [calls, serves].concat();
        Cluster::start_so(name, shards, nodes, routers, (&node_options, &calls)).await
    }

    async fn start_so(
        name: &str,
        shards: usize,
        nodes: usize,
        routers: usize,
        (node_options, caller_options): (&[&str], &[&str]),
    ) -> Result<Cluster> {
        let directory = std::env::temp_dir().join(format!("stellwerk-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("secret"), "cluster-secret-of-the-tests")?;
        fs::write(directory.join("password"), USER.1)?;
        let postgres = tokio::task::spawn_blocking(postgres::Server::durable).await??;
        let etcd_port = free_port()?;
        let etcd = etcd(&directory, etcd_port)?;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(120))
            .build()?;
        let mut cluster = Cluster {
            routers: Vec::new(),
            nodes: BTreeMap::new(),
            postgres,
            etcd,
            etcd_port,
            directory,
            client,
            node_options: node_options.iter().map(|o| (*o).to_owned()).collect(),
            caller_options: caller_options.iter().map(|o| (*o).to_owned()).collect(),
        };
        cluster.etcd_ready().await?;
        for shard in ["a", "b", "c", "d", "e", "f", "g", "h"].iter().take(shards) {
            cluster.start_shard(shard, nodes).await?;
        }
        // The first shard gets every slot, each later one its share.
        for shard in cluster.nodes.keys().cloned().collect::<Vec<_>>() {
            cluster.add_shard(&shard).await?;
        }
        for shard in cluster.nodes.values() {
            for node in shard {
                node.ready().await?;
            }
        }
        for _ in 0..routers {
            let router = cluster.start_router()?;
            router.ready().await?;
            cluster.routers.push(router);
        }
        Ok(cluster)
    }

    async fn etcd_ready(&self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/health", self.etcd_port);
        wait_for("etcd", Duration::from_secs(30), async || {
            Ok(reqwest::get(&url).await?.status().is_success().then_some(()))
        })
        .await
        .with_context(|| self.etcd.last_words())
    }

    /// The value of `--topology`.
    pub fn topology(&self) -> String {
        format!("etcd://127.0.0.1:{}", self.etcd_port)
    }

    /// Starts the nodes of a shard on a new database; they wait for slots until it is added.
    pub async fn start_shard(&mut self, shard: &str, nodes: usize) -> Result<()> {
        self.postgres.create(&format!("shard_{shard}"))?;
        for _ in 0..nodes {
            self.start_node(shard)?;
        }
        Ok(())
    }

    /// Starts one more node of a shard.
    pub fn start_node(&mut self, shard: &str) -> Result<()> {
        self.start_node_that_dies(shard, None)
    }

    /// Starts one more node of a shard, which ends itself at that failpoint (`engine_node::failpoint`), if one is named.
    pub fn start_node_that_dies(&mut self, shard: &str, point: Option<&str>) -> Result<()> {
        let number = self.nodes.get(shard).map_or(0, Vec::len) + 1;
        let (port, admin) = (free_port()?, free_port()?);
        let mut command = stellwerk()?;
        command
            .arg("engine-node")
            .args(["--database-url", &self.postgres.url(&format!("shard_{shard}"))])
            .args(["--shard", shard, "--topology", &self.topology()])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin-listen", &format!("127.0.0.1:{admin}")])
            .args(["--auth", "basic", "--admin-user", USER.0])
            .arg("--admin-password-file")
            .arg(self.directory.join("password"))
            .arg("--cluster-secret-file")
            .arg(self.directory.join("secret"))
            .args(&self.node_options);
        if let Some(point) = point {
            command.env("STELLWERK_FAILPOINTS", point);
        }
        let process = Process::start(&self.directory, &format!("node-{shard}{number}"), command)?;
        self.nodes.entry(shard.to_owned()).or_default().push(Server {
            process,
            url: format!("http://127.0.0.1:{port}"),
            admin_url: format!("http://127.0.0.1:{admin}"),
        });
        Ok(())
    }

    fn start_router(&self) -> Result<Server> {
        let (port, admin) = (free_port()?, free_port()?);
        let mut command = stellwerk()?;
        command
            .args(["router", "--topology", &self.topology()])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin-listen", &format!("127.0.0.1:{admin}")])
            .arg("--cluster-secret-file")
            .arg(self.directory.join("secret"))
            .args(&self.caller_options);
        let process = Process::start(&self.directory, &format!("router-{port}"), command)?;
        Ok(Server {
            process,
            url: format!("http://127.0.0.1:{port}"),
            admin_url: format!("http://127.0.0.1:{admin}"),
        })
    }

    /// `shard-admin shard add`: gives the shard its share of the slots.
    pub async fn add_shard(&self, shard: &str) -> Result<()> {
        let output = self.admin(&["shard", "add", shard]).await?;
        if !output.status.success() {
            bail!("shard add {shard}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Runs `shard-admin` with the cluster's topology, secret and user.
    pub async fn admin(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.admin_command(arguments)?;
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// The `shard-admin` command that [`Cluster::admin`] runs.
    pub fn admin_command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = stellwerk()?;
        command
            .args(["shard-admin", "--topology", &self.topology(), "--user", USER.0])
            .arg("--password-file")
            .arg(self.directory.join("password"))
            .arg("--cluster-secret-file")
            .arg(self.directory.join("secret"))
            .args(&self.caller_options)
            .args(arguments);
        Ok(command)
    }

    /// One request with the cluster's user; gives status and body (`null` if it isn't JSON).
    pub async fn call(&self, method: &str, url: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let mut request = self
            .client
            .request(method.parse()?, url)
            .basic_auth(USER.0, Some(USER.1));
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Deploys a file through a base URL and gives the answer.
    pub async fn deploy(&self, base: &str, file: &Path) -> Result<Value> {
        let name = file
            .file_name()
            .and_then(|n| n.to_str())
            .context("file name")?
            .to_owned();
        let part = reqwest::multipart::Part::bytes(fs::read(file)?).file_name(name.clone());
        let form = reqwest::multipart::Form::new()
            .text("deployment-name", name)
            .part("data", part);
        let response = self
            .client
            .post(format!("{base}/deployment/create"))
            .basic_auth(USER.0, Some(USER.1))
            .multipart(form)
            .send()
            .await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            bail!("deployment: {status} {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// The last lines of every log, for a failing test.
    pub fn last_words(&self) -> String {
        let nodes = self.nodes.values().flatten();
        let logs = nodes
            .chain(&self.routers)
            .map(|s| format!("-- {}\n{}", s.process.name, s.process.last_words()));
        logs.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("STELLWERK_KEEP").is_some() {
            eprintln!("logs are kept in {}", self.directory.display());
        } else {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A single etcd below the directory.
fn etcd(directory: &Path, port: u16) -> Result<Process> {
    let peer = free_port()?;
    let mut command = Command::new("etcd");
    command
        .arg("--data-dir")
        .arg(directory.join("etcd"))
        .args(["--listen-client-urls", &format!("http://127.0.0.1:{port}")])
        .args(["--advertise-client-urls", &format!("http://127.0.0.1:{port}")])
        .args(["--listen-peer-urls", &format!("http://127.0.0.1:{peer}")])
        .args([
            "--initial-advertise-peer-urls",
            &format!("http://127.0.0.1:{peer}"),
        ])
        .args(["--initial-cluster", &format!("default=http://127.0.0.1:{peer}")])
        .args(["--log-level", "warn"]);
    Process::start(directory, "etcd", command)
}
