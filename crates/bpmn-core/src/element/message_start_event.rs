//! The message start event. On process level the shell starts an instance at it when the message comes; in an event
//! subprocess it waits while the scope around lives.
use super::{Behavior, ElementSpec, Next, Start, message_catch_event::message_name};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::EventKind, xml::bpmn_child};
use expr::Expression;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("messageEventDefinition"),
    activity_type: "messageStartEvent",
    parse: |reader, xml| {
        Some(Box::new(MessageStartEvent {
            name: message_name(reader, xml, bpmn_child(xml, "messageEventDefinition")?)?,
        }))
    },
};

#[derive(Debug)]
struct MessageStartEvent {
    name: Expression,
}

impl Behavior for MessageStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Message, Some(&self.name))
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Message(&self.name))
    }
}
