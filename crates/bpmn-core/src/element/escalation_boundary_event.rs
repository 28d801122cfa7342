//! The escalation boundary event of a subprocess, call activity or user task: interrupts it or not.
use super::{Behavior, Catch, ElementSpec, EscalationCatch, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    xml::{Reader, bpmn_child, extension},
};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("escalationEventDefinition"),
    activity_type: "boundaryEscalation",
    parse: |reader, xml| {
        Some(Box::new(EscalationBoundaryEvent {
            catch: escalation_catch(reader, xml)?,
        }))
    },
};

/// Which escalations an event catches.
pub(super) fn escalation_catch<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<Catch> {
    let id = xml.attribute("id").unwrap_or_default();
    let event = bpmn_child(xml, "escalationEventDefinition")?;
    let code = match event.attribute("escalationRef") {
        None => None,
        Some(reference) => match reader.escalations.get(reference).copied() {
            Some(code) => code.map(str::to_owned),
            None => {
                reader.error(
                    event,
                    id,
                    format!("could not find escalation with id '{reference}'"),
                );
                return None;
            }
        },
    };
    Some(Catch::Escalation(EscalationCatch {
        code,
        code_variable: extension(event, "escalationCodeVariable").map(str::to_owned),
    }))
}

#[derive(Debug)]
struct EscalationBoundaryEvent {
    catch: Catch,
}

impl Behavior for EscalationBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn catch(&self) -> Option<&Catch> {
        Some(&self.catch)
    }
}
