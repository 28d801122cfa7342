//! Tasks that a shard has locked: given back unless they are delivered, which they are when the socket takes their answer.
use crate::{
    fan_out::{
        Part,
        places::{Order, Place},
        rows,
    },
    forward::to_shard,
    headers,
    respond::{self, Answer, BoxError},
    snapshot::Shard,
    state::App,
    upstream::Outgoing,
};
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{Value, json};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use topology::ShardName;

/// Tasks that a shard has locked for a client. Dropped before delivery, it gives them back.
#[derive(Debug)]
pub(super) struct Locked {
    app: Arc<App>,
    shard: Shard,
    out: Outgoing,
    pub(super) tasks: Vec<Task>,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    revision: Option<Value>,
    pub(super) place: Option<Place>,
    json: Vec<u8>,
}

impl Drop for Locked {
    fn drop(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (app, shard) = (self.app.clone(), self.shard.clone());
        let tasks: Vec<Value> = self
            .tasks
            .drain(..)
            .map(|task| json!({"id": task.id, "lockRevision": task.revision}))
            .collect();
        let out = self.out.internal(
            "/internal/external-task/unlock",
            Value::from(tasks.clone()).to_string().into(),
        );
        runtime.spawn(async move {
            let deadline = Instant::now() + Duration::from_secs(10);
            // It names the lock that it gives back, so it may be repeated.
            match to_shard(&app, &shard, rand::random(), &out, true, deadline).await {
                Ok(answer) if answer.status().is_success() => {
                    app.metrics.tasks_given_back.inc_by(tasks.len() as u64);
                }
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    tracing::warn!(shard = %shard.name, status, "tasks stay locked until their lock expires");
                }
                Err(failed) => {
                    tracing::warn!(shard = %shard.name, why = failed.why, "tasks stay locked until their lock expires");
                }
            }
        });
    }
}

/// Why a shard has locked nothing.
#[derive(Debug)]
pub(super) enum Refused {
    Part(Box<Part>),
    NoAnswer(String),
}

/// Asks a shard to lock.
///
/// # Errors
/// It refuses, or gives no answer: what it locks then stays locked until the lock expires.
pub(super) async fn ask(app: Arc<App>, shard: Shard, out: Outgoing) -> Result<Locked, Refused> {
    let deadline = Instant::now() + app.live().options.fanout_deadline;
    let published = app.snapshot().published;
    let sent = out
        .clone()
        .with(headers::FANOUT, HeaderValue::from_static("1"))
        .with(headers::LOG_INDEX, HeaderValue::from(published));
    let answer = to_shard(&app, &shard, rand::random(), &sent, false, deadline).await;
    let (parts, body) = answer
        .map_err(|failed| Refused::NoAnswer(failed.why))?
        .into_parts();
    let collected = tokio::time::timeout_at(deadline, body.collect()).await;
    let body = collected
        .map_err(|_| Refused::NoAnswer("its answer did not end in time".to_owned()))?
        .map_err(|error| Refused::NoAnswer(format!("its answer broke off: {error}")))?
        .to_bytes();
    if !parts.status.is_success() {
        let part = Part {
            shard: shard.name,
            status: parts.status,
            headers: parts.headers,
            body,
            memory: None,
        };
        return Err(Refused::Part(Box::new(part)));
    }
    let rows =
        rows::read(&body).map_err(|error| Refused::NoAnswer(format!("its answer is no list: {error}")))?;
    let tasks = rows
        .iter()
        .map(|row| {
            let mut json = Vec::new();
            row.write_without("_lockRevision", &mut json);
            Task {
                id: row.text("id").unwrap_or_default(),
                revision: row.value("_lockRevision"),
                place: place(row),
                json,
            }
        })
        .collect();
    Ok(Locked {
        app,
        shard,
        out,
        tasks,
    })
}

fn place(row: &rows::Members<'_>) -> Option<Place> {
    Some(Place {
        priority: row.value("priority")?.as_i64()?,
        created: rest_api::date::parse(&row.text("createTime")?)?,
    })
}

/// The answer that holds the tasks, in the order asked for; they count as delivered when its body is taken for writing.
pub(super) fn deliver(locked: Vec<Locked>, order: Option<Order>, missing: &[ShardName]) -> Answer {
    let mut tasks: Vec<&Task> = locked.iter().flat_map(|locked| &locked.tasks).collect();
    if let (Some(order), true) = (order, locked.len() > 1) {
        tasks.sort_by(|a, b| match (a.place, b.place) {
            (Some(a), Some(b)) => order.compare(a, b),
            _ => std::cmp::Ordering::Equal,
        });
    }
    let mut bytes = vec![b'['];
    let tasks: Vec<&[u8]> = tasks.into_iter().map(|task| task.json.as_slice()).collect();
    bytes.extend_from_slice(&tasks.join(&b','));
    bytes.push(b']');
    let body = Delivery {
        bytes: Some(bytes.into()),
        locked,
    };
    let mut answer = http::Response::new(
        body.map_err(|never| -> BoxError { match never {} })
            .boxed_unsync(),
    );
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    respond::mark_missing(&mut answer, missing);
    answer
}

struct Delivery {
    bytes: Option<Bytes>,
    locked: Vec<Locked>,
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        for locked in &mut self.locked {
            locked.tasks.clear();
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
