//! The call activity: starts an instance of another process in the same tree and waits for its end.
//!
//! Mappings are taken in document order, a later one replaces an earlier one of the same target. `variables="all"`
//! copies what the call activity sees (`local="true"`: its own), and nothing is copied without a mapping. A case
//! (CMMN) can be named, but none is ever found; variable mappings in Java fail when they are reached.
use super::{Behavior, ElementSpec, Next};
use crate::{
    callable::{Callable, text},
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    instance::Token,
    parameter::{Inputs, Parameter},
    world::Call,
    xml::{Reader, extension, extensions},
};
use expr::{Expression, Value};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "callActivity",
    event: None,
    activity_type: "callActivity",
    parse,
};

/// Java code that maps variables.
#[derive(Debug)]
enum Delegate {
    Class(String),
    Expression(Expression),
}

#[derive(Debug)]
struct CallActivity {
    called: Callable,
    /// What is called is a case.
    case: bool,
    inputs: Inputs,
    outputs: Vec<Parameter>,
    delegate: Option<Delegate>,
}

fn parse<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<Box<dyn Behavior>> {
    let id = xml.attribute("id").unwrap_or_default();
    let called = xml.attribute("calledElement");
    let case = extension(xml, "caseRef");
    match (called, case) {
        (None, None) => reader.error(xml, id, "Missing attribute 'calledElement' or 'caseRef'"),
        (Some(_), Some(_)) => reader.error(
            xml,
            id,
            "The attributes 'calledElement' or 'caseRef' cannot be used together: Use either 'calledElement' or \
             'caseRef'",
        ),
        _ => {}
    }
    let names = match called {
        Some(_) => [
            "calledElementBinding",
            "calledElementVersion",
            "calledElementVersionTag",
            "calledElementTenantId",
        ],
        None => [
            "caseBinding",
            "caseVersion",
            "calledElementVersionTag",
            "caseTenantId",
        ],
    };
    let callable = Callable::parse(reader, xml, id, called.or(case)?, names);
    let inputs = Inputs::read(reader, xml, id);
    let outputs: Vec<Option<Parameter>> = extensions(xml, "out")
        .map(|output| Parameter::read(reader, output, id))
        .collect();
    let delegate = match extension(xml, "variableMappingClass") {
        Some(class) => Some(Delegate::Class(class.to_owned())),
        None => match extension(xml, "variableMappingDelegateExpression") {
            Some(text) => Some(Delegate::Expression(reader.expression(xml, id, text)?)),
            None => None,
        },
    };
    Some(Box::new(CallActivity {
        called: callable?,
        case: called.is_none(),
        inputs: inputs?,
        outputs: outputs.into_iter().collect::<Option<_>>()?,
        delegate: delegate.filter(|_| called.is_some()),
    }))
}

impl Behavior for CallActivity {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let mut variables = Vec::new();
        for input in &self.inputs.parameters {
            ctx.pass(input, Some(token), input.local, &mut variables)?;
        }
        if let Some(delegate) = &self.delegate {
            delegate.run(at, token, ctx)?;
        }
        let business_key = match &self.inputs.business_key {
            Some(key) => text(at, ctx.eval(key, Some(token))?)?,
            None => None,
        };
        let called = self.called.evaluate(at, token, ctx)?;
        let call = called.call(ctx.def.id);
        if self.case {
            let deployment = ctx.env.world.deployment_of(ctx.def.id);
            let message = call.missing(
                "case definition deployed",
                "caseDefinition",
                deployment.as_deref(),
            );
            return Err(Ctx::failure(at, message));
        }
        let world = ctx.env.world;
        let def = world.called(&call).map_err(|message| Ctx::failure(at, message))?;
        ctx.start_called(token, def, business_key, &variables)?;
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn static_call(&self) -> Option<Call<'_>> {
        self.called.literal().filter(|_| !self.case)
    }

    fn outputs(&self) -> &[Parameter] {
        &self.outputs
    }

    fn calls(&self) -> bool {
        true
    }

    fn called(&self, token: &Token) -> Option<Id> {
        // Before and after the activity a token remembers other things.
        token.activity_id?;
        token.data.as_ref()?.parse().ok()
    }

    fn returned(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        match &self.delegate {
            Some(delegate) => delegate.run(at, token, ctx),
            None => Ok(()),
        }
    }
}

impl Delegate {
    fn run(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        let message = match self {
            Delegate::Class(class) => format!(
                "ENGINE-09008 Exception while instantiating class '{class}': ENGINE-09017 Cannot load class \
                 '{class}': {class}"
            ),
            Delegate::Expression(expression) => match ctx.eval(expression, Some(token))? {
                Value::Null => return Ok(()),
                value => format!(
                    "ENGINE-02041 Class '{}' doesn't implement \
                     'org.camunda.bpm.engine.delegate.DelegateVariableMapping'.",
                    value.class_name()
                ),
            },
        };
        Err(Ctx::failure(at, message))
    }
}
