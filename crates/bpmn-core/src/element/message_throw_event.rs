//! The message throw event: as a service task if its event definition says how to send; otherwise it is passed, and the
//! reference calls it a none event.
use super::{Behavior, ElementSpec, Next, service_task};
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
    event: Some("messageEventDefinition"),
    activity_type: "intermediateMessageThrowEvent",
    parse: |reader, xml| sending(reader, xml, "intermediateMessageThrowEvent"),
};

/// Reads how an event sends its message.
pub(super) fn sending<'x>(
    reader: &mut Reader<'x>,
    xml: Xml<'x, 'x>,
    element: &str,
) -> Option<Box<dyn Behavior>> {
    let id = xml.attribute("id").unwrap_or_default();
    let event = bpmn_child(xml, "messageEventDefinition")?;
    if !service_task::is_service(event) {
        return Some(Box::new(Unsent(match element {
            "messageEndEvent" => "endEvent",
            _ => "intermediateNoneThrowEvent",
        })));
    }
    let missing = format!(
        "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on {element}."
    );
    service_task::parse(reader, event, id, element, &missing)
}

/// A message event that doesn't say how to send, with Camunda's word for it.
#[derive(Debug)]
struct Unsent(&'static str);

impl Behavior for Unsent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn activity_type(&self) -> Option<&'static str> {
        Some(self.0)
    }
}
