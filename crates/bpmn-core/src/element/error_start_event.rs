//! The error start event: its event subprocess takes over when a BPMN error is thrown in the scope around.
use super::{Behavior, Catch, ElementSpec, Next, Start, error_boundary_event::error_catch};
use crate::{command::Rejection, ctx::Ctx, definition::Node};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("errorEventDefinition"),
    activity_type: "errorStartEvent",
    parse: |reader, xml| {
        if xml.attribute("isInterrupting") == Some("false") {
            let id = xml.attribute("id").unwrap_or_default();
            reader.error(
                xml,
                id,
                "error start event of event subprocess must be interrupting",
            );
        }
        Some(Box::new(ErrorStartEvent {
            catch: error_catch(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct ErrorStartEvent {
    catch: Catch,
}

impl Behavior for ErrorStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Error)
    }

    fn catch(&self) -> Option<&Catch> {
        Some(&self.catch)
    }
}
