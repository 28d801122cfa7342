//! What service tasks are, and other elements that may do what a service task does.
use super::{
    Check, Checks, Stop, camunda_element, element, elements,
    expressions::Field,
    no_expression,
    scope::{Behavior, Ix},
};
use crate::xml::extension;
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    pub fn service_task(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        self.asynchronous(xml, activity)?;
        self.service("serviceTask", xml, activity)?;
        self.execution_listeners(xml)?;
        self.job_retries(xml, activity)?;
        self.must_be_service("serviceTask", xml, activity)?;
        Ok(activity)
    }

    pub fn send_task(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        let is_service = is_service(xml)?;
        self.asynchronous(xml, activity)?;
        if is_service {
            self.service("sendTask", xml, activity)?;
        }
        self.execution_listeners(xml)?;
        self.job_retries(xml, activity)?;
        if is_service {
            self.must_be_service("sendTask", xml, activity)?;
        } else {
            self.error(
                "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on sendTask.",
                xml,
            );
        }
        Ok(activity)
    }

    pub fn business_rule_task(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        self.asynchronous(xml, activity)?;
        let Some(decision) = extension(xml, "decisionRef") else {
            self.service("businessRuleTask", xml, activity)?;
            self.execution_listeners(xml)?;
            self.job_retries(xml, activity)?;
            self.must_be_service("businessRuleTask", xml, activity)?;
            return Ok(activity);
        };
        self.expression(decision)?;
        self.version(xml, "decisionRefBinding", "version", "decisionRefVersion")?;
        self.version(xml, "decisionRefBinding", "versionTag", "decisionRefVersionTag")?;
        self.expression_attribute(xml, "decisionRefTenantId")?;
        if let Some(mapper) = extension(xml, "mapDecisionResult")
            && !matches!(
                mapper,
                "singleEntry" | "singleResult" | "collectEntries" | "resultList"
            )
        {
            let message = format!(
                "No decision result mapper found for name '{mapper}'. Supported mappers are 'singleEntry', \
                     'singleResult', 'collectEntries' and 'resultList'."
            );
            self.error(message, xml);
        }
        self.at(activity).behavior = Behavior::Other;
        self.execution_listeners(xml)?;
        self.job_retries(xml, activity)?;
        Ok(activity)
    }

    /// Reads how an element does what a service task does.
    pub fn service(&mut self, element_name: &str, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        let has_result =
            extension(xml, "resultVariable").is_some() || extension(xml, "resultVariableName").is_some();
        let class = extension(xml, "class").filter(|c| !c.trim().is_empty());
        let expression = extension(xml, "expression").filter(|e| !e.trim().is_empty());
        if let Some(kind) = extension(xml, "type") {
            if kind.eq_ignore_ascii_case("mail") {
                let fields = self.fields(xml)?;
                self.mail(xml, &fields);
                if !self.abilities.mail {
                    return Err(no_mail());
                }
            } else if kind.eq_ignore_ascii_case("shell") {
                let fields = self.fields(xml)?;
                self.shell(xml, &fields)?;
            } else if kind.eq_ignore_ascii_case("external") {
                self.external(xml)?;
            } else {
                let message = format!("Invalid usage of type attribute on {element_name}: '{kind}'");
                self.error(message, xml);
                return Ok(());
            }
        } else if class.is_some() {
            self.no_result(has_result, element_name, "class", xml);
            self.fields(xml)?;
        } else if let Some(delegate) = extension(xml, "delegateExpression") {
            self.no_result(has_result, element_name, "delegateExpression", xml);
            self.expression(delegate)?;
            self.fields(xml)?;
        } else if let Some(expression) = expression {
            self.expression(expression)?;
        } else {
            return Ok(());
        }
        self.at(activity).behavior = Behavior::Other;
        Ok(())
    }

    /// An element that must do something, and a connector counts.
    pub fn must_be_service(&mut self, element_name: &str, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        if self.at(activity).behavior != Behavior::Missing {
            return Ok(());
        }
        let extensions = element(xml, "extensionElements")?;
        let connector = match extensions {
            Some(extensions) => camunda_element(extensions, "connector")?,
            None => None,
        };
        if let Some(connector) = connector {
            if let Some(parameters) = camunda_element(connector, "inputOutput")? {
                self.parameters_of(parameters)?;
            }
            let id = camunda_element(connector, "connectorId")?.map(super::text_of);
            if id.is_none_or(|id| id.trim().is_empty()) {
                return Err(Stop::Problem(
                    "No 'id' defined for connector.".to_owned(),
                    connector,
                ));
            }
            self.at(activity).behavior = Behavior::Other;
            return Ok(());
        }
        let message = format!(
            "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on \
             {element_name}. If you are using a connector, make sure the connect process engine plugin is registered \
             with the process engine."
        );
        self.error(message, xml);
        Ok(())
    }

    fn no_result(&mut self, has_result: bool, element_name: &str, attribute: &str, xml: Xml<'x, 'x>) {
        if has_result {
            let message =
                format!("'resultVariableName' not supported for {element_name} elements using '{attribute}'");
            self.error(message, xml);
        }
    }

    fn mail(&mut self, xml: Xml<'x, 'x>, fields: &[Field<'x>]) {
        let has = |name: &str| fields.iter().any(|f| f.name == Some(name));
        if !has("to") {
            self.error("No recipient is defined on the mail activity", xml);
        }
        if !has("html") && !has("text") {
            self.error("Text or html field should be provided", xml);
        }
    }

    fn shell(&mut self, xml: Xml<'x, 'x>, fields: &[Field<'x>]) -> Check<'x> {
        for field in fields {
            let truth = matches!(field.value.to_lowercase().as_str(), "true" | "false");
            if let Some(name @ ("wait" | "redirectError" | "cleanEnv")) = field.name.filter(|_| !truth) {
                let message = format!("undefined value for shell {name} parameter :{}", field.value);
                self.error(message, xml);
            }
        }
        if !fields.iter().any(|f| f.name == Some("command")) {
            self.error("No shell command is defined on the shell activity", xml);
        }
        Ok(())
    }

    fn external(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        match extension(xml, "topic") {
            Some(topic) => self.expression(topic)?,
            None => self.error(
                "External tasks must specify a 'topic' attribute in the camunda namespace",
                xml,
            ),
        }
        self.priority(xml, "taskPriority")?;
        let Some(extensions) = element(xml, "extensionElements")? else {
            return Ok(());
        };
        for definition in elements(extensions, "errorEventDefinition") {
            if definition.attribute("errorRef").is_some() {
                match definition.attribute("expression") {
                    Some(expression) => self.expression(expression)?,
                    None => return Err(no_expression()),
                }
            }
        }
        Ok(())
    }

    /// A version or version tag that the binding asks for.
    pub fn version(&mut self, xml: Xml<'x, 'x>, binding: &str, kind: &str, attribute: &str) -> Check<'x> {
        let version = extension(xml, attribute);
        if extension(xml, binding) == Some(kind) && version.is_none() {
            let message = format!("Missing attribute '{attribute}' when '{binding}' has value '{kind}'");
            self.error(message, xml);
        }
        version.map_or(Ok(()), |text| self.expression(text))
    }
}

/// Whether an element says how it does what a service task does.
pub(super) fn is_service<'x>(xml: Xml<'x, 'x>) -> Check<'x, bool> {
    let names = ["class", "expression", "delegateExpression", "type"];
    if names.iter().any(|name| extension(xml, name).is_some()) {
        return Ok(true);
    }
    match element(xml, "extensionElements")? {
        Some(extensions) => Ok(element(extensions, "connector")?.is_some()),
        None => Ok(false),
    }
}

/// What the reference says of a mail task where the library for mails isn't there.
fn no_mail<'x>() -> Stop<'x> {
    const CLASS: &str = "org.camunda.bpm.engine.impl.bpmn.behavior.MailActivityBehavior";
    Stop::Unexpected(format!(
        "ENGINE-09008 Exception while instantiating class '{CLASS}': ENGINE-09017 Cannot load class '{CLASS}': \
         org/apache/commons/mail/Email"
    ))
}
