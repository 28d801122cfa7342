//! Signals: to whoever waits for them in this instance and in those that have called it at once, to all others by the
//! shell.
use crate::{
    command::{Rejection, SignalThrown},
    ctx::Ctx,
    definition::Node,
    instance::{EventKind, EventSubscription, JobKind},
    parameter::Inputs,
    value::Variables,
};
use topology::Id;

/// Subscriptions, and the instance of each.
type Waiting = Vec<(Id, Id)>;

impl Inputs {
    /// Business key and variables that a signal carries, as seen from a token.
    pub(crate) fn collect(
        &self,
        token: Id,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(Option<String>, Variables), Rejection> {
        let key = match &self.business_key {
            Some(key) => ctx.eval_text(key, Some(token))?,
            None => None,
        };
        let mut variables: Variables = Vec::new();
        for parameter in &self.parameters {
            ctx.pass(parameter, Some(token), parameter.local, &mut variables)?;
        }
        Ok((key, variables))
    }
}

impl Ctx<'_, '_> {
    /// Throws a signal. Who waits for it in this instance, or in those that have called it, goes on in this step, or
    /// (`later`) in a job of its own.
    pub(crate) fn throw_signal(
        &mut self,
        name: String,
        business_key: Option<String>,
        variables: Variables,
        later: bool,
    ) -> Result<(), Rejection> {
        let (above, waiting) = self.waiting_above(&name)?;
        let thrown = SignalThrown {
            id: self.new_id(),
            instance: self.inst.process.id,
            above,
            tenant_id: self.inst.process.tenant_id.clone(),
            name,
            business_key,
            variables: variables.clone(),
            later,
        };
        self.outcome.signals.push(thrown);
        for (subscription, instance) in waiting {
            self.within(instance, |ctx| ctx.hear(subscription, &variables, later))?;
        }
        Ok(())
    }

    /// A signal end event, alone in its scope, is gone: what it has thrown interrupts the scope. As in the reference, where
    /// both share an execution, its end is that of the scope, if an event subprocess there has interrupted it. That never
    /// begins, but history takes the scope for it.
    pub(crate) fn end_unbegun(&mut self, at: &Node, scope: Option<Id>) -> Result<(), Rejection> {
        if scope.is_some_and(|scope| self.inst.tokens.get(scope).is_none()) {
            return Ok(());
        }
        let inside: Vec<Id> = self.tokens_in(scope).map(|t| t.id).collect();
        let unbegun = |token: &Id| {
            let row = self.inst.tokens.get(*token);
            row.is_some_and(|t| {
                let node = self.def.definition.node(&t.element);
                t.activity_id.is_none() && node.is_some_and(|n| n.event_subprocess)
            })
        };
        if !inside.iter().all(unbegun) {
            return Ok(());
        }
        for token in inside {
            if let Some(scope) = scope {
                let node = self.node_of(token)?;
                self.told_as.insert(scope, node);
            }
            self.end_token(token)?;
        }
        self.last = Some(at.id.clone());
        Ok(())
    }

    /// The instances that have called this one, and who waits for a signal in this one and in those, the first first.
    fn waiting_above(&mut self, name: &str) -> Result<(Vec<Id>, Waiting), Rejection> {
        let home = self.here();
        let (mut above, mut waiting) = (Vec::new(), Vec::new());
        loop {
            let here = self.here();
            let all = self.inst.subscriptions.iter();
            let of_name = all.filter(|s| s.kind == EventKind::Signal && s.name.as_deref() == Some(name));
            // One that throws runs; one that has called it may be suspended.
            let hears = here == home || !self.inst.process.suspended;
            waiting.extend(of_name.filter(|_| hears).map(|s| (s.id, here)));
            let Some((caller, _)) = self.caller() else {
                break;
            };
            above.push(caller);
            self.switch_to(caller)?;
        }
        self.switch_to(home)?;
        waiting.sort();
        Ok((above, waiting))
    }

    fn hear(&mut self, subscription: Id, variables: &Variables, later: bool) -> Result<(), Rejection> {
        // One that was waiting may have been interrupted by another that came before it.
        let Some(row) = self.inst.subscriptions.get(subscription) else {
            return Ok(());
        };
        let (host, element) = (row.token_id, row.element.clone());
        if later && self.trigger_later(subscription)? {
            return Ok(());
        }
        self.set_variables(self.scope_of(host), variables);
        self.occurred(host, &element)
    }

    /// Makes the job in which an asynchronous signal reaches a subscription, without its variables. False: it is to be
    /// told at once; the reference makes jobs for catch events only.
    pub(crate) fn trigger_later(&mut self, subscription: Id) -> Result<bool, Rejection> {
        let row = self.subscription(subscription)?;
        let (host, node) = (row.token_id, self.def.definition.node(&row.element));
        let Some(node) = node.filter(|node| node.activity_type == "intermediateSignalCatch") else {
            return Ok(false);
        };
        self.add_job(host, node, JobKind::Event, None, None)?;
        Ok(true)
    }

    pub(crate) fn subscription(&self, id: Id) -> Result<&EventSubscription, Rejection> {
        self.inst.subscriptions.get(id).ok_or(Rejection::NotFound {
            kind: "Event subscription",
            id,
        })
    }
}
