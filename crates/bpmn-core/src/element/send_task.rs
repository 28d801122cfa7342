//! The send task: as a service task.
use super::{ElementSpec, service_task};

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "sendTask",
    event: None,
    activity_type: "sendTask",
    parse: |reader, xml| {
        let id = xml.attribute("id").unwrap_or_default();
        let missing = "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on sendTask.";
        service_task::parse(reader, xml, id, "sendTask", missing)
    },
};
