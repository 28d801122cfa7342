//! The signal end event: as the throw event; its token then ends.
use super::{ElementSpec, signal_throw_event::SignalThrowEvent};

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: Some("signalEventDefinition"),
    activity_type: "signalEndEvent",
    parse: |reader, xml| Some(Box::new(SignalThrowEvent::read(reader, xml)?)),
};
