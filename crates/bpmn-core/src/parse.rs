//! From BPMN XML to definitions. Refuses document type declarations; knows Camunda's namespace and its older name.
use crate::{
    definition::{Definition, Flow, Mapping, MappingValue, Node, NodeIx},
    element::{self, Start},
    problem::{ParseErrors, Problem, Severity},
    xml::{BPMN, Reader, bpmn_child, bpmn_children, extension, extensions, is_extension, text},
};
use roxmltree::{Document, Node as Xml, ParsingOptions};
use std::collections::{HashMap, HashSet};

/// Most XML nodes a file may have.
const MAX_NODES: u32 = 1_000_000;
/// Days a definition's history is kept when the file says nothing; the reference's default.
const DEFAULT_HISTORY_TTL: i32 = 180;

/// Parts of a process that don't take part in running it.
const IGNORED: &[&str] = &[
    "artifact",
    "association",
    "auditing",
    "category",
    "correlationSubscription",
    "dataInputAssociation",
    "dataObject",
    "dataObjectReference",
    "dataOutputAssociation",
    "dataStoreReference",
    "documentation",
    "extensionElements",
    "group",
    "humanPerformer",
    "incoming",
    "ioSpecification",
    "laneSet",
    "monitoring",
    "outgoing",
    "performer",
    "potentialOwner",
    "property",
    "relationship",
    "resourceRole",
    "sequenceFlow",
    "supports",
    "textAnnotation",
];

/// Flow nodes of BPMN that a model may hold and this engine can't run yet.
const KNOWN: &[&str] = &[
    "adHocSubProcess",
    "boundaryEvent",
    "businessRuleTask",
    "callActivity",
    "callChoreography",
    "choreographyTask",
    "complexGateway",
    "endEvent",
    "eventBasedGateway",
    "exclusiveGateway",
    "implicitThrowEvent",
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
    "subChoreography",
    "subProcess",
    "task",
    "transaction",
    "userTask",
];

/// Reads every executable process of a BPMN file; processes that aren't `isExecutable="true"` are left out.
///
/// # Errors
/// Everything found wrong, with positions; see [`ParseErrors`].
pub fn parse(xml: &[u8]) -> Result<Vec<Definition>, ParseErrors> {
    let malformed = |message: String, line, column| ParseErrors {
        problems: vec![Problem {
            message,
            line,
            column,
            main_element: None,
            element_ids: Vec::new(),
            severity: Severity::Error,
        }],
        malformed: true,
    };
    let source = std::str::from_utf8(xml)
        .map_err(|cause| malformed(format!("The file is not valid UTF-8: {cause}"), 0, 0))?;
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let doc = Document::parse_with_options(source, options).map_err(|cause| {
        let at = cause.pos();
        malformed(xml_message(&cause), at.row, at.col)
    })?;
    let root = doc.root_element();
    let mut reader = Reader::new(&doc);
    if !root.has_tag_name((BPMN, "definitions")) {
        let (line, column) = reader.position(root);
        let message = format!(
            "cvc-elt.1.a: Cannot find the declaration of element '{}'.",
            root.tag_name().name()
        );
        reader.push(message, line, column, "", &[]);
        return Err(ParseErrors {
            problems: reader.problems,
            malformed: false,
        });
    }
    check_ids(&mut reader, root);
    let definitions: Vec<Definition> = bpmn_children(root)
        .filter(|n| n.tag_name().name() == "process" && n.attribute("isExecutable") == Some("true"))
        .filter_map(|process| read_process(&mut reader, process, root.attribute("targetNamespace")))
        .collect();
    if reader.problems.is_empty() {
        Ok(definitions)
    } else {
        Err(ParseErrors {
            problems: reader.problems,
            malformed: false,
        })
    }
}

fn xml_message(cause: &roxmltree::Error) -> String {
    match cause {
        roxmltree::Error::DtdDetected => "DOCTYPE is disallowed when the feature \
             \"http://apache.org/xml/features/disallow-doctype-decl\" set to true."
            .to_owned(),
        other => other.to_string(),
    }
}

/// Ids are unique in a file; the words are those of the XML schema validation that the reference runs.
fn check_ids<'x>(reader: &mut Reader<'x>, root: Xml<'x, 'x>) {
    let mut seen = HashSet::new();
    for node in root
        .descendants()
        .filter(|n| n.tag_name().namespace() == Some(BPMN))
    {
        let Some(id) = node.attribute("id") else { continue };
        if seen.insert(id) {
            continue;
        }
        let (line, column) = reader.position(node);
        let tag = node.tag_name().name();
        for message in [
            format!("cvc-id.2: There are multiple occurrences of ID value '{id}'."),
            format!(
                "cvc-attribute.3: The value '{id}' of attribute 'id' on element '{tag}' is not valid with \
                 respect to its type, 'ID'."
            ),
        ] {
            reader.push(message, line, column, "", &[]);
        }
    }
}

