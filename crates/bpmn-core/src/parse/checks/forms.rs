//! Forms of start events and user tasks.
use super::{
    Check, Checks, after_problem, camunda_element, camunda_elements, element, expressions::is_expression,
    no_expression, tasks::unknown_class, text, truth,
};
use crate::xml::extension;
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    /// Form properties and form fields.
    pub fn form(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        if let Some(class) = extension(xml, "formHandlerClass") {
            return Err(unknown_class(class));
        }
        let Some(extensions) = element(xml, "extensionElements")? else {
            return Ok(());
        };
        for property in camunda_elements(extensions, "formProperty") {
            self.form_property(property)?;
        }
        if let Some(data) = camunda_element(extensions, "formData")? {
            for field in camunda_elements(data, "formField") {
                self.form_field(field)?;
            }
        }
        Ok(())
    }

    fn form_property(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        if xml.attribute("id").is_none() {
            self.error("attribute 'id' is required", xml);
        }
        self.form_type(xml);
        for name in ["required", "readable", "writable"] {
            if xml.attribute(name).is_some_and(|text| truth(text).is_none()) {
                let message = format!(
                    "attribute '{name}' must be one of {{on|yes|true|enabled|active|off|no|false|disabled|inactive}}"
                );
                self.error(message, xml);
            }
        }
        for name in ["expression", "default"] {
            if let Some(text) = xml.attribute(name) {
                self.expression(text)?;
            }
        }
        Ok(())
    }

    fn form_field(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        let id = xml.attribute("id");
        if id.is_none_or(str::is_empty) {
            self.error(
                "attribute id must be set for FormFieldGroup and must have a non-empty value",
                xml,
            );
            if id.is_none() {
                return Err(after_problem());
            }
        }
        if let Some(label) = xml.attribute("label") {
            self.expression(label)?;
        }
        camunda_element(xml, "properties")?;
        if let Some(validation) = camunda_element(xml, "validation")? {
            for constraint in camunda_elements(validation, "constraint") {
                self.constraint(constraint)?;
            }
        }
        if xml.attribute("type").is_none() {
            self.error("form field must have a 'type' attribute", xml);
        }
        self.form_type(xml);
        if let Some(value) = xml.attribute("defaultValue") {
            self.expression(value)?;
        }
        Ok(())
    }

    fn form_type(&mut self, xml: Xml<'x, 'x>) {
        if let Some(name) = xml.attribute("type")
            && !matches!(name, "string" | "long" | "date" | "boolean" | "enum")
        {
            self.error(format!("unknown type '{name}'"), xml);
        }
    }

    fn constraint(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        let name = xml.attribute("name");
        match name {
            Some("min" | "max" | "minlength" | "maxlength" | "required" | "readonly") => {}
            Some("validator") => match xml.attribute("config").filter(|c| !c.is_empty()) {
                Some(config) if is_expression(config) => self.expression(config)?,
                Some(_) => {}
                None => self.error(
                    "validator configuration needs to provide either a fully qualified classname or an expression \
                     resolving to a custom FormFieldValidator implementation.",
                    xml,
                ),
            },
            _ => {
                let message = format!("Cannot find validator implementation for name '{}'.", text(name));
                self.error(message, xml);
            }
        }
        Ok(())
    }

    /// Which form is shown.
    pub fn form_definition(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        let key = extension(xml, "formKey");
        let reference = extension(xml, "formRef");
        if key.is_some() && reference.is_some() {
            self.error(
                "Invalid element definition: only one of the attributes formKey and formRef is allowed.",
                xml,
            );
        }
        if let Some(key) = key {
            self.expression(key)?;
        }
        let Some(reference) = reference else {
            return Ok(());
        };
        self.expression(reference)?;
        let binding = extension(xml, "formRefBinding");
        if !matches!(binding, Some("deployment" | "latest" | "version")) {
            let message = format!(
                "Invalid element definition: value for formRefBinding attribute has to be one of [deployment, latest, \
                 version] but was {}",
                text(binding)
            );
            self.error(message, xml);
        }
        if binding == Some("version") {
            match extension(xml, "formRefVersion") {
                Some(version) => self.expression(version)?,
                None => return Err(no_expression()),
            }
        }
        Ok(())
    }
}
