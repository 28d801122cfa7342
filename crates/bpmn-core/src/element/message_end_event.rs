//! The message end event: as the throw event; its token then ends.
use super::{ElementSpec, message_throw_event::sending};

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: Some("messageEventDefinition"),
    activity_type: "messageEndEvent",
    parse: |reader, xml| sending(reader, xml, "messageEndEvent"),
};
