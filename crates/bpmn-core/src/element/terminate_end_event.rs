//! The terminate end event: everything else in its scope is canceled; then the scope completes regularly.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, Node},
};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: Some("terminateEventDefinition"),
    activity_type: "terminateEndEvent",
    parse: |_, _| Some(Box::new(TerminateEndEvent)),
};

#[derive(Debug)]
struct TerminateEndEvent;

impl Behavior for TerminateEndEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn interrupts_scope(&self) -> bool {
        true
    }

    fn ends_token(&self) -> bool {
        true
    }

    fn outgoing(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        Ok(Vec::new())
    }
}
