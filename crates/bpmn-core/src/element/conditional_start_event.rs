//! The conditional start event. On process level the shell starts an instance at it when it is asked to evaluate its
//! condition; in an event subprocess it waits for a variable to change while the scope around lives.
use super::{Behavior, ConditionalEvent, ElementSpec, Next, Start};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::EventKind};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("conditionalEventDefinition"),
    activity_type: "conditionalStartEvent",
    parse: |reader, xml| {
        Some(Box::new(ConditionalStartEvent {
            event: ConditionalEvent::read(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct ConditionalStartEvent {
    event: ConditionalEvent,
}

impl Behavior for ConditionalStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Conditional, None)
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Conditional(&self.event))
    }

    fn condition(&self) -> Option<&ConditionalEvent> {
        Some(&self.event)
    }
}
