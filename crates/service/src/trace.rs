//! Traces: spans that go to an OpenTelemetry collector (OTLP over HTTP, protobuf), and the trace that a request belongs to.
//!
//! Off unless `--otlp-endpoint` is given: then there is no [`Tracer`], and nothing asks for one. A span is made only for a
//! request that is sampled: where its `traceparent` says so, or, where it has none, for that part of all that `--trace-ratio` names.
//! Source: W3C Trace Context, version 00.
use crate::ConfigError;
use async_trait::async_trait;
use bytes::Bytes;
use clap::Args;
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
        TraceState, Tracer as _, TracerProvider,
    },
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider},
};
use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

/// How long finished spans gather before they are sent.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take to answer, and how long the last spans may take at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The options of traces.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct TraceOptions {
    /// Send traces to the OpenTelemetry collector at this URL (OTLP over HTTP), such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Part of the requests without a traceparent that are traced, 0 to 1; a traceparent decides for itself
    #[arg(long, value_name = "RATIO", default_value = "1", value_parser = ratio)]
    pub trace_ratio: f64,
}

impl Default for TraceOptions {
    fn default() -> TraceOptions {
        TraceOptions {
            otlp_endpoint: None,
            trace_ratio: 1.0,
        }
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text
        .parse::<f64>()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("'{text}' is not a number from 0 to 1"))
}

impl TraceOptions {
    /// What makes spans of that service, if traces are wanted. To be called inside the runtime; `instance`: what tells this process
    /// from others of the service.
    ///
    /// # Errors
    /// The endpoint is no `http` URL.
    pub fn tracer(&self, service: &'static str, instance: &str) -> Result<Option<Tracer>, ConfigError> {
        let Some(endpoint) = &self.otlp_endpoint else {
            return Ok(None);
        };
        let wrong = |why: String| ConfigError::new("otlp-endpoint", format!("'{endpoint}': {why}"));
        let mut url: reqwest::Url = endpoint.parse().map_err(|e| wrong(format!("{e}")))?;
        if url.scheme() != "http" {
            return Err(wrong(
                "a collector is reached over http: let one beside this process send on over TLS".into(),
            ));
        }
        if matches!(url.path(), "" | "/") {
            url.set_path("/v1/traces");
        }
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        let client = Client {
            http: http.map_err(|e| wrong(e.to_string()))?,
            runtime: Handle::current(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url.as_str())
            .with_timeout(PATIENCE)
            .build()
            .map_err(|e| wrong(e.to_string()))?;
        let config = BatchConfigBuilder::default().with_scheduled_delay(GATHER).build();
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(config)
            .build();
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(resource)
            // Whether there is a span at all is decided before.
            .with_sampler(Sampler::AlwaysOn)
            .build();
        tracing::info!(%url, ratio = self.trace_ratio, "traces");
        Ok(Some(Tracer {
            tracer: provider.tracer("stellwerk"),
            provider,
            ratio: self.trace_ratio,
        }))
    }
}

/// Sends what the exporter's own thread has gathered, on the process's runtime.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sending = self.runtime.spawn(async move {
            let (parts, body) = request.into_parts();
            let sending = http
                .request(parts.method, parts.uri.to_string())
                .headers(parts.headers);
            let answer = sending.body(body).send().await?;
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            *response.body_mut() = answer.bytes().await?;
            Ok::<_, reqwest::Error>(response)
        });
        let sent = sending.await?;
        if let Err(error) = &sent {
            tracing::debug!(%error, "spans were not taken");
        }
        Ok(sent?)
    }
}

/// Where a request comes from: a trace, and the span in it that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    trace: TraceId,
    span: SpanId,
    /// Whether somebody wants to see it.
    pub sampled: bool,
}

impl Parent {
    /// Reads a `traceparent`; `None` if it is none.
    pub fn read(traceparent: &[u8]) -> Option<Parent> {
        let text = std::str::from_utf8(traceparent).ok()?;
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        };
        let known = version != "00" || parts.next().is_none();
        if !(hex(version, 2) && version != "ff" && known && hex(trace, 32) && hex(span, 16) && hex(flags, 2))
        {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (trace != TraceId::INVALID && span != SpanId::INVALID).then_some(Parent { trace, span, sampled })
    }

    /// The header that says so.
    pub fn write(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }

    fn context(&self) -> Context {
        let flags = TraceFlags::default().with_sampled(self.sampled);
        let context = SpanContext::new(self.trace, self.span, flags, true, TraceState::default());
        Context::new().with_remote_span_context(context)
    }
}

/// Makes spans. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tracer {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    ratio: f64,
}

