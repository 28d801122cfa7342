//! Plans: what can be mapped by itself, and what is wrong with a plan, in the reference's words.
use super::{MigrationInstruction, MigrationPlan};
use crate::definition::{Definition, Node, NodeIx};

/// The instructions that follow by themselves: activities of one id and type in scopes that correspond. `update`: events
/// are to be made anew.
pub fn generate(source: &Definition, target: &Definition, update: bool) -> Vec<MigrationInstruction> {
    let mut found = Vec::new();
    within(source, target, (None, None), update, &mut found);
    found
}

/// The depth is that of nested subprocesses, which deployment bounds.
fn within(
    source: &Definition,
    target: &Definition,
    scopes: (Option<NodeIx>, Option<NodeIx>),
    update: bool,
    found: &mut Vec<MigrationInstruction>,
) {
    for (ix, node) in source.nodes.iter().enumerate() {
        if node.parent != scopes.0 || !is_supported(node) {
            continue;
        }
        let Some(other) = target.index(&node.id) else {
            continue;
        };
        let twin = &target.nodes[other];
        let host =
            |definition: &Definition, node: &Node| node.attached_to.map(|h| definition.nodes[h].id.clone());
        let alike = twin.parent == scopes.1 && class(node) == class(twin) && event(node) == event(twin);
        if !alike || host(source, node) != host(target, twin) {
            continue;
        }
        found.push(MigrationInstruction {
            source: node.id.clone(),
            target: twin.id.clone(),
            update_event_trigger: update && has_trigger(node),
        });
        within(source, target, (Some(ix), Some(other)), update, found);
    }
    // A boundary event goes with its activity.
    let mapped: Vec<String> = found.iter().map(|i| i.source.clone()).collect();
    found.retain(|i| {
        let host = source.node(&i.source).and_then(|n| n.attached_to);
        host.is_none_or(|h| mapped.contains(&source.nodes[h].id))
    });
}

/// What is wrong with each instruction, in their order.
pub fn validate(source: &Definition, target: &Definition, plan: &MigrationPlan) -> Vec<Vec<String>> {
    let all = plan.instructions.iter();
    all.map(|instruction| wrong(source, target, plan, instruction))
        .collect()
}

fn wrong(
    source: &Definition,
    target: &Definition,
    plan: &MigrationPlan,
    instruction: &MigrationInstruction,
) -> Vec<String> {
    let mut failures = Vec::new();
    let (from, to) = (source.node(&instruction.source), target.node(&instruction.target));
    if from.is_none() {
        failures.push(format!("Source activity '{}' does not exist", instruction.source));
    }
    if to.is_none() {
        failures.push(format!("Target activity '{}' does not exist", instruction.target));
    }
    let (Some(from), Some(to)) = (from, to) else {
        return failures;
    };
    if class(from) != class(to) {
        failures.push(format!(
            "Activities have incompatible types ({} is not compatible with {})",
            class(from),
            class(to)
        ));
    } else if event(from) != event(to) {
        failures.push(format!(
            "Events are not of the same type ({} != {})",
            from.activity_type, to.activity_type
        ));
    }
    let same: Vec<String> = plan
        .instructions
        .iter()
        .filter(|i| i.source == instruction.source)
        .map(|i| {
            format!(
                "ValidatingMigrationInstructionImpl{{sourceActivity=Activity({}), targetActivity=Activity({})}}",
                i.source, i.target
            )
        })
        .collect();
    if same.len() > 1 {
        failures.push(format!(
            "There are multiple mappings for source activity id '{}': {}",
            instruction.source,
            same.join(", ")
        ));
    }
    failures.extend(wrong_scope(source, target, plan, from, to));
    failures.extend(wrong_event_scope(source, target, plan, from, to));
    if instruction.update_event_trigger && !has_trigger(from) {
        failures.push(
            "Cannot update event trigger because the activity does not define a persistent event trigger"
                .to_owned(),
        );
    }
    failures
}

