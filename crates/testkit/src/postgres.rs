//! A private PostgreSQL server for tests: in a temporary directory, on a free port, gone when dropped.
use crate::process::{Process, free_port, wait_for};
use anyhow::{Context, Result, bail};
use sqlx::{Connection, Executor, PgConnection};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A running server. Durable as delivered: fsync and synchronous_commit are on.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    directory: PathBuf,
    port: u16,
}

impl Postgres {
    /// Initialises and starts a server below `directory`.
    ///
    /// # Errors
    /// PostgreSQL isn't installed below /usr/lib/postgresql, or doesn't start.
    pub async fn start(directory: &Path) -> Result<Postgres> {
        let binaries = binaries()?;
        let data = directory.join("postgres");
        fs::create_dir_all(&data)?;
        let port = free_port()?;
        let mut init = as_postgres(&binaries.join("initdb"), &data)?;
        init.args([
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ])
        .arg(&data);
        let output = init.output().context("initdb")?;
        if !output.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&output.stderr));
        }
        let process = Process::start(directory, "postgres", server(&binaries, &data, port)?)?;
        let postgres = Postgres {
            process,
            directory: directory.to_owned(),
            port,
        };
        postgres.ready().await?;
        Ok(postgres)
    }

    async fn ready(&self) -> Result<()> {
        let url = self.url("postgres");
        wait_for("PostgreSQL", Duration::from_secs(60), async || {
            Ok(Some(PgConnection::connect(&url).await?.close().await?))
        })
        .await
        .with_context(|| self.process.last_words())
    }

    /// Stops the server: a fast shutdown, open transactions are rolled back.
    pub async fn stop(&mut self) -> Result<()> {
        Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status()?;
        self.process.terminate().await?;
        Ok(())
    }

    /// Starts a stopped server on the same port and data.
    pub async fn start_again(&mut self) -> Result<()> {
        let data = self.directory.join("postgres");
        self.process = Process::start(
            &self.directory,
            "postgres",
            server(&binaries()?, &data, self.port)?,
        )?;
        self.ready().await
    }

    /// Stops the server and starts it again.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates an empty database and gives its URL.
    pub async fn create_database(&self, name: &str) -> Result<String> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        connection
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE \"{name}\"")))
            .await?;
        connection.close().await?;
        Ok(self.url(name))
    }
}

/// The newest PostgreSQL of the system's packages.
fn binaries() -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed")?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    versions.pop().context("PostgreSQL is not installed")
}

fn server(binaries: &Path, data: &Path, port: u16) -> Result<Command> {
    let mut command = as_postgres(&binaries.join("postgres"), data)?;
    command
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
    command.args(["-c", "max_connections=200", "-c", "shared_buffers=128MB"]);
    Ok(command)
}

/// PostgreSQL refuses to run as root: then it runs as the user `postgres`, who gets the data directory.
fn as_postgres(program: &Path, data: &Path) -> Result<Command> {
    let root = Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0";
    if !root {
        return Ok(Command::new(program));
    }
    for directory in data.ancestors().skip(1).take(2) {
        Command::new("chmod").arg("a+rx").arg(directory).status()?;
    }
    if !Command::new("chown")
        .arg("postgres")
        .arg(data)
        .status()?
        .success()
    {
        bail!("there is no user postgres to run the server as");
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"])
        .arg(program);
    Ok(command)
}
