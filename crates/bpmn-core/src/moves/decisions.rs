//! Decisions of business rule tasks: what they see, what becomes of the result, and what history keeps.
use crate::{
    ask::Ask,
    command::Rejection,
    convert::{into_json, to_value},
    ctx::Ctx,
    definition::Node,
    history::Kind,
    instance::{HistoricDecision, HistoricDecisionInput, HistoricDecisionOutput, HistoryRow},
    value::{TypedValue, Variables},
    world::{Call, Decided, Entries, Moment, Undecided},
};
use serde_json::Value as Json;
use topology::Id;

/// What of a decision's result goes to the result variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultMapping {
    /// `singleEntry`: the only entry of the only result.
    SingleEntry,
    /// `singleResult`: the entries of the only result by name.
    SingleResult,
    /// `collectEntries`: the entries of one name of all results.
    Entries,
    /// `resultList`: all results.
    List,
}

impl Ctx<'_, '_> {
    /// Evaluates a decision for a token's task, keeps its result in a variable, and tells history.
    ///
    /// # Errors
    /// There is no such decision, evaluating it fails, or its result can't be mapped, in the reference's words.
    pub(crate) fn decide(
        &mut self,
        token: Id,
        at: &Node,
        call: &Call<'_>,
        result: Option<&str>,
        mapping: ResultMapping,
    ) -> Result<(), Rejection> {
        let variables = self.whole_variables(token)?;
        let seed = self.new_id().0.as_u128() as u64;
        let moment = Moment {
            now: self.env.now,
            seed,
        };
        let decided = self.decision_result(token, at, call, &variables, moment)?;
        self.tell_decision(token, at, &decided)?;
        if let Some(name) = result {
            let value = mapped(&decided, mapping).map_err(|message| Ctx::failure(at, message))?;
            self.set_variable(Some(token), None, name, value);
        }
        self.decided.insert(token, decided);
        Ok(())
    }

    /// Evaluates until none of its scripts lacks its answer.
    fn decision_result(
        &mut self,
        token: Id,
        at: &Node,
        call: &Call<'_>,
        variables: &Variables,
        moment: Moment,
    ) -> Result<Decided, Rejection> {
        let mut answers = Vec::new();
        loop {
            match self.env.world.decide(call, variables, moment, &answers) {
                Ok(decided) => return Ok(decided),
                Err(Undecided::Failed(message)) => return Err(Ctx::failure(at, message)),
                Err(Undecided::Asks(script)) => {
                    let ask = Ask::Script(script.asked(self.facts(Some(token))));
                    answers.push(self.ask(ask)?.value());
                }
            }
        }
    }

    /// The variables that a token sees, with the contents of large ones.
    fn whole_variables(&self, token: Id) -> Result<Variables, Rejection> {
        let mut missing = Vec::new();
        let mut variables = Variables::new();
        for variable in self.visible_variables(Some(token)) {
            let value = match &variable.value {
                TypedValue::Large(large) => match large.id.and_then(|id| self.inst.large.content(id)) {
                    Some(content) => large.whole((**content).clone()),
                    None => {
                        missing.extend(large.id);
                        continue;
                    }
                },
                value => value.clone(),
            };
            variables.push((variable.name.clone(), value));
        }
        if missing.is_empty() {
            Ok(variables)
        } else {
            Err(Rejection::NeedsValues(missing))
        }
    }

    fn tell_decision(&mut self, token: Id, at: &Node, decided: &Decided) -> Result<(), Rejection> {
        if !self.recording.keeps(Kind::Decision) {
            return Ok(());
        }
        let activity_id = self.token(token)?.activity_id;
        let mut root = None;
        for evaluated in &decided.evaluated {
            let id = self.new_id();
            let process = &self.inst.process;
            let row = HistoricDecision {
                id,
                decision_id: evaluated.decision,
                definition_id: Some(process.definition_id),
                instance_id: Some(process.id),
                activity_id,
                element: Some(at.id.clone()),
                user_id: None,
                evaluated: self.env.now,
                collected: evaluated.collected,
                parent_id: root,
                tenant_id: process.tenant_id.clone(),
            };
            // The decision that was asked for comes before those that it required.
            root = root.or(Some(id));
            let (now, mut next) = (self.env.now, || self.new_id());
            let values = value_rows(evaluated, id, now, &mut next);
            self.inst.history.push(HistoryRow::Decision(row));
            for row in values {
                self.inst.history.push(row);
            }
        }
        Ok(())
    }
}

