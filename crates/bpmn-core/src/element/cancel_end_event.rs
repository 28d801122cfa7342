//! The cancel end event of a transaction: everything else in the transaction is canceled, what has completed is
//! compensated, and the transaction is left by its cancel boundary event.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, Node},
};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: Some("cancelEventDefinition"),
    activity_type: "cancelEndEvent",
    parse: |reader, xml| {
        let inside = xml.parent().is_some_and(|p| p.tag_name().name() == "transaction");
        if !inside {
            let id = xml.attribute("id").unwrap_or_default();
            let event = crate::xml::bpmn_child(xml, "cancelEventDefinition").unwrap_or(xml);
            let message = "end event with cancelEventDefinition only supported inside transaction subprocess";
            reader.error(event, id, message);
            return None;
        }
        Some(Box::new(CancelEndEvent))
    },
};

#[derive(Debug)]
struct CancelEndEvent;

impl Behavior for CancelEndEvent {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let scope = ctx.token(token)?.parent_id;
        if ctx.cancel_handler(scope)?.is_none() {
            let message = format!(
                "Could not find cancel boundary event for cancel end event Activity({})",
                at.id
            );
            return Err(Ctx::failure(
                at,
                format!("{message}: cancelBoundaryEvent is null"),
            ));
        }
        if ctx.compensate(token, None)? {
            return Ok(Next::Wait);
        }
        ctx.leave_by_cancel(token)?;
        Ok(Next::Wait)
    }

    fn inner_ended(&self, _: &Node, scope: Id, ctx: &mut Ctx<'_, '_>) -> Result<bool, Rejection> {
        if ctx.tokens_within(Some(scope)) == 0 {
            ctx.leave_by_cancel(scope)?;
        }
        Ok(true)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn throws_compensation(&self) -> bool {
        true
    }

    fn interrupts_scope(&self) -> bool {
        true
    }

    fn ends_token(&self) -> bool {
        true
    }

    fn outgoing(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        Ok(Vec::new())
    }
}
