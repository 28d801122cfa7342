//! Expressions over an instance: which variables and built-in objects they see, and how values translate.
use crate::{
    Millis,
    command::Rejection,
    convert::{from_value, to_value},
    ctx::Ctx,
    definition::Node,
    moves::Scene,
    value::TypedValue,
};
use expr::{Context, EvalError, Expression, Value};
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

    /// Evaluates to a typed value. A mere `${name}` copies the variable, so that its type survives whatever it is.
    pub(crate) fn eval_typed(
        &mut self,
        expression: &Expression,
        token: Option<Id>,
    ) -> Result<TypedValue, Rejection> {
        if let Some(name) = mere_name(expression.text())
            && let Some(variable) = self.find_variable(token, None, name)
        {
            return Ok(variable.value.clone());
        }
        Ok(from_value(self.eval(expression, token)?))
    }

    fn evaluated<T>(
        &mut self,
        token: Option<Id>,
        task: Option<Id>,
        run: impl FnOnce(&mut Place<'_, 'a, '_>) -> Result<T, EvalError>,
    ) -> Result<T, Rejection> {
        let element = token
            .and_then(|t| self.inst.tokens.get(t))
            .map(|t| t.element.clone());
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
            element,
        })
    }

    /// A variable's value as expressions see it. One whose content isn't at hand is noted; the step then fails.
    fn seen(&self, value: &TypedValue) -> Value {
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
            "execution" => return Some(Value::Bean("execution".to_owned())),
            "task" if self.task.is_some() => return Some(Value::Bean("task".to_owned())),
            "authenticatedUserId" => {
                return Some(self.ctx.env.user.map_or(Value::Null, Value::from));
            }
            _ => {}
        }
        self.ctx
            .find_variable(self.token, self.task, name)
            .map(|v| self.ctx.seen(&v.value))
    }

    fn call(&mut self, bean: &str, method: &str, args: Vec<Value>) -> Result<Option<Value>, EvalError> {
        if bean != "execution" && bean != "task" {
            return Ok(None);
        }
        let name = args.first().map(Value::to_text).unwrap_or_default();
        let task = if method.ends_with("Local") && bean == "task" {
            self.task
        } else {
            None
        };
        match (method, args.len()) {
            ("getVariable", 1) => Ok(Some(self.read(&name))),
            ("hasVariable", 1) => Ok(Some(Value::Bool(
                self.ctx.find_variable(self.token, self.task, &name).is_some(),
            ))),
            ("getVariableLocal", 1) => {
                let scope = self.ctx.local_scope(self.token);
                Ok(Some(
                    self.ctx
                        .local_variable(scope, task, &name)
                        .map_or(Value::Null, |v| self.ctx.seen(&v.value)),
                ))
            }
            ("hasVariableLocal", 1) => {
                let scope = self.ctx.local_scope(self.token);
                Ok(Some(Value::Bool(
                    self.ctx.local_variable(scope, task, &name).is_some(),
                )))
            }
            ("setVariable", 2) => {
                self.ctx
                    .set_variable(self.token, self.task, &name, from_value(args[1].clone()));
                Ok(Some(Value::Null))
            }
            ("setVariableLocal", 2) => {
                let scope = self.ctx.local_scope(self.token);
                let writer = self.ctx.writer(self.token);
                self.ctx
                    .set_local(scope, task, &name, from_value(args[1].clone()), writer);
                Ok(Some(Value::Null))
            }
            ("removeVariable", 1) => {
                self.ctx.remove_variable(self.token, self.task, &name);
                Ok(Some(Value::Null))
            }
            ("getVariables", 0) => Ok(Some(Value::Map(
                self.ctx
                    .visible_variables(self.token)
                    .into_iter()
                    .map(|v| (v.name.clone(), self.ctx.seen(&v.value)))
                    .collect(),
            ))),
            (getter, 0) => match getter.strip_prefix("get").filter(|rest| !rest.is_empty()) {
                Some(rest) => {
                    let mut chars = rest.chars();
                    let first = chars.next().map(|c| c.to_ascii_lowercase()).into_iter();
                    let property: String = first.chain(chars).collect();
                    self.property(bean, &property)
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn property(&mut self, bean: &str, name: &str) -> Result<Option<Value>, EvalError> {
        let ctx = &*self.ctx;
        let process = &ctx.inst.process;
        let token = self.token.and_then(|t| ctx.inst.tokens.get(t));
        let text = |text: Option<String>| text.map_or(Value::Null, Value::Str);
        if bean == "task" {
            let Some(task) = self.task.and_then(|t| ctx.inst.tasks.get(t)) else {
                return Ok(None);
            };
            let value = match name {
                "id" => Value::Str(task.id.to_string()),
                "name" => text(task.name.clone()),
                "description" => text(task.description.clone()),
                "assignee" => text(task.assignee.clone()),
                "owner" => text(task.owner.clone()),
                "priority" => Value::Int(task.priority),
                "taskDefinitionKey" => text(task.element.clone()),
                "dueDate" => task.due.map_or(Value::Null, Value::Date),
                "followUpDate" => task.follow_up.map_or(Value::Null, Value::Date),
                "createTime" => Value::Date(task.created),
                "executionId" => text(task.execution_id.map(|id| id.to_string())),
                "execution" => Value::Bean("execution".to_owned()),
                "processInstanceId" => Value::Str(process.id.to_string()),
                "processDefinitionId" => Value::Str(ctx.def.rest_id.to_owned()),
                "tenantId" => text(task.tenant_id.clone()),
                _ => return Ok(None),
            };
            return Ok(Some(value));
        }
        if bean != "execution" {
            return Ok(None);
        }
        let value = match name {
            "id" => Value::Str(self.execution().to_string()),
            "processInstanceId" => Value::Str(process.id.to_string()),
            "processBusinessKey" | "businessKey" => text(process.business_key.clone()),
            "processDefinitionId" => Value::Str(ctx.def.rest_id.to_owned()),
            "currentActivityId" => text(self.current().map(|n| n.id.clone())),
            "currentActivityName" => text(self.current().and_then(|n| n.name.clone())),
            "activityInstanceId" => match token {
                Some(t) => text(t.activity_id.map(|id| format!("{}:{id}", t.element))),
                None => Value::Str(process.id.to_string()),
            },
            "eventName" => ctx.scene.and_then(Scene::event).map_or(Value::Null, Value::from),
            "currentTransitionId" => match ctx.scene {
                Some(Scene::Take(flow)) => Value::Str(ctx.def.definition.flows[flow].id.clone()),
                _ => Value::Null,
            },
            "tenantId" => text(process.tenant_id.clone()),
            "variables" => return self.call(bean, "getVariables", Vec::new()),
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn now(&self) -> i64 {
        self.ctx.env.now
    }

    fn user(&self) -> Option<String> {
        self.ctx.env.user.map(str::to_owned)
    }
}

impl<'a> Place<'_, 'a, '_> {
    /// REST's id of the execution.
    fn execution(&self) -> Id {
        let ctx = &*self.ctx;
        match ctx.scene {
            // Beside others, the execution around an activity is the token's own.
            Some(Scene::Outside(token)) if ctx.tokens_within(self.token) > 1 => token,
            _ => ctx.scope_execution(self.token),
        }
    }

    /// The element that `execution` stands on.
    fn current(&self) -> Option<&'a Node> {
        let ctx = &*self.ctx;
        let element = match (ctx.scene, self.token) {
            (Some(Scene::Outside(_)), _) => None,
            (Some(Scene::ProcessEnd), _) => ctx.last.as_ref(),
            (_, token) => token.and_then(|t| ctx.inst.tokens.get(t)).map(|t| &t.element),
        };
        ctx.def.definition.node(element?)
    }

    fn read(&self, name: &str) -> Value {
        self.ctx
            .find_variable(self.token, self.task, name)
            .map_or(Value::Null, |v| self.ctx.seen(&v.value))
    }
}
