//! Expressions, numbers and scripts of a file.
use super::{Check, Checks, Stop, camunda_element, camunda_elements, element, elements, text_of};
use crate::xml::extension;
use expr::Expression;
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    /// An expression must compile: the reference fails as a whole where one doesn't.
    pub fn expression(&self, text: &str) -> Check<'x> {
        Expression::parse(text)
            .map(drop)
            .map_err(|cause| Stop::Unexpected(cause.message))
    }

    /// The expression of a Camunda attribute.
    pub fn expression_attribute(&self, node: Xml<'x, 'x>, name: &str) -> Check<'x> {
        extension(node, name).map_or(Ok(()), |text| self.expression(text))
    }

    /// The expressions in a list that is separated by commas.
    pub fn expression_list(&self, list: &str) -> Check<'x> {
        comma_separated(list)
            .iter()
            .try_for_each(|item| self.expression(item.trim()))
    }

    /// A priority is a whole number or an expression.
    pub fn priority(&mut self, node: Xml<'x, 'x>, name: &str) -> Check<'x> {
        let Some(value) = extension(node, name) else {
            return Ok(());
        };
        if !is_expression(value) {
            if value.parse::<i32>().is_ok() {
                return Ok(());
            }
            self.error(
                format!("Value '{value}' for attribute '{name}' is not a valid number"),
                node,
            );
        }
        self.expression(value)
    }

    /// A script from its source or a resource.
    pub fn script(
        &self,
        language: &str,
        source: Option<&str>,
        resource: Option<&str>,
    ) -> Check<'x, Result<(), &'static str>> {
        if language.is_empty() {
            return Ok(Err("Script language is empty"));
        }
        if source.is_none() && resource.is_none() {
            return Ok(Err("No script source or resource was given"));
        }
        let dynamic = |text: &str| is_expression(text) && !language.eq_ignore_ascii_case("juel");
        match (resource.filter(|r| !r.is_empty()), source) {
            (Some(text), _) | (None, Some(text)) if dynamic(text) => self.expression(text)?,
            (None, None) => return Ok(Err("Script source is null")),
            _ => {}
        }
        Ok(Ok(()))
    }

    /// A `camunda:script` element.
    pub fn camunda_script(&self, script: Xml<'x, 'x>) -> Check<'x> {
        let Some(language) = script.attribute("scriptFormat").filter(|l| !l.is_empty()) else {
            let message = "Missing attribute 'scriptFormat' for 'script' element";
            return Err(Stop::Problem(message.to_owned(), script));
        };
        let source = text_of(script);
        match self.script(language, Some(&source), script.attribute("resource"))? {
            Ok(()) => Ok(()),
            Err(cause) => Err(Stop::Problem(
                format!("Unable to process script: {cause}"),
                script,
            )),
        }
    }

    /// How often and when failed jobs are tried again. A text that says nothing of that kind is let pass.
    pub fn retry_cycle(&self, node: Xml<'x, 'x>) -> Check<'x> {
        let Some(extensions) = element(node, "extensionElements")? else {
            return Ok(());
        };
        let fox: Vec<Xml<'x, 'x>> = elements(extensions, "failedJobRetryTimeCycle")
            .filter(|n| n.tag_name().namespace() == Some("http://www.camunda.com/fox"))
            .collect();
        let found = match fox.first() {
            Some(cycle) if fox.len() == 1 => Some(*cycle),
            _ => camunda_element(extensions, "failedJobRetryTimeCycle")?,
        };
        match found.map(text_of) {
            Some(text) if is_expression(&text) => self.expression(&text),
            _ => Ok(()),
        }
    }

    /// Fields that are injected into Java classes.
    pub fn fields(&mut self, node: Xml<'x, 'x>) -> Check<'x, Vec<Field<'x>>> {
        let inside = element(node, "extensionElements")?.unwrap_or(node);
        let mut fields = Vec::new();
        for field in camunda_elements(inside, "field") {
            let mut value = self.field_value(field, "stringValue", "string", node)?;
            if value.is_none() {
                value = self.field_value(field, "expression", "expression", node)?;
                value = value.filter(|text| !text.trim().is_empty());
                if let Some(text) = &value {
                    self.expression(text)?;
                }
            }
            match value {
                Some(value) => fields.push(Field {
                    name: field.attribute("name"),
                    value,
                }),
                None => self.error(
                    "One of the following is mandatory on a field declaration: one of attributes \
                     stringValue|expression or one of child elements string|expression",
                    node,
                ),
            }
        }
        Ok(fields)
    }

    fn field_value(
        &mut self,
        field: Xml<'x, 'x>,
        attribute: &str,
        tag: &'static str,
        owner: Xml<'x, 'x>,
    ) -> Check<'x, Option<String>> {
        let value = field.attribute(attribute);
        let children = camunda_elements(field, tag);
        if children.len() > 1 {
            self.error(format!("Multiple {tag} field declarations found"), owner);
            return Ok(None);
        }
        let owner_id = owner.attribute("id");
        match (value, children.first()) {
            (Some(_), Some(_)) => {
                let message =
                    format!("Can't use attribute '{attribute}' and element '{tag}' together, only use one");
                self.error_in(message, field, &[owner_id]);
                Ok(None)
            }
            (None, Some(child)) => {
                let text = text_of(*child);
                if text.is_empty() {
                    let message =
                        format!("No valid value found in attribute '{attribute}' nor element '{tag}'");
                    self.error_in(message, field, &[owner_id]);
                    return Ok(None);
                }
                Ok(Some(text))
            }
            (value, None) => Ok(value.filter(|v| !v.is_empty()).map(str::to_owned)),
        }
    }
}

/// A field of a Java class.
pub(super) struct Field<'x> {
    pub name: Option<&'x str>,
    pub value: String,
}

/// Whether a text begins like an expression.
pub(super) fn is_expression(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("${") || text.starts_with("#{")
}

/// The items of a list that is separated by commas; expressions may hold commas.
pub(super) fn comma_separated(list: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut item = String::new();
    let mut inside = false;
    for c in list.chars() {
        match c {
            '{' | '$' => inside = true,
            '}' => inside = false,
            ',' if !inside => items.push(std::mem::take(&mut item).trim().to_owned()),
            _ => {}
        }
        if c != ',' || inside {
            item.push(c);
        }
    }
    if !item.is_empty() {
        items.push(item.trim().to_owned());
    }
    items
}
