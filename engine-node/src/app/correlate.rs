//! Message correlation on one shard: find what matches (reads only), deliver to one match, or both.
//!
//! Through the router the two halves are separate calls, so that exactly one match over all shards is delivered.
use super::{
    Answer, Caller, Deployed, Engine, EngineError, Inner, batcher::Batcher, commands::Render, commands::Start,
};
use crate::store::{Entity, Waiting, schema::visible};
use bpmn_core::{
    Id, Slot,
    command::{Command, Outcome, Rejection},
    instance::{EventKind, Instance},
    value::{TypedValue, Variables},
};
use sea_query::{Cond, Expr, ExprTrait, Order, Query, SelectStatement};
use std::sync::{Arc, Mutex, Weak};
use topology::Coverage;

/// A message as `POST /message` gives it.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub name: String,
    pub business_key: Option<String>,
    pub instance: Option<Id>,
    /// Must equal variables of the process instance.
    pub correlation_keys: Variables,
    /// Must equal variables local to the waiting execution.
    pub local_correlation_keys: Variables,
    pub variables: Variables,
    pub local_variables: Variables,
    /// Those of what the message starts.
    pub scoped_variables: Variables,
    pub tenant_id: Option<String>,
    pub without_tenant: bool,
    /// Deliver to every match instead of exactly one.
    pub all: bool,
    /// The results tell the instances' variables, large ones too.
    pub variables_in_result: bool,
    /// The only tenants it reaches, besides none; `None`: all.
    pub own_tenants: Option<Vec<String>>,
}

/// A waiting execution that a message matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub subscription: Id,
    pub instance: Id,
    /// REST's execution id of what waits.
    pub execution: Id,
    pub revision: i64,
}

/// Everything on this shard that a message matches.
#[derive(Debug, Default)]
pub struct Probe {
    /// The slots that were searched.
    pub coverage: topology::Coverage,
    pub executions: Vec<Match>,
    /// Message start events of published definitions: equal on every shard.
    pub starts: Vec<(Arc<Deployed>, String)>,
}

/// What a message was delivered to.
#[derive(Clone, Debug)]
pub enum Correlated {
    /// A waiting execution; the instance is as it was after the delivery.
    Execution { execution: Id, instance: Arc<Instance> },
    /// A message start event.
    Started { instance: Arc<Instance> },
}

/// Most matches that one probe reads; `all` delivers to at most this many per shard.
const MATCHES_MAX: u64 = 10_000;

impl Engine {
    /// What matches on this shard. Executions of suspended instances don't.
    pub async fn probe(&self, message: &Message) -> Result<Probe, EngineError> {
        let mut probe = match by_key(message) {
            // The usual ones are asked together with those of other requests.
            Some(asked) => {
                let (coverage, waiting) = self.inner.waiting.ask(asked).await?;
                let executions = waiting.into_iter().map(|w| Match {
                    subscription: w.subscription,
                    instance: w.instance,
                    execution: w.execution,
                    revision: w.revision,
                });
                Probe {
                    coverage,
                    executions: executions.collect(),
                    starts: Vec::new(),
                }
            }
            None => self.probe_alone(message).await?,
        };
        probe.starts = self.message_starts(message);
        Ok(probe)
    }

    async fn probe_alone(&self, message: &Message) -> Result<Probe, EngineError> {
        let seen = self.inner.store.select(&matching(message)).await?;
        let mut probe = Probe {
            coverage: seen.coverage,
            ..Probe::default()
        };
        for row in seen.rows {
            probe.executions.push(Match {
                subscription: row.id(0)?,
                instance: row.id(1)?,
                revision: row.i64(2)?,
                execution: row.id(3)?,
            });
        }
        Ok(probe)
    }

    fn message_starts(&self, message: &Message) -> Vec<(Arc<Deployed>, String)> {
        let own = |tenant: &String| {
            let mine = message.own_tenants.as_ref();
            mine.is_none_or(|mine| mine.contains(tenant))
        };
        let tenant_fits = |deployed: &Deployed| match (&message.tenant_id, message.without_tenant) {
            (Some(tenant), _) => deployed.row.tenant_id.as_ref() == Some(tenant) && own(tenant),
            (None, true) => deployed.row.tenant_id.is_none(),
            (None, false) => deployed.row.tenant_id.as_ref().is_none_or(own),
        };
        let view = self.inner.catalog.view();
        let mut starts: Vec<(Arc<Deployed>, String)> = view
            .all_latest()
            .filter(|d| tenant_fits(d))
            .flat_map(|d| {
                let wanted = d
                    .definition
                    .start_messages()
                    .into_iter()
                    .filter(|m| m.name == message.name);
                wanted.map(|m| (d.clone(), m.element.clone())).collect::<Vec<_>>()
            })
            .collect();
        starts.sort_by_key(|(d, _)| d.row.id);
        starts
    }

