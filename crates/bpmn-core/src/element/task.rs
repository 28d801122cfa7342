//! The task: nothing to do, passed at once.
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "task",
    event: None,
    activity_type: "task",
    parse: |_, _| Some(Box::new(Task)),
};

#[derive(Debug)]
struct Task;

impl Behavior for Task {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }
}
