//! `stellwerk router` without the other roles, for measuring: builds in a fraction of the time.
use service::{Parsed, Shutdown};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    // The first argument is the role, as with the whole binary.
    let args: Vec<String> = std::env::args().skip(2).collect();
    let read = |path: &std::path::Path| std::fs::read_to_string(path);
    let Parsed { options, .. } = service::parse::<router::Options>("router", &args, &[], &read)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            service::init_logging(options.common.log_format, &options.common.log_level)?;
            let shutdown = Shutdown::on_signals(options.common.drain_timeout)?;
            let listener = options.listen.bind().await?;
            let cluster = options.cluster().await?;
            router::run(options, listener, cluster, shutdown).await
        })
}