    /// Delivers to one subscription. If it is gone by now, that is a mismatch as with one engine.
    pub async fn deliver(
        &self,
        caller: &Caller,
        subscription: Id,
        message: &Message,
        render: Render,
    ) -> Result<Answer, EngineError> {
        let command = Command::Trigger {
            subscription,
            variables: message.variables.clone(),
            local_variables: message.local_variables.clone(),
            scoped_variables: message.scoped_variables.clone(),
        };
        match self
            .entity_command(caller, Entity::Subscription, subscription, command, render)
            .await
        {
            Err(EngineError::NotFound { .. }) => Err(no_match(&message.name)),
            // Its instance lives on without it, or has ended: another message was faster.
            Err(EngineError::Rejected(Rejection::NotFound { .. })) => Err(no_match(&message.name)),
            other => other,
        }
    }

    /// Correlates on this shard alone: executions come before start events; without `all` exactly one must match.
    /// The repetition of a request that was carried out gives nothing.
    pub async fn correlate(
        &self,
        caller: &Caller,
        message: &Message,
    ) -> Result<Vec<Correlated>, EngineError> {
        if !message.all && self.was_delivered(caller, message).await? {
            return Ok(Vec::new());
        }
        let probe = self.probe(message).await?;
        if !message.all {
            if probe.executions.len() > 1 {
                return Err(ambiguous(message, probe.executions.len()));
            }
            if let [one] = probe.executions[..] {
                return Ok(vec![self.deliver_to(caller, one, message).await?]);
            }
            return match &probe.starts[..] {
                [] => Err(no_match(&message.name)),
                [(deployed, element)] => Ok(vec![
                    self.start_by_message(caller, deployed.clone(), element, message)
                        .await?,
                ]),
                several => Err(ambiguous_start(message, several.len())),
            };
        }
        // All of them are asked for before the first has it.
        for one in &probe.executions {
            self.permit_update(caller, one.instance).await?;
        }
        for (deployed, _) in &probe.starts {
            self.permit_start(caller, deployed)?;
        }
        let mut results = Vec::new();
        for one in probe.executions {
            // Each under a key of its own: the first one's record must not stand for the others.
            let caller = &caller.with_part(&one.subscription.to_string());
            match self.deliver_to(caller, one, message).await {
                Ok(result) => results.push(result),
                Err(EngineError::Mismatch(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for (deployed, element) in probe.starts {
            let caller = &caller.with_part(&deployed.row.id.to_string());
            results.push(self.start_by_message(caller, deployed, &element, message).await?);
        }
        Ok(results)
    }

    /// Whether this is the repetition of a request that found its execution: its record is in the instance's slot,
    /// which is the router's or the business key's. Asked before searching, for by now another execution may wait.
    async fn was_delivered(&self, caller: &Caller, message: &Message) -> Result<bool, EngineError> {
        if caller.idempotency.is_none() {
            return Ok(false);
        }
        let by_key = || message.business_key.as_deref().map(Slot::of_key);
        // A router sends what is to start to the slot that it has chosen for it.
        match message
            .instance
            .and_then(Id::slot)
            .or(caller.slot)
            .or_else(by_key)
        {
            Some(slot) => Ok(self.remembered(caller, slot).await?.is_some()),
            None => Ok(false),
        }
    }

    async fn deliver_to(
        &self,
        caller: &Caller,
        to: Match,
        message: &Message,
    ) -> Result<Correlated, EngineError> {
        self.permit_update(caller, to.instance).await?;
        let (keep, kept) = keeper(message.variables_in_result);
        self.deliver(caller, to.subscription, message, keep).await?;
        Ok(Correlated::Execution {
            execution: to.execution,
            instance: take(&kept)?,
        })
    }

    /// Starts an instance at a message start event.
    pub async fn start_by_message(
        &self,
        caller: &Caller,
        deployed: Arc<Deployed>,
        element: &str,
        message: &Message,
    ) -> Result<Correlated, EngineError> {
        self.permit_start(caller, &deployed)?;
        let mut variables = message.variables.clone();
        variables.extend(message.scoped_variables.iter().cloned());
        // The reference sets correlation keys as variables of the instance that the message starts.
        for (name, value) in &message.correlation_keys {
            if !variables.iter().any(|(known, _)| known == name) {
                variables.push((name.clone(), value.clone()));
            }
        }
        let start = Start {
            by: None,
            deployed,
            element: Some(element.to_owned()),
            business_key: message.business_key.clone(),
            case_instance_id: None,
            variables,
            form: false,
        };
        let (keep, kept) = keeper(message.variables_in_result);
        self.start(caller, start, keep).await?;
        Ok(Correlated::Started {
            instance: take(&kept)?,
        })
    }
}

impl Caller {
    /// The same caller with a part of its request, which has an idempotency key of its own.
    pub fn with_part(&self, part: &str) -> Caller {
        let mut caller = self.clone();
        if let Some(key) = &mut caller.idempotency {
            *key = key.part(part);
        }
        caller
    }
}

/// Name and business key of a message that is matched by nothing else.
fn by_key(message: &Message) -> Option<(String, String)> {
    let alone = message.instance.is_none()
        && message.correlation_keys.is_empty()
        && message.local_correlation_keys.is_empty()
        && message.tenant_id.is_none()
        && !message.without_tenant
        && message.own_tenants.is_none();
    let key = message.business_key.as_ref().filter(|_| alone)?;
    Some((message.name.clone(), key.clone()))
}

/// Asks who waits for a message name with a business key, requests of the same time in one statement.
pub(super) fn waiting(
    engine: Weak<Inner>,
    queue_max: usize,
) -> Batcher<(String, String), (Coverage, Vec<Waiting>)> {
    Batcher::start(queue_max, move |asked: Vec<(String, String)>| {
        let engine = engine.clone();
        async move {
            let store = engine.upgrade()?.store.clone();
            let found = store.waiting(&asked, MATCHES_MAX as usize).await;
            Some(found.map(|(coverage, lists)| lists.into_iter().map(|list| (coverage, list)).collect()))
        }
    })
}

/// A renderer that keeps the instance as it was after the step, if asked with the contents of its own variables.
fn keeper(whole: bool) -> (Render, Arc<Mutex<Option<Arc<Instance>>>>) {
    let kept = Arc::new(Mutex::new(None));
    let keep = {
        let kept = kept.clone();
        Box::new(move |instance: &Instance, _: &Outcome| {
            let mut answer = Answer::no_content();
            if whole {
                answer.needs = crate::rest::instance_view::instance_needs(instance);
            }
            *kept.lock().unwrap_or_else(|e| e.into_inner()) = Some(Arc::new(instance.clone()));
            answer
        })
    };
    (keep, kept)
}

/// What a [`keeper`] kept. Nothing was kept if the answer came from an idempotency record.
fn take(kept: &Mutex<Option<Arc<Instance>>>) -> Result<Arc<Instance>, EngineError> {
    kept.lock()
        .unwrap_or_else(|e| e.into_inner())
        .take()
        .ok_or_else(|| EngineError::Busy("the command was answered from its idempotency record".into()))
}

/// The reference's error when nothing matches (7.24).
pub fn no_match(name: &str) -> EngineError {
    EngineError::Mismatch(format!(
        "Cannot correlate message '{name}': No process definition or execution matches the parameters"
    ))
}

/// The reference's error when several executions match (7.24).
pub fn ambiguous(message: &Message, count: usize) -> EngineError {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".into());
    let keys = |keys: &Variables| {
        if keys.is_empty() {
            return "null".to_owned();
        }
        let pairs: Vec<String> = keys
            .iter()
            .map(|(name, value)| format!("{name}={}", shown(value)))
            .collect();
        format!("{{{}}}", pairs.join(", "))
    };
    EngineError::Mismatch(format!(
        "ENGINE-13031 Cannot correlate a message with name '{}' to a single execution. {count} executions match the \
         correlation keys: CorrelationSet [businessKey={}, processInstanceId={}, processDefinitionId=null, \
         correlationKeys={}, localCorrelationKeys={}, tenantId={}, isTenantIdSet={}, isExecutionsOnly=false]",
        message.name,
        text(&message.business_key),
        text(&message.instance.map(|id| id.to_string())),
        keys(&message.correlation_keys),
        keys(&message.local_correlation_keys),
        text(&message.tenant_id),
        message.tenant_id.is_some() || message.without_tenant,
    ))
}

/// Several definitions start with the message.
fn ambiguous_start(message: &Message, count: usize) -> EngineError {
    EngineError::Mismatch(format!(
        "Cannot correlate a message with name '{}' to a single process definition. {count} process definitions match \
         the correlation keys.",
        message.name
    ))
}

fn shown(value: &TypedValue) -> String {
    let (kind, shown) = match value {
        TypedValue::Boolean(v) => ("boolean", v.to_string()),
        TypedValue::Short(v) => ("short", v.to_string()),
        TypedValue::Integer(v) => ("integer", v.to_string()),
        TypedValue::Long(v) => ("long", v.to_string()),
        TypedValue::Double(v) => ("double", v.to_string()),
        TypedValue::String(v) => ("string", v.clone()),
        TypedValue::Null => ("null", "null".into()),
        other => (other.name(), "…".into()),
    };
    format!("Value '{shown}' of type 'PrimitiveValueType[{kind}]'")
}

/// Waiting executions that match, oldest subscription first.
fn matching(message: &Message) -> SelectStatement {
    let mut query = Query::select();
    query
        .columns([
            ("s", "id"),
            ("s", "instance_id"),
            ("p", "revision"),
            ("s", "execution_id"),
        ])
        .from_as("event_subscription", "s")
        .join_as(
            sea_query::JoinType::InnerJoin,
            "process_instance",
            "p",
            Expr::col(("p", "id")).equals(("s", "instance_id")),
        )
        .and_where(Expr::col(("s", "kind")).eq(EventKind::Message as i16))
        .and_where(Expr::col(("p", "suspended")).eq(false))
        .and_where(visible("s"))
        .order_by(("s", "id"), Order::Asc)
        .limit(MATCHES_MAX);
    query.and_where(Expr::col(("s", "name")).eq(message.name.as_str()));
    if let Some(key) = &message.business_key {
        query.and_where(Expr::col(("p", "business_key")).eq(key.as_str()));
    }
    if let Some(id) = message.instance {
        query.and_where(Expr::col(("s", "instance_id")).eq(id.0));
    }
    match (&message.tenant_id, message.without_tenant) {
        (Some(tenant), _) => drop(query.and_where(Expr::col(("s", "tenant_id")).eq(tenant.as_str()))),
        (None, true) => drop(query.and_where(Expr::col(("s", "tenant_id")).is_null())),
        (None, false) => {}
    }
    if let Some(mine) = &message.own_tenants {
        let tenant = || Expr::col(("s", "tenant_id"));
        query.and_where(tenant().is_null().or(tenant().is_in(mine)));
    }
    for (name, value) in &message.correlation_keys {
        let scope = Expr::col(("v", "scope_id")).equals(("p", "id"));
        query.and_where(Expr::exists(variable(name, value, scope)));
    }
    for (name, value) in &message.local_correlation_keys {
        let scope = Expr::col(("v", "scope_id"))
            .equals(("s", "token_id"))
            .or(Expr::col(("v", "scope_id")).equals(("s", "execution_id")));
        query.and_where(Expr::exists(variable(name, value, scope)));
    }
    query
}

/// A variable of that name and value in the scope.
fn variable(name: &str, value: &TypedValue, scope: Expr) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from_as("variable", "v")
        .and_where(scope)
        .and_where(Expr::col(("v", "name")).eq(name))
        .cond_where(value_equals("v", value))
        .take()
}

/// The condition that a variable row holds a value. Integers of any width compare by value.
pub fn value_equals(alias: &'static str, value: &TypedValue) -> Cond {
    let column = |name: &'static str| Expr::col((alias, name));
    let of_type = |name: &'static str| Cond::all().add(column("type").eq(name));
    let integers = || Cond::all().add(column("type").is_in(["Short", "Integer", "Long"]));
    match value {
        TypedValue::Null => of_type("Null"),
        TypedValue::Boolean(v) => of_type("Boolean").add(column("number").eq(i64::from(*v))),
        TypedValue::Short(v) => integers().add(column("number").eq(i64::from(*v))),
        TypedValue::Integer(v) => integers().add(column("number").eq(i64::from(*v))),
        TypedValue::Long(v) => integers().add(column("number").eq(*v)),
        TypedValue::Double(v) => of_type("Double").add(column("float").eq(*v)),
        TypedValue::Date(v) => of_type("Date").add(column("number").eq(*v)),
        TypedValue::String(v) => of_type("String").add(column("text").eq(v.as_str())),
        TypedValue::Large(v) if matches!(v.shape(), TypedValue::String(_)) => of_type("String")
            .add(column("number").eq(v.digest()))
            .add(column("large_id").is_not_null()),
        // The reference refuses to compare these; they match nothing.
        _ => Cond::all().add(Expr::val(1).eq(0)),
    }
}
