//! What connects flow nodes: boundary events, sequence flows, default flows; and which starts a scope may have.
use crate::{
    definition::{Definition, Flow, NodeIx},
    listener,
    script::Condition,
    xml::{Reader, bpmn_child},
};
use roxmltree::Node as Xml;
use std::collections::HashMap;

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
        let same_scope = host.filter(|&host| around(definition, host) == definition.nodes[ix].parent);
        match same_scope {
            Some(host) if host != ix => {
                // Compensation is of each iteration; all else that happens to a multi-instance is of its body.
                let compensation = definition.nodes[ix].behavior.is_compensation_boundary();
                let of = match definition.nodes[host].body {
                    Some(body) if !compensation => body,
                    _ => host,
                };
                definition.nodes[of].boundary.push(ix);
                definition.nodes[of].has_event_boundary |= !compensation;
                definition.nodes[ix].attached_to = Some(of);
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

/// The scope around a node: of a multi-instance activity that around its body.
fn around(definition: &Definition, ix: NodeIx) -> Option<NodeIx> {
    let node = &definition.nodes[ix];
    let outer = node.body.map_or(node, |body| &definition.nodes[body]);
    outer.parent
}

/// Links by name: the flow into a throw event leads to the catch event.
#[derive(Default)]
pub(super) struct Links {
    /// Names by the throw event's id.
    sources: HashMap<String, String>,
    /// Catch events by name.
    targets: HashMap<String, String>,
}

impl Links {
    /// Notes a link event; true if it is a throw event, which is no activity.
    pub fn read(&mut self, reader: &mut Reader<'_>, xml: Xml<'_, '_>) -> bool {
        let Some(link) = bpmn_child(xml, "linkEventDefinition") else {
            return false;
        };
        let id = xml.attribute("id").unwrap_or_default();
        let name = link.attribute("name").unwrap_or_default();
        if xml.tag_name().name() == "intermediateThrowEvent" {
            self.sources.insert(id.to_owned(), name.to_owned());
            return true;
        }
        if self.targets.insert(name.to_owned(), id.to_owned()).is_some() {
            let message = format!(
                "Multiple Intermediate Catch Events with the same link event name ('{name}') are not allowed."
            );
            reader.error(xml, id, message);
        }
        false
    }

    /// The catch event of the link that a throw event names; `None`: it is no link.
    fn target(&self, source: &str) -> Option<Result<&str, &str>> {
        let name = self.sources.get(source)?;
        Some(self.targets.get(name).map(String::as_str).ok_or(name))
    }
}

/// Ties a compensation boundary event to the activity that compensates.
pub(super) fn read_association(reader: &mut Reader<'_>, definition: &mut Definition, xml: Xml<'_, '_>) {
    let [source, target] =
        ["sourceRef", "targetRef"].map(|name| xml.attribute(name).and_then(|id| definition.index(id)));
    let (Some(source), Some(target)) = (source, target) else {
        return;
    };
    if !definition.nodes[source].behavior.is_compensation_boundary() {
        return;
    }
    if !definition.nodes[target].for_compensation {
        let message = "compensation boundary catch must be connected to element with isForCompensation=true";
        let id = definition.nodes[source].id.clone();
        reader.error(xml, &id, message);
        return;
    }
    if let Some(activity) = definition.nodes[source].attached_to {
        definition.nodes[activity].compensation_handler = Some(target);
    }
}

/// Catch events behind an event-based gateway don't wait themselves.
pub(super) fn mark_events_behind_gateways(definition: &mut Definition) {
    let gateways = definition
        .nodes
        .iter()
        .filter(|n| n.activity_type == "eventBasedGateway");
    let flows = gateways.flat_map(|n| n.outgoing.iter().copied());
    let behind: Vec<NodeIx> = flows.map(|flow| definition.flows[flow].target).collect();
    for ix in behind {
        definition.nodes[ix].behind_gateway = true;
    }
}

/// Reads a sequence flow between two nodes of one scope.
pub(super) fn read_flow(
    reader: &mut Reader<'_>,
    definition: &mut Definition,
    links: &Links,
    xml: Xml<'_, '_>,
) {
    let id = xml.attribute("id").unwrap_or_default();
    let [source, mut target] = ["sourceRef", "targetRef"].map(|name| xml.attribute(name).unwrap_or_default());
    match links.target(target) {
        Some(Ok(event)) => target = event,
        Some(Err(name)) => {
            let message = format!(
                "sequence flow points to link event source with name '{name}' but no event target with that name exists. \
                 Most probably your link events are not configured correctly."
            );
            reader.error(xml, id, message);
            return;
        }
        None => {}
    }
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
        .filter(|&to| around(definition, to) == around(definition, from));
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
    let condition =
        bpmn_child(xml, "conditionExpression").and_then(|condition| Condition::read(reader, condition, id));
    let take = listener::read_take(reader, xml, id);
    // A multi-instance's place in the flow is its body's.
    let [from, to] = [from, to].map(|ix| definition.nodes[ix].body.unwrap_or(ix));
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

/// Finds the default flow of a node; the reference lets pass one that doesn't leave it.
pub(super) fn default_flow(definition: &mut Definition, ix: NodeIx, xml: Xml<'_, '_>) {
    let Some(default) = xml.attribute("default").filter(|d| !d.is_empty()) else {
        return;
    };
    if definition.nodes[ix].body.is_some() {
        return;
    }
    let found = definition.nodes[ix]
        .outgoing
        .iter()
        .copied()
        .find(|&f| definition.flows[f].id == default);
    definition.nodes[ix].default_flow = found;
}
