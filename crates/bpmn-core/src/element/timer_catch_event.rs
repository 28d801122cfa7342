//! The timer intermediate catch event: waits until a date, for a duration, or until the next time of a cycle.
use super::{Behavior, ElementSpec, Next};
use crate::{
    Millis,
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    instance::JobKind,
    timer::{self, TimerKind},
    xml::{Reader, bpmn_child, text},
};
use expr::{Expression, Value};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateCatchEvent",
    event: Some("timerEventDefinition"),
    activity_type: "intermediateTimer",
    parse: |reader, xml| {
        Some(Box::new(TimerCatchEvent {
            timer: TimerDefinition::read(reader, xml)?,
        }))
    },
};

/// A timer event definition.
#[derive(Debug)]
pub(crate) struct TimerDefinition {
    pub kind: TimerKind,
    pub text: Expression,
}

impl TimerDefinition {
    /// Reads the timer of an event.
    pub(super) fn read(reader: &mut Reader<'_>, element: Xml<'_, '_>) -> Option<TimerDefinition> {
        let id = element.attribute("id").unwrap_or_default();
        let event = bpmn_child(element, "timerEventDefinition")?;
        let kinds = [
            ("timeDate", TimerKind::Date),
            ("timeCycle", TimerKind::Cycle),
            ("timeDuration", TimerKind::Duration),
        ];
        for (tag, kind) in kinds {
            if let Some(node) = bpmn_child(event, tag) {
                return Some(TimerDefinition {
                    kind,
                    text: reader.expression(node, id, &text(node))?,
                });
            }
        }
        let message = "Timer needs configuration (either timeDate, timeCycle or timeDuration is needed).";
        reader.error(event, id, message);
        None
    }

    /// When it is due, seen from a token, and what is left of a cycle after that.
    pub(super) fn due(
        &self,
        at: &Node,
        token: Id,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(Millis, Option<String>), Rejection> {
        let now = ctx.env.now;
        self.due_from(at, token, ctx, now)
    }

    /// The same, seen from another time than now.
    pub(crate) fn due_from(
        &self,
        at: &Node,
        token: Id,
        ctx: &mut Ctx<'_, '_>,
        from: Millis,
    ) -> Result<(Millis, Option<String>), Rejection> {
        let value = ctx.eval(&self.text, Some(token))?;
        if let Value::Date(due) = value {
            return Ok((due, None));
        }
        let Value::Str(text) = value else {
            let message = format!(
                "Timer '{}' was not configured with a valid duration/time, either hand in a java.util.Date or a String \
                 in format 'yyyy-MM-dd'T'hh:mm:ss'",
                // The activity that the execution is at: of a boundary event that is its host.
                ctx.element_of(Some(token)).unwrap_or_else(|| at.id.clone())
            );
            return Err(Ctx::failure(at, message));
        };
        let due = timer::next(self.kind, &text, from, None);
        let due = due.map_err(|cause| Ctx::failure(at, cause.explained(self.kind, &text)))?;
        due.ok_or_else(|| Ctx::failure(at, "duedate is null"))
    }
}

#[derive(Debug)]
struct TimerCatchEvent {
    timer: TimerDefinition,
}

impl Behavior for TimerCatchEvent {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let (due, repeat) = self.timer.due(at, token, ctx)?;
        ctx.add_job(token, at, JobKind::Timer, Some(due), repeat)?;
        Ok(Next::Wait)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        let (due, repeat) = self.timer.due(at, host, ctx)?;
        ctx.add_job(host, at, JobKind::Timer, Some(due), repeat).map(drop)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn timer(&self) -> Option<&TimerDefinition> {
        Some(&self.timer)
    }
}
