//! The cancel boundary event of a transaction: goes on when a cancel end event inside has compensated everything.
use super::{Behavior, Catch, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("cancelEventDefinition"),
    activity_type: "cancelBoundaryCatch",
    parse: |_, _| Some(Box::new(CancelBoundaryEvent)),
};

#[derive(Debug)]
struct CancelBoundaryEvent;

impl Behavior for CancelBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn catch(&self) -> Option<&Catch> {
        Some(&Catch::Cancel)
    }
}
