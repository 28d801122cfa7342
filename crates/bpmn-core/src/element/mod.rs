//! BPMN elements: one file each with its parsing and its behaviour, and one line in [`ELEMENTS`].
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{Definition, FlowIx, Node, NodeIx},
    form::FormKey,
    listener::TaskListener,
    xml::Reader,
};
use expr::Expression;
use roxmltree::Node as Xml;
use std::fmt::Debug;
pub(crate) use timer_catch_event::TimerDefinition;
use topology::Id;

mod error_boundary_event;
mod exclusive_gateway;
mod manual_task;
mod message_catch_event;
mod message_start_event;
mod none_end_event;
mod none_start_event;
mod parallel_gateway;
mod receive_task;
mod service_task;
mod sub_process;
mod task;
mod terminate_end_event;
mod timer_boundary_event;
mod timer_catch_event;
mod timer_start_event;
mod user_task;

/// Every element that can be run.
static ELEMENTS: &[ElementSpec] = &[
    error_boundary_event::SPEC,
    exclusive_gateway::SPEC,
    manual_task::SPEC,
    message_catch_event::SPEC,
    message_start_event::SPEC,
    none_end_event::SPEC,
    none_start_event::SPEC,
    parallel_gateway::SPEC,
    receive_task::SPEC,
    service_task::SPEC,
    sub_process::SPEC,
    task::SPEC,
    terminate_end_event::SPEC,
    timer_boundary_event::SPEC,
    timer_catch_event::SPEC,
    timer_start_event::SPEC,
    user_task::SPEC,
];

/// How an element is recognised and read.
pub(crate) struct ElementSpec {
    /// Local name of the XML element.
    pub tag: &'static str,
    /// The event definition inside it, for events that have one.
    pub event: Option<&'static str>,
    /// Camunda's word for it in history and activity instance trees.
    pub activity_type: &'static str,
    /// Reads what is particular to the element; problems go to the reader, and `None` refuses it.
    pub parse: for<'x> fn(&mut Reader<'x>, Xml<'x, 'x>) -> Option<Box<dyn Behavior>>,
}

/// What happens after entering an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It waits, or has put its token where it belongs.
    Wait,
    /// It is done: output parameters, history, outgoing flows.
    Leave,
}

/// How a start event starts instances.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'d> {
    None,
    Message(&'d Expression),
    Timer(&'d TimerDefinition),
}

/// Which BPMN errors a boundary event catches.
#[derive(Debug, Default)]
pub(crate) struct ErrorCatch {
    /// `None` catches every code.
    pub code: Option<String>,
    pub code_variable: Option<String>,
    pub message_variable: Option<String>,
}

/// What an element does. Entering is called when its activity instance has begun and its input parameters are set;
/// what is shared by all elements (asynchronous continuations, history, parameters, flows) is the run loop's.
pub(crate) trait Behavior: Debug + Send + Sync {
    /// The token has come in.
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection>;

    /// The activity that a boundary event is attached to has begun: time to wait, with something that belongs to the
    /// activity's token and names the boundary event as its element. When that happens, [`Ctx::occurred`] sends a
    /// token out of the event.
    fn attach(&self, _at: &Node, _host: Id, _ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        Ok(())
    }

    /// Whether Camunda gives the activity a child execution even without parameters and boundary events.
    fn is_scope(&self) -> bool {
        false
    }

    /// Whether a token ends here even if flows go out.
    fn ends_token(&self) -> bool {
        false
    }

    /// The flows to take when the activity instance has ended: by default each whose condition holds or that has
    /// none, else the default flow.
    fn outgoing(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        ctx.conditional_flows(at, token)
    }

    /// How instances start here, for start events.
    fn start(&self) -> Option<Start<'_>> {
        None
    }

    /// The timer that makes its jobs, for timer events.
    fn timer(&self) -> Option<&TimerDefinition> {
        None
    }

    /// Which errors it catches, for error boundary events.
    fn error_catch(&self) -> Option<&ErrorCatch> {
        None
    }

    /// The form of its task or of a start.
    fn form(&self) -> Option<&FormKey> {
        None
    }

    /// The listeners of its task, for user tasks.
    fn task_listeners(&self) -> &[TaskListener] {
        &[]
    }

    /// Checks that need the finished definition: flows in particular.
    fn check(&self, _reader: &mut Reader<'_>, _definition: &Definition, _at: &Node) {}
}

/// The element for a tag and the event definitions inside it.
pub(crate) fn find(tag: &str, events: &[&str]) -> Option<&'static ElementSpec> {
    let event = match events {
        [] => None,
        [one] => Some(*one),
        _ => return None,
    };
    ELEMENTS
        .iter()
        .find(|spec| spec.tag == tag && spec.event == event)
}

/// Whether a tag inside a flow node is a part of it that its parser reads, and not a flow node.
pub(crate) fn is_part(tag: &str) -> bool {
    matches!(
        tag,
        "multiInstanceLoopCharacteristics" | "standardLoopCharacteristics"
    )
}

/// Lets an element check itself in the finished definition.
pub(crate) fn check(reader: &mut Reader<'_>, definition: &Definition, ix: NodeIx) {
    let node = &definition.nodes[ix];
    node.behavior.check(reader, definition, node);
}

#[cfg(test)]
mod tests {
    /// Each file here is declared, registered, and has a scenario that names it.
    #[test]
    fn every_element_file_is_registered_and_has_a_scenario() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = include_str!("mod.rs");
        let scenarios: String = std::fs::read_dir(root.join("tests/scenarios"))
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        let mut elements = 0;
        for entry in std::fs::read_dir(root.join("src/element")).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let name = file.strip_suffix(".rs").unwrap();
            if name == "mod" {
                continue;
            }
            elements += 1;
            assert!(
                own.contains(&format!("    {name}::SPEC,\n")),
                "{name} is not in ELEMENTS"
            );
            assert!(
                scenarios.contains(&format!("# element: {name}\n")),
                "{name} has no scenario"
            );
        }
        assert_eq!(elements, super::ELEMENTS.len());
    }
}
