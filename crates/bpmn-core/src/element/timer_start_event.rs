//! The timer start event. On process level the shell keeps its job and starts an instance when it is due; a plain start
//! by key or id may use it too, as in the reference. In an event subprocess its job lives with the scope around.
use super::{Behavior, ElementSpec, Next, Start, timer_catch_event::TimerDefinition};
use crate::{command::Rejection, ctx::Ctx, definition::Node, instance::JobKind};
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "startEvent",
    event: Some("timerEventDefinition"),
    activity_type: "startTimerEvent",
    parse: |reader, xml| {
        Some(Box::new(TimerStartEvent {
            timer: TimerDefinition::read(reader, xml)?,
        }))
    },
};

#[derive(Debug)]
struct TimerStartEvent {
    timer: TimerDefinition,
}

impl Behavior for TimerStartEvent {
    fn enter(&self, _: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Ok(Next::Leave)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        let (due, repeat) = self.timer.due(at, host, ctx)?;
        ctx.add_job(host, at, JobKind::Timer, Some(due), repeat).map(drop)
    }

    fn start(&self) -> Option<Start<'_>> {
        Some(Start::Timer(&self.timer))
    }

    fn timer(&self) -> Option<&TimerDefinition> {
        Some(&self.timer)
    }
}
