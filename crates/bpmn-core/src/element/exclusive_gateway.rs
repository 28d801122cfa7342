//! The exclusive gateway: the first flow whose condition holds, in document order, else the default flow.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, Node},
};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "exclusiveGateway",
    event: None,
    activity_type: "exclusiveGateway",
    parse: |_, _| Some(Box::new(ExclusiveGateway)),
};

#[derive(Debug)]
struct ExclusiveGateway;

impl Behavior for ExclusiveGateway {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn outgoing(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        for &ix in at.outgoing.iter().filter(|&&ix| Some(ix) != at.default_flow) {
            let holds = match &ctx.def.definition.flows[ix].condition {
                Some(condition) => ctx.condition_holds(condition, Some(token))?,
                None => true,
            };
            if holds {
                return Ok(vec![ix]);
            }
        }
        let message = format!(
            "ENGINE-02004 No outgoing sequence flow for the element with id '{}' could be selected for continuing \
             the process.",
            at.id
        );
        at.default_flow
            .map(|ix| vec![ix])
            .ok_or_else(|| Ctx::failure(at, message))
    }
}
