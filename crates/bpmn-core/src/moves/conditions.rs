//! Conditional events: variables that have changed are noted and told to whom it may concern at the next safe point,
//! as the reference delays them: before an activity is carried out or left, and at the end of a command.
use crate::{
    command::Rejection, ctx::Ctx, element::ConditionalEvent, instance::EventKind, script::Condition,
    tracked::By,
};
use topology::Id;

/// A change of a variable that conditional events may have to be told of.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The scope the variable is in.
    scope: Id,
    name: String,
    event: &'static str,
}

impl Ctx<'_, '_> {
    /// Notes that a variable was created, updated or deleted, if any event of the definition might want to know.
    pub(crate) fn note_change(&mut self, scope: Id, name: &str, event: &'static str) {
        if self.def.definition.has_conditions {
            self.changes.push(Change {
                scope,
                name: name.to_owned(),
                event,
            });
        }
    }

    /// Whether a condition holds, seen from a token. In the reference, one that asks for a variable that isn't there
    /// doesn't, nor does a script that fails; a value that is no boolean is a failure, as is a language that nobody runs.
    pub(crate) fn holds(&mut self, event: &ConditionalEvent, token: Option<Id>) -> Result<bool, Rejection> {
        match self.condition_holds(&event.condition, token) {
            Err(Rejection::Failure { message, .. })
                if message.contains("Unknown property used in expression")
                    || matches!(event.condition, Condition::Script(_))
                        && !message.starts_with("condition script returns")
                        && !message.starts_with("Can't find scripting engine") =>
            {
                Ok(false)
            }
            other => other,
        }
    }

    /// Tells conditional events of the changes noted so far. As in the reference, an event subprocess whose condition
    /// holds starts even if another one of the same scope, told before it, has just interrupted all that waited there.
    pub(crate) fn tell_conditions(&mut self) -> Result<(), Rejection> {
        for change in std::mem::take(&mut self.changes) {
            let all = self.inst.subscriptions.iter();
            let conditions = all.filter(|s| s.kind == EventKind::Conditional);
            let waiting: Vec<(Id, Id, String)> = conditions
                .map(|s| (s.id, s.token_id, s.element.clone()))
                .collect();
            // The scopes whose event subprocesses have begun.
            let mut begun: Vec<Id> = Vec::new();
            for (id, host, element) in waiting {
                let definition = self.def.definition;
                let node = definition.node(&element);
                let Some((node, event)) = node.and_then(|n| Some((n, n.behavior.condition()?))) else {
                    continue;
                };
                let of_subprocess = node.behavior.start().is_some();
                let waits = self.inst.subscriptions.get(id).is_some();
                let interrupted = of_subprocess && begun.contains(&host) && self.is_there(host);
                if !(waits || interrupted) || !self.sees(host, change.scope) {
                    continue;
                }
                if event.is_told(&change.name, change.event) && self.holds(event, self.scope_of(host))? {
                    self.active_host(host, &element)?;
                    self.occurred(host, &element)?;
                    if of_subprocess {
                        begun.push(host);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a host of events still lives.
    fn is_there(&self, host: Id) -> bool {
        match self.scope_of(host) {
            Some(token) => self.inst.tokens.get(token).is_some(),
            None => !self.inst.ended,
        }
    }

    /// Refuses what happens to a host in a suspended instance, in the name of the execution that it would go on in: for
    /// an event beside an activity that of the scope around. A condition that holds refuses the change of the variable.
    pub(crate) fn active_host(&self, host: Id, element: &str) -> Result<(), Rejection> {
        let beside = self.def.definition.node(element);
        let beside = beside.is_some_and(|n| n.attached_to.is_some() && !n.interrupting);
        match self.scope_of(host) {
            Some(token) if beside => {
                self.active_execution(self.scope_execution(self.token(token)?.parent_id))
            }
            _ => self.active_execution(self.execution_of(host)?),
        }
    }

    /// A scope has just begun: the conditional events that wait with it look once, whatever they are told of later.
    /// False if that has ended it.
    pub(crate) fn look_at_conditions(&mut self, host: Id) -> Result<bool, Rejection> {
        if !self.def.definition.has_conditions {
            return Ok(true);
        }
        let scope = self.scope_of(host);
        let place = |ctx: &Self| scope.map(|token| ctx.inst.tokens.get(token).and_then(|t| t.activity_id));
        let before = place(self);
        let own = match scope {
            Some(token) => Some(self.token(token)?.element.clone()),
            None => None,
        };
        let all = self.inst.subscriptions.by(By::Token(host));
        let waiting: Vec<Id> = all
            .filter(|s| s.kind == EventKind::Conditional && Some(&s.element) != own.as_ref())
            .map(|s| s.id)
            .collect();
        let mut goes_on = true;
        for id in waiting {
            let Some(row) = self.inst.subscriptions.get(id) else {
                continue;
            };
            let element = row.element.clone();
            let node = self.def.definition.node(&element);
            let Some(event) = node.and_then(|n| n.behavior.condition()) else {
                continue;
            };
            if self.holds(event, scope)? {
                self.occurred(host, &element)?;
                goes_on &= !node.is_some_and(|n| n.interrupting);
            }
        }
        Ok(goes_on && before == place(self))
    }

    /// Tells conditional events of what has changed; false if that has taken a token away from its activity.
    pub(crate) fn undisturbed(&mut self, token: Id) -> Result<bool, Rejection> {
        if self.changes.is_empty() {
            return Ok(true);
        }
        let place = |ctx: &Self| {
            let row = ctx.inst.tokens.get(token);
            row.map(|t| (t.element.clone(), t.activity_id, t.state))
        };
        let before = place(self);
        self.tell_conditions()?;
        Ok(before == place(self))
    }

    /// Whether a host sees the variables of a scope: it is that scope or lies inside.
    fn sees(&self, host: Id, scope: Id) -> bool {
        if scope == self.inst.process.id {
            return true;
        }
        let mut at = Some(host);
        while let Some(row) = at.and_then(|id| self.inst.tokens.get(id)) {
            if row.id == scope {
                return true;
            }
            at = row.parent_id;
        }
        false
    }
}
