//! What connects flow nodes: boundary events, sequence flows, default flows; and which starts a scope may have.
use super::node::refuse_what_would_be_lost;
use crate::{
    definition::{Definition, Flow, NodeIx},
    element::Start,
    listener,
    xml::{Reader, bpmn_child, text},
};
use roxmltree::Node as Xml;
use std::collections::HashSet;

/// Ties boundary events to their activities.
pub(super) fn attach_boundary_events(
    reader: &mut Reader<'_>,
    definition: &mut Definition,
    sources: &[Xml<'_, '_>],
) {
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

/// Reads a sequence flow between two nodes of one scope.
pub(super) fn read_flow(reader: &mut Reader<'_>, definition: &mut Definition, xml: Xml<'_, '_>) {
    let id = xml.attribute("id").unwrap_or_default();
    let [source, target] = ["sourceRef", "targetRef"].map(|name| xml.attribute(name).unwrap_or_default());
    refuse_what_would_be_lost(reader, xml, id);
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
    let take = listener::read_take(reader, xml, id);
    let ix = definition.flows.len();
    definition.flows.push(Flow {
        id: id.to_owned(),
        name: xml.attribute("name").map(str::to_owned),
        source: from,
        target: to,
        condition,
        take,
    });
    definition.nodes[from].outgoing.push(ix);
    definition.nodes[to].incoming.push(ix);
}

/// Finds the default flow of a node.
pub(super) fn default_flow(
    reader: &mut Reader<'_>,
    definition: &mut Definition,
    ix: NodeIx,
    xml: Xml<'_, '_>,
) {
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
pub(super) fn check_starts(
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
