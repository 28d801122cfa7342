//! Choosing flows, and offering work to the outside: subscriptions and external tasks.
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, Node},
    instance::{EventKind, EventSubscription},
};
use expr::Expression;
use topology::Id;

impl Ctx<'_, '_> {
    /// Flows whose condition holds or that have none; if there is no such flow, the default flow.
    pub(crate) fn conditional_flows(&mut self, at: &Node, token: Id) -> Result<Vec<FlowIx>, Rejection> {
        let definition = self.def.definition;
        let mut taken = Vec::new();
        for &ix in at.outgoing.iter().filter(|&&ix| Some(ix) != at.default_flow) {
            let holds = match &definition.flows[ix].condition {
                Some(condition) => self.eval_bool(condition, Some(token))?,
                None => true,
            };
            if holds {
                taken.push(ix);
            }
        }
        if taken.is_empty() {
            taken.extend(at.default_flow);
        }
        if taken.is_empty() && !at.outgoing.is_empty() {
            let message = format!(
                "ENGINE-02006 No conditional sequence flow leaving the Flow Node '{}' could be selected for continuing \
                 the process.",
                at.id
            );
            return Err(Self::failure(at, message));
        }
        Ok(taken)
    }

    /// Subscribes a token to a message; the name may be an expression.
    pub(crate) fn subscribe_message(
        &mut self,
        at: &Node,
        token: Id,
        name: &Expression,
    ) -> Result<(), Rejection> {
        let name = self.eval_text(name, Some(token))?;
        let id = self.new_id();
        let execution_id = self.token(token)?.execution_id;
        let process = &self.inst.process;
        self.inst.subscriptions.insert(EventSubscription {
            id,
            instance_id: process.id,
            token_id: token,
            execution_id,
            element: at.id.clone(),
            kind: EventKind::Message,
            name,
            created: self.env.now,
            tenant_id: process.tenant_id.clone(),
        });
        Ok(())
    }

    /// Tells the shell that workers of a topic have something to do.
    pub(crate) fn offer(&mut self, topic: String) {
        if !self.outcome.topics.contains(&topic) {
            self.outcome.topics.push(topic);
        }
    }
}
