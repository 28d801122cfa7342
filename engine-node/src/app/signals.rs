//! Signals: to every execution of this shard that waits for one, and to the start events of definitions whose home
//! slot is here.
//!
//! What a process throws is written with its cause ([`crate::store::OutboxRow`]) and told at once, to the other shards
//! too, before the command is answered; what could not be told is told again ([`retell`]). Each recipient remembers
//! the throw with its change, so that hearing it twice changes nothing.
use super::{
    Answer, Caller, Deployed, Engine, EngineError, IdempotencyKey, Inner,
    commands::{Render, Start},
    writer::now,
};
use crate::{
    replication::peers::Peers,
    store::{Entity, OutboxRow, schema::visible},
};
use bpmn_core::{
    Id, Millis, Slot,
    command::{Command, SignalThrown},
    instance::EventKind,
    value::Variables,
};
use http::Method;
use rest_api::variable;
use sea_query::{Expr, ExprTrait, JoinType, Order, Query};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Most executions that one signal reaches on a shard.
const MOST: u64 = 100_000;
/// How long a command that throws a signal waits for others to hear it; they go on hearing it after that.
const TELLING: Duration = Duration::from_secs(5);
/// How often what was not heard by everybody is told again, and how old it is then at least.
const AGAIN: Duration = Duration::from_secs(30);
/// Rows of the outbox told again at once.
const ROWS: usize = 200;

/// Which tenants a signal reaches.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Tenants {
    /// All of them, and who has none.
    #[default]
    Any,
    /// Who has none.
    Without,
    /// One, and nobody else.
    Only(String),
    /// One, and who has none: what an instance of the tenant throws.
    With(String),
}

/// A signal on its way.
#[derive(Clone, Debug, Default)]
pub struct Signal {
    pub name: String,
    /// Of instances that it starts.
    pub business_key: Option<String>,
    pub variables: Variables,
    pub tenants: Tenants,
    /// The throw, if a process has thrown it.
    pub thrown: Option<Thrown>,
    /// Whether executions hear it in jobs.
    pub later: bool,
    /// Instances above the one that threw it, in which all have heard it.
    pub above: Vec<Id>,
}

/// A throw of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thrown {
    pub id: Id,
    /// Unix ms; who began to wait later doesn't hear it.
    pub at: Millis,
    /// The instance that threw it.
    pub by: Id,
}

/// A thrown signal as it lies in the outbox and goes to other shards.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    name: String,
    business_key: Option<String>,
    variables: serde_json::Value,
    tenant_id: Option<String>,
    thrown: Thrown,
    #[serde(default)]
    later: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    above: Vec<Id>,
}

impl Told {
    /// The signal it tells of.
    ///
    /// # Errors
    /// A variable that can't be read.
    pub fn signal(&self) -> Result<Signal, EngineError> {
        let variables = variable::read_all(Some(&self.variables));
        Ok(Signal {
            name: self.name.clone(),
            business_key: self.business_key.clone(),
            variables: variables
                .map_err(|e| EngineError::Busy(format!("a thrown signal can't be read: {e:?}")))?,
            tenants: match &self.tenant_id {
                Some(tenant) => Tenants::With(tenant.clone()),
                None => Tenants::Without,
            },
            thrown: Some(self.thrown),
            later: self.later,
            above: self.above.clone(),
        })
    }
}

/// The row that keeps a thrown signal until everybody has heard it.
pub fn row(signal: &SignalThrown, root: Option<Id>) -> OutboxRow {
    let (high, low) = signal.id.0.as_u64_pair();
    let created = now();
    let told = Told {
        name: signal.name.clone(),
        business_key: signal.business_key.clone(),
        variables: variable::write_all(
            signal
                .variables
                .iter()
                .map(|(name, value)| (name.as_str(), value)),
            variable::Style {
                deserialize: false,
                binary: true,
            },
        ),
        tenant_id: signal.tenant_id.clone(),
        thrown: Thrown {
            id: signal.id,
            at: created,
            by: signal.instance,
        },
        later: signal.later,
        above: signal.above.clone(),
    };
    OutboxRow {
        slot: signal.id.slot().unwrap_or(Slot::from_bits(0)),
        // Its time, then bits that tell two nodes apart.
        sequence: (((high >> 16) << 15) | (low & 0x7fff)) as i64,
        root_id: root,
        created,
        body: serde_json::to_string(&told).unwrap_or_default(),
    }
}