/// The rows of an evaluation's inputs and outputs.
pub fn value_rows(
    evaluated: &crate::world::Evaluated,
    evaluation_id: Id,
    now: crate::Millis,
    next_id: &mut dyn FnMut() -> Id,
) -> Vec<HistoryRow> {
    let mut rows = Vec::with_capacity(evaluated.inputs.len() + evaluated.outputs.len());
    for input in &evaluated.inputs {
        rows.push(HistoryRow::DecisionInput(HistoricDecisionInput {
            id: next_id(),
            evaluation_id,
            clause_id: input.clause_id.clone(),
            clause_name: input.clause_name.clone(),
            value: input.value.clone(),
            created: now,
        }));
    }
    for output in &evaluated.outputs {
        rows.push(HistoryRow::DecisionOutput(HistoricDecisionOutput {
            id: next_id(),
            evaluation_id,
            clause_id: output.clause_id.clone(),
            clause_name: output.clause_name.clone(),
            rule: output.rule.clone(),
            name: output.name.clone(),
            value: output.value.clone(),
            // The reference gives the value of a literal expression no time.
            created: output.rule.is_some().then_some(now),
        }));
    }
    rows
}

/// The value of the result variable.
fn mapped(decided: &Decided, mapping: ResultMapping) -> Result<TypedValue, String> {
    let results = &decided.results;
    let failed = |number: &str, mapper: &str, more: &str| {
        let text = &decided.text;
        Err(format!(
            "ENGINE-{number} The decision result mapper '{mapper}DecisionResultMapper{{}}' failed to process '{text}'{more}"
        ))
    };
    Ok(match (mapping, &results[..]) {
        (ResultMapping::SingleEntry, []) => TypedValue::Null,
        (ResultMapping::SingleEntry, [single]) if single.len() <= 1 => single
            .first()
            .map_or(TypedValue::Null, |(_, value)| value.clone()),
        (ResultMapping::SingleEntry, _) => return failed("22001", "SingleEntry", ""),
        (ResultMapping::SingleResult, []) => TypedValue::Null,
        (ResultMapping::SingleResult, [single]) => object(HASH_MAP, &entry_map(single)),
        (ResultMapping::SingleResult, _) => return failed("22001", "SingleResult", ""),
        (ResultMapping::Entries, []) => object(
            "java.util.Collections$EmptyList<java.lang.Object>",
            &Json::Array(Vec::new()),
        ),
        (ResultMapping::Entries, results) => {
            let mut names: Vec<&str> = Vec::new();
            for (name, _) in results.iter().flatten() {
                let name = name.as_deref().unwrap_or("null");
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let count = names.len();
            names.sort_by_key(|name| bucket(name, count));
            if names.len() > 1 {
                let more = format!(
                    ". The decision outputs should only contains values for one output name but found '[{}]'.",
                    names.join(", ")
                );
                return failed("22002", "CollectEntries", &more);
            }
            let values: Vec<&TypedValue> = results.iter().flatten().map(|(_, value)| value).collect();
            let class = values
                .first()
                .map_or("java.lang.Object".to_owned(), |first| class(first));
            object(
                &format!("java.util.ArrayList<{class}>"),
                &values.into_iter().map(json).collect(),
            )
        }
        (ResultMapping::List, []) => {
            object("java.util.ArrayList<java.lang.Object>", &Json::Array(Vec::new()))
        }
        (ResultMapping::List, results) => object(
            &format!("java.util.ArrayList<{HASH_MAP}>"),
            &results.iter().map(entry_map).collect(),
        ),
    })
}

const HASH_MAP: &str = "java.util.HashMap<java.lang.Object,java.lang.Object>";

fn object(type_name: &str, json: &Json) -> TypedValue {
    TypedValue::Object {
        text: Some(json.to_string()),
        type_name: type_name.to_owned(),
        format: "application/json".to_owned(),
    }
}

fn class(value: &TypedValue) -> String {
    match value {
        TypedValue::Object { type_name, .. } => type_name.clone(),
        other => to_value(other).class_name().to_owned(),
    }
}

fn json(value: &TypedValue) -> Json {
    match value {
        TypedValue::Object { text: Some(text), .. } => serde_json::from_str(text).unwrap_or(Json::Null),
        other => into_json(to_value(other)),
    }
}

/// The entries of a result by name, in the order in which a Java `HashMap` gives them: the text of the variable shows it.
fn entry_map(entries: &Entries) -> Json {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(name, _)| bucket(name.as_deref().unwrap_or_default(), entries.len()));
    let named = |(name, value): &(Option<String>, TypedValue)| {
        (name.clone().unwrap_or_else(|| "null".to_owned()), json(value))
    };
    Json::Object(sorted.into_iter().map(named).collect())
}

/// Where a key lies in a `HashMap` of that many.
fn bucket(key: &str, entries: usize) -> u32 {
    let mut size: u32 = 16;
    while entries * 4 > size as usize * 3 {
        size *= 2;
    }
    let hash = key
        .encode_utf16()
        .fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    (hash ^ (hash >> 16)) & (size - 1)
}
