//! Expressions over an instance: which variables and built-in objects they see, and how values translate.
mod decision;
mod execution;
mod external_task;
mod related;
mod script;
mod task;
mod variables;

use crate::{
    Millis,
    collections::{reread, written},
    command::Rejection,
    convert::{storable, to_value},
    ctx::Ctx,
    value::{TypedValue, Variables},
};
use expr::{BeanCall, Context, EvalError, Expression, Value};
use topology::Id;

/// An expression's place: the scope it sees, from inside out, and the task if it is one's.
struct Place<'x, 'a, 'b> {
    ctx: &'x mut Ctx<'a, 'b>,
    /// The token whose scope it is; `None` is the process instance.
    token: Option<Id>,
    /// The expression assigned variables; a failure in it is then still a failure.
    task: Option<Id>,
}

impl<'a> Ctx<'a, '_> {
    /// Evaluates in a token's scope (`None`: the instance's). A failure names the token's element.
    pub(crate) fn eval(&mut self, expression: &Expression, token: Option<Id>) -> Result<Value, Rejection> {
        self.evaluated(token, None, |place| expression.eval(place))
    }

    /// Evaluates a condition.
    pub(crate) fn eval_bool(&mut self, condition: &Expression, token: Option<Id>) -> Result<bool, Rejection> {
        self.evaluated(token, None, |place| condition.eval_bool(place))
    }

    /// Evaluates to a text; null gives `None`.
    pub(crate) fn eval_text(
        &mut self,
        expression: &Expression,
        token: Option<Id>,
    ) -> Result<Option<String>, Rejection> {
        if expression.is_literal() {
            return Ok(Some(expression.text().to_owned()));
        }
        self.evaluated(token, None, |place| expression.eval_opt_text(place))
    }

    /// Evaluates in the scope of a task, which is then also there as `task`.
    pub(crate) fn eval_in_task(
        &mut self,
        expression: &Expression,
        token: Id,
        task: Id,
    ) -> Result<Value, Rejection> {
        self.evaluated(Some(token), Some(task), |place| expression.eval(place))
    }

    /// Evaluates to the value of the variable `name`. A mere `${name}` copies the variable, so that its type survives
    /// whatever it is.
    pub(crate) fn eval_typed(
        &mut self,
        expression: &Expression,
        token: Option<Id>,
        name: &str,
    ) -> Result<TypedValue, Rejection> {
        if let Some(variable) = mere_name(expression.text()) {
            if let Some(value) = self.answer(variable) {
                return Ok(value.clone());
            }
            let found = self.touch(token, None, variable);
            match found.and_then(|id| self.inst.variables.get(id)).map(|v| &v.value) {
                None | Some(TypedValue::Xml(_) | TypedValue::NullOf(_)) => {}
                Some(value) => return Ok(value.clone()),
            }
        }
        let value = self.evaluated(token, None, |place| expression.eval(place))?;
        let element = self.element_of(token);
        storable(name, value, element.as_deref()).map_err(|message| Rejection::Failure { message, element })
    }

    /// An expression reads a variable, whose id this gives: its object is written anew, as the reference does at the
    /// command's end.
    pub(crate) fn touch(&mut self, token: Option<Id>, task: Option<Id>, name: &str) -> Option<Id> {
        let found = self.find_variable(token, task, name)?;
        let (id, scope, again) = (found.id, found.scope_id, reread(&found.value));
        if let Some(again) = again {
            let scope = Some(scope).filter(|scope| *scope != self.inst.process.id);
            let writer = self.writer(scope);
            self.replace_value(id, again, writer);
        }
        Some(id)
    }

    /// The element a token stands on.
    pub(crate) fn element_of(&self, token: Option<Id>) -> Option<String> {
        let token = token.and_then(|id| self.inst.tokens.get(id));
        token.map(|token| token.element.clone())
    }

    /// The values of the arguments of a bean's method.
    pub(crate) fn eval_arguments(&mut self, call: &BeanCall<'_>, token: Id) -> Result<Vec<Value>, Rejection> {
        self.evaluated(Some(token), None, |place| call.arguments(place))
    }

    fn evaluated<T>(
        &mut self,
        token: Option<Id>,
        task: Option<Id>,
        run: impl FnOnce(&mut Place<'_, 'a, '_>) -> Result<T, EvalError>,
    ) -> Result<T, Rejection> {
        let result = run(&mut Place {
            ctx: self,
            token,
            task,
        });
        let needs = self.needs.take();
        if !needs.is_empty() {
            return Err(Rejection::NeedsValues(needs));
        }
        result.map_err(|cause| Rejection::Failure {
            message: cause.message,
            element: self.element_of(token),
        })
    }

    /// A variable's value as expressions see it. One whose content isn't at hand is noted; the step then fails.
    pub(crate) fn seen(&self, value: &TypedValue) -> Value {
        let TypedValue::Large(large) = value else {
            return to_value(value);
        };
        match large.id.and_then(|id| self.inst.large.content(id)) {
            Some(content) => to_value(&large.whole((**content).clone())),
            None => {
                self.needs.borrow_mut().extend(large.id);
                Value::Null
            }
        }
    }
}

