//! Flow nodes: what all of them have in common, and their parameters.
use super::documentation;
use crate::{
    definition::{Mapping, MappingValue, Node, NodeIx},
    element,
    form::Form,
    listener::Listeners,
    script::Script,
    xml::{Reader, bpmn_child, bpmn_children, extension, extensions, is_extension, text},
};
use roxmltree::Node as Xml;

/// Flow nodes that the reference runs; it passes over all others.
pub(super) const KNOWN: &[&str] = &[
    "boundaryEvent",
    "businessRuleTask",
    "callActivity",
    "endEvent",
    "eventBasedGateway",
    "exclusiveGateway",
    "inclusiveGateway",
    "intermediateCatchEvent",
    "intermediateThrowEvent",
    "manualTask",
    "parallelGateway",
    "receiveTask",
    "scriptTask",
    "sendTask",
    "serviceTask",
    "startEvent",
    "subProcess",
    "task",
    "transaction",
    "userTask",
];

/// How a process may start.
const PROCESS_STARTS: &[&str] = &[
    "timerEventDefinition",
    "messageEventDefinition",
    "signalEventDefinition",
    "conditionalEventDefinition",
];

/// Whether `camunda:exclusive` is left out or true.
fn is_exclusive(node: Xml<'_, '_>) -> bool {
    extension(node, "exclusive").is_none_or(|value| value == "true")
}

fn flag(node: Xml<'_, '_>, name: &str) -> bool {
    extension(node, name) == Some("true")
}

/// Reads the multi-instance body around an activity, which takes over its place in the flow: its asynchronous
/// continuations and what is attached to it. Those of the loop itself are the activity's.
pub(super) fn read_body<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>, node: &mut Node) -> Option<Node> {
    let characteristics = bpmn_child(xml, element::LOOP.tag)?;
    let behavior = (element::LOOP.parse)(reader, characteristics)?;
    let body = Node {
        id: format!("{}{}", node.id, element::BODY),
        name: None,
        activity_type: element::LOOP.activity_type,
        inputs: Vec::new(),
        outputs: Vec::new(),
        has_mappings: false,
        // The reference gives the activity's priority to the jobs of its iterations alone.
        job_priority: None,
        retry_cycle: node.retry_cycle.take(),
        ..plain_node(xml, node.parent, behavior)
    };
    node.async_before = flag(characteristics, "asyncBefore") || flag(characteristics, "async");
    node.async_after = flag(characteristics, "asyncAfter");
    node.exclusive = is_exclusive(characteristics);
    if let Some(cycle) = retry_cycle(characteristics) {
        node.retry_cycle = reader.expression(characteristics, &node.id, &text(cycle));
    }
    Some(body)
}

/// What every flow node has, as far as its attributes say.
fn plain_node(xml: Xml<'_, '_>, parent: Option<NodeIx>, behavior: Box<dyn element::Behavior>) -> Node {
    let event_subprocess = xml.attribute("triggeredByEvent") == Some("true");
    Node {
        id: xml.attribute("id").unwrap_or_default().to_owned(),
        name: xml.attribute("name").map(str::to_owned),
        documentation: documentation(xml),
        activity_type: "",
        parent,
        incoming: Vec::new(),
        outgoing: Vec::new(),
        default_flow: None,
        async_before: flag(xml, "asyncBefore") || flag(xml, "async"),
        async_after: flag(xml, "asyncAfter"),
        exclusive: is_exclusive(xml),
        timer_exclusive: bpmn_child(xml, "timerEventDefinition").is_none_or(is_exclusive),
        job_priority: None,
        retry_cycle: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
        properties: Vec::new(),
        has_mappings: false,
        listeners: Listeners::default(),
        form: Form::default(),
        boundary: Vec::new(),
        has_event_boundary: false,
        attached_to: None,
        interrupting: !matches!(xml.attribute("cancelActivity"), Some("false" | "0"))
            && !matches!(xml.attribute("isInterrupting"), Some("false" | "0")),
        inner_start: None,
        event_starts: Vec::new(),
        waiting: Vec::new(),
        behind_gateway: false,
        event_subprocess,
        for_compensation: xml.attribute("isForCompensation") == Some("true"),
        compensation_handler: None,
        repeats: None,
        body: None,
        behavior,
    }
}

