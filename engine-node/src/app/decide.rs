//! Evaluates decisions: for clients, and for the business rule tasks of processes.
use super::{
    Caller, Engine, EngineError,
    decisions::{Decisions, DeployedDecision},
    writer::now,
};
use crate::store::{Applied, Unit};
use bpmn_core::{
    Id,
    ask::{Ask, Facts},
    command::Rejection,
    decision_values,
    history::Kind,
    instance::{HistoricDecision, HistoryRow},
    value::{TypedValue, Variables},
    world::{
        Binding, Call, Decided, DecisionScript, Evaluated, EvaluatedInput, EvaluatedOutput, Moment, Scripted,
        Undecided,
    },
};
use feel::{
    Value,
    dmn::{self, Entries, EvaluatedDecision, Evaluation, Stored, Typed},
};
use std::{collections::HashMap, sync::Arc};

/// Most scripts of one evaluation that a client asks for.
const MOST_SCRIPTS: usize = 10_000;

/// Variables by name, at a time.
struct Place<'a> {
    variables: HashMap<&'a str, &'a TypedValue>,
    now: i64,
    /// Whether objects are read: those of processes are, those that clients send aren't.
    objects: bool,
    random: std::cell::Cell<u64>,
    scripts: Scripts<'a>,
}

/// What the scripts of an evaluation have given so far, in the order in which they are asked for, and the one whose answer
/// is missing: the evaluation is given up then, and begun again when there is one.
#[derive(Default)]
struct Scripts<'a> {
    answers: &'a [Scripted],
    asked: std::cell::Cell<usize>,
    missing: std::cell::RefCell<Option<DecisionScript>>,
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

impl dmn::Host for Place<'_> {
    fn script(&self, language: &str, text: &str, named: Vec<(String, Value)>) -> Result<Value, String> {
        let nth = self.scripts.asked.replace(self.scripts.asked.get() + 1);
        match self.scripts.answers.get(nth) {
            Some(Ok(value)) => Ok(to_feel(value, true)),
            Some(Err(cause)) if cause.starts_with("Can't find scripting engine") => Err(cause.clone()),
            Some(Err(cause)) => {
                tracing::info!(language, cause, "a decision's script failed");
                Err(format!(
                    "DMN-01002 Unable to evaluate expression for language '{language}': '{text}'"
                ))
            }
            None => {
                let own = |(name, value)| Some((name, from_feel(&Typed { value, typed: false }).ok()?));
                let mut variables: Variables = named.into_iter().rev().filter_map(own).collect();
                for (name, value) in &self.variables {
                    if !variables.iter().any(|(known, _)| known == name) {
                        variables.push(((*name).to_owned(), (*value).clone()));
                    }
                }
                // The order of a map may differ when the same is asked again.
                variables.sort_by(|(one, _), (other, _)| one.cmp(other));
                variables.dedup_by(|(one, _), (other, _)| one == other);
                *self.scripts.missing.borrow_mut() = Some(DecisionScript {
                    language: language.to_owned(),
                    source: text.to_owned(),
                    variables,
                });
                Err(String::new())
            }
        }
    }
}

/// Evaluates a decision with variables and what its scripts have given so far.
fn evaluation(
    decision: &DeployedDecision,
    variables: &Variables,
    objects: bool,
    at: Moment,
    answers: &[Scripted],
) -> Result<Evaluation, Undecided> {
    let place = Place {
        variables: variables
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
        now: at.now,
        objects,
        random: std::cell::Cell::new(at.seed),
        scripts: Scripts {
            answers,
            ..Scripts::default()
        },
    };
    let evaluated = decision.definitions.evaluate(decision.index, &place);
    match place.scripts.missing.take() {
        Some(script) => Err(Undecided::Asks(script)),
        None => evaluated.map_err(Undecided::Failed),
    }
}

impl Decisions {
    /// Evaluates the decision that a process calls.
    ///
    /// # Errors
    /// There is none, evaluating it fails, or it asks for a script that has no answer yet.
    pub fn decide(
        &self,
        call: &Call<'_>,
        deployment: Option<Id>,
        variables: &Variables,
        at: Moment,
        answers: &[Scripted],
    ) -> Result<Decided, Undecided> {
        let decision = self
            .called(call, deployment)
            .ok_or_else(|| Undecided::Failed(missing(call, deployment)))?;
        let evaluation = evaluation(decision, variables, true, at, answers)?;
        let typed = |(name, value): &(Option<String>, Typed)| {
            Ok((name.clone(), named_from_feel(name.as_deref(), value)?))
        };
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
            let model = &decision.definitions.decisions[evaluated.index];
            self.count(model.elements());
            let key = &model.key;
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
                value: named_from_feel(output.output_name.as_deref(), &output.value)?,
            });
        }
    }
    if let Some((name, value)) = &evaluated.literal {
        outputs.push(EvaluatedOutput {
            clause_id: None,
            clause_name: None,
            rule: None,
            name: Some(name.clone()),
            value: named_from_feel(Some(name), value)?,
        });
    }
    let inputs = evaluated.inputs.iter().map(|input| {
        Ok(EvaluatedInput {
            clause_id: input.id.clone(),
            clause_name: input.name.clone(),
            value: named_from_feel(Some(&input.id), &input.value)?,
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
        let variables = Arc::new(variables);
        let mut answers = Vec::new();
        let (results, told) = loop {
            let (evaluating, view) = (decision.clone(), self.catalog().view());
            let (seen, given) = (variables.clone(), answers.clone());
            // Expressions may take their time.
            let evaluated = tokio::task::spawn_blocking(move || {
                let evaluation = evaluation(&evaluating, &seen, false, at, &given)?;
                let told = view.decisions.evaluated(&evaluating, &evaluation)?;
                Ok((evaluation.results, told))
            });
            let evaluated = evaluated.await;
            match evaluated.map_err(|panic| EngineError::Busy(panic.to_string()))? {
                Ok(evaluated) => break evaluated,
                Err(Undecided::Failed(reason)) => return Ok(Err(reason)),
                Err(Undecided::Asks(_)) if answers.len() >= MOST_SCRIPTS => {
                    return Ok(Err(format!(
                        "the decision asked for more than {MOST_SCRIPTS} scripts"
                    )));
                }
                Err(Undecided::Asks(script)) => {
                    let facts = Facts {
                        instance_id: decision.row.id,
                        definition_id: decision.row.rest_id.clone(),
                        definition: decision.row.id,
                        element: decision.row.key.clone(),
                        tenant_id: decision.row.tenant_id.clone(),
                        user: caller.user.clone(),
                    };
                    let ask = Ask::Script(script.asked(facts));
                    answers.push(self.inner.settings.runner.run(&ask).await.value());
                }
            }
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
        scripts: Scripts::default(),
    };
    let expression =
        feel::Expression::parse(source).map_err(|why| format!("Unable to compile script: {why}"))?;
    let value = expression.eval(&place)?;
    from_feel(&Typed { value, typed: false })
}

/// A value of a decision as history keeps it, with the reference's words for one that it can't.
fn named_from_feel(name: Option<&str>, value: &Typed) -> Result<TypedValue, String> {
    from_feel(value).map_err(|why| {
        let name = name.unwrap_or("null");
        format!("Cannot serialize object in variable '{name}': {why}")
    })
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
