//! The routing front end: one REST endpoint before many shards. It keeps nothing that must survive.
//!
//! The life of a request, one file a phase (see `handle.rs`):
//!
//! ```text
//! classify ─► admit ─► locate ─┬─► forward ──┬─► respond
//!  which      the whole  which │   one shard │
//!  operation  body       slot  └─► fan_out ──┘
//!                                  many shards
//! ```
//!
//! `classify`, `locate`, `scan` and the merges are pure; `upstream` is the only file that calls a node; `watch` keeps
//! the snapshot that each request takes once.
pub mod access;
pub mod admit;
pub mod classify;
pub mod cors;
pub mod definition_ids;
pub mod fan_out;
pub mod foreign;
pub mod forward;
pub mod gate;
mod handle;
pub mod headers;
pub mod live;
pub mod locate;
pub mod metrics;
mod options;
pub mod plain;
pub mod rates;
mod reload;
pub mod respond;
pub mod routing_key;
pub mod scan;
mod server;
pub mod snapshot;
mod spans;
mod state;
pub mod text;
pub mod upstream;
mod watch;

pub use live::LiveOptions;
pub use options::Options;
pub use reload::Reload;

use cluster::{Cluster, View};
use metrics::Metrics;
use prometheus_client::registry::Registry;
use service::{
    AdminListen, ConfigError, Readiness, Shutdown,
    handover::{Offer, Sockets},
    tls::Identity,
};
use state::{App, Exposure};
use std::{os::fd::AsFd, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch::Receiver, task::JoinSet};
use tokio_rustls::TlsAcceptor;

/// A router that is made and not yet serving: for whoever wants its readiness and metrics.
pub struct Router {
    app: Arc<App>,
    views: Receiver<Arc<View>>,
    readiness: Readiness,
    registry: Arc<Registry>,
    beside: Option<axum::Router>,
    reload: Option<(Reload, Arc<dyn Cluster>)>,
    tls: Option<TlsAcceptor>,
    identities: Vec<Arc<Identity>>,
    shutdown: Shutdown,
}

impl Router {
    /// A router that follows these views.
    ///
    /// # Errors
    /// The cluster secret can't be read or sent; a certificate can't be read.
    pub fn new(options: Options, views: Receiver<Arc<View>>, shutdown: Shutdown) -> anyhow::Result<Router> {
        let (metrics, registry) = Metrics::registered();
        let secret = options.secret()?;
        let (to_nodes, identity) = options.node_tls.client()?;
        let instance = options.listen.to_string();
        let tracer = options.common.traces.tracer("stellwerk-router", &instance)?;
        let upstream = upstream::Upstream::new(secret.as_ref(), to_nodes, metrics.clone(), tracer)?;
        let from_clients = options.tls.acceptor(&["h2", "http/1.1"])?;
        let app = Arc::new(App::new(options, upstream, metrics, shutdown.token())?);
        let readiness = Readiness::waiting_for(&[watch::READY]);
        Ok(Router {
            app,
            views,
            readiness,
            registry: Arc::new(registry),
            beside: None,
            reload: None,
            identities: identity
                .into_iter()
                .chain(from_clients.iter().map(|(_, own)| own.clone()))
                .collect(),
            tls: from_clients.map(|(acceptor, _)| acceptor),
            shutdown,
        })
    }

