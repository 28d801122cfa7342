//! The message boundary event: waits while its activity lives, and interrupts it or not.
use super::{Behavior, ElementSpec, Next, message_catch_event::message_name};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::EventKind, xml::bpmn_child};
use expr::Expression;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("messageEventDefinition"),
    activity_type: "boundaryMessage",
    parse: |reader, xml| {
        Some(Box::new(MessageBoundaryEvent {
            name: message_name(reader, xml, bpmn_child(xml, "messageEventDefinition")?)?,
        }))
    },
};

#[derive(Debug)]
struct MessageBoundaryEvent {
    name: Expression,
}

impl Behavior for MessageBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Message, Some(&self.name))
    }
}
