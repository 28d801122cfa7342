//! Evaluates decisions, with those that they require before them.
use super::hit_policy;
use super::juel;
use super::model::*;
use super::parse::is_feel;
use super::typed::{Typed, transform};
use crate::host::{self, Value};
use crate::{Expression, UnaryTests};
use std::cell::RefCell;

/// What evaluating a decision may ask of the place it runs in.
pub trait Host: host::Host {
    /// Evaluates a script in a language that is neither FEEL nor JUEL. It sees the host's variables, and before them `named`:
    /// what required decisions gave, and the value of the input that a cell is of.
    ///
    /// # Errors
    /// A language that isn't there, or a script that fails.
    fn script(&self, language: &str, _text: &str, _named: Vec<(String, Value)>) -> Result<Value, String> {
        Err(format!(
            "Can't find scripting engine for '{language}': scriptEngine is null"
        ))
    }
}

/// Entries by output name, in the order of the columns.
pub type Entries = Vec<(Option<String>, Typed)>;

/// What a decision gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// One set of entries per matching rule; one for a literal expression or an aggregated value.
    pub results: Vec<Entries>,
    /// What was evaluated, in order: the decision itself is the last.
    pub decisions: Vec<EvaluatedDecision>,
}

/// A decision with what it saw and gave.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedDecision {
    /// Its place in the file.
    pub index: usize,
    pub inputs: Vec<EvaluatedInput>,
    pub rules: Vec<EvaluatedRule>,
    /// The name and the value of an aggregation.
    pub collected: Option<(Option<String>, Option<Typed>)>,
    /// The variable and the value of a literal expression.
    pub literal: Option<(String, Typed)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedInput {
    pub id: String,
    pub name: Option<String>,
    pub value: Typed,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedRule {
    pub id: String,
    pub outputs: Vec<EvaluatedOutput>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedOutput {
    pub id: String,
    pub name: Option<String>,
    pub output_name: Option<String>,
    pub value: Typed,
}

/// Variables of a table's column or of required decisions before those of the host.
pub(super) struct Layer<'a> {
    pub names: Vec<(String, Value)>,
    pub outer: &'a dyn host::Host,
}

impl host::Host for Layer<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        let own = self.names.iter().rev().find(|(n, _)| n == name);
        own.map(|(_, v)| v.clone()).or_else(|| self.outer.variable(name))
    }

    fn named(&self) -> Vec<(String, Value)> {
        let mut named = self.outer.named();
        named.extend(self.names.iter().cloned());
        named
    }

    fn now(&self) -> i64 {
        self.outer.now()
    }

    fn random(&self) -> u64 {
        self.outer.random()
    }
}

/// The results of required decisions, as they come.
struct Results<'a> {
    known: RefCell<Vec<(String, Value)>>,
    outer: &'a dyn host::Host,
}

impl host::Host for Results<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        let known = self.known.borrow();
        let own = known
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone());
        own.or_else(|| self.outer.variable(name))
    }

    fn named(&self) -> Vec<(String, Value)> {
        self.known.borrow().clone()
    }

    fn now(&self) -> i64 {
        self.outer.now()
    }

    fn random(&self) -> u64 {
        self.outer.random()
    }
}

impl Evaluation {
    /// The results as the reference writes them in messages.
    pub fn java_text(&self) -> String {
        let entry = |(name, value): &(Option<String>, Typed)| {
            format!("{}={}", name.as_deref().unwrap_or("null"), value.java_text())
        };
        let one =
            |entries: &Entries| format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "));
        format!(
            "[{}]",
            self.results.iter().map(one).collect::<Vec<_>>().join(", ")
        )
    }
}

impl Definitions {
    /// The index of the decision of a key.
    pub fn decision(&self, key: &str) -> Option<usize> {
        self.decisions.iter().position(|d| d.key == key)
    }

