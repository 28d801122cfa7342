//! What the definitions inside events refer to: messages, signals, timers, conditions, errors, escalations and
//! compensation.
use super::{
    Check, Checks, after_problem, element,
    expressions::comma_separated,
    scope::{EscalationCatch, Ix},
    text, text_of,
};
use crate::xml::extension;
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    /// The name of the message that an element waits for.
    pub fn message(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) -> Check<'x, Option<&'x str>> {
        let reference = xml.attribute("messageRef");
        if reference.is_none() {
            self.error_in("attribute 'messageRef' is required", xml, &[id]);
        }
        let found = reference.and_then(|r| self.messages.get(&self.resolved(r)).copied());
        match found {
            Some(name) => Ok(name),
            None => {
                let message = format!(
                    "Invalid 'messageRef': no message with id '{}' found.",
                    text(reference)
                );
                self.error_in(message, xml, &[id]);
                Err(after_problem())
            }
        }
    }

    /// The name of the signal that an event waits for.
    pub fn signal(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) -> Check<'x, &'x str> {
        self.signal_name(xml, id)?.ok_or_else(after_problem)
    }

    /// A signal that an event throws, and what it carries.
    pub fn thrown_signal(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) -> Check<'x> {
        if self.signal_name(xml, id)?.is_some() {
            self.inputs(xml)?;
        }
        Ok(())
    }

    fn known_signal(&self, xml: Xml<'x, 'x>) -> Option<&'x str> {
        let reference = xml.attribute("signalRef")?;
        self.signals.get(&self.resolved(reference)).copied()
    }

    fn signal_name(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) -> Check<'x, Option<&'x str>> {
        let Some(reference) = xml.attribute("signalRef") else {
            self.error_in(
                "signalEventDefinition does not have required property 'signalRef'",
                xml,
                &[id],
            );
            return Ok(None);
        };
        match self.known_signal(xml) {
            Some(name) => Ok(Some(name)),
            None => {
                self.error_in(format!("Could not find signal with id '{reference}'"), xml, &[id]);
                Err(after_problem())
            }
        }
    }

    /// When a timer is due.
    pub fn timer(&mut self, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        for kind in ["timeDate", "timeCycle", "timeDuration"] {
            if let Some(value) = element(xml, kind)? {
                return self.expression(text_of(value).trim());
            }
        }
        let id = self.at(activity).id.clone();
        self.error_in(
            "Timer needs configuration (either timeDate, timeCycle or timeDuration is needed).",
            xml,
            &[id.as_deref()],
        );
        Err(after_problem())
    }

    pub fn warn_of_cycle(&mut self, timer: Xml<'x, 'x>, kind: &str, id: Option<&str>) -> Check<'x> {
        if let Some(cycle) = element(timer, "timeCycle")? {
            let message = format!("It is not recommended to use a {kind} timer event with a time cycle.");
            self.warning(message, Some(cycle), &[id]);
        }
        Ok(())
    }

    /// An event inside of a scope that waits for a condition.
    pub fn catch_condition(&mut self, xml: Xml<'x, 'x>, event_scope: Ix, activity: Ix) -> Check<'x> {
        let text = self.condition(xml, activity)?;
        self.subscribe(event_scope, activity, "conditional", Some(&text), false, xml)
    }

    /// The condition that an event waits for.
    pub fn condition(&mut self, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x, String> {
        let id = self.at(activity).id.clone();
        let ids = &[id.as_deref()];
        let Some(condition) = element(xml, "condition")? else {
            self.error_in(
                "Conditional event must contain an expression for evaluation.",
                xml,
                ids,
            );
            return Err(after_problem());
        };
        self.condition_expression(condition, id.as_deref())?;
        for event in comma_separated(extension(xml, "variableEvents").unwrap_or_default()) {
            if !matches!(event.as_str(), "create" | "delete" | "update") {
                let message = format!(
                    "Variable event: {event} is not valid. Possible variable change events are: [create, delete, update]"
                );
                self.warning(message, Some(xml), ids);
            }
        }
        Ok(text_of(condition).trim().to_owned())
    }

    /// The condition of an event or a sequence flow: an expression, or a script if it names a language.
    pub fn condition_expression(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) -> Check<'x> {
        if let Some(kind) = xml.attribute(("http://www.w3.org/2001/XMLSchema-instance", "type")) {
            let name = match kind.contains(':') {
                true => self.resolved(kind),
                false => format!("{}:{kind}", crate::xml::BPMN),
            };
            if name != format!("{}:tFormalExpression", crate::xml::BPMN) {
                self.error_in(
                    "Invalid type, only tFormalExpression is currently supported",
                    xml,
                    &[id],
                );
            }
        }
        let source = text_of(xml);
        let source = source.trim();
        let Some(language) = xml.attribute("language") else {
            return self.expression(source);
        };
        if let Err(cause) = self.script(language, Some(source), extension(xml, "resource"))? {
            self.error_in(
                format!("Unable to process condition expression:{cause}"),
                xml,
                &[id],
            );
        }
        Ok(())
    }

    /// The error that an end event throws.
    pub fn thrown_error(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) {
        let reference = xml.attribute("errorRef").filter(|r| !r.is_empty());
        if reference.is_none() {
            self.error_in("'errorRef' attribute is mandatory on error end event", xml, &[id]);
            return;
        }
        let without_code = self
            .errors
            .get(&reference)
            .is_some_and(|error| error.code.is_none_or(str::is_empty));
        if without_code {
            let message = format!(
                "'errorCode' is mandatory on errors referenced by throwing error event definitions, but the error \
                 '{}' does not define one.",
                text(reference)
            );
            self.error_in(message, xml, &[id]);
        }
    }

    /// The escalation that an event throws.
    pub fn thrown_escalation(&mut self, xml: Xml<'x, 'x>, id: Option<&str>, without_code: &str) {
        let Some(reference) = xml.attribute("escalationRef") else {
            self.error_in(
                "escalationEventDefinition does not have required attribute 'escalationRef'",
                xml,
                &[id],
            );
            return;
        };
        match self.escalations.get(reference) {
            None => {
                let message = format!("could not find escalation with id '{reference}'");
                self.error_in(message, xml, &[id]);
            }
            Some(escalation) if escalation.code.is_none() => self.error_in(without_code, xml, &[id]),
            Some(_) => {}
        }
    }

    /// The escalation that an event catches: only one event of a scope may catch it.
    pub fn catch_escalation(&mut self, xml: Xml<'x, 'x>, activity: Ix, by_subprocess: bool) -> Check<'x> {
        let id = self.at(activity).id.clone();
        let ids = &[id.as_deref()];
        let mut code = None;
        if let Some(reference) = xml.attribute("escalationRef") {
            match self.escalations.get(reference) {
                Some(escalation) => code = escalation.code,
                None => {
                    let message = format!("could not find escalation with id '{reference}'");
                    self.error_in(message, xml, ids);
                }
            }
        }
        let Some(scope) = self.at(activity).event_scope else {
            return Err(after_problem());
        };
        let (one, many) = match by_subprocess {
            true => ("escalation event subprocess", "escalation event subprocesses"),
            false => ("escalation boundary event", "escalation boundary events"),
        };
        let known = std::mem::take(&mut self.at(scope).escalations);
        for other in known.iter().filter(|other| other.by_subprocess == by_subprocess) {
            let message = match (other.code, code) {
                (None, None) => format!(
                    "The same scope can not contains more than one {one} without escalation code. An {one} without \
                     escalation code catch all escalation events."
                ),
                (None, _) | (_, None) => format!(
                    "The same scope can not contains an {one} without escalation code and another one with escalation \
                     code. The {one} without escalation code catch all escalation events."
                ),
                (Some(known), Some(code)) if known == code => {
                    format!(
                        "multiple {many} with the same escalationCode '{code}' are not supported on same scope"
                    )
                }
                _ => continue,
            };
            self.error_in(message, xml, ids);
        }
        self.at(scope).escalations = known;
        self.at(scope)
            .escalations
            .push(EscalationCatch { by_subprocess, code });
        Ok(())
    }

    /// The activity that an event compensates: it may stand further down in the scope.
    pub fn thrown_compensation(&mut self, xml: Xml<'x, 'x>, scope: Ix, id: Option<&'x str>) {
        if let Some(activity) = xml.attribute("activityRef") {
            let mut scope = scope;
            let mut found = self.find_at_level(scope, Some(activity)).is_some();
            if !found && self.at(scope).triggered_by_event && self.at(scope).kind == "subProcess" {
                scope = self.at(scope).flow_scope;
                found = self.find_at_level(scope, Some(activity)).is_some();
            }
            if !found {
                self.at(scope).backlog.push((activity, xml, id));
            }
        }
        if xml
            .attribute("waitForCompletion")
            .is_some_and(|text| text != "true")
        {
            self.warning(
                "Unsupported attribute value for 'waitForCompletion': 'waitForCompletion=false' is not supported. \
                 Compensation event will wait for compensation to join.",
                Some(xml),
                &[id],
            );
        }
    }

    /// A caught compensation event knows no attributes.
    pub fn caught_compensation(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) {
        for name in ["activityRef", "waitForCompletion"] {
            if xml.attribute(name).is_some() {
                let message = format!(
                    "attribute '{name}' is not supported on catching compensation event. attribute will be ignored"
                );
                self.warning(message, Some(xml), &[id]);
            }
        }
    }
}
