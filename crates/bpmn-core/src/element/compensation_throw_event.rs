//! The compensation throw event: runs the compensation handlers of what has completed in its scope, or of one activity,
//! the last completed first, and goes on when all of them are done.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    xml::{Reader, bpmn_child},
};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateThrowEvent",
    event: Some("compensateEventDefinition"),
    activity_type: "intermediateCompensationThrowEvent",
    parse: |reader, xml| Some(Box::new(CompensationThrowEvent::read(reader, xml)?)),
};

#[derive(Debug)]
pub(super) struct CompensationThrowEvent {
    /// The only activity to compensate.
    activity: Option<String>,
}

impl CompensationThrowEvent {
    pub(super) fn read<'x>(_: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<CompensationThrowEvent> {
        let event = bpmn_child(xml, "compensateEventDefinition")?;
        Some(CompensationThrowEvent {
            activity: event.attribute("activityRef").map(str::to_owned),
        })
    }
}

impl Behavior for CompensationThrowEvent {
    fn enter(&self, _: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let waits = ctx.compensate(token, self.activity.as_deref())?;
        Ok(if waits { Next::Wait } else { Next::Leave })
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn throws_compensation(&self) -> bool {
        true
    }
}
