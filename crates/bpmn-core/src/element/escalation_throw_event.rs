//! The escalation throw event: whoever catches it, interrupting or not, is told; then, if not interrupted, it goes on.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    xml::{Reader, bpmn_child},
};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateThrowEvent",
    event: Some("escalationEventDefinition"),
    activity_type: "intermediateEscalationThrowEvent",
    parse: |reader, xml| {
        let missing = "throwing escalation event must have an 'escalationCode'";
        Some(Box::new(EscalationThrowEvent {
            code: escalation_code(reader, xml, missing)?,
        }))
    },
};

/// The code that an event throws; `missing` is the problem of an escalation without one.
pub(super) fn escalation_code<'x>(
    reader: &mut Reader<'x>,
    xml: Xml<'x, 'x>,
    missing: &'static str,
) -> Option<String> {
    let id = xml.attribute("id").unwrap_or_default();
    let event = bpmn_child(xml, "escalationEventDefinition")?;
    let Some(reference) = event.attribute("escalationRef") else {
        let message = "escalationEventDefinition does not have required attribute 'escalationRef'";
        reader.error(event, id, message);
        return None;
    };
    match reader.escalations.get(reference).copied() {
        Some(Some(code)) => Some(code.to_owned()),
        Some(None) => {
            reader.error(event, id, missing);
            None
        }
        None => {
            reader.error(
                event,
                id,
                format!("could not find escalation with id '{reference}'"),
            );
            None
        }
    }
}

#[derive(Debug)]
pub(super) struct EscalationThrowEvent {
    pub code: String,
}

impl Behavior for EscalationThrowEvent {
    fn enter(&self, _: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        match ctx.throw_escalation(token, &self.code)? {
            Some(interrupting) if interrupting => Ok(Next::Wait),
            _ => Ok(Next::Leave),
        }
    }
}
