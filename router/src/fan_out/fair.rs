//! `fetchAndLock` over shards (protocols 12).
//!
//! Without an order the shards are asked one after the other, beginning at a random one, each for what is still missing:
//! so never more than maxTasks are locked in sum, and under load one question is enough. With an order (`usePriority`,
//! `sorting`) all are asked at once where their first tasks stand, and then each for its share of the first maxTasks:
//! the order holds over all shards, but for what others lock in between. If nothing is found the request is parked
//! here, and only shards that announce work are asked again.
//!
//! This runs inside the connection's task: when the client closes the connection, the server drops it. What a shard
//! has locked by then is given back ([`Locked`]), and nothing is locked afterwards. A task counts as delivered from
//! the moment its answer is handed to the socket.
use super::{
    Part, Stop, missing,
    places::{self, Order, Place},
    rows,
    wakeups::Woken,
};
use crate::{
    admit::Admitted,
    forward::{is_trouble, to_any, to_shard},
    headers,
    metrics::ClassLabel,
    respond::{self, Answer, BoxError},
    snapshot::Shard,
    state::App,
    upstream::Outgoing,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use rest_api::ApiError;
use serde_json::{Map, Value, json, value::RawValue};
use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, sleep_until, timeout};
use topology::{ShardName, Slot};

/// Longest wait that the reference grants, in milliseconds.
const LONGEST_WAIT: i64 = 1_800_000;
/// How long a shard may take while others may have work.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a round looks where tasks stand, when others lock them before it does.
const LOOKS: usize = 3;

/// What the router reads of a request's body.
#[derive(Debug)]
struct Fetch {
    members: Vec<(String, Box<RawValue>)>,
    max_tasks: i64,
    wait: Option<i64>,
    topics: Vec<Map<String, Value>>,
    order: Option<Order>,
}

impl Fetch {
    /// `None` for a body that isn't what the reference expects: a shard words the error.
    fn read(body: &[u8]) -> Option<Fetch> {
        let members: Vec<(String, Box<RawValue>)> = serde_json::from_slice::<rows::Members>(body)
            .ok()?
            .0
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.to_owned()))
            .collect();
        let value = |name: &str| -> Option<Value> {
            let raw = &members.iter().rev().find(|(key, _)| key == name)?.1;
            serde_json::from_str(raw.get()).ok()
        };
        let number = |value: Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        let max_tasks = number(value("maxTasks")?)?;
        let wait = match value("asyncResponseTimeout") {
            None | Some(Value::Null) => None,
            Some(value) => Some(number(value)?),
        };
        let topics: Vec<Map<String, Value>> = serde_json::from_value(value("topics")?).ok()?;
        let order = Order::read(value("usePriority").as_ref(), value("sorting").as_ref());
        Some(Fetch {
            members,
            max_tasks,
            wait,
            topics,
            order,
        })
    }

    fn names(&self) -> Vec<String> {
        let names = self
            .topics
            .iter()
            .filter_map(|topic| topic.get("topicName")?.as_str().map(str::to_owned));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether it may find nothing where another request for the same topics would.
    fn filtered(&self) -> bool {
        let plain = [
            "topicName",
            "lockDuration",
            "variables",
            "localVariables",
            "deserializeValues",
            "includeExtensionProperties",
        ];
        let empty = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        self.topics
            .iter()
            .flatten()
            .any(|(name, value)| !plain.contains(&name.as_str()) && !empty(value))
    }

    /// The slots of the business keys, if every topic names one.
    fn slots(&self) -> Vec<Slot> {
        let key = |topic: &Map<String, Value>| Some(Slot::of_key(topic.get("businessKey")?.as_str()?));
        self.topics
            .iter()
            .map(key)
            .collect::<Option<Vec<Slot>>>()
            .unwrap_or_default()
    }

    /// The body for a shard: so many tasks at most, and no waiting there.
    fn body(&self, max_tasks: usize) -> Vec<u8> {
        let kept = self
            .members
            .iter()
            .filter(|(name, _)| name != "maxTasks" && name != "asyncResponseTimeout");
        let mut body = format!("{{\"maxTasks\":{max_tasks}").into_bytes();
        for (name, value) in kept {
            body.push(b',');
            body.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
            body.push(b':');
            body.extend_from_slice(value.get().as_bytes());
        }
        body.push(b'}');
        body
    }
}

