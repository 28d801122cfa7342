//! The event-based gateway: waits for what the catch events behind it wait for; the first to happen is gone on at.
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "eventBasedGateway",
    event: None,
    activity_type: "eventBasedGateway",
    parse: |_, _| Some(Box::new(EventBasedGateway)),
};

#[derive(Debug)]
struct EventBasedGateway;

impl Behavior for EventBasedGateway {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        for event in ctx.events_behind(at) {
            let event = ctx.node(event);
            event.behavior.attach(event, token, ctx)?;
        }
        for event in ctx.events_behind(at) {
            if let Some(condition) = ctx.node(event).behavior.condition()
                && ctx.holds(condition, Some(token))?
            {
                ctx.go_on_at(token, event)?;
                return Ok(Next::Wait);
            }
        }
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }
}