    /// Evaluates the decision at an index, and what it requires before it.
    ///
    /// # Errors
    /// Expressions that fail, values that don't fit their types, and rules that break the hit policy, with the
    /// reference's messages.
    pub fn evaluate(&self, index: usize, host: &dyn Host) -> Result<Evaluation, String> {
        let mut order = Vec::new();
        self.ordered(index, &mut order);
        let outer = Outer(host);
        let results = Results {
            known: RefCell::new(Vec::new()),
            outer: &outer,
        };
        let mut evaluation = Evaluation {
            results: Vec::new(),
            decisions: Vec::new(),
        };
        for at in order {
            let decision = &self.decisions[at];
            let evaluated = decision.evaluate(at, host, &results)?;
            evaluation.results = entries(&evaluated);
            if at != index {
                let lists = matches!(
                    &decision.logic,
                    Logic::Table(table) if matches!(table.hit_policy, HitPolicy::Collect | HitPolicy::RuleOrder)
                );
                results
                    .known
                    .borrow_mut()
                    .extend(as_variables(&evaluation.results, lists));
            }
            evaluation.decisions.push(evaluated);
        }
        Ok(evaluation)
    }

    /// A decision behind all that it requires, each once.
    fn ordered(&self, index: usize, order: &mut Vec<usize>) {
        if order.contains(&index) {
            return;
        }
        for required in &self.decisions[index].requires {
            self.ordered(*required, order);
        }
        order.push(index);
    }
}

/// The variables of the host of decisions alone.
struct Outer<'a>(&'a dyn Host);

impl host::Host for Outer<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        self.0.variable(name)
    }

    fn now(&self) -> i64 {
        self.0.now()
    }

    fn random(&self) -> u64 {
        self.0.random()
    }
}

/// What a required decision leaves for those that require it: values of a single result, lists of several.
fn as_variables(results: &[Entries], lists: bool) -> Vec<(String, Value)> {
    let named = |entries: &Entries| -> Vec<(String, Value)> {
        entries
            .iter()
            .map(|(name, typed)| (name.clone().unwrap_or_default(), typed.value.clone()))
            .collect()
    };
    match results {
        [] => Vec::new(),
        [single] if !lists => named(single),
        several => {
            let mut variables: Vec<(String, Value)> = Vec::new();
            for (name, value) in several.iter().flat_map(named) {
                match variables.iter_mut().find(|(n, _)| *n == name) {
                    Some((_, Value::List(values))) => values.push(value),
                    _ => variables.push((name, Value::List(vec![value]))),
                }
            }
            variables
        }
    }
}

fn entries(evaluated: &EvaluatedDecision) -> Vec<Entries> {
    if let Some((name, value)) = &evaluated.literal {
        return vec![vec![(Some(name.clone()), value.clone())]];
    }
    match &evaluated.collected {
        Some((None, None)) | None => evaluated
            .rules
            .iter()
            .map(|rule| {
                rule.outputs
                    .iter()
                    .map(|o| (o.output_name.clone(), o.value.clone()))
                    .collect()
            })
            .collect(),
        Some((name, value)) => {
            let value = value.clone().unwrap_or_else(|| Typed::untyped(Value::Null));
            vec![vec![(name.clone(), value)]]
        }
    }
}

impl Decision {
    fn evaluate(
        &self,
        index: usize,
        host: &dyn Host,
        variables: &dyn host::Host,
    ) -> Result<EvaluatedDecision, String> {
        let mut evaluated = EvaluatedDecision {
            index,
            inputs: Vec::new(),
            rules: Vec::new(),
            collected: None,
            literal: None,
        };
        match &self.logic {
            Logic::Literal(literal) => {
                let value = literal.expression.value(host, variables)?;
                let typed = transform(value, literal.type_name.as_deref())?;
                evaluated.literal = Some((literal.variable.clone(), typed));
            }
            Logic::Table(table) => {
                table.evaluate(host, variables, &mut evaluated)?;
                hit_policy::apply(table.hit_policy, &mut evaluated)?;
            }
        }
        Ok(evaluated)
    }
}