/// Tasks that a shard has locked for a client. Dropped before delivery, it gives them back.
#[derive(Debug)]
struct Locked {
    app: Arc<App>,
    shard: Shard,
    out: Outgoing,
    tasks: Vec<Task>,
}

#[derive(Debug)]
struct Task {
    id: String,
    revision: Option<Value>,
    place: Option<Place>,
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

/// What a round has found.
#[derive(Debug, Default)]
struct Round {
    locked: Vec<Locked>,
    missing: Vec<ShardName>,
    why: String,
    refusal: Option<Part>,
}

/// Answers `fetchAndLock`.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &Arc<App>, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let Some(fetch) = Fetch::read(&request.out.body) else {
        return Ok(respond::relay(to_any(app, only.as_ref(), request).await?));
    };
    if fetch.wait.is_some_and(|wait| wait > LONGEST_WAIT) {
        return Err(ApiError::invalid_request(format!(
            "The asynchronous response timeout cannot be set to a value greater than {LONGEST_WAIT} milliseconds"
        ))
        .into());
    }
    let topics = fetch.names();
    if fetch.max_tasks <= 0 || topics.is_empty() {
        return Ok(respond::relay(to_any(app, only.as_ref(), request).await?));
    }
    let wait = fetch
        .wait
        .filter(|wait| *wait > 0)
        .map(|wait| Duration::from_millis(wait as u64));
    if wait.is_some() && app.hub.len() >= app.live().options.long_poll_limit {
        return Err(ApiError::unavailable(
            "At the moment the server has to handle too many requests at the same time. Please try again later.",
        )
        .into());
    }
    let until = Instant::now() + wait.unwrap_or_default();
    // Before the first round: an announcement during it isn't lost.
    let waiter = wait.map(|_| app.hub.enter(topics));
    let mut counted = false;
    let mut woken = Woken {
        all: true,
        ..Woken::default()
    };
    let mut first = true;
    let mut lost: BTreeSet<ShardName> = BTreeSet::new();
    loop {
        let shards = shards(app, &fetch, only.as_ref(), &woken)?;
        if shards.len() > 1 && !std::mem::replace(&mut counted, true) {
            app.metrics
                .fanouts
                .get_or_create(&ClassLabel { class: "fanout-fair" })
                .inc();
        }
        let asked = shards.len();
        let round = round(app, &fetch, request, shards).await;
        for shard in &round.missing {
            lost.insert(shard.clone());
        }
        let found = !round.locked.is_empty();
        if let (Some(waiter), false, true) = (&waiter, first, found || fetch.filtered()) {
            waiter.pass_on(&woken);
        }
        if let (Some(part), false) = (round.refusal, found) {
            return Ok(respond::relay_part(part));
        }
        if first && asked > 0 && round.missing.len() == asked {
            return Err(missing(&round.missing, &round.why).into());
        }
        let lost_names: Vec<ShardName> = lost.iter().cloned().collect();
        if found {
            return Ok(deliver(round.locked, fetch.order, &lost_names));
        }
        let Some(waiter) = &waiter else {
            return Ok(respond::json("[]", &lost_names));
        };
        tokio::select! {
            biased;
            () = app.stopping.cancelled() => return Ok(respond::json("[]", &lost_names)),
            () = sleep_until(until) => return Ok(respond::json("[]", &lost_names)),
            next = waiter.woken() => woken = next,
        }
        if woken.all {
            lost.clear();
        }
        first = false;
    }
}

