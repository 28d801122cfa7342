//! Third phase: take the request in, within bounds: the whole body, because the key may stand at its end and because
//! a request may have to be sent again.
use crate::{classify::Call, handle::Client, headers, state::App, upstream::Outgoing};
use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode, header, request};
use http_body_util::BodyExt;
use hyper::body::Body;
use rest_api::{ApiError, jackson, operations::Class};
use std::{fmt::Display, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

/// How long a client may send nothing of a body that it has begun.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request that is wholly here.
#[derive(Debug)]
pub struct Admitted {
    /// What it asks.
    pub call: Call,
    /// What a node would get.
    pub out: Outgoing,
    /// The client's key for safe repetition.
    pub idempotency_key: Option<String>,
    /// The client takes a partial answer.
    pub partial: bool,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Admitted {
    /// What the client takes; empty: anything.
    pub fn accept(&self) -> &str {
        let accept = self.out.headers.get(header::ACCEPT);
        accept.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The same client's request, sent to nodes in another form.
    pub fn with(&self, out: Outgoing) -> Admitted {
        Admitted {
            call: self.call.clone(),
            out,
            idempotency_key: self.idempotency_key.clone(),
            partial: self.partial,
            _memory: None,
        }
    }

    /// The same client's request to read something else.
    pub fn to_read(&self, target: String) -> Admitted {
        let mut out = self.out.clone();
        out.method = Method::GET;
        out.target = target;
        Admitted {
            call: self.call.clone(),
            out,
            idempotency_key: None,
            partial: self.partial,
            _memory: None,
        }
    }

    /// Whether it may be sent again although it may have run: it only reads, or it carries an Idempotency-Key.
    pub fn repeatable(&self) -> bool {
        let reads = matches!(self.out.method, Method::GET | Method::HEAD | Method::OPTIONS)
            || matches!(self.call.operation.class, Class::FanoutList | Class::FanoutSum);
        reads || self.idempotency_key.is_some()
    }

    /// That the body is what the operation takes: asked where the router itself reads it.
    ///
    /// # Errors
    /// As a node words them.
    pub fn has_body(&self) -> Result<(), ApiError> {
        let media_type = self.out.headers.get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let members = jackson::admit(self.call.operation, media_type, &self.out.body)?;
        jackson::need(self.call.operation, members.as_ref())
    }
}

/// Reads the body and prepares what a node gets.
///
/// # Errors
/// 413 for a body over the limit, 503 when all bodies together would hold too much, 400 if the client broke off.
pub async fn admit<B>(app: &App, call: Call, parts: request::Parts, body: B) -> Result<Admitted, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let (body, memory) = read(app, body).await?;
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let idempotency_key = text(headers::IDEMPOTENCY_KEY).map(str::to_owned);
    let partial = text(headers::PARTIAL).is_some_and(|value| value.eq_ignore_ascii_case("allow"));
    let secure = parts
        .extensions
        .get::<Client>()
        .is_some_and(|client| client.secure);
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let target = match &call.query {
        Some(query) => format!("{}?{query}", call.path),
        None => call.path.clone(),
    };
    let out = Outgoing {
        method: parts.method,
        target,
        headers: headers::to_node(parts.headers, authority, secure),
        body,
    };
    Ok(Admitted {
        call,
        out,
        idempotency_key,
        partial,
        _memory: memory,
    })
}

async fn read<B>(app: &App, mut body: B) -> Result<(Bytes, Option<OwnedSemaphorePermit>), ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let limit = app.live().options.body_limit;
    if body.size_hint().lower() > limit {
        return Err(ApiError::too_large(limit));
    }
    let mut memory: Option<OwnedSemaphorePermit> = None;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let late = |_| {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "RestException",
                "the request body did not come",
            )
        };
        let Some(frame) = timeout(PATIENCE, body.frame()).await.map_err(late)? else {
            break;
        };
        let frame =
            frame.map_err(|e| ApiError::invalid_request(format!("the request body broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if (first.len() + rest.len() + data.len()) as u64 > limit {
            return Err(ApiError::too_large(limit));
        }
        let kib = data.len().div_ceil(1024) as u32;
        let full = |_| ApiError::unavailable("too many request bodies are held at the moment");
        let permit = app.memory.clone().try_acquire_many_owned(kib).map_err(full)?;
        match &mut memory {
            Some(held) => held.merge(permit),
            None => memory = Some(permit),
        }
        // Most bodies are one frame and need no copy.
        match first.is_empty() && rest.is_empty() {
            true => first = data,
            false => {
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                    first = Bytes::new();
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok((if rest.is_empty() { first } else { rest.freeze() }, memory))
}
