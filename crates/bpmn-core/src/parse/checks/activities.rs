//! Activities by their tag, their multi-instance bodies, and gateways.
use super::{
    Check, Checks, Stop, after_problem, element, elements,
    scope::{Behavior, Ix},
    text_of, truth,
};
use crate::{parse::node, xml::extension};
use roxmltree::Node as Xml;

/// The word for an element's activity while nothing more is known.
pub(super) fn kind_of(xml: Xml<'_, '_>) -> &'static str {
    let tag = xml.tag_name().name();
    node::KNOWN
        .iter()
        .find(|kind| **kind == tag)
        .copied()
        .unwrap_or_default()
}

impl<'x> Checks<'_, 'x> {
    /// Reads an element of a scope; those that are no activities, or are read elsewhere, are passed over.
    pub fn activity(
        &mut self,
        xml: Xml<'x, 'x>,
        parent: Option<Xml<'x, 'x>>,
        scope: Ix,
    ) -> Check<'x, Option<Ix>> {
        let body = self.multi_instance_body(xml, scope)?;
        let scope = body.unwrap_or(scope);
        let tag = xml.tag_name().name();
        let activity = match tag {
            "exclusiveGateway" => Some(self.plain(xml, scope, Behavior::ExclusiveGateway)?),
            "inclusiveGateway" | "parallelGateway" | "task" | "manualTask" => {
                Some(self.plain(xml, scope, Behavior::Other)?)
            }
            "scriptTask" => Some(self.script_task(xml, scope)?),
            "serviceTask" => Some(self.service_task(xml, scope)?),
            "businessRuleTask" => Some(self.business_rule_task(xml, scope)?),
            "userTask" => Some(self.user_task(xml, scope)?),
            "sendTask" => Some(self.send_task(xml, scope)?),
            "receiveTask" => Some(self.receive_task(xml, scope)?),
            "subProcess" | "transaction" => Some(self.sub_process(xml, scope)?),
            "callActivity" => Some(self.call_activity(xml, scope)?),
            "intermediateThrowEvent" => self.throw_event(xml, scope)?,
            "eventBasedGateway" => Some(self.event_based_gateway(xml, parent, scope)?),
            "adHocSubProcess" | "complexGateway" => {
                self.warning("Ignoring unsupported activity type", Some(xml), &[]);
                None
            }
            _ => None,
        };
        if body.is_some() {
            let Some(activity) = activity else {
                return Err(Stop::Unexpected(
                    "Cannot invoke \"org.camunda.bpm.engine.impl.pvm.process.ActivityImpl.setProperty(String, \
                     Object)\" because \"activity\" is null"
                        .to_owned(),
                ));
            };
            self.at(activity).is_multi_instance = true;
        }
        if let Some(activity) = activity {
            self.parameters(xml, activity)?;
        }
        Ok(activity)
    }

    /// An activity that can be written in only one way.
    fn plain(&mut self, xml: Xml<'x, 'x>, scope: Ix, behavior: Behavior) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        self.at(activity).behavior = behavior;
        self.asynchronous(xml, activity)?;
        self.execution_listeners(xml)?;
        self.job_retries(xml, activity)?;
        Ok(activity)
    }

    /// The retries of an activity's jobs.
    pub fn job_retries(&mut self, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        let is_async = |checks: &mut Self, at: Ix| checks.at(at).async_before || checks.at(at).async_after;
        let above = self.at(activity).flow_scope;
        if self.at(above).behavior == Behavior::MultiInstance {
            if is_async(self, above) {
                self.retry_cycle(xml)?;
            }
            if is_async(self, activity)
                && let Some(characteristics) = element(xml, "multiInstanceLoopCharacteristics")?
            {
                self.retry_cycle(characteristics)?;
            }
        } else if is_async(self, activity) {
            self.retry_cycle(xml)?;
        }
        Ok(())
    }

    fn multi_instance_body(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Option<Ix>> {
        let Some(characteristics) = element(xml, "multiInstanceLoopCharacteristics")? else {
            return Ok(None);
        };
        let id = format!("{}#multiInstanceBody", super::text(xml.attribute("id")));
        let ids = &[Some(id.as_str())];
        let body = self.create(Some(id.clone()), scope)?;
        self.at(body).kind = "multiInstanceBody";
        if characteristics
            .attribute("isSequential")
            .is_some_and(|text| truth(text).is_none())
        {
            return Err(Stop::Unexpected(
                "Cannot invoke \"java.lang.Boolean.booleanValue()\" because the return value of \
                 \"org.camunda.bpm.engine.impl.bpmn.parser.BpmnParse.parseBooleanAttribute(String, boolean)\" is null"
                    .to_owned(),
            ));
        }
        self.at(body).behavior = Behavior::MultiInstance;
        let cardinality = element(characteristics, "loopCardinality")?;
        if let Some(cardinality) = cardinality {
            let text = text_of(cardinality);
            if text.is_empty() {
                self.error_in(
                    "loopCardinality must be defined for a multiInstanceLoopCharacteristics definition ",
                    characteristics,
                    ids,
                );
            }
            self.expression(&text)?;
        }
        if let Some(condition) = element(characteristics, "completionCondition")? {
            self.expression(&text_of(condition))?;
        }
        let attribute = extension(characteristics, "collection").map(str::to_owned);
        let reference = element(characteristics, "loopDataInputRef")?.map(text_of);
        for text in attribute.iter().chain(&reference).filter(|t| t.contains('{')) {
            self.expression(text)?;
        }
        let has_collection = attribute.is_some() || reference.is_some();
        if cardinality.is_none() && !has_collection {
            self.error_in(
                "Either loopCardinality or loopDataInputRef/activiti:collection must be set",
                characteristics,
                ids,
            );
        }
        let item = element(characteristics, "inputDataItem")?;
        let variable = match item {
            Some(item) => item.attribute("name"),
            None => extension(characteristics, "elementVariable"),
        };
        if !has_collection && variable.is_some() {
            self.error_in(
                "LoopDataInputRef/activiti:collection must be set when using inputDataItem or activiti:elementVariable",
                characteristics,
                ids,
            );
        }
        Ok(Some(body))
    }

    fn event_based_gateway(
        &mut self,
        xml: Xml<'x, 'x>,
        parent: Option<Xml<'x, 'x>>,
        scope: Ix,
    ) -> Check<'x, Ix> {
        let gateway = self.create_from(xml, scope)?;
        self.at(gateway).behavior = Behavior::EventBasedGateway;
        self.asynchronous(xml, gateway)?;
        if self.at(gateway).async_after {
            self.error("'asyncAfter' not supported for eventBasedGateway elements.", xml);
        }
        self.execution_listeners(xml)?;
        self.job_retries(xml, gateway)?;
        let (Some(parent), Some(id)) = (parent, xml.attribute("id")) else {
            return Err(after_problem());
        };
        for flow in elements(parent, "sequenceFlow").filter(|f| f.attribute("sourceRef") == Some(id)) {
            let target = flow.attribute("targetRef");
            let mut siblings = parent.children().filter(|c| c.is_element());
            let Some(sibling) = siblings.rfind(|s| s.attribute("id") == target) else {
                continue;
            };
            if sibling.tag_name().name() == "intermediateCatchEvent" {
                self.catch_event(sibling, scope, Some(gateway))?;
            } else {
                self.error(
                    "Event based gateway can only be connected to elements of type intermediateCatchEvent",
                    xml,
                );
            }
        }
        Ok(gateway)
    }

    fn sub_process(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        self.at(activity).is_subprocess_scope = true;
        self.asynchronous(xml, activity)?;
        if xml.tag_name().name() == "subProcess" {
            let triggered = match xml.attribute("triggeredByEvent") {
                None => false,
                Some(text) => truth(text).ok_or_else(|| {
                    Stop::Unexpected(
                        "Cannot invoke \"java.lang.Boolean.booleanValue()\" because \"isTriggeredByEvent\" is null"
                            .to_owned(),
                    )
                })?,
            };
            self.at(activity).triggered_by_event = triggered;
            if triggered {
                self.at(activity).event_scope = Some(scope);
            }
        }
        self.at(activity).behavior = Behavior::SubProcess;
        self.scope(xml, activity)?;
        self.job_retries(xml, activity)?;
        Ok(activity)
    }
}
