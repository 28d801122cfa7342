//! Messages that matched nothing and are of a name that may wait (`--park-message`): kept in the slot of the instance that
//! they are for, and sent to this node's own API again as soon as something waits for them.
//!
//! The order makes it safe: a message is kept first and looked for again then, and whatever begins to wait for such a
//! name looks at what is kept after its commit. Whichever came last finds the other. What is sent twice has its effect
//! once: the kept message's id is its idempotency key, unless the client gave one.
use super::{
    call::Call,
    caller::{Parked, User},
    error,
};
use crate::{
    App,
    app::{EngineError, correlate::Message, writer::now},
    rest,
    rights::need::{UPDATE_INSTANCE, needs, resource},
    store::{ParkedMessage, StoreError},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    response::{IntoResponse, Response},
};
use bpmn_core::{Id, Slot};
use http::{StatusCode, header};
use rest_api::{ApiError, ApiResult, authorization::ANY};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Pause after a look in which something could not be delivered.
const AGAIN: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read for its message.
const ANSWER: usize = 1 << 16;

/// What is kept of a request.
#[derive(Serialize, Deserialize)]
struct Kept {
    body: String,
    user: Option<String>,
    /// The client's own key.
    key: Option<String>,
}

/// Keeps a message that matched nothing, if its name may wait and it names its instance; `None` if not.
///
/// # Errors
/// The slot is being moved, or the database doesn't answer: the client is to repeat it.
pub async fn keep(call: &Call, message: &Message) -> ApiResult<Option<Response>> {
    let engine = &call.app.engine;
    let by_key = || message.business_key.as_deref().map(Slot::of_key);
    let slot = message.instance.and_then(Id::slot).or_else(by_key);
    let (Some(ttl), Some(slot)) = (engine.settings().parking.get(&message.name), slot) else {
        return Ok(None);
    };
    // It will be delivered by nobody: whoever may not send it to every receiver may not leave it here.
    let to_any = needs(UPDATE_INSTANCE, resource::PROCESS_INSTANCE, None, ANY);
    let may = call.caller.rights.as_ref().is_none_or(|rights| {
        rights.allows(&to_any)
            && rights
                .only_tenants()
                .is_none_or(|_| !call.catalog().has_tenants())
    });
    if message.all || call.caller.parked || !may {
        return Ok(None);
    }
    let kept = Kept {
        body: String::from_utf8_lossy(&call.body).into_owned(),
        user: call.caller.user.clone(),
        key: call.caller.idempotency.as_ref().map(|key| key.key.clone()),
    };
    let request = serde_json::to_string(&kept).map_err(|e| ApiError::internal(e.to_string()))?;
    let parked = ParkedMessage {
        id: engine.new_id(slot),
        slot,
        name: message.name.clone(),
        business_key: message.business_key.clone(),
        instance: message.instance,
        request,
        created: now(),
        expires: now() + ttl.as_millis() as i64,
        error: None,
    };
    if !engine.store().park(&parked).await.map_err(error::store)? {
        return Err(error::api(EngineError::Busy(format!(
            "slot {slot} is being moved"
        ))));
    }
    tracing::info!(message = message.name, id = %parked.id, "a message waits for its receiver");
    engine.parking().notify_one();
    Ok(Some(StatusCode::ACCEPTED.into_response()))
}

/// Delivers what waits, until `drain`; does nothing where no name may wait.
pub async fn run(app: App, drain: CancellationToken) {
    if app.engine.settings().parking.is_empty() {
        return;
    }
    let routes = rest::router(app.clone());
    while !drain.is_cancelled() {
        let pause = match look(&app, &routes).await {
            Ok(true) => app.engine.settings().idle_look,
            Ok(false) => AGAIN,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "messages that wait were not looked at");
                AGAIN
            }
        };
        tokio::select! {
            () = drain.cancelled() => {}
            () = app.engine.parking().notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Delivers what can be delivered; whether nothing of it is left.
async fn look(app: &App, routes: &Router) -> Result<bool, StoreError> {
    let mut all = true;
    for parked in app.engine.store().deliverable(now()).await? {
        match deliver(routes, &parked).await {
            Ok(()) => drop(app.engine.store().unpark(parked.id).await?),
            Err(why) => {
                all = false;
                app.engine.store().repark(parked.id, Some(&why), None).await?;
            }
        }
    }
    Ok(all)
}

/// Sends it; the message of the refusal.
async fn deliver(routes: &Router, parked: &ParkedMessage) -> Result<(), String> {
    let kept: Kept = serde_json::from_str(&parked.request).map_err(|e| e.to_string())?;
    let key = kept.key.unwrap_or_else(|| format!("parked {}", parked.id));
    let mut built = http::Request::post("/message")
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key)
        .body(Body::from(kept.body))
        .map_err(|e| e.to_string())?;
    built.extensions_mut().insert(Parked);
    if let Some(user) = kept.user {
        built.extensions_mut().insert(User(user));
    }
    let response = routes
        .clone()
        .oneshot(built)
        .await
        .unwrap_or_else(|never| match never {});
    let status = response.status();
    // 409: it was delivered before, and its result is not kept.
    if status.is_success() || status == StatusCode::CONFLICT {
        return Ok(());
    }
    let body = to_bytes(response.into_body(), ANSWER).await.unwrap_or_default();
    let message = serde_json::from_slice::<Value>(&body).ok();
    let message = message.and_then(|m| m.get("message")?.as_str().map(str::to_owned));
    Err(message.unwrap_or_else(|| status.to_string()))
}

/// Delivers one at once, whether or not its time has passed; false if there is none of that id.
///
/// # Errors
/// Nothing matches still; the message stays.
pub async fn replay(app: &App, id: Id) -> ApiResult<bool> {
    let store = app.engine.store();
    let parked = store.parked().await.map_err(error::store)?;
    let Some(parked) = parked.into_iter().find(|m| m.id == id) else {
        return Ok(false);
    };
    match deliver(&rest::router(app.clone()), &parked).await {
        Ok(()) => store.unpark(id).await.map_err(error::store),
        Err(why) => {
            store.repark(id, Some(&why), None).await.map_err(error::store)?;
            Err(ApiError::rest(StatusCode::BAD_REQUEST, why))
        }
    }
}
