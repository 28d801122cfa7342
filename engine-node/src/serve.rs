//! Starting, serving and stopping a node.
use crate::{
    App, AppParts, NodeFacts,
    app::{Engine, cleanup, executor, fold, history, meter, news, signals},
    auth::{self, Auth, directory::Directory, token::Tokens},
    database, fresh,
    internal::{self, trust},
    listen::{Secure, TlsListener},
    membership,
    metrics::Metrics,
    options::{AuthKind, Options, Secrets},
    replication::{Replication, peers::Peers},
    rest,
    rights::Authority,
    rights_options::RightsOptions,
    sink,
    sizing::sizing,
    spans,
    store::Store,
    takeover,
};
use anyhow::Context;
use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    serve::{Listener, ListenerExt, TapIo},
};
use cluster::{Cluster, NodeLease, TopologyOption};
use futures_util::FutureExt;
use http::{StatusCode, Uri};
use prometheus_client::registry::Registry;
use rest_api::ApiError;
use service::{ConfigError, Readiness, Shutdown};
use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use topology::ShardName;

/// How long a start waits for the reference log before the node serves what it has and catches up meanwhile: peers
/// may need its payloads to catch up themselves.
const FIRST_CATCH_UP: Duration = Duration::from_secs(5);
/// How long routers get to notice that a node has withdrawn before it refuses connections.
const WITHDRAWN: Duration = Duration::from_millis(300);
/// The shard's name where there is no cluster.
const ALONE: &str = "default";

