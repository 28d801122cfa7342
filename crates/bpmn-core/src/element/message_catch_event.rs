//! The message intermediate catch event: waits for a message by name.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    instance::EventKind,
    xml::{Reader, bpmn_child},
};
use expr::Expression;
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateCatchEvent",
    event: Some("messageEventDefinition"),
    activity_type: "intermediateMessageCatch",
    parse: |reader, xml| {
        let event = bpmn_child(xml, "messageEventDefinition")?;
        Some(Box::new(MessageCatchEvent {
            name: message_name(reader, xml, event)?,
        }))
    },
};

/// The name of the message that `reference` (an event definition or a receive task) refers to.
pub(super) fn message_name<'x>(
    reader: &mut Reader<'x>,
    element: Xml<'x, 'x>,
    reference: Xml<'x, 'x>,
) -> Option<Expression> {
    let id = element.attribute("id").unwrap_or_default();
    let message = reference.attribute("messageRef");
    if message.is_none() {
        reader.error(reference, id, "attribute 'messageRef' is required");
    }
    let local = message.map(|m| m.rsplit_once(':').map_or(m, |(_, local)| local));
    let found = message
        .and_then(|m| reader.messages.get(m))
        .or_else(|| reader.messages.get(local?))
        .copied();
    match found {
        Some(name) => reader.expression(reference, id, name.unwrap_or_default()),
        None => {
            let message = message.unwrap_or("null");
            reader.error(
                reference,
                id,
                format!("Invalid 'messageRef': no message with id '{message}' found."),
            );
            None
        }
    }
}

#[derive(Debug)]
struct MessageCatchEvent {
    name: Expression,
}

impl Behavior for MessageCatchEvent {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        ctx.subscribe(at, token, EventKind::Message, Some(&self.name))?;
        Ok(Next::Wait)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Message, Some(&self.name))
    }

    fn is_scope(&self) -> bool {
        true
    }
}