fn read_process<'x>(
    reader: &mut Reader<'x>,
    process: Xml<'x, 'x>,
    category: Option<&str>,
) -> Option<Definition> {
    let Some(key) = process.attribute("id").filter(|id| !id.is_empty()) else {
        reader.error(process, "", "process must have an id");
        return None;
    };
    let mut definition = Definition {
        key: key.to_owned(),
        name: process.attribute("name").map(str::to_owned),
        category: category.map(str::to_owned),
        version_tag: extension(process, "versionTag").map(str::to_owned),
        history_ttl: history_ttl(reader, process, key),
        startable_in_tasklist: extension(process, "isStartableInTasklist") != Some("false"),
        documentation: documentation(process),
        nodes: Vec::new(),
        flows: Vec::new(),
        by_id: HashMap::new(),
    };
    // Subprocesses wait in a list instead of a call stack: a file decides how deep they nest.
    let mut scopes: Vec<(Xml<'x, 'x>, Option<NodeIx>)> = vec![(process, None)];
    let mut flows = Vec::new();
    let mut sources: Vec<Xml<'x, 'x>> = Vec::new();
    let mut next = 0;
    while let Some(&(scope, parent)) = scopes.get(next) {
        next += 1;
        for child in bpmn_children(scope) {
            let tag = child.tag_name().name();
            if tag == "sequenceFlow" {
                flows.push(child);
            }
            if IGNORED.contains(&tag) || (next > 1 && element::is_part(tag)) {
                continue;
            }
            let Some(node) = read_node(reader, child, parent) else {
                continue;
            };
            let ix = definition.nodes.len();
            if tag == "subProcess" {
                scopes.push((child, Some(ix)));
            }
            definition.by_id.insert(node.id.clone(), ix);
            definition.nodes.push(node);
            sources.push(child);
        }
    }
    attach_boundary_events(reader, &mut definition, &sources);
    for flow in flows {
        read_flow(reader, &mut definition, flow);
    }
    for (ix, xml) in sources.iter().enumerate() {
        default_flow(reader, &mut definition, ix, *xml);
        element::check(reader, &definition, ix);
    }
    check_starts(reader, &definition, process, &sources, &scopes);
    Some(definition)
}

fn history_ttl(reader: &mut Reader<'_>, process: Xml<'_, '_>, key: &str) -> Option<i32> {
    let Some(text) = extension(process, "historyTimeToLive") else {
        return Some(DEFAULT_HISTORY_TTL);
    };
    if text.is_empty() {
        return None;
    }
    let digits = text
        .strip_prefix('P')
        .and_then(|t| t.strip_suffix('D'))
        .unwrap_or(text);
    match digits.parse::<i32>() {
        Ok(days) if days >= 0 => Some(days),
        _ => {
            let cause = format!("Cannot parse historyTimeToLive: For input string: \"{text}\"");
            reader.error(process, key, format!("{cause}: {cause}"));
            None
        }
    }
}

fn documentation(node: Xml<'_, '_>) -> Option<String> {
    bpmn_child(node, "documentation")
        .map(text)
        .filter(|t| !t.is_empty())
}

fn flag(node: Xml<'_, '_>, name: &str) -> bool {
    extension(node, name) == Some("true")
}