/// The retry cycle of an activity's jobs, also under the name that Camunda had before.
fn retry_cycle<'x>(xml: Xml<'x, 'x>) -> Option<Xml<'x, 'x>> {
    const BEFORE: &str = "http://www.camunda.com/fox";
    let mut all = bpmn_child(xml, "extensionElements")?.children();
    let fox = all.find(|n| n.has_tag_name((BEFORE, "failedJobRetryTimeCycle")));
    fox.or_else(|| extensions(xml, "failedJobRetryTimeCycle").next())
}

/// Reads a flow node; `None` if it was refused.
pub(super) fn read_node<'x>(
    reader: &mut Reader<'x>,
    xml: Xml<'x, 'x>,
    parent: Option<NodeIx>,
) -> Option<Node> {
    let tag = xml.tag_name().name();
    let id = xml.attribute("id").unwrap_or_default();
    let mut events: Vec<&str> = bpmn_children(xml)
        .map(|c| c.tag_name().name())
        .filter(|t| t.ends_with("EventDefinition"))
        .collect();
    let triggered = |scope: Xml<'_, '_>| scope.attribute("triggeredByEvent") == Some("true");
    if tag == "startEvent" && !xml.parent_element().is_some_and(triggered) {
        // Other definitions mean something in event subprocesses alone.
        events.retain(|event| PROCESS_STARTS.contains(event));
    }
    let Some(spec) = element::find(tag, &events) else {
        unsupported(reader, xml, id, &events);
        return None;
    };
    let behavior = (spec.parse)(reader, xml)?;
    if id.is_empty() {
        nameless(reader, xml, tag, &events);
        return None;
    }
    let mut node = Node {
        activity_type: behavior.activity_type().unwrap_or(spec.activity_type),
        listeners: Listeners::read(reader, xml, id),
        form: match tag {
            "userTask" | "startEvent" => Form::read(reader, xml, id),
            _ => Form::default(),
        },
        ..plain_node(xml, parent, behavior)
    };
    node.job_priority = reader.priority(xml, id, "jobPriority");
    // The reference has forgotten manual tasks.
    if let Some(cycle) = retry_cycle(xml).filter(|_| tag != "manualTask") {
        node.retry_cycle = reader.expression(xml, id, &text(cycle));
    }
    for property in extensions(xml, "properties")
        .flat_map(|p| p.children())
        .filter(|n| is_extension(*n))
    {
        if let (Some(name), Some(value)) = (property.attribute("name"), property.attribute("value")) {
            node.properties.push((name.to_owned(), value.to_owned()));
        }
    }
    node.properties.extend(node.behavior.properties());
    for mappings in extensions(xml, "inputOutput") {
        if matches!(tag, "boundaryEvent" | "startEvent") || tag.ends_with("Gateway") {
            let message = format!("camunda:inputOutput mapping unsupported for element type '{tag}'.");
            reader.error(mappings, id, message);
            continue;
        }
        node.has_mappings = true;
        read_mappings(reader, mappings, id, &mut node.inputs, &mut node.outputs);
    }
    Some(node)
}

/// A flow node without an id: the reference keeps it, but no flow leads to it, and one that begins by itself fails there. So
/// it is left out; where the reference needs the id, it refuses the model.
fn nameless(reader: &mut Reader<'_>, xml: Xml<'_, '_>, tag: &str, events: &[&str]) {
    let event = bpmn_children(xml).find(|child| child.tag_name().name().ends_with("EventDefinition"));
    let waits = event.filter(|_| matches!(tag, "boundaryEvent" | "intermediateCatchEvent"));
    match (tag, waits) {
        (_, Some(event)) if events.contains(&"timerEventDefinition") => {
            reader.error(event, "", "Attribute \"id\" is required!");
        }
        ("boundaryEvent", Some(event)) => reader.error(event, "", "boundary event has no id"),
        ("startEvent", _) => {
            let cause = "Cannot invoke \"org.camunda.bpm.engine.impl.pvm.process.ActivityImpl.addBuiltInListener(String, \
                         org.camunda.bpm.engine.delegate.DelegateListener, int)\" because \"activity\" is null";
            reader.error(xml, "", format!("Error while parsing process. {cause}."));
        }
        _ => {}
    }
}

