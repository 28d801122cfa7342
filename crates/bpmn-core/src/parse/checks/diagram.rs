//! Collaborations, and the diagram: its references to what the processes hold.
use super::{Check, Checks, Stop, element, elements, text};
use roxmltree::Node as Xml;
use std::collections::HashSet;

const DI: &str = "http://www.omg.org/spec/BPMN/20100524/DI";
const DC: &str = "http://www.omg.org/spec/DD/20100524/DC";
const DD: &str = "http://www.omg.org/spec/DD/20100524/DI";

impl<'x> Checks<'_, 'x> {
    /// Reads the collaboration and all diagrams.
    pub fn diagrams(&mut self) -> Check<'x> {
        let mut participants = HashSet::new();
        if let Some(collaboration) = element(self.root, "collaboration")? {
            for participant in elements(collaboration, "participant") {
                let process = participant.attribute("processRef");
                if process.is_some() && self.processes.iter().any(|p| p.key == process) {
                    participants.insert(participant.attribute("id"));
                }
            }
        }
        for diagram in within(self.root, DI, "BPMNDiagram") {
            if let Some(plane) = only(diagram, DI, "BPMNPlane")? {
                self.plane(plane, &participants)?;
            }
        }
        Ok(())
    }

    fn plane(&mut self, plane: Xml<'x, 'x>, participants: &HashSet<Option<&'x str>>) -> Check<'x> {
        if plane.attribute("bpmnElement").is_none_or(str::is_empty) {
            self.error("'bpmnElement' attribute is required on BPMNPlane ", plane);
            return Ok(());
        }
        for shape in within(plane, DI, "BPMNShape") {
            self.shape(shape, participants)?;
        }
        for edge in within(plane, DI, "BPMNEdge") {
            self.edge(edge);
        }
        Ok(())
    }

    fn shape(&mut self, shape: Xml<'x, 'x>, participants: &HashSet<Option<&'x str>>) -> Check<'x> {
        let Some(of) = shape.attribute("bpmnElement").filter(|e| !e.is_empty()) else {
            self.error("'bpmnElement' attribute is required on BPMNShape", shape);
            return Ok(());
        };
        if participants.contains(&Some(of)) {
            return self.bounds(shape);
        }
        for at in 0..self.processes.len() {
            let process = &self.processes[at];
            if process.by_id.contains_key(of) || process.lanes.contains(of) {
                self.bounds(shape)?;
            } else if !self.ids.contains(&Some(of)) {
                let message =
                    format!("Invalid reference in 'bpmnElement' attribute, activity {of} not found");
                self.error(message, shape);
            }
        }
        Ok(())
    }

    fn bounds(&mut self, shape: Xml<'x, 'x>) -> Check<'x> {
        let Some(bounds) = only(shape, DC, "Bounds")? else {
            self.error("'Bounds' element is required", shape);
            return Ok(());
        };
        for name in ["x", "y", "width", "height"] {
            self.number(name, bounds.attribute(name), shape);
        }
        Ok(())
    }

    fn edge(&mut self, edge: Xml<'x, 'x>) {
        let Some(of) = edge.attribute("bpmnElement").filter(|e| !e.is_empty()) else {
            self.error("'bpmnElement' attribute is required on BPMNEdge", edge);
            return;
        };
        if self.processes.last().is_some_and(|p| p.flows.contains(of)) {
            let waypoints: Vec<Xml<'x, 'x>> = within(edge, DD, "waypoint").collect();
            if waypoints.len() < 2 {
                self.error(
                    "Minimum 2 waypoint elements must be definted for a 'BPMNEdge'",
                    edge,
                );
                return;
            }
            for waypoint in waypoints {
                for name in ["x", "y"] {
                    self.number(name, waypoint.attribute(name), waypoint);
                }
            }
        } else if !self.ids.contains(&Some(of)) {
            // The reference leaves out the space.
            let message = format!("Invalid reference in 'bpmnElement' attribute, sequenceFlow {of}not found");
            self.error(message, edge);
        }
    }

    fn number(&mut self, name: &str, value: Option<&str>, at: Xml<'x, 'x>) {
        let Some(value) = value.filter(|v| !v.is_empty()) else {
            self.error(format!("{name} is required"), at);
            return;
        };
        if value.trim().parse::<f64>().is_err() {
            let cause = match value.trim() {
                "" => "empty String".to_owned(),
                value => format!("For input string: \"{value}\""),
            };
            self.error(format!("Cannot parse {name}: {cause}"), at);
        }
    }
}

fn within<'x>(
    node: Xml<'x, 'x>,
    namespace: &'static str,
    tag: &'static str,
) -> impl Iterator<Item = Xml<'x, 'x>> + use<'x> {
    elements(node, tag).filter(move |n| n.tag_name().namespace() == Some(namespace))
}

fn only<'x>(node: Xml<'x, 'x>, namespace: &'static str, tag: &'static str) -> Check<'x, Option<Xml<'x, 'x>>> {
    let mut found = within(node, namespace, tag);
    let first = found.next();
    match found.next() {
        Some(_) => Err(Stop::Unexpected(format!(
            "Parsing exception: multiple elements with tag name {} found",
            text(Some(tag))
        ))),
        None => Ok(first),
    }
}