fn read_node<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>, parent: Option<NodeIx>) -> Option<Node> {
    let tag = xml.tag_name().name();
    let id = xml.attribute("id").unwrap_or_default();
    let events: Vec<&str> = bpmn_children(xml)
        .map(|c| c.tag_name().name())
        .filter(|t| t.ends_with("EventDefinition"))
        .collect();
    let Some(spec) = element::find(tag, &events) else {
        unsupported(reader, xml, id, &events);
        return None;
    };
    if id.is_empty() {
        reader.error(xml, "", format!("element '{tag}' must have an id"));
        return None;
    }
    refuse_what_would_be_lost(reader, xml, id);
    let behavior = (spec.parse)(reader, xml)?;
    let mut node = Node {
        id: id.to_owned(),
        name: xml.attribute("name").map(str::to_owned),
        documentation: documentation(xml),
        activity_type: spec.activity_type,
        parent,
        incoming: Vec::new(),
        outgoing: Vec::new(),
        default_flow: None,
        async_before: flag(xml, "asyncBefore") || flag(xml, "async"),
        async_after: flag(xml, "asyncAfter"),
        exclusive: extension(xml, "exclusive") != Some("false"),
        job_priority: None,
        retry_cycle: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
        has_mappings: false,
        boundary: Vec::new(),
        attached_to: None,
        behavior,
    };
    if let Some(priority) = extension(xml, "jobPriority") {
        if !priority.contains('{') && priority.trim().parse::<i64>().is_err() {
            let message = format!("Value '{priority}' for attribute 'jobPriority' is not a valid number");
            reader.error(xml, id, message);
        }
        node.job_priority = reader.expression(xml, id, priority);
    }
    if let Some(cycle) = extensions(xml, "failedJobRetryTimeCycle").next() {
        node.retry_cycle = reader.expression(xml, id, &text(cycle));
    }
    for mappings in extensions(xml, "inputOutput") {
        node.has_mappings = true;
        for parameter in mappings.children().filter(|n| is_extension(*n)) {
            let tag = parameter.tag_name().name();
            let Some(name) = parameter.attribute("name").filter(|n| !n.is_empty()) else {
                reader.error(parameter, id, format!("Missing attribute 'name' for {tag}"));
                continue;
            };
            let Some(value) = parameter_value(reader, parameter, id) else {
                continue;
            };
            let mapping = Mapping {
                name: name.to_owned(),
                value,
            };
            if tag == "inputParameter" {
                node.inputs.push(mapping)
            } else {
                node.outputs.push(mapping)
            }
        }
    }
    Some(node)
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
                let key = entry.attribute("key").unwrap_or_default().to_owned();
                entries.push((key, value_at_depth(reader, entry, id, depth + 1)?));
            }
            Some(MappingValue::Map(entries))
        }
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
    let message = match events {
        _ if !KNOWN.contains(&tag) => format!(
            "cvc-complex-type.2.4.a: Invalid content was found starting with element '{{\"{BPMN}\":{tag}}}'."
        ),
        [] if tag == "intermediateCatchEvent" => "Unsupported intermediate catch event type".to_owned(),
        [] => format!("element '{tag}' with id '{id}' is not supported yet"),
        _ => format!(
            "element '{tag}' with id '{id}' and {} is not supported yet",
            events.join(", ")
        ),
    };
    reader.error(xml, id, message);
}

/// Extensions that change what an element does: silently leaving them out would run another process.
fn refuse_what_would_be_lost(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) {
    for tag in ["multiInstanceLoopCharacteristics", "standardLoopCharacteristics"] {
        if let Some(node) = bpmn_child(xml, tag) {
            reader.error(
                node,
                id,
                format!("'{tag}' of element '{id}' is not supported yet"),
            );
        }
    }
    if xml.attribute("isForCompensation") == Some("true") {
        reader.error(
            xml,
            id,
            format!("compensation by element '{id}' is not supported yet"),
        );
    }
    for tag in [
        "executionListener",
        "taskListener",
        "connector",
        "errorEventDefinition",
    ] {
        if let Some(node) = extensions(xml, tag).next() {
            reader.error(
                node,
                id,
                format!("'{tag}' of element '{id}' is not supported yet"),
            );
        }
    }
}

fn attach_boundary_events(reader: &mut Reader<'_>, definition: &mut Definition, sources: &[Xml<'_, '_>]) {
    for (ix, xml) in sources.iter().enumerate() {
        if xml.tag_name().name() != "boundaryEvent" {
            continue;
        }
        let host = xml.attribute("attachedToRef").and_then(|id| definition.index(id));
        let same_scope = host.filter(|&host| definition.nodes[host].parent == definition.nodes[ix].parent);
        match same_scope {
            Some(host) if host != ix => {
                definition.nodes[host].boundary.push(ix);
                definition.nodes[ix].attached_to = Some(host);
            }
            _ => reader.error(
                *xml,
                &definition.nodes[ix].id,
                "Invalid reference in boundary event. Make sure that the referenced activity is defined in the \
                 same scope as the boundary event",
            ),
        }
    }
}

