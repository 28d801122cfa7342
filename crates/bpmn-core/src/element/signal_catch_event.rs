//! The signal intermediate catch event: waits for a signal by name.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    instance::EventKind,
    xml::{Reader, bpmn_child},
};
use expr::Expression;
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateCatchEvent",
    event: Some("signalEventDefinition"),
    activity_type: "intermediateSignalCatch",
    parse: |reader, xml| {
        Some(Box::new(SignalCatchEvent {
            name: signal_name(reader, xml)?,
        }))
    },
};

/// The name of the signal that an event refers to.
pub(super) fn signal_name<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<Expression> {
    let id = xml.attribute("id").unwrap_or_default();
    let event = bpmn_child(xml, "signalEventDefinition")?;
    let Some(reference) = event.attribute("signalRef") else {
        let message = "signalEventDefinition does not have required property 'signalRef'";
        reader.error(event, id, message);
        return None;
    };
    let local = reference.rsplit_once(':').map_or(reference, |(_, local)| local);
    let found = reader
        .signals
        .get(reference)
        .or_else(|| reader.signals.get(local));
    match found.copied() {
        Some(name) => reader.expression(event, id, name.unwrap_or_default()),
        None => {
            reader.error(event, id, format!("Could not find signal with id '{reference}'"));
            None
        }
    }
}

#[derive(Debug)]
struct SignalCatchEvent {
    name: Expression,
}

impl Behavior for SignalCatchEvent {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        ctx.subscribe(at, token, EventKind::Signal, Some(&self.name))?;
        Ok(Next::Wait)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Signal, Some(&self.name))
    }

    fn is_scope(&self) -> bool {
        true
    }
}
