//! Signals: to whoever waits for them in this instance at once, to all others by the shell.
use crate::{
    command::{Rejection, SignalThrown},
    ctx::Ctx,
    instance::EventKind,
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
    /// Throws a signal. Who waits for it in this instance goes on in this step.
    pub(crate) fn throw_signal(
        &mut self,
        name: String,
        business_key: Option<String>,
        variables: Variables,
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
        };
        self.outcome.signals.push(thrown);
        for id in waiting {
            // One that was waiting may have been interrupted by another that came before it.
            let Some(row) = self.inst.subscriptions.get(id) else {
                continue;
            };
            let (host, element) = (row.token_id, row.element.clone());
            self.set_variables(self.scope_of(host), &variables);
            self.occurred(host, &element)?;
        }
        Ok(())
    }
}
