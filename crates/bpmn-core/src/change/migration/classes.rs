//! What the reference engine 7.24 has for an activity where it looks at whether two can be mapped: the class of its
//! behavior, and the scope whose event it is.
use crate::definition::{Definition, Node, NodeIx};
use crate::element::Start;

/// The reference's class of what an activity does: only equal ones can be mapped.
pub(super) fn class(node: &Node) -> &'static str {
    if node.behavior.topic().is_some() {
        return "ExternalTaskActivityBehavior";
    }
    match node.activity_type {
        _ if node.event_subprocess => "EventSubProcessActivityBehavior",
        "userTask" => "UserTaskActivityBehavior",
        "receiveTask" => "ReceiveTaskActivityBehavior",
        "subProcess" | "transaction" => "SubProcessActivityBehavior",
        "callActivity" => "CallActivityBehavior",
        "multiInstanceBody" if node.behavior.is_sequential() => "SequentialMultiInstanceActivityBehavior",
        "multiInstanceBody" => "ParallelMultiInstanceActivityBehavior",
        "boundaryConditional" => "BoundaryConditionalEventActivityBehavior",
        "cancelBoundaryCatch" => "CancelBoundaryEventActivityBehavior",
        _ if node.attached_to.is_some() => "BoundaryEventActivityBehavior",
        "intermediateConditional" => "IntermediateConditionalEventBehavior",
        "intermediateTimer" | "intermediateMessageCatch" | "intermediateSignalCatch" => {
            "IntermediateCatchEventActivityBehavior"
        }
        "intermediateLinkCatch" => "IntermediateCatchLinkEventActivityBehavior",
        "intermediateNoneThrowEvent" | "intermediateMessageThrowEvent" => {
            "IntermediateThrowNoneEventActivityBehavior"
        }
        "intermediateSignalThrow" | "signalEndEvent" => "ThrowSignalEventActivityBehavior",
        "intermediateEscalationThrowEvent" | "escalationEndEvent" => "ThrowEscalationEventActivityBehavior",
        "intermediateCompensationThrowEvent" | "compensationEndEvent" => "CompensationEventActivityBehavior",
        "errorEndEvent" => "ErrorEndEventActivityBehavior",
        "terminateEndEvent" => "TerminateEndEventActivityBehavior",
        "cancelEndEvent" => "CancelEndEventActivityBehavior",
        "noneEndEvent" | "messageEndEvent" => "NoneEndEventActivityBehavior",
        "eventBasedGateway" => "EventBasedGatewayActivityBehavior",
        "parallelGateway" => "ParallelGatewayActivityBehavior",
        "inclusiveGateway" => "InclusiveGatewayActivityBehavior",
        "exclusiveGateway" => "ExclusiveGatewayActivityBehavior",
        "task" => "TaskActivityBehavior",
        "manualTask" => "ManualTaskActivityBehavior",
        "scriptTask" => "ScriptTaskActivityBehavior",
        "businessRuleTask" => "DmnBusinessRuleTaskActivityBehavior",
        "serviceTask" | "sendTask" => "ServiceTaskExpressionActivityBehavior",
        _ => match node.behavior.start() {
            Some(Start::Conditional(_)) if node.parent.is_some() => {
                "EventSubProcessStartConditionalEventActivityBehavior"
            }
            Some(Start::None) | None => "NoneStartEventActivityBehavior",
            Some(_) if node.parent.is_some() => "EventSubProcessStartEventActivityBehavior",
            Some(_) => "NoneStartEventActivityBehavior",
        },
    }
}

/// Whether the behaviors of two activities are the same or stand for one another.
pub(super) fn alike(from: &Node, to: &Node) -> bool {
    const SUBPROCESSES: [&str; 2] = ["SubProcessActivityBehavior", "EventSubProcessActivityBehavior"];
    let (from, to) = (class(from), class(to));
    from == to || (SUBPROCESSES.contains(&from) && SUBPROCESSES.contains(&to))
}

