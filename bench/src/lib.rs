//! `stellwerk bench`: load figures side by side with a peer, and the requirement rows that state a time or a ratio.
//!
//! Rates on a shared machine mean little; ratios within one run and CPU time per operation mean a lot.
pub mod cpu;
pub mod load;
pub mod rows;

use anyhow::Result;
use clap::{Args, Subcommand};
use std::time::Duration;

/// Arguments of `stellwerk bench`.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    pub what: What,
}

/// What to measure.
#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// Start instances on one or more engines in turn and compare them
    Start(Start),
    /// Measure and judge requirement rows on clusters that this command starts itself
    Rows {
        /// Rows such as S0-19; all if none is given
        ids: Vec<String>,
    },
}

/// Arguments of `bench start`.
#[derive(Args, Clone, Debug)]
pub struct Start {
    /// An engine: NAME=BASE-URL, for instance camunda7=http://127.0.0.1:8081/engine-rest (repeatable)
    #[arg(long = "engine", value_name = "NAME=URL", required = true, value_parser = load::engine)]
    pub engines: Vec<load::Target>,
    /// Processes whose CPU time belongs to an engine, children included: NAME=PID[,PID…] (repeatable)
    #[arg(long = "pids", value_name = "NAME=PID[,PID…]", value_parser = load::pids)]
    pub pids: Vec<(String, Vec<u32>)>,
    /// Connections, each sending one request at a time
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// How long each round lasts
    #[arg(long, default_value = "10s", value_parser = service::duration)]
    pub duration: Duration,
    /// Rounds per engine, in turn; the median counts
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// NAME:PASSWORD for HTTP Basic
    #[arg(long)]
    pub user: Option<String>,
    /// Start instances of a process that waits in a user task, with three variables
    #[arg(long)]
    pub waiting: bool,
}

/// Runs a benchmark and prints its table.
///
/// # Errors
/// What is measured can't be started or answers wrongly; a judged row misses its limit.
pub async fn run(arguments: Arguments) -> Result<()> {
    match arguments.what {
        What::Start(start) => load::compare(&start).await,
        What::Rows { ids } => rows::run(&ids).await,
    }
}
