//! The none start event: where an instance or a subprocess begins.
use super::{Behavior, ElementSpec, Next, Start};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: None,
    activity_type: "startEvent",
    parse: |_, _| Some(Box::new(NoneStartEvent)),
};

#[derive(Debug)]
struct NoneStartEvent;

impl Behavior for NoneStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::None)
    }
}
