//! The embedded subprocess: a scope of its own, done when its last token has ended. Triggered by an event it is an
//! event subprocess: not part of the flow, started by its start event.
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::TokenState};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "subProcess",
    event: None,
    activity_type: "subProcess",
    parse: |_, _| Some(Box::new(SubProcess)),
};

#[derive(Debug)]
pub(super) struct SubProcess;

impl Behavior for SubProcess {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let Some(start) = at.inner_start else {
            let message = format!(
                "No initial activity found for subprocess {}: initialActivity is null",
                at.id
            );
            return Err(Ctx::failure(at, message));
        };
        ctx.change_token(token, |row| row.state = TokenState::Scope)?;
        ctx.spawn(Some(token), start);
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn is_composite(&self) -> bool {
        true
    }
}
