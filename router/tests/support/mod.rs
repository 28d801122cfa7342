//! Fake nodes and a router before them.
#![allow(dead_code)]
use cluster::{NodeInfo, ShardView, View};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use prometheus_client::registry::Registry;
use router::{LiveOptions, Options, Router, foreign::ForeignShard, metrics::Metrics};
use serde_json::{Value, json};
use service::{Readiness, Shutdown};
use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use topology::{Coverage, Id, ShardName, Slot, SlotTable, table::Shard};

/// A request as a node saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What a node does with a request.
pub enum Act {
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Closes the connection without an answer.
    Die,
}

/// An answer with JSON.
pub fn ok(body: Value) -> Act {
    status(200, body)
}

pub fn status(status: u16, body: Value) -> Act {
    Act::Answer(
        status,
        vec![("content-type", "application/json".into())],
        body.to_string().into_bytes(),
    )
}

pub fn no_content() -> Act {
    Act::Answer(204, vec![], vec![])
}

impl Act {
    pub fn with(self, name: &'static str, value: impl ToString) -> Act {
        match self {
            Act::Answer(status, mut headers, body) => {
                headers.push((name, value.to_string()));
                Act::Answer(status, headers, body)
            }
            Act::Die => Act::Die,
        }
    }
}

type Handler = Arc<dyn Fn(Seen) -> Pin<Box<dyn Future<Output = Act> + Send>> + Send + Sync>;

/// A node on a real socket. `/internal/health` and `/internal/wakeups` are its own; everything else is the handler's
/// and is recorded.
pub struct FakeNode {
    pub url: String,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub healthy: Arc<Mutex<u16>>,
    wakeups: tokio::sync::broadcast::Sender<String>,
    listening: Arc<Mutex<usize>>,
    server: JoinHandle<()>,
}

impl FakeNode {
    pub async fn start<F, R>(handler: F) -> FakeNode
    where
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Act> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |seen| Box::pin(handler(seen)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let healthy = Arc::new(Mutex::new(200));
        let (wakeups, _) = tokio::sync::broadcast::channel(64);
        let listening = Arc::new(Mutex::new(0));
        let shared = (
            handler,
            seen.clone(),
            healthy.clone(),
            wakeups.clone(),
            listening.clone(),
        );
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                        let (handler, seen, healthy, wakeups, listening) = shared.clone();
                        async move {
                            let (parts, body) = request.into_parts();
                            match parts.uri.path() {
                                "/internal/health" => {
                                    let status = *healthy.lock().unwrap();
                                    return Ok(reply(status, vec![], full(vec![])));
                                }
                                "/internal/wakeups" => {
                                    *listening.lock().unwrap() += 1;
                                    return Ok(reply(200, vec![], stream_of(wakeups.subscribe())));
                                }
                                _ => {}
                            }
                            let body = body.collect().await.unwrap().to_bytes();
                            let request = Seen {
                                method: parts.method,
                                path: parts.uri.path().to_owned(),
                                query: parts.uri.query().unwrap_or("").to_owned(),
                                headers: parts.headers,
                                body,
                            };
                            seen.lock().unwrap().push(request.clone());
                            match handler(request).await {
                                Act::Answer(status, headers, body) => Ok(reply(status, headers, full(body))),
                                Act::Die => Err(std::io::Error::other("died")),
                            }
                        }
                    });
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        FakeNode {
            url,
            seen,
            healthy,
            wakeups,
            listening,
            server,
        }
    }

    /// Stops listening and closes every connection, as a killed process does.
    pub async fn kill(&self) {
        self.server.abort();
        eventually("the node stops", || self.server.is_finished()).await;
    }

    /// Announces work once the router listens.
    pub async fn announce(&self, topic: &str) {
        eventually("the router listens", || *self.listening.lock().unwrap() > 0).await;
        let _ = self.wakeups.send(format!("{{\"topics\":[\"{topic}\"]}}\n"));
    }

    pub async fn heard(&self) {
        eventually("the router listens", || *self.listening.lock().unwrap() > 0).await;
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen()
            .into_iter()
            .map(|seen| format!("{} {}", seen.method, seen.path))
            .collect()
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type ReplyBody = http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>;

fn full(bytes: Vec<u8>) -> ReplyBody {
    Full::from(bytes).boxed_unsync()
}

fn stream_of(receiver: tokio::sync::broadcast::Receiver<String>) -> ReplyBody {
    let lines = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let line = receiver.recv().await.ok()?;
        Some((Ok(hyper::body::Frame::data(Bytes::from(line))), receiver))
    });
    let first = futures_util::stream::iter([Ok(hyper::body::Frame::data(Bytes::from_static(b"{}\n")))]);
    http_body_util::StreamBody::new(futures_util::StreamExt::chain(first, lines)).boxed_unsync()
}

