//! `Idempotency-Key` for what foreign shards do (protocols 3). They know no such keys, so our own shards remember for them: the
//! slot of the key keeps which side a request was given to, written before it is sent, and then the answer
//! (`fan_out::once`). A repeated request gets that answer, whatever the shares of new instances are by then. One whose first
//! try broke off is refused with 409: whether it ran there can't be told, and it is never sent twice.
//!
//! What is refused has changed nothing, so a refusal isn't kept as an answer: it closes its record, and the next try
//! takes the next one.
use crate::{
    admit::Admitted,
    fan_out::{
        Stop,
        once::{self, Keyed},
    },
    locate::slot_of_id,
    respond::{self, Answer},
    state::App,
    text::percent_decode,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use rest_api::{ApiError, operations::Class};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Tries of one request that may be refused before its key is used up.
const TRIES: usize = 16;

/// What is known of a request with a key.
#[derive(Debug)]
pub enum Known {
    /// Nothing: foreign shards may be asked.
    Nothing,
    /// Its answer.
    Answered(Answer),
    /// Our own shards have it, and records of their own for it.
    Ours,
}

/// What the records of a key say.
enum Records<'a> {
    /// The first one that nobody has taken, or that was taken now.
    Free(Keyed<'a>),
    Answered(Answer),
    /// Taken by an earlier try that left no answer: by this one.
    Taken(Keyed<'a>, Value),
}

/// The key of a request that foreign shards could do twice; `None` for one that only reads, that names a thing of ours, or
/// that does no harm twice: locks of external tasks end by themselves.
fn key(request: &Admitted) -> Option<&str> {
    let key = request.idempotency_key.as_deref()?;
    let operation = request.call.operation;
    let first = request.call.params.first();
    let ours =
        first.is_some_and(|(name, id)| *name == "id" && slot_of_id(&percent_decode(id, false)).is_some());
    let start = operation.class == Class::Key;
    let harmless = super::reads(request) || operation.class == Class::FanoutFair;
    (!harmless && (start || !ours)).then_some(key)
}

/// Reads the records of a key, and takes the first free one for `side` if that is given.
///
/// # Errors
/// The slot of the key doesn't answer; the key is another request's; all its tries were refused.
async fn records<'a>(
    app: &'a App,
    request: &Admitted,
    key: &str,
    side: Option<&Value>,
) -> Result<Records<'a>, ApiError> {
    for number in 1..=TRIES {
        // A name of its own: our own shards' records of the same key say other things.
        let keyed = Keyed::named(app, request, key, &name(key, number)?);
        let body = side.map_or(json!({}), |side| json!({ "targets": side }));
        let known = keyed.ask(Method::POST, body).await?;
        match (known.answer, known.targets) {
            (Some(before), _) if before.is_success() => return Ok(Records::Answered(before.shown())),
            (Some(_), _) => {}
            (None, Some(targets)) => return Ok(Records::Taken(keyed, targets)),
            (None, None) => return Ok(Records::Free(keyed)),
        }
    }
    Err(conflict(format!(
        "{TRIES} tries with this Idempotency-Key were refused: use another one"
    )))
}

/// Pure: the name of a record of a key. A long one is shortened to its hash; one that no node takes stays as it is, so that it
/// is refused.
fn name(key: &str, number: usize) -> Result<HeaderValue, ApiError> {
    let name = match key.len() {
        1..=240 => format!("{key} foreign {number}"),
        241..=255 => {
            let hash: String = Sha256::digest(key)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("{hash} foreign {number}")
        }
        _ => key.to_owned(),
    };
    HeaderValue::from_str(&name).map_err(|e| ApiError::internal(e.to_string()))
}

fn conflict(message: String) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "IdempotencyKeyException", message)
}

fn broken_off(taken: &Value) -> ApiError {
    let side = taken["side"].as_str().unwrap_or_default();
    conflict(format!(
        "a try with this Idempotency-Key was sent to foreign shard {side} and has no answer: it is still running, or it broke \
         off and may have run there; look, and send what is missing with another key"
    ))
}

/// What is known of a request, before anything is looked up on foreign shards: what it named there may be gone by now,
/// because it ran.
///
/// # Errors
/// 409 for one whose first try has no answer; as our own shards refuse a key.
pub async fn known(app: &App, request: &Admitted) -> Result<Known, Stop> {
    let Some(key) = key(request) else {
        return Ok(Known::Nothing);
    };
    // A correlation or command that was ours is so again, whoever waits now.
    if once::concerns(request.call.operation) && Keyed::of(app, request, key).is_known().await? {
        return Ok(Known::Ours);
    }
    match records(app, request, key, None).await? {
        Records::Free(_) => Ok(Known::Nothing),
        Records::Answered(answer) => Ok(Known::Answered(answer)),
        Records::Taken(_, taken) if taken["side"].is_null() => Ok(Known::Ours),
        Records::Taken(_, taken) if taken["again"] == true => Ok(Known::Nothing),
        Records::Taken(_, taken) => Err(broken_off(&taken).into()),
    }
}

