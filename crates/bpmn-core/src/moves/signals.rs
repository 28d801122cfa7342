//! Signals: to whoever waits for them in this instance at once, to all others by the shell.
use crate::{
    command::{Rejection, SignalThrown},
    ctx::Ctx,
    instance::EventKind,
    value::{TypedValue, Variables},
    xml::{Reader, extensions},
};
use expr::Expression;
use roxmltree::Node as Xml;
use topology::Id;

/// What a signal carries, by the `camunda:in` of its event definition.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    business_key: Option<Expression>,
    all: bool,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    local: bool,
    source: Source,
    target: String,
}

#[derive(Debug)]
enum Source {
    Variable(String),
    Expression(Expression),
}

impl Payload {
    /// Reads the `camunda:in` elements of an event definition.
    pub(crate) fn read<'x>(reader: &mut Reader<'x>, event: Xml<'x, 'x>, id: &str) -> Option<Payload> {
        let mut payload = Payload::default();
        for input in extensions(event, "in") {
            if let Some(key) = input.attribute("businessKey") {
                payload.business_key = Some(reader.expression(input, id, key)?);
                continue;
            }
            if input.attribute("variables") == Some("all") {
                payload.all = true;
                continue;
            }
            let source = match (input.attribute("source"), input.attribute("sourceExpression")) {
                (Some(name), _) => Source::Variable(name.to_owned()),
                (None, Some(text)) => Source::Expression(reader.expression(input, id, text)?),
                (None, None) => {
                    reader.error(
                        input,
                        id,
                        "Missing parameter 'source' or 'sourceExpression' when passing variables",
                    );
                    return None;
                }
            };
            let Some(target) = input.attribute("target") else {
                reader.error(
                    input,
                    id,
                    "Missing attribute 'target' when attribute 'source' or 'sourceExpression' is set",
                );
                return None;
            };
            payload.parts.push(Part {
                local: input.attribute("local") == Some("true"),
                source,
                target: target.to_owned(),
            });
        }
        Some(payload)
    }

    /// Business key and variables, as seen from a token.
    pub(crate) fn collect(
        &self,
        token: Id,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(Option<String>, Variables), Rejection> {
        let key = match &self.business_key {
            Some(key) => ctx.eval_text(key, Some(token))?,
            None => None,
        };
        let mut variables: Variables = Vec::new();
        if self.all {
            let seen = ctx.visible_variables(Some(token));
            variables.extend(seen.into_iter().map(|v| (v.name.clone(), v.value.clone())));
        }
        for part in &self.parts {
            let value = match &part.source {
                Source::Variable(name) => {
                    let found = match part.local {
                        true => ctx.local_variable(ctx.local_scope(Some(token)), None, name),
                        false => ctx.find_variable(Some(token), None, name),
                    };
                    found.map_or(TypedValue::Null, |v| v.value.clone())
                }
                Source::Expression(expression) => ctx.eval_typed(expression, Some(token), &part.target)?,
            };
            variables.retain(|(name, _)| *name != part.target);
            variables.push((part.target.clone(), value));
        }
        Ok((key, variables))
    }
}

impl Ctx<'_, '_> {
    /// Throws a signal. Who waits for it in this instance goes on in this step.
    pub(crate) fn throw_signal(
        &mut self,
        name: String,
        business_key: Option<String>,
        variables: Variables,
    ) -> Result<(), Rejection> {
        let waiting: Vec<Id> = self
            .inst
            .subscriptions
            .iter()
            .filter(|s| s.kind == EventKind::Signal && s.name.as_deref() == Some(&name))
            .map(|s| s.id)
            .collect();
        let thrown = SignalThrown {
            id: self.new_id(),
            instance: self.inst.process.id,
            tenant_id: self.inst.process.tenant_id.clone(),
            name,
            business_key,
            variables: variables.clone(),
        };
        self.outcome.signals.push(thrown);
        for id in waiting {
            // One that was waiting may have been interrupted by another that came before it.
            let Some(row) = self.inst.subscriptions.get(id) else {
                continue;
            };
            let (host, element) = (row.token_id, row.element.clone());
            self.set_variables(self.scope_of(host), &variables);
            self.occurred(host, &element)?;
        }
        Ok(())
    }
}
