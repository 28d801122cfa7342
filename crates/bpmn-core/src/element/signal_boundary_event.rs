//! The signal boundary event: waits while its activity lives, and interrupts it or not.
use super::{Behavior, ElementSpec, Next, signal_catch_event::signal_name};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::EventKind};
use expr::Expression;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("signalEventDefinition"),
    activity_type: "boundarySignal",
    parse: |reader, xml| {
        Some(Box::new(SignalBoundaryEvent {
            name: signal_name(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct SignalBoundaryEvent {
    name: Expression,
}

impl Behavior for SignalBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Signal, Some(&self.name))
    }
}
