//! Choosing flows, joining tokens, and offering work to the outside.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::{FlowIx, Node, NodeIx},
    instance::TokenState,
    tracked::By,
};
use std::collections::HashSet;
use topology::Id;

impl Ctx<'_, '_> {
    /// Flows whose condition holds or that have none; if there is no such flow, the default flow.
    pub(crate) fn conditional_flows(&mut self, at: &Node, token: Id) -> Result<Vec<FlowIx>, Rejection> {
        let taken = self.selected_flows(at, token)?;
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

    /// Flows whose condition holds or that have none; if there is no such flow, the default flow, if there is one.
    pub(crate) fn selected_flows(&mut self, at: &Node, token: Id) -> Result<Vec<FlowIx>, Rejection> {
        let definition = self.def.definition;
        let mut taken = Vec::new();
        for &ix in at.outgoing.iter().filter(|&&ix| Some(ix) != at.default_flow) {
            let holds = match &definition.flows[ix].condition {
                Some(condition) => self.condition_holds(condition, Some(token))?,
                None => true,
            };
            if holds {
                taken.push(ix);
            }
        }
        if taken.is_empty() {
            taken.extend(at.default_flow);
        }
        Ok(taken)
    }

    /// Ends the tokens that wait at a gateway for the one that has now come.
    pub(crate) fn join(&mut self, at: &Node, token: Id) -> Result<(), Rejection> {
        let scope = self.token(token)?.parent_id;
        for joined in self.inst.tokens.ids_by(By::Joining(scope, &at.id)) {
            let node = self.node_of(joined)?;
            let ended = Ended {
                canceled: false,
                complete_scope: at.outgoing.is_empty(),
            };
            self.end_activity(joined, node, ended)?;
            self.remove_token(joined);
        }
        self.rebalance(scope);
        Ok(())
    }

    /// Whether another token in a scope, or inside it, may still come to a gateway of the scope.
    pub(crate) fn can_be_reached(
        &self,
        gateway: &Node,
        scope: Option<Id>,
        except: Id,
    ) -> Result<bool, Rejection> {
        let mut waiting: Vec<Id> = self.tokens_in(scope).map(|t| t.id).collect();
        while let Some(id) = waiting.pop() {
            if id == except {
                continue;
            }
            let row = self.token(id)?;
            if row.state == TokenState::Joining && row.element == gateway.id && row.parent_id == scope {
                continue;
            }
            let inside = self.inst.tokens.ids_by(By::Parent(Some(id)));
            if !inside.is_empty() {
                waiting.extend(inside);
                continue;
            }
            let from = match (self.heading_for(id), row.state, &row.data) {
                // It is about to go: only where it goes to counts.
                (Some(target), ..) => Some(target),
                (None, TokenState::AfterAsync, Some(flow)) if row.ended().is_none() => {
                    self.def.definition.flow(flow).map(|f| f.target)
                }
                _ => self.def.definition.index(&row.element),
            };
            if from.is_some_and(|from| self.leads_to(from, gateway)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether flows lead from a node to another; from where none goes out, on from the scope around it.
    fn leads_to(&self, from: NodeIx, to: &Node) -> bool {
        let definition = self.def.definition;
        let mut seen: HashSet<NodeIx> = HashSet::new();
        let mut next = vec![from];
        while let Some(ix) = next.pop() {
            let node = &definition.nodes[ix];
            if node.id == to.id {
                return true;
            }
            if !seen.insert(ix) {
                continue;
            }
            if node.outgoing.is_empty() {
                next.extend(node.parent);
            } else {
                next.extend(node.outgoing.iter().map(|&flow| definition.flows[flow].target));
            }
        }
        false
    }

    /// Tells the shell that workers of a topic have something to do.
    pub(crate) fn offer(&mut self, topic: String) {
        if !self.outcome.topics.contains(&topic) {
            self.outcome.topics.push(topic);
        }
    }
}
