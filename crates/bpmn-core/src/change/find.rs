//! What instructions name: activity instances, and the scopes of an activity that run.
use super::Instruction;
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::NodeIx,
    instance::{Token, TokenState},
    tree::activity_instance_id,
};
use topology::Id;

/// Where an activity instance is: the process instance itself, or a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Process,
    Token(Id),
}

impl Ctx<'_, '_> {
    /// The place of an activity instance, named by its id in REST or by the process instance's id.
    pub(super) fn find_activity_instance(&self, name: &str) -> Option<Place> {
        if name == self.inst.process.id.to_string() {
            return Some(Place::Process);
        }
        let id: Id = name.rsplit(':').next()?.parse().ok()?;
        let is_it = |t: &&Token| {
            t.activity_id == Some(id) && name == activity_instance_id(&t.element, id) && is_shown(t)
        };
        self.inst.tokens.iter().find(is_it).map(|t| Place::Token(t.id))
    }

    /// The tokens that stand at an element or are scopes of it, the oldest first.
    pub(super) fn tokens_at(&self, element: &str) -> Vec<Id> {
        let here = |t: &&Token| t.element == element && is_shown(t);
        self.inst.tokens.iter().filter(here).map(|t| t.id).collect()
    }

    /// The scopes from within one (`None`: the process) to the innermost around a place, from outside in; `None` if the place
    /// doesn't lie in it.
    pub(super) fn scopes_between(
        &self,
        outer: Option<NodeIx>,
        innermost: Option<NodeIx>,
    ) -> Option<Vec<NodeIx>> {
        let mut between = Vec::new();
        let mut at = innermost;
        while at != outer {
            let ix = at?;
            between.push(ix);
            at = self.node(ix).parent;
        }
        between.reverse();
        Some(between)
    }

    /// The running scopes of a node that contains others.
    pub(super) fn scopes_at(&self, ix: NodeIx) -> Vec<Id> {
        let element = &self.node(ix).id;
        let open = |t: &&Token| t.element == *element && t.state == TokenState::Scope;
        self.inst.tokens.iter().filter(open).map(|t| t.id).collect()
    }
}

/// Whether a token has an activity or transition instance of its own.
fn is_shown(token: &Token) -> bool {
    !matches!(token.state, TokenState::Iteration | TokenState::EventScope)
}

/// The refusal of an instruction.
pub(super) fn refused(instruction: &Instruction, why: impl std::fmt::Display) -> Rejection {
    Rejection::NotValid(format!(
        "Cannot perform instruction: {}; {why}",
        instruction.describe()
    ))
}

/// A failure without an element, in the reference's words.
pub(super) fn failed(message: String) -> Rejection {
    Rejection::Failure {
        message,
        element: None,
    }
}
