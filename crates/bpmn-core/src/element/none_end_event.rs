//! The none end event: the token ends, even if flows go out of it (which the reference accepts and ignores).
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, Node},
};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: None,
    activity_type: "noneEndEvent",
    parse: |_, _| Some(Box::new(NoneEndEvent)),
};

#[derive(Debug)]
struct NoneEndEvent;

impl Behavior for NoneEndEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn ends_token(&self) -> bool {
        true
    }

    fn outgoing(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        Ok(Vec::new())
    }
}
