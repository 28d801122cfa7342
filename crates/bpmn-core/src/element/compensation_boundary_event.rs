//! The compensation boundary event: names, by an association, the activity that compensates its own. It never waits;
//! what waits is the handler's subscription, once the activity has completed ([`crate::moves`]).
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("compensateEventDefinition"),
    activity_type: "compensationBoundaryCatch",
    parse: |_, _| Some(Box::new(CompensationBoundaryEvent)),
};

#[derive(Debug)]
struct CompensationBoundaryEvent;

impl Behavior for CompensationBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn is_compensation_boundary(&self) -> bool {
        true
    }
}
