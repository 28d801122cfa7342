//! BPMN elements: one file each with its parsing and its behaviour, and one line in [`ELEMENTS`].
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{Definition, FlowIx, Node, NodeIx},
    instance::{Token, TokenState},
    listener::TaskListener,
    parameter::Parameter,
    world::Call,
    xml::{Reader, bpmn_child},
};
use expr::Expression;
use roxmltree::Node as Xml;
use std::fmt::Debug;
pub(crate) use timer_catch_event::TimerDefinition;
use topology::Id;

mod business_rule_task;
mod call_activity;
mod cancel_boundary_event;
mod cancel_end_event;
mod compensation_boundary_event;
mod compensation_end_event;
mod compensation_start_event;
mod compensation_throw_event;
mod conditional_boundary_event;
mod conditional_catch_event;
mod conditional_start_event;
mod error_boundary_event;
mod error_end_event;
mod error_start_event;
mod escalation_boundary_event;
mod escalation_end_event;
mod escalation_start_event;
mod escalation_throw_event;
mod event_based_gateway;
mod exclusive_gateway;
mod inclusive_gateway;
mod link_catch_event;
mod manual_task;
mod message_boundary_event;
mod message_catch_event;
mod message_end_event;
mod message_start_event;
mod message_throw_event;
mod multi_instance;
mod none_end_event;
mod none_start_event;
mod none_throw_event;
mod parallel_gateway;
mod receive_task;
mod script_task;
mod send_task;
mod service_task;
mod signal_boundary_event;
mod signal_catch_event;
mod signal_end_event;
mod signal_start_event;
mod signal_throw_event;
mod sub_process;
mod task;
mod terminate_end_event;
mod timer_boundary_event;
mod timer_catch_event;
mod timer_start_event;
mod transaction;
mod user_task;

pub use conditional_catch_event::ConditionalEvent;
pub(crate) use multi_instance::{BODY, SPEC as LOOP};

/// Every element that can be run.
static ELEMENTS: &[ElementSpec] = &[
    business_rule_task::SPEC,
    call_activity::SPEC,
    cancel_boundary_event::SPEC,
    cancel_end_event::SPEC,
    compensation_boundary_event::SPEC,
    compensation_end_event::SPEC,
    compensation_start_event::SPEC,
    compensation_throw_event::SPEC,
    conditional_boundary_event::SPEC,
    conditional_catch_event::SPEC,
    conditional_start_event::SPEC,
    error_boundary_event::SPEC,
    error_end_event::SPEC,
    error_start_event::SPEC,
    escalation_boundary_event::SPEC,
    escalation_end_event::SPEC,
    escalation_start_event::SPEC,
    escalation_throw_event::SPEC,
    event_based_gateway::SPEC,
    exclusive_gateway::SPEC,
    inclusive_gateway::SPEC,
    link_catch_event::SPEC,
    manual_task::SPEC,
    message_boundary_event::SPEC,
    message_catch_event::SPEC,
    message_end_event::SPEC,
    message_start_event::SPEC,
    message_throw_event::SPEC,
    multi_instance::SPEC,
    none_end_event::SPEC,
    none_start_event::SPEC,
    none_throw_event::SPEC,
    parallel_gateway::SPEC,
    receive_task::SPEC,
    script_task::SPEC,
    send_task::SPEC,
    service_task::SPEC,
    signal_boundary_event::SPEC,
    signal_catch_event::SPEC,
    signal_end_event::SPEC,
    signal_start_event::SPEC,
    signal_throw_event::SPEC,
    sub_process::SPEC,
    task::SPEC,
    terminate_end_event::SPEC,
    timer_boundary_event::SPEC,
    timer_catch_event::SPEC,
    timer_start_event::SPEC,
    transaction::SPEC,
    user_task::SPEC,
];

