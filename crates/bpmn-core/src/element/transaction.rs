//! The transaction: a subprocess that a cancel end event inside leaves by its cancel boundary event.
use super::{ElementSpec, sub_process::SubProcess};

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "transaction",
    event: None,
    activity_type: "transaction",
    parse: |_, _| Some(Box::new(SubProcess)),
};
