//! The link catch event: is passed. The throw event of the same link is no activity: a flow into it leads here.
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateCatchEvent",
    event: Some("linkEventDefinition"),
    activity_type: "intermediateLinkCatch",
    parse: |_, _| Some(Box::new(LinkCatchEvent)),
};

#[derive(Debug)]
struct LinkCatchEvent;

impl Behavior for LinkCatchEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn is_scope(&self) -> bool {
        true
    }

    /// Not in the reference either.
    fn is_told(&self) -> bool {
        false
    }
}
