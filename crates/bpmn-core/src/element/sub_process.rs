//! The embedded subprocess: a scope of its own, done when its last token has ended.
use super::{Behavior, ElementSpec, Next};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::TokenState};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "subProcess",
    event: None,
    activity_type: "subProcess",
    parse: |reader, xml| {
        if xml.attribute("triggeredByEvent") == Some("true") {
            let id = xml.attribute("id").unwrap_or_default();
            reader.error(xml, id, format!("event subprocess '{id}' is not supported yet"));
            return None;
        }
        Some(Box::new(SubProcess))
    },
};

#[derive(Debug)]
struct SubProcess;

impl Behavior for SubProcess {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let Some(start) = at.inner_start else {
            return Err(Ctx::failure(
                at,
                format!("subprocess '{}' has no start event", at.id),
            ));
        };
        ctx.change_token(token, |row| row.state = TokenState::Scope)?;
        ctx.spawn(Some(token), start);
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }
}
