//! `stellwerk router` without the other roles, for measuring: builds in a fraction of the time.
use service::{Parsed, Shutdown, Source, handover::Sockets};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    // The first argument is the role, as with the whole binary.
    let args: Vec<String> = std::env::args().skip(2).collect();
    let sockets = Sockets::inherited()?;
    let source = Source {
        name: "router".to_owned(),
        args,
        env: Vec::new(),
    };
    let Parsed { options, origins } = source.read::<router::Options>()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            service::init_logging(options.common.log_format, &options.common.log_level)?;
            let shutdown = Shutdown::on_signals(options.common.drain_timeout)?;
            let reload = router::Reload::new(source, origins)?;
            let cluster = options.cluster().await?;
            router::run(options, sockets, cluster, Some(reload), shutdown).await
        })
}
