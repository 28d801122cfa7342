//! The `stellwerk` binary: one subcommand a role, nothing else.
mod dev;
mod role;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
Stellwerk runs BPMN processes on a sharded cluster behind one Camunda 7 REST endpoint

Usage: stellwerk ROLE [OPTIONS]

Roles:
  dev          router and embedded shards in one process on 127.0.0.1, with a sample process
  engine-node  one node of a shard's cluster, or a whole engine on its own
  router       the endpoint in front of the shards
  shard-admin  the operator's tool
  bench        load beside a peer, and the requirement rows that state a time

  stellwerk ROLE --help     the options of a role
  stellwerk --version       version, commit, and the schema versions it serves
";

fn main() -> ExitCode {
    let args: Result<Vec<String>, _> = std::env::args_os().skip(1).map(|arg| arg.into_string()).collect();
    let Ok(args) = args else {
        return usage_error("an argument is not UTF-8");
    };
    let Some((role, args)) = args.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match role.as_str() {
        "dev" => role::dev(args),
        "engine-node" => role::engine_node(args),
        "router" => role::router(args),
        "shard-admin" => role::shard_admin(args),
        "bench" => role::bench(args),
        script_host::javascript::ROLE => script_host::javascript::worker(args),
        "--version" | "-V" => {
            println!("{}", version());
            ExitCode::SUCCESS
        }
        "--help" | "-h" | "help" => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        "verify" => usage_error("stellwerk verify: not there yet"),
        other => usage_error(&format!("'{other}' is not a role; see stellwerk --help")),
    }
}

fn usage_error(text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(2)
}

fn version() -> String {
    let serves = migrations::Schema::current().serves();
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("STELLWERK_COMMIT"));
    format!("stellwerk {version} (commit {commit}), schema versions {serves}")
}
