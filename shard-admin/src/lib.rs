//! The operator's tool: one verb, one file in [`cmd`]. Decisions (what moves where, what a move needs next) are pure
//! functions in [`plan`]; [`mover`] carries them out. Nothing here is remembered between runs: what is under way
//! stands in etcd and in the shards' databases.
mod cmd;
mod connect;
mod mover;
mod node;
mod options;
mod output;
mod plan;

pub use options::Options;

use std::io::Write;

/// Runs a verb and prints its result to stdout, its progress to stderr.
///
/// # Errors
/// Whatever kept it from doing all it should; a [`service::ConfigError`] for what was asked wrongly.
pub async fn run(options: Options) -> anyhow::Result<()> {
    execute(&options, &mut std::io::stdout()).await
}

/// Runs a verb and writes its result to `out`.
///
/// # Errors
/// As [`run`].
pub async fn execute(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    cmd::run(options, out).await
}