/// Where the condition of a start event is evaluated: the variables that are offered, and the time.
struct Offered<'v>(&'v Variables, Millis);

impl Context for Offered<'_> {
    fn variable(&mut self, name: &str) -> Option<Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| to_value(value))
    }
    fn call(&mut self, _: &str, _: &str, _: Vec<Value>) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
    fn property(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
    fn now(&self) -> Millis {
        self.1
    }
    fn user(&self) -> Option<String> {
        None
    }
}

/// Whether a condition holds with these variables; one that can't be evaluated doesn't.
pub(crate) fn holds_with(condition: &Expression, variables: &Variables, now: Millis) -> bool {
    condition.eval_bool(&mut Offered(variables, now)).unwrap_or(false)
}

/// Where an expression of a definition is evaluated: nothing but the time.
struct Nowhere(Millis);

impl Context for Nowhere {
    fn variable(&mut self, _: &str) -> Option<Value> {
        None
    }
    fn call(&mut self, _: &str, _: &str, _: Vec<Value>) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
    fn property(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
    fn now(&self) -> Millis {
        self.0
    }
    fn user(&self) -> Option<String> {
        None
    }
}

/// Evaluates where there are no variables: a date, or else a text.
pub(crate) fn without_scope(text: &str, now: Millis) -> Result<Result<Millis, String>, String> {
    let expression = Expression::parse(text).map_err(|cause| cause.message)?;
    match expression
        .eval(&mut Nowhere(now))
        .map_err(|cause| cause.message)?
    {
        Value::Date(date) | Value::DateTime(date) => Ok(Ok(date)),
        value => Ok(Err(value.to_text())),
    }
}

/// A number where there are no variables; `None` if it needs them or is none.
pub(crate) fn number(expression: &Expression) -> Option<i64> {
    expression.eval_text(&mut Nowhere(0)).ok()?.trim().parse().ok()
}

/// A message's name where there are no variables; one that needs them stays as it is written.
pub(crate) fn message_name(expression: &Expression) -> String {
    expression
        .eval_text(&mut Nowhere(0))
        .unwrap_or_else(|_| expression.text().to_owned())
}

/// `name` of an expression that is just `${name}`.
fn mere_name(text: &str) -> Option<&str> {
    let name = text
        .strip_prefix("${")
        .or_else(|| text.strip_prefix("#{"))?
        .strip_suffix('}')?
        .trim();
    let plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    plain.then_some(name)
}

impl Context for Place<'_, '_, '_> {
    fn variable(&mut self, name: &str) -> Option<Value> {
        match name {
            EXECUTION => return Some(Value::Bean(EXECUTION.to_owned())),
            EXTERNAL_TASK if self.external_task().is_some() => {
                return Some(Value::Bean(EXTERNAL_TASK.to_owned()));
            }
            TASK if self.task.is_some() => return Some(Value::Bean(TASK.to_owned())),
            decision::RESULT if self.has_decided() => return Some(Value::Bean(name.to_owned())),
            "authenticatedUserId" => {
                return Some(self.ctx.env.user.map_or(Value::Null, Value::from));
            }
            _ => {}
        }
        if let Some(value) = self.ctx.answer(name) {
            return Some(to_value(value));
        }
        match self.ctx.touch(self.token, self.task, name) {
            Some(id) => {
                let found = self.ctx.inst.variables.get(id);
                found.map(|v| self.ctx.seen(&v.value))
            }
            None => [ID_GENERATOR, related::IDENTITY]
                .contains(&name)
                .then(|| Value::Bean(name.to_owned())),
        }
    }

    fn update(&mut self, name: &str, value: Value) {
        let shape = match self
            .ctx
            .find_variable(self.token, self.task, name)
            .map(|v| &v.value)
        {
            Some(TypedValue::Large(large)) => large.shape(),
            Some(value) => value,
            None => return,
        };
        let TypedValue::Object { type_name, .. } = shape else {
            return;
        };
        let value = written(type_name, value);
        self.ctx.set_variable(self.token, self.task, name, value);
    }

