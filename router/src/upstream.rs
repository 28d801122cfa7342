//! Calling one node: a pool of connections, and for each failure whether the request may have run.
use crate::{access, forward::is_trouble, headers, metrics::FailureLabels, metrics::Metrics, snapshot::Node};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;
use service::{
    Secret,
    calls::{causes, connector},
    trace::{Active, Kind, Parent, Tracer},
};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// A request as a node gets it. Cloning shares the body.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Headers, already without those of the client's connection.
    pub headers: HeaderMap,
    /// Whole body.
    pub body: Bytes,
}

impl Outgoing {
    /// The same with one more header.
    pub fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Outgoing {
        self.headers.insert(name, value.into());
        self
    }

    /// A call of a node's own interface with a JSON body; keeps who asks.
    pub fn internal(&self, path: &str, body: Vec<u8>) -> Outgoing {
        let mut headers = self.headers.clone();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Outgoing {
            method: Method::POST,
            target: path.to_owned(),
            headers,
            body: body.into(),
        }
    }
}

/// A call that got no answer.
#[derive(Debug)]
pub struct Failure {
    /// Whether a byte of the request may have reached the node: then it may have run.
    pub written: bool,
    /// `connect`, `lost` or `timeout`.
    pub kind: &'static str,
    /// Why, for log and answer.
    pub why: String,
}

/// The pool of connections to all nodes.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    tls: Arc<ClientConfig>,
    secret: Option<HeaderValue>,
    /// The same as a line of a request's head; empty without one.
    secret_line: Arc<[u8]>,
    metrics: Metrics,
    tracer: Option<Tracer>,
}

impl Upstream {
    /// A pool that shows this secret to nodes, and speaks TLS to those with an `https` URL.
    ///
    /// # Errors
    /// The secret holds characters that no header can carry.
    pub fn new(
        secret: Option<&Secret>,
        tls: ClientConfig,
        metrics: Metrics,
        tracer: Option<Tracer>,
    ) -> Result<Upstream, http::header::InvalidHeaderValue> {
        let beside = Arc::new(tls.clone());
        let connector = connector(HttpConnector::new(), tls, Duration::from_secs(1));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(256)
            .build(connector);
        let secret = secret
            .map(|secret| {
                let mut value = HeaderValue::from_str(secret.reveal())?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let secret_line = secret.as_ref().map_or_else(Vec::new, |secret| {
            [
                headers::SECRET.as_str().as_bytes(),
                b": ",
                secret.as_bytes(),
                b"\r\n",
            ]
            .concat()
        });
        Ok(Upstream {
            client,
            tls: beside,
            secret,
            secret_line: secret_line.into(),
            metrics,
            tracer,
        })
    }

    /// Sends a request and waits for the head of its answer. Notes on the node whether it is there.
    ///
    /// # Errors
    /// No answer until the deadline, or no connection, or one that broke; says whether it may have run.
    pub async fn send(
        &self,
        node: &Node,
        out: &Outgoing,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        let mut span = self.span(node, out);
        let result = match &mut span {
            None => self.attempt(node, out, deadline).await,
            Some((span, out)) => {
                let result = self.attempt(node, out, deadline).await;
                match &result {
                    Ok(answer) => span.set("http.response.status_code", i64::from(answer.status().as_u16())),
                    Err(failure) => span.failed(failure.why.clone()),
                }
                result
            }
        };
        match &result {
            Ok(answer) => node.went(!is_trouble(answer.status())),
            Err(failure) => self.failed(node, failure),
        }
        result
    }

    /// What makes spans, where traces are wanted.
    pub fn tracer(&self) -> Option<&Tracer> {
        self.tracer.as_ref()
    }

    /// The span of a call, if its request is traced, and the request with that span as the parent of what the node does.
    fn span(&self, node: &Node, out: &Outgoing) -> Option<(Active, Outgoing)> {
        let tracer = self.tracer.as_ref()?;
        let parent = access::traceparent(&out.headers).and_then(Parent::read)?;
        if !parent.sampled {
            return None;
        }
        let mut span = tracer.begin(Some(parent), Kind::Client, format!("shard {}", node.shard));
        span.set("http.request.method", out.method.to_string());
        span.set("server.address", node.url.clone());
        span.set("stellwerk.shard", node.shard.to_string());
        span.set("stellwerk.node", node.id.clone());
        let traceparent = HeaderValue::from_str(&span.parent().write()).ok()?;
        Some((span, out.clone().with(access::TRACEPARENT, traceparent)))
    }

    /// How to speak with nodes that want TLS, for whoever connects himself.
    pub fn tls(&self) -> &Arc<ClientConfig> {
        &self.tls
    }

    /// The line that shows a node the secret, for whoever writes requests himself.
    pub fn secret_line(&self) -> &[u8] {
        &self.secret_line
    }

    /// Counts a call that got no answer, and notes on the node what it says of it.
    pub fn failed(&self, node: &Node, failure: &Failure) {
        node.went(false);
        let labels = FailureLabels {
            shard: node.shard.to_string(),
            kind: failure.kind,
        };
        self.metrics.upstream_failures.get_or_create(&labels).inc();
        // A slow answer says nothing about the node; a connection that failed does. The health probe readmits it.
        if failure.kind != "timeout" && node.set_up(false) {
            tracing::warn!(shard = %node.shard, node = node.id, why = failure.why, "node is unreachable");
        }
    }

    async fn attempt(
        &self,
        node: &Node,
        out: &Outgoing,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        let unsent = |why: String| Failure {
            written: false,
            kind: "connect",
            why,
        };
        let uri: Uri = format!("{}{}", node.url, out.target)
            .parse()
            .map_err(|e| unsent(format!("bad URL: {e}")))?;
        let mut request = Request::new(Full::new(out.body.clone()));
        *request.method_mut() = out.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = out.headers.clone();
        if let Some(secret) = self.secret.as_ref().filter(|_| !node.foreign) {
            request.headers_mut().insert(headers::SECRET, secret.clone());
        }
        match timeout_at(deadline, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                // Connecting failed, or the pool's connection closed before it took the request: nothing was written.
                // Everything else may have reached the node.
                let cancelled = error
                    .source()
                    .and_then(|source| source.downcast_ref::<hyper::Error>())
                    .is_some_and(hyper::Error::is_canceled);
                let written = !error.is_connect() && !cancelled;
                Err(Failure {
                    written,
                    kind: if written { "lost" } else { "connect" },
                    why: causes(&error),
                })
            }
            Err(_) => Err(Failure {
                written: true,
                kind: "timeout",
                why: "no answer in time".to_owned(),
            }),
        }
    }
}
