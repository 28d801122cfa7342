//! The compensation start event: its event subprocess compensates the subprocess it lies in.
use super::{Behavior, ElementSpec, Next, Start};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("compensateEventDefinition"),
    activity_type: "compensationStartEvent",
    parse: |_, _| Some(Box::new(CompensationStartEvent)),
};

#[derive(Debug)]
struct CompensationStartEvent;

impl Behavior for CompensationStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Compensation)
    }
}
