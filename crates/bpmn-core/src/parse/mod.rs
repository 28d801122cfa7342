//! From BPMN XML to definitions. Refuses document type declarations; knows Camunda's namespace and its older name.
mod checks;

mod encoding;
mod flows;
mod limits;
mod malformed;
mod node;
mod schema;
mod starters;

pub(crate) use self::{checks::truth, node::read_mappings, starters::owners};
use self::{
    flows::{
        Links, attach_boundary_events, default_flow, mark_events_behind_gateways, read_association, read_flow,
    },
    node::{read_body, read_node},
};
use crate::{
    definition::{Definition, Node, NodeIx},
    element,
    listener::Listeners,
    needs,
    problem::{ParseErrors, Problem, Refusal, Severity},
    xml::{Reader, bpmn_children, extension, text},
};
use roxmltree::{Document, Node as Xml, ParsingOptions};
use std::collections::HashMap;

/// Most XML nodes a file may have.
const MAX_NODES: u32 = 1_000_000;
/// Days a definition's history is kept when the file says nothing; the reference's default.
const DEFAULT_HISTORY_TTL: i32 = 180;

/// How deep subprocesses may nest: trees of activity instances are walked and written recursively.
const MAX_NESTING: usize = 100;

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

/// What the reference has a library for or not, and the host of this engine can do or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Tasks of type `mail` are sent; else their models are refused, as by a reference without the library for it.
    pub mail: bool,
}

/// Reads every executable process of a BPMN file; processes that aren't `isExecutable="true"` are left out.
///
/// # Errors
/// Everything found wrong, with positions; see [`ParseErrors`].
pub fn parse(xml: &[u8]) -> Result<Vec<Definition>, ParseErrors> {
    parse_for(xml, Abilities::default())
}

/// As [`parse`], for a host that can do more than the least.
///
/// # Errors
/// As for [`parse`].
pub fn parse_for(xml: &[u8], abilities: Abilities) -> Result<Vec<Definition>, ParseErrors> {
    read(xml, Some(abilities))
}

/// Reads a file that has been deployed: what the deployment let pass isn't judged again.
///
/// # Errors
/// As for [`parse`], where not even a definition can be made of the file.
pub fn load(xml: &[u8]) -> Result<Vec<Definition>, ParseErrors> {
    read(xml, None)
}

/// Reads a file; with abilities it is judged first.
fn read(xml: &[u8], judge: Option<Abilities>) -> Result<Vec<Definition>, ParseErrors> {
    let source = encoding::decode(xml).map_err(|cause| refused(cause, Refusal::Malformed))?;
    if let Some(problem) = limits::problem(&source) {
        return Err(refused(problem, Refusal::Malformed));
    }
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let doc = Document::parse_with_options(&source, options)
        .map_err(|cause| refused(malformed::message(&source, &cause), Refusal::Malformed))?;
    let root = doc.root_element();
    let mut reader = Reader::new(&doc);
    if let Some(abilities) = judge {
        schema::validate(&mut reader, root);
        if let Err(failure) = checks::check(&mut reader, root, abilities)
            && !reader.has_errors()
        {
            return Err(refused(failure, Refusal::Failed));
        }
    }
    let mut definitions = Vec::new();
    if !reader.has_errors() {
        definitions = bpmn_children(root)
            .filter(|n| n.tag_name().name() == "process" && n.attribute("isExecutable") == Some("true"))
            .filter_map(|process| read_process(&mut reader, process, root.attribute("targetNamespace")))
            .collect();
    }
    if reader.has_errors() {
        return Err(ParseErrors {
            problems: reader.problems,
            refusal: Refusal::Problems,
        });
    }
    Ok(definitions)
}