/// A node that serves.
pub struct Node {
    pub app: App,
    /// The bound address.
    pub address: SocketAddr,
    /// `http://HOST:PORT/engine-rest`, or `https`.
    pub base_url: String,
    pub registry: Arc<Registry>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Node {
    /// Waits until the shutdown has begun and the node has drained.
    ///
    /// # Errors
    /// Serving failed.
    pub async fn finished(self) -> anyhow::Result<()> {
        self.ended.await.context("the node's task")?
    }
}

/// Starts a node: opens the store, checks its stamp, applies the reference log, serves, registers, runs jobs.
/// Returns once it serves.
///
/// # Errors
/// Options that don't fit together; a database or topology that can't be used.
pub async fn start(
    options: Options,
    listener: TcpListener,
    cluster: Option<Arc<dyn Cluster>>,
    shutdown: Shutdown,
) -> anyhow::Result<Node> {
    let address = listener.local_addr()?;
    service::check_exposure(address, options.auth != AuthKind::None, options.insecure_no_auth)?;
    if options.rights.authorization_enabled && options.auth == AuthKind::None {
        let why = "needs --auth: whoever isn't known has no rights";
        return Err(ConfigError::new("authorization-enabled", why).into());
    }
    let secrets = options.secrets()?;
    let cluster = match (cluster, &options.topology) {
        (Some(cluster), _) => Some(cluster),
        (None, TopologyOption::None) => None,
        (None, etcd) => Some(cluster::open(etcd).await?),
    };
    let shard = match (&options.shard, &cluster) {
        (Some(name), _) => ShardName::new(name),
        (None, None) => ShardName::new(ALONE),
        (None, Some(_)) => return Err(ConfigError::new("shard", "is missing: the topology needs it").into()),
    };
    // Nodes and routers speak HTTP/1.1 with each other.
    let tls = options.tls.acceptor(&["http/1.1"])?;
    let url = advertised(&options, address, cluster.is_some())?;
    let name = options.node_name.clone().unwrap_or_else(|| node_name(&url));
    let (store, schema) = database::open(&options, cluster.is_some()).await?;
    membership::check_stamp(&*store, cluster.as_ref(), &shard).await?;

    let drain = CancellationToken::new();
    let unless_started = drain.clone().drop_guard();
    let mut settings = options.settings(&name)?;
    settings.history = history::agreed(&*store, options.history()?.as_ref()).await?;
    let engine = Engine::new(store.clone(), settings, drain.clone()).await?;
    let peers = Peers::new(
        cluster.clone(),
        shard.clone(),
        secrets.cluster.clone(),
        &options.node_tls,
    )?;
    let peers_identity = peers.identity();
    engine.connect(peers.clone());
    let confirm_within = options.replication_timeout;
    let replication = Replication::new(
        engine.clone(),
        cluster.clone(),
        shard.clone(),
        peers,
        confirm_within,
    );
    let authority = Authority::new(
        store.clone(),
        options.rights.enforced(),
        options.rights.admins(),
        replication.identity(),
    );
    let tokens = match options.auth.takes_tokens() {
        true => Some(Tokens::new(&options.tokens)?),
        false => None,
    };
    let others = (tokens, Directory::new(&options.directory)?);
    let auth = Auth::new(
        options.auth,
        store.clone(),
        replication.identity(),
        authority,
        others,
    );
    let ready = Readiness::waiting_for(&["database", "process", "reference-log"]);
    let app = App::from(AppParts {
        engine: engine.clone(),
        replication: replication.clone(),
        auth,
        cluster: cluster.clone(),
        node: Arc::new(NodeFacts {
            name: name.clone(),
            shard: shard.clone(),
            url: url.clone(),
            schema,
        }),
        secret: secrets.cluster.clone(),
        ready: ready.clone(),
        open: Arc::default(),
        tracer: options.common.traces.tracer("stellwerk-engine-node", &name)?,
        drain: drain.clone(),
    });
    let open = app.open.clone();
    if let Some(cluster) = &cluster {
        membership::adopt(&engine, cluster, &shard).await?;
    }
    let (metrics, registry) = Metrics::new(&engine, shard.as_str(), &name);
    let routes = routes(app.clone(), metrics);
    let nodelay = |socket: &mut TcpStream| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY not set");
        }
    };
    let identities = [peers_identity, tls.as_ref().map(|(_, own)| own.clone())];
    let served = match tls {
        None => serve(listener.tap_io(nodelay), routes, drain.clone()),
        Some((acceptor, _)) => {
            let listener = TlsListener::new(listener, acceptor)?;
            serve(
                listener.tap_io(|_| ()),
                routes.layer(Extension(Secure)),
                drain.clone(),
            )
        }
    };
    for identity in identities.into_iter().flatten() {
        tokio::spawn(drain.clone().run_until_cancelled_owned(identity.follow()));
    }
    first_catch_up(&replication, cluster.is_some()).await?;
    first_user(&replication, &secrets, &options.rights, &drain).await?;
    open.store(true, Ordering::Release);
    // Before it registers: a router that asks at once would take a node that is about to be ready for one that isn't.
    ready.ready("database");
    ready.ready("process");
    if replication.has_caught_up() {
        ready.ready("reference-log");
    }
    let lease = match &cluster {
        Some(cluster) => Some(membership::register(cluster, &shard, &name, &url).await?),
        None => None,
    };
    if let (Some(cluster), Ok(url)) = (&cluster, options.database_url())
        && !url.contains(":memory:")
    {
        let keep = crate::user_indexes::keep(cluster.clone(), url.to_owned(), drain.clone());
        tokio::spawn(keep);
    }
    tokio::spawn(replication.follow(ready.clone(), drain.clone()));
    tokio::spawn(membership::watch(
        engine.clone(),
        cluster,
        shard.clone(),
        drain.clone(),
    ));
    tokio::spawn(membership::count_nodes(
        app.cluster.clone(),
        engine.settings().connector_sharers.clone(),
        drain.clone(),
    ));
    tokio::spawn(membership::watch_database(
        store.clone(),
        ready.clone(),
        drain.clone(),
    ));
    tokio::spawn(takeover::watch(
        engine.clone(),
        app.cluster.clone(),
        shard.clone(),
        drain.clone(),
    ));
    tokio::spawn(fold::run(engine.clone(), drain.clone()));
    tokio::spawn(meter::run(engine.clone(), drain.clone()));
    tokio::spawn(signals::retell(engine.clone(), drain.clone()));
    tokio::spawn(history::watch(engine.clone(), drain.clone()));
    tokio::spawn(cleanup::run(engine.clone(), drain.clone()));
    tokio::spawn(rest::batch::run(app.clone(), drain.clone()));
    tokio::spawn(rest::batch::serve_jobs(app.clone(), drain.clone()));
    tokio::spawn(rest::parked::run(app.clone(), drain.clone()));
    let sink = options.history_care.history_sink.clone();
    tokio::spawn(sink::run(engine.clone(), sink, shard.to_string(), drain.clone()));
    // Ends with the store.
    tokio::spawn(news::listen(engine.clone()));
    let jobs = tokio::spawn(executor::run(engine, drain.clone()));

    let base_url = format!("{}://{address}/engine-rest", scheme(&options));
    tracing::info!(url = base_url, shard = %shard, node = name, "REST API");
    let (sizing, settings) = (sizing(), app.engine.settings());
    tracing::info!(
        cpus = sizing.cpus,
        memory_mib = sizing.memory.map(|bytes| bytes >> 20),
        writers = settings.writers,
        core_threads = settings.jobs.core_threads,
        cache_mib = settings.cache_bytes >> 20,
        pool = options.pool_size,
        "sized by the CPUs and the memory that this process may use"
    );
    tracing::info!(level = %app.engine.history(), "history");
    if options.auth == AuthKind::None {
        tracing::info!("no authentication (--auth none)");
    }
    unless_started.disarm();
    let tracer = app.tracer.clone();
    let ended = tokio::spawn(async move {
        let ended = stop(shutdown, ready, lease, drain, served, jobs, store).await;
        if let Some(tracer) = tracer {
            tracer.finish().await;
        }
        ended
    });
    Ok(Node {
        app,
        address,
        base_url,
        registry,
        ended,
    })
}

