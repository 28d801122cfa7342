//! Submitting forms: what is submitted is checked and converted by the form's fields, and becomes variables.
use crate::{
    command::Rejection,
    convert::from_value,
    ctx::Ctx,
    definition::Node,
    form::{Constraint, Field, Property},
    value::{TypedValue, Variables},
};
use topology::Id;

impl<'a> Ctx<'a, '_> {
    /// Submits the form of a start (no token) or of a task. What no field is about is set as it is.
    pub(crate) fn submit_form(
        &mut self,
        at: &'a Node,
        token: Option<Id>,
        task: Option<Id>,
        submitted: &Variables,
    ) -> Result<(), Rejection> {
        let mut rest = submitted.clone();
        for property in &at.form.properties {
            self.submit_property(property, at, token, task, &mut rest)?;
        }
        for field in at.form.fields.iter().filter(|field| !field.business_key) {
            let value = rest
                .iter()
                .position(|(name, _)| *name == field.id)
                .map(|at| rest.remove(at).1.lasting());
            let transient = value.as_ref().is_some_and(|(_, transient)| *transient);
            let value = value.map(|(value, _)| value);
            let given = value.clone().unwrap_or(TypedValue::Null);
            for constraint in &field.constraints {
                if !self.keeps_to(constraint, field, &given, at, token, task)? {
                    let message = format!(
                        "Invalid value submitted for form field '{}': validation of {constraint} failed.",
                        field.id
                    );
                    return Err(Self::failure(at, message));
                }
            }
            let value = match (value, &field.default) {
                (Some(value), _) => Some(value),
                (None, Some(default)) => Some(from_value(self.eval(default, token)?)),
                (None, None) => None,
            };
            if let Some(value) = value {
                let value = field
                    .kind
                    .variable(value)
                    .map_err(|cause| Self::failure(at, cause))?;
                let value = match transient {
                    true => TypedValue::Transient(Box::new(value)),
                    false => value,
                };
                self.set_variable(token, task, &field.id, value);
            }
        }
        for (name, value) in rest {
            self.set_variable(token, task, &name, value);
        }
        self.tell_fields(token, task, submitted);
        Ok(())
    }

    /// Takes what a property is about out of what is submitted, and makes it the property's variable.
    fn submit_property(
        &mut self,
        property: &Property,
        at: &Node,
        token: Option<Id>,
        task: Option<Id>,
        rest: &mut Variables,
    ) -> Result<(), Rejection> {
        let id = &property.field.id;
        let submitted = rest.iter().position(|(name, _)| name == id);
        let refused = |why: &str| Err(Self::failure(at, format!("form property '{id}' {why}")));
        let default = property.field.default.as_ref();
        let value = match (submitted, default) {
            (Some(_), _) if !property.writable => return refused("is not writable"),
            (Some(place), _) => Some(rest.remove(place).1.lasting().0),
            (None, None) if property.required => return refused("is required"),
            (None, None) => None,
            (None, Some(default)) => match self.eval(default, token)? {
                expr::Value::Null if property.required => return refused("is required"),
                expr::Value::Null => None,
                // A default is a text before it is anything else.
                value => Some(TypedValue::String(value.to_text())),
            },
        };
        let value = match value {
            Some(value) => property
                .model_value(value)
                .map_err(|cause| Self::failure(at, cause))?,
            None => return Ok(()),
        };
        if value.is_null() {
            return Ok(());
        }
        let name = match (property.variable_name(), &property.expression) {
            (None, Some(expression)) => self.assigned(expression.text(), at, token, task)?,
            (name, _) => name.unwrap_or(id).to_owned(),
        };
        self.set_variable(token, task, &name, value);
        Ok(())
    }

    /// The variable that an expression names, to be set.
    fn assigned(
        &self,
        expression: &str,
        at: &Node,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<String, Rejection> {
        let inner = expression
            .strip_prefix("${")
            .or_else(|| expression.strip_prefix("#{"))
            .and_then(|text| text.strip_suffix('}'));
        let name = inner.unwrap_or(expression).trim();
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        if inner.is_some() && name.chars().all(is_name) && self.find_variable(token, task, name).is_some() {
            return Ok(name.to_owned());
        }
        let cause = match name.chars().all(is_name) {
            true => format!("Cannot resolve identifier '{name}'"),
            // The reference sets properties of Java objects, which aren't here.
            false => format!("Cannot set '{name}'"),
        };
        let message = format!("Error while evaluating expression: {expression}. Cause: {cause}");
        Err(Self::failure(at, message))
    }

    fn keeps_to(
        &mut self,
        constraint: &Constraint,
        field: &Field,
        value: &TypedValue,
        at: &Node,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<bool, Rejection> {
        match (constraint.name.as_str(), value) {
            ("readonly", value) => Ok(value.is_null()),
            ("required", TypedValue::Null | TypedValue::NullOf(_)) => {
                if let Some(variable) = self.find_variable(token, task, &field.id) {
                    return Ok(!variable.value.is_null());
                }
                let Some(default) = &field.default else {
                    return Ok(false);
                };
                // As in the reference, the default becomes the variable here already.
                match from_value(self.eval(default, token)?) {
                    TypedValue::Null => Ok(false),
                    default => {
                        self.set_variable(token, task, &field.id, default);
                        Ok(true)
                    }
                }
            }
            ("required", TypedValue::String(text)) => Ok(!text.is_empty()),
            (_, value) => constraint.holds(value).map_err(|cause| Self::failure(at, cause)),
        }
    }

    /// Submits the form of a task: it is completed, or resolved if it has been delegated.
    pub(crate) fn submit_task_form(&mut self, task: Id, variables: &Variables) -> Result<(), Rejection> {
        let (token, row) = self.active_task(task)?;
        let pending = row.delegation.as_deref() == Some("PENDING");
        let (owner, before) = (row.owner.clone(), row.assignee.clone());
        match token {
            Some(token) => self.submit_form(self.node_of(token)?, Some(token), Some(task), variables)?,
            None => {
                for (name, value) in variables {
                    self.set_variable(None, Some(task), name, value.clone());
                }
            }
        }
        if !pending {
            return self.complete_task(task, &Vec::new(), &Vec::new());
        }
        if let Some(row) = self.inst.tasks.get_mut(task) {
            row.delegation = Some("RESOLVED".to_owned());
            row.assignee.clone_from(&owner);
        }
        self.tell_link_change(task, "assignee", before.clone(), owner);
        self.task_updated(task, before)
    }
}