/// Of several event definitions in one event the reference takes the first in this order.
const EVENTS: &[(&str, &[&str])] = &[
    (
        "startEvent",
        &[
            "errorEventDefinition",
            "messageEventDefinition",
            "signalEventDefinition",
            "timerEventDefinition",
            "compensateEventDefinition",
            "escalationEventDefinition",
            "conditionalEventDefinition",
        ],
    ),
    (
        "intermediateCatchEvent",
        &[
            "timerEventDefinition",
            "signalEventDefinition",
            "messageEventDefinition",
            "linkEventDefinition",
            "conditionalEventDefinition",
        ],
    ),
    (
        "intermediateThrowEvent",
        &[
            "linkEventDefinition",
            "signalEventDefinition",
            "compensateEventDefinition",
            "messageEventDefinition",
            "escalationEventDefinition",
        ],
    ),
    (
        "endEvent",
        &[
            "errorEventDefinition",
            "cancelEventDefinition",
            "terminateEventDefinition",
            "messageEventDefinition",
            "signalEventDefinition",
            "compensateEventDefinition",
            "escalationEventDefinition",
        ],
    ),
    (
        "boundaryEvent",
        &[
            "timerEventDefinition",
            "errorEventDefinition",
            "signalEventDefinition",
            "cancelEventDefinition",
            "compensateEventDefinition",
            "messageEventDefinition",
            "escalationEventDefinition",
            "conditionalEventDefinition",
        ],
    ),
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

/// How a start event starts instances or, in an event subprocess, the subprocess.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'d> {
    None,
    Message(&'d Expression),
    Timer(&'d TimerDefinition),
    Signal(&'d Expression),
    Conditional(&'d ConditionalEvent),
    Error,
    Escalation,
    Compensation,
}

/// What a boundary event, or the start event of an event subprocess, catches of what is thrown inside its scope.
#[derive(Debug)]
pub(crate) enum Catch {
    Error(ErrorCatch),
    Escalation(EscalationCatch),
    Cancel,
}

/// Which BPMN errors are caught.
#[derive(Debug, Default)]
pub(crate) struct ErrorCatch {
    /// `None` catches every code.
    pub code: Option<String>,
    pub code_variable: Option<String>,
    pub message_variable: Option<String>,
}

/// Which escalations are caught.
#[derive(Debug, Default)]
pub(crate) struct EscalationCatch {
    /// `None` catches every code.
    pub code: Option<String>,
    pub code_variable: Option<String>,
}

/// A `camunda:errorEventDefinition` of an external task: when its expression holds as a worker completes the task or
/// reports a failure, that is a BPMN error instead.
#[derive(Debug)]
pub(crate) struct ErrorRule {
    pub code: Option<String>,
    pub when: Expression,
}

impl ErrorRule {
    /// Reads those of an external task; one without `errorRef` is nothing, as in the reference.
    pub(crate) fn read_all(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Vec<ErrorRule> {
        let extensions = bpmn_child(xml, "extensionElements").into_iter();
        let definitions = extensions
            .flat_map(|e| e.children())
            .filter(|n| n.tag_name().name() == "errorEventDefinition");
        let mut rules = Vec::new();
        for xml in definitions {
            let Some(reference) = xml.attribute("errorRef") else {
                continue;
            };
            let Some(text) = xml.attribute("expression") else {
                let cause = "Cannot invoke \"String.length()\" because \"this.input\" is null";
                reader.error(xml, id, format!("Error while parsing process. {cause}."));
                continue;
            };
            let code = match reader.errors.get(reference) {
                Some(error) => error.code.clone(),
                None => Some(reference.to_owned()),
            };
            if let Some(when) = reader.expression(xml, id, text) {
                rules.push(ErrorRule { code, when });
            }
        }
        rules
    }
}

/// What an element does. Entering is called when its activity instance has begun and its input parameters are set;
/// what is shared by all elements (asynchronous continuations, history, parameters, flows) is the run loop's.
pub(crate) trait Behavior: Debug + Send + Sync {
    /// The token has come in.
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection>;

    /// The scope of a boundary event or of an event subprocess's start event has begun: time to wait, with something
    /// that belongs to the scope's token (or, on process level, to the instance) and names the event as its element.
    /// When that happens, [`Ctx::occurred`] goes on at the event. Of what waits itself the same, for a token that is there
    /// already.
    fn attach(&self, _at: &Node, _host: Id, _ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        Ok(())
    }

    /// Extension properties that a worker is told besides those of the model.
    fn properties(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Whether Camunda gives the activity a child execution even without parameters and boundary events.
    fn is_scope(&self) -> bool {
        false
    }

    /// Whether activities lie inside: it is done when its last token is.
    fn is_composite(&self) -> bool {
        false
    }

    /// Whether a token that arrives cancels everything else in its scope, before anything else happens.
    fn interrupts_scope(&self) -> bool {
        false
    }

    /// Whether it runs the handlers of what is to be compensated, inside its own execution.
    fn throws_compensation(&self) -> bool {
        false
    }

    /// Whether history tells of it.
    fn is_told(&self) -> bool {
        true
    }

    /// Whether a token ends here even if flows go out.
    fn ends_token(&self) -> bool {
        false
    }

    /// The flows to take when the activity instance ends: by default each whose condition holds or that has none,
    /// else the default flow.
    fn outgoing(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Vec<FlowIx>, Rejection> {
        ctx.conditional_flows(at, token)
    }

    /// A token directly inside has ended and is gone. Answers whether the element deals with that itself; otherwise
    /// it is done once no token is left.
    fn inner_ended(&self, _at: &Node, _scope: Id, _ctx: &mut Ctx<'_, '_>) -> Result<bool, Rejection> {
        Ok(false)
    }

    /// How instances or event subprocesses start here, for start events.
    fn start(&self) -> Option<Start<'_>> {
        None
    }

    /// An operator's instruction has made the activity, which contains others, without entering it: gives the scope for
    /// what is started inside.
    fn open(&self, _at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Id, Rejection> {
        ctx.change_token(token, |row| row.state = TokenState::Scope)?;
        Ok(token)
    }

    /// An operator starts something more in the running activity, which contains others: gives the scope for it.
    fn add_part(&self, _at: &Node, token: Id, _ctx: &mut Ctx<'_, '_>) -> Result<Id, Rejection> {
        Ok(token)
    }

    /// An operator has canceled a part that [`Behavior::add_part`] or the activity itself had made.
    fn part_canceled(&self, _at: &Node, _token: Id, _ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        Ok(())
    }

    /// The topic of its external tasks, for activities that workers do.
    fn topic(&self) -> Option<&Expression> {
        None
    }

    /// Whether it repeats an activity one after the other.
    fn is_sequential(&self) -> bool {
        false
    }

    /// The timers of its task's timeout listeners, in document order.
    fn timeouts(&self) -> &[TimerDefinition] {
        &[]
    }

    /// The timer that makes its jobs, for timer events.
    fn timer(&self) -> Option<&TimerDefinition> {
        None
    }

    /// What it catches of what is thrown inside its scope.
    fn catch(&self) -> Option<&Catch> {
        None
    }

    /// When a worker's completion or failure is a BPMN error, for external tasks.
    fn error_rules(&self) -> &[ErrorRule] {
        &[]
    }

    /// The listeners of its task, for user tasks.
    fn task_listeners(&self) -> &[TaskListener] {
        &[]
    }

    /// The condition it waits for.
    fn condition(&self) -> Option<&ConditionalEvent> {
        None
    }

    /// Camunda's word for it, where what the element is made of changes it.
    fn activity_type(&self) -> Option<&'static str> {
        None
    }

    /// Whether it is the catching side of a boundary event for compensation.
    fn is_compensation_boundary(&self) -> bool {
        false
    }

    /// Which process it calls in whatever state, for call activities without expressions for that.
    fn static_call(&self) -> Option<Call<'_>> {
        None
    }

    /// What the instance that it calls passes out, for call activities.
    fn outputs(&self) -> &[Parameter] {
        &[]
    }

    /// Whether it calls other processes.
    fn calls(&self) -> bool {
        false
    }

    /// The instance that a token there has called.
    fn called(&self, _token: &Token) -> Option<Id> {
        None
    }

    /// The called instance has passed its variables out.
    fn returned(&self, _at: &Node, _token: Id, _ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        Ok(())
    }

    /// Checks that need the finished definition: flows in particular.
    fn check(&self, _reader: &mut Reader<'_>, _definition: &Definition, _at: &Node) {}
}

/// The element for a tag and the event definitions inside it: of several, and of those that mean nothing there, the
/// reference takes no notice.
pub(crate) fn find(tag: &str, events: &[&str]) -> Option<&'static ElementSpec> {
    let order = EVENTS
        .iter()
        .find(|(t, _)| *t == tag)
        .map_or(&[][..], |(_, order)| order);
    let event = order.iter().copied().find(|event| events.contains(event));
    if event.is_none() && matches!(tag, "boundaryEvent" | "intermediateCatchEvent") {
        return None;
    }
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
