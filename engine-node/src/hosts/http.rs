//! `http-connector` and `soap-http-connector`: calls over a pool of connections, within limits of time, size and calls
//! at once to a host, to targets that the filter admits. Redirects are followed here, so that each is checked.
use super::{
    filter::Filter,
    pace::{Pace, Sharers},
};
use bpmn_core::{
    ask::Connector,
    value::{TypedValue, Variables, string_map},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION, USER_AGENT},
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use reqwest::Url;
use serde_json::{Map, Value as Json};
use service::calls::{causes, connector};
use std::{
    collections::HashMap,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout_at},
};

/// Bounds of calls.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    pub connect: Duration,
    /// For a whole call, waiting for others to the same host included.
    pub total: Duration,
    /// Calls at once to one host and port.
    pub per_host: usize,
    /// Time between two calls of the cluster to one host and port.
    pub every: Option<Duration>,
    /// Longest response, in bytes.
    pub response: u64,
}

/// Redirects that are followed, unless the model says otherwise.
const REDIRECTS: u64 = 50;
/// Hosts whose calls are counted before those without calls are forgotten.
const KNOWN_HOSTS: usize = 1000;
/// What the reference says of a call that didn't come to a response.
const FAILED: &str = "HTCL-02007 Unable to execute HTTP request";

type Pooled = Client<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>;

/// The HTTP connectors.
#[derive(Debug)]
pub struct Http {
    /// Resolves to what the filter admits.
    guarded: Pooled,
    /// For hosts that are opened by name.
    open: Pooled,
    filter: Filter,
    limits: HttpLimits,
    turns: Mutex<HashMap<String, Arc<Turns>>>,
    sharers: Sharers,
}

/// Who may call a host, and when.
#[derive(Debug)]
struct Turns {
    room: Semaphore,
    pace: Pace,
}

/// What a model asks for.
struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    payload: Option<String>,
    redirects: u64,
    timeout: Duration,
}

impl Http {
    /// # Errors
    /// TLS can't be set up.
    pub fn new(filter: Filter, limits: HttpLimits, sharers: Sharers) -> Result<Http, String> {
        let client = |filter: Option<Filter>| -> Result<Pooled, String> {
            let plain = HttpConnector::new_with_resolver(Guard(filter));
            let connector = connector(plain, crate::tls::client(None)?, limits.connect);
            Ok(Client::builder(TokioExecutor::new()).build(connector))
        };
        Ok(Http {
            guarded: client(Some(filter.clone()))?,
            open: client(None)?,
            filter,
            limits,
            turns: Mutex::default(),
            sharers,
        })
    }

