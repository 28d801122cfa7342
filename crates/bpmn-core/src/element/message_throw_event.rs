//! The message throw event: as a service task if its event definition says how to send; otherwise it is passed.
use super::{Behavior, ElementSpec, none_throw_event::NoneThrowEvent, service_task};
use crate::xml::{Reader, bpmn_child};
use roxmltree::Node as Xml;

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
        return Some(Box::new(NoneThrowEvent));
    }
    let missing = format!(
        "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on {element}."
    );
    service_task::parse(reader, event, id, element, &missing)
}
