//! Signals: to whoever waits for them in this instance at once, to all others by the shell.
use crate::{
    command::{Rejection, SignalThrown},
    ctx::Ctx,
    instance::{EventKind, EventSubscription, JobKind},
    parameter::Inputs,
    value::Variables,
};
use topology::Id;

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
    /// Throws a signal. Who waits for it in this instance goes on in this step, or (`later`) in a job of its own.
    pub(crate) fn throw_signal(
        &mut self,
        name: String,
        business_key: Option<String>,
        variables: Variables,
        later: bool,
    ) -> Result<(), Rejection> {
        let waiting: Vec<Id> = self
            .inst
            .subscriptions
            .iter()
            .filter(|s| s.kind == EventKind::Signal && s.name.as_deref() == Some(&name))
            .map(|s| s.id)
            .collect();
        let thrown = SignalThrown {
            id: self.new_id(),
            instance: self.inst.process.id,
            tenant_id: self.inst.process.tenant_id.clone(),
            name,
            business_key,
            variables: variables.clone(),
            later,
        };
        self.outcome.signals.push(thrown);
        for id in waiting {
            // One that was waiting may have been interrupted by another that came before it.
            let Some(row) = self.inst.subscriptions.get(id) else {
                continue;
            };
            let (host, element) = (row.token_id, row.element.clone());
            if later && self.trigger_later(id)? {
                continue;
            }
            self.set_variables(self.scope_of(host), &variables);
            self.occurred(host, &element)?;
        }
        Ok(())
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
