//! The command line of `stellwerk bench`.
use crate::{
    cpu::Watched,
    database,
    measure::{Load, Subject},
    target::{self, Target},
    workload::Workload,
};
use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use std::{path::PathBuf, time::Duration};

/// Arguments of `stellwerk bench`.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    pub what: What,
}

/// What to measure.
#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// Send one or more workloads to one or more engines in turn
    Run(Run),
    /// Measure every goal for Stellwerk and a peer, and judge it
    Table(Table),
    /// Raise the rate until something breaks, and name what it was
    Ramp(Ramp),
    /// Show how two labelled runs differ, and what of it is noise
    Compare(Compare),
    /// Fill a Stellwerk database with running and historic instances
    Seed(Seed),
    /// Measure what a router's picture of 1 000 shards and 10 000 nodes costs
    Topology,
    /// Measure and judge requirement rows on clusters that this command starts itself
    Rows {
        /// Rows such as S0-19; all if none is given
        ids: Vec<String>,
    },
}

/// The engines and what belongs to them.
#[derive(Args, Clone, Debug)]
pub struct Engines {
    /// An engine: NAME=BASE-URL, for instance camunda7=http://127.0.0.1:8081/engine-rest (repeatable)
    #[arg(long = "engine", value_name = "NAME=URL", required = true, value_parser = target::engine)]
    pub engines: Vec<Target>,
    /// Its processes, children included, for CPU time; those called `postgres` are its database (repeatable)
    #[arg(long = "pids", value_name = "NAME=PID[,PID…]", value_parser = target::pids)]
    pub pids: Vec<(String, Vec<u32>)>,
    /// Its PostgreSQL, for bytes and waits; only this database's sessions then count as CPU (repeatable)
    #[arg(long = "database", value_name = "NAME=URL", value_parser = target::named)]
    pub databases: Vec<(String, String)>,
    /// The admin listener of a Stellwerk node, for waits of its pool (repeatable)
    #[arg(long = "metrics", value_name = "NAME=URL", value_parser = target::named)]
    pub metrics: Vec<(String, String)>,
    /// NAME:PASSWORD for HTTP Basic
    #[arg(long)]
    pub user: Option<String>,
}

impl Engines {
    /// Each engine with what belongs to it.
    ///
    /// # Errors
    /// An option names an engine that isn't there.
    pub fn subjects(&self) -> Result<Vec<Subject>> {
        let names: Vec<&String> = self.engines.iter().map(|e| &e.name).collect();
        let named = self.databases.iter().chain(&self.metrics).map(|(name, _)| name);
        for name in named.chain(self.pids.iter().map(|(name, _)| name)) {
            ensure!(
                names.contains(&name),
                "'{name}' is no --engine; there are: {names:?}"
            );
        }
        let find = |list: &[(String, String)], name: &str| {
            list.iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.clone())
        };
        Ok(self
            .engines
            .iter()
            .map(|target| {
                let pids: Vec<u32> = self
                    .pids
                    .iter()
                    .filter(|(name, _)| *name == target.name)
                    .flat_map(|(_, p)| p.clone())
                    .collect();
                let database = find(&self.databases, &target.name);
                Subject {
                    watched: Watched::new(&pids, database.as_deref().and_then(database::name)),
                    target: target.clone().with_user(self.user.as_deref()),
                    metrics: find(&self.metrics, &target.name),
                    database,
                }
            })
            .collect())
    }
}

/// Where labelled runs go.
#[derive(Args, Clone, Debug)]
pub struct Label {
    /// Store the run under this name
    #[arg(long)]
    pub label: Option<String>,
    /// Directory of stored runs
    #[arg(long, value_name = "DIR", default_value = "bench-runs")]
    pub runs: PathBuf,
}

/// Arguments of `bench run`.
#[derive(Args, Clone, Debug)]
pub struct Run {
    #[command(flatten)]
    pub engines: Engines,
    /// What to send
    #[arg(value_enum, default_value = "start-end")]
    pub workloads: Vec<Workload>,
    /// Connections, each sending one request at a time; or workers of external tasks
    #[arg(long, default_value = "64", value_delimiter = ',')]
    pub connections: Vec<usize>,
    /// How long each round lasts
    #[arg(long, default_value = "10s", value_parser = service::duration)]
    pub duration: Duration,
    /// Rounds per engine, in turn; the median counts
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Operations a second, whether or not answers keep up; each one's time counts from when it was due.
    /// Without it, each connection sends as fast as it is answered
    #[arg(long)]
    pub rate: Option<f64>,
    /// Hold --rate for this long and judge it: start p95 under 50 ms (S3-27)
    #[arg(long, value_parser = service::duration, requires = "rate")]
    pub hold: Option<Duration>,
    /// Most tasks that a worker fetches at once
    #[arg(long, default_value_t = 10)]
    pub max_tasks: usize,
    /// Instances started beforehand for workloads that use them up; the default fits the duration
    #[arg(long)]
    pub instances: Option<u64>,
    #[command(flatten)]
    pub label: Label,
}