    /// Calls; gives the outputs and the status, for the metrics.
    ///
    /// # Errors
    /// The reference's text. What the model says is wrong, or there was no response.
    pub async fn call(&self, connector: &Connector, soap: bool) -> Result<(Variables, u16), String> {
        let request = self.request(&connector.inputs, soap)?;
        let timeout = request.timeout;
        let until = Instant::now() + timeout;
        let done = timeout_at(until, self.response(&request, until));
        let failed = |cause: String| {
            tracing::warn!(
                instance = %connector.facts.instance_id,
                element = connector.facts.element,
                host = request.url.host_str(),
                cause,
                "a connector's call failed"
            );
        };
        match done.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Trouble::Failed(cause))) => {
                failed(cause);
                Err(FAILED.to_owned())
            }
            Ok(Err(Trouble::Refused(why))) => Err(format!("{FAILED}: {why}")),
            Err(_) => {
                failed(format!("no response within {} ms", timeout.as_millis()));
                Err(FAILED.to_owned())
            }
        }
    }

    fn request(&self, inputs: &Variables, soap: bool) -> Result<Request, String> {
        let input = |name: &str| inputs.iter().find(|(n, _)| n == name).map(|(_, value)| value);
        let url = text(input("url"))?.ok_or("HTCL-02005 Request url required.")?;
        let method = match soap {
            true => Method::POST,
            false => method(text(input("method"))?.as_deref())?,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in entries(input("headers"))? {
            let Json::String(value) = &value else {
                return Err(cast(class_of_json(&value), "java.lang.String"));
            };
            let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::try_from(value.as_str()),
            ) else {
                return Err(format!("{FAILED}: header '{name}' can't be sent"));
            };
            headers.append(name, value);
        }
        let sends = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let payload = text(input("payload"))?.filter(|_| sends);
        let config: Map<String, Json> = entries(input("request-config"))?.into_iter().collect();
        let number = |name: &str| match config.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64().filter(|n| i32::try_from(*n).is_ok()) {
                Some(number) => Ok(u64::try_from(number).ok()),
                None => Err(format!(
                    "HTCL-02008 Invalid value for request configuration option: {name}"
                )),
            },
        };
        let times = [number("connection-timeout")?, number("socket-timeout")?];
        let own: u64 = times.into_iter().flatten().sum();
        let redirects = match config.get("redirects-enabled") {
            Some(Json::Bool(false)) => 0,
            _ => number("max-redirects")?.unwrap_or(REDIRECTS),
        };
        Ok(Request {
            url: Url::parse(&url).map_err(|_| FAILED.to_owned())?,
            method,
            headers,
            payload,
            redirects,
            timeout: match own {
                0 => self.limits.total,
                own => Duration::from_millis(own).min(self.limits.total),
            },
        })
    }

    /// The response of the last of the redirects.
    async fn response(&self, request: &Request, until: Instant) -> Result<(Variables, u16), Trouble> {
        let (mut url, mut method) = (request.url.clone(), request.method.clone());
        for redirected in 0.. {
            let response = self.send(request, &method, &url, until).await?;
            let target = redirect(&response, &method).filter(|_| redirected < request.redirects);
            let Some((target, as_get)) = target else {
                return self.outputs(response, &method).await;
            };
            url = url
                .join(&target)
                .map_err(|error| Trouble::Failed(error.to_string()))?;
            if as_get {
                method = Method::GET;
            }
        }
        Err(Trouble::Failed("too many redirects".to_owned()))
    }

    async fn send(
        &self,
        request: &Request,
        method: &Method,
        url: &Url,
        until: Instant,
    ) -> Result<Response<Incoming>, Trouble> {
        let refused = |why: &str| Trouble::Refused(format!("{why}: {url}"));
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Trouble::Failed(format!("no such protocol: {}", url.scheme())));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Trouble::Failed("no host".to_owned()));
        };
        let opened = self.filter.opens(host, port);
        // The resolver isn't asked for what is an address already.
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        if !opened && address.is_ok_and(|address| !self.filter.admits(address)) {
            return Err(refused("the target is internal; --connector-allow opens it"));
        }
        let turns = self.turns_of(host, port);
        if let Some(every) = self.limits.every {
            let turn = turns.pace.turn(self.sharers.part(every), Instant::now(), until);
            let turn = turn.ok_or_else(|| refused("too many calls of this host wait (--connector-rate)"))?;
            sleep_until(turn).await;
        }
        let _turn = turns
            .room
            .acquire()
            .await
            .map_err(|error| Trouble::Failed(error.to_string()))?;
        let mut call = HttpRequest::builder().method(method.clone()).uri(url.as_str());
        call = call.header(USER_AGENT, concat!("stellwerk/", env!("CARGO_PKG_VERSION")));
        // What a model sends to one host is not for another.
        if url.origin() == request.url.origin() {
            for (name, value) in &request.headers {
                call = call.header(name, value);
            }
        }
        let payload = request.payload.clone().filter(|_| *method == request.method);
        let call = call.body(Full::from(payload.unwrap_or_default()));
        let call = call.map_err(|error| Trouble::Failed(error.to_string()))?;
        let client = if opened { &self.open } else { &self.guarded };
        client
            .request(call)
            .await
            .map_err(|error| match source::<Internal>(&error) {
                Some(_) => refused("the target is internal; --connector-allow opens it"),
                None => Trouble::Failed(causes(&error)),
            })
    }

    fn turns_of(&self, host: &str, port: u16) -> Arc<Turns> {
        let mut turns = match self.turns.lock() {
            Ok(turns) => turns,
            Err(poisoned) => poisoned.into_inner(),
        };
        if turns.len() > KNOWN_HOSTS {
            turns.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        let new = || {
            Arc::new(Turns {
                room: Semaphore::new(self.limits.per_host),
                pace: Pace::new(Instant::now()),
            })
        };
        turns.entry(format!("{host}:{port}")).or_insert_with(new).clone()
    }

    async fn outputs(
        &self,
        response: Response<Incoming>,
        method: &Method,
    ) -> Result<(Variables, u16), Trouble> {
        let status = response.status();
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in response.headers() {
            let (name, value) = (
                title_case(name.as_str()),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            );
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value));
        }
        let latin1 = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("charset=iso-8859-1"));
        let (mut body, mut stream) = (Vec::new(), response.into_body());
        while let Some(frame) = stream.frame().await {
            let frame = frame.map_err(|error| Trouble::Failed(causes(&error)))?;
            let Ok(part) = frame.into_data() else { continue };
            if (body.len() + part.len()) as u64 > self.limits.response {
                let most = self.limits.response;
                return Err(Trouble::Refused(format!(
                    "the response is longer than {most} bytes (--connector-response-max)"
                )));
            }
            body.extend_from_slice(&part);
        }
        let mut outputs = vec![
            (
                "statusCode".to_owned(),
                TypedValue::Integer(status.as_u16().into()),
            ),
            ("headers".to_owned(), string_map(headers)),
        ];
        // Without an entity there is no such output.
        let empty =
            method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !empty {
            let text = match latin1 {
                true => body.iter().map(|&byte| char::from(byte)).collect(),
                false => String::from_utf8_lossy(&body).into_owned(),
            };
            outputs.push(("response".to_owned(), TypedValue::String(text)));
        }
        Ok((outputs, status.as_u16()))
    }
}

