//! The escalation start event: its event subprocess starts when an escalation is thrown in the scope around.
use super::{Behavior, Catch, ElementSpec, Next, Start, escalation_boundary_event::escalation_catch};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("escalationEventDefinition"),
    activity_type: "escalationStartEvent",
    parse: |reader, xml| {
        Some(Box::new(EscalationStartEvent {
            catch: escalation_catch(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct EscalationStartEvent {
    catch: Catch,
}

impl Behavior for EscalationStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Escalation)
    }

    fn catch(&self) -> Option<&Catch> {
        Some(&self.catch)
    }
}