/// Where others reach this node.
fn advertised(options: &Options, bound: SocketAddr, in_cluster: bool) -> Result<String, ConfigError> {
    match &options.advertise {
        Some(url) => {
            let parsed: Option<Uri> = url.parse().ok().filter(|u: &Uri| u.authority().is_some());
            let wrong = match parsed.as_ref().and_then(Uri::scheme_str) {
                Some("https") => None,
                Some("http") if options.tls.is_on() => Some("is http, and --tls-cert is given"),
                Some("http") => None,
                _ => Some("is neither http://HOST:PORT nor https://HOST:PORT"),
            };
            if let Some(why) = wrong {
                return Err(ConfigError::new("advertise", format!("'{url}' {why}")));
            }
            Ok(url.trim_end_matches('/').to_owned())
        }
        None if in_cluster && bound.ip().is_unspecified() => Err(ConfigError::new(
            "advertise",
            format!("is missing: others can't reach this node at {bound}"),
        )),
        None => Ok(format!("{}://{bound}", scheme(options))),
    }
}

/// What the listener speaks.
fn scheme(options: &Options) -> &'static str {
    match options.tls.is_on() {
        true => "https",
        false => "http",
    }
}

/// The node's name: where it is reached, in the characters that the topology allows.
fn node_name(url: &str) -> String {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    host.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.:".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// All that a node serves.
fn routes(app: App, metrics: Metrics) -> Router {
    let rest = rest::router(app.clone());
    let rest = Router::new()
        .nest("/engine-rest", rest)
        .merge(internal::correlate::routes().with_state(app.clone()))
        .merge(rest::once::internal().with_state(app.clone()))
        .merge(internal::external_task::routes().with_state(app.clone()))
        .layer(middleware::from_fn_with_state(
            Arc::new((app.clone(), metrics)),
            counted,
        ));
    Router::new()
        .nest("/internal", internal::routes().with_state(app.clone()))
        .merge(rest)
        .fallback(wrong_base)
        .layer(middleware::from_fn_with_state(app, trust::check))
}

/// Counts a request, and passes it on once it is admitted. One layer: each costs a request its allocations.
async fn counted(State(shared): State<Arc<(App, Metrics)>>, mut request: Request, next: Next) -> Response {
    let (app, metrics) = &*shared;
    let timer = metrics.request(request.method());
    let answered = async {
        match admit(app, &mut request).await {
            Ok(()) => match &app.tracer {
                None => next.run(request).await,
                Some(tracer) => spans::traced(tracer, request, next).await,
            },
            Err(refusal) => refusal,
        }
    };
    // Our own mistakes cost one request, not its connection: a router would take the node for dead.
    let answer = match AssertUnwindSafe(answered).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => ApiError::internal("the node failed at this request; its log says where").into_response(),
    };
    timer.answered(answer.status());
    answer
}