impl Run {
    /// The loads asked for.
    pub fn loads(&self) -> Vec<Load> {
        let each = |workload: &Workload| {
            self.connections
                .iter()
                .map(|connections| Load {
                    workload: *workload,
                    connections: *connections,
                    time: self.duration,
                    rate: self.rate,
                    max_tasks: self.max_tasks,
                    bytes: true,
                    instances: self.instances,
                })
                .collect::<Vec<_>>()
        };
        self.workloads.iter().flat_map(each).collect()
    }
}

/// Arguments of `bench table`. The first engine is Stellwerk, the second its peer.
#[derive(Args, Clone, Debug)]
pub struct Table {
    #[command(flatten)]
    pub engines: Engines,
    /// Only these workloads; all if none is given
    #[arg(value_enum)]
    pub workloads: Vec<Workload>,
    /// How long each round lasts
    #[arg(long, default_value = "10s", value_parser = service::duration)]
    pub duration: Duration,
    /// Rounds per engine, in turn; the median counts
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Start instances until so many run, and so many are in the history, before counts are measured
    #[arg(long, default_value_t = 100_000)]
    pub fill: u64,
    /// Rows about Stellwerk alone, too, on nodes and scratch databases of this command beside the first --database
    #[arg(long)]
    pub own: bool,
    /// Hold --rate at the end for this long, on Stellwerk
    #[arg(long, value_parser = service::duration)]
    pub hold: Option<Duration>,
    /// The rate for --hold
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// Write the table as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Draw the table as SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    #[command(flatten)]
    pub label: Label,
}

/// Arguments of `bench ramp`.
#[derive(Args, Clone, Debug)]
pub struct Ramp {
    #[command(flatten)]
    pub engines: Engines,
    /// What to send
    #[arg(value_enum, default_value = "start-end")]
    pub workload: Workload,
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Operations a second of the first step
    #[arg(long, default_value_t = 100.0)]
    pub from: f64,
    /// What the rate is multiplied by after each step
    #[arg(long, default_value_t = 1.5)]
    pub factor: f64,
    /// How long a step lasts
    #[arg(long, default_value = "5s", value_parser = service::duration)]
    pub step: Duration,
    /// Broken: a 95th percentile over so many milliseconds
    #[arg(long, default_value_t = 100.0)]
    pub p95_ms: f64,
    /// Broken: a larger share of failures
    #[arg(long, default_value_t = 0.01)]
    pub failures: f64,
}

/// Arguments of `bench compare`.
#[derive(Args, Clone, Debug)]
pub struct Compare {
    pub before: String,
    pub after: String,
    /// Directory of stored runs
    #[arg(long, value_name = "DIR", default_value = "bench-runs")]
    pub runs: PathBuf,
}

/// Arguments of `bench seed`.
#[derive(Args, Clone, Debug)]
pub struct Seed {
    /// PostgreSQL of a Stellwerk shard that a node has set up; no node may run on it
    #[arg(long, value_name = "URL")]
    pub database: String,
    /// Running instances, each in a user task
    #[arg(long, default_value_t = 0)]
    pub instances: u64,
    /// Variables of each running instance
    #[arg(long, default_value_t = 10)]
    pub variables: u64,
    /// Historic instances
    #[arg(long, default_value_t = 0)]
    pub history: u64,
    /// Say what disk it needs, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Directory of the database's disk, to see how much is free; the server is asked if absent
    #[arg(long, value_name = "DIR")]
    pub disk: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> What {
        Cli::try_parse_from(line.split(' '))
            .map(|cli| cli.arguments.what)
            .unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn a_run_takes_several_workloads_and_numbers_of_connections() {
        let line = "bench run external correlate --engine a=http://h:1/x --connections 4,64 --label one";
        let What::Run(run) = parse(line) else {
            panic!("run")
        };
        let loads: Vec<_> = run.loads().iter().map(|l| (l.workload, l.connections)).collect();
        assert_eq!(
            loads,
            [
                (Workload::External, 4),
                (Workload::External, 64),
                (Workload::Correlate, 4),
                (Workload::Correlate, 64)
            ]
        );
        assert_eq!(run.label.label.as_deref(), Some("one"));
    }

    #[test]
    fn options_about_an_engine_that_is_not_there_are_refused() {
        let What::Table(table) = parse("bench table --engine a=http://h:1/x --pids b=1") else {
            panic!("table")
        };
        let error = table.engines.subjects().expect_err("b").to_string();
        assert!(error.contains("'b' is no --engine"), "{error}");
    }
}