/// Whether instances of it can be migrated as what they are.
pub(super) fn is_supported(node: &Node) -> bool {
    const SUPPORTED: [&str; 17] = [
        "SubProcessActivityBehavior",
        "UserTaskActivityBehavior",
        "BoundaryEventActivityBehavior",
        "ParallelMultiInstanceActivityBehavior",
        "SequentialMultiInstanceActivityBehavior",
        "ReceiveTaskActivityBehavior",
        "CallActivityBehavior",
        "IntermediateCatchEventActivityBehavior",
        "EventBasedGatewayActivityBehavior",
        "EventSubProcessActivityBehavior",
        "EventSubProcessStartEventActivityBehavior",
        "ExternalTaskActivityBehavior",
        "ParallelGatewayActivityBehavior",
        "InclusiveGatewayActivityBehavior",
        "IntermediateConditionalEventBehavior",
        "BoundaryConditionalEventActivityBehavior",
        "EventSubProcessStartConditionalEventActivityBehavior",
    ];
    SUPPORTED.contains(&class(node))
}

/// Whether an instruction for it is generated.
pub(super) fn is_mapped(definition: &Definition, node: &Node) -> bool {
    (is_supported(node) || node.async_before || node.async_after)
        && (!is_passive(node) || is_stored(node) || compensates(node))
        && !is_handler(definition, node)
}

/// Whether it is an event at the edge of an activity, or the start of an event subprocess: something that waits while
/// something else runs.
pub(super) fn is_passive(node: &Node) -> bool {
    node.attached_to.is_some() || class(node).starts_with("EventSubProcessStart")
}

/// Whether it runs as compensation: a handler, or an event subprocess that starts so.
pub(super) fn is_handler(definition: &Definition, node: &Node) -> bool {
    let start = node.inner_start.filter(|_| node.event_subprocess);
    node.for_compensation || start.is_some_and(|ix| compensates(&definition.nodes[ix]))
}

/// The scope around a node: of a handler of what is repeated the body of that.
pub(super) fn scope_around(definition: &Definition, ix: NodeIx) -> Option<NodeIx> {
    let node = &definition.nodes[ix];
    if !node.for_compensation {
        return node.parent;
    }
    let mut hosts = definition.nodes.iter();
    let host = hosts.find(|host| host.compensation_handler == Some(ix));
    host.and_then(|host| host.body).or(node.parent)
}

/// Whether it waits for a condition.
pub(super) fn is_conditional(node: &Node) -> bool {
    node.behavior.condition().is_some()
}

/// Whether it waits with something that is stored: a job or a subscription, that of a message, signal or condition.
pub(super) fn is_stored(node: &Node) -> bool {
    const WORDS: [&str; 8] = [
        "Timer",
        "Message",
        "Signal",
        "Conditional",
        "timer",
        "message",
        "signal",
        "conditional",
    ];
    let kind = node.activity_type;
    match kind {
        "receiveTask" => node.behavior.is_scope(),
        "userTask" => node.has_timeout(),
        _ => {
            let is_event = is_passive(node)
                || (kind.starts_with("intermediate") && !kind.contains("Throw") && !kind.contains("Link"));
            is_event && WORDS.iter().any(|word| kind.contains(word))
        }
    }
}

/// Whether it waits for compensation: at the edge of an activity or inside a subprocess.
fn compensates(node: &Node) -> bool {
    node.behavior.is_compensation_boundary() || matches!(node.behavior.start(), Some(Start::Compensation))
}

/// The scope whose event a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventScope {
    /// None's.
    Nothing,
    Process,
    Node(NodeIx),
}

/// The scope whose event it is: the activity at whose edge it stands, the scope around its event subprocess, the event-based
/// gateway before it, or, for what itself waits with something stored, the node.
pub(super) fn event_scope(definition: &Definition, ix: NodeIx) -> EventScope {
    let node = &definition.nodes[ix];
    if let Some(host) = node.attached_to {
        return EventScope::Node(host);
    }
    if class(node).starts_with("EventSubProcessStart") {
        let around = node.parent.and_then(|sub| definition.nodes[sub].parent);
        return around.map_or(EventScope::Process, EventScope::Node);
    }
    if node.behind_gateway {
        let mut sources = node.incoming.iter().map(|&flow| definition.flows[flow].source);
        let gateway = sources.find(|&source| definition.nodes[source].activity_type == "eventBasedGateway");
        return gateway.map_or(EventScope::Nothing, EventScope::Node);
    }
    match is_stored(node) {
        true => EventScope::Node(ix),
        false => EventScope::Nothing,
    }
}