/// Why there is no response.
enum Trouble {
    /// The network's fault, or the other side's; the model's job is tried again.
    Failed(String),
    /// Ours: it is told to whoever runs the model.
    Refused(String),
}

/// Resolves names to the addresses that the filter admits; without one, to all.
#[derive(Clone, Debug)]
struct Guard(Option<Filter>);

#[derive(Debug, thiserror::Error)]
#[error("all addresses of the host are internal")]
struct Internal;

impl tower::Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let filter = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admits = |address: &SocketAddr| filter.as_ref().is_none_or(|f| f.admits(address.ip()));
            let admitted: Vec<SocketAddr> = found.filter(admits).collect();
            match admitted.is_empty() {
                true => Err(Internal.into()),
                false => Ok(admitted.into_iter()),
            }
        })
    }
}

/// Where a response sends a call of that method, and whether by GET then.
fn redirect(response: &Response<Incoming>, method: &Method) -> Option<(String, bool)> {
    let to = response.headers().get(LOCATION)?.to_str().ok()?.to_owned();
    let repeatable = matches!(*method, Method::GET | Method::HEAD);
    match response.status().as_u16() {
        301 | 302 | 307 if repeatable => Some((to, false)),
        303 => Some((to, *method != Method::HEAD)),
        _ => None,
    }
}

fn method(name: Option<&str>) -> Result<Method, String> {
    const KNOWN: [Method; 8] = [
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::POST,
        Method::PUT,
        Method::TRACE,
    ];
    let known = KNOWN.into_iter().find(|method| Some(method.as_str()) == name);
    known.ok_or_else(|| {
        format!(
            "HTCL-02006 Unknown or unsupported HTTP method '{}'",
            name.unwrap_or("null")
        )
    })
}

/// A text, which nothing else is made into, as in the reference.
pub(super) fn text(value: Option<&TypedValue>) -> Result<Option<String>, String> {
    match value {
        None | Some(TypedValue::Null | TypedValue::NullOf(_)) => Ok(None),
        Some(TypedValue::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(cast(class_of(other), "java.lang.String")),
    }
}

/// The entries of a map.
pub(super) fn entries(value: Option<&TypedValue>) -> Result<Vec<(String, Json)>, String> {
    match value {
        None | Some(TypedValue::Null | TypedValue::NullOf(_)) => Ok(Vec::new()),
        Some(TypedValue::Object { text: Some(text), .. }) => {
            match serde_json::from_str::<Map<String, Json>>(text) {
                Ok(map) => Ok(map.into_iter().collect()),
                Err(_) => Err(cast("java.util.ArrayList", "java.util.Map")),
            }
        }
        Some(other) => Err(cast(class_of(other), "java.util.Map")),
    }
}

fn cast(from: &str, to: &str) -> String {
    format!(
        "class {from} cannot be cast to class {to} ({from} and {to} are in module java.base of loader 'bootstrap')"
    )
}

fn class_of(value: &TypedValue) -> &str {
    match value {
        TypedValue::Boolean(_) => "java.lang.Boolean",
        TypedValue::Short(_) => "java.lang.Short",
        TypedValue::Integer(_) => "java.lang.Integer",
        TypedValue::Long(_) => "java.lang.Long",
        TypedValue::Double(_) => "java.lang.Double",
        TypedValue::Date(_) => "java.util.Date",
        TypedValue::Json(_) => "org.camunda.spin.impl.json.jackson.JacksonJsonNode",
        TypedValue::Xml(_) => "org.camunda.spin.impl.xml.dom.DomXmlElement",
        TypedValue::Object { type_name, .. } => type_name.split('<').next().unwrap_or_default(),
        _ => "java.lang.String",
    }
}

fn class_of_json(value: &Json) -> &'static str {
    match value {
        Json::Bool(_) => "java.lang.Boolean",
        Json::Number(n) if n.is_i64() => "java.lang.Integer",
        Json::Number(_) => "java.lang.Double",
        Json::Array(_) => "java.util.ArrayList",
        Json::Object(_) => "java.util.TreeMap",
        Json::Null | Json::String(_) => "java.lang.String",
    }
}

/// A header's name as servers write it; the client has it in lower case.
fn title_case(name: &str) -> String {
    match name {
        "etag" => return "ETag".to_owned(),
        "www-authenticate" => return "WWW-Authenticate".to_owned(),
        _ => {}
    }
    let mut up = true;
    let cased = name.chars().map(|c| {
        let cased = if up { c.to_ascii_uppercase() } else { c };
        up = c == '-';
        cased
    });
    cased.collect()
}

/// The error of that kind behind another.
fn source<'e, T: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}
