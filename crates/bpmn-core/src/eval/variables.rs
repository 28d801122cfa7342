//! The methods by which `execution` and `task` read and set variables.
use super::{Bean, Place};
use crate::{convert::storable, instance::Variable, tracked::By};
use expr::{EvalError, Java, Value};
use topology::Id;

impl Place<'_, '_, '_> {
    /// Carries out a method about variables; `None`: it is none.
    ///
    /// # Errors
    /// The reference can't store a value either.
    pub(super) fn variables_of(
        &mut self,
        bean: Bean,
        method: &str,
        args: &[Value],
    ) -> Result<Option<Value>, EvalError> {
        let name = args.first().map(Value::to_text).unwrap_or_default();
        let found = |variable: Option<&Variable>| Value::Bool(variable.is_some());
        Ok(Some(match (method, args) {
            ("getVariable", [_] | [_, Value::Bool(_) | Value::Str(_)]) => self.read(bean, false, &name),
            ("getVariableLocal", [_]) => self.read(bean, true, &name),
            ("getVariableTyped", [_] | [_, Value::Bool(_)]) => self.typed(bean, false, &name),
            ("getVariableLocalTyped", [_] | [_, Value::Bool(_)]) => self.typed(bean, true, &name),
            ("hasVariable", [_]) => found(self.visible_variable(bean, &name)),
            ("hasVariableLocal", [_]) => found(self.own_variable(bean, &name)),
            ("hasVariables", []) => Value::Bool(!self.visible(bean).is_empty()),
            ("hasVariablesLocal", []) => Value::Bool(!self.local(bean).is_empty()),
            ("setVariable", [_, value]) => self.set(bean, false, &name, value.clone())?,
            ("setVariable", [_, value, Value::Str(activity)])
                if self.current().is_some_and(|node| node.id == *activity) =>
            {
                self.set(bean, true, &name, value.clone())?
            }
            ("toString", []) if matches!(bean, Bean::Execution) => Value::Str(self.shown()),
            ("isActive", [_]) => Value::Bool(self.ctx.inst.tokens.iter().any(|token| token.element == name)),
            ("setVariableLocal", [_, value]) => self.set(bean, true, &name, value.clone())?,
            ("setVariables", [Value::Map(entries)]) => self.set_all(bean, false, entries)?,
            ("setVariablesLocal", [Value::Map(entries)]) => self.set_all(bean, true, entries)?,
            ("removeVariable", [_]) => self.remove(bean, false, vec![name]),
            ("removeVariableLocal", [_]) => self.remove(bean, true, vec![name]),
            ("removeVariables", [Value::List(names)]) => self.remove(bean, false, texts(names)),
            ("removeVariablesLocal", [Value::List(names)]) => self.remove(bean, true, texts(names)),
            ("removeVariables" | "removeVariablesLocal", []) => {
                let names = self.local(bean).into_iter().map(|(name, _)| name).collect();
                self.remove(bean, true, names)
            }
            _ => return Ok(None),
        }))
    }

    /// The value of a variable, which counts as read.
    fn read(&mut self, bean: Bean, local: bool, name: &str) -> Value {
        self.ctx.touch(self.token, bean.task(), name);
        match local {
            true => self.seen(self.own_variable(bean, name)),
            false => self.seen(self.visible_variable(bean, name)),
        }
    }

    fn typed(&mut self, bean: Bean, local: bool, name: &str) -> Value {
        Java::Typed(Box::new(self.read(bean, local, name))).into()
    }

    /// All variables that it sees count as read.
    pub(super) fn touch_all(&mut self, bean: Bean) {
        for (name, _) in self.visible(bean) {
            self.ctx.touch(self.token, bean.task(), &name);
        }
    }

    fn seen(&self, variable: Option<&Variable>) -> Value {
        variable.map_or(Value::Null, |v| self.ctx.seen(&v.value))
    }

    fn visible_variable(&self, bean: Bean, name: &str) -> Option<&Variable> {
        self.ctx.find_variable(self.token, bean.task(), name)
    }

    fn own_variable(&self, bean: Bean, name: &str) -> Option<&Variable> {
        self.ctx
            .local_variable(self.ctx.local_scope(self.token), bean.task(), name)
    }

    /// All that it sees; an inner one hides an outer one.
    pub(super) fn visible(&self, bean: Bean) -> Vec<(String, Value)> {
        let mut seen = match bean {
            Bean::Task(_) => self.local(bean),
            _ => Vec::new(),
        };
        for variable in self.ctx.visible_variables(self.token) {
            if !seen.iter().any(|(name, _)| *name == variable.name) {
                seen.push((variable.name.clone(), self.ctx.seen(&variable.value)));
            }
        }
        seen
    }

    /// Its own.
    pub(super) fn local(&self, bean: Bean) -> Vec<(String, Value)> {
        let by = match bean {
            Bean::Task(task) => By::Task(task),
            _ => By::Scope(self.ctx.local_scope(self.token)),
        };
        let own = self.ctx.inst.variables.by(by);
        own.filter(|v| v.task_id == bean.task())
            .map(|v| (v.name.clone(), self.ctx.seen(&v.value)))
            .collect()
    }

    fn set(&mut self, bean: Bean, local: bool, name: &str, value: Value) -> Result<Value, EvalError> {
        let element = self.ctx.element_of(self.token);
        let value = storable(name, value, element.as_deref())
            .map_err(|message| EvalError::thrown("org.camunda.bpm.engine.ProcessEngineException", message))?;
        match local {
            true => {
                let scope: Id = self.ctx.local_scope(self.token);
                let writer = self.ctx.writer(self.token);
                self.ctx.set_local(scope, bean.task(), name, value, writer);
            }
            false => self.ctx.set_variable(self.token, bean.task(), name, value),
        }
        Ok(Value::Null)
    }

    fn set_all(&mut self, bean: Bean, local: bool, entries: &[(String, Value)]) -> Result<Value, EvalError> {
        for (name, value) in entries {
            self.set(bean, local, name, value.clone())?;
        }
        Ok(Value::Null)
    }

    fn remove(&mut self, bean: Bean, local: bool, names: Vec<String>) -> Value {
        for name in names {
            if !local {
                self.ctx.remove_variable(self.token, bean.task(), &name);
            } else if let Some(id) = self.own_variable(bean, &name).map(|v| v.id) {
                let writer = self.ctx.writer(self.token);
                self.ctx.delete_variable(id, writer);
            }
        }
        Value::Null
    }
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(Value::to_text).collect()
}
