//! The compensation end event: as the throw event; its token then ends.
use super::{ElementSpec, compensation_throw_event::CompensationThrowEvent};

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: Some("compensateEventDefinition"),
    activity_type: "compensationEndEvent",
    parse: |reader, xml| Some(Box::new(CompensationThrowEvent::read(reader, xml)?)),
};
