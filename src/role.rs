//! Starting a role: options, logging, signals, and what the process ends with.
use clap::Args;
use service::{Common, ConfigError, Parsed, Shutdown, Source, handover::Sockets, options::Origins};
use std::{future::Future, process::ExitCode};

/// `stellwerk dev`.
pub fn dev(args: &[String]) -> ExitCode {
    start::<crate::dev::Options, _>("dev", args, async |options, _, _| {
        service::init_logging(options.log_format, &options.log_level)?;
        let shutdown = Shutdown::on_signals(options.drain_timeout)?;
        crate::dev::run(options, shutdown).await
    })
}

/// `stellwerk engine-node`.
pub fn engine_node(args: &[String]) -> ExitCode {
    start::<engine_node::Options, _>("engine-node", args, async |mut options, _, _| {
        options.scripts.worker = script_worker()?;
        let shutdown = prepare(&options.common)?;
        let listener = options.listen.bind().await?;
        engine_node::run(options, listener, None, shutdown).await
    })
}

/// This program again, as the worker that runs scripts.
pub fn script_worker() -> anyhow::Result<engine_node::Worker> {
    Ok(engine_node::Worker::Program(std::env::current_exe()?))
}

/// `stellwerk router`.
pub fn router(args: &[String]) -> ExitCode {
    // Before there are threads.
    let sockets = match Sockets::inherited() {
        Ok(sockets) => sockets,
        Err(error) => return failed(&error.into(), &Origins::default()),
    };
    start::<router::Options, _>("router", args, async |options, source, origins| {
        let shutdown = prepare(&options.common)?;
        let reload = router::Reload::new(source, origins)?;
        let cluster = options.cluster().await?;
        router::run(options, sockets, cluster, Some(reload), shutdown).await
    })
}

/// `stellwerk shard-admin`.
pub fn shard_admin(args: &[String]) -> ExitCode {
    start::<shard_admin::Options, _>("shard-admin", args, async |options, _, _| {
        service::init_logging(options.log_format, &options.log_level)?;
        shard_admin::run(options).await
    })
}

/// `stellwerk bench`.
pub fn bench(args: &[String]) -> ExitCode {
    start::<bench::Arguments, _>("bench", args, async |options, _, _| bench::run(options).await)
}

/// Logging and signals of a long-running role.
fn prepare(common: &Common) -> anyhow::Result<Shutdown> {
    service::init_logging(common.log_format, &common.log_level)?;
    Ok(Shutdown::on_signals(common.drain_timeout)?)
}

/// Parses the options and runs the role to its end. 0: done, or stopped by a signal and drained; 1: failed;
/// 2: something is wrong with an option.
fn start<A: Args, F: Future<Output = anyhow::Result<()>>>(
    role: &str,
    args: &[String],
    run: impl FnOnce(A, Source, Origins) -> F,
) -> ExitCode {
    let env: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let source = Source {
        name: format!("stellwerk {role}"),
        args: args.to_vec(),
        env,
    };
    let Parsed { options, origins } = match source.read::<A>() {
        Ok(parsed) => parsed,
        Err(error) => return config_error(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into(), &origins),
    };
    let ended = runtime.block_on(run(options, source, origins.clone()));
    // What still runs was given its time; waiting for a blocked thread would only delay the exit.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, &origins),
    }
}

fn failed(error: &anyhow::Error, origins: &Origins) -> ExitCode {
    match error.downcast_ref::<ConfigError>() {
        Some(wrong) => config_error(&wrong.clone().located(origins)),
        None => {
            eprintln!("error: {}", service::mask(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn config_error(error: &ConfigError) -> ExitCode {
    match error.exit_code() {
        0 => {
            print!("{error}");
            ExitCode::SUCCESS
        }
        code => {
            eprintln!("error: {error}");
            ExitCode::from(code as u8)
        }
    }
}