/// The shards to ask in the order to ask them: those of the business keys first, then round from a random one.
fn shards(app: &App, fetch: &Fetch, only: Option<&ShardName>, woken: &Woken) -> Result<Vec<Shard>, ApiError> {
    let snapshot = app.snapshot();
    let mut shards: Vec<Shard> = snapshot
        .owners()
        .filter(|shard| only.is_none_or(|name| *name == shard.name))
        .filter(|shard| woken.all || woken.shards.contains(&shard.name))
        .cloned()
        .collect();
    if shards.is_empty() && woken.all {
        return Err(ApiError::unavailable("the cluster has no shard yet"));
    }
    if !shards.is_empty() {
        let start = rand::random_range(0..shards.len());
        shards.rotate_left(start);
    }
    let slots = fetch.slots();
    let owners: BTreeSet<ShardName> = slots
        .iter()
        .filter_map(|slot| snapshot.owner(*slot).ok())
        .map(|(shard, _)| shard.name.clone())
        .collect();
    shards.sort_by_key(|shard| !owners.contains(&shard.name));
    Ok(shards)
}

impl Round {
    /// Takes what a shard has answered; gives how many tasks it has locked.
    fn hear(&mut self, shard: ShardName, answer: Result<Locked, Refused>) -> usize {
        match answer {
            Ok(locked) => {
                let count = locked.tasks.len();
                if count > 0 {
                    self.locked.push(locked);
                }
                return count;
            }
            Err(Refused::Part(part))
                if is_trouble(part.status) || part.status == StatusCode::MISDIRECTED_REQUEST =>
            {
                self.lose(shard, format!("it answered {}", part.status.as_u16()));
            }
            Err(Refused::Part(part)) => match self.locked.is_empty() {
                true => self.refusal = Some(*part),
                false => self.missing.push(shard),
            },
            Err(Refused::NoAnswer(why)) => self.lose(shard, why),
        }
        0
    }

    fn lose(&mut self, shard: ShardName, why: String) {
        self.why = why;
        if !self.missing.contains(&shard) {
            self.missing.push(shard);
        }
    }
}

async fn round(app: &Arc<App>, fetch: &Fetch, request: &Admitted, shards: Vec<Shard>) -> Round {
    if let Some(order) = fetch.order.filter(|_| shards.len() > 1)
        && let Some(round) = in_order(app, fetch, order, request, &shards).await
    {
        return round;
    }
    let mut round = Round::default();
    let mut wanted = fetch.max_tasks as usize;
    for shard in shards {
        if wanted == 0 || round.refusal.is_some() {
            break;
        }
        let name = shard.name.clone();
        let answer = lock(app, shard, fetch, wanted, request).await;
        wanted = wanted.saturating_sub(round.hear(name, answer));
    }
    round
}

/// A round that keeps an order over all shards; `None` if a node of an earlier release can't tell where its tasks stand.
async fn in_order(
    app: &Arc<App>,
    fetch: &Fetch,
    order: Order,
    request: &Admitted,
    shards: &[Shard],
) -> Option<Round> {
    let mut round = Round::default();
    let mut wanted = fetch.max_tasks as usize;
    for _ in 0..LOOKS {
        let reachable: Vec<Shard> = shards
            .iter()
            .filter(|shard| !round.missing.contains(&shard.name))
            .cloned()
            .collect();
        let mut places = Vec::with_capacity(reachable.len());
        for (shard, peeked) in reachable
            .iter()
            .zip(peek(app, fetch, wanted, request, &reachable).await)
        {
            let found = match peeked {
                Ok(found) => found,
                Err(Refused::Part(part)) if part.status == StatusCode::NOT_FOUND => return None,
                Err(refused) => {
                    round.hear(shard.name.clone(), Err(refused));
                    Vec::new()
                }
            };
            places.push(found);
        }
        if round.refusal.is_some() {
            break;
        }
        let shares = places::shares(order, wanted, &places);
        let asked = reachable
            .into_iter()
            .zip(&shares)
            .filter(|(_, share)| **share > 0);
        let answers = asked.map(async |(shard, share)| {
            let name = shard.name.clone();
            (name, lock(app, shard, fetch, *share, request).await)
        });
        let answers = futures_util::future::join_all(answers).await;
        let locked: usize = answers
            .into_iter()
            .map(|(name, answer)| round.hear(name, answer))
            .sum();
        wanted = wanted.saturating_sub(locked);
        // Fewer than there were: another worker was faster, and there may be more behind what it took.
        if locked == shares.iter().sum::<usize>() || wanted == 0 || round.refusal.is_some() {
            break;
        }
    }
    Some(round)
}

