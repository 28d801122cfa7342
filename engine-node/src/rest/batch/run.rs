//! Does what is to be done for batches: locks some of it, sends each request to this node's own API under an idempotency
//! key that is the thing's id, and tells the store how it went. Whatever breaks off is done again by whoever locks it
//! next, and the key keeps its effect from happening twice.
use super::history;
use crate::{
    App,
    app::{batches::Request, writer::now},
    rest::{
        self,
        caller::{Silent, User},
    },
    store::{BatchWork, Outcomes, StoreError, Subject, Which},
};
use axum::{Router, body::Body, body::to_bytes};
use bpmn_core::{Id, Millis};
use futures_util::{StreamExt, stream};
use http::{StatusCode, header};
use rest_api::{ApiError, ApiResult};
use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a node keeps what it has locked without a sign of life, ms.
const LOCK: Millis = 60_000;
/// Things locked together, and done at the same time.
const PORTION: usize = 64;
const AT_ONCE: usize = 16;
/// How often a node looks while there is something to do that it could not have: what others have locked, or what is
/// to be tried again.
const LOOK: Duration = Duration::from_secs(2);
/// Most bytes of an answer that are read for its message.
const ANSWER: usize = 1 << 20;

/// How one request went.
enum Outcome {
    Done,
    /// The message of its refusal.
    Failed(String),
    /// Trouble that will pass.
    Later,
}

/// Works on batches of this shard until `drain`, while the job executor is active.
pub async fn run(app: App, drain: CancellationToken) {
    let routes = rest::router(app.clone());
    let mut news = app.engine.news().of(Subject::Batches);
    while !drain.is_cancelled() {
        let more = match app.engine.executor_active() {
            true => portion(&app, &routes).await,
            false => Ok(Left::Nothing),
        };
        let pause = match more {
            Ok(Left::More) => continue,
            Ok(Left::Others) => LOOK,
            Ok(Left::Nothing) => app.engine.settings().idle_look,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "batches; they go on later"
                );
                LOOK
            }
        };
        tokio::select! {
            () = drain.cancelled() => {}
            () = news.news() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What a look at batches leaves.
enum Left {
    /// There may be more to be done at once.
    More,
    /// Something is to be done, but not here or not now.
    Others,
    Nothing,
}

/// Does some of what is to be done.
async fn portion(app: &App, routes: &Router) -> Result<Left, StoreError> {
    let (store, node) = (app.engine.store(), &app.engine.settings().node);
    if !store.batches_wait(now()).await? {
        return Ok(Left::Nothing);
    }
    let locked = store.lock_batch_work(node, Which::Ready, PORTION, LOCK).await?;
    let some = !locked.is_empty();
    if some {
        let outcomes = stream::iter(locked)
            .map(|work| async move {
                let outcome = send(app, routes, &work).await;
                (work, outcome)
            })
            .buffer_unordered(AT_ONCE)
            .fold(Outcomes::default(), |mut all, (work, outcome)| async move {
                add(&mut all, work, outcome);
                all
            })
            .await;
        crate::failpoint::hit("batch.done");
        store.end_batch_work(&outcomes).await?;
    }
    store.settle_batches(now()).await?;
    Ok(if some { Left::More } else { Left::Others })
}

fn add(all: &mut Outcomes, work: BatchWork, outcome: Outcome) {
    match outcome {
        Outcome::Done => all.done.push(work),
        Outcome::Failed(why) => all.failed.push((work, why)),
        Outcome::Later => all.later.push(work),
    }
}

/// Does one thing by hand; false if there is none of that id.
///
/// # Errors
/// The reference's 404 with the message of what failed; 503 while another is doing it.
pub async fn execute(app: &App, id: Id) -> ApiResult<bool> {
    let (store, node) = (app.engine.store(), &app.engine.settings().node);
    let locked = store.lock_batch_work(node, Which::One(id), 1, LOCK).await;
    let Some(work) = locked.map_err(rest::error::store)?.pop() else {
        return Ok(false);
    };
    let outcome = send(app, &rest::router(app.clone()), &work).await;
    let refusal = match &outcome {
        Outcome::Done => None,
        Outcome::Failed(why) => Some(ApiError::not_found(why)),
        Outcome::Later => Some(ApiError::unavailable("it could not be done now")),
    };
    let mut outcomes = Outcomes::default();
    add(&mut outcomes, work, outcome);
    let told = async {
        store.end_batch_work(&outcomes).await?;
        store.settle_batches(now()).await
    };
    told.await.map_err(rest::error::store)?;
    refusal.map_or(Ok(true), Err)
}

async fn send(app: &App, routes: &Router, work: &BatchWork) -> Outcome {
    let Ok(request) = serde_json::from_str::<Request>(&work.request) else {
        return Outcome::Failed("what is to be done can't be read".into());
    };
    match history::own(app, &request).await {
        Some(Ok(())) => return Outcome::Done,
        Some(Err(error)) if error.status.is_server_error() => return Outcome::Later,
        Some(Err(error)) => return Outcome::Failed(error.message),
        None => {}
    }
    // Some operations look at their target before they look at the key.
    match app.engine.has_done(work.id, &request).await {
        Ok(true) => return Outcome::Done,
        Ok(false) => {}
        Err(_) => return Outcome::Later,
    }
    let mut built = http::Request::builder()
        .method(request.method.as_str())
        .uri(request.path.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", Request::key(work.id));
    // What is started anew lies where its source did; other requests find their slot by themselves.
    if let Some(slot) = work.id.slot().filter(|_| request.path.ends_with("/restart")) {
        built = built.header("x-stellwerk-slot", slot.number());
    }
    let built = built.body(match request.body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    });
    let mut built = match built {
        Ok(built) => built,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    if let Some(user) = request.user {
        built.extensions_mut().insert(User(user));
    }
    built.extensions_mut().insert(Silent);
    let response = routes
        .clone()
        .oneshot(built)
        .await
        .unwrap_or_else(|never| match never {});
    let status = response.status();
    if status.is_success() {
        return Outcome::Done;
    }
    if matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::MISDIRECTED_REQUEST | StatusCode::TOO_MANY_REQUESTS
    ) {
        return Outcome::Later;
    }
    if let Some(text) = request.unknown.filter(|_| status == StatusCode::NOT_FOUND) {
        return Outcome::Failed(text);
    }
    let body = to_bytes(response.into_body(), ANSWER).await.unwrap_or_default();
    let message = serde_json::from_slice::<Value>(&body).ok();
    let message = message.and_then(|m| m.get("message")?.as_str().map(str::to_owned));
    Outcome::Failed(message.unwrap_or_else(|| status.to_string()))
}