/// What lies in a mapped scope has to stay in it.
fn wrong_scope(
    source: &Definition,
    target: &Definition,
    plan: &MigrationPlan,
    from: &Node,
    to: &Node,
) -> Option<String> {
    let mut at = from.parent;
    let (ancestor, mapped) = loop {
        let node = &source.nodes[at?];
        if let Some(instruction) = plan.of(&node.id) {
            break (node, instruction.target.as_str());
        }
        at = node.parent;
    };
    let mut around = to.parent;
    while let Some(ix) = around {
        if target.nodes[ix].id == mapped {
            return None;
        }
        around = target.nodes[ix].parent;
    }
    Some(format!(
        "The closest mapped ancestor '{}' is mapped to scope '{mapped}' which is not an ancestor of target scope '{}'",
        ancestor.id, to.id
    ))
}

/// An event stays with the activity whose event it is.
fn wrong_event_scope(
    source: &Definition,
    target: &Definition,
    plan: &MigrationPlan,
    from: &Node,
    to: &Node,
) -> Option<String> {
    let host = &source.nodes[from.attached_to?];
    let other = to.attached_to.map_or("", |h| target.nodes[h].id.as_str());
    let mapped = plan.of(&host.id).map(|i| i.target.as_str());
    (mapped != Some(other)).then(|| {
        format!(
            "The source activity's event scope ({}) must be mapped to the target activity's event scope ({other})",
            host.id
        )
    })
}

/// The reference's class of what an activity does: only equal ones can be mapped.
fn class(node: &Node) -> &'static str {
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
        kind if kind.starts_with("boundary") => "BoundaryEventActivityBehavior",
        "intermediateConditional" => "IntermediateConditionalEventBehavior",
        "intermediateTimer" | "intermediateMessageCatch" | "intermediateSignalCatch" => {
            "IntermediateCatchEventActivityBehavior"
        }
        "eventBasedGateway" => "EventBasedGatewayActivityBehavior",
        "parallelGateway" => "ParallelGatewayActivityBehavior",
        "inclusiveGateway" => "InclusiveGatewayActivityBehavior",
        "exclusiveGateway" => "ExclusiveGatewayActivityBehavior",
        "task" => "TaskActivityBehavior",
        "manualTask" => "ManualTaskActivityBehavior",
        "scriptTask" => "ScriptTaskActivityBehavior",
        "serviceTask" | "sendTask" | "businessRuleTask" => "ServiceTaskExpressionActivityBehavior",
        kind if kind.ends_with("EndEvent") => "NoneEndEventActivityBehavior",
        _ if node.parent.is_some() && node.behavior.start().is_some() && has_trigger(node) => {
            "EventSubProcessStartEventActivityBehavior"
        }
        _ => "NoneStartEventActivityBehavior",
    }
}

/// Whether instances of it can be migrated as what they are, or as the continuation they wait for.
fn is_supported(node: &Node) -> bool {
    const NOT: [&str; 8] = [
        "ExclusiveGatewayActivityBehavior",
        "TaskActivityBehavior",
        "ManualTaskActivityBehavior",
        "ScriptTaskActivityBehavior",
        "ServiceTaskExpressionActivityBehavior",
        "NoneEndEventActivityBehavior",
        "NoneStartEventActivityBehavior",
        "",
    ];
    (!NOT.contains(&class(node)) || node.async_before || node.async_after) && !node.for_compensation
}

/// What tells events of one class apart.
fn event(node: &Node) -> &'static str {
    let is_event = ["boundary", "intermediate", "start"];
    let kind = node.activity_type;
    match is_event.iter().any(|prefix| kind.starts_with(prefix)) || kind.ends_with("StartEvent") {
        true => kind,
        false => "",
    }
}

/// Whether it waits with something that is stored: a job or a subscription.
fn has_trigger(node: &Node) -> bool {
    let kind = node.activity_type;
    let waits = [
        "Timer",
        "Message",
        "Signal",
        "Conditional",
        "timer",
        "message",
        "signal",
        "conditional",
    ];
    let is_event = node.attached_to.is_some()
        || kind.starts_with("intermediate")
        || (node.parent.is_some() && node.behavior.start().is_some());
    (is_event && waits.iter().any(|word| kind.contains(word))) || kind == "receiveTask"
}
