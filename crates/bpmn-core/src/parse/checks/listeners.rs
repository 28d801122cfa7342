//! Execution and task listeners.
use super::{Check, Checks, Stop, after_problem, camunda_element, camunda_elements, element, scope::Ix};
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    /// The listeners of a process or an activity.
    pub fn execution_listeners(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        let Some(extensions) = element(xml, "extensionElements")? else {
            return Ok(());
        };
        let id = xml.attribute("id");
        for listener in camunda_elements(extensions, "executionListener") {
            match listener
                .attribute("event")
                .filter(|event| !event.trim().is_empty())
            {
                Some("start" | "end") => self.execution_listener(listener, id)?,
                Some(_) => self.error_in("Attribute 'event' must be one of {start|end}", listener, &[id]),
                None => self.error_in("Attribute 'event' is mandatory on listener", listener, &[id]),
            }
        }
        Ok(())
    }

    pub fn execution_listener(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) -> Check<'x> {
        let script = camunda_element(xml, "script")?;
        if let Some(class) = xml.attribute("class") {
            if class.is_empty() {
                self.error_in("Attribute 'class' cannot be empty", xml, &[id]);
            } else {
                self.fields(xml)?;
            }
        } else if let Some(expression) = xml.attribute("expression") {
            self.expression(expression)?;
        } else if let Some(delegate) = xml.attribute("delegateExpression") {
            if delegate.is_empty() {
                self.error_in("Attribute 'delegateExpression' cannot be empty", xml, &[id]);
            } else {
                self.expression(delegate)?;
                self.fields(xml)?;
            }
        } else if let Some(script) = script {
            self.listener_script(script, id)?;
        } else {
            self.error_in(
                "Element 'class', 'expression', 'delegateExpression' or 'script' is mandatory on executionListener",
                xml,
                &[id],
            );
        }
        Ok(())
    }

    pub fn task_listeners(&mut self, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        let Some(extensions) = element(xml, "extensionElements")? else {
            return Ok(());
        };
        let id = xml.attribute("id");
        for listener in camunda_elements(extensions, "taskListener") {
            match listener.attribute("event") {
                Some("create" | "assignment" | "complete" | "update" | "delete") => {
                    self.task_listener(listener, id)?;
                }
                Some("timeout") => self.timeout_listener(listener, activity, id)?,
                Some(_) => self.error(
                    "Attribute 'event' must be one of {create|assignment|complete|update|delete|timeout}",
                    xml,
                ),
                None => self.error("Attribute 'event' is mandatory on taskListener", xml),
            }
        }
        Ok(())
    }

    fn timeout_listener(&mut self, xml: Xml<'x, 'x>, activity: Ix, id: Option<&str>) -> Check<'x> {
        if xml.attribute("id").is_none() {
            self.error_in(
                "Element 'id' is mandatory on taskListener of type 'timeout'",
                xml,
                &[id],
            );
        }
        let Some(timer) = element(xml, "timerEventDefinition")? else {
            self.error_in(
                "Element 'timerEventDefinition' is mandatory on taskListener of type 'timeout'",
                xml,
                &[id],
            );
            return Err(after_problem());
        };
        self.timer(timer, activity)?;
        self.task_listener(xml, id)
    }

    fn task_listener(&mut self, xml: Xml<'x, 'x>, id: Option<&str>) -> Check<'x> {
        let script = camunda_element(xml, "script")?;
        if xml.attribute("class").is_some() {
            self.fields(xml)?;
        } else if let Some(expression) = xml.attribute("expression") {
            self.expression(expression)?;
        } else if let Some(delegate) = xml.attribute("delegateExpression") {
            self.expression(delegate)?;
            self.fields(xml)?;
        } else if let Some(script) = script {
            self.listener_script(script, id)?;
        } else {
            self.error_in(
                "Element 'class', 'expression', 'delegateExpression' or 'script' is mandatory on taskListener",
                xml,
                &[id],
            );
        }
        Ok(())
    }

    fn listener_script(&mut self, script: Xml<'x, 'x>, id: Option<&str>) -> Check<'x> {
        match self.camunda_script(script) {
            Err(Stop::Problem(message, at)) => {
                self.error_in(message, at, &[id]);
                Ok(())
            }
            result => result,
        }
    }
}
