//! Evaluates decisions: for clients, and for the business rule tasks of processes.
use super::{
    Caller, Engine, EngineError,
    decisions::{Decisions, DeployedDecision},
    writer::now,
};
use crate::store::{Applied, Unit};
use bpmn_core::{
    Id,
    command::Rejection,
    decision_values,
    history::Kind,
    instance::{HistoricDecision, HistoryRow},
    value::{TypedValue, Variables},
    world::{Binding, Call, Decided, Evaluated, EvaluatedInput, EvaluatedOutput, Moment},
};
use feel::{
    Value,
    dmn::{self, Entries, EvaluatedDecision, Evaluation, Stored, Typed},
};
use std::{collections::HashMap, sync::Arc};

/// Variables by name, at a time.
struct Place<'a> {
    variables: HashMap<&'a str, &'a TypedValue>,
    now: i64,
    /// Whether objects are read: those of processes are, those that clients send aren't.
    objects: bool,
    random: std::cell::Cell<u64>,
}

impl feel::Host for Place<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        self.variables.get(name).map(|value| to_feel(value, self.objects))
    }

    fn now(&self) -> i64 {
        self.now
    }

    fn random(&self) -> u64 {
        // SplitMix64: each number from the last state.
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

impl dmn::Host for Place<'_> {}

/// Evaluates a decision with variables; `seed` is where its random numbers come from.
fn evaluation(
    decision: &DeployedDecision,
    variables: &Variables,
    objects: bool,
    at: Moment,
) -> Result<Evaluation, String> {
    let place = Place {
        variables: variables
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
        now: at.now,
        objects,
        random: std::cell::Cell::new(at.seed),
    };
    decision.definitions.evaluate(decision.index, &place)
}

impl Decisions {
    /// Evaluates the decision that a process calls.
    ///
    /// # Errors
    /// There is none, or evaluating it fails, in the reference's words.
    pub fn decide(
        &self,
        call: &Call<'_>,
        deployment: Option<Id>,
        variables: &Variables,
        at: Moment,
    ) -> Result<Decided, String> {
        let decision = self
            .called(call, deployment)
            .ok_or_else(|| missing(call, deployment))?;
        let evaluation = evaluation(decision, variables, true, at)?;
        let typed = |(name, value): &(Option<String>, Typed)| Ok((name.clone(), from_feel(value)?));
        let entries = |entries: &Entries| entries.iter().map(typed).collect::<Result<Vec<_>, String>>();
        Ok(Decided {
            results: evaluation
                .results
                .iter()
                .map(entries)
                .collect::<Result<_, String>>()?,
            text: evaluation.java_text(),
            evaluated: self.evaluated(decision, &evaluation)?,
        })
    }

    fn called<'a>(&'a self, call: &Call<'a>, deployment: Option<Id>) -> Option<&'a Arc<DeployedDecision>> {
        let key = call.key?;
        match call.binding {
            Binding::Latest => self.latest(key, call.tenant),
            Binding::Deployment => self.of_deployment(deployment?, key),
            Binding::Version(version) => {
                let numbered = |d: &&Arc<DeployedDecision>| version.is_none_or(|v| d.row.version == v);
                self.versions(key, call.tenant).find(numbered)
            }
            Binding::VersionTag(tag) => {
                let tagged =
                    |d: &&Arc<DeployedDecision>| tag.is_some() && d.row.version_tag.as_deref() == tag;
                self.versions(key, call.tenant).find(tagged)
            }
        }
    }

    /// What was evaluated, for history: the decision itself first.
    fn evaluated(
        &self,
        decision: &DeployedDecision,
        evaluation: &Evaluation,
    ) -> Result<Vec<Evaluated>, String> {
        let (root, required) = match evaluation.decisions.split_last() {
            Some((root, required)) => (root, required),
            None => return Ok(Vec::new()),
        };
        let rows = std::iter::once(root).chain(required).map(|evaluated| {
            let key = &decision.definitions.decisions[evaluated.index].key;
            // Decisions of one file are deployed together.
            let row = self
                .of_deployment(decision.row.deployment_id, key)
                .map_or(decision.row.id, |d| d.row.id);
            history_of(row, evaluated)
        });
        rows.collect()
    }
}

/// What history keeps of an evaluated decision.
fn history_of(decision: Id, evaluated: &EvaluatedDecision) -> Result<Evaluated, String> {
    let mut outputs = Vec::new();
    for (order, rule) in evaluated.rules.iter().enumerate() {
        for output in &rule.outputs {
            outputs.push(EvaluatedOutput {
                clause_id: Some(output.id.clone()),
                clause_name: output.name.clone(),
                rule: Some((rule.id.clone(), i32::try_from(order + 1).unwrap_or(i32::MAX))),
                name: output.output_name.clone(),
                value: from_feel(&output.value)?,
            });
        }
    }
    if let Some((name, value)) = &evaluated.literal {
        outputs.push(EvaluatedOutput {
            clause_id: None,
            clause_name: None,
            rule: None,
            name: Some(name.clone()),
            value: from_feel(value)?,
        });
    }
    let inputs = evaluated.inputs.iter().map(|input| {
        Ok(EvaluatedInput {
            clause_id: input.id.clone(),
            clause_name: input.name.clone(),
            value: from_feel(&input.value)?,
        })
    });
    let collected = evaluated
        .collected
        .as_ref()
        .and_then(|(_, value)| match value.as_ref()?.value {
            Value::Integer(n) => Some(f64::from(n)),
            Value::Long(n) => Some(n as f64),
            Value::Double(n) => Some(n),
            _ => None,
        });
    Ok(Evaluated {
        decision,
        collected,
        inputs: inputs.collect::<Result<_, String>>()?,
        outputs,
    })
}

/// The reference's text for a decision that isn't there.
fn missing(call: &Call<'_>, deployment: Option<Id>) -> String {
    let (key, tenant) = (call.key_text(), call.tenant.unwrap_or("null"));
    let of = match call.binding {
        Binding::Latest => format!("key '{key}' and tenant-id '{tenant}'"),
        Binding::Deployment => {
            let deployment = deployment.map_or_else(|| "null".to_owned(), |id| id.to_string());
            format!("key = '{key}' in deployment = '{deployment}'")
        }
        Binding::Version(version) => {
            let version = version.map_or_else(|| "null".to_owned(), |version| version.to_string());
            format!("key = '{key}', version = '{version}' and tenant-id '{tenant}'")
        }
        Binding::VersionTag(tag) => {
            let tag = tag.unwrap_or("null");
            format!("key = '{key}', versionTag = '{tag}' and tenant-id '{tenant}'")
        }
    };
    format!("no decision definition deployed with {of}: decisionDefinition is null")
}

impl Engine {
    /// Evaluates a decision for a client, and tells history. The inner error is why it failed.
    ///
    /// # Errors
    /// The node's own trouble.
    pub async fn evaluate(
        &self,
        caller: &Caller,
        decision: &Arc<DeployedDecision>,
        variables: Variables,
    ) -> Result<Result<Vec<Entries>, String>, EngineError> {
        let at = Moment {
            now: now(),
            seed: rand::random(),
        };
        let (evaluating, view) = (decision.clone(), self.catalog().view());
        // Expressions may take their time.
        let evaluated = tokio::task::spawn_blocking(move || {
            let evaluation = evaluation(&evaluating, &variables, false, at)?;
            let told = view.decisions.evaluated(&evaluating, &evaluation)?;
            Ok((evaluation.results, told))
        });
        let evaluated = evaluated
            .await
            .map_err(|panic| EngineError::Busy(panic.to_string()))?;
        let (results, told) = match evaluated {
            Ok(evaluated) => evaluated,
            Err(reason) => return Ok(Err(reason)),
        };
        if self.tells("", Kind::Decision) {
            self.tell_evaluation(caller, decision, &told, at.now).await?;
        }
        Ok(Ok(results))
    }

    /// Writes the rows of an evaluation that no process asked for: a tree of its own, in any slot.
    async fn tell_evaluation(
        &self,
        caller: &Caller,
        decision: &DeployedDecision,
        told: &[Evaluated],
        now: i64,
    ) -> Result<(), EngineError> {
        let slot = match caller.slot {
            Some(slot) => slot,
            None => self.any_owned_slot()?,
        };
        let root = self.new_id(slot);
        let mut rows = Vec::new();
        for (place, evaluated) in told.iter().enumerate() {
            let id = if place == 0 { root } else { self.new_id(slot) };
            rows.push(HistoryRow::Decision(HistoricDecision {
                id,
                decision_id: evaluated.decision,
                definition_id: None,
                instance_id: None,
                activity_id: None,
                element: None,
                user_id: caller.user.clone(),
                evaluated: now,
                collected: evaluated.collected,
                parent_id: (place > 0).then_some(root),
                tenant_id: decision.row.tenant_id.clone(),
            }));
            rows.extend(decision_values(evaluated, id, now, &mut || self.new_id(slot)));
        }
        let unit = Unit {
            slots: vec![slot],
            alone: Some((root, rows)),
            ..Unit::default()
        };
        match self.store().write(&[unit]).await?.pop() {
            Some(Applied::Done) => Ok(()),
            Some(Applied::NotOwner(slot)) => Err(self.inner.misdirected(slot)),
            Some(Applied::Refused(reason)) => Err(EngineError::Rejected(Rejection::BadRequest(reason))),
            other => Err(EngineError::Busy(format!(
                "the evaluation was not written: {other:?}"
            ))),
        }
    }
}

/// Evaluates a script in FEEL.
///
/// # Errors
/// The reference's text.
pub(crate) fn feel_script(source: &str, variables: &Variables) -> Result<TypedValue, String> {
    let now = now();
    let place = Place {
        variables: variables
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
        now,
        objects: true,
        random: std::cell::Cell::new(now.unsigned_abs()),
    };
    let expression =
        feel::Expression::parse(source).map_err(|why| format!("Unable to compile script: {why}"))?;
    let value = expression.eval(&place)?;
    from_feel(&Typed { value, typed: false })
}

/// A value of a decision as a variable.
fn from_feel(value: &Typed) -> Result<TypedValue, String> {
    Ok(match value.stored()? {
        Stored::Null => TypedValue::Null,
        Stored::Boolean(v) => TypedValue::Boolean(v),
        Stored::Integer(v) => TypedValue::Integer(v),
        Stored::Long(v) => TypedValue::Long(v),
        Stored::Double(v) => TypedValue::Double(v),
        Stored::String(v) => TypedValue::String(v),
        Stored::Date(v) => TypedValue::Date(v),
        Stored::Object { type_name, json } => TypedValue::Object {
            text: Some(json),
            type_name,
            format: "application/json".to_owned(),
        },
    })
}

/// A variable as decisions see it.
fn to_feel(value: &TypedValue, objects: bool) -> Value {
    match value {
        TypedValue::Null | TypedValue::NullOf(_) => Value::Null,
        TypedValue::Boolean(v) => Value::Boolean(*v),
        TypedValue::Short(v) => Value::Short(*v),
        TypedValue::Integer(v) => Value::Integer(*v),
        TypedValue::Long(v) => Value::Long(*v),
        TypedValue::Double(v) => Value::Double(*v),
        TypedValue::String(v) => Value::String(v.clone()),
        TypedValue::Date(v) => Value::Instant(*v),
        // Java objects without properties that anybody could name.
        TypedValue::Bytes(_) | TypedValue::File { .. } => Value::Map(Vec::new()),
        TypedValue::Json(text) => match serde_json::from_str(text) {
            Ok(json) => dmn::from_json(json),
            Err(_) => Value::Unreadable("the JSON can't be read".to_owned()),
        },
        TypedValue::Xml(text) => Value::String(text.clone()),
        TypedValue::Object { text, format, .. } => {
            let json = text.as_deref().filter(|_| objects && format.contains("json"));
            match json.and_then(|text| serde_json::from_str(text).ok()) {
                Some(json) => dmn::from_json(json),
                None => Value::Unreadable("Object is not deserialized.".to_owned()),
            }
        }
        TypedValue::Transient(value) => to_feel(value, objects),
        TypedValue::Large(large) => match large.content() {
            Some(content) => to_feel(&large.whole((**content).clone()), objects),
            None => Value::Unreadable("a large value is not loaded".to_owned()),
        },
    }
}
