//! The signal start event. On process level the shell starts an instance at it when the signal comes; in an event
//! subprocess it waits while the scope around lives.
use super::{Behavior, ElementSpec, Next, Start, signal_catch_event::signal_name};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::EventKind};
use expr::Expression;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("signalEventDefinition"),
    activity_type: "signalStartEvent",
    parse: |reader, xml| {
        Some(Box::new(SignalStartEvent {
            name: signal_name(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct SignalStartEvent {
    name: Expression,
}

impl Behavior for SignalStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Signal, Some(&self.name))
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Signal(&self.name))
    }
}
