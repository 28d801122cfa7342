//! Having scripts run: what they see, and what they did.
use crate::{
    ask::{Ask, Binding, BpmnError, Effect, Facts, Ran, Reply, Script as Asked, Source as Text},
    command::Rejection,
    convert::{from_value, to_value},
    ctx::Ctx,
    moves::Scene,
    script::{Condition, Script, Source},
    value::{TypedValue, Variables},
};
use expr::{ErrorKind, EvalError, Value};
use topology::Id;

/// How a script ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The value of its last expression.
    Value(TypedValue),
    /// It threw a BPMN error.
    Error(BpmnError),
}

impl Ended {
    /// The value. A BPMN error is a failure with its message, and noted for those who can have it caught
    /// ([`Ctx::thrown`]).
    pub(crate) fn value(self, ctx: &mut Ctx<'_, '_>, token: Option<Id>) -> Result<TypedValue, Rejection> {
        match self {
            Ended::Value(value) => Ok(value),
            Ended::Error(error) => {
                let message = error.message.clone().unwrap_or_else(|| "null".to_owned());
                ctx.thrown = Some(error);
                Err(ctx.failure_at(token, message))
            }
        }
    }
}

impl Ctx<'_, '_> {
    /// Runs a script in a token's scope (`None`: the instance's), or in that of a task. Its changes are made.
    ///
    /// # Errors
    /// It failed, in the reference's words; or it has to be run first ([`Rejection::Asks`]).
    pub(crate) fn run_script(
        &mut self,
        script: &Script,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<Ended, Rejection> {
        let source = match &script.source {
            Source::Text(text) => Text::Text(text.clone()),
            Source::Computed(expression) => Text::Text(self.eval(expression, token)?.to_text()),
            Source::Resource(path) => Text::Resource(self.eval_text(path, token)?.unwrap_or_default()),
            Source::Juel(expression) => return self.run_juel(expression, token, task),
        };
        let mut needed: Vec<String> = Vec::new();
        loop {
            let mut asked = self.script_asked(&script.language, source.clone(), token, task, &needed)?;
            (asked.execution, asked.task) = self.getters(token, task);
            let ran = match self.ask(Ask::Script(asked))? {
                Reply::Script(Ok(ran)) => ran,
                Reply::Script(Err(message)) => return Err(self.failure_at(token, message)),
                Reply::Connector(_) => {
                    let message = "a script was answered as a connector".to_owned();
                    return Err(self.failure_at(token, message));
                }
            };
            match ran.needs {
                // Each time another one, of which there are not many.
                Some(name) if !needed.contains(&name) => needed.push(name),
                _ => return Ok(self.made(ran, token, task)),
            }
        }
    }

    /// Whether a condition holds, seen from a token.
    pub(crate) fn condition_holds(
        &mut self,
        condition: &Condition,
        token: Option<Id>,
    ) -> Result<bool, Rejection> {
        let script = match condition {
            Condition::Expression(expression) => return self.eval_bool(expression, token),
            Condition::Script(script) => script,
        };
        let value = self.run_script(script, token, None)?.value(self, token);
        // Nothing catches those of conditions.
        self.thrown = None;
        match value? {
            TypedValue::Boolean(holds) => Ok(holds),
            TypedValue::Null => {
                let message = "condition script returns null: result is null".to_owned();
                Err(self.failure_at(token, message))
            }
            other => {
                let message = format!(
                    "condition script returns non-Boolean: result has class {} and not java.lang.Boolean",
                    to_value(&other).class_name()
                );
                Err(self.failure_at(token, message))
            }
        }
    }

    fn run_juel(
        &mut self,
        expression: &Result<expr::Expression, String>,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<Ended, Rejection> {
        let result = match expression {
            Ok(expression) => self.try_eval(expression, token, task)?,
            Err(message) => Err(format!(
                "org.camunda.bpm.impl.juel.TreeBuilderException: {message}"
            )),
        };
        match result {
            Ok(value) => Ok(Ended::Value(from_value(value))),
            Err(cause) => Err(self.failure_at(token, format!("{}{cause}", self.evaluating(token)))),
        }
    }

    /// Evaluates a JUEL script; its failure in the words of JUEL's script engine.
    fn try_eval(
        &mut self,
        expression: &expr::Expression,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<Result<Value, String>, Rejection> {
        let result = self.eval_caught(expression, token, task)?;
        Ok(result.map_err(|cause: EvalError| match cause.kind {
            ErrorKind::UnknownProperty => {
                let text = match cause.message.find("The class '") {
                    Some(at) => cause.message[at..].to_owned(),
                    None => {
                        let name = cause.message.rsplit('\'').nth(1).unwrap_or_default();
                        format!("Cannot find property {name}")
                    }
                };
                format!("org.camunda.bpm.impl.juel.jakarta.el.PropertyNotFoundException: {text}")
            }
            _ => format!(
                "org.camunda.bpm.impl.juel.jakarta.el.ELException: {}",
                cause.message
            ),
        }))
    }

    /// What the reference says before the reason why a script failed. What an activity gets is evaluated around it, where
    /// no activity is then.
    fn evaluating(&self, token: Option<Id>) -> String {
        if matches!(self.scene, Some(Scene::Outside(_))) {
            return "Unable to evaluate script:".to_owned();
        }
        format!(
            "Unable to evaluate script while executing activity '{}' in the process definition with id '{}':",
            self.element_at(token),
            self.def.rest_id
        )
    }

    fn element_at(&self, token: Option<Id>) -> String {
        let row = token.and_then(|id| self.inst.tokens.get(id));
        row.map_or_else(|| self.def.definition.key.clone(), |row| row.element.clone())
    }

    /// Where something is asked.
    pub(crate) fn facts(&self, token: Option<Id>) -> Facts {
        Facts {
            instance_id: self.inst.process.id,
            definition_id: self.def.rest_id.to_owned(),
            definition: self.def.id,
            element: self.element_at(token),
            tenant_id: self.inst.process.tenant_id.clone(),
            user: self.env.user.map(str::to_owned),
        }
    }

    fn script_asked(
        &self,
        language: &str,
        source: Text,
        token: Option<Id>,
        task: Option<Id>,
        needed: &[String],
    ) -> Result<Asked, Rejection> {
        let own = task.unwrap_or_else(|| self.local_scope(token));
        let mut variables: Vec<_> = match task {
            Some(task) => {
                let own = self.inst.variables.by(crate::tracked::By::Task(task));
                own.collect()
            }
            None => Vec::new(),
        };
        for variable in self.visible_variables(token) {
            if !variables.iter().any(|v| v.name == variable.name) {
                variables.push(variable);
            }
        }
        let mentions = |name: &str| match &source {
            Text::Text(text) => text.contains(name),
            Text::Resource(_) => false,
        };
        let mut missing = Vec::new();
        let answered = self.answered.iter().flatten().map(|(name, value)| Binding {
            name: name.clone(),
            value: Some(value.clone()),
            local: true,
        });
        let variables = variables.into_iter().filter(|v| self.answer(&v.name).is_none());
        let bindings = variables.map(|variable| {
            let name = &variable.name;
            let value = match &variable.value {
                TypedValue::Large(large) if needed.contains(name) || mentions(name) => {
                    let content = large.id.and_then(|id| self.inst.large.content(id));
                    if content.is_none() {
                        missing.extend(large.id);
                    }
                    content.map(|content| large.whole((**content).clone()))
                }
                TypedValue::Large(_) => None,
                value => Some(value.clone()),
            };
            Binding {
                name: name.clone(),
                value,
                local: variable.task_id.unwrap_or(variable.scope_id) == own,
            }
        });
        let asked = Asked {
            language: language.to_owned(),
            bindings: answered.chain(bindings).collect(),
            source,
            connector: self.answered.is_some(),
            execution: Variables::new(),
            task: None,
            facts: self.facts(token),
        };
        match missing.is_empty() {
            true => Ok(asked),
            false => Err(Rejection::NeedsValues(missing)),
        }
    }

    /// Makes the changes of a script that has run.
    fn made(&mut self, ran: Ran, token: Option<Id>, task: Option<Id>) -> Ended {
        for effect in ran.effects {
            match effect {
                Effect::SetVariable {
                    name,
                    value,
                    local: false,
                } => self.set_variable(token, task, &name, value),
                Effect::SetVariable {
                    name,
                    value,
                    local: true,
                } => {
                    let writer = self.writer(token);
                    self.set_local(self.local_scope(token), task, &name, value, writer);
                }
                Effect::RemoveVariable { name, local: false } => self.remove_variable(token, task, &name),
                Effect::RemoveVariable { name, local: true } => {
                    let found = self.local_variable(self.local_scope(token), task, &name);
                    if let Some(id) = found.map(|v| v.id) {
                        let writer = self.writer(token);
                        self.delete_variable(id, writer);
                    }
                }
                Effect::SetBusinessKey(key) => self.inst.process.business_key = key,
                Effect::SetTask { field, value } => {
                    self.set_by_script(token, task, &field, &to_value(&value))
                }
            }
        }
        match ran.error {
            Some(error) => Ended::Error(error),
            None => Ended::Value(ran.value.unwrap_or(TypedValue::Null)),
        }
    }
}