/// Keeps that a start is ours, so that its repetition is too when shares have changed.
///
/// # Errors
/// As [`known`]: another try was faster to give it to a foreign shard.
pub async fn ours(app: &App, request: &Admitted) -> Result<(), Stop> {
    let Some(key) = key(request) else {
        return Ok(());
    };
    match records(app, request, key, Some(&json!({"side": null}))).await? {
        Records::Taken(_, taken) if !taken["side"].is_null() => Err(broken_off(&taken).into()),
        _ => Ok(()),
    }
}

/// Who takes part in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// One foreign shard alone.
    One,
    /// Ours too: what broke off would do harm a second time.
    Both,
    /// Ours too, and it may be sent again: our part has a record of its own, and theirs shows what it did.
    BothAgain,
}

/// Runs what foreign shards have a part in: once, if the request carries a key.
///
/// # Errors
/// As `run`; as [`known`].
pub async fn run(
    app: &App,
    request: &Admitted,
    side: &str,
    sides: Sides,
    run: impl Future<Output = Result<Answer, Stop>>,
) -> Result<Answer, Stop> {
    let Some(key) = key(request) else {
        return run.await;
    };
    let try_ = format!("{:016x}", rand::random::<u64>());
    let target = json!({"side": side, "try": try_, "again": sides == Sides::BothAgain});
    let keyed = match records(app, request, key, Some(&target)).await? {
        Records::Answered(answer) => return Ok(answer),
        Records::Free(keyed) => keyed,
        Records::Taken(keyed, taken) if taken == target || taken["again"] == true => keyed,
        Records::Taken(_, taken) => return Err(broken_off(&taken).into()),
    };
    let (answer, sent) = match run.await {
        Ok(answer) => (answer, true),
        // The router's own 503 says that no server took it.
        Err(Stop(answer)) => {
            let sent = sides != Sides::One || answer.status() != StatusCode::SERVICE_UNAVAILABLE;
            (*answer, sent)
        }
    };
    let (parts, body) = answer.into_parts();
    let lost = |error| ApiError::bad_gateway(format!("it was done, its answer was lost: {error}"));
    let body = body.collect().await.map_err(lost)?.to_bytes();
    if !sent || outcome_is_known(sides == Sides::One, parts.status, &body) {
        let whole = json!({"status": parts.status.as_u16(), "body": String::from_utf8_lossy(&body)});
        if let Err(error) = keyed.ask(Method::PUT, whole).await {
            // The client has its answer; a repetition is told that it can't be known, which is safe.
            tracing::warn!(
                message = error.message,
                "the answer of a foreign shard was not kept"
            );
        }
    }
    Ok(Response::from_parts(parts, respond::full(body)))
}

/// Pure: whether an answer says what has happened: success, or a refusal that changed nothing. The engine rolls back what it
/// answers with an error of its own, so a 500 of one server alone that has the engine's form is a refusal too; a proxy's 502 or
/// 504 and the router's own say nothing.
fn outcome_is_known(alone: bool, status: StatusCode, body: &Bytes) -> bool {
    let of_engine = || {
        serde_json::from_slice::<Value>(body)
            .is_ok_and(|body| body["type"].is_string() && body["message"].is_string())
    };
    match status {
        status if status.is_success() || status.is_client_error() => true,
        StatusCode::INTERNAL_SERVER_ERROR => alone && of_engine(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_names_that_nodes_take_and_one_that_they_refuse_keeps_its_own() {
        assert_eq!(name("k", 2).unwrap(), "k foreign 2");
        let (long, longer) = (
            name(&"k".repeat(255), 16).unwrap(),
            name(&"k".repeat(254), 16).unwrap(),
        );
        assert!(long.len() <= 255 && long != longer);
        assert_eq!(name("", 1).unwrap(), "");
        assert_eq!(name(&"k".repeat(256), 1).unwrap().len(), 256);
    }

    #[test]
    fn only_an_answer_that_says_what_happened_closes_a_record() {
        let engine = Bytes::from(r#"{"type":"ProcessEngineException","message":"m","code":0}"#);
        let proxy = Bytes::from("<html>");
        for (alone, status, body, known) in [
            (true, 200, &proxy, true),
            (true, 204, &proxy, true),
            (true, 404, &engine, true),
            (true, 500, &engine, true),
            (false, 500, &engine, false),
            (true, 500, &proxy, false),
            (true, 502, &engine, false),
            (true, 503, &engine, false),
            (true, 504, &proxy, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(outcome_is_known(alone, status, body), known, "{alone} {status}");
        }
    }
}
