//! The timer boundary event: starts when its activity begins, after the input parameters, and stops with it. One that
//! doesn't interrupt and has a cycle starts again each time, before the token leaves it; the new job keeps priority
//! and retries of the old one, as in the reference. One that interrupts fires once, whatever its cycle says.
use super::{Behavior, ElementSpec, Next, timer_catch_event::TimerDefinition};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::JobKind};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "boundaryEvent",
    event: Some("timerEventDefinition"),
    activity_type: "boundaryTimer",
    parse: |reader, xml| {
        Some(Box::new(TimerBoundaryEvent {
            timer: TimerDefinition::read(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct TimerBoundaryEvent {
    timer: TimerDefinition,
}

impl Behavior for TimerBoundaryEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        let (due, repeat) = self.timer.due(at, host, ctx)?;
        ctx.add_job(host, at, JobKind::Timer, Some(due), repeat).map(drop)
    }

    fn timer(&self) -> Option<&TimerDefinition> {
        Some(&self.timer)
    }
}