/// A refusal with nothing but a message.
fn refused(message: String, refusal: Refusal) -> ParseErrors {
    ParseErrors {
        problems: vec![Problem {
            message,
            line: 0,
            column: 0,
            main_element: None,
            element_ids: Vec::new(),
            severity: Severity::Error,
        }],
        refusal,
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
        without_ttl: extension(process, "historyTimeToLive")
            .is_none_or(str::is_empty)
            .then(|| reader.position(process)),
        startable_in_tasklist: extension(process, "isStartableInTasklist")
            .is_none_or(|value| value == "true"),
        documentation: documentation(process),
        job_priority: reader.priority(process, key, "jobPriority"),
        task_priority: reader.priority(process, key, "taskPriority"),
        initiator: initiator(process),
        starters: starters::read(process),
        listeners: Listeners::read(reader, process, key),
        needs: needs::read(reader, process),
        nodes: Vec::new(),
        flows: Vec::new(),
        event_starts: Vec::new(),
        waiting: Vec::new(),
        has_conditions: false,
        has_calls: false,
        by_id: HashMap::new(),
        initial: None,
    };
    // Subprocesses wait in a list instead of a call stack: a file decides how deep they nest.
    let mut scopes: Vec<(Xml<'x, 'x>, Option<NodeIx>)> = vec![(process, None)];
    let mut flows = Vec::new();
    let mut associations = Vec::new();
    let mut links = Links::default();
    let mut sources: Vec<Xml<'x, 'x>> = Vec::new();
    let mut next = 0;
    while let Some(&(scope, parent)) = scopes.get(next) {
        next += 1;
        for child in bpmn_children(scope) {
            let tag = child.tag_name().name();
            match tag {
                "sequenceFlow" => flows.push(child),
                "association" => associations.push(child),
                "intermediateThrowEvent" | "intermediateCatchEvent" if links.read(reader, child) => {
                    continue;
                }
                _ => {}
            }
            if IGNORED.contains(&tag) || (next > 1 && element::is_part(tag)) {
                continue;
            }
            let Some(mut node) = read_node(reader, child, parent) else {
                continue;
            };
            if let Some(body) = read_body(reader, child, &mut node) {
                let ix = definition.nodes.len();
                definition.by_id.insert(body.id.clone(), ix);
                definition.nodes.push(Node {
                    repeats: Some(ix + 1),
                    ..body
                });
                sources.push(child);
                node.parent = Some(ix);
                node.body = Some(ix);
            }
            let ix = definition.nodes.len();
            if matches!(tag, "subProcess" | "transaction") {
                scopes.push((child, Some(ix)));
                let above = |at: &NodeIx| definition.nodes[*at].parent;
                if std::iter::successors(parent, above).count() >= MAX_NESTING {
                    let message = format!("subprocesses nest deeper than {MAX_NESTING}");
                    reader.error(child, &node.id, message);
                    return None;
                }
            }
            definition.by_id.insert(node.id.clone(), ix);
            definition.nodes.push(node);
            sources.push(child);
        }
    }
    attach_boundary_events(reader, &mut definition, &sources);
    for flow in flows {
        read_flow(reader, &mut definition, &links, flow);
    }
    for association in associations {
        read_association(reader, &mut definition, association);
    }
    mark_events_behind_gateways(&mut definition);
    for (ix, xml) in sources.iter().enumerate() {
        default_flow(&mut definition, ix, *xml);
        element::check(reader, &definition, ix);
    }
    definition.find_starts();
    definition.order_waiting();
    definition.has_calls = definition.nodes.iter().any(|n| n.behavior.calls());
    definition.has_conditions = definition.nodes.iter().any(|n| n.behavior.condition().is_some());
    Some(definition)
}

fn history_ttl(reader: &mut Reader<'_>, process: Xml<'_, '_>, key: &str) -> Option<i32> {
    let Some(text) = extension(process, "historyTimeToLive") else {
        return Some(DEFAULT_HISTORY_TTL);
    };
    if text.is_empty() {
        return None;
    }
    let days = text.strip_prefix('P').and_then(|t| t.strip_suffix('D'));
    let days = days.filter(|days| days.bytes().all(|b| b.is_ascii_digit()) && !days.is_empty());
    let number = days.unwrap_or(text);
    let cause = match number.parse::<i32>() {
        Ok(days) if days >= 0 => return Some(days),
        Ok(_) => "negative value is not allowed".to_owned(),
        Err(_) => format!("For input string: \"{number}\""),
    };
    let message = format!("Cannot parse historyTimeToLive: {cause}");
    reader.error(process, key, format!("{message}: {message}"));
    None
}

/// The variable that start events of the process name for who starts it: of several the last.
fn initiator(process: Xml<'_, '_>) -> Option<String> {
    let starts = bpmn_children(process).filter(|n| n.tag_name().name() == "startEvent");
    starts
        .filter_map(|start| extension(start, "initiator"))
        .last()
        .map(str::to_owned)
}

/// All documentation of an element, an empty line between two.
pub(crate) fn documentation(node: Xml<'_, '_>) -> Option<String> {
    let of_node = bpmn_children(node).filter(|n| n.tag_name().name() == "documentation");
    let texts: Vec<String> = of_node.map(text).collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}