    fn call(&mut self, bean: &str, method: &str, args: Vec<Value>) -> Result<Option<Value>, EvalError> {
        match related::Related::of(bean) {
            Some(related) => return self.related_call(related, method, args),
            None if related::is_services(bean) => return related::service(method),
            None => {}
        }
        if (bean, method) == (ID_GENERATOR, "getNextId") && args.is_empty() {
            return Ok(Some(Value::Str(self.ctx.new_id().to_string())));
        }
        if let Some(done) = self.decision_call(bean, method, &args) {
            return done;
        }
        let Some(bean) = self.bean(bean) else {
            return Ok(None);
        };
        // The external task has no variables of its own.
        if !matches!(bean, Bean::ExternalTask)
            && let Some(done) = self.variables_of(bean, method, &args)?
        {
            return Ok(Some(done));
        }
        if let (Bean::Task(task), Some(setter)) = (bean, method.strip_prefix("set")) {
            return self.set_task(task, setter, &args);
        }
        if let Bean::Task(task) = bean
            && let Some(done) = self.change_candidates(task, method, &args)
        {
            return Ok(Some(done));
        }
        if !args.is_empty() {
            return match (bean, method, &args[..]) {
                // The key of an execution that isn't the instance's shows nowhere.
                (Bean::Execution, "setBusinessKey", [_]) if self.execution() != self.ctx.inst.process.id => {
                    Ok(Some(Value::Null))
                }
                (Bean::Execution, "setProcessBusinessKey" | "setBusinessKey", [key]) => {
                    self.ctx.inst.process.business_key = opt_text(key);
                    Ok(Some(Value::Null))
                }
                _ => Ok(None),
            };
        }
        Ok(getter(method).and_then(|(name, truth)| {
            let found = self.property_of(bean, &name)?;
            (matches!(found, Value::Bool(_)) == truth).then_some(found)
        }))
    }

    fn property(&mut self, bean: &str, name: &str) -> Result<Option<Value>, EvalError> {
        match related::Related::of(bean) {
            Some(related) => return self.related_property(related, name),
            None if related::is_services(bean) => return related::service_property(name),
            None => {}
        }
        if let Some(found) = self.decision_property(bean, name) {
            return found;
        }
        Ok(self.bean(bean).and_then(|bean| self.property_of(bean, name)))
    }

    fn now(&self) -> i64 {
        self.ctx.env.now
    }

    fn user(&self) -> Option<String> {
        self.ctx.env.user.map(str::to_owned)
    }

    fn groups(&self) -> Option<Vec<String>> {
        self.ctx.env.groups.map(<[String]>::to_vec)
    }
}

/// A built-in object.
#[derive(Clone, Copy, Debug)]
enum Bean {
    Execution,
    Task(Id),
    ExternalTask,
}

impl Place<'_, '_, '_> {
    fn bean(&self, name: &str) -> Option<Bean> {
        match name {
            EXECUTION => Some(Bean::Execution),
            TASK => self.task.map(Bean::Task),
            EXTERNAL_TASK => self.external_task().map(|_| Bean::ExternalTask),
            _ => None,
        }
    }

    /// What `getNAME` gives, or `bean.NAME`.
    fn property_of(&mut self, bean: Bean, name: &str) -> Option<Value> {
        let names = |names: Vec<String>| Value::List(names.into_iter().map(Value::Str).collect());
        match name {
            _ if matches!(bean, Bean::ExternalTask) => {}
            "variables" => {
                self.touch_all(bean);
                return Some(Value::Map(self.visible(bean)));
            }
            "variablesLocal" => {
                self.touch_all(bean);
                return Some(Value::Map(self.local(bean)));
            }
            "variableNames" => return Some(names(keys(self.visible(bean)))),
            "variableNamesLocal" => return Some(names(keys(self.local(bean)))),
            _ => {}
        }
        if let Some(related) = self.leads_to(bean, name) {
            return Some(related);
        }
        match bean {
            Bean::Execution => self.execution_property(name),
            Bean::Task(task) => self.task_property(task, name),
            Bean::ExternalTask => self.external_property(name),
        }
    }
}

const EXECUTION: &str = "execution";
const TASK: &str = "task";
const EXTERNAL_TASK: &str = "externalTask";
/// The bean of Camunda's Spring Boot starter that makes ids, which models use for business keys.
const ID_GENERATOR: &str = "strongUuidGenerator";

fn keys(entries: Vec<(String, Value)>) -> Vec<String> {
    entries.into_iter().map(|(name, _)| name).collect()
}

/// The property that a getter reads, and whether it says that it is a boolean: `getName` is `name`.
fn getter(method: &str) -> Option<(String, bool)> {
    match (method.strip_prefix("get"), method.strip_prefix("is")) {
        (Some(name), _) => Some((decapitalized(name)?, false)),
        (_, Some(name)) => Some((decapitalized(name)?, true)),
        _ => None,
    }
}

/// `assignee` of `Assignee`; `None` of nothing.
fn decapitalized(name: &str) -> Option<String> {
    let mut chars = name.chars();
    let first = chars.next()?.to_ascii_lowercase();
    Some(std::iter::once(first).chain(chars).collect())
}

/// A text, or nothing.
fn opt_text(value: &Value) -> Option<String> {
    (*value != Value::Null).then(|| value.to_text())
}

fn text(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::Str)
}
