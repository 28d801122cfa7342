//! The signal throw event: whoever waits for the signal, in this instance and in all others, goes on; then it goes on.
use super::{Behavior, ElementSpec, Next, signal_catch_event::signal_name};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    parameter::Inputs,
    xml::{Reader, bpmn_child, extension},
};
use expr::Expression;
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateThrowEvent",
    event: Some("signalEventDefinition"),
    activity_type: "intermediateSignalThrow",
    parse: |reader, xml| Some(Box::new(SignalThrowEvent::read(reader, xml)?)),
};

#[derive(Debug)]
pub(super) struct SignalThrowEvent {
    name: Expression,
    payload: Inputs,
    /// Whether recipients hear it in jobs.
    later: bool,
    /// Whether it is an end event.
    ends: bool,
}

impl SignalThrowEvent {
    pub(super) fn read<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<SignalThrowEvent> {
        let id = xml.attribute("id").unwrap_or_default();
        let name = signal_name(reader, xml)?;
        let event = bpmn_child(xml, "signalEventDefinition")?;
        let payload = Inputs::read(reader, event, id)?;
        let later = extension(event, "async") == Some("true");
        Some(SignalThrowEvent {
            name,
            payload,
            later,
            ends: xml.tag_name().name() == "endEvent",
        })
    }
}

impl Behavior for SignalThrowEvent {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let (business_key, variables) = self.payload.collect(token, ctx)?;
        let name = ctx.eval_text(&self.name, Some(token))?.unwrap_or_default();
        let scope = ctx.token(token)?.parent_id;
        let alone = ctx.tokens_within(scope) == 1;
        ctx.throw_signal(name, business_key, variables, self.later)?;
        // Who catches it may interrupt it.
        if ctx.inst.tokens.get(token).is_some() {
            return Ok(Next::Leave);
        }
        if self.ends && alone {
            ctx.end_unbegun(at, scope)?;
        }
        Ok(Next::Wait)
    }
}
