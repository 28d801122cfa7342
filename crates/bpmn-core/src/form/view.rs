//! What a form shows: its fields with their labels and values, seen from a task or before a start.
use super::{Field, FieldKind, Property};
use crate::{
    Id, IdSource, Millis,
    command::{Env, Rejection, Retries},
    convert::from_value,
    ctx::Ctx,
    definition::{DefinitionRef, Node},
    history,
    instance::Instance,
    new_instance,
    value::TypedValue,
    world::NoWorld,
};
use topology::Slot;

/// A field as a form shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub id: String,
    pub label: Option<String>,
    pub value: TypedValue,
    /// What it would show without a variable of its name; nothing, where an empty text is no value.
    pub default: TypedValue,
}

/// Ids of what is thrown away.
struct Passing(u64);

impl IdSource for Passing {
    fn next(&mut self, slot: Slot) -> Id {
        self.0 += 1;
        Id::from_parts(self.0 >> 12, (self.0 & 0xfff) as u16, slot, 0)
    }
}

/// The fields of a node's form: of a task of an instance, or (`None`) before a start. Nothing is changed: whatever
/// an expression of the form sets is thrown away.
///
/// # Errors
/// An expression fails, or a variable isn't of its field's type.
pub fn shown(
    def: &DefinitionRef<'_>,
    node: &Node,
    of: Option<(&Instance, Id)>,
    now: Millis,
    user: Option<&str>,
) -> Result<Vec<Shown>, Rejection> {
    let task = of.map(|(_, task)| task);
    seen(def, of, now, user, |ctx, token| {
        let fields = node.form.fields.iter();
        fields.map(|field| ctx.shown_field(field, token, task)).collect()
    })
}

/// The readable properties of a node's form, as [`shown`] shows fields: their values are texts.
///
/// # Errors
/// As of fields.
pub fn shown_properties<'n>(
    def: &DefinitionRef<'_>,
    node: &'n Node,
    of: Option<(&Instance, Id)>,
    now: Millis,
    user: Option<&str>,
) -> Result<Vec<(&'n Property, Shown)>, Rejection> {
    let task = of.map(|(_, task)| task);
    seen(def, of, now, user, |ctx, token| {
        let readable = node.form.properties.iter().filter(|property| property.readable);
        let shown = readable.map(|property| Ok((property, ctx.shown_property(property, token, task)?)));
        shown.collect()
    })
}

/// The key of a task's form as it is now: its expression is evaluated whenever the task is shown.
///
/// # Errors
/// The expression fails.
pub fn key(
    def: &DefinitionRef<'_>,
    node: &Node,
    instance: &Instance,
    task: Id,
    now: Millis,
    user: Option<&str>,
) -> Result<Option<String>, Rejection> {
    let Some(form) = &node.form.key else {
        return Ok(None);
    };
    seen(def, Some((instance, task)), now, user, |ctx, token| {
        ctx.eval_text(&form.key, token)
    })
}

/// What a task's token sees, or (`None`) what would be seen before a start, on a copy that is thrown away.
fn seen<T>(
    def: &DefinitionRef<'_>,
    of: Option<(&Instance, Id)>,
    now: Millis,
    user: Option<&str>,
    look: impl FnOnce(&mut Ctx<'_, '_>, Option<Id>) -> Result<T, Rejection>,
) -> Result<T, Rejection> {
    let mut ids = Passing(0);
    let mut env = Env {
        now,
        ids: &mut ids,
        user,
        groups: None,
        max_steps: 0,
        retries: Retries::default(),
        history: &history::FULL,
        world: &NoWorld,
        given: &[],
    };
    let mut instance = match of {
        Some((instance, _)) => instance.clone(),
        None => new_instance(def, Slot::from_bits(0), None, &mut env),
    };
    let token = of.and_then(|(_, task)| instance.tasks.get(task)?.token_id);
    look(&mut Ctx::new(def, &mut instance, &mut env), token)
}

impl Ctx<'_, '_> {
    /// Before a start there is nothing but the default.
    fn shown_property(
        &mut self,
        property: &Property,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<Shown, Rejection> {
        let variable = match (property.variable_name(), task) {
            (Some(name), Some(_)) => self.find_variable(token, task, name).map(|v| v.value.clone()),
            _ => None,
        };
        let source = match (&property.expression, task) {
            (Some(expression), Some(_)) if property.variable.is_none() => Some(expression),
            _ => property.field.default.as_ref(),
        };
        let value = match (variable, source) {
            (Some(value), _) => value,
            (None, Some(expression)) => from_value(self.eval(expression, token)?),
            (None, None) => TypedValue::Null,
        };
        let text = property.form_value(value).map_err(|message| Rejection::Failure {
            message,
            element: None,
        })?;
        let value = text.map_or(TypedValue::Null, TypedValue::String);
        Ok(Shown {
            id: property.field.id.clone(),
            label: property.label.clone(),
            default: value.clone(),
            value,
        })
    }

    fn shown_field(
        &mut self,
        field: &Field,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<Shown, Rejection> {
        let label = match &field.label {
            Some(label) => self.eval_text(label, token)?,
            None => None,
        };
        let default = match &field.default {
            Some(default) => from_value(self.eval(default, token)?),
            None => TypedValue::Null,
        };
        let is_none = !matches!(field.kind, FieldKind::Text)
            && matches!(&default, TypedValue::String(text) if text.is_empty());
        let variable = self
            .find_variable(token, task, &field.id)
            .map(|v| v.value.clone());
        let failure = |message| Rejection::Failure {
            message,
            element: None,
        };
        let default = field
            .kind
            .variable(default)
            .and_then(|value| field.kind.shown(value))
            .map_err(failure)?;
        let value = match variable {
            Some(value) => field.kind.shown(value).map_err(failure)?,
            None => default.clone(),
        };
        Ok(Shown {
            id: field.id.clone(),
            label,
            value,
            default: match is_none {
                true => TypedValue::Null,
                false => default,
            },
        })
    }
}
