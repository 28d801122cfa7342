//! The receive task: waits for a message. Without one it waits for being signaled, which only an operator can do; so does
//! one that compensates, as in the reference, where a handler has no execution that a subscription could belong to.
use super::{Behavior, ElementSpec, Next, message_catch_event::message_name};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::EventKind};
use expr::Expression;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "receiveTask",
    event: None,
    activity_type: "receiveTask",
    parse: |reader, xml| {
        let name = match xml.attribute("messageRef") {
            Some(_) => Some(message_name(reader, xml, xml)?),
            None => None,
        };
        Some(Box::new(ReceiveTask { name }))
    },
};

#[derive(Debug)]
struct ReceiveTask {
    name: Option<Expression>,
}

impl Behavior for ReceiveTask {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        if let Some(name) = &self.name
            && !ctx.compensates(token, at)?
        {
            ctx.subscribe(at, token, EventKind::Message, Some(name))?;
        }
        Ok(Next::Wait)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        match &self.name {
            Some(name) => ctx.subscribe(at, host, EventKind::Message, Some(name)),
            None => Ok(()),
        }
    }

    fn is_scope(&self) -> bool {
        self.name.is_some()
    }
}
