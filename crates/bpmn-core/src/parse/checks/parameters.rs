//! Input and output parameters.
use super::{Check, Checks, Stop, camunda_element, camunda_elements, element, elements, scope::Ix, text_of};
use roxmltree::Node as Xml;

/// How deep lists and maps are followed; deeper ones are refused when the definition is read.
const MAX_DEPTH: usize = 32;

impl<'x> Checks<'_, 'x> {
    /// The parameters of an activity.
    pub fn parameters(&mut self, xml: Xml<'x, 'x>, activity: Ix) -> Check<'x> {
        let Some(extensions) = element(xml, "extensionElements")? else {
            return Ok(());
        };
        let Some(parameters) = camunda_element(extensions, "inputOutput")? else {
            return Ok(());
        };
        match self.parameters_of(parameters) {
            Err(Stop::Problem(message, at)) => {
                let id = self.at(activity).id.clone();
                self.error_in(message, at, &[id.as_deref()]);
                return Ok(());
            }
            result => result?,
        }
        let tag = xml.tag_name().name();
        let may_have = tag.to_lowercase().contains("task")
            || tag.contains("Event")
            || matches!(tag, "transaction" | "subProcess" | "callActivity");
        let outputs = !camunda_elements(parameters, "outputParameter").is_empty();
        if !may_have {
            let message = format!("camunda:inputOutput mapping unsupported for element type '{tag}'.");
            self.error(message, xml);
        } else if tag == "subProcess" && xml.attribute("triggeredByEvent") == Some("true") {
            let message = format!(
                "camunda:inputOutput mapping unsupported for element type '{tag}' with attribute 'triggeredByEvent = \
                 true'."
            );
            self.error(message, xml);
        } else if outputs && tag == "endEvent" {
            let message = format!("camunda:outputParameter not allowed for element type '{tag}'.");
            self.error(message, xml);
        } else if outputs && self.multi_instance_scope(activity).is_some() {
            self.error(
                "camunda:outputParameter not allowed for multi-instance constructs",
                xml,
            );
        }
        Ok(())
    }

    /// An element that may have no parameters.
    pub fn no_parameters(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        let Some(extensions) = element(xml, "extensionElements")? else {
            return Ok(());
        };
        if camunda_element(extensions, "inputOutput")?.is_some() {
            let message = format!(
                "camunda:inputOutput mapping unsupported for element type '{}'.",
                xml.tag_name().name()
            );
            self.error(message, xml);
        }
        Ok(())
    }

    /// The parameters inside a `camunda:inputOutput`.
    pub fn parameters_of(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        for kind in ["inputParameter", "outputParameter"] {
            for parameter in camunda_elements(xml, kind) {
                if parameter.attribute("name").is_none_or(str::is_empty) {
                    let message = format!("Missing attribute 'name' for {kind}");
                    return Err(Stop::Problem(message, parameter));
                }
                self.nested_value(parameter, 0)?;
            }
        }
        Ok(())
    }

    fn nested_value(&mut self, xml: Xml<'x, 'x>, depth: usize) -> Check<'x> {
        let mut children = xml.children().filter(|c| c.is_element());
        match (children.next(), children.next()) {
            (None, _) => self.parameter_value(xml, depth),
            (Some(only), None) => self.parameter_value(only, depth),
            _ => Err(Stop::Problem(
                "Nested parameter can at most have one child element".to_owned(),
                xml,
            )),
        }
    }

    fn parameter_value(&mut self, xml: Xml<'x, 'x>, depth: usize) -> Check<'x> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        match xml.tag_name().name() {
            "list" => xml
                .children()
                .filter(|c| c.is_element())
                .try_for_each(|item| self.parameter_value(item, depth + 1)),
            "map" => {
                for entry in elements(xml, "entry") {
                    let Some(key) = entry.attribute("key").filter(|k| !k.is_empty()) else {
                        let message = "Missing attribute 'key' for 'entry' element";
                        return Err(Stop::Problem(message.to_owned(), entry));
                    };
                    self.expression(key)?;
                    self.nested_value(entry, depth + 1)?;
                }
                Ok(())
            }
            "script" => self.camunda_script(xml),
            _ => self.expression(text_of(xml).trim()),
        }
    }
}
