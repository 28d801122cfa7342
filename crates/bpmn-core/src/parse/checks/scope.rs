//! Processes and subprocesses: their activities, in the order in which the reference reads them.
use super::{Check, Checks, Process, Stop, after_problem, camunda_elements, element, elements, text};
use crate::{hash_order::hash_order, xml::extension};
use roxmltree::Node as Xml;

/// An activity of the process being read; 0 is the process.
pub(super) type Ix = usize;

/// How deep subprocesses are followed; deeper ones are refused when the definition is read.
const MAX_NESTING: usize = 100;

/// What the checks need to know of an activity's behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Behavior {
    /// None was found: for most activities a problem.
    #[default]
    Missing,
    CallActivity,
    CancelEnd,
    EventBasedGateway,
    ExclusiveGateway,
    IntermediateCatch,
    MultiInstance,
    SubProcess,
    UserTask,
    Other,
}

/// What waits for a message, signal or condition in a scope.
pub(super) struct Subscription {
    pub kind: &'static str,
    pub name: Option<String>,
    pub is_start: bool,
    /// Subscriptions of one activity replace each other.
    pub activity: Option<String>,
}

/// What catches escalations in a scope.
pub(super) struct EscalationCatch<'x> {
    pub by_subprocess: bool,
    pub code: Option<&'x str>,
}

/// A sequence flow out of an activity.
pub(super) struct Outgoing<'x> {
    pub id: Option<&'x str>,
    pub has_condition: bool,
}

#[derive(Default)]
pub(super) struct Activity<'x> {
    pub id: Option<String>,
    pub xml: Option<Xml<'x, 'x>>,
    pub flow_scope: Ix,
    pub event_scope: Option<Ix>,
    /// The XML tag, or what events are besides: the reference's word.
    pub kind: &'static str,
    pub behavior: Behavior,
    pub is_subprocess_scope: bool,
    pub triggered_by_event: bool,
    pub is_multi_instance: bool,
    pub is_compensation_handler: bool,
    pub async_before: bool,
    pub async_after: bool,
    pub has_initial: bool,
    /// The id of the activity that compensates this one.
    pub compensation_handler: Option<String>,
    pub outgoing: Vec<Outgoing<'x>>,
    pub children: Vec<Ix>,
    pub subscriptions: Vec<Subscription>,
    pub escalations: Vec<EscalationCatch<'x>>,
    /// Compensation of activities that weren't there yet: the activity, and the throwing event's definition and id.
    pub backlog: Vec<(&'x str, Xml<'x, 'x>, Option<&'x str>)>,
}

/// The activities of a scope that are read out of their order.
pub(super) type Later<'x> = Vec<(Option<&'x str>, Xml<'x, 'x>)>;

