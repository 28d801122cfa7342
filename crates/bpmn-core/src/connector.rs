//! Connectors: what an activity calls outside instead of having a worker do it. Its inputs are evaluated in the
//! activity's scope, where none sees another; its outputs see what the call gave, and are set from there.
use crate::{
    ask::{Ask, Connector, Reply},
    command::Rejection,
    ctx::Ctx,
    definition::{Mapping, MappingValue, Node},
    element::{Behavior, Next},
    java_code,
    parse::read_mappings,
    value::{TypedValue, Variables},
    xml::{Reader, extensions, is_extension, raw_text},
};
use roxmltree::Node as Xml;
use topology::Id;

/// The connector that sends a mail.
const MAIL: &str = "mail-send";

/// An activity that calls a connector.
#[derive(Debug)]
pub(crate) struct ConnectorCall {
    connector: String,
    inputs: Vec<Mapping>,
    outputs: Vec<Mapping>,
}

impl ConnectorCall {
    /// Reads the connector of an element or event definition; `None`: it has none. It wins over all else that the
    /// element says, as in the reference.
    pub(crate) fn read(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Option<ConnectorCall> {
        let connector = extensions(xml, "connector").next()?;
        let named = |tag: &str| {
            let mut children = connector.children().filter(|n| is_extension(*n));
            children.find(|n| n.tag_name().name() == tag)
        };
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        if let Some(mappings) = named("inputOutput") {
            read_mappings(reader, mappings, id, &mut inputs, &mut outputs);
        }
        Some(ConnectorCall {
            connector: named("connectorId")
                .map(|n| raw_text(n).trim().to_owned())
                .unwrap_or_default(),
            inputs,
            outputs,
        })
    }

    /// Reads a task of type `mail`: its fields are what the connector that sends mails is given.
    pub(crate) fn mail(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> ConnectorCall {
        let fields = java_code::read_fields(reader, xml, id);
        let inputs = fields.into_iter().map(|(name, value)| Mapping {
            name,
            value: MappingValue::Text(value),
        });
        ConnectorCall {
            connector: MAIL.to_owned(),
            inputs: inputs.collect(),
            outputs: Vec::new(),
        }
    }
}

impl Behavior for ConnectorCall {
    fn enter(&self, _: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let mut inputs = Variables::new();
        for Mapping { name, value } in &self.inputs {
            let value = ctx.mapped(name, value, Some(token))?;
            let value = ctx.whole(value)?;
            inputs.push((name.clone(), value));
        }
        let asked = Connector {
            id: self.connector.clone(),
            inputs,
            facts: ctx.facts(Some(token)),
        };
        let answer = match ctx.ask(Ask::Connector(asked))? {
            Reply::Connector(Ok(answer)) => answer,
            Reply::Connector(Err(message)) => return Err(ctx.failure_at(Some(token), message)),
            Reply::Script(_) => {
                let message = "a connector was answered as a script".to_owned();
                return Err(ctx.failure_at(Some(token), message));
            }
        };
        ctx.answered = Some(answer);
        let set = self.outputs.iter().try_for_each(|Mapping { name, value }| {
            let value = ctx.mapped(name, value, Some(token))?;
            ctx.set_variable(Some(token), None, name, value);
            Ok(())
        });
        ctx.answered = None;
        set.map(|()| Next::Leave)
    }
}

impl Ctx<'_, '_> {
    /// What a connector gave under that name, while its outputs are evaluated.
    pub(crate) fn answer(&self, name: &str) -> Option<&TypedValue> {
        let found = self.answered.iter().flatten().find(|(given, _)| given == name);
        found.map(|(_, value)| value)
    }

    /// A value with its content.
    ///
    /// # Errors
    /// It isn't at hand: [`Rejection::NeedsValues`].
    pub(crate) fn whole(&self, value: TypedValue) -> Result<TypedValue, Rejection> {
        let TypedValue::Large(large) = &value else {
            return Ok(value);
        };
        let kept = large.id.and_then(|id| self.inst.large.content(id));
        match kept.or_else(|| large.content()) {
            Some(content) => Ok(large.whole((**content).clone())),
            None => Err(Rejection::NeedsValues(large.id.into_iter().collect())),
        }
    }
}
