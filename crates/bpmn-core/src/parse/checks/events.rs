//! Intermediate, end and boundary events.
use super::{
    Check, Checks, after_problem, element, elements,
    scope::{Behavior, Ix},
    service::is_service,
};
use roxmltree::Node as Xml;

/// A boolean attribute of BPMN that has a default.
pub(super) fn flag(xml: Xml<'_, '_>, name: &str, default: bool) -> bool {
    xml.attribute(name)
        .map_or(default, |text| text.eq_ignore_ascii_case("true"))
}

impl<'x> Checks<'_, 'x> {
    pub fn catch_event(&mut self, xml: Xml<'x, 'x>, scope: Ix, gateway: Option<Ix>) -> Check<'x> {
        let id = xml.attribute("id");
        let activity = self.create_from(xml, scope)?;
        let timer = element(xml, "timerEventDefinition")?;
        let signal = element(xml, "signalEventDefinition")?;
        let message = element(xml, "messageEventDefinition")?;
        let link = element(xml, "linkEventDefinition")?;
        let condition = element(xml, "conditionalEventDefinition")?;
        self.asynchronous(xml, activity)?;
        let event_scope = gateway.unwrap_or(activity);
        self.at(activity).event_scope = Some(event_scope);
        self.at(activity).behavior = Behavior::IntermediateCatch;
        if let Some(timer) = timer {
            self.at(activity).kind = "intermediateTimer";
            self.timer(timer, activity)?;
            element(timer, "timeCycle")?;
        } else if let Some(signal) = signal {
            self.at(activity).kind = "intermediateSignalCatch";
            let name = self.signal(signal, id)?;
            self.subscribe(event_scope, activity, "signal", Some(name), false, signal)?;
        } else if let Some(message) = message {
            self.at(activity).kind = "intermediateMessageCatch";
            let name = self.message(message, id)?;
            self.subscribe(event_scope, activity, "message", name, false, message)?;
        } else if let Some(link) = link {
            if gateway.is_some() {
                self.error(
                    "IntermediateCatchLinkEvent is not allowed after an EventBasedGateway.",
                    xml,
                );
            }
            self.at(activity).behavior = Behavior::Other;
            self.at(activity).kind = "intermediateLinkCatch";
            self.link_target(xml, link)?;
        } else if let Some(condition) = condition {
            self.at(activity).kind = "intermediateConditional";
            self.catch_condition(condition, event_scope, activity)?;
        } else {
            self.error("Unsupported intermediate catch event type", xml);
        }
        self.execution_listeners(xml)?;
        let at = self.at(activity);
        if at.kind == "intermediateTimer" || at.async_before || at.async_after {
            self.retry_cycle(xml)?;
        }
        self.parameters(xml, activity)
    }

    fn link_target(&mut self, xml: Xml<'x, 'x>, link: Xml<'x, 'x>) -> Check<'x> {
        let Some(name) = link.attribute("name") else {
            return Err(after_problem());
        };
        if self.link_targets.contains_key(name) {
            let message = format!(
                "Multiple Intermediate Catch Events with the same link event name ('{name}') are not allowed."
            );
            self.error(message, xml);
            return Ok(());
        }
        let own = xml.attribute("name");
        if own != Some(name) {
            let message = format!(
                "Link Event named '{}' contains link event definition with name '{name}' - it is recommended to use \
                 the same name for both.",
                super::text(own)
            );
            self.warning(message, Some(xml), &[]);
        }
        self.link_targets.insert(name, xml.attribute("id"));
        Ok(())
    }

    /// Reads a throwing event; one that throws a link becomes no activity.
    pub fn throw_event(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Option<Ix>> {
        let id = xml.attribute("id");
        let signal = element(xml, "signalEventDefinition")?;
        let compensate = element(xml, "compensateEventDefinition")?;
        let link = element(xml, "linkEventDefinition")?;
        let message = element(xml, "messageEventDefinition")?;
        let escalation = element(xml, "escalationEventDefinition")?;
        if let Some(link) = link {
            self.link_sources
                .insert(id, link.attribute("name").unwrap_or_default());
            return Ok(None);
        }
        let activity = self.create_from(xml, scope)?;
        self.asynchronous(xml, activity)?;
        let service = match message {
            Some(message) => is_service(message)?.then_some(message),
            None => None,
        };
        let mut behavior = Behavior::Other;
        if let Some(signal) = signal {
            self.thrown_signal(signal, id)?;
        } else if let Some(compensate) = compensate {
            self.thrown_compensation(compensate, scope, id);
        } else if let Some(message) = service {
            self.service("intermediateMessageThrowEvent", message, activity)?;
            behavior = self.at(activity).behavior;
        } else if let (None, Some(escalation)) = (message, escalation) {
            self.thrown_escalation(
                escalation,
                id,
                "throwing escalation event must have an 'escalationCode'",
            );
        }
        self.at(activity).behavior = behavior;
        self.execution_listeners(xml)?;
        self.retry_cycle(xml)?;
        if let Some(message) = service {
            self.must_be_service("intermediateMessageThrowEvent", message, activity)?;
        }
        Ok(Some(activity))
    }

    pub fn end_events(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x> {
        for end in elements(xml, "endEvent") {
            let id = end.attribute("id");
            let activity = self.create_from(end, scope)?;
            let error = element(end, "errorEventDefinition")?;
            let cancel = element(end, "cancelEventDefinition")?;
            let terminate = element(end, "terminateEventDefinition")?;
            let message = element(end, "messageEventDefinition")?;
            let signal = element(end, "signalEventDefinition")?;
            let compensate = element(end, "compensateEventDefinition")?;
            let escalation = element(end, "escalationEventDefinition")?;
            let service = match message {
                Some(message) => is_service(message)?.then_some(message),
                None => None,
            };
            let mut behavior = Behavior::Other;
            if let Some(error) = error {
                self.thrown_error(error, id);
            } else if let Some(cancel) = cancel {
                if self.at(scope).kind == "transaction" {
                    behavior = Behavior::CancelEnd;
                } else {
                    behavior = Behavior::Missing;
                    self.error_in(
                        "end event with cancelEventDefinition only supported inside transaction subprocess",
                        cancel,
                        &[id],
                    );
                }
            } else if terminate.is_some() {
            } else if message.is_some() {
                if let Some(message) = service {
                    self.service("messageEndEvent", message, activity)?;
                    behavior = self.at(activity).behavior;
                }
            } else if let Some(signal) = signal {
                self.thrown_signal(signal, id)?;
            } else if let Some(compensate) = compensate {
                self.thrown_compensation(compensate, scope, id);
            } else if let Some(escalation) = escalation {
                self.thrown_escalation(
                    escalation,
                    id,
                    "escalation end event must have an 'escalationCode'",
                );
            }
            self.at(activity).behavior = behavior;
            self.parameters(end, activity)?;
            self.asynchronous(end, activity)?;
            self.execution_listeners(end)?;
            self.job_retries(end, activity)?;
            if let Some(message) = service {
                self.must_be_service("messageEndEvent", message, activity)?;
            }
        }
        Ok(())
    }

    pub fn boundary_events(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x> {
        for event in elements(xml, "boundaryEvent") {
            self.boundary_event(event, scope)?;
        }
        Ok(())
    }

    fn boundary_event(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x> {
        let id = xml.attribute("id");
        let host_id = xml.attribute("attachedToRef");
        if host_id.is_none_or(str::is_empty) {
            self.error("AttachedToRef is required when using a timerEventDefinition", xml);
        }
        let timer = element(xml, "timerEventDefinition")?;
        let error = element(xml, "errorEventDefinition")?;
        let signal = element(xml, "signalEventDefinition")?;
        let cancel = element(xml, "cancelEventDefinition")?;
        let compensate = element(xml, "compensateEventDefinition")?;
        let message = element(xml, "messageEventDefinition")?;
        let escalation = element(xml, "escalationEventDefinition")?;
        let condition = element(xml, "conditionalEventDefinition")?;
        let activity = self.create_from(xml, scope)?;
        self.asynchronous(xml, activity)?;
        let host = self.find_at_level(scope, host_id);
        let Some(host) = host else {
            self.error(
                "Invalid reference in boundary event. Make sure that the referenced activity is defined in the same \
                 scope as the boundary event",
                xml,
            );
            return Err(after_problem());
        };
        let event_scope = match self.multi_instance_scope(host) {
            Some(body) if compensate.is_none() => body,
            _ => host,
        };
        self.at(activity).event_scope = Some(event_scope);
        let interrupting = flag(xml, "cancelActivity", true);
        if let Some(timer) = timer {
            self.at(activity).kind = "boundaryTimer";
            self.timer(timer, activity)?;
            if interrupting {
                self.warn_of_cycle(timer, "cancelling boundary", id)?;
            }
        } else if error.is_some() {
            self.at(activity).kind = "boundaryError";
        } else if let Some(signal) = signal {
            self.at(activity).kind = "boundarySignal";
            let name = self.signal(signal, id)?;
            self.subscribe(event_scope, activity, "signal", Some(name), false, signal)?;
        } else if let Some(cancel) = cancel {
            self.boundary_cancel(cancel, activity, event_scope);
        } else if let Some(compensate) = compensate {
            self.boundary_compensation(compensate, activity, scope, event_scope);
        } else if let Some(message) = message {
            self.at(activity).kind = "boundaryMessage";
            let name = self.message(message, id)?;
            self.subscribe(event_scope, activity, "message", name, false, message)?;
        } else if let Some(escalation) = escalation {
            let host = self.at(host);
            let throws = host.is_subprocess_scope
                || matches!(host.behavior, Behavior::CallActivity | Behavior::UserTask);
            if throws {
                self.at(activity).kind = "boundaryEscalation";
                self.catch_escalation(escalation, activity, false)?;
            } else {
                self.error(
                    "An escalation boundary event should only be attached to a subprocess, a call activity or an user \
                     task",
                    xml,
                );
            }
        } else if let Some(condition) = condition {
            self.at(activity).kind = "boundaryConditional";
            self.catch_condition(condition, event_scope, activity)?;
        } else {
            self.error("Unsupported boundary event type", xml);
        }
        self.no_parameters(xml)?;
        self.at(activity).behavior = Behavior::Other;
        self.execution_listeners(xml)?;
        let at = self.at(activity);
        if at.kind == "boundaryTimer" || at.async_before || at.async_after {
            self.retry_cycle(xml)?;
        }
        Ok(())
    }

    fn boundary_cancel(&mut self, definition: Xml<'x, 'x>, activity: Ix, event_scope: Ix) {
        self.at(activity).kind = "cancelBoundaryCatch";
        let id = self.at(activity).id.clone();
        let mut transaction = event_scope;
        if self.at(transaction).behavior == Behavior::MultiInstance
            && let Some(&inner) = self.at(transaction).children.first()
        {
            transaction = inner;
        }
        if self.at(transaction).kind != "transaction" {
            self.error_in(
                "boundary event with cancelEventDefinition only supported on transaction subprocesses",
                definition,
                &[id.as_deref()],
            );
        }
        for _ in self.twins(activity, transaction) {
            self.error_in(
                "multiple boundary events with cancelEventDefinition not supported on same transaction subprocess",
                definition,
                &[id.as_deref()],
            );
        }
    }

    fn boundary_compensation(&mut self, definition: Xml<'x, 'x>, activity: Ix, _scope: Ix, host: Ix) {
        self.at(activity).kind = "compensationBoundaryCatch";
        let id = self.at(activity).id.clone();
        for _ in self.twins(activity, host) {
            self.error_in(
                "multiple boundary events with compensateEventDefinition not supported on same activity",
                definition,
                &[id.as_deref()],
            );
        }
        self.caught_compensation(definition, id.as_deref());
    }

    /// Other boundary events of the same kind on the same activity.
    fn twins(&mut self, activity: Ix, host: Ix) -> Vec<Ix> {
        let (kind, scope) = (self.at(activity).kind, self.at(activity).flow_scope);
        let siblings = self.at(scope).children.clone();
        let mut twins = Vec::new();
        for sibling in siblings {
            let at = self.at(sibling);
            if sibling != activity && at.kind == kind && at.event_scope == Some(host) {
                twins.push(sibling);
            }
        }
        twins
    }
}
