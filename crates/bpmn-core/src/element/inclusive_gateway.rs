//! The inclusive gateway: waits until no token in its scope can come to it any more, then takes every flow whose
//! condition holds, else the default flow.
//!
//! As in the reference, tokens are counted, not the flows they came by, and a gateway with as many tokens as incoming
//! flows doesn't look further.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, Node},
    instance::TokenState,
    tracked::By,
};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "inclusiveGateway",
    event: None,
    activity_type: "inclusiveGateway",
    parse: |_, _| Some(Box::new(InclusiveGateway)),
};

#[derive(Debug)]
struct InclusiveGateway;

impl Behavior for InclusiveGateway {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let scope = ctx.token(token)?.parent_id;
        let here = ctx.inst.tokens.count(By::Joining(scope, &at.id)) + 1;
        if here < at.incoming.len() && ctx.can_be_reached(at, scope, token)? {
            ctx.change_token(token, |row| row.state = TokenState::Joining)?;
            return Ok(Next::Wait);
        }
        ctx.join(at, token)?;
        Ok(Next::Leave)
    }

    fn outgoing(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        let flows = ctx.selected_flows(at, token)?;
        if flows.is_empty() {
            let message = format!(
                "ENGINE-02004 No outgoing sequence flow for the element with id '{}' could be selected for continuing \
                 the process.",
                at.id
            );
            return Err(Ctx::failure(at, message));
        }
        Ok(flows)
    }
}
