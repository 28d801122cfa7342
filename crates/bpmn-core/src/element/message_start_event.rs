//! The message start event. The shell starts an instance at it when the message comes.
use super::{Behavior, ElementSpec, Next, Start, message_catch_event::message_name};
use crate::{command::Rejection, ctx::Ctx, definition::Node, xml::bpmn_child};
use expr::Expression;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("messageEventDefinition"),
    activity_type: "messageStartEvent",
    parse: |reader, xml| {
        let event = bpmn_child(xml, "messageEventDefinition")?;
        Some(Box::new(MessageStartEvent {
            name: message_name(reader, xml, event)?,
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

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Message(&self.name))
    }
}
