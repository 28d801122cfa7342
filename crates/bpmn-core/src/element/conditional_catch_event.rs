//! The conditional intermediate catch event: goes on at once if its condition holds, else when a variable changes so
//! that it does.
use super::{Behavior, ElementSpec, Next};
use crate::{
    Millis,
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    eval::holds_with,
    instance::EventKind,
    script::Condition,
    value::Variables,
    xml::{Reader, bpmn_child, extension},
};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "intermediateCatchEvent",
    event: Some("conditionalEventDefinition"),
    activity_type: "intermediateConditional",
    parse: |reader, xml| {
        Some(Box::new(ConditionalCatchEvent {
            event: ConditionalEvent::read(reader, xml)?,
        }))
    },
};

/// A condition, and of which changes it is told.
#[derive(Debug)]
pub struct ConditionalEvent {
    pub condition: Condition,
    /// The only variable it is told of.
    pub variable: Option<String>,
    /// `create`, `update`, `delete`: the only changes it is told of; empty: all.
    pub events: Vec<String>,
}

impl ConditionalEvent {
    /// Reads the conditional event definition of an event.
    pub(super) fn read<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<ConditionalEvent> {
        let id = xml.attribute("id").unwrap_or_default();
        let event = bpmn_child(xml, "conditionalEventDefinition")?;
        let Some(condition) = bpmn_child(event, "condition") else {
            reader.error(
                event,
                id,
                "Conditional event must contain an expression for evaluation.",
            );
            return None;
        };
        let events = extension(event, "variableEvents").unwrap_or_default();
        Some(ConditionalEvent {
            condition: Condition::read(reader, condition, id)?,
            variable: extension(event, "variableName").map(str::to_owned),
            events: events
                .split(',')
                .map(|e| e.trim().to_owned())
                .filter(|e| !e.is_empty())
                .collect(),
        })
    }

    /// Whether its condition holds with variables that are offered to start an instance. One that can't be evaluated
    /// doesn't, nor does a script, which nothing runs outside of an instance.
    pub fn holds_with(&self, variables: &Variables, now: Millis) -> bool {
        match &self.condition {
            Condition::Expression(condition) => holds_with(condition, variables, now),
            Condition::Script(_) => false,
        }
    }

    /// Whether it is told of such a change (`create`, `update`, `delete`) of a variable.
    pub fn is_told(&self, variable: &str, event: &str) -> bool {
        self.variable.as_deref().is_none_or(|name| name == variable)
            && (self.events.is_empty() || self.events.iter().any(|e| e == event))
    }
}

#[derive(Debug)]
struct ConditionalCatchEvent {
    event: ConditionalEvent,
}

impl Behavior for ConditionalCatchEvent {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        if ctx.holds(&self.event, Some(token))? {
            return Ok(Next::Leave);
        }
        ctx.subscribe(at, token, EventKind::Conditional, None)?;
        Ok(Next::Wait)
    }

    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        ctx.subscribe(at, host, EventKind::Conditional, None)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn condition(&self) -> Option<&ConditionalEvent> {
        Some(&self.event)
    }
}
