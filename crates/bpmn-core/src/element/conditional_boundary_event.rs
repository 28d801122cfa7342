//! The conditional boundary event: waits while its activity lives for a variable to change so that its condition
//! holds, and interrupts it or not.
use super::{Behavior, ConditionalEvent, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::EventKind};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("conditionalEventDefinition"),
    activity_type: "boundaryConditional",
    parse: |reader, xml| {
        Some(Box::new(ConditionalBoundaryEvent {
            event: ConditionalEvent::read(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct ConditionalBoundaryEvent {
    event: ConditionalEvent,
}

impl Behavior for ConditionalBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Conditional, None)
    }

    fn condition(&self) -> Option<&ConditionalEvent> {
        Some(&self.event)
    }
}
