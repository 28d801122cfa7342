//! Calls of nodes, over TLS where their URL says so: what another node and an operator's tool make.
use crate::{
    ConfigError, NodeTls,
    calls::{causes, connector},
    tls::Identity,
};
use http::{Method, Response};
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a connection is kept that nobody uses: shorter than nodes keep it.
const IDLE: Duration = Duration::from_secs(30);

/// Makes requests and sends them; cloning shares its connections. It never asks a proxy: nodes are inside the cluster, and
/// what goes to them holds its secret.
#[derive(Clone, Debug)]
pub struct NodeClient {
    /// Makes requests, and never sends one.
    requests: reqwest::Client,
    // reqwest's own TLS wants a process-wide provider of cryptography, and each of its clients reads the system's authorities.
    client: Client<HttpsConnector<HttpConnector>, reqwest::Body>,
    patience: Duration,
    identity: Option<Arc<Identity>>,
}

/// Why a call got no answer.
#[derive(Debug)]
pub enum CallError {
    /// It can't be sent as it is, or no connection could be made: nothing was done.
    NotSent(String),
    /// It may have been done.
    NoAnswer(String),
}

impl CallError {
    /// Whether the node can't have seen the request.
    pub fn is_unsent(&self) -> bool {
        matches!(self, CallError::NotSent(_))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (CallError::NotSent(why) | CallError::NoAnswer(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for CallError {}

impl NodeClient {
    /// A client that waits so long for a connection, and so long for a whole answer.
    ///
    /// # Errors
    /// A file of the options can't be read, or one of a pair is missing.
    pub fn new(tls: &NodeTls, connecting: Duration, patience: Duration) -> Result<NodeClient, ConfigError> {
        let (config, identity) = tls.client()?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector(HttpConnector::new(), config, connecting));
        Ok(NodeClient {
            requests: reqwest::Client::builder().no_proxy().build().unwrap_or_default(),
            client,
            patience,
            identity,
        })
    }

    /// A request for a node, to be completed and then [sent](Self::send).
    pub fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.requests.request(method, url)
    }

    /// The certificate that it shows, for whoever runs long enough to see it change.
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.clone()
    }

    /// Sends a request and reads its answer whole, whatever its status.
    ///
    /// # Errors
    /// No connection, no answer in time, or one that broke off.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, CallError> {
        let unsent = |error: reqwest::Error| CallError::NotSent(causes(&error));
        let request = request.build().and_then(TryInto::try_into).map_err(unsent)?;
        let lost = |error: &(dyn std::error::Error + 'static)| CallError::NoAnswer(causes(error));
        let call = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|e| match e.is_connect() {
                    true => CallError::NotSent(causes(&e)),
                    false => lost(&e),
                })?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.map_err(|e| lost(&e))?.to_bytes();
            Ok(Response::from_parts(head, body).into())
        };
        let late = |_| CallError::NoAnswer(format!("no answer within {:?}", self.patience));
        timeout(self.patience, call).await.map_err(late)?
    }
}