/// Reads the parameters of an `inputOutput`.
pub(crate) fn read_mappings(
    reader: &mut Reader<'_>,
    mappings: Xml<'_, '_>,
    id: &str,
    inputs: &mut Vec<Mapping>,
    outputs: &mut Vec<Mapping>,
) {
    for parameter in mappings.children().filter(|n| is_extension(*n)) {
        let tag = parameter.tag_name().name();
        let Some(name) = parameter.attribute("name").filter(|n| !n.is_empty()) else {
            reader.error(parameter, id, format!("Missing attribute 'name' for {tag}"));
            continue;
        };
        let Some(value) = parameter_value(reader, parameter, id) else {
            continue;
        };
        let list = if tag == "inputParameter" {
            &mut *inputs
        } else {
            &mut *outputs
        };
        list.push(Mapping {
            name: name.to_owned(),
            value,
        });
    }
}

/// How deep lists and maps of a parameter may nest.
const MAX_PARAMETER_DEPTH: usize = 32;

fn parameter_value(reader: &mut Reader<'_>, node: Xml<'_, '_>, id: &str) -> Option<MappingValue> {
    value_at_depth(reader, node, id, 0)
}

fn value_at_depth(
    reader: &mut Reader<'_>,
    node: Xml<'_, '_>,
    id: &str,
    depth: usize,
) -> Option<MappingValue> {
    if depth > MAX_PARAMETER_DEPTH {
        reader.error(
            node,
            id,
            format!("parameter nested deeper than {MAX_PARAMETER_DEPTH}"),
        );
        return None;
    }
    let Some(inner) = node.children().find(|c| c.is_element()) else {
        let text = text(node);
        if text.is_empty() {
            return Some(MappingValue::Null);
        }
        return reader.expression(node, id, &text).map(MappingValue::Text);
    };
    nested_value(reader, inner, id, depth)
}

fn nested_value(reader: &mut Reader<'_>, inner: Xml<'_, '_>, id: &str, depth: usize) -> Option<MappingValue> {
    let elements = inner.children().filter(|c| c.is_element());
    match inner.tag_name().name() {
        "list" => {
            let mut items = Vec::new();
            for item in elements {
                items.push(match item.tag_name().name() {
                    "value" => value_at_depth(reader, item, id, depth + 1)?,
                    _ => nested_value(reader, item, id, depth + 1)?,
                });
            }
            Some(MappingValue::List(items))
        }
        "map" => {
            let mut entries = Vec::new();
            for entry in elements {
                let key = reader.expression(entry, id, entry.attribute("key").unwrap_or_default())?;
                entries.push((key, value_at_depth(reader, entry, id, depth + 1)?));
            }
            Some(MappingValue::Map(entries))
        }
        "script" if is_extension(inner) => Script::of_element(reader, inner, id).map(MappingValue::Script),
        "value" if depth < MAX_PARAMETER_DEPTH => value_at_depth(reader, inner, id, depth + 1),
        other => {
            reader.error(
                inner,
                id,
                format!("'{other}' in a parameter is not supported yet"),
            );
            None
        }
    }
}

fn unsupported(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str, events: &[&str]) {
    let tag = xml.tag_name().name();
    if !KNOWN.contains(&tag) {
        return;
    }
    let what = match events {
        [] => String::new(),
        _ => format!(" and {}", events.join(", ")),
    };
    reader.error(
        xml,
        id,
        format!("element '{tag}' with id '{id}'{what} is not supported yet"),
    );
}
