//! The manual task: done outside of the engine, passed at once.
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "manualTask",
    event: None,
    activity_type: "manualTask",
    parse: |_, _| Some(Box::new(ManualTask)),
};

#[derive(Debug)]
struct ManualTask;

impl Behavior for ManualTask {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }
}
