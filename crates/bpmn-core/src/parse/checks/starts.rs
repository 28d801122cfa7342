//! Start events of processes, subprocesses and event subprocesses.
use super::{Check, Checks, Stop, after_problem, element, elements, events::flag, scope::Ix};
use crate::xml::extension;
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    pub fn starts(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x> {
        let starts: Vec<Xml<'x, 'x>> = elements(xml, "startEvent").collect();
        let mut activities = Vec::new();
        for &start in &starts {
            let activity = self.create_from(start, scope)?;
            activities.push(activity);
            self.asynchronous(start, activity)?;
            if scope == 0 {
                self.process_start(start, activity)?;
            } else {
                self.scope_start(start, activity, xml, scope)?;
            }
            self.no_parameters(start)?;
            self.execution_listeners(start)?;
        }
        let tag = xml.tag_name().name();
        if starts.is_empty() && matches!(tag, "process" | "subProcess") {
            self.error(format!("{tag} must define a startEvent element"), xml);
        }
        if scope == 0 {
            let initial = self.initial(xml, &activities);
            let initial = initial.and_then(|at| self.at(at).xml);
            for &start in &starts {
                let Some(initial) = initial else { break };
                if start.attribute("id").is_none() {
                    return Err(Stop::Unexpected(
                        "Cannot invoke \"String.equals(Object)\" because the return value of \
                         \"org.camunda.bpm.engine.impl.util.xml.Element.attribute(String)\" is null"
                            .to_owned(),
                    ));
                }
                if initial.attribute("id") == start.attribute("id") {
                    self.form(start)?;
                    self.form_definition(start)?;
                }
            }
        }
        for (&start, &activity) in starts.iter().zip(&activities) {
            let activity = self.at(activity);
            if activity.kind == "startTimerEvent" || activity.async_before || activity.async_after {
                self.retry_cycle(start)?;
            }
        }
        Ok(())
    }

    /// The start event that a process begins with when nothing else says so.
    fn initial(&mut self, process: Xml<'x, 'x>, activities: &[Ix]) -> Option<Ix> {
        let mut initial = None;
        for &at in activities {
            if !matches!(self.at(at).kind, "startEvent" | "startTimerEvent") {
                continue;
            }
            if initial.is_none() {
                initial = Some(at);
                continue;
            }
            let id = self.at(at).id.clone();
            self.error_in(
                "multiple none start events or timer start events not supported on process definition",
                process,
                &[id.as_deref()],
            );
        }
        match activities {
            [only] => initial.or(Some(*only)),
            _ => initial,
        }
    }

    fn process_start(&mut self, start: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        let id = start.attribute("id");
        let timer = element(start, "timerEventDefinition")?;
        let message = element(start, "messageEventDefinition")?;
        let signal = element(start, "signalEventDefinition")?;
        let condition = element(start, "conditionalEventDefinition")?;
        if let Some(timer) = timer {
            self.at(activity).kind = "startTimerEvent";
            self.timer(timer, activity)
        } else if let Some(message) = message {
            self.at(activity).kind = "messageStartEvent";
            let name = self.message(message, id)?;
            if let Some(name) = name.filter(|n| !n.trim().is_empty())
                && !expr::Expression::parse(name).is_ok_and(|e| e.is_literal())
            {
                let message_text = format!(
                    "Invalid message name '{name}' for element 'messageEventDefinition': expressions in the \
                         message start event name are not allowed!"
                );
                self.error_in(message_text, message, &[id]);
            }
            self.subscribe(0, activity, "message", name, true, start)
        } else if let Some(signal) = signal {
            self.at(activity).kind = "signalStartEvent";
            let name = self.signal(signal, id)?;
            self.subscribe(0, activity, "signal", Some(name), true, signal)
        } else if let Some(condition) = condition {
            self.at(activity).kind = "conditionalStartEvent";
            let text = self.condition(condition, activity)?;
            self.subscribe(0, activity, "conditional", Some(&text), true, start)
        } else {
            Ok(())
        }
    }

    fn scope_start(&mut self, start: Xml<'x, 'x>, activity: Ix, parent: Xml<'x, 'x>, scope: Ix) -> Check<'x> {
        let id = start.attribute("id");
        if self.at(scope).has_initial {
            self.error_in(
                "multiple start events not supported for subprocess",
                parent,
                &[id],
            );
        }
        self.at(scope).has_initial = true;
        let error = element(start, "errorEventDefinition")?;
        let message = element(start, "messageEventDefinition")?;
        let signal = element(start, "signalEventDefinition")?;
        let timer = element(start, "timerEventDefinition")?;
        let compensate = element(start, "compensateEventDefinition")?;
        let escalation = element(start, "escalationEventDefinition")?;
        let condition = element(start, "conditionalEventDefinition")?;
        if !self.at(scope).triggered_by_event {
            let places = [
                (
                    condition,
                    "conditionalEventDefinition is not allowed on start event within a subprocess",
                ),
                (
                    timer,
                    "timerEventDefinition is not allowed on start event within a subprocess",
                ),
                (
                    escalation,
                    "escalationEventDefinition is not allowed on start event within a subprocess",
                ),
                (
                    compensate,
                    "compensateEventDefinition is not allowed on start event within a subprocess",
                ),
                (
                    error,
                    "errorEventDefinition only allowed on start event if subprocess is an event subprocess",
                ),
                (
                    message,
                    "messageEventDefinition only allowed on start event if subprocess is an event subprocess",
                ),
                (
                    signal,
                    "signalEventDefintion only allowed on start event if subprocess is an event subprocess",
                ),
            ];
            for (definition, text) in places {
                if let Some(definition) = definition {
                    self.error_in(text, definition, &[id]);
                }
            }
            return Ok(());
        }
        let interrupting = flag(start, "isInterrupting", true);
        let event_scope = self.at(scope).flow_scope;
        self.at(activity).event_scope = Some(event_scope);
        if error.is_some() {
            if !interrupting {
                self.error(
                    "error start event of event subprocess must be interrupting",
                    start,
                );
            }
            self.at(activity).kind = "errorStartEvent";
        } else if let Some(message) = message {
            self.at(activity).kind = "messageStartEvent";
            let name = self.message(message, id)?;
            self.subscribe(event_scope, activity, "message", name, false, message)?;
        } else if let Some(signal) = signal {
            self.at(activity).kind = "signalStartEvent";
            let name = self.signal(signal, id)?;
            self.subscribe(event_scope, activity, "signal", Some(name), false, signal)?;
        } else if let Some(timer) = timer {
            self.at(activity).kind = "startTimerEvent";
            self.timer(timer, activity)?;
            if interrupting {
                self.warn_of_cycle(timer, "interrupting start", id)?;
            }
        } else if let Some(compensate) = compensate {
            self.compensation_start(start, activity, scope, compensate)?;
        } else if let Some(escalation) = escalation {
            self.at(activity).kind = "escalationStartEvent";
            self.catch_escalation(escalation, activity, true)?;
        } else if let Some(condition) = condition {
            self.at(activity).kind = "conditionalStartEvent";
            self.catch_condition(condition, event_scope, activity)?;
        } else {
            self.error(
                "start event of event subprocess must be of type 'error', 'message', 'timer', 'signal', \
                 'compensation' or 'escalation'",
                start,
            );
        }
        Ok(())
    }

    fn compensation_start(
        &mut self,
        start: Xml<'x, 'x>,
        activity: Ix,
        scope: Ix,
        definition: Xml<'x, 'x>,
    ) -> Check<'x> {
        self.at(activity).kind = "compensationStartEvent";
        self.at(scope).is_compensation_handler = true;
        let compensated = self.at(scope).flow_scope;
        if compensated == 0 {
            self.error(
                "event subprocess with compensation start event is only supported for embedded subprocess (since \
                 throwing compensation through a call activity-induced process hierarchy is not supported)",
                start,
            );
            return Err(after_problem());
        }
        match self.compensated_by_subprocess(compensated) {
            None => self.at(compensated).compensation_handler = self.at(scope).id.clone(),
            Some(true) => self.error(
                "multiple event subprocesses with compensation start event are not supported on the same scope",
                start,
            ),
            Some(false) => self.error(
                "compensation boundary event and event subprocess with compensation start event are not supported on \
                 the same scope",
                start,
            ),
        }
        self.caught_compensation(definition, start.attribute("id"));
        Ok(())
    }

    /// Whether the element's activity continues in a job before or after it. Of a multi-instance activity, its own
    /// attributes are those of the body; the loop's are of each instance.
    pub fn asynchronous(&mut self, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        let is = |node: Xml<'x, 'x>, name: &str| extension(node, name) == Some("true");
        let read = |node: Xml<'x, 'x>| {
            (
                is(node, "async") || is(node, "asyncBefore"),
                is(node, "asyncAfter"),
            )
        };
        let above = self.at(activity).flow_scope;
        let in_body = self.at(above).behavior == super::scope::Behavior::MultiInstance
            && !self.at(activity).is_compensation_handler;
        let own = if in_body {
            (self.at(above).async_before, self.at(above).async_after) = read(xml);
            match element(xml, "multiInstanceLoopCharacteristics")? {
                Some(characteristics) => read(characteristics),
                None => return Err(after_problem()),
            }
        } else {
            read(xml)
        };
        (self.at(activity).async_before, self.at(activity).async_after) = own;
        Ok(())
    }
}
