//! The parallel gateway: waits for as many tokens as flows come in, then takes every outgoing flow.
//!
//! As the reference does, it counts tokens at the gateway, not the flows they came by: two tokens over one flow count
//! as two. Conditions on outgoing flows are not looked at.
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
    tag: "parallelGateway",
    event: None,
    activity_type: "parallelGateway",
    parse: |_, _| Some(Box::new(ParallelGateway)),
};

#[derive(Debug)]
struct ParallelGateway;

impl Behavior for ParallelGateway {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let scope = ctx.token(token)?.parent_id;
        let waiting = By::Joining(scope, &at.id);
        if ctx.inst.tokens.count(waiting) + 1 < at.incoming.len() {
            ctx.change_token(token, |row| row.state = TokenState::Joining)?;
            return Ok(Next::Wait);
        }
        ctx.join(at, token)?;
        Ok(Next::Leave)
    }

    fn outgoing(&self, at: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        Ok(at.outgoing.clone())
    }
}