/// 503 until the node has been at the head of the reference log once, and knows its first user; then who asks, and
/// whether the node knows what is asked for.
async fn admit(app: &App, request: &mut Request) -> Result<(), Response> {
    if !(app.replication.has_caught_up() && app.open.load(Ordering::Acquire)) {
        let error = ApiError::unavailable("this node has not applied the reference log yet");
        return Err(error.into_response());
    }
    auth::require_user(&app.auth, request).await?;
    fresh::look(app, request.uri()).await
}

/// A path outside the API: people forget the base path (S0-08).
async fn wrong_base(uri: Uri) -> ApiError {
    if uri.path().trim_end_matches('/') == "/engine-rest" {
        return ApiError::unknown_path();
    }
    let message = format!(
        "there is nothing at '{}'; the REST API lives below /engine-rest",
        uri.path()
    );
    ApiError::new(StatusCode::NOT_FOUND, "NotFoundException", message)
}

fn serve<L, F>(
    listener: TapIo<L, F>,
    routes: Router,
    drain: CancellationToken,
) -> JoinHandle<std::io::Result<()>>
where
    L: Listener<Addr = SocketAddr>,
    F: FnMut(&mut L::Io) + Send + 'static,
{
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let until = async move { drain.cancelled().await };
    tokio::spawn(async move { axum::serve(listener, service).with_graceful_shutdown(until).await })
}

async fn first_catch_up(replication: &Replication, in_cluster: bool) -> anyhow::Result<()> {
    let end = tokio::time::Instant::now() + FIRST_CATCH_UP;
    loop {
        match replication.catch_up().await {
            Ok(index) => {
                tracing::info!(index, "reference log applied");
                return Ok(());
            }
            Err(error) if !in_cluster => return Err(error).context("loading deployments"),
            Err(error) if tokio::time::Instant::now() > end => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "reference log not applied yet"
                );
                return Ok(());
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Creates the first user, if there is none; in the background where the log can't be reached now.
async fn first_user(
    replication: &Arc<Replication>,
    secrets: &Secrets,
    rights: &RightsOptions,
    drain: &CancellationToken,
) -> anyhow::Result<()> {
    let user = match secrets.admin.clone() {
        Some((name, password)) => {
            let made = tokio::task::spawn_blocking(move || auth::new_user(&name, password.reveal()));
            Some(made.await??)
        }
        None => None,
    };
    let enforced = rights.authorization_enabled;
    if user.is_none() && !enforced {
        return Ok(());
    }
    let admins = rights.admins();
    let name = user.as_ref().map(|user| user.id.clone()).unwrap_or_default();
    let created = move |created: bool| {
        if created {
            tracing::info!(user = name, "administrators have what they need");
        }
    };
    match replication
        .put_administrators(user.as_ref(), &admins, enforced)
        .await
    {
        Ok(done) => created(done),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "first user not created yet"
            );
            let (replication, drain) = (replication.clone(), drain.clone());
            tokio::spawn(async move {
                while !drain.is_cancelled() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    let put = replication.put_administrators(user.as_ref(), &admins, enforced);
                    if let Ok(done) = put.await {
                        return created(done);
                    }
                }
            });
        }
    }
    Ok(())
}

/// Waits for the shutdown, then: not ready, withdrawn, long polls answered, running commands and jobs ended.
async fn stop(
    shutdown: Shutdown,
    ready: Readiness,
    lease: Option<NodeLease>,
    drain: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
    jobs: JoinHandle<()>,
    store: Arc<dyn Store>,
) -> anyhow::Result<()> {
    let mut served = served;
    tokio::select! {
        () = shutdown.started() => {}
        ended = &mut served => {
            drain.cancel();
            ended.context("the listener's task")?.context("serving")?;
            anyhow::bail!("the listener ended");
        }
    }
    ready.not_ready("process", "stopping");
    if let Some(lease) = lease {
        shutdown.drain(lease.revoke()).await;
        tokio::time::sleep(WITHDRAWN).await;
    }
    drain.cancel();
    if shutdown.drain(jobs).await.is_none() {
        tracing::warn!("jobs still ran when the drain time was over; their locks expire");
    }
    if shutdown.drain(&mut served).await.is_none() {
        tracing::warn!("requests still ran when the drain time was over");
        served.abort();
    }
    store.close().await;
    Ok(())
}
