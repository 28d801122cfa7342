//! The error boundary event: interrupts its activity when a BPMN error is thrown in it. Without an error reference,
//! or with one that has no code, it catches every error.
use super::{Behavior, Catch, ElementSpec, ErrorCatch, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    xml::{Reader, bpmn_child, extension},
};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("errorEventDefinition"),
    activity_type: "boundaryError",
    parse: |reader, xml| {
        Some(Box::new(ErrorBoundaryEvent {
            catch: error_catch(reader, xml)?,
        }))
    },
};

/// Which errors an event catches.
pub(super) fn error_catch<'x>(reader: &Reader<'x>, xml: Xml<'x, 'x>) -> Option<Catch> {
    let event = bpmn_child(xml, "errorEventDefinition")?;
    let variable = |name| {
        extension(event, name)
            .filter(|v| !v.is_empty())
            .map(str::to_owned)
    };
    // A reference that names no error of the file is the code itself, as in the reference.
    let code = event
        .attribute("errorRef")
        .filter(|r| !r.is_empty())
        .and_then(|reference| {
            let known = reader.errors.get(reference).map(|error| error.code.clone());
            known.unwrap_or_else(|| Some(reference.to_owned()))
        });
    Some(Catch::Error(ErrorCatch {
        code,
        code_variable: variable("errorCodeVariable"),
        message_variable: variable("errorMessageVariable"),
    }))
}

#[derive(Debug)]
struct ErrorBoundaryEvent {
    catch: Catch,
}

impl Behavior for ErrorBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn catch(&self) -> Option<&Catch> {
        Some(&self.catch)
    }
}
