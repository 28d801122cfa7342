//! A throw-away PostgreSQL server: made in a temporary directory, on a free port, gone with the process that asked
//! for it (a shell waits for the end of its input, which also a killed test gives it).
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

/// Makes, starts and at the end of input removes a cluster. Arguments: directory of the binaries, port, fsync, and
/// for a replica the port of its primary.
const SUPERVISOR: &str = r#"
set -e
bin=$1; port=$2; fsync=$3; primary=$4
dir=$(mktemp -d "${TMPDIR:-/tmp}/stellwerk-pg-XXXXXX")
cd "$dir"
trap '"$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
trap '' INT HUP
if [ -n "$primary" ]; then
  "$bin/pg_basebackup" -h 127.0.0.1 -p "$primary" -U postgres -D "$dir/data" -R -c fast -X stream >"$dir/initdb.log" 2>&1
else
  "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C -N >"$dir/initdb.log" 2>&1
fi
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
fsync = $fsync
max_connections = 300
max_prepared_transactions = 4
shared_buffers = 64MB
log_min_messages = warning
CONF
start() { "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start >/dev/null 2>&1; }
if start; then echo "ready $dir"; else echo "failed: $(tail -n 3 "$dir/log" 2>/dev/null | tr '\n' ' ')"; exit 1; fi
while read -r word; do
  case $word in
    stop) "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true; echo stopped ;;
    start) if start; then echo started; else echo "failed to start"; fi ;;
    promote) if "$bin/pg_ctl" -D "$dir/data" -w promote >/dev/null 2>&1; then echo promoted; else echo failed; fi ;;
  esac
done
"#;

/// A running server. Dropped, or at the end of the process, it is stopped and removed.
pub struct Server {
    port: u16,
    bin: PathBuf,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Mutex<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The shell ends at its input's end, which dropping `talk` gives it; it isn't waited for.
        let _ = self.child.lock().map(|mut child| child.try_wait());
    }
}

impl Server {
    /// Starts a server that doesn't sync to disk: fast, and fine for all but durability.
    ///
    /// # Errors
    /// If PostgreSQL isn't installed or doesn't start.
    pub fn start() -> anyhow::Result<Server> {
        Server::with(false, None)
    }

    /// Starts a server as a node wants it: acknowledged means durable.
    pub fn durable() -> anyhow::Result<Server> {
        Server::with(true, None)
    }

    /// Starts a replica of this server that has what the server acknowledges from now on: commits wait for it.
    pub fn replica(&self) -> anyhow::Result<Server> {
        let replica = Server::with(true, Some(self.port))?;
        self.psql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf();",
        )?;
        Ok(replica)
    }

    /// Makes a replica the server that takes writes.
    pub fn promote(&self) -> anyhow::Result<()> {
        self.say("promote", "promoted")
    }

    /// Its port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn with(fsync: bool, primary: Option<u16>) -> anyhow::Result<Server> {
        let bin = binaries()?;
        let mut problem = String::new();
        // The port may be taken between asking for a free one and using it.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut command = as_postgres();
            command.args(["sh", "-c", SUPERVISOR, "sh"]).arg(&bin);
            command
                .arg(port.to_string())
                .arg(if fsync { "on" } else { "off" })
                .arg(primary.map_or(String::new(), |port| port.to_string()));
            command
                .current_dir("/")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            let mut child = command.spawn()?;
            let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
                anyhow::bail!("no pipes to the server's shell");
            };
            let mut output = BufReader::new(output);
            let mut line = String::new();
            output.read_line(&mut line)?;
            match line.trim().strip_prefix("ready ") {
                Some(_) => {
                    return Ok(Server {
                        port,
                        bin,
                        talk: Mutex::new((input, output)),
                        child: Mutex::new(child),
                    });
                }
                None => problem = line,
            }
        }
        anyhow::bail!("PostgreSQL doesn't start: {problem}")
    }

    /// Address of a database, whether it exists or not.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and gives its address.
    pub fn create(&self, database: &str) -> anyhow::Result<String> {
        self.psql("postgres", &format!("CREATE DATABASE \"{database}\""))?;
        Ok(self.url(database))
    }

    /// Makes a copy of a database that nobody is connected to, and gives its address.
    pub fn copy(&self, template: &str, database: &str) -> anyhow::Result<String> {
        self.psql(
            "postgres",
            &format!("CREATE DATABASE \"{database}\" TEMPLATE \"{template}\""),
        )?;
        Ok(self.url(database))
    }

    /// Runs a script with psql, stopping at its first error, and gives what it printed.
    pub fn psql(&self, database: &str, script: &str) -> anyhow::Result<String> {
        let mut child = Command::new(self.bin.join("psql"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-U",
                "postgres",
                "-X",
                "-q",
                "-A",
                "-t",
            ])
            .args(["-v", "ON_ERROR_STOP=1", "-f", "-", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(script.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        anyhow::ensure!(
            output.status.success(),
            "psql: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Stops it at once, as a crash would.
    pub fn crash(&self) -> anyhow::Result<()> {
        self.say("stop", "stopped")
    }

    /// Starts it again after [`Server::crash`], on the same port.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.say("start", "started")
    }

    fn say(&self, word: &str, answer: &str) -> anyhow::Result<()> {
        let mut talk = self.talk.lock().unwrap_or_else(|e| e.into_inner());
        writeln!(talk.0, "{word}")?;
        talk.0.flush()?;
        let mut line = String::new();
        talk.1.read_line(&mut line)?;
        anyhow::ensure!(line.trim() == answer, "the server's shell said '{}'", line.trim());
        Ok(())
    }
}

/// A session that stays open: it holds locks and transactions until it ends them, or is dropped.
pub struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Opens a session on a database of the server.
    pub fn open(server: &Server, database: &str) -> anyhow::Result<Session> {
        let mut child = Command::new(server.bin.join("psql"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &server.port.to_string(),
                "-U",
                "postgres",
            ])
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            anyhow::bail!("no pipes to psql");
        };
        let output = BufReader::new(output);
        Ok(Session { child, input, output })
    }

    /// Runs statements that give no rows, and waits until they are done.
    pub fn run(&mut self, script: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{script}\n\\echo done")?;
        self.input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        anyhow::ensure!(line.trim() == "done", "psql said '{}'", line.trim());
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The newest installed PostgreSQL's binaries.
fn binaries() -> anyhow::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let on_path = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).find(|directory| directory.join("initdb").exists()));
    let newest = found.pop().map(|(_, bin)| bin).or(on_path);
    newest.ok_or_else(|| anyhow::anyhow!("PostgreSQL's server isn't installed (apt-get install postgresql)"))
}

/// PostgreSQL refuses to run as root; then it runs as the user `postgres`.
fn as_postgres() -> Command {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]);
        command
    } else {
        Command::new("env")
    }
}