impl<'x> Checks<'_, 'x> {
    /// Reads a process.
    pub fn process(&mut self, process: Xml<'x, 'x>) -> Check<'x> {
        let key = process.attribute("id");
        self.processes.push(Process {
            key,
            ..Process::default()
        });
        self.current().activities.push(Activity {
            xml: Some(process),
            is_subprocess_scope: true,
            ..Activity::default()
        });
        self.priority(process, "jobPriority")?;
        self.priority(process, "taskPriority")?;
        self.history_time_to_live(process);
        self.scope(process, 0)?;
        for lane in elements(process, "laneSet").flat_map(|set| elements(set, "lane")) {
            if let Some(id) = lane.attribute("id") {
                self.current().lanes.insert(id);
            }
        }
        self.validate_activities(0);
        Ok(())
    }

    fn history_time_to_live(&mut self, process: Xml<'x, 'x>) {
        let Some(text) = extension(process, "historyTimeToLive").filter(|t| !t.is_empty()) else {
            return;
        };
        let days = text.strip_prefix('P').and_then(|t| t.strip_suffix('D'));
        let digits = days
            .filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
            .unwrap_or(text);
        let cause = match digits.parse::<i32>() {
            Ok(days) if days >= 0 => return,
            Ok(_) => "negative value is not allowed".to_owned(),
            Err(_) => format!("For input string: \"{digits}\""),
        };
        let cause = format!("Cannot parse historyTimeToLive: {cause}");
        self.error(format!("{cause}: {cause}"), process);
    }

    /// Reads what a scope holds.
    pub fn scope(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x> {
        if self.depth(scope) > MAX_NESTING {
            return Ok(());
        }
        let mut activities: Vec<Xml<'x, 'x>> = xml.children().filter(|c| c.is_element()).collect();
        let mut catch_events: Later<'x> = Vec::new();
        let mut handlers: Later<'x> = Vec::new();
        activities.retain(|activity| {
            let later = if activity.tag_name().name() == "intermediateCatchEvent" {
                &mut catch_events
            } else if is_compensation_handler(*activity) {
                &mut handlers
            } else {
                return true;
            };
            later.push((activity.attribute("id"), *activity));
            false
        });
        self.starts(xml, scope)?;
        for activity in activities {
            self.activity(activity, Some(xml), scope)?;
        }
        for event in in_hash_order(&catch_events) {
            let id = event.attribute("id");
            if self.find_in(scope, id).is_none() {
                self.catch_event(event, scope, None)?;
            }
        }
        self.end_events(xml, scope)?;
        self.boundary_events(xml, scope)?;
        self.sequence_flows(xml, scope, &handlers)?;
        self.execution_listeners(xml)?;
        self.associations(xml, scope, &mut handlers)?;
        for handler in in_hash_order(&handlers) {
            self.activity(handler, None, scope)?;
        }
        let backlog = std::mem::take(&mut self.at(scope).backlog);
        let scope_id = self.at(scope).id.clone();
        for (missing, definition, event) in backlog {
            let found = self.find_in(scope, Some(missing));
            if found.is_none_or(|found| self.at(found).flow_scope != scope) {
                let message = format!(
                    "Invalid attribute value for 'activityRef': no activity with id '{missing}' in scope '{}'",
                    text(scope_id.as_deref())
                );
                self.error_in(message, definition, &[event]);
            }
        }
        if scope == 0 {
            self.starters(xml)?;
        }
        Ok(())
    }

    fn starters(&mut self, process: Xml<'x, 'x>) -> Check<'x> {
        if let Some(extensions) = element(process, "extensionElements")? {
            for starter in camunda_elements(extensions, "potentialStarter") {
                self.resource_assignment(starter)?;
            }
        }
        for name in ["candidateStarterUsers", "candidateStarterGroups"] {
            if let Some(list) = extension(process, name) {
                self.expression_list(list)?;
            }
        }
        Ok(())
    }

    /// Adds an activity that isn't written as an element of its own, or is read like one.
    pub fn create(&mut self, id: Option<String>, scope: Ix) -> Check<'x, Ix> {
        let process = self.current();
        let ix = process.activities.len();
        if let Some(id) = &id
            && process.by_id.insert(id.clone(), ix).is_some()
        {
            return Err(Stop::Unexpected(format!("duplicate activity id '{id}'")));
        }
        process.activities.push(Activity {
            id,
            flow_scope: scope,
            ..Activity::default()
        });
        process.activities[scope].children.push(ix);
        Ok(ix)
    }

    /// Adds the activity of an element.
    pub fn create_from(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let ix = self.create(xml.attribute("id").map(str::to_owned), scope)?;
        self.priority(xml, "jobPriority")?;
        let activity = self.at(ix);
        activity.xml = Some(xml);
        activity.kind = super::activities::kind_of(xml);
        activity.is_compensation_handler = is_compensation_handler(xml);
        Ok(ix)
    }

    fn associations(&mut self, xml: Xml<'x, 'x>, scope: Ix, handlers: &mut Later<'x>) -> Check<'x> {
        for association in elements(xml, "association") {
            let [source_id, target_id] = ["sourceRef", "targetRef"].map(|name| association.attribute(name));
            for (name, value) in [("sourceRef", source_id), ("targetRef", target_id)] {
                if value.is_none() {
                    self.error(
                        format!("association element missing attribute '{name}'"),
                        association,
                    );
                }
            }
            let source = self.find_in(scope, source_id);
            let mut target = self.find_in(scope, target_id);
            if source.is_none() && !self.ids.contains(&source_id) {
                let message = format!(
                    "Invalid reference sourceRef '{}' of association element ",
                    text(source_id)
                );
                self.error(message, association);
                continue;
            }
            if target.is_none() && !self.ids.contains(&target_id) {
                let message = format!(
                    "Invalid reference targetRef '{}' of association element ",
                    text(target_id)
                );
                self.error(message, association);
                continue;
            }
            let Some(source) = source.filter(|&at| self.at(at).kind == "compensationBoundaryCatch") else {
                continue;
            };
            if target.is_none()
                && let Some(at) = handlers.iter().position(|(id, _)| *id == target_id)
            {
                let (_, handler) = handlers.remove(at);
                target = self.compensation_handler(handler, source, scope)?;
            }
            if let Some(target) = target {
                self.compensates(association, source, target);
            }
        }
        Ok(())
    }

    fn compensation_handler(&mut self, handler: Xml<'x, 'x>, event: Ix, scope: Ix) -> Check<'x, Option<Ix>> {
        let Some(compensated) = self.at(event).event_scope else {
            return Err(after_problem());
        };
        let scope = if self.at(compensated).is_multi_instance {
            self.at(compensated).flow_scope
        } else {
            scope
        };
        match self.activity(handler, None, scope)? {
            Some(handler) => Ok(Some(handler)),
            None => Err(Stop::Unexpected(
                "Cannot invoke \"org.camunda.bpm.engine.impl.pvm.process.ActivityImpl.getProperties()\" because \
                 \"compensationHandlerActivity\" is null"
                    .to_owned(),
            )),
        }
    }

    fn compensates(&mut self, association: Xml<'x, 'x>, event: Ix, handler: Ix) {
        let event_id = self.at(event).id.clone();
        let handler_id = self.at(handler).id.clone();
        if !self.at(handler).is_compensation_handler {
            self.error_in(
                "compensation boundary catch must be connected to element with isForCompensation=true",
                association,
                &[event_id.as_deref(), handler_id.as_deref()],
            );
            return;
        }
        let Some(compensated) = self.at(event).event_scope else {
            return;
        };
        let compensated_id = self.at(compensated).id.clone();
        if self.compensated_by_subprocess(compensated) == Some(true) {
            self.error_in(
                "compensation boundary event and event subprocess with compensation start event are not supported on \
                 the same scope",
                association,
                &[compensated_id.as_deref(), event_id.as_deref()],
            );
        } else {
            self.at(compensated).compensation_handler = handler_id;
        }
    }

    /// Whether an activity is compensated by an event subprocess; `None` if by nothing.
    pub fn compensated_by_subprocess(&mut self, activity: Ix) -> Option<bool> {
        let handler = self.at(activity).compensation_handler.clone()?;
        let handler = self.find_in(0, Some(&handler))?;
        Some(self.at(handler).is_subprocess_scope)
    }

    /// The process being read.
    pub fn current(&mut self) -> &mut Process<'x> {
        if self.processes.is_empty() {
            self.processes.push(Process::default());
        }
        let last = self.processes.len() - 1;
        &mut self.processes[last]
    }

    pub fn at(&mut self, ix: Ix) -> &mut Activity<'x> {
        &mut self.current().activities[ix]
    }

    /// The activity of that id anywhere inside a scope.
    pub fn find_in(&mut self, scope: Ix, id: Option<&str>) -> Option<Ix> {
        let found = *self.current().by_id.get(id?)?;
        let mut above = found;
        while above != 0 {
            above = self.at(above).flow_scope;
            if above == scope {
                return Some(found);
            }
        }
        None
    }

    /// The activity of that id in a scope, but in no subprocess of it.
    pub fn find_at_level(&mut self, scope: Ix, id: Option<&str>) -> Option<Ix> {
        let found = self.find_in(scope, id)?;
        let mut level = self.at(found).flow_scope;
        while !self.at(level).is_subprocess_scope {
            level = self.at(level).flow_scope;
        }
        (level == scope).then_some(found)
    }

    /// The body around a multi-instance activity.
    pub fn multi_instance_scope(&mut self, activity: Ix) -> Option<Ix> {
        let activity = self.at(activity);
        activity.is_multi_instance.then_some(activity.flow_scope)
    }

    fn depth(&mut self, scope: Ix) -> usize {
        let mut depth = 0;
        let mut at = scope;
        while at != 0 {
            at = self.at(at).flow_scope;
            depth += 1;
        }
        depth
    }
}

/// Whether an element compensates another.
pub(super) fn is_compensation_handler(xml: Xml<'_, '_>) -> bool {
    xml.attribute("isForCompensation")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Elements that the reference keeps by their ids in a hash map: the last of one id, in the map's order.
fn in_hash_order<'x>(elements: &Later<'x>) -> Vec<Xml<'x, 'x>> {
    let mut kept: Later<'x> = Vec::new();
    for (id, xml) in elements {
        match kept.iter_mut().find(|(known, _)| known == id) {
            Some(known) => known.1 = *xml,
            None => kept.push((*id, *xml)),
        }
    }
    let keys: Vec<&str> = kept.iter().map(|(id, _)| id.unwrap_or_default()).collect();
    hash_order(&keys).into_iter().map(|at| kept[at].1).collect()
}