impl Tracer {
    /// Whether a request with this `traceparent` (or without one) is traced. Asked once a request: without one, chance decides.
    pub fn samples(&self, parent: Option<Parent>) -> bool {
        match parent {
            Some(parent) => parent.sampled,
            None if self.ratio >= 1.0 => true,
            None if self.ratio <= 0.0 => false,
            None => {
                let chance = RandomState::new().hash_one(SystemTime::now());
                (chance as f64 / u64::MAX as f64) < self.ratio
            }
        }
    }

    /// Begins a span.
    pub fn begin(
        &self,
        parent: Option<Parent>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> Active {
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        let context = parent.map_or_else(Context::new, |parent| parent.context());
        Active {
            span: self.tracer.build_with_context(builder, &context),
        }
    }

    /// Sends what hasn't been sent: at the end of a process.
    pub async fn finish(self) {
        let last = move || self.provider.shutdown_with_timeout(PATIENCE);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(last).await {
            tracing::warn!(%error, "the last spans were not taken");
        }
    }
}

/// A span that has begun. It ends when it is dropped.
#[derive(Debug)]
pub struct Active {
    span: opentelemetry_sdk::trace::Span,
}

impl Active {
    /// What those that are asked in it are told.
    pub fn parent(&self) -> Parent {
        let context = self.span.span_context();
        Parent {
            trace: context.trace_id(),
            span: context.span_id(),
            sampled: context.is_sampled(),
        }
    }

    /// Says something of it.
    pub fn set(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        self.span.set_attribute(KeyValue::new(key, value));
    }

    /// It is called otherwise than it seemed.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        self.span.update_name(name);
    }

    /// It failed.
    pub fn failed(&mut self, why: impl Into<Cow<'static, str>>) {
        self.span.set_status(Status::error(why));
    }
}

pub use opentelemetry::trace::SpanKind as Kind;

/// The trace that runs on this task, and what makes spans of it.
#[derive(Clone, Debug)]
pub struct Current {
    /// What makes them.
    pub tracer: Tracer,
    /// The span that is under way.
    pub parent: Parent,
}

tokio::task_local! {
    static CURRENT: Current;
}

/// The trace that runs on this task, if one does.
pub fn current() -> Option<Current> {
    CURRENT.try_with(Current::clone).ok()
}

impl Current {
    /// Runs a future in that span.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Tells of something that has been done in that span, from then until now.
    pub fn did(
        &self,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        since: SystemTime,
        attributes: Vec<KeyValue>,
    ) {
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_start_time(since)
            .with_attributes(attributes);
        let mut span = self
            .tracer
            .tracer
            .build_with_context(builder, &self.parent.context());
        span.end();
    }
}

pub use opentelemetry::KeyValue as Attribute;

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_as_the_standard_has_it() {
        let parent = Parent::read(PARENT.as_bytes()).unwrap();
        assert!(parent.sampled);
        assert_eq!(parent.write(), PARENT);
        let other = PARENT.replace("-01", "-00");
        assert!(!Parent::read(other.as_bytes()).unwrap().sampled);
        // A later version may say more.
        assert!(Parent::read(format!("cc{}-more", &PARENT[2..]).as_bytes()).is_some());
        for text in [
            String::new(),
            "00".into(),
            PARENT.replace("00-", "ff-"),
            format!("{PARENT}-more"),
            PARENT.to_uppercase(),
            PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            PARENT.replace("b7ad6b7169203331", &"0".repeat(16)),
            PARENT.replace("-01", "-1"),
        ] {
            assert_eq!(Parent::read(text.as_bytes()), None, "{text}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_parent_decides_and_the_ratio_decides_for_those_without_one() {
        let options = |ratio| TraceOptions {
            otlp_endpoint: Some("http://127.0.0.1:9".into()),
            trace_ratio: ratio,
        };
        let parent = Parent::read(PARENT.as_bytes()).unwrap();
        for (ratio, least, most) in [(0.0, 0, 0), (0.5, 800, 1_200), (1.0, 2_000, 2_000)] {
            let tracer = options(ratio).tracer("test", "1").unwrap().unwrap();
            assert!(tracer.samples(Some(parent)));
            assert!(!tracer.samples(Some(Parent {
                sampled: false,
                ..parent
            })));
            let sampled = (0..2_000).filter(|_| tracer.samples(None)).count();
            assert!((least..=most).contains(&sampled), "{ratio}: {sampled}");
            let child = tracer.begin(Some(parent), SpanKind::Server, "x").parent();
            assert_eq!((child.trace, child.sampled), (parent.trace, true));
            assert_ne!(child.span, parent.span);
            tracer.finish().await;
        }
        assert!(TraceOptions::default().tracer("test", "1").unwrap().is_none());
        let tls = TraceOptions {
            otlp_endpoint: Some("https://x".into()),
            ..TraceOptions::default()
        };
        assert!(
            tls.tracer("test", "1")
                .unwrap_err()
                .to_string()
                .contains("--otlp-endpoint")
        );
        assert!(ratio("1.1").is_err() && ratio("x").is_err());
    }
}