fn silent() -> Render {
    Box::new(|_, _| Answer::no_content())
}

impl Engine {
    /// Gives the engine its way to other shards, once.
    pub fn connect(&self, peers: Peers) {
        let _ = self.inner.peers.set(peers);
    }

    /// Tells a signal to everybody on this shard.
    ///
    /// # Errors
    /// The first failure; the others have heard it all the same.
    pub async fn signal(&self, caller: &Caller, signal: &Signal) -> Result<(), EngineError> {
        let mut failed = None;
        let (hearing, starts) = (
            self.hearing(caller, signal).await?,
            self.signal_starts(caller, signal),
        );
        for (_, instance) in &hearing {
            self.permit_update(caller, *instance).await?;
        }
        for (deployed, _) in &starts {
            self.permit_start(caller, deployed)?;
        }
        for (subscription, instance) in hearing {
            let by_it = signal.thrown.is_some_and(|t| t.by == instance);
            if by_it || signal.above.contains(&instance) {
                continue;
            }
            let command = match signal.later {
                true => Command::TriggerLater {
                    subscription,
                    variables: signal.variables.clone(),
                },
                false => Command::Trigger {
                    subscription,
                    variables: signal.variables.clone(),
                    local_variables: Variables::new(),
                    scoped_variables: Variables::new(),
                },
            };
            let caller = &caller.hearing(signal, subscription);
            let heard = self
                .entity_command(caller, Entity::Subscription, subscription, command, silent())
                .await;
            match heard {
                // It has gone on, or has heard it before.
                Ok(_) | Err(EngineError::NotFound { .. } | EngineError::KeyReused(_)) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for (deployed, element) in starts {
            let caller = &mut caller.hearing(signal, deployed.row.id);
            // What is remembered lies in the home slot, where a repetition looks for it.
            if signal.business_key.is_none() && signal.thrown.is_some() {
                caller.slot = Some(deployed.row.home);
            }
            let start = Start {
                by: None,
                deployed,
                element: Some(element),
                business_key: signal.business_key.clone(),
                case_instance_id: None,
                variables: signal.variables.clone(),
                form: false,
            };
            match self.start(caller, start, silent()).await {
                Ok(_) | Err(EngineError::KeyReused(_)) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Subscriptions that a signal reaches, with their instances, oldest first.
    async fn hearing(&self, caller: &Caller, signal: &Signal) -> Result<Vec<(Id, Id)>, EngineError> {
        let column = |name: &'static str| Expr::col(("s", name));
        let mut query = Query::select();
        query
            .columns([("s", "id"), ("s", "instance_id")])
            .from_as("event_subscription", "s")
            .join_as(
                JoinType::InnerJoin,
                "process_instance",
                "p",
                Expr::col(("p", "id")).equals(("s", "instance_id")),
            )
            .and_where(column("kind").eq(EventKind::Signal as i16))
            .and_where(column("name").eq(signal.name.as_str()))
            .and_where(Expr::col(("p", "suspended")).eq(false))
            .and_where(visible("s"))
            .order_by(("s", "id"), Order::Asc)
            .limit(MOST);
        match &signal.tenants {
            Tenants::Any => {}
            Tenants::Without => drop(query.and_where(column("tenant_id").is_null())),
            Tenants::Only(tenant) => drop(query.and_where(column("tenant_id").eq(tenant.as_str()))),
            Tenants::With(tenant) => {
                let own = column("tenant_id").eq(tenant.as_str());
                query.and_where(own.or(column("tenant_id").is_null()));
            }
        }
        if let Some(mine) = caller.rights.as_ref().and_then(|rights| rights.only_tenants()) {
            let own = column("tenant_id").is_in(mine);
            query.and_where(own.or(column("tenant_id").is_null()));
        }
        if let Some(thrown) = signal.thrown {
            query.and_where(column("created").lte(thrown.at));
        }
        let seen = self.inner.store.select(&query.take()).await?;
        let rows = seen.rows.iter().map(|row| Ok((row.id(0)?, row.id(1)?)));
        rows.collect::<Result<Vec<_>, crate::store::StoreError>>()
            .map_err(EngineError::from)
    }

    /// Start events of published definitions that wait for the signal, of those whose home is here.
    fn signal_starts(&self, caller: &Caller, signal: &Signal) -> Vec<(Arc<Deployed>, String)> {
        let own = |tenant: Option<&String>| {
            let rights = caller.rights.as_ref();
            rights.is_none_or(|rights| rights.of_tenant(tenant.map(String::as_str)))
        };
        let fits = |tenant: Option<&String>| match (&signal.tenants, tenant) {
            (_, tenant) if !own(tenant) => false,
            (Tenants::Any, _) | (Tenants::Without | Tenants::With(_), None) => true,
            (Tenants::Only(wanted) | Tenants::With(wanted), Some(tenant)) => wanted == tenant,
            (Tenants::Only(_), None) | (Tenants::Without, Some(_)) => false,
        };
        let view = self.inner.catalog.view();
        let owned = self.inner.owned.load();
        let mut starts: Vec<(Arc<Deployed>, String)> = view
            .all_latest()
            .filter(|d| !d.row.suspended && fits(d.row.tenant_id.as_ref()) && owned.owns(d.row.home))
            .flat_map(|d| {
                let wanted = d.definition.start_signals().into_iter();
                let wanted = wanted.filter(|(_, name)| *name == signal.name);
                wanted
                    .map(|(element, _)| (d.clone(), element))
                    .collect::<Vec<_>>()
            })
            .collect();
        starts.sort_by_key(|(d, _)| d.row.id);
        starts
    }
}

impl Caller {
    /// The caller as one recipient of a thrown signal remembers it.
    fn hearing(&self, signal: &Signal, recipient: Id) -> Caller {
        let mut caller = self.clone();
        if let Some(thrown) = signal.thrown {
            caller.idempotency = Some(IdempotencyKey {
                key: format!("signal {} {recipient}", thrown.id),
                digest: String::new(),
            });
        } else if let Some(key) = &mut caller.idempotency {
            *key = key.part(&recipient.to_string());
        }
        caller
    }
}

impl Inner {
    /// Tells thrown signals to everybody. What somebody can't be told now stays in the outbox.
    pub(super) async fn tell(self: Arc<Self>, rows: Vec<OutboxRow>) {
        let engine = Engine { inner: self };
        for row in rows {
            if let Err(cause) = engine.tell_one(&row).await {
                tracing::warn!(
                    slot = row.slot.number(),
                    cause,
                    "a thrown signal is not heard by everybody yet"
                );
            }
        }
    }
}

impl Engine {
    async fn tell_one(&self, row: &OutboxRow) -> Result<(), String> {
        let told: Told = serde_json::from_str(&row.body).map_err(|e| e.to_string())?;
        let signal = told.signal().map_err(|e| e.to_string())?;
        let mut missing = Vec::new();
        if let Err(error) = self.signal(&Caller::default(), &signal).await {
            // A recipient that fails has failed for good: it is no trouble of ours.
            match error {
                EngineError::Rejected(cause) => {
                    tracing::warn!(signal = signal.name, %cause, "a thrown signal has failed")
                }
                other => missing.push(other.to_string()),
            }
        }
        if let Some(peers) = self.inner.peers.get() {
            for (shard, urls) in peers.others() {
                let heard = peers
                    .ask(
                        &shard,
                        &urls,
                        Method::POST,
                        "/internal/signal",
                        Some(row.body.as_bytes()),
                    )
                    .await;
                missing.extend(heard.err());
            }
        }
        if !missing.is_empty() {
            return Err(missing.join("; "));
        }
        let told = self.inner.store.outbox_told(&[(row.slot, row.sequence)]).await;
        told.map_err(|e| e.to_string())
    }

    /// Tells what the outbox still holds, again; whether there was something, or may have been.
    async fn retell(&self) -> bool {
        let before = now() - AGAIN.as_millis() as i64;
        match self.inner.store.outbox(before, ROWS).await {
            Ok(rows) if rows.is_empty() => false,
            Ok(rows) => {
                self.inner.clone().tell(rows).await;
                true
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(error, "the outbox was not read");
                true
            }
        }
    }
}

/// Tells now and then what was not heard by everybody, until the node drains.
pub async fn retell(engine: Engine, drain: CancellationToken) {
    let mut pause = AGAIN;
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match engine.retell().await {
            true => AGAIN,
            false => AGAIN.max(engine.settings().idle_look),
        };
    }
}

/// Waits until others have heard, within bounds.
pub(super) async fn heard(telling: impl Future<Output = ()> + Send + 'static) {
    let telling = tokio::spawn(telling);
    let _ = tokio::time::timeout(TELLING, telling).await;
}
