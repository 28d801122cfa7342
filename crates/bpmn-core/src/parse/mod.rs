//! From BPMN XML to definitions. Refuses document type declarations; knows Camunda's namespace and its older name.
mod flows;
mod node;

use self::{
    flows::{
        Links, attach_boundary_events, check_starts, default_flow, mark_events_behind_gateways,
        read_association, read_flow,
    },
    node::{read_body, read_node, refuse_what_would_be_lost},
};
use crate::{
    definition::{Definition, Node, NodeIx},
    element,
    listener::Listeners,
    needs,
    problem::{ParseErrors, Problem, Severity},
    xml::{BPMN, Reader, bpmn_children, extension, text},
};
use roxmltree::{Document, Node as Xml, ParsingOptions};
use std::collections::{HashMap, HashSet};

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
        if seen.insert(id) || reader.is_full() {
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
        startable_in_tasklist: extension(process, "isStartableInTasklist")
            .is_none_or(|value| value == "true"),
        documentation: documentation(process),
        job_priority: reader.priority(process, key, "jobPriority"),
        task_priority: reader.priority(process, key, "taskPriority"),
        initiator: initiator(process),
        listeners: Listeners::read(reader, process, key),
        needs: needs::read(reader, process),
        nodes: Vec::new(),
        flows: Vec::new(),
        event_starts: Vec::new(),
        has_conditions: false,
        by_id: HashMap::new(),
        initial: None,
    };
    // Subprocesses wait in a list instead of a call stack: a file decides how deep they nest.
    refuse_what_would_be_lost(reader, process, key);
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
                "intermediateThrowEvent" | "intermediateCatchEvent" => {
                    if links.read(reader, child) {
                        continue;
                    }
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
        default_flow(reader, &mut definition, ix, *xml);
        element::check(reader, &definition, ix);
    }
    check_starts(reader, &definition, process, &sources, &scopes);
    definition.find_starts();
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
