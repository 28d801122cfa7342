//! Sequence flows, and what exclusive gateways ask of theirs.
use super::{
    Check, Checks, Stop, element, elements,
    scope::{Behavior, Ix, Later, Outgoing},
    text,
};
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    pub fn sequence_flows(&mut self, xml: Xml<'x, 'x>, scope: Ix, handlers: &Later<'x>) -> Check<'x> {
        for flow in elements(xml, "sequenceFlow") {
            let id = flow.attribute("id");
            let source = flow.attribute("sourceRef");
            let mut target = flow.attribute("targetRef");
            if let Some(&link) = self.link_sources.get(&target) {
                match self.link_targets.get(link).copied().flatten() {
                    Some(found) => target = Some(found),
                    None => {
                        let message = format!(
                            "sequence flow points to link event source with name '{link}' but no event target with \
                             that name exists. Most probably your link events are not configured correctly."
                        );
                        self.error(message, flow);
                        return Ok(());
                    }
                }
            }
            let from = self.find_at_level(scope, source);
            let to = self.find_at_level(scope, target);
            let mut compensates = |found: Option<Ix>, id: Option<&str>| match found {
                Some(at) => self.at(at).is_compensation_handler,
                None => handlers.iter().any(|(handler, _)| *handler == id),
            };
            if compensates(from, source) {
                let message = format!(
                    "Invalid outgoing sequence flow of compensation activity '{}'. A compensation activity should not \
                     have an incoming or outgoing sequence flow.",
                    text(source)
                );
                self.error_in(message, flow, &[source, id]);
                continue;
            }
            if compensates(to, target) {
                let message = format!(
                    "Invalid incoming sequence flow of compensation activity '{}'. A compensation activity should not \
                     have an incoming or outgoing sequence flow.",
                    text(target)
                );
                self.error_in(message, flow, &[target, id]);
                continue;
            }
            let Some(from) = from else {
                let message = format!(
                    "Invalid source '{}' of sequence flow '{}'",
                    text(source),
                    text(id)
                );
                self.error(message, flow);
                continue;
            };
            let Some(to) = to else {
                let message = format!(
                    "Invalid destination '{}' of sequence flow '{}'",
                    text(target),
                    text(id)
                );
                self.error(message, flow);
                continue;
            };
            self.sequence_flow(flow, from, to)?;
        }
        Ok(())
    }

    fn sequence_flow(&mut self, flow: Xml<'x, 'x>, from: Ix, to: Ix) -> Check<'x> {
        if self.at(from).behavior == Behavior::EventBasedGateway {
            return Ok(());
        }
        let gateway = self.at(to).event_scope;
        let behind_gateway = self.at(to).behavior == Behavior::IntermediateCatch
            && gateway.is_some_and(|at| self.at(at).behavior == Behavior::EventBasedGateway);
        if behind_gateway {
            let message = format!(
                "Invalid incoming sequenceflow for intermediateCatchEvent with id '{}' connected to an event-based \
                 gateway.",
                text(self.at(to).id.clone().as_deref())
            );
            self.error(message, flow);
            return Ok(());
        }
        for (at, direction) in [(from, "outgoing"), (to, "incoming")] {
            let activity = self.at(at);
            if activity.behavior == Behavior::SubProcess && activity.triggered_by_event {
                self.error(
                    format!("Invalid {direction} sequence flow of event subprocess"),
                    flow,
                );
                return Ok(());
            }
        }
        let from = self.multi_instance_scope(from).unwrap_or(from);
        let id = flow.attribute("id");
        if id.is_some() && self.at(from).outgoing.iter().any(|o| o.id == id) {
            let activity = self.at(from).id.clone();
            return Err(Stop::Unexpected(format!(
                "activity '{} has duplicate transition '{}'",
                text(activity.as_deref()),
                text(id)
            )));
        }
        let condition = element(flow, "conditionExpression")?;
        self.at(from).outgoing.push(Outgoing {
            id,
            has_condition: condition.is_some(),
        });
        if let Some(id) = id {
            self.current().flows.insert(id);
        }
        if let Some(condition) = condition {
            self.condition_expression(condition, id)?;
        }
        if let Some(extensions) = element(flow, "extensionElements")? {
            for listener in super::camunda_elements(extensions, "executionListener") {
                self.execution_listener(listener, id)?;
            }
        }
        Ok(())
    }

    /// What can be said of activities only when all flows are there.
    pub fn validate_activities(&mut self, scope: Ix) {
        for activity in self.at(scope).children.clone() {
            if self.at(activity).behavior == Behavior::ExclusiveGateway {
                self.exclusive_gateway(activity);
            }
            if self.at(activity).async_after && self.at(activity).outgoing.iter().any(|o| o.id.is_none()) {
                let id = self.at(activity).id.clone();
                let message = format!(
                    "Sequence flow with sourceRef='{0}' must have an id, activity with id '{0}' uses 'asyncAfter'.",
                    text(id.as_deref())
                );
                self.reader.problem(message, None, &[id.as_deref()]);
            }
            self.validate_activities(activity);
        }
    }

    fn exclusive_gateway(&mut self, gateway: Ix) {
        let activity = self.at(gateway);
        let default = activity
            .xml
            .and_then(|xml| xml.attribute("default"))
            .filter(|d| !d.is_empty());
        let id = activity.id.clone();
        let outgoing: Vec<(Option<&'x str>, bool)> = activity
            .outgoing
            .iter()
            .map(|o| (o.id, o.has_condition))
            .collect();
        let gateway = text(id.as_deref());
        let prefix = format!("Exclusive Gateway '{gateway}' has");
        match outgoing.as_slice() {
            [] => {
                let message = format!("{prefix} no outgoing sequence flows.");
                self.reader.problem(message, None, &[id.as_deref()]);
            }
            [(flow, true)] => {
                let message = format!(
                    "{prefix} only one outgoing sequence flow ('{}'). This is not allowed to have a condition.",
                    text(*flow)
                );
                self.reader.problem(message, None, &[id.as_deref(), *flow]);
            }
            [_] => {}
            several => {
                let mut without = Vec::new();
                for (flow, has_condition) in several {
                    let is_default = flow.is_some() && *flow == default;
                    if !has_condition && !is_default {
                        without.push(*flow);
                    }
                    if *has_condition && is_default {
                        let message = format!(
                            "{prefix} outgoing sequence flow '{}' which is the default flow but has a condition too.",
                            text(*flow)
                        );
                        self.reader.problem(message, None, &[id.as_deref(), *flow]);
                    }
                }
                let forbidden = default.is_some() || without.len() > 1;
                for flow in without {
                    let message = format!(
                        "{prefix} outgoing sequence flow '{}' without condition which is not the default flow.",
                        text(flow)
                    );
                    let ids = &[id.as_deref(), flow];
                    if forbidden {
                        self.reader.problem(message, None, ids);
                    } else {
                        let message = format!(
                            "{message} We assume it to be the default flow, but it is bad modeling practice, better \
                             set the default flow in your gateway."
                        );
                        self.warning(message, None, ids);
                    }
                }
            }
        }
    }
}
