//! User, script and receive tasks, and call activities.
use super::{
    Check, Checks, Stop, camunda_elements, element, elements,
    expressions::comma_separated,
    scope::{Behavior, Ix},
    text, text_of,
};
use crate::xml::extension;
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    pub fn script_task(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        let language = xml.attribute("scriptFormat").unwrap_or("juel");
        let script = element(xml, "script")?;
        let source = script.map(text_of);
        match self.script(language, source.as_deref(), extension(xml, "resource"))? {
            Ok(()) => {
                self.asynchronous(xml, activity)?;
                self.at(activity).behavior = Behavior::Other;
                self.execution_listeners(xml)?;
                self.job_retries(xml, activity)?;
            }
            Err(cause) => {
                let message = format!("Unable to process ScriptTask: {cause}");
                self.reader.problem(message, script, &[]);
            }
        }
        Ok(activity)
    }

    pub fn receive_task(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        self.at(activity).behavior = Behavior::Other;
        self.asynchronous(xml, activity)?;
        self.execution_listeners(xml)?;
        if xml.attribute("messageRef").is_some() {
            self.at(activity).event_scope = Some(activity);
            let name = self.message(xml, xml.attribute("id"))?;
            self.subscribe(activity, activity, "message", name, false, xml)?;
        }
        self.job_retries(xml, activity)?;
        Ok(activity)
    }

    pub fn user_task(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        self.asynchronous(xml, activity)?;
        self.form(xml)?;
        self.form_definition(xml)?;
        let name = xml.attribute("name");
        if let Some(name) = name {
            self.expression(name)?;
        }
        let documentation: Vec<String> = elements(xml, "documentation")
            .map(|d| text_of(d).trim().to_owned())
            .collect();
        self.expression(&documentation.join("\n\n"))?;
        let has_assignee = self.performers(xml, name)?;
        if let Some(assignee) = extension(xml, "assignee") {
            if has_assignee {
                let message = format!(
                    "Invalid usage: duplicate assignee declaration for task {}",
                    text(name)
                );
                self.error(message, xml);
            } else {
                self.expression(assignee)?;
            }
        }
        for name in ["candidateUsers", "candidateGroups"] {
            if let Some(list) = extension(xml, name) {
                self.expression_list(list)?;
            }
        }
        self.task_listeners(xml, activity)?;
        for name in ["dueDate", "followUpDate", "priority"] {
            self.expression_attribute(xml, name)?;
        }
        self.at(activity).behavior = Behavior::UserTask;
        for property in elements(xml, "property") {
            self.property(property, xml)?;
        }
        self.execution_listeners(xml)?;
        self.job_retries(xml, activity)?;
        Ok(activity)
    }

    /// Reads performers and owners as BPMN writes them; true if there is an assignee among them.
    fn performers(&mut self, xml: Xml<'x, 'x>, name: Option<&str>) -> Check<'x, bool> {
        let performers: Vec<Xml<'x, 'x>> = elements(xml, "humanPerformer").collect();
        let mut has_assignee = false;
        match performers.as_slice() {
            [] => {}
            [performer] => {
                if let Some(assignment) = element(*performer, "resourceAssignmentExpression")?
                    && let Some(expression) = element(assignment, "formalExpression")?
                {
                    self.expression(&text_of(expression))?;
                    has_assignee = true;
                }
            }
            _ => {
                let message = format!(
                    "Invalid task definition: multiple humanPerformer sub elements defined for {}",
                    text(name)
                );
                self.error(message, xml);
            }
        }
        for owner in elements(xml, "potentialOwner") {
            self.resource_assignment(owner)?;
        }
        Ok(has_assignee)
    }

    /// The users and groups of an owner or starter as BPMN writes them.
    pub fn resource_assignment(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        let Some(assignment) = element(xml, "resourceAssignmentExpression")? else {
            return Ok(());
        };
        let Some(expression) = element(assignment, "formalExpression")? else {
            return Ok(());
        };
        for item in comma_separated(&text_of(expression)) {
            let inner = ["user(", "group("]
                .iter()
                .find_map(|prefix| item.strip_prefix(prefix));
            match inner {
                // Its last character is taken for the closing parenthesis.
                Some(inner) => {
                    let mut chars = inner.chars();
                    chars.next_back();
                    self.expression(chars.as_str().trim())?;
                }
                None => self.expression(&item)?,
            }
        }
        Ok(())
    }

    fn property(&mut self, property: Xml<'x, 'x>, owner: Xml<'x, 'x>) -> Check<'x> {
        if property.attribute("name").is_none() && property.attribute("id").is_none() {
            let (line, _) = self.reader.position(property);
            let message = format!("Invalid property usage on line {line}: no id or name specified.");
            self.error_in(message, property, &[owner.attribute("id")]);
        }
        for name in ["srcExpr", "dstExpr", "linkExpr"] {
            self.expression_attribute(property, name)?;
        }
        Ok(())
    }

    pub fn call_activity(&mut self, xml: Xml<'x, 'x>, scope: Ix) -> Check<'x, Ix> {
        let activity = self.create_from(xml, scope)?;
        self.asynchronous(xml, activity)?;
        let called = xml.attribute("calledElement");
        let case = extension(xml, "caseRef");
        match (called, case) {
            (None, None) => self.error("Missing attribute 'calledElement' or 'caseRef'", xml),
            (Some(_), Some(_)) => self.error(
                "The attributes 'calledElement' or 'caseRef' cannot be used together: Use either 'calledElement' or \
                 'caseRef'",
                xml,
            ),
            _ => {}
        }
        let [binding, version, tenant] = match called {
            Some(called) => {
                if extension(xml, "variableMappingClass").is_none() {
                    self.expression_attribute(xml, "variableMappingDelegateExpression")?;
                }
                self.expression(called)?;
                [
                    "calledElementBinding",
                    "calledElementVersion",
                    "calledElementTenantId",
                ]
            }
            None => {
                if let Some(case) = case {
                    self.expression(case)?;
                }
                ["caseBinding", "caseVersion", "caseTenantId"]
            }
        };
        self.version(xml, binding, "version", version)?;
        self.version(xml, binding, "versionTag", "calledElementVersionTag")?;
        self.expression_attribute(xml, tenant)?;
        self.inputs(xml)?;
        if let Some(extensions) = element(xml, "extensionElements")? {
            for out in camunda_elements(extensions, "out") {
                self.mapping(out, xml.attribute("id"))?;
            }
        }
        self.at(activity).behavior = match called {
            Some(_) => Behavior::CallActivity,
            None => Behavior::Other,
        };
        self.execution_listeners(xml)?;
        self.job_retries(xml, activity)?;
        Ok(activity)
    }

    /// Variables that go into a called process or a signal.
    pub fn inputs(&mut self, xml: Xml<'x, 'x>) -> Check<'x> {
        let Some(extensions) = element(xml, "extensionElements")? else {
            return Ok(());
        };
        for input in camunda_elements(extensions, "in") {
            match input.attribute("businessKey").filter(|key| !key.is_empty()) {
                Some(key) => self.expression(key)?,
                None => self.mapping(input, xml.attribute("id"))?,
            }
        }
        Ok(())
    }

    fn mapping(&mut self, xml: Xml<'x, 'x>, owner: Option<&'x str>) -> Check<'x> {
        if xml.attribute("variables") == Some("all") {
            return Ok(());
        }
        let source = xml.attribute("source");
        if source == Some("") {
            self.error_in("Empty attribute 'source' when passing variables", xml, &[owner]);
        }
        if source.is_none() {
            match xml.attribute("sourceExpression") {
                Some("") => self.error_in(
                    "Empty attribute 'sourceExpression' when passing variables",
                    xml,
                    &[owner],
                ),
                Some(text) => self.expression(text)?,
                None => self.error_in(
                    "Missing parameter 'source' or 'sourceExpression' when passing variables",
                    xml,
                    &[owner],
                ),
            }
        }
        let which = match xml.attribute("target") {
            None => "Missing",
            Some("") => "Empty",
            Some(_) => return Ok(()),
        };
        let message =
            format!("{which} attribute 'target' when attribute 'source' or 'sourceExpression' is set");
        self.error_in(message, xml, &[owner]);
        Ok(())
    }
}

/// A class that a file names where the reference makes an object of it when it reads the file.
pub(super) fn unknown_class<'x>(class: &str) -> Stop<'x> {
    Stop::Unexpected(format!(
        "ENGINE-09008 Exception while instantiating class '{class}': ENGINE-09017 Cannot load class '{class}': {class}"
    ))
}
