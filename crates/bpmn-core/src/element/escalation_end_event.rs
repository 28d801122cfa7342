//! The escalation end event: as the throw event; its token then ends.
use super::{
    ElementSpec,
    escalation_throw_event::{EscalationThrowEvent, escalation_code},
};

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: Some("escalationEventDefinition"),
    activity_type: "escalationEndEvent",
    parse: |reader, xml| {
        let missing = "escalation end event must have an 'escalationCode'";
        Some(Box::new(EscalationThrowEvent {
            code: escalation_code(reader, xml, missing)?,
        }))
    },
};