/// Asks shards where the first tasks stand that they would lock.
async fn peek(
    app: &App,
    fetch: &Fetch,
    wanted: usize,
    request: &Admitted,
    shards: &[Shard],
) -> Vec<Result<Vec<Place>, Refused>> {
    let out = request
        .out
        .internal("/internal/external-task/peek", fetch.body(wanted));
    let deadline = Instant::now() + PATIENCE.min(app.live().options.fanout_deadline);
    let parts = super::ask(app, shards, &out, app.snapshot().published, true, deadline).await;
    let read = |part: Part| match part.status.is_success() {
        true => serde_json::from_slice(&part.body)
            .map_err(|error| Refused::NoAnswer(format!("its answer is no list of places: {error}"))),
        false => Err(Refused::Part(Box::new(part))),
    };
    parts
        .into_iter()
        .map(|answer| {
            answer
                .map_err(|failed| Refused::NoAnswer(failed.why))
                .and_then(read)
        })
        .collect()
}

/// Locks at most so many tasks on a shard.
async fn lock(
    app: &Arc<App>,
    shard: Shard,
    fetch: &Fetch,
    wanted: usize,
    request: &Admitted,
) -> Result<Locked, Refused> {
    let out = Outgoing {
        body: fetch.body(wanted).into(),
        ..request.out.clone()
    };
    // A task of its own: if the client leaves meanwhile, it still learns what was locked, and gives it back.
    match timeout(PATIENCE, tokio::spawn(ask(app.clone(), shard, out))).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Refused::NoAnswer(error.to_string())),
        // What it locks later is given back.
        Err(_) => Err(Refused::NoAnswer("no answer in time".to_owned())),
    }
}

#[derive(Debug)]
enum Refused {
    Part(Box<Part>),
    NoAnswer(String),
}

async fn ask(app: Arc<App>, shard: Shard, out: Outgoing) -> Result<Locked, Refused> {
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
fn deliver(locked: Vec<Locked>, order: Option<Order>, missing: &[ShardName]) -> Answer {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Fetch {
        Fetch::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_shard_is_asked_without_waiting_and_for_what_is_missing() {
        let body = r#"{"workerId":"w","maxTasks":10,"asyncResponseTimeout":10000,"usePriority":true,
            "topics":[{"topicName":"t","lockDuration":1000,"processVariables":{"x": 1.50}}],"sorting":[]}"#;
        let fetch = read(body);
        assert_eq!((fetch.max_tasks, fetch.wait), (10, Some(10_000)));
        let sent = String::from_utf8(fetch.body(3)).unwrap();
        assert!(
            sent.starts_with(r#"{"maxTasks":3,"workerId":"w","usePriority":true,"topics":[{"#),
            "{sent}"
        );
        assert!(
            sent.contains("1.50") && !sent.contains("asyncResponseTimeout"),
            "{sent}"
        );
    }

    #[test]
    fn explicit_nulls_of_the_java_client_are_no_filters() {
        let fetch = read(
            r#"{"maxTasks":1,"topics":[{"topicName":"t","lockDuration":1,"variables":null,"businessKey":null,
            "processDefinitionIdIn":[],"withoutTenantId":false,"processVariables":{}}]}"#,
        );
        assert!(!fetch.filtered() && fetch.slots().is_empty() && fetch.wait.is_none());
        let keyed = read(r#"{"maxTasks":1,"topics":[{"topicName":"t","businessKey":"k"}]}"#);
        assert!(keyed.filtered());
        assert_eq!(keyed.slots(), [Slot::of_key("k")]);
    }

    #[test]
    fn bodies_that_are_not_understood_are_left_to_a_shard() {
        for body in [
            "",
            "{x",
            "[]",
            r#"{"maxTasks":1}"#,
            r#"{"topics":[]}"#,
            r#"{"maxTasks":"x","topics":[]}"#,
        ] {
            assert!(Fetch::read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
