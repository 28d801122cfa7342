//! Variables: where a name is looked up and set, and input and output parameters.
use crate::{
    collections,
    command::Rejection,
    convert,
    ctx::Ctx,
    definition::{Mapping, MappingValue, Node},
    instance::{Recorded, Token, TokenState, Variable, Version},
    moves::Scene,
    tracked::By,
    value::{TypedValue, Variables},
};
use expr::Value;
use std::sync::Arc;
use topology::{Id, Slot};

/// What a task lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// The token of the process that has made it.
    Token(Id),
    /// The task that it is a part of.
    Task(Id),
    Nothing,
}

impl<'a> Ctx<'a, '_> {
    /// The scopes a token sees, from inside out; the last is the process instance.
    fn scopes(&self, token: Option<Id>) -> impl Iterator<Item = Id> + '_ {
        let tokens = &self.inst.tokens;
        let (first, last) = match self.own_only {
            true => (None, self.local_scope(token)),
            false => (token, self.inst.process.id),
        };
        let first = first.and_then(|id| tokens.get(id));
        let around = std::iter::successors(first, |row| row.parent_id.and_then(|id| tokens.get(id)));
        around.map(|row| row.id).chain([last])
    }

    /// Where "local" variables of a token's execution live: with the token if it has an execution of its own,
    /// otherwise with the scope it is alone in.
    pub(crate) fn local_scope(&self, token: Option<Id>) -> Id {
        let Some(row) = token.and_then(|id| self.inst.tokens.get(id)) else {
            return self.inst.process.id;
        };
        let shared = row.execution_id == self.scope_execution(row.parent_id);
        if shared {
            row.parent_id.unwrap_or(self.inst.process.id)
        } else {
            row.id
        }
    }

    /// The variable of that name in exactly that scope.
    pub(crate) fn local_variable(&self, scope: Id, task: Option<Id>, name: &str) -> Option<&Variable> {
        self.inst.variables.first(By::Named(task.unwrap_or(scope), name))
    }

    /// The innermost visible variable of that name.
    pub(crate) fn find_variable(&self, token: Option<Id>, task: Option<Id>, name: &str) -> Option<&Variable> {
        let Some(task) = task else {
            let mut scopes = self.scopes(token);
            return scopes.find_map(|scope| self.local_variable(scope, None, name));
        };
        // What no process has made sees what it is a part of.
        self.local_variable(task, Some(task), name)
            .or_else(|| match self.around_task(task) {
                Around::Task(parent) => self.find_variable(None, Some(parent), name),
                Around::Token(token) => self.find_variable(Some(token), None, name),
                Around::Nothing => None,
            })
    }

    /// What a task lies in.
    pub(crate) fn around_task(&self, task: Id) -> Around {
        let row = self.inst.tasks.get(task);
        match row.map(|row| (row.token_id, row.parent_id)) {
            Some((Some(token), _)) => Around::Token(token),
            Some((None, Some(parent))) if self.inst.tasks.get(parent).is_some() => Around::Task(parent),
            _ => Around::Nothing,
        }
    }

    /// All variables a token sees; an inner one hides an outer one of the same name.
    pub(crate) fn visible_variables(&self, token: Option<Id>) -> Vec<&Variable> {
        let mut seen: Vec<&Variable> = Vec::new();
        for scope in self.scopes(token) {
            for variable in self
                .inst
                .variables
                .by(By::Scope(scope))
                .filter(|v| v.task_id.is_none())
            {
                if !seen.iter().any(|v| v.name == variable.name) {
                    seen.push(variable);
                }
            }
        }
        seen
    }

    /// The activity instance that the execution of a token (`None`: the process instance) is in, as the reference
    /// remembers it: who sets variables there. `None`: the process instance; [`Id::NIL`]: none, as between activities.
    pub(crate) fn writer(&self, token: Option<Id>) -> Option<Id> {
        let Some(row) = token.and_then(|id| self.inst.tokens.get(id)) else {
            return self.shown_in(None, None);
        };
        match row.state {
            TokenState::Iteration => self.shown_in(Some(row.id), self.own_activity(row.id)),
            TokenState::Scope => self.shown_in(Some(row.id), row.activity_id),
            // Only a new instance is nobody yet where its start is told.
            _ if row.activity_id.is_none() && self.scene == Some(Scene::Start) => None,
            _ => Some(Self::entered(row)),
        }
    }

    /// [`Ctx::writer`] at a task, which has none if no process has made it.
    pub(crate) fn writer_at(&self, token: Option<Id>, task: Option<Id>) -> Option<Id> {
        match token.is_none() && task.is_some() {
            true => Some(Id::NIL),
            false => self.writer(token),
        }
    }

    /// The activity instance of the execution of a scope whose own is `own`. What is alone in it and no scope shares
    /// that execution; of a scope alone in it the execution remembers the activity instance, if others may be inside.
    fn shown_in(&self, scope: Option<Id>, own: Option<Id>) -> Option<Id> {
        let mut inside = self.tokens_in(scope);
        let (Some(only), None) = (inside.next(), inside.next()) else {
            return own;
        };
        let contains = matches!(only.state, TokenState::Scope | TokenState::Compensating);
        match only.state {
            TokenState::Iteration => own,
            _ if self.in_scope_activity(only) && !contains => own,
            _ => Some(Self::entered(only)),
        }
    }

    /// The activity instance that a token has entered and not left.
    fn entered(row: &Token) -> Id {
        match row.state {
            TokenState::BeforeAsync | TokenState::AfterAsync => Id::NIL,
            _ => row.activity_id.unwrap_or(Id::NIL),
        }
    }

    /// The activity instance that history shows a variable in which is made in a scope, if it isn't the scope's own, as
    /// the reference looks for it: above what may contain others, which knows it only once that has been entered; else
    /// in the execution itself.
    pub(crate) fn shown_apart(&self, scope: Id, task: Option<Id>) -> Option<Id> {
        if task == Some(scope) {
            return Some(Id::NIL);
        }
        let row = self.inst.tokens.get(scope).filter(|_| task.is_none())?;
        let process = self.inst.process.id;
        let own_of = |scope: Option<Id>| scope.and_then(|scope| self.own_activity(scope));
        let above = || Some(own_of(row.parent_id).unwrap_or(process));
        let node = self.def.definition.node(&row.element);
        let contains = node.is_some_and(|n| n.behavior.is_composite());
        match row.state {
            TokenState::Iteration => self.writer(Some(scope)),
            TokenState::EventScope => {
                let shown = self.shown_in(row.parent_id, own_of(row.parent_id));
                Some(shown.unwrap_or(process))
            }
            // Its end listeners find it left already.
            TokenState::Scope if self.scene == Some(Scene::End) && self.tokens_within(Some(scope)) == 0 => {
                above()
            }
            TokenState::Scope => None,
            TokenState::BeforeAsync | TokenState::AfterAsync if row.ended().is_none() => Some(Id::NIL),
            _ if contains && self.opens_nowhere => Some(Id::NIL),
            _ if contains => above(),
            _ if node.is_some_and(|n| self.is_bare_handler(row, n)) => above(),
            _ if self.in_scope_activity(row) => None,
            _ => Some(Self::entered(row)),
        }
    }

    /// Whether a compensation handler has an execution that only compensation gives it.
    fn is_bare_handler(&self, row: &Token, node: &Node) -> bool {
        let around = row.parent_id.and_then(|id| self.inst.tokens.get(id));
        !node.is_scope() && around.is_some_and(|t| t.state == TokenState::Compensating)
    }

    /// The activity instance of a scope itself; of an iteration the body's, whatever its variables are shown in later.
    fn own_activity(&self, scope: Id) -> Option<Id> {
        let row = self.inst.tokens.get(scope)?;
        match row.state {
            TokenState::Iteration => row
                .parent_id
                .and_then(|body| self.inst.tokens.get(body)?.activity_id),
            _ => row.activity_id,
        }
    }

    /// Sets a variable in exactly that scope; `writer` is the activity instance that does.
    pub(crate) fn set_local(
        &mut self,
        scope: Id,
        task: Option<Id>,
        name: &str,
        value: TypedValue,
        writer: Option<Id>,
    ) {
        // What is a task's own lies with its activity, whatever execution that has.
        let of_task = task.and_then(|task| self.inst.tasks.get(task)?.token_id);
        let scope = of_task.unwrap_or(scope);
        let (value, transient) = value.lasting();
        let instance_id = self.inst.process.id;
        match self.local_variable(scope, task, name).map(|v| v.id) {
            Some(id) if transient != self.transient.contains(&(instance_id, id)) => {
                self.transient_clash.get_or_insert_with(|| name.to_owned());
            }
            Some(id) => {
                // Conditional events are told that it was set, also to what it was, as in the reference.
                if !self.replace_value(id, value, writer) && task.is_none() {
                    self.note_change(scope, name, "update");
                }
            }
            None => {
                if task.is_none() {
                    self.note_change(scope, name, "create");
                }
                let id = self.new_id();
                let recorded = match transient {
                    true => Recorded::No,
                    false => self.recording.value(name),
                };
                if transient {
                    self.transient.push((instance_id, id));
                }
                let value = self.kept(value.folded(), recorded);
                let version = Version {
                    created: self.env.now,
                    writer_id: writer,
                    shown_id: self.shown_apart(scope, task),
                    recorded,
                    initial: self.starting,
                    ..Version::default()
                };
                let name = name.to_owned();
                self.inst.variables.insert(Variable {
                    id,
                    instance_id,
                    scope_id: scope,
                    task_id: task,
                    name,
                    value,
                    version,
                });
            }
        }
    }

    /// Removes what the command gave for itself alone, as if it had never been; whoever asked the command for variables
    /// is shown it.
    ///
    /// # Errors
    /// A failure if a variable should have become transient, or should have stayed, and was not so before.
    pub(crate) fn end_transient(&mut self) -> Result<(), Rejection> {
        if let Some(name) = self.transient_clash.take() {
            return Err(Rejection::Failure {
                message: format!(
                    "ENGINE-17006 Cannot set transient variable with name {name} to non-transient variable and vice versa."
                ),
                element: None,
            });
        }
        for (instance, id) in std::mem::take(&mut self.transient) {
            let inst = match self.inst.process.id == instance {
                true => &mut *self.inst,
                false => match self.others.get_mut(&instance) {
                    Some(member) => &mut member.inst,
                    None => continue,
                },
            };
            let shown = inst.last_variables.iter().position(|v| v.id == id);
            let variable = match (inst.variables.remove(id), shown) {
                (Some(variable), _) => variable,
                (None, Some(at)) => inst.last_variables.remove(at),
                (None, None) => continue,
            };
            if variable.scope_id == instance && variable.task_id.is_none() {
                let value = TypedValue::Transient(Box::new(variable.value.clone()));
                inst.last_variables.push(Arc::new(Variable {
                    value,
                    ..(*variable).clone()
                }));
            }
        }
        Ok(())
    }

    /// Sets a variable of the concurrent execution above a token's activity, which has an execution of its own: told from
    /// the activity's variables by its age ([`crate::tree::lies_above`]).
    pub(crate) fn set_above(&mut self, token: Id, name: &str, value: TypedValue) {
        let Some(row) = self.inst.tokens.get(token) else {
            return;
        };
        let contains = self.node_of(token).is_ok_and(|node| node.behavior.is_composite());
        let shown = match contains {
            true => row.activity_id,
            false => row.parent_id.and_then(|scope| self.own_activity(scope)),
        };
        let is_new = self.local_variable(token, None, name).is_none();
        self.set_local(token, None, name, value, shown);
        let found = self
            .local_variable(token, None, name)
            .map(|v| v.id)
            .filter(|_| is_new);
        if let Some(variable) = found.and_then(|id| self.inst.variables.remove(id)) {
            let (high, _) = token.0.as_u64_pair();
            let (_, low) = variable.id.0.as_u64_pair();
            let slot = variable.id.slot().unwrap_or(Slot::from_bits(0));
            let mut older = (*variable).clone();
            older.id = Id::from_parts(token.millis(), (high & 0xfff) as u16, slot, low);
            older.version.shown_id = (!contains).then(|| shown.unwrap_or(self.inst.process.id));
            self.inst.variables.insert(older);
        }
    }

    /// A value as a variable keeps it: a large one gets a row, or shares that of the variable it is copied from.
    ///
    /// Only variables share that history tells alike, each value or none: when the last of them lets go, that alone
    /// then says whether history still refers to the row ([`Ctx::release`]).
    pub(crate) fn kept(&mut self, value: TypedValue, recorded: Recorded) -> TypedValue {
        let TypedValue::Large(mut large) = value else {
            return value;
        };
        let mut content = large.take_content();
        if let Some(id) = large.id {
            let from = self.inst.variables.first(By::Large(id));
            let alike = from.is_some_and(|v| v.version.recorded == recorded);
            if alike && recorded != Recorded::Variable {
                return TypedValue::Large(large);
            }
            content = self.inst.large.content(id).cloned();
        }
        match content {
            Some(content) => {
                let id = self.new_id();
                self.inst.large.insert(id, content);
                large.id = Some(id);
            }
            None => self.needs.get_mut().extend(large.id),
        }
        TypedValue::Large(large)
    }

    /// A variable has let go of its value, of which history was told nothing: the last one takes the row along.
    pub(crate) fn release(&mut self, value: &TypedValue) {
        if let Some(id) = value.large_id()
            && self.inst.variables.first(By::Large(id)).is_none()
        {
            self.inst.large.remove(id);
        }
    }

    /// Sets a variable where it is visible already, else in the process instance.
    pub(crate) fn set_variable(
        &mut self,
        token: Option<Id>,
        task: Option<Id>,
        name: &str,
        value: TypedValue,
    ) {
        let writer = self.writer_at(token, task);
        self.set_visible(token, task, name, value, writer);
    }

    fn set_visible(
        &mut self,
        token: Option<Id>,
        task: Option<Id>,
        name: &str,
        value: TypedValue,
        writer: Option<Id>,
    ) {
        let found = self
            .find_variable(token, task, name)
            .map(|v| (v.scope_id, v.task_id));
        let outermost = || task.and_then(|task| self.outermost_task(task));
        let (scope, task) = found.unwrap_or_else(|| match outermost() {
            Some(task) => (task, Some(task)),
            None => (self.inst.process.id, None),
        });
        self.set_local(scope, task, name, value, writer);
    }

    /// The task that a task is a part of in the end, if no process has made that one.
    fn outermost_task(&self, task: Id) -> Option<Id> {
        match self.around_task(task) {
            Around::Token(_) => None,
            Around::Task(parent) => self.outermost_task(parent),
            Around::Nothing => Some(task),
        }
    }

    /// Sets several variables as [`Ctx::set_variable`] does.
    pub(crate) fn set_variables(&mut self, token: Option<Id>, variables: &Variables) {
        if variables.is_empty() {
            return;
        }
        let writer = self.writer(token);
        for (name, value) in variables {
            self.set_visible(token, None, name, value.clone(), writer);
        }
    }

    /// Sets several variables in a token's local scope.
    pub(crate) fn set_local_variables(&mut self, token: Id, variables: &Variables) {
        let scope = self.local_scope(Some(token));
        let writer = self.writer(Some(token));
        for (name, value) in variables {
            self.set_local(scope, None, name, value.clone(), writer);
        }
    }

    /// Removes the innermost visible variable of that name.
    pub(crate) fn remove_variable(&mut self, token: Option<Id>, task: Option<Id>, name: &str) {
        if let Some(id) = self.find_variable(token, task, name).map(|v| v.id) {
            let writer = self.writer_at(token, task);
            self.delete_variable(id, writer);
        }
    }

    /// Sets a variable in exactly that scope, by the scope's activity instance.
    pub(crate) fn set_in(&mut self, scope: Id, name: &str, value: TypedValue) {
        let writer = self.own_activity(scope);
        self.set_local(scope, None, name, value, writer);
    }

    /// The value of the innermost visible variable of that name, as expressions see it.
    pub(crate) fn variable(&mut self, token: Option<Id>, name: &str) -> Result<Value, Rejection> {
        let found = self.touch(token, None, name);
        let found = found.and_then(|id| self.inst.variables.get(id));
        let value = found.map_or(Value::Null, |v| self.seen(&v.value));
        let needs = self.needs.take();
        match needs.is_empty() {
            true => Ok(value),
            false => Err(Rejection::NeedsValues(needs)),
        }
    }

    /// Input parameters become variables of the activity. As in the reference they are evaluated around it, so that
    /// none sees another.
    pub(crate) fn map_inputs(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        if node.inputs.is_empty() || self.skip_inputs {
            return Ok(());
        }
        // Without an execution of its own (in a multi-instance) it shares that of the scope around.
        let scope = match node.is_scope() {
            true => token,
            false => self.local_scope(Some(token)),
        };
        let outer = self.inst.tokens.get(scope).and_then(|row| row.parent_id);
        for Mapping { name, value } in &node.inputs {
            let value = self.in_scene(Scene::Outside(token), |ctx| ctx.mapped(name, value, outer));
            // Nothing catches BPMN errors of parameters.
            self.thrown = None;
            let value = value.map_err(|cause| cause.at(node))?;
            let writer = self.writer(Some(token));
            self.set_local(scope, None, name, value, writer);
        }
        Ok(())
    }

    /// Output parameters are set around the activity: where the name is visible there, else in the instance.
    pub(crate) fn map_outputs(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        let around = self.token(token)?.parent_id;
        for Mapping { name, value } in &node.outputs {
            let value = self.mapped(name, value, Some(token));
            self.thrown = None;
            let value = value?;
            // The scope around sets it.
            let writer = around.and_then(|scope| self.inst.tokens.get(scope)?.activity_id);
            self.set_visible(around, None, name, value, writer);
        }
        Ok(())
    }

    /// Output parameters of the activity that the process ends with: the reference evaluates them once more in the
    /// process instance, and finds nothing around it to set them in.
    pub(crate) fn map_last_outputs(&mut self) -> Result<(), Rejection> {
        let last = self.last.as_ref().and_then(|id| self.def.definition.node(id));
        let Some(node) = last.filter(|node| node.parent.is_none() && !self.skip_outputs) else {
            return Ok(());
        };
        let Some(Mapping { name, value }) = node.outputs.first() else {
            return Ok(());
        };
        self.mapped(name, value, None)?;
        let message = "Cannot invoke \"org.camunda.bpm.engine.impl.core.variable.scope.AbstractVariableScope.setVariable\
                       (String, Object)\" because \"outerScope\" is null";
        Err(Self::failure(node, message))
    }

    /// The value of a parameter.
    pub(crate) fn mapped(
        &mut self,
        name: &str,
        value: &MappingValue,
        token: Option<Id>,
    ) -> Result<TypedValue, Rejection> {
        match value {
            MappingValue::Null => Ok(TypedValue::Null),
            MappingValue::Text(expression) => self.eval_typed(expression, token, name),
            MappingValue::Script(script) => self.run_script(script, token, None)?.value(self, token),
            MappingValue::List(_) => Ok(convert::from_value(self.collected(value, token)?)),
            MappingValue::Map(_) => {
                let map = self.collected(value, token)?;
                Ok(collections::written("java.util.TreeMap", map))
            }
        }
    }

    /// Lists and maps; their depth is bounded by the parser.
    fn collected(&mut self, value: &MappingValue, token: Option<Id>) -> Result<Value, Rejection> {
        match value {
            MappingValue::Null => Ok(Value::Null),
            MappingValue::Text(expression) => self.eval(expression, token),
            MappingValue::Script(script) => {
                let value = self.run_script(script, token, None)?.value(self, token)?;
                Ok(convert::to_value(&value))
            }
            MappingValue::List(items) => {
                let items: Result<Vec<Value>, Rejection> =
                    items.iter().map(|item| self.collected(item, token)).collect();
                Ok(Value::List(items?))
            }
            MappingValue::Map(entries) => {
                let mut map: Vec<(String, Value)> = Vec::with_capacity(entries.len());
                let mut first: Option<Value> = None;
                // The reference keeps them by what their keys are written as.
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by(|(one, _), (other, _)| one.text().cmp(other.text()));
                for (key, item) in entries {
                    let key = self.eval(key, token)?;
                    let item = self.collected(item, token)?;
                    // The keys of a sorted map are compared with each other.
                    if let Some(cause) = first.as_ref().and_then(|first| expr::not_comparable(&key, first)) {
                        return Err(self.failure_at(token, cause));
                    }
                    let text = key.to_text();
                    first.get_or_insert(key);
                    let key = text;
                    match map.iter_mut().find(|(other, _)| *other == key) {
                        Some((_, there)) => *there = item,
                        None => map.push((key, item)),
                    }
                }
                Ok(Value::Map(map))
            }
        }
    }
}
