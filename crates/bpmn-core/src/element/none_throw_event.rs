//! The none intermediate event: is passed.
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateThrowEvent",
    event: None,
    activity_type: "intermediateNoneThrowEvent",
    parse: |_, _| Some(Box::new(NoneThrowEvent)),
};

#[derive(Debug)]
struct NoneThrowEvent;

impl Behavior for NoneThrowEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }
}
