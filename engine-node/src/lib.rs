//! One node of a shard's cluster: the REST API, the engine's shell of I/O, its store and its job executor.
//!
//! [`start`] serves on a listener that the caller opened; [`run`] does that until shutdown, with an admin listener.
//! The same code runs in `stellwerk engine-node`, `stellwerk dev` and tests.
pub mod app;
pub mod auth;
pub mod connector_options;
mod database;
pub mod failpoint;
mod fresh;
pub mod history_options;
mod hosts;
pub mod internal;
pub mod java;
pub mod job_options;
mod listen;
mod logins;
pub mod membership;
pub mod metrics;
pub mod options;
pub mod query;
pub mod replication;
pub mod rest;
pub mod rights;
pub mod rights_options;
pub mod script_options;
mod serve;
pub mod sink;
pub mod sizing;
mod spans;
pub mod store;
mod takeover;
mod tls;
pub mod user_indexes;

use app::Engine;
use auth::Auth;
use cluster::Cluster;
use replication::Replication;
use service::{Readiness, Secret, Shutdown, trace::Tracer};
use std::sync::{Arc, atomic::AtomicBool};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use topology::ShardName;

pub use connector_options::ConnectorOptions;
pub use hosts::Worker;
pub use options::{JavaOptions, Options};
pub use script_options::ScriptOptions;
pub use serve::{Node, start};

/// What handlers work with: one pointer, since a request clones it several times.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

impl std::ops::Deref for App {
    type Target = AppParts;
    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl From<AppParts> for App {
    fn from(parts: AppParts) -> App {
        App(Arc::new(parts))
    }
}

/// The parts of an [`App`].
pub struct AppParts {
    pub engine: Engine,
    pub replication: Arc<Replication>,
    pub auth: Auth,
    /// `None` for a node alone.
    pub cluster: Option<Arc<dyn Cluster>>,
    pub node: Arc<NodeFacts>,
    /// Shared by router, nodes and shard-admin.
    pub secret: Option<Secret>,
    pub ready: Readiness,
    /// Set once the first user has been looked after: before that, right credentials would be refused.
    pub open: Arc<AtomicBool>,
    /// What makes spans, where traces are wanted.
    pub tracer: Option<Tracer>,
    /// Cancelled when the node stops taking work: long polls and streams end.
    pub drain: CancellationToken,
}

/// What doesn't change while a node runs.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Unique within the shard.
    pub name: String,
    pub shard: ShardName,
    /// Where others reach it: `http://HOST:PORT` or `https://HOST:PORT`.
    pub url: String,
    pub schema: SchemaVersions,
}

/// Schema version of the database, and the versions that this build serves.
#[derive(Clone, Copy, Debug)]
pub struct SchemaVersions {
    pub current: i32,
    pub min: i32,
    pub max: i32,
}

/// Runs a node until the shutdown and its drain are over. With `cluster` `None` the topology option decides.
///
/// # Errors
/// Options that don't fit together; a database, topology or address that can't be used.
pub async fn run(
    options: Options,
    listener: TcpListener,
    cluster: Option<Arc<dyn Cluster>>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let admin = options.common.admin_listen.clone();
    let node = start(options, listener, cluster, shutdown.clone()).await?;
    service::serve_admin(
        &admin,
        node.app.ready.clone(),
        vec![node.registry.clone()],
        &shutdown,
    )
    .await?;
    node.finished().await
}
