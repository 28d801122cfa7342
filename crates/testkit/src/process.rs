//! Real processes under test: started with a log file, killed when dropped.
use anyhow::{Context, Result, bail};
use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// A child process with its log.
#[derive(Debug)]
pub struct Process {
    pub name: String,
    pub log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a program; stdout and stderr go to `DIRECTORY/NAME.log`.
    pub fn start(directory: &Path, name: &str, mut command: Command) -> Result<Process> {
        let log = directory.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("starting {name}: {command:?}"))?;
        Ok(Process {
            name: name.to_owned(),
            log,
            child,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits until it has ended.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        let child = &mut self.child;
        wait_for("the process to end", Duration::from_secs(60), async || {
            Ok(child.try_wait()?)
        })
        .await
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines of its log, for messages.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `stellwerk` binary that was built beside the running test.
pub fn stellwerk() -> Result<Command> {
    let test = std::env::current_exe()?;
    let binary = test
        .ancestors()
        .map(|dir| dir.join("stellwerk"))
        .find(|path| path.is_file());
    let mut command =
        Command::new(binary.context("the stellwerk binary is not built: `cargo build --bin stellwerk`")?);
    // The variables that steer tests are unknown options to the program.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STELLWERK_")) {
        command.env_remove(name);
    }
    Ok(command)
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until the condition gives something, looking again every 20 ms.
///
/// # Errors
/// It gave nothing within the limit; the message says what was waited for and the last error.
pub async fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut condition: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    let mut last = None;
    while Instant::now() < end {
        match condition().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match last {
        Some(error) => Err(error.context(format!("waited {limit:?} for {what}"))),
        None => bail!("waited {limit:?} for {what}"),
    }
}