    /// Ready when it has a topology and a node that answers.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Its metrics.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.clone()
    }

    /// The counters behind the registry.
    pub fn metrics(&self) -> Metrics {
        self.app.metrics.clone()
    }

    /// The same router with more routes on its listener, outside the REST root.
    pub fn beside(self, routes: axum::Router) -> Router {
        Router {
            beside: Some(routes),
            ..self
        }
    }

    /// The same router, which reads its options anew; `cluster`: whose list of shards may be among them.
    pub fn reloading(self, reload: Reload, cluster: Arc<dyn Cluster>) -> Router {
        Router {
            reload: Some((reload, cluster)),
            ..self
        }
    }

    /// Serves until the shutdown has begun and running requests have ended (at most the drain time).
    ///
    /// # Errors
    /// The listener is unusable.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        self.serve_after(listener, async { Ok(true) }).await
    }

    /// The same, beginning to accept when `begin` says so; false: not at all.
    async fn serve_after(
        self,
        listener: TcpListener,
        begin: impl Future<Output = anyhow::Result<bool>>,
    ) -> anyhow::Result<()> {
        let address = listener.local_addr()?;
        if !address.ip().to_canonical().is_loopback() && !self.app.options.insecure_no_auth {
            self.app.set_exposure(Exposure::Unknown);
        }
        let mut beside = JoinSet::new();
        beside.spawn(watch::follow(self.app.clone(), self.views, self.readiness));
        for identity in self.identities {
            beside.spawn(identity.follow());
        }
        if let Some((reload, cluster)) = self.reload {
            beside.spawn(reload.follow(self.app.clone(), cluster));
        }
        if begin.await? {
            server::serve(self.app.clone(), listener, self.tls, self.beside, self.shutdown).await?;
        }
        if let Some(tracer) = self.app.upstream.tracer() {
            tracer.clone().finish().await;
        }
        Ok(())
    }
}

/// Runs a router, with the admin listener that the options ask for, until the shutdown has begun and the drain is
/// over. `sockets`: the listeners that it was started with, if any. One that takes over from a predecessor begins to accept
/// when it is ready.
///
/// # Errors
/// A bad option, or a listener that can't be used.
pub async fn run(
    options: Options,
    sockets: Sockets,
    cluster: Arc<dyn Cluster>,
    reload: Option<Reload>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let handover = options.handover.clone();
    let mut sockets = match &handover {
        Some(path) => {
            let taken = sockets.take_over(path).await;
            taken.map_err(|e| ConfigError::new("handover", e.to_string()))?
        }
        None => sockets,
    };
    let listener = sockets.listen("rest", &options.listen).await?;
    let admin = match &options.common.admin_listen {
        AdminListen::Off => None,
        AdminListen::At(address) => Some(sockets.listen("admin", address).await?),
    };
    tracing::info!(topology = cluster.describe(), "router");
    // A fixed list has no store: there the options of each router are all there is.
    if options.shard.is_empty() {
        let keys = routing_key::RoutingKeys::new(&options.routing_key)?;
        keys.agree(&*cluster, options.replace_routing_key).await?;
    }
    let router = Router::new(options, cluster.watch(), shutdown.clone())?;
    let router = match reload {
        Some(reload) => router.reloading(reload, cluster),
        None => router,
    };
    let (app, readiness, registry) = (router.app.clone(), router.readiness(), router.registry());
    let copy = |listener: &TcpListener| listener.as_fd().try_clone_to_owned();
    let mut copies = vec![("rest", copy(&listener)?)];
    if let Some(admin) = &admin {
        copies.push(("admin", copy(admin)?));
    }
    let begin = async {
        if sockets.has_predecessor() && !is_ready(&app, &readiness, &shutdown).await {
            return Ok(false);
        }
        if let Some(path) = &handover {
            let offer = Offer::at(path, copies);
            let offer = offer.map_err(|e| ConfigError::new("handover", e.to_string()))?;
            tokio::spawn(offer.serve(shutdown.clone()));
        }
        service::serve_admin_at(admin, readiness.clone(), vec![registry], &shutdown)?;
        sockets.ready().await;
        Ok(true)
    };
    router.serve_after(listener, begin).await
}

/// Waits until it would serve, and not refuse, what comes; false if the shutdown begins before.
async fn is_ready(app: &App, readiness: &Readiness, shutdown: &Shutdown) -> bool {
    while readiness.check().is_err() || app.exposure() == Exposure::Unknown {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
            () = shutdown.started() => return false,
        }
    }
    true
}