impl Table {
    /// Column by column: the rules that still match go on to the next.
    fn evaluate(
        &self,
        host: &dyn Host,
        variables: &dyn host::Host,
        evaluated: &mut EvaluatedDecision,
    ) -> Result<(), String> {
        let mut matching: Vec<&Rule> = self.rules.iter().collect();
        for (column, input) in self.inputs.iter().enumerate() {
            let value = transform(
                input.expression.value(host, variables)?,
                input.type_name.as_deref(),
            )?;
            let name = input
                .variable
                .clone()
                .unwrap_or_else(|| crate::eval::DEFAULT_INPUT.to_owned());
            let mut names = vec![(
                crate::eval::INPUT_VARIABLE.to_owned(),
                Value::String(name.clone()),
            )];
            // Without an expression the cells test the variable of that name itself.
            if !input.expression.is_blank() {
                names.push((name, value.value.clone()));
            }
            evaluated.inputs.push(EvaluatedInput {
                id: input.id.clone(),
                name: input.name.clone(),
                value,
            });
            let seen = Layer {
                names,
                outer: variables,
            };
            let mut still = Vec::with_capacity(matching.len());
            for rule in matching {
                if rule.conditions[column].is_met(host, &seen)? {
                    still.push(rule);
                }
            }
            matching = still;
        }
        for rule in matching {
            evaluated.rules.push(self.conclude(rule, host, variables)?);
        }
        Ok(())
    }

    /// The outputs of a rule; a blank one is left out.
    fn conclude(
        &self,
        rule: &Rule,
        host: &dyn Host,
        variables: &dyn host::Host,
    ) -> Result<EvaluatedRule, String> {
        let mut outputs = Vec::new();
        for (output, conclusion) in self.outputs.iter().zip(&rule.conclusions) {
            if conclusion.is_blank() {
                continue;
            }
            let value = transform(conclusion.value(host, variables)?, output.type_name.as_deref())?;
            outputs.push(EvaluatedOutput {
                id: output.id.clone(),
                name: output.name.clone(),
                output_name: output.output_name.clone(),
                value,
            });
        }
        Ok(EvaluatedRule {
            id: rule.id.clone(),
            outputs,
        })
    }
}

fn feel_failure(message: &str) -> String {
    format!("FEEL/SCALA-01008 Error while evaluating expression: {message}")
}

impl Cell {
    /// The value; nothing written is null.
    fn value(&self, host: &dyn Host, variables: &dyn host::Host) -> Result<Value, String> {
        let Some(text) = &self.text else {
            return Ok(Value::Null);
        };
        match self.language.as_deref() {
            Some(language) if language.eq_ignore_ascii_case("juel") => juel::evaluate(
                self.juel.get_or_init(|| juel::parse(text)),
                text,
                language,
                variables,
            ),
            Some(language) if !is_feel(language) => host.script(language, text, variables.named()),
            _ => {
                let parsed = self.feel.get_or_init(|| Expression::parse(text));
                parsed
                    .as_ref()
                    .map_err(|m| feel_failure(m))?
                    .eval(variables)
                    .map_err(|m| feel_failure(&m))
            }
        }
    }

    /// Whether a condition is met. In a language that isn't FEEL it must be true.
    fn is_met(&self, host: &dyn Host, variables: &dyn host::Host) -> Result<bool, String> {
        let Some(text) = self.text.as_ref().filter(|_| !self.is_blank()) else {
            return Ok(true);
        };
        if self
            .language
            .as_deref()
            .is_some_and(|language| !is_feel(language))
        {
            return Ok(self.value(host, variables)? == Value::Boolean(true));
        }
        let parsed = self.tests.get_or_init(|| UnaryTests::parse(text));
        parsed
            .as_ref()
            .map_err(|m| feel_failure(m))?
            .eval(variables)
            .map_err(|m| feel_failure(&m))
    }
}