fn read_flow(reader: &mut Reader<'_>, definition: &mut Definition, xml: Xml<'_, '_>) {
    let id = xml.attribute("id").unwrap_or_default();
    let [source, target] = ["sourceRef", "targetRef"].map(|name| xml.attribute(name).unwrap_or_default());
    // A node that was refused is no reason to refuse its flows too.
    let refused = |id: &str, reader: &Reader<'_>| {
        reader
            .problems
            .iter()
            .any(|p| p.element_ids.iter().any(|e| e == id))
    };
    let Some(from) = definition.index(source) else {
        if !refused(source, reader) {
            reader.error(
                xml,
                id,
                format!("Invalid source '{source}' of sequence flow '{id}'"),
            );
        }
        return;
    };
    let to = definition
        .index(target)
        .filter(|&to| definition.nodes[to].parent == definition.nodes[from].parent);
    let Some(to) = to else {
        if !refused(target, reader) {
            reader.error(
                xml,
                id,
                format!("Invalid destination '{target}' of sequence flow '{id}'"),
            );
        }
        return;
    };
    let condition = bpmn_child(xml, "conditionExpression").and_then(|condition| {
        if let Some(language) = condition.attribute("language") {
            reader.error(
                condition,
                id,
                format!("script condition in '{language}' of sequence flow '{id}' is not supported yet"),
            );
            return None;
        }
        reader.expression(condition, id, &text(condition))
    });
    let ix = definition.flows.len();
    definition.flows.push(Flow {
        id: id.to_owned(),
        name: xml.attribute("name").map(str::to_owned),
        source: from,
        target: to,
        condition,
    });
    definition.nodes[from].outgoing.push(ix);
    definition.nodes[to].incoming.push(ix);
}

fn default_flow(reader: &mut Reader<'_>, definition: &mut Definition, ix: NodeIx, xml: Xml<'_, '_>) {
    let Some(default) = xml.attribute("default").filter(|d| !d.is_empty()) else {
        return;
    };
    let found = definition.nodes[ix]
        .outgoing
        .iter()
        .copied()
        .find(|&f| definition.flows[f].id == default);
    match found {
        Some(flow) => definition.nodes[ix].default_flow = Some(flow),
        None => {
            let message = format!(
                "default flow '{default}' of element '{}' does not leave it",
                definition.nodes[ix].id
            );
            reader.error(xml, &definition.nodes[ix].id, message);
        }
    }
}

/// One plain start, and no message twice, in the process and in each subprocess.
fn check_starts(
    reader: &mut Reader<'_>,
    definition: &Definition,
    process: Xml<'_, '_>,
    sources: &[Xml<'_, '_>],
    scopes: &[(Xml<'_, '_>, Option<NodeIx>)],
) {
    let key = definition.key.as_str();
    let starts = |parent| {
        let of_scope = definition
            .nodes
            .iter()
            .enumerate()
            .filter(move |(_, n)| n.parent == parent);
        of_scope
            .filter_map(|(ix, n)| Some((ix, n, n.behavior.start()?)))
            .collect::<Vec<_>>()
    };
    let on_top = starts(None);
    let (line, column) = reader.position(process);
    if on_top.is_empty() && reader.problems.is_empty() {
        reader.push(
            "process must define a startEvent element".to_owned(),
            line,
            column,
            key,
            &[key],
        );
    }
    let plain = on_top
        .iter()
        .filter(|(_, _, start)| !matches!(start, Start::Message(_)));
    for (_, node, _) in plain.skip(1) {
        let message = "multiple none start events or timer start events not supported on process definition";
        reader.push(message.to_owned(), line, column, &node.id, &[key, &node.id]);
    }
    let mut names = HashSet::new();
    for (ix, node, start) in &on_top {
        let Start::Message(name) = start else { continue };
        if !names.insert(name.text()) {
            let message = format!(
                "Cannot have more than one message event subscription with name '{}' for scope 'null'",
                name.text()
            );
            let (line, column) = reader.position(sources[*ix]);
            reader.push(message, line, column, &node.id, &[&node.id, &node.id]);
        }
    }
    for (xml, parent) in scopes.iter().skip(1) {
        let Some(parent) = parent else { continue };
        let id = &definition.nodes[*parent].id;
        let inner = starts(Some(*parent));
        if inner.len() > 1 {
            reader.error(
                *xml,
                id,
                format!("multiple start events not supported for subprocess '{id}'"),
            );
        }
        if inner.iter().any(|(_, _, start)| !matches!(start, Start::None)) {
            reader.error(
                *xml,
                id,
                format!("subprocess '{id}' may only have a none start event"),
            );
        }
        if inner.is_empty() && reader.problems.is_empty() {
            reader.error(
                *xml,
                id,
                format!("subprocess '{id}' must define a startEvent element"),
            );
        }
    }
}
