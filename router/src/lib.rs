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
pub mod fan_out;
pub mod foreign;
pub mod forward;
pub mod gate;
mod handle;
pub mod headers;
pub mod locate;
pub mod metrics;
mod options;
pub mod plain;
pub mod respond;
pub mod routing_key;
pub mod scan;
mod server;
pub mod snapshot;
mod state;
pub mod text;
pub mod tls;
pub mod upstream;
mod watch;

pub use options::Options;

use cluster::{Cluster, View};
use metrics::Metrics;
use prometheus_client::registry::Registry;
use service::{Readiness, Shutdown};
use state::App;
use std::sync::Arc;
use tokio::{net::TcpListener, sync::watch::Receiver, task::JoinSet};
use tokio_rustls::TlsAcceptor;

/// A router that is made and not yet serving: for whoever wants its readiness and metrics.
pub struct Router {
    app: Arc<App>,
    views: Receiver<Arc<View>>,
    readiness: Readiness,
    registry: Arc<Registry>,
    beside: Option<axum::Router>,
    tls: Option<TlsAcceptor>,
    identities: Vec<Arc<tls::Identity>>,
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
        let (to_nodes, identity) = tls::client(&options)?;
        let upstream = upstream::Upstream::new(secret.as_ref(), to_nodes, metrics.clone())?;
        let from_clients = tls::server(&options)?;
        let app = Arc::new(App::new(options, upstream, metrics, shutdown.token())?);
        let readiness = Readiness::waiting_for(&[watch::READY]);
        Ok(Router {
            app,
            views,
            readiness,
            registry: Arc::new(registry),
            beside: None,
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

    /// Serves until the shutdown has begun and running requests have ended (at most the drain time).
    ///
    /// # Errors
    /// The listener is unusable.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        let follow = tokio::spawn(watch::follow(self.app.clone(), self.views, self.readiness));
        let mut certificates = JoinSet::new();
        for identity in self.identities {
            certificates.spawn(identity.follow());
        }
        let served = server::serve(self.app, listener, self.tls, self.beside, self.shutdown).await;
        follow.abort();
        Ok(served?)
    }
}

/// Runs a router, with the admin listener that the options ask for, until the shutdown has begun and the drain is
/// over.
///
/// # Errors
/// A bad option, or a listener that can't be used.
pub async fn run(
    options: Options,
    listener: TcpListener,
    cluster: Arc<dyn Cluster>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let listen = options.common.admin_listen.clone();
    tracing::info!(topology = cluster.describe(), "router");
    // A fixed list has no store: there the options of each router are all there is.
    if options.shard.is_empty() {
        let keys = routing_key::RoutingKeys::new(&options.routing_key)?;
        keys.agree(&*cluster, options.replace_routing_key).await?;
    }
    let router = Router::new(options, cluster.watch(), shutdown.clone())?;
    service::serve_admin(&listen, router.readiness(), vec![router.registry()], &shutdown).await?;
    router.serve(listener).await
}
