//! The error end event: throws a BPMN error. If nobody catches it, its token ends as at a none end event.
use super::{Behavior, ElementSpec, Next, user_task::not_a_text};
use crate::{command::Rejection, ctx::Ctx, definition::Node, xml::bpmn_child};
use expr::{Expression, Value};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "endEvent",
    event: Some("errorEventDefinition"),
    activity_type: "errorEndEvent",
    parse: |reader, xml| {
        let id = xml.attribute("id").unwrap_or_default();
        let event = bpmn_child(xml, "errorEventDefinition")?;
        let Some(reference) = event.attribute("errorRef").filter(|r| !r.is_empty()) else {
            reader.error(event, id, "'errorRef' attribute is mandatory on error end event");
            return None;
        };
        let error = reader.errors.get(reference).cloned();
        let (code, message) = match error {
            Some(error) if error.code.is_none() => {
                let message = format!(
                    "'errorCode' is mandatory on errors referenced by throwing error event definitions, but the error \
                     '{reference}' does not define one."
                );
                reader.error(event, id, message);
                return None;
            }
            Some(error) => (error.code.unwrap_or_default(), error.message),
            None => (reference.to_owned(), None),
        };
        let message = match message {
            Some(text) => Some(reader.expression(event, id, &text)?),
            None => None,
        };
        Some(Box::new(ErrorEndEvent { code, message }))
    },
};

#[derive(Debug)]
struct ErrorEndEvent {
    code: String,
    message: Option<Expression>,
}

impl Behavior for ErrorEndEvent {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let message = match &self.message {
            Some(message) => match ctx.eval(message, Some(token))? {
                Value::Null => None,
                Value::Str(text) => Some(text),
                other => return Err(Ctx::failure(at, not_a_text(&other))),
            },
            None => None,
        };
        ctx.throw_error(token, &self.code, message.as_deref())?;
        Ok(Next::Wait)
    }
}
