//! Does what is to be done for batches: locks some of it, sends each request to this node's own API under an idempotency
//! key that is the thing's id, and tells the store how it went. Whatever breaks off is done again by whoever locks it
//! next, and the key keeps its effect from happening twice.
use super::{
    history,
    parts::{self, Ran},
};
use crate::{
    App,
    app::{EngineError, batches::Request, writer::now},
    rest::{
        self,
        caller::{Silent, User},
    },
    store::{BatchWork, NewJob, Outcomes, StoreError, Subject, Which},
};
use axum::{Router, body::Body, body::to_bytes};
use bpmn_core::{Id, Millis};
use futures_util::{StreamExt, stream};
use http::{Method, StatusCode, header};
use rest_api::{ApiError, ApiResult, batch::JobDefinition};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{sync::atomic::Ordering, time::Duration};
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

/// How one job went.
enum Outcome {
    Done,
    /// It is done, and another job of the batch's own follows.
    Next(NewJob),
    /// The message of its refusal.
    Failed(String),
    /// Trouble that will pass.
    Later,
}

/// Sends what jobs have for this node's own API, until `drain`.
pub async fn serve_jobs(app: App, drain: CancellationToken) {
    let Some(mut calls) = app.engine.api_calls() else {
        return;
    };
    let routes = rest::router(app.clone());
    loop {
        let call = tokio::select! { () = drain.cancelled() => return, call = calls.recv() => call };
        let Some((request, reply)) = call else { return };
        let answered = async {
            // Of no batch: whatever it does may be done twice.
            let work = app.engine.new_id(app.engine.any_owned_slot()?);
            match send(&app, &routes, work, request).await {
                Outcome::Done | Outcome::Next(_) => Ok(Ok(())),
                Outcome::Failed(why) => Ok(Err(why)),
                Outcome::Later => Err(EngineError::Busy("it could not be done now".into())),
            }
        };
        // Who asked may be gone.
        let _ = reply.send(answered.await);
    }
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
                let outcome = work_on(app, routes, &work, false).await;
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
    settle(app).await?;
    Ok(if some { Left::More } else { Left::Others })
}

/// Ends the parts of batches of which nothing is left, and removes those whose time has come.
///
/// # Errors
/// Those of the database.
pub async fn settle(app: &App) -> Result<(), StoreError> {
    let removed = app.engine.store().settle_batches(now()).await?;
    let count = &app.engine.inner.batches_removed;
    count.fetch_add(removed, Ordering::Relaxed);
    Ok(())
}

fn add(all: &mut Outcomes, work: BatchWork, outcome: Outcome) {
    match outcome {
        Outcome::Done => all.done.push(work),
        Outcome::Next(job) => {
            all.done.push(work);
            all.next.push(job);
        }
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
    let outcome = work_on(app, &rest::router(app.clone()), &work, true).await;
    let refusal = match &outcome {
        Outcome::Done | Outcome::Next(_) => None,
        Outcome::Failed(why) => Some(ApiError::not_found(why)),
        Outcome::Later => Some(ApiError::unavailable("it could not be done now")),
    };
    let mut outcomes = Outcomes::default();
    add(&mut outcomes, work, outcome);
    let told = async {
        store.end_batch_work(&outcomes).await?;
        settle(app).await
    };
    told.await.map_err(rest::error::store)?;
    refusal.map_or(Ok(true), Err)
}

/// Does what a job is for.
async fn work_on(app: &App, routes: &Router, work: &BatchWork, by_hand: bool) -> Outcome {
    if work.kind == JobDefinition::Work {
        return send_on(app, routes, work).await;
    }
    match parts::run(app, work, by_hand).await {
        Ok(Ran::Done(Some(next))) => Outcome::Next(next),
        Ok(Ran::Done(None)) => Outcome::Done,
        Ok(Ran::Later) => Outcome::Later,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, batch = %work.batch_id, "a batch's own job; it runs later");
            Outcome::Later
        }
    }
}

/// Sends a request to this node, or to the shard that its thing has moved to since the batch was made.
async fn send_on(app: &App, routes: &Router, work: &BatchWork) -> Outcome {
    let Ok(request) = serde_json::from_str::<Request>(&work.request) else {
        return Outcome::Failed("what is to be done can't be read".into());
    };
    if is_here(app, &request).await {
        return send(app, routes, work.id, request).await;
    }
    for (shard, urls) in app.replication.peers().others() {
        let asked = json!({"work": work.id, "request": request}).to_string();
        let peers = app.replication.peers();
        let answer = peers.ask(
            &shard,
            &urls,
            Method::POST,
            "/internal/batch/work",
            Some(asked.as_bytes()),
        );
        match answer.await.map(|answer| serde_json::from_slice::<Told>(&answer)) {
            Ok(Ok(Told::Done)) => return Outcome::Done,
            Ok(Ok(Told::Failed(why))) => return Outcome::Failed(why),
            // Not there, not now, or nobody knows.
            Ok(Ok(Told::Later) | Err(_)) | Err(_) => {}
        }
    }
    Outcome::Later
}

/// Whether this shard owns the slot of what a request is for.
async fn is_here(app: &App, request: &Request) -> bool {
    // Of batches every shard has its own part.
    let thing = request.thing().filter(|_| request.method != history::SET_REMOVAL);
    match thing.and_then(Id::slot) {
        Some(slot) => app.engine.check_slot(slot).await.is_ok(),
        None => true,
    }
}

/// What one shard tells another of a request that it has sent on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    Done,
    Failed(String),
    Later,
}

/// Does what another shard has to do for a batch, if its thing is here.
pub async fn for_other(app: &App, work: Id, request: Request) -> Told {
    if !is_here(app, &request).await {
        return Told::Later;
    }
    match send(app, &rest::router(app.clone()), work, request).await {
        Outcome::Done | Outcome::Next(_) => Told::Done,
        Outcome::Failed(why) => Told::Failed(why),
        Outcome::Later => Told::Later,
    }
}

async fn send(app: &App, routes: &Router, work: Id, request: Request) -> Outcome {
    match history::own(app, work, &request).await {
        Some(Ok(())) => return Outcome::Done,
        Some(Err(error)) if error.status.is_server_error() => return Outcome::Later,
        Some(Err(error)) => return Outcome::Failed(error.message),
        None => {}
    }
    // Some operations look at their target before they look at the key.
    match app.engine.has_done(work, &request).await {
        Ok(true) => return Outcome::Done,
        Ok(false) => {}
        Err(_) => return Outcome::Later,
    }
    let mut built = http::Request::builder()
        .method(request.method.as_str())
        .uri(request.path.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", Request::key(work));
    // What is started anew lies where its source did; other requests find their slot by themselves.
    let slot = request.thing().unwrap_or(work).slot();
    if let Some(slot) = slot.filter(|_| request.path.ends_with("/restart")) {
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