fn reply(status: u16, headers: Vec<(&'static str, String)>, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

/// Waits for a condition; fails after a generous time.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// The default options but for those that can be read anew.
pub fn live(live: LiveOptions) -> Options {
    Options {
        live,
        ..Options::default()
    }
}

/// A router on a real socket before shards of fake nodes.
pub struct Cluster {
    pub url: String,
    pub views: watch::Sender<Arc<View>>,
    pub shutdown: Shutdown,
    pub readiness: Readiness,
    pub metrics: Metrics,
    pub registry: Arc<Registry>,
    pub running: JoinHandle<anyhow::Result<()>>,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
}

/// An answer as a client sees it.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub fn view_of(shards: &[(&str, &[&FakeNode])]) -> View {
    let listed = shards
        .iter()
        .map(|(name, _)| Shard {
            name: ShardName::new(name),
            weight: 100,
        })
        .collect();
    let nodes = |nodes: &[&FakeNode]| {
        let node = |(i, node): (usize, &&FakeNode)| NodeInfo {
            id: format!("n{i}"),
            url: node.url.clone(),
            version: "0".into(),
        };
        nodes.iter().enumerate().map(node).collect()
    };
    View {
        version: 1,
        table: Some(Arc::new(SlotTable::split(listed))),
        shards: shards
            .iter()
            .map(|(name, list)| {
                (
                    ShardName::new(name),
                    ShardView {
                        nodes: nodes(list),
                        ..ShardView::default()
                    },
                )
            })
            .collect(),
        published: 7,
        connected: true,
        ..View::default()
    }
}

impl Cluster {
    pub async fn start(shards: &[(&str, &[&FakeNode])]) -> Cluster {
        Cluster::with(shards, Options::default()).await
    }

    pub async fn with(shards: &[(&str, &[&FakeNode])], options: Options) -> Cluster {
        let cluster = Cluster::unready(shards, options).await;
        eventually("the router is ready", || cluster.readiness.check().is_ok()).await;
        cluster
    }

    /// One that may never become ready.
    pub async fn unready(shards: &[(&str, &[&FakeNode])], options: Options) -> Cluster {
        let views = watch::Sender::new(Arc::new(view_of(shards)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/engine-rest", listener.local_addr().unwrap());
        let shutdown = Shutdown::new(Duration::from_secs(10));
        let router = Router::new(options, views.subscribe(), shutdown.clone()).unwrap();
        let (readiness, metrics, registry) = (router.readiness(), router.metrics(), router.registry());
        let running = tokio::spawn(router.serve(listener));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Cluster {
            url,
            views,
            shutdown,
            readiness,
            metrics,
            registry,
            running,
            client,
        }
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (parts, body) = self.client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    /// The names of all series of its metrics, with their labels.
    pub fn series(&self) -> BTreeSet<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
            .collect()
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Got {
        self.send("POST", path, &[], body).await
    }

    pub fn change(&self, change: impl FnOnce(&mut View)) {
        self.views.send_modify(|view| {
            let mut new = (**view).clone();
            change(&mut new);
            new.version += 1;
            *view = Arc::new(new);
        });
    }
}

/// A router before one shard of ours and foreign ones, each with that share of the new instances.
pub async fn mixed(percent: u32, own: &FakeNode, foreign: &[(&str, &FakeNode)]) -> Cluster {
    let one = |(name, node): &(&str, &FakeNode)| -> ForeignShard {
        format!("{name}={percent}@{}/engine-rest", node.url)
            .parse()
            .unwrap()
    };
    let secret = std::env::temp_dir().join(format!("stellwerk-foreign-{:016x}", rand::random::<u64>()));
    std::fs::write(&secret, "cluster-secret").unwrap();
    let options = Options {
        foreign_shard: foreign.iter().map(one).collect(),
        cluster_secret_file: Some(secret.clone()),
        ..Options::default()
    };
    let cluster = Cluster::with(&[("own", &[own])], options).await;
    let _ = std::fs::remove_file(secret);
    cluster
}

/// An id in a slot.
pub fn id_in(slot: u16, n: u64) -> String {
    Id::from_parts(1_700_000_000_000, 1, Slot::new(slot).unwrap(), n).to_string()
}

/// A slot of the first or second of two shards.
pub const FIRST: u16 = 5;
pub const SECOND: u16 = 16_000;

/// The coverage of one of `of` shards between which the slots are split.
pub fn coverage(index: usize, of: usize) -> Coverage {
    Slot::all()
        .filter(|slot| usize::from(slot.number()) * of / 16_384 == index)
        .map(Coverage::of)
        .sum()
}

/// A business key whose slot belongs to the first (or second) of two shards.
pub fn key_for(second: bool) -> String {
    (0..)
        .map(|n| format!("key-{n}"))
        .find(|key| (Slot::of_key(key).number() >= 8_192) == second)
        .unwrap()
}

pub fn started() -> Act {
    ok(json!({"id": "x", "links": []}))
}
